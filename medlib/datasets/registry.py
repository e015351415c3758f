"""The registry ``data/datasets.toml``: what each data set is, under which licence, and which files it consists of."""

import difflib
import hashlib
import re
import tomllib
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from medlib import resources
from medlib.errors import DataError, UsageError


@dataclass(frozen=True)
class File:
    """What a file must be: its size in bytes, None where it is not known, and one of two checksums (hexadecimal).

    Examples
    --------
    >>> File(None, md5="28209eda62fecd6e6a2d98b1501bb15f").algorithm
    'md5'
    """

    size: int | None
    sha256: str = ""
    md5: str = ""

    def __post_init__(self):
        if not (re.fullmatch("[0-9a-f]{64}", self.sha256) and not self.md5) and not (
            re.fullmatch("[0-9a-f]{32}", self.md5) and not self.sha256
        ):
            raise DataError(f"checksum {self.sha256 + self.md5!r}; give a SHA-256 (64 hexadecimal digits) or MD5 (32)")

    @property
    def algorithm(self) -> str:
        """``"sha256"``, or ``"md5"`` where the home of the data set gives no other."""
        return "sha256" if self.sha256 else "md5"

    @property
    def checksum(self) -> str:
        """What the algorithm must give."""
        return self.sha256 or self.md5


@dataclass(frozen=True)
class Dataset:
    """An entry of the registry.

    Attributes
    ----------
    name, title, home, version, licence, citation : str
        What the data set is, its home page, and what one must cite.
    files : dict of str to File
        Every file by its path (with ``/``) below the data set's folder.
    url : str
        Address to which a file's path is appended to download it; empty for a shipped sample, and for a set that is
        made from another.
    urls : dict of str to str
        Addresses that stand in for the beginnings of paths of files that are elsewhere.
    listing : str
        Path of the home's own list of files with SHA-256, for a set that is too large to be listed here: it is
        downloaded first, over HTTPS, and what it says is what is checked. Of a set that is unpacked from an archive,
        the list that is made with it once the archive's checksum is right. Empty for a set that is listed here.
    folder : str
        Folder of the files below a mirror, the cache or the samples; empty where it is the name.
    equivalents : dict of str to str
        By path, the SHA-256 of another file with the same content, which is taken where it is found but is not what
        is downloaded.
    source : str
        Name of the data set that this one is made from, where nobody serves it in its form.
    prepare : str
        Module whose ``prepare(source_folder, source_paths, folder)`` makes it.
    decoded : str
        What `medlib.datasets.decoded.digest` must give for it; files of other bytes that decode to the same are as
        good, because versions of zlib compress differently.
    classes : tuple of str
        Names of the classes by their number, where the files give numbers alone.
    simulated : bool
        Whether the data come from a simulator.
    splits : dict of str to tuple of str
        Published splits: record names by ``"train"`` and ``"test"``.
    subjects : dict of str to str
        Subject of each record that is not a subject of its own.
    """

    name: str
    title: str
    home: str
    version: str
    licence: str
    citation: str
    files: dict[str, File]
    url: str = ""
    urls: dict[str, str] = field(default_factory=dict)
    listing: str = ""
    folder: str = ""
    equivalents: dict[str, str] = field(default_factory=dict)
    source: str = ""
    prepare: str = ""
    decoded: str = ""
    classes: tuple[str, ...] = ()
    simulated: bool = False
    splits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Folder of the files below a mirror, the cache or the samples.

        Examples
        --------
        >>> get("mitdb").place, get("pneumoniamnist").place
        ('mitdb', 'medmnist')
        """
        return self.folder or self.name

    @property
    def size(self) -> int:
        """Size of all files together, in bytes; those whose size is not known count as nothing."""
        return sum(file.size or 0 for file in self.files.values())

    def address(self, path: str) -> str:
        """Where a file is downloaded from; what an address may not have as it is, such as ``%``, is escaped.

        Examples
        --------
        >>> get("mitdb").address("100.dat")
        'https://physionet.org/files/mitdb/1.0.0/100.dat'
        >>> get("cinc2017").address("training/A00023.mat")
        'https://physionet.org/files/challenge-2017/1.0.0/training/A00/A00023.mat'
        """
        start = max((start for start in self.urls if path.startswith(start)), key=len, default=None)
        beginning = self.url if start is None else self.urls[start]
        return beginning + urllib.parse.quote(path.removeprefix(start or ""))

    def provenance(self) -> dict:
        """What a result must say about the data it came from.

        Returns
        -------
        dict
            ``name``, ``version``, ``sha256`` (of the list of all files with their checksums) and ``simulated``.

        Examples
        --------
        >>> provenance = get("mitdb").provenance()
        >>> provenance["name"], provenance["version"], provenance["simulated"]
        ('mitdb', '1.0.0', False)
        """
        digest = hashlib.sha256(_format_manifest(self.files).encode()).hexdigest()
        return {"name": self.name, "version": self.version, "sha256": digest, "simulated": self.simulated}


def names() -> list[str]:
    """Names of all data sets in the registry, sorted.

    Examples
    --------
    >>> "mitdb" in names()
    True
    """
    return sorted(_entries())


def get(name: str) -> Dataset:
    """Entry of a data set.

    Parameters
    ----------
    name : str
        A name in `names`.

    Returns
    -------
    Dataset

    Raises
    ------
    UsageError
        If there is no such data set.
    DataError
        If its list of files is damaged.

    Examples
    --------
    >>> mitdb = get("mitdb")
    >>> len(mitdb.splits["train"]), len(mitdb.splits["test"]), mitdb.subjects
    (22, 22, {'202': '201'})
    """
    entries = _entries()
    if name not in entries:
        close = difflib.get_close_matches(name, entries, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(f"unknown data set {name!r}: {hint}known are {', '.join(sorted(entries))}")
    entry = dict(entries[name])
    splits = {split: tuple(records) for split, records in entry.pop("splits", {}).items()}
    entry["classes"] = tuple(entry.get("classes", ()))
    if entry.get("listing"):
        return Dataset(name=name, files={}, splits=splits, **entry)
    files = _read_manifest(resources.root() / "data" / "manifests" / f"{entry.pop('manifest', name)}.txt")
    chosen = entry.pop("files", files)
    return Dataset(name=name, files={path: files[path] for path in chosen}, splits=splits, **entry)


def manifest(folder: Path) -> str:
    """List of the files in a folder, as the registry keeps it in ``manifests/NAME.txt``.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    str
        A line ``sha256 size path`` for each file.

    Examples
    --------
    >>> folder = resources.root() / "data" / "samples" / "mitdb-sample"
    >>> len(manifest(folder).splitlines())
    49
    """
    files = {}
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            files[path.relative_to(folder).as_posix()] = File(len(content), hashlib.sha256(content).hexdigest())
    return _format_manifest(files)


def read_listing(path: Path) -> dict[str, File]:
    """Files of a data set by the list of its home, whose lines are ``sha256 path``.

    Parameters
    ----------
    path : Path
        Of a list such as the ``SHA256SUMS.txt`` that PhysioNet gives with each project.

    Returns
    -------
    dict of str to File
        Without sizes.

    Raises
    ------
    DataError
        If it is no such list.
    """
    files = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        sha256, _, name = line.partition(" ")
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise DataError(
                f"{path}, line {number}: expected 'sha256 path', got {line[:80]!r}; delete it to fetch it anew"
            )
        name = name.strip()
        _check_relative(name, path)
        files[name] = File(None, sha256)
    return files


def _format_manifest(files: dict[str, File]) -> str:
    return "".join(f"{file.checksum} {file.size} {path}\n" for path, file in sorted(files.items()))


def _entries() -> dict[str, dict]:
    entries = tomllib.loads((resources.root() / "data" / "datasets.toml").read_text(encoding="utf-8"))
    for name in [name for name, entry in entries.items() if "sets" in entry]:
        entries |= _members(name, entries.pop(name))
    return entries


def _members(family: str, shared: dict) -> dict[str, dict]:
    """Entries of a family of sets such as MedMNIST: what they share is said once, and each size is a file."""
    members = {}
    for name, own in shared.pop("sets").items():
        sizes, equivalents = own.pop("sizes"), own.pop("equivalents", {})
        for size in sizes:
            entry = shared | own | {"manifest": family, "files": [f"{name}.npz"], "equivalents": equivalents}
            if size != 28:
                changed = {"title": f"{own['title']}, {size} pixels wide", "files": [f"{name}_{size}.npz"]}
                entry |= changed | {"equivalents": {}}
            members[name if size == 28 else f"{name}-{size}"] = entry
    return members


def _read_manifest(path: Path) -> dict[str, File]:
    files = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            checksum, size, name = line.split(" ", maxsplit=2)
            algorithm = "md5" if len(checksum) == 32 else "sha256"
            file = File(None if size == "None" else int(size), **{algorithm: checksum})
        except (ValueError, DataError):
            expected = "'checksum size path' with a SHA-256 or MD5 and a size in bytes or None"
            raise DataError(f"{path}, line {number}: expected {expected}, got {line!r}") from None
        _check_relative(name, path)
        files[name] = file
    return files


def _check_relative(name: str, manifest: Path) -> None:
    # A manifest decides where downloads are written: nothing may leave the data set's folder, on any system.
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute() or "\\" in name or PureWindowsPath(name).drive:
        raise DataError(f"{manifest}: {name!r} does not stay inside the data set's folder; correct that line")
