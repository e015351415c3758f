"""``medlib report``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from medlib.cli.display import printable, short


def report(
    root: Annotated[
        Path, typer.Argument(metavar="RUNS", help="Folder of all runs, of those of one notebook, or of one run.")
    ] = Path("runs"),
    out: Annotated[Path, typer.Option(help="Folder of the report; one that is there is replaced.")] = Path("report"),
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="For notebooks of your own: run the scripts and widgets in outputs, which may ask other hosts.",
        ),
    ] = False,
) -> None:
    """Write a static site of runs: an index, sweeps as figures, and a page for each run.

    Its index.html opens from disk and from any web server. Scripts in outputs do not run; no page asks another host.

    Example: medlib report runs --out report
    """
    from medlib.execution.report import site

    faults = site.write(root, out, trust=trust, progress=sys.stderr.isatty())
    for fault in faults:
        typer.echo(printable(fault), err=True)
    typer.echo(f"report    {short(out.resolve() / 'index.html')}")
    raise typer.Exit(1 if faults else 0)
