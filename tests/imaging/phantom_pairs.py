"""Two images of a body of ellipsoids and what maps one to the other, known exactly."""

import dataclasses
import functools

import numpy as np
from scipy.spatial.transform import Rotation

from medlib.imaging import deformation, transforms, volumes, warping
from medlib.imaging.transforms import Transform
from medlib.imaging.volumes import Volume

SPACING = (4.0, 3.0, 2.5)
# Centre and half axes in mm, and value: a body, and organs within it.
_PARTS = [((0, 0, 0), (36, 28, 44), 60), ((14, 4, 10), (13, 10, 15), 110), ((-15, 3, 6), (9, 13, 12), 30),
          ((3, -14, -14), (12, 7, 17), 140), ((-8, 9, -20), (10, 9, 9), 90), ((8, 12, -22), (6, 6, 10), 15),
          ((-12, -12, 24), (8, 8, 7), 125)]  # fmt: skip


@functools.cache
def body(shape=(30, 28, 36), spacing=SPACING):
    """A volume whose middle is the origin of the patient, of tissue that looks otherwise at each place."""
    affine = np.diag([*spacing[::-1], 1.0])
    affine[:3, 3] = -(np.array(shape[::-1]) - 1) / 2 * spacing[::-1]
    z, y, x = np.indices(shape)
    points = np.stack([x, y, z], axis=-1) * spacing[::-1] + affine[:3, 3]
    values = np.zeros(shape, np.float32)
    for centre, axes, value in _PARTS:
        outward = np.linalg.norm((points - centre) / axes, axis=-1)
        share = 1 / (1 + np.exp((outward - 1) * 12))
        values += share * (value - values)
    waves = np.random.default_rng(7).normal(size=(12, 3)) / 9
    values *= 1 + 0.06 * sum(np.sin(points @ wave + index) for index, wave in enumerate(waves))
    return Volume(values, affine)


def organs(volume):
    """Labels of a body's voxels: 1 where they are bright."""
    return dataclasses.replace(volume, array=(volume.array > 80).astype(np.uint8))


def linear(rotation=(6.0, -4.0, 8.0), shift=(7.0, -5.0, 6.0), scale=(1.0, 1.0, 1.0)):
    """Rotation in degrees, shift in mm and scale along the axes of the patient."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", rotation, degrees=True).as_matrix() * scale
    matrix[:3, 3] = shift
    return Transform((matrix,))


def smooth(volume, amplitude=4.0, distance=35.0, seed=0):
    return deformation.random_warp(volume, np.random.default_rng(seed), distance=distance, amplitude=amplitude)


def bent_and_turned():
    """A smooth deformation, then a linear transform."""
    return Transform((*smooth(body()).parts, *linear().parts))


def seen_through(truth, moving=None):
    """The fixed image of a pair: the moving one pulled through the truth, and points of the body in it."""
    moving = body() if moving is None else moving
    fixed = warping.warp(moving, truth, moving, outside=0)
    index = np.argwhere(fixed.array > 25)[::23]
    return fixed, index[:, ::-1] @ fixed.affine[:3, :3].T + fixed.affine[:3, 3]


def mean_error(found, truth, points):
    """Mean distance in mm between where two transforms take points."""
    return float(np.linalg.norm(warping.map_points(found, points) - warping.map_points(truth, points), axis=1).mean())


def any_transform(rng, grid=None):
    """A linear transform, a field on another oblique grid, and a linear transform."""
    grid = grid or volumes.to_orientation(body(shape=(12, 11, 13), spacing=(7.0, 8.0, 6.0)), "LIA")
    parts = [linear(rng.uniform(-10, 10, 3), rng.uniform(-10, 10, 3), rng.uniform(0.9, 1.1, 3)).parts[0] for _ in "ab"]
    field = deformation.random_warp(grid, rng, distance=40, amplitude=3).parts[0]
    return transforms.Transform((parts[0], field, parts[1]), "baseline", "follow-up")
