"""A benchmark beside its peer: both take turns, so that a busy machine slows them alike."""

import time

import numpy as np
import pytest

from medlib import datasets
from medlib.errors import DataError


@pytest.fixture
def times_of_peer(benchmark):
    """Time ``ours`` by pytest-benchmark with a run of ``peer`` before each round; return how many times ours it takes.

    The ratio is the median over the rounds, and is stored with the benchmark.
    """

    def measure(ours, peer, rounds):
        peer_seconds = []

        def time_peer():
            start = time.perf_counter()
            peer()
            peer_seconds.append(time.perf_counter() - start)

        # What the first calls load and cache is no part of the comparison.
        ours(), peer()
        benchmark.pedantic(ours, setup=time_peer, rounds=rounds)
        ratio = float(np.median(np.divide(peer_seconds, benchmark.stats.stats.data)))
        benchmark.extra_info.update(peer_median_seconds=float(np.median(peer_seconds)), peer_over_ours=ratio)
        return ratio

    return measure


@pytest.fixture(scope="session")
def ecg_files():
    """Folder and name of a record: 30 minutes of MIT-BIH where it is at hand, else 2 minutes that are simulated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDLIB_OFFLINE", "1")
        try:
            return datasets.locate("mitdb"), "101"
        except DataError:
            return datasets.locate("mitdb-sample"), "901"
