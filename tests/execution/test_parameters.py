"""Parameters: what the tagged cell declares, and what a command line may give."""

from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from medlib.errors import UsageError
from medlib.execution import notebooks, parameters, sources

SOURCE = '''
"""Prose is passed over."""
epochs: int = 5  # passes over the training set
rate: float = 1e-3
limit: int | None = None  # beats, all of them where None
device: Literal["cpu", "cuda"] = "cpu"  # cpu or cuda
scales: list[float] = [
    0.5,
    1.0,
]  # of the windows
shape: tuple[int, int] = (2, 3)
folder: Path = Path("data")
note: str = "plain"
augment: bool = True
name: Optional[str] = None
seed = 0
anything = None
doubled = 2 * 3
folder.exists()
'''
PARAMETERS = parameters.parse(SOURCE)


@pytest.mark.parametrize(
    ("name", "kind", "default", "meaning"),
    [
        ("epochs", int, 5, "passes over the training set"),
        ("limit", int | None, None, "beats, all of them where None"),
        ("device", Literal["cpu", "cuda"], "cpu", "cpu or cuda"),
        ("scales", list[float], [0.5, 1.0], "of the windows"),
        ("shape", tuple[int, int], (2, 3), ""),
        ("folder", Path, Path("data"), ""),
        ("name", str | None, None, ""),
        ("seed", int, 0, ""),
        ("anything", Any, None, ""),
        ("doubled", Any, "2 * 3", ""),
    ],
)
def test_cell_is_read_without_running_it(name, kind, default, meaning):
    found = PARAMETERS[name]
    assert (found.type, found.default, found.meaning) == (kind, default, meaning)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("epochs", "010", 10),
        ("seed", "001", 1),
        ("rate", "1e-3", 0.001),
        ("limit", "none", None),
        ("limit", "7", 7),
        ("device", "cuda", "cuda"),
        ("scales", "[1e-3, 2]", [0.001, 2.0]),
        ("shape", "[4, 5]", (4, 5)),
        ("folder", "~/some = thing # 1", Path("~/some = thing # 1")),
        ("note", "001", "001"),
        ("note", "a=b # c: [", "a=b # c: ["),
        ("note", "", ""),
        ("augment", "no", False),
        ("name", "null", None),
        ("name", "3", "3"),
        ("anything", "3", 3),
        ("anything", "2020-01-01", "2020-01-01"),
    ],
)
def test_text_is_read_as_the_type_that_is_declared(name, text, value):
    checked = parameters.check(PARAMETERS, {name: text})[name]
    assert checked == value and type(checked) is type(value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", "two", r"epochs=two is not of type int \(passes over the training set\)"),
        ("epochs", "2.5", "of type int"),
        ("epochs", "none", "of type int"),
        ("rate", "nan", "of type float"),
        ("limit", "many", r"of type int \| None"),
        ("device", "tpu", r"one of cpu, cuda \(cpu or cuda\)"),
        ("scales", "[1, x]", r"of type list\[float\]"),
        ("scales", "[1,", r"of type list\[float\]"),
        ("shape", "[1]", r"tuple\[int, int\]"),
        ("augment", "perhaps", "of type bool"),
        ("note", 3, "of type str"),
        ("epoch", "3", r"no parameter epoch. Did you mean epochs\?"),
    ],
)
def test_what_is_not_accepted_says_what_is(name, value, message):
    with pytest.raises(UsageError, match=message):
        parameters.check(PARAMETERS, {name: value})


@given(st.text())
def test_text_parameter_takes_any_text_as_it_is(text):
    assert parameters.check(PARAMETERS, {"note": text}) == {"note": text}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_list_survives_yaml(values):
    assert parameters.check(PARAMETERS, {"scales": yaml.safe_dump(values)}) == {"scales": values}


@pytest.mark.parametrize(
    "source", ["x: numpy.ndarray = 1", "x: int | Model = 1", "x: Optional[int, str] = 1", "x = ", "%%time\nx = 1"]
)
def test_cell_that_cannot_be_read_says_so(source):
    cell = {"cell_type": "code", "source": source, "metadata": {"tags": ["parameters"]}}
    notebook = notebooks.Notebook("mine", Path("mine.ipynb"), {"cells": [cell], "metadata": {}})
    with pytest.raises(UsageError, match="mine: the parameters cell cannot be read"):
        parameters.declared(notebook)


def test_notebook_without_a_tagged_cell_has_none():
    cell = {"cell_type": "code", "source": "epochs = 5", "metadata": {}}
    assert parameters.declared(notebooks.Notebook("mine", Path("mine.ipynb"), {"cells": [cell], "metadata": {}})) == {}


@pytest.mark.parametrize("text", ["epochs", "=5", "two words=5", "-p=1"])
def test_assignment_needs_a_name_and_a_value(text):
    with pytest.raises(UsageError, match="NAME=VALUE"):
        sources.assignments([text])
