"""How the shape of each beat differs from a sinus beat, wave by wave, as numbers that a small model can read."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from medlib.ecg.beats import late_neighbourhoods
from medlib.errors import DataError

#: Start and end of each segment in s from the beat. The P wave has two, since one that comes early is looked for in T.
SEGMENTS = {
    "early_p": (-0.278, -0.189),
    "p": (-0.189, -0.078),
    "qrs": (-0.078, 0.089),
    "st": (0.089, 0.200),
    "t": (0.200, 0.444),
}
_WIDE_QRS = (-0.100, 0.133)  # room for a ventricular beat, up to twice as wide as a sinus one
_LEADS = ("first_lead", "second_lead")
_OF_SEGMENT = ("residual", "correlation")
_OF_QRS = (
    "amplitude_ratio",
    "maximum_difference",
    "minimum_difference",
    "steep_share",
    "steep_share_difference",
    "slope_ratio",
    "area_width",
    "area_width_ratio",
)
#: Name of each column of :func:`shape_features`.
SHAPE_FEATURES = tuple(
    f"{lead}_{name}"
    for lead in _LEADS
    for name in (
        *(f"{segment}_{measure}" for segment in SEGMENTS for measure in _OF_SEGMENT),
        *(f"qrs_{measure}" for measure in _OF_QRS),
    )
)


def shape_features(
    windows: NDArray[np.floating], templates: NDArray[np.floating], before: int, sampling_rate: float
) -> NDArray[np.float32]:
    """Compare each beat with its template.

    Parameters
    ----------
    windows, templates : ndarray of float, shape (n_beats, 2, n_samples)
        Aligned beats of two leads and the sinus beat at each, in units of the
        :func:`~medlib.ecg.beats.beat_amplitude`.
    before : int
        Index of the beat in its window.
    sampling_rate : float
        In Hz. Slopes and areas are a sample's, so features of one model share a rate; 180 Hz was used to choose them.

    Returns
    -------
    ndarray of float32, shape (n_beats, 36)
        Columns are ``SHAPE_FEATURES``. For each segment: ``residual``, logarithm of the standard deviation of beat
        minus template; ``correlation`` of the two, from -1 to 1. For the QRS complex, with the template's value
        subtracted in those named difference or ratio (of logarithms): ``amplitude``, logarithm of peak-to-peak;
        ``maximum`` and ``minimum``; ``steep_share``, fraction of the complex that is more than 0.15 as steep as its
        steepest sample; ``slope``, logarithm of the steepest; ``area_width``, logarithm of area over amplitude.

    Raises
    ------
    DataError
        If the windows are not of two leads, the templates have another shape, or the T wave is outside the window.

    Examples
    --------
    >>> beat = np.exp(-np.square(np.arange(-108, 180) / 4.0))
    >>> windows = np.tile(beat, (2, 2, 1))
    >>> windows[1] *= 2
    >>> features = shape_features(windows, np.tile(beat, (2, 2, 1)), before=108, sampling_rate=180)
    >>> features[:, SHAPE_FEATURES.index("first_lead_qrs_amplitude_ratio")].round(2)
    array([0.  , 0.67], dtype=float32)
    """
    _check(windows, templates, before, sampling_rate)

    def cut(array, seconds):
        first, last = (before + round(edge * sampling_rate) for edge in seconds)
        return array[..., first:last]

    columns = []
    for seconds in SEGMENTS.values():
        beat, template = cut(windows, seconds), cut(templates, seconds)
        columns += [np.log((beat - template).std(axis=-1) + 1e-3), _correlation(beat, template)]
    columns += _compare_qrs(cut(windows, _WIDE_QRS), cut(templates, _WIDE_QRS))
    return np.stack(columns, axis=-1, dtype=np.float32).reshape(len(windows), -1)


def relative_to_sinus(features: NDArray[np.floating], preceding_rr: NDArray[np.floating]) -> NDArray[np.float32]:
    """Express each feature of a beat by how far it is from that of the sinus beats around it.

    What is usual differs between patients more than between the classes of beats; this takes it away.

    Parameters
    ----------
    features : ndarray of float, shape (n_beats, n_features)
        In order of time.
    preceding_rr : ndarray of float, shape (n_beats,)
        Interval from the previous beat to each beat, in s.

    Returns
    -------
    ndarray of float32, shape (n_beats, n_features)
        Distance from the median of :func:`~medlib.ecg.beats.late_neighbourhoods`, divided by 1.5 times the median of
        their distances (about a standard deviation) plus 0.05, so that a constant feature does not explode; clipped
        to ±6.

    Raises
    ------
    DataError
        If the numbers of beats differ.

    Examples
    --------
    >>> width = np.array([0.08, 0.10, 0.09, 0.10] * 30)
    >>> width[50] = 0.16
    >>> relative_to_sinus(width[:, None], np.full(120, 0.8))[[48, 50]].round(1)
    array([[-0.3],
           [ 1. ]], dtype=float32)
    """
    if len(features) != len(preceding_rr):
        raise DataError(f"{len(features)} beats have features but {len(preceding_rr)} intervals; give one for each.")
    relative = np.empty(features.shape, np.float32)
    for block, late in late_neighbourhoods(preceding_rr):
        usual = np.median(features[late], axis=0)
        spread = 1.5 * np.median(np.abs(features[late] - usual), axis=0) + 0.05
        relative[block] = np.clip((features[block] - usual) / spread, -6, 6)
    return relative


def smooth_over_beats(features: NDArray[np.floating], n_beats: int = 7) -> NDArray[np.floating]:
    """Running median of each feature over successive beats: what lasts stays, what noise does to one beat goes.

    Parameters
    ----------
    features : ndarray of float, shape (n, n_features)
        In order of time.
    n_beats : int
        Of the window, odd; the record is reflected at its ends.

    Returns
    -------
    ndarray, shape (n, n_features), dtype of the features

    Examples
    --------
    >>> smooth_over_beats(np.array([[0.0], [0.0], [6.0], [1.0], [1.0]]), n_beats=3).ravel()
    array([0., 0., 1., 1., 1.])
    """
    # Column by column, because SciPy's filter is thirty times faster in one dimension.
    return np.stack([median_filter(column, n_beats, mode="reflect") for column in features.T], axis=1)


def _check(windows, templates, before, sampling_rate) -> None:
    if windows.ndim != 3 or windows.shape[1] != len(_LEADS) or windows.shape != templates.shape:
        raise DataError(
            f"Windows have shape {windows.shape} and templates {templates.shape}; both are to be of shape "
            "(n_beats, 2, n_samples)."
        )
    first = before + round(SEGMENTS["early_p"][0] * sampling_rate)
    last = before + round(SEGMENTS["t"][1] * sampling_rate)
    if first < 0 or last > windows.shape[-1]:
        raise DataError(
            f"Windows of {windows.shape[-1]} samples with the beat at {before} do not reach from the P to the T wave; "
            f"at {sampling_rate} Hz cut {before - first} samples or more before the beat and {last - before} after it."
        )


def _correlation(beat, template) -> NDArray[np.floating]:
    beat = beat - beat.mean(axis=-1, keepdims=True)
    template = template - template.mean(axis=-1, keepdims=True)
    energy = np.square(beat).sum(axis=-1) * np.square(template).sum(axis=-1)
    # What is added makes the correlation of flat segments zero.
    return (beat * template).sum(axis=-1) / np.sqrt(energy + 1e-4)


def _compare_qrs(beat, template) -> list[NDArray[np.floating]]:
    """Columns ``_OF_QRS``, each of shape (n_beats, n_leads)."""
    log_amplitude, steep_share, log_slope, log_area_width = zip(_measure_qrs(beat), _measure_qrs(template), strict=True)
    return [
        np.subtract(*log_amplitude),
        beat.max(axis=-1) - template.max(axis=-1),
        beat.min(axis=-1) - template.min(axis=-1),
        steep_share[0],
        np.subtract(*steep_share),
        np.subtract(*log_slope),
        log_area_width[0],
        np.subtract(*log_area_width),
    ]


def _measure_qrs(complexes) -> tuple[NDArray[np.floating], ...]:
    amplitude = np.ptp(complexes, axis=-1)
    slope = np.abs(np.diff(complexes, axis=-1))
    steepest = slope.max(axis=-1)
    steep_share = (slope > 0.15 * steepest[..., None]).mean(axis=-1)
    area = np.abs(complexes - np.median(complexes, axis=-1, keepdims=True)).sum(axis=-1)
    # The small constants, in units of a typical beat, keep the logarithms of a flat complex finite.
    return np.log(amplitude + 0.05), steep_share, np.log(steepest + 0.01), np.log(area / (amplitude + 0.05) + 0.1)
