"""DICOM segmentations (SEG) as masks on the grid of the image that they belong to."""

import dataclasses
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels import iter_pixels

from medlib.errors import DataError
from medlib.imaging import dicom_headers, dicom_planes
from medlib.imaging.volumes import Volume

_OFF = 0.1  # voxels, by which a frame may lie off the grid of the image
_MAX_BYTES = 2**32
_RESTORE = "restore it from where it came"


@dicom_headers.quiet
def read_segmentation(path: Path | str, reference: Volume, *, max_bytes: int = _MAX_BYTES) -> dict[str, Volume]:
    """Read a DICOM segmentation as one mask for each segment.

    Parameters
    ----------
    path : Path or str
        A segmentation object, binary or fractional.
    reference : Volume
        The image that was segmented, in any orientation.
    max_bytes : int
        Largest memory that masks, or the file, may take.

    Returns
    -------
    dict of str to Volume
        By the label of the segment, with its number where two have one label. Masks have the shape and affine of the
        reference; binary ones are bool, fractional ones float32 from 0 to 1.

    Raises
    ------
    DataError
        If the file is missing, damaged or no segmentation, if a frame does not lie on a slice of the reference, or if
        the bound would be exceeded.

    Notes
    -----
    Each frame goes to the slice at its own position; frames may be in any order, and slices without a segment are
    usually left out of the file. DICOM PS3.3, A.51 and C.8.20.

    Examples
    --------
    >>> import pydicom.data
    >>> path = pydicom.data.get_testdata_file("liver_1frame.dcm")
    >>> masks = read_segmentation(path, Volume(np.zeros((3, 512, 512), np.int16), np.eye(4)))
    Traceback (most recent call last):
    medlib.errors.DataError: ...liver_1frame.dcm has 1 frames, but describes 3; restore it from where it came.
    """
    path = Path(path)
    header = dicom_headers.read_header(path, max_bytes)
    if header.text("SOPClassUID") != dicom_planes.SEGMENTATION:
        raise DataError(f"{path} is no segmentation; give a DICOM SEG file.")
    rows, columns = int(header.number("Rows", 0)), int(header.number("Columns", 0))
    if not 0 < rows * columns * dicom_planes.number_of_frames(header) <= max_bytes:
        raise DataError(f"{path} describes {rows} x {columns} pixels in each frame: none, or more than max_bytes.")
    planes = dicom_planes.planes_of(header)
    if not planes:
        raise DataError(f"{path} does not say where its frames lie; {_RESTORE}.")
    try:
        dataset = dicom_headers.read_dataset(path, max_bytes)
        names, scale = _segments(dataset), _fraction(dataset)
        numbers = [_segment_number(dataset, frame) for frame in range(len(planes))]
    except DataError:
        raise
    # pydicom meets malformed values with errors of any type.
    except Exception as error:
        raise DataError(f"{path} cannot be read as a segmentation ({error}); {_RESTORE}.") from error
    if not set(numbers) <= set(names):
        raise DataError(f"{path} has frames of segments that it does not describe; {_RESTORE}.")
    dtype = np.dtype(bool if scale is None else np.float32)
    needed = len(names) * math.prod(reference.array.shape) * dtype.itemsize
    if needed > max_bytes:
        raise DataError(f"{path} has {len(names)} segments, which take {needed} bytes; raise max_bytes.")
    masks = {number: np.zeros(reference.array.shape, dtype) for number in names}
    for plane, number, pixels in zip(planes, numbers, _pixels(path, dataset), strict=True):
        values = pixels.astype(bool) if scale is None else (pixels / np.float32(scale)).astype(np.float32)
        _place(plane, values, masks[number], reference)
    return {
        label: dataclasses.replace(reference, array=masks[number], unit="", modality="SEG", warnings=())
        for number, label in names.items()
    }


def _segments(dataset) -> dict[int, str]:
    """Labels by number, no two alike."""
    found = {int(item.SegmentNumber): str(item.get("SegmentLabel") or "").strip() for item in dataset.SegmentSequence}
    labels = list(found.values())
    return {
        number: label if label and labels.count(label) == 1 else f"{label or 'segment'} {number}"
        for number, label in found.items()
    }


def _fraction(dataset) -> float | None:
    """Stored value that stands for 1; None if masks are binary."""
    kind = str(dataset.SegmentationType)
    if kind == "BINARY":
        return None
    if kind != "FRACTIONAL":
        raise DataError(f"The segmentation is {kind}; accepted are BINARY and FRACTIONAL.")
    return float(dataset.get("MaximumFractionalValue") or 255)


def _segment_number(dataset, frame: int) -> int:
    for group in (dataset.PerFrameFunctionalGroupsSequence[frame], dataset.SharedFunctionalGroupsSequence[0]):
        if "SegmentIdentificationSequence" in group:
            return int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
    raise DataError(f"Frame {frame} does not say which segment it shows; {_RESTORE}.")


def _pixels(path: Path, dataset):
    try:
        yield from iter_pixels(dataset, raw=True)
    except GeneratorExit:
        raise
    # Decoders meet malformed pixels with errors of any type.
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(f"{path} has pixels that cannot be decoded ({reason}); {_RESTORE}.") from error


def _place(plane: dicom_planes.Plane, values: NDArray, mask: NDArray, reference: Volume) -> None:
    """Put a frame on the slice of the reference at its position; in place."""
    rows, columns = values.shape
    along = np.array(plane.orientation[:3]) * plane.spacing[1]
    down = np.array(plane.orientation[3:]) * plane.spacing[0]
    start = np.array(plane.position)
    corners = np.stack([start, start + along * (columns - 1), start + down * (rows - 1)]) * [-1, -1, 1]
    exact = np.linalg.solve(reference.affine[:3, :3], (corners - reference.affine[:3, 3]).T).T
    # Kept apart from huge numbers, which do not fit whole ones.
    near = np.rint(np.clip(exact, -(2**30), 2**30)).astype(np.int64)
    first, last_along, last_down = near
    steps = _unit(last_along - first, columns), _unit(last_down - first, rows)
    where = f"{plane.header.path}, frame {plane.frame},"
    if np.abs(exact - near).max() > _OFF or any(step is None for step in steps):
        raise DataError(f"{where} does not lie on the grid of the image; give the image that was segmented.")
    size = np.array(mask.shape[::-1])
    if (near < 0).any() or (near >= size).any():
        raise DataError(f"{where} lies outside of the image, at voxel {first.tolist()}; give the image segmented.")
    row, column = np.mgrid[:rows, :columns]
    x, y, z = (first[axis] + steps[0][axis] * column + steps[1][axis] * row for axis in range(3))
    mask[z, y, x] = np.maximum(mask[z, y, x], values)


def _unit(difference: NDArray, n: int) -> NDArray | None:
    """Step from pixel to pixel along one axis; None if it is not one voxel. A single pixel may go anywhere."""
    if n == 1:
        return np.zeros(3, np.int64)
    moved = np.abs(difference)
    return np.sign(difference) if sorted(moved.tolist()) == [0, 0, n - 1] else None
