"""The real pairs of brains, made from made-up sources: without a loss, where they were, and refused if damaged."""

import csv
import dataclasses
import gzip
import io
import zipfile

import nibabel
import numpy as np
import pytest

from medlib import datasets
from medlib.datasets import decoded
from medlib.datasets import prepare_registration_brain as module
from medlib.errors import DataError

SHAPE, CUBE = (6, 5, 7), 32


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(module, "_SHAPE", SHAPE)
    monkeypatch.setattr(module, "_CONFORMED", CUBE)


def save(path, array):
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), path)


def write_source(folder, **changed):
    """A fixed brain of random grey values and FreeSurfer labels, and a moving one in a cube, with a channel a label."""
    rng = np.random.default_rng(0)
    ids = [number for numbers in module.STRUCTURES.values() for number in numbers] + [0, 2, 41, 255]
    scan = {"vol": rng.integers(0, 256, SHAPE) / 255, "seg": rng.choice(ids, SHAPE).astype(float)}
    np.savez_compressed(folder / "test_scan.npz", **scan | {key: changed[key] for key in scan if key in changed})
    image, labels = np.zeros((CUBE,) * 3, np.float32), np.zeros((CUBE,) * 3, int)
    image[12:20, 10:13, 3:20] = rng.integers(1, 256, (8, 3, 17)) / 255
    labels[12:20, 10:13, 3:20] = rng.integers(0, 14, (8, 3, 17))
    save(folder / "image_A.nii.gz", changed.get("image", image))
    channels = (labels[..., None] == np.arange(1, 14)).astype(np.uint8)
    save(folder / "image_A_seg35_onehot.nii.gz", changed.get("channels", channels))
    (folder / "pair1-tissue").mkdir()
    (folder / "pair1-tissue" / "image_A.nii.gz").write_bytes(b"as it is")
    return scan, image, labels


def make(tmp_path, **changed):
    source, made = tmp_path / "source", tmp_path / "made"
    source.mkdir()
    made.mkdir()
    written = write_source(source, **changed)
    module.prepare(source, ["test_scan.npz", "image_A.nii.gz", "pair1-tissue/image_A.nii.gz"], made)
    return written, made / "pair2-structures"


def test_fixed_brain(tmp_path):
    (scan, _, _), folder = make(tmp_path)
    image, labels, merged = (
        nibabel.load(folder / f"fixed{end}.nii.gz") for end in ("", "_freesurfer_labels", "_seg13")
    )
    np.testing.assert_array_equal(np.asarray(image.dataobj), np.rint(scan["vol"] * 255))
    np.testing.assert_array_equal(np.asarray(labels.dataobj), scan["seg"])
    both = {number: label for label, ids in enumerate(module.STRUCTURES.values(), start=1) for number in ids}
    expected = np.vectorize(lambda number: both.get(int(number), 0))(scan["seg"])
    np.testing.assert_array_equal(np.asarray(merged.dataobj), expected)
    for made in (image, labels, merged):
        assert made.get_data_dtype() == np.uint8 and nibabel.aff2axcodes(made.affine) == ("L", "I", "A")
        # 48, 31 and 3 voxels were cut off of the cube.
        assert made.affine[:3, 3].tolist() == [CUBE / 2 - 48, 3 - CUBE / 2, CUBE / 2 - 31]
        assert (int(made.header["qform_code"]), int(made.header["sform_code"])) == (1, 1)
        np.testing.assert_allclose(made.get_qform(), made.affine)


def test_moving_brain(tmp_path):
    (_, image, labels), folder = make(tmp_path)
    made, merged = (nibabel.load(folder / f"moving{end}.nii.gz") for end in ("", "_seg13"))
    crop = slice(4, 28), slice(2, 21), slice(0, 28)  # 8 voxels around, as far as the cube goes
    np.testing.assert_array_equal(np.asarray(made.dataobj), np.rint(image[crop] * 255))
    np.testing.assert_array_equal(np.asarray(merged.dataobj), labels[crop])
    assert made.affine[:3, 3].tolist() == [CUBE / 2 - 4, -CUBE / 2, CUBE / 2 - 2]


def test_names_of_labels_and_what_is_copied(tmp_path):
    _, folder = make(tmp_path)
    with (folder / "labels13.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[3] == {"label": "4", "structure": "cerebellum-white-matter", "freesurfer_ids_merged": "7 46"}
    assert len(rows) == 13 and rows[10]["freesurfer_ids_merged"] == "14"
    copied = folder.parent / "pair1-tissue"
    assert [path.name for path in copied.iterdir()] == ["image_A.nii.gz"]
    assert (copied / "image_A.nii.gz").read_bytes() == b"as it is"


@pytest.mark.parametrize(("changed", "message"), [
    ({"vol": np.full(SHAPE, 0.5)}, "not all values are multiples of 1/255"),
    ({"vol": np.full(SHAPE, 2.0)}, "from 0 to 1"),
    ({"vol": np.full(SHAPE, np.nan)}, "not all values"),
    ({"seg": np.full(SHAPE, 1.5)}, "not all values are multiples of 1/1 from 0 to 255"),
    ({"seg": np.zeros((3, 3, 3))}, r"seg is \(3, 3, 3\) of float64, but \(6, 5, 7\)"),
    ({"seg": np.zeros(SHAPE, np.uint8)}, "of uint8"),
    ({"vol": np.array([{"a": 1}])}, "of object"),
    ({"image": np.zeros((CUBE,) * 3, np.float32)}, "is empty"),
    ({"image": np.zeros((2, 2, 2), np.float32)}, r"is \(2, 2, 2\)"),
    ({"channels": np.zeros((*[CUBE] * 3, 12), np.uint8)}, r"onehot.nii.gz \(32, 32, 32, 12\)"),
])  # fmt: skip
def test_what_is_not_as_expected_is_refused(tmp_path, changed, message):
    with pytest.raises(ValueError, match=message):
        make(tmp_path, **changed)


def write_archive(path, header_shape, held):
    """An npz file whose array says that it has one shape, and holds some bytes."""
    stream = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": header_shape}
    np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vol.npy", stream.getvalue() + b"\0" * held)


def test_sizes_are_not_believed(tmp_path):
    path = tmp_path / "scan.npz"
    write_archive(path, (10**6, 10**6), 80)
    with pytest.raises(ValueError, match=r"vol is \(1000000, 1000000\)"):
        module.read_array(path, "vol", SHAPE)
    write_archive(path, SHAPE, 80)
    with pytest.raises(ValueError, match="vol ends after 80 of 1680 bytes"):
        module.read_array(path, "vol", SHAPE)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match="cannot be read"):
        module.read_array(path, "vol", SHAPE)


def test_array_that_is_missing_or_of_another_format(tmp_path):
    path = tmp_path / "scan.npz"
    np.savez(path, seg=np.zeros(SHAPE))
    with pytest.raises(ValueError, match="cannot be read .*vol.npy"):
        module.read_array(path, "vol", SHAPE)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vol.npy", b"no array")
    with pytest.raises(ValueError):
        module.read_array(path, "vol", SHAPE)


def test_order_of_the_values_is_that_of_the_file(tmp_path):
    ramp = np.arange(210.0).reshape(SHAPE)
    np.savez(tmp_path / "scan.npz", rows=ramp, columns=np.asfortranarray(ramp))
    for name in ("rows", "columns"):
        np.testing.assert_array_equal(module.read_array(tmp_path / "scan.npz", name, SHAPE), ramp)


def test_digest_does_not_depend_on_how_gzip_files_are_packed(tmp_path, monkeypatch):
    entry = dataclasses.replace(datasets.get("registration-brain-sample"), files=dict.fromkeys(["a.nii.gz"]))

    def digest(content):
        (tmp_path / "a.nii.gz").write_bytes(content)
        return decoded.digest(entry, tmp_path)

    same = digest(gzip.compress(b"volume" * 99, 1, mtime=0))
    assert same == digest(gzip.compress(b"volume" * 99, 9, mtime=7)) != digest(gzip.compress(b"volumf" * 99))
    for damaged in (b"no gzip", gzip.compress(b"volume" * 99)[:-9], gzip.compress(b"volume")[:9] + b"\xff" * 20):
        with pytest.raises(DataError, match="a.nii.gz: cannot be decoded"):
            digest(damaged)
    monkeypatch.setattr(decoded, "_MAXIMUM_BYTES", 100)
    with pytest.raises(DataError, match="more than 100 bytes"):
        digest(gzip.compress(b"volume" * 99))


def test_entries():
    dataset, source = datasets.get("registration-brain"), datasets.get("registration-brain-original")
    assert dataset.licence == source.licence and dataset.licence.startswith("not clear")
    assert dataset.source == source.name and source.url.split("/")[5].startswith(source.version.split()[1].rstrip(";"))
    addresses = {path: source.address(path) for path in source.files}
    assert all(address.startswith("https://raw.githubusercontent.com/") for address in addresses.values())
    assert addresses["test_scan.npz"].endswith(
        "/voxelmorph/a06cc5ee323dd1f74575aa0cb4d33dcb6a9a0e98/data/test_scan.npz"
    )
    assert addresses["image_A_seg35_onehot.nii.gz"].endswith("/Data/image_A_seg35_onehot.nii.gz")
    assert addresses["pair1-tissue/image_B_seg.nii.gz"].endswith("/Data/image_B_160x192x144_seg.nii.gz")
    copied = {path: file for path, file in source.files.items() if path.startswith("pair1-tissue/")}
    assert len(copied) == 4 and copied == {path: dataset.files[path] for path in copied}
    assert len(dataset.files) == 10


def test_entry_of_the_aorta():
    dataset = datasets.get("thoracic-aorta")
    assert dataset.place == "chest-ct/thoracic-aorta" and len(dataset.files) == 8
    assert dataset.address("ct_cropped.nii.gz").endswith("/aorta_report/test_result/models/ct_cropped.nii.gz")
