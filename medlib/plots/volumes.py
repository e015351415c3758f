"""Volumes as radiologists look at them: three orthogonal planes in true proportion, with the sides of the patient."""

import base64
import io
from collections.abc import Sequence

import IPython.display
import matplotlib.figure
import numpy as np
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray

from medlib.errors import DataError, UsageError
from medlib.imaging.volumes import Volume, to_orientation
from medlib.plots import figures

#: Centre and width in HU of the usual windows of CT.
WINDOWS = {"soft tissue": (40.0, 400.0), "lung": (-600.0, 1500.0), "bone": (400.0, 1800.0)}
COLOURS = {"mask": "#E69F00", "planes": "#56B4E9"}  # Okabe and Ito
# Axes of the array (z, y, x) in LPS that run down and across each plane; the third is cut.
_PLANES = {"axial": (1, 2), "coronal": (0, 2), "sagittal": (0, 1)}
_SIDES = (("I", "S"), ("A", "P"), ("R", "L"))  # at the beginning and the end of each axis of the array
_SCALES = (1, 2, 5, 10, 20, 50, 100, 200)  # mm
_MAXIMUM_HEIGHT = 3.6  # inches of the highest plane
_INCHES_WIDE = 11.0
_SAME_PLACE = 1e-2  # mm


def show_slices(
    volume: Volume,
    alt: str,
    *,
    mask: Volume | None = None,
    window: tuple[float, float] | None = None,
    at: Sequence[float] | None = None,
    title: str = "",
) -> None:
    """Display the axial, coronal and sagittal plane through a point, with the outline of a mask.

    Planes run along the axes of the array, without interpolation, in true proportion. They are shown as radiologists
    expect them: the right of the patient is at the left of axial and coronal planes, as if one stood before the
    patient; the front is at the top of axial planes and at the left of sagittal ones, and the head at the top.

    Parameters
    ----------
    volume : Volume
        In any orientation.
    alt : str
        What the figure shows, in a sentence.
    mask : Volume, optional
        On the same grid; what is not 0 is outlined.
    window : (float, float), optional
        Centre and width of the values between black and white, in the volume's unit, as in `WINDOWS`. Default: soft
        tissue for HU, the first to the 99th percentile for anything else.
    at : sequence of 3 floats, optional
        Point in mm, RAS+, through whose voxel the planes go. Default: the centre of the mask, else of the volume.
    title : str

    Raises
    ------
    UsageError
        If the window is not wider than 0, the point outside of the volume, or ``alt`` empty.
    DataError
        If the mask is on another grid.

    References
    ----------
    DICOM PS3.3, C.7.6.1.1.1 (letters of the directions) and C.11.2.1.3.2 (linear window).

    Examples
    --------
    >>> volume = Volume(np.arange(24.0).reshape(4, 3, 2), np.diag([1.0, 1.0, 2.0, 1.0]))
    >>> show_slices(volume, "Three planes of a ramp.")
    {'text/plain': 'Three planes of a ramp.', 'image/png': '...'}
    """
    image, outlined = _prepare(volume, mask)
    figure = matplotlib.figure.Figure(layout="constrained")
    _fill(_lay_out(figure, image, title), image, outlined, _window(image, window), _indices(image, outlined, at))
    figures.show(figure, alt)


def slice_viewer(
    volume: Volume,
    alt: str,
    *,
    mask: Volume | None = None,
    window: tuple[float, float] | None = None,
    interactive: bool = False,
) -> None:
    """Display a volume with sliders for planes and window; or the same picture without them.

    What is displayed holds the static picture and its text as well, so that a page made of the notebook shows it.

    Parameters
    ----------
    volume, alt, mask, window
        As in `show_slices`.
    interactive : bool
        Whether someone is there to move the sliders. A notebook that is run and compared by a program, or rendered as
        a page, needs the picture alone.

    Raises
    ------
    UsageError, DataError
        As `show_slices`.

    Examples
    --------
    >>> slice_viewer(Volume(np.zeros((4, 3, 2)), np.eye(4)), "Three black planes.")
    {'text/plain': 'Three black planes.', 'image/png': '...'}
    """
    if not interactive:
        show_slices(volume, alt, mask=mask, window=window)
        return
    if not alt.strip():
        raise UsageError("A viewer was shown without alternative text; say in one sentence what it shows.")
    viewer = build_viewer(volume, alt, mask=mask, window=window)
    picture = base64.b64encode(viewer.children[-1].value).decode("ascii")
    data = viewer._repr_mimebundle_() | {"text/plain": alt, "image/png": picture}
    IPython.display.display(data, metadata={"image/png": {"alt": alt}}, raw=True)


def build_viewer(
    volume: Volume, alt: str, *, mask: Volume | None = None, window: tuple[float, float] | None = None
):  # fmt: skip
    """Make the widget of `slice_viewer`; each slider moves with the arrow keys once it has the focus.

    Parameters
    ----------
    volume, alt, mask, window
        As in `show_slices`.

    Returns
    -------
    ipywidgets.VBox
        Its children: the sliders of the planes, those of the window with a menu of `WINDOWS` for HU, and the picture.

    Examples
    --------
    >>> viewer = build_viewer(Volume(np.zeros((4, 3, 2)), np.eye(4)), "Three black planes.")
    >>> [slider.max for slider in viewer.children[0].children]
    [3, 2, 1]
    """
    import ipywidgets

    image, outlined = _prepare(volume, mask)
    centre, width = _window(image, window)
    planes = [
        ipywidgets.IntSlider(value=index, min=0, max=size - 1, description=f"{start} to {end}")
        for index, size, (start, end) in zip(_indices(image, outlined, None), image.array.shape, _SIDES, strict=True)
    ]
    usual = WINDOWS.values() if volume.unit == "HU" else ()
    lowest = min(float(image.array.min()), centre, *(c for c, _ in usual))
    highest = max(float(image.array.max()), centre, *(c for c, _ in usual))
    reach = max(highest - lowest, width, *(w for _, w in usual))
    options = {"step": 1.0 if reach > 100 else reach / 100}
    centres = ipywidgets.FloatSlider(value=centre, min=lowest, max=highest, description="centre", **options)
    widths = ipywidgets.FloatSlider(value=width, min=options["step"], max=reach, description="width", **options)
    menu = ipywidgets.Dropdown(options=[("window", None), *WINDOWS.items()], value=None, description="preset")
    picture = ipywidgets.Image(format="png", tooltip=alt, layout={"max_width": "100%"})
    figure = matplotlib.figure.Figure(layout="constrained")
    panels = _lay_out(figure, image, "")

    def redraw(_=None):
        _fill(panels, image, outlined, (centres.value, widths.value), [slider.value for slider in planes])
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=100)
        picture.value = buffer.getvalue()

    def choose(change):
        if change["new"] is not None:
            centres.value, widths.value = change["new"]

    for slider in (*planes, centres, widths):
        slider.observe(redraw, "value")
    menu.observe(choose, "value")
    redraw()
    figure.set_layout_engine("none")  # the layout is found once: it takes longer than the drawing
    presets = [menu] if volume.unit == "HU" else []
    return ipywidgets.VBox([ipywidgets.HBox(planes), ipywidgets.HBox([centres, widths, *presets]), picture])


def _prepare(volume: Volume, mask: Volume | None) -> tuple[Volume, NDArray | None]:
    """The volume with its axes to the left, back and head, and the mask's array on it."""
    if mask is None:
        return to_orientation(volume, "LPS"), None
    same_grid = mask.array.shape == volume.array.shape and np.allclose(mask.affine, volume.affine, atol=_SAME_PLACE)
    if not same_grid:
        raise DataError(
            f"The mask has shape {mask.array.shape} and spacing {np.round(mask.spacing, 2)} mm, the volume "
            f"{volume.array.shape} and {np.round(volume.spacing, 2)} mm, or they begin elsewhere; resample the mask to "
            "the grid of the volume."
        )
    return to_orientation(volume, "LPS"), to_orientation(mask, "LPS").array != 0


def _window(image: Volume, window: tuple[float, float] | None) -> tuple[float, float]:
    if window is None and image.unit == "HU":
        return WINDOWS["soft tissue"]
    if window is None:
        low, high = (float(value) for value in np.nanpercentile(image.array, [1, 99]))
        return (low + high) / 2, max(high - low, 1e-6)
    if len(window) != 2 or not np.isfinite(window).all() or not window[1] > 0:
        raise UsageError(f"window is {window}; give its centre and a width above 0, such as {WINDOWS['lung']}.")
    return float(window[0]), float(window[1])


def _indices(image: Volume, mask: NDArray | None, at: Sequence[float] | None) -> list[int]:
    """Indices (z, y, x) of the voxel through which the planes go."""
    if at is None:
        inside = np.argwhere(mask) if mask is not None and mask.any() else None
        middle = (np.array(image.array.shape) - 1) // 2 if inside is None else np.rint(inside.mean(axis=0))
        return [int(index) for index in middle]
    place = np.rint(np.linalg.inv(image.affine) @ [*at, 1.0])[2::-1].astype(int)
    if not all(0 <= index < size for index, size in zip(place, image.array.shape, strict=True)):
        raise UsageError(f"The point {tuple(at)} mm is outside of the volume; give one within it, RAS+.")
    return place.tolist()


def _lay_out(figure, image: Volume, title: str) -> list[tuple]:
    """Empty planes in true proportion; of each its axes, picture, and lines of the other planes (across, down)."""
    extents = [size * step for size, step in zip(image.array.shape, image.spacing, strict=True)]
    widths = [extents[across] for _, across in _PLANES.values()]
    height = min(_MAXIMUM_HEIGHT, 0.9 * _INCHES_WIDE * max(extents[down] for down, _ in _PLANES.values()) / sum(widths))
    figure.set_size_inches(_INCHES_WIDE, height + 1.0)
    panels = []
    for axes, (name, (down, across)) in zip(figure.subplots(1, 3, width_ratios=widths), _PLANES.items(), strict=True):
        # Along z the array begins at the feet, which belong to the bottom.
        bottom_up = down == 0
        size = (0, extents[across], 0, extents[down]) if bottom_up else (0, extents[across], extents[down], 0)
        options = dict(origin="lower" if bottom_up else "upper", extent=size, aspect="equal", interpolation="nearest")
        picture = axes.imshow(np.zeros((image.array.shape[down], image.array.shape[across])), cmap="gray", **options)
        style = dict(color=COLOURS["planes"], linewidth=0.6, linestyle=":")
        panels.append((axes, picture, axes.axhline(0, **style), axes.axvline(0, **style)))
        _write_sides(axes, _SIDES[down][:: -1 if bottom_up else 1], _SIDES[across])
        _draw_scale(axes, extents[across])
        axes.set_title(name, fontsize=9, pad=16)
        axes.set_axis_off()
    label = "HU" if image.unit == "HU" else "intensity (arbitrary unit)"
    figure.colorbar(picture, ax=[axes for axes, *_ in panels], label=label, extend="both", shrink=0.8, pad=0.01)
    tilt = _tilt(image)
    tilted = f"planes tilted by {tilt:.0f}°" if tilt >= 1 else ""
    figure.suptitle("; ".join(filter(None, [title, tilted])), fontsize=10)
    return panels


def _fill(panels: list[tuple], image: Volume, mask: NDArray | None, window, place: list[int]) -> None:
    low, high = window[0] - window[1] / 2, window[0] + window[1] / 2
    middle = [(index + 0.5) * step for index, step in zip(place, image.spacing, strict=True)]
    for (axes, picture, across_line, down_line), (down, across) in zip(panels, _PLANES.values(), strict=True):
        cut = 3 - down - across
        picture.set_data(image.array.take(place[cut], cut))
        picture.set_clim(low, high)
        across_line.set_ydata([middle[down]] * 2)
        down_line.set_xdata([middle[across]] * 2)
        for old in list(axes.collections):
            old.remove()
        if mask is not None:
            _outline(axes, mask.take(place[cut], cut), image.spacing[down], image.spacing[across])


def _outline(axes, mask: NDArray, down: float, across: float) -> None:
    if not mask.any():
        return
    padded = np.pad(mask, 1).astype(float)
    y, x = ((np.arange(size) - 0.5) * step for size, step in zip(padded.shape, (down, across), strict=True))
    axes.contour(x, y, padded, [0.5], colors=COLOURS["mask"], linewidths=1.2)


def _write_sides(axes, vertical: tuple[str, str], horizontal: tuple[str, str]) -> None:
    places = {(0.5, 1): vertical[0], (0.5, 0): vertical[1], (0, 0.5): horizontal[0], (1, 0.5): horizontal[1]}
    for (x, y), letter in places.items():
        axes.text(x, y, letter, transform=_beside(axes, 16 * (x - 0.5), 16 * (y - 0.5)), weight="bold", fontsize=9,
                  ha="center", va="center")  # fmt: skip


def _draw_scale(axes, width: float) -> None:
    length = max((scale for scale in _SCALES if scale <= 0.35 * width), default=_SCALES[0])
    axes.plot([0, length / width], [0, 0], transform=_beside(axes, 0, -8), color="black", linewidth=2.5, clip_on=False)
    axes.text(0, 0, f"{length} mm", transform=_beside(axes, 0, -12), fontsize=7, va="top")


def _beside(axes, right: float, up: float):
    """Shares of the picture, moved by some points, so that nothing covers it, however flat it is."""
    return axes.transAxes + ScaledTranslation(right / 72, up / 72, axes.figure.dpi_scale_trans)


def _tilt(image: Volume) -> float:
    """Largest angle in degrees between an axis of the array and the axis of the patient that it is named after."""
    directions = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    return float(np.rad2deg(np.arccos(np.clip(np.abs(np.diag(directions)).min(), 0, 1))))
