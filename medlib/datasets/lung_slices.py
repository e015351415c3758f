"""Read the set ``lung-slices``: chest CT slices in Hounsfield units with lung masks, in one npz file."""

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from medlib.errors import DataError

_ARRAYS = {"images": "i", "masks": "u", "ids": "U"}  # and the kind of each
_LONGEST_ID = 64
_FIX = "fetch the file again, or give one with images (n, y, x) of int16, masks of uint8 (0 and 1) and ids"


@dataclass(frozen=True)
class LungSlices:
    """Axial slices of the chest with the lungs drawn.

    Attributes
    ----------
    images : ndarray of int16, shape (n, height, width)
        Hounsfield units (HU), as stored: values outside of the circle that a scanner sees may be far below air (-1000).
    masks : ndarray of bool, shape (n, height, width)
        True in the lungs.
    ids : tuple of str
        Name of each slice, all different. They are not patients.
    """

    images: np.ndarray
    masks: np.ndarray
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


def read_lung_slices(path: Path | str, *, maximum_bytes: int = 2**30) -> LungSlices:
    """Read ``lung2d_256.npz``.

    Nothing is unpickled, and no memory is taken before the headers in the file have been checked.

    Parameters
    ----------
    path : Path or str
        Of an npz file with ``images`` (int16, HU), ``masks`` (uint8, 1 in the lungs) and ``ids``.
    maximum_bytes : int
        Most memory that the arrays may take together, 1 GB unless told otherwise.

    Returns
    -------
    LungSlices

    Raises
    ------
    DataError
        If the file is no such set, is damaged or needs too much memory.

    References
    ----------
    Mader K (2017), Finding and Measuring Lungs in CT Data, Kaggle.

    Examples
    --------
    >>> from medlib import datasets
    >>> found = read_lung_slices(datasets.locate("lung-slices-sample") / "lung2d_256.npz")
    >>> found.images.dtype, found.masks.dtype, found.images.shape == found.masks.shape
    (dtype('int16'), dtype('bool'), True)
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            images, masks, ids = _read_arrays(archive, path, maximum_bytes)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; datasets.locate('lung-slices') gives the folder of the set") from None
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, zipfile.zlib.error, NotImplementedError) as error:
        raise DataError(f"{path}: not a whole npz file ({error}); {_FIX}") from error
    if images.ndim != 3 or images.size == 0 or images.shape != masks.shape or ids.shape != images.shape[:1]:
        raise DataError(
            f"{path}: images {images.shape}, masks {masks.shape} and ids {ids.shape} do not go together; {_FIX}"
        )
    if masks.max() > 1:
        raise DataError(f"{path}: masks have values up to {masks.max()}, not 0 and 1; {_FIX}")
    names = tuple(str(name) for name in ids)
    if len(set(names)) < len(names):
        raise DataError(f"{path}: {len(names) - len(set(names))} ids are there twice; {_FIX}")
    return LungSlices(images, masks.astype(bool), names)


def _read_arrays(archive: zipfile.ZipFile, path: Path, maximum_bytes: int) -> list[np.ndarray]:
    found = archive.namelist()
    wanted = [f"{name}.npy" for name in _ARRAYS]
    if any(found.count(name) != 1 for name in wanted):
        raise DataError(f"{path}: holds {sorted(found)[:6]}, not each of {', '.join(wanted)} once; {_FIX}")
    needed = sum(_declared_bytes(archive, f"{name}.npy", kind, path) for name, kind in _ARRAYS.items())
    if needed > maximum_bytes:
        raise DataError(
            f"{path}: its arrays need {needed / 1e9:.1f} GB, more than maximum_bytes ({maximum_bytes / 1e9:.1f} GB); "
            "take fewer slices, or raise maximum_bytes"
        )
    arrays = []
    for name in wanted:
        with archive.open(name) as stream:
            arrays.append(npy.read_array(stream, allow_pickle=False))
            stream.read()  # to the end, which is what compares the checksum
    return arrays


def _declared_bytes(archive: zipfile.ZipFile, name: str, kind: str, path: Path) -> int:
    with archive.open(name) as stream:
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(stream)
        size = math.prod(shape) * dtype.itemsize
        stored = archive.getinfo(name).file_size - stream.tell()
    right = {"i": dtype.itemsize == 2, "u": dtype.itemsize == 1, "U": 0 < dtype.itemsize <= 4 * _LONGEST_ID}
    if dtype.kind != kind or not right[kind] or size != stored:
        raise DataError(f"{path}: {name} declares {shape} of {dtype} and holds {stored} bytes; {_FIX}")
    return size
