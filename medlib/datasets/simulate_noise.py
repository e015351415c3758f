"""The sample ``nstdb-sample``: simulated noise of an ambulatory recorder, in the layout of nstdb.

``python -m medlib.datasets.simulate_noise FOLDER`` writes it again. Amplitudes are of the order of those measured in
the three records of nstdb, at its nominal 200 units per mV; the first channel wanders more there as well.
"""

from pathlib import Path

import numpy as np

from medlib.datasets.ecgsyn import band_noise
from medlib.datasets.sample_files import make_sample

SAMPLING_RATE = 360.0  # Hz
DURATION = 60.0  # s
RECORDS = ("bw", "em", "ma")
_GAIN = 200  # units per mV; the headers of nstdb call it 0, for uncalibrated
# Factor of wander and electrode motion in the two channels.
_CHANNELS = np.array([[1.0], [0.35]])


def simulate_noise(record: str, rng: np.random.Generator) -> np.ndarray:
    """Simulated noise of two channels.

    Parameters
    ----------
    record : str
        ``"bw"``: baseline wander; ``"em"``: electrode motion, steps and transients in bursts, some of them like a QRS
        complex, on a wandering baseline; ``"ma"``: muscles that tense and relax, on a wandering baseline.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (2, n_samples)
        In mV.

    Examples
    --------
    >>> simulate_noise("ma", np.random.default_rng(0)).shape
    (2, 21600)
    """
    wander = _wander(rng)
    if record == "bw":
        return _CHANNELS * 0.45 * wander + 0.012 * _bands(1, 40, rng)
    if record == "em":
        return _CHANNELS * (0.45 * wander + _motion(rng)) + 0.02 * _bands(10, 80, rng)
    tension = (0.5 + _bands(0.05, 0.4, rng)).clip(0.1, None)
    muscle = 0.035 * _bands(15, 25, rng) + 0.05 * _bands(25, 45, rng) + 0.03 * _bands(45, 80, rng)
    return 0.16 * wander + 0.04 * _bands(0.5, 1.5, rng) + tension * (muscle + 0.008 * _bands(80, 150, rng))


def _bands(low: float, high: float, rng: np.random.Generator) -> np.ndarray:
    return np.stack([band_noise(round(DURATION * SAMPLING_RATE), SAMPLING_RATE, low, high, rng) for _ in range(2)])


def _wander(rng: np.random.Generator) -> np.ndarray:
    # Both electrodes move with the chest, in opposite directions, and each by itself.
    slow, fast = _bands(0.05, 0.25, rng), _bands(0.25, 0.5, rng)
    wander = slow[0] * [[1.0], [-0.8]] + [[0.0], [0.6]] * slow
    return (wander + 0.35 * fast) / np.sqrt(1 + 0.35**2)


def _motion(rng: np.random.Generator) -> np.ndarray:
    n_samples = round(DURATION * SAMPLING_RATE)
    time = np.arange(n_samples) / SAMPLING_RATE
    motion = np.zeros((2, n_samples))
    for start in rng.uniform(0, DURATION, 40):  # bursts, which may overlap
        for at in start + rng.uniform(0, rng.uniform(0.5, 2.5), rng.integers(2, 9)):
            size = rng.laplace(0, 0.8) * np.array([[1.0], [rng.normal(0.1, 0.3)]])
            width = rng.uniform(0.012, 0.08)
            from_peak = (time - at) / width
            if rng.random() < 0.6:  # a transient with a first deflection and a second in the opposite direction
                second = rng.uniform(0.2, 0.9) * np.exp(-0.5 * ((from_peak - rng.uniform(1.5, 3)) / 1.3) ** 2)
                shape = np.exp(-0.5 * from_peak**2) - second
            else:  # a step from which the recorder's high-pass filter returns
                decay = np.exp(-(time - at).clip(0, None) / rng.uniform(0.1, 0.6))
                shape = decay / (1 + np.exp(-3 * from_peak.clip(-9, 9)))
            motion += size * shape
    return motion - motion.mean(axis=1, keepdims=True)


def write_sample(folder: Path) -> None:
    """Write the three records and the list ``RECORDS`` to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    import wfdb

    for number, record in enumerate(RECORDS):
        voltage = simulate_noise(record, np.random.default_rng([1984, number]))
        digital = np.rint(voltage.T * _GAIN).clip(-2048, 2047).astype(int)
        wfdb.wrsamp(
            record,
            SAMPLING_RATE,
            ["mV"] * 2,
            ["noise1", "noise2"],
            d_signal=digital,
            fmt=["212"] * 2,
            adc_gain=[_GAIN] * 2,
            baseline=[0] * 2,
            write_dir=str(folder),
        )
        # wfdb writes no gain of 0: the header is replaced.
        lines = [f"{record} 2 {SAMPLING_RATE:.0f} {len(digital)}"]
        for channel, signal in enumerate(digital.T, start=1):
            checksum = int(signal.sum()) % 2**16
            lines.append(f"{record}.dat 212 0 12 0 {signal[0]} {checksum} 0 noise{channel}")
        lines.append("# simulated by medlib.datasets.simulate_noise: not a recording of a person")
        (folder / f"{record}.hea").write_text("".join(f"{line}\n" for line in lines), newline="\r\n")
    (folder / "RECORDS").write_text("".join(f"{record}\n" for record in RECORDS), newline="\n")


if __name__ == "__main__":
    make_sample(write_sample)
