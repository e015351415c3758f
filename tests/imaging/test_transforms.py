"""Transforms map the points that SimpleITK maps, whatever they are made of."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from phantom_pairs import any_transform, body, linear, smooth

from medlib.errors import DataError, UsageError
from medlib.imaging import deformation, transforms, warping
from medlib.imaging.transforms import DisplacementField, Transform
from medlib.imaging.volumes import Volume

POINTS = np.random.default_rng(1).uniform(-25, 25, (40, 3))


def by_hand(field, points):
    """Displacements by trilinear interpolation with numpy alone."""
    index = (np.linalg.inv(field.affine) @ np.c_[points, np.ones(len(points))].T)[:3]
    low = np.floor(index).astype(int)
    share = index - low
    total = np.zeros((len(points), 3))
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod([share[axis] if side else 1 - share[axis] for axis, side in enumerate(corner)], axis=0)
        x, y, z = low + np.reshape(corner, (3, 1))
        total += weight[:, None] * field.array[:, z, y, x].T
    return total


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_parts_are_applied_first_to_last_as_numpy_does(seed):
    transform = any_transform(np.random.default_rng(seed))
    first, field, last = transform.parts
    moved = POINTS @ first[:3, :3].T + first[:3, 3]
    moved = moved + by_hand(field, moved)
    np.testing.assert_allclose(warping.map_points(transform, POINTS), moved @ last[:3, :3].T + last[:3, 3], atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_round_trip_by_simpleitk(seed):
    transform = any_transform(np.random.default_rng(seed))
    back = transforms.from_sitk_transform(transforms.to_sitk_transform(transform), fixed="baseline", moving="follow-up")
    assert (back.fixed, back.moving, len(back.parts)) == ("baseline", "follow-up", 3)
    for there, part in zip(transform.parts, back.parts, strict=True):
        if isinstance(there, DisplacementField):
            np.testing.assert_allclose(part.array, there.array)
            np.testing.assert_allclose(part.affine, there.affine, atol=1e-9)
        else:
            np.testing.assert_allclose(part, there, atol=1e-9)


def test_lps_of_simpleitk_is_ras_here():
    turn = sitk.Euler3DTransform((1.0, 2.0, 3.0), 0.1, 0.2, 0.3, (4.0, 5.0, 6.0))
    ours = transforms.from_sitk_transform(turn)
    there = np.array([turn.TransformPoint(point) for point in (POINTS * [-1, -1, 1]).tolist()])
    np.testing.assert_allclose(warping.map_points(ours, POINTS), there * [-1, -1, 1], atol=1e-9)


def test_bspline_is_sampled_on_a_grid_and_asks_for_one():
    spline = sitk.BSplineTransformInitializer(transforms.grid_to_sitk(body()), [3, 3, 3])
    spline.SetParameters(np.random.default_rng(0).uniform(-3, 3, len(spline.GetParameters())).tolist())
    with pytest.raises(UsageError, match="give a grid"):
        transforms.from_sitk_transform(spline)
    sampled = transforms.from_sitk_transform(spline, grid=body())
    there = np.array([spline.TransformPoint(point) for point in (POINTS * [-1, -1, 1]).tolist()]) * [-1, -1, 1]
    assert np.abs(warping.map_points(sampled, POINTS) - there).max() < 0.02


def test_composites_within_composites():
    shift = sitk.TranslationTransform(3, (1.0, 0.0, 0.0))
    scale = sitk.ScaleTransform(3, (2.0, 2.0, 2.0))
    nested = sitk.CompositeTransform([scale, sitk.CompositeTransform([shift, scale])])
    ours = transforms.from_sitk_transform(nested)
    there = np.array([nested.TransformPoint(point) for point in (POINTS * [-1, -1, 1]).tolist()]) * [-1, -1, 1]
    np.testing.assert_allclose(warping.map_points(ours, POINTS), there)


def test_compose_goes_through_the_space_between():
    first, second = Transform(linear().parts, "a", "b"), Transform(smooth(body()).parts, "b", "c")
    both = transforms.compose(first, second)
    assert (both.fixed, both.moving) == ("a", "c")
    expected = warping.map_points(second, warping.map_points(first, POINTS))
    np.testing.assert_allclose(warping.map_points(both, POINTS), expected, atol=1e-9)
    with pytest.raises(UsageError, match="'a' to 'b', the second from 'a' to 'b'"):
        transforms.compose(first, first)


def test_voxels_of_networks_have_z_first():
    grid = body(shape=(5, 6, 7), spacing=(3.0, 2.0, 1.5))
    flow = np.zeros((3, 5, 6, 7))
    flow[:, 2, 3, 4] = (0.5, -1, 2)
    field = transforms.from_voxels(flow, grid)
    at = grid.affine @ [4, 3, 2, 1]
    expected = at[:3] + np.multiply([2, -1, 0.5], grid.spacing[::-1])
    np.testing.assert_allclose(warping.map_points(field, at[None, :3])[0], expected)
    with pytest.raises(UsageError, match=r"\(3, 5, 6, 6\) for a grid of \(5, 6, 7\)"):
        transforms.from_voxels(flow[..., :6], grid)


@pytest.mark.parametrize(
    "part, reason",
    [
        (np.diag([1.0, 1.0, 0.0, 1.0]), "cannot|can be inverted"),
        (np.full((4, 4), np.nan), "finite"),
        (np.eye(3), "4 x 4"),
    ],
)
def test_matrices_that_map_nothing(part, reason):
    with pytest.raises(DataError, match=reason):
        Transform((part,))


def test_fields_that_map_nothing():
    with pytest.raises(DataError, match=r"shape \(4, 4, 4\)"):
        DisplacementField(np.zeros((4, 4, 4)), np.eye(4))
    with pytest.raises(DataError, match="not all finite"):
        DisplacementField(np.full((3, 4, 4, 4), np.inf), np.eye(4))
    sheared = np.eye(4)
    sheared[0, 2] = 0.5
    with pytest.raises(DataError, match="sheared"):
        DisplacementField(np.zeros((3, 4, 4, 4)), sheared)


def test_two_dimensional_transforms_are_refused():
    with pytest.raises(UsageError, match="2-D"):
        transforms.from_sitk_transform(sitk.TranslationTransform(2, (1.0, 2.0)))


def test_points_of_another_shape_are_refused():
    with pytest.raises(UsageError, match=r"shape \(3,\)"):
        warping.map_points(Transform(), [1, 2, 3])
    assert warping.map_points(Transform(), np.zeros((0, 3))).shape == (0, 3)


def test_one_slice_is_mapped_within_its_plane():
    picture = Volume(np.zeros((1, 20, 24)), np.eye(4))
    bent = deformation.random_warp(picture, np.random.default_rng(0), distance=8, amplitude=2)
    moved = warping.displacements(bent, picture)
    assert np.abs(moved[2]).max() == 0 and np.abs(moved[:2]).max() > 1
