"""Volumes keep each voxel at its place in the patient, whatever is done to them."""

import itertools

import hypothesis.extra.numpy
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from medlib.errors import DataError, UsageError
from medlib.imaging import volumes
from medlib.imaging.volumes import Volume

ORIENTATIONS = ["".join(way) for axes in itertools.permutations(["RL", "AP", "SI"]) for way in itertools.product(*axes)]


@st.composite
def any_volume(draw, dtypes=(np.int16, np.uint8, np.float32)):
    """Oblique, of any handedness."""
    shape = draw(st.tuples(*[st.integers(1, 5)] * 3))
    array = draw(
        hypothesis.extra.numpy.arrays(draw(st.sampled_from(dtypes)), shape, elements={"min_value": 0, "max_value": 99})
    )
    angles = draw(st.tuples(*[st.floats(-180, 180)] * 3))
    spacing = draw(st.tuples(*[st.floats(0.1, 10)] * 3))
    affine = np.eye(4)
    flips = draw(st.tuples(*[st.sampled_from([-1, 1])] * 3))
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * spacing * flips
    affine[:3, 3] = draw(st.tuples(*[st.floats(-500, 500)] * 3))
    return Volume(array, affine, "HU", "CT", ("odd",))


@given(any_volume(), st.sampled_from(ORIENTATIONS))
def test_turning_moves_no_voxel(volume, axes):
    turned = volumes.to_orientation(volume, axes)
    assert turned.array.size == volume.array.size and turned.warnings == volume.warnings
    z, y, x = np.indices(turned.array.shape).reshape(3, -1)
    points = np.stack([x, y, z, np.ones_like(x)]).astype(float)
    back = np.linalg.inv(volume.affine) @ turned.affine @ points
    nearest = np.rint(back[:3]).astype(int)
    np.testing.assert_allclose(back[:3], nearest, atol=1e-6)
    np.testing.assert_array_equal(volume.array[nearest[2], nearest[1], nearest[0]], turned.array.ravel())


@pytest.mark.parametrize("axes", ORIENTATIONS)
def test_turning_gives_the_orientation_that_was_asked_for(axes):
    volume = Volume(np.arange(24).reshape(2, 3, 4), np.diag([0.5, 1.0, 2.0, 1.0]))
    assert volumes.to_orientation(volume, axes).orientation == axes


def test_a_left_marker_is_left_after_turning():
    """Row 0, column 0 of an axial DICOM slice is at the patient's right front; RAS counts from left to right."""
    array = np.zeros((1, 3, 4))
    array[0, 0, 0] = 1
    turned = volumes.to_orientation(Volume(array, np.diag([-1.0, -1.0, 1.0, 1.0])), "RAS")
    assert turned.array[0, 2, 3] == 1 and turned.affine[0, 0] == 1


@given(any_volume())
def test_simpleitk_and_back_changes_nothing(volume):
    image = volumes.to_sitk(volume)
    back = volumes.from_sitk(image, unit="HU", modality="CT", warnings=("odd",))
    np.testing.assert_array_equal(back.array, volume.array)
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-9)
    assert (back.unit, back.modality, back.warnings) == ("HU", "CT", ("odd",))


@given(any_volume())
def test_simpleitk_sees_each_voxel_at_the_same_place_in_lps(volume):
    image = volumes.to_sitk(volume)
    index = [n - 1 for n in volume.array.shape[::-1]]
    right, front, head, _ = volume.affine @ [*index, 1]
    np.testing.assert_allclose(image.TransformIndexToPhysicalPoint(index), (-right, -front, head), atol=1e-6)
    assert image.GetPixel(index) == volume.array[-1, -1, -1]


def test_values_outlive_the_image():
    image = sitk.GetImageFromArray(np.ones((40, 40, 40), np.float32))
    volume = volumes.from_sitk(image)
    del image
    sitk.GetImageFromArray(np.zeros((40, 40, 40), np.float32))
    assert (volume.array == 1).all() and volume.array.flags.owndata


@pytest.mark.parametrize("dtype", [bool, np.float16])
def test_types_that_simpleitk_lacks_become_wider(dtype):
    volume = Volume(np.ones((2, 3, 4), dtype), np.eye(4))
    assert volumes.from_sitk(volumes.to_sitk(volume)).array.sum() == 24


def ramp(affine, shape=(8, 9, 10), slopes=(1.0, -2.0, 3.0)):
    z, y, x = np.indices(shape)
    points = np.stack([x, y, z, np.ones_like(x)], axis=-1) @ affine.T
    return Volume((points[..., :3] @ np.array(slopes)).astype(np.float64), affine)


@pytest.mark.parametrize("shear", [0.0, 0.4])
def test_resampling_keeps_a_linear_ramp_in_the_patient(shear):
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [20, -10, 30], degrees=True).as_matrix() * [0.8, 0.9, 2.0]
    affine[:3, 2] += affine[:3, 1] * shear
    volume = ramp(affine)
    made = volumes.resample(volume, (1.5, 0.7, 0.6))
    np.testing.assert_allclose(made.spacing, (1.5, 0.7, 0.6))
    assert volume.sheared == bool(shear) and not made.sheared
    expected = ramp(made.affine, made.array.shape).array
    z, y, x = np.indices(made.array.shape)
    old = np.stack([x, y, z, np.ones_like(x)], axis=-1) @ (np.linalg.inv(affine) @ made.affine).T
    inside = ((old[..., :3] >= 0) & (old[..., :3] <= np.array(volume.array.shape[::-1]) - 1)).all(axis=-1)
    assert inside.sum() > 500
    np.testing.assert_allclose(made.array[inside], expected[inside], atol=1e-6)


def test_resampling_labels_invents_none():
    array = np.zeros((6, 6, 6), np.uint8)
    array[:3], array[3:] = 2, 10
    volume = Volume(array, np.eye(4))
    assert set(np.unique(volumes.resample(volume, (0.4, 0.7, 1.3), labels=True).array)) == {2, 10}
    assert len(np.unique(volumes.resample(volume, (0.4, 0.7, 1.3)).array)) > 2


def test_resampling_whole_numbers_rounds_and_keeps_their_type():
    volume = Volume(np.array([[[0, 3]]], np.int16), np.eye(4))
    made = volumes.resample(volume, (1, 1, 0.5))
    assert made.array.dtype == np.int16 and made.array.ravel().tolist() == [0, 1, 2, 3]


def test_resampling_keeps_the_outer_borders():
    volume = Volume(np.ones((10, 10, 10)), np.diag([1.0, 1.0, 1.0, 1.0]))
    made = volumes.resample(volume, (2.0, 2.0, 2.0))
    assert made.array.shape == (5, 5, 5) and (made.array == 1).all()
    np.testing.assert_allclose(made.affine[:3, 3], 0.5)


def test_what_cannot_be_is_refused():
    volume = Volume(np.ones((2, 2, 2)), np.eye(4))
    with pytest.raises(DataError, match="shape"):
        Volume(np.ones((2, 2)), np.eye(4))
    for affine in (np.zeros((4, 4)), np.diag([1, 1, np.nan, 1]), np.eye(3)):
        with pytest.raises(DataError, match="affine"):
            Volume(np.ones((2, 2, 2)), affine)
    for axes in ("RLS", "RA", "RASS", "ras"):
        with pytest.raises(UsageError, match="axes"):
            volumes.to_orientation(volume, axes)
    for spacing in ((1, 1), (0, 1, 1), (1, np.inf, 1), (1, 1, -1)):
        with pytest.raises(UsageError, match="spacing"):
            volumes.resample(volume, spacing)
    with pytest.raises(UsageError, match="max_bytes"):
        volumes.resample(volume, (1e-4, 1e-4, 1e-4))
    sheared = np.eye(4)
    sheared[0, 2] = 0.2
    with pytest.raises(DataError, match="sheared"):
        volumes.to_sitk(Volume(np.ones((2, 2, 2)), sheared))
    with pytest.raises(DataError, match="2-D"):
        volumes.from_sitk(sitk.Image([4, 4], sitk.sitkUInt8))
    with pytest.raises(DataError, match="3 values"):
        volumes.from_sitk(sitk.Image([4, 4, 4], sitk.sitkVectorUInt8, 3))
