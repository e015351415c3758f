"""The data set ``lung-slices``, made from the slices and masks of ``lung-slices-original``."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
from PIL import Image


def prepare(source: Path, paths: Collection[str], folder: Path) -> None:
    """Write ``lung2d_256.npz``: ``images`` (HU, int16), ``masks`` (uint8, 1 is lung) and ``ids``, half as wide.

    Parameters
    ----------
    source : Path
        With ``2d_images/ID.tif`` (HU) and ``2d_masks/ID.tif`` (255 is lung).
    paths : collection of str
        Its files; every slice of these is taken, in the order of the names.
    folder : Path
        An existing folder.

    Raises
    ------
    OSError, ValueError
        If a slice has no mask, cannot be read, or has another shape than the rest.

    Examples
    --------
    >>> reduce(np.array([[[-800, -801, 7, 8], [-800, -802, 9, 10]]]))
    array([[[-800.75,    8.5 ]]])
    """
    ids = sorted(Path(path).stem for path in paths if path.startswith("2d_images/"))
    images = np.stack([_read(source / "2d_images" / f"{name}.tif") for name in ids])
    masks = np.stack([_read(source / "2d_masks" / f"{name}.tif") for name in ids])
    arrays = {
        "images": np.round(reduce(images)).astype(np.int16),
        # Of two voxels against two, lung wins.
        "masks": (reduce(masks > 0) >= 0.5).astype(np.uint8),
        "ids": np.array(ids),
    }
    np.savez_compressed(folder / "lung2d_256.npz", **arrays)


def reduce(images: np.ndarray) -> np.ndarray:
    """Mean of each two by two pixels of images (n, height, width) of even height and width, as float64."""
    n, height, width = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4))


def _read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)
