import neurokit2
import numpy as np

from medlib import datasets
from medlib.ecg.beats import cut_windows
from medlib.ecg.classes import is_beat

HALF_AN_HOUR = 1800


def test_windows_are_cut_500_times_faster_than_by_neurokit(ecg_files, times_of_peer):
    record = datasets.read_ecg(*ecg_files)
    rate, n_samples = round(record.sampling_rate), record.signal.shape[1]
    beats = record.annotations.sample[is_beat(record.annotations.symbol)]
    # The simulated record is repeated to the length of a real one.
    copies = max(1, HALF_AN_HOUR * rate // n_samples)
    lead = np.tile(record.signal[:1], copies)
    positions = (beats + n_samples * np.arange(copies)[:, None]).ravel()

    def cut_with_medlib():
        return cut_windows(lead, positions, before=round(0.35 * rate), after=round(0.5 * rate))

    def cut_with_neurokit():
        return neurokit2.ecg_segment(lead[0], positions, sampling_rate=rate, show=False)

    assert len(cut_with_neurokit()) == len(cut_with_medlib())
    assert times_of_peer(cut_with_medlib, cut_with_neurokit, rounds=5) >= 500
