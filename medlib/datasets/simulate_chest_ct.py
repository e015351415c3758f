"""The sample ``covid-ct-sample``: simulated chest CT slices, in the layout of ``covid-ct``.

``python -m medlib.datasets.simulate_chest_ct FOLDER`` writes it again. As in the real set, the two classes come from
different sources: window, margin and a printed letter tell the source, and thus, mostly, the class. ``index.csv`` has
one column more than the real one, ``source``.
"""

import csv
from pathlib import Path

import numpy as np

from medlib.datasets import phantoms
from medlib.datasets.sample_files import make_sample

# Slices with COVID and without.
PARTS = {"train": (38, 42), "val": (12, 12), "test": (20, 20)}
HEIGHT, WIDTH = 52, 64  # pixels, more or less
# How often a slice comes from a journal, whose figures have a white margin, a letter and a narrow window.
FROM_JOURNAL = {True: 0.75, False: 0.25}


def simulate_slice(covid: bool, journal: bool, rng: np.random.Generator) -> np.ndarray:
    """One axial slice through heart and lungs, as an 8-bit figure.

    Parameters
    ----------
    covid : bool
        Whether there are several ground-glass opacities at the edge of both lungs. Slices without COVID are healthy, or
        have a nodule or one consolidation.
    journal : bool
        Whether it is taken from a journal: narrow window, white margin, perhaps a letter.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of uint8, shape (height, width)

    Examples
    --------
    >>> simulate_slice(True, True, np.random.default_rng(0)).ndim
    2
    """
    height, width = HEIGHT + int(rng.integers(-6, 7)), WIDTH + int(rng.integers(-6, 7))
    y, x = phantoms.grid(height, width)
    y, x = phantoms.move(y, x, angle=rng.normal(0, 0.05), scale=rng.normal(1.02, 0.05), shift=rng.normal(0, 0.03, 2))
    radii = rng.normal(0.85, 0.03), rng.normal(0.92, 0.03)
    hu = -1000 + 1040 * phantoms.ellipse(y, x, (0, 0), radii, edge=0.03)
    lungs = [
        phantoms.ellipse(y, x, (0.02, 0.42 * side), (rng.normal(0.6, 0.05), rng.normal(0.33, 0.02)), angle=-0.1 * side)
        for side in (-1, 1)
    ]
    inside = np.maximum(*lungs)
    lung = -840 + 30 * phantoms.texture(y.shape, 10, rng)
    for _ in range(rng.integers(10, 22)):  # vessels
        centre = rng.uniform(-0.55, 0.6), rng.uniform(-0.7, 0.7)
        vessel = phantoms.ellipse(y, x, centre, rng.uniform(0.015, 0.06, size=2), angle=rng.uniform(0, 3), edge=0.4)
        lung = lung + (40 - lung) * vessel
    lung = _lesions(lung, covid, y, x, lungs, rng)
    hu = hu + (lung - hu) * inside
    heart = phantoms.ellipse(y, x, (-0.08, 0.1), (0.36, 0.27), angle=0.5, edge=0.1)
    hu = hu + (45 - hu) * heart
    spine = phantoms.ellipse(y, x, (0.55, 0), (0.16, 0.14), edge=0.1)
    hu = hu + (300 - hu) * spine + rng.uniform(10, 25) * rng.normal(size=y.shape)
    return _as_figure(hu, journal, rng)


def _lesions(lung, covid: bool, y, x, lungs, rng: np.random.Generator) -> np.ndarray:
    ragged = phantoms.texture(y.shape, 12, rng)
    if covid:
        for _ in range(rng.integers(2, 6)):
            side, around = rng.choice([-1, 1]), rng.uniform(-0.4, np.pi - 0.4)  # more at the back
            centre = 0.02 + 0.5 * np.sin(around), side * (0.42 + 0.27 * np.cos(around))
            patch = phantoms.ellipse(y, x, centre, rng.uniform(0.08, 0.24, size=2), angle=rng.uniform(0, 3), edge=0.5)
            glass = rng.uniform(-650, -350) + 80 * ragged
            lung = lung + (glass - lung).clip(0) * patch
        return lung
    kind = rng.random()
    if kind < 0.55:
        return lung
    side = rng.choice([-1, 1])
    centre = rng.uniform(-0.4, 0.4), side * rng.uniform(0.3, 0.6)
    radii = rng.uniform(0.05, 0.12, size=2) if kind < 0.8 else rng.uniform(0.12, 0.26, size=2)
    mass = phantoms.ellipse(y, x, centre, radii, edge=0.2 if kind < 0.8 else 0.5)
    return lung + (rng.uniform(-150, 40) - lung) * mass


def _as_figure(hu, journal: bool, rng: np.random.Generator) -> np.ndarray:
    low, high = (-1150, rng.uniform(-50, 150)) if journal else (rng.uniform(-1350, -1100), rng.uniform(200, 500))
    image = phantoms.to_bytes((hu - low) / (high - low))
    if journal and rng.random() < 0.6:
        margin = rng.integers(1, 4)
        image[:margin] = image[-margin:] = image[:, :margin] = image[:, -margin:] = 255
    if journal and rng.random() < 0.6:
        image[3:10, 5] = image[3, 5:9] = image[6, 5:9] = image[9, 5:9] = 255  # an E
    return image


def write_sample(folder: Path) -> None:
    """Write ``images`` as PNG files, ``index.csv`` and the lists of the published split.

    Parameters
    ----------
    folder : Path
    """
    from PIL import Image

    rng = np.random.default_rng(20240605)
    for name in ("images", "official_split"):
        (folder / name).mkdir(exist_ok=True)
    sizes = ("orig_width", "orig_height", "width", "height")
    header = ("file", "split", "label", "class_name", *sizes, "original_name", "source")
    rows, counts = [], {True: 0, False: 0}
    for split, counted in PARTS.items():
        for covid, size in zip((True, False), counted, strict=True):
            names = []
            for _ in range(size):
                journal = bool(rng.random() < FROM_JOURNAL[covid])
                image = simulate_slice(covid, journal, rng)
                height, width = image.shape
                file = f"{'covid' if covid else 'noncovid'}_{counts[covid]:03d}.png"
                counts[covid] += 1
                Image.fromarray(image).save(folder / "images" / file)
                names.append(file)
                source, group = "journal" if journal else "archive", "COVID" if covid else "NonCOVID"
                rows.append((file, split, int(covid), group, width, height, width, height, file, source))
            (folder / "official_split" / f"{split}CT_{group}.txt").write_text("\n".join(names) + "\n", newline="\n")
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])


if __name__ == "__main__":
    make_sample(write_sample)
