"""De-identification of DICOM images by the basic profile of PS3.15."""

from pathlib import Path

from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from medlib.errors import DataError, UsageError
from medlib.imaging import dicom_headers, dicom_series

_IMAGES = ("volume", "segmentation", "projection", "frames", "colour")
_PROFILE = ("113100", "DCM", "Basic Application Confidentiality Profile")


@dicom_headers.quiet
def deidentify(source: Path | str, target: Path | str, *, max_bytes: int = dicom_series.MAX_BYTES) -> tuple[str, ...]:
    """Write copies of the DICOM images of a folder from which the patient is not known by the header.

    Parameters
    ----------
    source : Path or str
        Folder, which is searched with the folders in it.
    target : Path or str
        New or empty folder. Copies are numbered in it, because names of files often name patients.
    max_bytes : int
        Largest size of a file.

    Returns
    -------
    tuple of str
        What is left to do: files that were left out, and files in whose pixels names may be burned in.

    Raises
    ------
    UsageError
        If the target has files in it, or the library that knows the profile is not installed.
    DataError
        If the source has no images, or one is damaged.

    Notes
    -----
    The Basic Application Level Confidentiality Profile of DICOM PS3.15, Annex E, as the library dicom-anonymizer has
    it from the standard, also for what is nested in sequences: names, dates, institutions, devices and comments are
    removed or replaced, private elements and overlays are removed, and UIDs are replaced, one for one, so that series
    stay together and references hold within one run. (0012,0062) says that it was done. Pixels are not looked at: a
    head can be recognised by its rendered face, and a burned-in name is only found if the header tells of it.

    Examples
    --------
    >>> import tempfile, pydicom.data
    >>> target = Path(tempfile.mkdtemp())
    >>> deidentify(pydicom.data.get_testdata_file("CT_small.dcm"), target)
    ('1 files may have names burned in, which no header denies, such as 000001.dcm; look at their pixels.',)
    """
    # Imported late, because it takes a second that a reader of images need not wait for.
    import dicomanonymizer

    target = Path(target)
    if target.is_dir() and any(target.iterdir()):
        raise UsageError(f"{target} is not empty; give a new folder.")
    found = dicom_series.find_series(source, max_bytes=max_bytes)
    images = list(dict.fromkeys(path for series in found if series.kind in _IMAGES for path in series.files))
    warnings = [
        f"{path.name} was left out: {series.kind}."
        for series in found
        if series.kind not in _IMAGES
        for path in series.files
    ]
    if not images:
        raise DataError(f"{source} has no DICOM images to de-identify: {'; '.join(warnings[:5])}")
    target.mkdir(parents=True, exist_ok=True)
    made, doubted = {}, {}
    for number, path in enumerate(images, 1):
        name = f"{number:06d}.dcm"
        try:
            dataset = dicom_headers.read_dataset(path, max_bytes)
            burned_in = str(dataset.get("BurnedInAnnotation") or "").upper()
            _fill_uids(dataset, path, made)
            _clean(dataset, dicomanonymizer)
            dataset.save_as(target / name, enforce_file_format=False)
        except (DataError, UsageError):
            raise
        # pydicom meets malformed values with errors of any type.
        except Exception as error:
            (target / name).unlink(missing_ok=True)
            raise DataError(f"{path} cannot be de-identified ({error}); leave it out, or restore it.") from error
        if burned_in != "NO":
            doubted.setdefault(burned_in == "YES", []).append(name)
    for certain, names in doubted.items():
        known = "have names burned into their pixels" if certain else "may have names burned in, which no header denies"
        warnings.append(f"{len(names)} files {known}, such as {names[0]}; look at their pixels.")
    return tuple(warnings)


def _fill_uids(dataset: Dataset, path: Path, made: dict) -> None:
    """Make up UIDs that are empty, which the library would take for one UID wherever it meets them."""
    number = str(dataset.get("SeriesNumber"))
    keys = {"SOPInstanceUID": path, "SeriesInstanceUID": (path.parent, number), "StudyInstanceUID": path.parent}
    for keyword, key in keys.items():
        if not dataset.get(keyword):
            setattr(dataset, keyword, made.setdefault((keyword, key), uid.generate_uid()))


def _clean(dataset: Dataset, dicomanonymizer) -> None:
    rules = dicomanonymizer.initialize_actions_2024b
    # The library applies its rules to the outermost elements alone.
    for nested in _nested(dataset):
        dicomanonymizer.anonymize_dataset(nested, base_rules_gen=lambda: _without_meta(rules()))
    dicomanonymizer.anonymize_dataset(dataset, base_rules_gen=lambda: _without_meta(rules()))
    dataset.file_meta = _meta(dataset)
    dataset.preamble = b"\0" * 128
    dataset.PatientIdentityRemoved = "YES"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = _PROFILE
    dataset.DeidentificationMethod = "PS3.15 Basic Profile"
    dataset.DeidentificationMethodCodeSequence = Sequence([code])


def _nested(dataset: Dataset) -> list[Dataset]:
    """Items of sequences, the innermost first."""
    found = []
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                found += [*_nested(item), item]
    return found


def _without_meta(rules: dict) -> dict:
    return {tag: action for tag, action in rules.items() if tag[0] != 2}


def _meta(dataset: Dataset):
    """Meta information of the file, with nothing of the old but how the pixels are written."""
    meta = type(dataset.file_meta)()
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID", "")
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return meta
