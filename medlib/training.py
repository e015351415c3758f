"""One fit loop for every notebook, on Lightning Fabric: the loop stays in sight, the device and precision do not."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.seed import seed_everything
from rich.progress import track
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from medlib import checkpoints
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
    validation: Callable[[nn.Module], float] | None = None,
    patience: int | None = None,
    checkpoint: Path | str | None = None,
) -> list[float]:
    """Train a network in place by AdamW, with a learning rate that rises and falls once (Smith and Topin 2019).

    Parameters
    ----------
    network : Module
    batches : iterable with a length
        Such as :func:`shuffled_batches` or a DataLoader; gone through once an epoch.
    loss_function : callable
        ``loss_function(network, *batch)`` gives the loss of a batch, a scalar tensor. What it draws at random comes
        from torch's global generator, if training shall go on from a checkpoint as if nothing had happened.
    epochs : int
    learning_rate : float
        The highest.
    weight_decay : float
    device : {"cpu", "cuda", "mps", "auto"}
    precision : {"32-true", "bf16-mixed", "16-mixed"}
        See :func:`fastest_precision`.
    validation : callable, optional
        ``validation(network)`` gives a number that should be low, such as the loss on patients kept for that; it is
        asked after each epoch, and the network ends with the weights of the best one.
    patience : int, optional
        Epochs without a better validation after which training stops.
    checkpoint : Path or str, optional
        A file that is written after each epoch, and from which training goes on if it is there: after a kill, the
        same call ends with the same weights, to the bit on the same CPU or CUDA device. A training is known by its
        epochs, batches, rates and shapes alone: where seed or data differ, name another file.

    Returns
    -------
    list of float
        Mean loss of each epoch.

    Raises
    ------
    UsageError
        If the loss is no longer finite, there is nothing to train on, or the checkpoint is of a training with other
        epochs, batches, rates or shapes.

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
    if patience is not None and (validation is None or patience < 1):
        raise UsageError(f"patience is {patience}; it counts epochs, one at least, and needs a validation.")
    fabric = Fabric(accelerator=device, devices=1, precision=precision)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=n_steps)
    # What Fabric sets up shares the parameters of the network, which is thus trained in place.
    wrapped, stepper = fabric.setup(network, optimizer)
    settings = {"epochs": epochs, "batches": len(batches), "learning_rate": learning_rate, "weight_decay": weight_decay}
    losses, validated, best = [], [], {}
    if checkpoint is not None and Path(checkpoint).exists():
        losses, validated, best = _resume(checkpoint, settings, network, optimizer, schedule, batches)
    for epoch in track(range(len(losses), epochs), "training", disable=not sys.stderr.isatty()):
        if _is_over(validated, patience):
            break
        wrapped.train()
        total = torch.zeros((), device=fabric.device)
        for batch in batches:
            loss = loss_function(wrapped, *(tensor.to(fabric.device) for tensor in batch))
            stepper.zero_grad()
            fabric.backward(loss)
            stepper.step()
            schedule.step()
            total += loss.detach()
        losses.append(_finite(total.item() / len(batches), "loss", epoch, learning_rate))
        if validation is not None:
            network.eval()
            validated.append(_finite(float(validation(network)), "validation", epoch, learning_rate))
            if min(validated) == validated[-1]:
                best = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        if checkpoint is not None:
            _save(checkpoint, settings, network, optimizer, losses, validated, best)
    if best:
        network.load_state_dict(best)
    network.eval()
    return losses


def _finite(value: float, name: str, epoch: int, learning_rate: float) -> float:
    if not np.isfinite(value):
        raise UsageError(f"The {name} is {value} in epoch {epoch + 1}; lower learning_rate ({learning_rate}).")
    return value


def _is_over(validated: list[float], patience: int | None) -> bool:
    return patience is not None and len(validated) > patience and min(validated) < min(validated[-patience:])


def _save(path, settings, network, optimizer, losses, validated, best) -> None:
    """Write all that decides the epochs to come."""
    state = optimizer.state_dict()
    tensors = {"random.cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    tensors |= {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
    for number, moments in state["state"].items():
        tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in moments.items()}
    progress = {"losses": losses, "validated": validated, "groups": state["param_groups"]}
    checkpoints.save(path, tensors, settings | {"shapes": _shapes(network)} | progress)


def _resume(path, settings, network, optimizer, schedule, batches) -> tuple[list[float], list[float], dict]:
    """Set network, optimizer, schedule, order of batches and random numbers to what they were; give what was found."""
    tensors, saved = checkpoints.load(path)
    expected = settings | {"shapes": _shapes(network)}
    different = {name: (saved.get(name), value) for name, value in expected.items() if saved.get(name) != value}
    if different:
        raise UsageError(
            f"{path} is the checkpoint of another training; there and here are {different}. Delete it, or name another."
        )
    network.load_state_dict(_below("network.", tensors))
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in _below("optimizer.", tensors).items():
        number, _, name = key.partition(".")
        moments.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({"state": moments, "param_groups": saved["groups"]})
    done = len(saved["losses"])
    schedule.last_epoch = done * len(batches)
    # A loader that shuffles goes on with the orders that an uninterrupted training would have seen.
    for _ in range(done):
        for _ in batches:
            pass
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
    return saved["losses"], saved["validated"], _below("best.", tensors)


def _shapes(network: nn.Module) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in network.state_dict().items()}


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def fastest_precision(device: str = "cpu") -> str:
    """``"bf16-mixed"`` where bfloat16 pays, on a GPU that has it or a CPU with AMX; elsewhere ``"32-true"``.

    Examples
    --------
    >>> fastest_precision("mps")
    '32-true'
    """
    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    if on_gpu:
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    return "bf16-mixed" if device != "mps" and torch.cpu.get_capabilities().get("amx_bf16") else "32-true"


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
