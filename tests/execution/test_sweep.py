"""Sweeps in one process and in several local ones."""

import gc
import os

import distributed
import pytest

from medlib.errors import MedlibError, UsageError
from medlib.execution import engine, notebooks, sweep, task

REPORTING = [
    "seed: int = 0",
    "import os\nfrom pathlib import Path\n"
    "Path(f'{seed}.txt').write_text(' '.join([os.environ['OMP_NUM_THREADS'], str(os.getppid())]))",
    "assert seed != 3, 'on purpose'",
]


def planned(path, seeds):
    return [task.plan(notebooks.read(path), {"seed": seed}) for seed in seeds]


def by_seed(path, seeds, out):
    """Runs made by two processes."""
    return {todo.values["seed"]: run for todo, run in sweep.execute(planned(path, seeds), out, jobs=2)}


def test_local_processes_share_the_cores_and_outlive_a_failure(save, tmp_path, monkeypatch):
    for name in sweep.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sweep.record, "cores", lambda: 6)
    path = save(REPORTING)
    made = by_seed(path, range(5), tmp_path / "runs")
    assert [made[seed].done for seed in range(5)] == [True, True, True, False, True]
    threads, processes = zip(*((tmp_path / f"{seed}.txt").read_text().split() for seed in range(5)), strict=True)
    assert set(threads) == {"3"} and len(set(processes)) == 2
    assert not set(sweep.THREAD_VARIABLES) & set(os.environ)
    assert "on purpose" in made[3].record["error"]["message"]


def test_same_task_is_made_once_and_found_ones_come_first(save, tmp_path, monkeypatch):
    executed = []

    def execute(notebook, destination, values, *_):
        executed.append(values["seed"])
        destination.write_bytes(notebook.path.read_bytes())

    monkeypatch.setattr(engine, "execute", execute)
    tasks = planned(save(REPORTING), [1, 2, 1])
    assert [run.new for _, run in sweep.execute(tasks, tmp_path / "runs")] == [True, True]
    tasks += planned(tmp_path / "toy.ipynb", [5, 0])
    results = [(todo.values["seed"], run.new) for todo, run in sweep.execute(tasks, tmp_path / "runs")]
    assert results == [(1, False), (2, False), (5, True), (0, True)]
    assert executed == [1, 2, 5, 0]
    assert all(run.new for _, run in sweep.execute(tasks[:1], tmp_path / "runs", force=True))


def test_disk_that_cannot_be_written_is_an_error_of_each_run(save, tmp_path):
    (tmp_path / "runs").write_text("a file where the folder should be")
    outcomes = [made for _, made in sweep.execute(planned(save(REPORTING), [0, 1]), tmp_path / "runs", jobs=2)]
    assert len(outcomes) == 2 and all(isinstance(made, MedlibError) for made in outcomes)


def test_process_that_dies_at_a_run_is_given_up_and_what_it_reached_is_shown(save, tmp_path):
    killing = "import os, signal\nif seed == 1:\n    os.kill(os.getppid(), signal.SIGKILL)\n    os._exit(1)"
    path = save(["seed: int = 0", "print('reached')", killing])
    made = by_seed(path, [0, 1, 2], tmp_path / "runs")
    assert (made[0].done, made[2].done) == (True, True)
    assert made[1].record["status"] == "killed" and "reached" in (made[1].folder / "notebook.ipynb").read_text()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "tcp://127.0.0.1", "http://127.0.0.1:1"])
def test_scheduler_that_does_not_answer_says_how_to_start_one(save, tmp_path, monkeypatch, address):
    monkeypatch.setattr(sweep, "SECONDS_TO_CONNECT", 1)
    with pytest.raises(UsageError, match="dask scheduler"):
        list(sweep.execute(planned(save(REPORTING), [0]), tmp_path / "runs", scheduler=address))
    # A client that did not connect closes when it is collected. In the thread of the next one that would never end,
    # because the next one holds the lock for it until its thread runs.
    gc.collect()
    assert not [client for client in gc.get_objects() if type(client) is distributed.Client]


def test_slurm_without_its_settings_says_what_to_write(save, tmp_path):
    with pytest.raises(UsageError, match="jobqueue.yaml"):
        list(sweep.execute(planned(save(REPORTING), [0]), tmp_path / "runs", scheduler="slurm"))
