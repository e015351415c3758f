"""Runs that were made: folders on disk, each whole or not at all, to be loaded one by one or all together."""

import json
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from medlib import resources
from medlib.errors import DataError, UsageError
from medlib.results import Results

RECORD = "record.json"
MAXIMUM_BYTES = 10_000_000
# What a record can say; "running" is said of a folder that is not in its place yet.
STATUSES = ("done", "failed", "running")
TEXTS = ("id", "key", "profile", "started", "status")


@dataclass(frozen=True)
class Run:
    """A run, made just now (``new``) or found; ``results`` is None where the notebook shows none."""

    folder: Path
    record: dict
    results: Results | None
    new: bool = False

    @property
    def done(self):
        """Whether every cell ran."""
        return self.record["status"] == "done"


def failed(folder):
    """Where a run that stopped early goes: beside its place, so that it never takes that of a finished one."""
    return folder.with_name(f"{folder.name}-failed")


def unfinished(folder):
    """Where a run is made, before it is put in its place."""
    return folder.with_name(f".{folder.name}")


def replaced(folder):
    """Where a run waits to be dropped while the one that replaces it is put in its place."""
    return folder.with_name(f".{folder.name}-replaced")


def lock(folder):
    """Lock on the place of a run, held by the process that makes it and free once that process is gone.

    Parameters
    ----------
    folder : Path
        Place of the run, or one of the folders beside it.

    Returns
    -------
    filelock.FileLock
    """
    import filelock

    file = _lock_file(folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(file)


def load(folder, new=False):
    """Read a run folder.

    Parameters
    ----------
    folder : Path
    new : bool
        Whether the run was made just now rather than found.

    Returns
    -------
    Run
        Its status is ``"killed"`` where the process that made it is gone without having finished it.

    Raises
    ------
    DataError
        If its record or its results are damaged.
    """
    try:
        record = _read(folder / RECORD)
        if not all(isinstance(record[field], str) for field in TEXTS) or not isinstance(record["parameters"], dict):
            raise ValueError(f"its record lacks one of parameters, {', '.join(TEXTS)}")
        if record["status"] not in STATUSES:
            raise ValueError(f"its status is {record['status']}")
        bundle = folder / "results.json"
        results = Results.from_dict(_read(bundle)) if bundle.is_file() else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(f"{folder} is not a run ({error}); move it away, or run again with --force.") from error
    if record["status"] == "running" and not _is_locked(folder):
        record["status"] = "killed"
    return Run(folder, record, results, new)


def everything(root):
    """Every run in a folder, those that failed or are under way included.

    Parameters
    ----------
    root : Path
        Folder of all runs, of those of one notebook, or of one run.

    Returns
    -------
    runs : list of Run
        By notebook, then by the time at which they were started.
    faults : list of str
        What could not be read, a line each.

    Raises
    ------
    UsageError
        If there is no such folder.
    """
    if not root.is_dir():
        raise UsageError(f"There is no folder {root}; `medlib run` and `medlib sweep` write to runs/, or to --out.")
    found, faults = [], []
    for folder, below, files in os.walk(root.resolve()):
        if RECORD in files:
            below.clear()  # what a notebook wrote is none of ours
            try:
                found.append(load(Path(folder)))
            except DataError as error:
                faults.append(str(error))
    return sorted(found, key=lambda run: (run.record["id"], run.record["started"], run.record["key"])), faults


def publish(work, folder):
    """Put a folder in its place, and drop the one that was there: a folder cannot be renamed over another."""
    old = replaced(folder)
    if folder.exists():
        os.replace(folder, old)
    os.replace(work, folder)
    shutil.rmtree(old, ignore_errors=True)


def tidy(folder):
    """Take up what a killed process left in the place of a run; the caller holds its lock.

    What the killed run had reached becomes a failed run, and a finished one that was about to be replaced goes back.
    """
    old, work = replaced(folder), unfinished(folder)
    if old.exists() and not folder.exists():
        os.replace(old, folder)
    shutil.rmtree(old, ignore_errors=True)
    if (work / RECORD).is_file():
        record = json.loads((work / RECORD).read_bytes())
        error = {"name": "Killed", "message": "the process was killed, or the machine went down", "cell": None}
        write(work / RECORD, record | {"status": "failed", "error": error})
        publish(work, failed(folder))
    shutil.rmtree(work, ignore_errors=True)


def write(path, content):
    """Write JSON whole or not at all."""
    partial = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    partial.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(partial, path)


def keep(run):
    """Keep the figures of a run as those that the project claims, in ``data/results/<profile>/<id>.json``.

    Parameters
    ----------
    run : Run
        Finished, of one of medlib's notebooks, with results.

    Returns
    -------
    Path
        The file.
    """
    if not run.done or run.results is None:
        raise UsageError(f"{run.folder} is not a finished run with results, so there is nothing to keep.")
    path = kept_folder() / run.record["profile"] / f"{run.record['id']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, {"results": run.results.to_dict(), "record": run.record})
    return path


def kept_folder():
    """Folder of the figures that the project claims, ``<profile>/<id>.json`` below it."""
    return resources.root() / "data" / "results"


def _lock_file(folder):
    return folder.parent / ".locks" / folder.name.removeprefix(".").removesuffix("-failed")


def _read(path):
    """JSON of a file that may come from anyone: of bounded size, and without NaN and infinity, which are not JSON."""
    if not path.is_file() or path.stat().st_size > MAXIMUM_BYTES:
        raise ValueError(f"{path.name} is no file, or larger than {MAXIMUM_BYTES:,} bytes")
    return json.loads(path.read_bytes(), parse_constant=_refuse)


def _refuse(constant):
    raise ValueError(f"{constant} is not JSON")


def _is_locked(folder):
    """Whether the process that makes a run still lives; nothing is written."""
    import filelock

    file = _lock_file(folder)
    if not file.is_file():
        return False
    try:
        with filelock.FileLock(file).acquire(timeout=0):
            return False
    except (filelock.Timeout, OSError):
        return True
