"""A run as the report shows it: its record checked field by field, for a run folder can come from anyone."""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import pydantic

from medlib.errors import DataError, UsageError
from medlib.execution import notebooks, parameters, runs

MAXIMUM_TRACEBACK = 100_000
NO_METRIC = dict.fromkeys(("metric", "value", "unit", "interval", "n", "better", "baseline", "published"), "")


class _Part(pydantic.BaseModel):
    """Fields of another version of medlib may be there."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Error(_Part):
    """What stopped a run."""

    name: str
    message: str
    cell: int | None


class Source(_Part):
    """A data set."""

    name: str
    version: str
    sha256: str
    simulated: bool


class Git(_Part):
    """A commit."""

    commit: str
    dirty: bool


class Machine(_Part):
    """A computer."""

    system: str = ""
    processor: str = ""
    cores: int | None = None
    gpus: list[str] = []


class Record(_Part):
    """What :mod:`medlib.execution.task` writes."""

    id: str
    key: str
    profile: str
    parameters: dict[str, Any]
    notebook: str = ""
    library: str = ""
    modules: dict[str, str] = {}
    versions: dict[str, str] = {}
    data: list[Source] = []
    git: Git | None = None
    machine: Machine = Machine()
    started: pydantic.AwareDatetime
    status: str
    error: Error | None = None
    seconds: Annotated[float, pydantic.Field(ge=0, le=1e9)] | None = None
    peak_memory_bytes: Annotated[int, pydantic.Field(ge=0, lt=2**63)] | None = None


@dataclass(frozen=True)
class Shown:
    """A run, ready for the templates.

    Attributes
    ----------
    run : Run
    record : Record
        The run's record, checked; the time at which it started is in UTC.
    about : dict
        Title, application and task, where the notebook says them in text.
    meanings : dict of str to str
        What the notebook says of its parameters.
    address : str
        Of its page, below the report's folder, without the suffix.
    """

    run: runs.Run
    record: Record
    about: dict
    meanings: dict
    address: str

    @property
    def title(self):
        """The notebook's title, or its id."""
        return self.about.get("title") or self.record.id

    @property
    def home(self):
        """Address of its notebook's page."""
        return f"notebooks/{file_name(self.record.id)}"

    @property
    def rows(self):
        """Metrics as text, a dict each."""
        return metrics(self.run.results)

    @property
    def parameters(self):
        """Names, values and meanings as text."""
        given = self.record.parameters.items()
        return [(name, as_text(value), self.meanings.get(name, "")) for name, value in given]

    @property
    def sources(self):
        """Fields of each data set as text."""
        return [(source.name, source.version, as_text(source.simulated), source.sha256) for source in self.record.data]

    def value(self, name):
        """A parameter as text, empty where the run has none of that name."""
        given = self.record.parameters
        return as_text(given[name]) if name in given else ""

    def metric(self, name):
        """A metric as text, empty where the run has none of that name."""
        return next((row for row in self.rows if row["metric"] == name), NO_METRIC)

    @property
    def traceback(self):
        """End of the traceback."""
        path = self.run.folder / "traceback.txt"
        if path.is_symlink() or not path.is_file():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - MAXIMUM_TRACEBACK))
            return file.read().decode("utf-8", "replace")


def show(run, root, notebook):
    """Check the record of a run.

    Parameters
    ----------
    run : Run
    root : Path
        Folder of all runs.
    notebook : nbformat.NotebookNode or None
        What was executed.

    Returns
    -------
    Shown

    Raises
    ------
    DataError
        If the record is damaged.
    """
    try:
        record = Record.model_validate(run.record)
        record = record.model_copy(update={"started": record.started.astimezone(UTC)})
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{run.folder} is not a run ({_reason(error)}); move it away, or run again with --force."
        ) from error
    address = f"runs/{file_name(run.folder.relative_to(root).as_posix())}"
    return Shown(run, record, _about(notebook), _meanings(record.id, notebook), address)


def metrics(results):
    """Metrics as text, a dict each; columns that :meth:`medlib.results.Results.table` leaves out are empty."""
    header, *rows = (results and results.table()) or [()]
    return [NO_METRIC | dict(zip(header, row, strict=True)) for row in rows]


def as_text(value):
    """A plain value as a reader would write it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def file_name(text):
    """Name of a file that can be read, is safe everywhere and is another for each text.

    Examples
    --------
    >>> file_name("ecg/arrhythmia_1dcnn")
    'ecg-arrhythmia_1dcnn-1dd06995'
    """
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")[-60:]
    return f"{readable}-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"


def _about(notebook):
    said = notebook.metadata.get("medlib") if notebook else None
    said = said if isinstance(said, dict) else {}
    names = ("title", "application", "task")
    return {name: said[name] for name in names if isinstance(said.get(name), str) and said[name].strip()}


def _meanings(identifier, notebook):
    """What the comments of its parameters cell say; nothing where that cell is not as medlib reads it."""
    try:
        found = parameters.declared(notebooks.Notebook(identifier, Path(), notebook)) if notebook else {}
    except (UsageError, RecursionError, MemoryError):
        return {}
    return {name: parameter.meaning for name, parameter in found.items()}


def _reason(error):
    faults = error.errors() if isinstance(error, pydantic.ValidationError) else []
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults) or error
