"""What several commands show in the same way."""

import sys
from pathlib import Path

import typer

PIPE_WIDTH = 200


def console():
    """Standard output; where it is no terminal, with room enough that nothing is cut off."""
    from rich.console import Console

    found = Console()
    if not found.is_terminal:
        found.width = PIPE_WIDTH
    return found


def show_table(header, rows, title=None):
    """Print a table; what stands in its cells is shown as it is."""
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    table = Table(*(escape(printable(name)) for name in header), title=title and Text(printable(title)))
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console().print(table)


def show_failure(run):
    """Say on standard error what stopped a run, and where what it had reached is kept."""
    error = run.record["error"]
    where = "" if error is None or error["cell"] is None else f" in cell {error['cell']}"
    typer.echo(f"{title(run)} {run.record['status']}{where} after {spent(run)}", err=True)
    if error is not None:
        echo_error(f"{error['name']}: {error['message']}")
        if error["name"] == "ModuleNotFoundError":
            typer.echo(
                f"Notebooks run in medlib's own Python; install it there: {sys.executable} -m pip install", err=True
            )
    for what, name in (("reached", "notebook.ipynb"), ("traceback", "traceback.txt")):
        if (run.folder / name).is_file():
            typer.echo(f"{what:9} {short(run.folder / name)}", err=True)


def title(run):
    """Notebook and profile of a run."""
    return f"{run.record['id']} ({run.record['profile']})"


def spent(run):
    """Time and memory that a run took."""
    if run.record["seconds"] is None:
        return "an unknown time"
    return f"{run.record['seconds']:.1f} s, {run.record['peak_memory_bytes'] / 1e6:.0f} MB at most"


def short(path):
    """A path as short as it can be given from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def printable(text):
    """Text without control characters, which a terminal would obey."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def echo_error(text):
    """Print lines on standard error."""
    typer.echo("\n".join(map(printable, text.split("\n"))), err=True)
