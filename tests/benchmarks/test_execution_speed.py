"""What medlib adds to papermill, what two processes save, and how fast finished runs are found."""

import subprocess
import sys
import time

import nbformat
import pytest

MEDLIB = [sys.executable, "-c", "from medlib.cli import main; main()"]
PAPERMILL = [sys.executable, "-m", "papermill"]
WORK = "import time\nend = time.process_time() + 2\nwhile time.process_time() < end:\n    pass"


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Run a command beside a small notebook whose second cell is given."""
    monkeypatch.chdir(tmp_path)

    def prepare(cell):
        cells = [nbformat.v4.new_code_cell(source) for source in ("seed: int = 0", cell)]
        cells[0].metadata.tags = ["parameters"]
        metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), "small.ipynb")
        return lambda *arguments: subprocess.run(arguments, check=True, capture_output=True)

    return prepare


def test_run_adds_at_most_half_a_second_to_papermill(times_of_peer, command, benchmark):
    call = command("print(seed)")
    times_of_peer(
        lambda: call(*MEDLIB, "run", "small.ipynb", "-p", "seed=1", "--force"),
        lambda: call(*PAPERMILL, "small.ipynb", "out.ipynb", "-p", "seed", "1"),
        rounds=7,
    )
    added = benchmark.stats.stats.median - benchmark.extra_info["peer_median_seconds"]
    benchmark.extra_info["seconds_added"] = added
    assert added <= 0.5


def test_two_processes_make_a_sweep_faster(times_of_peer, command):
    call = command(WORK)
    sweep = [*MEDLIB, "sweep", "small.ipynb", "-p", "seed=1..8", "--force"]
    assert times_of_peer(lambda: call(*sweep, "--jobs", "2"), lambda: call(*sweep), rounds=2) >= 1.7


def test_finished_runs_are_found_at_once(command):
    call = command("print(seed)")
    sweep = [*MEDLIB, "sweep", "small.ipynb", "-p", "seed=1..200", "--jobs", "2"]
    call(*sweep)
    started = time.perf_counter()
    done = call(*sweep)
    assert b"200 found" in done.stdout and time.perf_counter() - started <= 2
