"""The data set ``registration-brain``, made from the files of three repositories in ``registration-brain-original``."""

import csv
import shutil
import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

#: Of the 13 structures, in the order of the channels of the moving brain, the numbers of FreeSurfer for both sides.
STRUCTURES = {
    "thalamus": (10, 49), "cerebellum-cortex": (8, 47), "lateral-ventricle": (4, 43),
    "cerebellum-white-matter": (7, 46), "putamen": (12, 51), "caudate": (11, 50), "pallidum": (13, 52),
    "hippocampus": (17, 53), "amygdala": (18, 54), "cerebral-cortex": (3, 42), "3rd-ventricle": (14,),
    "4th-ventricle": (15,), "brain-stem": (16,),
}  # fmt: skip
_CONFORMED = 256  # voxels of 1 mm along each axis, as FreeSurfer has every head
_SHAPE, _CROP = (160, 192, 224), (48, 31, 3)  # of the fixed brain, which was cut out of them
_BORDER = 8  # voxels around the moving brain


def prepare(source: Path, paths: Collection[str], folder: Path) -> None:
    """Copy ``pair1-tissue``, and write ``pair2-structures`` as NIfTI in bytes, with label maps of 13 structures.

    Parameters
    ----------
    source : Path
        With ``pair1-tissue/*.nii.gz``, ``test_scan.npz`` (the fixed brain: ``vol`` and the FreeSurfer labels ``seg``,
        without a header), and ``image_A.nii.gz`` and ``image_A_seg35_onehot.nii.gz`` (the moving brain).
    paths : collection of str
        Its files; those below ``pair1-tissue`` are copied.
    folder : Path
        An existing folder.

    Raises
    ------
    OSError, ValueError
        If a file is missing, is not what it was, or cannot be turned into bytes without a loss.
    """
    for part in ("pair1-tissue", "pair2-structures"):
        (folder / part).mkdir()
    for path in paths:
        if path.startswith("pair1-tissue/"):
            shutil.copyfile(source / path, folder / path)
    made = folder / "pair2-structures"
    _write_fixed(source / "test_scan.npz", made)
    _write_moving(source / "image_A.nii.gz", source / "image_A_seg35_onehot.nii.gz", made)
    with (made / "labels13.csv").open("w", newline="", encoding="ascii") as stream:
        rows = [(label, name, " ".join(map(str, ids))) for label, (name, ids) in enumerate(STRUCTURES.items(), start=1)]
        csv.writer(stream).writerows([("label", "structure", "freesurfer_ids_merged"), *rows])


def read_array(path: Path, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """One array of an npz file, whose shape and type are known beforehand; nothing is unpickled.

    Parameters
    ----------
    path : Path
    name : str
        Of the array in the file.
    shape : tuple of int
        Any other is refused before a value is read.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    OSError, ValueError
        If there is no such array, or it is of another shape or type, or damaged.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "scan.npz"
    >>> np.savez(path, vol=np.ones((2, 3)))
    >>> read_array(path, "vol", (2, 3)).sum()
    np.float64(6.0)
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as stream:
            read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(stream)]
            found = read_header(stream)
            if (found[0], found[2]) != (shape, np.dtype("<f8")):
                raise ValueError(f"{path}: {name} is {found[0]} of {found[2]}, but {shape} of float64 expected")
            wanted = 8 * int(np.prod(shape))
            content = stream.read(wanted)
            if len(content) != wanted:
                raise ValueError(f"{path}: {name} ends after {len(content)} of {wanted} bytes")
    except (KeyError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zipfile.zlib.error) as error:
        raise ValueError(f"{path}: cannot be read ({error})") from error
    return np.frombuffer(content).reshape(shape, order="F" if found[1] else "C")


def to_bytes(values: NDArray, scale: int) -> NDArray[np.uint8]:
    """Values times ``scale``, which must be whole numbers from 0 to 255.

    Raises
    ------
    ValueError
        If one is not, so that it would be lost.

    Examples
    --------
    >>> to_bytes(np.array([0.0, 0.2, 1.0]), 255)
    array([  0,  51, 255], dtype=uint8)
    """
    whole = np.rint(values * scale)
    if not (np.abs(values * scale - whole) < 1e-3).all() or not ((whole >= 0) & (whole <= 255)).all():
        raise ValueError(f"not all values are multiples of 1/{scale} from 0 to {255 / scale:g}")
    return whole.astype(np.uint8)


def _write_fixed(scan: Path, folder: Path) -> None:
    image, labels = to_bytes(read_array(scan, "vol", _SHAPE), 255), to_bytes(read_array(scan, "seg", _SHAPE), 1)
    merged = np.zeros(256, np.uint8)
    for label, ids in enumerate(STRUCTURES.values(), start=1):
        merged[list(ids)] = label
    for name, array in {"fixed": image, "fixed_freesurfer_labels": labels, "fixed_seg13": merged[labels]}.items():
        _write(folder / f"{name}.nii.gz", array, _CROP)


def _write_moving(image_path: Path, channels_path: Path, folder: Path) -> None:
    import nibabel

    image, channels = nibabel.load(image_path), nibabel.load(channels_path)
    cube = (_CONFORMED,) * 3
    if image.shape != cube or channels.shape != (*cube, len(STRUCTURES)):
        raise ValueError(f"{image_path} is {image.shape}, {channels_path} {channels.shape}")
    values = to_bytes(np.asarray(image.dataobj), 255)
    if not values.any():
        raise ValueError(f"{image_path} is empty")
    inside = [np.flatnonzero(values.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    low = [max(int(found[0]) - _BORDER, 0) for found in inside]
    crop = tuple(slice(start, int(found[-1]) + 1 + _BORDER) for start, found in zip(low, inside, strict=True))
    labels = np.zeros_like(values[crop])
    for channel in range(len(STRUCTURES)):
        labels[np.asarray(channels.dataobj[(*crop, channel)]) > 0] = channel + 1
    _write(folder / "moving.nii.gz", values[crop], low)
    _write(folder / "moving_seg13.nii.gz", labels, low)


def _write(path: Path, array: NDArray[np.uint8], first: Collection[int]) -> None:
    """Write what begins at the voxel ``first`` of FreeSurfer's cube: it counts to the left, downward and forward."""
    import nibabel

    left, down, forward = first
    middle = _CONFORMED / 2
    affine = np.array([[-1, 0, 0, middle - left], [0, 0, 1, forward - middle], [0, -1, 0, middle - down], [0, 0, 0, 1]])
    image = nibabel.Nifti1Image(array, affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
