"""The sample ``pneumoniamnist-sample``: simulated chest X-rays of 28 x 28 pixels, in the layout of PneumoniaMNIST.

``python -m medlib.datasets.simulate_chest_xrays FOLDER`` writes it again. As in the real set, pneumonia is rarer in the
test part, whose images are also a little darker and tighter cropped than those of the training part.
"""

from pathlib import Path

import numpy as np

from medlib.datasets import phantoms
from medlib.datasets.sample_files import make_sample

SIZE = 28  # pixels
# Images, and the share of them with pneumonia.
PARTS = {"train": (280, 0.74), "val": (80, 0.74), "test": (120, 0.625)}
_FINE = 3  # points along a pixel


def simulate_xray(pneumonia: bool, rng: np.random.Generator, *, other_hospital: bool = False) -> np.ndarray:
    """One frontal chest X-ray: body, lungs, ribs, heart, and perhaps an opacity in a lung.

    Parameters
    ----------
    pneumonia : bool
        Whether there is a consolidation: one to three bright patches of varied place, size and contrast in the lungs,
        or a haze over all of a lung.
    rng : numpy.random.Generator
    other_hospital : bool
        Darker, with more contrast and tighter cropped.

    Returns
    -------
    ndarray of uint8, shape (28, 28)

    Examples
    --------
    >>> simulate_xray(True, np.random.default_rng(0)).shape
    (28, 28)
    """
    y, x = phantoms.grid(SIZE * _FINE, SIZE * _FINE)
    scale = rng.normal(1.3 if other_hospital else 1.17, 0.08)
    y, x = phantoms.move(y, x, angle=rng.normal(0, 0.06), scale=scale, shift=rng.normal(0, 0.06, size=2))
    width = rng.normal(1, 0.06)
    lungs = [_lung(y, x, side, width, rng) for side in (-1, 1)]
    inside = np.maximum(*lungs)
    image = 0.68 - 0.36 * inside + 0.035 * phantoms.texture(y.shape, 8, rng) * inside
    image += 0.10 * phantoms.soft((0.09 - np.abs(x)) / 0.05)  # spine
    image += _ribs(y, x, rng)
    heart = phantoms.ellipse(y, x, (0.25, 0.13), (0.42, 0.3 * rng.normal(1, 0.15)), angle=0.4, edge=0.2)
    image = np.maximum(image, (0.66 + 0.03 * rng.normal()) * heart)
    for side in (-1, 1):  # vessels at the root of each lung, which look like a small opacity
        image += rng.uniform(0.03, 0.13) * phantoms.ellipse(y, x, (0, 0.24 * side), (0.24, 0.13), edge=0.5) * inside
    if pneumonia:
        image += _consolidation(y, x, lungs, width, rng)
    image = np.where(_beside_the_neck(y, x), 0.12, image)
    return _expose(phantoms.shrink(image, _FINE), rng, darker=0.12 if other_hospital else 0.0)


def _lung(y, x, side: int, width: float, rng: np.random.Generator) -> np.ndarray:
    base = rng.normal(0.66, 0.06)  # of the lung, above the diaphragm
    lung = phantoms.ellipse(y, x, (0.0, 0.42 * side * width), (0.78, 0.34 * width), angle=0.12 * side, edge=0.12)
    dome = base - 0.12 * np.cos(3 * (x - 0.4 * side))
    return lung * phantoms.soft((dome + 0.1 - y) / 0.08)


def _ribs(y, x, rng: np.random.Generator) -> np.ndarray:
    phase, spacing = rng.uniform(0, 2 * np.pi), rng.normal(0.26, 0.02)
    wave = np.cos(2 * np.pi * (y - 0.35 * np.abs(x)) / spacing + phase)
    return 0.09 * wave.clip(0) * (np.abs(x) < 0.85)


def _consolidation(y, x, lungs, width: float, rng: np.random.Generator) -> np.ndarray:
    opacity = np.zeros_like(y)
    if rng.random() < 0.3:  # interstitial: a haze over one lung or both
        for lung in lungs if rng.random() < 0.5 else [lungs[rng.integers(2)]]:
            haze = rng.uniform(0.05, 0.16) + 0.05 * phantoms.texture(y.shape, 14, rng)
            opacity = opacity + haze * lung
        return opacity
    for _ in range(rng.integers(1, 4)):
        side = rng.integers(2)
        centre = rng.uniform(-0.45, 0.6), (0.42 + rng.normal(0, 0.1)) * (2 * side - 1) * width
        patch = phantoms.ellipse(y, x, centre, rng.uniform(0.12, 0.34, size=2), angle=rng.uniform(0, 3), edge=0.5)
        ragged = (1 + 0.3 * phantoms.texture(y.shape, 10, rng)).clip(0)
        opacity = np.maximum(opacity, rng.uniform(0.08, 0.26) * patch * ragged * lungs[side])
    return opacity


def _beside_the_neck(y, x) -> np.ndarray:
    return y < -1.0 + 0.55 * (np.abs(x) - 0.35)


def _expose(image: np.ndarray, rng: np.random.Generator, *, darker: float) -> np.ndarray:
    image = image.clip(0, 1) ** np.exp(rng.normal(darker, 0.18))
    image = (image - 0.5) * rng.normal(1.0 + darker, 0.12) + 0.5 + rng.normal(0.03, 0.04)
    return phantoms.to_bytes(image + rng.uniform(0.008, 0.025) * rng.normal(size=image.shape))


def write_sample(folder: Path) -> None:
    """Write ``pneumoniamnist.npz`` to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    rng = np.random.default_rng(20240601)
    parts = {}
    for part, (n, share) in PARTS.items():
        labels = rng.permutation(np.arange(n) < round(n * share))
        images = [simulate_xray(label, rng, other_hospital=part == "test") for label in labels]
        parts[part] = {"images": np.stack(images), "labels": labels.astype(np.uint8)[:, None]}
    phantoms.write_medmnist(folder / "pneumoniamnist.npz", parts)


if __name__ == "__main__":
    make_sample(write_sample)
