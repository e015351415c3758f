"""How well the scores of a classifier of two classes rank and decide, with bootstrap intervals."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medlib import evaluation
from medlib.errors import UsageError


def auroc(truth: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float | NDArray[np.float64]:
    """Area under the ROC curve: how often a positive case scores higher than a negative one; a tie counts half.

    Parameters
    ----------
    truth : array_like of bool, shape (n,)
        Whether each case is positive.
    score : array_like, shape (n,)
        Higher where more likely positive.
    weight : array_like, shape (replicates, n), optional
        How often each case counts, a row for each resample; all are scored at once.

    Returns
    -------
    float or ndarray of float64, shape (replicates,)
        NaN where one of the classes is missing.

    Raises
    ------
    UsageError
        If the arrays do not go together, or a score is not finite.

    Examples
    --------
    >>> auroc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.9])
    0.875
    """
    truth, score = paired(truth, score)
    weights = np.ones((1, len(truth))) if weight is None else np.asarray(weight)
    _, group = np.unique(score, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    positive = np.add.reduceat((weights * truth)[:, order], starts, axis=1)
    negative = np.add.reduceat((weights * ~truth)[:, order], starts, axis=1)
    below = negative.cumsum(axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    area = np.divide((positive * below).sum(axis=1), pairs, out=np.full(len(weights), np.nan), where=pairs > 0)
    return float(area[0]) if weight is None else area


def accuracy(
    truth: ArrayLike, score: ArrayLike, threshold: float = 0.5, weight: ArrayLike | None = None
) -> float | NDArray[np.float64]:
    """Share of the cases that are on the right side of a threshold; what reaches it is called positive.

    Parameters
    ----------
    truth, score, weight
        As in :func:`auroc`.
    threshold : float

    Returns
    -------
    float or ndarray of float64, shape (replicates,)

    Raises
    ------
    UsageError
        As :func:`auroc`.

    Examples
    --------
    >>> accuracy([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.9], threshold=0.4)
    0.75
    """
    truth, score = paired(truth, score)
    right = (score >= threshold) == truth
    return float(right.mean()) if weight is None else np.asarray(weight) @ right / np.sum(weight, axis=1)


def best_threshold(truth: ArrayLike, score: ArrayLike, prevalence: float | None = None) -> float:
    """Threshold to be frozen on validation: highest Youden index, or highest accuracy at a prevalence.

    Youden's index, sensitivity + specificity - 1, does not depend on how common the disease is. It lies midway between
    two scores; of several thresholds that are as good, the middle one of the widest range is taken.

    Parameters
    ----------
    truth, score
        As in :func:`auroc`, of the validation cases.
    prevalence : float, optional
        Share of positive cases where the threshold will be used; None for Youden's index, which is the same as 0.5.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        As :func:`auroc`; also if a class is missing, or the prevalence is not between 0 and 1.

    References
    ----------
    Youden (1950), Index for rating diagnostic tests, Cancer 3(1), 32-35.

    Examples
    --------
    >>> best_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9])
    0.4
    """
    truth, score = paired(truth, score)
    prevalence = 0.5 if prevalence is None else prevalence
    if not 0 < prevalence < 1 or truth.all() or not truth.any():
        raise UsageError(
            f"{truth.sum()} of {len(truth)} cases are positive and prevalence is {prevalence}; give both classes and a "
            "prevalence between 0 and 1."
        )
    values = np.unique(score)
    bounds = np.concatenate([[2 * values[0] - values[-1] - 1], values, [2 * values[-1] - values[0] + 1]])
    middles, widths = (bounds[1:] + bounds[:-1]) / 2, np.diff(bounds)
    # Beyond the outermost scores a range has no end; it is taken only where nothing else is as good.
    widths[[0, -1]] = 0
    sensitivity = (score[truth] >= middles[:, None]).mean(axis=1)
    specificity = (score[~truth] < middles[:, None]).mean(axis=1)
    right = prevalence * sensitivity + (1 - prevalence) * specificity
    best = np.flatnonzero(np.isclose(right, right.max(), atol=1e-12))
    return float(middles[best[widths[best].argmax()]])


def bootstrap(
    statistic: Callable[[NDArray], NDArray],
    groups: ArrayLike,
    *,
    replicates: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a statistic of single cases; cases of a patient are drawn together.

    It does for scores what :func:`medlib.evaluation.bootstrap_by_patient` does for confusion matrices.

    Parameters
    ----------
    statistic : callable
        Maps weights, shape (replicates, n), how often each case was drawn, to values, shape (replicates,).
    groups : array_like, shape (n,)
        Patient of each case; where patients are not known, ``range(n)``, which takes each image for a patient and gives
        an interval that is too narrow if it is not.
    replicates, confidence, seed
        As in :func:`medlib.evaluation.bootstrap_by_patient`.

    Returns
    -------
    low, high : float
        Resamples where the statistic is undefined (NaN) are left out.

    Raises
    ------
    UsageError
        If there is no case, or the statistic is undefined on every resample.

    Examples
    --------
    >>> truth, score = [0, 1] * 50, np.arange(100)
    >>> low, high = bootstrap(lambda weight: auroc(truth, score, weight), range(100))
    >>> low < auroc(truth, score) < high
    True
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    # One row a patient, as floats, since whole numbers are multiplied far more slowly.
    members = (index == np.arange(len(names))[:, None]).astype(float)
    return evaluation.bootstrap_by_patient(statistic, members, replicates=replicates, confidence=confidence, seed=seed)


def paired(truth: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The truth and the scores of the same cases as arrays, refused where they do not go together.

    Parameters
    ----------
    truth, score
        As in :func:`auroc`.

    Returns
    -------
    truth : ndarray of bool, shape (n,)
    score : ndarray of float64, shape (n,)

    Raises
    ------
    UsageError
        If the shapes differ, there is no case, the truth is not 0 or 1, or a score is not finite.

    Examples
    --------
    >>> paired([0, 1], [1, 2])
    (array([False,  True]), array([1., 2.]))
    """
    truth, score = np.asarray(truth), np.asarray(score, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != score.shape or not len(truth) or not np.isin(truth, (0, 1)).all():
        raise UsageError(
            f"truth {truth.shape} and scores {score.shape} do not go together; give arrays of shape (n,), the truth "
            "0 or 1."
        )
    if not np.isfinite(score).all():
        raise UsageError(f"{np.sum(~np.isfinite(score))} of the scores are not finite; did the network diverge?")
    return truth.astype(bool), score
