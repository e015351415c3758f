"""Waves of an ECG, their onsets and offsets: read from annotations, found in probabilities, and scored.

Times are in s from the start of the record; a time that is not known is NaN.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medlib.datasets import Annotations
from medlib.errors import UsageError

#: The waves in the order of a beat. In a network's output, channel 0 is "no wave" and channel 1 + k is wave k.
WAVES = ("P", "QRS", "T")
_SYMBOLS = {"p": 0, "N": 1, "t": 2}
_ROUNDING = 1e-9  # s: 1.15 - 1 is more than 0.15 in floating point, but no more than a tolerance of 0.15


@dataclass(frozen=True)
class Waves:
    """Annotated waves, in order of time.

    Attributes
    ----------
    kind : ndarray of int64, shape (n,)
        Index into ``WAVES``.
    onset, peak, offset : ndarray of float64, shape (n,)
        In s; NaN where an onset or offset was not annotated.
    """

    kind: NDArray[np.int64]
    onset: NDArray[np.float64]
    peak: NDArray[np.float64]
    offset: NDArray[np.float64]

    @property
    def span(self) -> tuple[float, float]:
        """First and last annotated time, in s: what lies outside was not looked at by the annotator.

        NaN where there are no waves.
        """
        if not len(self.kind):
            return np.nan, np.nan
        return float(np.nanmin([self.onset, self.peak])), float(np.nanmax([self.peak, self.offset]))


def read_waves(annotations: Annotations, sampling_rate: float) -> Waves:
    """Read waves from annotations of the form ``( p )``, ``( N )``, ``( t )``, as in LUDB and the QT database.

    Parameters
    ----------
    annotations : Annotations
        ``(`` is an onset and ``)`` an offset of the peak right behind or before it; other symbols are passed over.
    sampling_rate : float
        In Hz.

    Returns
    -------
    Waves

    References
    ----------
    Kalyakulina et al. (2020), LUDB: a new open-access validation tool for electrocardiogram delineation algorithms,
    IEEE Access 8, 186181-186190.

    Examples
    --------
    >>> symbols = np.array(["(", "p", ")", "N", ")"])
    >>> read_waves(Annotations(np.array([50, 60, 70, 100, 110]), symbols, np.zeros(5), ()), sampling_rate=500)
    Waves(kind=array([0, 1]), onset=array([0.1, nan]), peak=array([0.12, 0.2 ]), offset=array([0.14, 0.22]))
    """
    symbol = np.concatenate([[""], annotations.symbol, [""]])
    time = np.concatenate([[np.nan], np.asarray(annotations.sample) / sampling_rate, [np.nan]])
    peak = np.flatnonzero(np.isin(symbol, list(_SYMBOLS)))
    kind = np.array([_SYMBOLS[name] for name in symbol[peak]], np.int64)
    onset = np.where(symbol[peak - 1] == "(", time[peak - 1], np.nan)
    offset = np.where(symbol[peak + 1] == ")", time[peak + 1], np.nan)
    return Waves(kind, onset, time[peak], offset)


def segments(
    probability: NDArray[np.floating], sampling_rate: float, *, shortest: float = 0.024, gap: float = 0.012
) -> list[NDArray[np.float64]]:
    """Find the stretches where a wave is more probable than anything else, to a fraction of a sample.

    A boundary is where the straight lines between the samples of the two probabilities cross.

    Parameters
    ----------
    probability : ndarray of float, shape (1 + n_kinds, n_samples)
        Of no wave, and of each kind of wave.
    sampling_rate : float
        In Hz.
    shortest : float
        In s; shorter stretches are dropped.
    gap : float
        In s; stretches of a kind whose distance is not longer are joined.

    Returns
    -------
    list of ndarray of float64, shape (n, 2)
        Onsets and offsets in s, for each kind.

    Raises
    ------
    UsageError
        If the probabilities have another shape, or are not finite.

    Examples
    --------
    >>> wave = np.array([0.1, 0.3, 0.8, 0.9, 0.9, 0.6, 0.4, 0.1])
    >>> segments(np.stack([1 - wave, wave]), sampling_rate=100)
    [array([[0.014, 0.055]])]
    """
    if probability.ndim != 2 or len(probability) < 2 or not np.isfinite(probability).all():
        raise UsageError(
            f"Probabilities of shape {probability.shape} are no finite (1 + kinds, samples): give one strip at a time, "
            "without NaN."
        )
    return [_segments_of(probability, kind, sampling_rate, shortest, gap) for kind in range(1, len(probability))]


def _segments_of(probability, kind, sampling_rate, shortest, gap):
    margin = probability[kind].astype(np.float64) - np.delete(probability, kind, axis=0).max(axis=0)
    edges = np.diff((margin > 0).astype(np.int8), prepend=0, append=0)
    first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    if not len(first):
        return np.empty((0, 2))
    # Outside of the strip nothing is known: a wave that is cut off begins or ends at its edge.
    padded = np.pad(margin, 1)
    onset = first - padded[first + 1] / (padded[first + 1] - padded[first])
    offset = last + padded[last + 1] / (padded[last + 1] - padded[last + 2])
    onset, offset = (np.clip(edge, 0, len(margin) - 1) / sampling_rate for edge in (onset, offset))
    apart = onset[1:] - offset[:-1] > gap + _ROUNDING
    found = np.stack([onset[np.append(True, apart)], offset[np.append(apart, True)]], axis=1)
    return found[found[:, 1] - found[:, 0] >= shortest - _ROUNDING]


def match_marks(
    reference: NDArray[np.floating], found: NDArray[np.floating], tolerance: float = 0.150
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair marks one to one, the nearest first.

    Parameters
    ----------
    reference, found : ndarray of float, shape (n_reference,), (n_found,)
        Times in s, in any order; NaN matches nothing.
    tolerance : float
        Largest distance of a pair, in s: 150 ms in ANSI/AAMI EC57.

    Returns
    -------
    reference_index, found_index : ndarray of int64, shape (n_pairs,)
        In order of the reference index.

    Examples
    --------
    >>> match_marks(np.array([1.0, 2.0, 3.0]), np.array([3.01, 1.1, 0.98]))
    (array([0, 2]), array([2, 0]))
    """
    distance = np.abs(np.subtract.outer(reference, found))
    row, column = np.nonzero(distance <= tolerance + _ROUNDING)
    free_row, free_column = np.ones(len(reference), bool), np.ones(len(found), bool)
    pairs = []
    for candidate in np.argsort(distance[row, column], kind="stable"):
        pair = row[candidate], column[candidate]
        if free_row[pair[0]] and free_column[pair[1]]:
            free_row[pair[0]] = free_column[pair[1]] = False
            pairs.append(pair)
    indices = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    return indices[:, 0], indices[:, 1]


def score_marks(
    reference: NDArray[np.floating],
    found: NDArray[np.floating],
    span: tuple[float, float] = (-np.inf, np.inf),
    tolerance: float = 0.150,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Count marks that were found, missed and found in excess, and measure by how much the found ones are off.

    Parameters
    ----------
    reference, found : ndarray of float, shape (n_reference,), (n_found,)
        Times in s, in any order. References that are NaN do not count.
    span : (float, float)
        Annotated part of the record, in s. A mark outside that matches no reference is not counted as excess.
    tolerance : float
        Largest distance of a match, in s.

    Returns
    -------
    counts : ndarray of int64, shape (3,)
        True positives, false negatives and false positives.
    errors : ndarray of float64, shape (true positives,)
        Found minus reference, in s.

    References
    ----------
    ANSI/AAMI EC57:2012, Testing and reporting performance results of cardiac rhythm and ST segment measurement
    algorithms.

    Examples
    --------
    >>> counts, errors = score_marks(np.array([1.0, 2.0]), np.array([0.1, 1.02, 1.5]), span=(0.9, 2.1))
    >>> counts.tolist(), errors.round(3).tolist()
    ([1, 1, 1], [0.02])
    """
    reference, found = (np.asarray(times, np.float64) for times in (reference, found))
    reference = reference[np.isfinite(reference)]
    row, column = match_marks(reference, found, tolerance)
    left = np.delete(found, column)
    excess = np.count_nonzero((left >= span[0]) & (left <= span[1]))
    return np.array([len(row), len(reference) - len(row), excess]), found[column] - reference[row]


def sensitivity_and_precision(counts: NDArray[np.integer]) -> tuple[NDArray, NDArray, NDArray]:
    """Sensitivity, positive predictivity (precision) and F1 from counts of :func:`score_marks`, or sums of them.

    Parameters
    ----------
    counts : ndarray of int, shape (..., 3)
        True positives, false negatives and false positives.

    Returns
    -------
    sensitivity, precision, f1 : ndarray of float64, shape (...)
        TP / (TP + FN), TP / (TP + FP) and 2 TP / (2 TP + FN + FP); NaN for 0/0.

    Examples
    --------
    >>> [float(score) for score in sensitivity_and_precision(np.array([8, 2, 0]))]
    [0.8, 1.0, 0.888...]
    """
    found, missed, excess = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    with np.errstate(invalid="ignore"):
        return found / (found + missed), found / (found + excess), 2 * found / (2 * found + missed + excess)
