"""An analytic phantom of the chest and upper abdomen: what lies where, in Hounsfield units, and how X-rays see it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WATER = 0.02  # attenuation in 1/mm, near 60 keV
AIR = -1000.0  # HU
#: Numbers of the structures that have a label.
LABELS = {"right lung": 1, "left lung": 2, "heart": 3, "aorta": 4, "liver": 5, "spleen": 6, "spine": 7, "nodule": 8}


class Structure(NamedTuple):
    """An ellipsoid, or an elliptic cylinder along z where its third half axis is infinite.

    Attributes
    ----------
    centre, half_axes : tuple of float
        In mm, x to the right of the patient, y to the front, z to the head (RAS+).
    hounsfield : float
        In HU.
    """

    centre: tuple[float, float, float]
    half_axes: tuple[float, float, float]
    hounsfield: float


#: Each is painted over those before it.
STRUCTURES = {
    "fat": Structure((0, 0, 0), (163, 112, np.inf), -100),
    "muscle": Structure((0, 0, 0), (148, 98, np.inf), 45),
    "right lung": Structure((72, 0, 42), (56, 80, 100), -850),
    "left lung": Structure((-76, -4, 46), (50, 76, 96), -850),
    "heart": Structure((-24, 34, 6), (50, 42, 52), 45),
    "liver": Structure((66, 6, -78), (82, 78, 66), 60),
    "spleen": Structure((-98, -42, -66), (34, 32, 40), 50),
    "stomach": Structure((-52, 34, -74), (44, 38, 34), 10),
    "gas": Structure((-52, 54, -70), (24, 14, 18), -950),
    "spine": Structure((0, -66, 0), (23, 19, np.inf), 180),
    "canal": Structure((0, -92, 0), (10, 8, np.inf), 30),
    "aorta": Structure((-20, -38, 0), (12, 12, np.inf), 220),
    "nodule": Structure((88, -18, 22), (14, 14, 14), 35),
}
_CHEST = STRUCTURES["muscle"]
_RIB, _RIB_STEP, _DISC_STEP = 420.0, 26.0, 30.0  # HU, mm, mm
_VESSELS, _VESSEL = 10, 40.0  # in each lung, and their HU
_ROOTS = {"right lung": (30.0, 0.0, 30.0), "left lung": (-34.0, -8.0, 34.0)}  # mm


def is_inside(structure: Structure, points: NDArray) -> NDArray[np.bool_]:
    """Whether points lie in a structure.

    Parameters
    ----------
    structure : Structure
    points : ndarray of float, shape (..., 3)
        RAS+, in mm.

    Returns
    -------
    ndarray of bool, shape (...)

    Examples
    --------
    >>> is_inside(STRUCTURES["nodule"], np.array([[88, -18, 35], [88, -18, 37]])).tolist()
    [True, False]
    """
    reach = 0.0
    for axis in range(3):
        if np.isfinite(structure.half_axes[axis]):
            reach = reach + ((points[..., axis] - structure.centre[axis]) / structure.half_axes[axis]) ** 2
    return reach <= 1


def labels_at(points: NDArray) -> NDArray[np.uint8]:
    """Number of the structure at each point, 0 for the rest of the body and the air around it.

    Parameters
    ----------
    points
        As in :func:`is_inside`.

    Returns
    -------
    ndarray of uint8, shape (...)

    Examples
    --------
    >>> labels_at(np.array([[88.0, -18.0, 22.0], [300.0, 0.0, 0.0]])).tolist()
    [8, 0]
    """
    labels = np.zeros(points.shape[:-1], np.uint8)
    for name, structure in STRUCTURES.items():
        labels[is_inside(structure, points)] = LABELS.get(name, 0)
    return labels


def hounsfield_at(points: NDArray) -> NDArray[np.float32]:
    """Hounsfield units at each point, with ribs, discs and vessels, which have no label.

    Parameters
    ----------
    points
        As in :func:`is_inside`.

    Returns
    -------
    ndarray of float32, shape (...)
        In HU.

    Examples
    --------
    >>> hounsfield_at(np.array([[88.0, -18.0, 22.0], [300.0, 0.0, 0.0]])).tolist()
    [35.0, -1000.0]
    """
    values = np.full(points.shape[:-1], AIR, np.float32)
    for name, structure in STRUCTURES.items():
        inside = is_inside(structure, points)
        values[inside] = structure.hounsfield
        if name == "muscle":
            values[inside & _is_rib(points)] = _RIB
        elif name == "spine":
            values[inside & (np.mod(points[..., 2], _DISC_STEP) < 6)] = 90
        elif name in _ROOTS:
            among = np.flatnonzero(inside)
            values.ravel()[among[_is_vessel(name, points.reshape(-1, 3)[among])]] = _VESSEL
    return values


def _is_rib(points: NDArray) -> NDArray[np.bool_]:
    x, y, z = (points[..., axis] for axis in range(3))
    from_axis = np.hypot(x / _CHEST.half_axes[0], y / _CHEST.half_axes[1])
    # Ribs fall from the back to the front.
    return (from_axis > 0.9) & (from_axis < 0.97) & (np.mod(z + 0.35 * y, _RIB_STEP) < 9)


def _is_vessel(lung: str, points: NDArray) -> NDArray[np.bool_]:
    """Straight vessels from the root of a lung, which taper."""
    rng = np.random.default_rng(list(lung.encode()))
    root = np.array(_ROOTS[lung])
    ends = np.array(STRUCTURES[lung].centre) + rng.normal(size=(_VESSELS, 3)) * (38, 45, 55)
    found = np.zeros(len(points), bool)
    for end in ends:
        length = np.linalg.norm(end - root)
        along = (points - root) @ (end - root) / length
        away = np.linalg.norm(points - root - along[:, None] * (end - root) / length, axis=1)
        found |= (along > 0) & (along < length) & (away < 4 - 2.5 * along / length)
    return found


def quantum_noise(
    slices: NDArray, spacing: float, photons: float, rng: np.random.Generator, n_angles: int = 180
) -> NDArray[np.float32]:
    """Noise of a CT scan: that of counted photons, brought into the image by filtered back-projection.

    Reconstruction is linear, so what a scanner shows is the sum of the object's image and this. A ray that is
    weakened by a factor exp(-p) arrives as N exp(-p) photons, whose logarithm has a variance of exp(p) / N: there are
    streaks along the lines of most attenuation, and neighbouring pixels are correlated.

    Parameters
    ----------
    slices : ndarray of float, shape (n_slices, n, n)
        In HU.
    spacing : float
        Size of a pixel in mm.
    photons : float
        Photons of each ray before they meet the body.
    rng : numpy.random.Generator
    n_angles : int
        Parallel projections over half a turn.

    Returns
    -------
    ndarray of float32, shape (n_slices, n, n)
        In HU.

    References
    ----------
    Kak AC, Slaney M (1988), Principles of Computerized Tomographic Imaging, chapters 3 and 5.

    Examples
    --------
    >>> air = np.full((1, 32, 32), -1000.0)
    >>> quantum_noise(air, 2.0, 1e5, np.random.default_rng(0)).shape
    (1, 32, 32)
    """
    n_slices, n, _ = slices.shape
    rays = _rays(n, n_angles)
    attenuation = WATER * (1 + np.maximum(slices, AIR) / 1000) * spacing
    paths = (rays @ attenuation.reshape(n_slices, -1).T).reshape(n_angles, -1, n_slices)
    noise = rng.standard_normal(paths.shape) * np.exp(paths / 2) / np.sqrt(photons)
    # The ramp filter with a Hann window, as for soft tissue.
    frequency = np.fft.rfftfreq(2 * paths.shape[1])
    response = frequency * (0.5 + 0.5 * np.cos(2 * np.pi * frequency))
    filtered = np.fft.irfft(np.fft.rfft(noise, 2 * paths.shape[1], axis=1) * response[:, None], axis=1)
    filtered = filtered[:, : paths.shape[1]].reshape(-1, n_slices)
    image = (rays.T @ filtered).T.reshape(slices.shape) * np.pi / n_angles / spacing
    return (1000 * image / WATER).astype(np.float32)


def _rays(n: int, n_angles: int):
    """Sparse matrix from n x n pixels to the rays of all angles; each pixel is divided between the two nearest."""
    import scipy.sparse

    n_rays = int(np.ceil(n * 1.5))
    row, column = np.indices((n, n)).reshape(2, -1) - (n - 1) / 2
    angle = np.pi * np.arange(n_angles)[:, None] / n_angles
    place = column * np.cos(angle) + row * np.sin(angle) + (n_rays - 1) / 2
    first = np.floor(place).astype(int)
    share = place - first
    ray = np.arange(n_angles)[:, None] * n_rays + first
    pixel = np.broadcast_to(np.arange(n * n), ray.shape)
    entries = np.concatenate([1 - share, share]).ravel()
    places = np.concatenate([ray, ray + 1]).ravel(), np.concatenate([pixel, pixel]).ravel()
    return scipy.sparse.csr_array((entries, places), shape=(n_angles * n_rays, n * n))


def radiograph(x: NDArray, z: NDArray, photons: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Photons behind the body, by parallel rays from back to front.

    Parameters
    ----------
    x, z : ndarray of float, shapes (n_columns,) and (n_rows,)
        Places of the pixels in mm, RAS+.
    photons : float
        Photons of each ray before they meet the body.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (n_rows, n_columns)
        Counts.

    Examples
    --------
    >>> counts = radiograph(np.array([0.0, 300.0]), np.array([0.0]), 1e5, np.random.default_rng(0))
    >>> bool(counts[0, 0] < 0.1 * counts[0, 1])
    True
    """
    y = np.arange(-115.0, 116.0, 2.0)
    points = np.stack(np.broadcast_arrays(x[None, :, None], y, z[:, None, None]), axis=-1)
    paths = 2.0 * WATER * (1 + hounsfield_at(points) / 1000).sum(axis=-1, dtype=np.float64)
    return rng.poisson(photons * np.exp(-paths)).astype(np.float64)
