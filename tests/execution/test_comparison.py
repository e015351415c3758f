"""nbval with medlib's comparison: what a rerun may change, and what it may not."""

import copy
import json
import re
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from medlib.execution.comparison import differing
from medlib.results import MIME_TYPE

BUNDLE = """
results = Results([{"name": "toy", "version": "1", "sha256": "0", "simulated": True}])
results.add("f1_s", 0.5, tolerance=0.1, baseline=0.25)
results"""
FIGURE = 'display({"text/plain": "A line.", "image/png": "iVBORw0KGgo="}, raw=True)'


def test_same_bundle_agrees(bundle):
    assert differing(bundle, copy.deepcopy(bundle)) == []


@pytest.mark.parametrize(("value", "agrees"), [(0.59, True), (0.41, True), (0.61, False), (0.39, False)])
def test_value_may_differ_by_its_tolerance(bundle, value, agrees):
    new = copy.deepcopy(bundle)
    new["metrics"][0]["value"] = value
    assert (differing(new, bundle) == []) == agrees


def test_without_a_tolerance_the_value_must_agree(bundle):
    bundle["metrics"][0]["tolerance"] = None
    new = copy.deepcopy(bundle)
    new["metrics"][0]["value"] += 1e-6
    assert differing(new, bundle) == ["f1_s: value is 0.500001, stored 0.5, tolerance 0"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "f1_v"), ("unit", "mm"), ("n", 3), ("direction", "lower"), ("tolerance", 0.2), ("baseline", None)],
)
def test_other_fields_must_be_the_same(bundle, field, value):
    new = copy.deepcopy(bundle)
    new["metrics"][0][field] = value
    assert len(differing(new, bundle)) == 1


@pytest.mark.parametrize(("interval", "agrees"), [((0.4, 0.6), True), ((None, None), False)])
def test_interval_has_to_be_there(bundle, interval, agrees):
    bundle["metrics"][0].update(low=0.45, high=0.55)
    new = copy.deepcopy(bundle)
    new["metrics"][0].update(low=interval[0], high=interval[1])
    assert (differing(new, bundle) == []) == agrees


@pytest.mark.parametrize("metrics", [[], [{"name": "f1_s", "value": float("nan")}]])
def test_missing_metric_and_nan_differ(bundle, metrics):
    assert differing(bundle | {"metrics": metrics}, bundle) != []


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Outcome of each cell of one notebook whose stored outputs differ from the new ones in known ways."""
    stored = json.loads(
        '{"metrics": [{"name": "f1_s", "value": 0.55, "tolerance": 0.1, "baseline": 0.25}],'
        '"data": "simulated", "sources": [{"name": "toy", "version": "1", "sha256": "0", "simulated": true}]}'
    )
    beyond, missing = copy.deepcopy(stored), copy.deepcopy(stored)
    beyond["metrics"][0]["value"] = 0.65
    missing["metrics"].append({"name": "f1_v", "value": 0.9})

    def shown(bundle):
        data = {MIME_TYPE: bundle, "text/plain": "differs", "text/html": "<b>differs</b>"}
        return new_output("execute_result", data, execution_count=1)

    figure = new_output("display_data", {"text/plain": "A line.", "image/png": "AAAA"})
    cells = {
        "imports": ("from IPython.display import display\nfrom medlib.results import Results", []),
        "within": (BUNDLE, [shown(stored)]),
        "beyond": (BUNDLE, [shown(beyond)]),
        "missing metric": (BUNDLE, [shown(missing)]),
        "no bundle": ("None", [shown(stored)]),
        "other pixels": (FIGURE, [figure]),
        "vanished figure": (FIGURE, [figure, figure]),
        "new figure": (FIGURE, []),
        "same text": ("print('one')", [new_output("stream", name="stdout", text="one\n")]),
        "other text": ("print('two')", [new_output("stream", name="stdout", text="one\n")]),
    }
    folder = tmp_path_factory.mktemp("nbval")
    code = [new_code_cell(source, outputs=outputs, execution_count=1) for source, outputs in cells.values()]
    kernel = {"kernelspec": {"name": "not-here", "display_name": "Not here"}}
    nbformat.write(new_notebook(cells=code, metadata=kernel), folder / "toy.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "-p", "medlib.execution.comparison", "-rA", "toy.ipynb"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    results = {
        cell: outcome for outcome, cell in re.findall(r"^(PASSED|FAILED) .*(Cell \d+)", done.stdout, re.MULTILINE)
    }
    assert len(results) == len(cells), done.stdout
    return dict(zip(cells, (results[f"Cell {number}"] for number in range(len(cells))), strict=True))


@pytest.mark.parametrize("name", ["imports", "within", "other pixels", "same text"])
def test_cell_passes(outcomes, name):
    assert outcomes[name] == "PASSED"


@pytest.mark.parametrize(
    "name", ["beyond", "missing metric", "no bundle", "vanished figure", "new figure", "other text"]
)
def test_cell_fails(outcomes, name):
    assert outcomes[name] == "FAILED"
