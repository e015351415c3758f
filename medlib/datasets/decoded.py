"""What the files of a data set hold once decompressed, by which two forms of it are compared."""

import gzip
import hashlib
import io
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from medlib.datasets import registry
from medlib.datasets.image_sets import read_medmnist
from medlib.errors import DataError

_MAXIMUM_BYTES = 2**32
_ZIP_ERRORS = zipfile.BadZipFile, zipfile.zlib.error, NotImplementedError, RuntimeError


def digest(dataset: registry.Dataset, folder: Path) -> str:
    """SHA-256 of the decoded files of a data set, which does not depend on how well they are compressed.

    Parameters
    ----------
    dataset : Dataset
        Whose ``files`` are taken: arrays of npz files, pixels of PNG files, what gzip files (``.nii.gz``) hold, and of
        any other file the bytes.
    folder : Path
        In which they are.

    Returns
    -------
    str
        Hexadecimal.

    Raises
    ------
    DataError
        If a file is missing or cannot be decoded.

    Examples
    --------
    >>> from medlib import datasets
    >>> len(digest(datasets.get("luna16-sample"), datasets.locate("luna16-sample")))
    64
    """
    total = hashlib.sha256()
    for path in sorted(dataset.files):
        for name, array in _decode(folder / path, dataset.classes):
            total.update(f"{path} {name} {array.dtype.str} {array.shape}\n".encode())
            total.update(np.ascontiguousarray(array))
    return total.hexdigest()


def _decode(path: Path, classes: tuple[str, ...]) -> Iterator[tuple[str, np.ndarray]]:
    try:
        if path.suffix == ".npz":
            yield from _decode_npz(path, classes)
        elif path.suffix == ".png":
            with Image.open(path) as image:
                yield image.mode, np.asarray(image)
        elif path.suffix == ".gz":
            yield "inflated", np.frombuffer(_inflate(path), np.uint8)
        else:
            yield "bytes", np.frombuffer(path.read_bytes(), np.uint8)
    except (OSError, ValueError, SyntaxError, EOFError, *_ZIP_ERRORS, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be decoded ({error}); fetch it again") from error


def _inflate(path: Path) -> bytes:
    with gzip.open(path) as stream:
        content = stream.read(_MAXIMUM_BYTES + 1)
    if len(content) > _MAXIMUM_BYTES:
        raise ValueError(f"more than {_MAXIMUM_BYTES} bytes")
    return content


def _decode_npz(path: Path, classes: tuple[str, ...]) -> Iterator[tuple[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        members = sorted(archive.infolist(), key=lambda member: member.filename)
        if not any(member.filename == "train_images.npy" for member in members):
            # Nothing is unpickled, and no size is believed before it is compared.
            if sum(member.file_size for member in members) > _MAXIMUM_BYTES:
                raise ValueError(f"more than {_MAXIMUM_BYTES} bytes")
            for member in members:
                yield member.filename.removesuffix(".npy"), _read_npy(archive.read(member))
            return
    found = read_medmnist(path, classes)
    for split in ("train", "validation", "test"):
        part = getattr(found, split)
        for name, array in {"images": part.images, "labels": part.labels, **part.columns}.items():
            yield f"{split} {name}", array


def _read_npy(content: bytes) -> np.ndarray:
    stream = io.BytesIO(content)
    version = npy.read_magic(stream)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read_header(stream)
    start = stream.tell()
    if math.prod(shape) * dtype.itemsize != len(content) - start:
        raise ValueError(f"{shape} of {dtype} declared, {len(content) - start} bytes held")
    return np.frombuffer(content, dtype, offset=start).reshape(shape, order="F" if fortran else "C")
