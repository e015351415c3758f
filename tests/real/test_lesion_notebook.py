"""The notebook on lungs and lesions on real slices, with small networks and few epochs."""

import pytest

SHORT = {
    "lung_dataset": "lung-slices",
    "lesion_dataset": "covid-lesions",
    "alike": 0.6,
    "n_blocks": 2,
    "lung_widths": [8, 12, 16, 24],
    "lung_epochs": 2,
    "lesion_size": 96,
    "painted_epochs": 8,
    "lesion_epochs": 10,
}


@pytest.mark.real
def test_a_short_run_on_real_slices_beats_the_bright_lung(run_on_real_data):
    metrics = run_on_real_data("chest_ct/lesion_segmentation", SHORT, needs=["lung-slices", "covid-lesions"])
    # Asserted out of fold: the test set is not for development.
    assert metrics["lung_dice_mean_threshold"].value > 0.96
    assert metrics["lung_dice_mean_threshold"].n == 71  # two of the 72 slices are alike
    assert metrics["cv_dice_mean_four_views"].value > metrics["cv_dice_mean_bright_lung"].value
    assert metrics["dice_mean"].n == 47  # two of the 48 test slices are neighbours
