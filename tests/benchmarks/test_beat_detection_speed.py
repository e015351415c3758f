"""Finding the beats of half an hour on one core, beside the detectors that one would take otherwise.

The network is untrained: its weights do not change what it costs. Each peer gets one lead, as it asks for; ours gets
two.
"""

import warnings

import neurokit2
import numpy as np
import pytest
import torch
from wfdb import processing

from medlib import datasets
from medlib.ecg.detection import detect_beats
from medlib.models.beat_detector import BeatDetector

HALF_AN_HOUR = 1800


@pytest.fixture
def recording(ecg_files):
    """Two leads of half an hour and their sampling rate, with one torch thread."""
    record = datasets.read_ecg(*ecg_files)
    rate, n_samples = round(record.sampling_rate), record.signal.shape[1]
    copies = max(1, HALF_AN_HOUR * rate // n_samples)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield np.tile(record.signal, copies), rate
    torch.set_num_threads(n_threads)


def find_by_xqrs(lead, rate):
    return processing.xqrs_detect(lead, rate, verbose=False)


def find_by_neurokit(lead, rate):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return neurokit2.ecg_peaks(neurokit2.ecg_clean(lead, rate), rate)[1]["ECG_R_Peaks"]


def find_by_sleepecg(lead, rate):
    return pytest.importorskip("sleepecg").detect_heartbeats(lead, rate)


@pytest.mark.parametrize(
    ("peer", "rounds", "least"),
    [(find_by_xqrs, 3, 10), (find_by_neurokit, 7, 1.0), (find_by_sleepecg, 7, 0.2)],
)
def test_half_an_hour_of_two_leads_beside_a_peer_on_one(recording, times_of_peer, benchmark, peer, rounds, least):
    signal, rate = recording
    network = BeatDetector().fused()
    lead = signal[0].astype(float)
    ratio = times_of_peer(lambda: detect_beats(network, signal, rate), lambda: peer(lead, rate), rounds)
    median = benchmark.stats.stats.median
    print(f"\n{peer.__name__}: {ratio:.2f} times as long as ours; ours {1000 * median:.0f} ms")
    assert ratio >= least
