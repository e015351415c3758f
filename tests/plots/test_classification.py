"""Figures of classifiers: what is drawn is what was given; Grad-CAM finds the place that made the decision."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn

from medlib.errors import UsageError
from medlib.models.image_classifier import ImageClassifier
from medlib.plots import classification


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_montage_shows_the_middle_of_volumes():
    volumes = np.arange(2 * 5 * 4 * 3).reshape(2, 5, 4, 3)
    figure = classification.plot_montage(volumes, ["one", "two"], columns=3, maps=np.zeros(volumes.shape))
    assert np.array_equal(figure.axes[1].images[0].get_array(), volumes[1, 2])
    assert figure.axes[1].get_title() == "two"
    assert len(figure.axes[0].images) == 2 and not figure.axes[2].images


@pytest.mark.parametrize(("n", "titles", "maps"), [(0, 0, None), (2, 1, None), (2, 2, (2, 3, 3))])
def test_montage_of_what_does_not_go_together(n, titles, maps):
    with pytest.raises(UsageError, match="do not go together"):
        classification.plot_montage(np.zeros((n, 4, 4)), ["t"] * titles, maps=None if maps is None else np.zeros(maps))


def test_curves():
    truth, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    figure = classification.plot_roc_and_reliability(truth, {"a": score}, {"a": score, "b": score**2})
    left, right = figure.axes
    assert left.get_legend().get_texts()[0].get_text() == "a, 0.750"
    assert np.trapezoid(left.lines[0].get_ydata(), left.lines[0].get_xdata()) == pytest.approx(0.75)
    assert right.lines[1].get_xdata() == pytest.approx(np.sort(score**2))


@pytest.mark.parametrize("n_dimensions", [2, 3])
def test_grad_cam_finds_the_bright_place(n_dimensions):
    """A network that takes the mean of one channel of edges decides by the place where they are."""
    shape = (16,) * n_dimensions
    convolution = (nn.Conv2d, nn.Conv3d)[n_dimensions - 2](1, 2, 3, padding=1, bias=False)
    pool = (nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[n_dimensions - 2](1)
    network = nn.Sequential(convolution, nn.ReLU(), pool, nn.Flatten(), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        convolution.weight[0].fill_(1.0)
        convolution.weight[1].fill_(-1.0)
        network[-1].weight.copy_(torch.eye(2))
    images = torch.zeros(2, 1, *shape)
    images[(0, 0, *[3] * n_dimensions)] = 1
    images[(1, 0, *[12] * n_dimensions)] = 1
    maps = classification.grad_cam(network, network[1], images, [0, 0])
    assert maps.shape == (2, *shape)
    assert maps[0][(slice(2, 5),) * n_dimensions].sum() == pytest.approx(maps[0].sum())
    assert maps[1][(slice(11, 14),) * n_dimensions].sum() == pytest.approx(maps[1].sum())
    assert classification.grad_cam(network, network[1], images, [1, 1]).max() == 0


def test_grad_cam_of_a_mean_of_weighed_channels():
    """Of logits that are means of weighed channels, the map is the positive part of their weighed sum, up to 1."""
    channels = torch.tensor([[[2.0, 0.0], [1.0, 1.0]], [[0.0, 4.0], [1.0, 3.0]]])
    network = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        network[-1].weight.copy_(torch.tensor([[3.0, -1.0], [0.0, 0.5]]))
    images = torch.stack([channels, 10 * channels]).requires_grad_()
    maps = classification.grad_cam(network, network[0], images, [0, 0])
    expected = np.array([[6.0, 0.0], [2.0, 0.0]]) / 6
    assert maps == pytest.approx(np.stack([expected, expected]))
    other = classification.grad_cam(network, network[0], images, [1, 0])[0]
    assert other == pytest.approx(np.array([[0.0, 4.0], [1.0, 3.0]]) / 4)


def test_grad_cam_leaves_no_hook_and_wants_a_class_for_each_image():
    network = ImageClassifier(1, 2, widths=(4, 8))
    images = torch.rand(3, 1, 8, 8)
    maps = classification.grad_cam(network, network.blocks[-1], images, [0, 1, 1])
    assert maps.shape == (3, 8, 8) and maps.min() >= 0 and maps.max() <= 1
    assert not network.blocks[-1]._forward_hooks
    with pytest.raises(UsageError, match="one class for each"):
        classification.grad_cam(network, network.blocks[-1], images, [0])
