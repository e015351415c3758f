"""``medlib results``."""

import itertools
import json
from pathlib import Path
from typing import Annotated

import typer

from medlib.cli.display import console, printable, show_table
from medlib.errors import UsageError

LONGEST_CELL = 40
ABOVE = ("profile", "status", "data", "averaged over")  # said above the table, where all lines agree
MEANS = """Mean (low to high): 95 % t interval of the mean over n runs. It tells of reruns, and nothing of patients.
Runs of another source, library, version or data set are never averaged together: digests tell them apart."""


def results(
    root: Annotated[
        Path, typer.Argument(metavar="RUNS", help="Folder of all runs, of those of one notebook, or of one run.")
    ] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects, for programs.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print every column as CSV, for programs.")] = False,
    group_by: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Average over the finished runs that share these parameters."),
    ] = None,
) -> None:
    """Show what was varied and what came out, a line for each run, or for each group of runs with its means.

    Example: medlib results runs --group-by epochs
    """
    from medlib.execution import runs, table

    if as_json and as_csv:
        raise UsageError("--json and --csv are two forms of the same table; choose one.")
    found, faults = runs.everything(root)
    for fault in faults:
        typer.echo(printable(fault), err=True)
    if not found:
        typer.echo(f"There are no runs in {root}; make some by `medlib run NOTEBOOK --out {root}`.", err=True)
    by = None if group_by is None or not found else [name.strip() for name in group_by.split(",") if name.strip()]
    entries = table.rows(found) if by is None else table.grouped(found, by)
    unfinished = sum(not run.done for run in found)
    if by is not None and unfinished:
        typer.echo(f"Not finished, and in no mean: {unfinished} of {len(found)} runs.", err=True)
    if as_json:
        typer.echo(json.dumps(entries, indent=2))
    elif as_csv:
        typer.echo(table.as_csv(entries).encode("utf-8", "replace"), nl=False)
    elif by is None:
        for identifier, of_one in itertools.groupby(found, lambda run: run.record["id"]):
            _show(identifier, _columns_of_runs(list(of_one)))
    else:
        for identifier, of_one in itertools.groupby(entries, lambda group: group["id"]):
            _show(identifier, _columns_of_groups(list(of_one)))
        typer.echo(MEANS)
    raise typer.Exit(1 if faults else 0)


def _columns_of_runs(found):
    """Name and cells of each column; those that matter most first, as not all may fit."""
    from medlib.execution import table

    rows = table.rows(found)
    names = dict.fromkeys(name for row in rows for name in row["metrics"])
    metrics = [(name, [_figure(row["metrics"].get(name)) for row in rows]) for name in names]
    return [
        *((name, [_cell(row[name]) for row in rows]) for name in ("key", "profile", "status", "data")),
        *metrics[:1],  # the headline
        *((name, [_cell(row["parameters"].get(name)) for row in rows]) for name in table.varied(found)),
        *metrics[1:],
        ("seconds", [_cell(row["seconds"]) for row in rows]),
    ]


def _columns_of_groups(groups):
    parameters = dict.fromkeys(name for group in groups for name in group["parameters"])
    metrics = dict.fromkeys(_kind(metric) for group in groups for metric in group["metrics"])
    digests = [(f"{name} digest", [group["made_with"][name] for group in groups]) for name in groups[0]["made_with"]]
    return [
        *((name, [_cell(group["parameters"].get(name)) for group in groups]) for name in parameters),
        *((name, [_cell(group[name]) for group in groups]) for name in ("profile", "data")),
        *(column for column in digests if _differs(column)),
        ("averaged over", [_cell(", ".join(group["averaged_over"])) for group in groups]),
        ("n", [_cell(group["runs"]) for group in groups]),
        *((" ".join(kind[:2]).strip(), [_mean(group, kind) for group in groups]) for kind in metrics),
    ]


def _show(identifier, columns):
    """A table of one notebook; columns that do not fit are left out."""
    same = [column for column in columns if column[0] in ABOVE and not _differs(column)]
    columns = [column for column in columns if column not in same]
    fitting = _fitting(columns)
    header, cells = zip(*columns[:fitting], strict=True)
    typer.echo(", ".join([_cell(identifier), *(f"{name} {texts[0]}" for name, texts in same if texts[0])]))
    show_table(map(_cell, header), zip(*cells, strict=True))
    if fitting < len(columns):
        typer.echo(f"{len(columns) - fitting} more columns do not fit here; --csv and --json have them all.")


def _differs(column):
    return len(set(column[1])) > 1


def _fitting(columns):
    """How many columns, the first one at least, fit side by side."""
    from rich.cells import cell_len

    ends = itertools.accumulate(max(map(cell_len, (_cell(name), *cells))) + 3 for name, cells in columns)
    return max(1, sum(end < console().width for end in ends))


def _kind(metric):
    return metric["name"], metric["unit"], metric["direction"]


def _mean(group, kind):
    """Mean and interval of a metric; n where it is not that of the group."""
    for metric in group["metrics"]:
        if _kind(metric) == kind:
            interval = "" if metric["low"] is None else f" ({metric['low']:.4g} to {metric['high']:.4g})"
            n = "" if metric["n"] == group["runs"] else f", n = {metric['n']}"
            return f"{metric['mean']:.4g}{interval}{n}"
    return ""


def _figure(value):
    return "" if value is None else f"{value:.4g}"


def _cell(value):
    """A value on one short line, whatever somebody's record holds."""
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.splitlines())
    return printable(text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…")
