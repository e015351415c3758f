"""Figures of registration show what they are given, and refuse what does not go together."""

import numpy as np
import pytest

from medlib.errors import UsageError
from medlib.plots import registration

IMAGE = np.arange(12.0 * 16).reshape(12, 16)


def test_alignment_has_a_column_for_each_method():
    figure = registration.plot_alignment(IMAGE, {"before": IMAGE + 5, "affine": IMAGE}, spacing=(2, 1), n_squares=4)
    panels = np.array(figure.axes[:9]).reshape(3, 3)
    assert [axes.get_title() for axes in panels[0]] == ["fixed", "before", "affine"]
    checkered = panels[1, 1].images[0].get_array()
    assert checkered[0, 0] == IMAGE[0, 0] and checkered[0, 4] == IMAGE[0, 4] + 5
    np.testing.assert_allclose(panels[2, 1].images[0].get_array(), 5)
    np.testing.assert_allclose(panels[2, 2].images[0].get_array(), 0)
    assert panels[0, 0].images[0].get_extent() == [0, 16, 24, 0]


def test_images_that_mean_different_things_have_no_difference():
    figure = registration.plot_alignment(IMAGE, {"MR": IMAGE}, spacing=(1, 1), comparable=False)
    assert len(figure.axes) == 4


def test_lines_are_drawn_where_they_are_taken():
    displacement = np.zeros((2, 12, 16))
    displacement[1] = 3
    figure = registration.plot_deformation(IMAGE, displacement, spacing=(2, 1), distance=4, unit="pixels")
    assert figure.axes[2].get_ylabel() == "displacement (pixels)"
    lines = figure.axes[0].lines
    assert len(lines) == 6 + 4
    np.testing.assert_allclose(lines[0].get_xdata(), np.arange(16) + 3.5)
    np.testing.assert_allclose(lines[0].get_ydata(), 1)
    np.testing.assert_allclose(figure.axes[1].images[0].get_array(), 3)


def test_folds_are_masked_and_counted():
    determinant = np.ones((10, 10))
    determinant[0, :3] = -1
    figure = registration.plot_jacobian({"flow": np.ones((10, 10)), "splines": determinant}, spacing=(1, 1))
    assert [axes.get_title() for axes in figure.axes[:2]] == ["flow", "splines, 3.00% folded"]
    assert figure.axes[1].images[0].get_array().mask.sum() == 3


def test_what_does_not_go_together():
    with pytest.raises(UsageError, match=r"'before' has shape \(3, 3\)"):
        registration.plot_alignment(IMAGE, {"before": np.zeros((3, 3))}, spacing=(1, 1))
    with pytest.raises(UsageError, match="no image to compare"):
        registration.plot_alignment(IMAGE, {}, spacing=(1, 1))
    with pytest.raises(UsageError, match=r"\(3, 12, 16\) for an image of \(12, 16\)"):
        registration.plot_deformation(IMAGE, np.zeros((3, 12, 16)), spacing=(1, 1))
    with pytest.raises(UsageError, match="a limit of 1"):
        registration.plot_jacobian({"flow": IMAGE}, spacing=(1, 1), limit=1)
