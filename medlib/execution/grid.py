"""The points of a sweep: every combination of the values that are listed for each parameter."""

import itertools
import math
import re
from pathlib import Path
from typing import get_args

from medlib.errors import UsageError
from medlib.execution import parameters, sources

RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
CLOSING = {"[": "]", "(": ")", "{": "}"}
QUOTES = ("'", '"')
MAXIMUM_POINTS = 100_000


def points(declared, assignments, grids=({},)):
    """Combine the values of every parameter.

    Parameters
    ----------
    declared : dict of str to Parameter
        Parameters of the notebook.
    assignments : dict of str to str
        From a command line: values between commas, or a range of integers; they win over the grids.
    grids : list of dict of str to object
        From a file: each gives a list of values, a text as on a command line, or one value, by parameter.

    Returns
    -------
    list of dict of str to object
        Checked values, each point once.

    Raises
    ------
    UsageError
        If a name is unknown, a value is not accepted, or there are more than 100,000 points.

    Examples
    --------
    >>> declared = parameters.parse("rate: float = 0.1\\nseed: int = 0")
    >>> points(declared, {"rate": "1e-3,0.01", "seed": "0..1"})
    [{'rate': 0.001, 'seed': 0}, {'rate': 0.001, 'seed': 1}, {'rate': 0.01, 'seed': 0}, {'rate': 0.01, 'seed': 1}]
    """
    found = []
    for grid in grids:
        axes = {
            name: _checked(declared, name, _candidates(declared, name, listed))
            for name, listed in (grid | assignments).items()
        }
        size = len(found) + math.prod(map(len, axes.values()))
        if size > MAXIMUM_POINTS:
            raise UsageError(f"The sweep has {size:,} runs; at most {MAXIMUM_POINTS:,}: sweep fewer values at a time.")
        found += (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))
    return list({repr(point): point for point in found}.values())


def split(text):
    """Values between the commas of a text; commas inside brackets and quotes do not part them.

    Examples
    --------
    >>> split("[1,2],[3]")
    ['[1,2]', '[3]']
    >>> split("'a, b',c")
    ['a, b', 'c']
    """
    pieces, open_ = [""], []
    for character in text:
        if open_ and character == open_[-1]:
            open_.pop()
        elif open_ and open_[-1] in QUOTES:
            pass
        elif character in CLOSING:
            open_.append(CLOSING[character])
        elif character in QUOTES and (open_ or not pieces[-1]):  # within a word it is an apostrophe
            open_.append(character)
        if character == "," and not open_:
            pieces.append("")
        else:
            pieces[-1] += character
    if open_:
        raise UsageError(f"{text!r} lacks a closing {open_[-1]}; add it, or put the value in quotes.")
    return [piece[1:-1] if piece[:1] in QUOTES and piece[-1:] == piece[:1] != piece else piece for piece in pieces]


def from_file(path):
    """Grids in a YAML file: one mapping of names to values, or a list of several, each a grid of its own.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of dict of str to object

    Raises
    ------
    UsageError
        If the file cannot be read as that.
    """
    content = sources.read_yaml(path)
    grids = content if isinstance(content, list) else [content]
    if not grids or not all(sources.is_table(grid) for grid in grids):
        raise UsageError(f"{path} is not a grid; write for each parameter a line such as seed: [0, 1, 2] or seed: 0..2")
    return grids


def _candidates(declared, name, listed):
    if isinstance(listed, list):
        return listed
    if not isinstance(listed, str):
        return [listed]
    match = RANGE.fullmatch(listed.strip())
    if match is None or name not in declared or _holds_text(declared[name].type):
        return split(listed)
    first, last = map(int, match.groups())
    if first > last:
        raise UsageError(f"{name}={listed} is empty; write the smaller number first.")
    return range(first, last + 1)


def _holds_text(kind):
    return bool({str, Path} & {kind, *get_args(kind)})


def _checked(declared, name, candidates):
    if not candidates:
        raise UsageError(f"{name} has an empty list of values; give at least one.")
    if len(candidates) > MAXIMUM_POINTS:
        raise UsageError(f"{name} has {len(candidates):,} values; at most {MAXIMUM_POINTS:,}.")
    return [parameters.check(declared, {name: value})[name] for value in candidates]
