"""Check a notebook without running it: each rule yields what breaks it.

medlib's own notebooks keep the whole contract. Of others only that is asked without which comparing what they show with
what they store would mean nothing; they may have cells that nbval is told to skip, errors that are meant to be shown
(tag ``raises-exception``), and warnings.
"""

import ast
import itertools
import re

import nbformat.validator
from IPython.core.inputtransformer2 import TransformerManager
from nbval.plugin import comment_markers, metadata_tags

from medlib.errors import UsageError
from medlib.execution import notebooks, parameters
from medlib.results import MIME_TYPE

MAXIMUM_LINES = 20
METADATA = ("title", "application", "task", "datasets", "references")
MAGICS = ("matplotlib", "config", "load_ext")
EXERCISE_TAGS = ("exercise", "solution", "check")
DISCLAIMER = "not for clinical use"
# What each section's heading must say, in the order of the contract.
SECTIONS = {
    "what you will learn": r"learn",
    "what it needs": r"need",
    "imports": r"import",
    "parameters": r"parameter",
    "seed and device": r"seed|device",
    "data and split": r"data|split",
    "a look at the data": r"look",
    "baseline": r"baseline",
    "model": r"model|method",
    "training": r"train|optimi",
    "evaluation": r"evaluat|result",
    "failure cases": r"fail",
    "limits": r"limit",
    "exercises": r"exercise",
    "references": r"reference",
}
ABSOLUTE_PATH_LITERAL = re.compile(r"/\w{2}|~/|[A-Za-z]:\\")
ABSOLUTE_PATH_OUTPUT = re.compile(r"(?:^|[\s'\"(=,\[])(/(?:[\w.-]+/)+[\w.-]+|[A-Za-z]:\\[\w\\.-]+)")


def problems(notebook):
    """What is wrong with a notebook.

    Parameters
    ----------
    notebook : Notebook

    Returns
    -------
    list of str
        One line a fault, naming the cell (counted from 1, prose included); empty where the rules are kept.
    """
    if not nbformat.validator.isvalid(notebook.content):
        return ["it does not follow the schema of nbformat 4; open and save it in JupyterLab"]
    if notebook.language != "python":
        return [f"it is written in {notebook.language}; notebooks in Python are validated"]
    notebook_rules = COMMON_RULES + (NOTEBOOK_RULES if notebook.ours else ())
    cell_rules = COMMON_CELL_RULES + (CELL_RULES if notebook.ours else ())
    faults = [fault for rule in notebook_rules for fault in rule(notebook)]
    for number, cell in enumerate(notebook.cells, 1):
        if cell["cell_type"] == "code":
            faults += [f"cell {number}: {fault}" for rule in cell_rules for fault in rule(cell)]
    return faults


def metadata(notebook):
    """The medlib metadata is complete."""
    for field in METADATA:
        if not notebook.metadata.get(field):
            yield f"the notebook's metadata `medlib` lacks {field}"


def parameters_cell(notebook):
    """One cell is tagged ``parameters``; each has an annotation, a comment, and a default that they allow."""
    tagged = [cell for cell in notebooks.code_cells(notebook) if "parameters" in notebooks.tags(cell)]
    if len(tagged) != 1:
        yield f"{len(tagged)} cells are tagged `parameters`; tag one"
        return
    try:
        declared = parameters.declared(notebook)
        literal = {name: found.default for name, found in declared.items() if found.annotation != "Any"}
        parameters.check(declared, literal)
    except UsageError as error:
        yield f"parameters: {error}"
        return
    for name, found in declared.items():
        if not re.search(rf"^{name}\s*:", tagged[0]["source"], re.MULTILINE):
            yield f"parameter {name} has no type; write {name}: int = …"
        if not found.meaning:
            yield f"parameter {name} has no comment that gives its meaning, unit and choices"


def sections(notebook):
    """The notebook opens with a title and a question, and its sections come in the order of the contract."""
    opening = notebook.cells[0] if notebook.cells else {"cell_type": "", "source": ""}
    if opening["cell_type"] != "markdown" or not opening["source"].startswith("# ") or "?" not in opening["source"]:
        yield "the first cell is not a title (# …) with the question that the notebook answers"
    headings = iter(re.findall(r"^##+ +(.*)$", _prose(notebook), re.MULTILINE))
    for section, pattern in SECTIONS.items():
        if not any(re.search(pattern, heading, re.IGNORECASE) for heading in headings):
            yield f"no heading for {section}, in the contract's order: {', '.join(SECTIONS)}"
            return


def disclaimer(notebook):
    """The prose says once that it is not for clinical use."""
    count = " ".join(_prose(notebook).lower().split()).count(DISCLAIMER)
    if count != 1:
        yield f"the prose says {DISCLAIMER!r} {count} times; say it once, under the limits"


def prose_before_code(notebook):
    """A sentence of prose stands before each code cell; an exercise is one step of three cells."""
    for number, (before, cell) in enumerate(itertools.pairwise(notebook.cells), 2):
        continues = {"solution", "check"} & set(notebooks.tags(cell)) and set(EXERCISE_TAGS) & set(
            notebooks.tags(before)
        )
        if cell["cell_type"] != "code" or continues:
            continue
        lines = before["source"].splitlines() if before["cell_type"] == "markdown" else []
        if not any(line.strip() and not line.startswith("#") for line in lines):
            yield f"cell {number}: no sentence of prose says why, right before it"


def execution_counts(notebook):
    """There is something to run, and the stored outputs come from one run from top to bottom."""
    # Jupyter does not run a cell without source.
    counts = [cell.get("execution_count") for cell in notebooks.code_cells(notebook) if cell["source"].strip()]
    if not counts:
        yield "there is no code in it, so nothing would be compared"
    elif None in counts:
        yield f"{counts.count(None)} code cells have not been executed; run all cells and save"
    elif counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}, not 1 to {len(counts)}; restart the kernel and run all cells"


def results_bundle(notebook):
    """The last code cell before or after the exercises shows the results bundle."""
    cells = [cell for cell in notebooks.code_cells(notebook) if not set(EXERCISE_TAGS) & set(notebooks.tags(cell))]
    if not any(MIME_TYPE in output.get("data", {}) for cell in cells[-1:] for output in cell.get("outputs", [])):
        yield "the last code cell (exercises apart) does not show a medlib.results.Results"


def exercises(notebook):
    """Each exercise is a stub, its solution with hidden source, and a check."""
    cells = [cell for cell in notebooks.code_cells(notebook) if set(EXERCISE_TAGS) & set(notebooks.tags(cell))]
    kinds = [tag for cell in cells for tag in EXERCISE_TAGS if tag in notebooks.tags(cell)]
    if not kinds or kinds != list(EXERCISE_TAGS) * (len(kinds) // 3):
        yield f"cells tagged for exercises are {kinds}; each exercise is {', '.join(EXERCISE_TAGS)}"
    for cell in cells:
        hidden = cell["metadata"].get("jupyter", {}).get("source_hidden")
        if "solution" in notebooks.tags(cell) and not hidden:
            yield "a solution is not hidden; set jupyter.source_hidden in the cell's metadata"


def length(cell):
    """A cell is one step."""
    lines = len(cell["source"].splitlines())
    if lines > MAXIMUM_LINES:
        yield f"{lines} lines; at most {MAXIMUM_LINES} in a cell"


def python(cell):
    """Python without shell escapes."""
    try:
        tree = _tree(cell)
    except SyntaxError as error:
        yield f"not Python: {error}"
        return
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="system" | "getoutput", value=ast.Call() | ast.Name("os" | "subprocess"))
            ):
                yield "shell escape, whose failure would go unseen; write it in Python"


def portable(cell):
    """It runs on any machine: no unknown magic, no absolute path, no fixed device."""
    try:
        tree = _tree(cell)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if ABSOLUTE_PATH_LITERAL.match(text):
                yield f"absolute path {text!r}; take folders from medlib.datasets or a parameter"
            case ast.Call(func=ast.Attribute(attr="cuda")):
                yield ".cuda() fails where there is no GPU; write .to(device)"
            case ast.Call(
                func=ast.Attribute(attr="run_line_magic" | "run_cell_magic"), args=[ast.Constant(value=name), *_]
            ) if name not in MAGICS:
                yield f"magic {name} is none of {', '.join(MAGICS)}"


def compared(cell):
    """No mark tells nbval to skip the cell, to expect an error, or to ignore its output."""
    marks = [tag for tag in notebooks.tags(cell) if tag in metadata_tags]
    comments = [line.strip().lstrip("# ") for line in cell["source"].splitlines() if line.lstrip().startswith("#")]
    for mark in [*marks, *(comment for comment in comments if comment in comment_markers)]:
        yield f"{mark} changes what nbval compares; remove it"


def errors(cell):
    """No error is stored that is not meant: nbval reports the errors of cells, but not those of magics."""
    if "raises-exception" in notebooks.tags(cell):
        return
    for output in cell.get("outputs", []):
        if output.get("output_type") == "error":
            yield f"its output is an error: {output.get('ename')}"
        if output.get("name") == "stderr" and "".join(output.get("text", "")).startswith("UsageError"):
            yield f"its output is an error: {''.join(output['text']).strip()}"


def outputs(cell):
    """What is stored is fit to be compared and read: no noise, no paths, no figure without words."""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if output.get("name") == "stderr":
            yield "it wrote to stderr; silence or fix the warning"
        for mime in data:
            described = output.get("metadata", {}).get(mime, {}).get("alt") or cell["metadata"].get("alt")
            if mime.startswith("image/") and not described:
                yield "a figure has no alternative text; show it by medlib.plots.figures.show(figure, alt)"
        texts = [output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
        for found in ABSOLUTE_PATH_OUTPUT.findall("\n".join("".join(text) for text in texts)):
            yield f"its output holds the absolute path {found}"


def _tree(cell):
    return ast.parse(TransformerManager().transform_cell(cell["source"]))


def _prose(notebook):
    return "\n\n".join(cell["source"] for cell in notebook.cells if cell["cell_type"] == "markdown")


COMMON_RULES = (execution_counts,)
COMMON_CELL_RULES = (python, errors)
NOTEBOOK_RULES = (
    metadata,
    parameters_cell,
    sections,
    disclaimer,
    prose_before_code,
    results_bundle,
    exercises,
)
CELL_RULES = (length, portable, compared, outputs)
