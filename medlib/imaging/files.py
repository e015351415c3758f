"""Volume files of research: NIfTI, NRRD and MetaImage, read and written by SimpleITK."""

import dataclasses
import gzip
import math
import mmap
import re
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medlib.errors import DataError, UsageError
from medlib.imaging import volumes
from medlib.imaging.volumes import Volume

#: Endings of the files that are read and written.
ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha")
_MAX_BYTES = 2**32
_MAX_HEADER = 2**20  # bytes of text before the values
_DISAGREE = 0.1  # voxels, by which the two affines of a NIfTI file may differ
_STRETCHED = 0.01  # of a distance of voxels, by which the affine and the list of distances may differ
_NIFTI_UNITS = {1: 1000.0, 3: 0.001}  # mm of a metre and of a micrometre, by their codes
_NIFTI_BYTES = {2: 1, 4: 2, 8: 4, 16: 4, 64: 8, 256: 1, 512: 2, 768: 4, 1024: 8, 1280: 8}  # by code of the type
_NRRD_SPACES = re.compile(r"(right|left)-(anterior|posterior)-(superior|inferior)|[rl][ap][si]")
_CHUNK = 2**20  # bytes that are inflated at a time
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
    A NIfTI file may hold two affines, sform and qform (https://nifti.nimh.nih.gov/nifti-1). The sform is taken if the
    file says that it has one, as nibabel, FSL and SPM do; if the two differ, the volume has a warning.

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
    if ending.startswith(".nii"):
        affine, warnings = _nifti_affine(path, ending)
    else:
        affine, warnings = None, _check_text(path, ending)
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
    if ending.startswith(".nii"):
        _check_whole(path, ending)
    try:
        # A length of 0 leaves a dimension out.
        reader.SetExtractSize([*size[:3], *[0] * (len(size) - 3)])
        image = reader.Execute()
    except RuntimeError as error:
        raise DataError(f"{path} cannot be read ({_reason(error)}); {_RESTORE}.") from error
    volume = volumes.from_sitk(image, unit=unit, modality=modality, warnings=tuple(warnings))
    return volume if affine is None else dataclasses.replace(volume, affine=affine)


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


def _nifti_affine(path: Path, ending: str) -> tuple[NDArray | None, list[str]]:
    """Affine by a NIfTI-1 header, None where it has none, and what is odd about it.

    SimpleITK takes the distances of voxels from another place than their directions, and does not compare the two.
    """
    header, order = _nifti_header(path, ending)
    quaternion_code, matrix_code = struct.unpack_from(f"{order}2h", header, 252)
    if quaternion_code <= 0 and matrix_code <= 0:
        open_ = "The file does not say where it lies in the patient (qform and sform codes 0); left and right are open."
        return None, [open_]
    unit = _NIFTI_UNITS.get(header[123] & 7, 1.0)
    by_quaternion = _quaternion_affine(header, order) * unit
    if matrix_code <= 0:
        return np.vstack([by_quaternion, [0, 0, 0, 1]]), []
    matrix = np.reshape(struct.unpack_from(f"{order}12f", header, 280), (3, 4)) * unit
    steps, warnings = np.linalg.norm(matrix[:, :3], axis=0), []
    if quaternion_code > 0:
        size = struct.unpack_from(f"{order}3h", header, 42)
        corners = np.stack(np.meshgrid(*[(0, n - 1) for n in size]), axis=-1).reshape(-1, 3)
        difference = corners @ (matrix - by_quaternion)[:, :3].T + (matrix - by_quaternion)[:, 3]
        farthest = float(np.abs(difference).max())
        if not farthest <= _DISAGREE * steps.min():
            warnings.append(
                f"The two affines of the file (sform and qform) lie up to {farthest:.3g} mm apart; one may be wrong. "
                "The sform was taken."
            )
    stated = np.abs(struct.unpack_from(f"{order}3f", header, 80)) * unit
    if not warnings and not (np.abs(steps - stated) <= _STRETCHED * steps).all():
        lists = (" x ".join(f"{step:.4g}" for step in distances) for distances in (steps, stated))
        warnings.append("The voxels are {} mm apart by the affine, which was taken, but {} by pixdim.".format(*lists))
    return np.vstack([matrix, [0, 0, 0, 1]]), warnings


def _nifti_header(path: Path, ending: str) -> tuple[bytes, str]:
    """A NIfTI-1 header that can be, and its order of bytes."""
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
    if not (3 <= n_dimensions <= 7 and all(n > 0 for n in size[:n_dimensions])):
        raise DataError(f"{path} has the dimensions {size[: max(n_dimensions, 0)]}; accepted is one 3-D volume.")
    slope, intercept = struct.unpack_from(f"{order}2f", header, 112)
    scaled = np.isfinite(slope) and slope != 0
    # Without a slope nothing is added either, which SimpleITK would do.
    if not np.isfinite(intercept) if scaled else np.isfinite(intercept) and intercept != 0:
        raise DataError(f"{path} has a slope of {slope:g} and an intercept of {intercept:g}; {_RESTORE}.")
    return header, order


def _check_whole(path: Path, ending: str) -> None:
    """Refuse a file that ends too early: SimpleITK reads the values that are missing as 0, without a word."""
    header, order = _nifti_header(path, ending)
    n_dimensions, *size = struct.unpack_from(f"{order}8h", header, 40)
    # Of the type and the number of bits, which may contradict each other, SimpleITK goes by the type.
    kind, start = struct.unpack_from(f"{order}h", header, 70)[0], struct.unpack_from(f"{order}f", header, 108)[0]
    missing = int(start) + math.prod(size[:n_dimensions]) * _NIFTI_BYTES.get(kind, 0)
    try:
        with (gzip.open if ending.endswith(".gz") else open)(path, "rb") as file:
            while missing > 0 and (chunk := file.read(min(missing, _CHUNK))):
                missing -= len(chunk)
            file.read(1)  # at its end a compressed file has its checksum compared
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is cut off or damaged ({error}); {_RESTORE}.") from error
    if missing > 0:
        raise DataError(f"{path} ends {missing} bytes too early; {_RESTORE}.")


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


def _check_text(path: Path, ending: str) -> list[str]:
    """What is odd about the text before the values of an NRRD or MetaImage file.

    Headers that name other files are refused, so that no file is read but the one that was given; and fields that
    SimpleITK passes over, though they change what the values are.
    """
    with path.open("rb") as file:
        # NRRD takes each of these as the end of a line.
        head = file.read(_MAX_HEADER).replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("latin-1").lower()
        # The name of a file may stand behind anything that the reader skips, so that all of the file is searched.
        elsewhere = ending == ".mha" and head and _names_a_file(file)
    text, end, _ = head.partition("elementdatafile" if ending == ".mha" else "\n\n")
    if not end:
        raise DataError(f"{path} has no header that ends within {_MAX_HEADER} bytes; {_RESTORE}.")
    if elsewhere or (ending == ".nrrd" and re.search("data ?file", text)):
        raise DataError(f"{path} keeps its values in another file; give a single file.")
    lines = re.findall(r"^([^:=\n]+)[:=]([^\n]*)$", text, re.MULTILINE)
    fields = {name.strip(): value.strip() for name, value in lines}
    return _check_metaimage(path, fields) if ending == ".mha" else _check_nrrd(path, fields)


def _names_a_file(file) -> bool:
    """Whether a MetaImage file says of its values, wherever it may, that they are elsewhere."""
    field = b"ElementDataFile"
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place = content.find(field)
        while place >= 0:
            place += len(field)
            value = content[place : place + 64].lstrip(b" =\t").splitlines() or [b""]
            if value[0].strip().lower() != b"local":
                return True
            place = content.find(field, place)
    return False


def _check_metaimage(path: Path, fields: dict[str, str]) -> list[str]:
    passed_over = {"elementtointensityfunctionslope": 1, "elementtointensityfunctionoffset": 0, "headersize": 0}
    for name, usual in passed_over.items():
        if name in fields and not re.fullmatch(rf"{usual}(\.0*)?", fields[name]):
            raise DataError(f"{path} has the field {name} = {fields[name]}, which is not read; convert it.")
    return _doubt_units(fields.get("distanceunits", ""))


def _check_nrrd(path: Path, fields: dict[str, str]) -> list[str]:
    vectors = fields.get("space directions", "")
    if vectors.count("nan") or fields.get("space origin", "").count("nan"):
        raise DataError(f"{path} has the directions {vectors}, or an origin, that are no numbers; {_RESTORE}.")
    warnings = _doubt_units(fields.get("space units", ""))
    if not _NRRD_SPACES.match(fields.get("space", "")):
        warnings.append(
            f"The file does not say where it lies in the patient (space {fields.get('space', 'missing')}); left and "
            "right are open."
        )
    return warnings


def _doubt_units(stated: str) -> list[str]:
    """Say where distances are said to be in something else than mm."""
    odd = set(re.findall(r"[a-z\u00b5]+", stated)) - {"mm", "millimeter", "millimeters", "millimetre", "millimetres"}
    return [f"Distances are stated in {stated.strip()}, and were taken for mm."] if odd else []


def _reason(error: Exception) -> str:
    """The last line of SimpleITK's message, which says what went wrong, without where in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
