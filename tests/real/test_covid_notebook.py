"""The notebook on the real COVID-CT slices, shortened: one small network for each kind of input, few epochs."""

import pytest

SHORT = {
    "dataset": "covid-ct",
    "image_size": 48,
    "n_trees": 50,
    "n_networks": 1,
    "widths": [8, 16, 32],
    "epochs": 4,
    "patience": 4,
    "batch_size": 32,
}


@pytest.mark.real
def test_a_short_run_tells_the_classes_apart_without_lungs(run_on_real_data):
    metrics = run_on_real_data("chest_ct/covid_recognition", SHORT, needs=["covid-ct"])
    # Asserted on folds of the training part and on validation: the test is not for development.
    assert 0.7 < metrics["cv_auroc_forest_by_paper"].value < metrics["cv_auroc_forest_at_random"].value
    assert metrics["validation_auroc_forest"].value > 0.6
    # Papers, cases and runs of numbers, not the 203 pictures.
    assert 60 <= metrics["auroc"].n <= 120
