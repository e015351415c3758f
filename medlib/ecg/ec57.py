"""Beat-by-beat comparison of an algorithm's annotations with reference annotations, as ANSI/AAMI EC57 prescribes.

The counts equal those of WFDB's reference program ``bxb``, and the statistics are the ones that it prints.
"""

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medlib.datasets import Annotations
from medlib.ecg.classes import CLASSES, symbol_classes
from medlib.errors import DataError, UsageError

#: Rows (reference) and columns (algorithm) of a comparison: the AAMI classes, O for no beat, X for no beat because
#: the other side had marked the signals as unreadable.
LABELS = (*CLASSES, "O", "X")
_N, _S, _V, _F, _Q, _O, _X = range(7)
_UNCOUNTED = 7

_UNREADABLE = 0x30  # these bits of a noise annotation's subtype are both set when neither signal can be read
_NEVER = 2**62  # later than any sample


class _Marks(NamedTuple):
    """What a comparison uses of one side; the periods are (first, last) samples, both included."""

    sample: list[int]
    label: list[int]
    fibrillation: list[tuple[int, int]]
    unreadable: list[tuple[int, int]]


def compare_beats(
    reference: Annotations,
    algorithm: Annotations,
    sampling_rate: float,
    n_samples: int,
    *,
    start_seconds: float = 300.0,
    window_seconds: float = 0.150,
    convention: str = "bxb",
) -> NDArray[np.int64]:
    """Count the pairs of beat labels of a record, beat by beat.

    Parameters
    ----------
    reference, algorithm : Annotations
        What is true and what is scored, each with ``sample`` (n,), ``symbol`` (n,) and ``subtype`` (n,) or None, in
        order of time. Symbols are WFDB's; the AAMI classes N, S, V, F, Q are among them and stand for themselves.
    sampling_rate : float
        In Hz.
    n_samples : int
        Length of the record; the comparison ends there.
    start_seconds : float
        What precedes is a learning period, which EC57 does not score: 5 minutes.
    window_seconds : float
        Largest distance in time of two beats that match: 150 ms in EC57.
    convention : {"de_chazal", "bxb"}
        Class of escape beats, see :func:`medlib.ecg.classes.symbol_classes`.

    Returns
    -------
    ndarray of int64, shape (7, 7)
        Number of beats by reference label (row) and algorithm label (column), in the order of ``LABELS``. Row O
        counts false detections, column O missed beats, and X those in periods that the other side marked unreadable.

    Raises
    ------
    DataError
        If annotations are not in order of time or their arrays differ in length.
    UsageError
        If the start lies outside the record, or the sampling rate or window is not positive.

    Notes
    -----
    Two beats match if neither has a better partner: in the window, and nearer than the later one is to the next beat
    on the other side, or that next beat has a nearer partner itself. False detections in ventricular fibrillation or
    flutter (``[`` to ``]`` of the reference) do not count, nor do an algorithm's beats in its own. A flutter wave
    (``!``) outside such a period matches like a beat, but counts as none. Of each side, ``bxb`` remembers only the last
    two periods of a kind; here all are known, which differs where three lie between successive beats, or where one of
    fibrillation after the first has no end (here it lasts to the end of the record).

    References
    ----------
    ANSI/AAMI EC57:2012. Program ``bxb`` of the WFDB Software Package 10.7.0, https://physionet.org/content/wfdb/.

    Examples
    --------
    A normal beat found 10 samples late, a ventricular beat called normal, and a false detection.

    >>> from types import SimpleNamespace
    >>> reference = SimpleNamespace(sample=[400, 700], symbol=["N", "V"], subtype=None)
    >>> algorithm = SimpleNamespace(sample=[410, 700, 900], symbol=["N", "N", "N"], subtype=None)
    >>> counts = compare_beats(reference, algorithm, 360, 3600, start_seconds=0)
    >>> {LABELS[row] + LABELS[column].lower(): int(counts[row, column]) for row, column in np.argwhere(counts)}
    {'Nn': 1, 'Vn': 1, 'On': 1}
    """
    if not (sampling_rate > 0 and window_seconds > 0):
        raise UsageError(f"Sampling rate {sampling_rate} Hz and window {window_seconds} s must both be above 0.")
    start, window = (int(seconds * sampling_rate + 0.5) for seconds in (start_seconds, window_seconds))
    if not 0 <= start <= n_samples:
        raise UsageError(
            f"Start {start_seconds} s lies outside the record, which lasts {n_samples / sampling_rate:g} s; "
            "give start_seconds within it."
        )
    true = _read_marks(reference, "reference", window, convention)
    found = _read_marks(algorithm, "algorithm", window, convention)
    counts = np.zeros((_UNCOUNTED + 1, _UNCOUNTED + 1), dtype=np.int64)
    for i, j in _pair_beats(true.sample, found.sample, start, n_samples, window):
        if j is None:
            pair = true.label[i], _label_nothing(found, true.sample[i])
        elif i is None:
            excluded = _covers(true.fibrillation, found.sample[j])
            pair = _UNCOUNTED if excluded else _label_nothing(true, found.sample[j]), found.label[j]
        else:
            pair = true.label[i], found.label[j]
        counts[pair] += 1
    counts[_O:, _O:] = 0
    return counts[:_UNCOUNTED, :_UNCOUNTED]


def beat_statistics(counts: NDArray[np.int64]) -> dict[str, float]:
    """Sensitivity and positive predictivity of a comparison, as EC57 defines them and ``bxb`` prints them.

    Parameters
    ----------
    counts : ndarray of int, shape (7, 7)
        From :func:`compare_beats`: of one record, or the sum over records.

    Returns
    -------
    dict of str to float
        Fractions from 0 to 1, NaN where nothing is counted (0/0): ``se_*`` and ``ppv_*`` for ``qrs`` (beats of any
        class), ``v`` and ``s``, and ``fpr_v``, the share of the detections of other beats that were called V.

    Notes
    -----
    A beat of class F or Q that was called V is no false positive of V, since a fusion beat is partly ventricular; one
    of class Q that was called S is none of S. Missed beats (columns o and x) count against sensitivity.
    WFDB's ``sumstats`` leaves F called S out of the false positives of S as well; ``bxb`` and this function do not.

    Examples
    --------
    >>> counts = np.zeros((7, 7), dtype=int)
    >>> counts[0, 0], counts[2, 2], counts[2, 5], counts[0, 2], counts[3, 2] = 90, 8, 2, 2, 5
    >>> statistics = beat_statistics(counts)
    >>> statistics["se_v"], statistics["ppv_v"], statistics["se_s"]
    (0.8, 0.8, nan)
    """
    beats, found = counts[:_O].sum(), counts[:_O, :_O].sum()
    v, s = counts[_V, _V], counts[_S, _S]
    false_v = counts[[_N, _S, _O, _X], _V].sum()
    false_s = counts[[_N, _V, _F, _O, _X], _S].sum()
    not_v = counts[:, :_O].sum() - counts[_V, :_O].sum() - counts[[_F, _Q], _V].sum()
    return {
        "se_qrs": _ratio(found, beats),
        "ppv_qrs": _ratio(found, counts[:, :_O].sum()),
        "se_v": _ratio(v, counts[_V].sum()),
        "ppv_v": _ratio(v, v + false_v),
        "fpr_v": _ratio(false_v, not_v),
        "se_s": _ratio(s, counts[_S].sum()),
        "ppv_s": _ratio(s, s + false_s),
    }


def ec57_report(counts: Mapping[str, NDArray[np.int64]]) -> dict[str, dict[str, float]]:
    """Statistics of every record, gross and average, as EC57 asks for.

    Parameters
    ----------
    counts : mapping of str to ndarray of int, shape (7, 7)
        Comparison of each record, from :func:`compare_beats`.

    Returns
    -------
    dict of str to dict of str to float
        :func:`beat_statistics` by record; then ``"gross"``, where every beat weighs the same (statistics of the
        summed counts), and ``"average"``, where every record does (mean over the records where it is defined).

    Raises
    ------
    UsageError
        If there is no record.

    Examples
    --------
    >>> many, few = np.zeros((7, 7), dtype=int), np.zeros((7, 7), dtype=int)
    >>> many[0, 0], few[0, 0], few[0, 5] = 90, 5, 5
    >>> report = ec57_report({"100": many, "101": few})
    >>> report["gross"]["se_qrs"], report["average"]["se_qrs"]
    (0.95, 0.75)
    """
    if not counts:
        raise UsageError("There are no records to report; give at least one comparison.")
    records = {name: beat_statistics(matrix) for name, matrix in counts.items()}
    gross = beat_statistics(sum(counts.values()))
    defined = {key: [each[key] for each in records.values() if not np.isnan(each[key])] for key in gross}
    average = {key: float(np.mean(values)) if values else np.nan for key, values in defined.items()}
    return records | {"gross": gross, "average": average}


def _ratio(part: int, whole: int) -> float:
    return float(part / whole) if whole else np.nan


def _read_marks(annotations: Annotations, side: str, window: int, convention: str) -> _Marks:
    """Read one side as bxb does: beats outside fibrillation, behind a first one at time 0 that never counts."""
    sample, symbol = np.asarray(annotations.sample, dtype=np.int64), np.asarray(annotations.symbol, dtype=str)
    subtype = np.zeros_like(sample) if annotations.subtype is None else np.asarray(annotations.subtype, dtype=np.int64)
    if not len(sample) == len(symbol) == len(subtype):
        raise DataError(f"The {side} has {len(sample)} samples, {len(symbol)} symbols and {len(subtype)} subtypes.")
    if len(sample) and (sample[0] < 0 or np.any(np.diff(sample) < 0)):
        raise DataError(f"The {side} annotations are not in order of time from sample 0 on; sort them.")
    labels = {name: LABELS.index(group) for name, group in symbol_classes(convention).items()} | {"!": _O}
    unreadable = (symbol == "~") & (subtype & _UNREADABLE == _UNREADABLE)
    marks = _Marks([0], [_UNCOUNTED], [], [])
    events = list(zip(sample.tolist(), symbol.tolist(), unreadable.tolist(), strict=True))
    onset = None
    for index, (time, name, unreadable) in enumerate(events):
        if onset is not None:
            if name == "]":
                marks.fibrillation.append((onset, time))
                onset = None
        elif name == "[":
            onset = time
        elif name in labels:
            marks.sample.append(time)
            marks.label.append(labels[name])
        elif unreadable:
            marks.unreadable.append(_unreadable_period(events, index, marks, window))
    if onset is not None:
        marks.fibrillation.append((onset, _NEVER))
    return marks


def _unreadable_period(events: list[tuple[int, str, bool]], index: int, marks: _Marks, window: int) -> tuple[int, int]:
    """Period that a noise mark opens; a mark without its closing one stands for all between its neighbours."""
    if index + 1 == len(events):
        return events[index][0], _NEVER
    time, name, unreadable = events[index + 1]
    if name == "~" and not unreadable:
        return events[index][0], time
    previous = max([marks.sample[-1], *(last for _, last in marks.fibrillation[-1:])])
    return min(previous + window, time - window), time - window


def _label_nothing(marks: _Marks, sample: int) -> int:
    return _X if _covers(marks.unreadable, sample) else _O


def _covers(periods: list[tuple[int, int]], sample: int) -> bool:
    return any(first <= sample <= last for first, last in periods)


def _pair_beats(
    reference: list[int], algorithm: list[int], start: int, end: int, window: int
) -> list[tuple[int | None, int | None]]:
    """Indices of the beats that match, and of those that match nothing beside None."""
    reference, algorithm = [*reference, _NEVER, _NEVER], [*algorithm, _NEVER, _NEVER]
    pairs: list[tuple[int | None, int | None]] = []
    i, j = bisect_left(reference, start), bisect_left(algorithm, start, lo=1)
    # A detection just before the start may belong to the first beat after it, and the first detection after the start
    # to a beat before it.
    if reference[i] - algorithm[j - 1] < min(window + 1, abs(reference[i] - algorithm[j])):
        pairs.append((i, j - 1))
        i += 1
    elif algorithm[j] - start <= window and abs(reference[i] - algorithm[j + 1]) < abs(reference[i] - algorithm[j]):
        j += 1
    while min(reference[i], algorithm[j]) <= end:
        distance = abs(reference[i] - algorithm[j])
        next_distance = abs(reference[i + 1] - algorithm[j + 1])
        if algorithm[j] < reference[i]:
            crossed = abs(reference[i] - algorithm[j + 1])
        else:
            crossed = abs(reference[i + 1] - algorithm[j])
        if distance <= window and min(distance, next_distance) < crossed:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif algorithm[j] < reference[i]:
            pairs.append((None, j))
            j += 1
        else:
            pairs.append((i, None))
            i += 1
    return pairs
