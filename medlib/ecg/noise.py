"""Noise added to a clean ECG at a stated signal-to-noise ratio, as in the MIT-BIH Noise Stress Test Database.

The definitions are those of the programs ``nst`` and ``sigamp`` of WFDB, which made that database.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import trim_mean

from medlib.ecg.beats import cut_windows
from medlib.errors import DataError

_MEASUREMENTS = 300  # beats, or seconds of noise: sigamp looks at no more
_TRIMMED = 1 / 20  # share of the measurements that is left out at each end
_HALF_WIDTH_SECONDS = 0.05


def qrs_amplitude(
    signal: NDArray[np.floating], positions: NDArray[np.integer], sampling_rate: float
) -> NDArray[np.float64]:
    """Peak-to-peak size of the QRS complexes of each lead, by which ``nst`` measures the power of an ECG.

    Parameters
    ----------
    signal : ndarray of float, shape (n_leads, n_samples)
        Voltage in mV.
    positions : ndarray of int, shape (n_beats,)
        Sample index of each beat. ``nst`` takes the beats that are not ventricular; it uses the first 300.
    sampling_rate : float
        In Hz.

    Returns
    -------
    ndarray of float64, shape (n_leads,)
        Mean over the beats of the range of voltage from 50 ms before to 50 ms after the beat, in mV, without the
        largest and the smallest twentieth.

    Raises
    ------
    DataError
        If there are no beats, or a position is outside of the record.

    Examples
    --------
    >>> signal = np.zeros((1, 300))
    >>> signal[0, [50, 150, 250]] = 1.5, 1.2, 1.8
    >>> qrs_amplitude(signal, np.array([50, 150, 250]), sampling_rate=100).round(6)
    array([1.5])
    """
    if not len(positions):
        raise DataError("There are no beats to take the amplitude of; give at least one position.")
    half = round(_HALF_WIDTH_SECONDS * sampling_rate)
    windows = cut_windows(signal, positions[:_MEASUREMENTS], half, half + 1)
    return trim_mean(np.ptp(windows, axis=-1).astype(np.float64), _TRIMMED)


def noise_level(noise: NDArray[np.floating], sampling_rate: float) -> NDArray[np.float64]:
    """Root mean square of noise within seconds: what changes more slowly hardly counts, as it hardly troubles.

    Parameters
    ----------
    noise : ndarray of float, shape (n_leads, n_samples)
        Voltage in any unit. The first 300 whole seconds are measured.
    sampling_rate : float
        In Hz.

    Returns
    -------
    ndarray of float64, shape (n_leads,)
        Mean over the seconds of the root mean square deviation from the second's mean, without the largest and the
        smallest twentieth; in the unit of the noise.

    Raises
    ------
    DataError
        If the noise is shorter than a second.

    Examples
    --------
    >>> time = np.arange(3600) / 360
    >>> noise_level(np.cos(2 * np.pi * 5 * time)[None] + time, sampling_rate=360).round(2)  # with a drift of 1/s
    array([0.76])
    """
    second = round(sampling_rate)
    n_seconds = min(noise.shape[-1] // second, _MEASUREMENTS)
    if not n_seconds:
        raise DataError(f"The noise has {noise.shape[-1]} samples; give at least the {second} of one second.")
    seconds = noise[:, : n_seconds * second].reshape(len(noise), n_seconds, second)
    return trim_mean(seconds.std(axis=-1, dtype=np.float64).T, _TRIMMED)


def add_noise(
    signal: NDArray[np.floating],
    noise: NDArray[np.floating],
    positions: NDArray[np.integer],
    sampling_rate: float,
    snr_db: ArrayLike,
) -> NDArray[np.floating]:
    """Add noise to a clean ECG at a signal-to-noise ratio that ``nst`` would state.

    Parameters
    ----------
    signal : ndarray of float, shape (n_leads, n_samples)
        Clean ECG, voltage in mV.
    noise : ndarray of float, shape (n_noises, n_noise_samples)
        Noise at the same sampling rate, in any unit. Lead ``i`` gets row ``i % n_noises``. Noise that is shorter than
        the signal starts anew, shifted so that there is no step; of longer noise, the beginning is added, and its
        level is still that of the noise as given.
    positions : ndarray of int, shape (n_beats,)
        Sample index of each beat that the amplitude of the ECG is measured on, see :func:`qrs_amplitude`.
    sampling_rate : float
        In Hz, of both.
    snr_db : float, or array_like of float, shape (n_leads,)
        Signal-to-noise ratio in dB, of all leads or each; infinite for none.

    Returns
    -------
    ndarray of float, shape (n_leads, n_samples), dtype of the signal
        In mV. The first sample is that of the clean signal: the noise is added as its change since then, so that
        noise from the middle of a recording begins without a step.

    Raises
    ------
    DataError
        If there are no beats or less than a second of noise, a position is outside of the record, a value is not
        finite, or a lead or noise that is used is flat.

    Notes
    -----
    With the peak-to-peak amplitude ``a`` of the QRS complexes (:func:`qrs_amplitude`) and the level ``n`` of the noise
    (:func:`noise_level`), the power of the signal is ``S = a**2 / 8``, that of a sine wave of this size, and the
    power of the noise is ``N = n**2``. The noise is scaled to ``10 log10(S / N) = snr_db``, for each lead. ``nst``
    alternates two minutes with and without noise after the first five; here there is noise throughout.

    References
    ----------
    Moody, Muldrow and Mark (1984), A noise stress test for arrhythmia detectors, Computers in Cardiology 11, 381-384.
    Manual page nst(1) of the WFDB Software Package, https://physionet.org/physiotools/wag/nst-1.htm.

    Examples
    --------
    >>> time = np.arange(3600) / 360
    >>> ecg = np.where(np.arange(3600) % 360 == 180, 1.0, 0.0)[None]
    >>> noisy = add_noise(ecg, 9 * np.sin(2 * np.pi * 10 * time)[None], np.arange(180, 3600, 360), 360, snr_db=6)
    >>> float(np.abs(noisy - ecg).max().round(3))  # a sine wave of half the peak-to-peak amplitude, 0.5 mV, is at 0 dB
    0.251
    """
    for name, array in (("signal", signal), ("noise", noise)):
        if not np.isfinite(array).all():
            raise DataError(f"The {name} has values that are not finite; cut such stretches out or interpolate them.")
    noise = noise[np.arange(len(signal)) % len(noise)]
    amplitude, level = qrs_amplitude(signal, positions, sampling_rate), noise_level(noise, sampling_rate)
    for name, size in (("signal", amplitude), ("noise", level)):
        if not size.all():
            raise DataError(
                f"The {name} of lead {size.argmin()} is flat, so that no ratio can be reached; leave it out."
            )
    gain = amplitude / np.sqrt(8) / level * 10 ** (-np.asarray(snr_db, dtype=np.float64) / 20)
    added = _repeat(noise - noise[:, :1], signal.shape[-1])
    return (signal + gain[:, None] * added).astype(signal.dtype)


def _repeat(noise: NDArray[np.floating], n_samples: int) -> NDArray[np.floating]:
    """Noise of a length; a repetition goes on from where the last one ended, as in nst."""
    n_copies = max(1, -(-n_samples // noise.shape[-1]))
    step = noise[:, -1:] - noise[:, :1]
    copies = noise[:, None] + step[..., None] * np.arange(n_copies)[:, None]
    return copies.reshape(len(noise), -1)[:, :n_samples]
