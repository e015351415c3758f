"""How far the scores of a classifier of two classes rank, decide and say probabilities, with bootstrap intervals."""

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
    truth, score = _pair(truth, score)
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
    truth, score = _pair(truth, score)
    right = (score >= threshold) == truth
    return float(right.mean()) if weight is None else np.asarray(weight) @ right / np.sum(weight, axis=1)


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
    replicates, seed : int
        Number of resamples, and what they are drawn from.
    confidence : float
        Of the interval, between 0 and 1.

    Returns
    -------
    low, high : float
        Resamples where the statistic is undefined (NaN) are left out.

    Raises
    ------
    UsageError
        If there is no case, or the statistic is undefined on every resample.

    References
    ----------
    Field and Welsh (2007), Bootstrapping clustered data, Journal of the Royal Statistical Society B 69(3), 369-390.

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
    truth, score = _pair(truth, score)
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


def reliability(
    truth: ArrayLike, probability: ArrayLike, n_bins: int = 10
) -> tuple[NDArray, NDArray, NDArray[np.int64]]:
    """Reliability curve: of the cases that were given about the same probability, how many are positive?

    Parameters
    ----------
    truth : array_like of bool, shape (n,)
    probability : array_like, shape (n,)
        Of being positive.
    n_bins : int
        Of equal width; empty ones are left out.

    Returns
    -------
    found, said : ndarray of float64, shape (n_used_bins,)
        Share of positive cases, and mean probability, as scikit-learn's ``calibration_curve`` gives them.
    count : ndarray of int64, shape (n_used_bins,)
        Cases.

    Raises
    ------
    UsageError
        As :func:`auroc`; also if a probability is not between 0 and 1.

    Examples
    --------
    >>> found, said, count = reliability([0, 1, 1, 1], [0.2, 0.2, 0.9, 0.9], n_bins=2)
    >>> found.tolist(), said.tolist(), count.tolist()
    ([0.5, 1.0], [0.2, 0.9], [2, 2])
    """
    # Imported late, because scikit-learn takes a second.
    from sklearn.calibration import calibration_curve

    truth, probability = _probabilities(truth, probability)
    found, said = calibration_curve(truth, probability, n_bins=n_bins)
    edges = np.linspace(0, 1, n_bins + 1)
    count = np.bincount(np.searchsorted(edges[1:-1], probability), minlength=n_bins)
    return found, said, count[count > 0]


def expected_calibration_error(truth: ArrayLike, probability: ArrayLike, n_bins: int = 10) -> float:
    """Mean distance of the reliability curve from the diagonal, each bin weighed by its cases.

    Parameters
    ----------
    truth, probability, n_bins
        As in :func:`reliability`.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        As :func:`reliability`.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML. For two classes the
    probability of being positive is taken, not that of the class called.

    Examples
    --------
    >>> round(expected_calibration_error([0, 1, 1, 1], [0.2, 0.2, 0.9, 0.9], n_bins=2), 3)
    0.2
    """
    found, said, count = reliability(truth, probability, n_bins)
    return float(np.sum(count * np.abs(found - said)) / count.sum())


def fit_temperature(truth: ArrayLike, logits: ArrayLike) -> float:
    """Temperature by which logits are divided so that the validation cases are most likely.

    Parameters
    ----------
    truth : array_like of int, shape (n,)
        Class of each validation case.
    logits : array_like, shape (n, k)

    Returns
    -------
    float
        Above 1 where the network is too sure of itself; between 0.05 and 20.

    Raises
    ------
    UsageError
        If the arrays do not go together.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> logits = rng.normal(size=(4000, 2))
    >>> truth = (rng.random(4000) < 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))).astype(int)
    >>> round(fit_temperature(truth, 3 * logits), 1)
    2.9
    """
    from scipy import optimize, special

    truth, logits = np.asarray(truth), np.asarray(logits, dtype=np.float64)
    if logits.ndim != 2 or truth.shape != logits.shape[:1] or not np.isfinite(logits).all():
        raise UsageError(f"classes {truth.shape} and logits {logits.shape} do not go together; give (n,) and (n, k).")

    def loss(logarithm):
        return -special.log_softmax(logits / np.exp(logarithm), axis=1)[np.arange(len(truth)), truth].mean()

    return float(np.exp(optimize.minimize_scalar(loss, bounds=np.log([0.05, 20]), method="bounded").x))


def adapt_to_prior(
    probability: ArrayLike, prior: ArrayLike, *, iterations: int = 100
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities under the class shares of new cases, which are found from their probabilities, without labels.

    The mean of the probabilities is taken as the shares of the classes, the probabilities are corrected by them, and so
    on (expectation maximisation). It holds where the classes look the same in both places and only their shares differ,
    and where the probabilities are calibrated.

    Parameters
    ----------
    probability : array_like, shape (n, k)
        Of all new cases.
    prior : array_like, shape (k,)
        Shares of the classes where the classifier was trained.
    iterations : int

    Returns
    -------
    probability : ndarray of float64, shape (n, k)
    prior : ndarray of float64, shape (k,)
        Shares of the classes among the new cases, as found.

    Raises
    ------
    UsageError
        If the arrays do not go together, or a share is not positive.

    References
    ----------
    Saerens, Latinne and Decaestecker (2002), Adjusting the outputs of a classifier to new a priori probabilities,
    Neural Computation 14(1), 21-41.

    Examples
    --------
    >>> rare = np.array([[0.9, 0.1]] * 9 + [[0.1, 0.9]])
    >>> corrected, share = adapt_to_prior(rare, prior=[0.5, 0.5])
    >>> bool(share[1] < 0.1), bool(corrected[-1, 1] < 0.9)
    (True, True)
    """
    probability, prior = np.asarray(probability, np.float64), np.asarray(prior, np.float64)
    if probability.ndim != 2 or prior.shape != probability.shape[1:] or not len(probability) or prior.min() <= 0:
        raise UsageError(
            f"probabilities {probability.shape} and prior {prior.tolist()} do not go together; give (n, k) and k "
            "positive shares."
        )
    shares = prior
    for _ in range(iterations):
        corrected = probability * shares / prior
        corrected /= corrected.sum(axis=1, keepdims=True)
        shares = corrected.mean(axis=0)
    return corrected, shares


def _pair(truth: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    truth, score = np.asarray(truth), np.asarray(score, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != score.shape or not len(truth) or not np.isin(truth, (0, 1)).all():
        raise UsageError(
            f"truth {truth.shape} and scores {score.shape} do not go together; give arrays of shape (n,), the truth "
            "0 or 1."
        )
    if not np.isfinite(score).all():
        raise UsageError(f"{np.sum(~np.isfinite(score))} of the scores are not finite; did the network diverge?")
    return truth.astype(bool), score


def _probabilities(truth: ArrayLike, probability: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    truth, probability = _pair(truth, probability)
    if probability.min() < 0 or probability.max() > 1:
        raise UsageError(f"probabilities from {probability.min():g} to {probability.max():g}; give values from 0 to 1.")
    return truth, probability
