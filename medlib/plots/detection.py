"""Figures of detectors: free-response curves with their intervals, and marks beside findings on slices."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from numpy.typing import NDArray

from medlib import discrimination, froc
from medlib.errors import UsageError

COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#777777", "#E69F00")  # Okabe and Ito
FINDING, MARK = "#56B4E9", "#E69F00"
_STYLES = ("-", "--", "-.", ":")


class Slice(NamedTuple):
    """A slice with what is to be found on it and what was marked.

    Attributes
    ----------
    title : str
    image : ndarray of float, shape (height, width)
    findings : sequence of (row, column, radius)
        In pixels of the image.
    marks : sequence of (row, column)
    """

    title: str
    image: NDArray
    findings: Sequence[tuple[float, float, float]] = ()
    marks: Sequence[tuple[float, float]] = ()


def plot_froc(
    methods: Mapping[str, Sequence[froc.Judged]],
    *,
    rates: Sequence[float] = froc.RATES,
    replicates: int = 1000,
    seed: int = 0,
) -> Figure:
    """Free-response curves, with the operating points of LUNA16 and their 95 % bootstrap intervals over scans.

    Parameters
    ----------
    methods : mapping of str to sequence of Judged
        By method, the judged marks on each scan; the legend gives the mean over the rates.
    rates : sequence of float
        False positives a scan at which points are drawn.
    replicates, seed : int
        Of the bootstrap.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        As in :func:`medlib.froc.sensitivity`.

    Examples
    --------
    >>> scans = [froc.match([[0.0], [9.0]], [0.9, 0.7], centres=[[0.0]], radii=[2])]
    >>> figure = plot_froc({"detector": scans}, replicates=10)
    >>> figure.legends[0].get_texts()[0].get_text()
    'detector, mean of the points 1.000'
    >>> plt.close(figure)
    """
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    fine = np.geomspace(min(rates) / 1.5, max(rates) * 1.5, 300)
    for number, (name, scans) in enumerate(methods.items()):
        colour = COLOURS[number % len(COLOURS)]
        found = froc.sensitivity(scans, rates)
        label = f"{name}, mean of the points {found.mean():.3f}"
        style = _STYLES[number % len(_STYLES)]
        axes.plot(fine, froc.sensitivity(scans, fine), style, color=colour, label=label)
        reach = np.array([_interval(scans, rate, replicates, seed) for rate in rates])
        # Points of several methods stand beside each other.
        place = np.array(rates) * 1.06 ** (number - (len(methods) - 1) / 2)
        # A percentile interval need not hold the point.
        errors = np.maximum([found - reach[:, 0], reach[:, 1] - found], 0)
        axes.errorbar(place, found, yerr=errors, fmt="o", markersize=4, color=colour, capsize=2, linewidth=1)
    axes.set(xscale="log", ylim=(0, 1.02), xlabel="false positives a scan", ylabel="sensitivity")
    axes.set_xticks(rates, [f"1/{round(1 / rate)}" if rate < 1 else f"{rate:g}" for rate in rates])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.set_title("Free-response curves, with 95 % intervals over scans")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _interval(scans, rate, replicates, seed):
    def statistic(weight):
        return froc.sensitivity(scans, [rate], weight)[:, 0]

    return discrimination.bootstrap(statistic, range(len(scans)), replicates=replicates, seed=seed)


def plot_marks(slices: Sequence[tuple], *, columns: int = 3, window: tuple[float, float] = (-1000, 400)) -> Figure:
    """Slices with a circle around each finding and a cross at each mark.

    Parameters
    ----------
    slices : sequence of Slice
        Or of tuples of the same fields.
    columns : int
    window : (float, float)
        Values that are drawn black and white.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If there is no slice, or an image is not of two dimensions.

    Examples
    --------
    >>> figure = plot_marks([Slice("scan 1", np.zeros((40, 50)), findings=[(20, 30, 5)], marks=[(19, 31)])])
    >>> figure.axes[0].get_title(), len(figure.axes[0].patches)
    ('scan 1', 1)
    >>> plt.close(figure)
    """
    slices = [Slice(*part) for part in slices]
    if not slices or any(np.ndim(part.image) != 2 for part in slices):
        shapes = [np.shape(part.image) for part in slices]
        raise UsageError(f"{len(slices)} slices of shapes {shapes}; give at least one, each of shape (height, width).")
    rows = -(-len(slices) // columns)
    tall = max(part.image.shape[0] / part.image.shape[1] for part in slices)
    size = (4 * columns, (4 * tall + 0.3) * rows + 0.4)
    figure, panels = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for axes, part in zip(panels.flat, slices, strict=False):
        axes.imshow(part.image, cmap="gray", vmin=window[0], vmax=window[1])
        for row, column, radius in part.findings:
            axes.add_patch(Circle((column, row), radius + 4, fill=False, color=FINDING, linewidth=1.5))
        if len(part.marks):
            row, column = np.array(part.marks, float).T
            axes.plot(column, row, "x", color=MARK, markersize=5, markeredgewidth=1.2)
        axes.set_title(part.title, fontsize=9)
    keys = []
    if any(len(part.findings) for part in slices):
        keys.append(Line2D([], [], marker="o", linestyle="", markerfacecolor="none", color=FINDING, label="finding"))
    if any(len(part.marks) for part in slices):
        keys.append(Line2D([], [], marker="x", linestyle="", color=MARK, label="mark"))
    if keys:
        figure.legend(handles=keys, loc="outside lower center", ncols=2)
    return figure
