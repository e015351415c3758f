"""Whether the probabilities of a classifier are true, and how to make them so."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medlib.discrimination import paired
from medlib.errors import UsageError


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
        As :func:`medlib.discrimination.auroc`; also if a probability is not between 0 and 1.

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
        Number of the class of each validation case; bool where there are two.
    logits : array_like, shape (n, k)

    Returns
    -------
    float
        Above 1 where the network is too sure of itself; between 0.05 and 20.

    Raises
    ------
    UsageError
        If the arrays do not go together, or a class has no logit.

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
    if not np.isin(truth, range(logits.shape[1])).all():
        raise UsageError(f"classes {np.unique(truth)[:9].tolist()} for {logits.shape[1]} logits; give 0 to k - 1.")
    truth = truth.astype(np.int64)

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


def _probabilities(truth: ArrayLike, probability: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    truth, probability = paired(truth, probability)
    if probability.min() < 0 or probability.max() > 1:
        raise UsageError(f"probabilities from {probability.min():g} to {probability.max():g}; give values from 0 to 1.")
    return truth, probability
