"""``medlib data``: which data sets there are, where their files are, and whether they are whole."""

import json
from typing import Annotated

import rich
import rich.table
import typer

from medlib.datasets import checking, registry, storage
from medlib.errors import DataError

app = typer.Typer(help="List, fetch, verify and find the data sets.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Data sets, as `medlib data list` names.")]


@app.command("list")
def list_datasets(
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects, for programs.")] = False,
) -> None:
    """List the data sets: size, licence, and where each is found (mirror, cache, shipped or not here).

    Example: medlib data list --json
    """
    rows = [_describe(storage.get(name)) for name in registry.names()]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = rich.table.Table("name", "title", "MB", "licence", "found")
    for row in rows:
        size = "unknown" if row["size"] is None else f"{row['size'] / 1e6:.1f}"
        table.add_row(row["name"], row["title"], size, row["licence"], row["place"])
    rich.print(table)


@app.command()
def fetch(names: Annotated[list[str], typer.Argument(metavar="NAME", help="Data sets to fetch.")]) -> None:
    """Download the files that are not on this machine to the cache, checked by checksum.

    Example: medlib data fetch mitdb
    """
    for name in names:
        typer.echo(f"{name}: {storage.fetch(name)}")


@app.command()
def verify(names: Names = None) -> None:
    """Hash every file of the named data sets, or of all that are on this machine.

    Example: medlib data verify mitdb
    """
    damaged = []
    for name in names or _present():
        faults = storage.verify(name)
        bad = {path: fault for path, fault in faults.items() if fault}
        for path, fault in bad.items():
            typer.echo(f"{name}/{path}: {fault}", err=True)
        typer.echo(f"{name}: {len(faults) - len(bad)} of {len(faults)} files are right")
        if bad:
            damaged.append(_repair(name))
    if damaged:
        raise DataError("\n".join(damaged))


@app.command()
def where(names: Names = None) -> None:
    """Print the folders of the named data sets, or of all that are on this machine; nothing is downloaded.

    Example: medlib data where mitdb
    """
    for name in names or _present():
        _, folder = storage.find(storage.get(name))
        if not storage.is_here(storage.get(name), folder):
            raise DataError(f"{name} is not on this machine; get it by `medlib data fetch {name}`")
        typer.echo(folder)


def _describe(dataset: registry.Dataset) -> dict:
    place, folder = storage.find(dataset)
    here = storage.is_here(dataset, folder)
    if not here:
        place = "not here"
    elif checking.size_faults(dataset, folder):
        place += ", incomplete"
    return {
        "name": dataset.name,
        "title": dataset.title,
        "version": dataset.version,
        "size": dataset.size or None,
        "licence": dataset.licence,
        "simulated": dataset.simulated,
        "place": place,
        "folder": str(folder) if here else None,
    }


def _present() -> list[str]:
    entries = [storage.get(name) for name in registry.names()]
    return [entry.name for entry in entries if storage.is_here(entry, storage.find(entry)[1])]


def _repair(name: str) -> str:
    place, folder = storage.find(storage.get(name))
    return {
        "mirror": f"{name}: restore these files in {folder}, or take that folder out of MEDLIB_DATA",
        "cache": f"{name}: run `medlib data fetch {name}` to download these files again",
        "shipped": f"{name}: reinstall medlib",
    }[place]
