"""The simulated patients of the sample ``mitdb-sample``: their rhythm, beats and noise, written as WFDB records.

``python -m medlib.datasets.simulate_ecg FOLDER`` writes them again. The beats follow the definitions of their classes:

- N (symbol N): sinus rhythm with heart rate variability, or atrial fibrillation (irregular, no P wave).
- S (symbol A): premature; P wave inverted, hidden or closer to the QRS; QRS as in N; the pause that follows is less
  than compensatory, because the sinus node is reset.
- V (symbol V): premature; no P wave; wide QRS of another shape with a T wave in the opposite direction; fully
  compensatory pause, because the sinus node is not reset: the intervals before and after add up to two.
- F (symbol F): on time, P wave in place, QRS and T a mixture of those of N and V.

Voltages come from `medlib.datasets.ecgsyn`, in the resolution of mitdb: 360 Hz, 11 bits over 10 mV.
"""

from pathlib import Path

import numpy as np

from medlib.datasets.ecg_patients import DURATION, PATIENTS, Beats, Patient, in_bigeminy, schedule
from medlib.datasets.ecgsyn import Waves, add_waves, band_noise
from medlib.datasets.sample_files import make_sample, write_record

SAMPLING_RATE = 360.0  # Hz
GAIN = 200  # units of the analog-to-digital converter per mV
ZERO = 1024  # its value at 0 mV


def draw_shapes(patient: Patient, rng: np.random.Generator) -> dict[str, Waves]:
    """Waves of a patient, in the order of leads MLII, second lead.

    Parameters
    ----------
    patient : Patient
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to Waves
        ``"P"``, ``"QRS"`` and ``"T"`` of sinus beats; ``"atrial P"`` of S; ``"ventricular QRS"`` and
        ``"ventricular T"`` of V.
    """
    draw = rng.uniform
    chest = "V5" in patient.leads
    p = np.array([draw(0.08, 0.2), draw(0.05, 0.12) if chest else draw(-0.06, 0.08)])
    q = np.array([draw(-0.15, 0.0), draw(-0.15, 0.0) if chest else 0.0])
    r = np.array([draw(0.8, 1.6), draw(0.9, 1.8) if chest else draw(0.1, 0.4)])
    s = np.array([draw(-0.4, -0.05), draw(-0.5, -0.1) if chest else draw(-1.2, -0.5)])
    # The second R wave of a bundle branch block.
    r2 = np.array([draw(-0.4, 0.4), draw(0.3, 0.8)]) * patient.wide
    t = np.array([draw(0.1, 0.4), draw(0.1, 0.4) if chest else draw(-0.15, 0.2)])
    slow = draw(1.5, 1.9) if patient.wide else draw(0.85, 1.25)
    p_delay, t_delay = draw(-0.18, -0.14), draw(0.26, 0.31)
    v_r = rng.choice([-1, 1], 2) * [draw(0.7, 1.6), draw(0.6, 1.5)]
    v_s = -v_r * draw(0.1, 0.7, 2)
    v_t = -v_r * draw(0.2, 0.4, 2)
    v_slow = draw(0.9, 1.3)
    return {
        "P": Waves(p[:, None], np.array([p_delay]), np.array([draw(0.018, 0.026)])),
        "QRS": Waves(
            np.stack([q, r, s, r2], axis=1),
            slow * np.array([-0.026, 0.0, 0.026, 0.05]),
            slow * np.array([0.008, 0.010, 0.010, 0.012]),
        ),
        "T": Waves(t[:, None], np.array([t_delay]), np.array([draw(0.035, 0.055)])),
        "atrial P": Waves(p[:, None] * draw(-1.0, 0.5), np.array([draw(-0.13, -0.1)]), np.array([0.018])),
        "ventricular QRS": Waves(
            np.stack([v_r, v_s], axis=1), v_slow * np.array([0.0, 0.075]), v_slow * np.array([0.028, 0.032])
        ),
        "ventricular T": Waves(v_t[:, None], np.array([draw(0.3, 0.36)]), np.array([draw(0.05, 0.07)])),
    }


def draw_voltage(patient: Patient, beats: Beats, rng: np.random.Generator) -> np.ndarray:
    """Noise-free voltage of a patient's beats.

    Parameters
    ----------
    patient : Patient
    beats : Beats
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (2, n_samples)
        In mV, MLII first.
    """
    shapes = draw_shapes(patient, rng)
    share = np.select([beats.symbol == "V", beats.symbol == "F"], [1.0, rng.uniform(0.35, 0.65, beats.time.size)], 0.0)
    has_p = np.isin(beats.symbol, ["N", "F"]) & (patient.rhythm != "fibrillation")
    breathing = 1 + 0.05 * np.sin(2 * np.pi * 0.25 * beats.time)
    size = breathing * rng.normal(1, 0.04, beats.time.size)
    interval = np.diff(beats.time, prepend=beats.time[0] - 60 / patient.heart_rate)
    unstretched, stretch = np.ones(beats.time.size), np.sqrt(interval.clip(0.4, 1.4))
    signal = np.zeros((2, round(DURATION * SAMPLING_RATE)))
    for name, weight, factor in (
        ("P", has_p, unstretched),
        ("QRS", 1 - share, unstretched),
        ("T", 1 - share, stretch),
        ("atrial P", beats.symbol == "A", unstretched),
        ("ventricular QRS", share, unstretched),
        ("ventricular T", share, stretch),
    ):
        add_waves(signal, SAMPLING_RATE, shapes[name], beats.time, size * weight, factor)
    return signal


def draw_noise(patient: Patient, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Baseline wander, mains, muscle and electrode noise, and the waves of atrial fibrillation.

    Parameters
    ----------
    patient : Patient
    n_samples : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (2, n_samples)
        In mV.
    """
    time = np.arange(n_samples) / SAMPLING_RATE

    def band(low, high):
        return np.stack([band_noise(n_samples, SAMPLING_RATE, low, high, rng) for _ in range(2)])

    wander = rng.uniform(0.03, 0.15) * band(0.05, 0.5)
    mains = rng.uniform(0.002, 0.015) * np.sin(2 * np.pi * 60 * time + rng.uniform(0, 2 * np.pi))
    # Muscles tense and relax within seconds.
    muscle = 0.02 * np.abs(band(0.05, 0.3)) * band(20, 150)
    electrode = 0.02 * band(1, 10)
    noise = patient.noise * (wander + mains + muscle + electrode)
    if patient.rhythm == "fibrillation":
        noise += 0.04 * band(4, 8)
    return noise


def simulate(patient: Patient) -> tuple[np.ndarray, Beats]:
    """Simulated record of a patient; the same patient gives the same record.

    Parameters
    ----------
    patient : Patient

    Returns
    -------
    digital : ndarray of int64, shape (n_samples, 2)
        In units of the analog-to-digital converter, leads in the order of ``patient.leads``.
    beats : Beats

    Examples
    --------
    >>> digital, beats = simulate(PATIENTS[0])
    >>> digital.shape
    (43200, 2)
    """
    rng = np.random.default_rng(int(patient.record))
    beats = schedule(patient, rng)
    voltage = draw_voltage(patient, beats, rng)
    voltage += draw_noise(patient, voltage.shape[1], rng)
    digital = np.rint(voltage * GAIN + ZERO).clip(0, 2 * ZERO - 1).astype(int)
    return (digital if patient.leads[0] == "MLII" else digital[::-1]).T, beats


def write_sample(folder: Path) -> None:
    """Write the records of all `PATIENTS`, and the list ``RECORDS``, to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    import wfdb

    for patient in PATIENTS:
        digital, beats = simulate(patient)
        write_record(
            folder,
            patient.record,
            digital,
            SAMPLING_RATE,
            patient.leads,
            signal_format="212",
            gain=[GAIN] * 2,
            baseline=[ZERO] * 2,
            zero=ZERO,
            resolution=11,
            comments=["simulated by medlib.datasets.simulate_ecg: not a recording of a person"],
        )
        sample, symbol, rhythm = _with_rhythm(patient, beats)
        wfdb.wrann(patient.record, "atr", sample, symbol, aux_note=rhythm, write_dir=str(folder))
    (folder / "RECORDS").write_text("".join(f"{patient.record}\n" for patient in PATIENTS), newline="\n")


def _with_rhythm(patient: Patient, beats: Beats) -> tuple[np.ndarray, list[str], list[str]]:
    # As in mitdb, a "+" before the first beat of a rhythm names it.
    rhythm = np.where(in_bigeminy(patient, beats.time), "(B", "(AFIB" if patient.rhythm == "fibrillation" else "(N")
    sample, symbol, text = [], [], []
    previous = ""
    for beat, name, kind in zip(np.rint(beats.time * SAMPLING_RATE).astype(int), beats.symbol, rhythm, strict=True):
        if kind != previous:
            sample.append(beat - 40)
            symbol.append("+")
            text.append(str(kind))
        sample.append(beat)
        symbol.append(str(name))
        text.append("")
        previous = kind
    return np.array(sample), symbol, text


if __name__ == "__main__":
    make_sample(write_sample)
