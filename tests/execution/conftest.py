"""Small notebooks to run and to lint: no torch, and a kernel only where a test needs one."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from medlib.results import MIME_TYPE, Results

SOURCE = {"name": "toy", "version": "1", "sha256": "0" * 64, "simulated": True}
PROSE = [
    ("What you will learn", None),
    ("What it needs", None),
    ("Imports", "import json"),
    ("Parameters", "seed: int = 0  # of every random draw"),
    ("Seed and device", "json.dumps(seed)"),
    ("Data and split", "train, test = [1, 2], [3]"),
    ("A look at the data", "print(train)"),
    ("Baseline", "baseline = 0.5"),
    ("Model", "model = max"),
    ("Training", "fitted = model(train)"),
    ("Evaluation", "results"),
    ("Failure cases", None),
    ("Limits", None),
    ("Exercises", "answer = None"),
    ("References", None),
]


@pytest.fixture
def bundle():
    """A results bundle of one metric."""
    results = Results([SOURCE])
    results.add("f1_s", 0.5, tolerance=0.1, baseline=0.25)
    return results.to_dict()


@pytest.fixture
def clean(bundle):
    """A notebook, as nbformat's node, that keeps the contract."""
    cells = [new_markdown_cell("# A toy\n\nCan a toy keep the contract?")]
    for heading, source in PROSE:
        cells.append(new_markdown_cell(f"## {heading}\n\nA sentence says why."))
        if source is not None:
            cells.append(new_code_cell(source))
    code = [cell for cell in cells if cell.cell_type == "code"]
    code[1].metadata.tags = ["parameters"]
    code[4].outputs = [new_output("stream", name="stdout", text="[1, 2]\n")]
    code[8].outputs = [new_output("execute_result", {MIME_TYPE: bundle, "text/plain": "f1_s 0.5"})]
    code[9].metadata.tags = ["exercise"]
    solution = new_code_cell("answer = 42", metadata={"tags": ["solution"], "jupyter": {"source_hidden": True}})
    cells[-1:-1] = [solution, new_code_cell("assert answer == 42", metadata={"tags": ["check"]})]
    next(cell for cell in cells if "## Limits" in cell.source).source += " Not for clinical use."
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), 1):
        cell.execution_count = count
    about = {"title": "A toy", "application": "toys", "task": "play", "datasets": ["toy"], "references": [SOURCE]}
    return new_notebook(cells=cells, metadata={"medlib": about})


@pytest.fixture
def save(tmp_path):
    """Write a notebook's node, or the sources of its code cells, to a file; the first is tagged ``parameters``."""

    def write(content, name="toy.ipynb"):
        if isinstance(content, list):
            content = new_notebook(cells=[new_code_cell(source) for source in content])
            content.cells[0].metadata.tags = ["parameters"]
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(content, path)
        return path

    return write
