"""The notebook on lung nodule candidates on real patches, with a small network, few trees and few epochs."""

import pytest

SHORT = {
    "dataset": "luna16-patches",
    "block": 2000,
    "n_folds": 2,
    "n_trees": 10,
    "widths": [8, 12, 16],
    "n_radii": 12,
    "epochs": 3,
    "patience": 3,
}


@pytest.mark.real
def test_a_short_run_on_real_candidates_ranks_nodules_higher(run_on_real_data):
    metrics = run_on_real_data("lung_ct/nodule_classification", SHORT, needs=["luna16-patches"])
    # Asserted on validation and on folds of the training set: the test set is not for development.
    assert metrics["cv_auroc_forest_on_pixels_by_scan"].value > 0.75
    assert metrics["cv_auroc_trees_on_curvatures_by_scan"].value > 0.9
    assert metrics["validation_auroc_polar_network"].value > 0.8
    # Blocks of the list of candidates, of which some hold no test patch.
    assert 40 <= metrics["auroc"].n <= 56
