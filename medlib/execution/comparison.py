"""pytest plugin beside nbval: results bundles are compared within their tolerance, and a figure may not vanish.

nbval compares outputs exactly, or, of images, not at all. Loaded by ``notebooks/conftest.py`` and `medlib validate`.
"""

import functools
import math

import nbformat
from nbval.plugin import IPyNbCell

from medlib.errors import DataError
from medlib.results import MIME_TYPE, Results

ROUNDING = 1e-9
# Figures that vary from run to run: the first two within the tolerance, an interval only has to be there.
MEASURED = ("value", "baseline", "low", "high")


def pytest_configure(config):
    """Run the notebooks in the running interpreter, not in whatever kernel they were saved with."""
    config.option.nbval_current_env = True


def pytest_itemcollected(item):
    """Compare the outputs of a notebook's cell by :func:`compare_outputs`."""
    if isinstance(item, IPyNbCell):
        item.compare_outputs = functools.partial(compare_outputs, item)


def compare_outputs(cell, test, reference):
    """Whether new outputs agree with the stored ones; if not, the cell's ``comparison_traceback`` says why.

    Parameters
    ----------
    cell : nbval.plugin.IPyNbCell
    test, reference : list of dict
        New and stored outputs.

    Returns
    -------
    bool
    """
    # nbval's own comparison skips images altogether; here each is a word, so that one too few is seen.
    skipped = [key for key in cell.parent.skip_compare if not key.startswith("image/")]
    same = IPyNbCell.compare_outputs(cell, _comparable(test), _comparable(reference), skipped)
    differences = [
        difference
        for new, stored in zip(_bundles(test), _bundles(reference), strict=False)
        for difference in differing(new, stored)
    ]
    cell.comparison_traceback += differences
    return same and not differences


def differing(new, stored):
    """What tells two results bundles apart.

    Parameters
    ----------
    new, stored : object
        Bundles as JSON; the stored one's tolerances count, and without one the figures must agree.

    Returns
    -------
    list of str
        One line a difference.

    Examples
    --------
    >>> source = {"name": "mitdb", "version": "1.0.0", "sha256": "", "simulated": False}
    >>> stored, new = Results([source]), Results([source])
    >>> stored.add("f1_s", 0.52, tolerance=0.01)
    >>> new.add("f1_s", 0.54, tolerance=0.01)
    >>> differing(new.to_dict(), stored.to_dict())
    ['f1_s: value is 0.54, stored 0.52, tolerance 0.01']
    """
    try:
        new, stored = Results.from_dict(new).to_dict(), Results.from_dict(stored).to_dict()
    except DataError as error:
        return [str(error)]
    names, stored_names = ([metric["name"] for metric in bundle["metrics"]] for bundle in (new, stored))
    if names != stored_names:
        return [f"metrics are {', '.join(names)}; stored {', '.join(stored_names)}"]
    differences = [
        f"{key} is {new[key]}; stored {stored[key]}" for key in ("data", "sources") if new[key] != stored[key]
    ]
    for metric, expected in zip(new["metrics"], stored["metrics"], strict=True):
        tolerance = expected["tolerance"] or 0
        for field, value in metric.items():
            if not _agree(field, value, expected[field], tolerance):
                differences.append(
                    f"{metric['name']}: {field} is {value}, stored {expected[field]}, tolerance {tolerance:g}"
                )
    return differences


def _agree(field, value, expected, tolerance):
    if field not in MEASURED or value is None or expected is None:
        return value == expected
    return field in ("low", "high") or math.isclose(value, expected, rel_tol=ROUNDING, abs_tol=tolerance)


def _bundles(outputs):
    return [output["data"][MIME_TYPE] for output in outputs if MIME_TYPE in output.get("data", {})]


def _comparable(outputs):
    """The same outputs with a word for each image, and without the bundle's figures in text and HTML."""
    return [
        nbformat.from_dict(output | {"data": _words(output["data"])}) if "data" in output else output
        for output in outputs
    ]


def _words(data):
    if MIME_TYPE in data:
        return {MIME_TYPE: "a results bundle"}
    return {mime: "an image" if mime.startswith("image/") else content for mime, content in data.items()}
