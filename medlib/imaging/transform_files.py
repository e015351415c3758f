"""Transforms in files as ITK has them, which SimpleITK, ANTs, elastix and 3D Slicer read."""

from pathlib import Path

import numpy as np

from medlib.errors import DataError, UsageError
from medlib.imaging import transforms
from medlib.imaging.transforms import DisplacementField, Transform

#: Text. ITK's other format, HDF5, is not read: its reader may never come back from a file that is damaged.
ENDING = ".tfm"
_MAX_BYTES = 2**30
_LAST_LINES = 2**11  # bytes, more than the grid of a field takes
_BEGINNING = b"#Insight Transform File"
_DECIMALS = 4  # of displacements in mm; all digits would take three times the room


def write_transform(transform: Transform, path: Path | str) -> None:
    """Write a transform as an ITK composite transform.

    Parameters
    ----------
    transform : Transform
        Displacements are rounded to 0.0001 mm. The names of the spaces are not written; ITK has no place for them.
    path : Path or str
        Ending in ``.tfm``. A file that is there is replaced when the new one is complete.

    Raises
    ------
    UsageError
        If the path has another ending, or its folder is missing.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "to_atlas.tfm"
    >>> write_transform(Transform(), path)
    >>> read_transform(path, moving="atlas").moving
    'atlas'
    """
    import SimpleITK as sitk

    path = Path(path)
    _check_ending(path)
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder; make it first.")
    parts = tuple(
        DisplacementField(np.round(part.array, _DECIMALS), part.affine) if isinstance(part, DisplacementField) else part
        for part in transform.parts
    )
    partial = path.with_name(f".{path.name}.partial{ENDING}")
    try:
        sitk.WriteTransform(transforms.to_sitk_transform(Transform(parts)), str(partial))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_transform(path: Path | str, *, fixed: str = "fixed", moving: str = "moving") -> Transform:
    """Read an ITK transform.

    Parameters
    ----------
    path : Path or str
        Ending in ``.tfm``, of at most 1 GiB.
    fixed, moving : str
        Names of its spaces. ITK's direction is ours: it maps points of the fixed to the moving space.

    Returns
    -------
    Transform

    Raises
    ------
    DataError
        If the file is missing, too large, damaged, 2-D, or holds another kind than linear transforms, displacement
        fields and composites of these.
    UsageError
        If the path has another ending.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "to_atlas.tfm"
    >>> write_transform(Transform(), path)
    >>> read_transform(path, fixed="patient", moving="atlas").fixed
    'patient'
    """
    import SimpleITK as sitk

    path = Path(path)
    _check_ending(path)
    if not path.is_file():
        raise DataError(f"{path} is no file; check the path.")
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise DataError(f"{path} has {size} bytes; at most {_MAX_BYTES} are read.")
    with path.open("rb") as file:
        beginning = file.read(len(_BEGINNING))
        file.seek(max(size - _LAST_LINES, 0))
        last = file.read()
    if beginning != _BEGINNING:
        raise DataError(f"{path} is no ITK transform; restore it from where it came.")
    # ITK reads a text that was cut short as far as it goes, and says nothing.
    if not (last.endswith(b"\n") and b"\nFixedParameters:" in last):
        raise DataError(f"{path} was cut short; restore it from where it came.")
    try:
        transform = sitk.ReadTransform(str(path))
    except (RuntimeError, UnicodeDecodeError):
        raise DataError(f"{path} is damaged: ITK cannot read it; restore it from where it came.") from None
    try:
        return transforms.from_sitk_transform(transform, fixed=fixed, moving=moving)
    except (UsageError, DataError) as error:
        raise DataError(f"{path}: {error}") from None


def _check_ending(path: Path) -> None:
    if path.suffix != ENDING:
        remedy = f"SimpleITK.WriteTransform(SimpleITK.ReadTransform(old), 'new{ENDING}') converts others"
        raise UsageError(f"{path.name} ends in {path.suffix!r}; give a name that ends in {ENDING!r}. {remedy}.")
