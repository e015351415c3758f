"""Jacobians and errors of deformations whose truth is known."""

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_pairs import bent_and_turned, body, linear, smooth

from medlib.errors import UsageError
from medlib.imaging import deformation, transforms, volumes, warping
from medlib.imaging.transforms import Transform
from medlib.imaging.volumes import Volume


def test_determinant_of_a_matrix_whatever_the_grid():
    matrix = np.diag([1.1, 0.9, 1.3, 1.0])
    matrix[0, 1] = 0.4
    for axes in ("RAS", "LIA", "PSR"):
        grid = volumes.to_orientation(body(shape=(6, 7, 8)), axes)
        determinant = deformation.jacobian_determinant(Transform((matrix,)), grid)
        np.testing.assert_allclose(determinant, 1.1 * 0.9 * 1.3)
        assert deformation.regularity(Transform((matrix,)), grid)["sd_log_jacobian"] < 1e-9


def test_determinant_is_simpleitks():
    """On a grid along LPS, for SimpleITK's filter does not look at the directions of the grid."""
    bent = smooth(body())
    grid = volumes.to_orientation(body(), "LPS")
    field = sitk.GetImageFromArray(
        np.moveaxis(warping.displacements(bent, grid) * [[[[-1]]], [[[-1]]], [[[1]]]], 0, -1)
    )
    field.CopyInformation(transforms.grid_to_sitk(grid))
    expected = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(field))
    ours = deformation.jacobian_determinant(bent, grid)
    inner = (slice(1, -1),) * 3
    np.testing.assert_allclose(ours[inner], expected[inner], rtol=1e-4)


def test_determinant_says_how_volumes_change():
    """The mean over a region is the volume of what it is mapped to."""
    moving, truth = body(), bent_and_turned()
    mask = Volume((moving.array > 100).astype(np.float32), moving.affine)
    pulled = warping.warp(mask, truth, moving)
    determinant = deformation.jacobian_determinant(truth, moving)
    assert np.sum(pulled.array * determinant) / mask.array.sum() == pytest.approx(1, abs=0.01)


def test_folds_are_counted():
    grid = Volume(np.zeros((4, 4, 60)), np.eye(4))
    flow = np.zeros((3, 4, 4, 60))
    flow[2] = 3 * np.sin(np.arange(60) * 2 * np.pi / 15)
    bent = transforms.from_voxels(flow, grid)
    slope = np.gradient(flow[2, 0, 0])
    found = deformation.regularity(bent, grid)
    assert found["folded_share"] == pytest.approx(np.mean(1 + slope <= 0))
    assert found["sd_log_jacobian"] == pytest.approx(np.log((1 + slope)[slope > -1]).std())
    left = np.zeros(grid.array.shape, bool)
    left[..., :2] = True
    assert deformation.regularity(bent, grid, left)["folded_share"] == 0


def test_masks_that_do_not_fit():
    with pytest.raises(UsageError, match=r"shape \(2, 2, 2\)"):
        deformation.regularity(Transform(), body(), np.ones((2, 2, 2)))
    with pytest.raises(UsageError, match="0 voxels"):
        deformation.regularity(Transform(), body(), np.zeros(body().array.shape))


def test_landmark_errors_are_distances_in_the_moving_space():
    truth = linear()
    points = np.random.default_rng(0).normal(size=(20, 3)) * 20
    there = warping.map_points(truth, points)
    np.testing.assert_allclose(deformation.landmark_errors(truth, points, there), 0, atol=1e-9)
    np.testing.assert_allclose(deformation.landmark_errors(truth, points, there + [0, 3, 4]), 5)
    with pytest.raises(UsageError, match="as many in one space"):
        deformation.landmark_errors(truth, points, there[:3])


@pytest.mark.parametrize("distance, amplitude", [(20, 3), (40, 8)])
def test_random_warps_are_smooth_and_of_the_size_asked_for(distance, amplitude):
    grid = body()
    bent = deformation.random_warp(grid, np.random.default_rng(3), distance=distance, amplitude=amplitude)
    size = np.square(warping.displacements(bent, grid)).sum(axis=0).mean() ** 0.5
    assert size == pytest.approx(amplitude, rel=0.25)
    found = deformation.regularity(bent, grid)
    assert found["folded_share"] == 0 and found["sd_log_jacobian"] > 0.1


def test_random_warps_follow_their_seed():
    warps = [smooth(body(), seed=seed).parts[0].array for seed in (0, 0, 1)]
    assert np.array_equal(warps[0], warps[1]) and not np.array_equal(warps[0], warps[2])


@pytest.mark.parametrize("wrong", [{"distance": 0, "amplitude": 1}, {"distance": 5, "amplitude": float("nan")}])
def test_random_warps_of_no_size(wrong):
    with pytest.raises(UsageError, match="above 0"):
        deformation.random_warp(body(), np.random.default_rng(0), **wrong)
