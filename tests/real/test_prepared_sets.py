"""The image sets that are made from others: what the registry says of them, and that they are made so."""

import csv
import importlib

import pytest

from medlib import datasets
from medlib.datasets import decoded

# Those whose content is known beforehand; what is unpacked from an archive is known by the checksum of that alone.
MADE = [name for name in datasets.names() if datasets.get(name).decoded]


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


@pytest.mark.real
def test_real_chestxray_lungs_are_split_by_patient(real_folder):
    with (real_folder("chestxray-lungs") / "index.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    patients = {row["patientid"] for row in rows}
    assert (len(rows), len(patients)) == (198, 109)
    # Each patient is in one part.
    assert len({(row["patientid"], row["split"]) for row in rows}) == len(patients)
