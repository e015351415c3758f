import io
import warnings

import pytest
import torch
from torch import nn

from medlib.errors import UsageError
from medlib.models.beat_network import BeatNetwork, GaussianNoise, ResidualBlock


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def beats(n_beats=8, n_features=10):
    return torch.randn(n_beats, 4, 144), torch.randn(n_beats, n_features)


def n_parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("length", "half"), [(72, 36), (9, 5), (1, 1)])
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_block_halves_the_length(length, half, kernel_size):
    assert ResidualBlock(3, 7, kernel_size)(torch.zeros(2, 3, length)).shape == (2, 7, half)


def test_block_without_convolutions_is_its_shortcut():
    block = ResidualBlock(2, 2).eval()
    nn.init.zeros_(block.convolutions[-1].weight)
    nn.init.dirac_(block.shortcut.weight)
    nn.init.zeros_(block.shortcut.bias)
    signal = torch.randn(3, 2, 10)
    torch.testing.assert_close(block(signal), signal[:, :, ::2].relu())


@pytest.mark.parametrize(("n_channels", "n_classes", "n_features"), [(4, 4, 80), (1, 2, 3), (2, 5, 0)])
@pytest.mark.parametrize("length", [64, 144, 301])
def test_logits_have_a_row_for_each_beat(n_channels, n_classes, n_features, length):
    network = BeatNetwork(n_channels, n_classes, n_features)
    assert network(torch.zeros(6, n_channels, length), torch.zeros(6, n_features)).shape == (6, n_classes)


def test_parameters_are_few():
    assert n_parameters(BeatNetwork(4, 4)) == 23_116
    # The hidden layer over the numbers, and its part of the layer that joins both.
    assert n_parameters(BeatNetwork(4, 4, 80)) == 23_116 + (80 * 64 + 64) + 64 * 64


def test_widths_set_the_depth():
    network = BeatNetwork(4, 4, widths=(8, 16))
    assert sum(isinstance(module, ResidualBlock) for module in network.modules()) == 1
    assert network.waveform(torch.zeros(2, 4, 144)).shape == (2, 16, 36)


def test_network_without_features_works_without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network = BeatNetwork(4, 3)
        waveform, _ = beats()
        network(waveform).sum().backward()
    assert network.context is None


def test_waveform_is_never_dropped_where_there_is_nothing_else():
    network = BeatNetwork(4, 3, dropout=0, waveform_dropout=1)
    waveform, _ = beats()
    assert network(waveform).std(dim=0).min() > 0


def test_network_without_features_may_be_given_none_or_no_columns():
    network = BeatNetwork(4, 3).eval()
    waveform, no_columns = beats(n_features=0)
    assert torch.equal(network(waveform), network(waveform, no_columns))


def test_evaluation_is_deterministic_and_training_is_not():
    network = BeatNetwork(4, 4, 10)
    inputs = beats()
    assert not torch.equal(network(*inputs), network(*inputs))
    network.eval()
    assert torch.equal(network(*inputs), network(*inputs))


def test_beat_does_not_depend_on_its_batch_in_evaluation():
    network = BeatNetwork(4, 4, 10).eval()
    waveform, features = beats()
    torch.testing.assert_close(network(waveform, features)[2:3], network(waveform[2:3], features[2:3]))


def outputs_for_two_waveforms(network):
    """Outputs with the same features and the same random numbers for waveforms that differ."""
    waveform, features = beats(64)
    outputs = []
    for scale in (1, -3):
        torch.manual_seed(1)
        outputs.append(network(scale * waveform, features))
    return outputs


def test_dropping_every_waveform_leaves_the_features():
    network = BeatNetwork(4, 4, 10, waveform_dropout=1.0)
    first, second = outputs_for_two_waveforms(network)
    assert torch.equal(first, second)
    first, second = outputs_for_two_waveforms(network.eval())
    assert (first != second).any(dim=1).all()


def test_waveform_of_a_beat_is_dropped_whole():
    network = BeatNetwork(4, 4, 10, dropout=0, waveform_dropout=0.5)
    first, second = outputs_for_two_waveforms(network)
    unchanged = (first == second).all(dim=1)
    assert 0.25 < unchanged.float().mean() < 0.75
    assert (first != second).any(dim=1).sum() == (~unchanged).sum()


def test_outlying_feature_counts_as_three_deviations():
    network = BeatNetwork(4, 4, 10).eval()
    waveform, features = beats()
    features[:, 0] = 3
    expected = network(waveform, features)
    features[:, 0] = 1e6
    torch.testing.assert_close(network(waveform, features), expected)


def test_gradient_reaches_every_parameter():
    network = BeatNetwork(4, 4, 10)
    nn.functional.cross_entropy(network(*beats(64)), torch.arange(64) % 4).backward()
    assert [name for name, parameter in network.named_parameters() if not parameter.grad.abs().sum() > 0] == []


def test_weights_are_stored_and_loaded():
    network = BeatNetwork(4, 4, 10)
    inputs = beats()
    network(*inputs)  # moves the running statistics of the normalisation
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    copy = BeatNetwork(4, 4, 10)
    copy.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(copy.eval()(*inputs), network.eval()(*inputs))


def test_noise_has_its_deviation_in_training_alone():
    noise = GaussianNoise(0.5)
    noisy = noise(torch.full((10_000,), 2.0))
    assert noisy.mean() == pytest.approx(2, abs=0.02) and noisy.std() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(noise.eval()(noisy), noisy)


@pytest.mark.parametrize("length", [40, 80, 301])
def test_positions_keep_the_shape_of_the_logits(length):
    network = BeatNetwork(8, 5, 160, n_positions=10)
    assert network(torch.zeros(6, 8, length), torch.zeros(6, 160)).shape == (6, 5)


def gap(network, waveform, shift):
    """Largest change of the logits when what is in the middle of the waveform comes later."""
    with torch.inference_mode():
        return (network(waveform) - network(torch.roll(waveform, shift, dims=-1))).abs().max()


def test_with_positions_it_matters_where_a_wave_is():
    pulse = torch.zeros(1, 1, 320)
    pulse[..., 120:124] = 3.0
    # The strides of the convolutions come to 16, so that a shift by 32 changes nothing but the place.
    assert gap(BeatNetwork(1, 4).eval(), pulse, 32) < 1e-5
    assert gap(BeatNetwork(1, 4, n_positions=10).eval(), pulse, 32) > 1e-3


@pytest.mark.parametrize(
    "options", [{"n_channels": 0}, {"n_classes": 0}, {"n_features": -1}, {"widths": (8,)}, {"n_positions": -1}]
)
def test_impossible_sizes_are_refused(options):
    with pytest.raises(UsageError, match="give at least 1 channel"):
        BeatNetwork(**({"n_channels": 8, "n_classes": 5} | options))
