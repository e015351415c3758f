"""Read sets of small images with labels in the layout of MedMNIST: one npz file with training, validation and test."""

import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from medlib.errors import DataError, UsageError

_SPLITS = {"train": "train", "validation": "val", "test": "test"}
_FIX = "fetch the file again, or give one that follows MedMNIST: {train,val,test}_{images,labels}"


@dataclass(frozen=True)
class LabelledImages:
    """Images of one part of a set.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, [depth,] height, width[, 3])
        Grey values as stored, 0 to 255; the last axis is there for colour images alone.
    labels : ndarray of int64, shape (n,) or (n, n_labels)
        Number of the class of each image; where an image may have several labels, 1 for each that it has.
    columns : dict of str to ndarray, shape (n, ...)
        What else the file says of each image, such as ``candidate_index``.
    """

    images: np.ndarray
    labels: np.ndarray
    columns: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class ImageSet:
    """A set of images with its published parts.

    Attributes
    ----------
    class_names : tuple of str
        By number of the class (or of the label, where an image may have several).
    train, validation, test : LabelledImages
    """

    class_names: tuple[str, ...]
    train: LabelledImages
    validation: LabelledImages
    test: LabelledImages


def read_medmnist(path: Path | str, class_names: Sequence[str], *, maximum_bytes: int = 2**32) -> ImageSet:
    """Read a set in the layout of MedMNIST, in two or three dimensions and any size, or `luna16_patches.npz`.

    Nothing is unpickled, and no memory is taken before the headers in the file have been checked.

    Parameters
    ----------
    path : Path or str
        Of an npz file with ``{train,val,test}_images`` (uint8) and ``_labels`` (integers); it may have more columns for
        each part, such as ``train_candidate_index``.
    class_names : sequence of str
        As ``datasets.get(name).classes`` gives them; labels that are not a place in it are refused.
    maximum_bytes : int
        Most memory that the arrays may take together, 4 GB unless told otherwise.

    Returns
    -------
    ImageSet

    Raises
    ------
    DataError
        If the file is no such set, is damaged, needs too much memory, or has labels without a name.
    UsageError
        If there are fewer than two class names.

    References
    ----------
    Yang J et al. (2023), MedMNIST v2, Scientific Data 10:41.

    Examples
    --------
    >>> from medlib import datasets
    >>> entry = datasets.get("pneumoniamnist-sample")
    >>> found = read_medmnist(datasets.locate(entry.name) / "pneumoniamnist.npz", entry.classes)
    >>> found.train.images.shape[1:], found.train.images.dtype, found.class_names
    ((28, 28), dtype('uint8'), ('normal', 'pneumonia'))
    """
    if len(class_names) < 2:
        raise UsageError(f"class_names is {class_names!r}; give at least two, as datasets.get(name).classes does.")
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = _read_arrays(archive, path, maximum_bytes)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; datasets.locate(name) gives the folder of a data set") from None
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, zipfile.zlib.error, NotImplementedError) as error:
        raise DataError(f"{path}: not a whole npz file ({error}); {_FIX}") from error
    parts = {name: _part(arrays, prefix, len(class_names), path) for name, prefix in _SPLITS.items()}
    shapes = {part.images.shape[1:] for part in parts.values()}
    if len(shapes) > 1:
        raise DataError(f"{path}: images of different shapes, {sorted(shapes)}; {_FIX}")
    return ImageSet(tuple(class_names), **parts)


def _read_arrays(archive: zipfile.ZipFile, path: Path, maximum_bytes: int) -> dict[str, np.ndarray]:
    names = [
        name for name in archive.namelist() if name.endswith(".npy") and name.partition("_")[0] in _SPLITS.values()
    ]
    if len(set(names)) < len(names):
        raise DataError(f"{path}: holds an array twice; {_FIX}")
    needed = sum(_declared_bytes(archive, name, path) for name in names)
    if needed > maximum_bytes:
        raise DataError(
            f"{path}: its arrays need {needed / 1e9:.1f} GB, more than maximum_bytes ({maximum_bytes / 1e9:.1f} GB); "
            "take a smaller version of the set, or raise maximum_bytes"
        )
    arrays = {}
    for name in names:
        with archive.open(name) as stream:
            arrays[name.removesuffix(".npy")] = npy.read_array(stream, allow_pickle=False)
            # Reading to the end is what compares the checksum.
            stream.read()
    return arrays


def _declared_bytes(archive: zipfile.ZipFile, name: str, path: Path) -> int:
    with archive.open(name) as stream:
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(stream)
        size = math.prod(shape) * dtype.itemsize
        stored = archive.getinfo(name).file_size - stream.tell()
    if dtype.kind not in "ui" or size != stored:
        raise DataError(f"{path}: {name} declares {shape} of {dtype} and holds {stored} bytes; {_FIX}")
    return size


def _part(arrays: dict[str, np.ndarray], prefix: str, n_classes: int, path: Path) -> LabelledImages:
    columns = {
        name.removeprefix(f"{prefix}_"): array for name, array in arrays.items() if name.startswith(f"{prefix}_")
    }
    if not {"images", "labels"} <= set(columns):
        raise DataError(f"{path}: without {prefix}_images or {prefix}_labels; it has {sorted(arrays)}; {_FIX}")
    images, labels = columns.pop("images"), columns.pop("labels")
    if images.dtype != np.uint8 or not 3 <= images.ndim <= 5 or 0 in images.shape:
        raise DataError(f"{path}: {prefix}_images is {images.shape} of {images.dtype}, not (n, ...) of uint8; {_FIX}")
    if any(column.shape[:1] != images.shape[:1] for column in (labels, *columns.values())):
        shapes = {name: column.shape for name, column in {"labels": labels, **columns}.items()}
        raise DataError(f"{path}: {len(images)} {prefix}_images, but {shapes}; {_FIX}")
    if labels.shape[1:] == (1,):
        labels = labels[:, 0]
    highest = n_classes - 1 if labels.ndim == 1 else 1
    if labels.shape[1:] not in ((), (n_classes,)) or labels.min() < 0 or labels.max() > highest:
        raise DataError(
            f"{path}: {prefix}_labels of shape {labels.shape} from {labels.min()} to {labels.max()} do not go with "
            f"{n_classes} class names; give the names of this set, or fetch the file again"
        )
    return LabelledImages(images, labels.astype(np.int64), columns)
