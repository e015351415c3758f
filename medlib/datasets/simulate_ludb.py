"""The sample ``ludb-sample``: ten simulated patients with the true boundaries of their waves, in the layout of LUDB.

``python -m medlib.datasets.simulate_ludb FOLDER`` writes it again. Heart and leads come from
`medlib.datasets.simulate_twelve_leads`; its `boundaries` says what counts as the onset, peak and offset of a wave.
"""

import csv
from pathlib import Path

import numpy as np

from medlib.datasets.ecg_patients import Patient
from medlib.datasets.sample_files import make_sample, write_record
from medlib.datasets.simulate_twelve_leads import LEADS, Wave, boundaries, simulate

SAMPLING_RATE = 500.0  # Hz
DURATION = 10.0  # s
# Patient, findings, sex, age, rhythm, and other columns of the table.
PATIENTS = (
    (Patient("1", 68, 0.03), (), "F", 34, "Sinus rhythm", {}),
    (Patient("2", 48, 0.05), (), "M", 28, "Sinus bradycardia", {}),
    (Patient("3", 86, 0.17, rhythm="fibrillation"), (), "M", 74, "Atrial fibrillation", {}),
    (
        Patient("4", 72, 0.03),
        ("CRBBB",),
        "F",
        66,
        "Sinus rhythm",
        {"Conduction abnormalities": "Complete right bundle branch block"},
    ),
    (
        Patient("5", 70, 0.03, rhythm="bigeminy"),
        (),
        "M",
        59,
        "Sinus rhythm",
        {"Extrasystolies": "Ventricular extrasystole, type: bigeminy"},
    ),
    (Patient("6", 118, 0.01), (), "F", 41, "Sinus tachycardia", {}),
    (
        Patient("7", 64, 0.03),
        ("CLBBB",),
        "M",
        71,
        "Sinus rhythm",
        {"Conduction abnormalities": "Complete left bundle branch block"},
    ),
    (
        Patient("8", 60, 0.05, supraventricular=0.3),
        (),
        "F",
        52,
        "Sinus rhythm",
        {"Extrasystolies": "Atrial extrasystole, type: single pac"},
    ),
    (Patient("9", 76, 0.03), ("LVH",), "M", 63, "Sinus rhythm", {"Hypertrophies": "Left ventricular hypertrophy"}),
    (
        Patient("10", 66, 0.03, noise=2.0),
        ("1AVB",),
        "F",
        69,
        "Sinus rhythm",
        {"Conduction abnormalities": "I degree AV block"},
    ),
)
_COLUMNS = (
    "ID",
    "Sex",
    "Age",
    "Rhythms",
    "Electric axis of the heart",
    "Conduction abnormalities",
    "Extrasystolies",
    "Hypertrophies",
    "Cardiac pacing",
    "Ischemia",
    "Non-specific repolarization abnormalities",
    "Other states",
)


def write_sample(folder: Path) -> None:
    """Write the records of all `PATIENTS`, the table ``ludb.csv`` and the list ``RECORDS`` to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    (folder / "data").mkdir(exist_ok=True)
    rows = []
    for patient, findings, sex, age, rhythm, states in PATIENTS:
        rng = np.random.default_rng([2020, int(patient.record)])
        recording = simulate(patient, findings, DURATION, SAMPLING_RATE, rng)
        # Ages and sexes end with a line break in LUDB's table.
        rows.append({"ID": patient.record, "Sex": f"{sex}\n", "Age": f"{age}\n", "Rhythms": rhythm, **states})
        comments = [f"<age>: {age}", f"<sex>: {sex}", "<diagnoses>:", f"Rhythm: {rhythm}."]
        comments += [f"{state}." for state in states.values()]
        comments.append("simulated by medlib.datasets.simulate_ludb: not a recording of a person")
        _write_signal(folder / "data", patient.record, recording.clean + recording.noise, comments, rng)
        for lead, waves in zip(LEADS, boundaries(recording), strict=True):
            _write_waves(folder / "data", patient.record, lead.lower(), waves)
    with (folder / "ludb.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    records = "".join(f"data/{patient.record}\n" for patient, *_ in PATIENTS)
    (folder / "RECORDS").write_text(records, newline="\n")


def _write_signal(folder: Path, record: str, voltage: np.ndarray, comments: list[str], rng) -> None:
    # Each lead of a LUDB record has a gain and a baseline of its own.
    gain = rng.integers(800, 3700, len(LEADS))
    baseline = rng.integers(-4, 5, len(LEADS))
    write_record(
        folder,
        record,
        np.rint(voltage.T * gain + baseline).astype(int),
        SAMPLING_RATE,
        [lead.lower() for lead in LEADS],
        signal_format="16",
        gain=gain.astype(float).tolist(),
        baseline=baseline.tolist(),
        resolution=0,
        comments=comments,
    )


def _write_waves(folder: Path, record: str, annotator: str, waves: list[Wave]) -> None:
    import wfdb

    sample = np.array([[wave.onset, wave.peak, wave.offset] for wave in waves]).ravel()
    symbol = [symbol for wave in waves for symbol in ("(", wave.symbol, ")")]
    # wfdb writes no annotator with a digit in its name, such as v1.
    wfdb.wrann(record, "lead", sample, symbol, write_dir=str(folder))
    (folder / f"{record}.lead").replace(folder / f"{record}.{annotator}")


if __name__ == "__main__":
    make_sample(write_sample)
