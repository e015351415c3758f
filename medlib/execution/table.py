"""All runs as one table: what was varied, what came out, and the mean over repeated runs."""

import csv
import hashlib
import io
import json
import math
import statistics

from scipy import special

from medlib.errors import UsageError
from medlib.execution import notebooks

# Runs that differ in one of these tried different things, whatever their parameters: no mean is taken over them.
MADE_WITH = ("notebook", "library", "modules", "versions", "data")


def varied(runs):
    """Parameters whose values are not the same over runs of one notebook.

    Parameters
    ----------
    runs : list of Run

    Returns
    -------
    list of str
        In the order of the records.
    """
    records = [run.record["parameters"] for run in runs]
    names = dict.fromkeys(name for record in records for name in record)
    return [name for name in names if len({_value(record, name) for record in records}) > 1]


def interval(values):
    """Mean and its 95 % Student t interval.

    Parameters
    ----------
    values : list of float
        Finite, at least one.

    Returns
    -------
    mean : float
    low, high : float or None
        None for fewer than two values, which say nothing of their spread, and beyond the largest float.

    Examples
    --------
    >>> [round(bound, 3) for bound in interval([1, 2, 3, 4, 5])]
    [3.0, 1.037, 4.963]
    >>> interval([0.5])
    (0.5, None, None)
    """
    mean = float(statistics.mean(values))
    if len(values) < 2:
        return mean, None, None
    quantile = float(special.stdtrit(len(values) - 1, 0.975))
    try:
        half = quantile * statistics.stdev(values) / math.sqrt(len(values))
    except OverflowError:
        half = math.inf
    low, high = mean - half, mean + half
    return (mean, low, high) if math.isfinite(high - low) else (mean, None, None)


def rows(runs):
    """What there is to say of each run, as plain JSON.

    Parameters
    ----------
    runs : list of Run

    Returns
    -------
    list of dict
        ``id``, ``key``, ``profile``, ``status``, ``started``, ``seconds``, ``peak_memory_bytes``, ``data`` (``"real"``,
        ``"simulated"`` or None), ``parameters`` and ``metrics`` (dict of name to value), ``folder``.
    """
    return [
        {
            **{name: run.record[name] for name in ("id", "key", "profile", "status", "started")},
            **{name: run.record.get(name) for name in ("seconds", "peak_memory_bytes")},
            "data": _data(run),
            "parameters": run.record["parameters"],
            "metrics": {metric.name: metric.value for metric in _metrics(run)},
            "folder": str(run.folder),
        }
        for run in runs
    ]


def grouped(runs, by):
    """Means over the finished runs that share notebook, profile and the values of some parameters.

    Runs on simulated and on real data, or of another notebook source, library, version or data set, are never averaged
    together: they are groups of their own. Of copies of one run, which share a key, the last one started counts.

    Parameters
    ----------
    runs : list of Run
        In the order of :func:`medlib.execution.runs.everything`.
    by : list of str
        Names of parameters; a notebook that lacks one is grouped by the others.

    Returns
    -------
    list of dict
        ``id``, ``profile``, ``data``, ``made_with`` (digests that tell groups apart whose notebook, library, modules,
        versions or data differ), ``parameters`` (those of ``by``), ``averaged_over`` (parameters that vary within the
        group), ``runs`` (their number) and ``metrics``: a list of ``name``, ``unit``, ``direction``, ``mean``,
        ``low``, ``high``, ``n``, as :func:`interval` gives them over ``n`` runs.

    Raises
    ------
    UsageError
        If no run has a parameter of that name.
    """
    known = list(dict.fromkeys(name for run in runs for name in run.record["parameters"]))
    for name in by:
        if name not in known:
            hint = notebooks.suggestion(name, known)
            raise UsageError(f"No run has a parameter {name!r}. {hint} Parameters of these runs: {', '.join(known)}.")
    groups = {}
    for run in runs:
        if run.done:
            groups.setdefault(_text(_shared(run, by)), {})[run.record["key"]] = run
    return [_group(list(group.values()), by) for group in groups.values()]


def as_csv(entries):
    """CSV of rows or of groups, with one header for all.

    Columns are named ``parameters.<name>`` and ``metrics.<name>``, so that no name can clash with another; a group has
    a line for each metric, ``metric.name`` and so on. Text is written as it is, everything else as JSON, and nothing
    where there is no value.

    Parameters
    ----------
    entries : list of dict
        Of :func:`rows` or :func:`grouped`.

    Returns
    -------
    str
        Lines end as RFC 4180 has it, in a carriage return and a line feed; empty where there are no entries.
    """
    if not entries:
        return ""
    lines = [_flat(line) for entry in entries for line in _lines(entry)]
    columns = dict.fromkeys(name for line in lines for name in line)
    order = list(dict.fromkeys(name.partition(".")[0] for name in columns))
    text = io.StringIO()
    writer = csv.DictWriter(text, sorted(columns, key=lambda name: order.index(name.partition(".")[0])))
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _shared(run, by):
    """What is the same for all runs of a group."""
    record = run.record
    parameters = {name: record["parameters"][name] for name in by if name in record["parameters"]}
    return [record["id"], record["profile"], _data(run), [record.get(name) for name in MADE_WITH], parameters]


def _group(runs, by):
    identifier, profile, data, made_with, parameters = _shared(runs[0], by)
    digests = [hashlib.sha256(_text(part).encode()).hexdigest()[:8] for part in made_with]
    values = {}
    for run in runs:
        for metric in _metrics(run):
            values.setdefault((metric.name, metric.unit, metric.direction), []).append(metric.value)
    return {
        "id": identifier,
        "profile": profile,
        "data": data,
        "made_with": dict(zip(MADE_WITH, digests, strict=True)),
        "parameters": parameters,
        "averaged_over": varied(runs),
        "runs": len(runs),
        "metrics": [_mean(*metric, found) for metric, found in values.items()],
    }


def _mean(name, unit, direction, values):
    mean, low, high = interval(values)
    return {
        "name": name,
        "unit": unit,
        "direction": direction,
        "mean": mean,
        "low": low,
        "high": high,
        "n": len(values),
    }


def _lines(entry):
    """Lines of CSV for a run, or for a group: one for each metric, and one where it has none."""
    if isinstance(entry["metrics"], dict):
        return [entry]
    group = {name: value for name, value in entry.items() if name != "metrics"}
    return [group | {"metric": metric} for metric in entry["metrics"]] or [group]


def _flat(line):
    cells = {}
    for name, value in line.items():
        inner = {f"{name}.{part}": found for part, found in value.items()} if isinstance(value, dict) else {name: value}
        cells |= {column: found if isinstance(found, str | None) else _text(found) for column, found in inner.items()}
    return cells


def _data(run):
    return None if run.results is None else run.results.data


def _metrics(run):
    return () if run.results is None else run.results.metrics


def _value(parameters, name):
    """Text of a parameter's value; None where the run has no such parameter."""
    return _text(parameters[name]) if name in parameters else None


def _text(value):
    """JSON, which is equal for equal values, even of lists, and tells 1 from True."""
    return json.dumps(value, sort_keys=True)
