"""DICOM images read right: series as volumes, radiographs as images, segmentations as masks."""

import collections
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medlib.errors import DataError
from medlib.imaging import dicom_geometry, dicom_headers, dicom_pixels, dicom_scale
from medlib.imaging.dicom_planes import Plane
from medlib.imaging.dicom_radiograph import Radiograph, read_image
from medlib.imaging.dicom_segmentation import read_segmentation
from medlib.imaging.dicom_series import MAX_BYTES, Series, find_series
from medlib.imaging.volumes import Volume

__all__ = ["MAX_BYTES", "Radiograph", "Series", "find_series", "read_image", "read_segmentation", "read_series"]

# Values are read as int16, and become float32 beside it if they turn out not to fit.
_BYTES_PER_VOXEL = 6
_LONG_SERIES = 100  # files from which on a terminal shows a bar


@dicom_headers.quiet
def read_series(
    source: Series | Path | str | Iterable[Path | str],
    *,
    fill: float | None = None,
    accept_uneven: bool = False,
    max_bytes: int = MAX_BYTES,
    progress: bool | None = None,
) -> Volume:
    """Read a DICOM series as a volume.

    Parameters
    ----------
    source : Series, Path or str, or iterable of paths
        A series that :func:`find_series` found; or a folder, or files, that hold one volume.
    fill : float, optional
        What voxels become that the scanner marked as padding, outside of its field of view. Default: -1024 HU for
        CT, about the value of air; 0 for anything else.
    accept_uneven : bool
        Whether missing slices and uneven distances are warned of rather than refused; the affine then has the mean
        distance, and is wrong by as much as the warning says.
    max_bytes : int
        Largest memory that voxels may take, at 6 bytes each, checked before any is; and, apart from it, the largest
        size of one compressed file, or of a deflated one when inflated.
    progress : bool, optional
        Whether to show a bar. Default: for 100 files or more, if the error stream is a terminal.

    Returns
    -------
    Volume
        Values are int16 where those of all slices are whole numbers that fit, float32 otherwise. The unit is "HU" for
        CT whose header says how to get there, and whose values can be HU.

    Raises
    ------
    DataError
        If there is no volume or more than one, if slices are missing, unevenly spaced, or different at one place, if
        a file is damaged or needs a decoder that is not installed, or if the volume is larger than the bound.

    Notes
    -----
    Slices are sorted by their position along the normal (ImagePositionPatient and ImageOrientationPatient); neither
    InstanceNumber nor names of files play a part, nor does SliceThickness. Stored values become HU by each slice's
    own RescaleSlope and RescaleIntercept: DICOM PS3.3, C.7.6.2 and C.11.1. Copies of a slice are left out.

    Examples
    --------
    >>> import pydicom.data
    >>> volume = read_series(pydicom.data.get_testdata_file("CT_small.dcm"))
    >>> volume.array.shape, volume.array.dtype, volume.unit, volume.spacing
    ((1, 128, 128), dtype('int16'), 'HU', (5.0, 0.661468, 0.661468))
    """
    series, warnings = (source, []) if isinstance(source, Series) else _only_volume(source, max_bytes)
    if series.kind != "volume":
        raise DataError(f"{series.files[0]} is no volume, but {series.kind}: {series.note or 'see find_series()'}.")
    planes = list(series.planes)
    stack = dicom_geometry.stack(planes, accept_uneven)
    rows, columns = series.shape[1:]
    shape = len(stack.order), rows, columns
    n_bytes = math.prod(shape) * _BYTES_PER_VOXEL
    if n_bytes > max_bytes:
        size = " x ".join(map(str, shape))
        raise DataError(f"{size} voxels take {n_bytes} bytes to read; raise max_bytes, now {max_bytes}.")
    scales = dicom_scale.scales_of(planes, fill)
    with dicom_scale.progress_bar(len(planes), progress, _LONG_SERIES) as advance:
        array, lowest, n_padded = _read_slices(planes, stack, scales, shape, max_bytes, advance)
    unit, doubts = dicom_scale.unit_of(planes, lowest)
    if n_padded:
        doubts.append(f"{n_padded} voxels are padding and were set to {scales[0].fill:g}.")
    if stack.copies:
        doubts.append(f"{len(stack.copies)} slices are copies of others, and were left out.")
    headers = {plane.header.path: plane.header for plane in planes}
    longer = [path for path, header in headers.items() if dicom_pixels.surplus(header)]
    if longer:
        doubts.append(f"{len(longer)} files have more pixels than they describe; the first ones were taken.")
    notes = [series.note] if series.note else []
    return Volume(array, stack.affine, unit, series.modality, (*warnings, *notes, *stack.warnings, *doubts))


def _read_slices(planes, stack, scales, shape, max_bytes, advance) -> tuple[NDArray, float, int]:
    """Values, the smallest that is no padding, and how many are padding."""
    array, lowest, n_padded = np.empty(shape, np.int16), np.inf, 0
    slots = {index: slot for slot, index in enumerate(stack.order)}

    def buffer_of(index):
        return array[slots[index]] if array.dtype == np.int16 else None

    for index, stored in _frames(planes, stack.order, buffer_of, max_bytes):
        array, low, n_here = dicom_scale.place(array, slots[index], stored, scales[index])
        lowest, n_padded = min(lowest, low), n_padded + n_here
        advance()
    kept = {copy: first for first, copy in stack.copies}
    for index, stored in _frames(planes, list(kept), lambda _: None, max_bytes):
        copy, _, _ = dicom_scale.place(np.empty((1, *shape[1:]), array.dtype), 0, stored, scales[index])
        if not np.array_equal(copy[0], array[slots[kept[index]]]):
            names = f"{planes[kept[index]].header.path} and {planes[index].header.path.name}"
            raise DataError(f"{names} lie at one place, but differ; give the files of one volume.")
        advance()
    return array, lowest, n_padded


def _frames(planes: list[Plane], indices: list[int], buffer_of, max_bytes) -> Iterator[tuple[int, NDArray]]:
    """Stored values of some planes, each file opened once."""
    by_file = collections.defaultdict(dict)
    for index in indices:
        by_file[planes[index].header.path][planes[index].frame] = index
    for frames in by_file.values():
        header = planes[next(iter(frames.values()))].header
        read = dicom_pixels.read_frames(header, list(frames), lambda frame: buffer_of(frames[frame]), max_bytes)  # noqa: B023
        for frame, stored in read:
            yield frames[frame], stored


def _only_volume(source, max_bytes: int) -> tuple[Series, list[str]]:
    """The one volume of a folder, and what is said of the files beside it."""
    found = find_series(source, max_bytes=max_bytes)
    volumes = [series for series in found if series.kind == "volume"]
    if len(volumes) > 1:
        listed = "; ".join(
            f"{series.modality} {series.description!r} {series.shape} {series.note}".strip() for series in volumes[:8]
        )
        raise DataError(f"There are {len(volumes)} volumes: {listed}. Give one of the series that find_series() lists.")
    others = collections.Counter(series.kind for series in found if series.kind != "volume")
    names = {kind: next(series for series in found if series.kind == kind) for kind in others}
    if not volumes:
        told = "; ".join(f"{others[kind]} {kind}: {series.note or series.files[0]}" for kind, series in names.items())
        raise DataError(f"There is no volume: {told}")
    return volumes[0], [
        f"{others[kind]} files beside the series were left out ({kind}), such as {series.files[0].name}."
        for kind, series in names.items()
    ]
