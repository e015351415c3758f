"""The samples of lung and lesion slices have the truth that their text promises."""

import numpy as np
import pytest

from medlib import datasets
from medlib.datasets import registry
from medlib.datasets.image_masks import read_image_masks
from medlib.datasets.lung_slices import read_lung_slices
from medlib.datasets.simulate_lung_slices import (
    CONSOLIDATION,
    GROUND_GLASS,
    LUNG_SLICES,
    SAME_PERSON,
    TEST_SLICES,
    TRAIN_SLICES,
    draw_chest,
    simulate_lesion_slice,
    simulate_lung_slice,
)

CLASSES = {0: 0, 1: 1, 2: 2}


@pytest.fixture(scope="module")
def lesion_slices():
    folder = datasets.locate("covid-lesions-sample")
    parts = [read_image_masks(folder, CLASSES, images=f"{part}/images", masks=f"{part}/multiclass_masks").images
             for part in ("train", "test")]  # fmt: skip
    return {int(found.name): found for part in parts for found in part}


def test_tissues_have_their_hounsfield_units():
    for seed in range(20):
        chest = draw_chest(80, 90, 2, 2, np.random.default_rng(seed))
        assert chest.hu[chest.lungs & (chest.lesions == 0)].mean() < -650
        glass, solid = (np.median(chest.hu[chest.lesions == kind]) for kind in (GROUND_GLASS, CONSOLIDATION))
        assert -700 < glass < -250 and -250 < solid < 150
        assert chest.hu[0, 0] == pytest.approx(-1000, abs=20)


def test_lesions_are_in_the_lungs_and_absent_where_none_is_asked_for():
    for seed in range(20):
        chest = draw_chest(80, 90, 2, 2, np.random.default_rng(seed))
        assert chest.lungs[chest.lesions > 0].all()
        assert draw_chest(80, 90, 0, 0, np.random.default_rng(seed)).lesions.max() == 0
        assert set(np.unique(draw_chest(80, 90, 2, 0, np.random.default_rng(seed)).lesions)) <= {0, GROUND_GLASS}


def test_a_consolidation_is_lung_that_no_threshold_finds():
    well, ill = ([simulate_lung_slice(np.random.default_rng(seed), n_solid=n) for seed in range(20)] for n in (0, 2))
    dense = [np.mean([np.mean(image[lungs] > -300) for image, lungs in slices]) for slices in (well, ill)]
    assert dense[1] > dense[0] + 0.03
    assert all(image.dtype == np.int16 and np.all(image % 8 == 0) for image, _ in ill)


def test_a_lesion_slice_is_cropped_to_the_lungs_and_turned():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        chest = draw_chest(90, 120, 2, 1, rng)
        image, lesions = simulate_lesion_slice(chest, rng)
        rows, columns = (np.ptp(np.flatnonzero(chest.lungs.any(axis=axis))) + 1 for axis in (1, 0))
        assert columns <= image.shape[0] <= columns + 6 and rows <= image.shape[1] <= rows + 6
        assert lesions.sum() == chest.lesions.sum()  # nothing is cut off
        assert np.median(image[lesions == CONSOLIDATION]) > 140  # nor turned away from the picture
        spine, front = image[:, -image.shape[1] // 4 :], image[:, : image.shape[1] // 4]
        assert np.mean(spine > 250) > np.mean(front > 250)


def test_the_shipped_lungs():
    found = read_lung_slices(datasets.locate("lung-slices-sample") / "lung2d_256.npz")
    assert found.ids == tuple(f"ID_{4 * number:04d}_Z_{100 + number:04d}" for number in range(LUNG_SLICES))
    assert np.array_equal(found.masks[7], found.masks[8]) and not np.array_equal(found.images[7], found.images[8])
    assert np.all(found.masks.mean(axis=(1, 2)) > 0.1)


def test_the_shipped_lesions(lesion_slices):
    assert sorted(lesion_slices) == list(range(TRAIN_SLICES + TEST_SLICES))
    solid = {number: bool(np.any(found.mask == CONSOLIDATION)) for number, found in lesion_slices.items()}
    assert [number for number in solid if number >= TRAIN_SLICES and not solid[number]]
    assert 0 < sum(solid.values()) < len(solid)
    assert all(np.any(found.mask == GROUND_GLASS) for found in lesion_slices.values())


def test_slices_of_one_person_show_the_same_lesions(lesion_slices):
    for one, other in SAME_PERSON.items():
        counts = [np.bincount(lesion_slices[number].mask.ravel(), minlength=3)[1:] for number in (one, other)]
        assert np.array_equal(*counts)
    assert any(one >= TRAIN_SLICES > other for one, other in SAME_PERSON.items())  # the parts share people


def test_both_masks_say_the_same():
    folder = datasets.locate("covid-lesions-sample")
    for part in ("train", "test"):
        kinds, lesions = (
            read_image_masks(folder, labels, images=f"{part}/images", masks=f"{part}/{masks}").images
            for labels, masks in ((CLASSES, "multiclass_masks"), ({0: 0, 255: 1}, "lesion_masks"))
        )
        assert all(np.array_equal(a.mask > 0, b.mask == 1) for a, b in zip(kinds, lesions, strict=True))


def test_samples_are_small():
    assert sum(registry.get(name).size for name in ("lung-slices-sample", "covid-lesions-sample")) <= 130_000
