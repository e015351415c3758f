"""Transforms of space, from points of one scan to points of another, in mm, and as SimpleITK has them."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medlib.errors import DataError, UsageError
from medlib.imaging import volumes
from medlib.imaging.volumes import Volume

_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # as in volumes: ITK counts x to the left and y to the back


@dataclasses.dataclass(frozen=True)
class DisplacementField:
    """Displacements on a grid; linear between its points, and zero outside of them, as ITK has it.

    Attributes
    ----------
    array : ndarray of float, shape (3, z, y, x)
        Displacements in mm to the right, to the front and to the head (RAS+), in this order.
    affine : ndarray of float64, shape (4, 4)
        Of the grid, as :class:`~medlib.imaging.volumes.Volume` has it.

    Raises
    ------
    DataError
        If the array is of another shape or not finite, or the affine cannot be that of a right-angled grid.

    Examples
    --------
    >>> DisplacementField(np.zeros((3, 4, 3, 2)), np.diag([1.0, 1.0, 2.0, 1.0])).grid.spacing
    (2.0, 1.0, 1.0)
    """

    array: NDArray
    affine: NDArray[np.float64]

    def __post_init__(self):
        if np.ndim(self.array) != 4 or len(self.array) != 3:
            raise DataError(f"Displacements have shape {np.shape(self.array)}; give (3, z, y, x), in mm.")
        if not np.isfinite(self.array).all():
            raise DataError("Displacements are not all finite; give numbers of mm.")
        if self.grid.sheared:
            raise DataError(
                "The grid of the displacements is sheared, which ITK cannot express; use a right-angled one."
            )

    @property
    def grid(self) -> Volume:
        """The grid, as a volume of the displacements to the right."""
        return Volume(self.array[0], self.affine)


@dataclasses.dataclass(frozen=True)
class Transform:
    """Where in the moving space each point of the fixed space lies, in mm (RAS+).

    Images are pulled: the value at a point of the fixed grid is that of the moving image at the transformed point.

    Attributes
    ----------
    parts : tuple of (ndarray of float64, shape (4, 4)) or DisplacementField
        Applied one after the other, the first first; a matrix maps (x, y, z, 1) in mm. None: the identity.
    fixed, moving : str
        Names of the two spaces, such as "baseline" and "follow-up", which :func:`compose` compares.

    Raises
    ------
    DataError
        If a matrix is not affine, not finite or cannot be inverted.

    Examples
    --------
    >>> to_the_head = np.eye(4)
    >>> to_the_head[2, 3] = 5
    >>> to_sitk_transform(Transform((to_the_head,), "atlas", "patient")).TransformPoint((1.0, 2.0, 3.0))
    (1.0, 2.0, 8.0)
    """

    parts: tuple[NDArray | DisplacementField, ...] = ()
    fixed: str = "fixed"
    moving: str = "moving"

    def __post_init__(self):
        for part in self.parts:
            if not isinstance(part, DisplacementField):
                # A matrix of mm to mm has to be what the affine of a volume has to be.
                Volume(np.zeros((1, 1, 1)), part)


def compose(first: Transform, second: Transform) -> Transform:
    """Make one transform of two.

    Parameters
    ----------
    first, second : Transform
        From A to B, and from B to C.

    Returns
    -------
    Transform
        From A to C. Images are not interpolated twice: neither has been applied to any.

    Raises
    ------
    UsageError
        If the second does not begin in the space in which the first ends.

    Examples
    --------
    >>> atlas = compose(Transform(fixed="patient", moving="mean"), Transform(fixed="mean", moving="atlas"))
    >>> atlas.fixed, atlas.moving
    ('patient', 'atlas')
    """
    if first.moving != second.fixed:
        names = f"{first.fixed!r} to {first.moving!r}, the second from {second.fixed!r} to {second.moving!r}"
        raise UsageError(f"The first transform goes from {names}; give two that meet, or invert() one of them.")
    return Transform((*first.parts, *second.parts), first.fixed, second.moving)


def from_voxels(displacement: ArrayLike, grid: Volume, fixed: str = "fixed", moving: str = "moving") -> Transform:
    """Make a transform of displacements in voxels, as networks give them.

    Parameters
    ----------
    displacement : array_like, shape (3, z, y, x)
        In voxels along the axes of the array, z first, as MONAI's VoxelMorph has it.
    grid : Volume
        Whose voxels these are.
    fixed, moving : str
        Names of the spaces.

    Returns
    -------
    Transform
        A field on the grid and one voxel beyond it on all sides, where the displacement is that of the border.

    Raises
    ------
    UsageError
        If the displacement is of another shape than the grid.

    Examples
    --------
    >>> along_z = np.stack([np.ones((2, 2, 2)), np.zeros((2, 2, 2)), np.zeros((2, 2, 2))])
    >>> grid = Volume(np.zeros((2, 2, 2)), np.diag([1.0, 1.0, 3.0, 1.0]))
    >>> to_sitk_transform(from_voxels(along_z, grid)).TransformPoint((0.0, 0.0, 0.0))
    (0.0, 0.0, 3.0)
    """
    displacement = np.asarray(displacement, dtype=np.float64)
    if displacement.shape != (3, *grid.array.shape):
        shapes = f"{displacement.shape} for a grid of {grid.array.shape}"
        raise UsageError(f"The displacement has shape {shapes}; give (3, z, y, x), in voxels.")
    in_mm = np.einsum("ij,j...->i...", grid.affine[:3, :3], displacement[::-1])
    padded = np.pad(in_mm, [(0, 0), (1, 1), (1, 1), (1, 1)], mode="edge")
    affine = grid.affine.copy()
    affine[:3, 3] -= affine[:3, :3].sum(axis=1)
    return Transform((DisplacementField(padded, affine),), fixed, moving)


def to_sitk_transform(transform: Transform):
    """Make a SimpleITK transform.

    Parameters
    ----------
    transform : Transform

    Returns
    -------
    SimpleITK.CompositeTransform
        That maps the same points, in LPS as ITK counts.

    Examples
    --------
    >>> to_sitk_transform(Transform((np.diag([1.0, 1.0, 2.0, 1.0]),))).TransformPoint((1.0, 1.0, 1.0))
    (1.0, 1.0, 2.0)
    """
    import SimpleITK as sitk

    # ITK applies the last that was added first.
    parts = [_part_to_sitk(part) for part in reversed(transform.parts)]
    return sitk.CompositeTransform(parts or [sitk.TranslationTransform(3)])


def from_sitk_transform(
    transform, *, grid: Volume | None = None, fixed: str = "fixed", moving: str = "moving"
) -> Transform:
    """Make a transform of one of SimpleITK's.

    Parameters
    ----------
    transform : SimpleITK.Transform
        3-D. Linear ones become matrices, displacement fields fields, and composites all that they are made of.
    grid : Volume, optional
        Where any other transform, such as B-splines, is sampled.
    fixed, moving : str
        Names of the spaces; the transform does not know them.

    Returns
    -------
    Transform

    Raises
    ------
    UsageError
        If the transform is not 3-D, or neither linear nor a field and there is no grid.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from_sitk_transform(sitk.TranslationTransform(3, (1.0, 2.0, 3.0))).parts[0][:3, 3].tolist()
    [-1.0, -2.0, 3.0]
    """
    if transform.GetDimension() != 3:
        raise UsageError(f"The transform is {transform.GetDimension()}-D; give one of three dimensions.")
    return Transform(tuple(_parts_from_sitk(transform, grid)), fixed, moving)


def grid_to_sitk(grid: Volume):
    """Make an empty SimpleITK image that lies where a volume does.

    Parameters
    ----------
    grid : Volume
        Not sheared.

    Returns
    -------
    SimpleITK.Image
        Of zeros (uint8), with the size, spacing, origin and direction of the grid.

    Examples
    --------
    >>> grid_to_sitk(Volume(np.ones((4, 3, 2)), np.eye(4))).GetSize()
    (2, 3, 4)
    """
    return volumes.to_sitk(dataclasses.replace(grid, array=np.zeros(grid.array.shape, np.uint8)))


def sample_sitk(transform, grid: Volume) -> NDArray[np.float64]:
    """Displacements of the centres of voxels by a SimpleITK transform.

    Parameters
    ----------
    transform : SimpleITK.Transform
    grid : Volume
        Not sheared.

    Returns
    -------
    ndarray of float64, shape (3, z, y, x)
        In mm, RAS+.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> sample_sitk(sitk.TranslationTransform(3, (1.0, 2.0, 3.0)), Volume(np.zeros((1, 1, 1)), np.eye(4))).ravel()
    array([-1., -2.,  3.])
    """
    import SimpleITK as sitk

    image = grid_to_sitk(grid)
    geometry = image.GetSize(), image.GetOrigin(), image.GetSpacing(), image.GetDirection()
    field = sitk.TransformToDisplacementField(transform, sitk.sitkVectorFloat64, *geometry)
    return _to_ras(sitk.GetArrayFromImage(field))


def _part_to_sitk(part: NDArray | DisplacementField):
    import SimpleITK as sitk

    if isinstance(part, DisplacementField):
        image = sitk.GetImageFromArray(_from_ras(part.array), isVector=True)
        image.CopyInformation(grid_to_sitk(part.grid))
        return sitk.DisplacementFieldTransform(image)
    matrix = _LPS @ part @ _LPS
    return sitk.AffineTransform(matrix[:3, :3].ravel().tolist(), matrix[:3, 3].tolist())


def _parts_from_sitk(transform, grid: Volume | None) -> list:
    import SimpleITK as sitk

    transform = transform.Downcast()
    if isinstance(transform, sitk.CompositeTransform):
        inner = [transform.GetNthTransform(index) for index in range(transform.GetNumberOfTransforms())]
        return [part for each in reversed(inner) for part in _parts_from_sitk(each, grid)]
    if isinstance(transform, sitk.DisplacementFieldTransform):
        image = transform.GetDisplacementField()
        affine = volumes.from_sitk(sitk.VectorIndexSelectionCast(image, 0)).affine
        return [DisplacementField(_to_ras(sitk.GetArrayFromImage(image)), affine)]
    if transform.IsLinear():
        corners = np.array([transform.TransformPoint(point) for point in np.vstack([np.zeros(3), np.eye(3)]).tolist()])
        matrix = np.eye(4)
        matrix[:3, 3] = corners[0]
        matrix[:3, :3] = (corners[1:] - corners[0]).T
        return [_LPS @ matrix @ _LPS]
    if grid is None:
        raise UsageError(f"{transform.GetName()} is neither linear nor a displacement field; give a grid.")
    return [DisplacementField(sample_sitk(transform, grid), grid.affine)]


def _to_ras(array: NDArray) -> NDArray[np.float64]:
    """Vectors as ITK has them, shape (z, y, x, 3), LPS, to (3, z, y, x), RAS."""
    return np.moveaxis(array * np.array([-1.0, -1.0, 1.0]), -1, 0)


def _from_ras(array: NDArray) -> NDArray[np.float64]:
    return np.ascontiguousarray(np.moveaxis(array, 0, -1) * np.array([-1.0, -1.0, 1.0]))
