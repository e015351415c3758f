"""The data set ``chestxray-lungs``, made from the radiographs, masks and metadata of ``chestxray-lungs-original``."""

import csv
from collections.abc import Collection
from pathlib import Path

import numpy as np
from PIL import Image

from medlib import resources

LONGEST = 256
# Of the metadata, as they are.
COPIED = "patientid", "view", "finding"
CITED = "license", "doi", "url"
SIZES = "orig_width", "orig_height", "width", "height", "lung_fraction", "ignore_fraction"
LUNG, IGNORE = 255, 127


def prepare(source: Path, paths: Collection[str], folder: Path) -> None:
    """Write ``images/lung_NNN.png`` (grey) and ``masks/lung_NNN.png``, at most 256 pixels wide, and ``index.csv``.

    Parameters
    ----------
    source : Path
        With ``images/NAME``, ``masks/NUMBER.png`` (255 is lung, 127 what is to be ignored) and ``metadata.csv``.
    paths : collection of str
        Its files; an image or a mask that is not one of them is not read. Which belong together, and in which part of
        the split the patient is, says ``data/splits/chestxray-lungs.csv``, which is shipped.
    folder : Path
        An existing folder.

    Raises
    ------
    KeyError, OSError, ValueError
        If an image, its mask or its metadata are missing, cannot be read, or differ in size.

    Examples
    --------
    >>> reduced_size((2000, 1000)), reduced_size((156, 200))
    ((256, 128), (156, 200))
    """
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    with (source / "metadata.csv").open(newline="", encoding="utf-8") as stream:
        metadata = {row["filename"]: row for row in csv.DictReader(stream)}
    with (resources.root() / "data" / "splits" / "chestxray-lungs.csv").open(newline="", encoding="ascii") as stream:
        chosen = list(csv.DictReader(stream))
    rows = [["file", "split", *COPIED, *SIZES, *CITED, "ieee8023_filename", "v7labs_id"]]
    for number, row in enumerate(chosen):
        name, mask, known = row["image"], row["mask"], metadata[row["image"]]
        for path in (f"images/{name}", f"masks/{mask}.png"):
            if path not in paths:
                raise KeyError(path)
        file = f"lung_{number:03d}.png"
        measured = _reduce(source / "images" / name, source / "masks" / f"{mask}.png", folder, file)
        copied, cited = ([known[column] for column in columns] for columns in (COPIED, CITED))
        rows.append([file, row["split"], *copied, *measured, *cited, name, mask])
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)


def reduced_size(size: tuple[int, int]) -> tuple[int, int]:
    """Width and height with the longer side at most `LONGEST`."""
    scale = min(1, LONGEST / max(size))
    return round(size[0] * scale), round(size[1] * scale)


def _reduce(image_path: Path, mask_path: Path, folder: Path, file: str) -> list[float]:
    with Image.open(image_path) as image, Image.open(mask_path) as mask:
        if image.size != mask.size:
            raise ValueError(f"{image_path} is {image.size}, its mask {mask.size}")
        size = reduced_size(image.size)
        image.convert("L").resize(size, Image.Resampling.LANCZOS).save(folder / "images" / file, optimize=True)
        mask.resize(size, Image.Resampling.NEAREST).save(folder / "masks" / file, optimize=True)
        labels = np.asarray(mask)
        return [*image.size, *size, *(round(float((labels == label).mean()), 4) for label in (LUNG, IGNORE))]
