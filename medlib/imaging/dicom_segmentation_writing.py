"""Masks as a DICOM segmentation (SEG) that belongs to the series that was segmented, so that viewers lay it over it."""

import dataclasses
import importlib.metadata
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medlib.errors import DataError, UsageError
from medlib.imaging import dicom_headers, dicom_planes, dicom_series, segment_codes
from medlib.imaging.dicom_series import Series
from medlib.imaging.segment_codes import Code
from medlib.imaging.volumes import Volume

_OFF = 0.1  # voxels, by which a pixel of the series may lie off the grid of a mask
# What highdicom copies from the source, and cannot do without.
_COPIED = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
           "StudyTime", "ReferringPhysicianName")  # fmt: skip


def write_segmentation(
    masks: Mapping[str, Volume] | Volume,
    series: Series | Path | str | Iterable[Path | str],
    path: Path | str,
    *,
    algorithm: str,
    version: str,
    labels: Mapping[str, int] | None = None,
    codes: Mapping[str, Code] | None = None,
    description: str = "",
) -> tuple[str, ...]:
    """Write masks as a binary DICOM segmentation of a series.

    Parameters
    ----------
    masks : mapping of str to Volume, or Volume
        Masks of 0 and 1 by name of the segment, which may overlap; or a label map. On the grid of the series, in any
        orientation.
    series : Series, Path or str, or iterable of paths
        The series that was segmented, of files with one slice each: what :func:`find_series` found, or a folder, or
        files, that hold one volume.
    path : Path or str
        The file to be written; its folder exists.
    algorithm, version : str
        What made the masks, at most 64 characters each.
    labels : mapping of str to int, optional
        Names of the segments and their numbers in a label map. Needed with one, and with nothing else.
    codes : mapping of str to Code, optional
        Of segments that :data:`medlib.imaging.segment_codes.CODES` does not have: what each one is.
    description : str
        Of the whole, such as "for research only"; at most 64 characters.

    Returns
    -------
    tuple of str
        What is to be known: segments that are empty, which are left out, and identifiers that the source lacks.

    Raises
    ------
    UsageError
        If names, numbers, codes or texts do not fit, or the folder does not exist.
    DataError
        If a mask is not on the grid of the series or is no mask, if all are empty, or if the series is not one volume
        of single slices, or says neither which slices nor which frame of reference it has.

    Notes
    -----
    The segmentation refers to each slice that has a segment, lies in the frame of reference of the series, and has the
    patient and the study of its source and nothing beyond; its own identifiers are new each time. Where the slices have
    lost their identifier in the data set, that of the file meta information is taken. DICOM PS3.3, A.51 and C.8.20;
    segments are coded by PS3.16, CID 7150 and 7151.

    Examples
    --------
    >>> write_segmentation({}, "series", "liver.dcm", algorithm="thresholds", version="1")
    Traceback (most recent call last):
    medlib.errors.UsageError: There are no masks; give at least one.
    """
    masks, path = _by_name(masks, labels), Path(path)
    coded = {name: segment_codes.find(name, codes) for name in masks}
    texts = [("algorithm", algorithm), ("version", version), *(("a segment's name", name) for name in masks)]
    for what, text in [*texts, ("description", description or "none")]:
        if not 0 < len(text.strip()) <= len(text) <= 64 or "\\" in text:
            raise UsageError(f"{what} is {text!r}; give 1 to 64 characters without a backslash.")
    if not path.parent.is_dir():
        raise UsageError(f"The folder {path.parent} does not exist; make it first.")
    planes = _planes(series)
    arrays = {name: _on_planes(name, mask, planes) for name, mask in masks.items()}
    empty = [name for name, array in arrays.items() if not array.any()]
    if len(empty) == len(arrays):
        raise DataError(f"All masks are empty ({', '.join(empty)}), and a segmentation needs one pixel; write none.")
    notes = [f"left out, since empty: {', '.join(empty)}"] if empty else []
    sources = _sources(planes, notes)
    kept = {name: coded[name] for name in arrays if name not in empty}
    stacked = np.stack([arrays[name] for name in kept], axis=-1)
    _save(stacked, kept, sources, path, algorithm, version, description)
    return tuple(notes)


def _by_name(masks, labels) -> dict[str, Volume]:
    if isinstance(masks, Volume) != (labels is not None):
        raise UsageError("labels goes with a label map and with nothing else; give both, or masks by name.")
    if labels is not None:
        unnamed = sorted(set(np.unique(masks.array).tolist()) - {0, *labels.values()})
        if unnamed or 0 in labels.values() or len(set(labels.values())) < len(labels):
            raise UsageError(
                f"labels is {dict(labels)}, and the map has the numbers {unnamed} beside; name each number but 0, once."
            )
        masks = {name: dataclasses.replace(masks, array=masks.array == number) for name, number in labels.items()}
    if not masks:
        raise UsageError("There are no masks; give at least one.")
    return dict(masks)


def _planes(series) -> list[dicom_planes.Plane]:
    """Slices of the one volume that a series is, in the order of their places."""
    if not isinstance(series, Series):
        found = [one for one in dicom_series.find_series(series) if one.kind == "volume"]
        if len(found) != 1:
            listed = "; ".join(f"{one.description or one.uid} {one.shape}" for one in found)
            raise DataError(f"There are {len(found)} volumes in {series} ({listed}); give the one that was segmented.")
        series = found[0]
    planes = list(series.planes)
    if not planes or len({plane.header.path for plane in planes}) < len(planes):
        raise DataError(f"The series {series.description!r} is not of files with one slice each; give such a one.")
    normal = np.cross(planes[0].orientation[:3], planes[0].orientation[3:])
    planes.sort(key=lambda plane: float(np.dot(plane.position, normal)))
    heights = np.diff([np.dot(plane.position, normal) for plane in planes])
    if (heights <= 0).any():
        raise DataError(f"The series {series.description!r} has several slices at one place; give one of each.")
    return planes


def _on_planes(name: str, mask: Volume, planes: list[dicom_planes.Plane]) -> NDArray[np.uint8]:
    """The values of a mask at the pixels of the planes, shape (plane, row, column)."""
    rows, columns = int(planes[0].header.number("Rows")), int(planes[0].header.number("Columns"))
    if not np.isin(np.unique(mask.array), (0, 1)).all():
        raise DataError(f"The mask {name!r} has other values than 0 and 1; give a mask, or a label map with labels.")
    corners = np.array([_corners(plane, rows, columns) for plane in planes]) * [-1, -1, 1]
    exact = (corners - mask.affine[:3, 3]) @ np.linalg.inv(mask.affine[:3, :3]).T
    near = np.rint(np.clip(exact, -(2**30), 2**30)).astype(np.int64)
    inside = (near >= 0).all() and (near < mask.array.shape[::-1]).all()
    if np.abs(exact - near).max() > _OFF or not inside or mask.array.size != len(planes) * rows * columns:
        raise DataError(
            f"The mask {name!r} has shape {mask.array.shape} and spacing {np.round(mask.spacing, 3)} mm, the series "
            f"{len(planes)} slices of {rows} x {columns} pixels of {np.round(planes[0].spacing, 3)} mm, or the two "
            "begin elsewhere; resample the mask to the grid of the series."
        )
    found = np.empty((len(planes), rows, columns), np.uint8)
    row, column = np.mgrid[:rows, :columns]
    for frame, (start, right, bottom) in zip(found, near, strict=True):
        along, down = (right - start) // max(columns - 1, 1), (bottom - start) // max(rows - 1, 1)
        x, y, z = (start[axis] + along[axis] * column + down[axis] * row for axis in range(3))
        frame[:] = mask.array[z, y, x]
    return found


def _corners(plane: dicom_planes.Plane, rows: int, columns: int) -> list[NDArray]:
    """Places in LPS of the first pixel, of the last of the first row, and of the last of the first column."""
    start = np.array(plane.position)
    along = np.array(plane.orientation[:3]) * plane.spacing[1] * (columns - 1)
    down = np.array(plane.orientation[3:]) * plane.spacing[0] * (rows - 1)
    return [start, start + along, start + down]


def _sources(planes: list[dicom_planes.Plane], notes: list[str]) -> list:
    """Data sets of the slices without their pixels, with all the identifiers that a reference to them needs."""
    import pydicom
    from pydicom.uid import generate_uid

    new = {"StudyInstanceUID": str(generate_uid()), "SeriesInstanceUID": str(generate_uid())}
    sources, lacking = [], set()
    for plane in planes:
        try:
            source = pydicom.dcmread(plane.header.path, stop_before_pixels=True)
        # pydicom meets malformed values with errors of any type.
        except Exception as error:
            raise DataError(f"{plane.header.path} cannot be read ({error}); restore it from where it came.") from error
        for keyword in ("SOPClassUID", "SOPInstanceUID"):
            value = source.get(keyword) or source.file_meta.get(f"MediaStorage{keyword}")
            if not value:
                raise DataError(f"{plane.header.path} has no {keyword}, by which the segmentation would refer to it.")
            setattr(source, keyword, value)
        if not source.get("FrameOfReferenceUID"):
            raise DataError(f"{plane.header.path} has no FrameOfReferenceUID, in which the segmentation would lie.")
        for keyword, value in new.items():
            if not source.get(keyword):
                lacking.add(keyword)
                setattr(source, keyword, value)
        for keyword in _COPIED:
            if keyword not in source:
                setattr(source, keyword, "")
        sources.append(source)
    notes += [f"the source has no {keyword}, so a new one was made for it" for keyword in sorted(lacking)]
    return sources


@dicom_headers.quiet
def _save(masks, codes, sources, path: Path, algorithm: str, version: str, description: str) -> None:
    """Masks of shape (plane, row, column, segment)."""
    import highdicom
    from pydicom.uid import generate_uid

    family = highdicom.sr.CodedConcept("123110", "DCM", "Artificial Intelligence")
    made_by = highdicom.AlgorithmIdentificationSequence(name=algorithm, version=version, family=family)
    segments = []
    for number, (name, (code, side)) in enumerate(codes.items(), start=1):
        category = segment_codes.category(code)
        segment = highdicom.seg.SegmentDescription(
            number, name, _concept(category), _concept(code), "AUTOMATIC", algorithm_identification=made_by
        )
        if side is not None:
            segment.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [_concept(side)]
        segments.append(segment)
    made = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=masks,
        segmentation_type="BINARY",
        segment_descriptions=segments,
        series_instance_uid=generate_uid(),
        series_number=1000 + int(sources[0].get("SeriesNumber") or 0),
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="medlib",
        manufacturer_model_name=algorithm,
        software_versions=importlib.metadata.version("medlib"),
        device_serial_number="none",
        content_label="SEGMENTATION",
        content_description=description or None,
        series_description=f"Segmentation by {algorithm}"[:64],
    )
    made.save_as(path)


def _concept(code: Code):
    import highdicom

    return highdicom.sr.CodedConcept(code.value, code.scheme, code.meaning)
