"""Scores of real masks, against the distances of every voxel of one surface to every voxel of the other."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import binary_erosion, shift
from scipy.spatial import KDTree

from medlib.segmentation import score_masks

pytestmark = pytest.mark.real


def expected(predicted, truth, spacing, tolerance):
    first, second = (np.argwhere(mask & ~binary_erosion(mask)) * spacing for mask in (predicted, truth))
    there, back = KDTree(second).query(first)[0], KDTree(first).query(second)[0]
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (predicted, truth)))
    return {
        "dice": overlap.GetDiceCoefficient(),
        "hd95": max(np.percentile(there, 95), np.percentile(back, 95)),
        "surface_dice": (np.sum(there <= tolerance) + np.sum(back <= tolerance)) / (len(there) + len(back)),
    }


@pytest.mark.parametrize("label", [1, 2])
def test_hippocampi_of_two_patients(real_folder, label):
    folder = real_folder("msd-hippocampus") / "labelsTr"
    first, second, *_ = (nibabel.load(path).get_fdata() for path in sorted(folder.glob("*.nii.gz"))[:2])
    size = np.minimum(first.shape, second.shape)
    one, other = (array[tuple(map(slice, size))] == label for array in (first, second))
    found = score_masks(one, other, (1, 1, 1), tolerance=1.5)
    assert found == pytest.approx(expected(one, other, np.ones(3), 1.5), rel=1e-5)


@pytest.mark.parametrize("structure", [1, 5, 52, 63])
def test_organs_and_the_same_organs_moved(real_folder, structure):
    path = real_folder("abdomen-ct") / "ct_abdomen_pelvis_seg.nii.gz"
    image = nibabel.load(path)
    truth = np.asarray(image.dataobj) == structure
    moved = shift(truth.astype(np.uint8), (2, -1, 1), order=0).astype(bool)
    spacing = np.array(image.header.get_zooms()[:3], dtype=float)
    found = score_masks(moved, truth, spacing, tolerance=4.0)
    assert found == pytest.approx(expected(moved, truth, spacing, 4.0), rel=1e-5)
    assert found["hd95"] == pytest.approx(np.linalg.norm(np.array([2, -1, 1]) * spacing), abs=3.1)


def test_lungs_of_two_slices(real_folder):
    with np.load(real_folder("lung-slices") / "lung2d_256.npz", allow_pickle=False) as found:
        masks = next(array for array in found.values() if array.dtype == np.uint8 and array.ndim == 3) > 0
    scores = score_masks(masks[0], masks[1], (0.7, 0.7))
    assert scores == pytest.approx(expected(masks[0], masks[1], np.array([0.7, 0.7]), 1.0), rel=1e-5)
