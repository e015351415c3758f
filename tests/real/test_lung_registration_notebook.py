"""The notebook on lung registration on the real pair, on two coarse grids and with a network that hardly learns."""

import pytest

SHORT = {
    "dataset": "registration-lung-ct", "grids": [5.5, 2.6], "control": [20.0, 10.0], "window": [12.0, 8.0],
    "n_iterations": [40, 20], "rate": [2.0, 0.7], "penalties": [50.0], "n_artificial": 1, "noise": 70.0,
    "margin": 3.5, "demons": [30, 10, 0], "widths": [4, 8, 8, 8], "n_steps": 3,
}  # fmt: skip


@pytest.mark.real
def test_a_short_run_on_the_real_lung_finds_most_landmarks(run_on_real_data):
    metrics = run_on_real_data("lung_ct/lung_registration", SHORT, needs=["registration-lung-ct"])
    # Known from the landmarks alone, whatever the method.
    assert metrics["tre_mm_before"].value == pytest.approx(35.3, abs=0.1)
    assert metrics["tre_mm_centres"].value == pytest.approx(4.65, abs=0.05)
    # The best of all affine transforms has 2.50 mm on these landmarks.
    assert metrics["tre_mm"].value < 1.8 and metrics["tre_median_mm"].value < 1.4
    assert metrics["folded_share"].value < 0.001 and metrics["dice_lung"].value > 0.97
    assert metrics["growth"].value == pytest.approx(metrics["growth_of_masks"].value, rel=0.03)
    assert metrics["mass_correlation"].value > 0.2
    # One patient: nothing says how far others may be, and nothing may seem to.
    assert metrics["tre_mm"].n == 1 and metrics["tre_mm"].low is None
