"""Runs as folders: whole or not at all, found again, and never replaced by a failure."""

import json
import os
import sys

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec

from medlib import resources
from medlib.errors import DataError, UsageError
from medlib.execution import catalogue, engine, library, notebooks, record, runs, sweep, task

TOY = [
    "from pathlib import Path\n"
    "epochs: int = 5  # passes\nfolder: Path = Path('x')\nshape: tuple = (1, 2)\nseed: int = 7",
    "import os, sys\n(epochs, folder, shape, sys.executable)",
    "memory = bytearray(150_000_000)\nwritten = open('model.txt', 'w').write('weights')",
    "import time\ntime.sleep(0.5)",
    "from medlib.results import Results\n"
    "results = Results([{'name': 'toy', 'version': '1', 'sha256': '0', 'simulated': True}])\n"
    "results.add('f1_s', epochs / 10)\nresults",
]
FAILING = ["fail: bool = True", "done = 1", "raise ValueError('on purpose')", "never = 1"]


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A notebook that names a kernel which is not here, run once where another ``python3`` would win."""
    root = tmp_path_factory.mktemp("house")
    folder = root / "notebooks"
    folder.mkdir()
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in TOY])
    node.cells[0].metadata.tags = ["parameters"]
    node.metadata.kernelspec = {"name": "not-here", "display_name": "Not here"}
    nbformat.write(node, folder / "toy.ipynb")
    specification = root / "share" / "kernels" / "python3" / "kernel.json"
    specification.parent.mkdir(parents=True)
    specification.write_text(json.dumps({"argv": ["false"], "display_name": "Wrong", "language": "python"}))
    notebook = notebooks.read(folder / "toy.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(root / "share"))
        patch.setattr(resources, "root", lambda: root)
        made = task.run(task.plan(notebook, {"epochs": "3", "folder": "a b", "shape": [3, 4]}), root / "runs")
        yield notebook, made


def outputs(made):
    node = nbformat.read(made.folder / "notebook.ipynb", as_version=4)
    return [output for cell in node.cells if cell.cell_type == "code" for output in cell.outputs]


def test_folder_holds_the_whole_run(toy):
    _, made = toy
    assert made.done and made.new
    names = {path.name for path in made.folder.iterdir()}
    assert names == {"notebook.ipynb", "results.json", "record.json", "files"}
    assert (made.folder / "files" / "model.txt").read_text() == "weights"
    assert left(made.folder.parent) == [made.folder]


def test_parameters_reach_the_notebook_with_their_type(toy):
    assert outputs(toy[1])[0].data["text/plain"] == f"(3, PosixPath('a b'), (3, 4), {sys.executable!r})"


def test_record_says_what_the_run_depended_on(toy):
    record = toy[1].record
    assert record["parameters"] == {"epochs": 3, "folder": "a b", "shape": [3, 4], "seed": 7}
    assert (record["id"], record["profile"], record["seed"], record["status"]) == ("toy", "smoke", 7, "done")
    assert {"python", "medlib", "torch", "numpy"} <= set(record["versions"])
    assert record["data"] == [{"name": "toy", "version": "1", "sha256": "0", "simulated": True}]
    assert 150e6 < record["peak_memory_bytes"] < 1e9
    assert 0.5 < record["seconds"] < 60
    assert record["machine"]["cores"] >= 1


def test_results_are_the_bundle(toy):
    _, made = toy
    content = json.loads((made.folder / "results.json").read_text())
    assert content == made.results.to_dict()
    assert [(metric["name"], metric["value"]) for metric in content["metrics"]] == [("f1_s", 0.3)]


def test_finished_run_is_found(toy, monkeypatch):
    notebook, made = toy
    monkeypatch.setattr(engine, "execute", lambda *arguments: pytest.fail("it ran again"))
    found = task.run(
        task.plan(notebook, {"epochs": 3, "folder": "a b", "shape": [3, 4], "seed": "7"}), made.folder.parents[1]
    )
    assert (found.folder, found.record, found.new) == (made.folder, made.record, False)


def copy_instead(notebook, destination, *_):
    destination.write_bytes(notebook.path.read_bytes())


def left(folder):
    """What is in a folder beside locks."""
    return [path for path in folder.iterdir() if path.name != ".locks"]


@pytest.fixture
def no_kernel(monkeypatch):
    """Copy the notebook instead of running it."""
    monkeypatch.setattr(engine, "execute", copy_instead)


def test_force_runs_again_and_replaces(no_kernel, save, tmp_path):
    planned = task.plan(notebooks.read(save(["epochs: int = 5"])), {})
    first = task.run(planned, tmp_path / "runs")
    (first.folder / "mark").touch()
    second = task.run(planned, tmp_path / "runs", force=True)
    assert second.folder == first.folder and second.new
    assert not (second.folder / "mark").exists()
    assert left(second.folder.parent) == [second.folder]


def test_key_follows_source_parameters_library_versions(no_kernel, save, tmp_path, monkeypatch):
    def key(source="epochs: int = 5", values=()):
        return task.run(task.plan(notebooks.read(save([source])), dict(values)), tmp_path / "runs").record["key"]

    keys = [key(), key("epochs: int = 5 "), key(values={"epochs": 6})]
    monkeypatch.setattr(library, "digest", lambda _: "changed")
    keys.append(key())
    monkeypatch.setattr(record, "versions", lambda: {"torch": "3"})
    keys.append(key())
    monkeypatch.setattr(record, "data", lambda _: [{"name": "toy", "sha256": "changed"}])
    keys.append(key())
    monkeypatch.setattr(record, "modules", lambda _: {"helper.py": "changed"})
    keys.append(key())
    assert len(set(keys)) == len(keys)
    assert key(values={"epochs": "5"}) == keys[-1]


def test_copy_elsewhere_is_another_run(no_kernel, save, tmp_path):
    paths = [save(["epochs: int = 5"], f"{name}/toy.ipynb") for name in ("here", "there")]
    tasks = [task.plan(notebooks.read(path), {}) for path in paths]
    made = [run for _, run in sweep.execute(tasks, tmp_path / "runs")]
    assert len({run.record["key"] for run in made}) == 2 and all(run.new for run in made)


def test_failed_notebook_keeps_what_it_reached_and_its_traceback(save, tmp_path):
    planned = task.plan(notebooks.read(save(FAILING)), {})
    made = task.run(planned, tmp_path / "runs")
    assert not made.done and made.folder.name == f"{made.record['key']}-failed"
    assert made.record["error"] == {"name": "ValueError", "message": "on purpose", "cell": 3}
    assert "ValueError: on purpose" in (made.folder / "traceback.txt").read_text()
    counts = [
        cell.execution_count
        for cell in nbformat.read(made.folder / "notebook.ipynb", 4).cells
        if "execution_count" in cell
    ]
    assert counts == [1, 2, 3, None]
    assert left(made.folder.parent) == [made.folder]


LATE = """
import os, sys
from pathlib import Path
starts = Path(__file__).with_name("starts.txt")
with starts.open("a") as file:
    file.write("x")
if len(starts.read_text()) < {needed}:
    sys.exit("Address already in use")
os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", "-f", sys.argv[1]])
"""


@pytest.mark.parametrize(("needed", "starts", "done"), [(3, 3, True), (4, 3, False)])
def test_kernel_that_does_not_start_is_tried_again(save, tmp_path, monkeypatch, needed, starts, done):
    (tmp_path / "late.py").write_text(LATE.format(needed=needed))
    late = KernelSpec(argv=[sys.executable, str(tmp_path / "late.py"), "{connection_file}"], language="python")
    monkeypatch.setattr(engine.CurrentKernelSpecs, "get_kernel_spec", lambda *_: late)
    made = task.run(task.plan(notebooks.read(save(["x: int = 1"])), {}), tmp_path / "runs")
    assert (made.done, (tmp_path / "starts.txt").read_text()) == (done, starts * "x")


def test_failed_cell_is_not_tried_again(save, tmp_path):
    path = save(["open('starts.txt', 'a').write('x')", "import os\nos._exit(1)"])
    made = task.run(task.plan(notebooks.read(path), {}), tmp_path / "runs")
    assert made.record["error"]["name"] == "DeadKernelError" and made.record["error"]["cell"] == 2
    assert (tmp_path / "starts.txt").read_text() == "x"


def test_default_beyond_the_largest_float_is_recorded_as_text(no_kernel, save, tmp_path):
    made = task.run(task.plan(notebooks.read(save(["limit: float = 1e999"])), {}), tmp_path / "runs")
    assert made.record["parameters"] == {"limit": "Infinity"}


def test_success_clears_the_failure_before_it(monkeypatch, save, tmp_path):
    planned = task.plan(notebooks.read(save(["epochs: int = 5"])), {})
    monkeypatch.setattr(engine, "execute", lambda *_: 1 / 0)
    assert not task.run(planned, tmp_path / "runs").done
    monkeypatch.setattr(engine, "execute", copy_instead)
    made = task.run(planned, tmp_path / "runs")
    assert made.done and left(made.folder.parent) == [made.folder]


def test_failure_does_not_replace_a_finished_run(no_kernel, monkeypatch, save, tmp_path):
    planned = task.plan(notebooks.read(save(["epochs: int = 5"])), {})
    first = task.run(planned, tmp_path / "runs")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(engine, "execute", full)
    failed = task.run(planned, tmp_path / "runs", force=True)
    assert not failed.done and "No space left" in failed.record["error"]["message"]
    assert task.run(planned, tmp_path / "runs").record == first.record


def test_interruption_is_recorded_and_passed_on(monkeypatch, save, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "execute", interrupt)
    with pytest.raises(KeyboardInterrupt):
        task.run(task.plan(notebooks.read(save(["epochs: int = 5"])), {}), tmp_path / "runs")
    (folder,) = left(tmp_path / "runs" / "toy")
    assert folder.name.endswith("-failed") and runs.load(folder).record["error"]["name"] == "KeyboardInterrupt"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"status": "unheard"}'])
def test_damaged_record_is_refused(tmp_path, content):
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(DataError, match="is not a run"):
        runs.load(tmp_path)


def test_record_that_is_no_file_or_too_large_is_refused(tmp_path):
    os.mkfifo(tmp_path / "record.json")
    with pytest.raises(DataError, match="is no file"):
        runs.load(tmp_path)
    (tmp_path / "record.json").unlink()
    with (tmp_path / "record.json").open("wb") as file:
        file.truncate(runs.MAXIMUM_BYTES + 1)
    with pytest.raises(DataError, match="larger than"):
        runs.load(tmp_path)


@pytest.fixture
def house(monkeypatch, tmp_path, save):
    """A folder that stands for the repository, with one notebook and a profile."""
    monkeypatch.setattr(resources, "root", lambda: tmp_path)
    path = save(["epochs: int = 5  # passes\nrate: float = 0.1  # of learning"], "notebooks/ecg/arrhythmia.ipynb")
    profiles = tmp_path / "notebooks" / "profiles"
    profiles.mkdir()
    (profiles / "real.yaml").write_text("ecg/arrhythmia:\n  epochs: 50\n  rate: 1e-3\n")
    (profiles / "odd.yaml").write_text("ecg/arrhythmia:\n  epoch: 50\n")
    return path


def test_given_values_win_over_the_profile(house):
    planned = task.plan(notebooks.read(house), {"epochs": "7"}, "real")
    assert planned.values == {"epochs": 7, "rate": 0.001}


@pytest.mark.parametrize(
    ("profile", "message"), [("rael", "there are smoke, odd, real"), ("odd", r"Did you mean epochs\?")]
)
def test_profile_is_checked(house, profile, message):
    with pytest.raises(UsageError, match=message):
        task.plan(notebooks.read(house), {}, profile)


def test_profile_without_a_set_for_the_notebook_is_refused(house, save):
    with pytest.raises(UsageError, match="no set of parameters for toy"):
        task.plan(notebooks.read(save(["x: int = 1"])), {}, "real")


def test_kept_figures_are_listed_and_go_stale(house, toy, monkeypatch):
    notebook = notebooks.read(house)
    identity = {"id": notebook.id, "profile": "real", "code": notebooks.digest(notebook.cells)}
    identity["library"] = library.digest(notebook)
    _, made = toy
    path = runs.keep(runs.Run(made.folder, made.record | identity, made.results, True))
    assert path == resources.root() / "data" / "results" / "real" / "ecg" / "arrhythmia.json"
    (entry,) = catalogue.entries()
    assert entry["id"] == "ecg/arrhythmia"
    assert entry["results"]["real"] == made.results.to_dict() | {"stale": False}
    monkeypatch.setattr(library, "digest", lambda _: "changed")
    assert catalogue.entries()[0]["results"]["real"]["stale"]


def test_failed_run_is_not_kept(house, toy):
    _, made = toy
    with pytest.raises(UsageError, match="nothing to keep"):
        runs.keep(runs.Run(made.folder, made.record | {"status": "failed"}, made.results, True))
