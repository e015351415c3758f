"""Filters that leave every wave of the ECG where it is in time."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfiltfilt

from medlib.errors import DataError, UsageError

# Beyond it the filter of resample_poly is longer than a beat.
_LARGEST_FACTOR = 1000


def bandpass(
    signal: NDArray[np.floating], sampling_rate: float, low: float = 0.5, high: float = 45.0, order: int = 3
) -> NDArray[np.float32]:
    """Remove baseline wander and noise with a zero-phase Butterworth filter.

    Parameters
    ----------
    signal : ndarray of float, shape (n_leads, n_samples)
        Voltage in any unit, without NaN.
    sampling_rate : float
        In Hz.
    low, high : float
        Cut-off frequencies in Hz. The signal passes the filter forwards and backwards, so it keeps half of its
        amplitude there (-6 dB), not the 0.71 of a single pass.
    order : int
        Order of the Butterworth filter of a single pass.

    Returns
    -------
    ndarray of float32, shape (n_leads, n_samples)
        In the unit of the signal.

    Raises
    ------
    DataError
        If the signal has a value that is not finite: the filter would spread it over the lead.
    UsageError
        If the cut-off frequencies are not in order between 0 and half of the sampling rate.

    Notes
    -----
    The filter looks ahead, so what follows from it is an offline method.

    References
    ----------
    Gustafsson (1996), Determining the initial states in forward-backward filtering, IEEE Transactions on Signal
    Processing 44(4), 988-992.

    Examples
    --------
    >>> time = np.arange(3600) / 360
    >>> beat_like, wander = np.sin(2 * np.pi * 10 * time), np.sin(2 * np.pi * 0.1 * time)
    >>> filtered = bandpass((beat_like + wander)[None], sampling_rate=360)
    >>> bool(np.abs(filtered[0] - beat_like)[720:-720].max() < 0.05)
    True
    """
    if not 0 < low < high < sampling_rate / 2:
        raise UsageError(
            f"The band from {low} to {high} Hz does not fit a sampling rate of {sampling_rate} Hz; "
            f"give 0 < low < high < {sampling_rate / 2}."
        )
    _require_finite(signal)
    sections = butter(order, [low, high], btype="bandpass", fs=sampling_rate, output="sos")
    return sosfiltfilt(sections, signal, axis=-1).astype(np.float32)


def resample(signal: NDArray[np.floating], sampling_rate: float, target_rate: float) -> NDArray[np.float32]:
    """Change the sampling rate with a polyphase filter that prevents aliasing.

    Sample ``i`` comes to lie at ``i * target_rate / sampling_rate``, which is how positions of beats are carried over.

    Parameters
    ----------
    signal : ndarray of float, shape (n_leads, n_samples)
        Voltage in any unit, without NaN.
    sampling_rate, target_rate : float
        In Hz. Their ratio is to be one of whole numbers up to 1000, such as 360 to 180 or 257 to 180.

    Returns
    -------
    ndarray of float32, shape (n_leads, ceil(n_samples * target_rate / sampling_rate))
        In the unit of the signal.

    Raises
    ------
    DataError
        If the signal has a value that is not finite.
    UsageError
        If a rate is not above 0 Hz, or their ratio is none of whole numbers up to 1000.

    Examples
    --------
    >>> resample(np.zeros((2, 650_000)), sampling_rate=360, target_rate=180).shape
    (2, 325000)
    """
    ratio = resampling_ratio(sampling_rate, target_rate)
    _require_finite(signal)
    return resample_poly(signal, ratio.numerator, ratio.denominator, axis=-1).astype(np.float32)


def resampling_ratio(sampling_rate: float, target_rate: float) -> Fraction:
    """Ratio of a target rate to a sampling rate, in whole numbers.

    Parameters
    ----------
    sampling_rate, target_rate : float
        In Hz.

    Returns
    -------
    Fraction

    Raises
    ------
    UsageError
        If a rate is not above 0 Hz, or the ratio is none of whole numbers up to 1000.

    Examples
    --------
    >>> resampling_ratio(sampling_rate=257, target_rate=180)
    Fraction(180, 257)
    """
    if not (0 < sampling_rate < np.inf and 0 < target_rate < np.inf):
        raise UsageError(f"Sampling rates are above 0 Hz; given are {sampling_rate} and {target_rate} Hz.")
    # By way of text, since 128.1 is 1281/10 but as a float a ratio of numbers of sixteen digits.
    ratio = Fraction(str(float(target_rate))) / Fraction(str(float(sampling_rate)))
    if max(ratio.numerator, ratio.denominator) > _LARGEST_FACTOR:
        raise UsageError(
            f"Resampling from {sampling_rate} to {target_rate} Hz is a ratio of {ratio}; choose a target rate whose "
            f"ratio is one of whole numbers up to {_LARGEST_FACTOR}."
        )
    return ratio


def _require_finite(signal: NDArray[np.floating]) -> None:
    finite = np.isfinite(signal)
    if not finite.all():
        lead, sample = np.argwhere(~finite)[0].tolist()
        raise DataError(
            f"The signal has {np.count_nonzero(~finite)} values that are not finite, the first in lead {lead} at "
            f"sample {sample}; cut such stretches out or interpolate them before filtering."
        )
