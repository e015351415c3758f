"""A residual convolutional network that classifies images or volumes, small enough to read at a sitting."""

from collections.abc import Sequence

import torch
from torch import nn

from medlib.errors import UsageError

_CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}
_BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_POOL = {2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut around them; the first halves each side.

    The network learns what to add to its input, which is easier than to learn its output (He et al. 2016).

    Parameters
    ----------
    channels_in, channels_out : int
    n_dimensions : {2, 3}
    normalization : {"batch", "group"}

    Examples
    --------
    >>> ResidualBlock(16, 32)(torch.zeros(8, 16, 28, 28)).shape
    torch.Size([8, 32, 14, 14])
    """

    def __init__(self, channels_in: int, channels_out: int, n_dimensions: int = 2, normalization: str = "batch"):
        super().__init__()
        convolution = _CONVOLUTION[n_dimensions]
        self.convolutions = nn.Sequential(
            convolution(channels_in, channels_out, 3, stride=2, padding=1, bias=False),
            normalize(channels_out, n_dimensions, normalization),
            nn.ReLU(),
            convolution(channels_out, channels_out, 3, padding=1, bias=False),
            normalize(channels_out, n_dimensions, normalization),
        )
        self.shortcut = convolution(channels_in, channels_out, 1, stride=2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels_in, ...) to (batch, channels_out, ...) of half the sides, rounded up."""
        return torch.relu(self.convolutions(image) + self.shortcut(image))


class ImageClassifier(nn.Module):
    """Classify images (channel, height, width) or volumes (channel, z, y, x) of any size from 4 pixels up.

    A convolution, then residual blocks, each of which halves the sides, then the mean over all places and one linear
    layer. ``blocks`` holds the convolution and the blocks in order; the last one's output is what Grad-CAM looks at.

    Parameters
    ----------
    n_channels, n_classes : int
    n_dimensions : {2, 3}
        2 for images, 3 for volumes.
    widths : sequence of int
        Channels after the first convolution and after each block.
    stride : int
        Of the first convolution: 1 for small images, 2 or 4 where there are pixels enough and time is short.
    normalization : {"batch", "group"}
        Of the activations: over the batch (Ioffe and Szegedy 2015), or over groups of 8 channels of each image (Wu and
        He 2018), which does not depend on the size of the batch and is the same while training and afterwards.
    dropout : float
        Of the features before the linear layer.

    Raises
    ------
    UsageError
        If a choice is not among those, or there are fewer than two widths.

    References
    ----------
    He, Zhang, Ren and Sun (2016), Deep residual learning for image recognition, CVPR, 770-778.

    Examples
    --------
    >>> ImageClassifier(1, 2)(torch.zeros(8, 1, 28, 28)).shape
    torch.Size([8, 2])
    >>> ImageClassifier(1, 4, n_dimensions=3, widths=(8, 16, 32))(torch.zeros(2, 1, 28, 28, 28)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        n_channels: int,
        n_classes: int,
        *,
        n_dimensions: int = 2,
        widths: Sequence[int] = (16, 32, 64, 96),
        stride: int = 1,
        normalization: str = "batch",
        dropout: float = 0.3,
    ):
        super().__init__()
        if n_dimensions not in _CONVOLUTION or normalization not in ("batch", "group"):
            raise UsageError(
                f"n_dimensions is {n_dimensions!r} and normalization {normalization!r}; give 2 or 3, batch or group."
            )
        if min(n_channels, stride) < 1 or n_classes < 2 or len(widths) < 2 or min(widths) < 1:
            raise UsageError(
                f"A network of {n_channels} channels, {n_classes} classes, widths {tuple(widths)} and stride {stride} "
                "cannot be; give at least 1 channel, 2 classes, 2 widths and a stride of 1."
            )
        self.blocks = nn.Sequential(
            nn.Sequential(
                _CONVOLUTION[n_dimensions](n_channels, widths[0], 3, stride=stride, padding=1, bias=False),
                normalize(widths[0], n_dimensions, normalization),
                nn.ReLU(),
            ),
            *(
                ResidualBlock(before, after, n_dimensions, normalization)
                for before, after in zip(widths, widths[1:], strict=False)
            ),
        )
        self.head = nn.Sequential(
            _POOL[n_dimensions](1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(widths[-1], n_classes)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map (batch, n_channels, [z,] y, x) to logits (batch, n_classes)."""
        return self.head(self.blocks(image))


def normalize(channels: int, n_dimensions: int, normalization: str) -> nn.Module:
    """Layer that normalises activations over the batch, or over groups of 8 channels (all, where that is no divisor).

    Examples
    --------
    >>> normalize(16, 2, "group").num_groups
    2
    """
    if normalization == "batch":
        return _BATCH_NORM[n_dimensions](channels)
    return nn.GroupNorm(channels // 8 if channels % 8 == 0 else 1, channels)
