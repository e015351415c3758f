"""From a record to its beats: the leads, the window around each beat, and the beats nearby."""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from medlib.datasets import EcgRecord
from medlib.errors import DataError

_QRS_SECONDS = 0.078  # half of the widest normal QRS complex, with some room
_FLAT = 1e-3  # mV, below the step of the analogue-to-digital converter of any ECG recorder


def select_leads(record: EcgRecord, first: str = "MLII") -> NDArray[np.float32]:
    """Put the lead of a given name first: which row it is in differs between records.

    Parameters
    ----------
    record : EcgRecord
    first : str
        Name of the lead to come first. In the MIT-BIH database ``"MLII"`` is second in record 114, and missing in
        102 and 104.

    Returns
    -------
    ndarray of float32, shape (n_leads, n_samples)
        Voltage in mV; the other leads follow in the order of the record.

    Raises
    ------
    DataError
        If the record has no lead of that name.

    Examples
    --------
    >>> from medlib import datasets
    >>> record = datasets.read_ecg(datasets.locate("mitdb-sample"), "901")
    >>> record.lead_names
    ('MLII', 'V1')
    >>> leads = select_leads(record, first="V1")
    >>> bool(np.array_equal(leads, record.signal[[1, 0]]))
    True
    """
    if first not in record.lead_names:
        raise DataError(f"Record {record.name} has no lead {first!r}; its leads are {', '.join(record.lead_names)}.")
    row = record.lead_names.index(first)
    others = [other for other in range(len(record.lead_names)) if other != row]
    return record.signal[[row, *others]]


def cut_windows(
    signal: NDArray[np.floating], positions: NDArray[np.integer], before: int, after: int
) -> NDArray[np.floating]:
    """Cut the window around each beat.

    Parameters
    ----------
    signal : ndarray of float, shape (n_leads, n_samples)
    positions : ndarray of int, shape (n_beats,)
        Sample index of each beat.
    before, after : int
        Samples from the start of the window to the beat, and from the beat to the end of the window.

    Returns
    -------
    ndarray, shape (n_beats, n_leads, before + after), dtype of the signal
        The beat is at index ``before``. Beyond an end of the record, the sample at that end is repeated.

    Raises
    ------
    DataError
        If positions are not whole numbers, or outside of the record.

    Examples
    --------
    >>> cut_windows(np.arange(10.0)[None], np.array([1, 5]), before=3, after=2)
    array([[[0., 0., 0., 1., 2.]],
           [[2., 3., 4., 5., 6.]]])
    """
    n_samples = signal.shape[-1]
    if not np.issubdtype(positions.dtype, np.integer):
        raise DataError(f"Positions of beats are sample indices, but are given as {positions.dtype}; round them first.")
    if len(positions) and not 0 <= positions.min() <= positions.max() < n_samples:
        raise DataError(
            f"Positions of beats range from {positions.min()} to {positions.max()}, but the signal has {n_samples} "
            "samples; is it at the sampling rate of the positions?"
        )
    padded = np.pad(signal, ((0, 0), (before, after)), mode="edge")
    windows = sliding_window_view(padded, before + after, axis=-1)
    return windows.transpose(1, 0, 2)[positions]


def beat_amplitude(
    signal: NDArray[np.floating], positions: NDArray[np.integer], sampling_rate: float
) -> NDArray[np.floating]:
    """Size of the QRS complex that is typical of each lead; a signal divided by it has beats of size 1.

    Parameters
    ----------
    signal : ndarray of float, shape (n_leads, n_samples)
        Voltage in mV.
    positions : ndarray of int, shape (n_beats,)
        Sample index of each beat.
    sampling_rate : float
        In Hz.

    Returns
    -------
    ndarray of float, shape (n_leads, 1)
        Median over the beats of the peak-to-peak voltage within 78 ms of the beat, in mV; 1 for a flat lead (below
        1 µV), so that one can divide by it.

    Raises
    ------
    DataError
        If there are no beats, or a position is outside of the record.

    Examples
    --------
    >>> signal = np.zeros((2, 300))
    >>> signal[0, [50, 150, 250]] = 1.5, 1.2, 4.0
    >>> beat_amplitude(signal, np.array([50, 150, 250]), sampling_rate=180)
    array([[1.5],
           [1. ]])
    """
    if not len(positions):
        raise DataError("There are no beats to take the amplitude of; give at least one position.")
    half = round(_QRS_SECONDS * sampling_rate)
    amplitude = np.median(np.ptp(cut_windows(signal, positions, half, half), axis=-1), axis=0)
    return np.where(amplitude < _FLAT, 1, amplitude).astype(signal.dtype)[:, None]


def late_neighbourhoods(preceding_rr: NDArray[np.floating]) -> Iterator[tuple[slice, NDArray[np.integer]]]:
    """Blocks of consecutive beats, each with the likely sinus beats around it, found without labels.

    Premature beats come early. The quarter of beats with the longest intervals before them holds sinus beats even where
    three of four beats are ectopic, as in runs of atrial tachycardia.

    Parameters
    ----------
    preceding_rr : ndarray of float, shape (n_beats,)
        Interval from the previous beat to each beat, in s.

    Yields
    ------
    block : slice
        Beats of the block.
    late : ndarray of int, shape (n_late,)
        Those of the 160 beats around whose interval is at least the 75th percentile.

    Examples
    --------
    >>> bigeminy = np.array([0.9, 0.6] * 4)
    >>> next(late_neighbourhoods(bigeminy))
    (slice(0, 8, None), array([0, 2, 4, 6]))
    """
    for block, around in neighbourhoods(len(preceding_rr)):
        intervals = preceding_rr[around]
        yield block, around.start + np.flatnonzero(intervals >= np.percentile(intervals, 75))


def neighbourhoods(n_beats: int, size: int = 160, step: int = 20) -> Iterator[tuple[slice, slice]]:
    """Blocks of consecutive beats, each with the beats around it, for running statistics that move block by block.

    Parameters
    ----------
    n_beats : int
    size : int
        Beats of a neighbourhood. At the ends of the record it is off centre rather than smaller.
    step : int
        Beats of a block.

    Yields
    ------
    block, around : slice
        Beats of the block, and those of its neighbourhood, itself included.

    Examples
    --------
    >>> for block, around in neighbourhoods(10, size=6, step=4):
    ...     print(block, around)
    slice(0, 4, None) slice(0, 6, None)
    slice(4, 8, None) slice(3, 9, None)
    slice(8, 10, None) slice(4, 10, None)
    """
    for start in range(0, n_beats, step):
        first = max(0, min(start + step // 2 - size // 2, n_beats - size))
        yield slice(start, min(start + step, n_beats)), slice(first, min(first + size, n_beats))
