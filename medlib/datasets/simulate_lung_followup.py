"""The sample ``registration-lung-ct-sample``: a simulated lung at two times, laid out as ``registration-lung-ct``.

``python -m medlib.datasets.simulate_lung_followup FOLDER`` writes it again: CT of the right half of the chest at a
baseline and at a follow-up after a deeper breath, masks of the lung, a lobe of it in the follow-up, and the forks of
the vessels in both. The follow-up is drawn where :func:`breathe` says that the anatomy has gone, so each point's place
is known; the tissue has thinned as the lung has grown.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medlib.datasets import thorax_phantom
from medlib.datasets.phantoms import soft
from medlib.datasets.sample_files import make_sample

SPACING = (4.0, 4.0, 5.0)  # mm, x, y, z
#: Voxels (z, y, x), and the place of the first one in mm, RAS+, in the scanner of that day.
GRIDS = {"baseline": ((41, 45, 34), (4.0, -88.0, -56.0)), "followup": ((44, 47, 34), (10.0, -84.0, -36.0))}
#: Where a point of the follow-up's scanner lies in the patient, in mm: the patient lay elsewhere on the table.
TABLE = np.array([4.0, 10.0, 33.0])
REGION = 137  # the value of the lobe
_LUNG = thorax_phantom.STRUCTURES["right lung"]
_SCANNER = 104.0  # mm around the middle of the lung that the scanner sees
_OUTSIDE, _STEP, _NOISE = -2048, 40, 20.0  # HU beyond, between the values of a file, and of the noise
_GENERATIONS, _HILUM, _TRUNK = 6, (28.0, -2.0, 34.0), 5.5


def breathe(points: NDArray) -> NDArray[np.float64]:
    """Where points of the baseline lie in the follow-up, apart from the place on the table.

    Parameters
    ----------
    points : ndarray of float, shape (..., 3)
        In mm, RAS+.

    Returns
    -------
    ndarray of float64, shape (..., 3)
        The diaphragm moves down, the ribs outwards, and neighbouring parts fill unevenly.

    Examples
    --------
    >>> breathe(np.array([[72.0, 0.0, 132.0], [72.0, 0.0, -8.0]])).round(1).tolist()
    [[75.5, -1.9, 134.2], [73.4, -0.4, -19.4]]
    """
    points = np.asarray(points, np.float64)
    x, y, z = (points[..., axis] for axis in range(3))
    depth = soft((62 - z) / 45)  # 0 at the top of the lung, 1 at the diaphragm
    uneven = 2.5 * np.sin(2 * np.pi * (y + 0.5 * z) / 95) * np.cos(2 * np.pi * x / 130)
    step = np.stack([
        0.05 * (x - 30) + 1.5 * np.sin(2 * np.pi * (z - y) / 110),
        0.06 * y * depth + 2.0 * np.sin(2 * np.pi * (x + z) / 120),
        -12.0 * depth + uneven,
    ], axis=-1)  # fmt: skip
    return points + step


def unbreathe(points: NDArray) -> NDArray[np.float64]:
    """Where points of the follow-up lay in the baseline: the inverse of :func:`breathe`, by iteration.

    Parameters
    ----------
    points : ndarray of float, shape (..., 3)
        In mm, RAS+.

    Returns
    -------
    ndarray of float64, shape (..., 3)

    Examples
    --------
    >>> place = np.array([[60.0, 20.0, 10.0]])
    >>> bool(np.allclose(unbreathe(breathe(place)), place, atol=1e-6))
    True
    """
    points = np.asarray(points, np.float64)
    found = points
    for _ in range(40):
        found = found - (breathe(found) - points)
    return found


def growth(points: NDArray, step: float = 0.5) -> NDArray[np.float64]:
    """Volume in the follow-up of what had the volume 1 in the baseline.

    Parameters
    ----------
    points : ndarray of float, shape (..., 3)
        In mm, RAS+.
    step : float
        Of the differences, in mm.

    Returns
    -------
    ndarray of float64, shape (...)
        The determinant of the Jacobian matrix of :func:`breathe`.
    """
    sides = step * np.eye(3)
    columns = [(breathe(points + side) - breathe(points - side)) / (2 * step) for side in sides]
    return np.linalg.det(np.stack(columns, axis=-1))


def vessels() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The tree of vessels: each forks into two, which are thinner, until they reach the border of the lung.

    Returns
    -------
    segments : ndarray of float64, shape (n, 8)
        Begin and end in mm, RAS+, and the radius at both.
    forks : ndarray of float64, shape (m, 3)
        Where two leave one, in mm: places that an observer would mark.
    """
    rng = np.random.default_rng(2005)
    segments, forks = [], []
    growing = []
    for angle in (-1.1, 0.6):
        along, across = np.array([0.75, 0.0, np.sin(angle)]), np.array([0.0, np.cos(angle), 0.3])
        growing.append((np.array(_HILUM), along, across, _TRUNK, 40.0))
    for _ in range(_GENERATIONS):
        grown = []
        for begin, along, across, radius, length in growing:
            along = along / np.linalg.norm(along)
            end = begin + along * length
            if not _within(end, 0.93):
                end = begin + along * length * 0.5
                if not _within(end, 0.95):
                    continue
            segments.append([*begin, *end, radius, 0.8 * radius])
            forks.append(end)
            spread = across - along * (along @ across)
            spread = spread / np.linalg.norm(spread)
            for side in (-1, 1):
                turn = rng.uniform(0.5, 0.9)
                course = along * np.cos(turn) + side * spread * np.sin(turn)
                twist = np.cross(along, spread) + 0.3 * rng.normal(size=3)
                grown.append((end, course, twist, 0.8 * radius, length * rng.uniform(0.68, 0.88)))
        growing = grown
    return np.array(segments), np.array(forks)


def lung_at(points: NDArray) -> NDArray[np.bool_]:
    """Whether points of the baseline lie in the lung.

    Parameters
    ----------
    points : ndarray of float, shape (..., 3)
        In mm, RAS+.

    Returns
    -------
    ndarray of bool, shape (...)
    """
    labels = thorax_phantom.labels_at(points)
    return np.isin(labels, [thorax_phantom.LABELS["right lung"], thorax_phantom.LABELS["nodule"]])


def lobe_at(points: NDArray) -> NDArray[np.bool_]:
    """Whether points of the baseline lie in the lower lobe: the lung below and behind the oblique fissure.

    Parameters
    ----------
    points : ndarray of float, shape (..., 3)
        In mm, RAS+.

    Returns
    -------
    ndarray of bool, shape (...)
    """
    return lung_at(points) & (_above_fissure(points) < 0)


def hounsfield_at(points: NDArray, thinned: NDArray | float = 1.0) -> NDArray[np.float64]:
    """Hounsfield units of the baseline's anatomy.

    Parameters
    ----------
    points : ndarray of float, shape (..., 3)
        In mm, RAS+.
    thinned : ndarray of float, shape (...), or float
        By which the tissue of the lung has grown: its density above that of air is divided by it.

    Returns
    -------
    ndarray of float64, shape (...)
        In HU. Vessels and the fissure keep their density.
    """
    values = thorax_phantom.hounsfield_at(points).astype(np.float64)
    # The lung of the phantom has vessels of its own, which are straight: the tree takes their place.
    inside = thorax_phantom.labels_at(points) == thorax_phantom.LABELS["right lung"]
    within = points[inside]
    x, y, z = within.T
    tissue = 150 + 30 * np.sin(x / 21) * np.sin(y / 25 + 1) * np.sin(z / 28) - 0.4 * y  # denser at the back
    lung = -1000 + tissue / np.broadcast_to(thinned, inside.shape)[inside]
    fissure = soft((2.0 - np.abs(_above_fissure(within))) / 1.5)
    lung = lung + (-600 - lung) * fissure
    values[inside] = lung + (40 - lung) * _in_vessel(within)
    return values


def write_sample(folder: Path) -> None:
    """Write the sample to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    rng = np.random.default_rng(1972)
    for name in GRIDS:
        affine, points = _points(name)
        seen = np.hypot(points[..., 0] - _LUNG.centre[0], points[..., 1] - _LUNG.centre[1]) < _SCANNER
        if name == "followup":
            points = unbreathe(points - TABLE)
        scan = np.where(seen, _scan(name, points, rng), _OUTSIDE).astype(np.int16)
        _write(folder / f"{name}.mha", scan, affine)
        _write(folder / f"{name}_mask.mha", lung_at(points).astype(np.uint8), affine)
    region = np.where(lobe_at(points), REGION, 0).astype(np.uint8)
    _write(folder / "followup_region.mha", region, affine)
    for name, places in marked().items():
        rows = [" ".join(map(str, row)) for row in (places.round(3) * [-1, -1, 1] + 0.0).tolist()]
        text = "\n".join(["point", str(len(rows)), *rows, ""])
        (folder / f"{name}_landmarks.txt").write_text(text, encoding="ascii", newline="\n")


def marked() -> dict[str, NDArray[np.float64]]:
    """The forks of the vessels that lie well within the lung.

    Returns
    -------
    dict of str to ndarray of float64, shape (n, 3)
        By ``baseline`` and ``followup``, in mm, RAS+, each in its scanner.
    """
    forks = vessels()[1]
    forks = forks[[_within(fork, 0.9) and bool(lung_at(fork)) for fork in forks]]
    return {"baseline": forks, "followup": breathe(forks) + TABLE}


def _points(name: str) -> tuple[NDArray, NDArray]:
    """Affine of a scan, and the centres of its voxels in mm, shape (z, y, x, 3)."""
    shape, origin = GRIDS[name]
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = origin
    z, y, x = np.indices(shape, dtype=np.float64)
    return affine, np.stack([x, y, z], axis=-1) * SPACING + origin


def _write(path: Path, array: NDArray, affine: NDArray) -> None:
    """As MetaImage, which counts to the left and to the back, on a grid along the axes of the patient."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    image.SetSpacing(np.diag(affine)[:3].tolist())
    image.SetDirection([-1, 0, 0, 0, -1, 0, 0, 0, 1])
    image.SetOrigin((affine[:3, 3] * [-1, -1, 1]).tolist())
    sitk.WriteImage(image, str(path), useCompression=True)


def _scan(name: str, points: NDArray, rng: np.random.Generator) -> NDArray[np.float64]:
    """CT at points of the baseline's anatomy, in steps that keep the file small."""
    thinned = growth(points) if name == "followup" else 1.0
    quarter = np.array(SPACING) / 4
    corners = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    clean = np.mean([hounsfield_at(points + quarter * corner, thinned) for corner in corners], axis=0)
    noisy = clean + rng.normal(scale=_NOISE, size=clean.shape)
    return (np.rint(noisy / _STEP) * _STEP).clip(-1024, 3071)


def _within(place: NDArray, share: float) -> bool:
    """Whether a place lies in the lung made smaller, and above the dome of the diaphragm."""
    shrunk = _LUNG._replace(half_axes=tuple(share * half for half in _LUNG.half_axes))
    return bool(thorax_phantom.is_inside(shrunk, place)) and bool(lung_at(place - (0, 0, 6)))


def _above_fissure(points: NDArray) -> NDArray[np.float64]:
    """Distance in mm to the front of the oblique fissure and above it."""
    x, y, z = (points[..., axis] for axis in range(3))
    return (0.75 * (y - 4) + 0.66 * (z - 30)) + 4 * np.sin(x / 18)


def _in_vessel(points: NDArray) -> NDArray[np.float64]:
    """Share of the neighbourhood that is vessel."""
    filled = np.zeros(len(points))
    for *ends, first, last in vessels()[0]:
        begin, end = np.array(ends[:3]), np.array(ends[3:])
        along = np.clip((points - begin) @ (end - begin) / ((end - begin) @ (end - begin)), 0, 1)
        away = np.linalg.norm(points - begin - along[:, None] * (end - begin), axis=1)
        filled = np.maximum(filled, soft((first + (last - first) * along - away) / 0.8))
    return filled


if __name__ == "__main__":
    make_sample(write_sample)
