"""An analytic phantom of the brain in T1-weighted MR: what lies where, without skull and scalp."""

import numpy as np
from numpy.typing import NDArray

#: Names by number as in the real set, and the numbers of FreeSurfer for both sides of each.
LABELS = {
    "thalamus": "10 49", "cerebellum-cortex": "8 47", "lateral-ventricle": "4 43", "cerebellum-white-matter": "7 46",
    "putamen": "12 51", "caudate": "11 50", "pallidum": "13 52", "hippocampus": "17 53", "amygdala": "18 54",
    "cerebral-cortex": "3 42", "3rd-ventricle": "14", "4th-ventricle": "15", "brain-stem": "16",
}  # fmt: skip
#: Ellipsoids, each painted over those before it: name, signal (1 in white matter), centre and half axes in mm, RAS.
#: Place 0 is the middle of the brain; what is not there is on both sides. Between the two groups comes the cerebrum.
BELOW = (
    ("cerebellum-cortex", 0.62, (26, -54, -40), (30, 27, 22)),
    ("cerebellum-cortex", 0.62, (0, -58, -36), (12, 22, 20)),
    ("cerebellum-white-matter", 0.95, (19, -48, -38), (17, 13, 9)),
)
WITHIN = (
    ("brain-stem", 0.93, (0, -22, -38), (14, 13, 30)),
    ("4th-ventricle", 0.2, (0, -37, -36), (7, 6, 10)),
    ("hippocampus", 0.66, (27, -16, -16), (7, 20, 7)),
    ("amygdala", 0.68, (24, 8, -18), (8, 8, 8)),
    ("putamen", 0.76, (26, 8, 4), (6.5, 17, 11)),
    ("pallidum", 0.9, (18, 3, 2), (5, 9, 7)),
    ("thalamus", 0.84, (11, -12, 8), (10, 15, 10)),
    ("caudate", 0.72, (14, 18, 12), (6, 11, 10)),
    ("caudate", 0.72, (17, 0, 22), (4.5, 20, 5)),
    ("lateral-ventricle", 0.18, (8, 2, 20), (5.5, 33, 6.5)),
    ("lateral-ventricle", 0.18, (21, -36, 8), (6, 18, 7)),
    ("3rd-ventricle", 0.2, (0, -8, 4), (3.5, 14, 10)),
)
_LOBES = ((0, 2, 14), (68, 84, 56)), ((44, 6, -20), (22, 40, 24))  # hull of the cerebrum: all of it, temporal lobes
WHITE, GREY, FLUID = 1.0, 0.66, 0.25
_CORTEX = 4.0  # mm
_FOLD, _FOLD_DEPTH, _FOLD_WIDTH = 62.0, 17.0, 1.0  # mm, of the pattern of sulci
_FISSURE = 24.0  # mm, depth of the gap between the hemispheres


def anatomy_at(points: NDArray) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """The atlas: what lies at each point.

    Parameters
    ----------
    points : ndarray of float, shape (..., 3)
        In mm, RAS, 0 in the middle of the brain.

    Returns
    -------
    signal : ndarray of float64, shape (...)
        1 in white matter, 0 outside of the brain.
    labels : ndarray of uint8, shape (...)
        The number in `LABELS`, from 1; 0 outside and in the white matter of the cerebrum.

    Examples
    --------
    >>> signal, labels = anatomy_at(np.array([[11.0, -12.0, 8.0], [-30.0, 10.0, 30.0], [0.0, 0.0, 90.0]]))
    >>> signal.tolist(), labels.tolist()
    ([0.84, 1.0, 0.0], [1, 0, 0])
    """
    signal, labels, numbers = np.zeros(points.shape[:-1]), np.zeros(points.shape[:-1], np.uint8), list(LABELS)
    points = np.stack([np.abs(points[..., 0]), points[..., 1], points[..., 2]], axis=-1)
    depth, wall = _cerebrum(points)
    for name, value, centre, half_axes in BELOW:
        inside = _reach(points, centre, half_axes) <= 1
        signal[inside], labels[inside] = value, numbers.index(name) + 1
    cerebrum, cortex = depth > 0, wall < _CORTEX
    signal[cerebrum] = np.where(wall < 0, FLUID, np.where(cortex, GREY, WHITE))[cerebrum]
    labels[cerebrum] = np.where(cortex & (wall >= 0), numbers.index("cerebral-cortex") + 1, 0)[cerebrum]
    for name, value, centre, half_axes in WITHIN:
        inside = _reach(points, centre, half_axes) <= 1
        signal[inside], labels[inside] = value, numbers.index(name) + 1
    return signal, labels


def _cerebrum(points: NDArray) -> tuple[NDArray, NDArray]:
    """Depth below the hull of the cerebrum and distance to the nearest fluid outside of its cortex, about, in mm."""
    hull = np.maximum.reduce([(1 - np.sqrt(_reach(points, *lobe))) * min(lobe[1]) for lobe in _LOBES])
    x, y, z = (points[..., axis] * 2 * np.pi / _FOLD for axis in range(3))
    # A gyroid, whose sheets are about half of a wave apart, is the middle of the sulci.
    folds = np.sin(x + 0.6 * np.sin(z)) * np.cos(y) + np.sin(y + 0.5) * np.cos(z) + np.sin(z) * np.cos(x)
    sulcus = np.abs(folds) * _FOLD / (2 * np.pi * 1.5) - _FOLD_WIDTH
    fissure = points[..., 0] - 1.5
    gaps = np.minimum(np.maximum(sulcus, hull - _FOLD_DEPTH), np.maximum(fissure, hull - _FISSURE))
    return hull, np.minimum(hull, gaps)


def _reach(points: NDArray, centre: tuple, half_axes: tuple) -> NDArray:
    return (((points - centre) / half_axes) ** 2).sum(axis=-1)
