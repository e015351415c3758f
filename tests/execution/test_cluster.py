"""A sweep on a Dask cluster of processes of their own, one of which is killed in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager

import dask.config
import dask_jobqueue  # noqa: F401 (its settings are there once it is imported)
import pytest

from medlib.execution import grid, notebooks, parameters, runs, sweep, task

N_RUNS = 200
LEDGER = [
    "seed: int = 0",
    "from pathlib import Path\nwith Path('ledger.txt').open('a') as file:\n    print(seed, file=file)",
    "from medlib.results import Results\n"
    "results = Results([{'name': 'toy', 'version': '1', 'sha256': '0', 'simulated': True}])\n"
    "results.add('twice', 2 * seed)\nresults",
]
PATIENCE = 60


@contextmanager
def process(*arguments, cwd):
    """A process with a group of its own, ended with all that it started."""
    started = subprocess.Popen(arguments, cwd=cwd, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        yield started
    finally:
        kill(started)


def kill(started):
    if started.poll() is None:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@pytest.fixture
def cluster(tmp_path):
    """Address of a scheduler, and its two workers."""
    file = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    scheduler = [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    worker = [*dask, "worker", "--scheduler-file", file, "--nthreads", "1", "--no-dashboard", "--local-directory"]
    with (
        process(*scheduler, "--scheduler-file", file, cwd=tmp_path),
        process(*worker, tmp_path / "first", cwd=tmp_path) as first,
        process(*worker, tmp_path / "second", cwd=tmp_path) as second,
    ):
        deadline = time.monotonic() + PATIENCE
        while not file.is_file():
            assert time.monotonic() < deadline, "the scheduler did not start"
            time.sleep(0.1)
        yield json.loads(file.read_bytes())["address"], (first, second)


def test_no_run_is_lost_or_doubled_when_a_worker_is_killed(cluster, save, tmp_path):
    address, workers = cluster
    notebook = notebooks.read(save(LEDGER))
    points = grid.points(parameters.declared(notebook), {"seed": f"1..{N_RUNS}"})
    tasks = [task.plan(notebook, point) for point in points]
    made = []
    for number, (_, run) in enumerate(sweep.execute(tasks, tmp_path / "runs", scheduler=address)):
        made.append(run)
        if number == 3 * N_RUNS // 4:
            kill(workers[0])
    assert all(run.done for run in made)
    values = sorted(run.results.metrics[0].value for run in made)
    assert values == [2 * seed for seed in range(1, N_RUNS + 1)]
    on_disk, faults = runs.everything(tmp_path / "runs")
    assert len(on_disk) == N_RUNS and not faults
    ledger = Counter(map(int, (tmp_path / "ledger.txt").read_text().split()))
    # The run that the killed worker was at may have come as far as its second cell before.
    assert set(ledger) == set(range(1, N_RUNS + 1)) and ledger.total() <= N_RUNS + 1
    again = list(sweep.execute(tasks, tmp_path / "runs", scheduler="tcp://127.0.0.1:1"))
    assert len(again) == N_RUNS and not any(run.new for _, run in again)
    assert len((tmp_path / "ledger.txt").read_text().split()) == ledger.total()


FAKE_SLURM = {
    "sbatch": '#!/bin/sh\ncp "$1" job.sh\nsetsid sh job.sh >slurm.log 2>&1 &\necho "Submitted batch job $!"\n',
    "scancel": '#!/bin/sh\nkill -- "-$1"\n',
}


def test_slurm_jobs_make_the_runs(save, tmp_path, monkeypatch):
    """Programs that start and end a job at once stand for SLURM's; dask-jobqueue is the real one."""
    for name, script in FAKE_SLURM.items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    settings = {"cores": 1, "memory": "2GB", "interface": "lo", "local-directory": str(tmp_path)}
    settings = {f"jobqueue.slurm.{name}": value for name, value in settings.items()}
    with dask.config.set(settings):
        tasks = [task.plan(notebooks.read(save(LEDGER)), {"seed": seed}) for seed in (1, 2)]
        made = [run for _, run in sweep.execute(tasks, tmp_path / "runs", jobs=1, scheduler="slurm")]
    assert sorted(run.results.metrics[0].value for run in made) == [2, 4]
