"""Volume files come back as they were written, lie where nibabel has them, or are refused with a reason."""

import gzip

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from scipy.spatial.transform import Rotation
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


OBLIQUE = np.eye(4)
OBLIQUE[:3] = np.column_stack(
    [Rotation.from_euler("xyz", [10, 20, -15], degrees=True).as_matrix() * [2, 3, 5], [1, 2, 3]]
)
LEFT_HANDED = OBLIQUE * [-1, 1, 1, 1]
MOVED = np.diag([1.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("sform", "qform", "doubt"),
    [
        (OBLIQUE, OBLIQUE, ""),
        (None, OBLIQUE, ""),
        (None, LEFT_HANDED, ""),
        (LEFT_HANDED, LEFT_HANDED, ""),
        # nibabel leaves pixdim at 1 mm here, as programs do that change the sform alone.
        (OBLIQUE, None, "2 x 3 x 5 mm apart by the affine, which was taken, but 1 x 1 x 1 by pixdim"),
        (LEFT_HANDED, None, "by pixdim"),
        (OBLIQUE, MOVED, "The sform was taken"),
        (MOVED, OBLIQUE, "The sform was taken"),
    ],
)
def test_a_nifti_file_lies_where_nibabel_has_it_also_if_it_contradicts_itself(tmp_path, sform, qform, doubt):
    path = written(tmp_path / "a.nii", sform=sform, qform=qform)
    volume = files.read_volume(path)
    np.testing.assert_allclose(volume.affine, nibabel.load(path).affine, atol=1e-5)
    assert (doubt in " ".join(volume.warnings)) and bool(volume.warnings) == bool(doubt)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000), ("micron", 0.001), ("mm", 1), ("unknown", 1)])
def test_other_units_become_mm(tmp_path, unit, factor, order):
    image = nibabel.Nifti1Image(np.zeros((4, 3, 2), np.int16), OBLIQUE, nibabel.Nifti1Header(endianness=order))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii.gz")
    np.testing.assert_allclose(files.read_volume(tmp_path / "a.nii.gz").affine[:3], factor * OBLIQUE[:3], rtol=1e-5)


@pytest.mark.parametrize(
    ("slope", "intercept", "value"),
    [
        (2, -1024, -1018),
        (-1, 0, -3),
        (0, 0, 3),
        (np.nan, np.nan, 3),
        (0, 5, None),
        (np.nan, 5, None),
        (1, np.inf, None),
    ],
)
def test_nifti_values_are_scaled_or_refused(tmp_path, slope, intercept, value):
    nibabel.save(nibabel.Nifti1Image(np.full((4, 3, 2), 3, np.int16), OBLIQUE), tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[112:120] = np.array([slope, intercept], "<f4").tobytes()
    (tmp_path / "a.nii").write_bytes(content)
    if value is None:
        with pytest.raises(DataError, match="slope"):
            files.read_volume(tmp_path / "a.nii")
    else:
        assert (files.read_volume(tmp_path / "a.nii").array == value).all()


GRID = "space directions: (-2,0,0) (0,3,0) (0,0.5,5)\nspace origin: (1,2,3)\n"


def nrrd(path, fields, type_="short", comment=""):
    text = f"NRRD0004\n{comment}type: {type_}\ndimension: 3\nsizes: 4 3 2\nencoding: raw\nendian: little\n{fields}\n"
    path.write_bytes(text.encode() + np.arange(24, dtype="<i2").tobytes())
    return path


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)),
        ("left-anterior-superior", (-1, 1, 1)),
        ("left-posterior-superior", (-1, -1, 1)),
    ],
)
def test_an_nrrd_file_lies_where_its_space_says(tmp_path, space, signs):
    """The grid is left-handed and sheared."""
    volume = files.read_volume(nrrd(tmp_path / "a.nrrd", f"space: {space}\n{GRID}"))
    x, y, z = 3, 2, 1
    expected = np.array(signs) * [1 - 2 * x, 2 + 3 * y + 0.5 * z, 3 + 5 * z]
    np.testing.assert_allclose((volume.affine @ [x, y, z, 1])[:3], expected)
    assert volume.array[z, y, x] == 23 and volume.warnings == ()


def test_what_a_text_header_leaves_open_is_told_or_refused(tmp_path):
    for fields in ("spacings: 2 3 5\n", f"space dimension: 3\n{GRID}", f"space: 3D-left-handed\n{GRID}"):
        [warning] = files.read_volume(nrrd(tmp_path / "a.nrrd", fields)).warnings
        assert "left and right are open" in warning
    [warning] = files.read_volume(nrrd(tmp_path / "b.nrrd", f'space: RAS\nspace units: "m" "m" "m"\n{GRID}')).warnings
    assert "taken for mm" in warning
    for old, new in (("(-2,0,0)", "(nan,nan,nan)"), ("origin: (1,2,3)", "origin: (nan,nan,nan)")):
        with pytest.raises(DataError, match="no numbers"):
            files.read_volume(nrrd(tmp_path / "c.nrrd", f"space: RAS\n{GRID.replace(old, new)}"))


META = "ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = 4 3 2\nElementType = MET_SHORT\n"


def meta_image(path, fields, named="LOCAL"):
    path.write_bytes(f"{META}{fields}ElementDataFile = {named}\n".encode() + np.arange(24, dtype="<i2").tobytes())
    return path


def test_a_metaimage_file_lies_where_its_matrix_says(tmp_path):
    """Along a row it goes to the back of the patient, and down a column to the right: LPS, an axis in a row."""
    fields = "ElementSpacing = 2 3 5\nOffset = 10 20 30\nTransformMatrix = 0 1 0 -1 0 0 0 0 1\n"
    volume = files.read_volume(meta_image(tmp_path / "a.mha", fields))
    np.testing.assert_allclose((volume.affine @ [3, 2, 1, 1])[:3], [-10 + 3 * 2, -20 - 2 * 3, 35])
    assert volume.array[1, 2, 3] == 23 and volume.spacing == (5, 3, 2) and volume.orientation == "PRS"
    [warning] = files.read_volume(meta_image(tmp_path / "b.mha", "DistanceUnits = um\n")).warnings
    assert "taken for mm" in warning
    for fields in ("ElementToIntensityFunctionSlope = 2\n", "HeaderSize = 7\n"):
        with pytest.raises(DataError, match="not read"):
            files.read_volume(meta_image(tmp_path / "c.mha", fields))


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


@pytest.mark.parametrize("ending", files.ENDINGS)
@pytest.mark.parametrize("share", [0.5, 0.9, 0.995])
def test_a_file_that_was_cut_off_is_refused(tmp_path, ending, share):
    values = np.random.default_rng(0).integers(1, 200, (20, 24, 16)).astype(np.uint8)
    files.write_volume(Volume(values, np.eye(4)), tmp_path / f"whole{ending}")
    content = (tmp_path / f"whole{ending}").read_bytes()
    path = tmp_path / f"cut{ending}"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match="restore it"):
        files.read_volume(path)


def test_a_compressed_file_that_is_whole_but_holds_too_little_is_refused(tmp_path):
    files.write_volume(Volume(np.ones((4, 5, 6), np.int16), np.eye(4)), tmp_path / "whole.nii")
    content = (tmp_path / "whole.nii").read_bytes()
    (tmp_path / "short.nii.gz").write_bytes(gzip.compress(content[:-7]))
    with pytest.raises(DataError, match="ends 7 bytes too early"):
        files.read_volume(tmp_path / "short.nii.gz")
    # The number of bits says less than the type; the type is what counts.
    content = content[:72] + (8).to_bytes(2, "little") + content[74:]
    (tmp_path / "lies.nii").write_bytes(content[:-100])
    with pytest.raises(DataError, match="ends 100 bytes too early"):
        files.read_volume(tmp_path / "lies.nii")


def test_a_damaged_checksum_is_refused(tmp_path):
    files.write_volume(Volume(np.ones((4, 5, 6), np.int16), np.eye(4)), tmp_path / "whole.nii.gz")
    content = bytearray((tmp_path / "whole.nii.gz").read_bytes())
    content[-6] ^= 1
    (tmp_path / "odd.nii.gz").write_bytes(content)
    with pytest.raises(DataError, match="restore it"):
        files.read_volume(tmp_path / "odd.nii.gz")


def test_other_files_are_never_read(tmp_path):
    (tmp_path / "secret.raw").write_bytes(bytes(8))
    header = "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = secret.raw\n"
    (tmp_path / "a.mha").write_text(header)
    text = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: secret.raw\n\n"
    (tmp_path / "b.nrrd").write_text(text)
    meta_image(tmp_path / "c.mha", "", "secret.raw\nElementDataFile = LOCAL")
    meta_image(tmp_path / "d.mha", "Comment =\nElementDataFile = LOCAL\n" + "Comment = x\n" * 100_000, "../secret.raw")
    nrrd(tmp_path / "e.nrrd", f"space: RAS\n{GRID}Data File: secret.raw\n", comment=f"# {'x' * 1000}\n" * 70)
    for name in ("a.mha", "b.nrrd", "c.mha", "d.mha", "e.nrrd"):
        with pytest.raises(DataError, match="another file"):
            files.read_volume(tmp_path / name)
    nrrd(tmp_path / "f.nrrd", f"space: RAS\n{GRID}Data File: secret.raw\n", comment=f"# {'x' * 1000}\n" * 1100)
    with pytest.raises(DataError, match="no header that ends"):
        files.read_volume(tmp_path / "f.nrrd")


def test_size_is_checked_before_anything_is_inflated(tmp_path):
    path = written(tmp_path / "a.nii", sform=np.eye(4))
    content = bytearray(path.read_bytes())
    content[42:48] = np.array([32767] * 3, "<i2").tobytes()
    (tmp_path / "bomb.nii.gz").write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(DataError, match="raise max_bytes"):
        files.read_volume(tmp_path / "bomb.nii.gz")
    with pytest.raises(DataError, match="raise max_bytes"):
        files.read_volume(path, max_bytes=100)
