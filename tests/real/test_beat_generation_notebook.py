"""The notebook on beat generation on the real database, shortened, and on validation patients alone."""

import os
from unittest import mock

import pytest

from medlib import datasets
from medlib.errors import DataError
from medlib.execution import notebooks, task

SHORT = {
    "dataset": "mitdb",
    "evaluated_on": "validation",
    "most_beats": 60,
    "training_steps": 300,
    "overfitting_steps": 1200,
    "n_classifiers": 1,
    "classifier_steps": 60,
    "n_replicates": 20,
}


@pytest.mark.real
def test_a_short_run_on_real_patients_makes_beats_that_are_neither_useless_nor_copies(tmp_path):
    try:
        with mock.patch.dict(os.environ, MEDLIB_OFFLINE="1"):
            datasets.locate("mitdb")
    except DataError:
        pytest.skip("the real mitdb is neither in MEDLIB_DATA nor in the cache")
    made = task.run(task.plan(notebooks.find("ecg/beat_generation"), SHORT), tmp_path)
    assert made.done and made.results.data == "real"
    metrics = {metric.name: metric for metric in made.results.metrics}
    assert metrics["f1_tstr"].n == 7
    # Synthetic beats teach a classifier more than to call everything N, nearly as much as real ones.
    assert metrics["f1_tstr"].value > metrics["f1_tstr"].baseline + 0.1
    assert metrics["f1_tstr"].value > metrics["f1_trtr"].value - 0.15
    # The test for copies catches copies and an overfitted model, and lets held-out real beats pass.
    assert metrics["memorized_share_copies"].value > 0.7
    assert metrics["memorized_share_overfitted"].value > 0.2
    assert metrics["memorized_share_held_out"].value < 0.15
    assert metrics["memorized_share"].value < 0.15
    # Real beats of the same patients are the floor.
    assert metrics["ks_rr_n_real"].value < metrics["ks_rr_n"].baseline
