"""Classical registration by SimpleITK: diffeomorphic demons."""

from collections.abc import Sequence

from medlib.errors import UsageError
from medlib.imaging import transforms, volumes, warping
from medlib.imaging.transforms import Transform
from medlib.imaging.volumes import Volume


def register_demons(
    fixed: Volume,
    moving: Volume,
    *,
    start: Transform | None = None,
    smoothness: float = 1.5,
    match_histograms: bool = False,
    shrink: Sequence[int] = (4, 2, 1),
    n_iterations: Sequence[int] = (60, 40, 20),
) -> Transform:
    """Find a deformation by diffeomorphic demons, for images whose values mean the same.

    Parameters
    ----------
    fixed, moving : Volume
        Not sheared.
    start : Transform, optional
        From the fixed to the moving space. Default: the identity.
    smoothness : float
        Standard deviation, in voxels of each grid, by which the field is smoothed after each step.
    match_histograms : bool
        Whether grey values of the moving image are first brought to those of the fixed one.
    shrink : sequence of int
        Factors of the grids, coarse to fine.
    n_iterations : sequence of int
        Steps on each grid.

    Returns
    -------
    Transform
        A displacement field on the last grid, and the parts of ``start``.

    Raises
    ------
    UsageError
        If there are not as many factors as numbers of steps.

    References
    ----------
    Vercauteren T, Pennec X, Perchant A, Ayache N (2009), Diffeomorphic demons: efficient non-parametric image
    registration, NeuroImage 45(1), S61-S72.

    Examples
    --------
    >>> import numpy as np
    >>> blob = lambda middle: np.exp(-((np.indices((16, 16, 16)) - middle) ** 2).sum(axis=0) / 20)
    >>> pair = Volume(blob(7.5), np.eye(4)), Volume(blob(8.5), np.eye(4))
    >>> found = register_demons(*pair, shrink=[1], n_iterations=[60])
    >>> bool(np.abs(warping.map_points(found, [[7.5, 7.5, 7.5]]) - 8.5).max() < 0.3)
    True
    """
    import SimpleITK as sitk

    if len(shrink) != len(n_iterations):
        raise UsageError(f"There are {len(shrink)} grids and {len(n_iterations)} numbers of steps; give one for each.")
    start = start or Transform()
    still, moved = (
        sitk.Cast(volumes.to_sitk(volume), sitk.sitkFloat32) for volume in (fixed, warping.warp(moving, start, fixed))
    )
    if match_histograms:
        moved = sitk.HistogramMatching(moved, still, 256, 32, thresholdAtMeanIntensity=True)
    field = None
    for factor, steps in zip(shrink, n_iterations, strict=True):
        pair = [_shrunk(image, factor) for image in (still, moved)]
        demons = sitk.DiffeomorphicDemonsRegistrationFilter()
        demons.SetNumberOfIterations(steps)
        demons.SetSmoothDisplacementField(True)
        demons.SetStandardDeviations(smoothness)
        field = demons.Execute(*pair, *([] if field is None else [sitk.Resample(field, pair[0])]))
    ours = transforms.from_sitk_transform(sitk.DisplacementFieldTransform(field), fixed=start.fixed, moving=start.fixed)
    return transforms.compose(ours, start)


def _shrunk(image, factor: int):
    import SimpleITK as sitk

    if factor == 1:
        return image
    smooth = sitk.SmoothingRecursiveGaussian(image, [0.5 * factor * step for step in image.GetSpacing()])
    return sitk.Shrink(smooth, [min(factor, size) for size in image.GetSize()])
