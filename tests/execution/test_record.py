"""What a run depended on."""

import ast
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


SOURCE = '''"""Module."""

import os  # the system


class Rate:
    """What it is.

    Two paragraphs.
    """

    unit = "Hz"  # per second

    def double(self, x, text="""kept"""):
        r"""Twice."""
        return f"{2 * x} # kept" + (
            "kept"
            "kept too"
        )
'''
BARE = """import os
class Rate:

    unit = "Hz"
    def double(self, x, text=\"\"\"kept\"\"\"):
        return f"{2 * x} # kept" + (
            "kept"
            "kept too"
        )
"""


def test_code_is_what_runs():
    assert record.code(SOURCE).replace("\n\n", "\n") == BARE.replace("\n\n", "\n").strip()
    assert record.code(record.code(SOURCE)) == record.code(SOURCE)
    assert record.code(SOURCE) != record.code(SOURCE.replace("2 * x", "3 * x")) != record.code(SOURCE)


def test_code_of_every_module_still_means_the_same():
    for path in sorted(Path(medlib.__file__).parent.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                node.body = [item for item in body if not _is_text(item)]
        try:
            bare = ast.parse(record.code(path.read_text()))
        except SyntaxError:  # a body that was nothing but its docstring
            continue
        assert ast.dump(bare) == ast.dump(tree), path


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


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
