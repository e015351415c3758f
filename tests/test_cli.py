"""The command line: what it prints, where, and the exit codes 0, 1 and 2."""

import json

import nbformat
import pytest

from medlib import resources
from medlib.cli import main
from medlib.execution import engine

ABOUT = {
    "title": "Arrhythmia [bold]",
    "application": "ecg",
    "task": "classification",
    "datasets": ["mitdb-sample"],
    "references": [],
}
BUNDLE = """
from medlib.results import Results
results = Results([{"name": "toy", "version": "1", "sha256": "0", "simulated": True}])
results.add("f1_s", epochs / 10)
results"""


@pytest.fixture
def house(monkeypatch, tmp_path):
    """A folder that stands for the repository, with a notebook that can run and one that fails."""
    monkeypatch.setattr(resources, "root", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks" / "ecg").mkdir(parents=True)
    (tmp_path / "notebooks" / "profiles").mkdir()
    sources = {"arrhythmia": ["epochs: int = 5  # passes [over] the data", BUNDLE], "broken": ["1 / 0"]}
    for name, cells in sources.items():
        node = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)), metadata={"medlib": ABOUT})
        node.metadata.medlib.datasets = []
        node.cells[0].metadata.tags = ["parameters"]
        nbformat.write(node, tmp_path / "notebooks" / "ecg" / f"{name}.ipynb")
    return tmp_path


@pytest.fixture
def medlib(capsys):
    """Run a command; exit code, standard output and standard error."""

    def call(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main(list(arguments))
        return exit_.value.code, *capsys.readouterr()

    return call


@pytest.mark.parametrize(
    "command",
    [
        ["list"],
        ["run"],
        ["sweep"],
        ["results"],
        ["report"],
        ["validate"],
        ["lab"],
        *(["data", name] for name in ("list", "fetch", "verify", "where")),
    ],
)
def test_every_command_has_an_example(medlib, command):
    code, out, _ = medlib(*command, "--help")
    assert code == 0 and f"Example: medlib {' '.join(command)}" in out


def test_run_then_find_then_keep_then_list(house, medlib):
    code, out, err = medlib("run", "ecg/arrhythmia", "-p", "epochs=3")
    assert (code, err) == (0, "")
    assert "f1_s" in out and "0.300" in out and "simulated (toy 1)" in out
    (executed,) = (line.split()[1] for line in out.splitlines() if line.startswith("notebook "))
    assert (house / executed).is_file() and not executed.startswith("/")
    code, out, _ = medlib("run", "ecg/arrhythmia", "-p", "epochs=3", "--keep")
    assert code == 0 and "was done before" in out and "data/results/smoke/ecg/arrhythmia.json" in out
    code, out, _ = medlib("list", "--json")
    (entry, _) = json.loads(out)
    assert code == 0 and set(entry) == {"id", "title", "application", "task", "datasets", "results"}
    assert entry["results"]["smoke"]["metrics"][0]["value"] == 0.3
    code, out, _ = medlib("list")
    assert code == 0 and "Arrhythmia [bold]" in out and "smoke: f1_s 0.3" in out


def test_failed_notebook_exits_1_and_points_at_what_is_left(house, medlib):
    code, out, err = medlib("run", "ecg/broken")
    assert (code, out) == (1, "")
    assert "failed in cell 1" in err and "ZeroDivisionError: division by zero" in err
    paths = [line.split()[1] for line in err.splitlines() if line.startswith(("reached", "traceback"))]
    assert len(paths) == 2 and all((house / path).is_file() for path in paths)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "ecg/arrythmia"], "Did you mean ecg/arrhythmia?"),
        (["run", "missing.ipynb"], "There is no file"),
        (["run", "ecg/arrhythmia", "-p", "epoch=3"], "Did you mean epochs?"),
        (["run", "ecg/arrhythmia", "-p", "epochs=two"], "epochs=two is not of type int (passes [over] the data)"),
        (["run", "ecg/arrhythmia", "-p", "epochs"], "NAME=VALUE"),
        (["run", "ecg/arrhythmia", "--profile", "real"], "no profile real"),
        (["run", "ecg/arrhythmia", "--profle", "real"], "No such option"),
        (["run"], "Missing argument"),
        (["validate", "nothing"], "No notebook is called nothing"),
        (["unheard"], "No such command"),
    ],
)
def test_bad_usage_exits_2_before_a_kernel_starts(house, medlib, monkeypatch, arguments, message):
    monkeypatch.setattr(engine, "execute", lambda *_: pytest.fail("a kernel was started"))
    code, _, err = medlib(*arguments)
    assert code == 2 and message in err
    assert not (house / "runs").exists()


def test_help_of_parameters_runs_nothing(house, medlib):
    code, out, _ = medlib("run", "ecg/arrhythmia", "--help-parameters")
    assert code == 0
    assert all(word in out for word in ("epochs", "int", "5", "passes [over] the data"))
    assert not (house / "runs").exists()


def test_validate_lints_before_it_runs_anything(house, medlib):
    code, _, err = medlib("validate", "ecg/broken")
    assert code == 1 and "ecg/broken: 1 code cells have not been executed" in err
