"""Figures of registration: how well two images overlay, and what the deformation between them looks like."""

from collections.abc import Mapping

import matplotlib.figure
import numpy as np
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from medlib.errors import UsageError

_INCHES = 2.6  # width of a panel
_GRID = "#E69F00"
_LEAST = 1e-2  # of a Jacobian determinant, which the logarithmic scale can show


def plot_alignment(
    fixed: NDArray,
    moved: Mapping[str, NDArray],
    *,
    spacing: tuple[float, float],
    window: tuple[float, float] | None = None,
    n_squares: int = 8,
    comparable: bool = True,
) -> matplotlib.figure.Figure:
    """Show an image beside others that were brought to its grid: the images, checkerboards and differences.

    Parameters
    ----------
    fixed : ndarray of float, shape (y, x)
        First row on top.
    moved : mapping of str to ndarray of float, shape (y, x)
        By method, such as "before" and "affine"; a column each.
    spacing : tuple of float
        In mm, in the order (y, x).
    window : tuple of float, optional
        Centre and width of the grey scale. Default: the 1st to the 99th percentile of ``fixed``.
    n_squares : int
        Of the checkerboard, along the longer side.
    comparable : bool
        Whether equal values mean equal tissue; else there is no row of differences.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UsageError
        If there is nothing to compare, or shapes differ.

    Examples
    --------
    >>> image = np.zeros((16, 16))
    >>> figure = plot_alignment(image, {"before": image + 1}, spacing=(1, 1))
    >>> [axes.get_title() for axes in figure.axes[:4]]
    ['fixed', 'before', '', '']
    """
    for name, image in {"fixed": fixed, **moved}.items():
        if np.ndim(image) != 2 or np.shape(image) != np.shape(fixed):
            raise UsageError(f"{name!r} has shape {np.shape(image)}; give images of one shape (y, x).")
    if not moved:
        raise UsageError("There is no image to compare with the fixed one; give at least one method.")
    low, high = np.percentile(fixed, [1, 99]) if window is None else window[0] + np.array([-0.5, 0.5]) * window[1]
    grey = dict(cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
    rows = 3 if comparable else 2
    figure, panels = _panels(rows, 1 + len(moved), np.multiply(fixed.shape, spacing))
    _image(panels[0, 0], fixed, spacing, **grey)
    panels[0, 0].set_title("fixed", fontsize=9)
    for column, (name, image) in enumerate(moved.items(), start=1):
        _image(panels[0, column], image, spacing, **grey)
        panels[0, column].set_title(name, fontsize=9)
        _image(panels[1, column], np.where(_checkerboard(fixed.shape, n_squares), fixed, image), spacing, **grey)
        if comparable:
            limit = (high - low) / 2
            shown = _image(panels[2, column], image - fixed, spacing, cmap="PuOr", vmin=-limit, vmax=limit)
    panels[1, 0].text(
        0.5, 0.5, "squares by turns of\nthe fixed and the\nmoved image", ha="center", va="center", fontsize=8
    )
    if comparable:
        panels[2, 0].text(0.5, 0.5, "moved minus fixed", ha="center", va="center", fontsize=8)
        figure.colorbar(shown, ax=panels[2, 1:].tolist(), shrink=0.8, label="difference")
    return figure


def plot_deformation(
    image: NDArray,
    displacement: NDArray,
    *,
    spacing: tuple[float, float],
    title: str = "",
    distance: float | None = None,
    unit: str = "mm",
) -> matplotlib.figure.Figure:
    """Draw where the lines of a regular grid and the points between them are taken, on the fixed image.

    Parameters
    ----------
    image : ndarray of float, shape (y, x)
        First row on top.
    displacement : ndarray of float, shape (2, y, x)
        In mm, down the rows and along the columns: to where each pixel is mapped.
    spacing : tuple of float
        In mm, in the order (y, x).
    title : str
    distance : float, optional
        Between the lines in mm. Default: a 24th of the longer side.
    unit : str
        What the scale says, where pixels have no size in mm.

    Returns
    -------
    matplotlib.figure.Figure
        On the left the lines, on the right the length of the displacement.

    Raises
    ------
    UsageError
        If the displacement is not that of the image's pixels.

    Examples
    --------
    >>> figure = plot_deformation(np.zeros((16, 16)), np.ones((2, 16, 16)), spacing=(1, 1), title="a shift")
    >>> figure.get_suptitle()
    'a shift'
    """
    if np.shape(displacement) != (2, *np.shape(image)):
        shapes = f"{np.shape(displacement)} for an image of {np.shape(image)}"
        raise UsageError(f"The displacement has shape {shapes}; give (2, y, x), in mm.")
    size = np.multiply(image.shape, spacing)
    figure, panels = _panels(1, 2, size, inches=3.6)
    _image(panels[0, 0], image, spacing, cmap="gray")
    y, x = (np.indices(image.shape) + 0.5) * np.reshape(spacing, (2, 1, 1)) + displacement
    step = distance or max(size) / 24
    rows, columns = (range(0, n, max(round(step / each), 1)) for n, each in zip(image.shape, spacing, strict=True))
    for row in rows:
        panels[0, 0].plot(x[row], y[row], color=_GRID, linewidth=0.6)
    for column in columns:
        panels[0, 0].plot(x[:, column], y[:, column], color=_GRID, linewidth=0.6)
    panels[0, 0].set_title("where a regular grid is taken", fontsize=9)
    length = np.hypot(*displacement)
    shown = _image(panels[0, 1], length, spacing, cmap="cividis", vmin=0)
    panels[0, 1].set_title("how far", fontsize=9)
    figure.colorbar(shown, ax=panels[0, 1], shrink=0.8, label=f"displacement ({unit})")
    figure.suptitle(title, fontsize=10)
    return figure


def plot_jacobian(
    determinants: Mapping[str, NDArray], *, spacing: tuple[float, float], limit: float = 2.0
) -> matplotlib.figure.Figure:
    """Show where deformations enlarge and where they shrink, on one logarithmic scale, and where they fold.

    Parameters
    ----------
    determinants : mapping of str to ndarray of float, shape (y, x)
        Jacobian determinants by method; a panel each.
    spacing : tuple of float
        In mm, in the order (y, x).
    limit : float
        The scale goes from 1 / limit to limit.

    Returns
    -------
    matplotlib.figure.Figure
        Folded pixels are black, and their share is in the title.

    Raises
    ------
    UsageError
        If there is nothing to show, or the limit is not above 1.

    Examples
    --------
    >>> figure = plot_jacobian({"affine": np.full((8, 8), 1.1)}, spacing=(1, 1))
    >>> figure.axes[0].get_title()
    'affine'
    """
    if not determinants or not limit > 1:
        raise UsageError(f"{len(determinants)} maps and a limit of {limit}; give at least one, and a limit above 1.")
    largest = np.max([np.multiply(np.shape(each), spacing) for each in determinants.values()], axis=0)
    figure, panels = _panels(1, len(determinants), largest, inches=3.2)
    how = dict(cmap=matplotlib.colormaps["PuOr"].with_extremes(bad="black"), norm=LogNorm(1 / limit, limit))
    for axes, (name, determinant) in zip(panels[0], determinants.items(), strict=True):
        folded = determinant <= 0
        shown = _image(axes, np.ma.masked_array(np.maximum(determinant, _LEAST), folded), spacing, **how)
        axes.set_title(f"{name}, {folded.mean():.2%} folded" if folded.any() else name, fontsize=9)
    ticks = [1 / limit, limit**-0.5, 1, limit**0.5, limit]
    described = dict(label="size in the moving image for that here", ticks=ticks, extend="both")
    bar = figure.colorbar(shown, ax=panels[0].tolist(), shrink=0.8, **described)
    bar.ax.set_yticklabels([f"{tick:.2g}" for tick in ticks])
    bar.ax.minorticks_off()
    return figure


def _panels(rows: int, columns: int, size: NDArray, inches: float = _INCHES):
    height = inches * size[0] / size[1]
    figure = matplotlib.figure.Figure(figsize=(inches * columns + 0.8, height * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    return figure, panels


def _image(axes, image: NDArray, spacing: tuple[float, float], **how):
    height, width = np.multiply(image.shape, spacing)
    shown = axes.imshow(image, extent=(0, width, height, 0), interpolation="nearest", **how)
    axes.set(xlim=(0, width), ylim=(height, 0))
    return shown


def _checkerboard(shape: tuple[int, int], n_squares: int) -> NDArray[np.bool_]:
    side = max(max(shape) / n_squares, 1)
    row, column = np.indices(shape)
    return (row // side + column // side) % 2 == 0
