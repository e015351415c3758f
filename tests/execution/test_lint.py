"""Each rule of the lint: the clean notebook passes, and one fault in it is found and named."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from medlib.execution import lint, notebooks


@pytest.fixture(autouse=True)
def own(monkeypatch, tmp_path):
    """A folder that stands for that of medlib's own notebooks."""
    monkeypatch.setattr(notebooks, "folder", lambda: tmp_path)


@pytest.fixture
def elsewhere(monkeypatch, own, tmp_path):
    """Notebooks are saved outside of that folder."""
    monkeypatch.setattr(notebooks, "folder", lambda: tmp_path / "notebooks")


def code(node):
    return [cell for cell in node.cells if cell.cell_type == "code"]


def prose(node, heading):
    return next(cell for cell in node.cells if cell.source.startswith(f"## {heading}"))


def faults(node, save):
    return lint.problems(notebooks.read(save(node)))


def test_clean_notebook_has_no_faults(clean, save):
    assert faults(clean, save) == []


@pytest.mark.parametrize("heading", ["Baseline", "Limits", "References"])
def test_missing_section(clean, save, heading):
    clean.cells.remove(prose(clean, heading))
    assert any(f"no heading for {heading.lower()}" in fault for fault in faults(clean, save))


def test_sections_out_of_order(clean, save):
    baseline, model = prose(clean, "Baseline"), prose(clean, "Model")
    baseline.source, model.source = model.source, baseline.source
    assert ["no heading for model" in fault for fault in faults(clean, save)] == [True]


@pytest.mark.parametrize("source", ["No title. Why?", "# A title that asks nothing"])
def test_opening(clean, save, source):
    clean.cells[0].source = source
    assert ["title" in fault for fault in faults(clean, save)] == [True]


@pytest.mark.parametrize(
    ("source", "count"), [("## Limits\n\nNone.", 0), ("## Limits\n\n" + "Not for\nclinical use. " * 2, 2)]
)
def test_disclaimer_stands_once(clean, save, source, count):
    prose(clean, "Limits").source = source
    assert [f"'not for clinical use' {count} times" in fault for fault in faults(clean, save)] == [True]


@pytest.mark.parametrize("field", ["title", "application", "task", "datasets", "references"])
def test_metadata_is_complete(clean, save, field):
    del clean.metadata.medlib[field]
    assert faults(clean, save) == [f"the notebook's metadata `medlib` lacks {field}"]


def test_prose_before_code(clean, save):
    prose(clean, "Model").source = "## Model"
    assert ["no sentence of prose" in fault for fault in faults(clean, save)] == [True]


@pytest.mark.parametrize("counts", [{0: 2}, {3: 5}, {0: 2, 1: 1}])
def test_execution_counts(clean, save, counts):
    for index, count in counts.items():
        code(clean)[index].execution_count = count
    assert ["execution counts" in fault for fault in faults(clean, save)] == [True]


def test_unexecuted_notebook(clean, save):
    for cell in code(clean):
        cell.execution_count, cell.outputs = None, []
    assert "12 code cells have not been executed; run all cells and save" in faults(clean, save)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("seed = 0  # of every draw", "seed has no type"),
        ("seed: int = 0", "seed has no comment"),
        ("seed: int = 'zero'  # of every draw", "seed=zero is not of type int"),
        ("seed: Model = 0  # of every draw", "cannot be read"),
    ],
)
def test_parameters_are_typed_and_explained(clean, save, source, message):
    code(clean)[1].source = source
    assert [message in fault for fault in faults(clean, save)] == [True]


@pytest.mark.parametrize("tagged", [[], [0, 1]])
def test_one_parameters_cell(clean, save, tagged):
    for index in (0, 1):
        code(clean)[index].metadata.tags = ["parameters"] if index in tagged else []
    assert [f"{len(tagged)} cells are tagged" in fault for fault in faults(clean, save)] == [True]


def test_results_bundle(clean, save):
    code(clean)[8].outputs[0].data = {"text/plain": "f1_s 0.5"}
    assert ["does not show a medlib.results.Results" in fault for fault in faults(clean, save)] == [True]


@pytest.mark.parametrize("removed", [0, 1, 2])
def test_exercise_is_three_cells(clean, save, removed):
    code(clean)[9 + removed].metadata.tags = []
    assert any("each exercise is exercise, solution, check" in fault for fault in faults(clean, save))


def test_solution_is_hidden(clean, save):
    del code(clean)[10].metadata["jupyter"]
    assert ["a solution is not hidden" in fault for fault in faults(clean, save)] == [True]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\n" * 21, "21 lines; at most 20"),
        ("!false", "shell escape"),
        ("files = !ls", "shell escape"),
        ("get_ipython().system('false')", "shell escape"),
        ("import os\nos.system('false')", "shell escape"),
        ("%%bash\nls", "magic bash"),
        ("%nosuch", "magic nosuch"),
        ("%%nosuchmagic\n1", "magic nosuchmagic"),
        ("%matplotlb inline", "magic matplotlb"),
        ("y = %timeit 1", "magic timeit"),
        ("open('/tmp/x')", "absolute path '/tmp/x'"),
        ("open('~/x')", "absolute path '~/x'"),
        (r"open('C:\\data')", "absolute path 'C:"),
        ("model.cuda()", "to(device)"),
        ("if", "not Python"),
    ],
)
def test_source(clean, save, source, message):
    code(clean)[5].source = source
    assert [message in fault for fault in faults(clean, save)] == [True]


@pytest.mark.parametrize(
    "source",
    ["x = 1\n" * 20, "%matplotlib inline", "rate = 3 / 4", "open('data/x')", "model.to('cuda')", "platform.system()"],
)
def test_source_that_is_fine(clean, save, source):
    code(clean)[5].source = source
    assert faults(clean, save) == []


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (new_output("error", ename="ValueError", evalue="", traceback=[]), "an error: ValueError"),
        (new_output("stream", name="stderr", text="a warning"), "wrote to stderr"),
        (new_output("stream", name="stdout", text="saved to /home/me/x.pt"), "absolute path /home/me/x.pt"),
        (new_output("display_data", {"text/plain": "PosixPath('/home/me')"}), "absolute path /home/me"),
        (new_output("display_data", {"image/png": "iVBORw0KGgo="}), "no alternative text"),
        (new_output("display_data", {"image/png": ""}, metadata={"image/png": {"alt": ""}}), "no alternative text"),
    ],
)
def test_outputs(clean, save, output, message):
    code(clean)[5].outputs = [output]
    assert [message in fault for fault in faults(clean, save)] == [True]


@pytest.mark.parametrize(
    "output",
    [
        new_output("display_data", {"image/png": "iVBORw0KGgo="}, metadata={"image/png": {"alt": "A line."}}),
        new_output("stream", name="stdout", text="3/4 of the beats, 60 / min, application/json, e/j"),
    ],
)
def test_outputs_that_are_fine(clean, save, output):
    code(clean)[5].outputs = [output]
    assert faults(clean, save) == []


@pytest.mark.parametrize(
    ("source", "tags"),
    [
        ("1", ["nbval-skip"]),
        ("1", ["nbval-ignore-output"]),
        ("1", ["nbval-raises-exception"]),
        ("1", ["raises-exception"]),
        ("# NBVAL_SKIP\n1", []),
        ("1\n  #NBVAL_IGNORE_OUTPUT", []),
        ("# PYTEST_VALIDATE_IGNORE_OUTPUT\n1", []),
    ],
)
def test_marks_that_switch_the_comparison_off(clean, save, source, tags):
    code(clean)[5].update(source=source)
    code(clean)[5].metadata.tags = tags
    assert ["changes what nbval compares" in fault for fault in faults(clean, save)] == [True]


def test_what_does_not_follow_the_schema(clean, save):
    path = save(clean)
    path.write_text(path.read_text().replace('"output_type": "stream"', '"output_type": "steam"'))
    assert ["schema" in fault for fault in lint.problems(notebooks.read(path))] == [True]


ELSEWHERE = {
    "no parameters, sections, alternative text": (("1", 1), []),
    "absolute path": (("open('/tmp/x')", 1), []),
    "magic": (("%timeit 1", 1), []),
    "nbval is told to skip it": (("# NBVAL_SKIP\n1", 1), []),
    "warning": (("1", 1, new_output("stream", name="stderr", text="a warning")), []),
    "not executed": (("1", None), ["1 code cells have not been executed"]),
    "out of order": (("1", 2), ["execution counts are [2]"]),
    "shell escape": (("!false", 1), ["shell escape"]),
    "not Python": (("if", 1), ["not Python"]),
    "error": (("1", 1, new_output("error", ename="ValueError", evalue="", traceback=[])), ["an error: ValueError"]),
    "unknown magic": (
        (
            "%nosuch",
            1,
            new_output("stream", name="stderr", text="UsageError: Line magic function `%nosuch` not found."),
        ),
        ["an error: UsageError"],
    ),
}


@pytest.mark.parametrize(("cell", "messages"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_notebook_from_elsewhere(elsewhere, save, cell, messages):
    source, count, *outputs = cell
    found = faults(new_notebook(cells=[new_code_cell(source, execution_count=count, outputs=outputs)]), save)
    assert len(found) == len(messages) and all(message in fault for message, fault in zip(messages, found, strict=True))


def test_error_that_is_meant_in_a_notebook_from_elsewhere(elsewhere, save):
    error = new_output("error", ename="ZeroDivisionError", evalue="", traceback=[])
    cell = new_code_cell("1 / 0", execution_count=1, outputs=[error], metadata={"tags": ["raises-exception"]})
    assert faults(new_notebook(cells=[cell]), save) == []


@pytest.mark.parametrize(
    "cells", [[], [new_markdown_cell("Prose.")], [new_code_cell("")]], ids=["none", "prose", "empty"]
)
def test_nothing_to_run(elsewhere, save, cells):
    assert faults(new_notebook(cells=cells), save) == ["there is no code in it, so nothing would be compared"]


def test_other_language(save):
    node = new_notebook(
        cells=[new_code_cell("x <- 1")], metadata={"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}
    )
    assert faults(node, save) == ["it is written in r; notebooks in Python are validated"]


def test_cell_without_source_is_not_executed(elsewhere, save):
    node = new_notebook(
        cells=[new_code_cell("1", execution_count=1), new_code_cell(" \n"), new_code_cell("2", execution_count=2)]
    )
    assert faults(node, save) == []
