"""Series of a DICOM folder: which files make up a volume, and what every other file is."""

import collections
import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from pydicom import uid

from medlib.errors import DataError
from medlib.imaging import dicom_headers, dicom_pixels, dicom_planes

#: Largest memory in bytes that reading may take, unless the caller says otherwise.
MAX_BYTES = 2**32
_SAME_DIRECTION = 1e-3  # difference of components of unit vectors
_OTHERS = {
    "1.2.840.10008.1.3.10": "a directory of other files (DICOMDIR): give their folder",
    "1.2.840.10008.5.1.4.1.1.481.2": "a dose (RTDOSE)",
    "1.2.840.10008.5.1.4.1.1.481.3": "a structure set of contours (RTSTRUCT)",
    "1.2.840.10008.5.1.4.1.1.481.5": "a treatment plan (RTPLAN)",
    "1.2.840.10008.5.1.4.1.1.66": "raw data",
}
_BY_PREFIX = {
    "1.2.840.10008.5.1.4.1.1.9.": "a waveform: medlib.datasets.read_dicom_ecg reads ECG",
    "1.2.840.10008.5.1.4.1.1.88.": "a structured report (SR)",
    "1.2.840.10008.5.1.4.1.1.104.": "an encapsulated document",
    "1.2.840.10008.5.1.4.1.1.11.": "a presentation state",
}


@dataclasses.dataclass(frozen=True)
class Series:
    """Files that belong together, or that are no images.

    Attributes
    ----------
    kind : {"volume", "segmentation", "projection", "frames", "colour", "not an image", "damaged", "not DICOM"}
        The first three are what :func:`read_series`, :func:`read_segmentation` and :func:`read_image` read.
    files : tuple of Path
        Sorted by name.
    modality : str
        As the header has it, such as "CT".
    description : str
        SeriesDescription of the first file.
    uid : str
        SeriesInstanceUID; "" if there is none.
    shape : tuple of int, or None
        (planes, rows, columns) of a volume, copies of slices included; (rows, columns) of a projection.
    note : str
        How it was told apart from others of the same UID, or why it cannot be read.
    """

    kind: str
    files: tuple[Path, ...]
    modality: str = ""
    description: str = ""
    uid: str = ""
    shape: tuple[int, ...] | None = None
    note: str = ""
    planes: tuple[dicom_planes.Plane, ...] = dataclasses.field(default=(), repr=False, compare=False)


@dicom_headers.quiet
def find_series(source: Path | str | Iterable[Path | str], *, max_bytes: int = MAX_BYTES) -> list[Series]:
    """List what a folder holds, from the headers alone.

    Parameters
    ----------
    source : Path or str, or iterable of them
        A folder, which is searched with the folders in it; a file; or several of either.
    max_bytes : int
        Most bytes of a file that are read, or inflated, in search of its pixels.

    Returns
    -------
    list of Series
        Each file is in one, or in several if it has many frames. Volumes come first, then what else are images, then
        what is not read, with the reason in ``note``.

    Raises
    ------
    DataError
        If there is no such folder, or it has no files.

    Notes
    -----
    Files of one SeriesInstanceUID are a volume if they have the same size, orientation, pixel spacing and frame of
    reference. Where several planes lie at one place, the first of the echo, the time of echo, the time in a dynamic
    series, the b-value, the image type, the acquisition and the like that tells them apart makes several volumes of
    them. Files without a UID go by folder, study and series number.

    Examples
    --------
    >>> import pydicom.data
    >>> [series] = find_series(pydicom.data.get_testdata_file("CT_small.dcm"))
    >>> series.kind, series.modality, series.shape
    ('volume', 'CT', (1, 128, 128))
    """
    groups, others = collections.defaultdict(list), []
    for path in _files(source):
        try:
            header = dicom_headers.read_header(path, max_bytes)
            kind, note, planes = _classify(header)
        except dicom_headers.NotDicomError as error:
            others.append(Series("not DICOM", (path,), note=str(error)))
            continue
        except DataError as error:
            others.append(Series("damaged", (path,), note=str(error)))
            continue
        for plane in planes:
            groups[_key(plane)].append(plane)
        if not planes:
            shape = (int(header.number("Rows")), int(header.number("Columns"))) if kind == "projection" else None
            others.append(_series(kind, [header], shape, note))
    volumes = [made for planes in groups.values() for made in _volumes(planes)]
    volumes.sort(key=lambda series: series.files)
    ranks = ("segmentation", "projection", "frames", "colour", "not an image", "damaged", "not DICOM")
    return volumes + sorted(others, key=lambda series: (ranks.index(series.kind), series.files))


def _files(source) -> list[Path]:
    if isinstance(source, str | os.PathLike):
        source = [source]
    files = []
    for path in map(Path, source):
        if not path.exists():
            raise DataError(f"{path} does not exist; give a folder, a file, or a list of files.")
        # Neither links that lead in a circle, nor pipes and devices, which would block.
        found = [path] if path.is_file() else path.rglob("*")
        files += sorted(inner for inner in found if inner.is_file())
    if not files:
        raise DataError("There are no files; give a folder with DICOM files in it.")
    return list(dict.fromkeys(files))


def _classify(header: dicom_headers.Header) -> tuple[str, str, list[dicom_planes.Plane]]:
    """Kind, note and planes of a file; it has planes if its kind is a volume."""
    sop_class = header.text("SOPClassUID")
    if sop_class == dicom_planes.SEGMENTATION:
        return "segmentation", "read_segmentation() reads it", []
    what = _OTHERS.get(sop_class) or next(
        (text for prefix, text in _BY_PREFIX.items() if sop_class.startswith(prefix)), None
    )
    if what is None and not header.pixel_keyword and not header.number("Rows"):
        what = f"{uid.UID(sop_class).name or 'of no known kind'}, without pixels"
    if what is not None:
        return "not an image", f"{header.path} is {what}.", []
    if dicom_pixels.is_coloured(header):
        return "colour", f"{header.path} is a colour image ({header.text('PhotometricInterpretation')}); not read.", []
    dicom_pixels.stored_dtype(header)
    planes = dicom_planes.planes_of(header)
    if not planes and dicom_planes.number_of_frames(header) > 1:
        return "frames", f"{header.path} has frames without a place in space, such as frames over time; not read.", []
    return ("volume" if planes else "projection"), "", planes


def _key(plane: dicom_planes.Plane) -> tuple:
    header = plane.header
    series = header.text("SeriesInstanceUID")
    # Some scanners and exporters leave UIDs empty.
    origin = () if series else (header.path.parent, header.text("StudyInstanceUID"), header.number("SeriesNumber"))
    spacing = tuple(float(f"{step:.4g}") for step in plane.spacing)
    size = header.number("Rows"), header.number("Columns")
    return series, origin, size, spacing, header.text("FrameOfReferenceUID"), header.text("Modality")


def _volumes(planes: list[dicom_planes.Plane]) -> list[Series]:
    """Volumes of planes with the same UID and size."""
    by_direction: list[list] = []
    for plane in planes:
        for group in by_direction:
            if np.allclose(plane.orientation, group[0].orientation, rtol=0, atol=_SAME_DIRECTION):
                group.append(plane)
                break
        else:
            by_direction.append([plane])
    made = []
    for group in by_direction:
        keyword, parts = _separate(group)
        notes = [] if planes[0].header.text("SeriesInstanceUID") else ["without a SeriesInstanceUID"]
        notes += ["one of several orientations"] if len(by_direction) > 1 else []
        for value, part in parts.items():
            note = "; ".join(notes + ([f"{keyword} {value}"] if keyword else []))
            header = part[0].header
            shape = len(part), int(header.number("Rows")), int(header.number("Columns"))
            made.append(_series("volume", [plane.header for plane in part], shape, note, tuple(part)))
    return made


def _separate(planes: list[dicom_planes.Plane]) -> tuple[str, dict]:
    """Split planes of which several lie at one place by what tells them apart, if anything does."""
    places = [tuple(np.round(plane.position, 3)) for plane in planes]
    most = max(collections.Counter(places).values())
    if most == 1:
        return "", {"": planes}
    for keyword in dicom_planes.SEPARATORS:
        parts = collections.defaultdict(list)
        for plane, place in zip(planes, places, strict=True):
            parts[str(plane.separators.get(keyword, ""))].append((plane, place))
        distinct = all(len({place for _, place in part}) == len(part) for part in parts.values())
        if len(parts) == most and distinct:
            return keyword, {value: [plane for plane, _ in part] for value, part in parts.items()}
    return "", {"": planes}


def _series(kind: str, headers: list, shape, note: str, planes: tuple = ()) -> Series:
    first = headers[0]
    files = tuple(sorted({header.path for header in headers}))
    description = first.text("SeriesDescription")
    return Series(
        kind, files, first.text("Modality"), description, first.text("SeriesInstanceUID"), shape, note, planes
    )
