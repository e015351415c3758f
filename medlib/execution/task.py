"""A run to be made: checked before a kernel starts, then made, or found if it was made before."""

import hashlib
import json
import shutil
import time
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime

from medlib.errors import MedlibError, UsageError
from medlib.execution import library, notebooks, parameters, record, runs, sources
from medlib.results import MIME_TYPE, Results


@dataclass(frozen=True)
class Limits:
    """Seconds that a run may take; None is no limit."""

    cell: float | None = None
    notebook: float | None = None


NO_LIMITS = Limits()


class Interrupted(KeyboardInterrupt):
    """Ctrl-C stopped a run; ``run`` is what is kept of it."""

    def __init__(self, run):
        super().__init__()
        self.run = run


@dataclass(frozen=True)
class Task:
    """A run to be made: a notebook, checked values of its parameters, and the profile that they came from."""

    notebook: notebooks.Notebook
    values: dict
    profile: str

    def surroundings(self):
        """What decides the outcome beside the parameters, as plain JSON; it may change while a process lives."""
        return {
            "notebook": notebooks.digest(self.notebook.cells),
            "library": library.digest(self.notebook),
            # Somebody's notebook runs in its own folder and reads what lies there, so that a copy elsewhere is another.
            "folder": None if self.notebook.ours else str(self.notebook.path.parent),
            "modules": {} if self.notebook.ours else record.modules(self.notebook.path.parent),
            "versions": record.versions(),
            "data": record.data(self.notebook),
        }

    def identity(self, surroundings):
        """Everything that decides the outcome, as plain JSON."""
        values = parameters.defaults(parameters.declared(self.notebook)) | self.values
        return {"parameters": json.loads(json.dumps(values, default=str), parse_constant=str), **surroundings}

    def place(self, out, surroundings):
        """Folder of the finished run, ``<out>/<id>/<key>/``; the key is a hash of the identity."""
        identity = json.dumps(self.identity(surroundings), sort_keys=True)
        return out.resolve() / self.notebook.id / hashlib.sha256(identity.encode()).hexdigest()[:16]


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
        If the notebook is not in Python, or the profile, a name or a value is not accepted.
    """
    if notebook.language != "python":
        raise UsageError(
            f"{notebook.id} is written in {notebook.language}; medlib runs notebooks in Python only, in its own "
            "interpreter. Run it with papermill and a kernel of that language."
        )
    values = sources.profile(profile, notebook) | values
    return Task(notebook.without_outputs(), parameters.check(parameters.declared(notebook), values), profile)


def run(task, out, *, force=False, progress=False, limits=NO_LIMITS):
    """Run a notebook, or find the finished run of the same task.

    Parameters
    ----------
    task : Task
    out : Path
        Folder of all runs; this one is ``<out>/<id>/<key>/``, or ``<key>-failed`` where it stopped early, so that a
        failure never takes the place of a finished run.
    force : bool
        Run even if a finished run is there.
    progress : bool
        Show a progress bar.
    limits : Limits

    Returns
    -------
    runs.Run

    Raises
    ------
    MedlibError
        If the folder cannot be written; finished runs in it are as they were.
    Interrupted
        If Ctrl-C stopped it; what was reached is kept as a failed run.
    """
    surroundings = task.surroundings()
    folder = task.place(out, surroundings)
    try:
        with runs.lock(folder):
            runs.tidy(folder)
            if folder.is_dir() and not force:
                return runs.load(folder)
            content = _record(task, folder.name, surroundings)
            return _make(task, folder, content, progress, limits)
    except OSError as error:
        raise MedlibError(
            f"{folder} cannot be written ({error}); free some space or choose another folder by --out. "
            "Finished runs are as they were."
        ) from error


def _make(task, folder, content, progress, limits):
    """Make a run beside its place and put it there, or where failures go."""
    work = runs.unfinished(folder)
    (work / "files").mkdir(parents=True)
    runs.write(work / runs.RECORD, content)
    outcome, bundle, error = _execute(task, work, progress, limits)
    if error is not None:
        (work / "traceback.txt").write_text(_traceback(error), encoding="utf-8")
    if bundle is not None:
        runs.write(work / "results.json", bundle.to_dict())
        content["data"] = list(bundle.sources)
    if not any((work / "files").iterdir()):
        (work / "files").rmdir()
    runs.write(work / runs.RECORD, content | outcome)
    failed = runs.failed(folder)
    if error is None:
        shutil.rmtree(failed, ignore_errors=True)
    else:
        folder = failed
    runs.publish(work, folder)
    made = runs.load(folder, new=True)
    if isinstance(error, KeyboardInterrupt):
        raise Interrupted(made) from error
    return made


def _execute(task, work, progress, limits):
    """What happened, the results bundle and the error, of which each can be None."""
    from medlib.execution import engine

    executed = work / "notebook.ipynb"
    folder = work / "files" if task.notebook.ours else task.notebook.path.parent
    clock = time.perf_counter()
    bundle = error = None
    with engine.watch() as seen:
        try:
            engine.execute(task.notebook, executed, task.values, folder, limits, seen, progress)
            bundle = _bundle(notebooks.read(executed))
        except (Exception, KeyboardInterrupt) as caught:  # whatever stops a notebook goes into its record
            error = caught
    outcome = {
        "status": "done" if error is None else "failed",
        "error": None if error is None else _summary(error, seen["cell"]),
        "seconds": round(time.perf_counter() - clock, 3),
        "peak_memory_bytes": seen["bytes"],
    }
    return outcome, bundle, error


def _bundle(executed):
    """The last results bundle that an executed notebook shows; anyone's notebook may show none."""
    outputs = [output for cell in notebooks.code_cells(executed) for output in cell.get("outputs", [])]
    bundles = [output["data"][MIME_TYPE] for output in outputs if MIME_TYPE in output.get("data", {})]
    return Results.from_dict(bundles[-1]) if bundles else None


def _record(task, key, surroundings):
    """The record as the run begins."""
    identity = task.identity(surroundings)
    return {
        "id": task.notebook.id,
        "key": key,
        "profile": task.profile,
        "seed": identity["parameters"].get("seed"),
        **identity,
        "code": notebooks.digest(notebooks.code_cells(task.notebook)),
        "git": record.git(task.notebook.path.parent),
        "machine": record.machine(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": "running",
        "error": None,
        "seconds": None,
        "peak_memory_bytes": None,
    }


def _summary(error, cell):
    """Name and message of what went wrong, and the number of the code cell where it did."""
    return {
        "name": getattr(error, "ename", type(error).__name__),
        "message": getattr(error, "evalue", str(error)),
        "cell": getattr(error, "exec_count", cell),
    }


def _traceback(error):
    """The notebook's own traceback where a cell failed, else that of what failed around it."""
    return str(error) if hasattr(error, "ename") else "".join(traceback.format_exception(error))
