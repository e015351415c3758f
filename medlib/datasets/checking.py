"""Whether the files of a data set are whole, by their sizes, their checksums or what they decode to."""

import hashlib
from pathlib import Path

from medlib.datasets import registry
from medlib.errors import DataError


def size_faults(dataset: registry.Dataset, folder: Path) -> dict[str, str]:
    """What is wrong with the files of a data set that are missing or have the wrong size.

    Contents are read only where the size is wrong and the set may be compressed otherwise.

    Examples
    --------
    >>> from medlib import datasets
    >>> size_faults(datasets.get("mitdb-sample"), datasets.locate("mitdb-sample"))
    {}
    """
    found = {path: _size_fault(folder / path, file) for path, file in dataset.files.items()}
    if dataset.listing and not dataset.files:
        found[dataset.listing] = "missing"
    found = {path: fault for path, fault in found.items() if fault}
    return {} if found and _decodes_to_the_same(dataset, folder) else found


def faults(dataset: registry.Dataset, folder: Path) -> dict[str, str]:
    """What is wrong with each file of a data set by its checksum; "" where nothing is.

    Examples
    --------
    >>> from medlib import datasets
    >>> set(faults(datasets.get("mitdb-sample"), datasets.locate("mitdb-sample")).values())
    {''}
    """
    found = {path: _fault(dataset, folder, path) for path in dataset.files}
    return dict.fromkeys(found, "") if any(found.values()) and _decodes_to_the_same(dataset, folder) else found


def _decodes_to_the_same(dataset: registry.Dataset, folder: Path) -> bool:
    if not dataset.decoded or not all((folder / path).is_file() for path in dataset.files):
        return False
    from medlib.datasets import decoded  # late because of Pillow

    try:
        return decoded.digest(dataset, folder) == dataset.decoded
    except DataError:
        return False


def _size_fault(path: Path, file: registry.File) -> str:
    if not path.is_file():
        return "missing"
    size = path.stat().st_size
    return "" if file.size in (None, size) else f"{size} bytes, but {file.size} expected"


def _fault(dataset: registry.Dataset, folder: Path, path: str) -> str:
    file = dataset.files[path]
    if fault := _size_fault(folder / path, file):
        return fault
    digest = _digest(folder / path, file.algorithm)
    if digest == file.checksum or _digest(folder / path, "sha256") == dataset.equivalents.get(path):
        return ""
    algorithm = {"sha256": "SHA-256", "md5": "MD5"}[file.algorithm]
    return f"{algorithm} is {digest}, but {file.checksum} expected"


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
