"""Registration of a synthetic pair of 128 cubed voxels, in error and time beside ANTs, elastix and SimpleITK's demons.

ANTs asks for another numpy than ours, so the first two run in an interpreter of their own, which has antspyx and
itk-elastix; ``MEDLIB_PEERS_PYTHON`` is its path. Without, they are left out.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from medlib.imaging import deformation, demons, instance_optimisation, registration, warping
from medlib.imaging.instance_optimisation import Level
from medlib.imaging.transforms import Transform
from medlib.imaging.volumes import Volume

SIZE = 128
TARGET = 0.30  # voxels


@pytest.fixture(scope="module")
def pair():
    """Fixed and moving volume, the truth, and points of the body: an ellipsoid of tissue, bent, turned and shifted."""
    rng = np.random.default_rng(0)
    grid = Volume(np.zeros((SIZE,) * 3, np.float32), np.eye(4))
    tissue = sum(ndimage.gaussian_filter(rng.normal(size=grid.array.shape), sigma) * sigma**1.5 for sigma in (2, 4, 8))
    outward = np.linalg.norm(
        (np.indices(grid.array.shape).T - (SIZE - 1) / 2).T / np.reshape([50, 44, 38], (3, 1, 1, 1)), axis=0
    )
    body = 1 / (1 + np.exp((outward - 1) * 25))
    moving = Volume((body * (1 + 0.35 * tissue / tissue.std())).astype(np.float32), np.eye(4))
    bent = deformation.random_warp(grid, rng, distance=32, amplitude=5)
    turned, middle = np.eye(4), np.full(3, (SIZE - 1) / 2)
    turned[:3, :3] = Rotation.from_euler("xyz", [5, -4, 6], degrees=True).as_matrix() @ np.diag([1.04, 0.97, 1.02])
    turned[:3, 3] = middle - turned[:3, :3] @ middle + [3.0, -2.0, 2.0]
    truth = Transform((*bent.parts, turned))
    fixed = warping.warp(moving, truth, grid)
    return fixed, moving, truth, np.argwhere(fixed.array > 0.5)[::501, ::-1].astype(float)


def by_medlib(fixed, moving):
    mask = ndimage.binary_dilation(fixed.array > 0.2, iterations=2)
    start = instance_optimisation.optimise_affine(fixed, moving, mask=mask, levels=[Level(4.0, 50)])
    return instance_optimisation.optimise_velocity(
        fixed, moving, start=start, mask=mask, levels=[Level(4.0, 40), Level(2.0, 30)]
    )


def by_demons(fixed, moving):
    start = registration.register_linear(fixed, moving, metric="mean_squares", sampled=0.1)
    return demons.register_demons(fixed, moving, start=start)


def by_peer(method, fixed, moving, folder):
    """Where the peer finds the voxels, shape (3, z, y, x), in the order x, y, z; and its seconds."""
    python = os.environ.get("MEDLIB_PEERS_PYTHON")
    if not python:
        pytest.skip("MEDLIB_PEERS_PYTHON is not set: the path of a Python that has antspyx and itk-elastix")
    for name, volume in (("fixed", fixed), ("moving", moving)):
        np.save(folder / f"{name}.npy", volume.array)
    script = Path(__file__).with_name("registration_peers.py")
    ran = subprocess.run([python, script, method, folder], capture_output=True, text=True, check=True)
    return np.load(folder / "mapped.npy"), float(ran.stdout.split()[-1])


def error(mapped, truth, points):
    return float(np.linalg.norm(mapped - warping.map_points(truth, points), axis=1).mean())


def timed(method, fixed, moving):
    start = time.perf_counter()
    found = method(fixed, moving)
    return found, time.perf_counter() - start


@pytest.mark.parametrize("peer", ["syn", "elastix", "demons"])
def test_error_and_time_beside_a_peer(pair, tmp_path, peer):
    fixed, moving, truth, points = pair
    by_medlib(fixed, moving)  # what the first call loads is no part of the comparison
    found, ours = timed(by_medlib, fixed, moving)
    if peer == "demons":
        theirs, seconds = timed(by_demons, fixed, moving)
        mapped = warping.map_points(theirs, points)
    else:
        maps, seconds = by_peer(peer, fixed, moving, tmp_path)
        x, y, z = points.T.astype(int)
        mapped = maps[:, z, y, x].T
    before, off = (error(warping.map_points(each, points), truth, points) for each in (Transform(), found))
    folded = deformation.regularity(found, fixed)["folded_share"]
    print(f"\nbefore {before:.2f}, ours {off:.3f} voxels in {ours:.1f} s, folded {folded:.4%}; "
          f"{peer} {error(mapped, truth, points):.3f} voxels in {seconds:.1f} s", file=sys.stderr)  # fmt: skip
    assert off <= TARGET and folded == 0
    if peer == "syn":
        assert ours < seconds
