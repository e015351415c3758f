"""`medlib validate`: what nbval alone lets pass fails, and notebooks are rerun side by side."""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from medlib.cli import main
from medlib.execution import lint, notebooks, validation

ONE = new_output("stream", name="stdout", text="one\n")
NO_MAGIC = new_output("stream", name="stderr", text="UsageError: Line magic function `%nosuch` not found.\n")
NO_CELL_MAGIC = new_output("stream", name="stderr", text="UsageError: Cell magic `%%nosuchmagic` not found.\n")
# Source, execution count and stored outputs of cells that nbval lets pass, or skips.
SILENT = {
    "never executed": ("print('one')", None),
    "bad line magic": ("%nosuch", 1, NO_MAGIC),
    "bad cell magic": ("%%nosuchmagic\n1", 1, NO_CELL_MAGIC),
    "shell command that fails": ("!false", 1),
    "the same, written out": ("get_ipython().system('false')", 1),
}


def write(folder, name, *cells):
    """A notebook of cells, each a source, an execution count and outputs."""
    code = [new_code_cell(source, execution_count=count, outputs=outputs) for source, count, *outputs in cells]
    nbformat.write(new_notebook(cells=code), folder / name)
    return folder / name


@pytest.fixture(scope="module")
def nbval_alone(tmp_path_factory):
    """Outcome of each silent cell by nbval alone."""
    path = write(tmp_path_factory.mktemp("nbval"), "silent.ipynb", *SILENT.values())
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-rA", path.name]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False, timeout=120)
    return dict(zip(SILENT, re.findall(r"^([A-Z]+) .*Cell \d+", done.stdout, re.MULTILINE), strict=True))


@pytest.mark.parametrize("name", SILENT)
def test_silent_pass_of_nbval_is_caught(nbval_alone, name, tmp_path):
    assert nbval_alone[name] == "PASSED"
    assert len(lint.problems(notebooks.read(write(tmp_path, "silent.ipynb", SILENT[name])))) == 1


@pytest.fixture
def validate(capfd):
    """Run the command; exit code, standard output and standard error, those of the processes that it starts too."""

    def call(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main(["validate", *map(str, arguments)])
        return exit_.value.code, *capfd.readouterr()

    return call


def test_what_breaks_a_rule_is_not_run(validate, tmp_path):
    good, empty = write(tmp_path, "good.ipynb", ("print('one')", 1, ONE)), write(tmp_path, "empty.ipynb")
    code, out, err = validate(good, empty)
    assert (code, out) == (1, "")
    assert "empty: there is no code in it" in err and "1 of 2 notebooks break a rule; none was run" in err


def test_faults_of_two_notebooks_of_one_name(validate, tmp_path):
    (tmp_path / "other").mkdir()
    bad, good = write(tmp_path, "a.ipynb", ("!false", 1)), write(tmp_path / "other", "a.ipynb", ("1 + 1", 1))
    assert validate(bad, good)[0] == 1


def test_notebooks_are_rerun_side_by_side(validate, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(6), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--nbval-lax")
    threads = new_output("stream", name="stdout", text="3\n")
    cells = ("import os", 1), ("print(os.environ['OMP_NUM_THREADS'])", 2, threads)
    (tmp_path / "below").mkdir()
    agrees = write(tmp_path / "below", "agrees.ipynb", *cells)
    differs = write(tmp_path, "differs.ipynb", *cells, ("print('two')", 3, ONE))
    code, out, _ = validate(agrees, differs, "--jobs", "4")
    assert code == 1
    assert "below/agrees.ipynb agrees; cells: 2 passed\n" in out
    assert "differs.ipynb differs; cells: 2 passed, 1 failed\n" in out
    assert "1 of 2 notebooks agree with what they store" in out


def test_one_notebook_that_agrees(validate, tmp_path):
    code, out, _ = validate(write(tmp_path, "good.ipynb", ("print('one')", 1, ONE)))
    assert code == 0 and "1 of 1 notebooks agree" in out


def test_kernel_that_dies_is_noticed(validate, tmp_path):
    code, out, _ = validate(write(tmp_path, "dies.ipynb", ("import os; os._exit(0)", 1), ("1 + 1", 2)))
    assert code == 1 and "The kernel died" in out and "dies.ipynb differs; cells: 2 failed" in out


@pytest.mark.parametrize(
    ("jobs", "notebooks", "options"),
    [(None, 1, []), (8, 1, []), (1, 3, []), (None, 9, ["4", "1"]), (2, 9, ["2", "2"]), (9, 9, ["9", "1"])],
)
def test_cores_are_divided_among_processes(monkeypatch, tmp_path, jobs, notebooks, options):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(4), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    called = {}
    monkeypatch.setattr(subprocess, "run", lambda command, **options: called.update(options, command=command) or Done)
    assert validation.rerun([tmp_path / f"{number}.ipynb" for number in range(notebooks)], jobs) == 0
    words = called["command"]
    processes = [words[words.index("--numprocesses") + 1]] if "--numprocesses" in words else []
    threads = [called["env"]["OMP_NUM_THREADS"]] if "OMP_NUM_THREADS" in called["env"] else []
    assert processes + threads == options


def test_threads_that_the_user_set_stay(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    called = {}
    monkeypatch.setattr(subprocess, "run", lambda command, **options: called.update(options) or Done)
    validation.rerun([tmp_path / "a.ipynb", tmp_path / "b.ipynb"], jobs=2)
    assert called["env"]["OMP_NUM_THREADS"] == "7"


@pytest.mark.parametrize(("returned", "code"), [(0, 0), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (-9, 1)])
def test_whatever_stops_pytest_is_a_failure(monkeypatch, tmp_path, returned, code):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], returned))
    assert validation.rerun([tmp_path / "a.ipynb"]) == code


class Done:
    returncode = 0
