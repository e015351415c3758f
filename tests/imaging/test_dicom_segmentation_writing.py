"""Masks that were written as DICOM segmentations come back, by our reader and by others, on the series they are of."""

import dataclasses
import itertools

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import synthetic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from medlib import resources
from medlib.errors import DataError, UsageError
from medlib.imaging import dicom, volumes
from medlib.imaging.dicom_segmentation_writing import write_segmentation
from medlib.imaging.segment_codes import ABNORMALITY, ANATOMY, CODES, Code, find

SERIES = resources.root() / "data" / "samples" / "ct-sample" / "series"
MADE = {"algorithm": "thresholds", "version": "1.2"}
OBLIQUE = tuple(Rotation.from_euler("xyz", [25, -15, 40], degrees=True).as_matrix()[:, :2].T.ravel())
ORIENTATIONS = ["".join(letters) for axes in itertools.permutations(("RL", "AP", "SI"))
                for letters in itertools.product(*axes)]  # fmt: skip


@pytest.fixture(scope="module")
def image():
    return dicom.read_series(SERIES)


@pytest.fixture(scope="module")
def truth(image):
    """Two masks of the phantom, of which none is symmetric in any way."""
    return dicom.read_segmentation(SERIES.parent / "segmentation.dcm", image)


@pytest.fixture(scope="module")
def written(truth, tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "seg.dcm"
    assert write_segmentation(truth, SERIES, path, description="for research", **MADE) == ()
    return path


def make_series(folder, **changes):
    synthetic.write(synthetic.series(**changes), folder)
    return dicom.read_series(folder)


def some_masks(image, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: dataclasses.replace(image, array=rng.random(image.array.shape) < 0.4) for name in ("liver", "left_kidney")
    }


def test_our_reader_gives_back_each_mask(written, image, truth):
    found = dicom.read_segmentation(written, image)
    assert list(found) == ["nodule", "liver"]
    for name, mask in found.items():
        assert np.array_equal(mask.array, truth[name].array)


def test_highdicom_and_its_geometry_agree(written, truth, image):
    peer = highdicom.seg.segread(written)
    volume = peer.get_volume(combine_segments=False)
    there = volumes.Volume(volume.array[..., 1].astype(bool), np.eye(4))
    # highdicom counts its axes (z, y, x), and leaves the slices at the ends out that have nothing.
    affine = np.diag([-1, -1, 1, 1]) @ volume.affine[:, [2, 1, 0, 3]]
    there = dataclasses.replace(there, affine=affine)
    for name, mask in (("liver", there), ("nodule", dataclasses.replace(there, array=volume.array[..., 0] > 0))):
        places = np.argwhere(mask.array)[:, ::-1] @ affine[:3, :3].T + affine[:3, 3]
        truly = np.argwhere(truth[name].array)[:, ::-1] @ image.affine[:3, :3].T + image.affine[:3, 3]
        # Voxels may come in another order, but at the same places.
        assert len(places) == len(truly)
        one, other = (points[np.lexsort(np.round(points, 1).T)] for points in (places, truly))
        np.testing.assert_allclose(one, other, atol=0.01)


def test_simpleitk_and_pydicom_read_the_same_pixels(written, truth):
    frames = sitk.GetArrayFromImage(sitk.ReadImage(str(written))) > 0
    dataset = pydicom.dcmread(written)
    assert np.array_equal(frames, dataset.pixel_array > 0)
    assert frames.sum() == sum(mask.array.sum() for mask in truth.values())


def test_header_refers_to_the_series_and_has_nobody_else(written, truth):
    made = pydicom.dcmread(written)
    source = [pydicom.dcmread(path) for path in sorted(SERIES.iterdir())]
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate", "FrameOfReferenceUID"):
        assert made[keyword].value == source[0][keyword].value
    assert made.SeriesInstanceUID not in {one.SeriesInstanceUID for one in source}
    assert (made.Modality, made.SegmentationType, made.ContentDescription) == ("SEG", "BINARY", "for research")
    by_place = {tuple(one.ImagePositionPatient): one.SOPInstanceUID for one in source}
    for frame in made.PerFrameFunctionalGroupsSequence:
        [derivation] = frame.DerivationImageSequence
        [reference] = derivation.SourceImageSequence
        # Names and instance numbers of the sample mislead: each frame must name the slice at its own place.
        place = tuple(frame.PlanePositionSequence[0].ImagePositionPatient)
        assert reference.ReferencedSOPInstanceUID == by_place[place]
    personal = {element.tag for element in source[0] if element.tag.group == 0x0010}
    assert {element.tag for element in made if element.tag.group == 0x0010} <= personal
    assert not any(element.tag.is_private for element in made)
    assert "PatientAddress" not in made and "InstitutionName" not in made


def test_segments_are_coded_and_say_what_made_them(written):
    nodule, liver = pydicom.dcmread(written).SegmentSequence
    for segment, value in ((nodule, "27925004"), (liver, "10200004")):
        assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == value
        assert segment.SegmentedPropertyTypeCodeSequence[0].CodingSchemeDesignator == "SCT"
        algorithm = segment.SegmentationAlgorithmIdentificationSequence[0]
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("thresholds", "1.2")
        assert segment.SegmentAlgorithmType == "AUTOMATIC"
    assert nodule.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
    assert liver.SegmentedPropertyCategoryCodeSequence[0].CodeValue == ANATOMY.value


def test_codes_are_those_of_the_dictionary_of_pydicom():
    from pydicom.sr.codedict import codes

    for code in CODES.values():
        words = "".join(word.capitalize() for word in code.meaning.split())
        known = getattr(codes.SCT, words)
        assert (known.value, known.meaning, known.scheme_designator) == code
    assert len({code.value for code in CODES.values()}) == len(CODES)
    categories = codes.cid7150
    known = (categories.AnatomicalStructure, categories.MorphologicallyAbnormalStructure)
    assert [(code.value, code.meaning) for code in (ANATOMY, ABNORMALITY)] == [(c.value, c.meaning) for c in known]
    sides = [find(f"{words}lung{end}")[1] for words, end in (("right ", ""), ("left ", ""), ("", "s"))]
    known = (codes.cid244.Right, codes.cid244.Left, codes.cid244.Bilateral)
    assert [(side.value, side.meaning) for side in sides] == [(c.value, c.meaning) for c in known]
    assert find("lung")[1] is None


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_masks_may_come_in_any_orientation(tmp_path, orientation):
    image = make_series(tmp_path / "series", orientation=OBLIQUE)
    masks = some_masks(image)
    turned = {name: volumes.to_orientation(mask, orientation) for name, mask in masks.items()}
    write_segmentation(turned, tmp_path / "series", tmp_path / "seg.dcm", **MADE)
    found = dicom.read_segmentation(tmp_path / "seg.dcm", image)
    for name, mask in masks.items():
        assert np.array_equal(found[name].array, mask.array), name


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.tuples(
        st.integers(2, 5), st.sampled_from([2, 4, 6]), st.sampled_from([4, 8, 12])
    ),  # frames of whole bytes
    n_segments=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_label_map_comes_back(tmp_path_factory, shape, n_segments, seed):
    folder = tmp_path_factory.mktemp("any")
    image = make_series(folder / "series", stored=synthetic.values(*shape))
    rng = np.random.default_rng(seed)
    array = rng.integers(0, n_segments + 1, shape).astype(np.uint8)
    array.ravel()[0] = 1
    labels = {name: number for number, name in enumerate(list(CODES)[:n_segments], start=1)}
    write_segmentation(
        dataclasses.replace(image, array=array), folder / "series", folder / "s.dcm", labels=labels, **MADE
    )
    found = dicom.read_segmentation(folder / "s.dcm", image)
    for name, number in labels.items():
        if (array == number).any():
            assert np.array_equal(found[name].array, array == number)
        else:
            assert name not in found


def test_masks_may_overlap(tmp_path, image, truth):
    both = {"liver": truth["liver"], "heart": truth["liver"]}
    write_segmentation(both, SERIES, tmp_path / "seg.dcm", **MADE)
    found = dicom.read_segmentation(tmp_path / "seg.dcm", image)
    assert np.array_equal(found["liver"].array, found["heart"].array) and found["heart"].array.any()


def test_sides_and_plurals_are_understood_and_own_codes_taken(tmp_path):
    image = make_series(tmp_path / "series")
    mask = dataclasses.replace(image, array=image.array > image.array.mean())
    own = {"lesion 7": Code("52988006", "Lesion")}
    names = ["kidney_left", "right kidney", "lungs", "lesion 7"]
    write_segmentation(dict.fromkeys(names, mask), tmp_path / "series", tmp_path / "seg.dcm", codes=own, **MADE)
    coded = []
    for segment in pydicom.dcmread(tmp_path / "seg.dcm").SegmentSequence:
        [kind] = segment.SegmentedPropertyTypeCodeSequence
        side = kind.get("SegmentedPropertyTypeModifierCodeSequence")
        coded.append((segment.SegmentLabel, kind.CodeMeaning, side and side[0].CodeMeaning))
    expected = [("Kidney", "Left"), ("Kidney", "Right"), ("Lung", "Bilateral"), ("Lesion", None)]
    assert coded == [(name, *rest) for name, rest in zip(names, expected, strict=True)]


def test_an_empty_segment_is_left_out_and_said(tmp_path, image, truth):
    none = dataclasses.replace(image, array=np.zeros(image.array.shape, bool))
    notes = write_segmentation({"spleen": none, "liver": truth["liver"]}, SERIES, tmp_path / "seg.dcm", **MADE)
    assert notes == ("left out, since empty: spleen",)
    assert list(dicom.read_segmentation(tmp_path / "seg.dcm", image)) == ["liver"]
    with pytest.raises(DataError, match="All masks are empty"):
        write_segmentation({"spleen": none}, SERIES, tmp_path / "none.dcm", **MADE)
    assert not (tmp_path / "none.dcm").exists()


def test_identifiers_that_the_source_has_lost_are_found_or_made(tmp_path):
    datasets = synthetic.series()
    kept = {tuple(one.ImagePositionPatient): one.SOPInstanceUID for one in datasets}
    synthetic.write(datasets, tmp_path / "series")
    for path in (tmp_path / "series").iterdir():
        dataset = pydicom.dcmread(path)
        dataset.SOPInstanceUID = dataset.SOPClassUID = dataset.StudyInstanceUID = dataset.SeriesInstanceUID = ""
        del dataset.StudyID, dataset.PatientSex
        dataset.save_as(path)
    image = dicom.read_series(tmp_path / "series")
    notes = write_segmentation(some_masks(image), tmp_path / "series", tmp_path / "seg.dcm", **MADE)
    assert len(notes) == 2 and "no SeriesInstanceUID" in notes[0] and "no StudyInstanceUID" in notes[1]
    for frame in pydicom.dcmread(tmp_path / "seg.dcm").PerFrameFunctionalGroupsSequence:
        uid = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        assert uid == kept[tuple(frame.PlanePositionSequence[0].ImagePositionPatient)]


def moved(mask, shift):
    affine = mask.affine.copy()
    affine[:3, 3] += mask.affine[:3, :3] @ shift
    return dataclasses.replace(mask, affine=affine)


@pytest.mark.parametrize("spoil", [
    lambda mask: dataclasses.replace(mask, array=mask.array[:-1]),
    lambda mask: moved(mask, (0.5, 0, 0)),
    lambda mask: moved(mask, (0, 0.3, 0)),
    lambda mask: moved(mask, (0, 0, 1)),
    lambda mask: volumes.resample(mask, (2, 2, 2), labels=True),
    lambda mask: dataclasses.replace(mask, array=np.pad(mask.array, ((0, 0), (0, 1), (0, 0)))),
])  # fmt: skip
def test_a_mask_on_another_grid_is_refused_by_name(tmp_path, truth, spoil):
    with pytest.raises(DataError, match="The mask 'liver' has shape .* resample"):
        write_segmentation({"nodule": truth["nodule"], "liver": spoil(truth["liver"])}, SERIES, tmp_path / "s", **MADE)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(("change", "message"), [
    ({"masks": {}}, "no masks"),
    ({"labels": {"liver": 1}}, "labels goes with a label map"),
    ({"algorithm": ""}, "algorithm is ''"),
    ({"version": "v" * 65}, "64 characters"),
    ({"description": "a\\b"}, "backslash"),
    ({"path": "/nowhere/at/all.dcm"}, "does not exist"),
])  # fmt: skip
def test_wrong_arguments_are_refused(tmp_path, truth, change, message):
    given_ = {"masks": truth, "series": SERIES, "path": tmp_path / "seg.dcm", **MADE} | change
    with pytest.raises(UsageError, match=message):
        write_segmentation(**given_)


def test_names_and_numbers_that_nobody_knows_are_refused(tmp_path, image, truth):
    with pytest.raises(UsageError, match="no code for the segment 'left left lung'"):
        write_segmentation({"left left lung": truth["liver"]}, SERIES, tmp_path / "s", **MADE)
    label_map = dataclasses.replace(image, array=truth["liver"].array * np.uint8(3))
    with pytest.raises(UsageError, match=r"numbers \[3\] beside"):
        write_segmentation(label_map, SERIES, tmp_path / "s", labels={"liver": 1}, **MADE)
    with pytest.raises(UsageError, match="labels goes with"):
        write_segmentation(label_map, SERIES, tmp_path / "s", **MADE)
    with pytest.raises(DataError, match="other values than 0 and 1"):
        write_segmentation({"liver": label_map}, SERIES, tmp_path / "s", **MADE)


def test_a_series_that_is_not_one_volume_of_slices_is_refused(tmp_path):
    image = make_series(tmp_path / "two" / "a", SeriesInstanceUID="1.2.7")
    make_series(tmp_path / "two" / "b", SeriesInstanceUID="1.2.8")
    with pytest.raises(DataError, match="There are 2 volumes"):
        write_segmentation(some_masks(image), tmp_path / "two", tmp_path / "s", **MADE)
    frames = synthetic.multi_frame(synthetic.values().astype(np.uint16), range(5))
    synthetic.write([frames], tmp_path / "frames")
    with pytest.raises(DataError, match="one slice each"):
        write_segmentation(some_masks(image), tmp_path / "frames", tmp_path / "s", **MADE)
    datasets = synthetic.series()
    for dataset in datasets:
        del dataset.FrameOfReferenceUID
    synthetic.write(datasets, tmp_path / "frameless")
    with pytest.raises(DataError, match="FrameOfReferenceUID"):
        write_segmentation(some_masks(image), tmp_path / "frameless", tmp_path / "s", **MADE)
