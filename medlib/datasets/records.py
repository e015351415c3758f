"""Reader of ECG records in WFDB format: a header ``.hea``, a signal file ``.dat`` and annotations ``.atr``."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medlib.errors import DataError

# Bytes per sample, and the sample value that means "no value", of the signal formats that are read.
_FORMATS = {"16": (2, -32768), "212": (1.5, -2048)}
_PER_MILLIVOLT = {"V": 1e-3, "mV": 1.0, "uV": 1e3}
_LARGEST_HEADER = 2**16


@dataclass(frozen=True)
class Annotations:
    """Reference annotations of a record, in order of time.

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


@dataclass(frozen=True)
class EcgRecord:
    """An ECG record in physical units.

    Attributes
    ----------
    name : str
        Name of the record.
    signal : ndarray of float32, shape (n_leads, n_samples)
        Voltage in mV; NaN where the record has no value.
    sampling_rate : float
        In Hz.
    lead_names : tuple of str
        One for each lead, in the order of the file, which differs between records.
    annotations : Annotations
    """

    name: str
    signal: np.ndarray
    sampling_rate: float
    lead_names: tuple[str, ...]
    annotations: Annotations


def read_ecg(folder: Path | str, record_name: str) -> EcgRecord:
    """Read a WFDB record with its reference annotations.

    Parameters
    ----------
    folder : Path or str
        Folder with the files ``<record_name>.hea``, ``.dat`` and ``.atr``.
    record_name : str
        Name of the record: letters, digits, ``_`` and ``-``.

    Returns
    -------
    EcgRecord

    Raises
    ------
    DataError
        If a file is missing, cut short, or not what the header says (size, initial values, checksums, units).

    Notes
    -----
    The files are those of https://wfdb.io/spec: header(5), signal(5) in format 16 or 212, annot(5).

    Examples
    --------
    >>> from medlib import datasets
    >>> record = read_ecg(datasets.locate("mitdb-sample"), "901")
    >>> record.signal.shape, record.sampling_rate, record.lead_names
    ((2, 43200), 360.0, ('MLII', 'V1'))
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", record_name):
        raise DataError(f"record name {record_name!r}: give letters, digits, '_' and '-', without folder or suffix")
    base = Path(folder) / record_name
    header = _read_header(base)
    signal = _read_signal(base, header)
    annotations = _read_annotations(base, header)
    return EcgRecord(record_name, signal, float(header.fs), tuple(header.sig_name), annotations)


def _read_header(base: Path):
    path = _require(base.with_name(base.name + ".hea"))
    _check(path.stat().st_size <= _LARGEST_HEADER, path, f"is larger than {_LARGEST_HEADER} bytes")
    header = _parse(_wfdb().rdheader, path, str(base))
    _check(hasattr(header, "fmt"), path, "is of several segments, but one is accepted")
    _check(header.record_name == base.name, path, f"is the header of a record {header.record_name!r}")
    _check(header.n_sig and len(header.fmt or ()) == header.n_sig, path, "has another number of signals than it says")
    _check(header.sig_len and header.sig_len > 0, path, "does not say how many samples each signal has")
    _check(header.fs > 0 and np.isfinite(header.fs), path, f"has a sampling rate of {header.fs} Hz")
    _check(all(header.sig_name), path, "has a lead without a name")
    _check(len(set(header.fmt)) == 1, path, "has signals in several formats, but one is accepted")
    for signal in range(header.n_sig):
        _check_signal_line(path, header, signal)
    return header


def _check_signal_line(path: Path, header, signal: int) -> None:
    file_name, signal_format, units = header.file_name[signal], header.fmt[signal], header.units[signal]
    # The header decides which file is opened: none outside its folder.
    _check(re.fullmatch(r"[A-Za-z0-9_-]+\.dat", file_name), path, f"names the signal file {file_name!r}")
    _check(signal_format in _FORMATS, path, f"has signal format {signal_format}; accepted are {', '.join(_FORMATS)}")
    _check(units in _PER_MILLIVOLT, path, f"has the unit {units!r}; accepted are {', '.join(_PER_MILLIVOLT)}")
    _check(np.isfinite(header.adc_gain[signal]), path, f"has a gain of {header.adc_gain[signal]}")
    plain = header.samps_per_frame[signal] == 1 and not header.skew[signal] and not header.byte_offset[signal]
    _check(plain, path, "has several samples a frame, skew or a byte offset, which are not read")


def _read_signal(base: Path, header) -> np.ndarray:
    width, missing = _FORMATS[header.fmt[0]]
    for name in set(header.file_name):
        expected = int(np.ceil(header.file_name.count(name) * header.sig_len * width))
        path = _require(base.with_name(name))
        size = path.stat().st_size
        # Before anything is read, so that a header cannot ask for more memory than the file takes.
        _check(size == expected, path, f"has {size} bytes, but its header asks for {expected}")
    record = _parse(_wfdb().rdrecord, path, str(base), physical=False, return_res=16)
    digital = np.ascontiguousarray(record.d_signal.T)
    _check_samples(path, header, digital)
    gain = np.array([g * _PER_MILLIVOLT[u] for g, u in zip(header.adc_gain, header.units, strict=True)], np.float32)
    signal = digital.astype(np.float32)
    signal -= np.array(header.baseline, np.float32)[:, None]
    signal /= gain[:, None]
    # The minimum is found forty times faster than a mask is made, and few records need one.
    if digital.min() == missing:
        signal[digital == missing] = np.nan
    return signal


def _check_samples(path: Path, header, digital: np.ndarray) -> None:
    remedy = "the signal is not the one that its header describes"
    for lead, (initial, checksum) in enumerate(zip(header.init_value, header.checksum, strict=True)):
        found = int(digital[lead, 0])
        _check(initial in (None, found), path, f"lead {lead} starts with {found}, not {initial}: {remedy}")
        found = int(digital[lead].sum(dtype=np.int64))
        # header(5): a checksum is the 16-bit sum of all samples, written with or without sign.
        agrees = checksum is None or (found - checksum) % 2**16 == 0
        _check(agrees, path, f"lead {lead} has another checksum than {checksum}: {remedy}")


def _read_annotations(base: Path, header) -> Annotations:
    path = _require(base.with_name(base.name + ".atr"))
    # annot(5): two zero bytes end the file; wfdb does not miss them.
    _check(path.read_bytes()[-2:] == b"\0\0", path, "is cut short")
    annotations = _parse(_wfdb().rdann, path, str(base), "atr")
    sample = annotations.sample
    # wfdb gives NaN for a code that has no symbol.
    known = all(isinstance(symbol, str) for symbol in annotations.symbol)
    _check(known, path, "has annotation codes that WFDB does not define")
    _check(np.all(np.diff(sample) >= 0), path, "has annotations out of order of time")
    beyond = sample.size and (sample[0] < 0 or sample[-1] >= header.sig_len)
    _check(not beyond, path, f"has annotations outside the {header.sig_len} samples of the record")
    auxiliary = tuple(text.rstrip("\0") for text in annotations.aux_note)
    return Annotations(sample, np.array(annotations.symbol, dtype=str), np.asarray(annotations.subtype), auxiliary)


def _wfdb():
    # Imported late, because wfdb takes a second and the command line needs none of it.
    import wfdb

    return wfdb


def _parse(reader, path: Path, *arguments, **options):
    try:
        return reader(*arguments, **options)
    # wfdb meets malformed files with errors of any type.
    except Exception as error:
        raise DataError(f"{path} cannot be read as WFDB ({error}); {_remedy(path)}") from error


def _require(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"{path} is missing; {_remedy(path)}")
    return path


def _check(condition: object, path: Path, fault: str) -> None:
    if not condition:
        raise DataError(f"{path} {fault}; {_remedy(path)}")


def _remedy(path: Path) -> str:
    return f"restore {path.name} from where it came (`medlib data verify` checks the files of the registered data sets)"
