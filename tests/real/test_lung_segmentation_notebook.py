"""The notebook on lung masks on real X-rays, with one small network and few epochs."""

import pytest

SHORT = {
    "dataset": "chestxray-lungs",
    "size": 96,
    "n_networks": 1,
    "widths": [8, 16, 32, 64, 64],
    "epochs": 12,
    "batch_size": 8,
}


@pytest.mark.real
def test_a_short_run_on_real_radiographs_finds_the_lungs(run_on_real_data):
    metrics = run_on_real_data("chest_xray/lung_segmentation", SHORT, needs=["chestxray-lungs"])
    # Asserted on validation and on the readers: the test set is not for development.
    assert metrics["readers_dice"].value == pytest.approx(0.931, abs=0.002)
    assert metrics["readers_dice"].n == 4
    assert metrics["validation_dice_ceiling"].value > 0.97
    assert metrics["validation_dice"].value > 0.8
    assert metrics["dice_mean"].n == 24
