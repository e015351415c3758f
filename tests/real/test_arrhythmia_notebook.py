"""The headline notebook on the real database, shortened: one network, one epoch, two folds."""

import os
from unittest import mock

import pytest

from medlib import datasets
from medlib.errors import DataError
from medlib.execution import notebooks, task

SHORT = {"dataset": "mitdb", "n_networks": 1, "n_folds": 2, "epochs": 1, "batch_size": 256, "n_resampled": 1}


@pytest.mark.real
def test_a_short_run_on_real_patients_beats_the_baseline(tmp_path):
    try:
        with mock.patch.dict(os.environ, MEDLIB_OFFLINE="1"):
            datasets.locate("mitdb")
    except DataError:
        pytest.skip("the real mitdb is neither in MEDLIB_DATA nor in the cache")
    made = task.run(task.plan(notebooks.find("ecg/arrhythmia_1dcnn"), SHORT), tmp_path)
    assert made.done and made.results.data == "real"
    metrics = {metric.name: metric for metric in made.results.metrics}
    assert metrics["macro_f1_nsv"].n == 22
    # Asserted on cross-validation over training patients alone: the test set is not for development.
    assert metrics["cv_macro_f1_step_5"].value > metrics["cv_macro_f1_patient_split"].value + 0.05
    assert metrics["stress_f1_s_step_5"].value > metrics["stress_f1_s_step_1"].value + 0.05
    # The leak that the notebook warns of.
    assert metrics["cv_macro_f1_random_split"].value > metrics["cv_macro_f1_patient_split"].value + 0.05
