"""A residual one-dimensional convolutional network that classifies heartbeats, small enough to read at a sitting."""

import torch
from torch import nn

from medlib.errors import UsageError


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut around them; the first halves the length.

    The network learns what to add to its input, which is easier than to learn its output (He et al. 2016).

    Parameters
    ----------
    channels_in, channels_out : int
    kernel_size : int
        Odd.

    Examples
    --------
    >>> ResidualBlock(16, 24)(torch.zeros(8, 16, 72)).shape
    torch.Size([8, 24, 36])
    """

    def __init__(self, channels_in: int, channels_out: int, kernel_size: int = 5):
        super().__init__()
        padding = kernel_size // 2
        self.convolutions = nn.Sequential(
            nn.Conv1d(channels_in, channels_out, kernel_size, stride=2, padding=padding, bias=False),
            nn.BatchNorm1d(channels_out),
            nn.ReLU(),
            nn.Conv1d(channels_out, channels_out, kernel_size, padding=padding, bias=False),
            nn.BatchNorm1d(channels_out),
        )
        self.shortcut = nn.Conv1d(channels_in, channels_out, 1, stride=2)

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels_in, length) to (batch, channels_out, length / 2)."""
        return torch.relu(self.convolutions(signal) + self.shortcut(signal))


class BeatNetwork(nn.Module):
    """Classify beats from their waveform and, where there are any, from numbers that describe their context.

    A convolution and three residual blocks, each of which halves the length, turn the waveform into features whose mean
    and maximum over time join a hidden layer over the numbers. Dropout of the whole waveform branch keeps the network
    from recognising patients by their waveform.

    Parameters
    ----------
    n_channels : int
        Channels of the waveform.
    n_classes : int
    n_features : int
        Numbers per beat; 0 for a network that sees the waveform alone.
    widths : tuple of int
        Channels after the first convolution and after each block.
    n_hidden : int
        Units of the hidden layers.
    dropout : float
        Of hidden units.
    waveform_dropout : float
        Share of the training beats whose waveform the network does not get to see.
    n_positions : int
        Parts of the time whose means are kept apart, in place of the mean and maximum over all of it; 0 for none. Where
        waveforms are lined up exactly, as average beats are, *where* something was found says what it is.

    Raises
    ------
    UsageError
        If there are fewer than one channel or class, two widths, or a negative number of features or positions.

    References
    ----------
    He, Zhang, Ren and Sun (2016), Deep residual learning for image recognition, CVPR, 770-778.

    Examples
    --------
    >>> network = BeatNetwork(n_channels=4, n_classes=4, n_features=80)
    >>> network(torch.zeros(8, 4, 144), torch.zeros(8, 80)).shape
    torch.Size([8, 4])
    """

    def __init__(
        self,
        n_channels: int,
        n_classes: int,
        n_features: int = 0,
        widths: tuple[int, ...] = (16, 16, 24, 32),
        n_hidden: int = 64,
        dropout: float = 0.5,
        waveform_dropout: float = 0.5,
        n_positions: int = 0,
    ):
        super().__init__()
        if min(n_channels, n_classes) < 1 or min(n_features, n_positions) < 0 or len(widths) < 2:
            raise UsageError(
                f"A network of {n_channels} channels, {n_classes} classes, {n_features} features, widths {widths} and "
                f"{n_positions} positions cannot be; give at least 1 channel and class, 2 widths, and 0 of the others."
            )
        self.waveform = nn.Sequential(
            nn.Conv1d(n_channels, widths[0], 9, stride=2, padding=4, bias=False),
            nn.BatchNorm1d(widths[0]),
            nn.ReLU(),
            *(ResidualBlock(before, after) for before, after in zip(widths, widths[1:], strict=False)),
        )
        self.positions = nn.AdaptiveAvgPool1d(n_positions) if n_positions else None
        self.context = None
        if n_features:
            self.context = nn.Sequential(
                nn.BatchNorm1d(n_features, affine=False),
                nn.Hardtanh(-3, 3),  # no outlier moves a decision by more than three standard deviations
                GaussianNoise(0.5),
                nn.Dropout(0.3),
                nn.Linear(n_features, n_hidden),
                nn.ReLU(),
            )
        self.drop_waveform = nn.Dropout1d(waveform_dropout if n_features else 0.0)
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear((n_positions or 2) * widths[-1] + (n_hidden if n_features else 0), n_hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(n_hidden, n_classes),
        )

    def forward(self, waveform: torch.Tensor, features: torch.Tensor | None = None) -> torch.Tensor:
        """Map waveforms (batch, n_channels, length) and features (batch, n_features) to logits (batch, n_classes).

        A network with ``n_features=0`` needs no features.
        """
        found = self.waveform(waveform)
        if self.positions is None:
            pooled = torch.cat([found.mean(dim=-1), found.amax(dim=-1)], dim=1)
        else:
            pooled = self.positions(found).flatten(1)
        # Dropout1d drops whole channels, so a beat is made one channel: all of its waveform goes, or none.
        joined = self.drop_waveform(pooled[:, None])[:, 0]
        if self.context is not None:
            joined = torch.cat([joined, self.context(features)], dim=1)
        return self.head(joined)


class GaussianNoise(nn.Module):
    """Add noise while training, so that no exact value of a feature can be learned by heart.

    Parameters
    ----------
    deviation : float
        Standard deviation.

    Examples
    --------
    >>> GaussianNoise(0.5).eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, deviation: float):
        super().__init__()
        self.deviation = deviation

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the features, while training with noise."""
        return features + self.deviation * torch.randn_like(features) if self.training else features
