"""Whatever stops a run: nothing that was finished is lost, and nothing looks finished that is not."""

import contextlib
import errno
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from medlib.errors import MedlibError
from medlib.execution import engine, notebooks, runs, task

STALLING = [
    "seed: int = 0",
    "print('reached')\nimport os\nfrom pathlib import Path\nPath('kernel.txt').write_text(str(os.getpid()))",
    "import time\nif not Path('go').exists():\n    Path('stalled').touch()\n    time.sleep(300)",
]
MEDLIB = [sys.executable, "-c", "from medlib.cli import main; main()"]
PATIENCE = 60


class Killed(BaseException):
    """Stands for the end of the process: nothing in medlib catches it."""


def wait_for(condition):
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)


def text(path):
    """Text of a file that may not be there yet."""
    return path.read_text() if path.is_file() else ""


@pytest.fixture
def stalled(save, tmp_path):
    """A `medlib run` in the middle of the third of its cells."""
    path = save(STALLING)
    command = [*MEDLIB, "run", str(path), "--out", str(tmp_path / "runs")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    work = None
    try:
        wait_for(lambda: text(tmp_path / "kernel.txt"))
        (work,) = (tmp_path / "runs" / "toy").glob("[.]*[!s]")
        wait_for(lambda: "reached" in text(work / "notebook.ipynb") and (tmp_path / "stalled").exists())
        yield path, process, work
    finally:
        process.kill()
        process.communicate()


def kernel_is_gone(path):
    pid = int(path.with_name("kernel.txt").read_text())
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_killed_run_never_looks_finished_and_is_made_anew(stalled, tmp_path):
    path, process, work = stalled
    (running,), _ = runs.everything(tmp_path / "runs")
    assert (running.folder, running.record["status"]) == (work, "running")
    process.send_signal(signal.SIGKILL)
    process.wait()
    (killed,), faults = runs.everything(tmp_path / "runs")
    assert (killed.record["status"], killed.done, faults) == ("killed", False, [])
    outputs = [cell.outputs for cell in nbformat.read(killed.folder / "notebook.ipynb", 4).cells]
    assert "reached" in str(outputs[1]) and not outputs[2]
    wait_for(lambda: kernel_is_gone(path))
    (path.parent / "go").touch()
    made = task.run(task.plan(notebooks.read(path), {}), tmp_path / "runs")
    assert made.done and made.record["key"] == killed.record["key"]
    assert [run.folder for run in runs.everything(tmp_path / "runs")[0]] == [made.folder]


def test_what_a_killed_run_had_reached_is_kept_while_the_next_one_fails(stalled, tmp_path, monkeypatch):
    path, process, work = stalled
    process.send_signal(signal.SIGKILL)
    process.wait()

    def look(*_):
        kept = runs.load(runs.failed(work.with_name(work.name[1:])))
        assert kept.record["error"]["name"] == "Killed" and "reached" in text(kept.folder / "notebook.ipynb")
        raise ValueError("looked")

    monkeypatch.setattr(engine, "execute", look)
    made = task.run(task.plan(notebooks.read(path), {}), tmp_path / "runs")
    assert made.record["error"]["message"] == "looked"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interruption_points_at_what_is_kept(stalled, sent):
    path, process, _ = stalled
    process.send_signal(sent)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "failed in cell 3" in err and "KeyboardInterrupt" in err and "finished runs are kept" in err
    kept = [Path(line.split()[1]) for line in err.splitlines() if line.startswith(("reached", "traceback"))]
    assert len(kept) == 2 and "reached" in text(kept[0])
    wait_for(lambda: kernel_is_gone(path))


def test_second_process_waits_and_finds_the_run(stalled, tmp_path):
    path, process, _ = stalled
    command = [*MEDLIB, "run", str(path), "--out", str(tmp_path / "runs")]
    second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(timeout=3)
    process.send_signal(signal.SIGINT)
    (path.parent / "go").touch()
    out, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0 and "done in" in out


@pytest.mark.parametrize("limits", [task.Limits(cell=1.5), task.Limits(notebook=3)])
def test_limit_stops_the_run(save, tmp_path, limits):
    made = task.run(task.plan(notebooks.read(save(STALLING)), {}), tmp_path / "runs", limits=limits)
    assert not made.done and made.record["error"]["name"] == "CellTimeoutError" and made.record["error"]["cell"] == 3
    assert "reached" in text(made.folder / "notebook.ipynb") and "time" in text(made.folder / "traceback.txt")
    assert kernel_is_gone(tmp_path / "toy.ipynb")


def test_limits_leave_a_quick_run_alone(save, tmp_path):
    limits = task.Limits(cell=60, notebook=120)
    assert task.run(task.plan(notebooks.read(save(["1"])), {}), tmp_path / "runs", limits=limits).done


def test_file_too_large_for_the_disk(save, tmp_path):
    script = (
        "import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from medlib.cli import main\nmain(sys.argv[1:])"
    )
    path = save(["print('x' * 200_000)"])
    command = [sys.executable, "-c", script, "run", str(path), "--out", str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1 and "File too large" in done.stderr
    (made,), _ = runs.everything(tmp_path / "runs")
    assert not made.done


def failing_at(monkeypatch, number, error):
    """Let the given one of the changes to the disk fail; a list with the number of changes that were tried."""
    tried = [0]

    def wrap(function):
        def change(*arguments, **keywords):
            tried[0] += 1
            if tried[0] == number:
                raise error
            return function(*arguments, **keywords)

        return change

    for owner, name in ((os, "replace"), (Path, "write_text"), (Path, "mkdir"), (Path, "rmdir"), (shutil, "rmtree")):
        monkeypatch.setattr(owner, name, wrap(getattr(owner, name)))
    return tried


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), Killed()], ids=["full", "killed"])
@pytest.mark.parametrize("force", [False, True])
def test_any_change_to_the_disk_may_be_the_last(save, tmp_path, monkeypatch, error, force):
    """With ``force``, a finished run is there already, and one must be there ever after."""
    monkeypatch.setattr(engine, "execute", lambda notebook, executed, *_: shutil.copy(notebook.path, executed))
    planned = task.plan(notebooks.read(save(["seed: int = 0"])), {})
    for number in itertools.count(1):
        out = tmp_path / f"runs-{number}"
        if force:
            task.run(planned, out)
        with monkeypatch.context() as patch:
            tried = failing_at(patch, number, error)
            with contextlib.suppress(MedlibError, Killed):
                task.run(planned, out, force=force)
        found = [run for run in runs.everything(out)[0] if run.done] if out.exists() else []
        assert len(found) >= force and all((run.folder / "notebook.ipynb").is_file() for run in found)
        assert task.run(planned, out).done
        assert len([run for run in runs.everything(out)[0] if run.done]) == 1
        if tried[0] < number:
            break
    assert number > 5
