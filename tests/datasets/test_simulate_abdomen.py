"""The simulated abdomen: the anatomy that it promises, the traps that it repeats, and the MR of the same patient."""

import csv
import gzip

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from medlib import resources
from medlib.datasets import simulate_abdomen, thorax_phantom
from medlib.imaging import files

SAMPLE = resources.root() / "data" / "samples" / "abdomen-ct-sample"
LITRE = 1e6  # mm^3


@pytest.fixture(scope="module")
def scan():
    return files.read_volume(SAMPLE / "ct_abdomen_pelvis.nii.gz", unit="HU", modality="CT")


@pytest.fixture(scope="module")
def labels():
    return files.read_volume(SAMPLE / "ct_abdomen_pelvis_seg.nii.gz")


def test_shipped_sample_is_what_the_simulator_makes(tmp_path):
    simulate_abdomen.write_sample(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in SAMPLE.iterdir())
    for made in tmp_path.glob("*.nii.gz"):
        shipped = SAMPLE / made.name
        # Compressors differ in how they pack the same content, and processors in the last bit of a float.
        assert len(gzip.decompress(made.read_bytes())) == len(gzip.decompress(shipped.read_bytes()))
        one, other = (np.asarray(nibabel.load(path).dataobj).astype(int) for path in (made, shipped))
        off = np.abs(one - other)
        assert off.max() <= (0 if "seg" in made.name else 1) and np.mean(off > 0) < 1e-3, made.name
    for name in ("labels_ct.csv", "labels_mr.csv"):
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes()


def test_grid_is_that_of_the_labels(scan, labels):
    assert scan.array.shape == labels.array.shape == simulate_abdomen.SHAPE
    assert np.array_equal(scan.affine, simulate_abdomen.affine()) and np.array_equal(scan.affine, labels.affine)
    assert scan.orientation == "RAS" and scan.spacing == (6, 6, 6) and scan.array.dtype == np.int16


def test_every_label_is_there_under_its_name(labels):
    with (SAMPLE / "labels_ct.csv").open(newline="") as stream:
        names = {int(row["label"]): row["structure"] for row in csv.DictReader(stream)}
    assert set(np.unique(labels.array)) == {0, *names}
    assert names[1] == "spleen" and names[5] == "liver" and names[52] == "aorta" and names[31] == "vertebrae_L1"


@pytest.mark.parametrize(("name", "volume", "hounsfield"), [
    ("liver", (1.2, 1.6), 48), ("spleen", (0.15, 0.22), 42), ("kidney_left", (0.11, 0.15), 32),
    ("aorta", (0.07, 0.1), 45),
])  # fmt: skip
def test_organs_have_their_size_and_density(scan, labels, name, volume, hounsfield):
    mask = labels.array == simulate_abdomen.LABELS[name]
    litres = mask.sum() * 6.0**3 / LITRE
    assert volume[0] < litres < volume[1]
    core = ndimage.binary_erosion(mask) if name != "aorta" else mask
    assert np.median(scan.array[core]) == pytest.approx(hounsfield, abs=3)


def test_sides_and_heights_are_those_of_a_patient(labels):
    def centre(name):
        place = np.argwhere(labels.array == simulate_abdomen.LABELS[name]).mean(axis=0)[::-1]
        return (labels.affine @ [*place, 1])[:3]

    assert centre("liver")[0] > 0 > centre("spleen")[0] and centre("kidney_right")[0] > 0 > centre("stomach")[0]
    assert centre("kidney_right")[2] < centre("kidney_left")[2] < centre("spleen")[2] < centre("heart")[2]
    heights = [centre(f"vertebrae_{name}")[2] for name in ("L4", "L3", "L2", "L1", "T12", "T11", "T10", "T9")]
    assert (np.diff(heights)[1:-1] == pytest.approx(32, abs=3)) and np.all(np.diff(heights) > 0)


def test_second_scan_is_a_piece_of_the_first_and_says_that_it_lies_elsewhere(scan, labels):
    for name, whole in (("ct_upper_abdomen", scan), ("ct_upper_abdomen_seg", labels)):
        piece = files.read_volume(SAMPLE / f"{name}.nii.gz")
        assert np.array_equal(piece.array, whole.array[simulate_abdomen.UPPER :])
        assert np.array_equal(piece.affine, whole.affine)


def test_it_is_another_patient_than_that_of_ct_sample(scan, labels):
    z, y, x = np.indices(simulate_abdomen.SHAPE)
    points = np.stack([x, y, z], -1) * 6.0 + scan.affine[:3, 3]
    # Whichever way the two are moved along the body, their livers do not lie over each other.
    mine = labels.array == simulate_abdomen.LABELS["liver"]
    for shift in range(-180, 60, 12):
        other = thorax_phantom.labels_at(points + (0, 0, shift)) == thorax_phantom.LABELS["liver"]
        assert 2 * (mine & other).sum() / (mine.sum() + other.sum()) < 0.85, shift
    aorta = simulate_abdomen.STRUCTURES["aorta"].hounsfield
    assert aorta < 60 < thorax_phantom.STRUCTURES["aorta"].hounsfield


@pytest.fixture(scope="module")
def mr():
    return files.read_volume(SAMPLE / "mr_abdomen.nii.gz", modality="MR")


@pytest.fixture(scope="module")
def mr_labels():
    return files.read_volume(SAMPLE / "mr_abdomen_seg.nii.gz")


def centres(volume):
    """Of the voxels, in mm RAS."""
    z, y, x = np.indices(volume.array.shape)
    return np.stack([x, y, z], -1) @ volume.affine[:3, :3].T + volume.affine[:3, 3]


def test_mr_lies_on_a_grid_of_its_own(mr, mr_labels, scan):
    assert mr.array.shape == mr_labels.array.shape == simulate_abdomen.MR_SHAPE and mr.orientation == "LPS"
    assert np.allclose(mr.affine, mr_labels.affine) and mr.spacing == simulate_abdomen.MR_SPACING != scan.spacing
    # By the headers alone the two do not even meet.
    assert centres(mr)[..., 2].min() - centres(scan)[..., 2].max() < 10 < centres(mr)[..., 2].mean()


def test_mr_shows_what_the_known_map_says(mr_labels, labels):
    """Labels of the CT, pulled through the map, are those of the MR, but for voxels at borders."""
    places = (simulate_abdomen.mr_to_ct(centres(mr_labels)) - labels.affine[:3, 3]) / simulate_abdomen.SPACING
    nearest = [np.rint(places[..., axis]).astype(int) for axis in (2, 1, 0)]
    inside = np.all([(n >= 0) & (n < size) for n, size in zip(nearest, labels.array.shape, strict=True)], axis=0)
    pulled = labels.array[tuple(np.clip(n, 0, size - 1) for n, size in zip(nearest, labels.array.shape, strict=True))]
    for name in ("liver", "spleen", "kidney_left", "aorta"):
        one = (pulled == simulate_abdomen.LABELS[name]) & inside
        other = mr_labels.array == simulate_abdomen.MR_LABELS[name]
        assert 2 * (one & other).sum() / (one.sum() + other.sum()) > 0.8, name


def test_mr_has_the_contrast_of_t1(mr, mr_labels):
    """Fat is the brightest, bone and flowing blood are dark: no change of scale makes it a CT."""

    def median(name):
        return np.median(mr.array[mr_labels.array == simulate_abdomen.MR_LABELS[name]])

    fat = np.percentile(mr.array, 98)
    assert fat > 1.3 * median("liver") > 1.3 * median("spleen") > 1.3 * median("vertebrae") > median("aorta")
    assert np.median(mr.array[mr.array > 0]) > 0 and mr.array[0, 0, 0] == 0


def test_known_map_is_a_pose_and_a_smooth_bend_without_folds():
    """A few mm beyond the best affine map, and nowhere turned inside out."""
    grid = np.stack(np.meshgrid(*[np.arange(-140, 141, 10.0)] * 3, indexing="ij"), -1) + (9, -14, 160)
    mapped = simulate_abdomen.mr_to_ct(grid)
    flat = np.c_[grid.reshape(-1, 3), np.ones(grid[..., 0].size)]
    best, *_ = np.linalg.lstsq(flat, mapped.reshape(-1, 3), rcond=None)
    bend = np.linalg.norm(mapped.reshape(-1, 3) - flat @ best, axis=1)
    assert 3 < bend.mean() < 7 and bend.max() < 15
    steps = np.stack([np.diff(mapped, axis=axis)[:28, :28, :28] / 10 for axis in range(3)], -1)
    determinants = np.linalg.det(steps)
    assert determinants.min() > 0.6 and determinants.max() < 1.5
