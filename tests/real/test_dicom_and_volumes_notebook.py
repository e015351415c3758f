"""The notebook on reading DICOM and volumes, on the real series, radiographs and volume files."""

import pytest

REAL = {
    "dataset": "dicom",
    "target": "spleen",
    "radiographs": "chestxray-dicom",
    "mr": "brain-mri-volumes",
    "survey": ["dicom", "chestxray-dicom", "abdomen-ct", "brain-mri-volumes"],
}


@pytest.mark.real
def test_real_series_are_read_as_simpleitk_reads_them_and_odd_files_are_answered(run_on_real_data):
    metrics = run_on_real_data("reading/dicom_and_volumes", REAL, needs=REAL["survey"])
    assert metrics["max_difference_to_simpleitk"].value == 0
    assert metrics["max_difference_to_simpleitk"].n >= 40
    assert metrics["max_corner_distance"].value < 0.01
    # A CT whose slices are elsewhere, a slice in many encodings, and two files cut or merged on purpose are refused.
    assert metrics["volumes_read"].value > 0.9
    assert metrics["odd_files_answered"].value == 1
    assert metrics["syntaxes_identical"].value >= 8
    assert metrics["volume_error"].value < 0.1 < metrics["volume_error"].baseline
    assert metrics["place_error"].value < 0.1 < 100 < metrics["place_error"].baseline
    assert metrics["spurious_labels"].value == 0 < metrics["spurious_labels"].baseline
