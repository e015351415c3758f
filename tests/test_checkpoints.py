"""Checkpoints hold what was saved, and a save that fails leaves the one before."""

import os

import pytest
import torch

from medlib import checkpoints


def test_tensors_that_share_memory_are_all_kept(tmp_path):
    tied = torch.arange(6.0).reshape(2, 3)
    saved = {"first": tied, "second": tied, "turned": tied.mT, "part": tied[1:], "whole": torch.tensor(7)}
    checkpoints.save(tmp_path / "new" / "a.safetensors", saved, {"epoch": 3, "losses": [0.5]})
    found, settings = checkpoints.load(tmp_path / "new" / "a.safetensors")
    assert found.keys() == saved.keys() and settings == {"epoch": 3, "losses": [0.5]}
    for name, tensor in saved.items():
        assert torch.equal(found[name], tensor) and found[name].dtype == tensor.dtype


def test_a_save_that_fails_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    checkpoints.save(path, {"weight": torch.ones(1)}, {"epoch": 1})

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        checkpoints.save(path, {"weight": torch.zeros(1)}, {"epoch": 2})
    assert checkpoints.load(path) == ({"weight": torch.ones(1)}, {"epoch": 1})
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
