"""Real series and odd files: values and places as SimpleITK has them, or a reason why not."""

import numpy as np
import pydicom.pixels
import pytest
import SimpleITK as sitk

from medlib.errors import DataError
from medlib.imaging import dicom, files

pytestmark = pytest.mark.real
SERIES = {
    "ct-abdomen-jpeg2000/series": ("HU", "without a SeriesInstanceUID"),
    "mr-brain-tumour-PGBM-003/T1post": ("", ""),
    "mr-brain-tumour-PGBM-003/FLAIR_registered": ("", ""),
    "mr-brain-tumour-PGBM-003/HippoCrop": ("", ""),
    "mr-coronal-small-wrong-modality": ("", "cannot be trusted"),
    "seg-reference-ct": ("HU", "167316 voxels are padding"),
}
SYNTAXES = {"1.2": 0, "1.2.2": 0, "1.2.1.99": 0, "1.2.5": 0, "80": 0, "57": 0, "70": 0, "90": 0, "81": 1, "91": 5}
ODD = {
    "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm": ("volume", "cannot be decoded"),
    "bad_sequence.dcm": ("volume", ""),
    "explicit_VR-UN.dcm": ("volume", ""),
    "JLSL_08_07_0_1F.dcm": ("projection", "6 or 7 bits"),
    "mlut_18.dcm": ("projection", ""),
    "vlut_04.dcm": ("projection", ""),
    "emri_small_jpeg_2k_lossless_too_short.dcm": ("frames", ""),
    "liver_nonbyte_aligned.dcm": ("segmentation", ""),
    "liver_rle.dcm": ("segmentation", ""),
    "parametric_map_float.dcm": ("damaged", "floating point"),
}


@pytest.fixture
def folder(real_folder):
    return real_folder("dicom")


def by_simpleitk(path):
    """Values, and the affine in RAS."""
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    if path.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
        image = reader.Execute()
    else:
        image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image), np.diag([-1, -1, 1, 1]) @ affine


@pytest.mark.parametrize("name", SERIES)
def test_series_agree_with_simpleitk(folder, name):
    unit, warning = SERIES[name]
    volume = dicom.read_series(folder / name)
    array, affine = by_simpleitk(folder / name)
    np.testing.assert_allclose(volume.affine, affine, atol=1e-6)
    padded = (volume.array != array) & (array == -3024)
    np.testing.assert_array_equal(volume.array[~padded], array[~padded])
    assert padded.sum() == (167316 if name == "seg-reference-ct" else 0)
    assert volume.unit == unit and volume.array.dtype == np.int16 and warning in " ".join(volume.warnings)


def test_one_slice_is_the_same_in_every_transfer_syntax(folder):
    paths = {path.stem.rpartition("1.2.840.10008.")[2]: path for path in (folder / "transfer-syntaxes").iterdir()}
    plain, _ = by_simpleitk(paths["1.2"])
    for ending, tolerance in SYNTAXES.items():
        path = paths.get(ending) or paths[f"1.2.4.{ending}"]
        array = dicom.read_series(path).array
        assert array.dtype == np.int16 and np.abs(array - plain).max() <= tolerance, path.name
        np.testing.assert_array_equal(array, by_simpleitk(path)[0])
    baseline = dicom.read_series(paths["1.2.4.50"]).array
    np.testing.assert_allclose(baseline, by_simpleitk(paths["1.2.4.50"])[0], rtol=1e-6)
    for ending in ("51", "53", "55"):
        with pytest.raises(DataError, match="cannot be decoded|not read"):
            dicom.read_series(paths[f"1.2.4.{ending}"])


def test_frames_of_an_enhanced_ct_are_sorted_along_their_normal(folder):
    """SimpleITK keeps the order of the file, and its third direction points the other way."""
    volume = dicom.read_series(folder / "multiframe/eCT_Supplemental.dcm")
    array, affine = by_simpleitk(folder / "multiframe/eCT_Supplemental.dcm")
    np.testing.assert_array_equal(volume.array, array[::-1])
    np.testing.assert_allclose(volume.affine @ [3, 4, 0, 1], affine @ [3, 4, 1, 1], atol=1e-6)
    assert volume.unit == "" and "'US'" in " ".join(volume.warnings)


def test_frames_without_a_place_are_no_volume(folder):
    for path in (folder / "multiframe").glob("emri*"):
        with pytest.raises(DataError, match="without a place"):
            dicom.read_series(path)


def test_the_segmentation_lies_on_the_liver(folder):
    image = dicom.read_series(folder / "seg-reference-ct")
    for name in ("multiframe/liver.dcm", "odd/liver_nonbyte_aligned.dcm"):
        [(label, mask)] = dicom.read_segmentation(folder / name, image).items()
        assert label == "Liver" and mask.array.sum(axis=(1, 2)).tolist() == [36233, 35645, 35220]
        assert 0 < np.median(image.array[mask.array]) < 200 and image.array.min() == -1024
    with pytest.raises(DataError, match="RLE"):
        dicom.read_segmentation(folder / "odd/liver_rle.dcm", image)


def test_the_segmentation_agrees_with_highdicom(folder):
    highdicom = pytest.importorskip("highdicom")
    image = dicom.read_series(folder / "seg-reference-ct")
    mask = dicom.read_segmentation(folder / "multiframe/liver.dcm", image)["Liver"]
    peer = highdicom.seg.segread(folder / "multiframe/liver.dcm").get_volume(combine_segments=False)
    # Its slices descend.
    np.testing.assert_array_equal(mask.array, peer.array[::-1, ..., 0].astype(bool))


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_read_right_or_refused(folder, name):
    kind, fault = ODD[name]
    path = folder / "odd" / name
    [series] = dicom.find_series(path)
    assert series.kind == kind
    if fault or kind in ("frames", "segmentation", "damaged"):
        with pytest.raises(DataError, match=fault or "no volume"):
            (dicom.read_image if kind == "projection" else dicom.read_series)(path)
        return
    image = dicom.read_series(path) if kind == "volume" else dicom.read_image(path)
    if name == "mlut_18.dcm":
        dataset = pydicom.dcmread(path)
        expected = pydicom.pixels.apply_modality_lut(dataset.pixel_array, dataset)
    else:
        expected = by_simpleitk(path)[0]
    np.testing.assert_array_equal(image.array.squeeze(), np.squeeze(expected))


def test_the_segmentation_file_lies_on_the_series(folder):
    """Its y direction is the other: by its affine, each structure is where the series has it."""
    from medlib.imaging import volumes

    image = dicom.read_series(folder / "ct-abdomen-jpeg2000/series")
    labels = files.read_volume(folder / "ct-abdomen-jpeg2000/segmentation.nii.gz")
    turned = volumes.to_orientation(labels, image.orientation)
    np.testing.assert_allclose(turned.affine, image.affine, atol=1e-3)
    assert np.median(image.array[turned.array > 0]) > np.median(image.array[turned.array == 0])
