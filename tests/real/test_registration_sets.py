"""The real pairs for registration: landmarks within the masks, and the label map that lies on another grid."""

import numpy as np
import pytest

from medlib.imaging import landmarks
from medlib.imaging.files import read_volume

pytestmark = pytest.mark.real


def values_at(volume, points):
    """Values of the nearest voxels, and -1 beyond the border."""
    places = np.rint((points - volume.affine[:3, 3]) @ np.linalg.inv(volume.affine[:3, :3]).T).astype(int)[:, ::-1]
    inside = ((places >= 0) & (places < volume.array.shape)).all(axis=1)
    found = np.full(len(points), -1)
    found[inside] = volume.array[tuple(places[inside].T)]
    return found


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


@pytest.mark.parametrize("time", ["baseline", "followup"])
def test_landmarks_lie_within_the_lung(real_folder, time):
    folder = real_folder("registration-lung-ct")
    points = landmarks.read_points(folder / f"{time}_landmarks.txt")
    mask = read_volume(folder / f"{time}_mask.mha")
    assert points.shape == (51, 3) and (values_at(mask, points) == 1).all()
    # Taken as they are in the file, where left and back count up, they do not.
    assert (values_at(mask, points * (-1, -1, 1)) == 1).mean() < 0.5


def test_landmarks_are_as_far_apart_as_the_volumes_headers_say(real_folder):
    folder = real_folder("registration-lung-ct")
    baseline, followup = (landmarks.read_points(folder / f"{time}_landmarks.txt") for time in ("baseline", "followup"))
    assert np.linalg.norm(baseline - followup, axis=1).mean() == pytest.approx(35.3, abs=0.05)


def test_written_landmarks_are_the_same_text_but_for_the_digits(real_folder, tmp_path):
    path = real_folder("registration-lung-ct") / "baseline_landmarks.txt"
    landmarks.write_points(landmarks.read_points(path), tmp_path / "again.txt")
    assert (tmp_path / "again.txt").read_text().split()[:2] == ["point", "51"]
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "again.txt", skiprows=2), np.loadtxt(path, skiprows=2))


def test_label_map_of_image_A_fits_by_its_header_and_not_by_index(real_folder):
    folder = real_folder("registration-brain") / "pair1-tissue"
    image, labels = read_volume(folder / "image_A.nii.gz"), read_volume(folder / "image_A_seg.nii.gz")
    assert image.array.shape == labels.array.shape and image.spacing != labels.spacing
    assert labels.affine[:2, 3].tolist() == [3, 6]
    z, y, x = np.indices(image.array.shape).reshape(3, -1)
    points = np.stack([x, y, z], axis=-1) @ image.affine[:3, :3].T + image.affine[:3, 3]
    by_header = values_at(labels, points).reshape(image.array.shape)
    # Two thresholds of the brain: that of the set's own description, and all that is not 0, which is its mask exactly.
    for threshold, scores in ((0.02, (0.992, 0.958)), (0.0, (1.0, 0.961))):
        brain = image.array > threshold
        found = [dice(mask > 0, brain) for mask in (by_header, labels.array)]
        assert found == pytest.approx(scores, abs=1e-3), threshold


def test_labels_overlap_as_published_before_any_registration(real_folder):
    """Mean Dice of the 13 structures by the headers alone, as the set's own description gives it."""
    folder = real_folder("registration-brain") / "pair2-structures"
    fixed, moving = (read_volume(folder / f"{name}_seg13.nii.gz") for name in ("fixed", "moving"))
    assert (fixed.orientation, moving.orientation) == ("LIA", "LIA") and fixed.array.shape != moving.array.shape
    z, y, x = np.indices(fixed.array.shape).reshape(3, -1)
    points = np.stack([x, y, z], axis=-1) @ fixed.affine[:3, :3].T + fixed.affine[:3, 3]
    found, truth = values_at(moving, points), fixed.array.ravel()
    scores = [dice(found == label, truth == label) for label in range(1, 14)]
    assert np.mean(scores) == pytest.approx(0.325, abs=1e-3)


def test_masks_of_the_aorta_lie_on_the_grid_of_the_scan(real_folder):
    folder = real_folder("thoracic-aorta")
    scan = read_volume(folder / "ct_cropped.nii.gz", unit="HU", modality="CT")
    masks = {path.name: read_volume(path) for path in folder.glob("*.nii.gz") if path.name != "ct_cropped.nii.gz"}
    assert len(masks) == 7 and scan.orientation == "LPS"
    for name, mask in masks.items():
        assert mask.array.shape == scan.array.shape and np.allclose(mask.affine, scan.affine), name
        assert set(np.unique(mask.array)) == {0, 1}, name
    lumens = (masks[f"aorta_{kind}_lumen.nii.gz"].array > 0 for kind in ("true", "false"))
    assert not np.logical_and(*lumens).any()
