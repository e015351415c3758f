import pytest
import torch

from medlib.errors import UsageError
from medlib.models.ecg_resnet import EcgResNet


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize(("n_channels", "n_classes", "n_features"), [(8, 5, 160), (1, 4, 3), (12, 1, 0)])
@pytest.mark.parametrize("length", [40, 80, 1000])
@pytest.mark.parametrize("n_positions", [1, 10])
def test_logits_have_a_row_for_each_ecg(n_channels, n_classes, n_features, length, n_positions):
    network = EcgResNet(n_channels, n_classes, n_features, n_positions=n_positions)
    assert network(torch.zeros(6, n_channels, length), torch.zeros(6, n_features)).shape == (6, n_classes)


def test_features_are_not_needed_without_features():
    network = EcgResNet(2, 3).eval()
    waveform = torch.randn(4, 2, 80)
    torch.testing.assert_close(network(waveform), network(waveform, torch.randn(4, 7)))


def gap(network, waveform, shift):
    """Largest change of the logits when what is in the middle of the waveform comes later."""
    with torch.inference_mode():
        return (network(waveform) - network(torch.roll(waveform, shift, dims=-1))).abs().max()


def test_with_positions_it_matters_where_a_wave_is():
    pulse = torch.zeros(1, 1, 160)
    pulse[..., 60:64] = 3.0
    # The strides of the convolutions come to 8, so that a shift by 16 changes nothing but the place.
    assert gap(EcgResNet(1, 4, n_positions=1).eval(), pulse, 16) < 1e-5
    assert gap(EcgResNet(1, 4, n_positions=10).eval(), pulse, 16) > 1e-3


def test_every_lead_and_every_feature_counts():
    network = EcgResNet(3, 2, 4).eval()
    waveform, features = torch.randn(5, 3, 80, requires_grad=True), torch.randn(5, 4, requires_grad=True)
    network(waveform, features).square().sum().backward()
    assert (waveform.grad.abs().amax(dim=(0, 2)) > 0).all()
    assert (features.grad.abs().amax(dim=0) > 0).all()


def test_an_outlying_feature_is_held_at_three_deviations():
    network = EcgResNet(1, 2, 1).eval()
    waveform = torch.randn(1, 1, 80)
    # Before training, the running mean is 0 and the running deviation 1.
    far, farther = (network(waveform, torch.full((1, 1), value)) for value in (3.5, 1e6))
    torch.testing.assert_close(far, farther)
    assert not torch.allclose(far, network(waveform, torch.zeros(1, 1)))


def test_it_learns_which_of_two_waves_is_inverted():
    place = torch.randint(0, 2, (64,))
    waveform = 0.1 * torch.randn(64, 1, 80)
    waveform[torch.arange(64), 0, 20 + 40 * place] -= 3.0
    network = EcgResNet(1, 2, widths=(8, 8, 8), n_hidden=16, dropout=0.0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(network(waveform), place)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (network.eval()(waveform).argmax(dim=1) == place).float().mean() > 0.95


@pytest.mark.parametrize(
    "options", [{"n_channels": 0}, {"n_classes": 0}, {"n_features": -1}, {"widths": (8,)}, {"n_positions": 0}]
)
def test_impossible_sizes_are_refused(options):
    with pytest.raises(UsageError, match="give at least 1"):
        EcgResNet(**({"n_channels": 8, "n_classes": 5} | options))
