"""The notebook on abdominal organs on two real patients, with one small network; and segmentations of a real series."""

import dataclasses

import highdicom
import numpy as np
import pytest

from medlib.imaging import dicom, files, volumes
from medlib.imaging.dicom_segmentation_writing import write_segmentation

SHORT = {
    "dataset": "abdomen-ct", "organs": ["liver", "spleen", "stomach", "aorta", "spine"], "spacing": [6.0, 6.0, 6.0],
    "slab": [0.75, 0.84], "patch": [8, 48, 48], "widths": [8, 16, 32], "n_networks": 1, "epochs": 4, "steps": 20,
    "atlas_iterations": 3,
}  # fmt: skip


@pytest.mark.real
def test_a_short_run_on_two_real_patients_learns_the_slab(run_on_real_data):
    metrics = run_on_real_data("abdominal_ct/organ_segmentation", SHORT, needs=["abdomen-ct", "dicom"])
    # Asserted on the held-out slab of the training patient: the test patient is not for development.
    assert metrics["validation_dice_mean"].value > 0.2
    # One test patient: nothing says how far others may be, and nothing may seem to.
    assert metrics["dice_mean"].n == 1 and metrics["dice_mean"].low is None
    # Two silver labels of one scan, by two runs of one program.
    assert metrics["silver_agreement_liver"].value == pytest.approx(0.981, abs=0.002)
    assert metrics["silver_agreement_aorta"].value == pytest.approx(0.888, abs=0.002)


@pytest.mark.real
@pytest.mark.parametrize("orientation", ["LPS", "RAS", "IPR"])
def test_silver_labels_of_a_real_series_come_back_as_a_dicom_segmentation(real_folder, tmp_path, orientation):
    folder = real_folder("dicom") / "ct-abdomen-jpeg2000"
    series = dicom.read_series(folder / "series")
    labels = files.read_volume(folder / "segmentation.nii.gz")
    wanted = {"spleen": 1, "kidney_right": 2, "liver": 5, "aorta": 52}
    kept = dataclasses.replace(labels, array=labels.array * np.isin(labels.array, list(wanted.values())))
    path = tmp_path / "organs.dcm"
    turned = volumes.to_orientation(kept, orientation)
    notes = write_segmentation(turned, folder / "series", path, labels=wanted, algorithm="silver", version="1")
    # The series was published without these; its slices have kept theirs in the preambles of the files.
    assert [note.split(",")[0] for note in notes] == [
        "left out", "the source has no SeriesInstanceUID", "the source has no StudyInstanceUID"
    ]  # fmt: skip
    found = dicom.read_segmentation(path, series)
    expected = volumes.to_orientation(labels, series.orientation)
    assert np.allclose(expected.affine, series.affine, atol=1e-3)
    assert list(found) == ["spleen", "liver", "aorta"]
    for name, mask in found.items():
        assert np.array_equal(mask.array, expected.array == wanted[name]), name
    peer = highdicom.seg.segread(path)
    assert [segment.SegmentLabel for segment in peer.SegmentSequence] == list(found)
    assert peer.FrameOfReferenceUID == "1.3.12.2.1107.5.1.4.60064.30000022120807274275100000041"
