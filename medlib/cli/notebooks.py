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


def validate(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NOTEBOOK", help="Ids, or paths of any .ipynb files; all by default.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes; by default one for each core, and none idle.")
    ] = None,
) -> None:
    """Check the structure of notebooks, then rerun them and compare what they show with what is stored.

    Of a notebook of your own only that is checked without which a comparison means nothing: it is Python, was run from
    top to bottom without errors, and has no shell escapes, whose failure goes unseen.

    Figures of a cell tagged `varies`, such as those of a network that is trained again, are compared roughly.

    Example: medlib validate ecg/arrhythmia_1dcnn
    """
    from medlib.execution import lint, notebooks, validation

    found = [notebooks.find(name) for name in names] if names else notebooks.everything()
    problems = [lint.problems(notebook) for notebook in found]
    for notebook, lines in zip(found, problems, strict=True):
        for line in lines:
            typer.echo(f"{notebook.id}: {line}", err=True)
    if any(problems):
        bad = sum(map(bool, problems))
        typer.echo(f"{bad} of {len(found)} notebooks break a rule; none was run", err=True)
        raise typer.Exit(1)
    raise typer.Exit(validation.rerun([notebook.path for notebook in found], jobs))


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
