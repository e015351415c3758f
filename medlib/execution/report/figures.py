"""Figures of a sweep: the headline metric against each parameter that was varied, and in words what is seen."""

import base64
import io
import json
import warnings
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from medlib.execution import table
from medlib.execution.report.shown import as_text

WIDE = 10  # largest to smallest value; beyond, the axis is logarithmic if that spreads the values more evenly
SMALLEST, LARGEST = 1e-100, 1e100  # beyond, matplotlib's arithmetic overflows
MAXIMUM_FIGURES = 20
MAXIMUM_PLACES = 50
MAXIMUM_TICKS = 8
MAXIMUM_LABEL = 24
NAMED_IN_WORDS = 6
RUNS, MEANS = "#0072B2", "#D55E00"  # told apart by colour-blind readers, as in the notebooks
STYLE = {"text.parse_math": False, "svg.hashsalt": "medlib", "axes.axisbelow": True}
NOT_SET = object()


@dataclass(frozen=True)
class Panel:
    """A metric against one parameter.

    Attributes
    ----------
    parameter : str
    image : str
        SVG in base64; empty where the parameter has too many values to draw.
    alt : str
        What the image shows.
    rows : list of tuple of str
        Value of the parameter, number of runs, mean and interval.
    """

    parameter: str
    image: str
    alt: str
    rows: list


@dataclass(frozen=True)
class Sweep:
    """Finished runs of one notebook that differ in their parameters only.

    Attributes
    ----------
    group : dict
        What they share, as :func:`medlib.execution.table.grouped` gives it.
    metric : dict
        Name, unit and direction of the headline metric.
    panels : list of Panel
    omitted : list of str
        Parameters beyond the first 20.
    """

    group: dict
    metric: dict
    panels: list
    omitted: list


def sweeps(found):
    """Sweeps among the runs of one notebook.

    Parameters
    ----------
    found : list of Run

    Returns
    -------
    list of Sweep
        Runs of another profile, source, library, version or data set are another sweep.
    """
    made = [_sweep(found, group) for group in table.grouped(found, []) if group["averaged_over"] and group["metrics"]]
    return [sweep for sweep in made if sweep.panels]


def _sweep(found, group):
    metric = {field: group["metrics"][0][field] for field in ("name", "unit", "direction")}
    names = group["averaged_over"]
    found = [run for run in found if _is_drawable(_value(run, metric["name"]))]
    every = _points(found, names, group, metric)  # a group for each run
    drawn = names[:MAXIMUM_FIGURES] if len(every) > 1 else []
    panels = [_panel(name, metric, every, _points(found, [name], group, metric)) for name in drawn]
    return Sweep(group, metric, panels, names[MAXIMUM_FIGURES:])


def _value(run, name):
    metrics = run.results.metrics if run.results else ()
    return next((metric.value for metric in metrics if metric.name == name), None)


def _points(found, names, whole, metric):
    """Mean of the metric over the runs of a sweep that share the values of parameters."""
    known = [name for name in names if any(name in run.record["parameters"] for run in found)]
    return [
        point | {"parameters": group["parameters"]}
        for group in table.grouped(found, known)
        if all(group[field] == whole[field] for field in ("profile", "data", "made_with"))
        for point in group["metrics"]
        if all(point[field] == value for field, value in metric.items())
    ]


def _panel(name, metric, every, means):
    values = [point["parameters"].get(name, NOT_SET) for point in means]
    numeric = all(map(_is_drawable, values))
    if numeric:
        means = [means[index] for index in np.argsort(np.array(values, dtype=float), kind="stable")]
    labels = [_label(point["parameters"].get(name, NOT_SET)) for point in means]
    rows = [
        (label, str(point["n"]), _figure(point["mean"]), _interval(point))
        for label, point in zip(labels, means, strict=True)
    ]
    drawn = numeric or len(means) <= MAXIMUM_PLACES
    image = _draw(name, metric, every, means, labels, numeric) if drawn else ""
    return Panel(name, image, _words(name, metric, every, rows, means, numeric), rows)


def _draw(name, metric, every, means, labels, numeric):
    """SVG in base64; values that are no numbers stand side by side."""
    order = [_key(point, name) for point in means]

    def places(points):
        return [float(point["parameters"][name]) if numeric else order.index(_key(point, name)) for point in points]

    centres = np.array([point["mean"] for point in means])
    bounds = np.array([(point["low"], point["high"]) for point in means], dtype=float).T
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a letter that the font lacks is drawn as a box
        figure = Figure(figsize=(7, 3.8), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(places(every), [point["mean"] for point in every], "o", color=RUNS, alpha=0.5, label="one run")
        axes.errorbar(
            places(means), centres, abs(bounds - centres), fmt="D-" if numeric else "D", color=MEANS, capsize=4,
            label="mean over the other parameters, with its 95 % interval",
        )  # fmt: skip
        _lay_out(axes, name, metric, places(means), None if numeric else labels)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _lay_out(axes, name, metric, places, labels):
    unit = f" in {_short(metric['unit'])}" if metric["unit"] else ""
    axes.set(
        title=f"{metric['name']} against {_short(name)}",
        xlabel=_short(name),
        ylabel=f"{metric['name']}{unit}\n({metric['direction']} is better)",
    )
    axes.grid(axis="y", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)
    if labels is not None:
        turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if sum(map(len, labels)) > 60 else {}
        axes.set_xticks(places, labels, **turned)
        axes.set_xlim(-0.5, len(labels) - 0.5)
        return
    sizes = sorted({abs(place) for place in places if place})
    if len(sizes) > 1 and sizes[-1] >= WIDE * sizes[0] and _largest_gap(np.log10(sizes)) <= _largest_gap(sizes):
        axes.set_xscale("log") if min(places) > 0 else axes.set_xscale("symlog", linthresh=sizes[0])
        if len(places) <= MAXIMUM_TICKS:
            axes.set_xticks(places)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    elif all(place.is_integer() for place in places):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _largest_gap(sizes):
    """Share of the range that the largest gap between neighbours takes."""
    gaps = np.diff(sizes)
    return gaps.max() / gaps.sum()


def _words(name, metric, every, rows, means, numeric):
    """Alternative text: what is plotted, its ranges, and where the mean is best and worst."""
    labels = [label for label, *_ in rows]
    over = f"from {labels[0]} to {labels[-1]}" if numeric else f"({', '.join(labels[:NAMED_IN_WORDS])})"
    if not numeric and len(labels) > NAMED_IN_WORDS:
        over = f"({', '.join(labels[:NAMED_IN_WORDS])} and {len(labels) - NAMED_IN_WORDS} more)"
    seen = [point["mean"] for point in every]
    order = sorted(range(len(means)), key=lambda index: means[index]["mean"], reverse=metric["direction"] == "higher")
    best, worst = (_at(rows[index]) for index in (order[0], order[-1]))
    return (
        f"Dots show {metric['name']} of {len(every)} runs, {_figure(min(seen))} to {_figure(max(seen))}, "
        f"against {_short(name)} {over}. The mean is best at {best}, worst at {worst}."
    )


def _at(row):
    label, n, mean, interval = row
    return f"{label}: {mean}" + (f" ({interval}, {n} runs)" if interval else "")


def _is_drawable(value):
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and (value == 0 or SMALLEST < abs(value) < LARGEST)


def _key(point, name):
    """Equal for equal values: 1 is not True."""
    return json.dumps(point["parameters"][name], sort_keys=True) if name in point["parameters"] else ""


def _label(value):
    return "not set" if value is NOT_SET else _short(as_text(value))


def _short(text):
    text = "".join(letter if letter.isprintable() else "?" for letter in text)  # SVG has no control characters
    return text if len(text) <= MAXIMUM_LABEL else f"{text[: MAXIMUM_LABEL - 1]}…"


def _figure(number):
    return f"{number:.4g}"


def _interval(point):
    return "" if point["low"] is None else f"{_figure(point['low'])} to {_figure(point['high'])}"
