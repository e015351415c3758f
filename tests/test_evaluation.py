from functools import partial

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from medlib import datasets, evaluation
from medlib.errors import DataError, UsageError

AAMI = ("N", "S", "V", "F", "Q")
LABELS = st.lists(st.tuples(st.sampled_from(AAMI), st.sampled_from(AAMI), st.integers(0, 3)), min_size=1)


def confusion_of(true, predicted, classes=AAMI):
    return evaluation.confusion_by_patient(true, predicted, np.zeros(len(true)), classes)[1][0]


def first_sensitivity(confusion):
    return evaluation.sensitivity(confusion)[..., 0]


def test_scores_worked_by_hand():
    # N: 6 right of 8, V: 3 right of 4; one V was called N, two N were called V.
    scores = evaluation.class_scores(np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]]), ("N", "V", "F"))
    assert scores["N"] == {"se": 6 / 8, "ppv": 6 / 7, "f1": 12 / 15, "n": 8}
    assert scores["V"] == {"se": 3 / 4, "ppv": 3 / 5, "f1": 6 / 9, "n": 4}
    assert [np.isnan(scores["F"][key]) for key in ("se", "ppv", "f1")] == [True] * 3
    assert scores["F"]["n"] == 0


def test_class_that_is_never_predicted_has_no_predictivity_but_an_f1_of_zero():
    scores = evaluation.class_scores(np.array([[8, 0], [2, 0]]), ("N", "V"))["V"]
    assert (scores["se"], scores["f1"]) == (0, 0)
    assert np.isnan(scores["ppv"])


@given(LABELS)
def test_scores_equal_scikit_learn(labels):
    true, predicted, _ = zip(*labels, strict=True)
    confusion = confusion_of(true, predicted)
    expected = sklearn.metrics.precision_recall_fscore_support(true, predicted, labels=AAMI, zero_division=np.nan)
    predictivity, sensitivity, f1, _ = expected
    np.testing.assert_array_equal(confusion, sklearn.metrics.confusion_matrix(true, predicted, labels=AAMI))
    np.testing.assert_allclose(evaluation.sensitivity(confusion), sensitivity)
    np.testing.assert_allclose(evaluation.positive_predictivity(confusion), predictivity)
    np.testing.assert_allclose(evaluation.f1_score(confusion), f1)


@given(LABELS)
def test_macro_f1_equals_scikit_learn_where_it_is_defined(labels):
    true, predicted, _ = zip(*labels, strict=True)
    found = evaluation.macro_f1(confusion_of(true, predicted), AAMI, over="NSV")
    if set("NSV") <= {*true, *predicted}:
        assert found == pytest.approx(sklearn.metrics.f1_score(true, predicted, labels=list("NSV"), average="macro"))
    else:
        assert np.isnan(found)


@given(LABELS)
def test_matrices_of_patients_are_those_of_their_beats(labels):
    true, predicted, patient = map(np.array, zip(*labels, strict=True))
    patients, confusion = evaluation.confusion_by_patient(true, predicted, patient, AAMI)
    assert patients.tolist() == sorted(set(patient.tolist()))
    for name, matrix in zip(patients, confusion, strict=True):
        chosen = patient == name
        np.testing.assert_array_equal(matrix, confusion_of(true[chosen], predicted[chosen]))


@given(hnp.arrays(int, (3, 2, 4, 4), elements=st.integers(0, 5)))
def test_scores_of_a_stack_are_those_of_each_matrix(stack):
    for score in (evaluation.sensitivity, evaluation.positive_predictivity, evaluation.f1_score):
        np.testing.assert_array_equal(score(stack)[2, 1], score(stack[2, 1]))


@pytest.mark.parametrize(
    ("true", "classes", "message"),
    [
        (["N", "x"], ("N", "V"), r"include the labels \['x'\]"),
        (["N", "V"], ("N", "V", "N"), "must be distinct"),
        (["N"], ("N", "V"), r"shape \(1,\), predicted of \(2,\)"),
    ],
)
def test_labels_that_do_not_go_with_the_classes_are_refused(true, classes, message):
    with pytest.raises(UsageError, match=message):
        evaluation.confusion_by_patient(true, ["N", "V"], ["100", "100"], classes)


def test_macro_f1_over_an_unknown_class_is_refused():
    with pytest.raises(UsageError, match=r"include the labels \['S'\]"):
        evaluation.macro_f1(np.eye(2), ("N", "V"), over="NS")


def test_interval_over_patients_with_one_beat_each_is_that_of_a_binomial():
    right = np.arange(400) < 300
    confusion = np.zeros((400, 2, 2), dtype=int)
    confusion[:, 0, 0], confusion[:, 0, 1] = right, ~right
    interval = evaluation.bootstrap_by_patient(first_sensitivity, confusion, replicates=20_000, confidence=0.9)
    expected = stats.binom(400, 0.75).ppf([0.05, 0.95]) / 400
    assert interval == pytest.approx(expected, abs=1 / 400)


def test_interval_is_that_of_patients_however_many_beats_they_have():
    few = np.array([[[1, 1], [0, 0]], [[2, 0], [0, 0]], [[0, 2], [0, 0]]])
    assert evaluation.bootstrap_by_patient(first_sensitivity, few) == evaluation.bootstrap_by_patient(
        first_sensitivity, 1000 * few
    )


def test_identical_patients_give_an_interval_of_no_width():
    confusion = np.tile([[7, 3], [2, 8]], (20, 1, 1))
    macro = partial(evaluation.macro_f1, classes="NV", over="NV")
    assert evaluation.bootstrap_by_patient(macro, confusion) == pytest.approx([macro(confusion[0])] * 2)


def test_seed_determines_the_interval():
    confusion = np.random.default_rng(0).integers(0, 50, (30, 3, 3))
    interval = partial(evaluation.bootstrap_by_patient, first_sensitivity, confusion, replicates=100)
    assert interval(seed=1) == interval(seed=1) != interval(seed=2)


def test_resamples_without_the_class_are_left_out():
    confusion = np.array([[[4, 1], [0, 0]], [[0, 0], [0, 5]]])
    assert evaluation.bootstrap_by_patient(first_sensitivity, confusion) == (0.8, 0.8)


@pytest.mark.parametrize(
    ("confusion", "options", "message"),
    [
        (np.zeros((0, 2, 2)), {}, "0 patients"),
        (np.ones((3, 2, 2)), {"replicates": 0}, "0 replicates"),
        (np.ones((3, 2, 2)), {"confidence": 95}, "confidence 95"),
        (np.zeros((3, 2, 2)), {}, "undefined on every resample"),
    ],
)
def test_bootstrap_of_nothing_is_refused(confusion, options, message):
    with pytest.raises(UsageError, match=message):
        evaluation.bootstrap_by_patient(first_sensitivity, confusion, **options)


SPLITS = {"train": ("101", "201", "203"), "validation": ("203",), "test": ("100", "202")}


def test_audit_finds_shared_subjects_and_shared_records():
    assert evaluation.audit_split(SPLITS, {"202": "201"}) == {
        "201": {"train": ["201"], "test": ["202"]},
        "203": {"train": ["203"], "validation": ["203"]},
    }


def test_audit_finds_the_man_in_both_ds1_and_ds2():
    mitdb = datasets.get("mitdb")
    assert evaluation.audit_split(mitdb.splits, mitdb.subjects) == {"201": {"train": ["201"], "test": ["202"]}}


def test_subject_may_have_several_records_in_one_set():
    assert evaluation.audit_split({"train": ("201", "202"), "test": ("100",)}, {"202": "201"}) == {}


def test_check_names_the_shared_subject_and_its_records():
    with pytest.raises(DataError, match=r"share 1 subjects.*'201': \{'train': \['201'\], 'test': \['202'\]\}"):
        evaluation.check_split({"train": ("201",), "test": ("202", "100")}, {"202": "201"})
