"""Landmarks: points that an observer has marked in an image, read and written in the text format of elastix."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medlib.errors import DataError, UsageError

_MAX_BYTES = 2**24  # of text, of which a point takes about 75
_LPS = np.array([-1.0, -1.0, 1.0])  # elastix counts x to the left and y to the back, Volume.affine does not
_SHOWN = 60  # characters of a line that a message shows
_RESTORE = "restore it from where it came"


def read_points(path: Path | str) -> NDArray[np.float64]:
    """Read a list of points as elastix and transformix take it.

    Parameters
    ----------
    path : Path or str
        A text file: ``point`` in the first line, the number of points in the second, and then in a line each the
        three coordinates in mm, counted to the left, to the back and to the head (LPS). Empty lines are passed over.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        In mm, counted to the right, to the front and to the head (RAS), as `Volume.affine` gives them.

    Raises
    ------
    DataError
        If the file is missing, larger than 16 MiB, or not such a list. A list of voxel indices (``index`` in its
        first line) is refused too, because only the image that it belongs to says where they lie.

    Notes
    -----
    The format is section 4.1 of the manual of elastix (Klein S, Staring M. elastix: the manual, option ``-def``).

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "landmarks.txt"
    >>> _ = path.write_text("point\\n2\\n-36.5 20 -1204.5\\n10 -5.5 0\\n")
    >>> read_points(path).tolist()
    [[36.5, -20.0, -1204.5], [-10.0, 5.5, 0.0]]
    """
    path = Path(path)
    lines = _lines(path)
    _, kind = next(lines, (1, ""))
    if kind == "index":
        raise DataError(
            f"{path}, line 1: the points are voxel indices, which lie nowhere without their image; give them in mm "
            "(first line 'point'), such as from SimpleITK's TransformIndexToPhysicalPoint."
        )
    if kind != "point":
        raise DataError(f"{path}, line 1: expected 'point', got {kind[:_SHOWN]!r}; {_RESTORE}.")
    number, text = next(lines, (2, ""))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise DataError(f"{path}, line {number}: expected the number of points, got {text[:_SHOWN]!r}; {_RESTORE}.")
    points = [_point(path, number, text) for number, text in lines]
    if len(points) != int(text):
        raise DataError(f"{path}, line {number}: {text} points are announced, but {len(points)} follow; {_RESTORE}.")
    return np.reshape(points, (-1, 3)) * _LPS + 0.0  # no -0


def write_points(points: ArrayLike, path: Path | str) -> None:
    """Write points as a list that elastix takes and `read_points` reads back without a difference.

    Parameters
    ----------
    points : array_like of float, shape (n, 3)
        In mm, RAS.
    path : Path or str
        In an existing folder.

    Raises
    ------
    UsageError
        If the points have another shape or are not finite, or the folder does not exist.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "landmarks.txt"
    >>> write_points([[36.5, -20.0, -1204.5]], path)
    >>> print(path.read_text())
    point
    1
    -36.5 20.0 -1204.5
    <BLANKLINE>
    """
    points, path = np.asarray(points, dtype=np.float64), Path(path)
    if points.ndim != 2 or points.shape[1] != 3:
        raise UsageError(f"The points have the shape {points.shape}; accepted is (n, 3): x, y and z in mm of each.")
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise UsageError(f"Point {row} is {points[row].tolist()}; leave out what has no place.")
    if not path.parent.is_dir():
        raise UsageError(f"The folder {path.parent} does not exist; make it first.")
    # The shortest text that gives the same number again.
    rows = [" ".join(map(repr, row)) for row in (points * _LPS + 0.0).tolist()]
    path.write_text("\n".join(["point", str(len(rows)), *rows, ""]), encoding="ascii", newline="\n")


def _lines(path: Path):
    """The number of each line that is not empty, and its text without space around it."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise DataError(f"{path} is no file; check the path.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}); check the path.") from error
    if len(content) > _MAX_BYTES:
        raise DataError(f"{path} is larger than {_MAX_BYTES} bytes, which no list of landmarks is; {_RESTORE}.")
    lines = content.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    stripped = ((number, line.strip()) for number, line in enumerate(lines, start=1))
    return (pair for pair in stripped if pair[1])


def _point(path: Path, number: int, text: str) -> list[float]:
    columns = text.split()
    if len(columns) != 3:
        raise DataError(
            f"{path}, line {number}: expected x, y and z, got {len(columns)} columns, {text[:_SHOWN]!r}; {_RESTORE}."
        )
    try:
        # Python would also take 1_000 and digits of other scripts.
        point = [float(column) if column.isascii() and "_" not in column else float("nan") for column in columns]
    except ValueError:
        point = [float("nan")]
    if not np.isfinite(point).all():
        raise DataError(
            f"{path}, line {number}: expected three finite numbers in mm, got {text[:_SHOWN]!r}; {_RESTORE}."
        )
    return point
