"""Series of known values and places come back as they were written, or are refused with a reason."""

import numpy as np
import pytest
import synthetic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless
from scipy.spatial.transform import Rotation

from medlib.errors import DataError
from medlib.imaging import dicom

HU = synthetic.values() - 1024
OBLIQUE = Rotation.from_euler("xyz", [25, -15, 40], degrees=True).as_matrix()[:, :2].T.ravel()


def place(volume, z, y, x):
    """mm in LPS, as DICOM has it."""
    return (np.diag([-1, -1, 1, 1]) @ volume.affine @ [x, y, z, 1])[:3]


@pytest.mark.parametrize("orientation", [synthetic.AXIAL, OBLIQUE, (-1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, -1)])
@pytest.mark.parametrize("backwards", [False, True])
def test_slices_are_sorted_by_position_along_the_normal(tmp_path, orientation, backwards):
    datasets = synthetic.series(orientation=orientation)[:: -1 if backwards else 1]
    volume = dicom.read_series(synthetic.write(datasets, tmp_path / "s"))
    np.testing.assert_array_equal(volume.array, HU)
    assert volume.array.dtype == np.int16 and volume.unit == "HU" and volume.modality == "CT"
    np.testing.assert_allclose(volume.spacing, (2.5, 0.7, 0.5))
    along, down = np.reshape(orientation, (2, 3))
    expected = np.array([-10, -20, 30]) + 3 * 0.5 * along + 5 * 0.7 * down + 4 * 2.5 * np.cross(along, down)
    np.testing.assert_allclose(place(volume, 4, 5, 3), expected, atol=1e-9)
    assert np.linalg.det(volume.affine[:3, :3]) > 0


def test_spacing_comes_from_positions_and_not_from_thickness(tmp_path):
    volume = dicom.read_series(synthetic.write(synthetic.series(spacing=1.25, SpacingBetweenSlices=7), tmp_path / "s"))
    assert volume.spacing[0] == 1.25


def test_one_missing_slice_is_found_and_named(tmp_path):
    datasets = synthetic.series(synthetic.values(8))
    del datasets[3]
    folder = synthetic.write(datasets, tmp_path / "s", [f"{number}.dcm" for number in range(7)])
    with pytest.raises(DataError, match=r"1 missing between 2\.dcm and 3\.dcm \(at 35 and 40 mm\)"):
        dicom.read_series(folder)
    volume = dicom.read_series(folder, accept_uneven=True)
    assert volume.array.shape[0] == 7 and "accepted" in " ".join(volume.warnings)


@pytest.mark.parametrize("missing", [1, 98])
def test_one_missing_slice_of_a_hundred_is_found(tmp_path, missing):
    datasets = synthetic.series(synthetic.values(100, 2, 2))
    del datasets[missing]
    with pytest.raises(DataError, match="1 missing"):
        dicom.read_series(synthetic.write(datasets, tmp_path / "s", [f"{number}" for number in range(99)]))


def test_uneven_slices_are_refused(tmp_path):
    datasets = synthetic.series()
    datasets[2].ImagePositionPatient = [-10, -20, 35.6]
    with pytest.raises(DataError, match="3.1 mm instead of 2.5"):
        dicom.read_series(synthetic.write(datasets, tmp_path / "s"))


def test_positions_rounded_to_a_decimal_are_accepted(tmp_path):
    datasets = synthetic.series(synthetic.values(9), spacing=1.25)
    for dataset in datasets:
        dataset.ImagePositionPatient = [round(float(number), 1) for number in dataset.ImagePositionPatient]
    volume = dicom.read_series(synthetic.write(datasets, tmp_path / "s"))
    assert volume.spacing[0] == pytest.approx(1.25) and "off an even spacing" in " ".join(volume.warnings)


def test_a_slice_aside_is_refused(tmp_path):
    datasets = synthetic.series()
    datasets[2].ImagePositionPatient = [-8, -20, 35]
    with pytest.raises(DataError, match="2 mm aside"):
        dicom.read_series(synthetic.write(datasets, tmp_path / "s"))


def test_a_tilted_gantry_makes_a_sheared_affine(tmp_path):
    volume = dicom.read_series(synthetic.write(synthetic.series(shift=(0, 0.5, 0)), tmp_path / "s"))
    assert volume.sheared and "tilt of 11.31 degrees" in " ".join(volume.warnings)
    np.testing.assert_allclose(place(volume, 4, 0, 0), (-10, -18, 40))


@pytest.mark.parametrize(
    ("places", "fault"),
    [
        ([(0, 0, 0), (50, 0, 0.001)], "lie at one place"),  # rounded by an oblique orientation
        ([(0, 0, 0), (0, 0, 0.002), (0, 0, 0.004)], "lie at one place"),  # a table that shakes between pictures
        ([(0, 0, 0), (50, 0, 1), (100, 0, 2)], "side by side"),
        ([(0, 0, 0), (50, 0, 0)], "side by side"),
    ],
)
def test_slices_that_are_no_stack_are_refused(tmp_path, places, fault):
    datasets = [synthetic.slice_dataset(synthetic.values()[0], position) for position in places]
    with pytest.raises(DataError, match=fault):
        dicom.read_series(synthetic.write(datasets, tmp_path / "s"))


def test_two_breaths_at_different_heights_are_told(tmp_path):
    first, second = (synthetic.series(start=(0, 0, z), AcquisitionNumber=z) for z in (1, 2))
    [warning] = dicom.read_series(synthetic.write(first + second, tmp_path / "s"), accept_uneven=True).warnings[1:]
    assert "AcquisitionNumber lie between each other" in warning
    above = synthetic.series(start=(-10, -20, 42.5), AcquisitionNumber=2)
    one_above_the_other = synthetic.write(synthetic.series(AcquisitionNumber=1) + above, tmp_path / "t")
    assert dicom.read_series(one_above_the_other).warnings == ()


def test_slices_without_a_scale_among_others_are_refused(tmp_path):
    datasets = synthetic.series(Modality="PT")
    del datasets[2].RescaleSlope, datasets[2].RescaleIntercept
    with pytest.raises(DataError, match="1 of 5 slices have no rescale slope"):
        dicom.read_series(synthetic.write(datasets, tmp_path / "s"))


def test_more_pixels_than_described_are_refused_or_told(tmp_path):
    """Frames that no number tells of, and bytes in the place of words, would be read as the image."""
    dataset = synthetic.slice_dataset(synthetic.values()[0], (0, 0, 0))
    dataset.PixelData = synthetic.values().tobytes()
    for name, datasets in {"s": [dataset], "t": synthetic.series(BitsAllocated=8, BitsStored=8, HighBit=7)}.items():
        with pytest.raises(DataError, match="its header is damaged"):
            dicom.read_series(synthetic.write(datasets, tmp_path / name))
    volume = dicom.read_series(synthetic.write(synthetic.series(Rows=5), tmp_path / "u"))
    np.testing.assert_array_equal(volume.array, HU[:, :5])
    assert "5 files have more pixels than they describe" in " ".join(volume.warnings)


def test_bytes_in_words_of_the_other_order_are_refused(tmp_path):
    stored = synthetic.values(2).astype(np.uint8)
    for name, content in {"OB": stored, "OW": stored.view("<u2").astype(">u2")}.items():
        for number, dataset in enumerate(synthetic.series(stored)):
            dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
            dataset.PixelData = content[number].tobytes()
            dataset["PixelData"].VR = name
            (tmp_path / name).mkdir(exist_ok=True)
            dataset.save_as(tmp_path / name / f"{number}.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(dicom.read_series(tmp_path / "OB").array, HU[:2])
    with pytest.raises(DataError, match="big endian"):
        dicom.read_series(tmp_path / "OW")


def test_copies_of_a_slice_are_left_out_and_others_at_its_place_refused(tmp_path):
    datasets = synthetic.series()
    datasets.append(synthetic.slice_dataset(synthetic.values()[2], (-10, -20, 35)))
    volume = dicom.read_series(synthetic.write(datasets, tmp_path / "s"))
    np.testing.assert_array_equal(volume.array, HU)
    assert "1 slices are copies" in " ".join(volume.warnings)
    datasets[-1].PixelData = bytes(len(datasets[-1].PixelData))
    with pytest.raises(DataError, match="lie at one place, but differ"):
        dicom.read_series(synthetic.write(datasets, tmp_path / "t"))


@pytest.mark.parametrize(
    ("keyword", "values"),
    [("EchoTime", (10.0, 80.0)), ("TemporalPositionIdentifier", (1, 2)), ("ImageType", (["ORIGINAL", "M"], ["P"]))],
)
def test_several_images_in_one_series_are_told_apart(tmp_path, keyword, values):
    first = synthetic.series(Modality="MR", **{keyword: values[0]})
    second = synthetic.series(synthetic.values() + 500, Modality="MR", **{keyword: values[1]})
    folder = synthetic.write(first + second, tmp_path / "s")
    found = dicom.find_series(folder)
    assert [series.shape for series in found] == [(5, 6, 4)] * 2 and all(keyword in series.note for series in found)
    means = sorted(dicom.read_series(series).array.mean() for series in found)
    assert means[1] - means[0] == 500
    with pytest.raises(DataError, match="There are 2 volumes"):
        dicom.read_series(folder)


def test_orientations_and_sizes_in_one_series_are_told_apart(tmp_path):
    datasets = synthetic.series() + synthetic.series(orientation=OBLIQUE) + synthetic.series(synthetic.values(3, 8, 8))
    found = dicom.find_series(synthetic.write(datasets, tmp_path / "s"))
    assert sorted(series.shape for series in found) == [(3, 8, 8), (5, 6, 4), (5, 6, 4)]


def test_series_without_uids_go_by_folder(tmp_path):
    for name in ("a", "b"):
        synthetic.write(synthetic.series(SeriesInstanceUID=None), tmp_path / name)
    found = dicom.find_series(tmp_path)
    assert [len(series.files) for series in found] == [5, 5] and "without" in found[0].note


def test_what_is_no_image_is_named(tmp_path):
    folder = synthetic.write(synthetic.series(), tmp_path / "s")
    (folder / "notes.txt").write_text("no DICOM")
    (folder / "empty").touch()
    (folder / "short.dcm").write_bytes((folder / "03-0.dcm").read_bytes()[:300])
    report = synthetic.slice_dataset(HU[0], (0, 0, 0), SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3", PixelData=None)
    synthetic.write([report], folder, ["contours.dcm"])
    kinds = {path.name: series.kind for series in dicom.find_series(folder)[1:] for path in series.files}
    assert kinds.pop("short.dcm") in ("damaged", "not an image")
    assert kinds == {"notes.txt": "not DICOM", "empty": "not DICOM", "contours.dcm": "not an image"}
    volume = dicom.read_series(folder)
    np.testing.assert_array_equal(volume.array, HU)
    assert "notes.txt" in " ".join(volume.warnings) or "empty" in " ".join(volume.warnings)
    with pytest.raises(DataError, match="RTSTRUCT"):
        dicom.read_series(folder / "contours.dcm")


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32])
@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (2, 5), (0.5, 0.25), (-1, 0), (1, 40000)])
def test_scales_are_applied_exactly(tmp_path, dtype, slope, intercept):
    limits = np.iinfo({np.int32: np.int16, np.uint32: np.uint16}.get(dtype, dtype))
    stored = np.array([[[limits.min, limits.max], [0, 1]]] * 2, dtype)
    datasets = synthetic.series(stored, RescaleSlope=slope, RescaleIntercept=intercept)
    volume = dicom.read_series(synthetic.write(datasets, tmp_path / "s"))
    exact = stored.astype(float) * slope + intercept
    fits = (
        float(slope).is_integer() and float(intercept).is_integer() and -(2**15) <= exact.min() <= exact.max() < 2**15
    )
    assert volume.array.dtype == (np.int16 if fits else np.float32)
    np.testing.assert_array_equal(volume.array, exact)


def test_each_slice_has_its_own_scale(tmp_path):
    datasets = synthetic.series(Modality="PT")
    for number, dataset in enumerate(datasets):
        dataset.RescaleSlope, dataset.RescaleIntercept = 1 + number / 4, 0
    volume = dicom.read_series(synthetic.write(datasets, tmp_path / "s"))
    expected = synthetic.values() * (1 + np.arange(5) / 4)[:, None, None]
    assert volume.array.dtype == np.float32 and volume.unit == ""
    np.testing.assert_allclose(volume.array, expected, rtol=1e-6)


@pytest.mark.parametrize("signed", [False, True])
def test_bits_beside_the_stored_are_cleared_and_the_sign_extended(tmp_path, signed):
    true = np.array([[[-5, 7], [2047, -2048]]] * 2) if signed else np.array([[[5, 7], [4095, 0]]] * 2)
    junk = ((true & 0xFFF) | 0xA000).astype(np.uint16)
    datasets = synthetic.series(junk, BitsStored=12, HighBit=11, PixelRepresentation=int(signed))
    volume = dicom.read_series(synthetic.write(datasets, tmp_path / "s"))
    np.testing.assert_array_equal(volume.array, true - 1024)
    shifted = synthetic.series(((true & 0xFFF) << 4 | 0x5).astype(np.uint16), BitsStored=12, HighBit=15,
                               PixelRepresentation=int(signed))  # fmt: skip
    np.testing.assert_array_equal(dicom.read_series(synthetic.write(shifted, tmp_path / "t")).array, true - 1024)
    for dataset in [*datasets, *shifted]:
        dataset.compress(RLELossless, generate_instance_uid=False)
    np.testing.assert_array_equal(dicom.read_series(synthetic.write(datasets, tmp_path / "u")).array, true - 1024)
    with pytest.raises(DataError, match="compressed pixels of 12 bits up to bit 15"):
        dicom.read_series(synthetic.write(shifted, tmp_path / "v"))


def test_padding_is_filled_and_told(tmp_path):
    stored = synthetic.values()
    stored[:, 0, 0], stored[:, 1, 1] = -2000, -1500
    folder = synthetic.write(synthetic.series(stored, PixelPaddingValue=-2000), tmp_path / "s")
    volume = dicom.read_series(folder)
    assert (volume.array[:, 0, 0] == -1024).all() and (volume.array[:, 1, 1] == -2524).all()
    assert "5 voxels are padding and were set to -1024." in volume.warnings
    assert (dicom.read_series(folder, fill=0.5).array[:, 0, 0] == 0.5).all()
    ranged = synthetic.series(stored, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1500)
    assert (dicom.read_series(synthetic.write(ranged, tmp_path / "t")).array[:, 1, 1] == -1024).all()


@pytest.mark.parametrize(
    ("dtype", "padding"), [(np.uint16, 63536), (np.int16, -2000), (np.uint8, 255), (np.int8, -128)]
)
def test_padding_has_the_sign_of_the_pixels(tmp_path, dtype, padding):
    stored = synthetic.values(2).astype(dtype)
    stored[:, 0, 0] = padding
    datasets = synthetic.series(stored, RescaleIntercept=0, Modality="MR")
    for dataset in datasets:
        # As scanners write it: two bytes, of the type of the pixels.
        dataset.add_new("PixelPaddingValue", "SS" if dataset.PixelRepresentation else "US", padding)
    volume = dicom.read_series(synthetic.write(datasets, tmp_path / "s"))
    assert (volume.array[:, 0, 0] == 0).all() and "2 voxels are padding" in " ".join(volume.warnings)
    np.testing.assert_array_equal(volume.array[:, 1:], stored[:, 1:])


def test_an_mr_that_says_ct_is_not_in_hounsfield_units(tmp_path):
    for name, changes in {
        "values": {"RescaleIntercept": 0},
        "header": {"EchoTime": 30.0},
        "type": {"RescaleType": "US"},
        "none": {"RescaleSlope": None, "RescaleIntercept": None},
    }.items():
        volume = dicom.read_series(synthetic.write(synthetic.series(**changes), tmp_path / name))
        assert volume.unit == "" and "cannot be trusted" in " ".join(volume.warnings), name


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"ImagePositionPatient": [np.nan, 0, 0]}, "position"),
        ({"ImagePositionPatient": None}, "position"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "orientation"),
        ({"PixelSpacing": [0.7, -0.5]}, "pixel spacing"),
        ({"PixelSpacing": None}, "pixel spacing"),
        ({"RescaleSlope": 0}, "slope"),
        ({"Rows": 7}, "cut short"),
        ({"BitsAllocated": 12}, "12 bits"),
        ({"BitsStored": 17}, "17 bits"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "colour"),
        ({"NumberOfFrames": -3}, "-3 frames"),
    ],
)
def test_headers_that_cannot_be_are_refused(tmp_path, changes, fault):
    with pytest.raises(DataError, match=fault):
        dicom.read_series(synthetic.write(synthetic.series(**changes), tmp_path / "s"))


def test_size_is_checked_before_anything_is_allocated(tmp_path):
    folder = synthetic.write(synthetic.series(), tmp_path / "s")
    with pytest.raises(DataError, match="max_bytes"):
        dicom.read_series(folder, max_bytes=5 * 6 * 4 * 6 - 1)
    assert dicom.read_series(folder, max_bytes=5000).array.shape == (5, 6, 4)
    huge = synthetic.write(synthetic.series(Rows=65535, Columns=65535), tmp_path / "huge")
    with pytest.raises(DataError, match="raise max_bytes"):
        dicom.read_series(huge)


def test_frames_are_sorted_by_position_and_scaled_each(tmp_path):
    stored, order = synthetic.values(), [3, 0, 4, 1, 2]
    rescale = {number: (1 + number / 2, number) for number in order}
    folder = synthetic.write(
        [synthetic.multi_frame(stored, order, orientation=OBLIQUE, rescale=rescale)], tmp_path / "s"
    )
    volume = dicom.read_series(folder)
    factors = np.arange(5)[:, None, None]
    np.testing.assert_allclose(volume.array, stored * (1 + factors / 2) + factors, rtol=1e-6)
    np.testing.assert_allclose(volume.spacing, (2.5, 0.7, 0.5))
    np.testing.assert_allclose(place(volume, 0, 0, 0), (-10, -20, 30))


def test_what_a_frame_says_of_itself_goes_before_what_all_share(tmp_path):
    dataset = synthetic.multi_frame(synthetic.values(), range(5))
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        measures = Dataset()
        measures.PixelSpacing = [0.6, 0.4]
        frame.PixelMeasuresSequence = Sequence([measures])
    assert dicom.read_series(synthetic.write([dataset], tmp_path / "s")).spacing == (2.5, 0.6, 0.4)


def test_two_volumes_whose_frames_alternate_in_one_file(tmp_path):
    stored = synthetic.values(10)
    dataset = synthetic.multi_frame(stored, range(10))
    for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        frame.PlanePositionSequence[0].ImagePositionPatient = [0, 0, 2.5 * (number // 2)]
        echo = Dataset()
        echo.EffectiveEchoTime = [10.0, 80.0][number % 2]
        frame.MREchoSequence = Sequence([echo])
    found = dicom.find_series(synthetic.write([dataset], tmp_path / "s"))
    assert [series.note for series in found] == ["EchoTime 10.0", "EchoTime 80.0"]
    for number, series in enumerate(found):
        np.testing.assert_array_equal(dicom.read_series(series).array, stored[number::2])


def test_frames_that_are_not_described_are_refused(tmp_path):
    dataset = synthetic.multi_frame(synthetic.values(), [0, 1, 2])
    dataset.PerFrameFunctionalGroupsSequence.pop()
    with pytest.raises(DataError, match="3 frames, but describes 2"):
        dicom.read_series(synthetic.write([dataset], tmp_path / "s"))


@pytest.mark.parametrize("axes", ["LPS", "RAS", "SPL"])
@pytest.mark.parametrize("fractional", [False, True])
def test_masks_lie_on_the_slices_at_their_position(tmp_path, axes, fractional):
    from medlib.imaging import volumes

    random = np.random.default_rng(0)
    masks = {label: random.random((5, 6, 4)) > 0.5 for label in ("liver", "spleen")}
    order = [("spleen", 3), ("liver", 4), ("liver", 0), ("spleen", 0), ("liver", 2)]
    seg = synthetic.segmentation(masks, order, OBLIQUE, fractional=fractional)
    synthetic.write([seg], tmp_path, ["seg.dcm"])
    image = dicom.read_series(synthetic.write(synthetic.series(orientation=OBLIQUE), tmp_path / "s"))
    reference = volumes.to_orientation(image, axes)
    found = dicom.read_segmentation(tmp_path / "seg.dcm", reference)
    for label, mask in found.items():
        expected = np.zeros((5, 6, 4))
        for name, number in order:
            if name == label:
                expected[number] = masks[label][number]
        turned = volumes.to_orientation(mask, image.orientation)
        np.testing.assert_array_equal(turned.array, expected)
        assert mask.array.dtype == (np.float32 if fractional else bool)
    assert list(found) == ["liver", "spleen"]


def test_masks_off_the_image_are_refused(tmp_path):
    seg = synthetic.segmentation({"a": np.ones((5, 6, 4))}, [("a", 4)])
    synthetic.write([seg], tmp_path, ["seg.dcm"])
    image = dicom.read_series(synthetic.write(synthetic.series(spacing=2.2), tmp_path / "s"))
    with pytest.raises(DataError, match="does not lie on the grid"):
        dicom.read_segmentation(tmp_path / "seg.dcm", image)
    short = dicom.read_series(synthetic.write(synthetic.series()[:4], tmp_path / "t"))
    with pytest.raises(DataError, match="outside of the image"):
        dicom.read_segmentation(tmp_path / "seg.dcm", short)
    with pytest.raises(DataError, match="no segmentation"):
        dicom.read_segmentation(next((tmp_path / "s").iterdir()), image)


def test_radiographs_are_bright_where_bone_is(tmp_path):
    stored = np.array([[0, 100], [4000, 4095]], np.uint16)
    plain = synthetic.slice_dataset(stored, (0, 0, 0), Modality="DX", BitsStored=12, HighBit=11, RescaleIntercept=0,
                                    ImagePositionPatient=None, ImageOrientationPatient=None, WindowCenter=2048,
                                    WindowWidth=4096)  # fmt: skip
    synthetic.write([plain], tmp_path, ["plain.dcm"])
    plain.PhotometricInterpretation = "MONOCHROME1"
    synthetic.write([plain], tmp_path, ["inverse.dcm"])
    image, inverse = (dicom.read_image(tmp_path / name) for name in ("plain.dcm", "inverse.dcm"))
    np.testing.assert_array_equal(image.array, stored)
    np.testing.assert_array_equal(inverse.array, 4095 - stored.astype(float))
    assert image.spacing == (0.7, 0.5) and image.modality == "DX"
    shown = dicom.read_image(tmp_path / "inverse.dcm", window=True).array
    np.testing.assert_allclose(shown, 1 - stored / 4095, atol=1e-6)
    [found] = [series for series in dicom.find_series(tmp_path / "plain.dcm")]
    assert found.kind == "projection" and found.shape == (2, 2)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (2, 100)])
def test_inversion_maps_the_range_that_a_file_can_store_onto_itself(tmp_path, signed, slope, intercept):
    lowest, highest = (-2048, 2047) if signed else (0, 4095)
    stored = np.array([[lowest, highest], [5, 7]], np.int16 if signed else np.uint16)
    plain = synthetic.slice_dataset(
        stored, (0, 0, 0), BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1", Modality="DX",
        RescaleSlope=slope, RescaleIntercept=intercept,
    )  # fmt: skip
    synthetic.write([plain], tmp_path, ["a.dcm"])
    mirrored = np.array([[highest, lowest], [lowest + highest - 5, lowest + highest - 7]])
    np.testing.assert_array_equal(dicom.read_image(tmp_path / "a.dcm").array, mirrored * slope + intercept)
    with pytest.raises(DataError, match="takes 96 bytes"):
        dicom.read_image(tmp_path / "a.dcm", max_bytes=95)


def test_deflated_files_are_inflated_no_further_than_allowed(tmp_path):
    dataset = synthetic.slice_dataset(np.zeros((512, 512), np.int16), (0, 0, 0))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    synthetic.write([dataset], tmp_path, ["a.dcm"])
    assert (tmp_path / "a.dcm").stat().st_size < 5000
    with pytest.raises(DataError, match="inflates to more than 100000 bytes"):
        dicom.read_image(tmp_path / "a.dcm", max_bytes=100_000)
    assert (dicom.read_image(tmp_path / "a.dcm").array == -1024).all()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(st.permutations(range(5)), st.tuples(*[st.floats(-180, 180)] * 3), st.floats(0.3, 8))
def test_any_order_and_orientation_gives_the_same_volume(tmp_path_factory, order, angles, spacing):
    orientation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()[:, :2].T.ravel()
    datasets = synthetic.series(orientation=orientation, spacing=spacing)
    folder = synthetic.write([datasets[number] for number in order], tmp_path_factory.mktemp("s"))
    volume = dicom.read_series(folder)
    np.testing.assert_array_equal(volume.array, HU)
    assert volume.spacing[0] == pytest.approx(spacing, rel=1e-6)
