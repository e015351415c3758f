"""Figures of classifiers of images: montages, ROC and reliability curves, and where a network looked (Grad-CAM)."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_curve
from torch import nn

from medlib import calibration, discrimination
from medlib.errors import UsageError

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito
_STYLES = ("-", "--", "-.", ":")


def plot_montage(
    images: NDArray,
    titles: Sequence[str],
    *,
    columns: int = 8,
    title: str = "",
    value_range: tuple[float, float] = (0, 255),
    maps: NDArray | None = None,
) -> Figure:
    """Images side by side, each with its title; of volumes the middle axial slice.

    Parameters
    ----------
    images : ndarray, shape (n, [z,] y, x)
        Grey values.
    titles : sequence of str, length n
    columns : int
    title : str
        Of the whole figure.
    value_range : (float, float)
        Values that are drawn black and white.
    maps : ndarray, shape of images, optional
        From 0 to 1, as :func:`grad_cam` gives them; drawn over the images, bright where they are high.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If there is no image, or images, titles and maps do not go together.

    Examples
    --------
    >>> figure = plot_montage(np.zeros((3, 28, 28)), ["a", "b", "c"], columns=2)
    >>> len(figure.axes), [axes.get_title() for axes in figure.axes][:3]
    (4, ['a', 'b', 'c'])
    >>> plt.close(figure)
    """
    images = np.asarray(images)
    if (
        images.ndim not in (3, 4)
        or not 0 < len(images) == len(titles)
        or (maps is not None and maps.shape != images.shape)
    ):
        raise UsageError(
            f"images {images.shape}, {len(titles)} titles and maps {None if maps is None else maps.shape} do not go "
            "together; give (n, [z,] y, x), n titles, and maps of the same shape."
        )
    rows = -(-len(images) // columns)
    figure, panels = plt.subplots(
        rows, columns, figsize=(1.5 * columns, 1.7 * rows + 0.3), layout="constrained", squeeze=False
    )
    for axes in panels.flat:
        axes.axis("off")
    for index, axes in enumerate(panels.flat[: len(images)]):
        axes.imshow(_middle(images[index]), cmap="gray", vmin=value_range[0], vmax=value_range[1])
        if maps is not None:
            axes.imshow(_middle(maps[index]), cmap="inferno", vmin=0, vmax=1, alpha=0.45)
        axes.set_title(titles[index], fontsize=8)
    figure.suptitle(title)
    return figure


def plot_roc_and_reliability(
    truth: NDArray, scores: Mapping[str, NDArray], probabilities: Mapping[str, NDArray], *, n_bins: int = 10
) -> Figure:
    """ROC curves on the left and reliability curves on the right.

    Parameters
    ----------
    truth : ndarray of bool, shape (n,)
        Whether each case is positive.
    scores : mapping of str to ndarray, shape (n,)
        By model, what ranks the cases.
    probabilities : mapping of str to ndarray, shape (n,)
        By model, the probability of being positive; the area of a point is the share of cases in its bin.
    n_bins : int

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        As in :func:`medlib.calibration.reliability`.

    Examples
    --------
    >>> truth, score = np.array([0, 1, 0, 1]), np.array([0.2, 0.7, 0.6, 0.9])
    >>> figure = plot_roc_and_reliability(truth, {"network": score}, {"network": score})
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['network, 1.000', 'chance, 0.500']
    >>> plt.close(figure)
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
    for number, (name, score) in enumerate(scores.items()):
        alarms, found, _ = roc_curve(truth, score)
        area = discrimination.auroc(truth, score)
        style = {"color": COLOURS[number % len(COLOURS)], "linestyle": _STYLES[number % len(_STYLES)]}
        left.plot(alarms, found, label=f"{name}, {area:.3f}", **style)
    left.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, label="chance, 0.500")
    left.set(xlabel="1 - specificity", ylabel="sensitivity", title="ROC curves, with the area under them")
    left.legend(loc="lower right")
    for number, (name, probability) in enumerate(probabilities.items()):
        found, said, count = calibration.reliability(truth, probability, n_bins)
        colour = COLOURS[number % len(COLOURS)]
        right.plot(said, found, _STYLES[number % len(_STYLES)], color=colour, label=name)
        right.scatter(said, found, s=10 + 200 * count / count.sum(), color=colour)
    right.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, label="what is said is true")
    right.set(xlabel="probability said", ylabel="share that is positive", title="Reliability (area: share of cases)")
    right.legend(loc="upper left")
    return figure


def grad_cam(network: nn.Module, layer: nn.Module, images: torch.Tensor, classes: Sequence[int]) -> NDArray[np.float32]:
    """Where a convolutional network found what speaks for a class: gradient-weighted class activation mapping.

    Each channel of the layer's output is weighed by the mean gradient of the class's logit; the sum is cut at zero,
    enlarged to the size of the image, and divided by its maximum.

    Parameters
    ----------
    network : Module
        Left in evaluation mode.
    layer : Module
        One of its layers, usually the last with places: ``ImageClassifier.blocks[-1]``.
    images : Tensor of float32, shape (n, channel, [z,] y, x)
        As the network takes them.
    classes : sequence of int, length n

    Returns
    -------
    ndarray of float32, shape (n, [z,] y, x)
        From 0 to 1; all 0 where nothing speaks for the class.

    Raises
    ------
    UsageError
        If there is not one class for each image.

    References
    ----------
    Selvaraju et al. (2017), Grad-CAM: visual explanations from deep networks via gradient-based localization, ICCV.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    >>> grad_cam(network, network[0], torch.zeros(3, 1, 8, 8), [0, 1, 1]).shape
    (3, 8, 8)
    """
    if len(images) != len(classes):
        raise UsageError(f"{len(images)} images and {len(classes)} classes; give one class for each image.")
    network.eval()
    device = next(network.parameters()).device
    kept = []
    hook = layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
    try:
        with torch.enable_grad():
            logits = network(images.to(device))
            (output,) = kept
            (gradient,) = torch.autograd.grad(logits[torch.arange(len(images)), torch.as_tensor(classes)].sum(), output)
    finally:
        hook.remove()
    weight = gradient.mean(dim=tuple(range(2, gradient.ndim)), keepdim=True)
    found = (weight * output).sum(dim=1, keepdim=True).clamp(min=0).detach()
    mode = "bilinear" if images.ndim == 4 else "trilinear"
    found = nn.functional.interpolate(found, size=images.shape[2:], mode=mode, align_corners=False)[:, 0]
    highest = found.flatten(1).amax(dim=1).clamp(min=1e-12).reshape(-1, *[1] * (found.ndim - 1))
    return (found / highest).cpu().numpy()


def _middle(image: NDArray) -> NDArray:
    return image[len(image) // 2] if image.ndim == 3 else image
