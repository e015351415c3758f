import json
from pathlib import Path
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medlib.ecg.ec57 import LABELS, beat_statistics, compare_beats, ec57_report
from medlib.errors import DataError, UsageError

# Counts that bxb of WFDB 10.7.0 printed for the annotations of `random_marks`, by seed (option -S, 7 x 7, row by row).
SYNTHETIC_COUNTS = json.loads(Path(__file__).with_name("ec57_synthetic.json").read_text())


def marks(text, subtype=None):
    """Annotations written as "sample symbol, sample symbol, ..."."""
    pairs = [pair.split() for pair in text.split(",") if pair.strip()]
    return SimpleNamespace(sample=[int(pair[0]) for pair in pairs], symbol=[pair[1] for pair in pairs], subtype=subtype)


def compare(reference, algorithm, **options):
    """What is counted, as in "Nn": 2, at 100 Hz (a window of 15 samples) from time 0 on."""
    options = {"start_seconds": 0} | options
    counts = compare_beats(reference, algorithm, 100, 10_000, **options)
    return {LABELS[row] + LABELS[column].lower(): int(counts[row, column]) for row, column in np.argwhere(counts)}


def random_marks(random, count=40, length=6000):
    """Crowded beats, fibrillation and unreadable periods: more conflicts than any record has."""
    times = sorted(int(random() * length) for _ in range(count))
    symbols = ["NNLABejaVVEF/Q!+[]~~"[int(random() * 20)] for _ in times]
    subtypes = [(-1, 0, 3, 48)[int(random() * 4)] if symbol == "~" else 0 for symbol in symbols]
    return SimpleNamespace(sample=[*times, length], symbol=[*symbols, "]"], subtype=[*subtypes, 0])


@pytest.mark.parametrize("seed", SYNTHETIC_COUNTS)
def test_counts_on_crowded_annotations_equal_bxb(seed):
    random = Random(int(seed)).random
    reference, algorithm = random_marks(random), random_marks(random)
    counts = compare_beats(reference, algorithm, 360, 6000, start_seconds=int(seed) % 3)
    assert counts.ravel().tolist() == SYNTHETIC_COUNTS[seed]


def test_each_pair_of_classes_has_its_cell():
    reference = marks(",".join(f"{100 + 100 * k} {symbol}" for k, symbol in enumerate("NSVFQ")))
    algorithm = marks(",".join(f"{100 + 100 * k} {symbol}" for k, symbol in enumerate("VFQNS")))
    assert compare(reference, algorithm) == {"Nv": 1, "Sf": 1, "Vq": 1, "Fn": 1, "Qs": 1}


@pytest.mark.parametrize(
    ("sample", "expected"),
    [(985, {"Nn": 1}), (984, {"No": 1, "On": 1}), (1015, {"Nn": 1}), (1016, {"No": 1, "On": 1})],
)
def test_window_includes_its_edges(sample, expected):
    assert compare(marks("1000 N"), marks(f"{sample} N")) == expected


@pytest.mark.parametrize(("distance", "matches"), [(38, 1), (39, 0)])
def test_window_is_rounded_to_the_nearest_sample_half_up(distance, matches):
    # 150 ms are 37.5 samples at 250 Hz.
    counts = compare_beats(marks("500 N"), marks(f"{500 + distance} N"), 250, 1000, start_seconds=0)
    assert counts[0, 0] == matches


def test_double_detection_counts_the_nearer_one_and_a_false_one():
    assert compare(marks("1000 V"), marks("990 N, 1002 V")) == {"Vv": 1, "On": 1}


def test_of_two_detections_at_the_same_distance_the_later_one_matches():
    assert compare(marks("1000 V"), marks("995 N, 1005 V")) == {"Vv": 1, "On": 1}


def test_of_two_beats_at_the_same_distance_the_later_one_matches():
    assert compare(marks("995 N, 1005 V"), marks("1000 V")) == {"No": 1, "Vv": 1}


def test_beat_keeps_its_partner_where_the_next_beat_has_a_nearer_one():
    # The worked example in the source of bxb, at its sampling rate of 250 Hz (a window of 38 samples).
    counts = compare_beats(marks("96 N, 160 N"), marks("128 N, 185 N"), 250, 1000, start_seconds=0)
    assert counts[0, 0] == counts.sum() == 2


def test_detections_in_reference_fibrillation_do_not_count():
    reference = marks("100 N, 200 [, 250 !, 300 ], 400 N")
    assert compare(reference, marks("100 N, 199 N, 200 N, 250 V, 300 N, 301 N, 400 N")) == {"Nn": 2, "On": 2}


def test_fibrillation_without_end_lasts_to_the_end():
    assert compare(marks("100 N, 200 [, 250 !"), marks("100 N, 9000 N")) == {"Nn": 1}


def test_flutter_wave_outside_fibrillation_counts_as_no_beat():
    assert compare(marks("100 N, 200 !, 300 !"), marks("100 N, 200 N")) == {"Nn": 1, "On": 1}


def test_missed_and_false_beats_in_unreadable_periods_are_told_apart():
    reference = marks("100 N, 200 ~, 300 ~, 400 N, 600 N", subtype=[0, -1, 0, 0, 0])
    algorithm = marks("100 N, 250 N, 350 N, 380 ~, 500 ~", subtype=[0, 0, 0, 0x30, 0x10])
    assert compare(reference, algorithm) == {"Nn": 1, "Xn": 1, "On": 1, "Nx": 1, "No": 1}


def test_noise_that_leaves_a_signal_readable_changes_nothing():
    reference = marks("100 N, 200 ~, 300 ~", subtype=[0, 0x10, 0])
    assert compare(reference, marks("250 N")) == {"No": 1, "On": 1}


def test_lone_unreadable_mark_stands_for_the_time_between_its_neighbours_less_the_window():
    reference = marks("100 N, 200 ~, 300 N", subtype=[0, -1, 0])
    assert compare(reference, marks("100 N, 120 N, 280 N, 300 N")) == {"Nn": 2, "Xn": 2}


def test_learning_period_is_not_counted():
    reference, algorithm = marks("1990 N, 2000 V, 2100 N"), marks("1990 N, 2000 V, 2050 N, 2100 N")
    assert compare(reference, algorithm, start_seconds=20) == {"Vv": 1, "Nn": 1, "On": 1}


def test_detection_before_the_start_matches_the_first_beat_after_it():
    assert compare(marks("2003 V, 2100 N"), marks("1988 V, 2100 N"), start_seconds=20) == {"Vv": 1, "Nn": 1}
    assert compare(marks("2003 V, 2100 N"), marks("1987 V, 2100 N"), start_seconds=20) == {"Vo": 1, "Nn": 1}


def test_detection_after_the_start_may_belong_to_a_beat_before_it():
    reference, algorithm = marks("1998 V, 2100 N"), marks("2002 V, 2100 N")
    assert compare(reference, algorithm, start_seconds=20) == {"Nn": 1}


def test_comparison_ends_with_the_record():
    assert compare(marks("10000 N"), marks("10000 N")) == {"Nn": 1}
    assert compare(marks("10001 N"), marks("10050 N")) == {}


def test_convention_decides_about_escape_beats():
    assert compare(marks("100 e"), marks("100 N"), convention="bxb") == {"Sn": 1}
    assert compare(marks("100 e"), marks("100 N"), convention="de_chazal") == {"Nn": 1}


def test_nothing_annotated_is_nothing_counted():
    assert compare(marks(""), marks("")) == {}


apart = st.lists(st.tuples(st.integers(1, 200), st.sampled_from("NAVFQ")), max_size=30)


def sequence(gaps, shift=0):
    times = np.cumsum([gap for gap, _ in gaps], dtype=int) + shift
    return SimpleNamespace(sample=times, symbol=[symbol for _, symbol in gaps], subtype=None)


@given(st.lists(st.tuples(st.integers(31, 200), st.sampled_from("NAVFQ")), max_size=30))
def test_annotations_against_themselves_give_a_diagonal(gaps):
    beats = sequence(gaps)
    counts = compare_beats(beats, beats, 100, 10_000, start_seconds=0)
    assert np.trace(counts) == counts.sum() == len(gaps)


@given(apart, apart)
def test_every_beat_and_every_detection_is_counted_once(reference, algorithm):
    counts = compare_beats(sequence(reference), sequence(algorithm), 100, 10_000, start_seconds=0)
    for label, name in enumerate("NAVFQ"):
        assert counts[label].sum() == [symbol for _, symbol in reference].count(name)
        assert counts[:, label].sum() == [symbol for _, symbol in algorithm].count(name)


@given(apart, apart, st.integers(0, 1000))
def test_counts_do_not_depend_on_the_origin_of_time(reference, algorithm, shift):
    still, moved = (
        compare_beats(sequence(reference, by), sequence(algorithm, by), 100, 10_000, start_seconds=0)
        for by in (0, shift)
    )
    assert np.array_equal(still, moved)


def test_unsorted_annotations_are_refused():
    with pytest.raises(DataError, match="algorithm annotations are not in order"):
        compare(marks("100 N"), marks("200 N, 100 N"))


def test_arrays_of_different_length_are_refused():
    with pytest.raises(DataError, match="reference has 1 samples, 1 symbols and 2 subtypes"):
        compare(marks("100 N", subtype=[0, 0]), marks("100 N"))


@pytest.mark.parametrize("options", [{"start_seconds": 101}, {"start_seconds": -1}, {"window_seconds": 0}])
def test_start_outside_the_record_and_empty_window_are_refused(options):
    with pytest.raises(UsageError, match=r"outside the record, which lasts 100 s|must both be above 0"):
        compare(marks("100 N"), marks("100 N"), **options)


# Four records from the check of `sumstats` in the WFDB Software Package 10.7.0, which names the cells in this order
# (f and q counted with n, Q with F, X with O) ...
CELLS = [(0, 0), (2, 0), (3, 0), (5, 0), (0, 2), (2, 2), (3, 2), (5, 2), (0, 5), (2, 5), (3, 5)]
RECORDS = {
    "200": [1415, 27, 1, 14, 29, 667, 0, 27, 22, 6, 1],
    "201": [1271, 0, 1, 0, 0, 198, 1, 0, 50, 0, 0],
    "202": [1846, 1, 1, 0, 5, 14, 0, 0, 4, 0, 0],
    "203": [2035, 8, 1, 19, 59, 359, 4, 13, 9, 6, 0],
}
# ... and the percentages that it expects.
PERCENTAGES = {
    "200": [98.66, 98.12, 95.29, 92.25, 3.769],
    "201": [96.71, 100.00, 100.00, 100.00, 0.000],
    "202": [99.79, 100.00, 93.33, 73.68, 0.270],
    "203": [99.40, 98.72, 96.25, 83.29, 3.385],
    "gross": [98.78, 99.09, 96.27, 90.30, 1.974],
    "average": [98.64, 99.21, 96.22, 87.31, 1.856],
}


def matrix(values, cells):
    counts = np.zeros((7, 7), dtype=int)
    counts[tuple(zip(*cells, strict=True))] = values
    return counts


@pytest.mark.parametrize("line", PERCENTAGES)
def test_report_equals_sumstats(line):
    report = ec57_report({name: matrix(values, CELLS) for name, values in RECORDS.items()})
    found = [100 * report[line][key] for key in ("se_qrs", "ppv_qrs", "se_v", "ppv_v", "fpr_v")]
    assert np.round(found[:4], 2).tolist() == PERCENTAGES[line][:4]
    assert round(found[4], 3) == PERCENTAGES[line][4]


def test_statistics_count_the_cells_that_ec57_names():
    counts = np.arange(1, 50).reshape(7, 7)
    counts[5:, 5:] = 0
    # Row k holds 7k+1 to 7k+7; its columns n to q sum to 35k+15, all of them to 49k+28.
    assert beat_statistics(counts) == pytest.approx(
        {
            "se_qrs": 425 / 630,
            "ppv_qrs": 425 / (425 + 190 + 225),
            "se_v": 17 / 126,
            "ppv_v": 17 / (17 + 3 + 10 + 38 + 45),
            "fpr_v": 96 / (840 - 85 - 24 - 31),
            "se_s": 9 / 77,
            "ppv_s": 9 / (9 + 2 + 16 + 23 + 37 + 44),
        }
    )


def test_a_class_that_does_not_occur_has_no_statistics_and_no_part_in_the_average():
    report = ec57_report({"a": matrix([3, 1], [(0, 0), (2, 2)]), "b": matrix([5], [(0, 0)])})
    assert np.isnan(report["b"]["se_v"])
    assert report["average"]["se_v"] == 1
    assert np.isnan(report["average"]["se_s"])


def test_report_of_no_record_is_refused():
    with pytest.raises(UsageError, match="no records"):
        ec57_report({})
