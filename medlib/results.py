"""The results bundle: named metrics beside their baseline and published figure, in one form that every reader uses."""

import math
import re
from dataclasses import asdict, dataclass
from html import escape

from medlib.errors import DataError, UsageError

MIME_TYPE = "application/vnd.medlib.results+json"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
DIRECTIONS = ("higher", "lower")
MAXIMUM_METRICS = 1000
MAXIMUM_TEXT = 500
REFERENCE_TYPES = {"value": float, "source": str, "protocol": str}
SOURCE_TYPES = {"name": str, "version": str, "sha256": str, "simulated": bool}


@dataclass(frozen=True)
class Metric:
    """One measured figure and what it takes to judge it; :meth:`Results.add` explains the fields.

    Raises
    ------
    UsageError
        If a field has the wrong type, a number is not finite, or the baseline would pass the tolerance.

    Examples
    --------
    >>> Metric("f1_s", 0.52, baseline=0.08, tolerance=0.05).value
    0.52
    >>> Metric("f1_s", 0.52, baseline=0.5, tolerance=0.05)
    Traceback (most recent call last):
    ...
    medlib.errors.UsageError: f1_s: a tolerance of 0.05 around 0.52 would accept the baseline 0.5; ...
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    unit: str = ""
    n: int | None = None
    direction: str = "higher"
    reference: dict | None = None
    tolerance: float | None = None
    baseline: float | None = None

    def __post_init__(self):
        if not isinstance(self.name, str) or len(self.name) > 64 or not NAME.fullmatch(self.name):
            raise UsageError(f"Metric name {_quoted(self.name)} is not snake case; write it like macro_f1_nsv.")
        _require_number(self.name, "value", self.value)
        for field in ("low", "high", "tolerance", "baseline"):
            if getattr(self, field) is not None:
                _require_number(self.name, field, getattr(self, field))
        _require_text(self.name, "unit", self.unit)
        if self.direction not in DIRECTIONS:
            raise UsageError(f"{self.name}: direction {_quoted(self.direction)} is not one of {', '.join(DIRECTIONS)}.")
        if self.n is not None and (type(self.n) is not int or not 0 < self.n < 2**63):
            raise UsageError(f"{self.name}: n is {_quoted(self.n)}; what was scored is counted, so at least 1.")
        if (self.low is None) != (self.high is None) or (self.low is not None and self.low > self.high):
            raise UsageError(f"{self.name}: interval ({self.low}, {self.high}) is not a low and a high bound.")
        if self.reference is not None:
            _require_fields(f"{self.name}: reference", self.reference, REFERENCE_TYPES)
        self._require_tolerance_that_fails_the_baseline()

    def _require_tolerance_that_fails_the_baseline(self):
        if self.tolerance is None:
            return
        if self.tolerance < 0:
            raise UsageError(f"{self.name}: tolerance {self.tolerance} is negative; it is an absolute difference.")
        if self.baseline is not None and abs(self.value - self.baseline) <= self.tolerance:
            raise UsageError(
                f"{self.name}: a tolerance of {self.tolerance:g} around {self.value:g} would accept the baseline "
                f"{self.baseline:g}; tighten the tolerance or improve the model."
            )


class Results:
    """Collect metrics; the last code cell of a notebook shows the object.

    Parameters
    ----------
    sources : list of dict
        ``Dataset.provenance()`` of every data set used: ``name``, ``version``, ``sha256``, ``simulated``.

    Raises
    ------
    UsageError
        If there is no source, or one lacks a field.

    Examples
    --------
    >>> results = Results([{"name": "mitdb-sample", "version": "1", "sha256": "0" * 64, "simulated": True}])
    >>> results.add("f1_v", 0.944, interval=(0.91, 0.97), n=22, baseline=0.0)
    >>> results
    metric  value  interval          n  better  baseline
    f1_v    0.944  0.910 to 0.970   22  higher  0
    Data: simulated (mitdb-sample 1)
    """

    def __init__(self, sources):
        if not isinstance(sources, (list, tuple)) or not 0 < len(sources) <= MAXIMUM_METRICS:
            raise UsageError("Results need a list of the data they come from, such as [dataset.provenance()].")
        for source in sources:
            _require_fields("source", source, SOURCE_TYPES)
        self.sources = tuple(dict(source) for source in sources)
        self._metrics = {}

    @property
    def metrics(self):
        """Tuple of :class:`Metric`, in the order in which they were added."""
        return tuple(self._metrics.values())

    @property
    def data(self):
        """``"real"`` if no source is simulated, else ``"simulated"``."""
        return "simulated" if any(source["simulated"] for source in self.sources) else "real"

    def add(
        self, name, value, *, interval=None, unit="", n=None, direction="higher",
        reference=None, tolerance=None, baseline=None
    ):  # fmt: skip
        """Add one metric.

        Parameters
        ----------
        name : str
            Snake case and stable, such as ``macro_f1_nsv``.
        value : float
            The figure, finite.
        interval : (float, float), optional
            Low and high bound of its confidence interval.
        unit : str
            Empty for a ratio.
        n : int, optional
            Number of independent units scored (patients, not beats, where patients are what varies).
        direction : {"higher", "lower"}
            Which way is better.
        reference : dict, optional
            The published figure to stand beside: ``value``, ``source`` and ``protocol``.
        tolerance : float, optional
            Largest absolute difference that a rerun may show; without it a rerun must agree.
        baseline : float, optional
            The same figure of the baseline.

        Raises
        ------
        UsageError
            If the name is taken, a number is not finite, or the baseline would pass the tolerance.
        """
        if name in self._metrics:
            raise UsageError(f"{name} was added before; give each metric a name of its own.")
        low, high = (None, None) if interval is None else map(_plain, interval)
        metric = Metric(
            name=name,
            value=_plain(value),
            low=low,
            high=high,
            unit=unit,
            n=_plain(n),
            direction=direction,
            reference=None if reference is None else {key: _plain(field) for key, field in reference.items()},
            tolerance=_plain(tolerance),
            baseline=_plain(baseline),
        )
        self._metrics[name] = metric

    def to_dict(self):
        """Plain dictionary of ``metrics``, ``data`` and ``sources``, ready for JSON."""
        return {
            "metrics": [asdict(metric) for metric in self.metrics],
            "data": self.data,
            "sources": [dict(source) for source in self.sources],
        }

    @classmethod
    def from_dict(cls, bundle):
        """Read back what :meth:`to_dict` wrote; the input may come from anyone's notebook.

        Raises
        ------
        DataError
            If the bundle is not exactly of that form.
        """
        try:
            _require_fields("bundle", bundle, {"metrics": list, "data": str, "sources": list})
            if len(bundle["metrics"]) > MAXIMUM_METRICS:
                raise UsageError(f"{len(bundle['metrics'])} metrics; at most {MAXIMUM_METRICS} are read.")
            results = cls(bundle["sources"])
            for entry in bundle["metrics"]:
                metric = Metric(**entry)
                if metric.name in results._metrics:
                    raise UsageError(f"{metric.name} appears twice.")
                results._metrics[metric.name] = metric
            if bundle["data"] != results.data:
                raise UsageError(f"data is {_quoted(bundle['data'])}, but the sources say {results.data}.")
        except (UsageError, TypeError) as error:
            raise DataError(f"Not a results bundle: {error} Rerun the notebook to write it again.") from error
        return results

    def table(self):
        """Header and rows of text to show; columns that would be empty are left out.

        Returns
        -------
        list of tuple of str
            The header first.
        """
        header = ("metric", "value", "unit", "interval", "n", "better", "baseline", "published")
        columns = zip(header, *(_row(metric) for metric in self.metrics), strict=True)
        return list(zip(*(column for column in columns if any(column[1:])), strict=True))

    def provenance(self):
        """One line that says what data the figures come from."""
        names = ", ".join(f"{source['name']} {source['version']}" for source in self.sources)
        return f"Data: {self.data} ({names})"

    def __repr__(self):
        table = self.table()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
        return "\n".join([*lines, self.provenance()])

    def _repr_mimebundle_(self, include=None, exclude=None):
        header, *rows = self.table() or [()]
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        html = (
            f"<table><caption>{escape(self.provenance())}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )
        return {"text/plain": repr(self), "text/html": html, MIME_TYPE: self.to_dict()}


def _row(metric):
    published = ""
    if metric.reference is not None:
        published = "{} ({source}; {protocol})".format(_rounded(metric.reference["value"]), **metric.reference)
    return (
        metric.name,
        _rounded(metric.value),
        metric.unit,
        "" if metric.low is None else f"{_rounded(metric.low)} to {_rounded(metric.high)}",
        "" if metric.n is None else str(metric.n),
        metric.direction,
        "" if metric.baseline is None else _rounded(metric.baseline),
        published,
    )


def _rounded(value):
    """Three decimals for a ratio, fewer for what is large, three digits for what is small."""
    size = abs(value)
    decimals = ",.0f" if size >= 1000 else ".1f" if size >= 10 else ".3f" if size >= 0.1 else ".3g"
    return format(value, decimals)


def _plain(number):
    """Python's own number for a numpy or torch scalar, which JSON cannot hold."""
    return number.item() if getattr(number, "ndim", None) == 0 else number


def _require_number(name, field, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(f"{name}: {field} is {_quoted(value)}, which is not a number.")
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    if not finite:
        raise UsageError(f"{name}: {field} is {_quoted(value)}, not finite; was anything scored (n = 0)?")


def _require_text(name, field, value):
    if not isinstance(value, str) or len(value) > MAXIMUM_TEXT:
        raise UsageError(f"{name}: {field} is {_quoted(value)}; it must be text of at most {MAXIMUM_TEXT} characters.")


def _require_fields(what, mapping, types):
    if not isinstance(mapping, dict) or set(mapping) != set(types):
        raise UsageError(f"{what} is {_quoted(mapping)}; it must have exactly the fields {', '.join(types)}.")
    for field, kind in types.items():
        if kind is float:
            _require_number(what, field, mapping[field])
        elif kind is str:
            _require_text(what, field, mapping[field])
        elif not isinstance(mapping[field], kind):
            raise UsageError(f"{what}: {field} is {_quoted(mapping[field])}; it must be a {kind.__name__}.")


def _quoted(value):
    """Short text of any value: a hostile one can be very long."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python will print
        return f"a huge {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
