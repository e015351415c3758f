"""Each file that pydicom bundles, the broken ones among them: what it is taken for, and what is read of it."""

from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
import SimpleITK as sitk

from medlib.errors import DataError
from medlib.imaging import dicom

FOLDER = Path(pydicom.data.get_testdata_file("CT_small.dcm")).parent
#: By the name of the file: its kind, and what its warning or its error says ("" where there is none).
EXPECTED = {
    "693_J2KI.dcm": ("volume", "494 voxels are padding"),
    "CT_small.dcm": ("volume", "one slice"),
    "J2K_pixelrep_mismatch.dcm": ("volume", "below vacuum"),
    "MR_small.dcm": ("volume", "one slice"),
    "MR_small_RLE.dcm": ("volume", "one slice"),
    "MR_small_bigendian.dcm": ("volume", "one slice"),
    "MR_small_expb.dcm": ("volume", "one slice"),
    "MR_small_implicit.dcm": ("volume", "one slice"),
    "MR_small_jp2klossless.dcm": ("volume", "one slice"),
    "MR_small_jpeg_ls_lossless.dcm": ("volume", "one slice"),
    "MR_small_padded.dcm": ("volume", "one slice"),
    "MR_truncated.dcm": ("volume error", "8130 bytes of pixels, but describes 8192"),
    "examples_overlay.dcm": ("volume", "one slice"),
    "JPEG-lossy.dcm": ("projection error", "cannot be decoded"),
    "JPGExtended.dcm": ("projection error", "cannot be decoded"),
    "JPEG2000.dcm": ("projection", ""),
    "JPEG2000-embedded-sequence-delimiter.dcm": ("projection error", "but frame 0 says"),
    "JPEGLSNearLossless_08.dcm": ("projection", ""),
    "JPEGLSNearLossless_16.dcm": ("projection", ""),
    "image_dfl.dcm": ("projection", ""),
    "liver_1frame.dcm": ("segmentation", "read_segmentation"),
    "liver_expb_1frame.dcm": ("segmentation", "read_segmentation"),
    "ExplVR_BigEndNoMeta.dcm": ("not DICOM", ""),
    "ExplVR_LitEndNoMeta.dcm": ("not an image", "RT Ion Plan"),
    "UN_sequence.dcm": ("not an image", "without pixels"),
    "badVR.dcm": ("damaged", "NumberOfFrames"),
    "empty_charset_LEI.dcm": ("not an image", "without pixels"),
    "meta_missing_tsyntax.dcm": ("damaged", "0 rows"),
    "nested_priv_SQ.dcm": ("damaged", "0 rows"),
    "no_meta.dcm": ("not DICOM", ""),
    "no_meta_group_length.dcm": ("not an image", "without pixels"),
    "priv_SQ.dcm": ("not an image", "without pixels"),
    "reportsi.dcm": ("not an image", "structured report"),
    "reportsi_with_empty_number_tags.dcm": ("not an image", "structured report"),
    "test-SR.dcm": ("not an image", "structured report"),
    "rtplan.dcm": ("not an image", "treatment plan"),
    "rtplan_truncated.dcm": ("not an image", "treatment plan"),
    "rtstruct.dcm": ("not an image", "RTSTRUCT"),
    "waveform_ecg.dcm": ("not an image", "read_dicom_ecg"),
    "GDCMJ2K_TextGBR.dcm": ("colour", ""),
    "ExplVR_BigEnd.dcm": ("colour", ""),
    "SC_rgb_jpeg.dcm": ("damaged", "its pixels are of an unknown type"),
}
PREFIXES = {"rtdose": ("not an image", "RTDOSE"), "SC_": ("colour", ""), "examples_": ("colour", "")}
# JPEG 2000 and the like are decoded by the same libraries; SimpleITK lets padding be.
PADDED = {"693_J2KI.dcm"}
FILES = sorted(path for path in FOLDER.glob("*.dcm") if path.is_file())


def expected_of(name):
    return EXPECTED.get(name) or next(value for prefix, value in PREFIXES.items() if name.startswith(prefix))


def by_simpleitk(path):
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path))).squeeze()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_bundled_file_is_read_right_or_refused(path):
    kind, text = expected_of(path.name)
    [series] = dicom.find_series(path)
    assert series.kind == kind.removesuffix(" error")
    if series.kind not in ("volume", "projection"):
        assert text in series.note and series.note
        with pytest.raises(DataError, match="no volume"):
            dicom.read_series(path)
        return
    read = dicom.read_series if series.kind == "volume" else dicom.read_image
    if kind.endswith("error"):
        with pytest.raises(DataError, match=text) as error:
            read(path)
        assert path.name in str(error.value)
        return
    image = read(path)
    assert text in " ".join(image.warnings)
    wrong = np.squeeze(image.array) != by_simpleitk(path)
    assert wrong.sum() == (494 if path.name in PADDED else 0)


def test_the_small_mr_is_the_same_in_every_syntax():
    plain = dicom.read_series(FOLDER / "MR_small.dcm").array
    for path in FOLDER.glob("MR_small_*.dcm"):
        np.testing.assert_array_equal(dicom.read_series(path).array, plain, err_msg=path.name)


def test_everything_else_in_the_folder_is_accounted_for():
    """With the series of the directory: CT, MR in three planes, and radiographs of which one polarity is inverted."""
    found = dicom.find_series(FOLDER)
    listed = {path for series in found for path in series.files}
    assert listed == {path for path in FOLDER.rglob("*") if path.is_file()}
    radiographs = [series.files[0] for series in found if series.modality == "CR"]
    assert len(radiographs) == 3
    for path in radiographs:
        assert pydicom.dcmread(path).PhotometricInterpretation == "MONOCHROME1"
        # SimpleITK inverts too.
        np.testing.assert_allclose(dicom.read_image(path).array, by_simpleitk(path), rtol=1e-6)
    kinds = {series.note for series in found for path in series.files if path.name.startswith("DICOMDIR")}
    assert kinds and all("DICOMDIR" in note for note in kinds)
