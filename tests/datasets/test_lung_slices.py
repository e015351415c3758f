"""Lung slices in an npz file: what is read, and what is refused before memory is taken."""

import contextlib
import io
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medlib import datasets
from medlib.datasets.lung_slices import read_lung_slices
from medlib.errors import DataError


def arrays(n=3, height=6, width=5):
    rng = np.random.default_rng(0)
    return {
        "images": rng.integers(-3000, 3000, (n, height, width)).astype(np.int16),
        "masks": rng.integers(0, 2, (n, height, width)).astype(np.uint8),
        "ids": np.array([f"ID_{number:04d}" for number in range(n)]),
    }


def write(path, found):
    np.savez_compressed(path, **found)
    return path


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(images=hnp.arrays(np.int16, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6)), data=st.data())
def test_what_was_written_is_read(tmp_path, images, data):
    masks = data.draw(hnp.arrays(np.uint8, images.shape, elements=st.integers(0, 1)))
    ids = data.draw(st.lists(st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=9),
                             min_size=len(images), max_size=len(images), unique=True))  # fmt: skip
    found = read_lung_slices(write(tmp_path / "set.npz", {"images": images, "masks": masks, "ids": np.array(ids)}))
    assert np.array_equal(found.images, images) and found.images.dtype == np.int16
    assert np.array_equal(found.masks, masks == 1) and found.masks.dtype == bool
    assert found.ids == tuple(ids) and len(found) == len(images)


def test_values_outside_of_the_scanner_are_kept_as_stored():
    found = read_lung_slices(datasets.locate("lung-slices-sample") / "lung2d_256.npz")
    assert found.images[:, 0, 0].tolist() == [-2000] * len(found)
    assert not found.masks[found.images < -1500].any()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"masks": None}, "once"),
        ({"ids": None}, "once"),
        ({"images": np.zeros((3, 6, 5), np.float32)}, "declares"),
        ({"images": np.zeros((3, 6, 5), np.int32)}, "declares"),
        ({"images": np.zeros((3, 6, 5), np.int8)}, "declares"),
        ({"masks": np.zeros((3, 6, 5), np.int8)}, "declares"),
        ({"ids": np.arange(3)}, "declares"),
        ({"ids": np.array(["x" * 65, "b", "c"])}, "declares"),
        ({"images": np.zeros((3, 6, 4), np.int16)}, "do not go together"),
        ({"images": np.zeros((3, 6), np.int16), "masks": np.zeros((3, 6), np.uint8)}, "do not go together"),
        ({"ids": np.array(["a", "b"])}, "do not go together"),
        ({"images": np.zeros((0, 6, 5), np.int16), "masks": np.zeros((0, 6, 5), np.uint8)}, "do not go together"),
        ({"masks": np.full((3, 6, 5), 255, np.uint8)}, "values up to 255"),
        ({"ids": np.array(["a", "b", "a"])}, "1 ids are there twice"),
    ],
)
def test_sets_that_are_none(tmp_path, change, reason):
    found = {name: array for name, array in (arrays() | change).items() if array is not None}
    with pytest.raises(DataError, match=reason):
        read_lung_slices(write(tmp_path / "set.npz", found))


def test_nothing_is_unpickled(tmp_path):
    ran = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return ran.touch, ()

    hostile = np.empty(3, object)
    hostile[:] = [Hostile()] * 3
    np.savez(tmp_path / "set.npz", **(arrays() | {"ids": hostile}))
    ran.unlink(missing_ok=True)
    with pytest.raises(DataError, match="declares|not a whole npz"):
        read_lung_slices(tmp_path / "set.npz")
    assert not ran.exists()


def test_header_that_promises_more_than_there_is(tmp_path):
    stream = io.BytesIO()
    header = {"descr": "<i2", "fortran_order": False, "shape": (10**9, 10**6, 10**3)}
    np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        archive.writestr("images.npy", stream.getvalue() + b"x" * 100)
        archive.writestr("masks.npy", b"")
        archive.writestr("ids.npy", b"")
    with pytest.raises(DataError, match="holds 100 bytes"):
        read_lung_slices(tmp_path / "set.npz")


def test_set_that_needs_more_memory_than_allowed(tmp_path):
    path = write(tmp_path / "set.npz", arrays())
    needed = 3 * 6 * 5 * (2 + 1) + 3 * 7 * 4
    assert len(read_lung_slices(path, maximum_bytes=needed)) == 3
    with pytest.raises(DataError, match="raise maximum_bytes"):
        read_lung_slices(path, maximum_bytes=needed - 1)


def test_array_that_is_there_twice(tmp_path):
    path = write(tmp_path / "set.npz", arrays())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("masks.npy", b"")
    with pytest.raises(DataError, match="once"):
        read_lung_slices(path)


def test_file_that_is_missing_or_something_else(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_lung_slices(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("lungs")
    with pytest.raises(DataError, match="not a whole npz"):
        read_lung_slices(tmp_path / "text.npz")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_bytes_are_read_right_or_refused(tmp_path, data):
    path = write(tmp_path / "set.npz", arrays())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content)
    with contextlib.suppress(DataError):
        found = read_lung_slices(path)
        assert found.images.shape == found.masks.shape and len(found.ids) == len(found)
