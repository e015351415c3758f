"""``medlib list``, ``validate`` and ``lab``."""

import json
import subprocess
import sys
from typing import Annotated

import typer

from medlib.cli.display import show_table


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
    show_table(("id", "title", "task", "datasets", "results"), rows)


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
