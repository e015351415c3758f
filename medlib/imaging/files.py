"""Volume files of research: NIfTI, NRRD and MetaImage, read and written by SimpleITK."""

import gzip
import math
import struct
from pathlib import Path

import numpy as np

from medlib.errors import DataError, UsageError
from medlib.imaging import volumes
from medlib.imaging.volumes import Volume

#: Endings of the files that are read and written.
ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha")
_MAX_BYTES = 2**32
_DISAGREE = 0.1  # voxels, by which the two affines of a NIfTI file may differ
_RESTORE = "restore it from where it came"


def read_volume(path: Path | str, *, unit: str = "", modality: str = "", max_bytes: int = _MAX_BYTES) -> Volume:
    """Read a volume file.

    Parameters
    ----------
    path : Path or str
        NIfTI (``.nii``, ``.nii.gz``), NRRD (``.nrrd``) or MetaImage (``.mha``), with its values in the same file.
    unit, modality : str
        What the caller knows of the values, such as "HU" and "CT"; these formats do not say.
    max_bytes : int
        Largest size of the values, checked before any are read or inflated.

    Returns
    -------
    Volume
        Values as they are in the file, scaled by NIfTI's slope and intercept. A file of more dimensions is read if
        those beyond the third have length 1.

    Raises
    ------
    DataError
        If the file is missing, damaged, of another format, 2-D or of several volumes, in colour, if its values are in
        another file, or if it is larger than the bound.

    Notes
    -----
    A NIfTI file may hold two affines, sform and qform (https://nifti.nimh.nih.gov/nifti-1). SimpleITK takes the one
    that the file marks as better; if they differ, the volume has a warning.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "image.nii.gz"
    >>> write_volume(Volume(np.arange(24.0).reshape(4, 3, 2), np.diag([1.0, 1.0, 2.0, 1.0])), path)
    >>> read_volume(path).spacing
    (2.0, 1.0, 1.0)
    """
    import SimpleITK as sitk

    path = Path(path)
    ending = _ending(path)
    if not path.is_file():
        raise DataError(f"{path} is no file; check the path.")
    warnings = _check_nifti(path, ending) if ending.startswith(".nii") else []
    if ending in (".nrrd", ".mha"):
        _check_single_file(path)
    reader = sitk.ImageFileReader()
    reader.SetImageIO({".nrrd": "NrrdImageIO", ".mha": "MetaImageIO"}.get(ending, "NiftiImageIO"))
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise DataError(f"{path} cannot be read as {ending} ({_reason(error)}); {_RESTORE}.") from error
    size, components = reader.GetSize(), reader.GetNumberOfComponents()
    if components != 1 or len(size) < 3 or any(n != 1 for n in size[3:]):
        described = f"{' x '.join(map(str, size))} voxels of {components} values"
        raise DataError(f"{path} holds {described}; accepted is one 3-D volume with one value a voxel.")
    n_bytes = math.prod(size) * 8
    if not 0 < n_bytes <= max_bytes:
        raise DataError(
            f"{path} describes {' x '.join(map(str, size))} voxels, up to {n_bytes} bytes; raise max_bytes."
        )
    try:
        # A length of 0 leaves a dimension out.
        reader.SetExtractSize([*size[:3], *[0] * (len(size) - 3)])
        image = reader.Execute()
    except RuntimeError as error:
        raise DataError(f"{path} cannot be read ({_reason(error)}); {_RESTORE}.") from error
    return volumes.from_sitk(image, unit=unit, modality=modality, warnings=tuple(warnings))


def write_volume(volume: Volume, path: Path | str) -> None:
    """Write a volume to a file; compressed, unless the file ends in ``.nii``.

    Parameters
    ----------
    volume : Volume
        Not sheared; masks of bool become uint8. The unit and the modality are not written.
    path : Path or str
        Ending in ``.nii``, ``.nii.gz``, ``.nrrd`` or ``.mha``; its folder exists.

    Raises
    ------
    UsageError
        If the ending is none of these, or the folder does not exist.
    DataError
        If the volume is sheared: resample it first.

    Examples
    --------
    >>> write_volume(Volume(np.zeros((4, 3, 2)), np.eye(4)), "image.png")
    Traceback (most recent call last):
    medlib.errors.UsageError: image.png ends in none of .nii, .nii.gz, .nrrd, .mha.
    """
    import SimpleITK as sitk

    path = Path(path)
    ending = _ending(path, UsageError)
    if not path.parent.is_dir():
        raise UsageError(f"The folder {path.parent} does not exist; make it first.")
    sitk.WriteImage(volumes.to_sitk(volume), str(path), useCompression=ending != ".nii")


def _ending(path: Path, error: type[Exception] = DataError) -> str:
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if path.name.lower().endswith(ending):
            return ending
    raise error(f"{path} ends in none of {', '.join(ENDINGS)}.")


def _check_nifti(path: Path, ending: str) -> list[str]:
    """Compare the affines of a NIfTI-1 header, and what else SimpleITK would not say."""
    try:
        with (gzip.open if ending.endswith(".gz") else open)(path, "rb") as file:
            header = file.read(348)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); {_RESTORE}.") from error
    except Exception as error:  # zlib.error is no OSError
        raise DataError(f"{path} cannot be inflated ({error}); {_RESTORE}.") from error
    order = next((order for order in "<>" if struct.unpack_from(f"{order}i", header.ljust(4))[0] == 348), None)
    if len(header) < 348 or order is None:
        raise DataError(f"{path} has no NIfTI-1 header; {_RESTORE}.")
    if header[344:348] != b"n+1\0":
        raise DataError(f"{path} keeps its values in another file; give a single .nii file.")
    n_dimensions, *size = struct.unpack_from(f"{order}8h", header, 40)
    quaternion_code, matrix_code = struct.unpack_from(f"{order}2h", header, 252)
    if not (3 <= n_dimensions <= 7 and all(n > 0 for n in size[:n_dimensions])):
        raise DataError(f"{path} has the dimensions {size[: max(n_dimensions, 0)]}; accepted is one 3-D volume.")
    if quaternion_code <= 0 and matrix_code <= 0:
        return [
            "The file does not say where it lies in the patient (qform and sform codes 0); left and right are open."
        ]
    if quaternion_code <= 0 or matrix_code <= 0:
        return []
    matrix = np.reshape(struct.unpack_from(f"{order}12f", header, 280), (3, 4))
    by_quaternion = _quaternion_affine(header, order)
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in size[:3]]), axis=-1).reshape(-1, 3)
    difference = corners @ (matrix - by_quaternion)[:, :3].T + (matrix - by_quaternion)[:, 3]
    step = np.linalg.norm(matrix[:, :3], axis=0).min()
    farthest = float(np.abs(difference).max())
    if not farthest <= _DISAGREE * step:
        return [f"The two affines of the file (sform and qform) lie up to {farthest:.3g} mm apart; one may be wrong."]
    return []


def _quaternion_affine(header: bytes, order: str) -> np.ndarray:
    b, c, d, *shift = (float(value) for value in struct.unpack_from(f"{order}6f", header, 256))
    sign, *steps = struct.unpack_from(f"{order}4f", header, 76)
    a = math.sqrt(max(0.0, 1 - b * b - c * c - d * d))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    return np.column_stack([rotation * np.array([*steps[:2], steps[2] * (-1 if sign < 0 else 1)]), shift])


def _check_single_file(path: Path) -> None:
    """Refuse headers that name other files, so that no file is read but the one that was given."""
    with path.open("rb") as file:
        head = file.read(2**16).lower()
    text = head.split(b"\n\n")[0] if path.name.lower().endswith(".nrrd") else head.split(b"elementdatafile")[-1][:80]
    elsewhere = b"data file" in text or b"datafile" in text
    if path.name.lower().endswith(".mha"):
        elsewhere = text.lstrip(b" =\t").split(b"\n")[0].strip() != b"local"
    if elsewhere:
        raise DataError(f"{path} keeps its values in another file; give a single file.")


def _reason(error: Exception) -> str:
    """The last line of SimpleITK's message, which says what went wrong, without where in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
