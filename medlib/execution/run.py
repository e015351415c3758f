"""Run a notebook to a folder that holds everything needed to trust the run, or find the run that was made before."""

import hashlib
import json
import os
import shutil
import time
import traceback
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from medlib import resources
from medlib.errors import DataError, UsageError
from medlib.execution import notebooks, parameters, record
from medlib.results import MIME_TYPE, Results


@dataclass(frozen=True)
class Task:
    """A run to be made: a notebook, checked values of its parameters, and the profile that they came from."""

    notebook: notebooks.Notebook
    values: dict
    profile: str

    def identity(self):
        """Everything that decides the outcome, as plain JSON; its hash is the key of the run."""
        defaults = {name: found.default for name, found in parameters.declared(self.notebook).items()}
        return {
            "notebook": notebooks.digest(self.notebook.cells),
            "parameters": _plain(defaults | self.values),
            "library": record.library(),
            "versions": record.versions(),
            "data": record.data(self.notebook),
        }


@dataclass(frozen=True)
class Run:
    """A run that was made, just now or (not ``repeated``) before; ``results`` is None where the notebook shows none."""

    folder: Path
    record: dict
    results: Results | None
    repeated: bool

    @property
    def done(self):
        """Whether every cell ran."""
        return self.record["status"] == "done"


def plan(notebook, values, profile="smoke"):
    """Check what a run is asked for before a kernel starts.

    Parameters
    ----------
    notebook : Notebook
    values : dict of str to object
        Text from a command line, or Python values; they win over the profile.
    profile : str

    Returns
    -------
    Task

    Raises
    ------
    UsageError
        If the profile, a name or a value is not accepted.
    """
    given = parameters.profile(profile, notebook) | values
    return Task(notebook, parameters.check(parameters.declared(notebook), given), profile)


def run(task, out, *, force=False, progress=False):
    """Run a notebook, or find the finished run of the same task.

    Parameters
    ----------
    task : Task
    out : Path
        Folder of all runs; this one is ``<out>/<id>/<key>/``, or ``<key>-failed`` where a cell failed, so that a
        failure never takes the place of a finished run.
    force : bool
        Run even if a finished run is there.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Run
    """
    identity = task.identity()
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    folder = out.resolve() / task.notebook.id / key
    failed = folder.with_name(f"{key}-failed")
    if folder.is_dir() and not force:
        return load(folder)
    work = folder.with_name(f".{key}-{uuid.uuid4().hex}")
    (work / "files").mkdir(parents=True)
    outcome, bundle, error = _execute(task, work, progress)
    if error is not None:
        (work / "traceback.txt").write_text(_traceback(error), encoding="utf-8")
    if bundle is not None:
        _write(work / "results.json", bundle.to_dict())
    if not any((work / "files").iterdir()):
        (work / "files").rmdir()
    _write(work / "record.json", _record(task, key, identity, bundle) | outcome)
    if error is None:
        shutil.rmtree(failed, ignore_errors=True)
    else:
        folder = failed
    _publish(work, folder)
    if isinstance(error, KeyboardInterrupt):
        raise error
    return load(folder, repeated=True)


def load(folder, repeated=False):
    """Read a run folder.

    Parameters
    ----------
    folder : Path
    repeated : bool
        Whether the run was made just now rather than found.

    Raises
    ------
    DataError
        If its record or its results are damaged.
    """
    try:
        content = json.loads((folder / "record.json").read_bytes())
        bundle = folder / "results.json"
        results = Results.from_dict(json.loads(bundle.read_bytes())) if bundle.is_file() else None
        if content["status"] not in ("done", "failed"):
            raise ValueError(f"its status is {content['status']}")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{folder} is not a run ({error}); move it away, or run again with --force.") from error
    return Run(folder, content, results, repeated)


def keep(made):
    """Keep the figures of a run as those that the project claims, in ``data/results/<profile>/<id>.json``.

    Parameters
    ----------
    made : Run
        Finished, of one of medlib's notebooks, with results.

    Returns
    -------
    Path
        The file.
    """
    if not made.done or made.results is None:
        raise UsageError(f"{made.folder} is not a finished run with results, so there is nothing to keep.")
    path = kept_folder() / made.record["profile"] / f"{made.record['id']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, {"results": made.results.to_dict(), "record": made.record})
    return path


def kept_folder():
    """Folder of the figures that the project claims, ``<profile>/<id>.json`` below it."""
    return resources.root() / "data" / "results"


def _execute(task, work, progress):
    """What happened, the results bundle and the error, of which each can be None."""
    from medlib.execution import engine

    executed = work / "notebook.ipynb"
    started, clock = datetime.now(UTC), time.perf_counter()
    bundle = error = None
    with engine.peak_memory() as peak:
        try:
            engine.execute(task.notebook.path, executed, task.values, work / "files", progress)
            bundle = _bundle(notebooks.read(executed))
            (work / "notebook.html").write_text(engine.page(executed, task.notebook.id), encoding="utf-8")
        except (Exception, KeyboardInterrupt) as caught:  # whatever stops a notebook goes into its record
            error = caught
    outcome = {
        "status": "done" if error is None else "failed",
        "error": None if error is None else _summary(error),
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 3),
        "peak_memory_bytes": peak["bytes"],
    }
    return outcome, bundle, error


def _bundle(executed):
    """The last results bundle that an executed notebook shows; anyone's notebook may show none."""
    outputs = [output for cell in notebooks.code_cells(executed) for output in cell.get("outputs", [])]
    bundles = [output["data"][MIME_TYPE] for output in outputs if MIME_TYPE in output.get("data", {})]
    return Results.from_dict(bundles[-1]) if bundles else None


def _record(task, key, identity, bundle):
    return {
        "id": task.notebook.id,
        "key": key,
        "profile": task.profile,
        "seed": identity["parameters"].get("seed"),
        **identity,
        "data": identity["data"] if bundle is None else list(bundle.sources),
        "code": notebooks.digest(notebooks.code_cells(task.notebook)),
        "git": record.git(task.notebook.path.parent),
        "machine": record.machine(),
    }


def _summary(error):
    """Name and message of what went wrong, and the number of the cell where one failed."""
    return {
        "name": getattr(error, "ename", type(error).__name__),
        "message": getattr(error, "evalue", str(error)),
        "cell": getattr(error, "exec_count", None),
    }


def _traceback(error):
    """The notebook's own traceback where a cell failed, else that of what failed around it."""
    return str(error) if hasattr(error, "ename") else "".join(traceback.format_exception(error))


def _plain(values):
    """The same values as JSON holds them: a path is text and a tuple a list."""
    return json.loads(json.dumps(values, default=str))


def _write(path, content):
    """Write JSON whole or not at all."""
    partial = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    partial.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(partial, path)


def _publish(work, folder):
    """Put a finished folder in its place; a folder cannot be renamed over one that is not empty."""
    replaced = work.with_name(f"{work.name}-replaced")
    if folder.exists():
        os.replace(folder, replaced)
    os.replace(work, folder)
    shutil.rmtree(replaced, ignore_errors=True)
