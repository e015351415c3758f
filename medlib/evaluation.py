"""Scores of a classifier with intervals over patients, and splits that are checked for shared patients.

Scores are functions of confusion matrices, so that one patient and a thousand resamples of all are scored alike.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medlib.errors import DataError, UsageError


def confusion_by_patient(
    true: ArrayLike, predicted: ArrayLike, patients: ArrayLike, classes: Sequence
) -> tuple[NDArray, NDArray[np.int64]]:
    """Count each pair of true and predicted class, for each patient; summed over patients, that is all of them.

    Parameters
    ----------
    true, predicted : array_like, shape (n,)
        Class of each beat.
    patients : array_like, shape (n,)
        Patient whom each beat comes from.
    classes : sequence
        All classes, in the order of rows and columns.

    Returns
    -------
    patients : ndarray, shape (n_patients,)
        The distinct patients, sorted.
    confusion : ndarray of int64, shape (n_patients, k, k)
        Beats by true class (row) and predicted class (column).

    Raises
    ------
    UsageError
        If a label is not in ``classes``, classes repeat, or the arrays do not have the same shape (n,).

    Examples
    --------
    >>> patients, confusion = confusion_by_patient(["N", "N", "V"], ["N", "V", "V"], ["100", "200", "200"], "NV")
    >>> patients.tolist(), confusion.tolist()
    (['100', '200'], [[[1, 0], [0, 0]], [[0, 1], [0, 1]]])
    """
    true, predicted, patients = np.asarray(true), np.asarray(predicted), np.asarray(patients)
    if not (true.ndim == 1 and true.shape == predicted.shape == patients.shape):
        raise UsageError(
            f"True classes of shape {true.shape}, predicted of {predicted.shape} and patients of {patients.shape} do "
            "not go together; give one of each for every beat, in arrays of one dimension."
        )
    size = len(classes)
    rows, columns = _positions(true, classes), _positions(predicted, classes)
    names, patient = np.unique(patients, return_inverse=True)
    flat = np.bincount((patient * size + rows) * size + columns, minlength=len(names) * size**2)
    return names, flat.reshape(len(names), size, size)


def sensitivity(confusion: NDArray) -> NDArray[np.float64]:
    """Share of each class that was found: TP / (TP + FN).

    Parameters
    ----------
    confusion : ndarray, shape (..., k, k)
        Confusion matrices, true classes in rows.

    Returns
    -------
    ndarray of float64, shape (..., k)
        NaN (0/0) for a class that does not occur.

    Examples
    --------
    >>> sensitivity(np.array([[90, 10], [0, 0]]))
    array([0.9, nan])
    """
    return _divide(_diagonal(confusion), confusion.sum(axis=-1))


def positive_predictivity(confusion: NDArray) -> NDArray[np.float64]:
    """Share of what was called each class that is right (precision): TP / (TP + FP).

    Parameters
    ----------
    confusion : ndarray, shape (..., k, k)
        Confusion matrices, true classes in rows.

    Returns
    -------
    ndarray of float64, shape (..., k)
        NaN (0/0) for a class that was never predicted.

    Examples
    --------
    >>> positive_predictivity(np.array([[90, 0], [10, 0]]))
    array([0.9, nan])
    """
    return _divide(_diagonal(confusion), confusion.sum(axis=-2))


def f1_score(confusion: NDArray) -> NDArray[np.float64]:
    """Harmonic mean of sensitivity and positive predictivity: 2 TP / (2 TP + FN + FP).

    Parameters
    ----------
    confusion : ndarray, shape (..., k, k)
        Confusion matrices, true classes in rows.

    Returns
    -------
    ndarray of float64, shape (..., k)
        0 for a class that is never found; NaN (0/0) for one that neither occurs nor is predicted.

    Examples
    --------
    >>> f1_score(np.array([[8, 2], [0, 0]])).round(3)
    array([0.889, 0.   ])
    """
    return _divide(2 * _diagonal(confusion), confusion.sum(axis=-1) + confusion.sum(axis=-2))


def macro_f1(confusion: NDArray, classes: Sequence, over: Sequence) -> NDArray[np.float64]:
    """Mean F1 of some of the classes; errors that involve the other classes count in full.

    Parameters
    ----------
    confusion : ndarray, shape (..., k, k)
        Confusion matrices, true classes in rows.
    classes : sequence
        Classes of the rows and columns.
    over : sequence
        The classes whose F1 is averaged, such as N, S, V of the five AAMI classes.

    Returns
    -------
    ndarray of float64, shape (...)
        NaN where the F1 of one of the classes is.

    Raises
    ------
    UsageError
        If ``over`` has a class that is not in ``classes``.

    Examples
    --------
    >>> float(macro_f1(np.array([[8, 0, 0], [0, 3, 1], [0, 1, 0]]), classes="NVF", over="NV"))
    0.875
    """
    return f1_score(confusion)[..., _positions(np.array(list(over)), classes)].mean(axis=-1)


def class_scores(confusion: NDArray, classes: Sequence) -> dict[str, dict[str, float]]:
    """Scores of each class where the beats are given and only their class is predicted.

    That is the protocol of most papers on DS1 and DS2. :mod:`medlib.ecg.ec57` scores detection too, and excuses some
    confusions of fusion and unknown beats that are errors here.

    Parameters
    ----------
    confusion : ndarray of int, shape (k, k)
        Confusion matrix, true classes in rows.
    classes : sequence of str
        Classes of the rows and columns.

    Returns
    -------
    dict of str to dict of str to float
        By class: ``se`` (:func:`sensitivity`), ``ppv`` (:func:`positive_predictivity`), ``f1`` (:func:`f1_score`) and
        ``n``, the number of beats that truly are of the class.

    Examples
    --------
    >>> class_scores(np.array([[2, 1], [0, 1]]), classes=("N", "V"))["V"]
    {'se': 1.0, 'ppv': 0.5, 'f1': 0.666..., 'n': 1}
    """
    scores = (sensitivity(confusion), positive_predictivity(confusion), f1_score(confusion), confusion.sum(axis=1))
    by_class = zip(*(score.tolist() for score in scores), strict=True)
    keys = ("se", "ppv", "f1", "n")
    return {name: dict(zip(keys, row, strict=True)) for name, row in zip(classes, by_class, strict=True)}


def bootstrap_by_patient(
    statistic: Callable[[NDArray], NDArray],
    confusion: NDArray,
    *,
    replicates: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a statistic, resampling patients with all their beats.

    Beats of one patient resemble each other, so an interval from resampled beats would be far too narrow.

    Parameters
    ----------
    statistic : callable
        Maps summed confusion matrices, shape (replicates, ..., k, k), to values, shape (replicates,).
    confusion : ndarray of int, shape (n_patients, ..., k, k)
        One matrix a patient, from :func:`confusion_by_patient`, or one for each of several models.
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
        If there is no patient, or the statistic is undefined on every resample.

    References
    ----------
    Field and Welsh (2007), Bootstrapping clustered data, Journal of the Royal Statistical Society B 69(3), 369-390.

    Examples
    --------
    >>> patients = np.array([[[90, 10], [0, 0]], [[70, 30], [0, 0]], [[80, 20], [0, 0]]])
    >>> bootstrap_by_patient(lambda counts: sensitivity(counts)[:, 0], patients)
    (0.7, 0.9)
    """
    n_patients = len(confusion)
    if not (n_patients and replicates > 0 and 0 < confidence < 1):
        raise UsageError(
            f"{n_patients} patients, {replicates} replicates, confidence {confidence}: give at least one patient and "
            "one replicate, and a confidence between 0 and 1."
        )
    times_drawn = np.random.default_rng(seed).multinomial(n_patients, [1 / n_patients] * n_patients, size=replicates)
    values = statistic(np.tensordot(times_drawn, confusion, axes=1))
    if np.isnan(values).all():
        raise UsageError("The statistic is undefined on every resample; leave out classes that no patient has.")
    low, high = np.nanquantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def audit_split(splits: Mapping[str, Sequence[str]], subjects: Mapping[str, str]) -> dict[str, dict[str, list[str]]]:
    """Find the subjects who are in more than one set of a split.

    Parameters
    ----------
    splits : mapping of str to sequence of str
        Records of each set, such as ``train`` and ``test``.
    subjects : mapping of str to str
        Subject of each record; a record that is not in it is a subject of its own.

    Returns
    -------
    dict of str to dict of str to list of str
        By shared subject, the records of the subject in each set.

    Examples
    --------
    >>> audit_split({"train": ["101", "201"], "test": ["100", "202"]}, subjects={"202": "201"})
    {'201': {'train': ['201'], 'test': ['202']}}
    """
    found: dict[str, dict[str, list[str]]] = {}
    for name, records in splits.items():
        for record in records:
            found.setdefault(subjects.get(record, record), {}).setdefault(name, []).append(record)
    return {subject: sets for subject, sets in found.items() if len(sets) > 1}


def check_split(splits: Mapping[str, Sequence[str]], subjects: Mapping[str, str]) -> None:
    """Refuse a split whose sets share a subject; the parameters are those of :func:`audit_split`.

    Raises
    ------
    DataError
        If a subject is in more than one set.

    Examples
    --------
    >>> check_split({"train": ["101"], "test": ["100", "202"]}, subjects={"202": "201"})
    """
    shared = audit_split(splits, subjects)
    if shared:
        raise DataError(
            f"The sets of the split share {len(shared)} subjects, with these records: {shared}. "
            "Keep all records of a subject in one set."
        )


def _positions(labels: NDArray, classes: Sequence) -> NDArray[np.int64]:
    names, position = np.unique(list(classes), return_index=True)
    unknown = np.setdiff1d(labels, names)
    if len(unknown) or len(names) < len(classes):
        raise UsageError(f"Classes {list(classes)} must be distinct and include the labels {unknown[:5].tolist()}.")
    return position[np.searchsorted(names, labels)]


def _diagonal(confusion: NDArray) -> NDArray:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _divide(part: NDArray, whole: NDArray) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole != 0)
