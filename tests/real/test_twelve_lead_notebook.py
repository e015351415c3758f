"""The notebook on diagnosis from twelve leads on real records, with few kernels, trees, epochs and folds."""

import pytest

SHORT = {"n_kernels": 64, "n_trees": 50, "epochs": 6, "batch_size": 64}


@pytest.mark.real
def test_a_short_run_on_real_patients_finds_the_superclasses(run_on_real_data):
    parameters = SHORT | {"dataset": "ptbxl", "n_held_out": 3}
    metrics = run_on_real_data("ecg/twelve_lead_diagnosis", parameters, needs=["ptbxl"])
    assert metrics["macro_auroc"].n <= 66  # patients of fold 10
    # Asserted on the folds before the test fold alone: the test set is not for development.
    assert metrics["steps_prevalence"].value == 0.5
    assert metrics["steps_trees_on_measurements"].value > 0.8
    assert metrics["steps_kernels_on_the_beat"].value > 0.8
    assert metrics["steps_average_of_three"].value > metrics["steps_network"].value > 0.7


@pytest.mark.real
def test_the_same_code_tells_rhythms(run_on_real_data):
    parameters = SHORT | {"dataset": "cinc2017", "task": "rhythm", "n_held_out": 2}
    metrics = run_on_real_data("ecg/twelve_lead_diagnosis", parameters, needs=["cinc2017"])
    assert metrics["f1_cinc2017"].value > metrics["f1_cinc2017"].baseline + 0.2
    assert metrics["auroc_a"].value > 0.75
    assert "macro_auroc" not in metrics  # no fold is set apart for a test
