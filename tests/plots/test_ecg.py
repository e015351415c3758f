"""The page has the geometry of ECG paper, in mm."""

import matplotlib.pyplot
import numpy as np
import pytest
from matplotlib.collections import LineCollection

from medlib import datasets
from medlib.errors import UsageError
from medlib.plots.ecg import TWELVE_LEADS, plot_strips, plot_twelve_leads

NAMES = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
RATE = 100


@pytest.fixture(autouse=True)
def closed():
    yield
    matplotlib.pyplot.close("all")


def made(names=NAMES, seconds=10):
    """Each lead is a staircase of one step a second, with a height of its own."""
    steps = np.arange(seconds * RATE) // RATE / 10
    signal = np.stack([steps + row / 100 for row in range(len(names))]).astype(np.float32)
    return datasets.EcgRecord("made", signal, float(RATE), tuple(names))


def lines(figure, label):
    return [line for line in figure.axes[0].lines if line.get_label() == label]


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_inches_are_millimetres_and_coordinates_too():
    figure = plot_twelve_leads(made())
    np.testing.assert_allclose(figure.get_size_inches() * 25.4, [270, 120])
    axes = figure.axes[0]
    assert axes.get_xlim() == (0, 270) and axes.get_ylim() == (0, 120)
    np.testing.assert_allclose(axes.get_position().bounds, [0, 0, 1, 1])


def test_boxes_of_one_and_five_millimetres():
    figure = plot_twelve_leads(made())
    boxes = {item.get_label(): item.get_segments() for item in figure.axes[0].collections}
    assert all(isinstance(item, LineCollection) for item in figure.axes[0].collections)
    assert len(boxes["small boxes"]) == 271 + 121 and len(boxes["large boxes"]) == 55 + 25
    upright = sorted({x for (x, _), (end, _) in boxes["large boxes"] if x == end})
    assert upright == list(range(0, 271, 5))


def test_calibration_pulse_is_one_millivolt_for_200_milliseconds():
    pulses = lines(plot_twelve_leads(made()), "calibration")
    assert len(pulses) == 4
    for pulse in pulses:
        x, y = pulse.get_data()
        assert np.ptp(y) == pytest.approx(10) and np.ptp(x[y > y.min() + 5]) == pytest.approx(5)


def test_each_lead_is_at_its_place_with_time_going_on_across_columns():
    record = made()
    figure = plot_twelve_leads(record)
    pulse_feet = [line.get_ydata()[0] for line in lines(figure, "calibration")]
    for row, names in enumerate(TWELVE_LEADS):
        for column, name in enumerate(names):
            line = lines(figure, name)[0]
            x, y = line.get_data()
            first = round(column * 2.5 * RATE)
            np.testing.assert_allclose(x, 15 + 25 * np.arange(first, first + 250) / RATE)
            values = record.signal[NAMES.index(name), first : first + 250]
            np.testing.assert_allclose(y, pulse_feet[row] + 10 * values, rtol=1e-5)
    strip, row = lines(figure, "II")[1], record.signal[1]
    np.testing.assert_allclose(strip.get_ydata(), pulse_feet[3] + 10 * row, rtol=1e-5)
    np.testing.assert_allclose(strip.get_xdata()[[0, -1]], [15, 15 + 25 * 9.99])


def test_labels_speed_and_gain_are_written():
    written = texts(plot_twelve_leads(made(), title="A page"))
    assert [written.count(name) for name in NAMES] == [1, 2, *[1] * 10]
    assert "A page" in written and "25 mm/s   10 mm/mV   sampled at 100 Hz" in written


def test_names_in_other_capitals_are_found():
    figure = plot_twelve_leads(made([name.lower() for name in NAMES]))
    assert "not recorded" not in texts(figure) and len(lines(figure, "aVR")) == 1


@pytest.mark.parametrize("how", ["no such lead", "no value"])
def test_missing_lead_is_an_empty_labelled_place(how):
    record = made([name for name in NAMES if name != "V3"] if how == "no such lead" else NAMES)
    if how == "no value":
        record.signal[NAMES.index("V3")] = np.nan
    figure = plot_twelve_leads(record)
    assert not lines(figure, "V3") and texts(figure).count("not recorded") == 1 and "V3" in texts(figure)
    assert texts(figure)[-1].endswith("not recorded: V3")


def test_page_starts_where_it_is_told_and_a_record_that_ends_leaves_it_empty():
    figure = plot_twelve_leads(made(seconds=10), start_seconds=4)
    x, _ = lines(figure, "II")[1].get_data()
    np.testing.assert_allclose(x[[0, -1]], [15, 15 + 25 * 5.99])
    assert texts(figure).count("record has ended") == 3
    assert "not recorded" not in " ".join(texts(figure))


def test_strips_of_any_leads():
    record = made(["ECG", "ABP"], seconds=20)
    figure = plot_strips(record, start_seconds=5, seconds=6)
    np.testing.assert_allclose(figure.get_size_inches() * 25.4, [15 + 150 + 5, 70])
    x, y = lines(figure, "ABP")[0].get_data()
    np.testing.assert_allclose(x, 15 + 25 * np.arange(600) / RATE)
    foot = lines(figure, "calibration")[1].get_ydata()[0]
    np.testing.assert_allclose(y, foot + 10 * record.signal[1, 500:1100], rtol=1e-5)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(UsageError, match="leads ECG; draw it by plot_strips"):
        plot_twelve_leads(made(["ECG"]))
    for start in (-1, 10, np.nan):
        with pytest.raises(UsageError, match="lasts from 0 to 10 s"):
            plot_twelve_leads(made(), start_seconds=start)
    for seconds in (0, 61, np.nan):
        with pytest.raises(UsageError, match="at most 60 s"):
            plot_strips(made(), seconds=seconds)
