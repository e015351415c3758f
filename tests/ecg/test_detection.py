import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from medlib.ecg.detection import CELL, RATE, detect_beats, heat_map, pick_beats, prepare
from medlib.ecg.filters import resample
from medlib.errors import DataError, UsageError

GAP = 0.2 * RATE


def answers(there, n_cells):
    """What a perfect network says where beats lie at the given samples."""
    middle = np.arange(n_cells) * CELL + (CELL - 1) / 2
    distance = (np.asarray(there)[:, None] - middle) / CELL
    nearest = distance[np.abs(distance).argmin(axis=0), np.arange(n_cells)]
    return heat_map(nearest), nearest


def sine(frequency, rate, seconds=20):
    return np.sin(2 * np.pi * frequency * np.arange(seconds * rate) / rate)[None]


@pytest.mark.parametrize("rate", [360, 250, 500, 128, 120, 257])
def test_prepared_sine_is_the_sine_at_120_hz(rate):
    both = np.concatenate([sine(5, rate), sine(15, rate) + 4])
    expected = np.concatenate([sine(5, RATE), sine(15, RATE)])
    prepared = prepare(both, rate)
    assert prepared.shape == expected.shape and prepared.dtype == np.float32
    np.testing.assert_allclose(prepared[:, 60:-60], expected[:, 60:-60], atol=0.03)


def test_wander_and_offset_go_and_what_would_alias():
    slow, fast = sine(0.1, 360), sine(115, 360)
    assert np.abs(prepare(slow + 2, 360)[:, 60:-60]).max() < 0.03
    assert np.abs(prepare(fast + sine(5, 360), 360)[:, 60:-60] - sine(5, RATE)[:, 60:-60]).max() < 0.05


def test_prepared_agrees_with_the_slower_filter():
    signal = sine(3, 360) + 0.5 * sine(11, 360) + 0.2 * sine(25, 360)
    np.testing.assert_allclose(prepare(signal, 360)[:, 100:-100], resample(signal, 360, RATE)[:, 100:-100], atol=0.03)


@given(
    gaps=st.lists(st.floats(40, 300), min_size=1, max_size=30),
    start=st.floats(0, 100),
    threshold=st.floats(0.05, 0.7),
)
def test_beats_of_a_perfect_network_are_found_in_their_places(gaps, start, threshold):
    there = start + np.cumsum(gaps)
    found = pick_beats(*answers(there, int(there[-1]) // CELL + 10), threshold)
    np.testing.assert_allclose(found, there, atol=1e-6)


@given(
    probability=arrays.arrays(np.float32, st.integers(1, 200), elements=st.floats(0, 1, width=32)),
    threshold=st.floats(0.01, 0.99),
    data=st.data(),
)
def test_positions_are_in_order_apart_and_within_the_record(probability, threshold, data):
    offset = data.draw(arrays.arrays(np.float32, probability.shape, elements=st.floats(-9, 9, width=32)))
    found = pick_beats(probability, offset, threshold)
    assert np.all(np.diff(found) >= GAP)
    assert np.all((found >= 0) & (found <= CELL * len(probability) - 1))


@given(
    probability=arrays.arrays(np.float32, 150, elements=st.floats(0, 1, width=32)),
    low=st.floats(0.01, 0.5),
    high=st.floats(0.5, 0.99),
)
def test_a_higher_threshold_finds_no_beat_that_a_lower_one_does_not(probability, low, high):
    still = np.zeros_like(probability)
    assert set(pick_beats(probability, still, high)) <= set(pick_beats(probability, still, low))


def test_of_two_beats_that_are_too_near_the_likelier_stays():
    near, far = answers([200], 100), answers([215], 100)
    probability = np.maximum(near[0], 0.6 * far[0])
    offset = np.where(near[0] > 0.6 * far[0], near[1], far[1])
    assert len(pick_beats(probability, offset, 0.3)) == 1


def test_pull_of_the_offsets_cannot_bring_beats_together():
    probability, offset = np.zeros(60), np.zeros(60)
    probability[[20, 27]] = 0.95, 0.9
    offset[20], offset[27] = 3.0, -3.0
    assert pick_beats(probability, offset, 0.3) == pytest.approx([23 * CELL + 1.5])


def test_uncertain_place_counts_by_its_sum():
    probability = np.zeros(40)
    probability[17:24] = 0.25  # never above 0.25, but a sum of 1.75 beside the 2.5 of a certain beat
    assert pick_beats(probability, np.zeros(40), 0.6) == pytest.approx([20 * CELL + 1.5])
    assert len(pick_beats(probability, np.zeros(40), 0.75)) == 0


@pytest.mark.parametrize("place", [0, 1, 398, 399])
def test_beats_at_the_ends_are_found(place):
    assert pick_beats(*answers([place], 100), 0.3) == pytest.approx([place], abs=1e-6)


def test_nothing_is_found_where_nothing_is():
    assert pick_beats(np.zeros(50), np.zeros(50)).shape == (0,)


@pytest.mark.parametrize("threshold", [0, 1, -1, np.nan])
def test_threshold_that_is_none_is_refused(threshold):
    with pytest.raises(UsageError, match="threshold is.*between 0 and 1"):
        pick_beats(np.zeros(5), np.zeros(5), threshold)


def test_arrays_of_different_shape_are_refused():
    with pytest.raises(UsageError, match=r"\(5,\).*\(6,\)"):
        pick_beats(np.zeros(5), np.zeros(6))


def by_height(signal):
    """Stand-in for a network: the first lead above half of its largest value, without an offset."""
    n_cells = -(-signal.shape[-1] // CELL)
    cells = torch.nn.functional.max_pool1d(signal[:, :1], CELL, ceil_mode=True)[..., :n_cells]
    return torch.cat([20 * (cells / cells.max() - 0.5), torch.zeros_like(cells)], dim=1)


def spikes(rate, seconds=20):
    time = np.arange(seconds * rate) / rate
    return (np.exp(-(((time % 0.8 - 0.4) / 0.03) ** 2)) + 0.01 * np.sin(50 * time))[None]


@pytest.mark.parametrize("rate", [360, 250, 128])
def test_positions_are_samples_of_the_input(rate):
    found = detect_beats(by_height, spikes(rate), rate, threshold=0.3)
    assert found.dtype == np.int64
    np.testing.assert_allclose(found / rate, 0.4 + 0.8 * np.arange(25), atol=0.03)


def with_value(value, samples):
    signal = spikes(360)
    signal[0, samples] = value
    return signal


@pytest.mark.parametrize(
    ("signal", "rate", "fault"),
    [
        (with_value(0.0, slice(None)), 360, "one value"),
        (with_value(np.nan, slice(5, 9)), 360, "missing"),
        (spikes(360)[:, :720], 360, "shorter than 5 s"),
        (spikes(360), 10_000, "sampling rate"),
        (1000 * spikes(360), 360, "implausible for mV"),
    ],
)
def test_input_that_cannot_be_used_is_refused(signal, rate, fault):
    with pytest.raises(DataError, match=fault):
        detect_beats(by_height, signal, rate)


def test_rate_without_a_ratio_of_small_numbers_is_refused():
    with pytest.raises(UsageError, match="whole numbers up to 1000"):
        prepare(spikes(360), 359.987)
