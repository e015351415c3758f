"""The simulated patients of the sample ``mitdb-sample``, and the times and classes of their beats."""

from dataclasses import dataclass

import numpy as np

from medlib.datasets.ecgsyn import RR_RATE, rr_process

DURATION = 120.0  # s
# Range of the interval before a premature beat, as a fraction of the RR interval.
PREMATURE = {"A": (0.6, 0.9), "V": (0.5, 0.85)}


@dataclass(frozen=True)
class Patient:
    """What sets a simulated patient apart; the shapes of the waves are drawn from the number of the record.

    Attributes
    ----------
    record : str
    heart_rate : float
        In beats per minute.
    variability : float
        Standard deviation of the RR interval in s.
    supraventricular, ventricular, fusion : float
        Probability that the next beat is of class S, V or F.
    wide : bool
        Whether sinus beats have a bundle branch block.
    rhythm : str
        ``"sinus"``, ``"bigeminy"`` (in the second and last quarter) or ``"fibrillation"`` (atrial).
    noise : float
        Factor of all noise.
    leads : tuple of str
        Names in the order of the file.
    """

    record: str
    heart_rate: float
    variability: float
    supraventricular: float = 0.0
    ventricular: float = 0.0
    fusion: float = 0.0
    wide: bool = False
    rhythm: str = "sinus"
    noise: float = 1.0
    leads: tuple[str, ...] = ("MLII", "V1")


PATIENTS = (
    Patient("901", 70, 0.03, 0.12, 0.05, 0.01),
    Patient("902", 85, 0.04, 0.02, 0.15, 0.08, noise=1.5),
    Patient("903", 62, 0.07, 0.16, 0.03, leads=("MLII", "V5")),
    Patient("904", 76, 0.02, 0.02, 0.08, 0.04, rhythm="bigeminy"),
    Patient("905", 88, 0.18, 0.0, 0.08, rhythm="fibrillation"),
    Patient("906", 66, 0.03, 0.08, 0.08, 0.02, wide=True),
    Patient("907", 95, 0.02, 0.13, 0.02, noise=2.0),
    Patient("908", 58, 0.05, 0.03, 0.16, 0.06, leads=("MLII", "V5")),
    Patient("909", 80, 0.05, 0.10, 0.10, 0.02, wide=True, noise=0.6),
    Patient("910", 73, 0.06, 0.06, 0.06, 0.10),
    Patient("911", 78, 0.04, 0.12, 0.06, 0.01),
    Patient("912", 64, 0.06, 0.05, 0.14, 0.05, noise=1.6),
    Patient("913", 90, 0.02, 0.16, 0.04, noise=0.8),
    Patient("914", 72, 0.03, 0.06, 0.10, 0.08, leads=("V5", "MLII")),
    Patient("915", 84, 0.17, 0.0, 0.10, rhythm="fibrillation"),
    Patient("916", 68, 0.05, 0.12, 0.10, 0.03, wide=True),
)


@dataclass(frozen=True)
class Beats:
    """The beats of a simulated record.

    Attributes
    ----------
    time : ndarray of float64, shape (n_beats,)
        Of the R peak, in s.
    symbol : ndarray of str, shape (n_beats,)
        ``"N"``, ``"A"``, ``"V"`` or ``"F"``.
    """

    time: np.ndarray
    symbol: np.ndarray


def schedule(patient: Patient, rng: np.random.Generator) -> Beats:
    """Times and classes of a patient's beats.

    Parameters
    ----------
    patient : Patient
    rng : numpy.random.Generator

    Returns
    -------
    Beats

    Examples
    --------
    >>> steady = Patient("1", heart_rate=60, variability=0.0, ventricular=0.1)
    >>> beats = schedule(steady, np.random.default_rng(0))
    >>> interval = np.diff(beats.time)
    >>> premature = np.flatnonzero(beats.symbol[1:-1] == "V")
    >>> bool(np.allclose(interval[premature] + interval[premature + 1], 2))
    True
    """
    rr = _rr_process(patient, rng)
    sinus = rng.uniform(0.3, 0.8)
    time, symbol = [sinus], ["N"]
    while sinus < DURATION - 3.5:  # so that no pause leaves the record
        interval = rr[int(sinus * RR_RATE)]
        beat = _next_class(patient, sinus, rng)
        if beat in PREMATURE:
            before = rng.uniform(*PREMATURE[beat])
            after = 2 - before if beat == "V" else rng.uniform(1.0, 1.95 - before)
            time.append(sinus + before * interval)
            symbol.append(beat)
            sinus, beat = time[-1] + after * interval, "N"
        else:
            sinus += interval
        time.append(sinus)
        symbol.append(beat)
    return Beats(np.array(time), np.array(symbol))


def _rr_process(patient: Patient, rng: np.random.Generator) -> np.ndarray:
    mean = 60 / patient.heart_rate
    if patient.rhythm == "fibrillation":
        # The intervals of atrial fibrillation are independent of each other.
        return (mean + patient.variability * rng.standard_normal(round(DURATION * RR_RATE))).clip(0.4, 1.6)
    return rr_process(DURATION, mean, patient.variability, rng, respiration=rng.uniform(0.2, 0.3)).clip(0.4, 1.6)


def in_bigeminy(patient: Patient, time: np.ndarray | float) -> np.ndarray | bool:
    """Whether every second beat is ventricular at a time in s: in the second and last quarter of the record.

    Examples
    --------
    >>> bool(in_bigeminy(PATIENTS[3], 45.0)), bool(in_bigeminy(PATIENTS[3], 75.0))
    (True, False)
    """
    return (patient.rhythm == "bigeminy") & (np.asarray(time) // (DURATION / 4) % 2 == 1)


def _next_class(patient: Patient, time: float, rng: np.random.Generator) -> str:
    ectopic = [patient.supraventricular, patient.ventricular, patient.fusion]
    drawn = rng.choice(["A", "V", "F", "N"], p=[*ectopic, 1 - sum(ectopic)])
    return "V" if in_bigeminy(patient, time) else str(drawn)
