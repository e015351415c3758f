"""What a run depended on."""

import subprocess
from pathlib import Path

import pytest

import medlib
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


def test_library_follows_what_a_notebook_can_import(tmp_path, monkeypatch):
    for name in ("__init__.py", "cli/__init__.py", "ecg/beats.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.setattr(medlib, "__file__", str(tmp_path / "__init__.py"))
    before = record.library()
    (tmp_path / "cli" / "__init__.py").write_text("changed")
    assert record.library() == before
    (tmp_path / "ecg" / "beats.py").write_text("changed")
    assert record.library() != before


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
