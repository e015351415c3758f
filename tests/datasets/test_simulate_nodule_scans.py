"""Simulated chest scans: the truth that a scan states is what its voxels show."""

import numpy as np
import pytest
from scipy import ndimage

from medlib.datasets import simulate_nodule_scans as simulator

N_SLICES = 24


@pytest.fixture(scope="module")
def scans():
    return [simulator.simulate_scan(seed, n_slices=N_SLICES) for seed in range(3)]


def voxel(scan, nodule):
    """Index (z, y, x) of the centre of a nodule."""
    return to_voxel(scan, nodule.centre)


def to_voxel(scan, place):
    x, y, z = np.linalg.solve(scan.affine, [*place, 1])[:3]
    return np.array([z, y, x])


def spacing(scan):
    return np.abs(np.diag(scan.affine))[[2, 1, 0]]


def test_the_same_seed_gives_the_same(scans):
    again = simulator.simulate_scan(1, n_slices=N_SLICES)
    assert again.nodules == scans[1].nodules and again.small == scans[1].small
    assert np.array_equal(again.hounsfield, scans[1].hounsfield)
    assert not np.array_equal(scans[0].hounsfield[:, :99, :99], scans[1].hounsfield[:, :99, :99])


def test_nodules_are_as_described(scans):
    for scan in scans:
        assert 3 <= len(scan.nodules) <= 6 and scan.hounsfield.shape[0] == N_SLICES
        assert all(4 <= nodule.diameter <= 20 and nodule.kind in simulator.KINDS for nodule in scan.nodules)
        assert all(nodule.diameter < 4 and nodule.kind == "small" for nodule in scan.small)
        pairs = [(a, b) for a in scan.nodules + scan.small for b in scan.nodules + scan.small if a is not b]
        for a, b in pairs:
            assert np.linalg.norm(np.subtract(a.centre, b.centre)) > (a.diameter + b.diameter) / 2


def test_centres_are_where_the_voxels_are_dense(scans):
    for scan in scans:
        smooth = ndimage.gaussian_filter(scan.hounsfield.astype(float), 1.0 / spacing(scan))
        for nodule in scan.nodules:
            value = smooth[tuple(np.rint(voxel(scan, nodule)).astype(int))]
            least = -750 if nodule.kind in ("ground-glass", "part-solid") else -600 if nodule.diameter < 6 else -400
            assert value > least, nodule


def test_diameter_is_that_of_the_voxels():
    """A large solid nodule in noiseless air: its volume at half of the contrast is that of the ball."""
    canvas = simulator._Canvas((40, 60, 60), np.array([1.0, 0.7, 0.7]))
    solid, glass = np.zeros(canvas.shape, np.float32), np.zeros(canvas.shape, np.float32)
    nodule = (np.zeros(3), 16.0, "solid")
    simulator._draw_nodule(canvas, solid, glass, nodule, np.random.default_rng(0))
    volume = (solid > 0.5 * solid.max()).sum() * np.prod(canvas.spacing)
    assert 2 * (3 * volume / (4 * np.pi)) ** (1 / 3) == pytest.approx(16, rel=0.1)
    assert np.allclose(ndimage.center_of_mass(solid), (np.array(canvas.shape) - 1) / 2, atol=1)


def test_nodules_on_the_wall_are_joined_to_it():
    """From the centre of a nodule on the wall outwards into the chest wall there is no air."""
    checked = 0
    for seed in range(10, 20):
        scan = simulator.simulate_scan(seed, n_slices=16)
        for nodule in scan.nodules:
            if nodule.kind != "juxtapleural" or nodule.diameter < 8:
                continue
            z, y, x = voxel(scan, nodule)
            axis = to_voxel(scan, [np.sign(nodule.centre[0]) * simulator._LUNG_X, 0, nodule.centre[2]])
            outward = np.array([y, x]) - axis[1:]
            outward *= (0.18 * nodule.diameter + 4) / np.linalg.norm(outward) / spacing(scan)[1]
            steps = np.linspace(0, 1, 20)
            line = [np.full(20, z), y + steps * outward[0], x + steps * outward[1]]
            assert ndimage.map_coordinates(scan.hounsfield.astype(float), line, order=1).min() > -100, nodule
            checked += 1
    assert checked >= 3


def test_hounsfield_units_of_tissues(scans):
    for scan in scans:
        inner = ndimage.binary_erosion(scan.lungs, iterations=6)
        assert -910 < np.median(scan.hounsfield[inner]) < -810
        assert np.abs(np.median(scan.hounsfield[:, :3, :3]) + 1000) < 40
        heart = scan.hounsfield[N_SLICES // 2, scan.hounsfield.shape[1] // 3, scan.hounsfield.shape[2] // 2]
        assert -200 < heart < 250


def test_vessels_branch_from_a_root():
    tips = np.random.default_rng(0).normal(0, 30, (50, 3))
    branches = simulator._tree(np.zeros(3), tips, np.random.default_rng(1))
    ends = {tuple(end) for _, end, *_ in branches}
    assert {tuple(tip) for tip in tips} <= ends
    assert len(branches) == 2 * len(tips) - 1
    radii = [first for *_, first, _ in branches]
    assert radii[0] == max(radii) and min(radii) == simulator._TWIG


def test_noise_has_the_power_of_a_reconstruction():
    """Its deviation is as asked; slices are independent; neighbours in a slice are not; there is little mean."""
    made = simulator._noise((6, 128, 128), 25.0, 0.2, np.random.default_rng(0))
    assert made.std() == pytest.approx(25, rel=1e-3)
    assert abs(np.corrcoef(made[0].ravel(), made[1].ravel())[0, 1]) < 0.05
    assert np.corrcoef(made[:, 1:].ravel(), made[:, :-1].ravel())[0, 1] > 0.3
    power = np.abs(np.fft.fft2(made)) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128)))
    low, middle, high = (
        power[:, (frequency > a) & (frequency < b)].mean() for a, b in ((0, 0.03), (0.1, 0.2), (0.4, 0.5))
    )
    assert middle > 1.5 * low and middle > 10 * high
