"""Registration by gradient descent in torch: parameters of one pair of images, found from this pair alone."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from medlib.errors import UsageError
from medlib.imaging import similarity, transforms, velocity_fields, volumes, warping
from medlib.imaging.similarity import Loss
from medlib.imaging.transforms import Transform
from medlib.imaging.volumes import Volume


@dataclasses.dataclass(frozen=True)
class Level:
    """One of the grids from coarse to fine on which an optimisation works.

    Attributes
    ----------
    spacing : float
        Of the grid in mm, the same along all axes.
    n_iterations : int
    """

    spacing: float
    n_iterations: int


def optimise_affine(
    fixed: Volume,
    moving: Volume,
    *,
    start: Transform | None = None,
    loss: Loss | None = None,
    mask: NDArray | None = None,
    levels: Sequence[Level] = (Level(8.0, 60), Level(4.0, 40)),
    learning_rate: float = 0.02,
    device: str = "cpu",
) -> Transform:
    """Find the affine transform of the least loss.

    Parameters
    ----------
    fixed, moving : Volume
        Not sheared. Of one slice both, or of more both.
    start : Transform, optional
        From the fixed to the moving space; the affine one comes before it. Default: the identity.
    loss : callable, optional
        Of fixed image, moved image and weights to a number. Default: ``similarity.local_correlation(5)``.
    mask : ndarray of bool, shape (z, y, x), optional
        Where in ``fixed`` the loss counts: the body and a few voxels around it, whose edge is worth much.
    levels : sequence of Level
        Coarse to fine.
    learning_rate : float
        Of Adam; a step moves the border of the image by about this share of its half width.
    device : str

    Returns
    -------
    Transform
        A matrix, and the parts of ``start``.

    Examples
    --------
    >>> blob = lambda middle: np.exp(-((np.indices((16, 16, 16)) - middle) ** 2).sum(axis=0) / 20)
    >>> pair = Volume(blob(7.5), np.eye(4)), Volume(blob(8.5), np.eye(4))
    >>> found = optimise_affine(*pair, loss=similarity.mean_squares, levels=[Level(1.0, 60)])
    >>> warping.map_points(found, [[7.5, 7.5, 7.5]]).round(1)
    array([[8.5, 8.5, 8.5]])
    """
    start = _checked_start(fixed, moving, start)
    loss = loss or similarity.local_correlation()
    matrix = torch.zeros(3, 4, device=device, requires_grad=True)
    centre, reach = _centre_and_reach(fixed)
    free = torch.ones(3, 4, device=device)
    if fixed.array.shape[0] == 1:
        free[2] = free[:, 2] = 0
    for level in levels:
        pair, weight, grid = _working_images(fixed, moving, start, mask, level.spacing, device)
        optimiser = torch.optim.Adam([matrix], lr=learning_rate)
        places = _unit_places(grid, centre, reach, device)
        for _ in range(level.n_iterations):
            optimiser.zero_grad()
            step = torch.einsum("ij,j...->i...", matrix * free, places) * reach
            moved = velocity_fields.warp(pair[1], _to_voxels(step, grid))
            loss(pair[0], moved, weight).backward()
            optimiser.step()
    return transforms.compose(_affine(matrix * free, centre, reach, start), start)


@torch.no_grad()
def optimise_velocity(
    fixed: Volume,
    moving: Volume,
    *,
    start: Transform | None = None,
    loss: Loss | None = None,
    mask: NDArray | None = None,
    levels: Sequence[Level] = (Level(8.0, 60), Level(4.0, 60), Level(2.0, 30)),
    control: float = 2.0,
    step: float = 0.15,
    fluid: float = 1.0,
    elastic: float = 0.5,
    device: str = "cpu",
) -> Transform:
    """Find the smooth, invertible deformation of the least loss: the flow of a velocity.

    Parameters
    ----------
    fixed, moving : Volume
        Not sheared. Of one slice both, or of more both.
    start : Transform, optional
        From the fixed to the moving space, close enough for the loss to have a slope. Default: the identity.
    loss : callable, optional
        Of fixed image, moved image and weights to a number. Default: ``similarity.local_correlation(5)``.
    mask : ndarray of bool, shape (z, y, x), optional
        Where in ``fixed`` the loss counts: the body and a few voxels around it, whose edge is worth much.
    levels : sequence of Level
        Coarse to fine.
    control : float
        Distance of the points where the velocity is free, in voxels of the level.
    step : float
        Of Adam, in distances of these points: how far one iteration moves a point at most, about.
    fluid, elastic : float
        Standard deviations, in distances of these points, by which each step and the whole velocity are smoothed. The
        first lets large deformations grow slowly; the second pulls all of them back, and makes the body stiffer.
    device : str

    Returns
    -------
    Transform
        A displacement field on the last grid, and the parts of ``start``.

    Notes
    -----
    The slope of the loss is taken at the moved image and multiplied by the slope of this image, which is the force on
    each voxel; adding a step to the velocity stands for going that step after the flow, to first order. So nothing is
    differentiated but the loss.

    References
    ----------
    Vercauteren T, Pennec X, Perchant A, Ayache N (2008), Symmetric log-domain diffeomorphic registration: a
    demons-based approach, MICCAI, 754-761. Lorenzi M, Ayache N, Frisoni GB, Pennec X (2013), LCC-Demons: a robust and
    accurate symmetric diffeomorphic registration algorithm, NeuroImage 81, 470-483. Kingma DP, Ba J (2015), Adam.

    Examples
    --------
    >>> blob = lambda middle: np.exp(-((np.indices((16, 16, 16)) - middle) ** 2).sum(axis=0) / 20)
    >>> pair = Volume(blob(7.5), np.eye(4)), Volume(blob(8.5), np.eye(4))
    >>> found = optimise_velocity(*pair, loss=similarity.mean_squares, levels=[Level(1.0, 60)])
    >>> bool(np.abs(warping.map_points(found, [[7.5, 7.5, 7.5]]) - 8.5).max() < 0.3)
    True
    """
    start = _checked_start(fixed, moving, start)
    loss = loss or similarity.local_correlation()
    velocity, whole = None, fixed
    if mask is not None:
        fixed, mask = _cropped(fixed, np.asarray(mask, bool), 2 * levels[0].spacing)
    for level in levels:
        pair, weight, grid = _working_images(fixed, moving, start, mask, level.spacing, device)
        coarse = tuple(max(round(size / control), 2) for size in weight.shape[2:])
        velocity = _begin(velocity, coarse, device)
        optimiser = torch.optim.Adam([velocity], lr=step, betas=(0.8, 0.95), eps=1e-3)
        scale = None
        for _ in range(level.n_iterations):
            force = velocity_fields.smooth(_force(*pair, weight, velocity, loss, control), fluid)
            # Adam takes all slopes to be of one size; by this scale, those of no consequence stay small.
            scale = scale or max(float(force.square().mean().sqrt()), 1e-30)
            velocity.grad = force / scale
            optimiser.step()
            velocity.copy_(velocity_fields.smooth(velocity, elastic))
    flow = velocity_fields.resize(velocity_fields.integrate(velocity), tuple(weight.shape[2:]))
    return transforms.compose(_field(flow, grid, whole, start), start)


def _force(fixed: Tensor, moving: Tensor, weight: Tensor, velocity: Tensor, loss: Loss, control: float) -> Tensor:
    """Slope of the loss with regard to the velocity, on its grid."""
    flow = velocity_fields.resize(velocity_fields.integrate(velocity), tuple(weight.shape[2:]))
    moved = velocity_fields.warp(moving, flow)
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(loss(fixed, moved.requires_grad_(), weight), moved)
    force = velocity_fields.smooth(
        slope * velocity_fields.gradient(moved.detach()), 0.35 * control if control > 1 else 0
    )
    mode = {2: "bilinear", 3: "trilinear"}[velocity.shape[1]]
    return functional.interpolate(force, size=velocity.shape[2:], mode=mode, align_corners=True)


def _checked_start(fixed: Volume, moving: Volume, start: Transform | None) -> Transform:
    n_slices = fixed.array.shape[0], moving.array.shape[0]
    if (n_slices[0] == 1) != (n_slices[1] == 1):
        raise UsageError(f"The volumes have {n_slices[0]} and {n_slices[1]} slices; give two of one slice or of more.")
    return start or Transform()


def _working_images(
    fixed: Volume, moving: Volume, start: Transform, mask: NDArray | None, spacing: float, device: str
) -> tuple[tuple[Tensor, Tensor], Tensor, Volume]:
    """Both images on one grid, scaled by the range of the fixed one, and the weight of each voxel."""
    steps = (spacing,) * 3 if fixed.array.shape[0] > 1 else (fixed.spacing[0], spacing, spacing)
    grid = volumes.resample(_blurred(fixed, spacing), steps)
    moved = warping.warp(_blurred(moving, spacing), start, grid)
    seen = warping.warp(
        dataclasses.replace(moving, array=np.ones(moving.array.shape, np.float32)), start, grid, outside=0
    )
    weight = seen.array
    if mask is not None:
        inside = dataclasses.replace(fixed, array=np.asarray(mask, np.float32))
        weight = weight * volumes.resample(inside, steps).array
    if not weight.sum() > 0:
        raise UsageError("The images do not overlap after the start, or not within the mask; give a better start.")
    low, high = np.percentile(grid.array, [0.5, 99.5])
    pair = tuple(_tensor((volume.array - low) / max(high - low, 1e-9), device) for volume in (grid, moved))
    return pair, _tensor(weight, device), grid


def _blurred(volume: Volume, spacing: float) -> Volume:
    """Without the details that a grid of the spacing cannot hold."""
    from scipy import ndimage

    sigma = [0.5 * max((spacing / own) ** 2 - 1, 0) ** 0.5 if volume.array.shape[0] > 1 or axis else 0
             for axis, own in enumerate(volume.spacing)]  # fmt: skip
    return dataclasses.replace(volume, array=ndimage.gaussian_filter(volume.array.astype(np.float32), sigma))


def _tensor(array: NDArray, device: str) -> Tensor:
    """Shape (1, 1, z, y, x), or (1, 1, y, x) for one slice."""
    array = array[0] if len(array) == 1 else array
    return torch.as_tensor(np.ascontiguousarray(array, np.float32), device=device)[None, None]


def _begin(velocity: Tensor | None, shape: tuple[int, ...], device: str) -> Tensor:
    if velocity is None:
        return torch.zeros(1, len(shape), *shape, device=device)
    return velocity_fields.resize(velocity, shape)


def _centre_and_reach(fixed: Volume) -> tuple[NDArray, float]:
    """Middle of a volume in mm, and half of its longest side."""
    size = np.array(fixed.array.shape[::-1])
    centre = fixed.affine[:3, :3] @ ((size - 1) / 2) + fixed.affine[:3, 3]
    return centre, float(np.max(size * fixed.spacing[::-1]) / 2)


def _unit_places(grid: Volume, centre: NDArray, reach: float, device: str) -> Tensor:
    """Voxels in mm from the centre, as shares of the reach, and 1; shape (4, [z,] y, x)."""
    indices = np.indices(grid.array.shape)[::-1]
    places = np.einsum("ij,j...->i...", grid.affine[:3, :3], indices)
    places += (grid.affine[:3, 3] - centre).reshape(3, 1, 1, 1)
    whole = np.concatenate([places / reach, np.ones((1, *grid.array.shape))])
    return torch.as_tensor(whole[:, 0] if grid.array.shape[0] == 1 else whole, dtype=torch.float32, device=device)


def _to_voxels(step: Tensor, grid: Volume) -> Tensor:
    """Displacements in mm, shape (3, [z,] y, x), in voxels, z first, shape (1, 2 or 3, [z,] y, x)."""
    inverse = torch.as_tensor(np.linalg.inv(grid.affine[:3, :3]), dtype=step.dtype, device=step.device)
    voxels = torch.einsum("ij,j...->i...", inverse, step).flip(0)
    return voxels[None, 3 - (step.ndim - 1) :]


def _affine(matrix: Tensor, centre: NDArray, reach: float, start: Transform) -> Transform:
    found = matrix.detach().cpu().numpy().astype(np.float64)
    whole = np.eye(4)
    whole[:3, :3] += found[:, :3]
    whole[:3, 3] = reach * found[:, 3] - found[:, :3] @ centre
    return Transform((whole,), start.fixed, start.fixed)


def _cropped(fixed: Volume, mask: NDArray, margin: float) -> tuple[Volume, NDArray]:
    """The box around a mask, and a margin in mm."""
    if not mask.any():
        raise UsageError("The mask is empty; give one with some voxels.")
    places = np.argwhere(mask)
    reach = np.ceil(margin / np.array(fixed.spacing)).astype(int)
    first = np.maximum(places.min(axis=0) - reach, 0)
    box = tuple(slice(low, high) for low, high in zip(first, places.max(axis=0) + reach + 1, strict=True))
    affine = fixed.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ first[::-1]
    return dataclasses.replace(fixed, array=fixed.array[box], affine=affine), mask[box]


def _field(flow: Tensor, grid: Volume, whole: Volume, start: Transform) -> Transform:
    """Of a flow on a part of the whole grid; beyond it, the displacement is that of its border."""
    displacement = flow[0].cpu().numpy()
    if len(displacement) == 2:
        displacement = np.stack([np.zeros_like(displacement[0]), *displacement])[:, None]
    to_grid = np.linalg.inv(grid.affine) @ whole.affine
    low = to_grid[:3, 3][::-1]
    high = (to_grid @ [*(np.array(whole.array.shape[::-1]) - 1), 1])[2::-1] - (np.array(grid.array.shape) - 1)
    widths = np.stack([np.maximum(np.ceil(-low), 0), np.maximum(np.ceil(high), 0)], axis=1).astype(int)
    affine = grid.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ widths[::-1, 0]
    padded = np.pad(displacement, [(0, 0), *widths], mode="edge")
    return transforms.from_voxels(padded, Volume(padded[0], affine), start.fixed, start.fixed)
