"""The notebook on registration of chest X-rays on real ones, with a small square and short training."""

import pytest

SHORT = {
    "dataset": "chestxray-lungs",
    "size": 64,
    "n_references": 1,
    "n_atlases": 6,
    "window": 7,
    "iterations": 25,
    "steps": 120,
}


@pytest.mark.real
def test_a_short_run_on_real_radiographs_lays_lungs_on_lungs(run_on_real_data):
    metrics = run_on_real_data("chest_xray/xray_registration", SHORT, needs=["chestxray-lungs"])
    # Bounds are wide: they tell a method that works from one that does not, and choose nothing on the test patients.
    before, affine = (metrics[f"dice_mean_{name}"].value for name in ("before", "affine"))
    assert metrics["dice_mean"].n == 24
    assert affine > before + 0.05
    assert metrics["dice_mean"].value > affine
    assert metrics["dice_mean_optimised"].value > affine
    assert metrics["folded_share"].value < 0.001
    assert metrics["inverse_error_px_antisymmetric"].value < 0.3 * metrics["inverse_error_px_network_masks"].value
    # Mirrored lungs fit nearly as well, and the heart gives the film away.
    assert abs(metrics["dice_drop_mirrored"].value) < 0.06
    assert metrics["mirrored_auroc_difference"].value > 0.8
    assert metrics["doubtful_lung_affine"].value < metrics["doubtful_lung_before"].value
    assert 0.8 < metrics["dice_atlases_masks"].value < 0.956
