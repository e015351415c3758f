"""What a run depended on."""

import subprocess
from pathlib import Path

import pytest

from medlib import datasets
from medlib.errors import UsageError
from medlib.execution import notebooks, record


def notebook(*names):
    return notebooks.Notebook("toy", Path("toy.ipynb"), {"metadata": {"medlib": {"datasets": list(names)}}})


def test_data_is_the_provenance_of_the_sets_that_are_named():
    assert record.data(notebook("mitdb-sample", "mitdb")) == [
        datasets.get("mitdb-sample").provenance(),
        datasets.get("mitdb").provenance(),
    ]
    assert record.data(notebook()) == []


def test_unknown_data_set_is_refused():
    with pytest.raises(UsageError, match=r"names datasets \['mitbd'\]; medlib knows .*mitdb"):
        record.data(notebook("mitbd"))


def test_modules_beside_a_notebook_count(tmp_path):
    (tmp_path / "helpers.py").write_text("x = 1")
    before = record.modules(tmp_path)
    assert list(before) == ["helpers.py"]
    (tmp_path / "helpers.py").write_text("x = 2")
    assert record.modules(tmp_path) != before
    (tmp_path / "package" / "inner").mkdir(parents=True)
    (tmp_path / "package" / "inner" / "core.py").touch()
    (tmp_path / "odd.py").mkdir()
    (tmp_path / ".#helpers.py").symlink_to("nowhere")
    assert list(record.modules(tmp_path)) == ["helpers.py"]
    (tmp_path / "package" / "__init__.py").touch()
    assert set(record.modules(tmp_path)) == {"helpers.py", "package/__init__.py", "package/inner/core.py"}


def test_commit_and_whether_files_changed_since(tmp_path):
    assert record.git(tmp_path) is None

    def git(*arguments):
        identity = ["-c", "user.name=Name", "-c", "user.email=name@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True, text=True
        )

    git("init")
    git("commit", "--allow-empty", "--message", "Begin")
    commit = git("rev-parse", "HEAD").stdout.strip()
    assert record.git(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "new").touch()
    assert record.git(tmp_path) == {"commit": commit, "dirty": True}


def test_machine_without_gpu_tools_has_no_gpus(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert record.machine()["gpus"] == []
