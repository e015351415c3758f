"""Transform files are SimpleITK's, and what is no such file is refused."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from phantom_pairs import any_transform, body

from medlib.errors import DataError, UsageError
from medlib.imaging import transform_files, volumes, warping

POINTS = np.random.default_rng(1).uniform(-25, 25, (40, 3))


def test_round_trip_and_simpleitks_own_reader(tmp_path):
    transform, path = any_transform(np.random.default_rng(0)), tmp_path / "transform.tfm"
    transform_files.write_transform(transform, path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    back = transform_files.read_transform(path, fixed="baseline", moving="follow-up")
    assert (back.fixed, back.moving) == ("baseline", "follow-up")
    np.testing.assert_allclose(warping.map_points(back, POINTS), warping.map_points(transform, POINTS), atol=2e-4)
    pulled = sitk.Resample(volumes.to_sitk(body()), sitk.ReadTransform(str(path)))
    ours = warping.warp(body(), transform, body(), outside=0)
    np.testing.assert_allclose(ours.array, sitk.GetArrayFromImage(pulled), atol=0.02)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "transform.tfm"
    transform_files.write_transform(any_transform(np.random.default_rng(0)), path)
    before = path.read_bytes()

    def fail(transform, name):
        open(name, "w").close()
        raise RuntimeError("disk full")

    monkeypatch.setattr(sitk, "WriteTransform", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        transform_files.write_transform(any_transform(np.random.default_rng(1)), path)
    assert path.read_bytes() == before and [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kept", [0, 5, 300, 2000])
def test_a_file_that_was_cut_short(tmp_path, kept):
    path = tmp_path / "transform.tfm"
    transform_files.write_transform(any_transform(np.random.default_rng(0)), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match="no ITK transform|damaged|cut short"):
        transform_files.read_transform(path)


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "other.tfm").write_bytes(b"\x80\x04\x95pickle")
    with pytest.raises(DataError, match="is no ITK transform"):
        transform_files.read_transform(tmp_path / "other.tfm")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1))
def test_damaged_bytes_are_refused_or_make_a_transform(tmp_path, seed):
    """Nothing else comes out, and nothing hangs."""
    rng = np.random.default_rng(seed)
    transform_files.write_transform(any_transform(np.random.default_rng(0)), tmp_path / "transform.tfm")
    content = bytearray((tmp_path / "transform.tfm").read_bytes())
    for place in rng.integers(0, min(len(content), 3000), rng.integers(1, 6)):
        content[place] = rng.integers(0, 256)
    (tmp_path / "damaged.tfm").write_bytes(content)
    try:
        transform_files.read_transform(tmp_path / "damaged.tfm")
    except DataError as error:
        assert "damaged.tfm" in str(error)


def test_a_file_that_is_missing_or_too_large(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="is no file"):
        transform_files.read_transform(tmp_path / "none.tfm")
    transform_files.write_transform(any_transform(np.random.default_rng(0)), tmp_path / "transform.tfm")
    monkeypatch.setattr(transform_files, "_MAX_BYTES", 100)
    with pytest.raises(DataError, match="at most 100 are read"):
        transform_files.read_transform(tmp_path / "transform.tfm")


def test_splines_and_planes_in_a_file(tmp_path):
    spline = sitk.BSplineTransform(3)
    sitk.WriteTransform(spline, str(tmp_path / "spline.tfm"))
    with pytest.raises(DataError, match="spline.tfm: BSplineTransform is neither linear nor a displacement field"):
        transform_files.read_transform(tmp_path / "spline.tfm")
    sitk.WriteTransform(sitk.Euler2DTransform(), str(tmp_path / "plane.tfm"))
    with pytest.raises(DataError, match="plane.tfm: The transform is 2-D"):
        transform_files.read_transform(tmp_path / "plane.tfm")


def test_numbers_that_are_none(tmp_path):
    path = tmp_path / "nan.tfm"
    transform_files.write_transform(any_transform(np.random.default_rng(0)), path)
    lines = path.read_text().splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("Parameters:"))
    lines[first] = "Parameters: nan nan nan nan nan nan nan nan nan nan nan nan"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError):
        transform_files.read_transform(path)


def test_wrong_paths(tmp_path):
    with pytest.raises(UsageError, match=r"ends in '.h5'.*WriteTransform"):
        transform_files.read_transform(tmp_path / "transform.h5")
    with pytest.raises(UsageError, match="is no folder"):
        transform_files.write_transform(any_transform(np.random.default_rng(0)), tmp_path / "none" / "transform.tfm")
