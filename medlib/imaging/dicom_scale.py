"""Stored DICOM values on their scale: Hounsfield units where the file says so, padding filled."""

import contextlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels import apply_modality_lut

from medlib.errors import DataError
from medlib.imaging.dicom_headers import Header
from medlib.imaging.dicom_planes import Plane

_INT16 = np.iinfo(np.int16)
_AIR = -1024.0  # HU
# There is fat (about -100 HU) or air in every slice of a patient, and no scanner's noise stays above it elsewhere.
_LOWEST_OF_HU = -50.0


class Scale(NamedTuple):
    """From stored values to those that they stand for."""

    header: Header
    slope: float
    intercept: float
    tabled: bool  # by a modality lookup table instead
    padding: tuple[int, int] | None  # stored values from and to which pixels are no measurement
    fill: float  # what these become


def scales_of(planes: list[Plane], fill: float | None = None) -> list[Scale]:
    """Scale of each plane of a volume.

    Raises
    ------
    DataError
        If only some say how to get from what is stored to what it means: the others would be on another scale.
    """
    scales = [scale_of(plane, fill) for plane in planes]
    without = [plane for plane, scale in zip(planes, scales, strict=True) if plane.slope is None and not scale.tabled]
    if 0 < len(without) < len(planes):
        raise DataError(
            f"{len(without)} of {len(planes)} slices have no rescale slope, such as {without[0].header.path}, and the "
            "others have one: they are not on one scale. Restore them from where they came."
        )
    return scales


def scale_of(plane: Plane, fill: float | None = None) -> Scale:
    """Scale of a plane; ``fill`` defaults to -1024 for CT and to 0 for anything else."""
    header = plane.header
    tabled = header.sequences is not None and "ModalityLUTSequence" in header.sequences
    if fill is None:
        fill = _AIR if header.text("Modality") == "CT" else 0.0
    slope, intercept = 1.0 if plane.slope is None else plane.slope, plane.intercept or 0.0
    return Scale(header, slope, intercept, tabled, padding_of(header), float(fill))


def padding_of(header: Header) -> tuple[int, int] | None:
    """Stored values from and to which pixels are padding (PS3.3, C.7.5.1.1.2)."""
    first = header.number("PixelPaddingValue")
    if first is None:
        return None
    allocated, signed = int(header.number("BitsAllocated")), header.number("PixelRepresentation")
    ends = [int(first), int(header.number("PixelPaddingRangeLimit", first))]
    if allocated == 8:
        ends = [end & 0xFF for end in ends]
    if signed:
        sign = 1 << (min(allocated, 16) - 1)
        ends = [(end ^ sign) - sign for end in ends]
    return min(ends), max(ends)


def place(array: NDArray, slot: int, stored: NDArray, scale: Scale) -> tuple[NDArray, float, int]:
    """Put stored values on their scale, into a slice of an array.

    Parameters
    ----------
    array : ndarray of int16 or float32, shape (z, y, x)
        Changed in place.
    slot : int
        Index of the slice.
    stored : ndarray of int or uint, shape (y, x)
        Overwritten; may share its memory with the slice.
    scale : Scale
        Of the slice.

    Returns
    -------
    array : ndarray
        The same, or a copy as float32 if these values are no whole numbers or do not fit.
    lowest : float
        Smallest value in the slice that is not padding.
    n_padded : int
        How many pixels are padding.

    Raises
    ------
    DataError
        If a value is beyond the range of float32, or a lookup table cannot be read.
    """
    padded, n_padded = None, 0
    if scale.padding is not None:
        low, high = scale.padding
        padded = stored == low if low == high else (stored >= low) & (stored <= high)
        n_padded = int(np.count_nonzero(padded))
        if n_padded:
            # Any measured value, so that padding plays no part in whether values fit.
            stored[padded] = stored.flat[int(padded.argmin())] if n_padded < padded.size else 0
    values, slope, intercept = stored, scale.slope, scale.intercept
    if scale.tabled:
        values, slope, intercept = _look_up(stored, scale.header), 1.0, 0.0
    ends = sorted(float(end) * slope + intercept for end in (values.min(), values.max()))
    if not np.abs(ends).max() < np.finfo(np.float32).max:
        raise DataError(f"{scale.header.path} has values up to {ends[1]:g} by its slope of {slope:g}; it is damaged.")
    whole = slope.is_integer() and intercept.is_integer() and (not n_padded or scale.fill.is_integer())
    limits = [*ends, scale.fill] if n_padded else ends
    if array.dtype == np.int16 and not (whole and _INT16.min <= min(limits) and max(limits) <= _INT16.max):
        array = array.astype(np.float32)
    _rescale(values, slope, intercept, array[slot])
    if n_padded:
        array[slot][padded] = scale.fill
    return array, ends[0], n_padded


def _rescale(values: NDArray, slope: float, intercept: float, target: NDArray) -> None:
    if target.dtype == np.int16 and values.dtype.kind in "iu" and values.dtype.itemsize == 2 and slope == 1:
        # The sum is right modulo 2**16, and it is known to fit.
        addend = np.int16((int(intercept) + 2**15) % 2**16 - 2**15)
        np.add(values.view(np.int16), addend, out=target)
    elif target.dtype == np.int16:
        target[...] = values.astype(np.int64) * int(slope) + int(intercept)
    else:
        target[...] = values * np.float64(slope) + intercept


def _look_up(stored: NDArray, header: Header) -> NDArray:
    try:
        return apply_modality_lut(stored, header.sequences)
    # Tables may be malformed in any way.
    except Exception as error:
        raise DataError(f"{header.path} has an unreadable modality lookup table ({error}); it is damaged.") from error


def unit_of(planes: list[Plane], lowest: float) -> tuple[str, list[str]]:
    """Unit of values whose lowest is given, and what speaks against Hounsfield units in a CT."""
    kinds = {plane.rescale_type for plane in planes} - {"", "HU"}
    warnings = []
    if any(plane.header.text("PhotometricInterpretation") == "MONOCHROME1" for plane in planes):
        warnings.append("It is to be shown with low values bright (MONOCHROME1); values are as they are.")
    if planes[0].header.text("Modality") != "CT":
        return "", warnings
    tabled = any(scale_of(plane).tabled for plane in planes)
    doubt = ""
    if planes[0].header.number("MagneticFieldStrength") or planes[0].header.number("EchoTime"):
        doubt = "it has the echo time or field strength of an MR"
    elif kinds:
        doubt = f"the header states the unit {sorted(kinds)[0]!r}"
    elif tabled or any(plane.slope is None or plane.intercept is None for plane in planes):
        doubt = "the header does not say how to get there"
    elif lowest > _LOWEST_OF_HU:
        doubt = f"the smallest value is {lowest:g}, where air is -1000 and fat -100"
    if doubt:
        warnings.append(f"The header says CT, but the values are not in HU, or cannot be trusted to be: {doubt}.")
    elif lowest < _AIR:
        warnings.append(f"The smallest value is {lowest:g} HU, below vacuum: pixels outside of the field of view.")
    return "" if doubt else "HU", warnings


@contextlib.contextmanager
def progress_bar(total: int, wanted: bool | None, long: int):
    """Give a function that advances a bar on the error stream; none is shown for short series or to no terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    shown = console.is_terminal and not console.is_jupyter and total >= long if wanted is None else wanted
    if not shown:
        yield lambda: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("Reading slices", total=total)
        yield lambda: bar.advance(task)


def values_of(header: Header, stored: NDArray, dtype: np.dtype) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Values of one image on the scale of its modality, and the ends of the range that the file can store."""
    bits = int(header.number("BitsStored") or dtype.itemsize * 8)
    ends = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if dtype.kind == "i" else (0.0, 2.0**bits - 1)
    if header.sequences is not None and "ModalityLUTSequence" in header.sequences:
        values = _look_up(stored, header).astype(np.float64)
        return values, (float(values.min()), float(values.max()))
    slope, intercept = header.number("RescaleSlope", 1.0), header.number("RescaleIntercept", 0.0)
    if not np.isfinite([slope, intercept]).all() or slope == 0:
        raise DataError(f"{header.path} has a rescale slope of {slope} and an intercept of {intercept}; it is damaged.")
    return stored * slope + intercept, (ends[0] * slope + intercept, ends[1] * slope + intercept)
