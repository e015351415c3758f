"""Reader of annotations in WFDB format: what was found in a record, and when."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medlib.datasets.wfdb_files import check, parse, require, wfdb
from medlib.errors import DataError


@dataclass(frozen=True)
class Annotations:
    """Annotations of a record, in order of time.

    Attributes
    ----------
    sample : ndarray of int64, shape (n,)
        Sample index of each annotation.
    symbol : ndarray of str, shape (n,)
        WFDB annotation symbol, such as ``"N"``, ``"V"`` or ``"+"`` (change of rhythm).
    subtype : ndarray of int64, shape (n,)
        WFDB subtype of each annotation: for ``"~"`` (change of signal quality) the noisy leads, bit by bit.
    auxiliary : tuple of str
        Text that goes with each annotation, such as the rhythm ``"(AFIB"``; empty for most.
    """

    sample: np.ndarray
    symbol: np.ndarray
    subtype: np.ndarray
    auxiliary: tuple[str, ...]


NO_ANNOTATIONS = Annotations(np.empty(0, np.int64), np.empty(0, "<U1"), np.empty(0, np.int64), ())


def read_annotations(folder: Path | str, record_name: str, annotator: str = "atr") -> Annotations:
    """Read the annotations of a WFDB record alone, without its header and signal.

    Parameters
    ----------
    folder : Path or str
        Folder with the file ``<record_name>.<annotator>``.
    record_name : str
        Name of the record: letters, digits, ``_`` and ``-``.
    annotator : str
        Suffix of the file: small letters, digits, ``_`` and ``-``. ``"atr"`` stands for reference annotations.

    Returns
    -------
    Annotations

    Raises
    ------
    DataError
        If the file is missing, cut short, or not of the format annot(5) of https://wfdb.io/spec.

    Examples
    --------
    >>> from medlib import datasets
    >>> annotations = read_annotations(datasets.locate("mitdb-sample"), "901")
    >>> annotations.symbol[:3].tolist(), annotations.auxiliary[0]
    (['+', 'N', 'N'], '(N')
    """
    checked_name(record_name)
    if not re.fullmatch(r"[a-z0-9_-]+", annotator):
        raise DataError(f"annotator {annotator!r}: give the suffix of a file, in small letters, digits, '_' and '-'")
    base = Path(folder) / record_name
    path = require(base.with_name(f"{record_name}.{annotator}"))
    # annot(5): two zero bytes end the file; wfdb does not miss them.
    check(path.read_bytes()[-2:] == b"\0\0", path, "is cut short")
    annotations = parse(wfdb().rdann, path, str(base), annotator)
    sample = annotations.sample
    # wfdb gives NaN for a code that has no symbol.
    known = all(isinstance(symbol, str) for symbol in annotations.symbol)
    check(known, path, "has annotation codes that WFDB does not define")
    ordered = np.all(np.diff(sample) >= 0) and not (sample.size and sample[0] < 0)
    check(ordered, path, "has annotations out of order of time")
    auxiliary = tuple(text.rstrip("\0") for text in annotations.aux_note)
    return Annotations(sample, np.array(annotations.symbol, dtype=str), np.asarray(annotations.subtype), auxiliary)


def checked_name(record_name: str) -> str:
    """Name of a record, which becomes part of a path.

    Raises
    ------
    DataError
        If it holds anything but letters, digits, ``_`` and ``-``.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", record_name):
        raise DataError(f"record name {record_name!r}: give letters, digits, '_' and '-', without folder or suffix")
    return record_name
