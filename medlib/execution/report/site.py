"""Write a report of runs: an index, a page for each notebook and one for each run."""

import shutil
import uuid
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import nbformat
from markupsafe import Markup
from rich.console import Console
from rich.progress import track

from medlib.errors import DataError, MedlibError, UsageError
from medlib.execution import catalogue, runs, table
from medlib.execution.report import cells, figures, pages
from medlib.execution.report.shown import metrics, show
from medlib.results import Results

MARKER = ".medlib-report"
OTHERS = "Other notebooks"


@dataclass(frozen=True)
class Entry:
    """A notebook in the report: its runs in the order in which they were started, and the figures kept for it."""

    id: str
    title: str
    application: str
    task: str
    shown: list
    kept: dict

    @property
    def address(self):
        """Of its page, below the report's folder, without the suffix."""
        return self.shown[0].home

    @property
    def statuses(self):
        """Number of runs by status."""
        return Counter(shown.record.status for shown in self.shown)

    @cached_property
    def sweeps(self):
        """Sweeps among its runs."""
        return figures.sweeps([shown.run for shown in self.shown])

    @property
    def meanings(self):
        """What the latest notebook says of its parameters."""
        return next((shown.meanings for shown in reversed(self.shown) if shown.meanings), {})

    @property
    def profiles(self):
        """By profile: its runs, the latest first, the parameters that differ, and the name of the headline metric."""
        found = {}
        for shown in reversed(self.shown):
            found.setdefault(shown.record.profile, []).append(shown)
        return {
            profile: (of_one, table.varied([shown.run for shown in of_one]), _first_metric(of_one))
            for profile, of_one in sorted(found.items())
        }

    @property
    def headlines(self):
        """First metric of what is kept and of the latest finished run, by profile."""
        latest = {shown.record.profile: shown for shown in self.shown if shown.run.done and shown.rows}
        lines = []
        for profile in sorted({*self.kept, *latest}):
            if profile in self.kept:
                stale, results = self.kept[profile]
                lines += _headline(profile, results, stale=stale)
            if profile in latest:
                lines += _headline(profile, latest[profile].run.results, shown=latest[profile])
        return lines


def write(root, out, trust=False, progress=False):
    """Write a report of all runs in a folder, in place of the one that is there.

    Parameters
    ----------
    root : Path
        Folder of all runs, of those of one notebook, or of one run.
    out : Path
        Folder of the report; open its ``index.html``, from disk or from any static server.
    trust : bool
        Keep the outputs of notebooks as they are, scripts and widgets included.
    progress : bool
        Show a progress bar.

    Returns
    -------
    list of str
        What could not be read or shown, a line each.

    Raises
    ------
    UsageError
        If there is no folder of runs, or something else than a report would be overwritten.
    MedlibError
        If the report cannot be written; the one before it is as it was.
    """
    root, out = root.resolve(), out.resolve()
    _require_report(out, root)
    found, faults = runs.everything(root)
    work = out.with_name(f".{out.name}-{uuid.uuid4().hex}")
    try:
        for name in ("runs", "notebooks"):
            (work / name).mkdir(parents=True)
        shown = []
        for run in track(found, "Pages", console=Console(stderr=True), disable=not progress):
            try:
                shown.append(_write_run(run, root, work, trust, faults))
            except DataError as error:
                faults.append(str(error))
        _write_overview(shown, work, faults)
        (work / MARKER).touch()
        shutil.rmtree(runs.replaced(out), ignore_errors=True)
        runs.publish(work, out)
    except OSError as error:
        raise MedlibError(
            f"{out} cannot be written ({error}); free some space or choose another folder by --out. "
            "A report that was there is as it was."
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return faults


def _require_report(out, root):
    if out.exists() and not (out / MARKER).is_file():
        raise UsageError(f"{out} is not a report, so it is not overwritten; choose another folder by --out.")
    if root.is_relative_to(out):
        raise UsageError(f"{out} holds the runs, and a new report replaces it; choose another folder by --out.")


def _write_run(run, root, work, trust, faults):
    """Write the page of a run and a copy of its notebook; what cannot be shown is a fault if the run is finished."""
    notebook, body, fault = None, "", ""
    try:
        notebook = cells.read(run.folder / "notebook.ipynb")
        body = cells.body(notebook, trust)
    except DataError as error:
        fault = str(error)
    shown = show(run, root, notebook)
    if run.done and fault:
        faults.append(f"{run.folder}: {fault}")
    if notebook is not None:
        _write(work / f"{shown.address}.ipynb", nbformat.writes(notebook))
    html = pages.render("run.html", trusted=trust, shown=shown, body=Markup(body), fault=fault)
    _write(work / f"{shown.address}.html", html)
    return shown


def _write_overview(shown, work, faults):
    try:
        catalogued = {entry["id"]: entry for entry in catalogue.entries()}
    except DataError as error:
        catalogued = {}
        faults.append(str(error))
    entries = _entries(shown, catalogued)
    for entry in entries:
        if entry.shown:
            _write(work / f"{entry.address}.html", pages.render("notebook.html", entry=entry))
    groups = {}
    for entry in sorted(entries, key=lambda entry: (not entry.application, entry.application, entry.task, entry.id)):
        groups.setdefault(entry.application or OTHERS, {}).setdefault(entry.task, []).append(entry)
    statuses = Counter(one.record.status for one in shown)
    ran = sum(bool(entry.shown) for entry in entries)
    _write(
        work / "index.html",
        pages.render("index.html", groups=groups, total=len(shown), ran=ran, statuses=statuses, faults=len(faults)),
    )


def _entries(shown, catalogued):
    """Notebooks with runs or with kept figures."""
    by_id = {identifier: [] for identifier, entry in catalogued.items() if entry["results"]}
    for one in shown:
        by_id.setdefault(one.record.id, []).append(one)
    entries = []
    for identifier, of_one in by_id.items():
        listed = catalogued.get(identifier, {"results": {}})
        of_one = sorted(of_one, key=lambda one: one.record.started)
        said = next((one.about for one in reversed(of_one) if one.about), listed)
        kept = {
            profile: (bundle["stale"], Results.from_dict({key: bundle[key] for key in ("metrics", "data", "sources")}))
            for profile, bundle in listed["results"].items()
        }
        title, application, task = said.get("title") or identifier, said.get("application", ""), said.get("task", "")
        entries.append(Entry(identifier, title, application, task, of_one, kept))
    return entries


def _first_metric(shown):
    return next((one.rows[0]["metric"] for one in shown if one.rows), None)


def _headline(profile, results, shown=None, stale=False):
    """A line of the table of headline figures, none where there are no metrics."""
    return [
        {"profile": profile, "metric": metric, "data": results.data, "shown": shown, "stale": stale}
        for metric in metrics(results)[:1]
    ]


def _write(path, html):
    """Half a pair of surrogates, which JSON can hold, has no UTF-8."""
    path.write_text(html, encoding="utf-8", errors="replace")
