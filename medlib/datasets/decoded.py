"""What the files of a data set hold once decompressed, by which two forms of it are compared."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from medlib.datasets import registry
from medlib.datasets.image_sets import read_medmnist
from medlib.errors import DataError


def digest(dataset: registry.Dataset, folder: Path) -> str:
    """SHA-256 of the decoded files of a data set, which does not depend on how well they are compressed.

    Parameters
    ----------
    dataset : Dataset
        Whose ``files`` are taken: arrays of npz files, pixels of PNG files, and of any other file the bytes.
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
    if path.suffix == ".npz":
        found = read_medmnist(path, classes)
        for split in ("train", "validation", "test"):
            part = getattr(found, split)
            for name, array in {"images": part.images, "labels": part.labels, **part.columns}.items():
                yield f"{split} {name}", array
        return
    try:
        if path.suffix == ".png":
            with Image.open(path) as image:
                yield image.mode, np.asarray(image)
        else:
            yield "bytes", np.frombuffer(path.read_bytes(), np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be decoded ({error}); fetch it again") from error
