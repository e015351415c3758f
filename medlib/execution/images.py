"""How far apart two renderings of a figure are."""

import base64
import io

import matplotlib.image
import numpy as np
from scipy.ndimage import gaussian_filter

# Rounding of a layout may add a row or a column.
MARGIN = 2  # pixels
# Standard deviation of the blur before figures are compared, in pixels: antialiasing, and half a pixel's shift, go.
BLUR = 3
# Largest difference after it, of full contrast 1. Measured: 0 between one and two threads and three instruction sets;
# at most 0.03 for a line of usual width that is moved by half a pixel; from 0.07 on for one other letter in a title,
# 0.13 for a thin line that is missing, 0.2 for two lines that swapped their colours.
TOLERANCE = 0.05


def difference(new, stored, roughly=False):
    """What tells two renderings of a figure apart.

    Parameters
    ----------
    new, stored : str
        PNG or JPEG in base64.
    roughly : bool
        Of a figure that a rerun may change, as that of a network that was trained again: the new one only has to be
        nearer to the stored one than an empty figure is. A line that is missing goes unseen.

    Returns
    -------
    str
        Empty where they agree. One letter in small print, or a light thin line, can differ unseen.
    """
    if new == stored:
        return ""
    try:
        new, stored = _read(new), _read(stored)
    except Exception as error:  # Pillow meets damaged images with errors of any type
        return f"cannot be read ({error})"
    sizes = [f"{image.shape[1]} x {image.shape[0]}" for image in (new, stored)]
    if max(abs(side - other) for side, other in zip(new.shape[:2], stored.shape[:2], strict=True)) > MARGIN:
        return f"has {sizes[0]} pixels, stored {sizes[1]}"
    height, width = np.minimum(new.shape[:2], stored.shape[:2])
    new, stored = new[:height, :width], stored[:height, :width]
    return _rough_difference(new, stored) if roughly else _fine_difference(new, stored)


def _fine_difference(new, stored):
    contrast = np.abs(_blurred(new) - _blurred(stored)).max(axis=-1)
    row, column = np.unravel_index(contrast.argmax(), contrast.shape)
    if contrast[row, column] <= TOLERANCE:
        return ""
    return f"differs by {contrast[row, column]:.2f} (of 1) near row {row}, column {column}; at most {TOLERANCE} may"


def _rough_difference(new, stored):
    empty = np.median(stored, axis=(0, 1))
    share = np.abs(new - stored).mean() / max(np.abs(empty - stored).mean(), np.finfo(float).tiny)
    return "" if share < 1 else f"is as far from the stored one as an empty figure, or further ({share:.1f} times)"


def _read(text):
    # An empty format: found by Pillow, where none would mean PNG.
    image = np.atleast_3d(matplotlib.image.imread(io.BytesIO(base64.b64decode(text)), format=""))
    return image[..., :3] / (255 if image.dtype == np.uint8 else 1)


def _blurred(image):
    return gaussian_filter(image, (BLUR, BLUR, 0))
