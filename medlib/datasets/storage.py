"""Where the files of a data set are: in a mirror, in the cache or shipped with medlib; else they are downloaded."""

import dataclasses
import importlib
import logging
import os
import sys
import tempfile
from pathlib import Path

from medlib import resources
from medlib.datasets import checking, registry
from medlib.datasets.progress import FileBar
from medlib.errors import DataError


def locate(name: str) -> Path:
    """Folder with the files of a data set, downloaded first if they are not on this machine.

    The folders named by ``MEDLIB_DATA`` are searched first (they are only read), then the cache (``MEDLIB_CACHE``, else
    the user's cache folder), and what is in neither is downloaded to the cache unless ``MEDLIB_OFFLINE`` is set. A set
    that is served in another form alone, such as ``covid-ct``, is made from that, which is found in the same way.
    Samples are shipped with medlib and are always there. Every file is checked to be present with its right size.

    Parameters
    ----------
    name : str
        A name in `names`.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If there is no such data set.
    DataError
        If a file is missing or has the wrong size, and cannot be downloaded.

    Examples
    --------
    >>> (locate("mitdb-sample") / "RECORDS").is_file()
    True
    """
    dataset = get(name)
    place, folder = find(dataset)
    faults = checking.size_faults(dataset, folder)
    if not faults:
        return folder
    if place == "cache":
        return _download(dataset, folder)
    path, fault = next(iter(faults.items()))
    remedy = "reinstall medlib" if place == "shipped" else "restore that copy, or take its folder out of MEDLIB_DATA"
    count = f"{len(faults)} of the {len(dataset.files)} files of {name} are bad"
    raise DataError(f"{folder / path}: {fault} ({count}); {remedy}")


def fetch(name: str) -> Path:
    """Like `locate`, but files in the cache are also hashed, and those that differ are downloaded again.

    Parameters
    ----------
    name : str
        A name in `names`.

    Returns
    -------
    Path

    Raises
    ------
    UsageError, DataError
        As in `locate`.

    Examples
    --------
    >>> fetch("mitdb-sample") == locate("mitdb-sample")
    True
    """
    dataset = get(name)
    place, folder = find(dataset)
    return _download(dataset, folder) if place == "cache" else locate(name)


def verify(name: str) -> dict[str, str]:
    """Hash every file of a data set.

    Parameters
    ----------
    name : str
        A name in `names`.

    Returns
    -------
    dict of str to str
        For each file what is wrong with it, or an empty string.

    Raises
    ------
    UsageError
        If there is no such data set.
    DataError
        If it is not on this machine.

    Examples
    --------
    >>> any(verify("mitdb-sample").values())
    False
    """
    dataset = get(name)
    _, folder = find(dataset)
    if not is_here(dataset, folder):
        raise DataError(f"{name} is not on this machine. {_remedies(name)}")
    return checking.faults(dataset, folder)


def get(name: str) -> registry.Dataset:
    """Entry of a data set, as `registry.get` gives it, with its files also where its home lists them.

    Raises
    ------
    UsageError, DataError
        As in `registry.get`.

    Examples
    --------
    >>> len(get("mitdb-sample").files)
    49
    """
    dataset = registry.get(name)
    if not dataset.listing:
        return dataset
    listing = find(dataset)[1] / dataset.listing
    files = registry.read_listing(listing) if listing.is_file() else {}
    return dataclasses.replace(dataset, files=files)


def find(dataset: registry.Dataset) -> tuple[str, Path]:
    """Kind of place (``"mirror"``, ``"cache"`` or ``"shipped"``) and folder of a data set; the folder may not exist.

    Examples
    --------
    >>> place, folder = find(registry.get("mitdb-sample"))
    >>> place, folder.name
    ('shipped', 'mitdb-sample')
    """
    if dataset.simulated:
        return "shipped", resources.root() / "data" / "samples" / dataset.place
    for mirror in filter(None, os.environ.get("MEDLIB_DATA", "").split(os.pathsep)):
        folder = Path(mirror).expanduser() / dataset.place
        if is_here(dataset, folder):
            return "mirror", folder
    # Imported late, here and below, because pooch and rich.progress would delay every command by 60 ms.
    import pooch

    cache = Path(os.environ.get("MEDLIB_CACHE") or pooch.os_cache("medlib")).expanduser()
    return "cache", cache / dataset.place


def is_here(dataset: registry.Dataset, folder: Path) -> bool:
    """Whether a folder, which several data sets may share, has any file of this one.

    Examples
    --------
    >>> dataset = registry.get("mitdb-sample")
    >>> is_here(dataset, locate("mitdb-sample")), is_here(dataset, Path("nowhere"))
    (True, False)
    """
    return any((folder / path).is_file() for path in dataset.files or [dataset.listing])


def _download(dataset: registry.Dataset, folder: Path) -> Path:
    if dataset.listing and not dataset.files:
        pending = [dataset.listing]
    else:
        pending = [path for path, fault in checking.faults(dataset, folder).items() if fault]
    if not pending:
        return folder
    if dataset.source:
        return _prepare(dataset, folder)
    if os.environ.get("MEDLIB_OFFLINE", "0") not in ("", "0"):
        raise DataError(
            f"{dataset.name}: {len(pending)} of {len(dataset.files)} files are neither in a MEDLIB_DATA folder nor in "
            f"{folder}, and MEDLIB_OFFLINE forbids to download them. {_remedies(dataset.name)}"
        )
    if not dataset.url:
        raise DataError(
            f"{dataset.name}: nobody serves its files in this form, which was made from {dataset.home}. Name a folder "
            f"that holds {dataset.place}/ in MEDLIB_DATA."
        )
    _announce(dataset, pending, folder)
    _fetch_files(dataset, pending, folder)
    return folder if pending != [dataset.listing] else _download(get(dataset.name), folder)


def _prepare(dataset: registry.Dataset, folder: Path) -> Path:
    name, source = dataset.name, dataset.source
    try:
        source_folder = fetch(source)
    except DataError as error:
        other = f"A folder in MEDLIB_DATA that holds {dataset.place}/ does as well."
        raise DataError(f"{name} is made from {source}. {error} {other}") from error
    print(f"making {name} from {source} in {folder}", file=sys.stderr)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place: what is whole and right is renamed into it, and nothing else ever lies there.
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as made:
        try:
            paths = _make(dataset, source_folder, Path(made))
        except (OSError, KeyError, ValueError, DataError) as error:
            other = "; if it is, this version of Pillow decodes otherwise: take another" if dataset.decoded else ""
            raise DataError(
                f"{name} could not be made from {source_folder} in {made}: {error!r}. See whether that folder is whole "
                f"by `medlib data verify {source}`{other}."
            ) from error
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(made) / path).replace(folder / path)
    return folder


def _make(dataset: registry.Dataset, source: Path, folder: Path) -> list[str]:
    """Paths of the files that are made, in the order in which they are to appear."""
    origin = get(dataset.source)
    if dataset.listing:
        # What the files must be is known from the source alone, so that it must be right, wherever it lies.
        _refuse_faults(origin, source)
    importlib.import_module(dataset.prepare).prepare(source, origin.files, folder)
    if not dataset.listing:
        _refuse_faults(dataset, folder)
        return list(dataset.files)
    # Without the list, the set counts as not being there: it comes last.
    files = registry.read_listing(folder / dataset.listing)
    _refuse_faults(dataclasses.replace(dataset, files=files), folder)
    return [*files, dataset.listing]


def _refuse_faults(dataset: registry.Dataset, folder: Path) -> None:
    for path, fault in checking.faults(dataset, folder).items():
        if fault:
            raise DataError(f"{path}: {fault}")


def _announce(dataset: registry.Dataset, pending: list[str], folder: Path) -> None:
    known = _known_size(dataset, pending)
    size = f" ({known / 1e6:.1f} MB)" if known else ""
    hosts = sorted({dataset.address(path).split("/")[2] for path in pending})
    print(f"{dataset.name}: {dataset.title} {dataset.version}, licence: {dataset.licence}", file=sys.stderr)
    print(f"downloading {len(pending)} files{size} from {', '.join(hosts)} to {folder}", file=sys.stderr)


def _known_size(dataset: registry.Dataset, paths: list[str]) -> int:
    return sum(dataset.files[path].size or 0 for path in paths if path in dataset.files)


def _fetch_files(dataset: registry.Dataset, pending: list[str], folder: Path) -> None:
    import pooch
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    # pooch announces each of what may be hundreds of files.
    pooch.get_logger().setLevel(logging.WARNING)
    listed = {path: dataset.files.get(path) for path in pending}
    known = {path: f"{file.algorithm}:{file.checksum}" if file else None for path, file in listed.items()}
    addresses = {path: dataset.address(path) for path in pending}
    remote = pooch.create(path=folder, base_url=dataset.url, registry=known, urls=addresses)
    downloader = pooch.HTTPDownloader(chunk_size=2**16)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        # Where sizes are not known, files are counted.
        task = progress.add_task(dataset.name, total=_known_size(dataset, pending) or len(pending))
        for path in pending:
            downloader.progressbar = False if _known_size(dataset, [path]) else FileBar(progress, path)
            _fetch_file(remote, downloader, path, dataset.name)
            progress.advance(task, _known_size(dataset, [path]) or 1)


def _fetch_file(remote, downloader, path: str, name: str) -> None:
    try:
        # pooch writes to a temporary file, and renames it when its checksum is right.
        remote.fetch(path, downloader=downloader)
    # The errors of requests are OSErrors; pooch reports a wrong checksum as a ValueError.
    except (OSError, ValueError) as error:
        raise DataError(
            f"{name}: could not download {remote.get_url(path)} to {remote.abspath}: {error}. "
            f"The files that did arrive are kept. Try again by `medlib data fetch {name}`. {_remedies(name)}"
        ) from error


def _remedies(name: str) -> str:
    place = registry.get(name).place
    return (
        f"Either set MEDLIB_DATA to a folder that holds {place}/, or fill the cache (MEDLIB_CACHE) by "
        f"`medlib data fetch {name}`, or unset MEDLIB_OFFLINE to allow downloads."
    )
