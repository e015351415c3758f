"""A small residual network for ECGs that are lined up in time, with measurements beside the waveform."""

import torch
from torch import nn

from medlib.errors import UsageError
from medlib.models.beat_network import GaussianNoise, ResidualBlock


class EcgResNet(nn.Module):
    """Classify ECGs from their waveform and, where there are any, from measurements of them.

    A convolution and residual blocks, each of which halves the length, read the waveform. Networks for whole recordings
    then average over time (Wang et al. 2017, Strodthoff et al. 2021), since a beat may be anywhere. Where each waveform
    is an average beat, the R peak is always in the same place, and *where* something was found says what it is: a low
    T wave or a low QRS complex. So the average is taken over each of ``n_positions`` parts of the time, not over all.

    Parameters
    ----------
    n_channels : int
        Leads of the waveform.
    n_classes : int
    n_features : int
        Measurements of each ECG; 0 for a network that sees the waveform alone.
    widths : tuple of int
        Channels after the first convolution and after each block.
    n_positions : int
        Parts of the time that are averaged apart; 1 for recordings that are not lined up.
    n_hidden : int
        Units of the hidden layers.
    dropout : float
        Of what enters the hidden layer and leaves it.

    Raises
    ------
    UsageError
        If there are fewer than one channel, class, block or position.

    References
    ----------
    Wang, Yan and Oates (2017), Time series classification from scratch with deep neural networks, IJCNN, 1578-1585.
    Strodthoff, Wagner, Schaeffter and Samek (2021), Deep learning for ECG analysis: benchmarks and insights from
    PTB-XL, IEEE Journal of Biomedical and Health Informatics 25(5), 1519-1528.

    Examples
    --------
    >>> network = EcgResNet(n_channels=8, n_classes=5, n_features=160)
    >>> network(torch.zeros(4, 8, 80), torch.zeros(4, 160)).shape
    torch.Size([4, 5])
    """

    def __init__(
        self,
        n_channels: int,
        n_classes: int,
        n_features: int = 0,
        widths: tuple[int, ...] = (32, 64, 64),
        n_positions: int = 10,
        n_hidden: int = 128,
        dropout: float = 0.5,
    ):
        super().__init__()
        if min(n_channels, n_classes, n_positions) < 1 or n_features < 0 or len(widths) < 2:
            raise UsageError(
                f"A network of {n_channels} channels, {n_classes} classes, {n_features} features, widths {widths} and "
                f"{n_positions} positions has nothing to do; give at least 1 of each, 2 widths, and features from 0."
            )
        self.waveform = nn.Sequential(
            nn.Conv1d(n_channels, widths[0], 9, stride=2, padding=4, bias=False),
            nn.BatchNorm1d(widths[0]),
            nn.ReLU(),
            *(ResidualBlock(before, after) for before, after in zip(widths, widths[1:], strict=False)),
            nn.AdaptiveAvgPool1d(n_positions),
            nn.Flatten(),
        )
        self.measurements = None
        if n_features:
            self.measurements = nn.Sequential(
                nn.BatchNorm1d(n_features, affine=False),
                nn.Hardtanh(-3, 3),  # no outlier moves a decision by more than three standard deviations
                GaussianNoise(0.5),
                nn.Dropout(0.3),
                nn.Linear(n_features, n_hidden),
                nn.ReLU(),
            )
        n_found = widths[-1] * n_positions + (n_hidden if n_features else 0)
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(n_found, n_hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(n_hidden, n_classes),
        )

    def forward(self, waveform: torch.Tensor, features: torch.Tensor | None = None) -> torch.Tensor:
        """Map waveforms (batch, n_channels, length) and features (batch, n_features) to logits (batch, n_classes).

        A network with ``n_features=0`` needs no features.
        """
        found = self.waveform(waveform)
        if self.measurements is not None:
            found = torch.cat([found, self.measurements(features)], dim=1)
        return self.head(found)
