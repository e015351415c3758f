"""A one-dimensional U-Net that maps a signal to a signal of the same length, small enough to read at a sitting."""

import torch
from torch import nn

from medlib.errors import UsageError


class ConvolutionBlock(nn.Module):
    """Convolution, batch normalisation, and a rectifier; with conditions, a scale and a shift before the rectifier.

    The scale and shift of each channel are linear in the conditions (feature-wise linear modulation, FiLM; Perez et al.
    2018): y = (1 + scale) x + shift.

    Parameters
    ----------
    channels_in, channels_out : int
    kernel_size : int
        Odd.
    stride : int
    n_conditions : int
        Numbers that describe what is asked for, such as the noise level of a diffusion model; 0 for none.

    Examples
    --------
    >>> ConvolutionBlock(2, 16, stride=2)(torch.zeros(8, 2, 64)).shape
    torch.Size([8, 16, 32])
    """

    def __init__(
        self, channels_in: int, channels_out: int, kernel_size: int = 7, stride: int = 1, n_conditions: int = 0
    ):
        super().__init__()
        padding = kernel_size // 2
        self.convolution = nn.Conv1d(channels_in, channels_out, kernel_size, stride, padding, bias=False)
        self.normalisation = nn.BatchNorm1d(channels_out)
        self.modulation = nn.Linear(n_conditions, 2 * channels_out) if n_conditions else None

    def forward(self, signal: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """Map (batch, channels_in, length) and (batch, n_conditions) to (batch, channels_out, length / stride)."""
        found = self.normalisation(self.convolution(signal))
        if self.modulation is not None:
            scale, shift = self.modulation(condition)[..., None].chunk(2, dim=1)
            found = (1 + scale) * found + shift
        return torch.relu(found)


class SignalUNet(nn.Module):
    """Map signals to signals of the same length, such as logits per sample, or a signal without its noise.

    On the way down, strided convolutions halve the length at each level, so that the network sees ever more context; on
    the way up, each level joins what comes from below with what it kept on the way down, so that the detail returns
    (Ronneberger et al. 2015). A condition, where there is one, scales and shifts the channels of every block.

    Parameters
    ----------
    n_channels_in, n_channels_out : int
    widths : tuple of int
        Channels of each level, from the full length down; each level after the first halves the length.
    n_conditions : int
        Numbers in the condition of each signal; 0 for a network without.
    kernel_size : int
        Odd.

    Raises
    ------
    UsageError
        Where the kernel size is even, and, of a call, where the length is no multiple of ``total_stride``, or a
        condition is missing, given to a network without, or has the wrong shape.

    References
    ----------
    Ronneberger, Fischer and Brox (2015), U-Net: convolutional networks for biomedical image segmentation, MICCAI,
    234-241. Perez et al. (2018), FiLM: visual reasoning with a general conditioning layer, AAAI, 3942-3951.

    Examples
    --------
    >>> network = SignalUNet(n_channels_in=2, n_channels_out=4)
    >>> network.total_stride
    8
    >>> network(torch.zeros(8, 2, 1000)).shape
    torch.Size([8, 4, 1000])
    >>> SignalUNet(1, 1, n_conditions=3)(torch.zeros(8, 1, 64), torch.zeros(8, 3)).shape
    torch.Size([8, 1, 64])
    """

    def __init__(
        self,
        n_channels_in: int,
        n_channels_out: int,
        widths: tuple[int, ...] = (16, 24, 32, 48),
        n_conditions: int = 0,
        kernel_size: int = 7,
    ):
        super().__init__()
        if kernel_size % 2 == 0:
            raise UsageError(f"The kernel size of a SignalUNet must be odd, not {kernel_size}.")
        self.total_stride = 2 ** (len(widths) - 1)
        self.n_conditions = n_conditions
        n_hidden = 4 * widths[0] if n_conditions else 0
        self.embedding = nn.Sequential(nn.Linear(n_conditions, n_hidden), nn.SiLU()) if n_conditions else None
        levels = list(zip(widths, widths[1:], strict=False))

        def block(channels_in, channels_out, stride=1):
            return ConvolutionBlock(channels_in, channels_out, kernel_size, stride, n_hidden)

        self.stem = block(n_channels_in, widths[0])
        self.halve = nn.ModuleList(block(upper, lower, stride=2) for upper, lower in levels)
        self.refine = nn.ModuleList(block(lower, lower) for _, lower in levels)
        self.join = nn.ModuleList(block(upper + lower, upper) for upper, lower in levels)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.head = nn.Conv1d(widths[0], n_channels_out, 1)

    def forward(self, signal: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """Map (batch, n_channels_in, length) and (batch, n_conditions) to (batch, n_channels_out, length)."""
        self._check(signal, condition)
        if self.embedding is not None:
            condition = self.embedding(condition)
        found = self.stem(signal, condition)
        kept = []
        for halve, refine in zip(self.halve, self.refine, strict=True):
            kept.append(found)
            found = refine(halve(found, condition), condition)
        for join, upper in zip(reversed(self.join), reversed(kept), strict=True):
            found = join(torch.cat([upper, self.upsample(found)], dim=1), condition)
        return self.head(found)

    def _check(self, signal: torch.Tensor, condition: torch.Tensor | None):
        length, multiple = signal.shape[-1], self.total_stride
        if length % multiple or not length:
            padded = max(multiple, -(-length // multiple) * multiple)
            raise UsageError(
                f"The length of the signal is {length}; this SignalUNet takes multiples of {multiple} samples. "
                f"Pad it to {padded}."
            )
        expected = (len(signal), self.n_conditions) if self.n_conditions else None
        given = None if condition is None else tuple(condition.shape)
        if given != expected:
            raise UsageError(
                f"The shape of the condition is {given}; this SignalUNet (n_conditions={self.n_conditions}) takes "
                f"{'no condition' if expected is None else expected}."
            )
