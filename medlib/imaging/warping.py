"""What transforms do: to points, to images and masks, and back."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medlib.errors import DataError, UsageError
from medlib.imaging import transforms, volumes
from medlib.imaging.transforms import DisplacementField, Transform
from medlib.imaging.volumes import Volume

_INVERTED = 1.0  # voxels of the field, which all but one of 100 points have to come back to


def map_points(transform: Transform, points: ArrayLike) -> NDArray[np.float64]:
    """Find where points of the fixed space lie in the moving space.

    Parameters
    ----------
    transform : Transform
    points : array_like, shape (n, 3)
        In mm, RAS+.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        In mm, RAS+.

    Raises
    ------
    UsageError
        If the points have another shape.

    Examples
    --------
    >>> map_points(Transform(), [[1, 2, 3]])
    array([[1., 2., 3.]])
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise UsageError(f"The points have shape {points.shape}; give (n, 3), in mm.")
    converted = transforms.to_sitk_transform(transform)
    turned = points * [-1, -1, 1]
    mapped = np.array([converted.TransformPoint(point) for point in turned.tolist()]).reshape(-1, 3)
    return mapped * [-1, -1, 1]


def warp(
    moving: Volume, transform: Transform, fixed: Volume, *, labels: bool = False, outside: float | None = None
) -> Volume:
    """Bring a volume of the moving space to the grid of a volume of the fixed space.

    Parameters
    ----------
    moving : Volume
        Not sheared.
    transform : Transform
        From the fixed to the moving space.
    fixed : Volume
        Its grid is used, not its values.
    labels : bool
        False: linear interpolation, for images. True: the nearest voxel, for masks and label maps.
    outside : float, optional
        Value where the transformed point lies outside of ``moving``. Default: 0 for labels, its smallest value else.

    Returns
    -------
    Volume
        Of the shape and affine of ``fixed``, and the dtype and unit of ``moving`` (rounded, if whole numbers).

    Examples
    --------
    >>> image = Volume(np.arange(4.0).reshape(1, 1, 4), np.eye(4))
    >>> step = np.eye(4)
    >>> step[0, 3] = 1
    >>> warp(image, Transform((step,)), image, outside=-1).array.ravel().tolist()
    [1.0, 2.0, 3.0, -1.0]
    """
    import SimpleITK as sitk

    if outside is None:
        outside = 0.0 if labels else float(moving.array.min())
    dtype = moving.array.dtype
    whole = not np.issubdtype(dtype, np.floating)
    source = moving if labels or not whole else dataclasses.replace(moving, array=moving.array.astype(np.float64))
    resampler = sitk.ResampleImageFilter()
    resampler.SetReferenceImage(transforms.grid_to_sitk(fixed))
    resampler.SetTransform(transforms.to_sitk_transform(transform))
    resampler.SetInterpolator(sitk.sitkNearestNeighbor if labels else sitk.sitkLinear)
    resampler.SetDefaultPixelValue(float(outside))
    array = sitk.GetArrayFromImage(resampler.Execute(volumes.to_sitk(source)))
    if whole and not labels:
        array = np.rint(array)
    return dataclasses.replace(moving, array=array.astype(dtype, copy=False), affine=fixed.affine)


def displacements(transform: Transform, grid: Volume) -> NDArray[np.float64]:
    """Displacements of the centres of voxels.

    Parameters
    ----------
    transform : Transform
    grid : Volume
        In the fixed space, not sheared.

    Returns
    -------
    ndarray of float64, shape (3, z, y, x)
        In mm to the right, to the front and to the head.

    Examples
    --------
    >>> doubled = Transform((np.diag([2.0, 1.0, 1.0, 1.0]),))
    >>> displacements(doubled, Volume(np.zeros((1, 1, 3)), np.eye(4)))[0].max()
    np.float64(2.0)
    """
    return transforms.sample_sitk(transforms.to_sitk_transform(transform), grid)


def invert(transform: Transform) -> Transform:
    """Make the transform of the other direction.

    Parameters
    ----------
    transform : Transform
        A displacement field is inverted on its own grid, by iteration; a field of a velocity is inverted more exactly
        by integrating the opposite velocity.

    Returns
    -------
    Transform
        From the moving to the fixed space.

    Raises
    ------
    DataError
        If a field folds so much that it has no inverse.

    Examples
    --------
    >>> invert(Transform((np.diag([2.0, 4.0, 5.0, 1.0]),), "a", "b")).parts[0].diagonal().tolist()
    [0.5, 0.25, 0.2, 1.0]
    """
    inverted = tuple(
        _invert_field(part) if isinstance(part, DisplacementField) else np.linalg.inv(part)
        for part in reversed(transform.parts)
    )
    return Transform(inverted, transform.moving, transform.fixed)


def _invert_field(field: DisplacementField) -> DisplacementField:
    import SimpleITK as sitk

    image = transforms.to_sitk_transform(Transform((field,))).GetNthTransform(0).Downcast().GetDisplacementField()
    inverse = sitk.InvertDisplacementField(image, 100, 1e-3, 1e-5, False)
    inverted = transforms.from_sitk_transform(sitk.DisplacementFieldTransform(inverse)).parts[0]
    # Of a fold the inverse finds one branch: points of the others come back elsewhere.
    off = np.linalg.norm(displacements(Transform((field, inverted)), field.grid), axis=0)
    inside = _inside(field)
    furthest = float(np.percentile(off[inside], 99)) if inside.any() else 0.0
    if furthest > _INVERTED * max(field.grid.spacing):
        raise DataError(f"The field has no inverse: there and back is {furthest:.1f} mm off; smooth it.")
    return inverted


def _inside(field: DisplacementField) -> NDArray[np.bool_]:
    """Which points of the grid are moved to places within the grid."""
    steps = np.einsum("ij,j...->i...", np.linalg.inv(field.affine[:3, :3]), field.array)
    shape = field.array.shape[1:]
    places = np.indices(shape)[::-1] + steps
    return np.all([(place >= 0) & (place <= size - 1) for place, size in zip(places, shape[::-1], strict=True)], axis=0)
