"""The notebook on diagnosis from twelve leads on real records, with few kernels, trees, epochs and folds."""

import os
from unittest import mock

import pytest

from medlib import datasets
from medlib.errors import DataError
from medlib.execution import notebooks, task

SHORT = {"n_kernels": 64, "n_trees": 50, "epochs": 6, "batch_size": 64}


def run(parameters, folder):
    try:
        with mock.patch.dict(os.environ, MEDLIB_OFFLINE="1"):
            datasets.locate(parameters["dataset"])
    except DataError:
        pytest.skip(f"the real {parameters['dataset']} is neither in MEDLIB_DATA nor in the cache")
    made = task.run(task.plan(notebooks.find("ecg/twelve_lead_diagnosis"), SHORT | parameters), folder)
    assert made.done and made.results.data == "real"
    return {metric.name: metric for metric in made.results.metrics}


@pytest.mark.real
def test_a_short_run_on_real_patients_finds_the_superclasses(tmp_path):
    metrics = run({"dataset": "ptbxl", "n_held_out": 3}, tmp_path)
    assert metrics["macro_auroc"].n <= 66  # patients of fold 10
    # Asserted on the folds before the test fold alone: the test set is not for development.
    assert metrics["steps_prevalence"].value == 0.5
    assert metrics["steps_trees_on_measurements"].value > 0.8
    assert metrics["steps_kernels_on_the_beat"].value > 0.8
    assert metrics["steps_average_of_three"].value > metrics["steps_network"].value > 0.7


@pytest.mark.real
def test_the_same_code_tells_rhythms(tmp_path):
    metrics = run({"dataset": "cinc2017", "task": "rhythm", "n_held_out": 2}, tmp_path)
    assert metrics["f1_cinc2017"].value > metrics["f1_cinc2017"].baseline + 0.2
    assert metrics["auroc_a"].value > 0.75
    assert "macro_auroc" not in metrics  # no fold is set apart for a test
