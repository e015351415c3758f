"""Runs as one table: means and intervals against published quantiles, and what may not be averaged."""

import csv
import io
import json
from pathlib import Path

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medlib.errors import UsageError
from medlib.execution import table
from medlib.execution.runs import Run
from medlib.results import Results

TOY = {"name": "toy", "version": "1", "sha256": "0" * 64, "simulated": True}
MADE_WITH = {"notebook": "n", "library": "l", "modules": {}, "versions": {"torch": "2"}, "data": [TOY]}


def run(parameters=(), metrics=(), *, source=TOY, unit="", **record):
    """A finished run; its key follows its parameters, as a real one's does."""
    results = None
    if metrics:
        results = Results([source])
        for name, value in dict(metrics).items():
            results.add(name, value, unit=unit, direction="lower")
    parameters = dict(parameters)
    known = {
        "id": "ecg/toy",
        "key": json.dumps(parameters),
        "profile": "smoke",
        "started": "2026-01-01T00:00:00+00:00",
        "status": "done",
        "parameters": parameters,
        **MADE_WITH,
    }
    return Run(Path("/runs/ecg/toy/k"), known | record, results)


def seeds(values, **others):
    return [run({"rate": 0.1, "seed": seed}, {"loss": value}, **others) for seed, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "quantile", "deviation"),
    [  # quantiles of Student's t as its tables print them, for 1, 4 and 9 degrees of freedom
        ([0, 1], 12.706, 0.5**0.5),
        ([1, 2, 3, 4, 5], 2.776, 2.5**0.5),
        (range(10), 2.262, (82.5 / 9) ** 0.5),
    ],
)
def test_interval_is_that_of_student(values, quantile, deviation):
    values = list(values)
    mean, low, high = table.interval(values)
    half = quantile * deviation / len(values) ** 0.5
    assert mean == sum(values) / len(values)
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=1e-3)


def test_one_value_has_no_interval():
    assert table.interval([0.7]) == (0.7, None, None)


def test_equal_values_have_an_interval_of_no_width():
    assert table.interval([0.1, 0.1, 0.1]) == (0.1, 0.1, 0.1)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**300), 10**300), min_size=2))
def test_interval_holds_the_mean_or_is_none(values):
    mean, low, high = table.interval(values)
    assert float(min(values)) <= mean <= float(max(values))
    assert (low is None and high is None) or low <= mean <= high


def test_varied_parameters_come_in_the_order_of_the_record():
    runs = [
        run({"seed": seed, "widths": [8, 16], "rate": 0.1, "name": "a", **extra})
        for seed, extra in enumerate(({"widths": [16, 8]}, {"late": None}, {}))
    ]
    assert table.varied(runs) == ["seed", "widths", "late"]
    assert table.varied(runs[:1]) == table.varied([]) == []


def test_order_of_keys_is_no_difference():
    assert table.varied([run({"loss": {"a": 1, "b": 2}}), run({"loss": {"b": 2, "a": 1}})]) == []


def test_true_is_not_1_to_varied():
    assert table.varied([run({"weighted": True}), run({"weighted": 1})]) == ["weighted"]


def test_rows_say_of_each_run_what_it_was_and_what_came_out():
    made = run({"seed": 1}, {"loss": 0.5}, key="a", seconds=2.5, peak_memory_bytes=10)
    first, second = table.rows([made, run(key="b", status="failed")])
    assert first == {
        "id": "ecg/toy",
        "key": "a",
        "profile": "smoke",
        "status": "done",
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 2.5,
        "peak_memory_bytes": 10,
        "data": "simulated",
        "parameters": {"seed": 1},
        "metrics": {"loss": 0.5},
        "folder": "/runs/ecg/toy/k",
    }
    assert (second["status"], second["seconds"], second["data"], second["metrics"]) == ("failed", None, None, {})


def test_group_has_mean_interval_and_what_was_averaged_over():
    others = [run({"rate": 0.2, "seed": 0}, {"loss": 9})]
    first, second = table.grouped(seeds([1, 2, 3, 4, 5], unit="mm") + others, ["rate"])
    assert (first["id"], first["profile"], first["data"]) == ("ecg/toy", "smoke", "simulated")
    assert (first["parameters"], first["averaged_over"], first["runs"]) == ({"rate": 0.1}, ["seed"], 5)
    (loss,) = first["metrics"]
    assert (loss["name"], loss["unit"], loss["direction"], loss["n"]) == ("loss", "mm", "lower", 5)
    assert (loss["mean"], loss["low"], loss["high"]) == pytest.approx((3, 1.037, 4.963), abs=1e-3)
    assert (second["averaged_over"], second["runs"]) == ([], 1)
    assert second["metrics"] == [
        {"name": "loss", "unit": "", "direction": "lower", "mean": 9, "low": None, "high": None, "n": 1}
    ]


def test_all_that_varies_is_said_to_be_averaged_over():
    (group,) = table.grouped([*seeds([1, 2]), run({"rate": 0.2, "seed": 0}, {"loss": 3})], [])
    assert (group["parameters"], group["averaged_over"], group["runs"]) == ({}, ["rate", "seed"], 3)


def test_copies_of_a_run_count_once_and_the_last_one_counts():
    first, second = seeds([1, 3])
    (group,) = table.grouped([first, second, run(first.record["parameters"], {"loss": 5})], ["rate"])
    assert (group["runs"], group["metrics"][0]["mean"], group["metrics"][0]["n"]) == (2, 4, 2)


@pytest.mark.parametrize("status", ["failed", "killed", "running"])
def test_unfinished_runs_are_not_averaged(status):
    (group,) = table.grouped([*seeds([1, 3]), run({"rate": 0.1, "seed": 9}, {"loss": 99}, status=status)], ["rate"])
    assert (group["runs"], group["metrics"][0]["mean"]) == (2, 2)


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("source", TOY | {"simulated": False}),
        ("profile", "real"),
        ("id", "ecg/other"),
        *((name, "changed") for name in MADE_WITH),
    ],
)
def test_what_is_not_the_same_experiment_is_never_averaged(field, other):
    groups = table.grouped(seeds([1, 3]) + seeds([5, 9], **{field: other}), ["rate"])
    assert [(group["runs"], group["metrics"][0]["mean"]) for group in groups] == [(2, 2), (2, 7)]
    shown = [json.dumps([group[name] for name in ("id", "profile", "data", "made_with")]) for group in groups]
    assert shown[0] != shown[1]


def test_figures_of_different_units_are_not_averaged():
    (group,) = table.grouped(seeds([1, 3], unit="mm") + [run({"seed": 9}, {"loss": 70}, unit="voxels")], [])
    assert [(metric["unit"], metric["mean"], metric["n"]) for metric in group["metrics"]] == [
        ("mm", 2, 2),
        ("voxels", 70, 1),
    ]


def test_metric_that_some_runs_lack_counts_those_that_have_it():
    (group,) = table.grouped([run({"seed": 0}, {"loss": 1, "late": 4}), *seeds([3])], [])
    assert [(metric["name"], metric["n"]) for metric in group["metrics"]] == [("loss", 2), ("late", 1)]


def test_notebook_without_the_parameter_is_grouped_by_the_others():
    groups = table.grouped([*seeds([1]), run({"epochs": 2}, {"loss": 1}, id="other")], ["rate", "epochs"])
    assert [group["parameters"] for group in groups] == [{"rate": 0.1}, {"epochs": 2}]


def test_unknown_parameter_is_refused():
    with pytest.raises(UsageError, match=r"No run has a parameter 'rat'\. Did you mean rate\? .*: rate, seed\."):
        table.grouped(seeds([1]), ["seed", "rat"])


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.dictionaries(WORDS, WORDS | PLAIN | st.lists(PLAIN)), min_size=1))
def test_csv_is_read_back_by_the_standard_library(parameters):
    entries = table.rows([run(values, {"loss": 0.1}) for values in parameters])
    lines = list(csv.DictReader(io.StringIO(table.as_csv(entries), newline="")))
    names = dict.fromkeys(name for values in parameters for name in values)
    assert [line["metrics.loss"] for line in lines] == ["0.1"] * len(parameters)
    for line, values in zip(lines, parameters, strict=True):
        for name in names:
            value, text = values.get(name), line[f"parameters.{name}"]
            if isinstance(value, str | None):
                assert text == (value or "")
            else:
                assert json.loads(text) == value


@given(st.lists(st.tuples(WORDS, st.floats(allow_nan=False, allow_infinity=False)), min_size=1))
def test_csv_is_read_back_by_pandas(values):
    text = table.as_csv(table.rows([run({"note": note, "rate": rate}, {"loss": rate}) for note, rate in values]))
    frame = pandas.read_csv(
        io.StringIO(text, newline=""),
        dtype={"parameters.note": str},
        keep_default_na=False,
        float_precision="round_trip",
    )
    assert list(zip(frame["parameters.note"], frame["metrics.loss"], strict=True)) == values
    assert list(frame["parameters.rate"]) == [rate for _, rate in values]


def test_csv_of_several_notebooks_has_one_header():
    text = table.as_csv(table.rows([run({"loss": 1}, {"loss": 0.5}), run({"b": 2}, {"dice": 0.25}, id="other")]))
    header, first, second = csv.reader(io.StringIO(text))
    fixed = ["id", "key", "profile", "status", "started", "seconds", "peak_memory_bytes", "data"]
    assert header == [*fixed, "parameters.loss", "parameters.b", "metrics.loss", "metrics.dice", "folder"]
    assert (first[-5:-1], second[-5:-1]) == (["1", "", "0.5", ""], ["", "2", "", "0.25"])


def test_csv_of_groups_has_a_line_for_each_metric():
    groups = table.grouped([run({"seed": 0}, {"loss": 1, "late": 4}), *seeds([3]), run({"rate": 5})], ["rate"])
    lines = list(csv.DictReader(io.StringIO(table.as_csv(groups))))
    shown = [(line["parameters.rate"], line["metric.name"], line["metric.mean"], line["metric.low"]) for line in lines]
    assert shown == [("", "loss", "1.0", ""), ("", "late", "4.0", ""), ("0.1", "loss", "3.0", ""), ("5", "", "", "")]


def test_csv_of_nothing_is_empty():
    assert table.as_csv([]) == ""
