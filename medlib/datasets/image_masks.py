"""Read grey images with masks beside them: files in two folders, paired by name, and perhaps a table of the images."""

import csv
import io
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

import numpy as np
from PIL import Image

from medlib.errors import DataError, UsageError

IGNORE = 255  # label of what was not judged and must not be scored
_FORMATS = ("PNG", "JPEG")
_SUFFIXES = (".png", ".jpg", ".jpeg")
_GREY_MODES = ("L", "LA", "RGB", "RGBA", "P", "1")
_MASK_MODES = ("L", "P", "1")
_LARGEST_INDEX = 2**24  # bytes
_DAMAGES = (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, Image.DecompressionBombError)


@dataclass(frozen=True)
class MaskedImage:
    """An image and what was drawn on it.

    Attributes
    ----------
    image : ndarray of uint8, shape (height, width)
        Grey values as stored, 0 to 255.
    mask : ndarray of uint8, shape (height, width)
        Label of each pixel; ``IGNORE`` (255) where none was given.
    name : str
        Of the image's file, without the suffix.
    patient, split : str
        As the table says; empty where it does not.
    columns : dict of str to str
        All that the table says of the image.
    """

    image: np.ndarray
    mask: np.ndarray
    name: str
    patient: str = ""
    split: str = ""
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MaskedImages:
    """Images that could be read, and why others could not.

    Attributes
    ----------
    images : tuple of MaskedImage
        In the order of the table, or of the names.
    faults : dict of str to str
        By file, what is wrong with it or with its mask; empty unless faulty images were to be skipped.
    """

    images: tuple[MaskedImage, ...]
    faults: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)


def read_image_masks(
    folder: Path | str,
    labels: Mapping[int, int],
    *,
    images: str = "images",
    masks: str = "masks",
    index: str = "",
    file_column: str = "file",
    patient_column: str = "",
    split_column: str = "",
    skip_faulty: bool = False,
    maximum_pixels: int = 2**24,
) -> MaskedImages:
    """Read PNG or JPEG images and their masks, which have the same names but for the suffix.

    Parameters
    ----------
    folder : Path or str
        A table cannot lead out of it; links that lie in it are followed.
    labels : mapping of int to int
        Label of each value that a mask may hold, such as ``{0: 0, 127: IGNORE, 255: 1}``; other values are refused.
        Of a mask with a palette the value is the number of the colour; of one with two colours it is 0 or 255.
    images, masks : str
        Folders below ``folder``, such as ``train/images``.
    index : str
        A CSV table below ``folder``, in UTF-8 with a line of headings. If given, the images are those that it lists,
        else all in their folder.
    file_column, patient_column, split_column : str
        Columns of the table: name of the file in the folder of images, patient, and part of the split; the last two
        may be empty.
    skip_faulty : bool
        Leave faulty images out and say so in ``faults``, rather than refuse the set.
    maximum_pixels : int
        Of an image; a larger one is refused before it is decompressed.

    Returns
    -------
    MaskedImages

    Raises
    ------
    DataError
        If images are faulty (all are named), the table is, or nothing is there. An image is faulty if it or its mask is
        missing, damaged, too large, outside of the folder or there twice, if their sizes differ, if the image has
        more than 8 bits, or if the mask has a value without a label.
    UsageError
        If ``labels`` does not map values from 0 to 255 to labels from 0 to 255.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for part, value in (("images", 80), ("masks", 255)):
    ...         (Path(folder) / part).mkdir()
    ...         Image.new("L", (4, 3), value).save(Path(folder) / part / "one.png")
    ...     (found,) = read_image_masks(folder, {0: 0, 255: 1}).images
    >>> found.name, found.image.shape, found.mask.max().item()
    ('one', (3, 4), 1)
    """
    folder = Path(folder)
    table = _lookup_table(labels)
    listed = _read_index(folder, index, file_column, patient_column, split_column) if index else None
    candidates = _by_stem(folder, masks)
    if listed is None:
        listed = [({}, path.name) for paths in _by_stem(folder, images).values() for path in paths]
    times = Counter(Path(file).stem for _, file in listed)
    found, faults = [], {}
    for row, file in listed:
        try:
            image = _below(folder / images, file)
            if times[image.stem] > 1:
                raise DataError(f"{times[image.stem]} images of that name, but for the suffix; keep one")
            grey = _read_grey(image, maximum_pixels)
            mask = _read_mask(_only(candidates.get(image.stem, []), folder / masks, image.stem), table, grey.shape)
        except DataError as error:
            faults[file] = str(error)
            continue
        patient, split = row.get(patient_column, ""), row.get(split_column, "")
        found.append(MaskedImage(grey, mask, image.stem, patient, split, row))
    if faults and not skip_faulty:
        reasons = "\n".join(f"  {file}: {reason}" for file, reason in faults.items())
        raise DataError(f"{folder}: {len(faults)} faulty images; mend them, or set skip_faulty=True:\n{reasons}")
    if not found:
        raise DataError(f"{folder}: no image in {images} that can be read; {len(faults)} are faulty {faults or ''}")
    return MaskedImages(tuple(found), faults)


def _lookup_table(labels: Mapping[int, int]) -> np.ndarray:
    """Label of each value, -1 for a value that has none."""
    table = np.full(256, -1, np.int16)
    for value, label in labels.items():
        if not (0 <= value <= 255 and 0 <= label <= 255):
            raise UsageError(f"labels has {value}: {label}; values and labels are whole numbers from 0 to 255")
        table[value] = label
    if (table < 0).all():
        raise UsageError("labels is empty; give the label of each value of a mask, such as {0: 0, 255: 1}")
    return table


def _read_index(folder: Path, index: str, file_column: str, *optional: str) -> list[tuple[dict[str, str], str]]:
    path = _below(folder, index)
    try:
        size = path.stat().st_size
        if size > _LARGEST_INDEX:
            raise DataError(f"{path}: {size} bytes; a table of at most {_LARGEST_INDEX} is read")
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""), strict=True))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; name the table in index=, or give none") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a CSV table in UTF-8 ({error}); fetch it again") from error
    if not rows:
        raise DataError(f"{path}: no rows; fetch it again")
    missing = [name for name in (file_column, *optional) if name and name not in rows[0]]
    if missing:
        raise DataError(f"{path}: no column {', '.join(missing)}; it has {', '.join(map(str, rows[0]))}")
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise DataError(f"{path}: row {number} has more or fewer fields than there are headings; fetch it again")
    return [(row, row[file_column]) for row in rows]


def _below(folder: Path, file: str) -> Path:
    """The path of a file in a folder, if its name stays there, on any system."""
    path = PureWindowsPath(file)  # which knows both separators
    if not path.parts or path.drive or path.root or ".." in path.parts or "\0" in file:
        raise DataError(f"{file!r} is no path below {folder}; only files below it are read")
    return folder / file


def _by_stem(folder: Path, part: str) -> dict[str, list[Path]]:
    place = _below(folder, part)
    if not place.is_dir():
        raise DataError(f"{place}: no such folder; images= and masks= name folders below {folder}")
    found: dict[str, list[Path]] = {}
    for path in sorted(place.iterdir()):
        if path.suffix.lower() in _SUFFIXES:
            found.setdefault(path.stem, []).append(path)
    return found


def _only(paths: list[Path], place: Path, stem: str) -> Path:
    if len(paths) != 1:
        there = ", ".join(path.name for path in paths) or "none"
        raise DataError(f"needs one mask {stem}.png in {place.name}; there is {there}")
    return paths[0]


def _read_grey(path: Path, maximum_pixels: int) -> np.ndarray:
    with _open(path, maximum_pixels, _GREY_MODES) as image:
        return np.asarray(image.convert("L"))


def _read_mask(path: Path, table: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    with _open(path, shape[0] * shape[1], _MASK_MODES, size=shape[::-1]) as image:
        values = np.asarray(image.convert("L") if image.mode == "1" else image)
    mask = table[values]
    if (mask < 0).any():
        known = ", ".join(map(str, np.flatnonzero(table >= 0)))
        raise DataError(f"the mask has the values {np.unique(values[mask < 0])[:5].tolist()}; labels are for {known}")
    return mask.astype(np.uint8)


def _open(path: Path, maximum_pixels: int, modes: tuple[str, ...], size: tuple[int, int] | None = None) -> Image.Image:
    """A decoded image; its header alone is read before its size and mode are accepted."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=_FORMATS)
        if size is not None and image.size != size:
            raise DataError("the mask is {} x {} pixels and the image {} x {}".format(*image.size, *size))
        if image.width * image.height > maximum_pixels:
            raise DataError(f"{path.name} is {image.width} x {image.height}, above {maximum_pixels} pixels")
        if image.mode not in modes:
            raise DataError(f"{path.name} has mode {image.mode}; accepted are {', '.join(modes)}: convert to 8 bits")
        image.load()
    except FileNotFoundError:
        raise DataError("no such file") from None
    except _DAMAGES as error:
        raise DataError(f"{path.name} is not a whole PNG or JPEG image ({error})") from error
    return image
