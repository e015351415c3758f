"""Notebooks that know nothing of medlib, as their authors publish them, and notebooks that cannot be run."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.warnings import DuplicateCellId, MissingIDFieldWarning

from medlib.cli import main
from medlib.execution import notebooks, parameters, runs

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture
def study(monkeypatch, tmp_path):
    """The public notebooks and what lies beside them, in a folder of somebody who stands in the one above."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return Path(shutil.copytree(Path(__file__).parent / "public", tmp_path / "my étude")).relative_to(tmp_path)


@pytest.fixture
def medlib(capfd):
    """Run a command; exit code and all that it and its kernels print."""

    def call(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main(list(map(str, arguments)))
        return exit_.value.code, "".join(capfd.readouterr())

    return call


def outputs(run):
    """Name and message of errors, text of other outputs, of an executed notebook."""
    cells = nbformat.read(run.folder / "notebook.ipynb", as_version=4).cells
    found = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.get("text") or output.get("ename") or output.data["text/plain"] for output in found]


def everything():
    """The runs so far, those that began first in front."""
    made, faults = runs.everything(Path("runs"))
    assert not faults
    return made


def test_notebook_with_files_beside_it_and_a_kernel_that_is_not_here(study, medlib):
    path = study / "blood_pressure.ipynb"
    code, said = medlib("run", path)
    assert code == 0 and "blood_pressure (smoke) done" in said
    (first,) = everything()
    assert "60 ['age', 'weight'] 1 0.1 None True\nR2 0.7\n" in outputs(first)
    assert (study / "figures" / "fit.png").is_file() and not (first.folder / "files").exists()
    assert "was done before" in medlib("run", path)[1]
    with (study / "helpers.py").open("a") as helpers:
        helpers.write("\n\ndef ridge(x, y, alpha):\n    return np.zeros(x.shape[1])\n")
    assert medlib("run", path)[0] == 0
    assert "60 ['age', 'weight'] 1 0.1 None True\nR2 0.0\n" in sum(map(outputs, everything()), [])


def test_sweep_of_a_notebook_whose_tagged_cell_follows_a_tagged_heading(study, medlib):
    command = ["sweep", study / "blood_pressure.ipynb", "-p", "n_rows=none,20", "-p", "features=[weight]", "--jobs", 2]
    code, said = medlib(*command)
    assert code == 0 and "2 made" in said
    printed = [text.split("\n")[0] for run in everything() for text in outputs(run) if "R2" in text]
    assert sorted(printed) == ["20 ['weight'] 1 0.1 20 True", "60 ['weight'] 1 0.1 None True"]
    assert "2 found" in medlib(*command)[1]


def test_notebook_without_kernel_and_parameters_goes_on_after_an_error_that_its_author_allowed(study, medlib):
    path = study / "unfitted_model.ipynb"
    code, said = medlib("run", path)
    assert code == 0 and "done" in said
    (run,) = everything()
    assert outputs(run)[0] == "NotFittedError" and outputs(run)[-1] == "accuracy 0.92\n"
    cells = nbformat.read(run.folder / "notebook.ipynb", as_version=4).cells
    assert [cell.source for cell in cells] == [cell["source"] for cell in notebooks.read(path).cells]
    assert "1 found" in medlib("sweep", path)[1]
    code, said = medlib("sweep", path, "-p", "C=1,2")
    assert code == 2 and "tag its cell of parameters with `parameters`" in said


def test_notebook_of_colab_that_was_run_by_papermill_before(study, medlib):
    path = study / "Copy of heart rate (1).ipynb"
    code, said = medlib("run", path, "--help-parameters")
    assert code == 0 and '@param ["Crossings", "Spectrum"]' in said and "180" not in said
    assert medlib("run", path)[0] == 0
    (run,) = everything()
    assert outputs(run)[-2:] == ["[72, 0.05, 'crossings', True, '', False]\n", "72"]
    assert run.record["parameters"]["heart_rate"] == 72
    code, said = medlib("sweep", path, "-p", "heart_rate=60..61", "-p", "method=Spectrum", "-p", "note=001")
    assert code == 0 and "2 made" in said
    swept = [outputs(run)[-2:] for run in everything() if run.record["parameters"]["note"]]
    assert sorted(swept) == [[f"[{rate}, 0.05, 'spectrum', True, '001', False]\n", str(rate)] for rate in (60, 61)]


def test_error_that_is_not_allowed_is_a_failure_and_odd_cell_ids_are_mended_in_silence(save, tmp_path, medlib, recwarn):
    path = save(["1 / 0", "[][0]", "never = 1"])
    content = json.loads(path.read_text())
    content["cells"][0]["metadata"]["tags"] = ["raises-exception"]
    content["cells"][1]["id"] = content["cells"][0]["id"]
    del content["cells"][2]["id"]
    path.write_text(json.dumps(content))
    code, said = medlib("run", path, "--out", tmp_path / "runs")
    assert code == 1 and "failed in cell 2" in said and "IndexError: list index out of range" in said
    assert not [warned for warned in recwarn if warned.category in (DuplicateCellId, MissingIDFieldWarning)]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("name = input('Who? ')", "StdinNotImplementedError: raw_input was called"),
        ("import a_package_of_nobody", "ModuleNotFoundError: No module named 'a_package_of_nobody'"),
    ],
)
def test_cell_that_cannot_run_says_why(save, tmp_path, medlib, source, message):
    code, said = medlib("run", save([source]), "--out", tmp_path / "runs")
    assert code == 1 and "failed in cell 1" in said and message in said and "traceback" in said


def cell(source, tag="parameters"):
    return {"cell_type": "code", "source": source, "metadata": {"tags": [tag]}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"metadata": {"kernelspec": {"name": "ir", "language": "R"}}}, "is written in r; medlib runs notebooks in Py"),
        ({"metadata": {"kernelspec": {"name": "ir", "display_name": "R"}}}, "is written in r;"),
        ({"metadata": {"language_info": {"name": "julia"}}}, "is written in julia;"),
        ({"nbformat": 3, "worksheets": []}, r"\(its nbformat is 3\); open and save it in JupyterLab"),
        ({"cells": [{"cell_type": "code", "source": "1"}]}, "it lacks 'metadata'"),
        ({"cells": [cell("%%time\nepochs = 5")]}, "begins with a cell magic; take that line out"),
        ({"cells": [cell("start: np.ndarray = 0")]}, r"np.ndarray is not made of bool, .*; move its line to another"),
        ({"cells": [cell("rate = 5"), cell("epochs = 5", "other")]}, "no parameter epochs. .* parameters: rate"),
    ],
)
def test_notebook_that_cannot_be_run_says_why_before_a_kernel_starts(tmp_path, medlib, content, message):
    path = tmp_path / "odd.ipynb"
    path.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 2} | content))
    code, said = medlib("run", path, "-p", "epochs=3", "--out", tmp_path / "runs")
    assert code == 2 and not (tmp_path / "runs").exists()
    assert re.search(message, said)


def test_link_to_a_notebook_runs_where_the_link_is(save, tmp_path):
    (tmp_path / "mine").mkdir()
    link = tmp_path / "mine" / "théirs.ipynb"
    link.symlink_to(save(["1"]))
    found = notebooks.find(str(link))
    assert (found.id, found.path) == ("théirs", link)


def test_parameters_cell_may_hold_magics_and_the_names_of_typing():
    source = "%matplotlib inline\nsizes: List[int] = [8]  # of layers\nfiles = !ls\n!echo\nnames: typing.Dict = {}"
    found = parameters.parse(source)
    assert [(name, parameter.type) for name, parameter in found.items() if name != "files"] == [
        ("sizes", list[int]),
        ("names", dict),
    ]
    assert found["sizes"].meaning == "of layers" and found["files"].default == "get_ipython().getoutput('ls')"


@given(PLAIN | st.lists(PLAIN) | st.dictionaries(st.sampled_from(["a", "b"]), PLAIN))
def test_what_python_prints_is_read_back_where_no_type_is_known(value):
    declared = parameters.parse("anything = None")
    assert repr(parameters.check(declared, {"anything": repr(value)})) == repr({"anything": value})


@pytest.mark.parametrize(
    ("text", "value"),
    [("010", 10), ("1e-3", 0.001), ("none", None), ("true", True)]
    + [
        (text, text)
        for text in ("NO", "on", "12:30", "2020-01-01", "2020-13-45", "nan", "[1,", "1.2.3", "e5", "[" * 1000)
    ],
)
def test_text_where_no_type_is_known_is_never_something_surprising(text, value):
    checked = parameters.check(parameters.parse("anything = None"), {"anything": text})["anything"]
    assert checked == value and type(checked) is type(value)
