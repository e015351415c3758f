"""Smooth, invertible deformations as the flow of a velocity, in torch, in voxels of a grid."""

import math
import warnings

import torch
from torch import Tensor
from torch.nn import functional


def warp(image: Tensor, displacement: Tensor) -> Tensor:
    """Pull an image through a displacement, linearly; beyond the border is the value of the border.

    Parameters
    ----------
    image : Tensor, shape (batch, channel, [z,] y, x)
    displacement : Tensor, shape (batch, 2 or 3, [z,] y, x)
        In voxels along the axes of the image, the first axis first.

    Returns
    -------
    Tensor
        Of the shape of the image: the value at each voxel is that at the voxel plus its displacement.

    Examples
    --------
    >>> warp(torch.arange(4.0).reshape(1, 1, 1, 4), torch.tensor([0.0, 1.0]).reshape(1, 2, 1, 1).expand(1, 2, 1, 4))
    tensor([[[[1., 2., 3., 3.]]]])
    """
    with warnings.catch_warnings():
        # MONAI tells each time that it has torch do it.
        warnings.simplefilter("ignore", UserWarning)
        from monai.networks.blocks import Warp

        return Warp(padding_mode="border")(image, displacement)


def integrate(velocity: Tensor, *, n_squarings: int = 6) -> Tensor:
    """Follow a velocity that does not change for one unit of time, by scaling and squaring.

    The flow is one-to-one, whatever the velocity, as long as it is smooth on the scale of a voxel; that of the negative
    velocity is its inverse.

    Parameters
    ----------
    velocity : Tensor, shape (batch, 2 or 3, [z,] y, x)
        In voxels per unit of time, along the axes of the grid, the first axis first.
    n_squarings : int
        The first of 2 ** n_squarings steps is taken to be straight.

    Returns
    -------
    Tensor
        Displacement in voxels, of the shape of the velocity.

    References
    ----------
    Arsigny V, Commowick O, Pennec X, Ayache N (2006), A log-Euclidean framework for statistics on diffeomorphisms,
    MICCAI, 924-931.

    Examples
    --------
    >>> integrate(torch.full((1, 2, 4, 4), 0.5))[0, 0, 0]
    tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """
    displacement = velocity / 2**n_squarings
    for _ in range(n_squarings):
        displacement = displacement + warp(displacement, displacement)
    return displacement


def smooth(field: Tensor, sigma: float) -> Tensor:
    """Smooth each channel by a Gaussian; beyond the border is the value of the border.

    Parameters
    ----------
    field : Tensor, shape (batch, channel, [z,] y, x)
    sigma : float
        Standard deviation in voxels; 0 leaves the field as it is.

    Returns
    -------
    Tensor
        Of the shape of the field.

    Examples
    --------
    >>> smooth(torch.ones(1, 1, 5, 5), 1.5).round(decimals=5).unique()
    tensor([1.])
    """
    if sigma == 0:
        return field
    reach = math.ceil(3 * sigma)
    weights = torch.softmax(-0.5 * (torch.arange(-reach, reach + 1, dtype=field.dtype) / sigma) ** 2, dim=0).tolist()
    for axis in range(2, field.ndim):
        field = _weighted_neighbours(field, axis, weights)
    return field


def window_mean(field: Tensor, window: int) -> Tensor:
    """Mean within windows around each voxel; beyond the border is zero.

    Parameters
    ----------
    field : Tensor, shape (batch, channel, [z,] y, x)
    window : int
        Voxels along each axis, odd.

    Returns
    -------
    Tensor
        Of the shape of the field.

    Examples
    --------
    >>> window_mean(torch.ones(1, 1, 3, 3), 3)[0, 0, :, 1]
    tensor([0.6667, 1.0000, 0.6667])
    """
    for axis in range(2, field.ndim):
        field = _weighted_neighbours(field, axis, [1 / window] * window, mode="constant")
    return field


def gradient(image: Tensor) -> Tensor:
    """Slopes along the axes by central differences; beyond the border is the value of the border.

    Parameters
    ----------
    image : Tensor, shape (batch, 1, [z,] y, x)

    Returns
    -------
    Tensor, shape (batch, 2 or 3, [z,] y, x)
        For a voxel, the first axis first.

    Examples
    --------
    >>> gradient(torch.arange(5.0).reshape(1, 1, 1, 5))[0, 1]
    tensor([[0.5000, 1.0000, 1.0000, 1.0000, 0.5000]])
    """
    return torch.cat([_weighted_neighbours(image, axis, [-0.5, 0, 0.5]) for axis in range(2, image.ndim)], dim=1)


def resize(field: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Bring displacements or velocities in voxels to a finer or coarser grid between the same outermost points.

    Parameters
    ----------
    field : Tensor, shape (batch, 2 or 3, [z,] y, x)
        In voxels of its own grid.
    shape : tuple of int
        Of the new grid, ([z,] y, x).

    Returns
    -------
    Tensor
        In voxels of the new grid.

    Examples
    --------
    >>> resize(torch.ones(1, 2, 3, 3), (5, 5))[0, :, 2, 2]
    tensor([2., 2.])
    """
    mode = {2: "bilinear", 3: "trilinear"}[field.ndim - 2]
    resized = functional.interpolate(field, size=shape, mode=mode, align_corners=True)
    steps = [(new - 1) / max(old - 1, 1) for new, old in zip(shape, field.shape[2:], strict=True)]
    return resized * torch.tensor(steps, dtype=field.dtype, device=field.device).reshape(1, -1, *[1] * len(shape))


def _weighted_neighbours(field: Tensor, axis: int, weights: list[float], mode: str = "replicate") -> Tensor:
    """Weighted sum of the voxels along an axis; several times as fast on a CPU as a convolution."""
    reach = len(weights) // 2
    padding = [0] * (2 * (field.ndim - 2))
    padding[2 * (field.ndim - 1 - axis)] = padding[2 * (field.ndim - 1 - axis) + 1] = reach
    padded = functional.pad(field, padding, mode=mode)
    shifted = [padded.narrow(axis, first, field.shape[axis]) for first in range(len(weights))]
    total = shifted[0] * weights[0]
    for each, weight in zip(shifted[1:], weights[1:], strict=True):
        if weight:
            total = total.add(each, alpha=weight)
    return total
