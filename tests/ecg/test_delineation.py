from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medlib import datasets
from medlib.datasets import Annotations
from medlib.ecg.delineation import (
    match_marks,
    read_waves,
    score_marks,
    segments,
    sensitivity_and_precision,
)
from medlib.errors import UsageError

# Marks at least 0.4 s apart, so that none is within 150 ms of two others.
SPARSE = st.lists(st.floats(0.4, 1.5), min_size=1, max_size=20).map(np.cumsum)
CROWDED = st.lists(st.integers(0, 200), max_size=12).map(lambda values: np.array(values) / 100)


def annotations(text):
    """Annotations at 100 Hz written as "sample symbol, ..."."""
    pairs = [pair.split() for pair in text.split(",") if pair.strip()]
    sample = np.array([int(sample) for sample, _ in pairs], np.int64)
    return Annotations(sample, np.array([symbol for _, symbol in pairs], "<U1"), np.zeros_like(sample), ())


def read(text):
    waves = read_waves(annotations(text), 100)
    return np.stack([waves.kind, waves.onset, waves.peak, waves.offset], axis=1), waves.span


def test_waves_have_their_own_onset_and_offset():
    rows, span = read("10 (, 15 p, 20 ), 30 (, 35 N, 40 ), 60 (, 70 t, 80 )")
    np.testing.assert_allclose(rows, [[0, 0.1, 0.15, 0.2], [1, 0.3, 0.35, 0.4], [2, 0.6, 0.7, 0.8]])
    assert span == (0.1, 0.8)


def test_wave_without_boundaries_takes_none_of_its_neighbours():
    rows, span = read("5 N, 10 ), 30 (, 35 t, 40 p, 50 ), 60 N")
    expected = [[1, np.nan, 0.05, 0.1], [2, 0.3, 0.35, np.nan], [0, np.nan, 0.4, 0.5], [1, np.nan, 0.6, np.nan]]
    np.testing.assert_allclose(rows, expected)
    assert span == (0.05, 0.6)


def test_other_symbols_are_passed_over():
    rows, _ = read("1 +, 10 (, 15 p, 20 ), 25 ~, 30 u")
    np.testing.assert_allclose(rows, [[0, 0.1, 0.15, 0.2]])


def test_no_annotations_are_no_waves():
    rows, span = read("")
    assert rows.shape == (0, 4) and np.isnan(span).all()


def test_waves_of_the_sample_are_in_order():
    folder = datasets.locate("ludb-sample")
    waves = read_waves(datasets.read_annotations(folder / "data", "1", "ii"), 500)
    assert set(waves.kind.tolist()) == {0, 1, 2}
    assert np.all(waves.onset < waves.peak) and np.all(waves.peak < waves.offset)
    assert np.all(waves.offset[:-1] <= waves.onset[1:])


def ramp(onset, offset, n_samples=100, slope=10.0):
    """Probability of a wave that crosses one half at two times that need not be samples."""
    sample = np.arange(n_samples)
    wave = np.clip(0.5 + np.minimum(sample - onset, offset - sample) / slope, 0, 1)
    return np.stack([1 - wave, wave])


@given(st.floats(5, 40), st.floats(8, 50))
def test_boundaries_are_found_between_samples(onset, length):
    found = segments(ramp(onset, onset + length), sampling_rate=250)
    np.testing.assert_allclose(found, [[[onset / 250, (onset + length) / 250]]], atol=1e-9)


def test_kinds_are_found_side_by_side():
    probability = np.zeros((4, 60))
    for kind, start in ((0, 0), (1, 10), (2, 20), (0, 30), (3, 40), (0, 50)):
        probability[kind, start : start + 10] = 1
    found = segments(probability, sampling_rate=100)
    np.testing.assert_allclose(found, [[[0.095, 0.195]], [[0.195, 0.295]], [[0.395, 0.495]]])


def labels(text, **options):
    wave = np.array([float(character == "#") for character in text])
    return [pair.round(4).tolist() for pair in segments(np.stack([1 - wave, wave]), sampling_rate=100, **options)[0]]


def test_short_gaps_are_closed_before_short_segments_are_dropped():
    assert labels(".##.##....#..", gap=0.01, shortest=0.03) == [[0.005, 0.055]]
    assert labels(".##.##....#..", gap=0.005, shortest=0.015) == [[0.005, 0.025], [0.035, 0.055]]
    assert labels(".##.##....#..", gap=0.1, shortest=0.0) == [[0.005, 0.105]]


def test_wave_at_an_edge_ends_there():
    assert labels("####...###", shortest=0.0) == [[0.0, 0.035], [0.065, 0.09]]
    assert labels("##########") == [[0.0, 0.09]]
    assert labels("..........") == []


@pytest.mark.parametrize("probability", [np.zeros(5), np.zeros((1, 5)), np.zeros((2, 4, 5)), np.full((2, 5), np.nan)])
def test_what_is_no_probability_is_refused(probability):
    with pytest.raises(UsageError, match="one strip at a time, without NaN"):
        segments(probability, sampling_rate=100)


@given(SPARSE)
def test_perfect_marks_are_all_found(reference):
    counts, errors = score_marks(reference, reference, (reference[0], reference[-1]))
    assert counts.tolist() == [len(reference), 0, 0] and not errors.any()
    assert [float(score) for score in sensitivity_and_precision(counts)] == [1, 1, 1]


@given(SPARSE, st.floats(-0.149, 0.149))
def test_shift_within_the_tolerance_is_the_error(reference, shift):
    counts, errors = score_marks(reference, reference + shift)
    assert counts.tolist() == [len(reference), 0, 0]
    np.testing.assert_allclose(errors, shift, atol=1e-9)


@given(SPARSE, st.floats(0.151, 0.2))
def test_shift_beyond_the_tolerance_is_missed_and_in_excess(reference, shift):
    assert score_marks(reference, reference + shift)[0].tolist() == [0, len(reference), len(reference)]


def test_tolerance_belongs_to_the_matches():
    for start in (0.0, 1.0, 1e4):
        assert score_marks(np.array([start]), np.array([start + 0.150]))[0].tolist() == [1, 0, 0]


@given(SPARSE, st.randoms(use_true_random=False))
def test_order_makes_no_difference(reference, random):
    found = np.concatenate([reference[::2] + 0.03, reference[1::3] + 0.31])
    shuffled = found.copy()
    random.shuffle(shuffled)
    expected_counts, expected_errors = score_marks(reference, found)
    counts, errors = score_marks(reference[::-1], shuffled)
    assert counts.tolist() == expected_counts.tolist()
    np.testing.assert_allclose(np.sort(errors), np.sort(expected_errors))


@given(CROWDED, CROWDED)
def test_pairs_are_one_to_one_and_none_is_left_that_could_be_made(reference, found):
    row, column = match_marks(reference, found)
    assert len(set(row.tolist())) == len(row) and len(set(column.tolist())) == len(column)
    assert np.all(np.abs(reference[row] - found[column]) <= 0.15 + 1e-9)
    left = np.abs(np.subtract.outer(np.delete(reference, row), np.delete(found, column)))
    assert np.all(left > 0.15)
    counts, errors = score_marks(reference, found)
    assert counts[0] + counts[1] == len(reference) and counts[0] + counts[2] == len(found) and counts[0] == len(errors)


def test_nearest_is_matched_first():
    row, column = match_marks(np.array([1.0]), np.array([0.9, 1.02, 1.1]))
    assert (row.tolist(), column.tolist()) == ([0], [1])
    for order in permutations([0.9, 1.02, 1.1]):
        counts, errors = score_marks(np.array([1.0]), np.array(order))
        assert counts.tolist() == [1, 0, 2] and errors == pytest.approx([0.02])


def test_excess_outside_of_the_span_is_not_counted_but_matches_are():
    reference, found = np.array([1.0, 3.0]), np.array([0.3, 0.95, 2.0, 3.05, 3.6])
    assert score_marks(reference, found, (1.0, 3.0))[0].tolist() == [2, 0, 1]
    assert score_marks(reference, found)[0].tolist() == [2, 0, 3]


def test_reference_that_is_not_known_counts_for_nothing():
    counts, errors = score_marks(np.array([1.0, np.nan]), np.array([1.01]))
    assert counts.tolist() == [1, 0, 0] and errors == pytest.approx([0.01])


def test_nothing_found_or_nothing_there():
    assert score_marks(np.array([1.0]), np.array([]))[0].tolist() == [0, 1, 0]
    assert score_marks(np.array([]), np.array([1.0]))[0].tolist() == [0, 0, 1]
    assert np.isnan(sensitivity_and_precision(np.zeros(3))).all()


def test_scores_are_of_the_last_axis():
    sensitivity, precision, f1 = sensitivity_and_precision(np.array([[[8, 2, 0]], [[6, 0, 2]]]))
    np.testing.assert_allclose(sensitivity, [[0.8], [1]])
    np.testing.assert_allclose(precision, [[1], [0.75]])
    np.testing.assert_allclose(f1, [[16 / 18], [12 / 14]])
