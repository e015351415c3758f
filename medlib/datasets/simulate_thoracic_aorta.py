"""The sample ``thoracic-aorta-sample``: a simulated chest CT with a dissected aorta, laid out as ``thoracic-aorta``.

``python -m medlib.datasets.simulate_thoracic_aorta FOLDER`` writes it again: a contrast-enhanced scan cut to the middle
of the chest, as the real one is, and one mask a structure. Lungs, ribs, spine and liver are those of
`medlib.datasets.thorax_phantom`; the heart's chambers, the arch with its branches and the two lumina are drawn here.
"""

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medlib.datasets import phantoms, thorax_phantom
from medlib.datasets.sample_files import make_sample
from medlib.datasets.thorax_phantom import Structure

SPACING = 4.5  # mm
SHAPE = (54, 42, 40)  # (z, y, x)
FIRST = (84.0, 76.0, -104.0)  # mm, RAS+, centre of the first voxel; the axes run to the left, the back and the head
PHOTONS = 1e9
_TEXTURE, _STEP, _WAVES = 30.0, 20.0, 12  # HU; steps of HU, which keep the file small; half waves along each axis
#: Files of the masks, in the order in which they are painted over each other.
MASKS = (
    "aorta", "aorta_true_lumen", "aorta_false_lumen", "brachiocephalic_trunk", "common_carotid_artery_left",
    "subclavian_artery_left", "vertebrae_T12",
)  # fmt: skip


class Tube(NamedTuple):
    """A vessel: a smooth line through points in mm (RAS+), its radius in mm, and the density of its blood in HU."""

    line: tuple[tuple[float, float, float], ...]
    radius: float
    hounsfield: float


AORTA = Tube(
    ((-2, 26, 18), (4, 28, 50), (2, 20, 80), (-8, -2, 96), (-20, -26, 84), (-25, -36, 50), (-24, -36, 0),
     (-20, -34, -60), (-14, -34, -125)), 16.0, 400.0,
)  # fmt: skip
BRANCHES = {
    "brachiocephalic_trunk": Tube(((1, 14, 90), (9, 16, 112), (20, 16, 150)), 6.0, 400.0),
    "common_carotid_artery_left": Tube(((-6, 2, 98), (-8, 6, 120), (-10, 8, 150)), 4.5, 400.0),
    "subclavian_artery_left": Tube(((-15, -14, 98), (-22, -14, 120), (-34, -12, 150)), 5.0, 400.0),
}
#: Enhanced blood beside the aorta, painted over the phantom in this order.
CHAMBERS = {
    "left ventricle": Structure((-38, 30, 0), (24, 24, 34), 330),
    "right ventricle": Structure((-4, 50, 0), (26, 14, 30), 360),
    "left atrium": Structure((-12, 8, 26), (26, 14, 20), 340),
    "pulmonary trunk": Structure((-22, 34, 54), (14, 13, 26), 350),
    "vena cava": Structure((26, 20, 90), (9, 9, 60), 700),
}
_MEDIASTINUM = Structure((-4, 4, 66), (38, 38, 74), -60)
_FALSE, _FLAP = 230.0, 40.0  # HU of the blood behind the flap, and of the flap
_TEAR = 66.0  # mm along the aorta, where the dissection begins
_TWIST = 0.006  # radians a mm, by which the flap turns about the aorta
_FLAP_HALF = 1.0  # mm
_T12 = (-84.0, -60.0)  # mm, from the upper end of a disc to the lower end of the next


def affine() -> NDArray[np.float64]:
    """Place of the voxels.

    Returns
    -------
    ndarray of float64, shape (4, 4)
        From voxel indices (x, y, z, 1) to mm, RAS+.

    Examples
    --------
    >>> np.diag(affine()).tolist()
    [-4.5, -4.5, 4.5, 1.0]
    """
    made = np.diag([-SPACING, -SPACING, SPACING, 1.0])
    made[:3, 3] = FIRST
    return made


def masks_at(points: NDArray) -> dict[str, NDArray[np.bool_]]:
    """Which points lie in which structure.

    Parameters
    ----------
    points : ndarray of float, shape (..., 3)
        RAS+, in mm.

    Returns
    -------
    dict of str to ndarray of bool, shape (...)
        By the names in `MASKS`; the two lumina share the aorta between them.

    Examples
    --------
    >>> found = masks_at(np.array([[2.0, 27.0, 60.0], [0.0, -66.0, -72.0]]))
    >>> [name for name in found if found[name][0]], [name for name in found if found[name][1]]
    (['aorta', 'aorta_true_lumen'], ['vertebrae_T12'])
    """
    inside, false_lumen, _ = _aorta(points)
    masks = {"aorta": inside, "aorta_true_lumen": inside & ~false_lumen, "aorta_false_lumen": inside & false_lumen}
    for name, branch in BRANCHES.items():
        masks[name] = (_along(branch, points)[0] < branch.radius) & ~inside
    spine = thorax_phantom.is_inside(thorax_phantom.STRUCTURES["spine"], points)
    canal = thorax_phantom.is_inside(thorax_phantom.STRUCTURES["canal"], points)
    masks["vertebrae_T12"] = spine & ~canal & ~inside & (points[..., 2] >= _T12[0]) & (points[..., 2] < _T12[1])
    return masks


def hounsfield_at(points: NDArray) -> NDArray[np.float32]:
    """Hounsfield units at each point.

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
    >>> hounsfield_at(np.array([[2.0, 27.0, 60.0], [-38.0, 30.0, 0.0], [70.0, 0.0, 100.0]])).tolist()
    [400.0, 330.0, -850.0]
    """
    values = thorax_phantom.hounsfield_at(points)
    # The phantom's own aorta is a straight cylinder; ours takes its place, and above the arch there is fat.
    straight = thorax_phantom.STRUCTURES["aorta"]
    values[thorax_phantom.is_inside(straight, points)] = _MEDIASTINUM.hounsfield
    bone = thorax_phantom.is_inside(thorax_phantom.STRUCTURES["spine"], points)
    soft = thorax_phantom.is_inside(_MEDIASTINUM, points) & ~bone & (values < 100)
    values[soft] = _MEDIASTINUM.hounsfield
    for chamber in CHAMBERS.values():
        values[thorax_phantom.is_inside(chamber, points)] = chamber.hounsfield
    for branch in BRANCHES.values():
        values[_along(branch, points)[0] < branch.radius] = branch.hounsfield
    inside, false_lumen, flap = _aorta(points)
    values[inside] = np.where(false_lumen[inside], _FALSE, AORTA.hounsfield)
    values[inside & flap] = _FLAP
    return values


def simulate_scan(rng: np.random.Generator) -> NDArray[np.int16]:
    """The CT scan: means over voxels, with the noise of counted photons; air outside of the body has none.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int16, shape (54, 42, 40)
        In HU.
    """
    centres = _points()
    steps = SPACING * np.array([-0.25, 0.25])
    clean = np.mean([hounsfield_at(centres + (x, y, z)) for x in steps for y in steps for z in steps], axis=0)
    # Fat between muscles and trabeculae in bone: without them no place looks unlike its neighbours.
    fine = _STEP * np.rint(_TEXTURE / _STEP * phantoms.texture(SHAPE, _WAVES, rng))
    clean = clean + fine * ((clean > -500) & (clean < 200))
    rows, columns = SHAPE[1:]
    side = max(rows, columns)
    square = np.full((SHAPE[0], side, side), thorax_phantom.AIR, np.float32)
    square[:, :rows, :columns] = clean
    noise = thorax_phantom.quantum_noise(square, SPACING, PHOTONS, rng)[:, :rows, :columns]
    # Noise in air takes half of the file, and teaches nothing.
    return np.where(clean > -990, np.rint(clean + noise), thorax_phantom.AIR).clip(-1024, 3071).astype(np.int16)


def write_sample(folder: Path) -> None:
    """Write the sample to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    _write(folder / "ct_cropped.nii.gz", simulate_scan(np.random.default_rng(1908)))
    for name, mask in masks_at(_points()).items():
        _write(folder / f"{name}.nii.gz", mask.astype(np.uint8))


def _aorta(points: NDArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether points lie in the aorta, and on the side of the false lumen, and in the flap between."""
    away, along, offset, tangent = _along(AORTA, points)
    inside = away < AORTA.radius
    # The flap's normal is across the vessel, and turns about it on the way down.
    across = np.cross(tangent, (1.0, 0.0, 0.0))
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    second = np.cross(tangent, across)
    angle = (_TWIST * along)[..., None] + 2.4
    height = np.sum(offset * (np.cos(angle) * across + np.sin(angle) * second), axis=-1)
    dissected = along > _TEAR
    return inside, dissected & (height > 0), dissected & (np.abs(height) < _FLAP_HALF)


def _along(tube: Tube, points: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Distance from the line of a vessel, place along it, offset from it (all mm), and direction of the line."""
    import scipy.interpolate
    import scipy.spatial

    knots = np.array(tube.line, dtype=np.float64)
    chord = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    curve = scipy.interpolate.CubicSpline(chord, knots)
    place = np.linspace(0, chord[-1], int(chord[-1]) + 1)
    line, tangent = curve(place), curve(place, 1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    _, nearest = scipy.spatial.cKDTree(line).query(points)
    offset = points - line[nearest]
    # Between two points of the line, not beyond its ends: only what is across the vessel counts.
    along = np.sum(offset * tangent[nearest], axis=-1) * ((nearest > 0) & (nearest < len(line) - 1))
    offset -= along[..., None] * tangent[nearest]
    return np.linalg.norm(offset, axis=-1), place[nearest], offset, tangent[nearest]


def _points() -> NDArray[np.float64]:
    """Centres of the voxels in mm, shape (z, y, x, 3)."""
    z, y, x = np.indices(SHAPE, dtype=np.float64)
    return np.stack([x, y, z], axis=-1) @ affine()[:3, :3].T + affine()[:3, 3]


def _write(path: Path, array: NDArray) -> None:
    import nibabel

    image = nibabel.Nifti1Image(np.ascontiguousarray(array.transpose(2, 1, 0)), affine())
    image.header["descrip"] = b"simulated by medlib"
    # The time of compression would be another each time.
    path.write_bytes(gzip.compress(image.to_bytes(), mtime=0))


if __name__ == "__main__":
    make_sample(write_sample)
