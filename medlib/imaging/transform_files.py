"""Transforms in files as ITK has them, which SimpleITK, ANTs, elastix and 3D Slicer read."""

import os
from pathlib import Path

from medlib.errors import DataError, UsageError
from medlib.imaging import transforms
from medlib.imaging.transforms import Transform

#: HDF5, which is small, and text, which one can read.
ENDINGS = (".h5", ".tfm")
_MAX_BYTES = 2**30
_LAST_LINES = 2**11  # bytes, more than the grid of a field takes
_BEGINNINGS = {".h5": b"\x89HDF\r\n\x1a\n", ".tfm": b"#Insight Transform File"}


def write_transform(transform: Transform, path: Path | str) -> None:
    """Write a transform as an ITK composite transform.

    Parameters
    ----------
    transform : Transform
        The names of its spaces are not written; ITK has no place for them.
    path : Path or str
        Ending in ``.h5`` or ``.tfm``. A file that is there is replaced when the new one is complete.

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
    ending = _ending(path)
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder; make it first.")
    partial = path.with_name(f".{path.name}.partial{ending}")
    try:
        sitk.WriteTransform(transforms.to_sitk_transform(transform), str(partial))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_transform(path: Path | str, *, fixed: str = "fixed", moving: str = "moving") -> Transform:
    """Read an ITK transform.

    Parameters
    ----------
    path : Path or str
        Ending in ``.h5`` or ``.tfm``, of at most 1 GiB. ITK decides how much memory an HDF5 file asks for: read those
        of strangers as ``.tfm``.
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
    """
    import SimpleITK as sitk

    path = Path(path)
    ending = _ending(path)
    if not path.is_file():
        raise DataError(f"{path} is no file; check the path.")
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(f"{path} has {path.stat().st_size} bytes; at most {_MAX_BYTES} are read.")
    with path.open("rb") as file:
        beginning = file.read(len(_BEGINNINGS[ending]))
        file.seek(-min(path.stat().st_size, _LAST_LINES), os.SEEK_END)
        last = file.read()
    # ITK reads a text that was cut short as far as it goes, and says nothing.
    cut = ending == ".tfm" and not (last.endswith(b"\n") and b"\nFixedParameters:" in last)
    if beginning != _BEGINNINGS[ending]:
        raise DataError(f"{path} is no ITK transform of the kind {ending}; restore it from where it came.")
    if cut:
        raise DataError(f"{path} was cut short; restore it from where it came.")
    try:
        return transforms.from_sitk_transform(sitk.ReadTransform(str(path)), fixed=fixed, moving=moving)
    except UsageError as error:
        raise DataError(f"{path}: {error}") from None
    except RuntimeError:
        raise DataError(f"{path} is damaged: ITK cannot read it; restore it from where it came.") from None


def _ending(path: Path) -> str:
    if path.suffix not in ENDINGS:
        raise UsageError(f"{path.name} ends in {path.suffix!r}; give a name that ends in one of {ENDINGS}.")
    return path.suffix
