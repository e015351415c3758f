"""The sets with masks that are made from others: from made-up sources, and what they decode to."""

import csv
import dataclasses
import io
import re
import struct
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy
from PIL import Image

from medlib import datasets, resources
from medlib.datasets import decoded, prepare_chestxray_lungs, prepare_lung_slices
from medlib.errors import DataError


def write_slices(source):
    """Three slices of 4 x 6 voxels, whose values tell their places, and masks of which one is a column too wide."""
    for kind in ("2d_images", "2d_masks"):
        (source / kind).mkdir()
    rng = np.random.default_rng(5)
    images, masks = rng.integers(-2600, 2600, (3, 4, 6), np.int32), 255 * rng.integers(0, 2, (3, 4, 6), np.uint8)
    names = [f"ID_{number:04d}_Z_0001.tif" for number in (2, 0, 1)]
    for name, image, mask in zip(names, images, masks, strict=True):
        Image.fromarray(image).save(source / "2d_images" / name)
        Image.fromarray(mask).save(source / "2d_masks" / name)
    order = np.argsort(names)
    return [f"{kind}/{name}" for kind in ("2d_images", "2d_masks") for name in names], images[order], masks[order]


def test_lung_slices(tmp_path):
    paths, images, masks = write_slices(tmp_path)
    prepare_lung_slices.prepare(tmp_path, paths, tmp_path)
    with np.load(tmp_path / "lung2d_256.npz") as made:
        arrays = dict(made)
    assert arrays["ids"].tolist() == [f"ID_{number:04d}_Z_0001" for number in range(3)]
    assert (arrays["images"].dtype, arrays["masks"].dtype) == (np.int16, np.uint8)
    assert arrays["images"].shape == arrays["masks"].shape == (3, 2, 3)
    for index in np.ndindex(3, 2, 3):
        n, row, column = index
        block = np.s_[n, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        assert arrays["images"][index] == round(images[block].sum() / 4)
        assert arrays["masks"][index] == (np.count_nonzero(masks[block]) >= 2)


def test_lung_slice_without_a_mask_or_of_another_size(tmp_path):
    paths, *_ = write_slices(tmp_path)
    Image.new("L", (8, 4)).save(tmp_path / paths[3])
    with pytest.raises(ValueError, match="same shape"):
        prepare_lung_slices.prepare(tmp_path, paths, tmp_path)
    (tmp_path / paths[3]).unlink()
    with pytest.raises(FileNotFoundError):
        prepare_lung_slices.prepare(tmp_path, paths, tmp_path)


METADATA = ["patientid", "view", "finding", "license", "doi", "url", "filename", "clinical_notes"]


@pytest.fixture
def radiographs(tmp_path, monkeypatch):
    """Two radiographs with masks, their table, and the shipped list of which mask is of which image."""
    source = tmp_path / "source"
    for folder in ("images", "masks"):
        (source / folder).mkdir(parents=True)
    Image.new("RGBA", (1000, 600), (9, 9, 9, 128)).save(source / "images" / "b%1.png")
    Image.new("L", (100, 200), 50).save(source / "images" / "a.png")
    wide = np.zeros((600, 1000), np.uint8)
    wide[:, :500] = 255
    wide[:300, 500:600] = 127
    Image.fromarray(wide).save(source / "masks" / "12.png")
    Image.new("L", (100, 200), 255).save(source / "masks" / "7.png")
    with (source / "metadata.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(METADATA)
        rows.writerow(["3", "PA", "COVID-19", "CC BY 4.0", "", "https://a, é", "b%1.png", "not copied"])
        rows.writerow(["5", "AP", "COVID-19", "CC BY-NC-SA", "10.1/2", "https://b", "a.png", ""])
        rows.writerow(["6", "L", "SARS", "none", "", "", "left out.png", ""])
    monkeypatch.setattr(resources, "root", lambda: tmp_path)
    (tmp_path / "data" / "splits").mkdir(parents=True)
    (tmp_path / "data" / "splits" / "chestxray-lungs.csv").write_text(
        "image,mask,split\na.png,7,test\nb%1.png,12,train\n"
    )
    (tmp_path / "made").mkdir()
    return source, ["images/a.png", "images/b%1.png", "masks/12.png", "masks/7.png", "metadata.csv"], tmp_path / "made"


def test_chestxray_lungs(radiographs):
    source, paths, made = radiographs
    prepare_chestxray_lungs.prepare(source, paths, made)
    with (made / "index.csv").open(newline="", encoding="utf-8") as stream:
        first, second = csv.DictReader(stream)
    assert list(first.values()) == [
        *("lung_000.png", "test", "5", "AP", "COVID-19", "100", "200", "100", "200", "1.0", "0.0"),
        *("CC BY-NC-SA", "10.1/2", "https://b", "a.png", "7"),
    ]
    assert list(second.values()) == [
        *("lung_001.png", "train", "3", "PA", "COVID-19", "1000", "600", "256", "154", "0.5", "0.05"),
        *("CC BY 4.0", "", "https://a, é", "b%1.png", "12"),
    ]
    for file, size, values in (("lung_000.png", (100, 200), (50, 50)), ("lung_001.png", (256, 154), (9, 9))):
        with Image.open(made / "images" / file) as image, Image.open(made / "masks" / file) as mask:
            assert image.mode == mask.mode == "L"
            assert image.size == mask.size == size
            assert image.getextrema() == values
    with Image.open(made / "masks" / "lung_001.png") as mask:
        reduced = np.asarray(mask)
    # Nearest neighbour: no value that was not there, and edges within a pixel of theirs.
    assert np.unique(reduced).tolist() == [0, 127, 255]
    assert (reduced[:, :127] == 255).all() and (reduced[:76, 129:153] == 127).all() and not reduced[78:, 129:].any()


@pytest.mark.parametrize("row", ["../../secret.png,7,test", "a.png,../../secret,test", "left out.png,7,test"])
def test_chestxray_lungs_reads_no_file_that_the_registry_does_not_list(radiographs, row):
    source, paths, made = radiographs
    (resources.root() / "data" / "splits" / "chestxray-lungs.csv").write_text(f"image,mask,split\n{row}\n")
    with pytest.raises(KeyError):
        prepare_chestxray_lungs.prepare(source, paths, made)
    assert not any((made / "images").iterdir())


def test_chestxray_lungs_with_the_mask_of_another(radiographs):
    source, paths, made = radiographs
    Image.new("L", (99, 200)).save(source / "masks" / "7.png")
    with pytest.raises(ValueError, match="its mask"):
        prepare_chestxray_lungs.prepare(source, paths, made)


def test_shipped_split_is_of_the_files_that_the_registry_lists():
    with (resources.root() / "data" / "splits" / "chestxray-lungs.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    source = datasets.get("chestxray-lungs-original").files
    assert {f"images/{row['image']}" for row in rows} | {f"masks/{row['mask']}.png" for row in rows} == {*source} - {
        "metadata.csv"
    }
    sizes = {split: sum(row["split"] == split for row in rows) for split in ("train", "val", "test")}
    assert sizes == {"train": 129, "val": 30, "test": 39} and sum(sizes.values()) == len(rows)
    assert len(datasets.get("chestxray-lungs").files) == 2 * len(rows) + 1


def digest(folder, content):
    (folder / "a.npz").write_bytes(content)
    return decoded.digest(dataclasses.replace(datasets.get("lung-slices"), files=dict.fromkeys(["a.npz"])), folder)


def packed(save=np.savez, **arrays):
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def test_digest_of_any_arrays_follows_every_part(tmp_path):
    arrays = {"images": np.arange(24, dtype=np.int16).reshape(2, 3, 4), "ids": np.array(["a", "bc"])}
    same = digest(tmp_path, packed(**arrays))
    assert digest(tmp_path, packed(np.savez_compressed, **dict(reversed(arrays.items())))) == same
    assert digest(tmp_path, packed(**arrays | {"images": np.asfortranarray(arrays["images"])})) == same
    others = [
        {"images": arrays["images"].astype(np.int32)},
        {"images": arrays["images"].reshape(2, 4, 3)},
        {"images": arrays["images"] + np.int16(1)},
        {"ids": np.array(["a", "bd"])},
        {"masks": np.zeros(2)},
    ]
    assert len({same, *(digest(tmp_path, packed(**arrays | other)) for other in others)}) == 6


def enlarged():
    """An array that declares a terabyte and holds four bytes."""
    stream, header = io.BytesIO(), io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.npy", header.getvalue() + bytes(4))
    return stream.getvalue()


def said_to_be_larger():
    """Two members that say to be four gigabytes each."""
    content = bytearray(packed(a=np.zeros(4, np.uint8), b=np.zeros(4, np.uint8)))
    for entry in re.finditer(rb"PK\x01\x02", bytes(content)):
        struct.pack_into("<I", content, entry.start() + 24, 2**32 - 16)
    return bytes(content)


CANNOT_BE_DECODED = {
    "empty": (b"", "not a zip file"),
    "cut": (b"PK\3\4", "not a zip file"),
    "without its end": (packed(a=np.zeros(4))[:-30], "not a zip file"),
    "pickled": (packed(a=np.array([{}], object)), "declared|[Oo]bject"),
    "a terabyte": (enlarged(), r"\(1000000000000,\) of uint8 declared, 4 bytes held"),
    "four gigabytes each": (said_to_be_larger(), "more than 4294967296 bytes"),
}


@pytest.mark.parametrize("name", CANNOT_BE_DECODED)
def test_arrays_that_cannot_be_decoded(tmp_path, name):
    content, reason = CANNOT_BE_DECODED[name]
    with pytest.raises(DataError, match=f"cannot be decoded .*({reason})"):
        digest(tmp_path, content)
