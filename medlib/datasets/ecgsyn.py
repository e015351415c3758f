"""The ECGSYN dynamical model of the ECG: a heart rhythm, and waves that are Gaussians of the phase within a beat.

In ECGSYN a point circles the (x, y) plane once a beat, and as it passes the angle of the P, Q, R, S or T wave the
third coordinate z, the voltage, is pushed up and down: dz/dt = -sum a_i dtheta_i exp(-dtheta_i**2 / (2 b_i**2))
- (z - z0). The equation is linear in z once the phase is known. This module does not integrate it but takes its closed
form for a point on the cycle at constant angular velocity w, without the slow return to the baseline: each wave is the
Gaussian (a_i b_i**2 / w) exp(-dtheta_i**2 / (2 b_i**2)). Angles are given as times from the R peak, because a QRS
complex keeps its duration when the heart rate changes, while the T wave is stretched by the square root of the RR
interval (ECGSYN corrects its angles for the same reason).

Source: McSharry PE, Clifford GD, Tarassenko L, Smith LA. A dynamical model for generating synthetic electrocardiogram
signals. IEEE Trans Biomed Eng 50(3):289-294 (2003).
"""

from dataclasses import dataclass

import numpy as np

# Samples per second of the RR process: four times the fastest breathing that it must hold.
RR_RATE = 4.0
_REACH = 0.9  # seconds from the R peak beyond which no wave has any voltage left


@dataclass(frozen=True)
class Waves:
    """Gaussian waves that belong together, such as those of a QRS complex.

    Attributes
    ----------
    amplitude : ndarray of float64, shape (n_leads, n_waves)
        Peak voltage in mV.
    centre : ndarray of float64, shape (n_waves,)
        Time from the R peak in s.
    width : ndarray of float64, shape (n_waves,)
        Standard deviation in s.
    """

    amplitude: np.ndarray
    centre: np.ndarray
    width: np.ndarray


def rr_process(
    duration: float,
    mean: float,
    deviation: float,
    rng: np.random.Generator,
    *,
    lf_hf: float = 0.5,
    respiration: float = 0.25,
) -> np.ndarray:
    """RR interval as a function of time, with the two-peaked spectrum of heart rate variability.

    The spectrum is the sum of two Gaussians of 0.01 Hz standard deviation: the Mayer waves at 0.1 Hz, and the
    respiratory sinus arrhythmia; the phases are random (McSharry et al. 2003, equations 4 and 5).

    Parameters
    ----------
    duration : float
        In s.
    mean, deviation : float
        Mean and standard deviation of the RR interval in s.
    rng : numpy.random.Generator
    lf_hf : float
        Power of the low-frequency peak over that of the respiratory peak.
    respiration : float
        Breathing frequency in Hz.

    Returns
    -------
    ndarray of float64, shape (n,)
        RR interval in s at `RR_RATE` Hz.

    Examples
    --------
    >>> rr = rr_process(60.0, 0.8, 0.04, np.random.default_rng(0))
    >>> rr.shape, round(float(rr.mean()), 3), round(float(rr.std()), 3)
    ((240,), 0.8, 0.04)
    """
    count = round(duration * RR_RATE)
    frequency = np.fft.rfftfreq(count, 1 / RR_RATE)
    power = lf_hf * _gaussian((frequency - 0.1) / 0.01) + _gaussian((frequency - respiration) / 0.01)
    phase = rng.uniform(0, 2 * np.pi, frequency.size)
    power[0] = 0
    process = np.fft.irfft(np.sqrt(power) * np.exp(1j * phase), count)
    return mean + deviation * process / process.std()


def add_waves(
    signal: np.ndarray,
    sampling_rate: float,
    waves: Waves,
    time: np.ndarray,
    weight: np.ndarray,
    stretch: np.ndarray,
) -> None:
    """Add the same waves to a signal at several beats, in place.

    Parameters
    ----------
    signal : ndarray of float64, shape (n_leads, n_samples)
        In mV.
    sampling_rate : float
        In Hz.
    waves : Waves
    time : ndarray of float64, shape (n_beats,)
        Times of the R peaks in s.
    weight : ndarray of float64, shape (n_beats,)
        Factor of the amplitudes.
    stretch : ndarray of float64, shape (n_beats,)
        Factor of centres and widths.

    Examples
    --------
    >>> signal = np.zeros((1, 360))
    >>> qrs = Waves(np.array([[1.2]]), np.array([0.0]), np.array([0.01]))
    >>> add_waves(signal, 360.0, qrs, np.array([0.5]), np.ones(1), np.ones(1))
    >>> int(signal.argmax()), float(signal.max())
    (180, 1.2)
    """
    reach = round(_REACH * sampling_rate)
    index = np.round(time * sampling_rate).astype(int)[:, None] + np.arange(-reach, reach + 1)
    from_peak = index / sampling_rate - time[:, None]
    inside = (index >= 0) & (index < signal.shape[1])
    for amplitude, centre, width in zip(waves.amplitude.T, waves.centre, waves.width, strict=True):
        wave = weight[:, None] * _gaussian((from_peak - centre * stretch[:, None]) / (width * stretch[:, None]))
        for lead, voltage in zip(signal, amplitude, strict=True):
            np.add.at(lead, index[inside], voltage * wave[inside])


def band_noise(n_samples: int, sampling_rate: float, low: float, high: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of unit variance between two frequencies.

    Parameters
    ----------
    n_samples : int
    sampling_rate, low, high : float
        In Hz.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (n_samples,)

    Examples
    --------
    >>> noise = band_noise(3600, 360.0, 20.0, 150.0, np.random.default_rng(0))
    >>> round(float(noise.std()), 3)
    1.0
    """
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    frequency = np.fft.rfftfreq(n_samples, 1 / sampling_rate)
    spectrum[(frequency < low) | (frequency > high)] = 0
    noise = np.fft.irfft(spectrum, n_samples)
    return noise / noise.std()


def _gaussian(distance: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * distance**2)
