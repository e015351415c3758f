"""What training needs to go on after a kill, in one safetensors file: tensors by name, and settings as JSON."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from medlib.errors import DataError


def save(path: Path | str, tensors: Mapping[str, torch.Tensor], settings: Mapping[str, Any]) -> None:
    """Write tensors and settings to a file that appears whole or not at all.

    Parameters
    ----------
    path : Path or str
        The file, ``.safetensors`` by custom; one that is there is replaced. Its folder is made.
    tensors : mapping of str to Tensor
    settings : mapping of str to object
        What JSON can hold.

    Examples
    --------
    >>> folder = tempfile.TemporaryDirectory()
    >>> save(f"{folder.name}/line.safetensors", {"weight": torch.tensor([3.0])}, {"epoch": 7})
    >>> load(f"{folder.name}/line.safetensors")
    ({'weight': tensor([3.])}, {'epoch': 7})
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Tensors that share memory, as tied weights do, are written once for each name.
    separate = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    content = safetensors.torch.save(separate, metadata={"medlib": json.dumps(dict(settings))})
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def load(path: Path | str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what :func:`save` wrote; nothing in the file can run code.

    Returns
    -------
    tensors : dict of str to Tensor
        On the CPU.
    settings : dict of str to object

    Raises
    ------
    DataError
        If the file is damaged, or not of medlib.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            settings = json.loads((file.metadata() or {})["medlib"])
            return {name: file.get_tensor(name) for name in sorted(file.keys())}, settings
    except (safetensors.SafetensorError, KeyError, ValueError, OSError) as error:
        raise DataError(
            f"{path} is no checkpoint of medlib ({type(error).__name__}: {error}); delete it to start anew."
        ) from None
