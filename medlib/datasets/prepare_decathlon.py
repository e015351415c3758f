"""A task of the Medical Segmentation Decathlon, unpacked from the one archive in which it is served."""

import hashlib
from collections.abc import Collection
from pathlib import Path

from medlib.datasets.unpacking import unpack_tar


def prepare(source: Path, paths: Collection[str], folder: Path) -> None:
    """Write the files of ``NAME.tar`` that lie below ``NAME/`` in it, and ``SHA256SUMS.txt``, which lists them.

    Checksums of the files are not published, only that of the archive, which must have been compared before: the list
    is what tells later whether the files are still those that the archive held.

    Parameters
    ----------
    source : Path
        With the archive.
    paths : collection of str
        Its files: the archive alone, such as ``Task09_Spleen.tar``.
    folder : Path
        An existing, empty folder.

    Raises
    ------
    DataError
        As in `medlib.datasets.unpacking.unpack_tar`.
    OSError, ValueError
        If there is not one archive, or the files cannot be written.

    Examples
    --------
    >>> import io, tarfile, tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     source, made = Path(name), Path(name) / "made"
    ...     made.mkdir()
    ...     with tarfile.open(source / "Task.tar", "w") as archive:
    ...         archive.addfile(tarfile.TarInfo("Task/dataset.json"), io.BytesIO())
    ...     prepare(source, ["Task.tar"], made)
    ...     (made / "SHA256SUMS.txt").read_text()
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 dataset.json\\n'
    """
    (archive,) = paths
    lines = []
    for name in unpack_tar(source / archive, folder, top=Path(archive).stem):
        with (folder / name).open("rb") as stream:
            lines.append(f"{hashlib.file_digest(stream, 'sha256').hexdigest()} {name}\n")
    (folder / "SHA256SUMS.txt").write_text("".join(lines), encoding="utf-8")
