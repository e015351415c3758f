"""``medlib run`` and ``medlib sweep``."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from medlib.cli.display import short, show_failure, show_table, spent, title

Names = Annotated[list[str], typer.Argument(metavar="NOTEBOOK...", help="Ids, or paths of any .ipynb files.")]
Profile = Annotated[str, typer.Option(help="Named set of parameters; smoke is the defaults.")]
Assignments = Annotated[
    list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="A parameter; wins over --parameters and --profile.")
]
File = Annotated[
    Path | None, typer.Option("--parameters", metavar="FILE", help="YAML of names and values; wins over --profile.")
]
Out = Annotated[Path, typer.Option(help="Folder of all runs.")]
Force = Annotated[bool, typer.Option("--force", help="Run even if a finished run is there.")]
INTERRUPTED = 128 + signal.SIGINT  # what a shell says of a process that Ctrl-C ended
Timeout = Annotated[float | None, typer.Option(min=0.001, metavar="SECONDS", help="Limit for a notebook.")]
CellTimeout = Annotated[float | None, typer.Option(min=0.001, metavar="SECONDS", help="Limit for one cell.")]


def run(
    names: Names,
    profile: Profile = "smoke",
    assignments: Assignments = None,
    file: File = None,
    out: Out = Path("runs"),
    force: Force = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the figures as those that the project claims.")] = False,
    timeout: Timeout = None,
    cell_timeout: CellTimeout = None,
    help_parameters: Annotated[
        bool, typer.Option("--help-parameters", help="Show the parameters, run nothing.")
    ] = False,
) -> None:
    """Run notebooks, each to a folder with its executed copy, results and record.

    Example: medlib run ecg/arrhythmia_1dcnn --profile real -p seed=1
    """
    from medlib.execution import notebooks, parameters, runs
    from medlib.execution import task as tasks

    found = [notebooks.find(name) for name in names]
    if help_parameters:
        for notebook in found:
            _show_parameters(notebook.id, parameters.declared(notebook).values())
        return
    values = (parameters.from_file(file) if file else {}) | dict(map(parameters.assignment, assignments or []))
    limits = tasks.Limits(cell_timeout, timeout)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what a cluster sends before it kills
    failed = False
    for task in [tasks.plan(notebook, values, profile) for notebook in found]:
        try:
            made = tasks.run(task, out, force=force, progress=sys.stderr.isatty(), limits=limits)
        except tasks.Interrupted as interrupted:
            show_failure(interrupted.run)
            raise typer.Exit(INTERRUPTED) from interrupted
        _show_run(made)
        failed = failed or not made.done
        if keep and made.done:
            typer.echo(f"kept      {short(runs.keep(made))}")
    raise typer.Exit(1 if failed else 0)


def _show_parameters(title, parameters):
    rows = [(found.name, found.annotation, repr(found.default), found.meaning) for found in parameters]
    show_table(("name", "type", "default", "meaning"), rows, title)


def _show_run(made):
    if not made.done:
        show_failure(made)
        return
    typer.echo(f"{title(made)} {'done' if made.new else 'was done before (--force runs it again),'} in {spent(made)}")
    if made.results is not None:
        header, *rows = made.results.table()
        show_table(header, rows, made.results.provenance())
    typer.echo(f"notebook  {short(made.folder / 'notebook.ipynb')}\npage      {short(made.folder / 'notebook.html')}")
