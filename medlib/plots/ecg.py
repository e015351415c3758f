"""An ECG on paper as cardiologists read it: 25 mm/s, 10 mm/mV, in true size."""

import matplotlib.figure
import matplotlib.pyplot
import numpy as np
from matplotlib.collections import LineCollection

from medlib.datasets import EcgRecord
from medlib.errors import UsageError

SPEED, GAIN = 25.0, 10.0  # mm/s and mm/mV
#: Rows of the page; each column shows 2.5 s, and time goes on from column to column.
TWELVE_LEADS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
COLOURS = {"trace": "#000000", "small boxes": "#F6D5D5", "large boxes": "#E3A0A0", "note": "#555555"}
_MILLIMETRES_PER_INCH = 25.4
_COLUMN_SECONDS, _PAGE_SECONDS = 2.5, 10.0
_LEFT, _RIGHT, _BOTTOM, _TOP, _ROW = 15.0, 5.0, 10.0, 10.0, 25.0  # mm
_PULSE_SECONDS = 0.2


def plot_twelve_leads(record: EcgRecord, *, start_seconds: float = 0.0, title: str = "") -> matplotlib.figure.Figure:
    """Draw ten seconds of a 12-lead ECG on a page: three rows of four leads, and lead II as rhythm strip.

    Parameters
    ----------
    record : EcgRecord
        Leads are found by name, in capitals or not. A lead that is missing, or has no value in the ten seconds, leaves
        an empty place that says so. A shorter record leaves the rest of the page empty.
    start_seconds : float
        Where the page begins, in s from the start of the record.
    title : str
        Above the leads; the name of the record if empty.

    Returns
    -------
    matplotlib.figure.Figure
        Of 270 by 120 mm, so that printed in its own size 10 mm are 1 mV, and 25 mm are 1 s.

    Raises
    ------
    UsageError
        If the record has none of the twelve leads (:func:`plot_strips` draws any leads), or ends before the start.

    References
    ----------
    Kligfield et al. (2007), Recommendations for the standardization and interpretation of the electrocardiogram,
    Part I, Circulation 115(10), 1306-1324.

    Examples
    --------
    >>> from medlib import datasets
    >>> record = datasets.read_ecg(datasets.locate("ptbxl-sample") / "records100/00000", "00001_lr", None)
    >>> figure = plot_twelve_leads(record)
    >>> (figure.get_size_inches() * 25.4).round(1)
    array([270., 120.])
    >>> matplotlib.pyplot.close(figure)
    """
    leads = {name.upper(): row for row, name in enumerate(record.lead_names)}
    if not any(name.upper() in leads for row in TWELVE_LEADS for name in row):
        raise UsageError(f"Record {record.name} has the leads {', '.join(record.lead_names)}; draw it by plot_strips.")
    figure, axes = _page(record, start_seconds, _PAGE_SECONDS, n_rows=4, title=title)
    missing = []
    for row, names in enumerate((*TWELVE_LEADS, ("II",))):
        seconds = _PAGE_SECONDS / len(names)
        for column, name in enumerate(names):
            begin = column * seconds
            drawn = _draw(axes, record, leads.get(name.upper()), name, row, (begin, begin + seconds), start_seconds)
            if not drawn and name not in missing:
                missing.append(name)
    _write_scale(axes, record, f"not recorded: {', '.join(missing)}" if missing else "")
    return figure


def plot_strips(
    record: EcgRecord, *, start_seconds: float = 0.0, seconds: float = 10.0, title: str = ""
) -> matplotlib.figure.Figure:
    """Draw the leads of any record below each other, on the same paper.

    Parameters
    ----------
    record : EcgRecord
    start_seconds, seconds : float
        The part that is drawn, in s; at most 60 s.
    title : str
        The name of the record if empty.

    Returns
    -------
    matplotlib.figure.Figure
        Of 25 mm for each second and for each lead, beside margins.

    Raises
    ------
    UsageError
        If the part is longer than 60 s or empty.

    Examples
    --------
    >>> from medlib import datasets
    >>> record = datasets.read_ecg(datasets.locate("mitdb-sample"), "901")
    >>> figure = plot_strips(record, start_seconds=30, seconds=6)
    >>> (figure.get_size_inches() * 25.4).round(1)
    array([170.,  70.])
    >>> matplotlib.pyplot.close(figure)
    """
    if not 0 < seconds <= 60:
        raise UsageError(f"seconds is {seconds}; a strip has more than 0 and at most 60 s.")
    figure, axes = _page(record, start_seconds, seconds, n_rows=len(record.lead_names), title=title)
    missing = [
        name
        for row, name in enumerate(record.lead_names)
        if not _draw(axes, record, row, name, row, (0.0, seconds), start_seconds)
    ]
    _write_scale(axes, record, f"not recorded: {', '.join(missing)}" if missing else "")
    return figure


def _page(record: EcgRecord, start_seconds: float, seconds: float, n_rows: int, title: str):
    """Axes whose coordinates are mm on the paper, with its boxes and calibration pulses."""
    duration = record.signal.shape[1] / record.sampling_rate
    if not 0 <= start_seconds < duration:
        raise UsageError(f"start_seconds is {start_seconds}, but record {record.name} lasts from 0 to {duration:g} s.")
    width, height = _LEFT + SPEED * seconds + _RIGHT, _BOTTOM + _ROW * n_rows + _TOP
    figure = matplotlib.pyplot.figure(figsize=(width / _MILLIMETRES_PER_INCH, height / _MILLIMETRES_PER_INCH))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    for name, step, line_width in (("small boxes", 1, 0.4), ("large boxes", 5, 0.8)):
        upright = [[(x, 0), (x, height)] for x in np.arange(0, width + 0.5, step)]
        level = [[(0, y), (width, y)] for y in np.arange(0, height + 0.5, step)]
        axes.add_collection(
            LineCollection(upright + level, colors=COLOURS[name], linewidths=line_width, label=name, zorder=0)
        )
    for row in range(n_rows):
        pulse = SPEED * _PULSE_SECONDS
        x = _LEFT - 3 - pulse + np.array([-2, 0, 0, pulse, pulse, pulse + 2])
        y = _baseline(axes, row) + GAIN * np.array([0, 0, 1, 1, 0, 0])
        axes.plot(x, y, color=COLOURS["trace"], linewidth=0.8, label="calibration")
    axes.text(_LEFT, height - 5, title or f"Record {record.name}", fontsize=10, va="center")
    return figure, axes


def _baseline(axes, row: int) -> float:
    return axes.get_ylim()[1] - _TOP - _ROW * (row + 0.6)


def _draw(axes, record, lead: int | None, name: str, row: int, span: tuple[float, float], start: float) -> bool:
    """Draw a lead over a span of the page in s; False if it has no value there."""
    x, y = _LEFT + SPEED * span[0], _baseline(axes, row)
    axes.text(x + 1, y + 11, name, fontsize=9, weight="bold", va="center")
    first, last = (round((start + edge) * record.sampling_rate) for edge in span)
    values = np.array([]) if lead is None else record.signal[lead, first:last]
    if not np.isfinite(values).any():
        reason = "not recorded" if lead is None or first < record.signal.shape[1] else "record has ended"
        axes.text(x + SPEED * (span[1] - span[0]) / 2, y, reason, color=COLOURS["note"], fontsize=8, ha="center")
        return reason == "record has ended"
    time = np.arange(first, first + len(values)) / record.sampling_rate - start
    axes.plot(_LEFT + SPEED * time, y + GAIN * values, color=COLOURS["trace"], linewidth=0.7, label=name)
    return True


def _write_scale(axes, record: EcgRecord, note: str) -> None:
    scale = f"{SPEED:g} mm/s   {GAIN:g} mm/mV   sampled at {record.sampling_rate:g} Hz"
    axes.text(_LEFT, _BOTTOM / 2, "   ".join(filter(None, (scale, note))), fontsize=8, va="center")
