"""A one-dimensional convolutional network that finds heartbeats, small and fast enough for hours of recording."""

import copy

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

#: Samples of the input to each cell of the output, where there is one answer.
CELL = 4

_TOTAL_STRIDE = 32
_LEVEL_CELL, _LEVEL_CELLS = 120, 11  # samples, and their number: the level of a signal is that of 11 s at 120 Hz


def level(signal: torch.Tensor) -> torch.Tensor:
    """Size of a signal around each sample, so that what is divided by it does not depend on the gain.

    Parameters
    ----------
    signal : Tensor of float32, shape (..., n_samples)
        Without offset.

    Returns
    -------
    Tensor of float32, shape (..., n_samples)
        Root mean square over the block of 120 samples and the five blocks on either side.

    Examples
    --------
    >>> level(torch.full((1, 1, 3), -2.0))
    tensor([[[2., 2., 2.]]])
    """
    blocks = functional.avg_pool1d(signal.square(), _LEVEL_CELL, ceil_mode=True)
    around = functional.avg_pool1d(blocks, _LEVEL_CELLS, 1, _LEVEL_CELLS // 2, count_include_pad=False)
    # A lead that is switched off is all zero, and stays so.
    return around.clamp(min=1e-12).sqrt().repeat_interleave(_LEVEL_CELL, dim=-1)[..., : signal.shape[-1]]


class BeatDetector(nn.Module):
    """Find beats in any number of leads, in any order, at any gain.

    Every lead goes through the same convolutions; of what they find, the mean and the maximum over the leads go on. A
    small U-Net (Ronneberger et al. 2015) then looks two seconds around, since in noise a beat is known by its rhythm.
    The answer for each cell of four samples is the logit of the probability that a beat is here, and how far away it
    is, as in detectors of objects in images (Zhou et al. 2019).

    Parameters
    ----------
    widths : tuple of five int
        Channels: two for each lead, then three of the joint levels.

    References
    ----------
    Ronneberger, Fischer and Brox (2015), U-Net: convolutional networks for biomedical image segmentation, MICCAI,
    234-241. Zhou, Wang and Krähenbühl (2019), Objects as points, arXiv:1904.07850.

    Examples
    --------
    >>> network = BeatDetector()
    >>> network(torch.randn(8, 2, 1200)).shape, network(torch.randn(1, 12, 1201)).shape
    (torch.Size([8, 2, 300]), torch.Size([1, 2, 301]))
    """

    def __init__(self, widths: tuple[int, int, int, int, int] = (8, 16, 24, 32, 48)):
        super().__init__()
        first, second, upper, middle, lower = widths
        self.lead = nn.Sequential(block(1, first, 21, stride=4), block(first, second, 5, stride=2))
        self.join_leads = block(2 * second, upper, 3)
        self.down = nn.ModuleList(
            nn.Sequential(block(above, below, 5, stride=2), block(below, below, 3, dilation=dilation))
            for above, below, dilation in ((upper, middle, 1), (middle, lower, 4))
        )
        self.up = nn.ModuleList(nn.Conv1d(below, above, 1) for above, below in ((middle, lower), (upper, middle)))
        self.join = nn.ModuleList(block(above, above, 3) for above in (middle, upper))
        self.head = nn.Conv1d(upper, 2 * 2, 1)

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        """Map (batch, n_leads, n_samples) to (batch, 2, ceil(n_samples / CELL)): logit, and offset in cells."""
        n_batch, n_leads, n_samples = signal.shape
        signal = functional.pad(signal / level(signal), (0, -n_samples % _TOTAL_STRIDE))
        found = self.lead(signal.reshape(n_batch * n_leads, 1, -1))
        found = found.reshape(n_batch, n_leads, *found.shape[1:])
        upper = self.join_leads(torch.cat([found.mean(dim=1), found.amax(dim=1)], dim=1))
        middle = self.down[0](upper)
        lower = self.down[1](middle)
        middle = self.join[0](middle + self.up[0](lower).repeat_interleave(2, dim=-1))
        upper = self.join[1](upper + self.up[1](middle).repeat_interleave(2, dim=-1))
        # Two cells from each place of the upper level.
        answer = self.head(upper).unflatten(1, (2, 2)).transpose(2, 3).flatten(2)
        return answer[..., : -(-n_samples // CELL)]

    def fused(self) -> "BeatDetector":
        """Copy for evaluation with each normalisation folded into its convolution: the same answers, a tenth faster."""
        copied = copy.deepcopy(self).eval()
        for module in copied.modules():
            if isinstance(module, nn.Sequential) and isinstance(module[0], nn.Conv1d):
                module[0] = fuse_conv_bn_eval(module[0], module[1])
                module[1] = nn.Identity()
        return copied


def block(channels_in: int, channels_out: int, kernel_size: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution that keeps the length, or divides it by the stride; batch normalisation; rectifier.

    Examples
    --------
    >>> block(1, 16, kernel_size=5, stride=2)(torch.zeros(8, 1, 100)).shape
    torch.Size([8, 16, 50])
    """
    padding = dilation * (kernel_size // 2)
    convolution = nn.Conv1d(channels_in, channels_out, kernel_size, stride, padding, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm1d(channels_out), nn.ReLU())
