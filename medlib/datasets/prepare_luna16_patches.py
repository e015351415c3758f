"""The data set ``luna16-patches``, made from the JPEG files and lists of labels of ``luna16-jpeg``."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
from PIL import Image

# Numbers of candidates, which are in the order of scans: no scan is in two parts, but for those at the two borders.
PARTS = {"train": range(380_000), "val": range(380_000, 440_000), "test": range(440_000, 2**31)}


def prepare(source: Path, paths: Collection[str], folder: Path) -> None:
    """Write ``luna16_patches.npz``: the images in the order of their numbers, split anew by these.

    Parameters
    ----------
    source : Path
        With ``{train,val,test}datalabels.txt``, whose lines are ``PATH LABEL``.
    paths : collection of str
        The images to take are those of its files, such as ``train/image_59270.jpg``, that end in ``.jpg``.
    folder : Path
        An existing folder.

    Raises
    ------
    KeyError, OSError, ValueError
        If an image has no label, cannot be read, or has another size than the rest.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     source = Path(name)
    ...     for split, number, label in (("val", 7, 0), ("train", 400_000, 1), ("test", 500_000, 0)):
    ...         (source / split).mkdir()
    ...         Image.new("L", (50, 50), number % 256).save(source / f"{split}/image_{number}.jpg")
    ...         _ = (source / f"{split}datalabels.txt").write_text(f"{split}/image_{number}.jpg {label}\\n")
    ...     prepare(source, [path.relative_to(source).as_posix() for path in source.rglob("*.jpg")], source)
    ...     with np.load(source / "luna16_patches.npz") as made:
    ...         made["train_candidate_index"], made["val_candidate_index"], made["val_labels"]
    (array([7], dtype=int32), array([400000], dtype=int32), array([[1]], dtype=uint8))
    """
    labels = {}
    for part in PARTS:
        for line in (source / f"{part}datalabels.txt").read_text(encoding="ascii").splitlines():
            path, label = line.split(" ")
            labels[path] = int(label)
    images = {int(Path(path).stem.removeprefix("image_")): path for path in paths if path.endswith(".jpg")}
    arrays = {}
    for part, numbers in PARTS.items():
        chosen = [number for number in sorted(images) if number in numbers]
        arrays[f"{part}_images"] = np.stack([np.asarray(Image.open(source / images[number])) for number in chosen])
        arrays[f"{part}_labels"] = np.array([[labels[images[number]]] for number in chosen], np.uint8)
        arrays[f"{part}_candidate_index"] = np.array(chosen, np.int32)
    np.savez_compressed(folder / "luna16_patches.npz", **arrays)
