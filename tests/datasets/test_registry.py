"""The registry: what it says of the data sets, and what it refuses."""

import json
import re

import pytest

from medlib import datasets, resources
from medlib.datasets import registry
from medlib.errors import DataError, UsageError


@pytest.mark.parametrize("name", datasets.names())
def test_every_entry_is_complete(name):
    dataset = datasets.get(name)
    assert all([dataset.title, dataset.home, dataset.version, dataset.licence, dataset.citation])
    # Either its files are listed here, or their list is at its home.
    assert bool(registry.get(name).files) != bool(dataset.listing)
    assert dataset.simulated or dataset.source or re.fullmatch(r"https://\S+/", dataset.url)
    assert bool(dataset.source) == bool(dataset.prepare)
    # What is made is known beforehand, or listed when it is made.
    known = bool(re.fullmatch("[0-9a-f]{64}", dataset.decoded))
    assert known == bool(dataset.source and not dataset.listing)
    assert all(re.fullmatch(r"https://\S+", address) for address in dataset.urls.values())
    assert all(any(path.startswith(start) for path in dataset.files) for start in dataset.urls if dataset.files)
    assert all(file.size > 0 for file in dataset.files.values() if file.algorithm == "sha256")
    assert set(dataset.equivalents) <= set(dataset.files)
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in dataset.equivalents.values())
    records = [record for split in dataset.splits.values() for record in split]
    assert len(records) == len(set(records))
    assert all(f"{record}.hea" in dataset.files for record in [*records, *dataset.subjects])


@pytest.mark.parametrize("checksums", [{}, {"sha256": "0" * 64, "md5": "0" * 32}, {"md5": "0" * 64}, {"sha256": "x"}])
def test_file_has_one_checksum(checksums):
    with pytest.raises(DataError, match="give a SHA-256"):
        registry.File(10, **checksums)


def test_every_set_of_medmnist_in_every_size():
    sets = [datasets.get(name) for name in datasets.names() if registry.get(name).place == "medmnist"]
    assert len(sets) == 12 * 4 + 6 * 2
    assert len({file.md5 for dataset in sets for file in dataset.files.values()}) == len(sets)
    large = datasets.get("pneumoniamnist-224")
    assert large.address("pneumoniamnist_224.npz").endswith("/records/10519652/files/pneumoniamnist_224.npz")
    assert large.files["pneumoniamnist_224.npz"].md5 == "d6a3c71de1b945ea11211b03746c1fe1"
    assert large.title.endswith("224 pixels wide") and not large.equivalents
    assert datasets.get("dermamnist-64").licence.endswith("(CC BY-NC 4.0)")
    assert datasets.get("pneumoniamnist").equivalents


def test_mitdb():
    mitdb = datasets.get("mitdb")
    assert len(mitdb.files) == 48 * 3 + 1
    assert mitdb.size == 93_857_258
    records = {path[:3] for path in mitdb.files if path.endswith(".dat")}
    assert records - {*mitdb.splits["train"], *mitdb.splits["test"]} == {"102", "104", "107", "217"}


def test_provenance_follows_the_files(registered):
    before = datasets.get("toy").provenance()
    assert before["name"] == "toy"
    assert before["version"] == "2"
    assert before["simulated"] is False
    assert json.loads(json.dumps(before)) == before
    manifest = registered / "data" / "manifests" / "toy.txt"
    manifest.write_text(manifest.read_text().replace("a", "b"))
    assert datasets.get("toy").provenance()["sha256"] != before["sha256"]


def test_unknown_name():
    with pytest.raises(UsageError, match="did you mean 'mitdb'"):
        datasets.get("mitbd")


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a\\..\\x", "C:/x", ".", "notes/.."])
def test_path_that_leaves_the_folder(registered, path):
    manifest = registered / "data" / "manifests" / "toy.txt"
    manifest.write_text(f"{'0' * 64} 10 {path}\n")
    with pytest.raises(DataError, match="does not stay inside"):
        datasets.get("toy")


@pytest.mark.parametrize("line", ["", "abc", "abc ten 1.dat", "abc 10 1.dat", f"{'0' * 40} 10 1.dat"])
def test_damaged_manifest(registered, line):
    manifest = registered / "data" / "manifests" / "toy.txt"
    manifest.write_text(f"{line}\n")
    with pytest.raises(DataError, match=r"toy.txt, line 1: expected 'checksum size path'"):
        datasets.get("toy")


@pytest.mark.parametrize("name", [name for name in datasets.names() if datasets.get(name).simulated])
def test_manifest_of_a_sample_is_up_to_date(name):
    data = resources.root() / "data"
    assert registry.manifest(data / "samples" / name) == (data / "manifests" / f"{name}.txt").read_text()


def test_samples_are_small():
    samples = [datasets.get(name) for name in datasets.names() if datasets.get(name).simulated]
    assert sum(dataset.size for dataset in samples) <= 8e6
    assert len({dataset.provenance()["sha256"] for dataset in samples}) == len(samples)
