"""``medlib run`` and ``medlib sweep``."""

import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from medlib.cli.display import echo_error, short, show_failure, show_table, spent, title

INTERRUPTED = 128 + signal.SIGINT  # what a shell says of a process that Ctrl-C ended

Names = Annotated[list[str], typer.Argument(metavar="NOTEBOOK...", help="Ids, or paths of any .ipynb files.")]
Profile = Annotated[str, typer.Option(help="Named set of parameters; smoke is the defaults.")]
File = Annotated[
    Path | None, typer.Option("--parameters", metavar="FILE", help="YAML of names and values; wins over --profile.")
]
Out = Annotated[Path, typer.Option(help="Folder of all runs.")]
Force = Annotated[bool, typer.Option("--force", help="Run even if a finished run is there.")]
Jobs = Annotated[int, typer.Option(min=1, help="Processes at once; the cores are divided among them.")]
Timeout = Annotated[float | None, typer.Option(min=0.001, metavar="SECONDS", help="Limit for a whole notebook.")]
CellTimeout = Annotated[float | None, typer.Option(min=0.001, metavar="SECONDS", help="Limit for one cell.")]


def run(
    names: Names,
    profile: Profile = "smoke",
    assignments: Annotated[
        list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="A parameter; wins over files and profiles.")
    ] = None,
    file: File = None,
    out: Out = Path("runs"),
    jobs: Jobs = 1,
    force: Force = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the figures as those that the project claims.")] = False,
    timeout: Timeout = None,
    cell_timeout: CellTimeout = None,
    help_parameters: Annotated[
        bool, typer.Option("--help-parameters", help="Show the parameters, run nothing.")
    ] = False,
) -> None:
    """Run notebooks, each to a folder with its executed copy, results and record.

    A notebook of medlib runs in a folder of its run; any other in its own folder, as in JupyterLab. A finished run is
    found again as long as notebook, parameters, library, versions and registered data are the same; files that a
    notebook from elsewhere reads are not looked at, so run it with --force after they change.

    Example: medlib run ecg/arrhythmia_1dcnn --profile real -p seed=1
    """
    from medlib.execution import notebooks, parameters, runs, sources, sweep
    from medlib.execution import task as tasks

    found = [notebooks.find(name) for name in names]
    if help_parameters:
        for notebook in found:
            _show_parameters(notebook.id, parameters.declared(notebook).values())
        return
    values = (sources.from_file(file) if file else {}) | sources.assignments(assignments or [])
    planned = [tasks.plan(notebook, values, profile) for notebook in found]
    limits = tasks.Limits(cell_timeout, timeout)
    failed = 0
    with _stopping_well():
        for _, made in sweep.execute(planned, out, jobs=jobs, force=force, limits=limits, progress=sys.stderr.isatty()):
            failed += not _show_run(made)
            if keep and isinstance(made, runs.Run) and made.done:
                typer.echo(f"kept      {short(runs.keep(made))}")
    raise typer.Exit(min(failed, 1))


def sweep(
    name: Annotated[str, typer.Argument(metavar="NOTEBOOK", help="Id, or path of any .ipynb file.")],
    assignments: Annotated[
        list[str] | None, typer.Option("-p", metavar="NAME=VALUES", help="Values of a parameter: 1,2,3 or 0..4.")
    ] = None,
    grid_file: Annotated[
        Path | None,
        typer.Option("--grid", metavar="FILE", help="YAML of names and lists of values; -p wins over it."),
    ] = None,
    profile: Profile = "smoke",
    file: File = None,
    out: Out = Path("runs"),
    jobs: Jobs = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Dask scheduler, tcp://HOST:PORT, or slurm for --jobs SLURM jobs."),
    ] = None,
    force: Force = False,
    timeout: Timeout = None,
    cell_timeout: CellTimeout = None,
) -> None:
    """Run a notebook at every combination of values. A sweep that was stopped goes on where it was.

    Example: medlib sweep ecg/arrhythmia_1dcnn -p epochs=2,4 -p seed=0..4 --jobs 2
    """
    from medlib.execution import grid, notebooks, parameters, runs, sources
    from medlib.execution import sweep as sweeps
    from medlib.execution import task as tasks

    notebook = notebooks.find(name)
    grids = grid.from_file(grid_file) if grid_file else [{}]
    points = grid.points(parameters.declared(notebook), sources.assignments(assignments or []), grids)
    fixed = sources.from_file(file) if file else {}
    planned = [tasks.plan(notebook, fixed | point, profile) for point in points]
    swept = {parameter for point in points for parameter in point}
    counts = {"found": 0, "made": 0, "failed": 0}
    with _stopping_well(), _progress(len(planned)) as advance:
        for task, made in sweeps.execute(
            planned, out, jobs=jobs, scheduler=scheduler, force=force, limits=tasks.Limits(cell_timeout, timeout)
        ):
            point = ", ".join(f"{key}={value}" for key, value in task.values.items() if key in swept)
            done = isinstance(made, runs.Run) and made.done
            kind = "failed" if not done else "made" if made.new else "found"
            counts[kind] += 1
            advance(f"{point or 'defaults'}: {kind}")
            if not done:
                _show_run(made)
    typer.echo(", ".join(f"{count} {kind}" for kind, count in counts.items() if count) + f"; {short(out.resolve())}")
    raise typer.Exit(min(counts["failed"], 1))


@contextmanager
def _stopping_well():
    """Ctrl-C, and what a cluster sends before it kills, end the command with a word about what is kept."""
    from medlib.execution.task import Interrupted

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if isinstance(interrupt, Interrupted):
            show_failure(interrupt.run)
        typer.echo("Interrupted; finished runs are kept, and the same command goes on from there.", err=True)
        raise typer.Exit(INTERRUPTED) from interrupt
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress(total):
    """A bar on a terminal, elsewhere a line for each run: a function that takes the line."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        numbers = iter(range(1, total + 1))
        yield lambda line: typer.echo(f"[{next(numbers)}/{total}] {line}", err=True)
        return
    with Progress(console=console) as progress:
        bar = progress.add_task("runs", total=total)

        def advance(line):
            progress.update(bar, advance=1, description=line)

        yield advance


def _show_parameters(heading, parameters):
    rows = [(found.name, found.annotation, repr(found.default), found.meaning) for found in parameters]
    show_table(("name", "type", "default", "meaning"), rows, heading)


def _show_run(made):
    """Show a run, or the error that there is instead; whether it is done."""
    if isinstance(made, Exception):
        echo_error(f"Error: {made}")
        return False
    if not made.done:
        show_failure(made)
        return False
    typer.echo(f"{title(made)} {'done' if made.new else 'was done before (--force runs it again),'} in {spent(made)}")
    if made.results is not None:
        header, *rows = made.results.table()
        show_table(header, rows, made.results.provenance())
    typer.echo(f"notebook  {short(made.folder / 'notebook.ipynb')}")
    return True
