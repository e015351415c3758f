"""The part of medlib that a notebook uses."""

import ast
from pathlib import Path

import pytest

import medlib
from medlib.execution import library, notebooks

MODULES = {
    "__init__.py": "",
    "errors.py": "",
    "ecg/__init__.py": "",
    "ecg/beats.py": "from medlib.errors import DataError",
    "ecg/rhythm.py": "def late():\n    import medlib.ecg.beats",
    "models/__init__.py": "",
    "models/network.py": "import torch",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small medlib; gives the folder."""
    for name, source in MODULES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
    monkeypatch.setattr(medlib, "__file__", str(tmp_path / "__init__.py"))
    return tmp_path


def digest(*sources):
    cells = [{"cell_type": "code", "source": source} for source in sources]
    return library.digest(notebooks.Notebook("toy", Path("toy.ipynb"), {"cells": cells}))


@pytest.mark.parametrize(
    "source",
    [
        "from medlib.ecg import rhythm",
        "import medlib.ecg.rhythm as r",
        "from medlib.ecg.rhythm import late",
        "%matplotlib inline\nfrom medlib.ecg.rhythm import late",
        "if True:\n    from medlib.ecg import (\n        rhythm,\n    )",
    ],
)
@pytest.mark.parametrize("changed", MODULES)
def test_only_what_a_notebook_imports_counts(package, source, changed):
    before = digest("x = 1", source)
    (package / changed).write_text(MODULES[changed] + "\nvalue = 1")
    assert (digest("x = 1", source) != before) == (not changed.startswith("models"))


def test_documentation_does_not_count(package):
    before = digest("from medlib.ecg import beats")
    (package / "ecg" / "beats.py").write_text(f'"""Beats."""\n\n# Errors.\n{MODULES["ecg/beats.py"]}\n')
    assert digest("from medlib.ecg import beats") == before


def test_where_data_come_from_does_not_count_and_how_they_are_read_does(package):
    (package / "datasets").mkdir()
    for name in ("__init__", "registry", "records"):
        (package / "datasets" / f"{name}.py").write_text("from medlib.datasets import records, registry")
    before = digest("from medlib import datasets")
    (package / "datasets" / "registry.py").write_text("value = 1")
    assert digest("from medlib import datasets") == before
    (package / "datasets" / "records.py").write_text("value = 1")
    assert digest("from medlib import datasets") != before


def test_a_cell_that_is_no_python_and_one_without_medlib_count_nothing(package):
    assert digest("x = = 1", "import numpy") == digest() != digest("import medlib")


def test_the_headline_notebook_uses_what_it_imports():
    notebook = notebooks.find("ecg/arrhythmia_1dcnn")
    root, found = Path(medlib.__file__).parent, set()
    for cell in notebooks.code_cells(notebook):
        found |= library._imported(root, cell["source"])
    names = {path.relative_to(root).as_posix() for path in found}
    assert {"training.py", "datasets/__init__.py", "ecg/ec57.py", "models/beat_network.py"} <= names
    assert not any(name.startswith(("cli", "execution")) for name in names)


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
    assert library.code(SOURCE).replace("\n\n", "\n") == BARE.replace("\n\n", "\n").strip()
    assert library.code(library.code(SOURCE)) == library.code(SOURCE)
    assert library.code(SOURCE) != library.code(SOURCE.replace("2 * x", "3 * x")) != library.code(SOURCE)


def test_code_of_every_module_still_means_the_same():
    for path in sorted(Path(medlib.__file__).parent.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                node.body = [item for item in body if not _is_text(item)]
        try:
            bare = ast.parse(library.code(path.read_text()))
        except SyntaxError:  # a body that was nothing but its docstring
            continue
        assert ast.dump(bare) == ast.dump(tree), path


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
