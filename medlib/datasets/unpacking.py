"""Unpack an archive that nobody vouches for: what it holds decides neither where files go nor how many there are."""

import tarfile
from pathlib import Path, PurePosixPath

from medlib.errors import DataError


def unpack_tar(path: Path, folder: Path, *, top: str, most_files: int = 10_000) -> list[str]:
    """Write the files of an uncompressed tar archive that lie below one folder of it.

    Paths with a part that begins with ``._``, which macOS adds and which hold no data, are left out wherever they lie.
    Anything else that is neither a folder nor a whole, plain file below ``top`` makes the archive refused: links,
    devices, sparse files, names that lead elsewhere, a name twice. The archive is not compressed and no file is sparse,
    so the files together are no larger than it is.

    Parameters
    ----------
    path : Path
        Of the archive.
    folder : Path
        An empty folder. Where the archive is refused, files may already lie in it.
    top : str
        Name of the folder in the archive whose files are taken; it is not part of their paths in ``folder``.
    most_files : int
        Greatest number of members that the archive may have, whatever they are.

    Returns
    -------
    list of str
        Paths of the files below ``folder``, sorted.

    Raises
    ------
    DataError
        If it is no uncompressed tar archive, is cut off, holds what is said above, or nothing below ``top``.

    Examples
    --------
    >>> import io, tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     with tarfile.open(f"{name}/a.tar", "w") as archive:
    ...         for member in ("Task/images/1.nii", "Task/._images"):
    ...             archive.addfile(tarfile.TarInfo(member), io.BytesIO())
    ...     unpack_tar(Path(name) / "a.tar", Path(name), top="Task")
    ['images/1.nii']
    """
    written = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for number, member in enumerate(archive, start=1):
                if number > most_files:
                    raise DataError(f"{path}: more than {most_files} members; fetch it again from its home")
                name = _place(member, top, path)
                if not name:
                    continue
                if name.casefold() in written:
                    raise DataError(f"{path}: holds {member.name!r} twice; fetch it again from its home")
                written[name.casefold()] = name
                archive.extract(member.replace(name=name, deep=False), folder, set_attrs=False, filter="data")
            _check_end(path, archive.offset)
    # Among others, a file where a folder should be, and a size that the archive does not hold.
    except (tarfile.TarError, OSError, ValueError) as error:
        reason = "free space if the disk is full, else fetch it again"
        raise DataError(f"{path}: cannot be unpacked as an uncompressed tar archive ({error}); {reason}") from error
    if not written:
        raise DataError(f"{path}: no file below {top}/; fetch it again from its home")
    return sorted(written.values())


def _place(member: tarfile.TarInfo, top: str, path: Path) -> str:
    """Where a member goes below the folder; empty for what is left out."""
    name = PurePosixPath(member.name)
    if member.isdir() or any(part.startswith("._") for part in name.parts):
        return ""
    inside = name.parts[:1] == (top,) and len(name.parts) > 1 and ".." not in name.parts
    if not inside or not member.name.isprintable() or "\\" in member.name or ":" in member.name:
        raise DataError(f"{path}: {member.name[:200]!r} does not lie below {top}/; fetch it again from its home")
    if not member.isreg() or member.issparse() or member.size < 0:
        raise DataError(f"{path}: {member.name[:200]!r} is not a plain file; fetch it again from its home")
    return PurePosixPath(*name.parts[1:]).as_posix()


def _check_end(path: Path, offset: int) -> None:
    # tarfile takes a damaged header, or the end of the file where there should be one, for the end of the archive.
    with path.open("rb") as stream:
        stream.seek(offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise DataError(f"{path}: cut off or damaged after {offset} bytes; fetch it again from its home")
