import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medlib.ecg.shape import SEGMENTS, SHAPE_FEATURES, relative_to_sinus, shape_features, smooth_over_beats
from medlib.errors import DataError

RATE, BEFORE = 180, 108
TIME = np.arange(-BEFORE, 180) / RATE


def wave(centre, width, height):
    return height * np.exp(-0.5 * np.square((TIME - centre) / width))


# A wave in each segment, so that each has a shape to correlate with.
SINUS = np.stack([wave(-0.23, 0.02, 0.3) + wave(-0.13, 0.02, 0.3) + wave(0, 0.02, 1) + wave(0.2, 0.06, 0.6)] * 2)
SINUS[1] *= -0.8


def compare(beat, template=SINUS):
    values = shape_features(np.array([beat]), np.array([template]), BEFORE, RATE)[0]
    return dict(zip(SHAPE_FEATURES, values.tolist(), strict=True))


def named(features, *endings):
    return [value for name, value in features.items() if name.endswith(endings)]


def test_there_are_36_names_all_different():
    assert len(set(SHAPE_FEATURES)) == len(SHAPE_FEATURES) == 36


def test_beat_equal_to_its_template_differs_in_nothing():
    features = compare(SINUS)
    assert named(features, "_residual") == pytest.approx([np.log(1e-3)] * 10)
    assert named(features, "_correlation") == pytest.approx([1] * 10, abs=0.02)
    assert named(features, "_ratio", "_difference") == [0] * 12


def test_inverted_beat_correlates_with_minus_one():
    assert named(compare(-SINUS), "_correlation") == pytest.approx([-1] * 10, abs=0.02)


@pytest.mark.parametrize("segment", SEGMENTS)
def test_residual_of_a_segment_is_that_of_what_was_added_there(segment):
    beat = SINUS.copy()
    start, end = (BEFORE + round(RATE * edge) for edge in SEGMENTS[segment])
    beat[1, start:end] += np.resize([0.1, -0.1], end - start)
    features = compare(beat)
    changed = features.pop(f"second_lead_{segment}_residual")
    assert changed == pytest.approx(np.log(0.1 + 1e-3), abs=1e-5)
    assert named(features, "_residual") == pytest.approx([np.log(1e-3)] * 9)


def test_flat_lead_has_finite_features_and_no_correlation():
    flat = SINUS * [[1], [0]]
    features = compare(flat, flat)
    assert np.isfinite(list(features.values())).all()
    assert [features[f"second_lead_{segment}_correlation"] for segment in SEGMENTS] == [0] * 5


def test_qrs_of_double_size():
    features = compare(2 * SINUS)
    peak_to_peak = np.ptp(SINUS[0, BEFORE - 18 : BEFORE + 24])
    expected = np.log((2 * peak_to_peak + 0.05) / (peak_to_peak + 0.05))
    assert features["first_lead_qrs_amplitude_ratio"] == pytest.approx(expected, abs=1e-5)
    assert features["first_lead_qrs_maximum_difference"] == pytest.approx(SINUS[0].max(), abs=1e-5)
    assert features["second_lead_qrs_minimum_difference"] == pytest.approx(SINUS[1].min(), abs=1e-5)
    assert features["first_lead_qrs_steep_share_difference"] == pytest.approx(0, abs=1e-6)


def test_triangle_has_the_slopes_and_area_of_a_triangle():
    # Of 41 differences in the wide QRS window, ten rise by 0.1 and ten fall. The area is 10, the amplitude 1.
    triangle = np.clip(1 - 0.1 * np.abs(np.arange(-BEFORE, 180)), 0, None)
    flat = np.zeros_like(triangle)
    features = compare(np.stack([triangle] * 2), np.stack([flat] * 2))
    assert features["first_lead_qrs_steep_share"] == pytest.approx(20 / 41)
    assert features["first_lead_qrs_slope_ratio"] == pytest.approx(np.log(0.11 / 0.01), rel=1e-5)
    assert features["first_lead_qrs_area_width"] == pytest.approx(np.log(10 / 1.05 + 0.1), rel=1e-5)
    assert features["first_lead_qrs_area_width_ratio"] == pytest.approx(np.log(10 / 1.05 + 0.1) - np.log(0.1), rel=1e-5)


@pytest.mark.parametrize("slope, share", [(0.14, 1 / 41), (0.16, 6 / 41)])
def test_steep_is_more_than_fifteen_hundredths_of_the_steepest(slope, share):
    ramp = np.zeros(288)
    ramp[BEFORE : BEFORE + 7] = np.cumsum([0, 1] + [slope] * 5)
    ramp[BEFORE + 7 :] = ramp[BEFORE + 6]
    features = compare(np.stack([ramp] * 2))
    assert features["first_lead_qrs_steep_share"] == pytest.approx(share)


def test_wide_qrs_has_a_larger_area_width_and_gentler_slope():
    wide = np.stack([wave(0.01, 0.035, 1), wave(0.01, 0.035, -0.8)])
    features = compare(wide)
    assert min(named(features, "area_width_ratio")) > 0.2
    assert max(named(features, "slope_ratio")) < -0.3


def test_polarity_of_a_lead_swaps_maximum_and_minimum_and_nothing_else():
    beat = 1.3 * SINUS + wave(0.02, 0.04, 0.4)
    upright, inverted = compare(beat), compare(-beat, -SINUS)
    for lead in ("first", "second"):
        maximum, minimum = (f"{lead}_lead_qrs_{end}_difference" for end in ("maximum", "minimum"))
        inverted[maximum], inverted[minimum] = -inverted[minimum], -inverted[maximum]
    assert inverted == pytest.approx(upright, abs=1e-6)


def test_leads_are_compared_apart():
    beat = np.stack([SINUS[0], SINUS[1] + wave(0, 0.1, 1)])
    swapped = shape_features(beat[None, ::-1], SINUS[None, ::-1], BEFORE, RATE)
    straight = shape_features(beat[None], SINUS[None], BEFORE, RATE)
    np.testing.assert_allclose(np.roll(swapped, 18, axis=1), straight, rtol=1e-5)


@pytest.mark.parametrize("windows, templates", [((3, 1, 288), (3, 1, 288)), ((3, 2, 288), (2, 288)), ((288,), (288,))])
def test_other_shapes_are_refused(windows, templates):
    with pytest.raises(DataError, match="n_beats, 2, n_samples"):
        shape_features(np.zeros(windows), np.zeros(templates), BEFORE, RATE)


@pytest.mark.parametrize("before, n_samples", [(49, 288), (108, 187)])
def test_windows_without_all_waves_are_refused(before, n_samples):
    windows = np.zeros((1, 2, n_samples))
    with pytest.raises(DataError, match="cut 50 samples or more before the beat and 80 after"):
        shape_features(windows, windows, before, RATE)


# --- relative to the sinus beats


def random_beats(n_beats, n_features=1, seed=0):
    """Standard normal features, and intervals that have nothing to do with them."""
    generator = np.random.default_rng(seed)
    return generator.normal(size=(n_beats, n_features)), generator.uniform(0.6, 1.0, n_beats)


def test_relative_features_of_normal_ones_have_about_unit_deviation():
    # Many columns, since the spread is estimated from 40 beats and differs by a fifth from one block to another.
    features, rr = random_beats(3000, 40)
    relative = relative_to_sinus(5 + 2 * features, rr)
    for part in (relative, relative[:500], relative[-500:]):
        assert np.std(part) == pytest.approx(1, abs=0.1)


@given(st.integers(0, 2**32 - 1), st.integers(1, 160))
def test_median_of_the_late_beats_is_zero(seed, n_beats):
    features, rr = random_beats(n_beats, 2, seed)
    late = rr >= np.percentile(rr, 75)
    np.testing.assert_allclose(np.median(relative_to_sinus(features, rr)[late], axis=0), 0, atol=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(-100, 100), st.integers(1, 400))
def test_relative_features_do_not_depend_on_what_is_usual_for_the_patient(seed, offset, n_beats):
    features, rr = random_beats(n_beats, 2, seed)
    relative = relative_to_sinus(features, rr)
    assert relative.shape == features.shape and relative.dtype == np.float32
    np.testing.assert_allclose(relative_to_sinus(features + offset, rr), relative, atol=1e-5)


def test_outliers_are_clipped_to_six():
    features, rr = random_beats(300)
    features[[100, 200], 0] = 1e9, -1e9
    relative = relative_to_sinus(features, rr)[:, 0]
    assert relative[100] == relative.max() == 6
    assert relative[200] == relative.min() == -6


def test_distance_from_a_constant_feature_is_in_twentieths():
    features = np.full((200, 1), 3.0)
    features[50] += 0.1
    expected = np.zeros((200, 1))
    expected[50] = 2
    np.testing.assert_allclose(relative_to_sinus(features, np.full(200, 0.8)), expected, atol=1e-6)


def test_columns_do_not_mix():
    features, rr = random_beats(300, 3)
    apart = [relative_to_sinus(features[:, [column]], rr) for column in range(3)]
    np.testing.assert_array_equal(relative_to_sinus(features, rr), np.concatenate(apart, axis=1))


def test_sinus_beats_are_usual_even_where_most_beats_are_ectopic():
    noise, rr = random_beats(2000)
    early = np.random.default_rng(1).random(2000) < 0.7
    relative = relative_to_sinus(0.1 * noise + 5 * early[:, None], rr - 0.5 * early)[:, 0]
    assert np.median(relative[~early]) == pytest.approx(0, abs=0.1)
    assert np.abs(relative[~early]).max() < 4
    assert relative[early].min() == 6


def test_slow_change_is_followed_and_that_of_one_beat_is_not():
    features = np.linspace(0, 3, 1000)[:, None]
    features[500] += 2
    relative = relative_to_sinus(features, np.full(1000, 0.8))[:, 0]
    assert relative[500] == 6
    assert np.abs(np.delete(relative, 500)[100:-100]).max() < 0.15


def test_relative_features_need_an_interval_for_each_beat():
    with pytest.raises(DataError, match="3 beats have features but 2 intervals; give one for each"):
        relative_to_sinus(np.zeros((3, 1)), np.ones(2))


# --- smoothed over beats


@pytest.mark.parametrize("last_beat, stays", [(50, False), (52, False), (53, True), (99, True)])
def test_change_of_four_beats_or_more_outlasts_a_median_of_seven(last_beat, stays):
    features = np.zeros((100, 1))
    features[50 : last_beat + 1] = 9
    np.testing.assert_array_equal(smooth_over_beats(features), features if stays else 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_beats, length", [(1, 5), (3, 40), (7, 40), (7, 2)])
def test_smoothed_feature_is_the_median_of_the_beats_around(n_beats, length, dtype):
    features = random_beats(length, 3)[0].astype(dtype)
    half = n_beats // 2
    padded = np.pad(features, ((half, half), (0, 0)), mode="symmetric")
    expected = [np.median(padded[beat : beat + n_beats], axis=0) for beat in range(length)]
    smooth = smooth_over_beats(features, n_beats)
    assert smooth.dtype == dtype
    np.testing.assert_array_equal(smooth, expected)
