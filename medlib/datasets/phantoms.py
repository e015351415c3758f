"""Shapes and textures that the simulators of image samples draw with, in numpy alone."""

from pathlib import Path

import numpy as np


def grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the centres of pixels, from -1 (top, left) to 1 (bottom, right).

    Returns
    -------
    y, x : ndarray of float64, shape (height, width)

    Examples
    --------
    >>> y, x = grid(2, 4)
    >>> x[0].tolist(), y[:, 0].tolist()
    ([-0.75, -0.25, 0.25, 0.75], [-0.5, 0.5])
    """
    rows, columns = ((np.arange(n) + 0.5) * 2 / n - 1 for n in (height, width))
    return np.meshgrid(rows, columns, indexing="ij")


def move(
    y: np.ndarray, x: np.ndarray, *, angle: float = 0.0, scale: float = 1.0, shift: tuple[float, float] = (0.0, 0.0)
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in which what is drawn appears turned, scaled and then shifted.

    Parameters
    ----------
    y, x : ndarray
    angle : float
        In radians.
    scale : float
        Above 1, what is drawn becomes larger.
    shift : (float, float)
        Down and to the right.

    Returns
    -------
    y, x : ndarray

    Examples
    --------
    >>> y, x = move(np.array(0.5), np.array(0.0), scale=2.0, shift=(0.5, 1.0))
    >>> float(y), float(x)
    (0.0, -0.5)
    """
    y, x = (y - shift[0]) / scale, (x - shift[1]) / scale
    return np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x


def ellipse(y, x, centre, radii, *, angle: float = 0.0, edge: float = 0.05) -> np.ndarray:
    """How far each point is inside of an ellipse: 1 within, 0 outside, and a soft edge.

    Parameters
    ----------
    y, x : ndarray
    centre, radii : (float, float)
        Along y and x.
    angle : float
        In radians.
    edge : float
        Width of the edge as a share of the radius.

    Returns
    -------
    ndarray of float64, shape of y

    Examples
    --------
    >>> ellipse(np.zeros(3), np.array([0.0, 0.5, 2.0]), (0, 0), (1, 0.5)).round(2).tolist()
    [1.0, 0.5, 0.0]
    """
    y, x = y - centre[0], x - centre[1]
    y, x = np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x
    return soft((1 - np.hypot(y / radii[0], x / radii[1])) / edge)


def soft(distance: np.ndarray) -> np.ndarray:
    """Smooth step from 0 (far below zero) over 0.5 (at zero) to 1 (far above).

    Examples
    --------
    >>> soft(np.array([-9.0, 0.0, 9.0])).round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    return 0.5 + 0.5 * np.tanh(2 * distance)


def texture(shape: tuple[int, ...], coarse: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of mean 0 and standard deviation 1: few random numbers, interpolated by cosines.

    Parameters
    ----------
    shape : tuple of int
    coarse : int
        Waves along each axis, at most.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> found = texture((32, 40), 4, np.random.default_rng(0))
    >>> found.shape, abs(round(float(found.mean()), 6)), round(float(found.std()), 6)
    ((32, 40), 0.0, 1.0)
    """
    weight = rng.normal(size=(coarse,) * len(shape))
    for axis, n in enumerate(shape):
        waves = np.cos(np.pi * np.outer((np.arange(n) + 0.5) / n, np.arange(coarse)))
        weight = np.moveaxis(np.tensordot(waves, weight, axes=(1, axis)), 0, axis)
    return (weight - weight.mean()) / weight.std()


def shrink(image: np.ndarray, factor: int) -> np.ndarray:
    """Mean of blocks of ``factor`` by ``factor`` pixels, as a detector takes it.

    Examples
    --------
    >>> shrink(np.arange(16.0).reshape(4, 4), 2).tolist()
    [[2.5, 4.5], [10.5, 12.5]]
    """
    height, width = (n // factor for n in image.shape)
    return image.reshape(height, factor, width, factor).mean(axis=(1, 3))


def to_bytes(image: np.ndarray) -> np.ndarray:
    """Values from 0 to 1 as grey values from 0 to 255.

    Examples
    --------
    >>> to_bytes(np.array([-0.1, 0.5, 2.0])).tolist()
    [0, 128, 255]
    """
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def write_medmnist(path: Path, parts: dict[str, dict[str, np.ndarray]]) -> None:
    """Write a set in the layout of MedMNIST.

    Parameters
    ----------
    path : Path
    parts : dict of str to dict of str to ndarray
        By ``train``, ``val`` and ``test``, the ``images``, ``labels`` and further columns.
    """
    np.savez_compressed(
        path, **{f"{part}_{name}": column for part, columns in parts.items() for name, column in columns.items()}
    )
