"""The samples ``lung-slices-sample`` and ``covid-lesions-sample``: simulated chest CT slices with known masks.

``python -m medlib.datasets.simulate_lung_slices lungs FOLDER`` and ``... lesions FOLDER`` write them again. As in the
real sets, the first holds Hounsfield units, and values far below air outside of the circle that a scanner sees; the
second holds windowed JPEG files, cropped to the lungs and turned by a quarter, and its parts share people.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medlib.datasets import phantoms

LUNG_SLICES = 16
LUNG_SIZE = 64  # pixels
TRAIN_SLICES, TEST_SLICES = 18, 12
HEIGHT, WIDTH = 88, 72  # of a lesion slice in pixels, more or less
# Places, of all lesion slices, of a slice that shows the person of an earlier one: one pair in train, one across.
SAME_PERSON = {5: 4, 20: 7}
AIR, CIRCLE_OUTSIDE = -1000, -2000  # HU
GROUND_GLASS, CONSOLIDATION = 1, 2


@dataclass(frozen=True)
class Chest:
    """What a slice shows, before noise.

    Attributes
    ----------
    hu : ndarray of float64, shape (height, width)
    lungs : ndarray of bool, shape (height, width)
        Vessels in a lung are part of it; heart and bronchi are not.
    lesions : ndarray of uint8, shape (height, width)
        0, ``GROUND_GLASS`` or ``CONSOLIDATION``; inside of the lungs alone.
    """

    hu: np.ndarray
    lungs: np.ndarray
    lesions: np.ndarray


def draw_chest(height: int, width: int, n_glass: int, n_solid: int, rng: np.random.Generator) -> Chest:
    """An axial slice through heart and lungs, seen from the feet: the front is at the top.

    Parameters
    ----------
    height, width : int
        In pixels.
    n_glass, n_solid : int
        Patches of ground-glass opacity and of consolidation, at the edges of the lungs.
    rng : numpy.random.Generator

    Returns
    -------
    Chest

    Examples
    --------
    >>> chest = draw_chest(64, 64, 0, 0, np.random.default_rng(0))
    >>> bool(chest.hu[chest.lungs].mean() < -700), int(chest.lesions.max())
    (True, 0)
    """
    y, x = phantoms.grid(height, width)
    y, x = phantoms.move(y, x, angle=rng.normal(0, 0.05), scale=rng.normal(0.85, 0.05), shift=rng.normal(0, 0.03, 2))
    body = phantoms.ellipse(y, x, (0, 0), (rng.normal(0.82, 0.02), rng.normal(0.96, 0.01)), edge=0.03)
    muscle = phantoms.ellipse(y, x, (0, 0), (0.74, 0.88), edge=0.03)
    hu = AIR + 1000 * body - 90 * body * (1 - muscle)  # fat below the skin
    sides = []
    for side in (-1, 1):
        radii = rng.normal(0.52, 0.03), rng.normal(0.32, 0.02)
        sides.append(phantoms.ellipse(y, x, (0, 0.42 * side), radii, angle=-0.1 * side, edge=0.08))
    heart = phantoms.ellipse(y, x, (-0.1, 0.12), (0.34, rng.normal(0.26, 0.03)), angle=0.5, edge=0.08)
    inside = np.maximum(*sides) * (1 - heart)
    lung = rng.normal(-830, 20) + 60 * y + 25 * phantoms.texture(y.shape, 8, rng)  # denser at the back, where one lies
    for _ in range(rng.integers(10, 20)):
        centre = rng.uniform(-0.5, 0.5), rng.uniform(-0.7, 0.7)
        vessel = phantoms.ellipse(y, x, centre, rng.uniform(0.015, 0.05, size=2), angle=rng.uniform(0, 3), edge=0.4)
        lung = lung + (30 - lung) * vessel
    lungs = inside > 0.5
    lung, lesions = _add_lesions(lung, lungs, n_glass, n_solid, y, x, rng)
    hu = hu + (lung - hu) * inside
    hu = hu + (50 - hu) * heart * (body > 0.5)
    spine = phantoms.ellipse(y, x, (0.55, 0), (0.15, 0.13), edge=0.1)
    hu = hu + (300 - hu) * spine
    for side in (-1, 1):  # main bronchi: air that is not lung
        bronchus = phantoms.ellipse(y, x, (0.26, 0.07 * side), (0.055, 0.045), edge=0.2)
        hu, lungs = hu + (AIR - hu) * bronchus, lungs & (bronchus < 0.5)
    return Chest(hu, lungs, np.where(lungs, lesions, 0).astype(np.uint8))


def _add_lesions(lung, lungs, n_glass: int, n_solid: int, y, x, rng: np.random.Generator):
    """The lungs with patches at the edge of a lung, more of them at the back; ground glass first."""
    lesions = np.zeros(y.shape, np.uint8)
    ragged = phantoms.texture(y.shape, 12, rng)
    for kind in [GROUND_GLASS] * n_glass + [CONSOLIDATION] * n_solid:
        side, around = rng.choice([-1, 1]), rng.uniform(-0.5, np.pi - 0.5)
        centre = 0.42 * np.sin(around), side * (0.43 + 0.25 * np.cos(around))
        reach = (0.14, 0.3) if kind == GROUND_GLASS else (0.08, 0.18)
        distance = phantoms.ellipse(y, x, centre, rng.uniform(*reach, size=2), angle=rng.uniform(0, 3), edge=0.5)
        patch = np.clip(distance + 0.12 * ragged * (distance > 0.05), 0, 1)
        value = rng.uniform(-600, -400) + 60 * ragged if kind == GROUND_GLASS else rng.uniform(-60, 30) + 20 * ragged
        lung = lung + (value - lung).clip(0) * phantoms.soft((patch - 0.5) * 4)
        lesions[patch > 0.5] = kind
    return lung, np.where(lungs, lesions, 0)


def simulate_lung_slice(rng: np.random.Generator, *, n_solid: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A slice as a scanner gives it, and its lungs.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_solid : int
        Patches of consolidation, which are lung but as dense as the chest wall.

    Returns
    -------
    image : ndarray of int16, shape (64, 64)
        HU in steps of 8, with noise and a table below the back; ``CIRCLE_OUTSIDE`` outside of the scanner's circle.
    lungs : ndarray of bool, shape (64, 64)

    Examples
    --------
    >>> image, lungs = simulate_lung_slice(np.random.default_rng(0))
    >>> image.dtype, int(image[0, 0])
    (dtype('int16'), -2000)
    """
    return _as_scanned(draw_chest(LUNG_SIZE, LUNG_SIZE, 0, n_solid, rng), rng)


def _as_scanned(chest: Chest, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y, x = phantoms.grid(*chest.hu.shape)
    table = np.abs(np.hypot(x, y + 0.4) - 1.25) < 0.03
    hu = np.where(table & (y > 0.5) & (chest.hu < -800), -200, chest.hu) + rng.uniform(8, 20) * rng.normal(size=y.shape)
    hu = np.where(np.hypot(y, x) > 1, CIRCLE_OUTSIDE, hu)
    return (8 * np.rint(hu / 8)).astype(np.int16), chest.lungs


def simulate_lesion_slice(chest: Chest, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A slice as a figure shows it: windowed, cropped to the lungs and turned, so that the front is at the left.

    Parameters
    ----------
    chest : Chest
    rng : numpy.random.Generator

    Returns
    -------
    image : ndarray of uint8, shape (height, width)
    lesions : ndarray of uint8, shape (height, width)
        0, ``GROUND_GLASS`` or ``CONSOLIDATION``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> image, lesions = simulate_lesion_slice(draw_chest(100, 110, 2, 1, rng), rng)
    >>> image.dtype, image.shape == lesions.shape, np.unique(lesions).tolist()
    (dtype('uint8'), True, [0, 1, 2])
    """
    low, high = rng.uniform(-1100, -950), rng.uniform(100, 350)
    hu = chest.hu + rng.uniform(10, 25) * rng.normal(size=chest.hu.shape)
    rows, columns = (np.flatnonzero(chest.lungs.any(axis=axis)) for axis in (1, 0))
    margin = rng.integers(0, 4, size=4)
    box = (
        slice(max(rows[0] - margin[0], 0), rows[-1] + 1 + margin[1]),
        slice(max(columns[0] - margin[2], 0), columns[-1] + 1 + margin[3]),
    )
    image = phantoms.to_bytes((hu[box] - low) / (high - low))
    return np.rot90(image).copy(), np.rot90(chest.lesions[box]).copy()


def write_lungs(folder: Path) -> None:
    """Write ``lung2d_256.npz``, named as the real file though its slices are smaller.

    Slices 7 and 8 are neighbours of one person; every fifth has a consolidation, which no threshold finds.

    Parameters
    ----------
    folder : Path
    """
    rng = np.random.default_rng(20240701)
    slices, person = [], None
    for number in range(LUNG_SLICES):
        if number != 8:
            person = draw_chest(LUNG_SIZE, LUNG_SIZE, 0, 2 if number % 5 == 1 else 0, rng)
        slices.append(_as_scanned(person, rng))
    images, masks = (np.stack(arrays) for arrays in zip(*slices, strict=True))
    ids = np.array([f"ID_{4 * number:04d}_Z_{100 + number:04d}" for number in range(LUNG_SLICES)])
    np.savez_compressed(folder / "lung2d_256.npz", images=images, masks=masks.astype(np.uint8), ids=ids)


def write_lesions(folder: Path) -> None:
    """Write ``train`` and ``test``, each with ``images`` (JPEG), ``lesion_masks`` and ``multiclass_masks`` (PNG).

    Every third slice has no consolidation.

    Parameters
    ----------
    folder : Path
    """
    from PIL import Image

    rng = np.random.default_rng(20240702)
    people: list[Chest] = []
    for number in range(TRAIN_SLICES + TEST_SLICES):
        if number in SAME_PERSON:
            people.append(people[SAME_PERSON[number]])
        else:
            size = HEIGHT + int(rng.integers(-6, 7)), WIDTH + 50 + int(rng.integers(-6, 7))
            n_solid = 0 if number % 3 == 2 else int(rng.integers(1, 4))
            people.append(draw_chest(*size, int(rng.integers(2, 5)), n_solid, rng))
        image, lesions = simulate_lesion_slice(people[-1], rng)
        part = folder / ("train" if number < TRAIN_SLICES else "test")
        masks = {"images": image, "lesion_masks": 255 * np.minimum(lesions, 1), "multiclass_masks": lesions}
        for name, array in masks.items():
            (part / name).mkdir(parents=True, exist_ok=True)
            kind = {"suffix": "jpg", "quality": 85} if name == "images" else {"suffix": "png"}
            Image.fromarray(array).save(part / name / f"{number}.{kind.pop('suffix')}", **kind)


WRITERS = {"lungs": write_lungs, "lesions": write_lesions}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in WRITERS or not Path(sys.argv[2]).is_dir():
        sys.exit(f"usage: python -m {__spec__.name} {'|'.join(WRITERS)} FOLDER (an existing folder)")
    WRITERS[sys.argv[1]](Path(sys.argv[2]))
