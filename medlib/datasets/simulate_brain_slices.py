"""The sample ``brain-mri-tumours-sample``: simulated MR slices in four classes, in the layout of ``brain-mri-tumours``.

``python -m medlib.datasets.simulate_brain_slices FOLDER`` writes it again. As in the real set, a patient has several
slices that look nearly the same, the published split deals slices and not patients, and most slices without a tumour
come from another source, with another contrast. Unlike it, ``manifest.csv`` tells the patients.
"""

import csv
from pathlib import Path

import numpy as np

from medlib.datasets import phantoms
from medlib.datasets.sample_files import make_sample

SIZE = 96  # pixels
CLASSES = ("glioma", "meningioma", "notumor", "pituitary")
PATIENTS, SLICES = 11, 4  # of each class, and of each patient; every fourth slice is for the test
_SHORT = {"glioma": "gl", "meningioma": "me", "notumor": "no", "pituitary": "pi"}


def simulate_patient(name: str, rng: np.random.Generator) -> list[np.ndarray]:
    """Neighbouring axial slices of one head.

    Parameters
    ----------
    name : str
        Of `CLASSES`. A glioma is irregular, with a bright rim and a dark core; a meningioma is round, evenly bright and
        lies at the skull; a tumour of the pituitary is small and in the middle, behind the eyes.
    rng : numpy.random.Generator

    Returns
    -------
    list of ndarray of uint8, shape (96, 96)

    Examples
    --------
    >>> slices = simulate_patient("glioma", np.random.default_rng(0))
    >>> len(slices), slices[0].shape
    (4, (96, 96))
    """
    head = {
        "radii": (rng.uniform(0.72, 0.85), rng.uniform(0.58, 0.7)),
        "angle": rng.normal(0, 0.08),
        "shift": rng.normal(0, 0.03, size=2),
        "bright_fluid": rng.random() < (0.7 if name == "notumor" else 0.1),
        "folds": phantoms.texture((SIZE, SIZE), 22, rng),
        "ragged": phantoms.texture((SIZE, SIZE), 12, rng),
        "ventricles": rng.uniform(0.7, 1.3),
        "contrast": rng.uniform(0.75, 1.1),
        "noise": rng.uniform(0.008, 0.025),
    }
    tumour = _place(name, head["radii"], rng)
    return [_slice(name, head, tumour, position, rng) for position in np.arange(SLICES) - (SLICES - 1) / 2]


def _place(name: str, radii: tuple[float, float], rng: np.random.Generator) -> tuple[tuple[float, float], float]:
    """Centre and radius of the tumour."""
    if name == "pituitary":
        return (rng.normal(-0.22, 0.03), rng.normal(0, 0.02)), rng.uniform(0.07, 0.13)
    around = rng.uniform(0, 2 * np.pi)
    radius = rng.uniform(0.12, 0.26) if name == "glioma" else rng.uniform(0.1, 0.2)
    depth = rng.uniform(0.3, 0.6) if name == "glioma" else 0.86 - 0.8 * radius
    return (depth * radii[0] * np.sin(around), depth * radii[1] * np.cos(around)), radius


def _slice(name, head, tumour, position: float, rng: np.random.Generator) -> np.ndarray:
    y, x = phantoms.grid(SIZE, SIZE)
    y, x = phantoms.move(y, x, angle=head["angle"], scale=1 - 0.015 * position, shift=head["shift"])
    radii = head["radii"]
    scalp = phantoms.ellipse(y, x, (0, 0), (radii[0] + 0.1, radii[1] + 0.1), edge=0.03)
    skull = phantoms.ellipse(y, x, (0, 0), (radii[0] + 0.04, radii[1] + 0.04), edge=0.03)
    brain = phantoms.ellipse(y, x, (0, 0), radii, edge=0.03)
    image = 0.75 * (scalp - skull) + 0.05 * skull
    fluid = 0.85 if head["bright_fluid"] else 0.12
    tissue = (
        0.40
        + 0.045 * head["folds"]
        + (0.05 if head["bright_fluid"] else -0.03) * phantoms.soft((np.hypot(y / radii[0], x / radii[1]) - 0.75) / 0.1)
    )
    tissue = np.where(np.abs(x) < 0.015, fluid, tissue)
    for side in (-1, 1):
        size = head["ventricles"] * (0.28 - 0.02 * position), head["ventricles"] * 0.075
        ventricle = phantoms.ellipse(y, x, (0.02, 0.13 * side), size, angle=0.25 * side, edge=0.15)
        tissue = tissue + (fluid - tissue) * ventricle
    image = image + brain * (_with_tumour(tissue, name, y, x, tumour, head["ragged"], position) - image)
    noise = head["noise"] * rng.normal(size=(2, *y.shape))
    return phantoms.to_bytes(np.hypot(head["contrast"] * image + noise[0], noise[1]))  # of a magnitude image: Rician


def _with_tumour(tissue, name: str, y, x, tumour, ragged, position: float) -> np.ndarray:
    if name == "notumor":
        return tissue
    centre, radius = tumour
    radius = radius * (1 - 0.06 * abs(position))
    if name != "glioma":
        return tissue + (0.8 - tissue) * phantoms.ellipse(y, x, centre, (radius, radius), edge=0.12)
    distance = np.hypot(y - centre[0], x - centre[1]) / radius - 1 - 0.14 * ragged
    oedema, mass, core = (phantoms.soft((edge - distance) / 0.15) for edge in (0.45, 0.0, -0.3))
    for amount, value in ((0.7 * oedema, 0.28), (mass, 0.72), (core, 0.2)):
        tissue = tissue + (value - tissue) * amount
    return tissue


def write_sample(folder: Path) -> None:
    """Write ``train`` and ``test`` with a folder of JPEG files for each class, and ``manifest.csv``.

    Parameters
    ----------
    folder : Path
    """
    from PIL import Image

    rng = np.random.default_rng(20240604)
    rows = [("path", "split", "class", "mode", "patient")]
    for name in CLASSES:
        for patient in range(PATIENTS):
            for position, image in enumerate(simulate_patient(name, rng)):
                number = patient * SLICES + position
                split = "test" if number % 4 == 3 else "train"
                path = f"{split}/{name}/{split[:2].title()}-{_SHORT[name]}_{number:04d}.jpg"
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(folder / path, quality=70)
                rows.append((path, split, name, "L", f"{_SHORT[name]}{patient:02d}"))
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    make_sample(write_sample)
