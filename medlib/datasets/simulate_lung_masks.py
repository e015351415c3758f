"""The sample ``chestxray-lungs-sample``: simulated chest X-rays with lung masks, in the layout of ``chestxray-lungs``.

``python -m medlib.datasets.simulate_lung_masks FOLDER`` writes it again. As in the real set, a patient has one to three
images, the mask takes in the part of the left lung that the heart hides, devices are neither lung nor background,
opacities can be as bright as what is around the lungs, and some images occur again under another patient's number, with
masks of another hand. The truth is the shape that was drawn.
"""

import csv
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from medlib.datasets import phantoms
from medlib.datasets.sample_files import make_sample

LONGEST = 72  # pixels
SHAPES = ((72, 72), (60, 72), (66, 72), (72, 64))
VIEWS = ("PA", "AP", "AP Supine")
# Images of each patient, by part of the split.
PARTS = {"train": (2, 1, 2, 1, 3, 1, 2, 1, 1), "val": (2, 1, 2), "test": (2, 1, 3, 1, 2)}
AGAIN = (0, 1)  # images that another patient has as well, who is in the same part
BACKGROUND, IGNORE, LUNG = 0, 127, 255  # values of a mask
COLUMNS = [
    *("file", "split", "patientid", "view", "finding", "orig_width", "orig_height", "width", "height"),
    *("lung_fraction", "ignore_fraction", "license", "doi", "url", "ieee8023_filename", "v7labs_id"),
]
_FINE = 3  # points along a pixel


def simulate_patient(rng: np.random.Generator) -> dict[str, float]:
    """Anatomy of one patient, which all of the patient's images share.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to float
        In halves of the longest side of an image, unless it is a factor or a share.

    Examples
    --------
    >>> sorted(simulate_patient(np.random.default_rng(0)))
    ['base', 'dense', 'heart', 'height', 'raised', 'spacing', 'width']
    """
    return {
        "width": rng.normal(1, 0.08),  # of a lung
        "height": rng.normal(1, 0.06),
        "base": rng.normal(0.56, 0.05),  # of the right lung, on the dome of the diaphragm
        "raised": rng.normal(0, 0.12),  # how much higher the right dome is than usual; if below 0, the left one
        "heart": rng.normal(1, 0.1),  # its size
        "spacing": rng.normal(0.22, 0.015),  # of the ribs
        "dense": rng.uniform(0, 1),  # how much of the lungs is ill
    }


def simulate_image(
    patient: dict[str, float], view: str, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One frontal chest X-ray of a patient, and its mask.

    Parameters
    ----------
    patient : dict of str to float
        From :func:`simulate_patient`.
    view : {"PA", "AP", "AP Supine"}
        Anteroposterior images have a larger heart, and those of a lying patient shallower lungs and more devices.
    shape : (int, int)
        Height and width in pixels.
    rng : numpy.random.Generator

    Returns
    -------
    image, mask : ndarray of uint8, shape ``shape``
        The mask is 0 for background, 127 for what is to be ignored and 255 for lung. The patient's right lung is on
        the left.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> image, mask = simulate_image(simulate_patient(rng), "PA", (60, 72), rng)
    >>> image.shape, set(np.unique(mask).tolist()) <= {0, 127, 255}
    ((60, 72), True)
    """
    height, width = shape
    y, x = phantoms.grid(height * _FINE, width * _FINE)
    y, x = y * height / max(shape), x * width / max(shape)
    fit = min(shape) / max(shape)  # the lungs of a flatter image are smaller
    y, x = phantoms.move(
        y, x, angle=rng.normal(0, 0.07), scale=fit * rng.normal(1.12, 0.05), shift=rng.normal(0, 0.04, 2)
    )
    lungs = [_lung(y, x, side, patient, view) for side in (-1, 1)]
    inside = np.maximum(*lungs)
    image = 0.66 - 0.38 * inside + 0.03 * phantoms.texture(y.shape, 9, rng) * inside
    image += 0.07 * phantoms.soft((0.08 - np.abs(x)) / 0.05)  # spine
    image += 0.06 * np.cos(2 * np.pi * (y - 0.35 * np.abs(x)) / patient["spacing"] + 1).clip(0) * (np.abs(x) < 0.9)
    image = np.maximum(image, 0.68 * _heart(y, x, patient, view))
    for side in (-1, 1):  # vessels at the root of each lung
        image += 0.1 * phantoms.ellipse(y, x, (0, 0.2 * side), (0.22, 0.12), edge=0.6) * inside
    image += _opacities(y, x, lungs, patient["dense"], rng)
    if rng.random() < 0.6:  # gas in the stomach, as dark as lung
        image -= 0.3 * phantoms.ellipse(y, x, (0.84, 0.38), (0.1, 0.16), edge=0.3)
    image = np.where(_beside_the_body(y, x), 0.08, image)
    ignored = np.zeros_like(inside, bool)
    if rng.random() < (0.6 if view == "AP Supine" else 0.2):
        image, ignored = _device(y, x, image, rng)
    lung, ignored = (phantoms.shrink(part.astype(float), _FINE) > 0.5 for part in (inside > 0.5, ignored))
    mask = np.where(ignored, IGNORE, np.where(lung, LUNG, BACKGROUND)).astype(np.uint8)
    return _expose(phantoms.shrink(image, _FINE), view, rng), mask


def draw_again(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The mask as another reader would draw it: the border of the lungs is elsewhere by a pixel or two, smoothly.

    Parameters
    ----------
    mask : ndarray of uint8, shape (height, width)
        With the values 0, 127 (which stays) and 255.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of uint8, shape (height, width)

    Examples
    --------
    >>> disc = np.where(phantoms.ellipse(*phantoms.grid(64, 64), (0, 0), (0.7, 0.7)) > 0.5, LUNG, 0).astype(np.uint8)
    >>> again = draw_again(disc, np.random.default_rng(0))
    >>> bool(0.8 < np.sum((again == LUNG) & (disc == LUNG)) / np.sum((again == LUNG) | (disc == LUNG)) < 1)
    True
    """
    lung = mask == LUNG
    depth = ndimage.distance_transform_edt(lung) - ndimage.distance_transform_edt(~lung)
    moved = depth + 1.5 * phantoms.texture(mask.shape, 6, rng).clip(-1.5, 1.5) > 0
    return np.where(mask == IGNORE, IGNORE, np.where(moved, LUNG, BACKGROUND)).astype(np.uint8)


def _lung(y, x, side: int, patient: dict[str, float], view: str) -> np.ndarray:
    """Side -1 is the patient's right lung; its dome is higher, by the liver."""
    lying = view == "AP Supine"
    height, width = patient["height"] * (0.9 if lying else 1), patient["width"] * (1.05 if lying else 1)
    centre = 0.40 * side * width
    tall, wide = 0.82 * height, 0.36 * width
    around = (1 - np.hypot((y - 0.02) / tall, (x - centre) / wide)) * wide
    base = patient["base"] + (0.05 if side > 0 else 0) - (0.1 if lying else 0) - max(-side * patient["raised"], 0)
    above = base + 0.1 - 0.14 * np.cos(3.2 * (x - centre)) - y
    beside = side * x - 0.10  # of the spine
    return phantoms.soft(np.minimum(np.minimum(around, above), beside) / 0.04)


def _heart(y, x, patient: dict[str, float], view: str) -> np.ndarray:
    size = patient["heart"] * (1 if view == "PA" else 1.15)
    return phantoms.ellipse(y, x, (0.28, 0.13), (0.34 * size, 0.27 * size), angle=0.4, edge=0.15)


def _opacities(y, x, lungs, dense: float, rng: np.random.Generator) -> np.ndarray:
    opacity = np.zeros_like(y)
    for _ in range(rng.integers(0, 4)):
        side = rng.integers(2)
        centre = rng.uniform(-0.3, 0.5), 0.42 * (2 * side - 1) + rng.normal(0, 0.1)
        patch = phantoms.ellipse(y, x, centre, rng.uniform(0.12, 0.3, size=2), angle=rng.uniform(0, 3), edge=0.6)
        opacity = np.maximum(opacity, rng.uniform(0.1, 0.38) * dense * patch * lungs[side])
    return opacity


def _beside_the_body(y, x) -> np.ndarray:
    shoulder = -0.98 + 0.5 * (np.abs(x) - 0.3).clip(0)
    return (y < shoulder) | (np.abs(x) > 0.98 + 0.1 * (y > 0))


def _device(y, x, image: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A bright box on one side of the chest, such as a pacemaker, with a wire that is not marked."""
    side = rng.choice((-1, 1))
    centre = rng.uniform(-0.5, -0.2), side * rng.uniform(0.45, 0.6)
    box = np.maximum(np.abs(y - centre[0]), np.abs(x - centre[1]) * 0.8) < 0.1
    wire = (np.abs(x - centre[1] * (1 - 0.5 * (y - centre[0]))) < 0.012) & (y > centre[0]) & (y < 0.2)
    return np.where(box, 0.95, np.where(wire, 0.8, image)), box


def _expose(image: np.ndarray, view: str, rng: np.random.Generator) -> np.ndarray:
    image = image.clip(0, 1) ** np.exp(rng.normal(0, 0.2))
    image = (image - 0.5) * rng.normal(0.9 if view == "PA" else 0.75, 0.1) + 0.5 + rng.normal(0, 0.04)
    image = image + 0.008 * rng.normal(size=image.shape)
    return (phantoms.to_bytes(image) // 4) * 4  # coarse grey values are stored in half the bytes


def write_sample(folder: Path) -> None:
    """Write ``images/lung_NNN.png``, ``masks/lung_NNN.png`` and ``index.csv`` to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    rng = np.random.default_rng(20241144)
    rows = []
    for part in ("images", "masks"):
        (folder / part).mkdir()

    def add(split, patient, view, image, mask):
        file = f"lung_{len(rows):03d}.png"
        Image.fromarray(image).save(folder / "images" / file, optimize=True)
        Image.fromarray(mask).save(folder / "masks" / file, optimize=True)
        size = image.shape[::-1]
        shares = (round(float(np.mean(mask == value)), 4) for value in (LUNG, IGNORE))
        origin = ["CC0 1.0", "", "medlib.datasets.simulate_lung_masks", file, ""]
        rows.append([file, split, patient, view, "simulated", *size, *size, *shares, *origin])

    made = []
    for split, counts in PARTS.items():
        for n_images in counts:
            number = len({patient for _, patient, *_ in made}) + 1
            anatomy = simulate_patient(rng)
            for _ in range(n_images):
                view, shape = VIEWS[rng.choice(3, p=(0.5, 0.2, 0.3))], SHAPES[rng.integers(len(SHAPES))]
                made.append((split, number, view, *simulate_image(anatomy, view, shape, rng)))
    for image in made:
        add(*image)
    for again in AGAIN:
        split, _, view, image, mask = made[again]
        add(split, made[-1][1] + 1, view, image, draw_again(mask, rng))
    with (folder / "index.csv").open("w", newline="", encoding="ascii") as stream:
        csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    make_sample(write_sample)
