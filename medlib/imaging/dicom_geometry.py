"""Planes put in order along their normal, with the affine of the volume that they make up."""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medlib.errors import DataError
from medlib.imaging.dicom_planes import SEPARATORS, Plane

_SAME_PLACE = 1e-4  # mm
_UNEVEN = 0.02  # of the spacing, by which a slice may lie off its place
_ROUNDED = 0.051  # mm, where positions are written with one decimal
_ROUNDED_SHARE = 0.2  # of the spacing, which rounding does not exceed
_TILTED = 0.1  # degrees
_MOST_TILTED = 45.0  # degrees; gantries tilt by up to 30
_FLAT = 0.01  # of the distance of pixels, below which slices are no volume
_MOST_NAMED = 5


class Stack(NamedTuple):
    """Planes in the order of their volume."""

    order: list[int]  # of the planes, one for each slice
    copies: list[tuple[int, int]]  # a plane in the order, and another at the same place
    affine: NDArray[np.float64]  # voxel indices (x, y, z, 1) to mm in RAS+
    warnings: list[str]


def stack(planes: list[Plane], accept_uneven: bool = False) -> Stack:
    """Sort planes by position along their normal.

    Parameters
    ----------
    planes : list of Plane
        Of one orientation, size and pixel spacing.
    accept_uneven : bool
        Whether gaps, missing slices and uneven distances are warned of rather than refused. The affine then has the
        mean distance.

    Returns
    -------
    Stack
        The index of z ascends along the normal: the cross product of the direction along a row and down a column.

    Raises
    ------
    DataError
        If slices are missing or unevenly spaced, or wander from a line: with the places and files.

    Notes
    -----
    The distance of slices is taken from ImagePositionPatient; SliceThickness may be larger or smaller (PS3.3,
    C.7.6.2). Where a scanner's gantry was tilted, the line of the slices is not along the normal, and the affine is
    sheared.
    """
    positions = np.array([plane.position for plane in planes])
    along, down = np.array(planes[0].orientation[:3]), np.array(planes[0].orientation[3:])
    normal = np.cross(along, down)
    distances = positions @ normal
    order, copies = [], []
    for index in np.argsort(distances, kind="stable").tolist():
        if order and distances[index] - distances[order[-1]] < _SAME_PLACE:
            copies.append((order[-1], index))
        else:
            order.append(index)
    for kept, copy in copies:
        if np.abs(positions[kept] - positions[copy]).max() > _ROUNDED:
            raise DataError(
                f"{_name(planes[kept])} and {_name(planes[copy])} lie in one plane, but side by side; "
                "they are no volume: read each by itself."
            )
    step, warnings = _step(planes, positions, normal, order, accept_uneven)
    warnings += _alternating(planes, order)
    row_spacing, column_spacing = planes[0].spacing
    affine = np.eye(4)
    affine[:3, :3] = np.stack([along * column_spacing, down * row_spacing, step], axis=1)
    affine[:3, 3] = positions[order[0]]
    return Stack(order, copies, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine, warnings)


def _step(planes, positions, normal, order, accept_uneven: bool) -> tuple[NDArray, list[str]]:
    """From slice to slice in mm, and what is odd about it."""
    if len(order) == 1:
        thickness = planes[order[0]].thickness
        stated = f"of {thickness:g} mm that its header states" if thickness else "is not stated: 1 mm is put in"
        return normal * (thickness or 1.0), [f"There is one slice; its thickness {stated}."]
    placed = positions[order]
    step = (placed[-1] - placed[0]) / (len(order) - 1)
    spacing = float(step @ normal)
    off = placed - placed[0] - np.arange(len(order))[:, None] * step
    off_along = np.abs(off @ normal)
    if spacing < _FLAT * min(planes[0].spacing):
        raise DataError(
            f"The slices are {spacing:.3g} mm apart, {_name(planes[order[0]])} and {_name(planes[order[1]])} among "
            "them: they lie at one place, and are no volume; read each by itself."
        )
    tolerance = max(_UNEVEN * spacing, min(_ROUNDED, _ROUNDED_SHARE * spacing))
    warnings = []
    if off_along.max() > tolerance:
        fault = _describe_gaps(planes, placed @ normal, order)
        if not accept_uneven:
            raise DataError(
                f"The slices are not evenly spaced: {fault} Find the missing files, or give accept_uneven=True to "
                f"take the mean distance of {spacing:.4g} mm, with slices up to {off_along.max():.3g} mm off."
            )
        warnings.append(
            f"The slices are not evenly spaced, which was accepted; up to {off_along.max():.3g} mm off: {fault}"
        )
    elif off_along.max() > _UNEVEN * spacing:
        warnings.append(f"Slices lie up to {off_along.max():.3g} mm off an even spacing of {spacing:.4g} mm.")
    aside = np.linalg.norm(off - np.outer(off @ normal, normal), axis=1)
    if aside.max() > max(tolerance, _ROUNDED):
        worst = planes[order[int(aside.argmax())]]
        raise DataError(
            f"The slices do not lie on a line: {_name(worst)} is {aside.max():.3g} mm aside; they are no volume: "
            "give the files of one."
        )
    tilt = float(np.degrees(np.arctan2(np.linalg.norm(step - spacing * normal), spacing)))
    if tilt > _MOST_TILTED:
        raise DataError(
            f"The slices are shifted against each other by a tilt of {tilt:.2f} degrees: they lie side by side, and "
            "are no volume; read each by itself."
        )
    if tilt > _TILTED:
        warnings.append(
            f"The slices are shifted against each other by a tilt of {tilt:.2f} degrees, as by a tilted gantry: the "
            "affine is sheared; resample() makes it right-angled."
        )
    return step, warnings


def _alternating(planes, order) -> list[str]:
    """Say where slices of several acquisitions lie between each other, as with two breaths held at different places."""
    for keyword in SEPARATORS:
        values = [str(planes[index].separators.get(keyword, "")) for index in order]
        changes = sum(one != other for one, other in itertools.pairwise(values))
        if changes >= len(set(values)):
            return [f"Slices that differ in {keyword} lie between each other; they may be of several volumes."]
    return []


def _describe_gaps(planes, distances: NDArray, order: list[int]) -> str:
    gaps = np.diff(distances)
    usual = float(np.median(gaps))
    odd = np.flatnonzero(np.abs(gaps - usual) > max(_UNEVEN * usual, min(_ROUNDED, _ROUNDED_SHARE * usual)))
    parts = []
    for index in odd[:_MOST_NAMED].tolist():
        missing = round(gaps[index] / usual) - 1
        whole = missing > 0 and abs(gaps[index] / usual - missing - 1) < 0.1
        meaning = f"{missing} missing" if whole else f"a gap of {gaps[index]:.4g} mm instead of {usual:.4g}"
        between = f"{_name(planes[order[index]])} and {_name(planes[order[index + 1]])}"
        parts.append(f"{meaning} between {between} (at {distances[index]:.4g} and {distances[index + 1]:.4g} mm)")
    more = f", and {len(odd) - _MOST_NAMED} more" if len(odd) > _MOST_NAMED else ""
    return "; ".join(parts or ["distances drift"]) + more + "."


def _name(plane: Plane) -> str:
    return plane.header.path.name + (f" frame {plane.frame}" if plane.frame else "")
