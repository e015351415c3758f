"""What several commands show in the same way."""

from pathlib import Path

import typer


def show_table(header, rows, title=None):
    """Print a table; where the output is no terminal, with room enough that nothing is cut off."""
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


def show_failure(run):
    """Say on standard error what stopped a run, and where what it had reached is kept."""
    error = run.record["error"]
    where = "" if error is None or error["cell"] is None else f" in cell {error['cell']}"
    typer.echo(f"{title(run)} {run.record['status']}{where} after {spent(run)}", err=True)
    if error is not None:
        typer.echo(f"{error['name']}: {error['message']}", err=True)
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
