"""Real data sets as a user elsewhere has them, and runs of notebooks on them."""

import pytest

from medlib import datasets
from medlib.datasets import storage
from medlib.execution import notebooks, task


@pytest.fixture
def real_folder(tmp_path, monkeypatch):
    """Give the folder of a real data set, with the files that the registry lists and no others.

    What lies beside them in somebody's mirror is not there after a download, so nothing may depend on it. The test is
    skipped where the data set is not on this machine.
    """
    original = {}
    for name in datasets.names():
        place, folder = storage.find(datasets.get(name))
        if place != "shipped":
            original[name] = folder
    mirror = tmp_path / "registered"
    mirror.mkdir()
    monkeypatch.setenv("MEDLIB_DATA", str(mirror))
    monkeypatch.setenv("MEDLIB_OFFLINE", "1")

    def locate(name):
        entry = datasets.get(name)
        if not original[name].is_dir():
            pytest.skip(f"the real {name} is neither in MEDLIB_DATA nor in the cache")
        for path in entry.files:
            link = mirror / entry.place / path
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to((original[name] / path).resolve())
        return datasets.locate(name)

    return locate


@pytest.fixture
def run_on_real_data(real_folder, tmp_path):
    """Run a notebook with some parameters on the real data sets that it needs; give its metrics by name."""

    def run(notebook, parameters, needs):
        for name in needs:
            real_folder(name)
        made = task.run(task.plan(notebooks.find(notebook), parameters), tmp_path / "runs")
        assert made.done, made.record["error"]
        # A notebook may use simulated data beside, but not in the place of what it was given.
        simulated = {source["name"]: source["simulated"] for source in made.results.sources}
        assert [simulated.get(name) for name in needs] == [False] * len(needs)
        return {metric.name: metric for metric in made.results.metrics}

    return run
