import wfdb

from medlib import datasets


def test_reading_a_record_takes_at_most_a_tenth_longer_than_wfdb(ecg_files, times_of_peer):
    folder, name = ecg_files

    def read_with_wfdb():
        wfdb.rdrecord(str(folder / name))
        wfdb.rdann(str(folder / name), "atr")

    assert times_of_peer(lambda: datasets.read_ecg(folder, name), read_with_wfdb, rounds=30) >= 1 / 1.1
