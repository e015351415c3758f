"""pytest plugin beside nbval, loaded by ``notebooks/conftest.py`` and `medlib validate`: what a rerun may not change.

nbval compares text exactly, but of images nothing, not even whether they are there. Here results bundles are compared
within their tolerances, figures by :func:`medlib.execution.images.difference`, and outputs have to keep their order.
nbval merges what a cell prints into one text at the place of the first line, so whether the rest was printed before or
after a figure is not seen.
"""

import functools
import math
import os
import queue
import time
from collections import Counter

import nbformat
import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell

from medlib.errors import DataError
from medlib.execution import images
from medlib.results import MIME_TYPE, Results

ROUNDING = 1e-9
# Of a cell with this tag, such as one that shows a trained network, figures are compared roughly.
VARIES = "varies"


def pytest_configure(config):
    """Run the notebooks in the running interpreter, not in whatever kernel they were saved with."""
    config.option.nbval_current_env = True


def pytest_itemcollected(item):
    """Compare the outputs of a notebook's cell by :func:`compare_outputs`."""
    if isinstance(item, IPyNbCell):
        item.compare_outputs = functools.partial(compare_outputs, item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    """Notice when the kernel dies: nbval would wait for its answer for half an hour."""
    if isinstance(item, IPyNbCell):
        item.parent.kernel.get_message = functools.partial(_message, item.parent.kernel)


def pytest_terminal_summary(terminalreporter, config):
    """Say which notebooks agree with what they store, and how many of their cells."""
    cells = {outcome: Counter() for outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed")}
    for outcome, counted in cells.items():
        counted.update(report.nodeid.split("::")[0] for report in terminalreporter.stats.get(outcome, ()))
    found, bad = set().union(*cells.values()), cells["failed"] | cells["error"]
    terminalreporter.section("notebooks")
    for name in sorted(found):
        counts = ", ".join(f"{counted[name]} {outcome}" for outcome, counted in cells.items() if counted[name])
        path = os.path.relpath(config.rootpath / name)
        terminalreporter.write_line(f"{path} {'differs' if name in bad else 'agrees'}; cells: {counts}")
    terminalreporter.write_line(f"{len(found) - len(bad)} of {len(found)} notebooks agree with what they store")


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
    differences = [*_bundle_differences(test, reference), *_figure_differences(cell, test, reference)]
    if same and _order(test) != _order(reference):
        differences.append(f"outputs come in the order {_order(test)}; stored {_order(reference)}")
    cell.comparison_traceback += differences
    return same and not differences


def differing(new, stored):
    """What tells two results bundles apart.

    Parameters
    ----------
    new, stored : object
        Bundles as JSON; the stored one's tolerances count, and without one the figures must agree. The bounds of an
        interval, which vary more than the value, may move by the tolerance and the width of the stored interval.

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
        width = 0 if expected["low"] is None else expected["high"] - expected["low"]
        tolerances = {"value": tolerance, "baseline": tolerance, "low": tolerance + width, "high": tolerance + width}
        for field, value in metric.items():
            if not _agree(value, expected[field], tolerances.get(field)):
                differences.append(
                    f"{metric['name']}: {field} is {value}, stored {expected[field]}, "
                    f"tolerance {tolerances.get(field, 0):g}"
                )
    return differences


def _agree(value, expected, tolerance):
    if tolerance is None or value is None or expected is None:
        return value == expected
    return math.isclose(value, expected, rel_tol=ROUNDING, abs_tol=tolerance)


def _bundle_differences(test, reference):
    for new, stored in zip(_data(test, MIME_TYPE), _data(reference, MIME_TYPE), strict=False):
        yield from differing(new[MIME_TYPE], stored[MIME_TYPE])
        # The table is what a person reads, and it is not compared with the new one.
        if stored.get("text/plain") != _table(stored[MIME_TYPE]):
            yield "the stored table is not that of the stored results bundle; run the notebook and save it"


def _figure_differences(cell, test, reference):
    roughly = VARIES in cell.cell.metadata.get("tags", [])
    for mime in ("image/png", "image/jpeg"):
        pairs = zip(_data(test, mime), _data(reference, mime), strict=False)
        for number, (new, stored) in enumerate(pairs, 1):
            found = images.difference(new[mime], stored[mime], roughly)
            if found:
                yield (
                    f"figure {number} {found}; if that is meant, run the notebook and save it, and if reruns differ, "
                    f"tag the cell `{VARIES}`"
                )


def _table(bundle):
    try:
        return repr(Results.from_dict(bundle))
    except DataError:
        return None


def _data(outputs, mime):
    """Data of the outputs of a type."""
    return [output["data"] for output in outputs if mime in output.get("data", {})]


def _order(outputs):
    """Kind of each output; when something is written to stderr is a matter of chance."""
    kinds = [", ".join(sorted(output["data"])) if "data" in output else output.get("name") for output in outputs]
    return [kind for kind in kinds if kind != "stderr"]


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


def _message(kernel, stream, timeout=None):
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        try:
            return RunningKernel.get_message(kernel, stream, min(1, max(deadline - time.monotonic(), 0)))
        except queue.Empty:
            if not kernel.is_alive():
                raise RuntimeError("The kernel died; is there enough memory?") from None
            if time.monotonic() >= deadline:
                raise
