import pytest
import torch
from torch import nn

from medlib.errors import UsageError
from medlib.models.signal_unet import ConvolutionBlock, SignalUNet


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize(("widths", "total_stride"), [((4,), 1), ((4, 6), 2), ((4, 6, 8, 5), 8)])
@pytest.mark.parametrize("kernel_size", [3, 9])
def test_output_has_the_length_of_the_input(widths, total_stride, kernel_size):
    network = SignalUNet(3, 2, widths, kernel_size=kernel_size)
    assert network.total_stride == total_stride
    for n_steps in (1, 5, 12):
        length = n_steps * total_stride
        assert network.eval()(torch.randn(2, 3, length)).shape == (2, 2, length)


def test_parameters_are_few():
    blocks = [(2, 16), (16, 24), (24, 24), (24, 32), (32, 32), (32, 48), (48, 48), (40, 16), (56, 24), (80, 32)]
    expected = sum(7 * channels_in * channels_out + 2 * channels_out for channels_in, channels_out in blocks)
    assert sum(p.numel() for p in SignalUNet(2, 4).parameters()) == expected + 16 * 4 + 4


@pytest.mark.parametrize("n_conditions", [0, 3])
def test_gradient_reaches_every_parameter(n_conditions):
    network = SignalUNet(2, 3, n_conditions=n_conditions)
    condition = torch.randn(8, n_conditions) if n_conditions else None
    network(torch.randn(8, 2, 64), condition).square().sum().backward()
    assert [name for name, parameter in network.named_parameters() if not parameter.grad.abs().sum() > 0] == []


@pytest.mark.parametrize("n_strides", [1, 3])
def test_shift_by_the_total_stride_shifts_the_output(n_strides):
    network = SignalUNet(1, 2, widths=(4, 6, 8), kernel_size=5).eval()
    signal = torch.randn(2, 1, 512)
    shift = n_strides * network.total_stride
    shifted = network(signal.roll(shift, dims=-1))
    inside = slice(128, -128)
    torch.testing.assert_close(shifted[..., inside], network(signal).roll(shift, dims=-1)[..., inside])


def test_finest_detail_passes_the_first_level_alone():
    """Without the way up from below, a sample reaches no further than two kernels of the full length."""
    network = SignalUNet(1, 1, widths=(4, 6), kernel_size=5).eval()
    with torch.no_grad():
        network.join[0].convolution.weight[:, 4:] = 0
    signal = torch.zeros(1, 1, 64)
    signal[..., 32] = 1
    reached = (network(signal) != network(torch.zeros(1, 1, 64)))[0, 0].nonzero().ravel()
    assert reached.min() >= 28 and reached.max() <= 36


def test_every_level_widens_what_a_sample_reaches():
    reached = []
    for widths in ((4,), (4, 4), (4, 4, 4)):
        network = SignalUNet(1, 1, widths)
        for module in network.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.ones_(module.weight)
        signal = torch.zeros(1, 1, 256)
        signal[..., 128] = 1
        network.eval()
        reached.append(int((network(signal) != network(torch.zeros(1, 1, 256))).sum()))
    assert reached[0] == 7 and reached[0] < reached[1] < reached[2]


def test_condition_changes_the_output_of_its_own_signal_alone():
    network = SignalUNet(1, 1, n_conditions=2).eval()
    signal, condition = torch.randn(1, 1, 64).repeat(3, 1, 1), torch.zeros(3, 2)
    condition[1] = torch.tensor([1.0, -2.0])
    found = network(signal, condition)
    torch.testing.assert_close(found[0], found[2])
    assert (found[1] - found[0]).abs().max() > 1e-3


def test_block_scales_and_shifts_by_the_condition():
    block = ConvolutionBlock(1, 1, kernel_size=1, n_conditions=2).eval()
    nn.init.ones_(block.convolution.weight)
    nn.init.eye_(block.modulation.weight)
    nn.init.zeros_(block.modulation.bias)
    found = block(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[2.0, 10.0]]))
    torch.testing.assert_close(found, torch.tensor([[[13.0, 16.0]]]), atol=1e-3, rtol=0)


@pytest.mark.parametrize("length", [1, 7, 63, 0])
def test_wrong_length_is_refused_with_the_length_to_pad_to(length):
    padded = 64 if length == 63 else 8
    with pytest.raises(UsageError, match=rf"is {length}; .* multiples of 8 samples. Pad it to {padded}\."):
        SignalUNet(1, 1)(torch.zeros(2, 1, length))


@pytest.mark.parametrize("condition", [None, torch.zeros(2, 3), torch.zeros(3, 2), torch.zeros(2)])
def test_missing_or_misshapen_condition_is_refused(condition):
    with pytest.raises(UsageError, match=r"n_conditions=2\) takes \(2, 2\)"):
        SignalUNet(1, 1, n_conditions=2)(torch.zeros(2, 1, 64), condition)


def test_condition_for_a_network_without_is_refused():
    with pytest.raises(UsageError, match=r"is \(2, 1\); .*takes no condition"):
        SignalUNet(1, 1)(torch.zeros(2, 1, 64), torch.zeros(2, 1))


def test_even_kernel_is_refused():
    with pytest.raises(UsageError, match="odd, not 4"):
        SignalUNet(1, 1, kernel_size=4)


def test_overfits_a_shifted_signal():
    """The whole network learns a simple map: the sign of the signal three samples ago."""
    network = SignalUNet(1, 1, widths=(8, 8))
    signal = torch.randn(16, 1, 64)
    target = signal.roll(3, dims=-1).sign()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-2)
    for _ in range(60):
        loss = nn.functional.mse_loss(network(signal), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3
