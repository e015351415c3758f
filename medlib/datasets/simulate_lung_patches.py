"""The sample ``luna16-sample``: simulated patches of lung CT, in the layout of ``luna16-patches``.

``python -m medlib.datasets.simulate_lung_patches FOLDER`` writes it again. Several candidates come from one scan, side
by side and with the same noise, as in the real list of candidates, which is ordered by scan.
"""

from pathlib import Path

import numpy as np

from medlib.datasets import phantoms
from medlib.datasets.sample_files import make_sample

SIZE = 50  # pixels of about 0.7 mm
SCANS = {"train": 16, "val": 3, "test": 6}
CANDIDATES = 8  # of a scan
_AIR, _TISSUE = -860.0, 40.0  # HU


def simulate_patch(nodule: bool, rng: np.random.Generator, *, noise: float = 25.0, blur: float = 0.8) -> np.ndarray:
    """An axial patch around a candidate: a nodule in the middle, or else a vessel, a fork of vessels or the pleura.

    Parameters
    ----------
    nodule : bool
    rng : numpy.random.Generator
    noise : float
        Standard deviation in HU.
    blur : float
        Of edges, in pixels.

    Returns
    -------
    ndarray of uint8, shape (50, 50)
        -1000 to 400 HU, as 0 to 255.

    Examples
    --------
    >>> simulate_patch(True, np.random.default_rng(0)).shape
    (50, 50)
    """
    y, x = np.meshgrid(np.arange(SIZE) - 24.5, np.arange(SIZE) - 24.5, indexing="ij")
    hu = _AIR + rng.normal(0, 40) + 25 * phantoms.texture(y.shape, 8, rng)
    shapes = [_vessel(y, x, rng.uniform(-24, 24, size=2), rng, blur) for _ in range(rng.integers(0, 4))]
    shapes += [_disc(y, x, rng.uniform(-22, 22, size=2), rng.uniform(1, 3), rng, blur) for _ in range(rng.integers(4))]
    centre = rng.normal(0, 1.2, size=2)
    if nodule:
        radius = np.exp(rng.normal(np.log(4.5), 0.5))
        density = rng.uniform(0.35, 0.6) if rng.random() < 0.2 else rng.uniform(0.85, 1.05)  # one in five is part solid
        shapes.append(density * _disc(y, x, centre, radius, rng, blur, lobes=rng.uniform(0.05, 0.25)))
        if rng.random() < 0.4:
            shapes.append(_vessel(y, x, centre, rng, blur))
        near_wall = rng.random() < 0.2
    else:
        kind = rng.random()
        for _ in range(1 if kind < 0.4 else 2 if kind < 0.7 else 0):
            shapes.append(_vessel(y, x, centre, rng, blur, half_width=rng.uniform(1.2, 3.5)))
        if 0.7 < kind < 0.8:
            shapes.append(_disc(y, x, centre, rng.uniform(1.2, 2.6), rng, blur))  # a vessel across the slice
        near_wall = kind > 0.8
    if near_wall or rng.random() < 0.15:
        shapes.append(_wall(y, x, rng, blur, distance=rng.uniform(1, 8) if near_wall else rng.uniform(10, 22)))
    hu = hu + (_TISSUE - hu) * np.clip(np.max(shapes, axis=0), 0, 1.1)
    hu += noise * _correlated(y.shape, rng)
    return phantoms.to_bytes((hu + 1000) / 1400)


def _vessel(y, x, through, rng, blur: float, half_width: float | None = None) -> np.ndarray:
    angle, bend = rng.uniform(0, np.pi), rng.normal(0, 0.012)
    along = (y - through[0]) * np.sin(angle) + (x - through[1]) * np.cos(angle)
    across = (y - through[0]) * np.cos(angle) - (x - through[1]) * np.sin(angle) + bend * along**2
    half_width = rng.uniform(0.6, 1.5) if half_width is None else half_width
    # It leaves the slice on one side, and becomes thinner on the other.
    ends = phantoms.soft((rng.uniform(4, 20) - along) / 4) * phantoms.soft((rng.uniform(10, 40) + along) / 4)
    return ends * phantoms.soft((half_width * (1 - 0.02 * along) - np.abs(across)) / blur / 2)


def _disc(y, x, centre, radius: float, rng, blur: float, lobes: float = 0.1) -> np.ndarray:
    y, x = y - centre[0], x - centre[1]
    around, stretch = np.arctan2(y, x), np.exp(rng.normal(0, 0.12))
    edge = 1 + sum(lobes / k * np.cos(k * around + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 5))
    return phantoms.soft((radius * edge - np.hypot(y * stretch, x / stretch)) / blur / 2)


def _wall(y, x, rng, blur: float, distance: float) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    depth = y * np.sin(angle) + x * np.cos(angle) - distance
    depth += 1.5 * np.sin((y * np.cos(angle) - x * np.sin(angle)) / 6 + rng.uniform(0, 6))
    return phantoms.soft(depth / blur / 2)


def _correlated(shape, rng) -> np.ndarray:
    """White noise of a reconstruction: neighbours share some of it."""
    white = rng.normal(size=(shape[0] + 1, shape[1] + 1))
    return (white[1:, 1:] + white[:-1, 1:] + white[1:, :-1] + white[:-1, :-1]) / 2


def write_sample(folder: Path) -> None:
    """Write ``luna16_patches.npz`` to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    rng = np.random.default_rng(20240603)
    parts, index = {}, 0
    for part, n_scans in SCANS.items():
        images, labels, rows = [], [], []
        for _ in range(n_scans):
            noise, blur, n_nodules = rng.uniform(8, 28), rng.uniform(0.5, 1.0), rng.integers(1, 5)
            for nodule in rng.permutation(np.arange(CANDIDATES) < n_nodules):
                index += int(rng.integers(10, 150))
                images.append(simulate_patch(bool(nodule), rng, noise=noise, blur=blur))
                labels.append([nodule])
                rows.append(index)
        columns = np.array(labels, np.uint8), np.array(rows, np.int32)
        parts[part] = {"images": np.stack(images), "labels": columns[0], "candidate_index": columns[1]}
    phantoms.write_medmnist(folder / "luna16_patches.npz", parts)


if __name__ == "__main__":
    make_sample(write_sample)
