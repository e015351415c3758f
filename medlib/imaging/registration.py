"""Classical registration by SimpleITK: linear, and by B-splines."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medlib.errors import DataError, UsageError
from medlib.imaging import transforms, volumes
from medlib.imaging.transforms import Transform
from medlib.imaging.volumes import Volume

Metric = Literal["mutual_information", "correlation", "mean_squares"]
_N_BINS = 32


def align_centres(fixed: Volume, moving: Volume) -> Transform:
    """Lay the centre of mass of one volume on that of the other.

    Parameters
    ----------
    fixed, moving : Volume
        Masks, or images whose values count from 0 up.

    Returns
    -------
    Transform
        A translation.

    Raises
    ------
    DataError
        If a volume has values below 0, or only 0.

    Examples
    --------
    >>> mask = np.zeros((4, 4, 4))
    >>> mask[1, 2, 3] = 1
    >>> shifted = np.diag([1.0, 1.0, 1.0, 1.0]) + np.pad([[5.0]], ((0, 3), (3, 0)))
    >>> align_centres(Volume(mask, np.eye(4)), Volume(mask, shifted)).parts[0][:3, 3].tolist()
    [5.0, 0.0, 0.0]
    """
    matrix = np.eye(4)
    matrix[:3, 3] = _centre(moving) - _centre(fixed)
    return Transform((matrix,))


def register_linear(
    fixed: Volume,
    moving: Volume,
    *,
    kind: Literal["translation", "rigid", "similarity", "affine"] = "affine",
    start: Transform | None = None,
    metric: Metric = "mutual_information",
    fixed_mask: NDArray | None = None,
    moving_mask: NDArray | None = None,
    shrink: Sequence[int] = (4, 2, 1),
    n_iterations: int = 100,
    sampled: float = 0.2,
    seed: int = 0,
) -> Transform:
    """Find a linear transform by gradient descent over a pyramid of grids.

    Parameters
    ----------
    fixed, moving : Volume
        Not sheared, of more than one slice.
    kind : {"translation", "rigid", "similarity", "affine"}
        Of 3, 6, 7 or 12 numbers.
    start : Transform, optional
        Linear, from the fixed to the moving space: it decides what is found. Default: the identity.
    metric : {"mutual_information", "correlation", "mean_squares"}
        Mutual information asks only that grey values go together; correlation that they go together linearly; mean
        squares that they are equal.
    fixed_mask, moving_mask : ndarray of bool, shape (z, y, x), optional
        Where the metric counts.
    shrink : sequence of int
        Factors of the pyramid's grids, coarse to fine.
    n_iterations : int
        Most steps on each grid.
    sampled : float
        Share of the voxels that a step looks at.
    seed : int
        Of the choice of these.

    Returns
    -------
    Transform
        One matrix, with ``start`` in it.

    Raises
    ------
    UsageError
        If ``start`` is not linear, or the images do not overlap after it.

    References
    ----------
    Mattes D, Haynor DR, Vesselle H, Lewellen TK, Eubank W (2003), PET-CT image registration in the chest using
    free-form deformations, IEEE Transactions on Medical Imaging 22(1), 120-128.

    Examples
    --------
    >>> blob = lambda middle: np.exp(-((np.indices((16, 16, 16)) - middle) ** 2).sum(axis=0) / 20)
    >>> pair = Volume(blob(7.5), np.eye(4)), Volume(blob(8.5), np.eye(4))
    >>> found = register_linear(*pair, kind="translation", metric="mean_squares", shrink=[1], sampled=1)
    >>> found.parts[0][:3, 3].round(1).tolist()
    [1.0, 1.0, 1.0]
    """
    import SimpleITK as sitk

    start = start or Transform()
    images = [sitk.Cast(volumes.to_sitk(volume), sitk.sitkFloat32) for volume in (fixed, moving)]
    method = _method(metric, fixed, moving, fixed_mask, moving_mask, shrink, sampled, seed)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, n_iterations, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    centre = images[0].TransformContinuousIndexToPhysicalPoint([(size - 1) / 2 for size in images[0].GetSize()])
    found = {"translation": sitk.TranslationTransform(3), "rigid": sitk.VersorRigid3DTransform(),
             "similarity": sitk.Similarity3DTransform(), "affine": sitk.AffineTransform(3)}[kind]  # fmt: skip
    if kind != "translation":
        found.SetCenter(centre)
    # ITK moves its own transform before a fixed one: from the fixed space to itself, then by the start.
    method.SetMovingInitialTransform(_linear(start))
    method.SetInitialTransform(found, inPlace=True)
    _execute(method, images)
    ours = transforms.from_sitk_transform(found, fixed=start.fixed, moving=start.fixed)
    return _merged(transforms.compose(ours, start))


def register_bspline(
    fixed: Volume,
    moving: Volume,
    *,
    start: Transform | None = None,
    spacing: float = 40.0,
    metric: Metric = "mutual_information",
    fixed_mask: NDArray | None = None,
    moving_mask: NDArray | None = None,
    shrink: Sequence[int] = (4, 2),
    n_iterations: int = 30,
    sampled: float = 0.2,
    seed: int = 0,
) -> Transform:
    """Find a deformation by cubic B-splines (free-form deformation); nothing keeps it from folding.

    Parameters
    ----------
    fixed, moving : Volume
        Not sheared, of more than one slice.
    start : Transform, optional
        From the fixed to the moving space. Default: the identity.
    spacing : float
        Distance of the control points in mm, on all grids.
    metric, fixed_mask, moving_mask, shrink, n_iterations, sampled, seed
        As :func:`register_linear` has them.

    Returns
    -------
    Transform
        A displacement field on the grid of ``fixed``, and the parts of ``start``.

    Raises
    ------
    UsageError
        If the images do not overlap after ``start``.

    References
    ----------
    Rueckert D, Sonoda LI, Hayes C, Hill DLG, Leach MO, Hawkes DJ (1999), Nonrigid registration using free-form
    deformations: application to breast MR images, IEEE Transactions on Medical Imaging 18(8), 712-721.

    Examples
    --------
    >>> from medlib.imaging import warping
    >>> blob = lambda middle: np.exp(-((np.indices((16, 16, 16)) - middle) ** 2).sum(axis=0) / 20)
    >>> pair = Volume(blob(7.5), np.eye(4)), Volume(blob(8.5), np.eye(4))
    >>> found = register_bspline(*pair, spacing=8, metric="mean_squares", shrink=[1], sampled=1)
    >>> bool(np.abs(warping.map_points(found, [[7.5, 7.5, 7.5]]) - 8.5).max() < 0.3)
    True
    """
    import SimpleITK as sitk

    start = start or Transform()
    images = [sitk.Cast(volumes.to_sitk(volume), sitk.sitkFloat32) for volume in (fixed, moving)]
    method = _method(metric, fixed, moving, fixed_mask, moving_mask, shrink, sampled, seed)
    method.SetOptimizerAsLBFGS2(numberOfIterations=n_iterations, deltaConvergenceTolerance=1e-5)
    extent = np.multiply(images[0].GetSize(), images[0].GetSpacing())
    n_cells = [int(max(round(length / spacing), 1)) for length in extent]
    found = sitk.BSplineTransformInitializer(images[0], n_cells, order=3)
    method.SetMovingInitialTransform(transforms.to_sitk_transform(start))
    method.SetInitialTransform(found, inPlace=True)
    _execute(method, images)
    ours = transforms.from_sitk_transform(found, grid=fixed, fixed=start.fixed, moving=start.fixed)
    return transforms.compose(ours, start)


def _centre(volume: Volume) -> NDArray:
    weights = np.asarray(volume.array, dtype=np.float64)
    if weights.min() < 0 or not weights.sum() > 0:
        raise DataError("A centre of mass needs values of 0 and more, some of them above 0; give a mask.")
    indices = [np.average(np.arange(size), weights=weights.sum(axis=tuple({0, 1, 2} - {axis})))
               for axis, size in enumerate(weights.shape)]  # fmt: skip
    return volume.affine[:3, :3] @ indices[::-1] + volume.affine[:3, 3]


def _method(metric: Metric, fixed, moving, fixed_mask, moving_mask, shrink, sampled, seed):
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    if metric == "mutual_information":
        method.SetMetricAsMattesMutualInformation(_N_BINS)
    elif metric == "correlation":
        method.SetMetricAsCorrelation()
    elif metric == "mean_squares":
        method.SetMetricAsMeanSquares()
    else:
        raise UsageError(f"metric is {metric!r}; give 'mutual_information', 'correlation' or 'mean_squares'.")
    for mask, volume, use in (
        (fixed_mask, fixed, method.SetMetricFixedMask),
        (moving_mask, moving, method.SetMetricMovingMask),
    ):
        if mask is not None:
            use(volumes.to_sitk(Volume(np.asarray(mask, np.uint8), volume.affine)))
    method.SetMetricSamplingStrategy(method.RANDOM if sampled < 1 else method.NONE)
    method.SetMetricSamplingPercentage(sampled, seed=seed + 1)  # 0 is ITK's word for the clock
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel(list(shrink))
    method.SetSmoothingSigmasPerLevel([0.5 * factor if factor > 1 else 0 for factor in shrink])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    return method


def _execute(method, images: list) -> None:
    try:
        method.Execute(*images)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise UsageError(
            f"The registration failed ({reason}); check that the images overlap after the start."
        ) from None


def _linear(start: Transform):
    if any(isinstance(part, transforms.DisplacementField) for part in start.parts):
        raise UsageError("The start has a displacement field; give a linear one.")
    return transforms.to_sitk_transform(start)


def _merged(transform: Transform) -> Transform:
    """All matrices in one."""
    matrix = np.eye(4)
    for part in transform.parts:
        matrix = part @ matrix
    return Transform((matrix,), transform.fixed, transform.moving)
