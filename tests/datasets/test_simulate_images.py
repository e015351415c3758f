"""The simulated image samples: shipped as they are made, and with the truth that their text promises."""

import csv

import numpy as np
import pytest
from PIL import Image

from medlib import resources
from medlib.datasets import (
    registry,
    simulate_adrenal_glands,
    simulate_brain_slices,
    simulate_chest_ct,
    simulate_chest_xrays,
    simulate_lung_patches,
)

SAMPLES = resources.root() / "data" / "samples"
SIMULATORS = {
    "pneumoniamnist-sample": simulate_chest_xrays,
    "adrenalmnist3d-sample": simulate_adrenal_glands,
    "luna16-sample": simulate_lung_patches,
    "brain-mri-tumours-sample": simulate_brain_slices,
    "covid-ct-sample": simulate_chest_ct,
}


def content(path):
    """Arrays of a file, or its bytes; processors differ in the last bit of a float, and versions of zlib in bytes."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays}
    return {"": np.asarray(Image.open(path))} if path.suffix in (".png", ".jpg") else path.read_bytes()


@pytest.mark.parametrize("name", SIMULATORS)
def test_shipped_sample_is_what_the_simulator_makes(name, tmp_path):
    SIMULATORS[name].write_sample(tmp_path)
    made = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert made == sorted(registry.get(name).files)
    for path in made:
        one, other = content(tmp_path / path), content(SAMPLES / name / path)
        if isinstance(one, bytes):
            assert one == other, path
            continue
        assert one.keys() == other.keys()
        for key in one:
            off = np.abs(one[key].astype(int) - other[key].astype(int))
            assert off.max() <= (255 if path.startswith("adrenal") else 12 if path.endswith("jpg") else 1), (path, key)
            assert np.mean(off > 1) < 1e-4, (path, key)


@pytest.mark.parametrize("name", SIMULATORS)
def test_samples_are_small(name):
    assert registry.get(name).size <= 500_000


def test_pneumonia_is_rarer_in_the_test():
    with np.load(SAMPLES / "pneumoniamnist-sample" / "pneumoniamnist.npz") as found:
        shares = [found[f"{part}_labels"].mean() for part in ("train", "val", "test")]
    assert shares == pytest.approx([0.74, 0.74, 0.625], abs=0.01)


def test_pneumonia_brightens_a_lung_and_nothing_else():
    """The same random numbers with and without: the difference is what the disease is."""
    added = []
    for seed in range(40):
        well = simulate_chest_xrays.simulate_xray(False, np.random.default_rng(seed)).astype(int)
        ill = simulate_chest_xrays.simulate_xray(True, np.random.default_rng(seed)).astype(int)
        # Exposure is drawn after the disease and differs, so corners are compared with lungs.
        added.append((ill - well)[8:20, 4:24].mean() - (ill - well)[-3:, 10:18].mean())
    assert np.mean(added) > 3


def test_hyperplasia_is_thickness():
    rng = np.random.default_rng(0)
    ratio = []
    for ill in (False, True):
        glands = [simulate_adrenal_glands.simulate_gland(ill, rng) > 0 for _ in range(40)]
        assert all(60 < gland.sum() < 2500 for gland in glands)
        # Volume over surface grows with thickness, whatever the length.
        surface = [sum(np.sum(np.diff(gland, axis=axis) != 0) for axis in range(3)) for gland in glands]
        ratio.append(np.mean([gland.sum() / faces for gland, faces in zip(glands, surface, strict=True)]))
    assert ratio[1] > 1.1 * ratio[0]


def test_candidates_come_in_the_order_of_scans_that_share_noise():
    with np.load(SAMPLES / "luna16-sample" / "luna16_patches.npz") as found:
        index = np.concatenate([found[f"{part}_candidate_index"] for part in ("train", "val", "test")])
        images = found["train_images"].astype(float)
    assert np.all(np.diff(index) > 0)
    detail = images[:, 1:, :] - images[:, :-1, :]
    noise = np.median(np.abs(detail - np.median(detail, axis=(1, 2), keepdims=True)), axis=(1, 2))
    by_scan = noise.reshape(-1, simulate_lung_patches.CANDIDATES)
    assert by_scan.mean(axis=1).std() > 1.5 * by_scan.std(axis=1).mean()


def test_nodule_is_in_the_middle():
    rng = np.random.default_rng(0)
    middle = [
        np.mean([simulate_lung_patches.simulate_patch(kind, rng)[22:28, 22:28].mean() for _ in range(80)])
        for kind in (False, True)
    ]
    assert middle[1] > middle[0] + 15


def test_patients_leak_over_the_split_of_brain_slices():
    with (SAMPLES / "brain-mri-tumours-sample" / "manifest.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    patients = {split: {row["patient"] for row in rows if row["split"] == split} for split in ("train", "test")}
    assert patients["train"] == patients["test"]
    images = {row["path"]: np.asarray(Image.open(SAMPLES / "brain-mri-tumours-sample" / row["path"])) for row in rows}
    first = [image.ravel() for row, image in zip(rows, images.values(), strict=True) if row["class"] == "glioma"][:8]
    alike = np.corrcoef(first)
    assert alike[:4, :4].min() > alike[:4, 4:].max()


def test_source_is_confounded_with_the_class():
    with (SAMPLES / "covid-ct-sample" / "index.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    share = {
        label: np.mean([row["source"] == "journal" for row in rows if row["label"] == label]) for label in ("0", "1")
    }
    assert share["1"] > 0.6 and share["0"] < 0.4
    for row in rows:
        image = np.asarray(Image.open(SAMPLES / "covid-ct-sample" / "images" / row["file"]))
        assert image.shape == (int(row["height"]), int(row["width"]))
