"""Lists of landmarks come back as they were written, lie where elastix says, and damaged ones are refused by line."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from medlib.errors import DataError, UsageError
from medlib.imaging import landmarks, volumes
from medlib.imaging.volumes import Volume

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def write(folder, text):
    path = folder / "points.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@settings(max_examples=60, deadline=None)
@given(points=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=20))
def test_points_come_back_without_a_difference(tmp_path_factory, points):
    path = tmp_path_factory.mktemp("points") / "points.txt"
    landmarks.write_points(np.reshape(points, (-1, 3)), path)
    found = landmarks.read_points(path)
    assert found.dtype == np.float64 and found.shape == (len(points), 3)
    np.testing.assert_array_equal(found, np.reshape(points, (-1, 3)))


@settings(max_examples=60, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.text("point index\n\r\t -+.0123456789eEnaf_", max_size=200)))
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path_factory, content):
    path = write(tmp_path_factory.mktemp("points"), content)
    try:
        found = landmarks.read_points(path)
    except DataError as error:
        assert str(path) in str(error)
    else:
        assert found.shape[1:] == (3,) and np.isfinite(found).all()


def test_points_are_those_of_simpleitk(tmp_path):
    """The place of a voxel by SimpleITK, written as elastix has it, is where the volume's affine puts the voxel."""
    affine = np.array([[0, -1.5, 0, 7], [0, 0, 2.0, -3], [-1.0, 0, 0, 11], [0, 0, 0, 1]])
    volume = Volume(np.zeros((5, 6, 7), np.int16), affine)
    index = (2, 4, 3)
    place = volumes.to_sitk(volume).TransformIndexToPhysicalPoint(index)
    path = write(tmp_path, "point\n1\n" + " ".join(map(str, place)))
    np.testing.assert_allclose(landmarks.read_points(path), [(affine @ [*index, 1])[:3]])
    landmarks.write_points([(affine @ [*index, 1])[:3]], path)
    np.testing.assert_allclose(np.loadtxt(path, skiprows=2), place)


def test_transform_of_simpleitk_takes_what_is_written(tmp_path):
    landmarks.write_points([[1.0, 2.0, 3.0]], tmp_path / "points.txt")
    point = np.loadtxt(tmp_path / "points.txt", skiprows=2)
    moved = sitk.TranslationTransform(3, (10.0, 0.0, 0.0)).TransformPoint(point.tolist())
    landmarks.write_points(np.array([moved]) * (-1, -1, 1), tmp_path / "points.txt")
    # Ten mm to the left.
    np.testing.assert_allclose(landmarks.read_points(tmp_path / "points.txt"), [[-9.0, 2.0, 3.0]])


@pytest.mark.parametrize("text", [
    "point\n2\n1 2 3\n4 5 6\n", "point\r\n2\r\n1 2 3\r\n4 5 6\r\n", "point\r2\r1 2 3\r4 5 6",
    " point \n\n 2\n\t1\t2  3\n\n4.0e0 +5 6.\n\n",
])  # fmt: skip
def test_ends_of_lines_and_space_do_not_matter(tmp_path, text):
    assert landmarks.read_points(write(tmp_path, text)).tolist() == [[-1, -2, 3], [-4, -5, 6]]


def test_list_of_no_points(tmp_path):
    assert landmarks.read_points(write(tmp_path, "point\n0\n")).shape == (0, 3)


FAULTS = {
    "": "line 1: expected 'point', got ''",
    "points\n1\n1 2 3\n": "line 1: expected 'point', got 'points'",
    "51\n1 2 3\n": "line 1: expected 'point', got '51'",
    "index\n1\n10 20 30\n": "line 1: the points are voxel indices.*TransformIndexToPhysicalPoint",
    "point\n": "line 2: expected the number of points, got ''",
    "point\n1 2 3\n": "line 2: expected the number of points, got '1 2 3'",
    "point\n-1\n": "line 2: expected the number of points, got '-1'",
    "point\n1.0\n1 2 3\n": "line 2: expected the number of points, got '1.0'",
    "point\n²\n1 2 3\n": "line 2: expected the number",
    "point\n99999999999\n1 2 3\n": "line 2: expected the number",
    "point\n2\n1 2 3\n": "line 2: 2 points are announced, but 1 follow",
    "point\n1\n1 2 3\n4 5 6\n": "line 2: 1 points are announced, but 2 follow",
    "point\n1\n1 2\n": "line 3: expected x, y and z, got 2 columns, '1 2'",
    "point\n1\n1 2 3 4\n": "line 3: expected x, y and z, got 4 columns",
    "point\n1\n1,2,3\n": "line 3: expected x, y and z, got 1 columns",
    "point\n2\n1 2 3\n\n1 two 3\n": "line 5: expected three finite numbers in mm, got '1 two 3'",
    "point\n1\n1 nan 3\n": "line 3: expected three finite",
    "point\n1\n1 2 inf\n": "line 3: expected three finite",
    "point\n1\n1 2 1e999\n": "line 3: expected three finite",
    "point\n1\n1 2 3_0\n": "line 3: expected three finite",
    "point\n1\n1 2 \x00\n": "line 3: expected three finite",
}


@pytest.mark.parametrize("text", FAULTS)
def test_damaged_list_is_refused_by_its_line(tmp_path, text):
    with pytest.raises(DataError, match=rf"points.txt, {FAULTS[text]}") as raised:
        landmarks.read_points(write(tmp_path, text))
    assert "; restore it from where it came." in str(raised.value) or "give them in mm" in str(raised.value)


def test_long_lines_are_not_repeated(tmp_path):
    with pytest.raises(DataError) as raised:
        landmarks.read_points(write(tmp_path, "point\n1\n" + "9" * 100_000))
    assert len(str(raised.value)) < 400


def test_no_file_is_read_that_is_none_or_too_large(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="points.txt is no file; check the path"):
        landmarks.read_points(tmp_path / "points.txt")
    with pytest.raises(DataError, match="cannot be read .*check the path"):
        landmarks.read_points(tmp_path)
    path = write(tmp_path, "point\n1\n1 2 3\n")
    monkeypatch.setattr(landmarks, "_MAX_BYTES", 10)
    with pytest.raises(DataError, match="larger than 10 bytes"):
        landmarks.read_points(path)


@pytest.mark.parametrize(("points", "message"), [
    ([1.0, 2.0, 3.0], r"shape \(3,\); accepted is \(n, 3\)"),
    ([[1.0, 2.0]], r"shape \(1, 2\); accepted"),
    ([[0.0, 0.0, 0.0], [1.0, np.nan, 3.0]], r"Point 1 is \[1.0, nan, 3.0\]"),
])  # fmt: skip
def test_what_are_no_points_is_not_written(tmp_path, points, message):
    with pytest.raises(UsageError, match=message):
        landmarks.write_points(points, tmp_path / "points.txt")
    assert not any(tmp_path.iterdir())


def test_folder_must_be_there(tmp_path):
    with pytest.raises(UsageError, match="nowhere does not exist; make it first"):
        landmarks.write_points(np.zeros((1, 3)), tmp_path / "nowhere" / "points.txt")
