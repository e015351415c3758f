"""Images with masks beside them: what is read, and what is refused by name."""

import csv
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from medlib import datasets, resources
from medlib.datasets.image_masks import IGNORE, read_image_masks
from medlib.errors import DataError, UsageError

LABELS = {0: 0, 127: IGNORE, 255: 1}


def grey(shape=(6, 8), seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def mask(shape=(6, 8), seed=0):
    return np.random.default_rng(seed).choice(np.array([0, 127, 255], np.uint8), shape)


def write(folder, name="one", image=None, drawn=None, suffix="png"):
    for part in ("images", "masks"):
        (folder / part).mkdir(exist_ok=True, parents=True)
    Image.fromarray(grey() if image is None else image).save(folder / "images" / f"{name}.{suffix}")
    Image.fromarray(mask() if drawn is None else drawn).save(folder / "masks" / f"{name}.png")
    return folder


def write_index(folder, rows, header=("file", "split", "patientid")):
    with (folder / "index.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


def read_with_index(folder, **options):
    return read_image_masks(
        folder, LABELS, index="index.csv", patient_column="patientid", split_column="split", **options
    )


# --- what is read ---


@settings(max_examples=20, deadline=None)
@given(
    pair=arrays.array_shapes(min_dims=2, max_dims=2, max_side=12).flatmap(
        lambda shape: st.tuples(
            arrays.arrays(np.uint8, shape),
            arrays.arrays(np.uint8, shape, elements=st.sampled_from([0, 127, 255])),
        )
    )
)
def test_what_was_written_is_read(tmp_path_factory, pair):
    image, drawn = pair
    folder = write(tmp_path_factory.mktemp("set"), image=image, drawn=drawn)
    (found,) = read_image_masks(folder, LABELS).images
    assert np.array_equal(found.image, image) and found.image.dtype == np.uint8
    assert (
        np.array_equal(found.mask, np.select([drawn == 127, drawn == 255], [IGNORE, 1]))
        and found.mask.dtype == np.uint8
    )
    assert (found.name, found.patient, found.split, found.columns) == ("one", "", "", {})


def test_table_gives_order_patient_split_and_columns(tmp_path):
    for name in ("a", "b", "c"):
        write(tmp_path, name)
    write_index(tmp_path, [("c.png", "test", "7b"), ("a.png", "train", "07")])
    found = read_with_index(tmp_path)
    assert [(image.name, image.patient, image.split) for image in found.images] == [
        ("c", "7b", "test"),
        ("a", "07", "train"),
    ]
    assert found.images[0].columns == {"file": "c.png", "split": "test", "patientid": "7b"}
    assert not found.faults and len(found) == 2


def test_folders_are_paired_by_stem_without_a_table(tmp_path):
    """The layout of COVID-SemiSeg: JPEG slices with two kinds of masks, one of them with a palette."""
    for number in (10, 9):
        write(tmp_path / "train", str(number), suffix="jpg")
        classes = Image.fromarray(np.array([[0, 1, 2, 1]] * 6, np.uint8).repeat(2, axis=1), mode="L").convert("P")
        classes.putdata(np.array([[0, 1, 2, 1]] * 6, np.uint8).repeat(2, axis=1).ravel().tolist())
        classes.putpalette([0, 0, 0, 255, 255, 255, 9, 9, 9])
        (tmp_path / "train" / "classes").mkdir(exist_ok=True)
        classes.save(tmp_path / "train" / "classes" / f"{number}.png")
    (tmp_path / "train" / "images" / "Thumbs.db").write_bytes(b"not an image")
    found = read_image_masks(tmp_path, {0: 0, 1: 1, 2: 2}, images="train/images", masks="train/classes")
    assert [image.name for image in found.images] == ["10", "9"]
    assert found.images[0].mask[0].tolist() == [0, 0, 1, 1, 2, 2, 1, 1]


def test_two_colours_are_0_and_255_and_colour_images_become_grey(tmp_path):
    write(tmp_path, image=np.dstack([grey()] * 3), drawn=mask() == 255)
    (found,) = read_image_masks(tmp_path, {0: 0, 255: 1}).images
    assert np.array_equal(found.image, grey())
    assert np.array_equal(found.mask, mask() == 255)


def test_sample_has_the_layout_of_the_real_set():
    folder = resources.root() / "data" / "samples" / "chestxray-lungs-sample"
    found = read_with_index(folder)
    entry = datasets.get("chestxray-lungs-sample")
    assert len(found) * 2 + 1 == len(entry.files)
    assert {image.split for image in found.images} == {"train", "val", "test"}


# --- what is refused, by name ---


def missing_mask(folder):
    (folder / "masks" / "bad.png").unlink()
    return "needs one mask bad.png"


def two_masks(folder):
    Image.fromarray(mask()).save(folder / "masks" / "bad.jpg")
    return "bad.jpg, bad.png"


def missing_image(folder):
    (folder / "images" / "bad.png").unlink()
    return "no such file"


def other_size(folder):
    Image.fromarray(mask((8, 6))).save(folder / "masks" / "bad.png")
    return "the mask is 6 x 8 pixels and the image 8 x 6"


def other_values(folder):
    drawn = mask()
    drawn[2, 3] = 254
    Image.fromarray(drawn).save(folder / "masks" / "bad.png")
    return r"\[254\]; labels are for 0, 127, 255"


def coloured_mask(folder):
    Image.fromarray(np.dstack([mask()] * 3)).save(folder / "masks" / "bad.png")
    return "mode RGB"


def sixteen_bits(folder):
    Image.fromarray(grey().astype(np.uint16) * 100).save(folder / "images" / "bad.png")
    return "convert to 8 bits"


def not_an_image(folder):
    (folder / "images" / "bad.png").write_text("<html>not found</html>")
    return "not a whole PNG or JPEG"


def another_format(folder):
    Image.fromarray(grey()).save(folder / "images" / "bad.png", format="TIFF")
    return "not a whole PNG or JPEG"


def cut_off(folder):
    path = folder / "images" / "bad.png"
    path.write_bytes(path.read_bytes()[:-30])
    return "not a whole PNG or JPEG"


def bomb(folder):
    """A PNG of 79 kB that holds 9000 x 9000 pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 9000, 9000, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(9001 * 9000))
    body = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    (folder / "images" / "bad.png").write_bytes(body)
    return "9000 x 9000, above 16777216 pixels"


FAULTS = [
    missing_mask,
    two_masks,
    missing_image,
    other_size,
    other_values,
    coloured_mask,
    sixteen_bits,
    not_an_image,
    another_format,
    cut_off,
    bomb,
]


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
def test_faulty_image_is_named_or_skipped(tmp_path, spoil):
    write(tmp_path, "good")
    write(tmp_path, "bad")
    reason = spoil(tmp_path)
    write_index(tmp_path, [("bad.png", "train", "1"), ("good.png", "train", "2")])
    with pytest.raises(DataError, match=rf"1 faulty images.*\n  bad.png: .*{reason}"):
        read_with_index(tmp_path)
    found = read_with_index(tmp_path, skip_faulty=True)
    assert [image.name for image in found.images] == ["good"]
    assert list(found.faults) == ["bad.png"]


def test_all_faulty_images_are_named_at_once(tmp_path):
    for name in ("one", "two", "three"):
        write(tmp_path, name)
    missing = [tmp_path / "masks" / f"{name}.png" for name in ("one", "three")]
    for path in missing:
        path.unlink()
    with pytest.raises(DataError, match="2 faulty images(.|\n)*one.png(.|\n)*three.png"):
        read_image_masks(tmp_path, LABELS)


@pytest.mark.parametrize("file", [
    "../secret.png", "x/../../secret.png", "/etc/passwd", r"..\secret.png", "C:secret.png", "", ".", "a\0.png"
])  # fmt: skip
def test_table_cannot_lead_out_of_the_folder(tmp_path, file):
    folder = write(tmp_path / "set")
    Image.fromarray(grey()).save(folder / "secret.png")
    write_index(folder, [(file, "train", "1"), ("one.png", "train", "2")])
    found = read_with_index(folder, skip_faulty=True)
    assert list(found.faults) == [file] and len(found) == 1
    assert "is no path below" in found.faults[file]


def test_links_in_the_folder_are_followed(tmp_path):
    """As in a mirror that links to the files of a store."""
    store, folder = write(tmp_path / "store"), tmp_path / "set"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
        (folder / part / "one.png").symlink_to(store / part / "one.png")
    assert np.array_equal(read_image_masks(folder, LABELS).images[0].image, grey())


def test_parts_and_table_stay_below_the_folder(tmp_path):
    folder = write(tmp_path / "set")
    write_index(tmp_path, [("one.png", "train", "1")])
    with pytest.raises(DataError, match="is no path below"):
        read_image_masks(folder, LABELS, index="../index.csv")
    with pytest.raises(DataError, match="is no path below"):
        read_image_masks(folder, LABELS, masks="../set/../..")


def test_same_name_twice_is_faulty(tmp_path):
    write(tmp_path)
    write(tmp_path, suffix="jpg")
    with pytest.raises(DataError, match="2 images of that name"):
        read_image_masks(tmp_path, LABELS)
    write_index(tmp_path, [("one.png", "train", "1"), ("one.png", "test", "1")])
    with pytest.raises(DataError, match="2 images of that name"):
        read_with_index(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no rows"),
        (b"file,split,patientid\n", "no rows"),
        (b"file,split\none.png,train\n", "no column patientid; it has file, split"),
        (b"file,split,patientid\none.png,train\n", "row 2 has more or fewer fields"),
        (b"file,split,patientid\none.png,train,1,2\n", "row 2 has more or fewer fields"),
        (b"file,split,patientid\n\xff.png,train,1\n", "not a CSV table in UTF-8"),
        (b'file,split,patientid\n"one.png,train,1\n', "not a CSV table in UTF-8"),
        (b"file,split,patientid\n" + b" " * 2**24, "bytes; a table of at most"),
    ],
)
def test_damaged_table_is_refused(tmp_path, text, reason):
    write(tmp_path)
    (tmp_path / "index.csv").write_bytes(text)
    with pytest.raises(DataError, match=reason):
        read_with_index(tmp_path)


def test_missing_table_folder_and_images_are_said(tmp_path):
    write(tmp_path)
    with pytest.raises(DataError, match="no such file; name the table"):
        read_with_index(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        read_image_masks(tmp_path, LABELS, masks="labels")
    (tmp_path / "images" / "one.png").unlink()
    with pytest.raises(DataError, match="no image in images"):
        read_image_masks(tmp_path, LABELS)


def test_nothing_left_is_refused_even_when_faulty_images_are_skipped(tmp_path):
    write(tmp_path)
    (tmp_path / "masks" / "one.png").unlink()
    with pytest.raises(DataError, match="no image in images that can be read; 1 are faulty"):
        read_image_masks(tmp_path, LABELS, skip_faulty=True)


@pytest.mark.parametrize("labels", [{}, {0: 0, 256: 1}, {0: -1}, {-1: 0}])
def test_labels_are_of_bytes(tmp_path, labels):
    with pytest.raises(UsageError, match="labels"):
        read_image_masks(write(tmp_path), labels)
