"""Figures of detectors: the points drawn are those of the scores, the circles are where the findings are."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from medlib import discrimination, froc
from medlib.errors import UsageError
from medlib.plots import detection


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def scans(seed):
    rng = np.random.default_rng(seed)
    return [froc.match(rng.normal(0, 3, (9, 2)), rng.random(9), rng.normal(0, 6, (3, 2)), [2, 2, 2]) for _ in range(8)]


def test_points_and_intervals_are_those_of_the_scores():
    methods = {"one": scans(0), "other": scans(1)}
    figure = detection.plot_froc(methods, replicates=50)
    (axes,) = figure.axes
    for container, judged in zip(axes.containers, methods.values(), strict=True):
        points, _, (bars,) = container
        assert points.get_ydata() == pytest.approx(froc.sensitivity(judged))
        assert points.get_xdata() == pytest.approx(np.array(froc.RATES), rel=0.05)
        low, high = np.array(bars.get_segments())[3, :, 1]
        expected = discrimination.bootstrap(
            lambda weight, judged=judged: froc.sensitivity(judged, [1], weight)[:, 0], range(8), replicates=50
        )
        assert (low, high) == pytest.approx(expected)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[1] == f"other, mean of the points {froc.cpm(methods['other']):.3f}"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1/8", "1/4", "1/2", "1", "2", "4", "8"]


def test_curve_is_the_curve():
    figure = detection.plot_froc({"one": scans(2)}, rates=(0.5, 2), replicates=10)
    line = figure.axes[0].lines[0]
    assert line.get_ydata() == pytest.approx(froc.sensitivity(scans(2), line.get_xdata()))


def test_circles_and_crosses_are_in_place():
    figure = detection.plot_marks([("a", np.zeros((30, 40)), [(10, 20, 5)], [(1, 2), (3, 4)]), ("b", np.ones((9, 9)))])
    first, second, empty = figure.axes
    (circle,) = first.patches
    assert circle.center == (20, 10) and circle.radius > 5
    assert first.lines[0].get_xdata().tolist() == [2, 4] and first.lines[0].get_ydata().tolist() == [1, 3]
    assert not second.patches and not second.lines and not empty.images
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["finding", "mark"]
    assert not detection.plot_marks([("b", np.ones((9, 9)))]).legends


@pytest.mark.parametrize("slices", [[], [("a", np.zeros(3))]])
def test_nothing_to_draw(slices):
    with pytest.raises(UsageError, match="at least one"):
        detection.plot_marks(slices)
