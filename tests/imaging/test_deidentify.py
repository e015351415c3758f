"""Copies keep the volume and lose the patient."""

import numpy as np
import pydicom
import pytest
import synthetic
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from medlib.errors import DataError, UsageError
from medlib.imaging import deidentify, dicom

SECRETS = ("Doe^Jane", "PID-4711", "General Hospital", "Main Street 1", "Station 9", "Dr^House", "19700203", "private!")


def series_of_a_patient(**changes):
    datasets = synthetic.series(
        PatientName=SECRETS[0], PatientID=SECRETS[1], InstitutionName=SECRETS[2], InstitutionAddress=SECRETS[3],
        StationName=SECRETS[4], ReferringPhysicianName=SECRETS[5], PatientBirthDate=SECRETS[6], **changes,
    )  # fmt: skip
    for dataset in datasets:
        block = dataset.private_block(0x0011, "ACME", create=True)
        block.add_new(0x01, "LO", SECRETS[7])
        item, inner = Dataset(), Dataset()
        inner.OperatorsName = item.OperatorsName = SECRETS[5]
        item.CodeMeaning, item.PurposeOfReferenceCodeSequence = "kept", Sequence([inner])
        dataset.ProcedureCodeSequence = Sequence([item])
        dataset.preamble = SECRETS[0].encode().ljust(128)
    return datasets


def test_nothing_of_the_patient_is_left_and_nothing_of_the_image_is_lost(tmp_path):
    source = synthetic.write(series_of_a_patient(BurnedInAnnotation="NO"), tmp_path / "Doe")
    assert deidentify.deidentify(source, tmp_path / "out") == ()
    before, after = dicom.read_series(source), dicom.read_series(tmp_path / "out")
    np.testing.assert_array_equal(before.array, after.array)
    np.testing.assert_array_equal(before.affine, after.affine)
    copies = [pydicom.dcmread(path) for path in sorted((tmp_path / "out").iterdir())]
    for path in (tmp_path / "out").iterdir():
        content = path.read_bytes()
        assert not [secret for secret in SECRETS if secret.encode() in content] and b"1.2.3.4\0" not in content
    assert {copy.PatientIdentityRemoved for copy in copies} == {"YES"}
    assert len({copy.SeriesInstanceUID for copy in copies}) == 1 and len({copy.SOPInstanceUID for copy in copies}) == 5
    assert all(copy.SOPInstanceUID == copy.file_meta.MediaStorageSOPInstanceUID for copy in copies)


def test_empty_uids_are_made_up_apart(tmp_path):
    datasets = synthetic.series(SeriesInstanceUID="", StudyInstanceUID="")
    deidentify.deidentify(synthetic.write(datasets, tmp_path / "s"), tmp_path / "out")
    copies = [pydicom.dcmread(path) for path in (tmp_path / "out").iterdir()]
    assert len({copy.SeriesInstanceUID for copy in copies}) == 1
    assert copies[0].SeriesInstanceUID != copies[0].StudyInstanceUID


def test_what_is_left_to_do_is_told(tmp_path):
    source = synthetic.write(synthetic.series(BurnedInAnnotation="YES"), tmp_path / "s")
    (source / "letter.txt").write_text("Jane Doe")
    warnings = deidentify.deidentify(source, tmp_path / "out")
    assert "letter.txt was left out" in warnings[0] and "5 files have names burned into" in warnings[1]
    with pytest.raises(UsageError, match="not empty"):
        deidentify.deidentify(source, tmp_path / "out")
    with pytest.raises(DataError, match="no DICOM images"):
        deidentify.deidentify(source / "letter.txt", tmp_path / "none")
