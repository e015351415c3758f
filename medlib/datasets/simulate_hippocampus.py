"""The sample ``msd-hippocampus-sample``: simulated MR crops around a hippocampus, in the layout of ``msd-hippocampus``.

``python -m medlib.datasets.simulate_hippocampus FOLDER`` writes it again. As in the real set, the two sides of a head
have consecutive numbers and one scale of grey values, and nothing else says that they belong together. Voxels are
2 mm wide, so that there are few. ``odd`` holds files that a reader should refuse, named for what is wrong with them.
"""

import csv
import gzip
from pathlib import Path

import numpy as np

from medlib.datasets import phantoms
from medlib.datasets.sample_files import make_sample

STEP = 2.0  # mm between voxels
HEADS = 12
ONE_SIDED = (3, 9)  # heads of which the second side is not there
LABELS = {"anterior": 1, "posterior": 2}
_LEVELS = 14  # grey values from no signal to white matter
_WHITE, _GREY, _FLUID = 1.0, 0.62, 0.2


def simulate_head(rng: np.random.Generator) -> dict[str, float]:
    """What the two sides of one head have in common: size, course, contrast, noise.

    Returns
    -------
    dict of str to float
        Lengths in mm.

    Examples
    --------
    >>> sorted(simulate_head(np.random.default_rng(0)))[:3]
    ['border', 'fluid', 'grey']
    """
    return {
        "half_length": rng.uniform(17, 20),
        "tail": rng.uniform(3.6, 4.4),
        "head": rng.uniform(5.2, 6.2),
        "border": rng.normal(0.15, 0.06),
        "rise": rng.normal(6.5, 1.0),
        "medial": rng.normal(4.0, 1.0),
        "grey": _GREY + rng.normal(0, 0.02),
        "fluid": _FLUID + rng.normal(0, 0.02),
        "horn": rng.uniform(0.8, 2.2),
        "noise": rng.uniform(0.03, 0.05),
    }


def simulate_side(head: dict[str, float], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One hippocampus of a head, with the amygdala, the temporal horn, the cortex below and the cistern around it.

    A tube is bent upwards and to the middle at its back; where it widens, the anterior part begins.

    Parameters
    ----------
    head : dict of str to float
        From `simulate_head`.
    rng : numpy.random.Generator
        Decides in what the side differs from the other one.

    Returns
    -------
    signal : ndarray of float64, shape (z, y, x)
        1 in white matter, without noise.
    labels : ndarray of uint8, shape (z, y, x)
        1 anterior, 2 posterior.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> signal, labels = simulate_side(simulate_head(rng), rng)
    >>> signal.shape == labels.shape, np.unique(labels).tolist()
    (True, [0, 1, 2])
    """
    shape = rng.integers((15, 24, 14), (18, 27, 18))
    z, y, x = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * STEP for n in shape], indexing="ij")
    z, y, x = z - rng.normal(0, 1), y - rng.normal(0, 1), x - rng.normal(0, 1)
    tilt = rng.normal(0, 0.06)
    y, x = np.cos(tilt) * y - np.sin(tilt) * x, np.sin(tilt) * y + np.cos(tilt) * x
    along = y / head["half_length"]
    rise = head["rise"] + rng.normal(0, 0.4)
    # Distance from the middle line of the tube, which x and z follow and y runs along.
    middle_z, middle_x = -rise * along + 2 * along**2 - 1, -head["medial"] * np.clip(-along, 0, None) ** 2
    across = np.hypot((z - middle_z) * 1.1, x - middle_x)
    border = head["border"] + rng.normal(0, 0.02)
    widening = phantoms.soft((along - border) / 0.12)
    radius = head["tail"] * (1 - widening) + head["head"] * rng.normal(1, 0.02) * widening
    radius = radius * np.sqrt(np.clip(1 - along**4, 0, None))
    inside = phantoms.soft((radius - across) / 1.6)
    labels = np.where(radius > across, np.where(along > border, 1, 2), 0).astype(np.uint8)
    signal = _surroundings(head, z - middle_z, y, x - middle_x, radius, rng)
    return signal + (head["grey"] - signal) * inside, labels


def _surroundings(head, z, y, x, radius, rng: np.random.Generator) -> np.ndarray:
    """Signal of all but the hippocampus; z and x in mm from its middle line, y from its middle, to the front."""
    signal = _WHITE + 0.04 * phantoms.texture(y.shape, 5, rng)
    ribbon = phantoms.soft((2.0 - np.abs(z + radius + 4.5 + 0.1 * x)) / 1.5)  # cortex, below a layer of white matter
    signal = signal + (head["grey"] - signal) * ribbon
    distance = np.hypot(np.hypot((z - 3) / 6, (y - head["half_length"] - 4) / 6.5), x / 7)
    signal = signal + (head["grey"] + 0.03 - signal) * phantoms.soft((1 - distance) / 0.25)  # amygdala
    horn = phantoms.soft((head["horn"] - np.abs(np.hypot(z, x) - radius - head["horn"])) / 1.2)
    signal = signal + (head["fluid"] - signal) * horn * phantoms.soft((x + 0.3 * z) / 2)  # lateral of it and above
    cistern = phantoms.soft((-x - radius - 3.5 + 0.2 * y) / 1.5)
    return signal + (head["fluid"] - signal) * cistern


def write_sample(folder: Path) -> None:
    """Write ``imagesTr``, ``labelsTr``, ``odd`` and ``manifest.csv``, which names the head of each file.

    Parameters
    ----------
    folder : Path
    """
    rng = np.random.default_rng(20240611)
    for part in ("imagesTr", "labelsTr", "odd"):
        (folder / part).mkdir(exist_ok=True)
    rows = [("file", "head", "voxels_anterior_1", "voxels_posterior_2")]
    for number in range(HEADS):
        head = simulate_head(rng)
        # A quarter are bytes without a scale; of the others the scale tells the scan.
        step = 1.0 if number % 4 == 0 else round(float(np.exp(rng.uniform(1.5, 2.5))), 4)
        step = 2653.4375 if number == 5 else step
        for side in range(1 if number in ONE_SIDED else 2):
            signal, labels = simulate_side(head, rng)
            levels = _LEVELS * (signal + head["noise"] * rng.normal(size=signal.shape))
            levels = np.rint(levels).clip(0 if step != 1 else 1, None)
            values = levels.astype(np.uint8) if step == 1 else (levels * step).astype(np.float32)
            name = f"hippocampus_{2 * number + side + 1:03d}"
            _write(folder / "imagesTr" / f"{name}.nii.gz", values)
            _write(folder / "labelsTr" / f"{name}.nii.gz", labels)
            rows.append((f"{name}.nii.gz", number + 1, *(int(np.sum(labels == label)) for label in LABELS.values())))
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
    _write_odd(folder / "odd", simulate_head(rng), rng)


def _write_odd(folder: Path, head: dict[str, float], rng: np.random.Generator) -> None:
    """Each number stands for one fault; a label map of that number lies beside the image unless it is missing."""
    for number, fault in enumerate(("without_label", "without_image", "other_grid", "other_shape", "strange_label",
                                    "no_whole_numbers", "cut_off"), start=2 * HEADS + 1):  # fmt: skip
        signal, labels = simulate_side(head, rng)
        levels = np.rint(8 * signal).astype(np.uint8)[:, ::2, ::2]  # coarse, so that it takes few bytes
        labels = labels[:, ::2, ::2]
        image, mask = (folder / f"{kind}_{fault}_hippocampus_{number:03d}.nii.gz" for kind in ("image", "label"))
        if fault == "strange_label":
            labels[0, 0, 0] = 7
        labels = labels + np.float32(0.5) * (labels == 2) if fault == "no_whole_numbers" else labels
        if fault != "without_image":
            _write(image, levels, 2 * STEP)
        if fault != "without_label":
            moved = 6.0 if fault == "other_grid" else 0.0
            _write(mask, labels[:, 1:] if fault == "other_shape" else labels, 2 * STEP, moved)
        if fault == "cut_off":
            image.write_bytes(image.read_bytes()[:-200])


def _write(path: Path, array: np.ndarray, across: float = STEP, moved: float = 0.0) -> None:
    import nibabel

    affine = np.diag([across, across, STEP, 1.0])
    affine[:3, 3] = (1 + moved, 1, 1)
    image = nibabel.Nifti1Image(np.ascontiguousarray(array.transpose(2, 1, 0)), affine)
    image.header["descrip"] = b"simulated by medlib"
    # The time of compression would be another each time.
    path.write_bytes(gzip.compress(image.to_bytes(), mtime=0))


if __name__ == "__main__":
    make_sample(write_sample)
