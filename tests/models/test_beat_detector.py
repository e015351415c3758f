import pytest
import torch
from torch import nn

from medlib.ecg import detection
from medlib.models.beat_detector import CELL, BeatDetector, level


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def trained():
    """A network in evaluation whose normalisations have seen something, so that they do something."""
    network = BeatDetector()
    for _ in range(3):
        network(3 * torch.randn(4, 2, 960))
    return network.eval()


@pytest.mark.parametrize("n_leads", [1, 2, 12])
@pytest.mark.parametrize(("n_samples", "n_cells"), [(2400, 600), (2401, 601), (1203, 301), (600, 150)])
def test_every_four_samples_have_an_answer(n_leads, n_samples, n_cells):
    assert BeatDetector()(torch.randn(3, n_leads, n_samples)).shape == (3, 2, n_cells)


def test_cell_is_that_of_the_decoder():
    assert CELL == detection.CELL


def test_order_gain_and_repetition_of_leads_do_not_matter():
    network, signal = trained(), torch.randn(2, 2, 2400)
    expected = network(signal)
    torch.testing.assert_close(network(signal.flip(1)), expected)
    torch.testing.assert_close(network(signal * torch.tensor([250.0, 0.02])[:, None]), expected, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(network(torch.cat([signal, signal], dim=1)), expected)


def test_lead_that_is_all_zero_gives_finite_answers():
    signal = torch.randn(1, 2, 1200)
    signal[:, 1] = 0
    assert trained()(signal).isfinite().all()


def test_answer_is_where_the_signal_is():
    """Shifted by 32 samples, the answer shifts by 8 cells, but for the ends."""
    network, signal = trained(), torch.zeros(1, 1, 4800)
    signal[..., 2400:2405] = torch.tensor([1.0, 3.0, 5.0, 3.0, 1.0])
    before, after = network(signal), network(signal.roll(32, dims=-1))
    torch.testing.assert_close(after[..., 408:808], before[..., 400:800], rtol=1e-3, atol=1e-3)
    at_rest = before[..., 300:302].repeat(1, 1, 600)  # two cells come from each place of the upper level
    reaction = (before - at_rest).abs().sum(dim=1)[0]
    assert reaction[550:650].max() > 10 * reaction[300:400].max()
    assert abs(int(reaction[300:900].argmax()) + 300 - 600) < 30


def test_far_samples_do_not_matter_but_for_the_level():
    network, signal = trained(), torch.randn(1, 1, 4800)
    changed = signal.clone()
    changed[..., :1200] = changed[..., :1200].flip(-1)  # of the same level in each block, but for their order
    torch.testing.assert_close(network(changed)[..., 700:], network(signal)[..., 700:], rtol=1e-3, atol=1e-3)


def test_folded_network_gives_the_same_answers_and_leaves_the_network_alone():
    network, signal = trained(), torch.randn(2, 2, 2400)
    expected = network(signal)
    fused = network.fused()
    assert not any(isinstance(module, nn.BatchNorm1d) for module in fused.modules())
    torch.testing.assert_close(fused(signal), expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(network(signal), expected)
    assert sum(isinstance(module, nn.BatchNorm1d) for module in network.modules()) == 9


def test_gradient_reaches_every_parameter():
    network = BeatDetector()
    network(torch.randn(4, 2, 2400)).square().mean().backward()
    assert [name for name, parameter in network.named_parameters() if not parameter.grad.abs().sum() > 0] == []


def test_parameters_are_few():
    assert sum(parameter.numel() for parameter in BeatDetector().parameters()) == 32_404


def test_level_is_the_root_mean_square_of_eleven_blocks():
    signal = torch.zeros(1, 1, 120 * 25)
    signal[..., 120 * 10 : 120 * 11] = 2.0
    measured = level(signal)[0, 0]
    assert measured[120 * 10] == pytest.approx((4 / 11) ** 0.5)
    assert measured[120 * 5] == measured[120 * 16 - 1] == measured[120 * 10]
    assert measured[120 * 5 - 1] < 1e-5 and measured[120 * 16] < 1e-5


def test_level_at_the_ends_is_of_what_is_there():
    signal = torch.full((1, 2, 1000), 3.0)
    torch.testing.assert_close(level(signal), signal)
