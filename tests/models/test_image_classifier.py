"""The image network: shapes, strides, gradients, and what its normalisation depends on."""

import pytest
import torch

from medlib.errors import UsageError
from medlib.models.image_classifier import ImageClassifier


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("n_dimensions", [2, 3])
@pytest.mark.parametrize(("side", "stride"), [(28, 1), (31, 2), (4, 1)])
def test_any_size_gives_logits(n_dimensions, side, stride):
    network = ImageClassifier(2, 5, n_dimensions=n_dimensions, widths=(4, 8, 8), stride=stride).eval()
    images = torch.randn(3, 2, *(side,) * n_dimensions)
    assert network(images).shape == (3, 5)
    features = network.blocks(images)
    assert features.shape[1] == 8 and features.shape[-1] == -(-side // (4 * stride))


@pytest.mark.parametrize("normalization", ["batch", "group"])
def test_gradient_reaches_every_parameter(normalization):
    network = ImageClassifier(1, 2, widths=(8, 16), normalization=normalization)
    network(torch.randn(8, 1, 12, 12))[:, 0].square().sum().backward()
    assert [name for name, parameter in network.named_parameters() if not parameter.grad.abs().sum() > 0] == []


def test_groups_do_not_depend_on_the_rest_of_the_batch():
    images = torch.randn(6, 1, 12, 12)
    for normalization, same in (("group", True), ("batch", False)):
        network = ImageClassifier(1, 2, widths=(8, 16), normalization=normalization, dropout=0.0).train()
        assert torch.allclose(network(images)[:2], network(images[:2]), atol=1e-5) == same


def test_it_learns_where_the_mean_says_nothing():
    """Stripes across or along: only the direction tells the classes."""
    wave = torch.cos(torch.arange(12.0)[None, :] * 2 + torch.rand(64, 1) * 6)[:, None, None, :].expand(64, 1, 12, 12)
    images, labels = torch.cat([wave, wave.mT]), torch.arange(128) // 64
    network = ImageClassifier(1, 2, widths=(8, 8))
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(30):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
    assert (network.eval()(images).argmax(dim=1) == labels).float().mean() > 0.95


@pytest.mark.parametrize(
    "wrong",
    [{"n_dimensions": 4}, {"normalization": "none"}, {"widths": (8,)}, {"stride": 0}, {"widths": (8, 0)}],
)
def test_networks_that_cannot_be(wrong):
    with pytest.raises(UsageError, match="give"):
        ImageClassifier(1, 2, **wrong)
