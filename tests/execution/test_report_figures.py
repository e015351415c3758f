"""Figures of sweeps: axes, words and tables with known answers, whatever the values are."""

import xml.etree.ElementTree
from base64 import b64decode

import numpy as np
import pytest
from made_runs import bundle, put, put_sweep

from medlib.execution import runs
from medlib.execution.report import figures

USE = "{http://www.w3.org/2000/svg}use"


def sweeps(root):
    found, faults = runs.everything(root)
    assert faults == []
    return figures.sweeps(found)


def panel(root, values):
    """The figure of one run for each value of a parameter."""
    for number, value in enumerate(values):
        put(root, key=f"{number:016}", results=bundle(0.5 + number / 10), parameters={"name": value})
    ((found,),) = (one.panels for one in sweeps(root))
    return found


def dots(drawn):
    """Distances of the runs' dots from the left, in the order of the runs; the last is that of the legend."""
    svg = xml.etree.ElementTree.fromstring(b64decode(drawn.image))
    return [float(use.get("x")) for use in svg.iter(USE) if figures.RUNS.lower() in use.get("style", "")][:-1]


def test_words_and_table_have_the_means_and_their_intervals(tmp_path):
    put_sweep(tmp_path)
    ((rate, seed),) = (one.panels for one in sweeps(tmp_path))
    # Of two values, the interval is their mean and 12.706 times half their difference to either side.
    assert rate.rows == [
        ("0.0001", "2", "0.605", "0.5415 to 0.6685"),
        ("0.001", "2", "0.905", "0.8415 to 0.9685"),
        ("0.01", "2", "0.705", "0.6415 to 0.7685"),
    ]
    assert rate.alt == (
        "Dots show score of 6 runs, 0.6 to 0.91, against rate from 0.0001 to 0.01. The mean is best at "
        "0.001: 0.905 (0.8415 to 0.9685, 2 runs), worst at 0.0001: 0.605 (0.5415 to 0.6685, 2 runs)."
    )
    assert [row[:3] for row in seed.rows] == [("0", "3", "0.7333"), ("1", "3", "0.7433")]


def test_best_is_lowest_where_lower_is_better(tmp_path):
    for number, value in enumerate([3, 1, 2]):
        put(tmp_path, key=f"{number}", results=bundle(value, direction="lower"), parameters={"seed": number})
    ((found,),) = (one.panels for one in sweeps(tmp_path))
    assert found.alt.endswith("The mean is best at 1: 1, worst at 0: 3.")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1e-5, 1e-4, 1e-3, 1e-2], [1, 1, 1]),  # logarithmic: each value ten times the one before
        ([-100, -1, 1, 100], [2, 20 / 9, 2]),  # logarithmic to both sides of zero, and linear from -1 to 1
        ([0, 1, 2, 9], [1, 1, 7]),
        ([1, 10, 11, 12], [9, 1, 1]),  # a decade, but its logarithms are spread less evenly
        ([1, 2, 3, 4], [1, 1, 1]),
        (["b", None, "a", [1, 2]], [1, 1, 1]),  # side by side
        ([True, 1, "1", {"a": 1}], [1, 1, 1]),
    ],
)
def test_axis_fits_the_values(tmp_path, values, expected):
    steps = np.diff(dots(panel(tmp_path, values)))
    assert steps / steps[0] * expected[0] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    "values",
    [
        [0, 0.0],
        [10**400, 1],
        [2**70, 2**71],
        [5e-324, 1e299],
        [0, 1e-4, 1e-2],
        [True, 1, None],
        ["$x^", "\ud800", "a\x00b", "漢", "x" * 5000, "<script>"],
    ],
)
def test_any_value_can_be_drawn_without_a_warning(tmp_path, values, recwarn):
    drawn = panel(tmp_path, values)
    assert len(dots(drawn)) == len(drawn.rows) == len(values) and len(drawn.alt) < 500
    assert not recwarn.list


def test_too_many_values_are_said_but_not_drawn(tmp_path):
    drawn = panel(tmp_path, [f"file-{number}" for number in range(51)])
    assert drawn.image == "" and "file-5 and 45 more" in drawn.alt


def test_too_many_parameters_are_named_but_not_drawn(tmp_path):
    for number in range(2):
        put(tmp_path, key=f"{number}", results=bundle(0.5), parameters={f"p{name}": number for name in range(23)})
    (found,) = sweeps(tmp_path)
    assert (len(found.panels), found.omitted) == (20, ["p20", "p21", "p22"])


def test_parameter_that_some_runs_lack_is_not_set(tmp_path):
    for number, parameters in enumerate([{}, {"new": 1}]):
        put(tmp_path, key=f"{number}", results=bundle(0.5), parameters=parameters)
    ((found,),) = (one.panels for one in sweeps(tmp_path))
    assert [row[0] for row in found.rows] == ["not set", "1"]


def test_runs_of_another_profile_library_or_data_set_are_another_sweep(tmp_path):
    put_sweep(tmp_path)
    for number, other in enumerate([{"profile": "large"}, {"library": "cc"}, {"data": []}]):
        for seed in range(2):
            put(tmp_path, key=f"{number}-{seed}", results=bundle(0.1), parameters={"rate": 1, "seed": seed}, **other)
    put(tmp_path, key="alone", results=bundle(0.1), profile="alone")
    found = sweeps(tmp_path)
    assert sorted(len(one.panels) for one in found) == [1, 1, 1, 2]
    assert sum("of 2 runs, 0.1 to 0.1" in one.panels[0].alt for one in found) == 3


def test_runs_that_did_not_finish_or_have_no_results_are_left_out(tmp_path):
    put_sweep(tmp_path, seeds=[0])
    put(tmp_path, key="failed", results=bundle(5), status="failed", parameters={"rate": 1, "seed": 0})
    put(tmp_path, key="none", parameters={"rate": 2, "seed": 0})
    ((found,),) = (one.panels for one in sweeps(tmp_path))
    assert "of 3 runs, 0.6 to 0.9, against rate from 0.0001 to 0.01" in found.alt


def test_metrics_that_no_axis_can_hold_are_left_out(tmp_path):
    for number, value in enumerate([0.5, 0.6, 1e308, -1e308]):
        put(tmp_path, key=f"{number}", results=bundle(value), parameters={"seed": number})
    ((found,),) = (one.panels for one in sweeps(tmp_path))
    assert "of 2 runs, 0.5 to 0.6" in found.alt


def test_one_value_is_no_sweep(tmp_path):
    put(tmp_path, key="a", results=bundle(0.5), parameters={"seed": 1})
    put(tmp_path, key="b", results=bundle(0.6), parameters={"seed": 1})
    assert sweeps(tmp_path) == []
