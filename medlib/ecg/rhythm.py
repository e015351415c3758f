"""The rhythm around each beat as numbers that a small model can read, and simulated rhythms to train it on."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import percentile_filter

from medlib.datasets.ecgsyn import RR_RATE, rr_process
from medlib.errors import DataError

# An interval needs a beat before it, and the first takes the median of the others.
_FEWEST_BEATS = 3
# What each interval is compared with: percentile and number of beats of a running window.
_REFERENCES = {
    "median_11": (50, 11),
    "median_41": (50, 41),
    "median_161": (50, 161),
    "upper_161": (75, 161),
    "top_161": (90, 161),
}
_INTERVALS = {"before_previous": -1, "before": 0, "after": 1}
_IRREGULARITY = [(percentile, beats) for beats in (11, 21, 61, 161) for percentile in (25, 50, 75)]
_COMPARED = tuple(f"{interval}_to_{reference}" for interval in _INTERVALS for reference in (*_REFERENCES, "record"))
#: Name of each column of :func:`rhythm_features`.
RHYTHM_FEATURES = (
    *(f"log_{name}" for name in _COMPARED),
    *(f"deviations_{name}" for name in _COMPARED),
    *(f"irregularity_{percentile}_of_{beats}" for percentile, beats in _IRREGULARITY),
    "log_interval",
    "log_spread",
)


def preceding_rr(positions: NDArray[np.integer], sampling_rate: float) -> NDArray[np.float64]:
    """Interval from the previous beat to each beat.

    Parameters
    ----------
    positions : ndarray of int, shape (n_beats,)
        Sample index of each beat, of beats only: other annotations between them would cut intervals in two.
    sampling_rate : float
        In Hz.

    Returns
    -------
    ndarray of float64, shape (n_beats,)
        In s; the first is the median of the others.

    Raises
    ------
    DataError
        If there are fewer than three beats, or they are not in order of time.

    Examples
    --------
    >>> preceding_rr(np.array([100, 460, 820, 1000]), sampling_rate=360)
    array([1. , 1. , 1. , 0.5])
    """
    if len(positions) < _FEWEST_BEATS:
        raise DataError(f"{len(positions)} beats have no rhythm; give at least {_FEWEST_BEATS}.")
    intervals = np.diff(positions) / sampling_rate
    if intervals.min() <= 0:
        raise DataError(f"Beat {int(intervals.argmin()) + 1} is not later than the beat before it; sort the beats.")
    return np.concatenate([[np.median(intervals)], intervals])


def rhythm_features(preceding: NDArray[np.floating]) -> NDArray[np.float32]:
    """Describe the rhythm around each beat, free of the patient's heart rate.

    Logarithms of intervals are compared with running percentiles: a premature beat in a regular rhythm lies many usual
    deviations below them; one of the same length in atrial fibrillation does not. The upper percentiles stay at the
    sinus rhythm where most beats are ectopic.

    Parameters
    ----------
    preceding : ndarray of float, shape (n_beats,)
        Interval before each beat in s, from :func:`preceding_rr`.

    Returns
    -------
    ndarray of float32, shape (n_beats, 50)
        Columns ``RHYTHM_FEATURES``: the logarithmic difference of the intervals before, after and one earlier to each
        reference; the same in units of the usual change between successive intervals; logarithms of such changes, as
        percentiles over 11 to 161 beats; the interval; and the spread of intervals.

    Notes
    -----
    Differences are passed through asinh, which is linear near zero and logarithmic for outliers. Windows are centred:
    the features use beats that come later, as an analysis of a finished recording may.

    Examples
    --------
    >>> steady = np.full(200, 0.8)
    >>> steady[100], steady[101] = 0.5, 1.1
    >>> features = dict(zip(RHYTHM_FEATURES, rhythm_features(steady).T))
    >>> features["deviations_before_to_median_161"][[99, 100, 101]].round(1)
    array([ 0. , -3.4,  3.1], dtype=float32)
    """
    log_rr = np.log(np.clip(preceding, 0.15, 4))
    n_beats = len(log_rr)
    references = [_running(log_rr, *window) for window in _REFERENCES.values()] + [np.full(n_beats, np.median(log_rr))]
    neighbour = np.pad(log_rr, 1, mode="edge")
    difference = np.stack(
        [neighbour[1 + shift : 1 + shift + n_beats] - r for shift in _INTERVALS.values() for r in references], axis=1
    )
    change = np.abs(np.diff(log_rr, prepend=log_rr[0]))
    # 0.03 is the change from beat to beat of a very regular rhythm.
    usual = 1.5 * _running(change, 50, 21)[:, None] + 0.03
    irregularity = np.stack([_running(change, *window) for window in _IRREGULARITY], axis=1)
    spread = _running(log_rr, 75, 161) - _running(log_rr, 25, 161)
    columns = [np.arcsinh(8 * difference), np.arcsinh(difference / usual), np.log(irregularity + 0.01)]
    return np.concatenate([*columns, log_rr[:, None], spread[:, None]], axis=1).astype(np.float32)


def simulate_rhythm(rng: np.random.Generator, n_beats: int = 600) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Draw the rhythm of a patient who does not exist, with the class of each beat.

    A third of them have atrial fibrillation, whose intervals are independent of each other. The others have a sinus
    rhythm with variability and drift, into which supraventricular beats come alone or in runs and reset the sinus node,
    and ventricular beats with a compensatory pause. Rates, prematurity and frequencies are drawn from wide ranges.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_beats : int

    Returns
    -------
    preceding : ndarray of float64, shape (n_beats,)
        Interval before each beat in s.
    classes : ndarray of str, shape (n_beats,)
        ``"N"``, ``"S"`` or ``"V"``.

    Examples
    --------
    >>> preceding, classes = simulate_rhythm(np.random.default_rng(1))
    >>> bool(np.median(preceding[classes == "S"]) < np.median(preceding[classes == "N"]))
    True
    """
    mean = rng.uniform(0.5, 1.15)
    classes = np.full(n_beats, "N")
    if rng.random() < 0.35:
        preceding = mean * np.exp(rng.uniform(0.08, 0.3) * rng.standard_normal(n_beats))
        ventricular = rng.random(n_beats) < rng.choice([0, 0.15]) * rng.random()
        classes[ventricular] = "V"
        preceding[ventricular] *= rng.uniform(0.5, 0.9, ventricular.sum())
    else:
        preceding = _sinus(mean, n_beats, rng)
        _insert_ectopic(preceding, classes, rng)
    return preceding.clip(0.25, 3), classes


def _sinus(mean: float, n_beats: int, rng: np.random.Generator) -> NDArray[np.float64]:
    duration = max(n_beats * mean, 60)  # in a few seconds there is no heart rate variability
    process = rr_process(duration, mean, mean * rng.uniform(0.005, 0.06), rng, respiration=rng.uniform(0.15, 0.35))
    beat = np.arange(n_beats)
    drift = rng.uniform(0, 0.15) * np.sin(2 * np.pi * (rng.uniform(1, 4) / 1000 * mean * beat + rng.random()))
    steady = process[(beat * mean * RR_RATE).astype(int).clip(max=process.size - 1)]
    return steady * np.exp(drift + rng.uniform(0.003, 0.03) * rng.standard_normal(n_beats))


def _insert_ectopic(preceding: NDArray, classes: NDArray, rng: np.random.Generator) -> None:
    often_s, often_v = rng.choice([0, 0.02, 0.1, 0.3], 2) * rng.random(2)
    typical, longest_run = rng.uniform(0.5, 0.85), rng.choice([1, 1, 2, 6, 30])
    beat = 2
    while beat < len(preceding) - 1:
        drawn, sinus = rng.random(), preceding[beat]
        if drawn < often_s:
            run = min(rng.geometric(1 / longest_run), len(preceding) - 1 - beat)
            classes[beat : beat + run] = "S"
            preceding[beat : beat + run] = sinus * np.clip(rng.normal(typical, 0.05), 0.4, 0.93)
            preceding[beat + 1 : beat + run] *= rng.normal(1, 0.05) * np.exp(0.03 * rng.standard_normal(run - 1))
            preceding[beat + run] *= rng.uniform(0.95, 1.35)
            beat += run + 1
        elif drawn < often_s + often_v:
            share = rng.uniform(0.5, 0.9)
            classes[beat] = "V"
            preceding[beat], preceding[beat + 1] = sinus * share, sinus * (2 - share) * rng.uniform(0.85, 1.05)
            beat += 2
        else:
            beat += 1


def _running(values: NDArray, percentile: float, beats: int) -> NDArray:
    return percentile_filter(values, percentile, beats, mode="reflect")
