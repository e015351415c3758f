"""The notebook on adrenal hyperplasia on real glands, with few of them, two networks and two epochs."""

import pytest

SHORT = {"dataset": "adrenalmnist3d", "n_train": 400, "n_folds": 2, "epochs": 2, "batch_size": 32}


@pytest.mark.real
def test_a_short_run_on_real_glands_measures_thickness(run_on_real_data):
    metrics = run_on_real_data("abdominal_ct/adrenal_classification", SHORT, needs=["adrenalmnist3d"])
    # Numbers of the published split and of its classes: 298 test glands, 69 of them with hyperplasia.
    assert metrics["auroc"].n == 298 and metrics["sensitivity"].n == 69 and metrics["specificity"].n == 229
    assert metrics["auroc"].reference["value"] == 0.839
    # Asserted on training and validation glands alone: the test glands are not for development.
    assert metrics["cv_auroc_measures"].value > metrics["cv_auroc_volume"].value + 0.07
    assert metrics["cv_auroc_measures"].value > metrics["cv_auroc_forest_on_voxels"].value
    assert metrics["auroc_validation"].value > 0.75
    # Pairs that agree hold half as much as their glands.
    narrow, wide = (metrics[name] for name in ("auroc", "auroc_if_pairs_agree"))
    assert wide.high - wide.low > narrow.high - narrow.low
