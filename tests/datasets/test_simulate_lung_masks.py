"""The simulated chest X-rays have the lungs that their masks say."""

import csv
from collections import defaultdict

import numpy as np
import pytest
from scipy import ndimage

from medlib import resources
from medlib.datasets import registry, simulate_lung_masks
from medlib.datasets.image_masks import IGNORE, read_image_masks
from medlib.datasets.simulate_lung_masks import LUNG, VIEWS, simulate_image, simulate_patient

SAMPLE = resources.root() / "data" / "samples" / "chestxray-lungs-sample"


def draw(seed, view="PA", shape=(72, 72)):
    rng = np.random.default_rng(seed)
    return simulate_image(simulate_patient(rng), view, shape, rng)


def sample():
    labels = {simulate_lung_masks.BACKGROUND: 0, simulate_lung_masks.IGNORE: IGNORE, LUNG: 1}
    columns = {"patient_column": "patientid", "split_column": "split"}
    return read_image_masks(SAMPLE, labels, index="index.csv", **columns).images


@pytest.mark.parametrize("view", VIEWS)
def test_lungs_are_two_shapes_without_holes_on_both_sides_of_the_spine(view):
    for seed in range(10):
        _, mask = draw(seed, view)
        # A device is on one lung or beside it, and hides what is below.
        lungs = mask != 0
        parts, n = ndimage.label(lungs)
        sizes = np.sort(np.bincount(parts.ravel())[1:])[::-1]
        assert n >= 2 and sizes[2:].sum() < 0.02 * lungs.sum()
        assert np.array_equal(ndimage.binary_fill_holes(lungs), lungs)
        assert 0.15 < np.mean(mask == LUNG) < 0.75


def test_lungs_are_dark_and_the_heart_hides_part_of_the_left():
    shares, contrast = defaultdict(list), []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        image, mask = simulate_image(simulate_patient(rng) | {"dense": 0}, "PA", (72, 72), rng)
        contrast.append(np.median(image[mask == LUNG]) < np.median(image[mask == 0]))
        level = np.median(image[mask == 0])
        for side, half in (("right", np.s_[:, :36]), ("left", np.s_[:, 36:])):
            shares[side].append(np.mean(image[half][mask[half] == LUNG] > 0.9 * level))
    assert np.mean(contrast) > 0.9
    assert np.mean(shares["left"]) > 2 * np.mean(shares["right"]) and np.mean(shares["left"]) > 0.05


def test_lying_patients_have_shallower_lungs():
    depth = {}
    for view in ("PA", "AP Supine"):
        rows = [np.flatnonzero((draw(seed, view)[1] == LUNG).any(axis=1)) for seed in range(20)]
        depth[view] = np.mean([np.ptp(found) for found in rows])
    assert depth["AP Supine"] < 0.95 * depth["PA"]


def test_raised_dome_makes_its_lung_smaller():
    share = {}
    for raised in (-0.2, 0, 0.2):
        rng = np.random.default_rng(3)
        mask = simulate_image(simulate_patient(rng) | {"raised": raised}, "PA", (72, 72), rng)[1] == LUNG
        share[raised] = mask[:, :36].sum() / mask.sum()
    assert share[-0.2] > share[0] + 0.02 > share[0.2] + 0.04


def test_patients_are_alike_in_their_images():
    """The left lung as a share of both varies less within a patient than between patients."""
    within, means = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        patient = simulate_patient(rng)
        width = []
        for _ in range(4):
            mask = simulate_image(patient, "PA", (72, 72), rng)[1] != 0
            columns, rows = (np.ptp(np.flatnonzero(mask.any(axis=axis))) for axis in (0, 1))
            width.append(columns / rows)
        within.append(np.var(width))
        means.append(np.mean(width))
    assert np.mean(within) < np.var(means)


def test_sample_has_what_its_table_says():
    images = sample()
    assert registry.get("chestxray-lungs-sample").size <= 90_000
    with (SAMPLE / "index.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == simulate_lung_masks.COLUMNS
    for row, image in zip(rows, images, strict=True):
        assert image.image.shape == (int(row["height"]), int(row["width"]))
        assert max(image.image.shape) == simulate_lung_masks.LONGEST
        assert np.mean(image.mask == 1) == pytest.approx(float(row["lung_fraction"]), abs=1e-4)
        assert np.mean(image.mask == IGNORE) == pytest.approx(float(row["ignore_fraction"]), abs=1e-4)
    assert {row["view"] for row in rows} == set(VIEWS)
    assert any(float(row["ignore_fraction"]) > 0 for row in rows)


def test_patients_of_the_sample_are_in_one_part_each():
    parts = defaultdict(set)
    for image in sample():
        parts[image.patient].add(image.split)
    assert all(len(found) == 1 for found in parts.values())
    assert len(parts) == sum(map(len, simulate_lung_masks.PARTS.values())) + 1 < len(sample())


def test_some_images_occur_again_under_another_patient_with_another_mask():
    images = sample()
    for first, again in zip(simulate_lung_masks.AGAIN, (-2, -1), strict=True):
        one, other = images[first], images[again]
        assert np.array_equal(one.image, other.image)
        assert one.patient != other.patient and one.split == other.split
        lung, redrawn = one.mask == 1, other.mask == 1
        assert 0.88 < 2 * np.sum(lung & redrawn) / (lung.sum() + redrawn.sum()) < 0.99
