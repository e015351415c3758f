"""``medlib data``: what it prints, and how it fails."""

import json

import pytest
import toy
import typer.testing

from medlib.cli import data
from medlib.errors import DataError, UsageError


def run(*arguments):
    return typer.testing.CliRunner().invoke(data.app, list(arguments))


def place():
    (row,) = json.loads(run("list", "--json").stdout)
    return row["place"]


def test_list(registered, cache):
    (row,) = json.loads(run("list", "--json").stdout)
    size = sum(map(len, toy.FILES.values()))
    assert row == {
        "name": "toy",
        "title": "Toy",
        "version": "2",
        "size": size,
        "licence": "Licence of the toy",
        "simulated": False,
        "place": "not here",
        "folder": None,
    }
    table = run("list").stdout
    assert "toy" in table
    assert "not here" in table


def test_list_says_where_it_is(registered, cache, tmp_path, monkeypatch):
    toy.write_files(cache)
    assert place() == "cache"
    (cache / "1.dat").unlink()
    assert place() == "cache, incomplete"
    toy.write_files(tmp_path / "mirror" / "toy")
    monkeypatch.setenv("MEDLIB_DATA", str(tmp_path / "mirror"))
    assert place() == "mirror"


def test_list_of_the_shipped_registry():
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert rows["mitdb-sample"]["place"] == "shipped"
    assert rows["mitdb"]["licence"].startswith("Open Data Commons Attribution")


def test_fetch_then_where_then_verify(registered, cache):
    assert run("fetch", "toy").exit_code == 0
    assert toy.files_in(cache) == set(toy.FILES)
    assert run("where", "toy").stdout.strip() == str(cache)
    assert run("where").stdout.strip() == str(cache)
    assert run("verify").stdout.strip() == "toy: 3 of 3 files are right"


def test_verify_names_the_file_and_the_remedy(registered, cache):
    toy.write_files(cache)
    (cache / "1.dat").write_bytes(toy.FILES["1.dat"][::-1])
    result = run("verify", "toy")
    assert "toy/1.dat: SHA-256 is" in result.output
    assert "toy: 2 of 3 files are right" in result.output
    assert isinstance(result.exception, DataError)
    assert result.exception.exit_code == 1
    assert "medlib data fetch toy" in str(result.exception)


def test_where_of_what_is_not_here(registered):
    result = run("where", "toy")
    assert isinstance(result.exception, DataError)
    assert "medlib data fetch toy" in str(result.exception)


@pytest.mark.parametrize("command", ["fetch", "verify", "where"])
def test_unknown_name(registered, command):
    result = run(command, "tou")
    assert isinstance(result.exception, UsageError)
    assert result.exception.exit_code == 2
    assert "did you mean 'toy'" in str(result.exception)


@pytest.mark.parametrize("command", ["list", "fetch", "verify", "where"])
def test_help_has_an_example(command):
    assert f"Example: medlib data {command}" in run(command, "--help").stdout
