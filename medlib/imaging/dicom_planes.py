"""Planes of DICOM files: each frame with its place in the patient and the scale of its values."""

import dataclasses

import numpy as np

from medlib.errors import DataError
from medlib.imaging import dicom_headers

#: What may tell apart planes at one place in a series, in the order in which it is tried.
SEPARATORS = (
    "EchoNumbers",
    "EchoTime",
    "TemporalPositionIdentifier",
    "DiffusionBValue",
    "ImageType",
    "AcquisitionNumber",
    "TriggerTime",
    "StackID",
    "InversionTime",
)
_LARGEST_FRAMES = 2**20
_ENHANCED = {
    "1.2.840.10008.5.1.4.1.1.2.1": "enhanced CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "legacy enhanced CT",
    "1.2.840.10008.5.1.4.1.1.4.1": "enhanced MR",
    "1.2.840.10008.5.1.4.1.1.4.4": "legacy enhanced MR",
    "1.2.840.10008.5.1.4.1.1.128.1": "legacy enhanced PET",
    "1.2.840.10008.5.1.4.1.1.130": "enhanced PET",
}
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"


@dataclasses.dataclass(frozen=True, slots=True)
class Plane:
    """One frame: a slice of a volume."""

    header: dicom_headers.Header
    frame: int  # counted from 0 in its file
    position: tuple[float, float, float]  # mm, of the centre of the first pixel, in LPS
    orientation: tuple[float, ...]  # two unit vectors in LPS: along a row, and down a column
    spacing: tuple[float, float]  # mm, between rows and between columns
    thickness: float | None  # mm
    slope: float | None  # None where the file does not say
    intercept: float | None
    rescale_type: str
    separators: dict[str, object]


def planes_of(header: dicom_headers.Header) -> list[Plane]:
    """Find the planes of a file.

    Parameters
    ----------
    header : Header
        Of a file with one frame, or of an enhanced file with many (PS3.3, C.7.6.16).

    Returns
    -------
    list of Plane
        In the order of the file; empty if the frames have no place in the patient, as projections have none.

    Raises
    ------
    DataError
        If the frames have a place, but one that cannot be: missing or infinite numbers, directions that are not
        unit vectors at right angles, or distances of pixels that are not above 0.

    Examples
    --------
    >>> import pathlib, pydicom.data
    >>> path = pathlib.Path(pydicom.data.get_testdata_file("CT_small.dcm"))
    >>> [plane] = planes_of(dicom_headers.read_header(path, max_bytes=2**20))
    >>> plane.position, plane.intercept
    ((-158.135803, -179.035797, -75.699997), -1024.0)
    """
    n_frames = number_of_frames(header)
    if header.sequences is not None and "PerFrameFunctionalGroupsSequence" in header.sequences:
        return _enhanced_planes(header, n_frames)
    scout = header.text("Modality") == "CT" and "LOCALIZER" in header.text("ImageType")
    place = header.numbers("ImagePositionPatient"), header.numbers("ImageOrientationPatient")
    if n_frames > 1 or scout or not any(place):
        return []
    separators = {key: header.values[key] for key in SEPARATORS if key in header.values}
    rescale = header.number("RescaleSlope"), header.number("RescaleIntercept"), header.text("RescaleType")
    thickness = header.number("SliceThickness")
    return [_plane(header, 0, *place, header.numbers("PixelSpacing"), thickness, rescale, separators)]


def number_of_frames(header: dicom_headers.Header) -> int:
    """Number of frames of a file, which is 1 where it does not say.

    Raises
    ------
    DataError
        If it is not a whole number from 1 to 1,048,576.

    Examples
    --------
    >>> import pathlib, pydicom.data
    >>> path = pathlib.Path(pydicom.data.get_testdata_file("rtdose.dcm"))
    >>> number_of_frames(dicom_headers.read_header(path, max_bytes=2**20))
    15
    """
    number = header.number("NumberOfFrames", 1.0)
    if not (1 <= number <= _LARGEST_FRAMES and number == int(number)):
        raise DataError(f"{header.path} says that it has {number:g} frames; accepted are 1 to {_LARGEST_FRAMES}.")
    return int(number)


def _enhanced_planes(header, n_frames: int) -> list[Plane]:
    try:
        shared = list(header.sequences.get("SharedFunctionalGroupsSequence") or [])
        frames = list(header.sequences.PerFrameFunctionalGroupsSequence)
    # What is nested is looked at here for the first time, where pydicom meets malformed values.
    except Exception as error:
        raise DataError(f"{header.path} has unreadable functional groups ({error}); {_REMEDY}.") from error
    if len(frames) != n_frames:
        raise DataError(f"{header.path} has {n_frames} frames, but describes {len(frames)}; {_REMEDY}.")
    planes = []
    for frame, own in enumerate(frames):
        try:
            planes.append(_enhanced_plane(header, frame, [own, *shared[:1]]))
        except DataError:
            raise
        except Exception as error:
            raise DataError(f"{header.path} has an unreadable frame {frame} ({error}); {_REMEDY}.") from error
    return [] if not any(planes) else planes


def _enhanced_plane(header, frame: int, groups: list) -> Plane:
    def find(sequence: str, keyword: str):
        """A value of the frame's own group, or of the one that all frames share."""
        for group in groups:
            items = group.get(sequence)
            if items and items[0].get(keyword) is not None:
                return items[0].get(keyword)
        return None

    def numbers(sequence: str, keyword: str) -> tuple[float, ...]:
        value = find(sequence, keyword)
        return () if value is None else tuple(float(number) for number in np.atleast_1d(value))

    position = numbers("PlanePositionSequence", "ImagePositionPatient")
    orientation = numbers("PlaneOrientationSequence", "ImageOrientationPatient")
    spacing = numbers("PixelMeasuresSequence", "PixelSpacing")
    thickness = (numbers("PixelMeasuresSequence", "SliceThickness") or (None,))[0]
    slope = (numbers("PixelValueTransformationSequence", "RescaleSlope") or (None,))[0]
    intercept = (numbers("PixelValueTransformationSequence", "RescaleIntercept") or (None,))[0]
    kind = str(find("PixelValueTransformationSequence", "RescaleType") or "")
    frame_types = ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence", "PETFrameTypeSequence")
    separators = {
        "EchoTime": find("MREchoSequence", "EffectiveEchoTime"),
        "TemporalPositionIdentifier": find("FrameContentSequence", "TemporalPositionIndex"),
        "DiffusionBValue": find("MRDiffusionSequence", "DiffusionBValue"),
        "ImageType": next((str(value) for name in frame_types if (value := find(name, "FrameType"))), None),
        "TriggerTime": find("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
        "StackID": find("FrameContentSequence", "StackID"),
        "AcquisitionNumber": find("FrameContentSequence", "FrameAcquisitionNumber"),
    }
    separators = {key: value for key, value in separators.items() if value is not None}
    rescale = slope, intercept, kind
    return _plane(header, frame, position, orientation, spacing, thickness, rescale, separators)


_REMEDY = "restore it from where it came"


def _plane(header, frame, position, orientation, spacing, thickness, rescale, separators) -> Plane:
    where = f"{header.path}" + (f", frame {frame}," if frame else "")
    _check(len(position) == 3 and np.isfinite(position).all(), where, f"has the position {position}", "x, y, z in mm")
    unit = len(orientation) == 6 and np.isfinite(orientation).all()
    if unit:
        along, down = np.array(orientation[:3]), np.array(orientation[3:])
        products = along @ along - 1, down @ down - 1, along @ down
        unit = max(map(abs, products)) < 1e-3
    _check(unit, where, f"has the orientation {orientation}", "two unit vectors at right angles")
    usable = len(spacing) == 2 and all(0 < step < np.inf for step in spacing)
    _check(usable, where, f"has the pixel spacing {spacing}", "two numbers of mm above 0")
    slope, intercept, kind = rescale
    finite = np.isfinite([1.0 if slope is None else slope, intercept or 0.0]).all() and slope != 0
    _check(finite, where, f"has a rescale slope of {slope} and an intercept of {intercept}", "finite numbers, not 0")
    thickness = thickness if thickness is not None and 0 < thickness < np.inf else None
    return Plane(
        header,
        frame,
        tuple(position),
        tuple(orientation),
        tuple(spacing),
        thickness,
        slope,
        intercept,
        kind,
        separators,
    )


def _check(condition: object, where: str, fault: str, accepted: str) -> None:
    if not condition:
        raise DataError(f"{where} {fault}; accepted are {accepted}. {_REMEDY.capitalize()}.")
