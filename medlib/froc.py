"""Free-response ROC: how many findings a detector marks, and how many false marks a scan that costs (LUNA16's rules).

Scores are functions of scans that :func:`match` has judged and of weights, so that one set of scans and a thousand
resamples of it are scored alike: ``discrimination.bootstrap(lambda weight: cpm(scans, weight), range(len(scans)))``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medlib.errors import UsageError

#: False positives a scan at which LUNA16 asks for the sensitivity.
RATES = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)
#: What :class:`Judged` says of a mark that is wrong, and of one that counts as nothing.
FALSE, UNCOUNTED = -1, -2
_BLOCK = 2**22  # weights that are held at a time


@dataclass(frozen=True)
class Judged:
    """The marks of a detector on one scan or image, judged.

    Attributes
    ----------
    found : ndarray of float64, shape (n_findings,)
        Of each finding the highest score of a mark on it; minus infinity if it was missed.
    false : ndarray of float64, shape (n_false,)
        Scores of the marks that are on no finding.
    verdict : ndarray of int64, shape (n_marks,)
        Of each mark the number of the finding that it counts for (the last, where it counts for two), ``FALSE``, or
        ``UNCOUNTED``: it is on something to be ignored, or another mark on the same finding scores higher.
    """

    found: NDArray[np.float64]
    false: NDArray[np.float64]
    verdict: NDArray[np.int64]


def match(
    marks: ArrayLike,
    scores: ArrayLike,
    centres: ArrayLike,
    radii: ArrayLike,
    *,
    ignored_centres: ArrayLike = (),
    ignored_radii: ArrayLike = (),
) -> Judged:
    """Judge the marks on one scan: a mark is right if it is nearer to the centre of a finding than its radius.

    Of several marks on one finding the one with the highest score counts (the first of equal ones), the others are
    neither right nor wrong. A mark on a finding to be ignored, and on no other, is neither. A mark that is on two
    findings at once counts for both.

    Parameters
    ----------
    marks : array_like, shape (n_marks, n_dimensions)
        Places in mm (or pixels); an empty list where there are none.
    scores : array_like, shape (n_marks,)
        Higher where surer; any finite numbers.
    centres, radii : array_like, shapes (n_findings, n_dimensions) and (n_findings,)
        Findings that should be marked, in the unit of the marks.
    ignored_centres, ignored_radii : array_like, optional
        Findings for which a mark counts as nothing.

    Returns
    -------
    Judged

    Raises
    ------
    UsageError
        If arrays do not go together, a number is not finite, or a radius is not positive.

    References
    ----------
    Setio et al. (2017), the LUNA16 challenge, Medical Image Analysis 42, 1-13, and its evaluation script.

    Examples
    --------
    >>> judged = match([[0, 0, 1], [0, 0, 0], [9, 9, 9]], [0.5, 0.8, 0.3], centres=[[0, 0, 0]], radii=[4])
    >>> judged.found, judged.false, judged.verdict
    (array([0.8]), array([0.3]), array([-2,  0, -1]))
    """
    scores = np.asarray(scores, np.float64)
    centres, radii = _balls("findings", centres, radii)
    aside, aside_radii = _balls("ignored findings", ignored_centres, ignored_radii)
    marks = np.asarray(marks, np.float64)
    marks = marks if marks.size else np.zeros((0, 1))
    dimensions = {points.shape[1] for points in (marks, centres, aside) if points.ndim == 2 and points.size}
    if scores.ndim != 1 or marks.ndim != 2 or len(marks) != len(scores) or len(dimensions) > 1:
        raise UsageError(
            f"marks {marks.shape}, scores {scores.shape}, findings {centres.shape} and ignored findings {aside.shape} "
            "do not go together; give places as (n, n_dimensions), all of the same number of dimensions."
        )
    if not (np.isfinite(scores).all() and np.isfinite(marks).all()):
        raise UsageError("A place or a score of a mark is not finite; did the network diverge?")
    on, on_aside = _are_inside(marks, centres, radii), _are_inside(marks, aside, aside_radii)
    verdict = np.where(on.any(axis=1) | on_aside.any(axis=1), UNCOUNTED, FALSE)
    found = np.full(len(centres), -np.inf)
    for number in np.flatnonzero(on.any(axis=0)):
        best = np.where(on[:, number], scores, -np.inf).argmax()
        found[number], verdict[best] = scores[best], number
    return Judged(found, scores[verdict == FALSE], verdict)


def curve(scans: Sequence[Judged]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The free-response curve, from no mark to all; marks of equal score enter together.

    Parameters
    ----------
    scans : sequence of Judged

    Returns
    -------
    false_per_scan, sensitivity, threshold : ndarray of float64, shape (n_thresholds + 1,)
        What a mark must score to be kept, falling from infinity, and what that gives.

    Raises
    ------
    UsageError
        If there is no scan, or no finding in any.

    Examples
    --------
    >>> scans = [match([[0.0], [9.0]], [0.9, 0.7], centres=[[0.0]], radii=[2]), match([], [], [[5.0]], [2])]
    >>> for column in curve(scans):
    ...     print(column)
    [0.  0.  0.5]
    [0.  0.5 0.5]
    [inf 0.9 0.7]
    """
    events = _Events(scans)
    false, hits = events.counts(np.ones((1, len(scans))))
    threshold = np.concatenate([[np.inf], events.scores[events.ends]])
    return false[0] / len(scans), hits[0] / events.findings.sum(), threshold


def sensitivity(
    scans: Sequence[Judged], rates: Sequence[float] = RATES, weight: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Share of the findings that are marked where so many false marks a scan are accepted.

    It is read from the curve, linearly between two thresholds, as LUNA16 does: that matters only where a right and a
    false mark have the same score. Beyond the last false mark the curve stays what it is.

    Parameters
    ----------
    scans : sequence of Judged
    rates : sequence of float
        False positives a scan.
    weight : array_like, shape (replicates, n_scans), optional
        How often each scan counts, a row for each resample; all are scored at once.

    Returns
    -------
    ndarray of float64, shape (n_rates,) or (replicates, n_rates)
        NaN where there is no finding.

    Raises
    ------
    UsageError
        As :func:`curve`; also if a rate is negative, or weights do not have one column a scan.

    Examples
    --------
    >>> scans = [match([[0.0], [9.0]], [0.6, 0.7], centres=[[0.0]], radii=[2])]
    >>> sensitivity(scans, rates=(0.5, 1))
    array([0., 1.])
    """
    rates = np.asarray(rates, np.float64)
    if rates.ndim != 1 or not (rates >= 0).all():
        raise UsageError(f"rates are {rates.tolist()}; give false positives a scan, none of them negative.")

    def read(false, hits, n_scans, n_findings):
        found = np.stack([_interpolate(rate * n_scans, false, hits) for rate in rates], axis=1)
        return found / np.where(n_findings > 0, n_findings, np.nan)[:, None]

    return _in_blocks(scans, weight, read)


def cpm(scans: Sequence[Judged], weight: ArrayLike | None = None) -> float | NDArray[np.float64]:
    """LUNA16's competition performance metric: mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false marks a scan.

    Parameters
    ----------
    scans, weight
        As in :func:`sensitivity`, which also says what is refused.

    Returns
    -------
    float or ndarray of float64, shape (replicates,)

    Examples
    --------
    >>> cpm([match([[0.0]], [0.6], centres=[[0.0], [9.0]], radii=[2, 2])])
    0.5
    """
    found = sensitivity(scans, RATES, weight).mean(axis=-1)
    return float(found) if weight is None else found


def average_precision(scans: Sequence[Judged], weight: ArrayLike | None = None) -> float | NDArray[np.float64]:
    """Mean over the findings of the share of right marks among those that score as high; 0 for a missed finding.

    Parameters
    ----------
    scans, weight
        As in :func:`sensitivity`, which also says what is refused.

    Returns
    -------
    float or ndarray of float64, shape (replicates,)

    Examples
    --------
    >>> average_precision([match([[0.0], [5.0]], [0.6, 0.7], centres=[[0.0], [9.0]], radii=[2, 2])])
    0.25
    """

    def average(false, hits, n_scans, n_findings):
        precision = hits / np.maximum(hits + false, 1e-12)
        gained = (np.diff(hits, axis=1) * precision[:, 1:]).sum(axis=1)
        return gained / np.where(n_findings > 0, n_findings, np.nan)

    found = _in_blocks(scans, weight, average)
    return float(found) if weight is None else found


class _Events:
    """All marks that count, by falling score; ``ends`` are the last of each equal score."""

    def __init__(self, scans):
        if not len(scans):
            raise UsageError("There is no scan; give one result of match for each, those without marks included.")
        self.findings = np.array([len(scan.found) for scan in scans], float)
        if not self.findings.any():
            raise UsageError("No scan has a finding, so there is no sensitivity; only false marks could be counted.")
        hits = [scan.found[np.isfinite(scan.found)] for scan in scans]
        false = [scan.false for scan in scans]
        score = np.concatenate([*hits, *false])
        scan = np.repeat(np.tile(np.arange(len(scans)), 2), [len(part) for part in (*hits, *false)])
        right = np.arange(len(score)) < sum(map(len, hits))
        order = np.argsort(-score, kind="stable")
        self.scores, self.scan, self.right = score[order], scan[order], right[order]
        self.ends = np.flatnonzero(np.diff(self.scores, append=-np.inf))

    def counts(self, weight):
        """Weighted number of false marks and of hits, from none to all, each (replicates, n_thresholds + 1)."""
        drawn = weight[:, self.scan]
        columns = [np.cumsum(drawn * kind, axis=1)[:, self.ends] for kind in (~self.right, self.right)]
        return tuple(np.pad(column, ((0, 0), (1, 0))) for column in columns)


def _in_blocks(scans, weight, statistic: Callable) -> NDArray[np.float64]:
    events = _Events(scans)
    weights = np.ones((1, len(scans))) if weight is None else np.asarray(weight, np.float64)
    if weights.ndim != 2 or weights.shape[1] != len(scans):
        raise UsageError(f"weights are {weights.shape}; with {len(scans)} scans give (replicates, {len(scans)}).")
    step = max(_BLOCK // max(len(events.scores), 1), 1)
    parts = [weights[start : start + step] for start in range(0, len(weights), step)]
    found = [statistic(*events.counts(part), part.sum(axis=1), part @ events.findings) for part in parts]
    return found[0][0] if weight is None else np.concatenate(found)


def _interpolate(wanted, false, hits):
    """Hits where so many false marks are accepted, for each row; the highest where the curve rises upright."""
    row, last = np.arange(len(false)), false.shape[1] - 1
    left = (false <= wanted[:, None]).sum(axis=1) - 1
    right = np.minimum(left + 1, last)
    width = false[row, right] - false[row, left]
    share = np.divide(wanted - false[row, left], width, out=np.zeros(len(false)), where=width > 0)
    return hits[row, left] + share * (hits[row, right] - hits[row, left])


def _balls(name, centres, radii):
    radii = np.asarray(radii, np.float64)
    centres = np.asarray(centres, np.float64)
    centres = centres.reshape(0, 1) if not centres.size else centres
    if radii.ndim != 1 or centres.ndim != 2 or len(centres) != len(radii):
        raise UsageError(f"{name}: centres {centres.shape} and radii {radii.shape} do not go together.")
    if not (np.isfinite(centres).all() and np.isfinite(radii).all() and (radii > 0).all()):
        raise UsageError(f"{name}: a centre is not finite, or a radius not positive; give places and radii in mm.")
    return centres, radii


def _are_inside(marks, centres, radii):
    """Whether each mark is in each ball, (n_marks, n_balls)."""
    if not (marks.size and centres.size):
        return np.zeros((len(marks), len(centres)), bool)
    return ((marks[:, None] - centres) ** 2).sum(axis=2) < radii**2
