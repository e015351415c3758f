"""``medlib list``, ``run``, ``validate`` and ``lab``."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

Notebooks = Annotated[list[str], typer.Argument(metavar="NOTEBOOK...", help="Ids, or paths of any .ipynb files.")]


def list_notebooks(
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects, for programs.")] = False,
) -> None:
    """List the notebooks, and the figures that are kept for each.

    Example: medlib list --json
    """
    from medlib.execution import catalogue

    entries = catalogue.entries()
    if as_json:
        typer.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    rows = [
        (entry["id"], entry["title"], entry["task"], ", ".join(entry["datasets"]), _headlines(entry["results"]))
        for entry in entries
    ]
    _show_table(("id", "title", "task", "datasets", "results"), rows)


def run(
    names: Notebooks,
    profile: Annotated[str, typer.Option(help="Named set of parameters; smoke is the defaults.")] = "smoke",
    assignments: Annotated[
        list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="A parameter; wins over the profile.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
    force: Annotated[bool, typer.Option("--force", help="Run even if a finished run is there.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the figures as those that the project claims.")] = False,
    help_parameters: Annotated[
        bool, typer.Option("--help-parameters", help="Show the parameters, run nothing.")
    ] = False,
) -> None:
    """Run notebooks, each to a folder with its executed copy, results and record.

    Example: medlib run ecg/arrhythmia_1dcnn --profile real -p seed=1
    """
    from medlib.execution import notebooks, parameters
    from medlib.execution import run as runs

    found = [notebooks.find(name) for name in names]
    if help_parameters:
        for notebook in found:
            _show_parameters(notebook.id, parameters.declared(notebook).values())
        return
    values = dict(map(parameters.assignment, assignments or []))
    failed = False
    for task in [runs.plan(notebook, values, profile) for notebook in found]:
        made = runs.run(task, out, force=force, progress=sys.stderr.isatty())
        _show_run(made)
        failed = failed or not made.done
        if keep and made.done:
            typer.echo(f"kept      {_short(runs.keep(made))}")
    raise typer.Exit(1 if failed else 0)


def validate(names: Annotated[list[str] | None, typer.Argument(metavar="[NOTEBOOK]...")] = None) -> None:
    """Check the structure of notebooks, then rerun them and compare what they show with what is stored.

    Example: medlib validate ecg/arrhythmia_1dcnn
    """
    from medlib.execution import lint, notebooks, validation

    found = [notebooks.find(name) for name in names] if names else notebooks.everything()
    problems = {notebook.id: lint.problems(notebook) for notebook in found}
    for identifier, lines in problems.items():
        for line in lines:
            typer.echo(f"{identifier}: {line}", err=True)
    if any(problems.values()):
        raise typer.Exit(1)
    raise typer.Exit(validation.rerun([notebook.path for notebook in found]))


def lab(context: typer.Context) -> None:
    """Open JupyterLab on the notebooks; further options go to it.

    Example: medlib lab --no-browser
    """
    from medlib.execution import notebooks

    command = [sys.executable, "-m", "jupyter", "lab", *context.args, str(notebooks.folder())]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def _headlines(results):
    """First metric of each profile's bundle, which is the headline."""
    lines = []
    for profile, bundle in results.items():
        for metric in bundle["metrics"][:1]:
            stale = " (stale)" if bundle["stale"] else ""
            lines.append(f"{profile}: {metric['name']} {metric['value']:.3g}{stale}")
    return "\n".join(lines)


def _show_parameters(title, parameters):
    rows = [(found.name, found.annotation, repr(found.default), found.meaning) for found in parameters]
    _show_table(("name", "type", "default", "meaning"), rows, title)


def _show_run(made):
    record = made.record
    what = f"{record['id']} ({record['profile']})"
    spent = f"{record['seconds']:.1f} s, {record['peak_memory_bytes'] / 1e6:.0f} MB at most"
    if not made.done:
        error = record["error"]
        where = f" in cell {error['cell']}" if error["cell"] is not None else ""
        typer.echo(f"{what} failed{where} after {spent}\n{error['name']}: {error['message']}", err=True)
        typer.echo(f"reached   {_short(made.folder / 'notebook.ipynb')}", err=True)
        typer.echo(f"traceback {_short(made.folder / 'traceback.txt')}", err=True)
        return
    typer.echo(f"{what} {'done in' if made.repeated else 'was done before (--force runs it again), in'} {spent}")
    if made.results is not None:
        header, *rows = made.results.table()
        _show_table(header, rows, made.results.provenance())
    typer.echo(f"notebook  {_short(made.folder / 'notebook.ipynb')}\npage      {_short(made.folder / 'notebook.html')}")


def _show_table(header, rows, title=None):
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = 200
    table = Table(*header, title=title and Text(title))
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _short(path):
    """A path as short as it can be given from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
