"""Scores of masks, against shapes whose scores are known and against implementations that share no code with them."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from medlib.errors import UsageError
from medlib.segmentation import mean_interval, score_labels, score_masks


def surface(mask):
    """Voxels that touch the background, or the border of the image, by a face, found by shifts alone."""
    padded = np.pad(mask, 1)
    inner = np.ones(padded.shape, bool)
    for axis in range(mask.ndim):
        for step in (-1, 1):
            inner &= np.roll(padded, step, axis)
    return np.argwhere(padded & ~inner) - 1


def brute_force(predicted, truth, spacing, tolerance):
    """All three scores, by the distances of every voxel of one surface to every voxel of the other."""
    overlap = 2 * np.sum(predicted & truth) / (predicted.sum() + truth.sum())
    distances = cdist(surface(predicted) * spacing, surface(truth) * spacing)
    there, back = distances.min(axis=1), distances.min(axis=0)
    return {
        "dice": overlap,
        "hd95": max(np.percentile(there, 95), np.percentile(back, 95)),
        "surface_dice": (np.sum(there <= tolerance) + np.sum(back <= tolerance)) / (len(there) + len(back)),
    }


@st.composite
def pairs_of_masks(draw):
    shape = draw(st.sampled_from([(7, 9), (4, 6, 5)]))
    pair = [draw(arrays(bool, shape, elements=st.booleans())) for _ in range(2)]
    spacing = draw(st.tuples(*[st.sampled_from([0.5, 0.7, 1.0, 3.0])] * len(shape)))
    return *pair, spacing


@given(pairs_of_masks())
@settings(deadline=None, max_examples=60)
def test_any_masks_score_as_by_brute_force(case):
    predicted, truth, spacing = case
    if not (predicted.any() and truth.any()):
        return
    # A tolerance that no distance on these grids is close to, where float32 could decide otherwise.
    found = score_masks(predicted, truth, spacing, tolerance=1.234)
    expected = brute_force(predicted, truth, np.array(spacing), 1.234)
    # MONAI has distances in float32.
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)


@given(pairs_of_masks())
@settings(deadline=None, max_examples=30)
def test_scores_do_not_depend_on_which_mask_is_which_or_on_the_order_of_axes(case):
    predicted, truth, spacing = case
    if not (predicted.any() and truth.any()):
        return
    found = score_masks(predicted, truth, spacing, tolerance=1.234)
    assert score_masks(truth, predicted, spacing, tolerance=1.234) == pytest.approx(found)
    assert score_masks(predicted.T, truth.T, spacing[::-1], tolerance=1.234) == pytest.approx(found)


def test_spheres_have_the_analytic_scores():
    """Two spheres of 20 mm in voxels of 1 x 0.5 x 0.5 mm, 4 mm apart along z."""
    z, y, x = np.mgrid[-30:31:1.0, -26:26.1:0.5, -26:26.1:0.5]
    first, second = (z**2 + y**2 + x**2 <= 400), ((z - 4) ** 2 + y**2 + x**2 <= 400)
    found = score_masks(first, second, (1.0, 0.5, 0.5), tolerance=4.5)
    lens = 1 - 1.5 * (4 / 40) + 0.5 * (4 / 40) ** 3  # volume of the lens over that of a sphere
    assert found["dice"] == pytest.approx(lens, abs=0.003)
    # A point at angle t to the shift is |sqrt(r² + d² - 2rd cos t) - r| away: nearest 0, farthest d.
    cosine = np.linspace(-1, 1, 100_001)
    away = np.abs(np.sqrt(400 + 16 - 160 * cosine) - 20)
    assert found["hd95"] == pytest.approx(np.percentile(away, 95), abs=0.5)
    assert found["surface_dice"] == 1.0


def test_dice_is_that_of_simpleitk():
    rng = np.random.default_rng(0)
    predicted, truth = rng.random((2, 12, 14, 16)) > 0.6
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (predicted, truth)))
    assert score_masks(predicted, truth, (1, 1, 1))["dice"] == pytest.approx(overlap.GetDiceCoefficient())


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        (False, False, {"dice": np.nan, "hd95": np.nan, "surface_dice": np.nan}),
        (False, True, {"dice": 0.0, "hd95": np.nan, "surface_dice": 0.0}),
        (True, False, {"dice": np.nan, "hd95": np.nan, "surface_dice": 0.0}),
        (True, True, {"dice": 1.0, "hd95": 0.0, "surface_dice": 1.0}),
    ],
)
def test_empty_masks_score_as_monai_documents(predicted, truth, expected):
    masks = [np.zeros((6, 6), bool), np.pad(np.ones((2, 2), bool), 2)]
    found = score_masks(masks[predicted], masks[truth], (1, 1))
    np.testing.assert_equal(found, expected)


def test_nothing_counts_where_the_truth_is_not_known():
    truth, predicted, ignore = (np.zeros((10, 10), bool) for _ in range(3))
    truth[2:8, 2:8] = predicted[2:8, 2:8] = True
    predicted[:, 8:] = True
    ignore[:, 8:] = True
    assert score_masks(predicted, truth, (1, 1))["dice"] < 0.8
    assert score_masks(predicted, truth, (1, 1), ignore=ignore) == {"dice": 1.0, "hd95": 0.0, "surface_dice": 1.0}


def test_labels_are_scored_one_by_one():
    truth = np.zeros((8, 8), int)
    truth[:4], truth[4:] = 1, 2
    predicted = truth.copy()
    predicted[3] = 2
    found = score_labels(predicted, truth, (1, 1), {"above": 1, "below": 2, "none": 3})
    assert found["above"]["dice"] == pytest.approx(2 * 24 / 56)
    assert found["below"]["dice"] == pytest.approx(2 * 32 / 72)
    assert np.isnan(found["none"]["dice"])


def test_zeros_and_ones_of_any_type_are_a_mask():
    truth = np.pad(np.ones((3, 3)), 2)
    assert score_masks(truth.astype(np.uint8), truth, [1, 1])["dice"] == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predicted": np.zeros((4, 5), bool)}, r"\(4, 5\) \(predicted\), \(4, 4\) \(truth\)"),
        ({"ignore": np.zeros((4, 5), bool)}, r"\(4, 5\) \(ignore\)"),
        ({"predicted": np.full((4, 4), 2)}, "predicted has other values than 0 and 1"),
        ({"truth": np.full((4, 4), np.nan)}, "truth has other values than 0 and 1"),
        ({"spacing": (1.0,)}, "a distance above 0 for each of the 2 axes"),
        ({"spacing": (1.0, 0.0)}, "a distance above 0"),
        ({"spacing": (1.0, np.nan)}, "a distance above 0"),
        ({"tolerance": -1.0}, "a tolerance of 0 or more"),
    ],
)
def test_what_does_not_go_together_is_refused(change, message):
    mask = np.ones((4, 4), bool)
    given = {"predicted": mask, "truth": mask, "spacing": (1.0, 1.0)} | change
    with pytest.raises(UsageError, match=message):
        score_masks(**given)


def test_masks_of_one_dimension_are_refused():
    with pytest.raises(UsageError, match=r"\(y, x\) or \(z, y, x\)"):
        score_masks(np.ones(4, bool), np.ones(4, bool), (1,))


def test_patients_with_many_cases_count_as_one_draw():
    """One patient with 50 like cases says no more than with one; the interval must not shrink to nothing."""
    values = np.concatenate([np.full(50, 0.9), np.full(50, 0.7), np.full(50, 0.8)])
    patients = np.repeat(["a", "b", "c"], 50)
    mean, (low, high) = mean_interval(values, patients)
    assert mean == pytest.approx(0.8)
    assert low == pytest.approx(0.7) and high == pytest.approx(0.9)
    _, (low, high) = mean_interval(values, range(150))
    assert high - low < 0.04


def test_undefined_scores_are_left_out():
    assert mean_interval([0.5, np.nan, 0.7], ["a", "b", "c"])[0] == pytest.approx(0.6)


@pytest.mark.parametrize(("values", "patients"), [([np.nan], ["a"]), ([0.5, 0.6], ["a"]), ([], []), ([[0.5]], [["a"]])])
def test_scores_without_value_or_patient_are_refused(values, patients):
    with pytest.raises(UsageError, match="give one patient for each value"):
        mean_interval(values, patients)
