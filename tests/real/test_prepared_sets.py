"""The image sets that are made from others: what the registry says of them, and that they are made so."""

import importlib

import pytest

from medlib import datasets
from medlib.datasets import decoded

MADE = [name for name in datasets.names() if datasets.get(name).source]


@pytest.mark.real
@pytest.mark.parametrize("name", MADE)
def test_real_set_decodes_to_what_the_registry_says(name, real_folder):
    assert decoded.digest(datasets.get(name), real_folder(name)) == datasets.get(name).decoded


@pytest.mark.real
@pytest.mark.parametrize("name", MADE)
def test_real_source_gives_the_set(name, real_folder, tmp_path):
    dataset = datasets.get(name)
    source = real_folder(dataset.source)
    made = tmp_path / "made"
    made.mkdir()
    importlib.import_module(dataset.prepare).prepare(source, datasets.get(dataset.source).files, made)
    assert decoded.digest(dataset, made) == dataset.decoded
