"""The data set ``covid-ct``, made from the images and split lists of ``covid-ct-original``."""

import csv
import shutil
from collections.abc import Collection
from pathlib import Path

from PIL import Image

# Longest sides in pixels. The set was reduced in two steps, of which the first is what its table says.
FIRST, SECOND = 256, 176
COLUMNS = ["file", "split", "label", "class_name", "orig_width", "orig_height", "width", "height", "original_name"]


def prepare(source: Path, paths: Collection[str], folder: Path) -> None:
    """Write grey, reduced images, numbered within their class in the order of the split lists, and ``index.csv``.

    Parameters
    ----------
    source : Path
        With ``Data-split/CLASS/{train,val,test}CT_CLASS.txt``, lists of names in ``Images/CT_CLASS/``; the classes are
        COVID and NonCOVID.
    paths : collection of str
        Its files; an image that is not one of them is not read.
    folder : Path
        An existing folder.

    Raises
    ------
    KeyError, OSError
        If a list or an image is missing, or cannot be read.

    Examples
    --------
    >>> reduce(Image.new("L", (725, 551)), 256).size
    (256, 195)
    """
    (folder / "images").mkdir()
    (folder / "official_split").mkdir()
    rows = []
    for label, class_name in ((1, "COVID"), (0, "NonCOVID")):
        lists = {split: f"{split}CT_{class_name}.txt" for split in ("train", "val", "test")}
        names = []
        for split, path in lists.items():
            shutil.copyfile(source / "Data-split" / class_name / path, folder / "official_split" / path)
            text = (folder / "official_split" / path).read_text(encoding="ascii")
            names += [(split, name) for name in text.splitlines()]
        for number, (split, name) in enumerate(names):
            path, file = f"Images/CT_{class_name}/{name}", f"{class_name.lower()}_{number:03d}.png"
            if path not in paths:
                raise KeyError(path)
            with Image.open(source / path) as image:
                first = reduce(image.convert("L"), FIRST)
                rows.append([file, split, label, class_name, *image.size, *first.size, name])
            reduce(first, SECOND).save(folder / "images" / file, optimize=True)
    with (folder / "index.csv").open("w", newline="", encoding="ascii") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])


def reduce(image: Image.Image, longest: int) -> Image.Image:
    """The image with its longest side at most so many pixels, by Lanczos interpolation; a smaller one as it is."""
    scale = longest / max(image.size)
    if scale >= 1:
        return image
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
