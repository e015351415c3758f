"""From an ECG to the positions of its beats, with a network that says for each cell of time whether one is near."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks, firwin, resample_poly

from medlib.ecg.filters import resampling_ratio
from medlib.ecg.quality import require_usable
from medlib.errors import UsageError

#: Sampling rate in Hz that a network gets to see, and samples to each cell of its answer.
RATE = 120
CELL = 4

#: Smallest distance of two beats in s: the ventricles cannot be excited again before.
REFRACTORY_SECONDS = 0.2

_REACH = 3  # cells to either side of a peak that are looked at, 100 ms


def prepare(signal: NDArray[np.floating], sampling_rate: float) -> NDArray[np.float32]:
    """Bring an ECG to 120 Hz and take off its baseline.

    Parameters
    ----------
    signal : ndarray of float, shape (n_leads, n_samples)
        Voltage in mV.
    sampling_rate : float
        In Hz.

    Returns
    -------
    ndarray of float32, shape (n_leads, ceil(n_samples * 120 / sampling_rate))
        In mV; sample ``i`` lies where sample ``i * sampling_rate / 120`` lay. The mean of the second around each
        sample is subtracted.

    Raises
    ------
    DataError
        If the signal cannot be used (:func:`medlib.ecg.quality.require_usable`).
    UsageError
        If the ratio of the sampling rates is none of whole numbers up to 1000.

    Notes
    -----
    The filter against aliasing is short, 6 samples of the slower rate to either side, since no fine detail is asked
    for: it takes a quarter of the time of :func:`medlib.ecg.filters.resample`.

    Examples
    --------
    >>> time = np.arange(3600) / 360
    >>> prepare(np.sin(2 * np.pi * 5 * time)[None] + 3, sampling_rate=360).shape
    (1, 1200)
    """
    require_usable(signal, sampling_rate)
    ratio = resampling_ratio(sampling_rate, RATE)
    up, down = ratio.numerator, ratio.denominator
    if up != down:
        window = firwin(6 * max(up, down) + 1, 1 / max(up, down)).astype(np.float32)
        signal = resample_poly(signal, up, down, axis=-1, window=window)
    signal = signal.astype(np.float32, copy=False)
    return signal - uniform_filter1d(signal, RATE, axis=-1)


def detect_beats(
    network: Callable[[torch.Tensor], torch.Tensor],
    signal: NDArray[np.floating],
    sampling_rate: float,
    threshold: float = 0.5,
) -> NDArray[np.int64]:
    """Find the beats of a recording.

    Parameters
    ----------
    network : callable
        Trained, such as :class:`medlib.models.beat_detector.BeatDetector` in evaluation mode. It maps a signal from
        :func:`prepare`, shape (1, n_leads, n_samples), to the logit of the probability of a beat and the offset to it
        in cells, shape (1, 2, n_cells).
    signal : ndarray of float, shape (n_leads, n_samples)
        Voltage in mV; the leads in any order.
    sampling_rate : float
        In Hz.
    threshold : float
        See :func:`pick_beats`.

    Returns
    -------
    ndarray of int64, shape (n_beats,)
        Sample index of each beat, in order.

    Raises
    ------
    DataError
        If the signal cannot be used: a lead is flat, has missing values or is not in mV, the recording is shorter than
        5 s, or the sampling rate implausible.
    UsageError
        If the threshold is not between 0 and 1.

    Examples
    --------
    A stand-in for a network, which sees a beat wherever the first lead is above 0.5 mV.

    >>> def network(signal):
    ...     cells = signal[:, :1, : signal.shape[-1] // 4 * 4].unflatten(-1, (-1, 4)).amax(dim=-1)
    ...     return torch.cat([20 * (cells - 0.5), torch.zeros_like(cells)], dim=1)
    >>> time = np.arange(3600) / 360
    >>> ecg = np.exp(-(((time % 1 - 0.5) / 0.03) ** 2))[None] + 0.01 * np.sin(50 * time)
    >>> detect_beats(network, ecg, sampling_rate=360, threshold=0.3)[:3].round(-1)
    array([180, 540, 900])
    """
    prepared = torch.from_numpy(prepare(signal, sampling_rate))
    with torch.inference_mode():
        logit, offset = network(prepared[None])[0]
        probability = torch.sigmoid(logit)
    positions = pick_beats(probability.numpy(), offset.numpy(), threshold) * sampling_rate / RATE
    return np.round(positions).astype(np.int64).clip(0, signal.shape[-1] - 1)


def pick_beats(
    probability: NDArray[np.floating], offset: NDArray[np.floating], threshold: float = 0.5
) -> NDArray[np.float64]:
    """Turn a network's answers into positions of beats.

    Parameters
    ----------
    probability : ndarray of float, shape (n_cells,)
        That a beat is here, from 0 to 1, for each cell of four samples. Where a beat is certain, it falls off from its
        cell to either side as a Gaussian curve with a standard deviation of one cell, :func:`heat_map`.
    offset : ndarray of float, shape (n_cells,)
        Distance from the middle of each cell to the nearest beat, in cells.
    threshold : float
        Least support of a beat: the sum of the probabilities of seven cells, over that of a certain beat. A beat
        whose place is uncertain has a low and broad curve, and is found by the sum.

    Returns
    -------
    ndarray of float64, shape (n_beats,)
        Positions in samples at 120 Hz, in order, within the record, at least 200 ms apart: of two that are nearer, the
        one of more support stays. A position is where the seven cells point, in the mean weighted by probability.

    Raises
    ------
    UsageError
        If the threshold is not between 0 and 1, or the arrays differ in shape.

    Examples
    --------
    >>> distance = 5.25 - np.arange(20)  # a beat a quarter of a cell behind the middle of the sixth
    >>> pick_beats(heat_map(distance), distance)
    array([22.5])
    """
    probability, offset = np.asarray(probability, np.float64), np.asarray(offset, np.float64)
    if not 0 < threshold < 1:
        raise UsageError(f"threshold is {threshold}; give a number between 0 and 1.")
    if probability.ndim != 1 or probability.shape != offset.shape:
        raise UsageError(
            f"Probabilities of shape {probability.shape} and offsets of {offset.shape} do not go together."
        )
    around = np.arange(-_REACH, _REACH + 1)
    # Padded, so that the first and the last cell can be peaks.
    support = np.convolve(np.pad(probability, 1), np.ones(len(around)), "same")[: len(probability) + 2]
    support /= heat_map(around).sum()
    support[[0, -1]] = 0
    peaks, _ = find_peaks(support, height=threshold, distance=round(REFRACTORY_SECONDS * RATE / CELL))
    cells = (peaks[:, None] - 1 + around).clip(0, len(probability) - 1)
    weight = probability[cells]
    position = (weight * (cells + offset[cells])).sum(axis=1) / weight.sum(axis=1)
    position = (position * CELL + (CELL - 1) / 2).clip(0, CELL * len(probability) - 1)
    return _keep_apart(position, support[peaks])


def heat_map(distance: NDArray[np.floating]) -> NDArray[np.floating]:
    """What a network is trained to answer: how near a beat is.

    Parameters
    ----------
    distance : ndarray of float, any shape
        From the middle of a cell to the nearest beat, in cells.

    Returns
    -------
    ndarray of float, same shape
        A Gaussian curve, 1 at the beat, with a standard deviation of one cell (33 ms).

    Examples
    --------
    >>> heat_map(np.array([0.0, 1.0, -2.0])).round(2)
    array([1.  , 0.61, 0.14])
    """
    return np.exp(-0.5 * np.square(distance))


def _keep_apart(position: NDArray[np.float64], support: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions in order, without the less supported of two that are nearer than the refractory period."""
    kept: list[tuple[float, float]] = []
    for each in sorted(zip(position.tolist(), support.tolist(), strict=True)):
        if not kept or each[0] - kept[-1][0] >= REFRACTORY_SECONDS * RATE:
            kept.append(each)
        elif each[1] > kept[-1][1]:
            kept[-1] = each
    return np.array([place for place, _ in kept], dtype=np.float64)
