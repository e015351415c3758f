"""The sample ``adrenalmnist3d-sample``: simulated shapes of adrenal glands, in the layout of AdrenalMNIST3D.

``python -m medlib.datasets.simulate_adrenal_glands FOLDER`` writes it again. A gland has a body and two limbs that meet
like a Y; what tells hyperplasia is how thick they are, for a normal gland may be just as large.
"""

from pathlib import Path

import numpy as np

from medlib.datasets import phantoms
from medlib.datasets.sample_files import make_sample

SIZE = 28  # voxels of 2.3 mm
PARTS = {"train": (280, 0.25), "val": (60, 0.25), "test": (120, 0.25)}  # glands, and the share with hyperplasia
_THICKNESS = {False: (1.05, 0.15), True: (1.42, 0.24)}  # half the thickness of a limb: mean, deviation, in voxels


def simulate_gland(hyperplasia: bool, rng: np.random.Generator) -> np.ndarray:
    """Mask of one gland, anywhere near the middle and a little turned.

    Parameters
    ----------
    hyperplasia : bool
        Whether its limbs are thickened, and knobbly.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of uint8, shape (28, 28, 28)
        0 or 255; axes z, y, x.

    Examples
    --------
    >>> gland = simulate_gland(False, np.random.default_rng(0))
    >>> gland.shape, np.unique(gland).tolist()
    ((28, 28, 28), [0, 255])
    """
    points = np.stack(np.meshgrid(*[np.arange(SIZE) - (SIZE - 1) / 2] * 3, indexing="ij"), axis=-1)
    points = (points - rng.normal(0, 1.2, size=3)) @ _rotation(rng)
    z, y, x = np.moveaxis(points, -1, 0)
    height, length = rng.uniform(6, 11), rng.uniform(6, 11)
    y = y + rng.normal(0, 0.04) * x**2 + rng.normal(0, 0.25) * z  # bent, and leaning
    mean, deviation = _THICKNESS[hyperplasia]
    thickness = max(rng.normal(mean, deviation), 0.7)
    taper = np.sqrt((1 - (z / height) ** 2).clip(0.05))
    knobs = (0.22 if hyperplasia else 0.12) * phantoms.texture((SIZE,) * 3, 6, rng)
    distance = np.full(z.shape, np.inf)
    for angle, share in ((0.5, rng.uniform(0.7, 1)), (-0.5, rng.uniform(0.5, 1)), (np.pi, rng.uniform(0.2, 0.5))):
        angle += rng.normal(0, 0.15)
        along = y * np.cos(angle) + x * np.sin(angle)
        across = np.hypot(
            y - np.cos(angle) * (reach := along.clip(0, share * length * taper)), x - np.sin(angle) * reach
        )
        distance = np.minimum(distance, across)
    inside = (distance < thickness * (0.6 + 0.4 * taper) + knobs) & (np.abs(z) < height)
    return 255 * inside.astype(np.uint8)


def _rotation(rng: np.random.Generator) -> np.ndarray:
    """A turn by some 25 degrees about each axis, and by chance a mirror image: the gland of the other side."""
    matrix = np.eye(3)
    for first, second in ((0, 1), (1, 2), (0, 2)):
        angle, turn = rng.normal(0, 0.4), np.eye(3)
        turn[[first, second], [first, second]] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix * [1, 1, rng.choice([-1, 1])]


def write_sample(folder: Path) -> None:
    """Write ``adrenalmnist3d.npz`` to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    rng = np.random.default_rng(20240602)
    parts = {}
    for part, (n, share) in PARTS.items():
        labels = rng.permutation(np.arange(n) < round(n * share))
        images = np.stack([simulate_gland(label, rng) for label in labels])
        parts[part] = {"images": images, "labels": labels.astype(np.uint8)[:, None]}
    phantoms.write_medmnist(folder / "adrenalmnist3d.npz", parts)


if __name__ == "__main__":
    make_sample(write_sample)
