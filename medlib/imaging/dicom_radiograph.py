"""Projection radiographs of DICOM: one image, with bone bright whatever the file's polarity."""

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels import apply_voi

from medlib.errors import DataError
from medlib.imaging import dicom_headers, dicom_pixels, dicom_planes, dicom_scale

_BYTES_PER_PIXEL = 24  # stored, on their scale in float64, and as float32, with room for one mask
_MAX_BYTES = 2**32


@dataclasses.dataclass(frozen=True)
class Radiograph:
    """A projection image.

    Attributes
    ----------
    array : ndarray of float32, shape (y, x)
        High values where the image is to be bright; in the unit of the file, or from 0 to 1 if a window was applied.
    spacing : tuple of float, or None
        Distance of neighbouring pixels in mm, in the order (y, x); None where the file does not say.
    modality : str
        As DICOM abbreviates it, such as "CR" or "DX".
    warnings : tuple of str
        What was found odd in the file, and how it was dealt with.
    """

    array: NDArray[np.float32]
    spacing: tuple[float, float] | None
    modality: str = ""
    warnings: tuple[str, ...] = ()


@dicom_headers.quiet
def read_image(path: Path | str, *, window: bool = False, max_bytes: int = _MAX_BYTES) -> Radiograph:
    """Read a radiograph (CR, DX and the like), or any other DICOM file with one grey image.

    Parameters
    ----------
    path : Path or str
        DICOM file.
    window : bool
        Whether to apply the window or lookup table with which the image is meant to be shown, if the file has one;
        values then are from 0 to 1. It differs from file to file, and cuts off what is outside of it.
    max_bytes : int
        Largest memory that may be taken, checked before any is: 24 bytes a pixel.

    Returns
    -------
    Radiograph
        Rescale and lookup tables of the modality are applied; MONOCHROME1, which is to be shown with high values
        dark, is inverted within the range that the file can store.

    Raises
    ------
    DataError
        If the file is missing, damaged, in colour or no image, has several frames, needs a decoder that is not
        installed, or is larger than the bound.

    Notes
    -----
    PixelSpacing is at the patient if the image was calibrated; ImagerPixelSpacing is at the detector, where the
    image is magnified: DICOM PS3.3, 10.7.1.3. Windows are those of C.11.2.1.2 and C.11.2.1.3.

    Examples
    --------
    >>> import pydicom.data
    >>> image = read_image(pydicom.data.get_testdata_file("CT_small.dcm"))
    >>> image.array.shape, image.spacing
    ((128, 128), (0.661468, 0.661468))
    """
    header = dicom_headers.read_header(Path(path), max_bytes)
    dtype = dicom_pixels.stored_dtype(header)
    n_frames = dicom_planes.number_of_frames(header)
    if n_frames != 1:
        raise DataError(f"{path} has {n_frames} frames; read_image reads one image, and read_series volumes.")
    n_bytes = int(header.number("Rows")) * int(header.number("Columns")) * _BYTES_PER_PIXEL
    if n_bytes > max_bytes:
        raise DataError(f"{path} takes {n_bytes} bytes to read; raise max_bytes, now {max_bytes}.")
    [(_, stored)] = dicom_pixels.read_frames(header, [0], lambda _: None, max_bytes)
    spacing, warnings = _spacing(header)
    padding = dicom_scale.padding_of(header)
    padded = np.zeros(stored.shape, bool) if padding is None else (stored >= padding[0]) & (stored <= padding[1])
    values, ends = dicom_scale.values_of(header, stored, dtype)
    if window:
        values, ends, warning = _show(header, values, ends)
        warnings += warning
    if header.text("PhotometricInterpretation") == "MONOCHROME1":
        values = ends[0] + ends[1] - values
    if padded.any() and not padded.all():
        values[padded] = values[~padded].min()
        warnings.append(f"{int(padded.sum())} pixels are padding and were set to the smallest value of the others.")
    if not np.abs(values).max() < np.finfo(np.float32).max:
        raise DataError(f"{path} has values beyond the range of float32; it is damaged.")
    return Radiograph(values.astype(np.float32), spacing, header.text("Modality"), tuple(warnings))


def _spacing(header) -> tuple[tuple[float, float] | None, list[str]]:
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        spacing = header.numbers(keyword)
        if not spacing:
            continue
        if len(spacing) != 2 or not all(0 < step < np.inf for step in spacing):
            return None, [f"{keyword} is {spacing}: the size of a pixel is unknown."]
        magnified = ["Distances are those at the detector, larger than in the patient."]
        return tuple(spacing), magnified if keyword == "ImagerPixelSpacing" else []
    return None, []


def _show(header, values: NDArray, ends) -> tuple[NDArray, tuple[float, float], list[str]]:
    """Values from 0 to 1, as they are meant to be shown, before they are inverted."""
    center, width = header.number("WindowCenter"), header.number("WindowWidth")
    kind = header.text("VOILUTFunction") or "LINEAR"
    if header.sequences is not None and "VOILUTSequence" in header.sequences:
        try:
            item = header.sequences.VOILUTSequence[0]
            largest = 2.0 ** int(item.LUTDescriptor[2]) - 1
            shown = apply_voi(values.astype(np.int32), header.sequences) / largest
        # Tables may be malformed in any way.
        except Exception as error:
            raise DataError(
                f"{header.path} has an unreadable VOI lookup table ({error}); give window=False."
            ) from error
    elif center is None or width is None:
        return values, ends, ["The file has no window; values are as they are."]
    elif kind not in ("LINEAR", "LINEAR_EXACT", "SIGMOID") or not width >= 1 or not np.isfinite([center, width]).all():
        raise DataError(f"{header.path} has a window {kind} of {center} and {width}; give window=False.")
    elif kind == "SIGMOID":
        shown = 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -50, 50)))
    elif kind == "LINEAR_EXACT":
        shown = (values - center) / width + 0.5
    else:
        shown = (values - (center - 0.5)) / max(width - 1, 1e-6) + 0.5
    return np.clip(shown, 0, 1), (0.0, 1.0), []
