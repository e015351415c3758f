"""The simulated 12-lead ECG: a heart vector seen from the electrodes, with the noise of each, and its true boundaries.

The Dower transform gives the eight independent leads I, II, V1 to V6 from the heart vector; III, aVR, aVL and aVF
follow from I and II by the laws of Einthoven and Goldberger, for the noise as for the heart.

Sources: Dower GE, Machado HB, Osborne JA. On deriving the electrocardiogram from vectorcardiographic leads. Clin
Cardiol 3(2):87-95 (1980). Edenbrandt L, Pahlm O. Vectorcardiogram synthesized from a 12-lead ECG: superiority of the
inverse Dower matrix. J Electrocardiol 21(4):361-367 (1988).
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from medlib.datasets.ecg_patients import Beats, Patient, schedule
from medlib.datasets.ecgsyn import Waves, add_waves, band_noise
from medlib.datasets.simulate_heart import draw_heart

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
# Leads I, II, V1 to V6 from x (to the left), y (to the feet) and z (to the back).
DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)
# I, II, III, aVR, aVL and aVF from I and II.
_LIMB = np.array([[1, 0], [0, 1], [-1, 1], [-0.5, -0.5], [1, -0.5], [-0.5, 1]])
_EDGE = 0.05  # of the greatest length of the heart vector in a wave: where it begins and ends
_VISIBLE = 0.02  # mV: smaller waves of a lead are not annotated


@dataclass(frozen=True)
class Recording:
    """A simulated recording.

    Attributes
    ----------
    clean, noise : ndarray of float64, shape (12, n_samples)
        In mV, leads as in `LEADS`; the recording is their sum. The waves of atrial fibrillation are noise here.
    beats : Beats
        Times in s from the start; those up to a second outside have waves inside.
    heart : dict of str to Waves
        See `simulate_heart.draw_heart`.
    stretch : ndarray of float64, shape (n_beats,)
        Factor of the T waves' times, by the preceding interval.
    sampling_rate : float
        In Hz.
    has_p : bool
        Whether sinus beats have a P wave.
    """

    clean: np.ndarray
    noise: np.ndarray
    beats: Beats
    heart: dict[str, Waves]
    stretch: np.ndarray
    sampling_rate: float
    has_p: bool


@dataclass(frozen=True)
class Wave:
    """A wave of a lead: its symbol (``"p"``, ``"N"`` or ``"t"``), and the samples of its onset, peak and offset."""

    symbol: str
    onset: int
    peak: int
    offset: int


def twelve_leads(independent: np.ndarray) -> np.ndarray:
    """The 12 leads from the eight independent ones.

    Parameters
    ----------
    independent : ndarray, shape (8, n_samples)
        I, II, V1 to V6 in mV.

    Returns
    -------
    ndarray of float64, shape (12, n_samples)
        As in `LEADS`.

    Examples
    --------
    >>> twelve_leads(np.array([[0.5], [1.2], *[[0.0]] * 6]))[:6, 0].round(2).tolist()
    [0.5, 1.2, 0.7, -0.85, -0.1, 0.95]
    """
    return np.concatenate([_LIMB @ independent[:2], independent[2:]])


def simulate(
    patient: Patient,
    findings: Collection[str],
    duration: float,
    sampling_rate: float,
    rng: np.random.Generator,
    *,
    highest: float = 150.0,
) -> Recording:
    """Simulate a recording of a patient, from half a minute after the start of the rhythm.

    Parameters
    ----------
    patient : Patient
        Of whom rhythm and noise are used; every second beat of ``"bigeminy"`` is ventricular.
    findings : collection of str
        See `simulate_heart.FINDINGS`.
    duration : float
        In s, at most 30.
    sampling_rate : float
        In Hz.
    rng : numpy.random.Generator
    highest : float
        Upper limit of the recorder's band in Hz; half the sampling rate is a limit as well.

    Returns
    -------
    Recording

    Examples
    --------
    >>> patient = Patient("1", heart_rate=60, variability=0.02)
    >>> simulate(patient, [], 10.0, 500.0, np.random.default_rng(0)).clean.shape
    (12, 5000)
    """
    beats, stretch = _cut(schedule(patient, rng), duration)
    heart = draw_heart(findings, rng)
    has_p = patient.rhythm != "fibrillation"
    dipole = _heart_vector(heart, beats, stretch, has_p, round(duration * sampling_rate), sampling_rate, rng)
    clean = twelve_leads(DOWER @ dipole)
    noise = draw_noise(8, clean.shape[1], sampling_rate, rng, highest=highest)
    noise *= patient.noise
    if patient.rhythm == "fibrillation":
        flutter = np.stack([band_noise(clean.shape[1], sampling_rate, 4, 8, rng) for _ in range(3)])
        # Fibrillating atria are best seen from V1, in front of the right one.
        noise += DOWER @ (rng.uniform(0.02, 0.05) * np.array([[0.5], [0.8], [1.0]]) * flutter)
    return Recording(clean, twelve_leads(noise), beats, heart, stretch, sampling_rate, has_p)


def draw_noise(
    n_leads: int, n_samples: int, sampling_rate: float, rng: np.random.Generator, *, highest: float
) -> np.ndarray:
    """Baseline wander, mains of 50 Hz, muscle and electrode noise.

    Parameters
    ----------
    n_leads, n_samples : int
    sampling_rate : float
        In Hz.
    rng : numpy.random.Generator
    highest : float
        Upper limit of the recorder's band in Hz.

    Returns
    -------
    ndarray of float64, shape (n_leads, n_samples)
        In mV.

    Examples
    --------
    >>> draw_noise(8, 1000, 100.0, np.random.default_rng(0), highest=150.0).shape
    (8, 1000)
    """
    highest = min(highest, 0.49 * sampling_rate)
    time = np.arange(n_samples) / sampling_rate

    def band(low, high):
        return np.stack([band_noise(n_samples, sampling_rate, low, high, rng) for _ in range(n_leads)])

    wander = rng.uniform(0.02, 0.08) * band(0.1, 0.5)
    # Muscles tense and relax within seconds.
    muscle = rng.uniform(0.005, 0.02) * np.abs(band(0.1, 0.4)) * band(15, highest)
    electrode = rng.uniform(0.004, 0.012) * band(1, 10)
    mains = rng.uniform(0.0, 0.01, (n_leads, 1)) * np.sin(2 * np.pi * 50 * time + rng.uniform(0, 2 * np.pi))
    return wander + muscle + electrode + (mains if highest > 50 else 0)


def boundaries(recording: Recording) -> list[list[Wave]]:
    """True onset, peak and offset of the waves of each lead, from the noise-free heart vector.

    A wave begins and ends, in all leads at once, where the length of its heart vector passes 5 % of its greatest; for
    a single Gaussian this is 2.45 standard deviations from the peak. Its peak in a lead is its greatest deflection,
    up or down, there. Where two waves overlap, they meet halfway. A wave of less than 0.02 mV in a lead is left out
    there, and so are the waves of the first and the last beat, as in LUDB.

    Parameters
    ----------
    recording : Recording

    Returns
    -------
    list of list of Wave
        For each lead, in temporal order.

    Examples
    --------
    >>> patient = Patient("1", heart_rate=60, variability=0.0)
    >>> lead_i = boundaries(simulate(patient, [], 10.0, 500.0, np.random.default_rng(0)))[0]
    >>> "".join(wave.symbol for wave in lead_i[:6])
    'pNtpNt'
    """
    shapes = {name: _delineate(waves) for name, waves in recording.heart.items()}
    leads = [[] for _ in LEADS]
    n_samples = recording.clean.shape[1]
    inside = np.flatnonzero((recording.beats.time >= 0) & (recording.beats.time < n_samples / recording.sampling_rate))
    for beat in inside[1:-1]:
        for symbol, name in _groups(recording.beats.symbol[beat], recording.has_p):
            onset, offset, peaks, heights = shapes[name]
            stretch = recording.stretch[beat] if symbol == "t" else 1.0
            for lead, peak, height in zip(leads, peaks, heights, strict=True):
                samples = recording.beats.time[beat] + stretch * np.array([onset, peak, offset])
                if height >= _VISIBLE:
                    lead.append(Wave(symbol, *np.rint(samples * recording.sampling_rate).astype(int).tolist()))
    return [_part(lead) for lead in leads]


def _groups(symbol: str, has_p: bool) -> list[tuple[str, str]]:
    if symbol == "V":
        return [("N", "ventricular QRS"), ("t", "ventricular T")]
    p = [("p", "atrial P" if symbol == "A" else "P")] if has_p else []
    return [*p, ("N", "QRS"), ("t", "T")]


def _delineate(waves: Waves) -> tuple[float, float, np.ndarray, np.ndarray]:
    # Onset and offset, and for each lead the time and height of the greatest deflection, in s from the R peak.
    reach = 4 * waves.width.max()
    time = np.arange(waves.centre.min() - reach, waves.centre.max() + reach, 0.0001)
    gaussians = np.exp(-0.5 * ((time - waves.centre[:, None]) / waves.width[:, None]) ** 2)
    vector = waves.amplitude @ gaussians
    length = np.linalg.norm(vector, axis=0)
    above = np.flatnonzero(length >= _EDGE * length.max())
    deflection = np.abs(twelve_leads(DOWER @ vector))
    return time[above[0]], time[above[-1]], time[deflection.argmax(axis=1)], deflection.max(axis=1)


def _part(waves: list[Wave]) -> list[Wave]:
    parted = waves[:1]
    for wave in waves[1:]:
        last = parted[-1]
        if wave.onset <= last.offset:
            meeting = (wave.onset + last.offset) // 2
            parted[-1] = Wave(last.symbol, last.onset, last.peak, meeting)
            wave = Wave(wave.symbol, meeting + 1, wave.peak, wave.offset)
        parted.append(wave)
    return parted


def _cut(beats: Beats, duration: float) -> tuple[Beats, np.ndarray]:
    start = 30.0
    stretch = np.sqrt(np.diff(beats.time, prepend=beats.time[0] - 1).clip(0.35, 1.4))
    near = (beats.time > start - 1) & (beats.time < start + duration + 1)
    return Beats(beats.time[near] - start, beats.symbol[near]), stretch[near]


def _heart_vector(heart, beats, stretch, has_p, n_samples, sampling_rate, rng) -> np.ndarray:
    size = (1 + 0.04 * np.sin(2 * np.pi * 0.25 * beats.time)) * rng.normal(1, 0.02, beats.time.size)
    drawn = [dict(_groups(symbol, has_p)) for symbol in beats.symbol]
    dipole = np.zeros((3, n_samples))
    for name, waves in heart.items():
        symbol = {"P": "p", "atrial P": "p", "T": "t", "ventricular T": "t"}.get(name, "N")
        present = np.array([groups.get(symbol) == name for groups in drawn])
        if name == "ST":
            present = beats.symbol != "V"
        factor = stretch if symbol == "t" else np.ones(beats.time.size)
        add_waves(dipole, sampling_rate, waves, beats.time, size * present, factor)
    return dipole
