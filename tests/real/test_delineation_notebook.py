"""The delineation notebook on the real database, shortened: one small network for each of two folds, three epochs."""

import os
from unittest import mock

import pytest

from medlib import datasets
from medlib.errors import DataError
from medlib.execution import notebooks, task

SHORT = {"dataset": "ludb", "scored": "development", "epochs": 3, "batch_size": 12, "neurokit_methods": ["prominence"]}


@pytest.mark.real
def test_a_short_run_on_real_patients_finds_their_waves(tmp_path):
    try:
        with mock.patch.dict(os.environ, MEDLIB_OFFLINE="1"):
            datasets.locate("ludb")
    except DataError:
        pytest.skip("the real ludb is neither in MEDLIB_DATA nor in the cache")
    made = task.run(task.plan(notebooks.find("ecg/delineation"), SHORT), tmp_path)
    assert made.done
    metrics = {metric.name: metric for metric in made.results.metrics}
    assert metrics["f1_qrs"].n == 40
    # Asserted on development patients alone: the test patients are not for development.
    assert metrics["f1_qrs"].value > 0.9 and metrics["f1_t"].value > 0.8
    assert metrics["bias_qrs_onset"].value < 15 and metrics["bias_qrs_offset"].value < 15
    # NeuroKit sees the same leads: its figure says that truth and times are read as they should be.
    assert metrics["f1_qrs_neurokit_prominence"].value > 0.9
