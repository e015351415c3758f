import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medlib.datasets import Annotations, EcgRecord
from medlib.ecg.beats import beat_amplitude, cut_windows, late_neighbourhoods, neighbourhoods, select_leads
from medlib.errors import DataError


def record(*lead_names):
    signal = np.arange(len(lead_names) * 5, dtype=np.float32).reshape(-1, 5)
    nothing = Annotations(np.zeros(0, np.int64), np.zeros(0, str), np.zeros(0, np.int64), ())
    return EcgRecord("114", signal, 360.0, lead_names, nothing)


@pytest.mark.parametrize("lead_names, rows", [(("MLII", "V1"), [0, 1]), (("V5", "MLII"), [1, 0]), (("MLII",), [0])])
def test_lead_is_found_by_name(lead_names, rows):
    swapped = record(*lead_names)
    np.testing.assert_array_equal(select_leads(swapped), swapped.signal[rows])


def test_other_leads_keep_their_order():
    twelve = record("I", "II", "V1", "V5")
    np.testing.assert_array_equal(select_leads(twelve, first="V1"), twelve.signal[[2, 0, 1, 3]])


def test_missing_lead_is_refused_with_those_there_are():
    with pytest.raises(DataError, match="114 has no lead 'MLII'; its leads are V5, V2"):
        select_leads(record("V5", "V2"))


def test_windows_of_a_ramp_hold_the_samples_around_each_beat():
    ramp = np.arange(100, dtype=np.float32)
    windows = cut_windows(np.stack([ramp, -ramp]), np.array([10, 50, 97]), before=4, after=3)
    expected = np.array([[6, 7, 8, 9, 10, 11, 12], [46, 47, 48, 49, 50, 51, 52], [93, 94, 95, 96, 97, 98, 99]])
    np.testing.assert_array_equal(windows, np.stack([expected, -expected], axis=1))
    assert windows.dtype == np.float32


def test_windows_over_the_ends_repeat_the_samples_there():
    windows = cut_windows(np.arange(6.0)[None], np.array([0, 5]), before=2, after=3)
    np.testing.assert_array_equal(windows[:, 0], [[0, 0, 0, 1, 2], [3, 4, 5, 5, 5]])


@given(st.data(), st.integers(1, 40), st.integers(0, 50), st.integers(1, 50))
def test_windows_are_those_cut_one_by_one(data, n_samples, before, after):
    positions = data.draw(st.lists(st.integers(0, n_samples - 1), max_size=8))
    signal = np.random.default_rng(n_samples).normal(size=(2, n_samples))
    expected = [signal[:, np.arange(p - before, p + after).clip(0, n_samples - 1)] for p in positions]
    windows = cut_windows(signal, np.array(positions, dtype=np.int64), before, after)
    np.testing.assert_array_equal(windows, np.reshape(expected, (len(positions), 2, before + after)))


def test_windows_are_a_copy():
    signal = np.zeros((1, 20))
    cut_windows(signal, np.array([10, 11]), 3, 3)[0] = 1
    assert not signal.any()


@pytest.mark.parametrize("position", [-1, 20])
def test_positions_outside_of_the_signal_are_refused(position):
    with pytest.raises(DataError, match=rf"{position}.*20 samples"):
        cut_windows(np.zeros((1, 20)), np.array([position, 5]), 3, 3)


def test_positions_between_samples_are_refused():
    with pytest.raises(DataError, match="float64; round"):
        cut_windows(np.zeros((1, 20)), np.array([4.5]), 3, 3)


def spikes(heights):
    signal, positions = np.zeros((1, 100 * len(heights)), np.float32), 50 + 100 * np.arange(len(heights))
    signal[0, positions], signal[0, positions + 3] = heights, -0.5
    return signal, positions


def test_amplitude_is_the_median_from_peak_to_peak():
    signal, positions = spikes([1.0, 1.0, 2.0, 30.0, 0.5])
    assert beat_amplitude(signal, positions, 180) == pytest.approx(1.5)


@given(st.floats(0.01, 1000), st.sampled_from([-1, 1]))
def test_signal_divided_by_the_amplitude_does_not_depend_on_the_gain(gain, polarity):
    signal, positions = spikes([1.0, 1.5, 2.0])
    scaled = polarity * np.float32(gain) * signal
    expected = polarity * signal / beat_amplitude(signal, positions, 180)
    np.testing.assert_allclose(scaled / beat_amplitude(scaled, positions, 180), expected, rtol=1e-5)


def test_waves_beyond_78_ms_do_not_count():
    signal, positions = spikes([1.0, 1.0])
    signal[0, positions + 15] = 9.0
    assert beat_amplitude(signal, positions, 180) == pytest.approx(1.5)
    assert beat_amplitude(signal, positions, 360) == pytest.approx(9.5)


def test_flat_lead_divides_to_a_flat_lead():
    signal, positions = spikes([1.0, 1.0])
    flat = np.full_like(signal, 1e-5)
    amplitude = beat_amplitude(np.concatenate([signal, flat]), positions, 180)
    assert amplitude[:, 0].tolist() == [1.5, 1.0]


def test_amplitude_of_no_beats_is_refused():
    with pytest.raises(DataError, match="no beats"):
        beat_amplitude(np.zeros((1, 20)), np.zeros(0, int), 180)


@given(st.integers(0, 400), st.integers(1, 60), st.integers(0, 60))
def test_blocks_follow_each_other_and_neighbourhoods_of_one_size_hold_them(n_beats, step, more):
    size = step + more
    pairs = [(range(n_beats)[block], range(n_beats)[around]) for block, around in neighbourhoods(n_beats, size, step)]
    assert [beat for block, _ in pairs for beat in block] == list(range(n_beats))
    assert all(set(block) <= set(around) and len(around) == min(size, n_beats) for block, around in pairs)


def test_neighbourhoods_inside_the_record_are_centred():
    pairs = list(neighbourhoods(1000))
    assert pairs[20] == (slice(400, 420), slice(330, 490))


@pytest.mark.parametrize(
    "rhythm",
    [
        pytest.param([0.9, 0.6], id="bigeminy"),
        pytest.param([0.6, 0.9, 0.9], id="trigeminy"),
        pytest.param([0.9, 0.6, 0.6, 0.6], id="three of four are ectopic"),
        pytest.param([0.8], id="constant"),
    ],
)
def test_late_beats_are_those_after_the_long_intervals(rhythm):
    preceding = np.resize(rhythm, 600)
    late_beats = np.flatnonzero(preceding == max(rhythm))
    for (_, around), (_, late) in zip(neighbourhoods(600), late_neighbourhoods(preceding), strict=True):
        np.testing.assert_array_equal(late, np.intersect1d(late_beats, range(600)[around]))


def test_late_beats_follow_the_heart_rate():
    preceding = np.repeat([1.0, 0.5], 400)
    blocks = list(late_neighbourhoods(preceding))
    np.testing.assert_array_equal(blocks[0][1], np.arange(160))
    np.testing.assert_array_equal(blocks[-1][1], np.arange(640, 800))


@given(st.integers(0, 2**32 - 1), st.integers(0, 400))
def test_late_beats_are_the_longest_quarter_of_each_neighbourhood(seed, n_beats):
    preceding = np.random.default_rng(seed).permutation(np.linspace(0.4, 1.2, n_beats))
    found = list(late_neighbourhoods(preceding))
    assert [block for block, _ in found] == [block for block, _ in neighbourhoods(n_beats)]
    for (_, around), (_, late) in zip(neighbourhoods(n_beats), found, strict=True):
        nearby = np.arange(n_beats)[around]
        quarter = nearby[np.argsort(preceding[around])][-((len(nearby) + 3) // 4) :]
        np.testing.assert_array_equal(late, np.sort(quarter))
