"""A page of ECG paper has the size, the boxes and the traces that a ruler would find."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from medlib.errors import DataError
from medlib.plots.ecg import LAYOUT, plot_strips, plot_twelve_leads

NAMES = [name for row in LAYOUT for name in row]
RATE = 500


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def lines(figure, gid):
    return [line for line in figure.axes[0].lines if line.get_gid() == gid]


def texts(figure):
    return {text.get_text() for text in figure.axes[0].texts}


def test_a_millimetre_is_a_millimetre():
    figure = plot_twelve_leads(np.zeros((12, 10 * RATE)), RATE, NAMES)
    axes = figure.axes[0]
    in_inches = figure.dpi_scale_trans.inverted().transform(axes.transData.transform([[0, 0], [25.4, 25.4]]))
    np.testing.assert_allclose(in_inches[1] - in_inches[0], [1, 1])
    assert "25 mm/s    10 mm/mV" in texts(figure)


def test_boxes_of_one_and_five_millimetres():
    figure = plot_strips(np.zeros((1, 10 * RATE)), RATE, ["II"])
    fine_x, fine_y, coarse_x, coarse_y = (
        np.array([segment[0] for segment in lines.get_segments()]) for lines in figure.axes[0].collections
    )
    assert np.all(np.diff(fine_x[:, 0]) == 1) and np.all(np.diff(fine_y[:, 1]) == 1)
    assert np.all(np.diff(coarse_x[:, 0]) == 5) and np.all(np.diff(coarse_y[:, 1]) == 5)


def test_calibration_pulse_is_one_millivolt_for_200_ms():
    pulses = lines(plot_twelve_leads(np.zeros((12, 10 * RATE)), RATE, NAMES), "pulse")
    assert len(pulses) == 4
    for pulse in pulses:
        x, y = pulse.get_data()
        assert np.ptp(y) == 10
        assert np.ptp(x[y > y.min()]) == 5


def test_every_lead_has_its_place_and_its_time():
    # Lead k holds a spike of k + 1 tenths of a mV, 1 s into each column.
    signal = np.zeros((12, 10 * RATE))
    for lead in range(12):
        signal[lead, (np.arange(4) * 2.5 * RATE + RATE).astype(int)] = 0.1 * (lead + 1)
    order = np.random.default_rng(0).permutation(12)
    figure = plot_twelve_leads(signal[order], RATE, [NAMES[lead] for lead in order])
    for row, names in enumerate(LAYOUT):
        for column, name in enumerate(names):
            trace = lines(figure, name)[0]
            x, y = trace.get_data()
            assert x[0] == pytest.approx(20 + 62.5 * column)
            assert x[y.argmax()] == pytest.approx(20 + 62.5 * column + 25)
            assert np.ptp(y) == pytest.approx(NAMES.index(name) + 1)
            assert y[0] == pytest.approx(10 + 30 * (3.5 - row))
    strip = lines(figure, "II")[1]
    assert len(strip.get_xdata()) == 10 * RATE


def test_names_in_other_letters_and_a_missing_lead():
    names = [name.upper() for name in NAMES if name != "aVL"]
    figure = plot_twelve_leads(np.ones((11, 10 * RATE)), RATE, names)
    assert "aVL: not recorded" in texts(figure)
    assert not lines(figure, "aVL") and lines(figure, "aVF")


def test_lead_of_missing_values_and_a_gap():
    signal = np.zeros((12, 10 * RATE))
    signal[NAMES.index("V1")] = np.nan
    signal[NAMES.index("V2"), 2600:2700] = np.nan
    figure = plot_twelve_leads(signal, RATE, NAMES)
    assert "V1: not recorded" in texts(figure)
    assert np.isnan(lines(figure, "V2")[0].get_ydata()).sum() == 100


def test_short_record_ends_where_it_ends():
    figure = plot_twelve_leads(np.zeros((12, 3 * RATE)), RATE, NAMES)
    assert len(lines(figure, "aVR")[0].get_xdata()) == 0.5 * RATE
    assert not lines(figure, "V4")


def test_strips_begin_where_they_are_told_to():
    signal = np.zeros((2, 20 * RATE))
    signal[:, 12 * RATE] = 1
    figure = plot_strips(signal, RATE, ["MLII", "V5"], start_seconds=10)
    for name in ("MLII", "V5"):
        (trace,) = lines(figure, name)
        x, y = trace.get_data()
        assert x[y.argmax()] == pytest.approx(20 + 2 * 25)


@pytest.mark.parametrize(
    ("shape", "names", "fault"),
    [
        ((12, 100), NAMES[:11], "does not go with 11 names"),
        ((100,), ["I"], "does not go with 1 names"),
        ((2, 100), ["I", "i"], "one name"),
        ((2, 100), ["MLII", "noise"], "plot_strips draws any leads"),
    ],
)
def test_what_is_no_twelve_lead_ecg_is_refused(shape, names, fault):
    with pytest.raises(DataError, match=fault):
        plot_twelve_leads(np.zeros(shape), RATE, names)


def test_strip_beyond_the_end_is_refused():
    with pytest.raises(DataError, match="the record lasts 2 s"):
        plot_strips(np.zeros((1, 2 * RATE)), RATE, ["II"], start_seconds=2)
