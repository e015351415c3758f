"""The sample ``cinc2017-sample``: 24 short single-lead recordings of four classes, in the layout of the Challenge 2017.

``python -m medlib.datasets.simulate_cinc2017 FOLDER`` writes it again. Each is lead I, that between two hands, of the
heart vector of `medlib.datasets.simulate_twelve_leads`, in the band of a hand-held recorder (to 40 Hz): N, sinus
rhythm; A, atrial fibrillation (irregular, no P wave); O, another rhythm (ectopic beats, a rate below 50 or above 100,
or a block); ~, too noisy to tell.
"""

from pathlib import Path

import numpy as np

from medlib.datasets.ecg_patients import Patient
from medlib.datasets.ecgsyn import band_noise
from medlib.datasets.sample_files import make_sample
from medlib.datasets.simulate_twelve_leads import simulate

SAMPLING_RATE = 300.0  # Hz
GAIN = 1000  # per mV
_HIGHEST = 40.0  # Hz, of the recorder
# Class, duration in s, patient, findings.
CASES = (
    ("N", 30, Patient("1", 72, 0.03), ()),
    ("A", 30, Patient("2", 88, 0.17, rhythm="fibrillation"), ()),
    ("O", 30, Patient("3", 74, 0.03, ventricular=0.18), ()),
    ("~", 20, Patient("4", 76, 0.03), ()),
    ("N", 20, Patient("5", 58, 0.06), ()),
    ("A", 20, Patient("6", 74, 0.20, rhythm="fibrillation"), ()),
    ("O", 30, Patient("7", 45, 0.03), ()),
    ("~", 12, Patient("8", 90, 0.17, rhythm="fibrillation"), ()),
    ("N", 30, Patient("9", 84, 0.02, noise=1.6), ()),
    ("A", 15, Patient("10", 105, 0.13, rhythm="fibrillation"), ()),
    ("O", 30, Patient("11", 70, 0.04, supraventricular=0.25), ()),
    ("~", 10, Patient("12", 66, 0.03), ()),
    ("N", 12, Patient("13", 66, 0.05), ("NDT",)),
    ("A", 30, Patient("14", 82, 0.16, rhythm="fibrillation", noise=1.8), ()),
    ("O", 15, Patient("15", 126, 0.01), ()),
    ("~", 30, Patient("16", 82, 0.04), ()),
    ("N", 30, Patient("17", 93, 0.02), ()),
    ("A", 30, Patient("18", 70, 0.18, ventricular=0.06, rhythm="fibrillation"), ()),
    ("O", 20, Patient("19", 68, 0.03), ("CLBBB",)),
    ("~", 10, Patient("20", 74, 0.03), ()),
    ("N", 10, Patient("21", 76, 0.04), ()),
    ("A", 10, Patient("22", 92, 0.15, rhythm="fibrillation"), ()),
    ("O", 30, Patient("23", 72, 0.03, rhythm="bigeminy"), ()),
    ("~", 30, Patient("24", 70, 0.03, ventricular=0.1), ()),
)


def simulate_case(index: int) -> np.ndarray:
    """Simulated recording of one of the `CASES`; the same index gives the same recording.

    Parameters
    ----------
    index : int

    Returns
    -------
    ndarray of int16, shape (n_samples,)
        In µV.

    Examples
    --------
    >>> simulate_case(0).shape
    (9000,)
    """
    label, duration, patient, findings = CASES[index]
    rng = np.random.default_rng([2017, index])
    recording = simulate(patient, findings, duration, SAMPLING_RATE, rng, highest=_HIGHEST)
    # The recordings of the Challenge are about twice as large as lead I of a 12-lead ECG.
    voltage = rng.uniform(1.4, 2.4) * (recording.clean[0] + recording.noise[0])
    if label == "~":
        voltage += _handling(voltage.size, rng)
    return np.rint(voltage * GAIN).clip(-(2**15), 2**15 - 1).astype(np.int16)


def _handling(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    def band(low, high):
        return band_noise(n_samples, SAMPLING_RATE, low, high, rng)

    # Tense hands throughout, and at times fingers that slide on the electrodes.
    tense = rng.uniform(0.05, 0.2) * (1 + 0.5 * np.abs(band(0.1, 0.5))) * band(10, _HIGHEST)
    slides = (0.3 + band(0.1, 0.6)).clip(0, None) * (0.8 * band(0.3, 3) + 0.3 * band(3, 10))
    return tense + rng.uniform(0.5, 1.0) * slides


def write_sample(folder: Path) -> None:
    """Write the recordings of all `CASES`, their labels and the list ``RECORDS`` to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    import scipy.io

    (folder / "training").mkdir(exist_ok=True)
    labels, records = [], []
    for index, (label, *_) in enumerate(CASES):
        record, digital = f"A{index + 1:05d}", simulate_case(index)
        scipy.io.savemat(folder / "training" / f"{record}.mat", {"val": digital[None]}, format="4")
        # wfdb writes no Matlab files.
        header = (
            f"{record} 1 {SAMPLING_RATE:.0f} {digital.size} \n{record}.mat 16+24 {GAIN}/mV 16 0 {digital[0]} 0 0 ECG \n"
            "# simulated by medlib.datasets.simulate_cinc2017: not a recording of a person\n"
        )
        (folder / "training" / f"{record}.hea").write_text(header, newline="\r\n")
        labels.append(f"{record},{label}\n")
        records.append(f"{record}\n")
    (folder / "REFERENCE-v3.csv").write_text("".join(labels), newline="\n")
    (folder / "RECORDS").write_text("".join(records), newline="\n")


if __name__ == "__main__":
    make_sample(write_sample)
