"""The simulated dissection: the anatomy that it promises, the real layout, and lumina that share an aorta."""

import gzip

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from medlib import datasets, resources
from medlib.datasets import simulate_thoracic_aorta
from medlib.imaging import files

SAMPLE = resources.root() / "data" / "samples" / "thoracic-aorta-sample"
VOXEL = 4.5**3 / 1000  # ml


@pytest.fixture(scope="module")
def scan():
    return files.read_volume(SAMPLE / "ct_cropped.nii.gz", unit="HU", modality="CT")


@pytest.fixture(scope="module")
def masks():
    return {name: files.read_volume(SAMPLE / f"{name}.nii.gz").array > 0 for name in simulate_thoracic_aorta.MASKS}


def test_shipped_sample_is_what_the_simulator_makes(tmp_path):
    simulate_thoracic_aorta.write_sample(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in SAMPLE.iterdir())
    for made in tmp_path.iterdir():
        # Compressors differ in how they pack the same content, and processors in the last bit of a float.
        one, other = (gzip.decompress((folder / made.name).read_bytes()) for folder in (tmp_path, SAMPLE))
        assert len(one) == len(other)
        one, other = (np.asarray(nibabel.load(folder / made.name).dataobj).astype(int) for folder in (tmp_path, SAMPLE))
        off = np.abs(one - other)
        assert off.max() <= 1 and np.mean(off > 0) < 1e-3, made.name


def test_it_is_registered_and_small():
    entry = datasets.get("thoracic-aorta-sample")
    assert entry.simulated and set(entry.files) == {"ct_cropped.nii.gz"} | {
        f"{name}.nii.gz" for name in simulate_thoracic_aorta.MASKS
    }
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) <= 50_000


def test_scan_and_masks_share_the_grid_of_the_real_set(scan):
    assert scan.array.dtype == np.int16 and scan.array.shape == simulate_thoracic_aorta.SHAPE
    assert scan.orientation == "LPS" and scan.spacing == pytest.approx((4.5, 4.5, 4.5))
    for name in simulate_thoracic_aorta.MASKS:
        mask = files.read_volume(SAMPLE / f"{name}.nii.gz")
        assert mask.array.dtype == np.uint8 and set(np.unique(mask.array)) == {0, 1}
        assert mask.array.shape == scan.array.shape and np.array_equal(mask.affine, scan.affine)


def test_lumina_share_the_aorta_between_them(masks):
    true, false = masks["aorta_true_lumen"], masks["aorta_false_lumen"]
    assert not (true & false).any() and np.array_equal(true | false, masks["aorta"])
    assert 40 < true.sum() * VOXEL < 200 and 40 < false.sum() * VOXEL < 200
    assert ndimage.label(masks["aorta"], np.ones((3, 3, 3)))[1] == 1


def test_structures_do_not_overlap_and_branches_leave_the_arch(masks):
    others = [name for name in masks if not name.startswith("aorta")]
    assert sum(masks[name].astype(int) for name in ["aorta", *others]).max() == 1
    near = ndimage.binary_dilation(masks["aorta"], np.ones((3, 3, 3)))
    for name in others[:3]:
        assert (near & masks[name]).any() and masks[name][-1].any(), name  # from the arch to the upper border


@pytest.mark.parametrize(("name", "hounsfield"), [
    ("aorta_true_lumen", 400), ("aorta_false_lumen", 230), ("vertebrae_T12", 180),
])  # fmt: skip
def test_densities_tell_the_lumina_apart(scan, masks, name, hounsfield):
    core = ndimage.binary_erosion(masks[name])
    assert np.median(scan.array[core]) == pytest.approx(hounsfield, abs=8 if name.startswith("aorta") else 20)


def test_tissue_has_a_texture_and_blood_has_none(scan, masks):
    bone, blood = (ndimage.binary_erosion(masks[name]) for name in ("vertebrae_T12", "aorta_true_lumen"))
    assert scan.array[bone].std() > 10 > scan.array[blood & ~ndimage.binary_dilation(masks["aorta_false_lumen"])].std()


def test_sides_are_those_of_a_patient(scan, masks):
    def centre(name):
        return (scan.affine @ [*np.argwhere(masks[name]).mean(axis=0)[::-1], 1])[:3]

    trunk, carotid, subclavian = (centre(name) for name in simulate_thoracic_aorta.MASKS[3:6])
    assert trunk[0] > carotid[0] > subclavian[0]  # from the right to the left of the patient
    spine = centre("vertebrae_T12")
    assert spine[1] < centre("aorta")[1] and spine[2] < centre("aorta")[2]
    assert spine[2] == pytest.approx(-72, abs=3)
    left, right = scan.array[30, :, -4:], scan.array[30, :, :4]
    assert (left < -600).any() and (right < -600).any()  # lungs are cut at both sides
