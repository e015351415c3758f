"""What a rerun may change, and what it may not: nbval alone, and with medlib's comparison."""

import base64
import copy
import inspect
import io
import re
import subprocess
import sys

import nbformat
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook, new_output

from medlib.execution.comparison import differing
from medlib.results import MIME_TYPE, Results


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


@pytest.mark.parametrize(
    ("interval", "agrees"),
    [((0.4, 0.6), True), ((0.26, 0.74), True), ((0.24, 0.55), False), ((0.45, 0.76), False), ((None, None), False)],
)
def test_interval_may_move_by_its_width_and_the_tolerance(bundle, interval, agrees):
    bundle["metrics"][0].update(low=0.45, high=0.55)
    new = copy.deepcopy(bundle)
    new["metrics"][0].update(low=interval[0], high=interval[1])
    assert (differing(new, bundle) == []) == agrees


@pytest.mark.parametrize("metrics", [[], [{"name": "f1_s", "value": float("nan")}]])
def test_missing_metric_and_nan_differ(bundle, metrics):
    assert differing(bundle | {"metrics": metrics}, bundle) != []


def draw(*slopes, title="A line"):
    """A figure as PNG in base64, empty where there is no line in it."""
    figure, file = Figure(figsize=(3, 2)), io.BytesIO()
    for slope in slopes:
        figure.add_subplot(title=title).plot([0, slope])
    figure.savefig(file, format="png")
    return base64.b64encode(file.getvalue()).decode()


IMPORTS = f"""
import base64, io
from IPython.display import display
from matplotlib.figure import Figure
from medlib.results import Results

{inspect.getsource(draw)}

def show(*slopes, **options):
    display({{"image/png": draw(*slopes, **options)}}, raw=True)
"""
BUNDLE = """
results = Results([{"name": "toy", "version": "1", "sha256": "0", "simulated": True}])
results.add("f1_s", 0.5, tolerance=0.1, baseline=0.25)
results"""
ONE = [new_output("stream", name="stdout", text="one\n")]


def shown(*metrics, table=None):
    """Output of a cell that shows a results bundle."""
    results = Results([{"name": "toy", "version": "1", "sha256": "0", "simulated": True}])
    for name, value in metrics:
        results.add(name, value, tolerance=0.1, baseline=0.25)
    data = {MIME_TYPE: results.to_dict(), "text/plain": table or repr(results), "text/html": "<b>a table</b>"}
    return [new_output("execute_result", data, execution_count=1)]


@pytest.fixture(scope="module")
def cells():
    """Source, stored outputs and tags of cells whose outputs differ from the new ones in known ways."""
    figure = new_output("display_data", {"image/png": draw(1)})
    return {
        "imports": (IMPORTS, []),
        "same text": ("print('one')", ONE),
        "other text": ("print('two')", ONE),
        "nothing stored": ("print('one')", []),
        "nothing new": ("None", ONE),
        "new warning": ("import warnings; warnings.warn('a warning')", []),
        "value within its tolerance": (BUNDLE, shown(("f1_s", 0.55))),
        "value beyond its tolerance": (BUNDLE, shown(("f1_s", 0.65))),
        "missing metric": (BUNDLE, shown(("f1_s", 0.5), ("f1_v", 0.5))),
        "table of other results": (BUNDLE, shown(("f1_s", 0.5), table="f1_s 0.9")),
        "bundle vanished": ("None", shown(("f1_s", 0.5))),
        "new bundle": (BUNDLE, []),
        "same figure": ("show(1)", [figure]),
        "changed line": ("show(-1)", [figure]),
        "changed title": ("show(1, title='A lime')", [figure]),
        "changed line of a trained network": ("show(1.1)", [figure], "varies"),
        "blank instead of a trained network": ("show()", [figure], "varies"),
        "damaged figure": ("show(1)", [new_output("display_data", {"image/png": "iVBORw0KGgo="})]),
        "vanished figure": ("show(1)", [figure, figure]),
        "new figure": ("show(1); show(1)", [figure]),
        "only figure vanished": ("None", [figure]),
        "other order": ("print('one'); show(1)", [figure, *ONE]),
    }


@pytest.fixture(scope="module")
def run(cells, tmp_path_factory):
    """Outcome of each cell by nbval alone, and with medlib's comparison."""
    folder = tmp_path_factory.mktemp("nbval")
    code = [
        new_code_cell(source, outputs=outputs, execution_count=1, metadata={"tags": tags})
        for source, outputs, *tags in cells.values()
    ]
    kernel = {"kernelspec": {"name": "not-here", "display_name": "Not here"}}
    nbformat.write(new_notebook(cells=code, metadata=kernel), folder / "toy.ipynb")

    def outcomes(*options):
        command = [sys.executable, "-m", "pytest", "--nbval", *options, "-rA", "toy.ipynb"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
        by_number = {
            n: outcome for outcome, n in re.findall(r"^(PASSED|FAILED) .*Cell (\d+)", done.stdout, re.MULTILINE)
        }
        assert len(by_number) == len(cells), done.stdout
        return {name: by_number[str(number)] for number, name in enumerate(cells)}

    return outcomes


@pytest.fixture(scope="module")
def outcomes(run):
    return {"nbval": run("--nbval-current-env"), "medlib": run("-p", "medlib.execution.comparison")}


@pytest.mark.parametrize(
    "name",
    ["imports", "same text", "value within its tolerance", "same figure", "changed line of a trained network"],
)
def test_what_may_change(outcomes, name):
    assert outcomes["medlib"][name] == "PASSED"


@pytest.mark.parametrize(
    "name",
    [
        "other text",
        "nothing stored",
        "nothing new",
        "new warning",
        "value beyond its tolerance",
        "missing metric",
        "table of other results",
        "bundle vanished",
        "new bundle",
    ],
)
def test_what_may_not_change(outcomes, name):
    assert outcomes["medlib"][name] == "FAILED"


@pytest.mark.parametrize(
    "name",
    [
        "changed line",
        "changed title",
        "blank instead of a trained network",
        "damaged figure",
        "vanished figure",
        "new figure",
        "only figure vanished",
        "other order",
    ],
)
def test_what_nbval_alone_passes(outcomes, name):
    assert (outcomes["nbval"][name], outcomes["medlib"][name]) == ("PASSED", "FAILED")
