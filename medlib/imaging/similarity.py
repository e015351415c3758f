"""How unlike two images are, as a number that torch can minimise."""

from collections.abc import Callable

import torch
from torch import Tensor

from medlib.errors import UsageError
from medlib.imaging import velocity_fields

#: Of the fixed image, the moved image and the weight of each voxel, all of shape (1, 1, [z,] y, x), to a number.
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def mean_squares(fixed: Tensor, moving: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of squared differences, for images whose values mean the same.

    Parameters
    ----------
    fixed, moving, weight : Tensor, shape (1, 1, [z,] y, x)

    Returns
    -------
    Tensor
        One number, 0 for equal images.

    Examples
    --------
    >>> mean_squares(torch.tensor([1.0, 0.0]), torch.tensor([3.0, 9.0]), torch.tensor([1.0, 0.0]))
    tensor(4.)
    """
    return ((fixed - moving).square() * weight).sum() / weight.sum()


def local_correlation(window: int = 5, *, least_variance: float = 1e-4) -> Loss:
    """Make the loss of one minus the squared correlation within windows, for images whose contrast is alike locally.

    Parameters
    ----------
    window : int
        Voxels along each axis, odd. Only voxels of some weight count in it.
    least_variance : float
        Added to the variances of the windows: windows that vary less have little say. Images are of the order of 1.

    Returns
    -------
    callable
        Of ``fixed``, ``moving`` and ``weight``, shape (1, 1, [z,] y, x), to a number between 0 and 1.

    Raises
    ------
    UsageError
        If the window is not odd, or smaller than 3.

    References
    ----------
    Avants BB, Epstein CL, Grossman M, Gee JC (2008), Symmetric diffeomorphic image registration with cross-correlation,
    Medical Image Analysis 12(1), 26-41.

    Examples
    --------
    >>> image = torch.rand(1, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    >>> bool(local_correlation(3)(image, 5 - 2 * image, torch.ones_like(image)) < 0.02)
    True
    """
    if window < 3 or window % 2 == 0:
        raise UsageError(f"window is {window}; give an odd number of voxels from 3 up.")

    def loss(fixed: Tensor, moving: Tensor, weight: Tensor) -> Tensor:
        images = [fixed, moving, fixed * fixed, moving * moving, fixed * moving]
        sums = velocity_fields.window_mean(torch.cat([weight, *[image * weight for image in images]], dim=1), window)
        within = sums[:, :1].clamp_min(1e-6)
        a, b, aa, bb, ab = (sums[:, 1:] / within).split(1, dim=1)
        variances = (aa - a * a).clamp_min(0) + least_variance, (bb - b * b).clamp_min(0) + least_variance
        squared = (ab - a * b).square() / (variances[0] * variances[1])
        return 1 - (squared * weight).sum() / weight.sum()

    return loss
