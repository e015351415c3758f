"""Free-response curves: against brute force, MONAI, LUNA16's own way by scikit-learn, and where the answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import froc as monai_froc
from scipy import ndimage
from sklearn import metrics

from medlib import discrimination, froc
from medlib.errors import UsageError


def made_scan(rng, n_marks=12, n_findings=3, levels=6):
    """Marks near the findings and elsewhere, with ties; findings do not overlap."""
    centres = np.array([[20.0 * k, 0, 0] for k in range(n_findings)]).reshape(-1, 3)
    radii = rng.uniform(2, 9, n_findings)
    near = centres[rng.integers(n_findings, size=n_marks)] if n_findings else np.zeros((n_marks, 3))
    marks = near + rng.normal(0, 5, (n_marks, 3))
    return marks, rng.integers(1, levels, n_marks) / levels, centres, radii


def made_scans(seed, n=7):
    rng = np.random.default_rng(seed)
    sizes = [(int(rng.integers(0, 14)), int(rng.integers(0, 4))) for _ in range(n)] + [(12, 3)]
    return [made_scan(rng, *size) for size in sizes]


def brute_force(scans, threshold):
    """False marks a scan and sensitivity at one threshold, mark by mark."""
    false = hits = findings = 0
    for marks, scores, centres, radii in scans:
        kept = [mark for mark, score in zip(marks, scores, strict=True) if score >= threshold]
        findings += len(centres)
        for centre, radius in zip(centres, radii, strict=True):
            hits += any(sum((mark - centre) ** 2) < radius**2 for mark in kept)
        for mark in kept:
            balls = zip(centres, radii, strict=True)
            false += not any(sum((mark - centre) ** 2) < radius**2 for centre, radius in balls)
    return false / len(scans), hits / findings


def luna16_sensitivity(judged, rates=froc.RATES):
    """As the evaluation script of LUNA16 goes: scikit-learn's ROC curve, rescaled and interpolated."""
    hits = np.concatenate([scan.found for scan in judged])
    false = np.concatenate([scan.false for scan in judged])
    detected = hits[np.isfinite(hits)]
    label = np.repeat([1, 0], [len(detected), len(false)])
    alarms, found, _ = metrics.roc_curve(label, np.concatenate([detected, false]))
    return np.interp(rates, alarms * len(false) / len(judged), found * len(detected) / len(hits))


@pytest.mark.parametrize("seed", range(5))
def test_curve_is_that_of_brute_force(seed):
    scans = made_scans(seed)
    false, found, threshold = froc.curve([froc.match(*scan) for scan in scans])
    assert (false[0], found[0], threshold[0]) == (0, 0, np.inf)
    assert threshold[1:].tolist() == sorted({*np.concatenate([scan[1] for scan in scans])} & {*threshold}, reverse=True)
    for point in zip(false[1:], found[1:], threshold[1:], strict=True):
        assert point[:2] == pytest.approx(brute_force(scans, point[2]))


@pytest.mark.parametrize("seed", range(5))
def test_sensitivity_is_that_of_luna16(seed):
    judged = [froc.match(*scan) for scan in made_scans(seed)]
    assert froc.sensitivity(judged) == pytest.approx(luna16_sensitivity(judged))
    assert froc.cpm(judged) == pytest.approx(luna16_sensitivity(judged).mean())


def test_curve_and_matching_are_those_of_monai():
    """MONAI judges by a mask, so balls are drawn on a grid; its curve leaves out the threshold where all is kept."""
    rng, judged, false, found, n_targets = np.random.default_rng(1), [], [], [], 0
    grid = np.stack(np.meshgrid(*[np.arange(40)] * 3, indexing="ij"), axis=-1)
    for _ in range(4):
        centres, radii = np.array([[8, 8, 8], [30, 12, 20], [12, 30, 30]]), np.array([3.5, 6.5, 5.5])
        mask = np.zeros((40, 40, 40), int)
        for number, (centre, radius) in enumerate(zip(centres, radii, strict=True), 1):
            mask[((grid - centre) ** 2).sum(axis=-1) < radius**2] = number
        marks = np.concatenate(
            [centres[rng.integers(3, size=8)] + rng.integers(-4, 5, (8, 3)), rng.integers(0, 40, (9, 3))]
        )
        scores = rng.permutation(np.linspace(0.05, 0.95, len(marks)))
        # The third finding of each scan is to be ignored.
        one, other, n = monai_froc.compute_fp_tp_probs_nd(scores, marks, mask, labels_to_exclude=[3])
        ignored = {"ignored_centres": centres[2:], "ignored_radii": radii[2:]}
        judged.append(froc.match(marks, scores, centres[:2], radii[:2], **ignored))
        assert sorted(one) == sorted(judged[-1].false)
        assert other[:2] == pytest.approx(np.where(np.isfinite(judged[-1].found), judged[-1].found, 0))
        false, found, n_targets = [*false, *one], [*found, *other[:2]], n_targets + n
    rate, share = monai_froc.compute_froc_curve_data(np.array(false), np.array(found), n_targets, 4)
    expected = monai_froc.compute_froc_score(rate, share, froc.RATES[:-1])
    assert froc.sensitivity(judged, froc.RATES[:-1]).mean() == pytest.approx(expected, abs=1e-6)


def test_detections_of_an_image():
    """Blobs found in a picture by the Laplacian of Gaussian, judged by MONAI with the mask of bright squares."""
    rng = np.random.default_rng(2)
    mask = np.zeros((90, 90), int)
    for number, corner in enumerate([(10, 10), (50, 20), (30, 60), (70, 70)], 1):
        mask[corner[0] : corner[0] + 9, corner[1] : corner[1] + 9] = number
    image = (mask > 0) + rng.normal(0, 0.8, mask.shape)
    response = -ndimage.gaussian_laplace(image, 3)
    marks = np.argwhere((response == ndimage.maximum_filter(response, 5)) & (response > 0))
    scores = response[tuple(marks.T)]
    false, found, n = monai_froc.compute_fp_tp_probs_nd(scores, marks, mask)
    # A square of nine is no disc, but marks lie near its centre or far away.
    centres = np.array([np.argwhere(mask == number).mean(axis=0) for number in range(1, 5)])
    judged = froc.match(marks, scores, centres, np.full(4, 4.9))
    assert n == 4 and sorted(false) == pytest.approx(sorted(judged.false))
    assert found == pytest.approx(judged.found)


def test_known_answer():
    """Two scans, four findings: found by 0.9, 0.8 (twice) and 0.3, one missed; false 0.85 and 0.5."""
    first = froc.match(
        [[0, 0], [1, 0], [0, 1], [50, 0], [20, 0]], [0.9, 0.7, 0.2, 0.85, 0.99], [[0, 0], [90, 0]], [3, 3],
        ignored_centres=[[20, 0]], ignored_radii=[2],
    )  # fmt: skip
    assert first.verdict.tolist() == [0, froc.UNCOUNTED, froc.UNCOUNTED, froc.FALSE, froc.UNCOUNTED]
    second = froc.match([[0, 0], [40, 0], [9, 9]], [0.8, 0.3, 0.5], [[0, 0], [40, 0]], [3, 3])
    scans = [first, second]
    assert froc.sensitivity(scans, (0, 0.25, 0.5, 1)).tolist() == [0.25, 0.25, 0.5, 0.75]
    assert froc.cpm(scans) == pytest.approx((0.25 + 0.25 + 0.5 + 4 * 0.75) / 7)
    assert froc.average_precision(scans) == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)


def test_edge_of_a_finding_is_outside():
    assert froc.match([[3.0, 0]], [1], [[0, 0]], [3]).verdict.tolist() == [froc.FALSE]
    assert froc.match([[2.99, 0]], [1], [[0, 0]], [3]).verdict.tolist() == [0]


def test_a_mark_on_something_to_be_found_and_something_to_be_ignored_counts():
    judged = froc.match([[0, 0]], [1], [[1, 0]], [3], ignored_centres=[[0, 0]], ignored_radii=[3])
    assert judged.verdict.tolist() == [0] and judged.found.tolist() == [1]


def test_a_mark_on_two_findings_counts_for_both():
    assert froc.match([[0, 0]], [1], [[1, 0], [-1, 0]], [3, 3]).found.tolist() == [1, 1]


def test_ties_enter_together():
    """One right and one false mark of the same score: at half of the false marks, half of the hit."""
    scans = [froc.match([[0.0], [9.0]], [0.5, 0.5], [[0.0]], [2])]
    assert froc.curve(scans)[1].tolist() == [0, 1]
    assert froc.sensitivity(scans, (0, 0.5, 1)).tolist() == [0, 0.5, 1]
    assert froc.average_precision(scans) == 0.5


def test_scores_below_zero_are_scores():
    """A network's logits: MONAI's curve would count the missed finding, whose score it calls 0, as found first."""
    scans = [froc.match([[0.0], [9.0]], [-3.0, -2.0], [[0.0], [50.0]], [2, 2])]
    assert froc.sensitivity(scans, (0, 1)).tolist() == [0, 0.5]


@pytest.mark.parametrize("statistic", [froc.sensitivity, froc.cpm, froc.average_precision])
def test_weights_are_resamples(statistic, monkeypatch):
    scans = [froc.match(*scan) for scan in made_scans(3)]
    drawn = np.random.default_rng(0).integers(0, len(scans), (30, len(scans)))
    weight = np.stack([np.bincount(row, minlength=len(scans)) for row in drawn])
    one_by_one = [statistic([scans[k] for k in row]) for row in drawn if any(len(scans[k].found) for k in row)]
    options = {"weight": weight}
    assert statistic(scans, **options) == pytest.approx(np.array(one_by_one))
    monkeypatch.setattr(froc, "_BLOCK", 100)
    assert statistic(scans, **options) == pytest.approx(np.array(one_by_one))


def test_interval_is_that_of_a_share():
    """Findings found or not, without a false mark: the interval over scans is that of a share of 300."""
    rng = np.random.default_rng(4)
    hit = rng.random(300) < 0.7
    scans = [froc.match([[0.0]] if h else [], [0.5] if h else [], [[0.0]], [1]) for h in hit]
    low, high = discrimination.bootstrap(lambda weight: froc.cpm(scans, weight), range(300))
    assert low < hit.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.21 / 300), rel=0.12)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_order_and_scale_of_scores_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    marks, scores, centres, radii = made_scan(rng)
    judged, order = froc.match(marks, scores, centres, radii), rng.permutation(len(marks))
    turned = froc.match(marks[order], np.exp(3 * scores[order]) - 40, centres, radii)
    assert froc.sensitivity([turned]) == pytest.approx(froc.sensitivity([judged]))
    assert froc.average_precision([turned]) == pytest.approx(froc.average_precision([judged]))
    false, found, _ = froc.curve([judged])
    assert (np.diff(false) >= 0).all() and (np.diff(found) >= 0).all() and found[-1] <= 1


def test_scans_without_marks_or_findings():
    nothing = froc.match([], [], [], [])
    assert [len(column) for column in (nothing.found, nothing.false, nothing.verdict)] == [0, 0, 0]
    missed, healthy = froc.match([], [], [[0, 0, 0]], [2]), froc.match([[1, 2, 3]], [0.5], [], [])
    assert froc.cpm([missed]) == 0 and froc.average_precision([missed]) == 0
    # A scan without findings counts among the scans: half as many false marks a scan.
    assert froc.curve([missed, healthy, nothing])[0].tolist() == [0, 1 / 3]
    assert np.isnan(froc.cpm([missed, healthy], weight=[[0, 2]])).all()


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: froc.match([[0, 0]], [1, 2], [], []), "do not go together"),
        (lambda: froc.match([[0, 0]], [1], [[0, 0, 0]], [1]), "same number of dimensions"),
        (lambda: froc.match([[0, 0]], [1], [[0, 0]], [1, 2]), "do not go together"),
        (lambda: froc.match([[0, 0]], [1], [[0, 0]], [0]), "not positive"),
        (lambda: froc.match([[0, 0]], [1], [[0, np.nan]], [1]), "not finite"),
        (lambda: froc.match([[0, 0]], [np.nan], [], []), "diverge"),
        (lambda: froc.match([0, 0], [1, 2], [], []), "do not go together"),
        (lambda: froc.cpm([]), "no scan"),
        (lambda: froc.cpm([froc.match([[0, 0]], [1], [], [])]), "No scan has a finding"),
        (lambda: froc.sensitivity([froc.match([], [], [[0]], [1])], [-1]), "negative"),
        (lambda: froc.sensitivity([froc.match([], [], [[0]], [1])], weight=[1]), "replicates"),
    ],
)
def test_what_does_not_go_together(call, reason):
    with pytest.raises(UsageError, match=reason):
        call()
