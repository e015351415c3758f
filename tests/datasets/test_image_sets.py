"""Sets of images in the layout of MedMNIST: what is read, and what is refused before memory is taken."""

import contextlib
import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medlib.datasets.image_sets import read_medmnist
from medlib.errors import DataError, UsageError

NAMES = ("normal", "pneumonia")


def arrays(shape=(8, 8), n_labels=1):
    rng = np.random.default_rng(0)
    found = {}
    for part, n in (("train", 6), ("val", 3), ("test", 4)):
        found[f"{part}_images"] = rng.integers(0, 256, size=(n, *shape), dtype=np.uint8)
        found[f"{part}_labels"] = rng.integers(0, 2, size=(n, n_labels), dtype=np.uint8)
    return found


def write(path, found):
    np.savez_compressed(path, **found)
    return path


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3), (5, 6, 7), (5, 6, 7, 3)])
def test_what_was_written_is_read(tmp_path, shape):
    written = arrays(shape) | {f"{part}_row": np.arange(n, dtype=np.int32) for part, n in (("train", 6), ("test", 4))}
    found = read_medmnist(write(tmp_path / "set.npz", written), NAMES)
    for part, prefix in (("train", "train"), ("validation", "val"), ("test", "test")):
        images = getattr(found, part)
        assert np.array_equal(images.images, written[f"{prefix}_images"]) and images.images.dtype == np.uint8
        assert np.array_equal(images.labels, written[f"{prefix}_labels"][:, 0]) and images.labels.dtype == np.int64
        assert len(images) == len(images.images)
    assert found.train.columns["row"].tolist() == [0, 1, 2, 3, 4, 5] and not found.validation.columns
    assert found.class_names == NAMES


def test_several_labels_of_an_image(tmp_path):
    found = read_medmnist(write(tmp_path / "set.npz", arrays(n_labels=3)), ("a", "b", "c"))
    assert found.train.labels.shape == (6, 3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"val_images": None}, "without val_images"),
        ({"test_labels": None}, "without test_images or test_labels"),
        ({"train_labels": np.zeros((5, 1), np.uint8)}, "6 train_images, but"),
        ({"train_row": np.zeros(5, np.uint8)}, "6 train_images, but"),
        ({"train_labels": np.full((6, 1), 2, np.uint8)}, "do not go with 2 class names"),
        ({"train_labels": np.full((6, 1), -1, np.int8)}, "do not go with 2 class names"),
        ({"train_labels": np.zeros((6, 3), np.uint8)}, "do not go with 2 class names"),
        ({"train_images": np.zeros((6, 8, 8), np.int16)}, "not .* of uint8"),
        ({"train_images": np.zeros((6, 8), np.uint8)}, "not .* of uint8"),
        (
            {"train_images": np.zeros((0, 8, 8), np.uint8), "train_labels": np.zeros((0, 1), np.uint8)},
            "not .* of uint8",
        ),
        ({"train_images": np.zeros((6, 9, 9), np.uint8)}, "different shapes"),
        ({"train_labels": np.zeros((6, 1))}, "declares"),
    ],
)
def test_sets_that_are_none(tmp_path, change, reason):
    found = {name: array for name, array in (arrays() | change).items() if array is not None}
    with pytest.raises(DataError, match=reason):
        read_medmnist(write(tmp_path / "set.npz", found), NAMES)


def test_nothing_is_unpickled(tmp_path):
    ran = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return ran.touch, ()

    hostile = np.empty(6, object)
    hostile[:] = [Hostile()] * 6
    np.savez(tmp_path / "set.npz", **(arrays() | {"train_labels": hostile}))
    ran.unlink(missing_ok=True)
    with pytest.raises(DataError, match="declares|not a whole npz"):
        read_medmnist(tmp_path / "set.npz", NAMES)
    assert not ran.exists()
    (tmp_path / "set.npz").write_bytes(pickle.dumps([1]))
    with pytest.raises(DataError, match="not a whole npz"):
        read_medmnist(tmp_path / "set.npz", NAMES)


def npy(shape, data):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return stream.getvalue() + data


def test_header_that_promises_more_than_there_is(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        archive.writestr("train_images.npy", npy((10**9, 10**6, 10**3), b"x" * 100))
    with pytest.raises(DataError, match="holds 100 bytes"):
        read_medmnist(tmp_path / "set.npz", NAMES)


def test_set_that_needs_more_memory_than_allowed(tmp_path):
    path = write(tmp_path / "set.npz", arrays())
    with pytest.raises(DataError, match="raise maximum_bytes"):
        read_medmnist(path, NAMES, maximum_bytes=800)


def test_file_that_is_missing_and_names_that_are(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_medmnist(tmp_path / "none.npz", NAMES)
    with pytest.raises(UsageError, match="at least two"):
        read_medmnist(tmp_path / "none.npz", ("one",))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_bytes_are_read_right_or_refused(tmp_path, data):
    path = write(tmp_path / "set.npz", arrays())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content)
    with contextlib.suppress(DataError):
        found = read_medmnist(path, NAMES)
        assert found.train.images.dtype == np.uint8 and len(found.train.labels) == len(found.train.images)
