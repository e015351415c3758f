"""The notebook on the hippocampus on real volumes, with a small network, few epochs and one atlas."""

import pytest

SHORT = {
    "dataset": "msd-hippocampus",
    "n_folds": 2,
    "n_networks": 1,
    "n_atlases": 1,
    "n_atlas_cases": 1,
    "window": [32, 48, 32],
    "widths": [8, 16, 16],
    "epochs": 5,
    "batch_size": 2,
    "learning_rate": 0.006,
    "n_views": 1,
}


@pytest.mark.real
def test_a_short_run_on_real_volumes_finds_both_parts(run_on_real_data):
    metrics = run_on_real_data("brain_mri/hippocampus_segmentation", SHORT, needs=["msd-hippocampus"])
    # Asserted on predictions out of fold of training volumes: the test heads are not for development.
    assert metrics["cv_dice_anterior"].value > 0.4
    assert metrics["cv_dice_posterior"].value > 0.4
    assert 0.4 < metrics["alike_two_sides"].value < 0.95
    # 170 heads have volumes here, of which a fifth is for the test.
    assert metrics["dice_anterior"].n == 34
