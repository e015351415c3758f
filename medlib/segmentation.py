"""Scores of segmentations, case by case: overlap, and distances of surfaces in mm, as MONAI computes them."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medlib import discrimination
from medlib.errors import UsageError


def score_masks(
    predicted: ArrayLike,
    truth: ArrayLike,
    spacing: Sequence[float],
    *,
    tolerance: float = 1.0,
    ignore: ArrayLike | None = None,
) -> dict[str, float]:
    """Compare a mask with the true one.

    Parameters
    ----------
    predicted, truth : array_like of bool, shape ([z,] y, x)
        On the grid of the original image: scores of masks on another grid are scores of something else.
    spacing : sequence of float
        Distances of neighbouring voxels in mm, in the order of the axes; (1, 1) for distances in pixels.
    tolerance : float
        Distance in mm up to which a piece of surface counts as right: what two readers would differ by.
    ignore : array_like of bool, optional
        Where the truth is not known; both masks are taken to be background there.

    Returns
    -------
    dict of str to float
        ``dice``, 2 |A and B| / (|A| + |B|): NaN where the truth is empty. ``hd95``, the higher of the two 95th
        percentiles of the distances from one surface to the other, in mm: NaN where a mask is empty.
        ``surface_dice``, the share of both surfaces that lies within the tolerance of the other: 0 where one mask is
        empty, NaN where both are. A surface is the voxels of a mask that touch the background by a face, or the
        border of the image: in a thin slab, that can be most of what is called surface.

    Raises
    ------
    UsageError
        If shapes or the spacing do not go together, or a mask has other values than 0 and 1.

    References
    ----------
    Dice (1945), Ecology 26(3), 297-302. Nikolov et al. (2021), Journal of Medical Internet Research 23(7), e26151
    (surface Dice). Maier-Hein et al. (2024), Metrics reloaded, Nature Methods 21, 195-212.

    Examples
    --------
    >>> truth = np.zeros((8, 8), bool)
    >>> truth[2:6, 2:6] = True
    >>> score_masks(np.roll(truth, 1, axis=0), truth, spacing=(2.0, 1.0))
    {'dice': 0.75, 'hd95': 2.0, 'surface_dice': 0.666...}
    """
    predicted, truth = _mask(predicted, "predicted"), _mask(truth, "truth")
    outside = np.zeros(truth.shape, bool) if ignore is None else _mask(ignore, "ignore")
    if not (predicted.shape == truth.shape == outside.shape) or truth.ndim not in (2, 3):
        raise UsageError(
            f"The masks have shapes {predicted.shape} (predicted), {truth.shape} (truth) and {outside.shape} (ignore); "
            "give masks of one shape, (y, x) or (z, y, x)."
        )
    if len(spacing) != truth.ndim or not all(0 < step < np.inf for step in spacing) or not tolerance >= 0:
        raise UsageError(
            f"spacing is {tuple(spacing)} and tolerance {tolerance}; give a distance above 0 for each of the "
            f"{truth.ndim} axes, and a tolerance of 0 or more."
        )
    return _score(predicted & ~outside, truth & ~outside, [float(step) for step in spacing], float(tolerance))


def score_labels(
    predicted: ArrayLike,
    truth: ArrayLike,
    spacing: Sequence[float],
    labels: Mapping[str, int],
    *,
    tolerance: float = 1.0,
    ignore: ArrayLike | None = None,
) -> dict[str, dict[str, float]]:
    """Compare a label map with the true one, structure by structure.

    Parameters
    ----------
    predicted, truth : array_like of int, shape ([z,] y, x)
        Number of the structure that each voxel belongs to.
    labels : mapping of str to int
        The structures that are compared, and their numbers.
    spacing, tolerance, ignore
        As in :func:`score_masks`.

    Returns
    -------
    dict of str to dict of str to float
        By structure, what :func:`score_masks` gives.

    Raises
    ------
    UsageError
        As :func:`score_masks`.

    Examples
    --------
    >>> truth = np.zeros((6, 6), int)
    >>> truth[1:5, 1:3], truth[1:5, 3:5] = 1, 2
    >>> scores = score_labels(truth, truth, spacing=(1, 1), labels={"left": 1, "right": 2})
    >>> scores["right"]["dice"]
    1.0
    """
    predicted, truth = np.asarray(predicted), np.asarray(truth)
    return {
        name: score_masks(predicted == number, truth == number, spacing, tolerance=tolerance, ignore=ignore)
        for name, number in labels.items()
    }


def mean_interval(
    values: ArrayLike, patients: ArrayLike, *, confidence: float = 0.95, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """Mean of the scores of cases, with a bootstrap interval over patients.

    Parameters
    ----------
    values : array_like of float, shape (n_cases,)
        NaN where a score is not defined, which is left out.
    patients : array_like, shape (n_cases,)
        Patient of each case.
    confidence, seed
        As in :func:`medlib.evaluation.bootstrap_by_patient`.

    Returns
    -------
    mean : float
    interval : (float, float)

    Raises
    ------
    UsageError
        If there is no defined value, or not one patient for each.

    Examples
    --------
    >>> mean, (low, high) = mean_interval([0.8, 0.9, np.nan, 1.0], ["a", "a", "b", "c"])
    >>> round(mean, 3), low <= mean <= high
    (0.9, True)
    """
    values, patients = np.asarray(values, dtype=np.float64), np.asarray(patients)
    if values.ndim != 1 or values.shape != patients.shape or np.isnan(values).all():
        raise UsageError(
            f"Values of shape {values.shape}, {np.isnan(values).sum()} of them undefined, and patients of shape "
            f"{patients.shape} do not go together; give one patient for each value, and a value that is defined."
        )
    defined = ~np.isnan(values)
    values, patients = values[defined], patients[defined]
    return float(values.mean()), discrimination.bootstrap(
        lambda drawn: drawn @ values / drawn.sum(axis=1), patients, confidence=confidence, seed=seed
    )


def _mask(array: ArrayLike, name: str) -> NDArray[np.bool_]:
    array = np.asarray(array)
    if array.dtype != bool:
        if not np.isin(array, (0, 1)).all():
            raise UsageError(
                f"{name} has other values than 0 and 1; give a mask such as labels == 1, or call score_labels()."
            )
        array = array.astype(bool)
    return array


def _score(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], spacing: list[float], tolerance: float
) -> dict[str, float]:
    import torch
    from monai import metrics

    pair = [torch.from_numpy(np.ascontiguousarray(mask))[None, None] for mask in (predicted, truth)]
    with warnings.catch_warnings():
        # MONAI warns of empty masks, whose scores the docstring of score_masks tells.
        warnings.simplefilter("ignore")
        found = {
            "dice": metrics.compute_dice(*pair, include_background=True),
            "hd95": metrics.compute_hausdorff_distance(*pair, include_background=True, percentile=95, spacing=spacing),
            "surface_dice": metrics.compute_surface_dice(*pair, [tolerance], include_background=True, spacing=spacing),
        }
    return {name: float(value) for name, value in found.items()}
