"""How far apart two figures are: what an eye sees is found, what a machine's rounding changes is not."""

import base64
import io

import matplotlib.image
import numpy as np
import PIL.Image
import pytest
from matplotlib.figure import Figure

from medlib.execution import images

TIME = np.linspace(0, 1, 500)
HALF_A_PIXEL = 0.5 / 430  # of the axes, which are about 430 pixels wide
LINES = {"black": 0.0, "#0072B2": 1.0, "#E69F00": 2.0}


def draw(title="Record 903", colours=tuple(LINES), shift=0.0, width=0.7, size=(5, 3), dropped=None, amplitude=1.0):
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot(title=title, xlabel="time (s)", xlim=(0, 1), ylim=(-2, 4))
    for colour, offset in zip(colours, LINES.values(), strict=True):
        if colour != dropped:
            axes.plot(TIME + shift, amplitude * np.sin(20 * TIME) + offset, color=colour, linewidth=width)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return base64.b64encode(buffer.getvalue()).decode()


def pixels(array, suffix="png"):
    buffer = io.BytesIO()
    matplotlib.image.imsave(buffer, array, format=suffix)
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture(scope="module")
def stored():
    return draw()


@pytest.mark.parametrize("new", [{}, {"shift": HALF_A_PIXEL}, {"width": 0.75}], ids=str)
def test_what_is_the_same_to_an_eye(stored, new):
    assert images.difference(draw(**new), stored) == ""


@pytest.mark.parametrize(
    "new",
    [
        {"title": "Record 902"},
        {"title": ""},
        {"dropped": "black"},
        {"dropped": "#E69F00"},
        {"colours": ("black", "#E69F00", "#0072B2")},
        {"shift": 10 * HALF_A_PIXEL},
        {"amplitude": 1.2},
    ],
    ids=str,
)
def test_what_an_eye_sees(stored, new):
    assert "differs by" in images.difference(draw(**new), stored)


def test_place_of_the_difference_is_told():
    white = np.ones((60, 80, 3))
    spot = white.copy()
    spot[18:23, 48:53] = 0
    assert "near row 20, column 50" in images.difference(pixels(spot), pixels(white))


def test_difference_of_a_known_size():
    grey, darker = np.full((40, 40, 3), 0.6), np.full((40, 40, 3), 0.4)
    assert "differs by 0.20 (of 1)" in images.difference(pixels(darker), pixels(grey))


@pytest.mark.parametrize(("extra", "agrees"), [(images.MARGIN, True), (images.MARGIN + 1, False)])
def test_size_may_differ_by_the_margin(extra, agrees):
    small, large = np.ones((50, 50, 3)), np.ones((50, 50 + extra, 3))
    found = images.difference(pixels(large), pixels(small))
    assert found == ("" if agrees else "has 53 x 50 pixels, stored 50 x 50")


def test_grey_and_coloured_files_of_the_same_picture_agree():
    grey = np.linspace(0, 255, 1600).reshape(40, 40).astype(np.uint8)
    files = []
    for mode in ("L", "RGB", "RGBA"):
        buffer = io.BytesIO()
        PIL.Image.fromarray(grey).convert(mode).save(buffer, format="png")
        files.append(base64.b64encode(buffer.getvalue()).decode())
    assert [images.difference(file, files[0]) for file in files] == [""] * 3


def test_jpeg_is_read():
    ramp = np.linspace(0, 1, 4800).reshape(40, 40, 3)
    assert images.difference(pixels(ramp, "jpg"), pixels(ramp)) == ""
    assert "differs by" in images.difference(pixels(1 - ramp, "jpg"), pixels(ramp))


@pytest.mark.parametrize("damaged", ["iVBORw0KGgo=", "not base64", ""])
def test_what_is_no_image_differs(stored, damaged):
    assert "cannot be read" in images.difference(damaged, stored)
    assert "cannot be read" in images.difference(stored, damaged)


@pytest.mark.parametrize("new", [{"shift": 0.02}, {"amplitude": 1.2}, {"dropped": "black"}], ids=str)
def test_roughly_the_same(stored, new):
    assert images.difference(draw(**new), stored, roughly=True) == ""


def test_roughly_another_figure(stored):
    empty, upside_down = np.ones((300, 500, 3)), images._read(stored)[::-1]
    for other in (empty, upside_down):
        assert "as far from the stored one as an empty figure" in images.difference(pixels(other), stored, roughly=True)
    assert "pixels" in images.difference(draw(size=(6, 3)), stored, roughly=True)


def test_a_stored_figure_that_is_empty_accepts_only_itself():
    white, ramp = np.ones((40, 40, 3)), np.linspace(0, 1, 4800).reshape(40, 40, 3)
    assert images.difference(pixels(ramp), pixels(white), roughly=True) != ""
