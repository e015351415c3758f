"""The simulated image samples have the truth that their text promises."""

import csv

import numpy as np
import pytest
from PIL import Image

from medlib import resources
from medlib.datasets import simulate_adrenal_glands, simulate_chest_xrays, simulate_lung_patches

SAMPLES = resources.root() / "data" / "samples"


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
