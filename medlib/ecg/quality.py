"""Faults that make numbers taken from an ECG meaningless, found before anything is computed."""

import numpy as np
from numpy.typing import NDArray

from medlib.errors import DataError

#: What :func:`faults` looks for, in the order in which it names them, and how a reader is told.
FAULTS = {
    "missing": "has missing values (NaN): cut such stretches out, or interpolate short ones",
    "flat": "holds one value for 2 s or longer: the electrode was off, or the record is padded; leave the lead out",
    "clipped": "is cut off at its largest or smallest value: the amplifier was saturated; leave the lead out",
    "short": "is shorter than 5 s: give a longer record",
    "rate": "has a sampling rate outside of 50 to 2000 Hz: check the header, or resample",
    "units": "has an amplitude that is implausible for mV: check the unit (uV, mV or V) and the gain",
}
_SHORTEST_SECONDS = 5.0
_RATES = (50.0, 2000.0)
_FLAT_SECONDS = 2.0
_FLAT_STEP = 1e-6  # mV from sample to sample, far below the noise of any amplifier, but not below that of a filter
_CLIPPED_SHARE, _CLIPPED_RUNS, _CLIPPED_SAMPLES, _EDGE_SHARE = 0.01, 3, 3, 0.05
_AMPLITUDES = (0.03, 30.0)  # mV within a second


def faults(signal: NDArray[np.floating], sampling_rate: float) -> list[tuple[str, ...]]:
    """Name the faults of each lead.

    Parameters
    ----------
    signal : ndarray of float, shape (n_leads, n_samples)
        Voltage in mV, with NaN where there is no value.
    sampling_rate : float
        In Hz.

    Returns
    -------
    list of tuple of str
        One tuple for each lead, empty if nothing was found, of the keys of ``FAULTS``:

        - ``"missing"``: a value is not finite.
        - ``"flat"``: the lead holds one value for 2 s or longer. The noise of an amplifier moves any electrode's
          voltage; in 7,000 leads of the MIT-BIH Arrhythmia, PTB-XL, LUDB and CinC 2017 databases the longest such
          stretch takes 0.74 s.
        - ``"clipped"``: 1 % of the samples or more lie at the lead's largest or smallest value, in three or more runs
          of three or more, and fewer in the twentieth of its range next to it. A peak has one or two samples there; an
          R wave cut off at half of its height has about 4 %.
        - ``"short"``: under 5 s, too little for a rhythm: at 40 beats/min it holds three beats.
        - ``"rate"``: sampled at less than 50 Hz, where a QRS complex has four samples, or at more than 2000 Hz, where
          none but special recorders work and a header in other units is likelier. (Diagnostic recorders sample at 500
          Hz or more, Kligfield et al. 2007.)
        - ``"units"``: the range within a second, in the median over the record, is outside of 0.03 to 30 mV. In those
          databases it is 0.13 to 7.6 mV, so µV read as mV, or V read as mV, fall outside.

    Raises
    ------
    DataError
        If the signal has not the shape (n_leads, n_samples).

    Notes
    -----
    What a fault says is certain; that none was found says little: noise, swapped leads and a gain wrong by two go
    unnoticed.

    References
    ----------
    Kligfield et al. (2007), Recommendations for the standardization and interpretation of the electrocardiogram,
    Part I, Circulation 115(10), 1306-1324.

    Examples
    --------
    >>> time = np.arange(3600) / 360
    >>> beats = np.exp(-(((time % 0.8 - 0.4) / 0.02) ** 2))
    >>> wander = 0.1 * np.sin(2 * np.pi * 0.3 * time)
    >>> faults(np.stack([beats + wander, np.zeros(3600), 1000 * (beats + wander)]), sampling_rate=360)
    [(), ('flat',), ('units',)]
    """
    signal = np.asarray(signal)
    if signal.ndim != 2 or not len(signal):
        raise DataError(f"The signal has shape {signal.shape}; give (n_leads, n_samples).")
    plausible_rate = _RATES[0] <= sampling_rate <= _RATES[1]
    of_all = () if plausible_rate else ("rate",)
    # An implausible rate says nothing about time; then whatever was recorded counts as one window.
    second = max(1, round(sampling_rate)) if plausible_rate else max(1, signal.shape[1])
    if plausible_rate and signal.shape[1] < _SHORTEST_SECONDS * sampling_rate or not signal.shape[1]:
        of_all += ("short",)
    found = [_of_lead(lead, second) + of_all if lead.size else of_all for lead in signal]
    return [tuple(name for name in FAULTS if name in names) for names in found]


def require_usable(signal: NDArray[np.floating], sampling_rate: float) -> None:
    """Refuse a signal with a fault, before a number is computed from it.

    Parameters
    ----------
    signal : ndarray of float, shape (n_leads, n_samples)
        Voltage in mV.
    sampling_rate : float
        In Hz.

    Raises
    ------
    DataError
        If :func:`faults` finds any; the message names the leads by row, their faults, and what to do.

    Examples
    --------
    >>> require_usable(np.zeros((1, 3600)), sampling_rate=360)
    Traceback (most recent call last):
    medlib.errors.DataError: The signal cannot be used: lead 0 holds one value for 2 s or longer: ...
    """
    leads = faults(signal, sampling_rate)
    if not any(leads):
        return
    parts = []
    for name, meaning in FAULTS.items():
        rows = [row for row, names in enumerate(leads) if name in names]
        if rows:
            which = f"lead {rows[0]}" if len(rows) == 1 else f"each of leads {', '.join(map(str, rows))}"
            parts.append(f"{which} {meaning}")
    shape = f"{len(leads)} leads of {np.shape(signal)[1]} samples at {sampling_rate:g} Hz"
    raise DataError(f"The signal cannot be used: {'; '.join(parts)}. Given are {shape}, to be in mV.")


def _of_lead(lead: NDArray[np.floating], second: int) -> tuple[str, ...]:
    """Faults that follow from the values of one lead."""
    second = min(second, lead.size)
    windows = lead[: lead.size // second * second].reshape(-1, second)
    low, high = windows.min(axis=1), windows.max(axis=1)
    extent = high - low
    names = ()
    if not np.isfinite(extent).all() or not np.isfinite(lead[windows.size :]).all():
        names += ("missing",)
        extent, lead = extent[np.isfinite(extent)], np.where(np.isfinite(lead), lead, np.nan)
    # A stretch of two seconds holds one of these windows wholly, so that most leads need no look at each sample.
    suspicious = extent.size and extent.min() <= _FLAT_STEP * second
    if suspicious and _longest_still(lead) >= min(_FLAT_SECONDS * second, lead.size):
        names += ("flat",)
    moving = extent[extent > _FLAT_STEP]
    if moving.size and not _AMPLITUDES[0] <= np.median(moving) <= _AMPLITUDES[1]:
        names += ("units",)
    if moving.size and _is_clipped(lead):
        names += ("clipped",)
    return names


def _longest_still(lead: NDArray[np.floating]) -> int:
    """Samples of the longest stretch without a step."""
    steps = np.flatnonzero(~(np.abs(np.diff(lead)) <= _FLAT_STEP))
    return int(np.diff(steps, prepend=-1, append=lead.size - 1).max())


def _is_clipped(lead: NDArray[np.floating]) -> bool:
    smallest, largest = np.fmin.reduce(lead), np.fmax.reduce(lead)
    edge = _EDGE_SHARE * (largest - smallest)
    return _rests_at(lead, smallest, lead < smallest + edge) or _rests_at(lead, largest, lead > largest - edge)


def _rests_at(lead: NDArray[np.floating], limit: float, near: NDArray[np.bool_]) -> bool:
    at_limit = lead == limit
    if np.count_nonzero(at_limit) < _CLIPPED_SHARE * lead.size:
        return False
    edges = np.flatnonzero(np.diff(at_limit, prepend=False, append=False))
    lengths = edges[1::2] - edges[::2]
    runs = lengths[lengths >= _CLIPPED_SAMPLES]
    # A coarse converter holds values for long everywhere, but a saturated amplifier only there.
    beside = np.count_nonzero(near) - np.count_nonzero(at_limit)
    return len(runs) >= _CLIPPED_RUNS and runs.sum() >= max(_CLIPPED_SHARE * lead.size, beside)
