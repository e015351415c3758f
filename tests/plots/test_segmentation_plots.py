"""What figures of segmentations show, read from the figures themselves."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from medlib.errors import UsageError
from medlib.plots.segmentation import COLOURS, ERRORS, Case, plot_cases, plot_scores, plot_surfaces

LABELS = {"one": 1, "two": 2}


def square(rows, columns, number=1, shape=(12, 10)):
    mask = np.zeros(shape, int)
    mask[rows, columns] = number
    return mask


def errors_of(figure):
    """The map of errors of the last panel: 1 missed, 2 false, 3 wrong label."""
    return figure.axes[-1].images[1].get_array().filled(0)


def test_error_panel_tells_missed_false_and_wrong():
    truth = square(slice(2, 6), slice(2, 6)) + square(slice(7, 9), slice(2, 6), 2)
    predicted = square(slice(3, 7), slice(2, 6)) + square(slice(7, 9), slice(2, 6), 1)
    figure = plot_cases([Case("case", np.zeros(truth.shape), truth, predicted)], labels=LABELS)
    expected = np.zeros(truth.shape, int)
    expected[2, 2:6], expected[6, 2:6], expected[7:9, 2:6] = 1, 2, 3
    np.testing.assert_array_equal(errors_of(figure), expected)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "one",
        "two",
        *(f"error: {name}" for name in ERRORS),
    ]


def test_outlines_run_along_the_faces_of_the_pixels():
    """A mask of rows 2 to 5 of 2 mm and columns 3 to 4 of 1 mm reaches from 4 to 12 mm and from 3 to 5 mm."""
    mask = square(slice(2, 6), slice(3, 5))
    figure = plot_cases([Case("case", np.zeros(mask.shape), mask, mask, (2.0, 1.0))], labels=LABELS)
    outline = figure.axes[1].collections[0]
    corners = np.concatenate([path.vertices for path in outline.get_paths()])
    assert corners[:, 0].min() == pytest.approx(3) and corners[:, 0].max() == pytest.approx(5)
    assert corners[:, 1].min() == pytest.approx(4) and corners[:, 1].max() == pytest.approx(12)
    assert figure.axes[1].get_xlim() == (0, 10) and figure.axes[1].get_ylim() == (24, 0)
    np.testing.assert_allclose(outline.get_edgecolor()[0], to_rgba(COLOURS[0]))


def test_a_label_has_the_colour_of_its_number_in_every_figure():
    """Also where labels before it are left out, and beyond the last colour."""
    mask = square(slice(2, 6), slice(3, 5), len(COLOURS) + 2)
    figure = plot_cases([("a", mask, mask, mask)], labels={"far": len(COLOURS) + 2})
    np.testing.assert_allclose(figure.axes[1].collections[0].get_edgecolor()[0], to_rgba(COLOURS[1]))
    figure = plot_surfaces(3 * ball((10, 10, 10)), 3 * ball((10, 10, 10)), (1, 1, 1), labels={"third": 3})
    patch = figure.axes[0].get_legend().get_patches()[0]
    np.testing.assert_allclose(patch.get_facecolor(), to_rgba(COLOURS[2]))


def test_columns_are_those_asked_for():
    mask = square(slice(2, 6), slice(2, 6))
    figure = plot_cases([("a", mask, mask, mask)] * 2, labels={"one": 1}, columns=("truth", "error"))
    assert len(figure.axes) == 4
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "error: missed", "error: false"]


def test_window_is_centre_and_width():
    mask = square(slice(2, 6), slice(2, 6))
    figure = plot_cases([("a", mask, mask, mask)], labels={"one": 1}, window=(40.0, 400.0))
    assert figure.axes[0].images[0].get_clim() == (-160, 240)


def test_images_and_masks_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match=r"'a' has an image and masks of shapes"):
        plot_cases([("a", np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 4)))], labels=LABELS)
    with pytest.raises(UsageError, match="at least one case"):
        plot_cases([], labels=LABELS)


def ball(centre, radius=5.0, shape=(20, 20, 20), spacing=(1.0, 1.0, 1.0)):
    places = np.moveaxis(np.indices(shape), 0, -1) * spacing - centre
    return (np.linalg.norm(places, axis=-1) <= radius).astype(int)


def test_surface_lies_where_the_mask_does_in_mm():
    """A ball of 5 mm at z = 8, y = 10, x = 12 mm, in voxels of 2 x 1 x 1 mm; drawn as (x, y, z)."""
    mask = ball((8, 10, 12), shape=(10, 20, 20), spacing=(2.0, 1.0, 1.0))
    figure = plot_surfaces(mask, mask, (2.0, 1.0, 1.0), labels={"one": 1})
    drawn = next(part for part in figure.axes[0].collections if isinstance(part, Poly3DCollection))
    corners = np.asarray(drawn._faces).reshape(-1, 3)
    middle = (corners.max(axis=0) + corners.min(axis=0)) / 2
    np.testing.assert_allclose(middle, [12, 10, 8], atol=0.2)
    np.testing.assert_allclose(np.ptp(corners, axis=0), [11, 11, 10], atol=1.1)


def test_prediction_is_coloured_by_its_distance():
    truth, predicted = ball((10, 10, 9)), ball((10, 10, 11))
    figure = plot_surfaces(truth, predicted, (1, 1, 1), labels={"one": 1})
    low, high = figure.axes[-1].get_ylim()
    assert low == 0 and 1.5 < high < 2.3


@pytest.mark.parametrize(("found", "true"), [(False, True), (True, False)])
def test_structure_that_one_mask_lacks_is_drawn_in_the_other(found, true):
    mask = ball((10, 10, 10))
    figure = plot_surfaces(mask * true, mask * found, (1, 1, 1), labels={"one": 1})
    drawn = [sum(isinstance(part, Poly3DCollection) for part in axes.collections) for axes in figure.axes[:2]]
    assert drawn == [int(true), int(found)]


def test_structure_that_is_nowhere_is_refused():
    mask = ball((10, 10, 10))
    with pytest.raises(UsageError, match=r"Neither mask has \['two'\]"):
        plot_surfaces(mask, mask, (1, 1, 1), labels=LABELS)
    with pytest.raises(UsageError, match="two of one shape"):
        plot_surfaces(mask, mask[1:], (1, 1, 1), labels=LABELS)


def test_scores_are_drawn_with_median_and_quartiles():
    figure = plot_scores({"a": [0.1, 0.2, 0.3, 0.4, np.nan], "b": [np.nan]}, score="HD95", unit="mm")
    axes = figure.axes[0]
    assert axes.get_xlabel() == "HD95 (mm)"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a (1 undefined)", "b (1 undefined)"]
    dots, quartiles, median, *_ = axes.lines
    np.testing.assert_allclose(dots.get_xdata(), [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(quartiles.get_xdata(), [0.175, 0.325])
    np.testing.assert_allclose(median.get_xdata(), [0.25, 0.25])


def test_no_scores_are_refused():
    with pytest.raises(UsageError, match="no scores"):
        plot_scores({})
