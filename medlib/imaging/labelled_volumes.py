"""Images with label maps in the layout of the Medical Segmentation Decathlon, read in pairs that are checked."""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

import numpy as np

from medlib.errors import DataError, UsageError
from medlib.imaging import files
from medlib.imaging.volumes import Volume

IMAGES, LABELS = "imagesTr", "labelsTr"
_DISAGREE = 0.1  # voxels, by which the grids of image and labels may differ
_SHOWN = 5  # values that a message lists
_LARGEST = 65535  # label that is accepted


@dataclasses.dataclass(frozen=True)
class LabelledVolume:
    """An image and its label map, on one grid.

    Attributes
    ----------
    name : str
        Name of both files without ending, such as "hippocampus_001".
    image : Volume
        Values as they are in the file.
    labels : Volume
        Whole numbers (uint8, or uint16 beyond 255) on the grid of the image; 0 is background.
    """

    name: str
    image: Volume
    labels: Volume


def read_labelled_volumes(
    folder: Path | str,
    labels: Mapping[str, int] | Iterable[int],
    *,
    skip_faulty: bool = False,
    only: Collection[str] | None = None,
    prepare: Callable[[LabelledVolume], object] | None = None,
    unit: str = "",
    modality: str = "",
    max_bytes: int = 2**32,
) -> tuple[list, dict[str, str]]:
    """Read all pairs of image and label map below a folder, and check each.

    Parameters
    ----------
    folder : Path or str
        With ``imagesTr/NAME.nii.gz`` and ``labelsTr/NAME.nii.gz``, as the Decathlon's archives have them. Files whose
        names begin with a dot, which these archives hold as well, are passed over.
    labels : mapping of str to int, or iterable of int
        Labels that may occur beside 0, the background; not every map must have all.
    skip_faulty : bool
        False: anything faulty is an error. True: it is left out, and reported.
    only : collection of str, optional
        Names of the pairs to read. Default: all.
    prepare : callable, optional
        ``prepare(pair)`` gives what is kept of a `LabelledVolume`, such as a part of it at a coarser spacing: of large
        volumes only one is then in memory at a time. Default: all of it.
    unit, modality, max_bytes
        As `medlib.imaging.files.read_volume` has them.

    Returns
    -------
    pairs : list
        Of `LabelledVolume`, or of what ``prepare`` made of them, in the order of their names.
    faults : dict of str to str
        By the path of the file below ``folder``, why its pair was left out; empty unless ``skip_faulty``.

    Raises
    ------
    DataError
        If the folder has not this layout, if no pair is left, or unless ``skip_faulty``, if a label map or an image is
        missing or cannot be read, if the two differ in shape or in their place, if labels are no whole numbers or not
        among those accepted, or if an image has values that are no numbers or all alike. All faults are in one error.
    UsageError
        If labels are no numbers from 1 on, or a name in ``only`` is not there.

    References
    ----------
    Antonelli M et al. (2022), The Medical Segmentation Decathlon, Nature Communications 13, 4128.

    Examples
    --------
    >>> from medlib import datasets
    >>> folder = datasets.locate("msd-hippocampus-sample")
    >>> pairs, faults = read_labelled_volumes(folder, {"anterior": 1, "posterior": 2}, only=["hippocampus_001"])
    >>> pairs[0].name, pairs[0].labels.array.max(), faults
    ('hippocampus_001', np.uint8(2), {})
    """
    folder, accepted = Path(folder), _accepted(labels)
    found, faults = pair_files(folder)
    if only is not None:
        known = set(found) | {_name(Path(path)) for path in faults}
        if missing := sorted(set(only) - known):
            raise UsageError(f"{folder} has no {', '.join(missing[:_SHOWN])}; there are {len(known)} names.")
        found = {name: paths for name, paths in found.items() if name in only}
        faults = {path: why for path, why in faults.items() if _name(Path(path)) in only}
    pairs = []
    for paths in found.values():
        try:
            pair = _read_pair(*paths, accepted, unit, modality, max_bytes)
        except _FaultError as fault:
            faults[fault.path.relative_to(folder).as_posix()] = fault.why
        else:
            pairs.append(pair if prepare is None else prepare(pair))
    if faults and not skip_faulty:
        listed = "".join(f"\n  {path}: {why}" for path, why in faults.items())
        raise DataError(f"{folder} has {len(faults)} faulty files; mend them, or set skip_faulty=True:{listed}")
    if not pairs:
        raise DataError(f"{folder} has no pair of {IMAGES}/NAME.nii.gz and {LABELS}/NAME.nii.gz that can be read.")
    return pairs, faults


def pair_files(folder: Path | str) -> tuple[dict[str, tuple[Path, Path]], dict[str, str]]:
    """Find which image belongs to which label map, without reading any.

    Parameters
    ----------
    folder : Path or str
        As in `read_labelled_volumes`.

    Returns
    -------
    pairs : dict of str to (Path, Path)
        Image and label map by name, sorted.
    faults : dict of str to str
        By the path of a file without a partner, or with two, what is wrong.

    Raises
    ------
    DataError
        If there is no ``imagesTr`` or no ``labelsTr``.

    Examples
    --------
    >>> pair_files("/nowhere")
    Traceback (most recent call last):
    medlib.errors.DataError: /nowhere has no folder imagesTr; give one with imagesTr and labelsTr.
    """
    folder, faults = Path(folder), {}
    by_name: dict[str, dict[str, list[Path]]] = {}
    for part in (IMAGES, LABELS):
        if not (folder / part).is_dir():
            raise DataError(f"{folder} has no folder {part}; give one with {IMAGES} and {LABELS}.")
        for path in sorted((folder / part).iterdir()):
            if path.name.lower().endswith(files.ENDINGS) and not path.name.startswith("."):
                by_name.setdefault(_name(path), {IMAGES: [], LABELS: []})[part].append(path)
    pairs = {}
    for name, parts in sorted(by_name.items()):
        if len(parts[IMAGES]) == len(parts[LABELS]) == 1:
            pairs[name] = (*parts[IMAGES], *parts[LABELS])
            continue
        several = f"several files are called {name}, so which belong together is open"
        for part, other, what in ((IMAGES, LABELS, "label map"), (LABELS, IMAGES, "image")):
            missing = f"there is no {what} {other}/{name}.nii.gz for it"
            for path in parts[part]:
                faults[path.relative_to(folder).as_posix()] = several if parts[other] else missing
    return pairs, faults


def read_pair(
    image_path: Path | str,
    label_path: Path | str,
    labels: Mapping[str, int] | Iterable[int],
    *,
    unit: str = "",
    modality: str = "",
    max_bytes: int = 2**32,
) -> LabelledVolume:
    """Read an image and its label map from anywhere, and check that they belong together.

    Parameters
    ----------
    image_path, label_path : Path or str
        Files that `medlib.imaging.files.read_volume` reads.
    labels, unit, modality, max_bytes
        As in `read_labelled_volumes`.

    Returns
    -------
    LabelledVolume

    Raises
    ------
    DataError, UsageError
        As `read_labelled_volumes`; the message begins with the path of the faulty file.

    Examples
    --------
    >>> from medlib import datasets
    >>> folder = datasets.locate("msd-hippocampus-sample")
    >>> paths = (folder / part / "hippocampus_001.nii.gz" for part in ("imagesTr", "labelsTr"))
    >>> read_pair(*paths, [1]).name
    Traceback (most recent call last):
    medlib.errors.DataError: ...labelsTr/hippocampus_001.nii.gz has the labels 2; accepted are 0, 1.
    """
    try:
        return _read_pair(Path(image_path), Path(label_path), _accepted(labels), unit, modality, max_bytes)
    except _FaultError as fault:
        raise DataError(str(fault)) from fault.__cause__


def _read_pair(
    image_path: Path, label_path: Path, accepted: set[int], unit: str, modality: str, max_bytes: int
) -> LabelledVolume:
    image = _read(image_path, unit, modality, max_bytes)
    found = _read(label_path, "", "SEG", max_bytes)
    if found.array.shape != image.array.shape:
        shapes = [" x ".join(map(str, array.shape[::-1])) for array in (found.array, image.array)]
        raise _FaultError(label_path, "has {} voxels, but its image {}".format(*shapes))
    apart = _apart(image, found)
    if not apart <= _DISAGREE:
        raise _FaultError(label_path, f"lies up to {apart:.3g} voxels from where its image lies")
    if not np.isfinite(image.array).all():
        raise _FaultError(image_path, "has voxels that are no numbers")
    if image.array.min() == image.array.max():
        raise _FaultError(image_path, f"has the value {image.array.flat[0]:g} in every voxel")
    values = np.unique(found.array)
    # NaN is no whole number either.
    broken = values[~(values == np.rint(values))]
    if len(broken):
        raise _FaultError(label_path, f"has labels that are no whole numbers, such as {broken[0]:.4g}")
    strange = sorted(set(values.tolist()) - accepted - {0})
    if strange:
        listed = ", ".join(f"{value:.15g}" for value in strange[:_SHOWN])
        listed += f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
        known = ", ".join(map(str, [0, *sorted(accepted)]))
        raise _FaultError(label_path, f"has the labels {listed}; accepted are {known}")
    narrow = found.array.astype(np.uint8 if max(accepted) < 256 else np.uint16)
    return LabelledVolume(_name(image_path), image, dataclasses.replace(found, array=narrow, affine=image.affine))


class _FaultError(Exception):
    """The file at fault, and why."""

    def __init__(self, path: Path, why: str):
        super().__init__(f"{path} {why}.")
        self.path, self.why = path, why


def _accepted(labels: Mapping[str, int] | Iterable[int]) -> set[int]:
    values = list(labels.values() if isinstance(labels, Mapping) else labels)
    if not values or not all(isinstance(value, int | np.integer) and 0 < value <= _LARGEST for value in values):
        raise UsageError(f"labels are {values}; give whole numbers from 1 to {_LARGEST}, such as [1, 2].")
    return {int(value) for value in values}


def _name(path: Path) -> str:
    ending = max((ending for ending in files.ENDINGS if path.name.lower().endswith(ending)), key=len, default="")
    return path.name[: len(path.name) - len(ending)]


def _read(path: Path, unit: str, modality: str, max_bytes: int) -> Volume:
    try:
        return files.read_volume(path, unit=unit, modality=modality, max_bytes=max_bytes)
    except DataError as error:
        raise _FaultError(path, str(error).removeprefix(str(path)).strip().removesuffix(".")) from error


def _apart(image: Volume, labels: Volume) -> float:
    """How many voxels of the image the same voxel is apart in the two at most, over the corners."""
    sizes = image.array.shape[::-1]
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in sizes]), axis=-1).reshape(-1, 3)
    moved = np.linalg.solve(image.affine, labels.affine @ np.column_stack([corners, np.ones(len(corners))]).T)
    return float(np.abs(moved[:3].T - corners).max())
