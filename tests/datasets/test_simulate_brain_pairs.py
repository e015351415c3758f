"""The simulated brains: shipped as the simulator makes them, laid out as the real pairs, with a truth that is known."""

import csv
import gzip

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from medlib import resources
from medlib.datasets import brain_phantom, registry, simulate_brain_pairs
from medlib.datasets.simulate_brain_pairs import GRIDS, SUBJECTS, Subject, from_atlas, to_atlas, true_point
from medlib.errors import UsageError

SAMPLE = resources.root() / "data" / "samples" / "registration-brain-sample"
TISSUES, STRUCTURES = SAMPLE / "pair1-tissue", SAMPLE / "pair2-structures"
NAMES = list(brain_phantom.LABELS)
HEAD = np.stack(np.meshgrid(*[np.linspace(-70, 70, 15)] * 3, indexing="ij"), axis=-1)  # mm, around the middle


def load(path):
    image = nibabel.load(path)
    return np.asarray(image.dataobj), image.affine


def overlap(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def values_at(array, affine, points, outside=0):
    """Value of the nearest voxel at each point."""
    places = np.rint((points - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T).astype(int)
    inside = ((places >= 0) & (places < array.shape)).all(axis=-1)
    return np.where(inside, array[tuple(np.where(inside[..., None], places, 0).T)].T, outside)


def centres(array, affine):
    return np.stack(np.indices(array.shape), axis=-1) @ affine[:3, :3].T + affine[:3, 3]


def test_shipped_sample_is_what_the_simulator_makes(tmp_path):
    simulate_brain_pairs.write_sample(tmp_path)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    assert made == sorted(path.relative_to(SAMPLE) for path in SAMPLE.rglob("*.*"))
    for path in made:
        one, other = (folder / path for folder in (tmp_path, SAMPLE))
        if path.suffix == ".csv":
            assert one.read_bytes() == other.read_bytes()
            continue
        # Compressors differ in how they pack the same content, and processors in the last bit of a float.
        assert len(gzip.decompress(one.read_bytes())) == len(gzip.decompress(other.read_bytes()))
        (first, here), (second, there) = load(one), load(other)
        assert first.dtype == second.dtype and np.array_equal(here, there) and np.mean(first != second) < 1e-3, path


def test_sample_is_small_and_says_that_it_is_simulated():
    assert registry.get("registration-brain-sample").size <= 95_000
    for path in SAMPLE.rglob("*.nii.gz"):
        assert bytes(nibabel.load(path).header["descrip"].item()) == b"simulated by medlib", path


def test_layout_is_that_of_the_real_pairs():
    for name in ("image_A", "image_B"):
        image, affine = load(TISSUES / f"{name}.nii.gz")
        assert image.dtype == np.float64 and 0 == image.min() < image.max() <= 1
        assert nibabel.aff2axcodes(affine) == ("R", "A", "S") and not affine[:3, 3].any()
        labels, _ = load(TISSUES / f"{name}_seg.nii.gz")
        assert labels.dtype == np.int16 and set(np.unique(labels)) == {0, 1, 2} and labels.shape == image.shape
    shapes = []
    for name in ("fixed", "moving"):
        (image, affine), (labels, same) = (load(STRUCTURES / f"{name}{end}.nii.gz") for end in ("", "_seg13"))
        assert image.dtype == labels.dtype == np.uint8 and image.max() > 200 and np.array_equal(affine, same)
        assert nibabel.aff2axcodes(affine) == ("L", "I", "A") and image.shape == labels.shape
        assert set(np.unique(labels)) == set(range(14))
        shapes.append(image.shape)
    assert shapes[0] != shapes[1]
    with (STRUCTURES / "labels13.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["structure"] for row in rows] == NAMES and [int(row["label"]) for row in rows] == list(range(1, 14))
    assert rows[0]["freesurfer_ids_merged"] == "10 49"


def test_whole_brains_are_in_their_images():
    for path in (*TISSUES.glob("*.nii.gz"), *STRUCTURES.glob("*.nii.gz")):
        array, affine = load(path)
        for axis in range(3):
            # The label map on another grid ends where the real one does, a few mm before the image.
            border = np.concatenate([array.take([0], axis).ravel(), array.take([-1], axis).ravel()])
            assert np.mean(border > 0) < 0.03, path
        litres = (array > 0).sum() * abs(np.linalg.det(affine[:3, :3])) / 1e6
        assert "seg13" in path.name or 0.9 < litres < 1.6, path


@pytest.mark.parametrize(("name", "volume"), [
    ("thalamus", (8, 16)), ("lateral-ventricle", (10, 30)), ("putamen", (7, 13)), ("hippocampus", (5, 11)),
    ("brain-stem", (12, 30)), ("cerebral-cortex", (300, 650)),
])  # fmt: skip
def test_structures_have_about_the_size_of_real_ones(name, volume):
    labels, _ = load(STRUCTURES / "fixed_seg13.nii.gz")
    assert volume[0] < (labels == NAMES.index(name) + 1).sum() * 0.064 < volume[1]  # ml


def test_places_of_structures_are_those_of_a_brain():
    for name in ("fixed", "moving"):
        labels, affine = load(STRUCTURES / f"{name}_seg13.nii.gz")
        middle = dict(zip(NAMES, ndimage.center_of_mass(labels > 0, labels, range(1, 14)), strict=True))
        x, y, z = ({key: (affine @ [*place, 1])[axis] for key, place in middle.items()} for axis in range(3))
        assert z["cerebral-cortex"] > z["thalamus"] > z["hippocampus"] > z["brain-stem"]
        assert y["caudate"] > y["putamen"] > y["thalamus"] > y["brain-stem"] > y["cerebellum-cortex"]
        assert np.ptp(list(x.values())) < 16  # both sides are merged
        sides = labels == NAMES.index("putamen") + 1
        assert ndimage.label(sides, np.ones((3, 3, 3)))[1] == 2


def test_signal_is_that_of_the_tissues():
    image, _ = load(STRUCTURES / "fixed.nii.gz")
    labels, _ = load(STRUCTURES / "fixed_seg13.nii.gz")
    inner = {key: np.median(image[labels == NAMES.index(key) + 1]) for key in NAMES}
    assert inner["lateral-ventricle"] < inner["cerebral-cortex"] < inner["thalamus"] < inner["pallidum"]
    assert inner["pallidum"] < np.median(image[(labels == 0) & (image > 0)])  # white matter


def test_brains_have_different_curves_of_grey_values():
    """Cortex as a share of white matter: no factor brings the grey values of one brain to those of the other."""
    shares = []
    for name in ("fixed", "moving"):
        (image, _), (labels, _) = (load(STRUCTURES / f"{name}{end}.nii.gz") for end in ("", "_seg13"))
        shares.append(np.median(image[labels == NAMES.index("cerebral-cortex") + 1]) / np.percentile(image, 99.5))
    assert shares[0] > shares[1] + 0.05


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 999),
    amplitude=st.floats(0, 4),
    ventricles=st.floats(-0.3, 0.3),
    angles=st.tuples(*[st.floats(-30, 30)] * 3),
    scale=st.floats(0.8, 1.2),
    centre=st.tuples(*[st.floats(-100, 100)] * 3),
)
def test_every_subject_can_be_inverted_and_folds_nowhere(seed, amplitude, ventricles, angles, scale, centre):
    subject = Subject(seed, amplitude, ventricles, angles, scale, centre)
    points = HEAD[::2, ::2, ::2] + centre
    np.testing.assert_allclose(from_atlas(subject, to_atlas(subject, points)), points, atol=1e-6)
    assert jacobian(lambda points: to_atlas(subject, points), points).min() > 0.05


def jacobian(function, points, step=1e-3):
    sides = [(function(points + move) - function(points - move)) / (2 * step) for move in step * np.eye(3)]
    return np.linalg.det(np.stack(sides, axis=-1))


def test_pose_alone_is_what_it_says():
    """Turned by 90 degrees about z: what is to the right in the atlas is in front; larger, it is farther away."""
    subject = Subject(0, 0.0, angles=(0, 0, 90), scale=1.1, centre=(5, 0, 0))
    np.testing.assert_allclose(from_atlas(subject, [[10.0, 0, 0], [0, 0, 10.0]]), [[5, 11, 0], [5, 0, 11]], atol=1e-9)


def test_ventricles_of_a_subject_are_wider_or_narrower():
    volumes = []
    for stretch in (-0.3, 0.0, 0.3):
        labels = simulate_brain_pairs.simulate_brain(Subject(0, 0.0, stretch, centre=(1, -28, 0)), *GRIDS["fixed"])[1]
        volumes.append((labels == NAMES.index("lateral-ventricle") + 1).sum())
    assert volumes[0] < 0.8 * volumes[1] and volumes[1] < 0.8 * volumes[2]


def test_warp_that_cannot_be_inverted_is_refused():
    with pytest.raises(UsageError, match="amplitude=90.*cannot be inverted; give it a smaller amplitude"):
        from_atlas(Subject(0, amplitude=90), HEAD)


def test_truth_goes_there_and_back_by_way_of_any_brain():
    points = HEAD[2:-2:3, 2:-2:3, 2:-2:3] + SUBJECTS["fixed"].centre
    there = true_point(points)
    np.testing.assert_allclose(true_point(there, "moving", "fixed"), points, atol=1e-6)
    np.testing.assert_allclose(
        true_point(true_point(points, "fixed", "image_A"), "image_A", "moving"), there, atol=1e-6
    )
    assert 10 < np.linalg.norm(there - points, axis=-1).mean() < 20  # mm, by the headers alone
    assert jacobian(true_point, points).min() > 0.2


@pytest.mark.parametrize(("fixed", "moving", "folder", "end"), [
    ("fixed", "moving", STRUCTURES, "_seg13"), ("moving", "fixed", STRUCTURES, "_seg13"),
    ("image_B", "image_A", TISSUES, "_seg"), ("image_A", "image_B", TISSUES, "_seg"),
])  # fmt: skip
def test_truth_brings_the_labels_over_each_other(fixed, moving, folder, end):
    labels, affine = load(folder / f"{fixed}{end}.nii.gz")
    other, there = load(folder / f"{moving}{end}.nii.gz")
    points = centres(labels, affine)
    before, after = values_at(other, there, points), values_at(other, there, true_point(points, fixed, moving))
    numbers = range(1, labels.max() + 1)
    scores = {key: np.mean([overlap(labels == number, moved == number) for number in numbers])
              for key, moved in (("before", before), ("after", after))}  # fmt: skip
    assert scores["before"] < 0.75 and scores["after"] > scores["before"] + 0.12 and scores["after"] > 0.8
    if folder == STRUCTURES:
        assert 0.3 < scores["before"] < 0.42


def test_label_map_of_image_A_lies_on_another_grid():
    """By its header it fits the image; taken by index it does not, by as many mm as the real one."""
    (image, affine), (labels, other) = (load(TISSUES / f"image_A{end}.nii.gz") for end in ("", "_seg"))
    assert image.shape == labels.shape and not np.allclose(affine, other)
    np.testing.assert_allclose(np.diag(other)[:3], np.diag(affine)[:3] * (0.98125, 0.96875, 1))
    np.testing.assert_allclose(other[:3, 3], (3, 6, 0))
    by_header = values_at(labels, other, centres(image, affine))
    brain = image > 0
    assert overlap(brain, by_header > 0) > 0.97 > 0.96 > overlap(brain, labels > 0)
    bright = image > 0.7
    assert overlap(bright, by_header == 2) > overlap(bright, labels == 2) + 0.05
