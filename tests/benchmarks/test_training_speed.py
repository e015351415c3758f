"""Training and prediction of the beat network in one thread, beside the loop and the network that one writes first."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from medlib.models.beat_network import BeatNetwork, ResidualBlock
from medlib.training import fit, predict, seed_all, shuffled_batches

N_BEATS, N_CHANNELS, LENGTH, N_FEATURES, N_CLASSES = 4096, 4, 144, 80, 4
BATCH_SIZE, LEARNING_RATE = 256, 1e-3
PRECISION = "bf16-mixed" if torch.cpu._is_amx_tile_supported() else "32-true"


class PooledBlock(ResidualBlock):
    """The residual block with its convolutions at the full length, which max-pooling halves afterwards."""

    def __init__(self, channels_in, channels_out):
        super().__init__(channels_in, channels_out)
        self.convolutions[0].stride = self.shortcut.stride = (1,)

    def forward(self, signal):
        return nn.functional.max_pool1d(super().forward(signal), 2)


def pooled_network():
    """The beat network, of the same widths and depth, with max-pooling in place of strides."""
    network = BeatNetwork(N_CHANNELS, N_CLASSES, N_FEATURES)
    convolution, *normalise, first, second, third = network.waveform
    convolution.stride = (1,)
    blocks = [PooledBlock(block.shortcut.in_channels, block.shortcut.out_channels) for block in (first, second, third)]
    network.waveform = nn.Sequential(convolution, *normalise, nn.MaxPool1d(2), *blocks)
    return network


def cross_entropy(network, waveform, features, label):
    return nn.functional.cross_entropy(network(waveform, features), label)


def train_plainly(network, batches):
    """One epoch by the loop that one writes by hand."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
    network.train()
    for waveform, features, label in batches:
        optimizer.zero_grad()
        cross_entropy(network, waveform, features, label).backward()
        optimizer.step()


@torch.no_grad()
def predict_plainly(network, *arrays):
    network.eval()
    return torch.cat([network(*batch) for batch in DataLoader(TensorDataset(*arrays), batch_size=BATCH_SIZE)])


@pytest.fixture
def beats():
    """Waveforms, features and labels, with one thread: two collapse where other work wants a core."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seed_all(0)
    yield (
        torch.randn(N_BEATS, N_CHANNELS, LENGTH),
        torch.randn(N_BEATS, N_FEATURES),
        torch.randint(N_CLASSES, (N_BEATS,)),
    )
    torch.set_num_threads(n_threads)


def fit_once(network, batches, precision="32-true"):
    fit(network, batches, cross_entropy, epochs=1, learning_rate=LEARNING_RATE, precision=precision)


def test_training_is_faster_than_the_plain_loop_with_max_pooling(beats, benchmark, times_of_peer):
    """Measured without AMX: 1.76 to 2.17 times as fast, 17 900 beats/s beside 9 400."""
    ours, peer = BeatNetwork(N_CHANNELS, N_CLASSES, N_FEATURES), pooled_network()
    batches = shuffled_batches(*beats, batch_size=BATCH_SIZE, seed=0)
    collated = DataLoader(TensorDataset(*beats), batch_size=BATCH_SIZE, shuffle=True)
    ratio = times_of_peer(lambda: fit_once(ours, batches, PRECISION), lambda: train_plainly(peer, collated), rounds=7)
    benchmark.extra_info["beats_per_second"] = N_BEATS / benchmark.stats.stats.median
    assert ratio >= 1.4


def test_prediction_is_faster_than_the_plain_loop_with_max_pooling(beats, benchmark, times_of_peer):
    """Measured in float32: 2.25 to 2.31 times as fast, 115 000 beats/s beside 50 000."""
    ours, peer = BeatNetwork(N_CHANNELS, N_CLASSES, N_FEATURES), pooled_network()
    inputs = beats[:2]
    ratio = times_of_peer(lambda: predict(ours, *inputs), lambda: predict_plainly(peer, *inputs), rounds=15)
    benchmark.extra_info["beats_per_second"] = N_BEATS / benchmark.stats.stats.median
    assert ratio >= 1.5


def test_fit_takes_at_most_three_tenths_longer_than_a_loop_by_hand(beats, times_of_peer):
    """The same network and batches; measured: 2 to 6 % longer, for Fabric and the learning-rate schedule."""
    network = BeatNetwork(N_CHANNELS, N_CLASSES, N_FEATURES)
    batches = shuffled_batches(*beats, batch_size=BATCH_SIZE, seed=0)
    ratio = times_of_peer(lambda: fit_once(network, batches), lambda: train_plainly(network, batches), rounds=9)
    assert ratio >= 1 / 1.3
