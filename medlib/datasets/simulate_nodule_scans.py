"""Simulated chest CT scans with nodules whose place, size and kind are known; made at run time, nothing is shipped.

A scan is a slab of the chest: two lungs with trees of vessels and bronchi, a heart, ribs, nodules of 4 to 20 mm, and
nodules too small to count. Vessels fork and cross, which is what a detector of nodules has to be told apart from them.
What is missing: fissures, scars, emphysema, breathing, streaks, and the variety of patients.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medlib.datasets import phantoms

KINDS = {"solid": 0.45, "juxtapleural": 0.2, "ground-glass": 0.2, "part-solid": 0.15}  # share of the nodules
SLICE_SPACING = 2.0  # mm
_LUNG, _HEART, _BODY = (50.0, 72.0, 100.0), (42.0, 36.0, 60.0), (128.0, 94.0)  # half axes along x, y, z in mm
_LUNG_X, _HEART_CENTRE, _ROOT_X = 63.0, (-16.0, 28.0, -10.0), 4.0
_FIELD = (264.0, 196.0)  # mm along x and y
_TISSUE, _AIR, _BONE = 40.0, -1000.0, 450.0  # HU
_EDGE = 0.7  # half the width of an edge as the scanner shows it, in mm
_TIPS = {"artery": 170, "vein": 130}  # twigs in a lung of each tree
_TWIG = 0.5  # radius in mm


@dataclass(frozen=True)
class Nodule:
    """A nodule, or a finding too small to count.

    Attributes
    ----------
    centre : tuple of float
        x, y, z in mm, RAS+.
    diameter : float
        In mm.
    kind : str
        One of ``KINDS``, or "small" for what is below 4 mm.
    """

    centre: tuple[float, float, float]
    diameter: float
    kind: str


@dataclass(frozen=True)
class Scan:
    """A simulated scan with its truth.

    Attributes
    ----------
    hounsfield : ndarray of int16, shape (z, y, x)
        In HU; rows run from front to back, columns from the patient's right to the left, slices upwards.
    affine : ndarray of float64, shape (4, 4)
        Of voxel indices (x, y, z, 1) to mm, RAS+.
    lungs : ndarray of bool, shape (z, y, x)
        Both lungs with what is in them, vessels and nodules included.
    nodules : tuple of Nodule
        What is to be found.
    small : tuple of Nodule
        Below 4 mm: marks on these are neither right nor wrong.
    """

    hounsfield: NDArray[np.int16]
    affine: NDArray[np.float64]
    lungs: NDArray[np.bool_]
    nodules: tuple[Nodule, ...]
    small: tuple[Nodule, ...]


def simulate_scan(seed: int, *, n_slices: int = 40) -> Scan:
    """One scan of one patient; the same seed gives the same.

    Parameters
    ----------
    seed : int
    n_slices : int
        Height of the slab in slices of 2 mm, 16 or more, around the middle of the lungs.

    Returns
    -------
    Scan
        With 3 to 6 nodules and 2 small ones, pixels of 0.65 to 0.8 mm, and noise of 12 to 40 HU.

    Examples
    --------
    >>> scan = simulate_scan(0, n_slices=16)
    >>> scan.hounsfield.shape[0], 3 <= len(scan.nodules) <= 6, {nodule.kind for nodule in scan.small}
    (16, True, {'small'})
    """
    rng = np.random.default_rng([seed, 20240611])
    pixel = rng.uniform(0.65, 0.8)
    size = [round(length / pixel) for length in _FIELD]
    spacing = np.array([SLICE_SPACING, pixel, pixel])
    canvas = _Canvas((n_slices, size[1], size[0]), spacing)
    inside, hu = _chest(canvas, rng)
    glass, solid, lumen = (np.zeros(canvas.shape, np.float32) for _ in range(3))
    reach = np.array([_LUNG[0], _LUNG[1], canvas.half[0] + 10]) - (4, 4, 0)
    twigs = []
    for side in (-1, 1):
        for name, n_tips in _TIPS.items():
            tips = np.array([side * _LUNG_X, 0, 0]) + reach * _in_cylinder(n_tips, rng)
            root = np.array([side * _ROOT_X, rng.normal(0, 6), rng.normal(0, 8)])
            branches = _tree(root, tips, rng)
            for branch in branches:
                _draw_branch(canvas, solid, lumen, branch, name == "artery")
            twigs += [tip for tip in tips if abs(tip[2]) < canvas.half[0] - 12]
    nodules = _place_nodules(canvas, inside, np.array(twigs), rng)
    for nodule in nodules:
        _draw_nodule(canvas, solid, glass, nodule, rng)
    density = rng.uniform(-650, -450)
    hu += inside * glass * (density - hu)
    hu += (1 - inside * (1 - solid)) * (np.maximum(hu, _TISSUE) - hu)
    hu += lumen * inside * (_AIR - hu)
    hu += _outside(canvas) * (_AIR - hu)
    padded = np.pad(hu, ((1, 1), (0, 0), (0, 0)), mode="edge")
    hu = 0.6 * hu + 0.2 * (padded[:-2] + padded[2:])  # a slice is thick
    hu += _noise(hu.shape, rng.uniform(12, 40), rng.uniform(0.12, 0.25), rng)
    affine = np.diag([-pixel, -pixel, SLICE_SPACING, 1.0])
    affine[:3, 3] = canvas.half[2], canvas.half[1], -canvas.half[0]
    known = [Nodule((float(-x), float(-y), float(z)), d, kind) for (x, y, z), d, kind in nodules]
    small = tuple(nodule for nodule in known if nodule.kind == "small")
    found = tuple(nodule for nodule in known if nodule.kind != "small")
    return Scan(np.rint(hu).astype(np.int16), affine, inside > 0.5, found, small)


class _Canvas:
    """The grid, whose middle is the origin; x runs along columns and y along rows, in mm."""

    def __init__(self, shape, spacing):
        self.shape, self.spacing = shape, spacing
        self.half = (np.array(shape) - 1) / 2 * spacing  # z, y, x
        self.axes = [(np.arange(n) * step - half).astype(np.float32)
                     for n, step, half in zip(shape, spacing, self.half, strict=True)]  # fmt: skip

    def grid(self, low=None, high=None):
        """Slices of a box between two points (x, y, z), and the open coordinates z, y, x in it."""
        if low is None:
            parts = [slice(None)] * 3
        else:
            bounds = zip(self.axes, low[::-1], high[::-1], strict=True)
            parts = [slice(*np.searchsorted(axis, (first, last))) for axis, first, last in bounds]
        z, y, x = (axis[part] for axis, part in zip(self.axes, parts, strict=True))
        return tuple(parts), z[:, None, None], y[:, None], x

    def raise_to(self, field, low, high, inside_mm, factor=1.0):
        """In a box, raise a field to a shape whose surface is where ``inside_mm(z, y, x)`` is zero."""
        margin = 2 * _EDGE
        part, z, y, x = self.grid(np.asarray(low) - margin, np.asarray(high) + margin)
        if field[part].size:
            shape = np.clip(0.5 + inside_mm(z, y, x) / (2 * _EDGE), 0, 1)
            np.maximum(field[part], factor * shape, out=field[part])


def _chest(canvas, rng):
    """Share of each voxel that is lung, and the HU of lung and wall without vessels."""
    _, z, y, x = canvas.grid()
    rough = 0.012 * phantoms.texture(canvas.shape, 9, rng).astype(np.float32)
    radii = np.sqrt(((np.abs(x) - _LUNG_X) / _LUNG[0]) ** 2 + (y / _LUNG[1]) ** 2 + (z / _LUNG[2]) ** 2)
    inside = np.clip(0.5 + (1 + rough - radii) * _LUNG[0] / (2 * _EDGE), 0, 1)
    heart = np.sqrt(sum(((v - c) / h) ** 2 for v, c, h in zip((-x, -y, z), _HEART_CENTRE, _HEART, strict=True)))
    inside *= np.clip(0.5 + (heart - 1) * _HEART[1] / (2 * _EDGE), 0, 1)
    hu = rng.normal(-860, 20) + 0.25 * y + 18 * phantoms.texture(canvas.shape, 12, rng).astype(np.float32)
    from_axis = np.sqrt((x / _BODY[0]) ** 2 + (y / _BODY[1]) ** 2)
    rib = (from_axis > 0.89) & (from_axis < 0.96) & (np.mod(z + 0.35 * y, 26) < 9)
    spine = np.hypot(x, y - 68) < 17
    return inside, np.where((rib | spine) & (inside < 0.5), np.float32(_BONE), hu.astype(np.float32))


def _outside(canvas):
    _, _, y, x = canvas.grid()
    return np.clip((np.sqrt((x / _BODY[0]) ** 2 + (y / _BODY[1]) ** 2) - 1) * _BODY[1], 0, 1)


def _in_cylinder(n, rng):
    """Points (n, 3) in a cylinder of radius 1 and height 2."""
    radius, angle = np.sqrt(rng.random(n)), rng.uniform(0, 2 * np.pi, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), rng.uniform(-1, 1, n)], axis=1)


def _tree(root, tips, rng):
    """Branches (from, to, radius at both) of a tree that reaches all tips; a branch is as thick as its tips need.

    Each branch goes half of the way to the middle of its tips, and forks where these are spread most (radii by Murray's
    law: their cubes add up, nearly).
    """
    branches, waiting = [], [(root, tips)]
    while waiting:
        start, own = waiting.pop()
        radius = _TWIG * len(own) ** 0.37
        if len(own) == 1:
            branches.append((start, own[0], radius, 0.6 * radius))
            continue
        end = start + rng.uniform(0.4, 0.65) * (own.mean(axis=0) - start) + rng.normal(0, 1.5, 3)
        branches.append((start, end, radius, radius))
        own = own[np.argsort(own[:, np.argmax(own.var(axis=0))])]
        cut = int(np.clip(round(rng.uniform(0.25, 0.75) * len(own)), 1, len(own) - 1))
        waiting += [(end, own[:cut]), (end, own[cut:])]
    return branches


def _draw_branch(canvas, solid, lumen, branch, with_bronchus):
    start, end, first, last = branch
    _draw_tube(canvas, solid, *branch)
    if with_bronchus and first > 1.1:
        # A bronchus runs beside each larger artery, and is as wide.
        along = end - start
        beside = np.cross(along, (0.3, 0.2, 1.0))
        beside *= 2 * first / max(np.linalg.norm(beside), 1e-6)
        _draw_tube(canvas, solid, start + beside, end + beside, first, last, 0.85)
        _draw_tube(canvas, lumen, start + beside, end + beside, 0.7 * first, 0.7 * last)


def _draw_tube(canvas, field, start, end, first, last, factor=1.0):
    along = end - start
    length = max(along @ along, 1e-6)

    def inside(z, y, x):
        z, y, x = z - start[2], y - start[1], x - start[0]
        share = np.clip((x * along[0] + y * along[1] + z * along[2]) / length, 0, 1).astype(np.float32)
        away = (x - share * along[0]) ** 2 + (y - share * along[1]) ** 2 + (z - share * along[2]) ** 2
        return first + share * (last - first) - np.sqrt(away)

    widest = max(first, last)
    canvas.raise_to(field, np.minimum(start, end) - widest, np.maximum(start, end) + widest, inside, factor)


def _place_nodules(canvas, inside, twigs, rng):
    """Centre (x, y, z of the canvas), diameter and kind of nodules in the lungs that keep apart, whole in the slab."""
    kinds = [*rng.choice(list(KINDS), rng.integers(3, 7), p=list(KINDS.values())), "small", "small"]
    placed = []
    for kind in kinds:
        for _ in range(200):
            diameter = rng.uniform(2.0, 3.5) if kind == "small" else np.exp(rng.uniform(np.log(4), np.log(20)))
            centre = _place(canvas, twigs, kind, diameter / 2, rng)
            apart = all(np.linalg.norm(centre - c) > (d + diameter) / 2 + 5 for c, d, _ in placed)
            whole = abs(centre[2]) < canvas.half[0] - diameter / 2 - 1
            if apart and whole and _is_in_lung(canvas, inside, centre, 0 if kind == "juxtapleural" else diameter / 2):
                placed.append((centre, float(diameter), str(kind)))
                break
    return placed


def _is_in_lung(canvas, inside, centre, radius):
    """Whether the centre and the points at a radius before, behind and beside it are in a lung."""
    around = centre + radius * np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
    index = np.rint((around[:, ::-1] + canvas.half) / canvas.spacing).astype(int)
    return inside[tuple(np.clip(index, 0, np.array(canvas.shape) - 1).T)].min() > 0.5


def _place(canvas, twigs, kind, radius, rng):
    height = rng.uniform(-1, 1) * max(canvas.half[0] - radius - 1, 0)
    if kind == "solid" and rng.random() < 0.35:
        return twigs[rng.integers(len(twigs))]  # where a vessel ends
    side, slab = rng.choice([-1, 1]), np.sqrt(1 - (height / _LUNG[2]) ** 2)
    if kind == "juxtapleural":
        angle, depth = rng.uniform(-1.3, 1.3), 0.35 * radius  # towards the ribs, not the heart
    else:
        angle, depth = rng.uniform(0, 2 * np.pi), radius + 3 + 45 * (1 - np.sqrt(rng.random()))
    x, y = (half * slab - depth for half in _LUNG[:2])
    return np.array([side * (_LUNG_X + x * np.cos(angle)), y * np.sin(angle), height])


def _draw_nodule(canvas, solid, glass, nodule, rng):
    centre, diameter, kind = nodule
    waves, phases = rng.normal(0, 2, size=(4, 3)), rng.uniform(0, 2 * np.pi, 4)
    lobes = rng.uniform(0.05, 0.25) / 4

    def ball(radius):
        def inside(z, y, x):
            z, y, x = z - centre[2], y - centre[1], x - centre[0]
            away = np.sqrt(x**2 + y**2 + z**2)
            turns = [(w[0] * x + w[1] * y + w[2] * z) / (away + 1e-3) + p for w, p in zip(waves, phases, strict=True)]
            return radius * (1 + lobes * sum(np.cos(turn) for turn in turns)) - away

        return inside

    radius = diameter / 2
    low, high = centre - 1.3 * radius, centre + 1.3 * radius
    if kind in ("ground-glass", "part-solid"):
        canvas.raise_to(glass, low, high, ball(radius))
    if kind != "ground-glass":
        share = rng.uniform(0.35, 0.6) if kind == "part-solid" else 1.0
        canvas.raise_to(solid, low, high, ball(share * radius), rng.uniform(0.9, 1.0))


def _noise(shape, deviation, cutoff, rng):
    """Noise of filtered back-projection: its power rises with frequency, then the kernel cuts it (cycles a pixel)."""
    down, across = np.fft.fftfreq(shape[1])[:, None], np.fft.rfftfreq(shape[2])
    frequency = np.hypot(down, across)
    response = (np.sqrt(frequency + 0.01) * np.exp(-((frequency / cutoff) ** 2) / 2)).astype(np.float32)
    white = np.fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    made = np.fft.irfft2(white * response, s=shape[1:])
    return (made * (deviation / made.std())).astype(np.float32)
