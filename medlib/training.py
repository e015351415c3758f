"""One fit loop for every notebook, on Lightning Fabric: the loop stays in sight, the device and precision do not."""

import sys
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.seed import seed_everything
from rich.progress import track
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from medlib.errors import UsageError


def shuffled_batches(*arrays: np.ndarray | torch.Tensor, batch_size: int, seed: int) -> DataLoader:
    """Batches of arrays in memory, in a new order each epoch; an incomplete last batch is left out.

    Parameters
    ----------
    *arrays : ndarray or Tensor, shape (n, ...)
    batch_size : int
    seed : int
        Decides the orders.

    Returns
    -------
    DataLoader
        Yields lists with a tensor of shape (batch_size, ...) for each array.

    Raises
    ------
    UsageError
        If there is not even one batch.

    Examples
    --------
    >>> batches = shuffled_batches(np.arange(10), batch_size=4, seed=0)
    >>> [batch.shape for batch, in batches]
    [torch.Size([4]), torch.Size([4])]
    """
    dataset = TensorDataset(*(torch.as_tensor(array) for array in arrays))
    if not 0 < batch_size <= len(dataset):
        raise UsageError(f"batch_size is {batch_size}; with {len(dataset)} examples it can be 1 to {len(dataset)}.")
    order = RandomSampler(dataset, generator=torch.Generator().manual_seed(seed))
    # A sampler of whole batches indexes the tensors once a batch, where a plain loader does it for each example.
    return DataLoader(dataset, sampler=BatchSampler(order, batch_size, drop_last=True), batch_size=None)


def fit(
    network: nn.Module,
    batches: Iterable[Sequence[torch.Tensor]],
    loss_function: Callable[..., torch.Tensor],
    *,
    epochs: int,
    learning_rate: float,
    weight_decay: float = 0.01,
    device: str = "cpu",
    precision: str = "32-true",
) -> list[float]:
    """Train a network in place by AdamW, with a learning rate that rises and falls once (Smith and Topin 2019).

    Parameters
    ----------
    network : Module
    batches : iterable with a length
        Such as :func:`shuffled_batches` or a DataLoader; gone through once an epoch.
    loss_function : callable
        ``loss_function(network, *batch)`` gives the loss of a batch, a scalar tensor.
    epochs : int
    learning_rate : float
        The highest.
    weight_decay : float
    device : {"cpu", "cuda", "mps", "auto"}
    precision : {"32-true", "bf16-mixed", "16-mixed"}
        ``"bf16-mixed"`` is faster on a GPU, and on a CPU with AMX; elsewhere it is slower.

    Returns
    -------
    list of float
        Mean loss of each epoch.

    Raises
    ------
    UsageError
        If the loss is no longer finite, or there is nothing to train on.

    References
    ----------
    Loshchilov and Hutter (2019), Decoupled weight decay regularization, ICLR. Smith and Topin (2019),
    Super-convergence, Proceedings of SPIE 11006.

    Examples
    --------
    >>> seed_all(0)
    >>> x = torch.linspace(-1, 1, 64)[:, None]
    >>> line = nn.Linear(1, 1)
    >>> squared = lambda network, x, y: nn.functional.mse_loss(network(x), y)
    >>> losses = fit(line, shuffled_batches(x, 3 * x, batch_size=16, seed=0), squared, epochs=200, learning_rate=0.1)
    >>> round(line.weight.item())
    3
    """
    n_steps = epochs * len(batches)
    if n_steps < 1:
        raise UsageError(f"{epochs} epochs of {len(batches)} batches are nothing to train on; give at least one each.")
    fabric = Fabric(accelerator=device, devices=1, precision=precision)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=n_steps)
    # What Fabric sets up shares the parameters of the network, which is thus trained in place.
    wrapped, optimizer = fabric.setup(network, optimizer)
    wrapped.train()
    losses = []
    for epoch in track(range(epochs), "training", disable=not sys.stderr.isatty()):
        total = torch.zeros((), device=fabric.device)
        for batch in batches:
            loss = loss_function(wrapped, *(tensor.to(fabric.device) for tensor in batch))
            optimizer.zero_grad()
            fabric.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.detach()
        losses.append(total.item() / len(batches))
        if not np.isfinite(losses[-1]):
            raise UsageError(f"The loss is {losses[-1]} in epoch {epoch + 1}; lower learning_rate ({learning_rate}).")
    network.eval()
    return losses


@torch.inference_mode()
def predict(network: nn.Module, *arrays: np.ndarray | torch.Tensor, batch_size: int = 512) -> np.ndarray:
    """Outputs of a network for arrays in memory, batch by batch on the device where the network is.

    Parameters
    ----------
    network : Module
    *arrays : ndarray or Tensor, shape (n, ...)
        One for each input of the network.
    batch_size : int

    Returns
    -------
    ndarray of float32, shape (n, ...)

    Examples
    --------
    >>> predict(nn.Identity(), np.arange(3.0), batch_size=2)
    array([0., 1., 2.], dtype=float32)
    """
    network.eval()
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    tensors = [torch.as_tensor(array) for array in arrays]
    parts = zip(*(tensor.split(batch_size) for tensor in tensors), strict=True)
    return np.concatenate([network(*(part.to(device) for part in batch)).float().cpu().numpy() for batch in parts])


def seed_all(seed: int) -> None:
    """Seed Python, NumPy and torch, so that the same run gives the same numbers on the same machine.

    Examples
    --------
    >>> seed_all(0)
    >>> first = torch.rand(1)
    >>> seed_all(0)
    >>> bool(torch.rand(1) == first)
    True
    """
    seed_everything(seed, verbose=False)
