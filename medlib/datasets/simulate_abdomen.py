"""The sample ``abdomen-ct-sample``: a simulated patient's CT and MR of the abdomen, laid out as ``abdomen-ct``.

``python -m medlib.datasets.simulate_abdomen FOLDER`` writes it again: a scan, a piece of it that says that it lies
elsewhere (as the real set's second scan does), a slab of MR, their label maps, and the names of the labels. The patient
is not the one of ``ct-sample``: smaller, with another liver of two lobes, both kidneys, and no contrast agent. The MR
shows the same patient in another pose and bent by a few mm, both known: `mr_to_ct`.
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
#: Numbers that TotalSegmentator gives to the structures in MR, where vertebrae are one.
MR_LABELS = {
    "spleen": 1, "kidney_right": 2, "kidney_left": 3, "liver": 5, "stomach": 6, "lung_left": 10, "lung_right": 11,
    "vertebrae": 19, "heart": 22, "aorta": 23,
}  # fmt: skip
#: Signal of each structure in a T1-weighted MR, of no unit: fat is bright, bone, lung and flowing blood are dark.
MR_SIGNAL = {
    "fat": 128, "muscle": 52, "inner fat": 122, "lung_lower_lobe_right": 5, "lung_lower_lobe_left": 5, "heart": 58,
    "liver": 78, "left lobe": 78, "spleen": 44, "stomach": 32, "gas": 2, "kidney_right": 40, "kidney_left": 40,
    "bowel": 36, "bowel gas": 2, "spine": 24, "canal": 18, "aorta": 14,
}  # fmt: skip
MR_SHAPE, MR_SPACING = (12, 32, 45), (8.0, 7.0, 7.0)  # (z, y, x), in mm
_MR_CENTRE = np.array([9.0, -14.0, 160.0])  # mm RAS, of the slab in the frame of its scanner
_MR_LOOKS_AT = np.array([0.0, 2.0, -14.0])  # mm RAS, what of the CT's frame is there
_MR_ROTATION = np.deg2rad([2.0, -3.0, 5.0])  # about x, y and z
_MR_NOISE = 1.5  # standard deviation, in both parts of the complex signal
#: Waves that bend: wavelength in mm along x, y and z, phase, and how far they move in mm.
_WAVES = (
    ((260.0, np.inf, 190.0), 0.4, (2.5, -3.5, 1.5)),
    ((np.inf, 210.0, -240.0), 1.7, (-3.0, 1.5, 4.0)),
    ((-300.0, 230.0, np.inf), 2.9, (2.0, 2.5, -2.5)),
)
_LOBES = {"left lobe": "liver"}
_HEIGHT = 32.0  # mm of a vertebra, with the disc above it
_LOWEST = -128.0  # mm, bottom of the lowest vertebra
_RIB, _RIB_STEP, _DISC = 380.0, 25.0, 85.0  # HU, mm, HU
_MR_NAMES = {"lung_lower_lobe_left": "lung_left", "lung_lower_lobe_right": "lung_right"}


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
    return _paint(
        points, {name: structure.hounsfield for name, structure in STRUCTURES.items()}, thorax_phantom.AIR, _RIB, _DISC
    )


def mr_to_ct(points: NDArray) -> NDArray[np.float64]:
    """Where in the CT the MR shows a point: the pose of the patient, and how the patient bends.

    Parameters
    ----------
    points : ndarray of float, shape (..., 3)
        In the frame of the MR, RAS+, in mm.

    Returns
    -------
    ndarray of float64, shape (..., 3)
        In the frame of the CT, RAS+, in mm.

    Examples
    --------
    >>> mr_to_ct(np.array([[9.0, -14.0, 160.0]])).round(1).tolist()
    [[-2.3, 4.0, -11.2]]
    """
    posed = (points - _MR_CENTRE) @ _rotation(_MR_ROTATION).T + _MR_LOOKS_AT
    bent = posed.copy()
    for wavelength, phase, moves in _WAVES:
        bent += np.sin(2 * np.pi * (posed @ (1 / np.array(wavelength))) + phase)[..., None] * np.array(moves)
    return bent


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


def simulate_mr(rng: np.random.Generator) -> tuple[NDArray[np.int16], NDArray[np.uint8], NDArray[np.float64]]:
    """The slab of MR: means over voxels, brighter near one side of the coil, with the noise of a magnitude image.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    signal : ndarray of int16, shape (12, 32, 45)
        Of no unit; 0 outside of the body.
    labels : ndarray of uint8, shape (12, 32, 45)
        Numbers of `MR_LABELS`.
    affine : ndarray of float64, shape (4, 4)
        From voxel indices (x, y, z, 1) to mm, RAS+; x of the array points to the left and y to the back (LPS).
    """
    across = np.array([-MR_SPACING[2], -MR_SPACING[1], MR_SPACING[0]])
    place = np.diag([*across, 1.0])
    place[:3, 3] = _MR_CENTRE - across * (np.array(MR_SHAPE[::-1]) - 1) / 2
    z, y, x = np.indices(MR_SHAPE, dtype=np.float64)
    centres = np.stack([x, y, z], axis=-1) * across + place[:3, 3]
    parts = [centres + across * (i, j, k) for i in (-0.25, 0.25) for j in (-0.25, 0.25) for k in (-0.25, 0.25)]
    clean = np.mean([_paint(mr_to_ct(part), MR_SIGNAL, 0.0, 20.0, 34.0) for part in parts], axis=0)
    coil = 1 + 0.25 * (centres[..., 1] - _MR_CENTRE[1]) / 100
    noise = rng.normal(0, _MR_NOISE, (2, *MR_SHAPE))
    measured = np.hypot(clean * coil + noise[0], noise[1])
    found = labels_at(mr_to_ct(centres))
    labels = np.zeros(MR_SHAPE, np.uint8)
    for name, number in LABELS.items():
        labels[found == number] = MR_LABELS[_MR_NAMES.get(name, "vertebrae" if "vertebrae" in name else name)]
    return np.where(clean > 0, np.rint(measured), 0).astype(np.int16), labels, place


def write_sample(folder: Path) -> None:
    """Write the sample to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    scan, labels = simulate_scan(np.random.default_rng(1972)), labels_at(_points())
    for name, start in {"ct_abdomen_pelvis": 0, "ct_upper_abdomen": UPPER}.items():
        # The piece repeats the origin of the whole, as the real one does.
        _write(folder / f"{name}.nii.gz", scan[start:], affine())
        _write(folder / f"{name}_seg.nii.gz", labels[start:], affine())
    signal, mr_labels, place = simulate_mr(np.random.default_rng(1973))
    _write(folder / "mr_abdomen.nii.gz", signal, place)
    _write(folder / "mr_abdomen_seg.nii.gz", mr_labels, place)
    for modality, numbers in {"ct": LABELS, "mr": MR_LABELS}.items():
        lines = [f"{number},{name}" for name, number in numbers.items()]
        (folder / f"labels_{modality}.csv").write_text("\n".join(["label,structure", *lines, ""]), newline="\n")


def _paint(points: NDArray, values: dict[str, float], outside: float, rib: float, disc: float) -> NDArray[np.float32]:
    """Value at each point, by structure; ribs and discs, which have no name, have their own."""
    x, y, z = (points[..., axis] for axis in range(3))
    painted = np.full(points.shape[:-1], outside, np.float32)
    for name, structure in STRUCTURES.items():
        inside = thorax_phantom.is_inside(structure, points)
        painted[inside] = values[name]
        if name == "muscle":
            outward = np.hypot(x / structure.half_axes[0], y / structure.half_axes[1])
            painted[inside & (outward > 0.88) & (z > -40) & (np.mod(z + 0.3 * y, _RIB_STEP) < 9)] = rib
        elif name == "spine":
            painted[inside & (np.mod(z - _LOWEST, _HEIGHT) > _HEIGHT - 6)] = disc
    return painted


def _rotation(angles: NDArray) -> NDArray[np.float64]:
    """Matrix of rotations about x, then y, then z, by angles in radians."""
    turned = np.eye(3)
    for axis, angle in enumerate(angles):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[[one, other], [one, other]] = np.cos(angle)
        step[other, one], step[one, other] = np.sin(angle), -np.sin(angle)
        turned = step @ turned
    return turned


def _points() -> NDArray[np.float64]:
    """Centres of the voxels in mm, shape (z, y, x, 3)."""
    z, y, x = np.indices(SHAPE, dtype=np.float64)
    return np.stack([x, y, z], axis=-1) * SPACING + affine()[:3, 3]


def _write(path: Path, array: NDArray, place: NDArray) -> None:
    import nibabel

    image = nibabel.Nifti1Image(np.ascontiguousarray(array.transpose(2, 1, 0)), place)
    image.header["descrip"] = b"simulated by medlib"
    # The time of compression would be another each time.
    path.write_bytes(gzip.compress(image.to_bytes(), mtime=0))


if __name__ == "__main__":
    make_sample(write_sample)
