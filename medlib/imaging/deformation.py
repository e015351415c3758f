"""What a deformation does to space: how it changes volumes, where it folds, and deformations of known truth."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medlib.errors import UsageError
from medlib.imaging import transforms, warping
from medlib.imaging.transforms import Transform
from medlib.imaging.volumes import Volume


def jacobian_determinant(transform: Transform, grid: Volume) -> NDArray[np.float64]:
    """How many times as large a small volume at each voxel is in the moving space.

    Parameters
    ----------
    transform : Transform
    grid : Volume
        In the fixed space. Of one slice: how many times as large a small area is.

    Returns
    -------
    ndarray of float64, shape (z, y, x)
        Above 1 where the moving space is larger, below 1 where it is smaller; 0 and below where space is folded.
        By central differences between neighbouring voxels, one-sided at the border.

    Examples
    --------
    >>> doubled = Transform((np.diag([2.0, 1.0, 1.0, 1.0]),))
    >>> jacobian_determinant(doubled, Volume(np.zeros((2, 2, 2)), np.eye(4))).max()
    np.float64(2.0)
    """
    moved = warping.displacements(transform, grid)
    steps = np.zeros((*grid.array.shape, 3, 3))
    for index in range(3):
        steps[..., index] = grid.affine[:3, index]
        axis = 2 - index
        if grid.array.shape[axis] > 1:
            steps[..., index] += np.moveaxis(np.gradient(moved, axis=1 + axis), 0, -1)
    return np.linalg.det(steps) / np.linalg.det(grid.affine[:3, :3])


def regularity(transform: Transform, grid: Volume, mask: ArrayLike | None = None) -> dict[str, float]:
    """How smooth a deformation is, in the two numbers of the Learn2Reg challenge.

    Parameters
    ----------
    transform : Transform
    grid : Volume
        In the fixed space.
    mask : array_like of bool, shape (z, y, x), optional
        Which voxels count. Default: all.

    Returns
    -------
    dict of str to float
        ``folded_share``, of the voxels whose Jacobian determinant is not above 0, between 0 and 1; and
        ``sd_log_jacobian``, the standard deviation of its logarithm over the others: 0 for a linear transform.

    Raises
    ------
    UsageError
        If the mask is of another shape than the grid, or empty.

    References
    ----------
    Hering A et al. (2023), Learn2Reg: comprehensive multi-task medical image registration challenge, dataset and
    evaluation in the era of deep learning, IEEE Transactions on Medical Imaging 42(3), 697-712.

    Examples
    --------
    >>> regularity(Transform(), Volume(np.zeros((3, 3, 3)), np.eye(4)))
    {'folded_share': 0.0, 'sd_log_jacobian': 0.0}
    """
    mask = np.ones(grid.array.shape, bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != grid.array.shape or not mask.any():
        raise UsageError(f"The mask has shape {mask.shape} and {mask.sum()} voxels; give some of {grid.array.shape}.")
    determinant = jacobian_determinant(transform, grid)[mask]
    whole = determinant[determinant > 0]
    spread = float(np.log(whole).std()) if whole.size else float("nan")
    return {"folded_share": float(np.mean(determinant <= 0)), "sd_log_jacobian": spread}


def landmark_errors(transform: Transform, fixed_points: ArrayLike, moving_points: ArrayLike) -> NDArray[np.float64]:
    """Distances between where landmarks are and where the transform says that they are: target registration errors.

    Parameters
    ----------
    transform : Transform
    fixed_points, moving_points : array_like, shape (n, 3)
        The same places of the body in both spaces, in mm, RAS+.

    Returns
    -------
    ndarray of float64, shape (n,)
        In mm, in the moving space.

    Raises
    ------
    UsageError
        If there are not as many points in one space as in the other.

    References
    ----------
    Fitzpatrick JM, West JB (2001), The distribution of target registration error in rigid-body point-based
    registration, IEEE Transactions on Medical Imaging 20(9), 917-927.

    Examples
    --------
    >>> landmark_errors(Transform(), [[0, 0, 0]], [[3, 4, 0]])
    array([5.])
    """
    if np.shape(fixed_points) != np.shape(moving_points):
        shapes = f"{np.shape(fixed_points)} and {np.shape(moving_points)}"
        raise UsageError(f"The landmarks have shapes {shapes}; give as many in one space as in the other.")
    return np.linalg.norm(warping.map_points(transform, fixed_points) - np.asarray(moving_points, dtype=float), axis=1)


def random_warp(
    grid: Volume,
    rng: np.random.Generator,
    *,
    distance: float,
    amplitude: float,
    fixed: str = "fixed",
    moving: str = "moving",
) -> Transform:
    """Make a smooth and invertible deformation of known truth.

    Parameters
    ----------
    grid : Volume
        In the fixed space; of one slice, the deformation stays in it.
    rng : numpy.random.Generator
    distance : float
        Of the random velocities from each other in mm, cubically interpolated between: the scale of the deformation.
    amplitude : float
        Root mean square of the velocities in mm, and nearly that of the displacements.
    fixed, moving : str
        Names of the spaces.

    Returns
    -------
    Transform
        A displacement field on the grid: the flow of the velocity.

    Raises
    ------
    UsageError
        If the distance or the amplitude is not above 0.

    Examples
    --------
    >>> grid = Volume(np.zeros((16, 16, 16)), np.eye(4))
    >>> bent = random_warp(grid, np.random.default_rng(0), distance=8, amplitude=1)
    >>> round(float(np.square(warping.displacements(bent, grid)).sum(axis=0).mean() ** 0.5), 1)
    1.0
    >>> regularity(bent, grid)["folded_share"]
    0.0
    """
    import torch
    from scipy import ndimage

    from medlib.imaging import velocity_fields

    if not (distance > 0 and amplitude > 0):
        raise UsageError(f"distance is {distance} and amplitude {amplitude}; give mm above 0.")
    shape = grid.array.shape if grid.array.shape[0] > 1 else grid.array.shape[1:]
    spacing = np.array(grid.spacing[-len(shape) :])
    steps = [np.arange(size) * step / distance for size, step in zip(shape, spacing, strict=True)]
    # Splines want a value on each side of those between which they run.
    coarse = [int(np.ceil(places[-1])) + 3 for places in steps]
    places = np.meshgrid(*[1 + places for places in steps], indexing="ij")
    random = np.stack(
        [ndimage.map_coordinates(rng.normal(size=coarse), places, order=3, mode="nearest") for _ in shape]
    )
    random *= amplitude / np.square(random).sum(axis=0).mean() ** 0.5
    velocity = random / spacing.reshape(-1, *[1] * len(shape))
    moved = velocity_fields.integrate(torch.as_tensor(velocity)[None])[0].numpy()
    if len(shape) == 2:
        moved = np.stack([np.zeros(shape), *moved])[:, None]
    return transforms.from_voxels(moved, grid, fixed, moving)
