"""The notebook on brain registration on real pairs, without the finest grid and with networks of a few steps."""

import pytest

SHORT = {
    "dataset": "registration-brain",
    "learning_dataset": "msd-hippocampus",
    "affine_shrink": [8, 4],
    "bspline": [40.0, 8, 5],
    "demons_shrink": [8],
    "demons_steps": [10],
    "spacings": [4.0],
    "steps": [40],
    "window": 7,
    "swept": [0.5],
    "n_training_pairs": 8,
    "n_test_pairs": 2,
    "epochs": 1,
    "batch_size": 2,
}


@pytest.mark.real
def test_a_short_run_on_real_brains_beats_affine_without_folds_and_knows_the_traps(run_on_real_data):
    metrics = run_on_real_data("brain_mri/brain_registration", SHORT, needs=["registration-brain", "msd-hippocampus"])
    value = {name: metric.value for name, metric in metrics.items()}
    assert value["dice_mean_before"] == pytest.approx(0.325, abs=0.005)
    # Measured by plain SimpleITK when the set was made: 0.583 affine, from a good start.
    assert value["dice_mean_affine"] > 0.56
    assert value["dice_mean"] > value["dice_mean_affine"] + 0.05
    assert value["tissue_dice_mean"] > value["tissue_dice_mean_affine"] + 0.03
    assert value["folded_share"] < 0.001 and value["tissue_folded_share"] < 0.001
    assert 0.05 < value["sd_log_jacobian"] < 0.8
    # The label map of another grid, laid over its image by index and by header.
    assert value["trap_dice_by_index"] == pytest.approx(0.961, abs=0.002)
    assert value["trap_dice_by_header"] > 0.995
    # A mirrored image: the merged labels overlap, and those with sides do not at all.
    assert value["mirror_mirrored_dice_sides_merged"] > 0.5
    assert value["mirror_mirrored_dice_sides_told_apart"] < 0.1
    # One pair says nothing about others.
    assert metrics["dice_mean"].n == 1 and metrics["dice_mean"].low is None
