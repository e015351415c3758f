"""The points of a sweep, from a command line and from a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medlib.errors import UsageError
from medlib.execution import grid, parameters

DECLARED = parameters.parse(
    "from typing import Literal\nfrom pathlib import Path\n"
    "seed: int = 0\nrate: float = 0.1\nname: str = 'a'\nfolder: Path = Path('x')\nsizes: list[int] = [1]\n"
    "depth: int | None = None\nkind: Literal['a', 'b'] = 'a'\nshuffle: bool = True\nanything = None"
)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("seed", "0..4", [0, 1, 2, 3, 4]),
        ("seed", "-1..1", [-1, 0, 1]),
        ("seed", "3..3", [3]),
        ("seed", "1,2,1", [1, 2]),
        ("seed", "007", [7]),
        ("rate", "1e-3,3e-4", [0.001, 0.0003]),
        ("rate", "1..2", [1.0, 2.0]),
        ("depth", "none,1..2", None),
        ("depth", "none,3", [None, 3]),
        ("depth", "1..2", [1, 2]),
        ("name", "001,a=b # c", ["001", "a=b # c"]),
        ("name", "0..4", ["0..4"]),
        ("name", '"a, b",c', ["a, b", "c"]),
        ("name", "it's,x", ["it's", "x"]),
        ("folder", "../data", None),
        ("sizes", "[1,2],[3]", [[1, 2], [3]]),
        ("kind", "a,b", ["a", "b"]),
        ("kind", "a,c", None),
        ("shuffle", "true,false", [True, False]),
        ("seed", "4..0", None),
        ("seed", "1,two", None),
        ("seed", "1,,2", None),
        ("seed", "0..1000000000000", None),
        ("sizes", "[1,2", None),
        ("name", "'a", None),
        ("sed", "1", None),
    ],
)
def test_values_on_a_command_line(name, text, expected):
    if name == "folder":
        assert [str(point["folder"]) for point in grid.points(DECLARED, {name: text})] == [text]
    elif expected is None:
        with pytest.raises(UsageError):
            grid.points(DECLARED, {name: text})
    else:
        assert [point[name] for point in grid.points(DECLARED, {name: text})] == expected


def test_every_combination_once_and_the_command_line_wins(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text("- {seed: 0..1, rate: [0.1, 0.2]}\n- {seed: [1, 5], name: x}\n- {sizes: [[1, 2], [3]]}\n")
    found = grid.points(DECLARED, {"rate": "0.2"}, grid.from_file(path))
    assert found == [
        {"seed": 0, "rate": 0.2},
        {"seed": 1, "rate": 0.2},
        {"seed": 1, "name": "x", "rate": 0.2},
        {"seed": 5, "name": "x", "rate": 0.2},
        {"sizes": [1, 2], "rate": 0.2},
        {"sizes": [3], "rate": 0.2},
    ]


def test_no_values_is_the_defaults():
    assert grid.points(DECLARED, {}) == [{}]


@pytest.mark.parametrize("text", ["", "3", "[]", "- 3", "seed: []", "{1: 2}", "seed: [one]", "a: [", "seed: {a: 1}"])
def test_file_that_is_no_grid_is_refused(tmp_path, text):
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    with pytest.raises(UsageError):
        grid.points(DECLARED, {}, grid.from_file(path))


def test_too_many_runs_are_refused_before_they_are_listed():
    with pytest.raises(UsageError, match="1,000,000 runs; at most 100,000"):
        grid.points(DECLARED, {"seed": "1..1000", "rate": "1..1000"})


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="'\""), max_size=8)


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_quoted_values_are_parted_as_they_were_joined(words):
    assert grid.split(",".join(f"'{word}'" for word in words)) == words


@given(st.text(max_size=20))
def test_any_text_is_parted_or_refused(text):
    try:
        assert "".join(grid.split(text)).count("x") == text.count("x")
    except UsageError as error:
        assert "closing" in str(error)
