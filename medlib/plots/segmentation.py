"""Segmentations beside the truth: outlines on slices, where they err, surfaces, and the scores of all cases."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.figure
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from medlib.errors import UsageError

#: Of Okabe and Ito (2008); a label takes that of its number, so that a structure looks alike in all figures.
COLOURS = ("#E69F00", "#009E73", "#CC79A7", "#F0E442", "#0072B2", "#56B4E9", "#D55E00")
ERRORS = {"missed": "#56B4E9", "false": "#D55E00", "wrong label": "#F0E442"}
_COLUMNS = ("image", "truth", "prediction", "error")
_INCHES = 2.4  # of a panel


class Case(NamedTuple):
    """A slice with its masks.

    Attributes
    ----------
    title : str
        What the row is called, such as "worst: patient 12, Dice 0.71".
    image : ndarray of float, shape (height, width)
    truth, prediction : ndarray of int, shape (height, width)
        Number of the structure at each pixel, 0 for the background.
    spacing : (float, float)
        Height and width of a pixel, of which only the ratio is seen.
    """

    title: str
    image: NDArray
    truth: NDArray
    prediction: NDArray
    spacing: tuple[float, float] = (1.0, 1.0)


def plot_cases(
    cases: Sequence[tuple],
    *,
    labels: Mapping[str, int],
    columns: Sequence[str] = _COLUMNS,
    window: tuple[float, float] | None = None,
) -> matplotlib.figure.Figure:
    """Draw a row for each case: the image, the true outline, the predicted one, and where the two differ.

    Parameters
    ----------
    cases : sequence of Case
        Or of tuples of the same fields.
    labels : mapping of str to int
        The structures, and their numbers in the masks.
    columns : sequence of {"image", "truth", "prediction", "error"}
    window : (float, float), optional
        Centre and width of the values between black and white. Default: the first to the 99th percentile of each image.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UsageError
        If there is no case, or its image and masks have different shapes.

    Examples
    --------
    >>> mask = np.zeros((16, 16), int)
    >>> mask[4:12, 4:12] = 1
    >>> figure = plot_cases([Case("a square", mask * 100.0, mask, mask)], labels={"square": 1})
    >>> [axes.get_title() for axes in figure.axes]
    ['image', 'truth', 'prediction', 'error']
    """
    cases = [_checked(Case(*case)) for case in cases]
    if not cases or not set(columns) <= set(_COLUMNS):
        raise UsageError(f"{len(cases)} cases and columns {tuple(columns)}; give at least one case, of {_COLUMNS}.")
    # Height of a panel for its width, and room for the title of the row.
    shapes = [np.multiply(case.image.shape, case.spacing) for case in cases]
    heights = [_INCHES * height / width + 0.3 for height, width in shapes]
    figure = matplotlib.figure.Figure(figsize=(_INCHES * len(columns), sum(heights) + 0.6), layout="constrained")
    panels = figure.subplots(len(cases), len(columns), squeeze=False, height_ratios=heights)
    for row, case in zip(panels, cases, strict=True):
        for axes, column in zip(row, columns, strict=True):
            _draw_panel(axes, case, column, labels, window)
            height, width = np.multiply(case.image.shape, case.spacing)
            axes.set(xlim=(0, width), ylim=(height, 0))
            axes.set_axis_off()
        row[0].text(0, 1.02, case.title, transform=row[0].transAxes, fontsize=8, va="bottom")
    for axes, column in zip(panels[0], columns, strict=True):
        axes.set_title(column, fontsize=9, pad=18)
    figure.legend(handles=_legend(labels, columns), loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def plot_surfaces(
    truth: NDArray,
    predicted: NDArray,
    spacing: Sequence[float],
    *,
    labels: Mapping[str, int],
    title: str = "",
    farthest: float | None = None,
) -> matplotlib.figure.Figure:
    """Draw the true surfaces, coloured by structure, and the predicted ones, coloured by their distance to the true.

    Parameters
    ----------
    truth, predicted : ndarray of int, shape (z, y, x)
        With z to the head, y to the front and x to the right of the patient, as `to_orientation(volume, "RAS")` has it.
    spacing : sequence of float
        In mm, in the order (z, y, x).
    labels : mapping of str to int
        The structures that are drawn, and their numbers.
    title : str
    farthest : float, optional
        Distance in mm that has the last colour. Default: the 99th percentile of the distances.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UsageError
        If the shapes differ, or a structure is missing in both.

    References
    ----------
    Lewiner et al. (2003), Efficient implementation of marching cubes' cases, Journal of Graphics Tools 8(2), 1-15.

    Examples
    --------
    >>> ball = (np.indices((12, 12, 12)) - 5.5).__pow__(2).sum(axis=0) < 16
    >>> figure = plot_surfaces(ball.astype(int), ball.astype(int), (1, 1, 1), labels={"ball": 1})
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['truth', 'prediction']
    """
    if truth.shape != predicted.shape or truth.ndim != 3:
        raise UsageError(f"The masks have shapes {truth.shape} and {predicted.shape}; give two of one shape (z, y, x).")
    parts = [(name, truth == number, predicted == number) for name, number in labels.items()]
    absent = [name for name, true, found in parts if not (true.any() or found.any())]
    if absent or not parts:
        raise UsageError(f"Neither mask has {absent}; give labels that are there.")
    figure = matplotlib.figure.Figure(figsize=(10, 4.6))
    left, right = figure.subplots(1, 2, subplot_kw={"projection": "3d"}, gridspec_kw={"left": 0, "wspace": 0.15})
    surfaces = [_surface(found, spacing) for _, _, found in parts]
    distances = [_distance_to(true, spacing, surface) for (_, true, _), surface in zip(parts, surfaces, strict=True)]
    reached = [values[np.isfinite(values)] for values in distances]
    limit = farthest or max(float(np.percentile(np.concatenate(reached), 99)) if sum(map(len, reached)) else 1.0, 0.5)
    for (_, true, _), number in zip(parts, labels.values(), strict=True):
        _draw_surface(left, _surface(true, spacing), _colour(number))
    for surface, values in zip(surfaces, distances, strict=True):
        _draw_surface(right, surface, matplotlib.colormaps["cividis"](np.clip(values / limit, 0, 1)))
    for axes, name in ((left, "truth"), (right, "prediction")):
        _frame(axes, (truth > 0) | (predicted > 0), spacing)
        axes.set_title(name, fontsize=10)
    left.legend(handles=_patches(labels), fontsize=8, loc="upper left", frameon=False)
    scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, limit), "cividis")
    described = dict(extend="max", label="distance to the true surface (mm)")
    figure.colorbar(scale, ax=[left, right], shrink=0.7, pad=0.12, **described)
    figure.suptitle(title, fontsize=10)
    return figure


def plot_scores(
    scores: Mapping[str, NDArray], *, score: str = "Dice", unit: str = "", seed: int = 0
) -> matplotlib.figure.Figure:
    """Draw the scores of all cases as dots, a row for each method or structure, with median and quartiles.

    Parameters
    ----------
    scores : mapping of str to array_like, shape (n_cases,)
        NaN where a score is not defined; the number of these is written.
    score, unit : str
        What the axis says.
    seed : int
        Of the places of the dots across their row.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UsageError
        If there are no scores.

    Examples
    --------
    >>> figure = plot_scores({"baseline": [0.4, 0.6], "network": [0.8, np.nan]})
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['baseline', 'network (1 undefined)']
    """
    if not scores:
        raise UsageError("There are no scores to draw; give at least one method with the scores of its cases.")
    figure = matplotlib.figure.Figure(figsize=(7.5, 0.9 + 0.5 * len(scores)), layout="constrained")
    axes = figure.subplots()
    scatter = np.random.default_rng(seed)
    names = []
    for row, (name, values) in enumerate(scores.items()):
        values = np.asarray(values, dtype=float)
        defined, undefined = values[np.isfinite(values)], int(np.sum(~np.isfinite(values)))
        names.append(f"{name} ({undefined} undefined)" if undefined else name)
        places = row + scatter.uniform(-0.22, 0.22, len(defined))
        axes.plot(defined, places, "o", markersize=3.5, alpha=0.6, color=COLOURS[1], markeredgewidth=0)
        if len(defined):
            low, middle, high = np.percentile(defined, [25, 50, 75])
            axes.plot([low, high], [row, row], color="black", linewidth=1.2)
            axes.plot([middle, middle], [row - 0.3, row + 0.3], color="black", linewidth=2.2)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.invert_yaxis()
    axes.set_xlabel(f"{score} ({unit})" if unit else score)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _checked(case: Case) -> Case:
    shapes = [np.shape(array) for array in (case.image, case.truth, case.prediction)]
    if len(set(shapes)) > 1 or len(shapes[0]) != 2:
        raise UsageError(f"{case.title!r} has an image and masks of shapes {shapes}; give three of one shape (y, x).")
    return case


def _draw_panel(axes, case: Case, column: str, labels: Mapping[str, int], window) -> None:
    low, high = np.percentile(case.image, [1, 99]) if window is None else window[0] + np.array([-0.5, 0.5]) * window[1]
    height, width = np.multiply(case.image.shape, case.spacing)
    extent = (0, width, height, 0)
    axes.imshow(case.image, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), extent=extent, interpolation="nearest")
    if column == "error":
        error = np.select(
            [case.truth == case.prediction, case.prediction == 0, case.truth == 0], [0, 1, 2], default=3
        )  # fmt: skip
        shown = np.ma.masked_equal(error, 0)
        colours = ListedColormap(list(ERRORS.values()))
        axes.imshow(shown, cmap=colours, vmin=1, vmax=3, extent=extent, interpolation="nearest", alpha=0.8)
    elif column != "image":
        mask = case.truth if column == "truth" else case.prediction
        for number in labels.values():
            _outline(axes, mask == number, case.spacing, _colour(number))


def _outline(axes, mask: NDArray, spacing: tuple[float, float], colour: str) -> None:
    if mask.any():
        padded = np.pad(mask, 1).astype(float)
        y, x = ((np.arange(size) - 0.5) * step for size, step in zip(padded.shape, spacing, strict=True))
        axes.contour(x, y, padded, [0.5], colors=colour, linewidths=1.4)


def _legend(labels: Mapping[str, int], columns: Sequence[str]) -> list:
    outlines = [Line2D([], [], color=_colour(number), label=name) for name, number in labels.items()]
    shown = {name: colour for name, colour in ERRORS.items() if len(labels) > 1 or name != "wrong label"}
    errors = [Patch(color=colour, label=f"error: {name}") for name, colour in shown.items()]
    return outlines * bool({"truth", "prediction"} & set(columns)) + errors * ("error" in columns)


def _colour(number: int) -> str:
    return COLOURS[(number - 1) % len(COLOURS)]


def _patches(labels: Mapping[str, int]) -> list[Patch]:
    return [Patch(color=_colour(number), label=name) for name, number in labels.items()]


def _surface(mask: NDArray, spacing: Sequence[float]):
    """Corners in mm, shape (n, 3), in the order (z, y, x), and triangles of the surface; None where there is none."""
    from skimage.measure import marching_cubes

    if not mask.any():
        return None
    corners, triangles, *_ = marching_cubes(np.pad(mask, 1).astype(np.float32), 0.5, spacing=tuple(spacing))
    return corners - np.asarray(spacing), triangles


def _distance_to(mask: NDArray, spacing: Sequence[float], surface) -> NDArray:
    """Distance in mm of the middle of each triangle to the surface of a mask; infinite where there is none."""
    from scipy.spatial import KDTree

    if surface is None:
        return np.zeros(0)
    corners, triangles = surface
    true = _surface(mask, spacing)
    if true is None:
        return np.full(len(triangles), np.inf)
    return KDTree(true[0]).query(corners[triangles].mean(axis=1))[0]


def _draw_surface(axes, surface, colours) -> None:
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    if surface is None:
        return
    corners, triangles = surface
    collection = Poly3DCollection(corners[triangles][:, :, ::-1], shade=True, facecolors=colours, edgecolors=None)
    axes.add_collection3d(collection)


def _frame(axes, mask: NDArray, spacing: Sequence[float]) -> None:
    places = np.argwhere(mask)
    low, high = (places.min(axis=0) - 1) * spacing, (places.max(axis=0) + 1) * spacing
    axes.set(xlim=(low[2], high[2]), ylim=(low[1], high[1]), zlim=(low[0], high[0]))
    axes.set_box_aspect((high - low)[::-1])
    for name, axis in (("right", axes.xaxis), ("front", axes.yaxis), ("head", axes.zaxis)):
        axis.set_label_text(f"to the {name} (mm)", fontsize=7)
        axis.set_major_locator(MaxNLocator(4, integer=True))
    axes.tick_params(labelsize=6)
