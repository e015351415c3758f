"""The sample ``abdomen-ct-sample``: a simulated patient's abdominal CT and its label maps, laid out as ``abdomen-ct``.

``python -m medlib.datasets.simulate_abdomen FOLDER`` writes it again: a scan, a piece of it that says that it lies
elsewhere (as the real set's second scan does), their label maps, and the names of the labels. The patient is not the
one of ``ct-sample``: smaller, with another liver of two lobes, both kidneys, and no contrast agent.
"""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medlib.datasets import thorax_phantom
from medlib.datasets.sample_files import make_sample
from medlib.datasets.thorax_phantom import Structure

SPACING = 6.0  # mm
SHAPE = (38, 40, 56)  # (z, y, x)
PHOTONS = 2e5
#: First slice of the piece that the second scan is.
UPPER = 26
#: Numbers that TotalSegmentator gives to the structures; vertebrae have one each.
LABELS = {
    "spleen": 1, "kidney_right": 2, "kidney_left": 3, "liver": 5, "stomach": 6, "lung_lower_lobe_left": 11,
    "lung_lower_lobe_right": 14, "vertebrae_L4": 28, "vertebrae_L3": 29, "vertebrae_L2": 30, "vertebrae_L1": 31,
    "vertebrae_T12": 32, "vertebrae_T11": 33, "vertebrae_T10": 34, "vertebrae_T9": 35, "heart": 51, "aorta": 52,
}  # fmt: skip
#: Each is painted over those before it; mm, RAS+, with 0 between the kidneys and the top of the liver.
STRUCTURES = {
    "fat": Structure((0, 0, 0), (148, 104, np.inf), -105),
    "muscle": Structure((0, 0, 0), (135, 92, np.inf), 52),
    "inner fat": Structure((0, 6, -80), (116, 74, 150), -95),
    "lung_lower_lobe_right": Structure((66, -6, 118), (54, 74, 92), -840),
    "lung_lower_lobe_left": Structure((-70, -8, 122), (50, 70, 90), -840),
    "heart": Structure((-26, 36, 104), (48, 38, 46), 40),
    "liver": Structure((58, 6, 8), (66, 68, 70), 48),
    "left lobe": Structure((-6, 38, 26), (58, 34, 34), 48),
    "spleen": Structure((-92, -30, 18), (27, 37, 46), 42),
    "stomach": Structure((-54, 30, -4), (38, 30, 46), 18),
    "gas": Structure((-54, 48, 8), (20, 12, 22), -950),
    "kidney_right": Structure((50, -44, -74), (25, 24, 50), 32),
    "kidney_left": Structure((-56, -44, -58), (24, 25, 50), 32),
    "bowel": Structure((8, 36, -92), (80, 26, 24), 22),
    "bowel gas": Structure((20, 48, -94), (40, 10, 12), -900),
    "spine": Structure((2, -58, 0), (21, 20, np.inf), 165),
    "canal": Structure((2, -84, 0), (9, 8, np.inf), 25),
    "aorta": Structure((-16, -30, 0), (11, 11, np.inf), 45),
}
_LOBES = {"left lobe": "liver"}
_HEIGHT = 32.0  # mm of a vertebra, with the disc above it
_LOWEST = -128.0  # mm, bottom of the lowest vertebra
_RIB, _RIB_STEP = 380.0, 25.0


def affine() -> NDArray[np.float64]:
    """Place of the voxels of the scan.

    Returns
    -------
    ndarray of float64, shape (4, 4)
        From voxel indices (x, y, z, 1) to mm, RAS+.

    Examples
    --------
    >>> affine()[:3, 3].tolist()
    [-165.0, -117.0, -111.0]
    """
    made = np.diag([SPACING, SPACING, SPACING, 1.0])
    made[:3, 3] = -SPACING * (np.array(SHAPE[::-1]) - 1) / 2
    return made


def labels_at(points: NDArray) -> NDArray[np.uint8]:
    """Number of the structure at each point, 0 for the rest.

    Parameters
    ----------
    points : ndarray of float, shape (..., 3)
        RAS+, in mm.

    Returns
    -------
    ndarray of uint8, shape (...)

    Examples
    --------
    >>> labels_at(np.array([[58.0, 6.0, 8.0], [2.0, -58.0, -100.0], [300.0, 0.0, 0.0]])).tolist()
    [5, 28, 0]
    """
    labels = np.zeros(points.shape[:-1], np.uint8)
    level = np.clip((points[..., 2] - _LOWEST) // _HEIGHT, 0, 7).astype(np.uint8)
    for name, structure in STRUCTURES.items():
        number = LABELS.get(_LOBES.get(name, name), 0)
        inside = thorax_phantom.is_inside(structure, points)
        labels[inside] = LABELS["vertebrae_L4"] + level[inside] if name == "spine" else number
    return labels


def hounsfield_at(points: NDArray) -> NDArray[np.float32]:
    """Hounsfield units at each point, with ribs and discs, which have no label.

    Parameters
    ----------
    points : ndarray of float, shape (..., 3)
        RAS+, in mm.

    Returns
    -------
    ndarray of float32, shape (...)
        In HU.

    Examples
    --------
    >>> hounsfield_at(np.array([[58.0, 6.0, 8.0], [300.0, 0.0, 0.0]])).tolist()
    [48.0, -1000.0]
    """
    x, y, z = (points[..., axis] for axis in range(3))
    values = np.full(points.shape[:-1], thorax_phantom.AIR, np.float32)
    for name, structure in STRUCTURES.items():
        inside = thorax_phantom.is_inside(structure, points)
        values[inside] = structure.hounsfield
        if name == "muscle":
            outward = np.hypot(x / structure.half_axes[0], y / structure.half_axes[1])
            values[inside & (outward > 0.88) & (z > -40) & (np.mod(z + 0.3 * y, _RIB_STEP) < 9)] = _RIB
        elif name == "spine":
            values[inside & (np.mod(z - _LOWEST, _HEIGHT) > _HEIGHT - 6)] = 85
    return values


def simulate_scan(rng: np.random.Generator) -> NDArray[np.int16]:
    """The CT scan: means over voxels, with the noise of counted photons; air outside of the body has none.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int16, shape (38, 40, 56)
        In HU.
    """
    centres = _points()
    steps = SPACING * np.array([-0.25, 0.25])
    clean = np.mean([hounsfield_at(centres + (x, y, z)) for x in steps for y in steps for z in steps], axis=0)
    rows, columns = SHAPE[1:]
    square = np.full((SHAPE[0], columns, columns), thorax_phantom.AIR, np.float32)
    first = (columns - rows) // 2
    square[:, first : first + rows] = clean
    noise = thorax_phantom.quantum_noise(square, SPACING, PHOTONS, rng)[:, first : first + rows]
    # Noise in air takes half of the file, and teaches nothing.
    return np.where(clean > -990, np.rint(clean + noise), thorax_phantom.AIR).clip(-1024, 3071).astype(np.int16)


def write_sample(folder: Path) -> None:
    """Write the sample to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    scan, labels = simulate_scan(np.random.default_rng(1972)), labels_at(_points())
    for name, start in {"ct_abdomen_pelvis": 0, "ct_upper_abdomen": UPPER}.items():
        # The piece repeats the origin of the whole, as the real one does.
        _write(folder / f"{name}.nii.gz", scan[start:])
        _write(folder / f"{name}_seg.nii.gz", labels[start:])
    lines = [f"{number},{name}" for name, number in LABELS.items()]
    (folder / "labels_ct.csv").write_text("\n".join(["label,structure", *lines, ""]), newline="\n")


def _points() -> NDArray[np.float64]:
    """Centres of the voxels in mm, shape (z, y, x, 3)."""
    z, y, x = np.indices(SHAPE, dtype=np.float64)
    return np.stack([x, y, z], axis=-1) * SPACING + affine()[:3, 3]


def _write(path: Path, array: NDArray) -> None:
    import nibabel

    image = nibabel.Nifti1Image(np.ascontiguousarray(array.transpose(2, 1, 0)), affine())
    image.header["descrip"] = b"simulated by medlib"
    # The time of compression would be another each time.
    path.write_bytes(gzip.compress(image.to_bytes(), mtime=0))


if __name__ == "__main__":
    make_sample(write_sample)
