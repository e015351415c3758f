"""The simulated lung at two times: known correspondence, known growth, density that goes with it, and the layout."""

import dataclasses

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from medlib import resources
from medlib.datasets import registry, thorax_phantom
from medlib.datasets import simulate_lung_followup as simulated
from medlib.imaging import files, landmarks

SAMPLE = resources.root() / "data" / "samples" / "registration-lung-ct-sample"
LITRE = 1e6  # mm^3


@pytest.fixture(scope="module")
def read():
    return {path.stem: files.read_volume(path) for path in SAMPLE.glob("*.mha")}


@pytest.fixture(scope="module")
def marked():
    return {name: landmarks.read_points(SAMPLE / f"{name}_landmarks.txt") for name in simulated.GRIDS}


def places(volume):
    z, y, x = np.indices(volume.array.shape)
    return np.stack([x, y, z, np.ones_like(x)], -1) @ volume.affine.T[:, :3]


def test_shipped_sample_is_what_the_simulator_makes(tmp_path):
    simulated.write_sample(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in SAMPLE.iterdir())
    for made in tmp_path.glob("*.mha"):
        # Compressors differ in how they pack the same content, and processors in the last bit of a float.
        one, other = (sitk.ReadImage(str(folder / made.name)) for folder in (tmp_path, SAMPLE))
        assert one.GetOrigin() == other.GetOrigin() and one.GetSpacing() == other.GetSpacing()
        assert np.mean(sitk.GetArrayFromImage(one) != sitk.GetArrayFromImage(other)) < 1e-3, made.name
    for made in tmp_path.glob("*.txt"):
        assert np.allclose(landmarks.read_points(made), landmarks.read_points(SAMPLE / made.name), atol=0.002)


def test_layout_is_that_of_the_real_set(read):
    real = {name for name in registry.get("registration-lung-ct").files if "/" not in name}
    assert {path.name for path in SAMPLE.iterdir()} == real
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) <= 85_000
    for name in simulated.GRIDS:
        scan, mask = read[name], read[f"{name}_mask"]
        assert scan.array.dtype == np.int16 and mask.array.dtype == np.uint8
        assert np.array_equal(scan.affine, mask.affine) and scan.array.shape == mask.array.shape
        assert set(np.unique(mask.array)) == {0, 1}
        assert 0.001 < np.mean(scan.array == -2048) < 0.05  # beyond the scanner's field
        assert not (mask.array[scan.array == -2048]).any()
    assert set(np.unique(read["followup_region"].array)) == {0, 137}
    assert np.array_equal(read["followup_region"].affine, read["followup"].affine)


def test_header_alone_is_far_off(read, marked):
    off = np.linalg.norm(marked["followup"] - marked["baseline"], axis=1)
    assert 25 < off.mean() < 40 and len(off) >= 30
    assert read["baseline"].array.shape != read["followup"].array.shape
    assert not np.allclose(read["baseline"].affine, read["followup"].affine)


def test_landmarks_go_where_the_lung_has_gone(marked):
    moved = simulated.breathe(marked["baseline"]) + simulated.TABLE
    assert np.abs(moved - marked["followup"]).max() < 0.003  # files have three decimals
    # No affine explains it: there is something for a deformation to find.
    known = np.c_[marked["baseline"], np.ones(len(moved))]
    fitted = known @ np.linalg.lstsq(known, marked["followup"], rcond=None)[0]
    assert 1.2 < np.linalg.norm(fitted - marked["followup"], axis=1).mean() < 4


@pytest.mark.parametrize("name", ["baseline", "followup"])
def test_landmarks_lie_on_vessels_in_the_lung(read, marked, name):
    scan, mask = read[name], read[f"{name}_mask"]
    index = np.c_[marked[name], np.ones(len(marked[name]))] @ np.linalg.inv(scan.affine).T
    index = np.rint(index[:, 2::-1]).astype(int)
    assert mask.array[tuple(index.T)].all()
    brightest = ndimage.maximum_filter(scan.array, 3)[tuple(index.T)]
    within = scan.array[ndimage.binary_erosion(mask.array, iterations=2)]
    assert np.mean(brightest > np.median(within) + 100) > 0.8


def test_breath_is_invertible_and_largest_at_the_diaphragm():
    rng = np.random.default_rng(0)
    points = np.array([72, 0, 42]) + rng.uniform(-1, 1, size=(500, 3)) * (80, 100, 120)
    assert np.allclose(simulated.unbreathe(simulated.breathe(points)), points, atol=1e-6)
    assert 0.5 < simulated.growth(points).min() < simulated.growth(points).max() < 2
    step = simulated.breathe(points) - points
    assert np.abs(step[points[:, 2] < 0]).max() > 2 * np.abs(step[points[:, 2] > 110, 2]).max()


def test_growth_is_that_of_the_masks(read):
    litres = [read[f"{name}_mask"].array.sum() * np.prod(simulated.SPACING) / LITRE for name in simulated.GRIDS]
    assert 1.5 < litres[0] < 2 and 1.1 < litres[1] / litres[0] < 1.3
    inside = places(read["baseline"])[read["baseline_mask"].array > 0]
    assert simulated.growth(inside).mean() == pytest.approx(litres[1] / litres[0], rel=0.01)


def test_tissue_thins_as_it_grows(read):
    """The mass of what is neither vessel nor fissure is the same on both days."""
    core = {name: ndimage.binary_erosion(read[f"{name}_mask"].array, iterations=2) for name in simulated.GRIDS}
    median = {name: float(np.median(read[name].array[core[name]])) for name in simulated.GRIDS}
    assert median["followup"] < median["baseline"] - 10
    points = np.array([[80.0, 30.0, 50.0], [60.0, -40.0, 20.0]])
    thick, thin = simulated.hounsfield_at(points), simulated.hounsfield_at(points, simulated.growth(points))
    assert np.allclose((thin + 1000) * simulated.growth(points), thick + 1000)


def test_region_is_the_lower_lobe(read):
    region, mask = read["followup_region"].array > 0, read["followup_mask"].array > 0
    assert not (region & ~mask).any() and 0.3 < region.sum() / mask.sum() < 0.8
    lobe, lung = (np.argwhere(one).mean(axis=0) for one in (region, mask))
    assert lobe[0] < lung[0] and lobe[1] < lung[1]  # lower, and further back


def test_lung_is_that_of_the_phantom(read):
    points = places(read["baseline"])
    labels = thorax_phantom.labels_at(points)
    inside = read["baseline_mask"].array > 0
    assert np.isin(labels[inside], [1, 8]).all() and not np.isin(labels[~inside], [1, 8]).any()
    outside = dataclasses.replace(read["baseline"], array=read["baseline"].array * (labels == 5))
    assert outside.array[labels == 5].mean() == pytest.approx(60, abs=25)
