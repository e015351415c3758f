"""Planes of volumes lie as radiologists expect, in true proportion, and the viewer's sliders move them."""

import base64
import dataclasses

import IPython.display
import matplotlib.figure
import nbformat
import numpy as np
import pytest

from medlib.errors import DataError, UsageError
from medlib.execution.report import cells
from medlib.imaging.volumes import Volume, to_orientation
from medlib.plots import figures, volumes


@pytest.fixture
def shown(monkeypatch):
    """The figures that were shown, still open, with their alternative texts."""
    kept = []
    monkeypatch.setattr(figures, "show", lambda figure, alt: kept.append((figure, alt)))
    return kept


def marked(right, front, head):
    """A volume of 10 x 12 x 8 voxels of 1 x 2 x 3 mm (x, y, z) with one bright voxel, in the patient's RAS+ mm."""
    array = np.zeros((8, 12, 10), np.int16)
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    array[round(head / 3), round(front / 2), round(right)] = 1000
    return Volume(array, affine, unit="HU", modality="CT")


def panels(figure):
    return {axes.get_title(): axes for axes in figure.axes if axes.get_title() in ("axial", "coronal", "sagittal")}


def place_of_maximum(axes):
    """Where the brightest pixel is drawn: share of the picture from the left, and from the top."""
    picture = axes.images[0]
    array = np.asarray(picture.get_array())
    row, column = np.unravel_index(array.argmax(), array.shape)
    down = (row + 0.5) / array.shape[0]
    return (column + 0.5) / array.shape[1], 1 - down if picture.origin == "lower" else down


def letters(axes):
    """Letters by the side of the picture where they stand."""
    sides = {(0, 0.5): "left", (1, 0.5): "right", (0.5, 1): "top", (0.5, 0): "bottom"}
    return {sides[text.get_position()]: text.get_text() for text in axes.texts if text.get_position() in sides}


@pytest.mark.parametrize("stored", ["RAS", "LPS", "SLA", "PIR"])
@pytest.mark.parametrize(("at", "sides"), [((9, 22, 21), "RAS"), ((0, 0, 0), "LPI"), ((9, 0, 21), "RPS")])
def test_marker_is_drawn_beside_the_letters_of_its_sides(shown, stored, at, sides):
    volumes.show_slices(to_orientation(marked(*at), stored), "A marker.", at=at)
    for axes in panels(shown[0][0]).values():
        across, down = place_of_maximum(axes)
        written = letters(axes)
        near = {written["left" if across < 0.5 else "right"], written["top" if down < 0.5 else "bottom"]}
        assert near < set(sides)


def test_display_follows_the_convention_of_radiologists(shown):
    volumes.show_slices(marked(5, 12, 12), "A marker.")
    found = {name: letters(axes) for name, axes in panels(shown[0][0]).items()}
    assert found == {
        "axial": {"left": "R", "right": "L", "top": "A", "bottom": "P"},
        "coronal": {"left": "R", "right": "L", "top": "S", "bottom": "I"},
        "sagittal": {"left": "A", "right": "P", "top": "S", "bottom": "I"},
    }


def test_planes_have_their_proportions_in_mm(shown):
    volumes.show_slices(marked(5, 12, 12), "A marker.")
    extents = {"axial": (10, 24), "coronal": (10, 24), "sagittal": (24, 24)}
    for name, axes in panels(shown[0][0]).items():
        left, right, bottom, top = axes.images[0].get_extent()
        assert (abs(right - left), abs(top - bottom)) == pytest.approx(extents[name])
        assert axes.get_aspect() == 1


def test_planes_go_through_the_point(shown):
    volumes.show_slices(marked(2, 4, 6), "A marker.", at=(2, 4, 6))
    assert all(axes.images[0].get_array().max() == 1000 for axes in panels(shown[0][0]).values())
    volumes.show_slices(marked(2, 4, 6), "No marker.", at=(3, 6, 9))
    assert all(axes.images[0].get_array().max() == 0 for axes in panels(shown[1][0]).values())


@pytest.mark.parametrize(
    ("unit", "window", "limits"),
    [("HU", None, (-160, 240)), ("HU", volumes.WINDOWS["lung"], (-1350, 150)), ("", (50, 20), (40, 60))],
)
def test_window_sets_black_and_white(shown, unit, window, limits):
    volume = dataclasses.replace(marked(5, 12, 12), unit=unit)
    volumes.show_slices(volume, "A marker.", window=window)
    assert all(axes.images[0].get_clim() == limits for axes in panels(shown[0][0]).values())


def test_window_of_arbitrary_units_spans_the_percentiles(shown):
    volume = Volume(np.arange(1000.0).reshape(10, 10, 10), np.eye(4))
    volumes.show_slices(volume, "A ramp.")
    low, high = panels(shown[0][0])["axial"].images[0].get_clim()
    assert (low, high) == pytest.approx((9.99, 989.01))
    labels = [axes.get_ylabel() for axes in shown[0][0].axes]
    assert "intensity (arbitrary unit)" in labels and "HU" not in labels


def test_mask_is_outlined_at_its_border(shown):
    volume = marked(5, 12, 12)
    inside = np.zeros(volume.array.shape, bool)
    inside[2:4, 3:6, 2:7] = True  # x from 2 to 6: 1.5 to 6.5 mm from the left edge of voxels in RAS
    volumes.show_slices(volume, "A box.", mask=dataclasses.replace(volume, array=inside))
    (outline,) = panels(shown[0][0])["axial"].collections
    corners = outline.get_paths()[0].get_extents()
    # In LPS, x runs from the right: voxels 3 to 7 of 1 mm, and y from the front: voxels 6 to 8 of 2 mm.
    assert (corners.x0, corners.x1) == pytest.approx((3, 8))
    assert (corners.y0, corners.y1) == pytest.approx((12, 18))


def test_planes_go_through_the_centre_of_the_mask(shown):
    volume = marked(7, 18, 9)
    mask = dataclasses.replace(volume, array=volume.array > 0)
    volumes.show_slices(volume, "A voxel.", mask=mask)
    assert all(axes.images[0].get_array().max() == 1000 for axes in panels(shown[0][0]).values())


def test_mask_on_another_grid_is_refused():
    volume = marked(5, 12, 12)
    with pytest.raises(DataError, match="resample"):
        volumes.show_slices(volume, "x", mask=Volume(volume.array[:-1] > 0, volume.affine))
    shifted = volume.affine.copy()
    shifted[0, 3] = 1
    with pytest.raises(DataError, match="resample"):
        volumes.show_slices(volume, "x", mask=Volume(volume.array > 0, shifted))


@pytest.mark.parametrize("window", [(40, 0), (40, -1), (np.nan, 400), (40,)])
def test_bad_window_is_refused(window):
    with pytest.raises(UsageError, match="width above 0"):
        volumes.show_slices(marked(5, 12, 12), "x", window=window)


def test_point_outside_is_refused():
    with pytest.raises(UsageError, match="outside"):
        volumes.show_slices(marked(5, 12, 12), "x", at=(50, 0, 0))


@pytest.mark.parametrize(("degrees", "said"), [(0, ""), (8, "planes tilted by 8°")])
def test_tilt_is_said(shown, degrees, said):
    angle = np.deg2rad(degrees)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    volumes.show_slices(Volume(np.zeros((4, 4, 4)), affine), "x")
    assert shown[0][0].get_suptitle() == said


def test_scale_bar_is_as_long_as_it_says(shown):
    volumes.show_slices(Volume(np.zeros((4, 4, 200)), np.eye(4)), "x")
    axes = panels(shown[0][0])["axial"]
    assert [text.get_text() for text in axes.texts if "mm" in text.get_text()] == ["50 mm"]
    (bar,) = [line for line in axes.lines if line.get_linewidth() == 2.5]
    assert np.ptp(bar.get_xdata()) * 200 == pytest.approx(50)


@pytest.fixture
def displayed(monkeypatch):
    kept = []
    monkeypatch.setattr(IPython.display, "display", lambda data, **options: kept.append((data, options)))
    return kept


def test_viewer_without_a_person_is_the_picture(displayed):
    volumes.slice_viewer(marked(5, 12, 12), "A marker.")
    ((data, _),) = displayed
    assert set(data) == {"text/plain", "image/png"}


def test_viewer_with_a_person_has_sliders_and_the_picture(displayed):
    volumes.slice_viewer(marked(5, 12, 12), "A marker.", interactive=True)
    ((data, options),) = displayed
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "text/plain", "image/png"}
    assert data["text/plain"] == "A marker." and options["metadata"] == {"image/png": {"alt": "A marker."}}
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="alternative text"):
        volumes.slice_viewer(marked(5, 12, 12), " ", interactive=True)


def test_sliders_move_the_planes_and_the_window(monkeypatch):
    drawn = []
    fill = volumes._fill
    monkeypatch.setattr(volumes, "_fill", lambda panels, *rest: (drawn.append(rest), fill(panels, *rest)))
    viewer = volumes.build_viewer(marked(2, 4, 6), "A marker.")
    planes, (centre, width, menu) = viewer.children[0].children, viewer.children[1].children
    assert [slider.max for slider in planes] == [7, 11, 9]
    assert [slider.description for slider in planes] == ["I to S", "A to P", "R to L"]
    before = viewer.children[2].value
    for slider, index in zip(planes, (2, 9, 7), strict=True):  # the marker in LPS: z 2, y 11 - 2, x 9 - 2
        slider.value = index
    assert drawn[-1][-1] == [2, 9, 7] and viewer.children[2].value != before
    menu.value = volumes.WINDOWS["bone"]
    assert (centre.value, width.value) == drawn[-1][-2] == volumes.WINDOWS["bone"]
    assert viewer.children[2].tooltip == "A marker."


def test_viewer_of_arbitrary_units_has_no_presets_of_hounsfield_units():
    viewer = volumes.build_viewer(dataclasses.replace(marked(2, 4, 6), unit=""), "A marker.")
    assert len(viewer.children[1].children) == 2


def test_viewer_removes_the_outline_of_the_plane_before(monkeypatch):
    made = []
    original = matplotlib.figure.Figure
    monkeypatch.setattr(
        volumes.matplotlib.figure, "Figure", lambda **options: made.append(original(**options)) or made[-1]
    )
    volume = marked(5, 12, 12)
    viewer = volumes.build_viewer(volume, "A marker.", mask=dataclasses.replace(volume, array=volume.array > 0))
    for index in (0, 1, 4):
        viewer.children[0].children[0].value = index
    assert [len(axes.collections) for axes in panels(made[0]).values()] == [1, 1, 1]
    viewer.children[0].children[0].value = 0
    assert [len(axes.collections) for axes in panels(made[0]).values()] == [0, 1, 1]


def test_page_of_a_notebook_with_the_viewer_shows_the_picture(displayed):
    volumes.slice_viewer(marked(5, 12, 12), "A marker.", interactive=True)
    ((data, options),) = displayed
    output = nbformat.v4.new_output("display_data", data, metadata=options["metadata"])
    cell = nbformat.v4.new_code_cell("slice_viewer(volume)", outputs=[output])
    page = cells.body(nbformat.v4.new_notebook(cells=[cell]))
    assert "data:image/png;base64," in page and 'alt="A marker."' in page
    assert "widget" not in page
