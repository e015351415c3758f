"""Volume files come back as they were written, lie where nibabel has them, or are refused with a reason."""

import gzip

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from test_volumes import any_volume

from medlib.errors import DataError, UsageError
from medlib.imaging import files
from medlib.imaging.volumes import Volume


@pytest.mark.parametrize("ending", files.ENDINGS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(volume=any_volume())
def test_writing_and_reading_changes_nothing(tmp_path, ending, volume):
    path = tmp_path / f"volume{ending}"
    files.write_volume(volume, path)
    back = files.read_volume(path, unit="HU", modality="CT")
    assert back.array.dtype == volume.array.dtype and back.unit == "HU" and back.modality == "CT"
    np.testing.assert_array_equal(back.array, volume.array)
    # NIfTI keeps its affine in float32.
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-3)


@given(volume=any_volume())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nibabel_sees_the_same(tmp_path, volume):
    files.write_volume(volume, tmp_path / "volume.nii.gz")
    peer = nibabel.load(tmp_path / "volume.nii.gz")
    np.testing.assert_allclose(peer.affine, volume.affine, atol=1e-3)
    np.testing.assert_array_equal(np.asarray(peer.dataobj).reshape(volume.array.shape[::-1]).T, volume.array)


def written(path, shape=(4, 3, 2), sform=None, qform=None):
    image = nibabel.Nifti1Image(np.zeros(shape, np.int16), None)
    image.set_sform(sform, 1 if sform is not None else 0)
    image.set_qform(qform, 1 if qform is not None else 0)
    nibabel.save(image, path)
    return path


def test_affines_that_disagree_are_told(tmp_path):
    moved = np.diag([1.0, 1.0, 2.0, 1.0])
    moved[0, 3] = 5
    plain = np.diag([1.0, 1.0, 2.0, 1.0])
    assert files.read_volume(written(tmp_path / "a.nii", sform=plain, qform=plain)).warnings == ()
    [warning] = files.read_volume(written(tmp_path / "b.nii", sform=plain, qform=moved)).warnings
    assert "5 mm apart" in warning
    [warning] = files.read_volume(written(tmp_path / "c.nii")).warnings
    assert "left and right are open" in warning


def test_what_is_no_volume_is_refused(tmp_path):
    plain = np.eye(4)
    assert files.read_volume(written(tmp_path / "a.nii", (4, 3, 2, 1), plain)).array.shape == (2, 3, 4)
    with pytest.raises(DataError, match="4 x 3 x 2 x 5"):
        files.read_volume(written(tmp_path / "b.nii", (4, 3, 2, 5), plain))
    with pytest.raises(DataError, match="accepted is one 3-D volume"):
        files.read_volume(written(tmp_path / "c.nii", (4, 3), plain))
    sitk.WriteImage(sitk.Image([4, 3], sitk.sitkUInt8), str(tmp_path / "d.mha"))
    with pytest.raises(DataError, match="4 x 3 voxels"):
        files.read_volume(tmp_path / "d.mha")
    for name, content in {"e.nii": b"", "f.nii.gz": b"\x1f\x8bno", "g.nrrd": b"NRRD0004\n", "h.mha": b"x"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError):
            files.read_volume(tmp_path / name)
    with pytest.raises(DataError, match="no file"):
        files.read_volume(tmp_path / "none.nii")
    with pytest.raises(DataError, match="ends in none"):
        files.read_volume(tmp_path / "a.png")
    with pytest.raises(UsageError, match="folder"):
        files.write_volume(Volume(np.ones((2, 2, 2)), np.eye(4)), tmp_path / "none" / "a.nii")


def test_other_files_are_never_read(tmp_path):
    (tmp_path / "secret.raw").write_bytes(bytes(8))
    header = "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = secret.raw\n"
    (tmp_path / "a.mha").write_text(header)
    text = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: secret.raw\n\n"
    (tmp_path / "b.nrrd").write_text(text)
    for name in ("a.mha", "b.nrrd"):
        with pytest.raises(DataError, match="another file"):
            files.read_volume(tmp_path / name)


def test_size_is_checked_before_anything_is_inflated(tmp_path):
    path = written(tmp_path / "a.nii", sform=np.eye(4))
    content = bytearray(path.read_bytes())
    content[42:48] = np.array([32767] * 3, "<i2").tobytes()
    (tmp_path / "bomb.nii.gz").write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(DataError, match="raise max_bytes"):
        files.read_volume(tmp_path / "bomb.nii.gz")
    with pytest.raises(DataError, match="raise max_bytes"):
        files.read_volume(path, max_bytes=100)
