"""The sample ``pwavedb-sample``: true times of the P waves of ``mitdb-sample``, in the layout of pwavedb.

``python -m medlib.datasets.simulate_pwaves FOLDER`` writes it again. The simulator of `mitdb-sample` draws its patients
from seeds; the same draws give the times at which it put the P waves, to the sample.
"""

from pathlib import Path

import numpy as np

from medlib.datasets.ecg_patients import DURATION, PATIENTS, Patient, schedule
from medlib.datasets.sample_files import make_sample
from medlib.datasets.simulate_ecg import SAMPLING_RATE, draw_shapes

VISIBLE = 0.02  # mV, in either lead: smaller P waves are not annotated


def p_waves(patient: Patient) -> np.ndarray:
    """Times of the peaks of a patient's P waves.

    Sinus and fusion beats have one, except in atrial fibrillation; so have atrial premature beats, unless it is below
    `VISIBLE`.

    Parameters
    ----------
    patient : Patient

    Returns
    -------
    ndarray of int64, shape (n_waves,)
        Samples at 360 Hz, ascending.

    Examples
    --------
    >>> p_waves(PATIENTS[0]).size
    132
    """
    rng = np.random.default_rng(int(patient.record))
    beats = schedule(patient, rng)
    shapes = draw_shapes(patient, rng)
    times = []
    for name, symbols in (("P", ["N", "F"]), ("atrial P", ["A"])):
        if patient.rhythm != "fibrillation" and np.abs(shapes[name].amplitude).max() >= VISIBLE:
            times.append(beats.time[np.isin(beats.symbol, symbols)] + shapes[name].centre[0])
    samples = np.rint(np.sort(np.concatenate([*times, []])) * SAMPLING_RATE).astype(int)
    return samples[(samples >= 0) & (samples < DURATION * SAMPLING_RATE)]


def write_sample(folder: Path) -> None:
    """Write the annotations of all `PATIENTS`, and the list ``RECORDS``, to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    import wfdb

    for patient in PATIENTS:
        samples = p_waves(patient)
        if samples.size:
            wfdb.wrann(patient.record, "pwave", samples, ["p"] * samples.size, write_dir=str(folder))
        else:
            # wfdb writes no empty file: it would consist of the two zeros that end a list of annotations.
            (folder / f"{patient.record}.pwave").write_bytes(bytes(2))
    (folder / "RECORDS").write_text("".join(f"{patient.record}\n" for patient in PATIENTS), newline="\n")


if __name__ == "__main__":
    make_sample(write_sample)
