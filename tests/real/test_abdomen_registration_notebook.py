"""The notebook on abdominal registration on three real patients, with few steps; and the wrong origin, held exactly."""

import numpy as np
import pytest

from medlib.imaging import files

SHORT = {
    "dataset": "abdomen-ct", "search_spacing": 6.0, "off_by": [0.0, 9.0, 120.0], "affine_iterations": 100,
    "bspline_iterations": 3, "grids": [8.0], "velocity_iterations": 20, "window": [16, 48, 64], "widths": [8, 16, 16],
    "n_pairs": 4, "epochs": 1,
}  # fmt: skip


@pytest.mark.real
def test_a_short_run_finds_the_origin_and_both_heights(run_on_real_data):
    metrics = run_on_real_data("abdominal_ct/abdomen_registration", SHORT, needs=["abdomen-ct", "dicom"])
    # 82 slices of 3 mm, which is known from the voxels themselves.
    assert metrics["origin_shift_mm"].value == pytest.approx(246.0, abs=1e-3)
    assert metrics["origin_error_mm"].value < 1e-3 and metrics["origin_error_mm"].baseline > 200
    assert metrics["dice_mean_upper"].value > 0.9 > 0.3 > metrics["dice_mean_upper"].baseline
    # A descent by mutual information arrives from close by, and from the header it does not.
    assert 9 <= metrics["capture_range_mutual_information_mm"].value < 240
    assert metrics["spacing_factor_affine"].value == pytest.approx(0.6, abs=0.08)
    assert metrics["spacing_dice_mean_affine"].value > metrics["spacing_dice_mean_rigid"].value + 0.1
    assert metrics["grid_dice_mean"].value > metrics["grid_dice_mean_by_index"].value + 0.2
    # The atlas is 34 cm high; a height by chance would be 10 cm off.
    assert metrics["height_error_self_similarity_mm"].value < 40
    assert metrics["height_error_mr_self_similarity_mm"].value < 40
    # Two other bodies: at the wrong height, or with the sides exchanged, organs hardly overlap.
    assert metrics["dice_mean_before"].value > 0.35 and metrics["dice_mean_mr_before"].value > 0.25
    assert metrics["dice_mean_affine_mind"].value > 0.4 and metrics["dice_mean_mr_affine_mind"].value > 0.3
    # Squared differences cannot lay a CT on an MR, in which fat is the brightest.
    assert metrics["dice_mean_mr"].value > metrics["dice_mean_mr_squares"].value + 0.1
    assert metrics["dice_mean_mr"].n == 1 and metrics["dice_mean_mr"].low is None
    assert metrics["folded_share_mr_mind"].value < 1e-3


@pytest.mark.real
def test_the_upper_scan_is_a_part_of_the_whole_and_of_one_place_only(real_folder):
    folder = real_folder("abdomen-ct")
    whole, piece = (files.read_volume(folder / f"ct_{name}.nii.gz") for name in ("abdomen_pelvis", "upper_abdomen"))
    n = len(piece.array)
    places = [z for z in range(len(whole.array)) if np.array_equal(whole.array[z : z + n], piece.array)]
    assert places == [82] and np.allclose(whole.affine, piece.affine)
