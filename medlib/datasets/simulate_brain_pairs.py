"""The sample ``registration-brain-sample``: two pairs of simulated brains, in the layout of ``registration-brain``.

``python -m medlib.datasets.simulate_brain_pairs FOLDER`` writes it again. Every brain is the same atlas
(`brain_phantom`), seen through a `Subject`'s own pose and smooth warp; so where in another brain a point lies is known
(`true_point`), as it never is for real ones. Voxels are 4 mm wide, so that there are few.
"""

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medlib.datasets import brain_phantom
from medlib.datasets.sample_files import make_sample
from medlib.errors import UsageError

STEP = 4.0  # mm between voxels
_WAVES, _WAVE_LENGTH = 6, (70.0, 130.0)  # of a warp, and their length in mm
_STEPS, _NEAR = 500, 1e-9  # in which a warp is to be inverted, and to how many mm


@dataclass(frozen=True)
class Subject:
    """What one brain has of its own: the way from its points to those of the atlas, and its grey values.

    Attributes
    ----------
    seed : int
        Of the waves of its warp.
    amplitude : float
        Standard deviation of the warp in each direction, in mm; up to 4 it can be inverted.
    ventricles : float
        By how much, at most, the middle of the brain is stretched; between -0.3 and 0.3.
    angles : tuple of float
        By which the head is turned about x (nodding), y and z, in degrees.
    scale : float
        Size of the head, 1 for that of the atlas.
    centre : tuple of float
        Where the middle of the brain lies, in mm, RAS.
    gamma, gain : float
        Grey value of a signal s, which is 1 in white matter: ``gain * s ** gamma``.
    """

    seed: int
    amplitude: float = 3.0
    ventricles: float = 0.0
    angles: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: float = 1.0
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gamma: float = 1.0
    gain: float = 0.85


#: The four brains of the sample. Those of the first pair are aligned but for their shapes, as in the real set.
SUBJECTS = {
    "image_A": Subject(11, 3.0, 0.1, (0, 0, 0), 0.96, (73, 91, 69)),
    "image_B": Subject(12, 3.6, -0.1, (1, -1, 1), 0.95, (74, 90, 69), 1.15, 0.8),
    "fixed": Subject(21, 2.0, -0.1, (2, 0, -1), 0.97, (1, -28, 0)),
    "moving": Subject(22, 2.7, 0.2, (-6, 4, 5), 0.89, (-2, -22, -5), 1.3, 0.95),
}
#: Affines of their images and shapes (x, y, z); those of the second pair are stored to the left, downward, forward.
_FORWARD = {name: (np.diag([STEP, STEP, STEP, 1.0]), (37, 46, 36)) for name in ("image_A", "image_B")}
GRIDS = _FORWARD | {
    "fixed": (np.array([[-STEP, 0, 0, 75], [0, 0, STEP, -118], [0, -STEP, 0, 76], [0, 0, 0, 1.0]]), (38, 38, 46)),
    "moving": (np.array([[-STEP, 0, 0, 64], [0, 0, STEP, -103], [0, -STEP, 0, 64], [0, 0, 0, 1.0]]), (35, 36, 43)),
}
#: Grid of the label map of image_A, which is not that of the image; the real one differs by as many mm.
SEGMENTATION_GRID = np.diag([0.98125 * STEP, 0.96875 * STEP, STEP, 1.0])
SEGMENTATION_GRID[:2, 3] = 3, 6


def to_atlas(subject: Subject, points: ArrayLike) -> NDArray[np.float64]:
    """Where points of a brain lie in the atlas.

    Parameters
    ----------
    subject : Subject
    points : array_like of float, shape (..., 3)
        In mm, RAS.

    Returns
    -------
    ndarray of float64, shape (..., 3)
        In mm.
    """
    turned = (np.asarray(points, dtype=np.float64) - subject.centre) @ _rotation(subject) / subject.scale
    return turned + _warp(subject, turned)


def from_atlas(subject: Subject, points: ArrayLike) -> NDArray[np.float64]:
    """Where points of the atlas lie in a brain: the inverse of `to_atlas`, to a millionth of a mm.

    Parameters
    ----------
    subject : Subject
    points : array_like of float, shape (..., 3)
        In mm.

    Returns
    -------
    ndarray of float64, shape (..., 3)
        In mm, RAS.

    Raises
    ------
    UsageError
        If the warp of the subject is too strong to be inverted.

    Examples
    --------
    >>> subject = SUBJECTS["moving"]
    >>> from_atlas(subject, to_atlas(subject, [[10.0, -20.0, 30.0]])).round(6).tolist()
    [[10.0, -20.0, 30.0]]
    """
    points = np.asarray(points, dtype=np.float64)
    turned = points
    for _ in range(_STEPS):  # each comes nearer, because neighbouring points are moved by nearly as much
        last, turned = turned, points - _warp(subject, turned)
        if np.abs(turned - last).max(initial=0.0) < _NEAR:
            break
    else:
        raise UsageError(f"{subject} cannot be inverted; give it a smaller amplitude, or ventricles nearer to 0.")
    return turned @ _rotation(subject).T * subject.scale + subject.centre


def true_point(points: ArrayLike, fixed: str = "fixed", moving: str = "moving") -> NDArray[np.float64]:
    """Where what lies at points of one brain lies in another: what a registration is to find.

    Parameters
    ----------
    points : array_like of float, shape (..., 3)
        Of the fixed brain, in mm, RAS.
    fixed, moving : str
        Of `SUBJECTS`.

    Returns
    -------
    ndarray of float64, shape (..., 3)
        Of the moving brain, in mm, RAS.

    Examples
    --------
    >>> there = true_point([[0.0, -28.0, 0.0]])
    >>> bool(np.allclose(true_point(there, "moving", "fixed"), [[0.0, -28.0, 0.0]]))
    True
    """
    return from_atlas(SUBJECTS[moving], to_atlas(SUBJECTS[fixed], points))


def simulate_brain(
    subject: Subject, affine: NDArray, shape: tuple[int, int, int]
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Image and label map of a brain on a grid; a voxel is the mean over it, without noise.

    Parameters
    ----------
    subject : Subject
    affine : ndarray of float, shape (4, 4)
        From voxel indices (x, y, z, 1) to mm, RAS.
    shape : (int, int, int)
        Voxels along x, y and z.

    Returns
    -------
    image : ndarray of float64, shape (x, y, z)
        Grey values from 0 to 1.
    labels : ndarray of uint8, shape (x, y, z)
        As in `brain_phantom.anatomy_at`, of the middle of each voxel.

    Examples
    --------
    >>> image, labels = simulate_brain(SUBJECTS["fixed"], *GRIDS["fixed"])
    >>> image.shape, len(np.unique(labels))
    ((38, 38, 46), 14)
    """
    indices = np.stack(np.indices(shape, dtype=np.float64), axis=-1)
    image = np.zeros(shape)
    for part in np.stack(np.indices((2, 2, 2)), axis=-1).reshape(-1, 3):
        points = (indices + part / 2 - 0.25) @ affine[:3, :3].T + affine[:3, 3]
        image += brain_phantom.anatomy_at(to_atlas(subject, points))[0] / 8
    labels = brain_phantom.anatomy_at(to_atlas(subject, indices @ affine[:3, :3].T + affine[:3, 3]))[1]
    return np.clip(subject.gain * image**subject.gamma, 0, 1), labels


def write_sample(folder: Path) -> None:
    """Write ``pair1-tissue`` and ``pair2-structures`` to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    tissues, structures = folder / "pair1-tissue", folder / "pair2-structures"
    for part in (tissues, structures):
        part.mkdir(exist_ok=True)
    for name, subject in SUBJECTS.items():
        affine, shape = GRIDS[name]
        image, labels = simulate_brain(subject, affine, shape)
        if name in ("fixed", "moving"):
            _write(structures / f"{name}.nii.gz", (np.rint(image * 40) * 6).astype(np.uint8), affine)
            _write(structures / f"{name}_seg13.nii.gz", labels, affine)
            continue
        # Few levels, so that the file is small.
        _write(tissues / f"{name}.nii.gz", np.rint(image * 32) / 32, affine)
        grid = SEGMENTATION_GRID if name == "image_A" else affine
        image = image if name == "image_B" else simulate_brain(subject, grid, shape)[0]
        white = subject.gain * ((brain_phantom.WHITE + brain_phantom.GREY) / 2) ** subject.gamma
        tissue = np.where(image > white, 2, image > subject.gain * (brain_phantom.FLUID / 2) ** subject.gamma)
        _write(tissues / f"{name}_seg.nii.gz", tissue.astype(np.int16), grid)
    with (structures / "labels13.csv").open("w", newline="", encoding="ascii") as stream:
        rows = [(number, name, ids) for number, (name, ids) in enumerate(brain_phantom.LABELS.items(), start=1)]
        csv.writer(stream, lineterminator="\n").writerows([("label", "structure", "freesurfer_ids_merged"), *rows])


def _rotation(subject: Subject) -> NDArray:
    made = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(subject.angles)):
        turn, others = np.eye(3), [(axis + 1) % 3, (axis + 2) % 3]
        turn[np.ix_(others, others)] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        made = turn @ made
    return made


def _warp(subject: Subject, points: NDArray) -> NDArray:
    """Displacements in mm: some waves, and a stretch about the middle of the brain, which fades out."""
    rng = np.random.default_rng(subject.seed)
    direction = rng.normal(size=(_WAVES, 3))
    waves = 2 * np.pi * direction / np.linalg.norm(direction, axis=1)[:, None]
    waves = waves / rng.uniform(*_WAVE_LENGTH, size=(_WAVES, 1))
    amplitude = rng.normal(size=(_WAVES, 3))
    amplitude *= subject.amplitude * np.sqrt(2) / np.linalg.norm(amplitude, axis=0)
    moved = np.sin(points @ waves.T + rng.uniform(0, 2 * np.pi, _WAVES)) @ amplitude
    middle = points - (0.0, 0.0, 12.0)
    return moved - subject.ventricles * middle * np.exp(-(middle**2).sum(axis=-1, keepdims=True) / (2 * 22.0**2))


def _write(path: Path, array: NDArray, affine: NDArray) -> None:
    import nibabel

    image = nibabel.Nifti1Image(array, affine)
    image.header["descrip"] = b"simulated by medlib"
    # The time of compression would be another each time.
    path.write_bytes(gzip.compress(image.to_bytes(), mtime=0))


if __name__ == "__main__":
    make_sample(write_sample)
