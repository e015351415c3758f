"""Volumes: an array with the affine that says where it lies in the patient, and what keeps the two together."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from medlib.errors import DataError, UsageError

_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # DICOM and SimpleITK count x to the left and y to the back, NIfTI does not
_LETTERS = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
_ORTHOGONAL = 1e-3  # sine of an angle; directions in files are rounded to about six digits


@dataclasses.dataclass(frozen=True)
class Volume:
    """A 3-D image or mask in the coordinates of the patient.

    Attributes
    ----------
    array : ndarray, shape (z, y, x)
        Values in ``unit``.
    affine : ndarray of float64, shape (4, 4)
        Maps voxel indices in the order (x, y, z, 1) to mm, with x to the right of the patient, y to the front and z
        to the head (RAS+), as NIfTI does. Index 0 is the centre of the first voxel.
    unit : {"HU", ""}
        Hounsfield units, or "" for an arbitrary scale.
    modality : str
        As DICOM abbreviates it, such as "CT" or "MR"; "" if unknown.
    warnings : tuple of str
        What was found odd in the source, and how it was dealt with.

    Raises
    ------
    DataError
        If the array is not 3-D or is empty, or if the affine is not finite or cannot be inverted.

    Examples
    --------
    >>> volume = Volume(np.zeros((4, 3, 2)), np.diag([0.5, 0.5, 2.0, 1.0]))
    >>> volume.spacing
    (2.0, 0.5, 0.5)
    >>> volume.orientation
    'RAS'
    """

    array: NDArray
    affine: NDArray[np.float64]
    unit: str = ""
    modality: str = ""
    warnings: tuple[str, ...] = ()

    def __post_init__(self):
        if np.ndim(self.array) != 3 or not np.size(self.array):
            raise DataError(f"The array has shape {np.shape(self.array)}; a volume needs (z, y, x).")
        affine = np.array(self.affine, dtype=np.float64)
        usable = affine.shape == (4, 4) and np.isfinite(affine).all() and np.array_equal(affine[3], [0, 0, 0, 1])
        if not usable or not abs(np.linalg.det(affine)) > 0:
            raise DataError("The affine does not map voxels to space; give a finite 4 x 4 matrix that can be inverted.")
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distances of neighbouring voxels in mm, in the order (z, y, x) of the array's axes."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def orientation(self) -> str:
        """Where x, y and z of the voxel indices point, nearest: three of the letters R, L, A, P, S, I."""
        axes, signs = _nearest_axes(self.affine)
        letters = {place: letter for letter, place in _LETTERS.items()}
        return "".join(letters[axis, sign] for axis, sign in zip(axes, signs, strict=True))

    @property
    def sheared(self) -> bool:
        """Whether voxels are no right-angled boxes, as after a CT scan with a tilted gantry."""
        directions = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        return bool(np.abs(directions.T @ directions - np.eye(3)).max() > _ORTHOGONAL)


def to_orientation(volume: Volume, axes: str = "RAS") -> Volume:
    """Turn a volume by flips and exchanges of axes, without resampling.

    Parameters
    ----------
    volume : Volume
        In any orientation.
    axes : str
        Where the voxel indices x, y and z shall point, nearest: one of R and L, one of A and P, one of S and I, in any
        order.

    Returns
    -------
    Volume
        Each voxel with its value and place in the patient; the array is a copy.

    Raises
    ------
    UsageError
        If ``axes`` does not name three directions.

    Examples
    --------
    >>> volume = Volume(np.arange(3.0).reshape(1, 1, 3), np.diag([-1.0, -1.0, 1.0, 1.0]))
    >>> volume.orientation, to_orientation(volume, "RAS").array.ravel().tolist()
    ('LPS', [2.0, 1.0, 0.0])
    """
    wanted = [_LETTERS.get(letter, (None, 0)) for letter in axes]
    if {axis for axis, _ in wanted} != {0, 1, 2} or len(wanted) != 3:
        raise UsageError(f"axes is {axes!r}; give one of R and L, one of A and P, one of S and I, such as 'RAS'.")
    found, signs = _nearest_axes(volume.affine)
    order = [found.index(axis) for axis, _ in wanted]
    array = volume.array.transpose([2 - index for index in reversed(order)])
    affine = volume.affine[:, [*order, 3]].copy()
    for index, (old, (_, sign)) in enumerate(zip(order, wanted, strict=True)):
        if signs[old] != sign:
            array = np.flip(array, 2 - index)
            affine[:, 3] += affine[:, index] * (array.shape[2 - index] - 1)
            affine[:, index] *= -1
    return dataclasses.replace(volume, array=np.array(array, order="C"), affine=affine)


def to_sitk(volume: Volume):
    """Make a SimpleITK image of a volume.

    Parameters
    ----------
    volume : Volume
        Not sheared; bool becomes uint8, and float16 becomes float32.

    Returns
    -------
    SimpleITK.Image
        With a copy of the values, and the same place in space (LPS, as SimpleITK has it).

    Raises
    ------
    DataError
        If the volume is sheared, which SimpleITK cannot express: resample it first.

    Examples
    --------
    >>> to_sitk(Volume(np.zeros((4, 3, 2)), np.diag([1.0, 1.0, 2.0, 1.0]))).GetSpacing()
    (1.0, 1.0, 2.0)
    """
    import SimpleITK as sitk

    if volume.sheared:
        raise DataError("The volume is sheared, which SimpleITK cannot express; call resample() first.")
    narrow = {np.dtype(bool): np.uint8, np.dtype(np.float16): np.float32}
    array = volume.array.astype(narrow.get(volume.array.dtype, volume.array.dtype), copy=False)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    affine = _LPS @ volume.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


def from_sitk(image, *, unit: str = "", modality: str = "", warnings: tuple[str, ...] = ()) -> Volume:
    """Make a volume of a SimpleITK image.

    Parameters
    ----------
    image : SimpleITK.Image
        3-D, with one value for each voxel.
    unit, modality, warnings
        As :class:`Volume` has them; the image does not know them.

    Returns
    -------
    Volume
        With a copy of the values: a view of an image that goes out of scope would silently change.

    Raises
    ------
    DataError
        If the image is not 3-D, or is a colour or vector image.

    Examples
    --------
    >>> volume = Volume(np.arange(24.0).reshape(4, 3, 2), np.diag([1.0, 1.0, 2.0, 1.0]))
    >>> bool((from_sitk(to_sitk(volume)).array == volume.array).all())
    True
    """
    import SimpleITK as sitk

    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        described = f"{image.GetDimension()}-D with {image.GetNumberOfComponentsPerPixel()} values in each voxel"
        raise DataError(f"The image is {described}; give a 3-D image with one value in each voxel.")
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return Volume(sitk.GetArrayFromImage(image), _LPS @ affine, unit, modality, tuple(warnings))


def resample(
    volume: Volume, spacing: tuple[float, float, float], *, labels: bool = False, max_bytes: int = 2**32
) -> Volume:
    """Bring a volume to another spacing, on a right-angled grid over the same part of the patient.

    Parameters
    ----------
    volume : Volume
        May be sheared; then the new slices stack along the normal of the old.
    spacing : tuple of float
        New distances of voxels in mm, in the order (z, y, x).
    labels : bool
        False: linear interpolation, for images. True: the nearest voxel, for masks and label maps, in which a mean of
        two labels would be a third.
    max_bytes : int
        Largest size of the result that is accepted.

    Returns
    -------
    Volume
        Of the same outer borders, to half of a new voxel; of the same dtype (rounded, if whole numbers). What lies
        outside of a sheared volume is its smallest value, or 0 for labels.

    Raises
    ------
    UsageError
        If the spacing is not three numbers above 0, or the result would be larger than ``max_bytes``.

    Examples
    --------
    >>> coarse = resample(Volume(np.ones((8, 8, 8)), np.eye(4)), (2, 2, 2))
    >>> coarse.array.shape, coarse.affine[:3, 3].tolist()
    ((4, 4, 4), [0.5, 0.5, 0.5])
    """
    import SimpleITK as sitk

    if len(spacing) != 3 or not all(0 < step < np.inf for step in spacing):
        raise UsageError(f"spacing is {spacing}; give three numbers of mm above 0, in the order (z, y, x).")
    affine, size = _grid(volume, np.array(spacing[::-1], dtype=np.float64))
    # Whole numbers become fractions first, for SimpleITK cuts off what linear interpolation puts between them.
    wide = np.float32 if volume.array.dtype.itemsize <= 2 else np.float64
    source = volume.array if volume.array.dtype in (np.float32, np.float64) else volume.array.astype(wide)
    if size.prod(dtype=float) * source.dtype.itemsize > max_bytes:
        raise UsageError(f"A spacing of {spacing} mm makes {size.tolist()} voxels; raise it, or raise max_bytes.")
    # Both grids in units of the old voxels: what a sheared volume needs, and a plain one may as well have.
    image = sitk.GetImageFromArray(np.ascontiguousarray(source))
    indices = np.linalg.inv(volume.affine) @ affine
    transform = sitk.AffineTransform(indices[:3, :3].ravel().tolist(), indices[:3, 3].tolist())
    method = sitk.sitkNearestNeighbor if labels else sitk.sitkLinear
    outside = 0.0 if labels or not volume.sheared else float(volume.array.min())
    extrapolated = sitk.ResampleImageFilter()
    extrapolated.SetSize([int(n) for n in size])
    extrapolated.SetTransform(transform)
    extrapolated.SetInterpolator(method)
    extrapolated.SetDefaultPixelValue(outside)
    # The border voxels reach half a voxel beyond their centres.
    extrapolated.SetUseNearestNeighborExtrapolator(not volume.sheared)
    array = sitk.GetArrayFromImage(extrapolated.Execute(image))
    if not np.issubdtype(volume.array.dtype, np.floating):
        array = np.rint(array, out=array)
    return dataclasses.replace(volume, array=array.astype(volume.array.dtype, copy=False), affine=affine)


def _grid(volume: Volume, spacing: NDArray) -> tuple[NDArray, NDArray]:
    """Affine and size (x, y, z) of a right-angled grid within the outer borders of a volume."""
    x, y = volume.affine[:3, 0], volume.affine[:3, 1]
    x = x / np.linalg.norm(x)
    y = y - x * (x @ y)
    z = np.cross(x, y) * np.sign(np.linalg.det(volume.affine))
    directions = np.stack([x, y / np.linalg.norm(y), z / np.linalg.norm(z)], axis=1)
    corners = np.stack(np.meshgrid(*[(-0.5, n - 0.5) for n in volume.array.shape[::-1]]), axis=-1).reshape(-1, 3)
    reach = (corners @ volume.affine[:3, :3].T) @ directions
    low, high = reach.min(axis=0), reach.max(axis=0)
    size = np.maximum(np.round((high - low) / spacing), 1)
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing
    start = (low + high) / 2 - (size - 1) / 2 * spacing
    affine[:3, 3] = directions @ start + volume.affine[:3, 3]
    return affine, size


def _nearest_axes(affine: NDArray) -> tuple[list[int], list[int]]:
    """For each of the indices x, y and z, the axis of the patient that is nearest, each used once, and its sign."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    left = np.abs(directions)
    axes = [0, 0, 0]
    for _ in range(3):
        axis, index = np.unravel_index(np.argmax(left), left.shape)
        axes[index] = int(axis)
        left[axis, :] = left[:, index] = -1
    return axes, [1 if directions[axis, index] >= 0 else -1 for index, axis in enumerate(axes)]
