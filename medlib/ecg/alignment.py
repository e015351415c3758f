"""Beats lined up with each other, and the sinus beat that each is to be compared with."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from medlib.ecg.beats import cut_windows, late_neighbourhoods, neighbourhoods
from medlib.errors import DataError

_HALF_WIDTH_SECONDS = 0.1  # the QRS complex, not the T wave, says where a beat is
# In units of the typical beat: what keeps a flat window from matching, and what a shift by one sample has to gain.
_NOISE_ENERGY = 1e-3
_SHIFT_COST = 1e-3


def align_beats(
    signal: NDArray[np.floating],
    positions: NDArray[np.integer],
    sampling_rate: float,
    largest_shift_seconds: float = 0.022,
) -> NDArray[np.integer]:
    """Shift each beat to where it matches the median of the beats around it best.

    Annotations mark the R peak of one beat and the onset of the next; after alignment they mark the same point, so
    that beats can be compared sample by sample.

    Parameters
    ----------
    signal : ndarray of float, shape (n_leads, n_samples)
        Divided by its :func:`~medlib.ecg.beats.beat_amplitude`.
    positions : ndarray of int, shape (n_beats,)
        Sample index of each beat.
    sampling_rate : float
        In Hz.
    largest_shift_seconds : float
        In either direction.

    Returns
    -------
    ndarray of int, shape (n_beats,)
        Shifted positions, still within the record.

    Raises
    ------
    DataError
        If a position is outside of the record.

    Notes
    -----
    The match is the correlation over all leads within 100 ms of the beat, with the median of 160 beats.

    Examples
    --------
    >>> signal = np.zeros((1, 4000))
    >>> peaks = np.arange(200, 3900, 200)
    >>> for offset, height in ((-1, 0.5), (0, 1.0), (1, 0.5)):
    ...     signal[0, peaks + offset] = height
    >>> marks = peaks.copy()
    >>> marks[3] += 2
    >>> bool(np.array_equal(align_beats(signal, marks, sampling_rate=180), peaks))
    True
    """
    half, largest = round(_HALF_WIDTH_SECONDS * sampling_rate), round(largest_shift_seconds * sampling_rate)
    shifts = np.arange(-largest, largest + 1)
    windows = cut_windows(signal, positions, half + largest, half + largest)
    aligned = positions.copy()
    for block, around in neighbourhoods(len(positions)):
        reference = np.median(windows[around, :, largest : largest + 2 * half], axis=0)
        candidates = sliding_window_view(windows[block], 2 * half, axis=-1)
        match = _correlation(candidates, reference) - _SHIFT_COST * np.abs(shifts)
        aligned[block] += shifts[match.argmax(axis=1)]
    return aligned.clip(0, signal.shape[-1] - 1)


def sinus_template(windows: NDArray[np.floating], preceding_rr: NDArray[np.floating]) -> NDArray[np.floating]:
    """Estimate the sinus beat around each beat, without labels.

    It is the median of :func:`~medlib.ecg.beats.late_neighbourhoods`: a neighbourhood in which most beats are ectopic
    still has a template of sinus beats.

    Parameters
    ----------
    windows : ndarray of float, shape (n_beats, n_leads, n_samples)
        Aligned beats, from :func:`~medlib.ecg.beats.cut_windows`.
    preceding_rr : ndarray of float, shape (n_beats,)
        Interval from the previous beat to each beat, in s.

    Returns
    -------
    ndarray, shape (n_beats, n_leads, n_samples), dtype of the windows
        It moves every 20 beats.

    Raises
    ------
    DataError
        If the numbers of windows and intervals differ.

    Examples
    --------
    >>> sinus, ectopic = np.ones((1, 5)), np.full((1, 5), -3.0)
    >>> template = sinus_template(np.array([sinus, ectopic] * 10), np.array([0.9, 0.6] * 10))
    >>> template.shape, np.unique(template)
    ((20, 1, 5), array([1.]))
    """
    if len(windows) != len(preceding_rr):
        raise DataError(f"There are {len(windows)} windows but {len(preceding_rr)} intervals; give one for each beat.")
    template = np.empty_like(windows)
    for block, late in late_neighbourhoods(preceding_rr):
        template[block] = np.median(windows[late], axis=0)
    return template


def _correlation(candidates: NDArray[np.floating], reference: NDArray[np.floating]) -> NDArray[np.floating]:
    """Correlation of (n_beats, n_leads, n_shifts, width) with (n_leads, width), but for the size of the latter."""
    candidates = candidates - candidates.mean(axis=-1, keepdims=True)
    energy = np.square(candidates).sum(axis=(1, 3))
    return np.einsum("nlsw,lw->ns", candidates, reference) / np.sqrt(energy + _NOISE_ENERGY)
