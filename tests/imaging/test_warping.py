"""Images, masks and points are moved by one transform to one place, and back."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from phantom_pairs import any_transform, bent_and_turned, body, linear, organs, seen_through, smooth

from medlib.errors import DataError
from medlib.imaging import transforms, volumes, warping
from medlib.imaging.transforms import Transform
from medlib.imaging.volumes import Volume


def test_an_image_is_pulled_and_a_point_is_pushed():
    """The value at a point of the fixed image is that of the moving image at the mapped point."""
    moving, truth = body(), bent_and_turned()
    fixed, points = seen_through(truth)
    there = warping.map_points(truth, points)
    index = (np.linalg.inv(moving.affine) @ np.c_[there, np.ones(len(there))].T)[:3]
    inside = np.all((index > 0) & (index < np.reshape(moving.array.shape[::-1], (3, 1)) - 1), axis=0)
    image = volumes.to_sitk(moving)
    expected = [image.EvaluateAtPhysicalPoint(point) for point in (there[inside] * [-1, -1, 1]).tolist()]
    here = np.rint((np.linalg.inv(fixed.affine) @ np.c_[points, np.ones(len(points))].T)[:3]).astype(int)
    np.testing.assert_allclose(fixed.array[here[2], here[1], here[0]][inside], expected, rtol=1e-4)


def test_mask_and_image_go_together():
    moving, truth = body(), bent_and_turned()
    fixed, _ = seen_through(truth)
    mask = warping.warp(organs(moving), truth, fixed, labels=True).array > 0
    expected = fixed.array > 80
    assert 2 * np.sum(mask & expected) / (mask.sum() + expected.sum()) > 0.9
    assert set(np.unique(mask)) == {False, True}


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.float32])
def test_dtype_unit_and_grid(dtype):
    moving = Volume((body().array > 80).astype(dtype), body().affine, "HU", "CT", ("odd",))
    fixed = body(shape=(9, 10, 11), spacing=(8.0, 7.0, 6.0))
    moved = warping.warp(moving, linear(), fixed, labels=True)
    assert (moved.array.dtype, moved.unit, moved.warnings) == (dtype, "HU", ("odd",))
    assert moved.array.shape == (9, 10, 11) and np.array_equal(moved.affine, fixed.affine)


def test_whole_numbers_are_rounded_not_cut():
    ramp = Volume(np.arange(8, dtype=np.int16).reshape(1, 1, 8), np.eye(4))
    half = np.eye(4)
    half[0, 3] = 0.75
    assert warping.warp(ramp, Transform((half,)), ramp, outside=-7).array.ravel().tolist() == [1, 2, 3, 4, 5, 6, 7, -7]


def test_outside_is_the_least_value_and_no_label():
    far = np.eye(4)
    far[0, 3] = 1000
    air = Volume(np.full((2, 2, 2), -1000, np.int16), np.eye(4))
    assert warping.warp(air, Transform((far,)), air).array.max() == -1000
    assert warping.warp(air, Transform((far,)), air, labels=True).array.max() == 0
    assert warping.warp(air, Transform((far,)), air, outside=5).array.min() == 5


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_there_and_back(seed):
    transform = any_transform(np.random.default_rng(seed))
    back = warping.invert(transform)
    assert (back.fixed, back.moving) == ("follow-up", "baseline")
    points = np.random.default_rng(seed).uniform(-12, 12, (20, 3))
    np.testing.assert_allclose(warping.map_points(back, warping.map_points(transform, points)), points, atol=0.35)


def test_inverse_of_a_flow_is_that_of_simpleitk():
    field = smooth(body())
    there = warping.map_points(field, [[5.0, 5.0, 5.0]])
    assert np.abs(warping.map_points(warping.invert(field), there) - 5).max() < 0.1
    assert np.abs(there - 5).max() > 1


def test_a_fold_has_no_inverse():
    grid = Volume(np.zeros((3, 3, 40)), np.eye(4))
    flow = np.zeros((3, 3, 3, 40))
    flow[2] = 12 * np.sin(np.arange(40) / 3)
    with pytest.raises(DataError, match="no inverse"):
        warping.invert(transforms.from_voxels(flow, grid))


def test_displacements_are_those_of_points():
    transform = any_transform(np.random.default_rng(5))
    grid = volumes.to_orientation(body(shape=(3, 4, 5), spacing=(9.0, 8.0, 7.0)), "PSR")
    index = np.indices(grid.array.shape)[::-1].reshape(3, -1)
    points = (grid.affine[:3, :3] @ index).T + grid.affine[:3, 3]
    expected = warping.map_points(transform, points) - points
    np.testing.assert_allclose(warping.displacements(transform, grid).reshape(3, -1).T, expected, atol=1e-6)


def test_same_result_as_simpleitk_on_its_own():
    transform, moving, fixed = any_transform(np.random.default_rng(2)), body(), body(shape=(20, 20, 20))
    converted = transforms.to_sitk_transform(transform)
    pulled = sitk.Resample(volumes.to_sitk(moving), transforms.grid_to_sitk(fixed), converted, sitk.sitkLinear, -1.0)
    ours = warping.warp(moving, transform, fixed, outside=-1)
    np.testing.assert_allclose(ours.array, sitk.GetArrayFromImage(pulled), atol=1e-3)
