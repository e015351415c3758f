"""The ECG as a cardiologist reads it: on paper with boxes of 1 and 5 mm, at 25 mm/s and 10 mm/mV."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from medlib.errors import DataError

#: Leads of a standard page by row; each is shown for 2.5 s, and time goes on from column to column.
LAYOUT = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
SPEED = 25.0  # mm/s
GAIN = 10.0  # mm/mV
_PAGE_SECONDS, _COLUMN_SECONDS = 10.0, 2.5
_ROW, _MARGIN, _PULSE_SPACE = 30.0, 10.0, 10.0  # mm
_FINE, _COARSE, _INK = "#f7dcd8", "#e4a49c", "#111111"


def plot_twelve_leads(
    signal: NDArray[np.floating],
    sampling_rate: float,
    lead_names: Sequence[str],
    *,
    rhythm: str = "II",
    title: str = "",
) -> Figure:
    """Draw the first 10 s of a 12-lead ECG as a standard page: three rows of four leads, and a rhythm strip.

    The figure has the size of the paper, so that one millimetre is one millimetre in print. The voltage of each
    stretch is drawn from its median, as a machine's high-pass filter would place it.

    Parameters
    ----------
    signal : ndarray of float, shape (n_leads, n_samples)
        Voltage in mV; NaN leaves a gap. A shorter record ends where it ends.
    sampling_rate : float
        In Hz.
    lead_names : sequence of str
        One for each lead, in any order, with small or large letters. A lead that is missing leaves its place empty and
        is named there; leads other than the twelve are not shown.
    rhythm : str
        Lead of the strip at the bottom.
    title : str
        Line above the page.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If names and signals differ in number, two leads have one name, or none of the twelve is there.

    References
    ----------
    Kligfield et al. (2007), Recommendations for the standardization and interpretation of the electrocardiogram,
    Part I, Circulation 115(10), 1306-1324.

    Examples
    --------
    >>> names = [name for row in LAYOUT for name in row]
    >>> figure = plot_twelve_leads(np.zeros((12, 5000)), sampling_rate=500, lead_names=names)
    >>> [round(float(inches * 25.4)) for inches in figure.get_size_inches()]  # mm
    [280, 140]
    >>> plt.close(figure)
    """
    leads = _by_name(signal, lead_names)
    standard = [name for row in LAYOUT for name in row]
    if not any(name.lower() in leads for name in standard):
        raise DataError(
            f"None of the leads {', '.join(lead_names)} is one of {', '.join(standard)}; plot_strips draws any leads."
        )
    rows = [[(name, _COLUMN_SECONDS * column) for column, name in enumerate(row)] for row in LAYOUT]
    rows.append([(rhythm, 0.0)])
    figure, axes = _paper(len(rows), title)
    for row, places in enumerate(rows):
        baseline = _baseline(row, len(rows))
        _draw_pulse(axes, baseline)
        for name, start in places:
            stop = _PAGE_SECONDS if len(places) == 1 else start + _COLUMN_SECONDS
            _draw_lead(axes, leads.get(name.lower()), sampling_rate, (start, stop), baseline, name)
    return figure


def plot_strips(
    signal: NDArray[np.floating],
    sampling_rate: float,
    lead_names: Sequence[str],
    *,
    start_seconds: float = 0.0,
    title: str = "",
) -> Figure:
    """Draw 10 s of any leads on ECG paper, one below the other.

    Parameters
    ----------
    signal : ndarray of float, shape (n_leads, n_samples)
        Voltage in mV; NaN leaves a gap.
    sampling_rate : float
        In Hz.
    lead_names : sequence of str
        One for each lead.
    start_seconds : float
        Where the strips begin.
    title : str
        Line above the page.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If names and signals differ in number, two leads have one name, or nothing is recorded from the start on.

    Examples
    --------
    >>> figure = plot_strips(np.zeros((2, 3600)), sampling_rate=360, lead_names=["MLII", "V1"])
    >>> [round(float(inches * 25.4)) for inches in figure.get_size_inches()]  # mm
    [280, 80]
    >>> plt.close(figure)
    """
    leads = _by_name(signal, lead_names)
    if not 0 <= start_seconds * sampling_rate < signal.shape[1]:
        raise DataError(
            f"Strips are to begin at {start_seconds:g} s, but the record lasts {signal.shape[1] / sampling_rate:g} s; "
            "give start_seconds within it."
        )
    figure, axes = _paper(len(lead_names), title)
    for row, name in enumerate(lead_names):
        baseline = _baseline(row, len(lead_names))
        _draw_pulse(axes, baseline)
        shown = leads[name.lower()][round(start_seconds * sampling_rate) :]
        _draw_lead(axes, shown, sampling_rate, (0.0, _PAGE_SECONDS), baseline, name)
    return figure


def _by_name(signal: NDArray[np.floating], lead_names: Sequence[str]) -> dict[str, NDArray[np.floating]]:
    if np.ndim(signal) != 2 or len(signal) != len(lead_names):
        raise DataError(
            f"A signal of shape {np.shape(signal)} does not go with {len(lead_names)} names of leads; give "
            "(n_leads, n_samples) and a name for each lead."
        )
    leads = {name.lower(): lead for name, lead in zip(lead_names, signal, strict=True)}
    if len(leads) < len(lead_names):
        raise DataError(f"Two of the leads {', '.join(lead_names)} have one name; give each its own.")
    return leads


def _paper(n_rows: int, title: str) -> tuple[Figure, Axes]:
    """A page whose axes are in mm, with its boxes."""
    width = 2 * _MARGIN + _PULSE_SPACE + _PAGE_SECONDS * SPEED
    height = 2 * _MARGIN + n_rows * _ROW
    figure = plt.figure(figsize=(width / 25.4, height / 25.4))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    for step, colour, line in ((1, _FINE, 0.4), (5, _COARSE, 0.6)):
        axes.vlines(np.arange(0, width + 1, step), 0, height, color=colour, linewidth=line, zorder=0)
        axes.hlines(np.arange(0, height + 1, step), 0, width, color=colour, linewidth=line, zorder=0)
    axes.text(_MARGIN, 2, f"{SPEED:g} mm/s    {GAIN:g} mm/mV", fontsize=8, color=_INK)
    axes.text(_MARGIN, height - 5, title, fontsize=9, color=_INK)
    return figure, axes


def _baseline(row: int, n_rows: int) -> float:
    """Height of a row's 0 mV in mm, on a heavy line."""
    return _MARGIN + (n_rows - row - 0.5) * _ROW


def _draw_pulse(axes: Axes, baseline: float) -> None:
    """The calibration pulse: 1 mV for 200 ms."""
    x = _MARGIN + np.array([0, 1, 1, 1 + 0.2 * SPEED, 1 + 0.2 * SPEED, 2 + 0.2 * SPEED])
    axes.plot(x, baseline + GAIN * np.array([0, 0, 1, 1, 0, 0]), color=_INK, linewidth=0.8, gid="pulse")


def _draw_lead(
    axes: Axes,
    lead: NDArray[np.floating] | None,
    sampling_rate: float,
    between: tuple[float, float],
    baseline: float,
    name: str,
) -> None:
    start, stop = between
    left = _MARGIN + _PULSE_SPACE
    missing = lead is None or not np.isfinite(lead).any()
    label = f"{name}: not recorded" if missing else name
    axes.text(left + start * SPEED + 1, baseline + 11, label, fontsize=8, color=_INK, weight="bold")
    if start > 0:
        axes.plot([left + start * SPEED] * 2, [baseline - 3, baseline + 3], color=_INK, linewidth=0.8, gid="division")
    if missing:
        return
    first, last = round(start * sampling_rate), min(round(stop * sampling_rate), len(lead))
    stretch = np.asarray(lead[first:last], dtype=float)
    if np.isfinite(stretch).any():
        x = left + SPEED * np.arange(first, last) / sampling_rate
        axes.plot(x, baseline + GAIN * (stretch - np.nanmedian(stretch)), color=_INK, linewidth=0.7, gid=name)
