"""Pairs of image and label map are read as they were written, and whatever does not belong together is named."""

import gzip
import os
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medlib import datasets, resources
from medlib.errors import DataError, UsageError
from medlib.imaging import files, labelled_volumes
from medlib.imaging.volumes import Volume

REAL = Path(os.environ.get("MEDLIB_DATA", "/nowhere"))
HIPPOCAMPI, BRAINS = REAL / "msd-hippocampus", REAL / "registration-brain" / "pair1-tissue"
TWO = {"anterior": 1, "posterior": 2}
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def save(folder, part, name, array, affine=AFFINE, ending=".nii.gz"):
    (folder / part).mkdir(parents=True, exist_ok=True)
    files.write_volume(Volume(array, affine), folder / part / f"{name}{ending}")


def make(folder, name, label=None, image=None, affine=AFFINE, ending=".nii.gz"):
    """A pair, with another image or label map where one is given."""
    ramp, parts = np.arange(60.0).reshape(5, 4, 3), np.zeros((5, 4, 3), np.uint8)
    parts[1:3], parts[3] = 1, 2
    save(folder, "imagesTr", name, ramp if image is None else image, ending=ending)
    save(folder, "labelsTr", name, parts if label is None else label, affine, ending)
    return folder


def read(folder, **options):
    return labelled_volumes.read_labelled_volumes(folder, TWO, **options)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.tuples(*[st.integers(2, 6)] * 3),
    seed=st.integers(0, 99),
    dtype=st.sampled_from([np.uint8, np.int16, np.float32, np.float64]),
)
def test_pairs_come_back_as_they_were_written(tmp_path, shape, seed, dtype):
    rng = np.random.default_rng(seed)
    image = rng.permutation(np.prod(shape)).reshape(shape).astype(np.float32)
    labels = rng.integers(0, 3, shape)
    folder = make(tmp_path, "case", labels.astype(dtype), image)
    (pair,), faults = read(folder)
    assert pair.name == "case" and not faults
    np.testing.assert_array_equal(pair.image.array, image)
    np.testing.assert_array_equal(pair.labels.array, labels)
    assert pair.labels.array.dtype == np.uint8
    np.testing.assert_array_equal(pair.labels.affine, pair.image.affine)
    np.testing.assert_allclose(pair.image.affine, AFFINE)
    assert pair.image.array.shape == nibabel.load(folder / "imagesTr" / "case.nii.gz").shape[::-1]


def test_pairs_are_sorted_and_chosen_by_name(tmp_path):
    for name in ("b", "a", "c"):
        make(tmp_path, name)
    # Archives of the Decathlon hold such files, which are no images.
    (tmp_path / "imagesTr" / "._a.nii.gz").write_bytes(b"Mac OS X")
    (tmp_path / "labelsTr" / "notes.txt").write_text("kept by hand")
    assert [pair.name for pair in read(tmp_path)[0]] == ["a", "b", "c"]
    assert [pair.name for pair in read(tmp_path, only=["c", "a"])[0]] == ["a", "c"]
    with pytest.raises(UsageError, match="has no d, e; there are 3 names"):
        read(tmp_path, only=["a", "e", "d"])


def test_of_large_volumes_only_what_is_prepared_is_kept(tmp_path):
    for name in ("a", "b"):
        make(tmp_path, name)
    kept, faults = read(tmp_path, prepare=lambda pair: (pair.name, int(pair.labels.array.sum())))
    assert kept == [("a", 48), ("b", 48)] and not faults


def test_unit_and_modality_are_those_of_the_caller(tmp_path):
    (pair,), _ = read(make(tmp_path, "a"), unit="HU", modality="CT")
    assert (pair.image.unit, pair.image.modality, pair.labels.unit) == ("HU", "CT", "")


def test_labels_beyond_a_byte(tmp_path):
    label = np.zeros((5, 4, 3), np.int32)
    label[0] = 300
    (pair,), _ = labelled_volumes.read_labelled_volumes(make(tmp_path, "a", label), [300])
    assert pair.labels.array.dtype == np.uint16 and pair.labels.array.max() == 300


def moved(x=0.0, scale=1.0):
    affine = np.diag([scale, 1.0, 2.0, 1.0])
    affine[0, 3] = x
    return affine


FAULTS = {
    "shape": (dict(label=np.zeros((5, 4, 2), np.uint8)), "labelsTr", "has 2 x 4 x 5 voxels, but its image 3 x 4 x 5"),
    "place": (dict(affine=moved(3)), "labelsTr", "lies up to 3 voxels from where its image lies"),
    "scale": (dict(affine=moved(scale=1.1)), "labelsTr", "lies up to 0.2 voxels"),
    "strange": (
        dict(label=np.full((5, 4, 3), 7, np.uint8)),
        "labelsTr",
        "has the labels 7; accepted are 0, 1, 2",
    ),
    "negative": (dict(label=np.full((5, 4, 3), -1, np.int16)), "labelsTr", "has the labels -1;"),
    "fractions": (dict(label=np.full((5, 4, 3), 1.5)), "labelsTr", "has labels that are no whole numbers, such as 1.5"),
    "flat": (dict(image=np.full((5, 4, 3), 9.0)), "imagesTr", "has the value 9 in every voxel"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faulty_pair_is_refused_or_left_out_by_name(tmp_path, name):
    options, part, message = FAULTS[name]
    make(make(tmp_path, name, **options), "sound")
    with pytest.raises(DataError, match=f"1 faulty files(.|\n)*{part}/{name}.nii.gz: {message}"):
        read(tmp_path)
    pairs, faults = read(tmp_path, skip_faulty=True)
    assert [pair.name for pair in pairs] == ["sound"]
    assert list(faults) == [f"{part}/{name}.nii.gz"] and message in faults[f"{part}/{name}.nii.gz"]
    assert read(tmp_path, only=["sound"])[1] == {}


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_what_is_no_number_is_refused(tmp_path, ending):
    make(tmp_path, "infinite", image=np.full((5, 4, 3), np.inf), ending=ending)
    make(tmp_path, "missing", label=np.full((5, 4, 3), np.nan), ending=ending)
    make(tmp_path, "sound", ending=ending)
    _, faults = read(tmp_path, skip_faulty=True)
    assert faults == {
        f"imagesTr/infinite{ending}": "has voxels that are no numbers",
        f"labelsTr/missing{ending}": "has labels that are no whole numbers, such as nan",
    }


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("part", ["imagesTr", "labelsTr"])
@pytest.mark.parametrize("lost", [1, 8, 30])
def test_file_that_ends_early_is_refused(tmp_path, ending, part, lost):
    noise = np.random.default_rng(0).integers(0, 3, (9, 8, 7))  # does not compress to nothing
    make(tmp_path, "a", noise.astype(np.uint8), noise.astype(np.float32), ending=ending)
    assert read(tmp_path)[1] == {}
    path = tmp_path / part / f"a{ending}"
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(DataError, match=f"{part}/a{ending}: (is cut off|ends .* too early|cannot be)"):
        read(tmp_path)


def test_flipped_bit_of_a_compressed_file_is_refused(tmp_path):
    noise = np.random.default_rng(0).normal(size=(9, 8, 7)).astype(np.float32)
    make(tmp_path, "a", np.zeros((9, 8, 7), np.uint8), noise)
    path = tmp_path / "imagesTr" / "a.nii.gz"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="imagesTr/a.nii.gz: (is cut off or damaged|cannot be)"):
        read(tmp_path)


def test_rounding_of_an_affine_is_no_fault(tmp_path):
    (pair,), _ = read(make(tmp_path, "a", affine=moved(0.05)))
    np.testing.assert_array_equal(pair.labels.affine, pair.image.affine)


def test_all_faults_are_in_one_error(tmp_path):
    make(tmp_path, "sound")
    for name, (options, *_) in FAULTS.items():
        make(tmp_path, name, **options)
    save(tmp_path, "imagesTr", "alone", np.zeros((2, 2, 2)))
    save(tmp_path, "labelsTr", "single", np.zeros((2, 2, 2)))
    make(tmp_path, "twice")
    save(tmp_path, "imagesTr", "twice", np.zeros((2, 2, 2)), ending=".nii")
    make(tmp_path, "cut")
    whole = (tmp_path / "imagesTr" / "cut.nii.gz").read_bytes()
    (tmp_path / "imagesTr" / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    make(tmp_path, "text")
    (tmp_path / "labelsTr" / "text.nii.gz").write_bytes(gzip.compress(b"no volume"))
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    expected = [f"{part}/{name}.nii.gz" for name, (_, part, _) in FAULTS.items()]
    expected += ["imagesTr/alone.nii.gz", "labelsTr/single.nii.gz", "imagesTr/cut.nii.gz", "labelsTr/text.nii.gz"]
    expected += ["imagesTr/twice.nii", "imagesTr/twice.nii.gz", "labelsTr/twice.nii.gz"]
    for path in expected:
        assert f"  {path}: " in str(caught.value), path
    assert f"{len(expected)} faulty files" in str(caught.value) and "sound" not in str(caught.value)
    pairs, faults = read(tmp_path, skip_faulty=True)
    assert [pair.name for pair in pairs] == ["sound"] and sorted(faults) == sorted(expected)
    assert faults["imagesTr/alone.nii.gz"] == "there is no label map labelsTr/alone.nii.gz for it"
    assert faults["labelsTr/single.nii.gz"] == "there is no image imagesTr/single.nii.gz for it"
    assert "several files are called twice" in faults["imagesTr/twice.nii"]


def test_a_bound_on_the_size_holds_for_each_file(tmp_path):
    with pytest.raises(DataError, match="imagesTr/a.nii.gz: describes 3 x 4 x 5 voxels, up to 480 bytes"):
        read(make(tmp_path, "a"), max_bytes=100)


def test_nothing_left_is_an_error_even_so(tmp_path):
    save(make(tmp_path, "flat", **FAULTS["flat"][0]), "imagesTr", "alone", np.zeros((2, 2, 2)))
    with pytest.raises(DataError, match="has no pair of imagesTr"):
        read(tmp_path, skip_faulty=True)
    with pytest.raises(DataError, match="has no folder labelsTr; give one with imagesTr and labelsTr"):
        labelled_volumes.pair_files(shutil.copytree(tmp_path / "imagesTr", tmp_path / "more" / "imagesTr").parent)


@pytest.mark.parametrize("labels", [[], [0, 1], ["1"], {"one": 1.5}, [70000]])
def test_labels_that_cannot_be(tmp_path, labels):
    with pytest.raises(UsageError, match="give whole numbers from 1 to 65535"):
        labelled_volumes.read_labelled_volumes(make(tmp_path, "a"), labels)


def test_pair_from_anywhere_says_the_path_of_the_fault(tmp_path):
    folder = make(tmp_path, "place", affine=moved(3))
    paths = [folder / part / "place.nii.gz" for part in ("imagesTr", "labelsTr")]
    with pytest.raises(DataError) as caught:
        labelled_volumes.read_pair(*paths, TWO)
    assert str(caught.value) == f"{paths[1]} lies up to 3 voxels from where its image lies."


def stage(folder, target):
    """Lay the files of an ``odd`` folder out as a set, beside one sound pair."""
    for path in sorted(folder.iterdir()):
        kind, name = path.name.split("_", 1)[0], path.name[path.name.index("hippocampus") :]
        (target / f"{kind}sTr").mkdir(exist_ok=True)
        shutil.copy(path, target / f"{kind}sTr" / name)
    return make(target, "sound")


def test_planted_faults_of_the_sample_are_all_found(tmp_path):
    sample = resources.root() / "data" / "samples" / "msd-hippocampus-sample"
    assert len(read(sample)[0]) == 22
    _, faults = read(stage(sample / "odd", tmp_path), skip_faulty=True)
    by_number = {path.rsplit("_", 1)[1][:3]: why for path, why in faults.items()}
    planted = {path.name.rsplit("_", 1)[1][:3]: path.name for path in (sample / "odd").iterdir()}
    said = {"without_label": "no label map", "without_image": "no image", "other_grid": "lies up to 1.5 voxels",
            "other_shape": "but its image", "strange_label": "labels 7", "no_whole_numbers": "such as 2.5",
            "cut_off": "is cut off"}  # fmt: skip
    assert by_number.keys() == planted.keys() and len(faults) == len(said)
    for number, file in planted.items():
        (expected,) = [words for kind, words in said.items() if f"_{kind}_" in file]
        assert expected in by_number[number], file


@pytest.mark.real
@pytest.mark.skipif(not HIPPOCAMPI.is_dir(), reason="the real msd-hippocampus is not in MEDLIB_DATA")
def test_planted_faults_of_the_real_set_are_refused_by_name(tmp_path):
    folder = stage(HIPPOCAMPI / "odd", tmp_path)
    with pytest.raises(DataError) as caught:
        read(folder)
    for path in ("imagesTr/hippocampus_118", "labelsTr/hippocampus_010", "labelsTr/hippocampus_281"):
        assert f"{path}.nii.gz: there is no " in str(caught.value)
    pairs, faults = read(folder, skip_faulty=True)
    assert [pair.name for pair in pairs] == ["sound"] and len(faults) == 3
    # The last of the three is of a chest CT, which shows as soon as an image lies beside it.
    shutil.copy(HIPPOCAMPI / "imagesTr" / "hippocampus_001.nii.gz", folder / "imagesTr" / "hippocampus_281.nii.gz")
    _, faults = read(folder, skip_faulty=True)
    assert faults["labelsTr/hippocampus_281.nii.gz"] == "has 512 x 512 x 94 voxels, but its image 35 x 51 x 35"


@pytest.mark.real
@pytest.mark.skipif(not BRAINS.is_dir(), reason="the real registration-brain is not in MEDLIB_DATA")
def test_real_mask_of_another_grid_is_refused():
    for letter, apart in (("A", True), ("B", False)):
        paths = BRAINS / f"image_{letter}.nii.gz", BRAINS / f"image_{letter}_seg.nii.gz"
        labels = range(1, 10)
        if apart:
            with pytest.raises(DataError, match="image_A_seg.nii.gz lies up to .* voxels from where its image lies"):
                labelled_volumes.read_pair(*paths, labels)
        else:
            assert labelled_volumes.read_pair(*paths, labels).labels.array.max() > 0


@pytest.mark.real
def test_real_set_is_sound_throughout(real_hippocampi):
    pairs, faults = read(real_hippocampi)
    assert len(pairs) == 260 and not faults
    assert {tuple(np.unique(pair.labels.array)) for pair in pairs} == {(0, 1, 2)}
    assert {pair.image.spacing for pair in pairs} == {(1.0, 1.0, 1.0)}


@pytest.fixture
def real_hippocampi():
    try:
        return datasets.locate("msd-hippocampus")
    except DataError:
        pytest.skip("the real msd-hippocampus is neither in MEDLIB_DATA nor in the cache")
