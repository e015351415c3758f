"""Reader of ECG records in WFDB format: a header ``.hea``, signal files ``.dat`` or ``.mat``, and annotations."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medlib.datasets.annotations import NO_ANNOTATIONS, Annotations, checked_name, read_annotations
from medlib.datasets.wfdb_files import check, parse, require, wfdb

# Bytes per sample, and the sample value that means "no value", of the signal formats that are read.
_FORMATS = {"16": (2, -32768), "212": (1.5, -2048)}
_PER_MILLIVOLT = {"V": 1e-3, "mV": 1.0, "uV": 1e3}
_NO_VOLTAGE = "NU", "mmHg", "bpm", "%", "degC"  # units of the pulse, pressures and so on of a monitor
_LARGEST_HEADER = 2**16
_LARGEST_SIGNAL = 2**28  # samples of all leads together: a week of two leads at 200 Hz, 1 GB
_MATLAB_HEADER = 24  # bytes before the samples of a Matlab 4 file with a matrix named "val"


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
        Empty where none were asked for.
    left_out : tuple of str
        Names of signals that are no voltage, such as a pulse wave, and are not in ``signal``.
    """

    name: str
    signal: np.ndarray
    sampling_rate: float
    lead_names: tuple[str, ...]
    annotations: Annotations = NO_ANNOTATIONS
    left_out: tuple[str, ...] = ()


def read_ecg(folder: Path | str, record_name: str, annotator: str | None = "atr") -> EcgRecord:
    """Read a WFDB record with its reference annotations.

    Parameters
    ----------
    folder : Path or str
        Folder with the header ``<record_name>.hea``, and what it names.
    record_name : str
        Name of the record: letters, digits, ``_`` and ``-``.
    annotator : str or None
        Suffix of the file of annotations, such as ``"atr"``, or ``"ii"`` for lead II of LUDB; none is read for None.

    Returns
    -------
    EcgRecord

    Raises
    ------
    DataError
        If a file is missing, cut short, or not what the header says (size, initial values, checksums, units).

    Notes
    -----
    The files are those of https://wfdb.io/spec: header(5), signal(5) in format 16 (also in a Matlab 4 file) or 212,
    annot(5). A gain of 0, "uncalibrated", is read as 200 units per mV, as header(5) says. Segments of a record are
    joined, with NaN in gaps and where a segment lacks a lead.

    Examples
    --------
    >>> from medlib import datasets
    >>> record = read_ecg(datasets.locate("mitdb-sample"), "901")
    >>> record.signal.shape, record.sampling_rate, record.lead_names
    ((2, 43200), 360.0, ('MLII', 'V1'))
    """
    base = Path(folder) / checked_name(record_name)
    header = _read_header(base)
    parts = _read_segments if hasattr(header, "seg_name") else _read_signal
    signal, lead_names, left_out = parts(base, header)
    annotations = NO_ANNOTATIONS if annotator is None else read_annotations(folder, record_name, annotator)
    beyond = annotations.sample.size and annotations.sample[-1] >= header.sig_len
    path = base.with_name(f"{record_name}.{annotator}")
    check(not beyond, path, f"has annotations outside the {header.sig_len} samples of the record")
    return EcgRecord(record_name, signal, float(header.fs), lead_names, annotations, left_out)


def _read_header(base: Path):
    path = require(base.with_name(base.name + ".hea"))
    check(path.stat().st_size <= _LARGEST_HEADER, path, f"is larger than {_LARGEST_HEADER} bytes")
    header = parse(wfdb().rdheader, path, str(base))
    check(header.record_name == base.name, path, f"is the header of a record {header.record_name!r}")
    check(header.fs > 0 and np.isfinite(header.fs), path, f"has a sampling rate of {header.fs} Hz")
    check(header.sig_len and header.sig_len > 0, path, "does not say how many samples each signal has")
    # Before anything is read: a gap of a record in segments takes memory, but no bytes of any file.
    check(header.n_sig * header.sig_len <= _LARGEST_SIGNAL, path, f"asks for more than {_LARGEST_SIGNAL} samples")
    return header


def _read_signal(base: Path, header) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Voltages in mV, names of leads, and names of the signals that are none."""
    path = base.with_name(base.name + ".hea")
    check(header.n_sig and len(header.fmt or ()) == header.n_sig, path, "has another number of signals than it says")
    check(all(header.sig_name), path, "has a lead without a name")
    check(len(set(header.fmt)) == 1, path, "has signals in several formats, but one is accepted")
    for signal in range(header.n_sig):
        _check_signal_line(path, header, signal)
    is_voltage = np.array([units in _PER_MILLIVOLT for units in header.units])
    check(is_voltage.any(), path, f"has no voltage but the unit {header.units[0]!r}")
    digital = _read_digital(base, header)
    _, missing = _FORMATS[header.fmt[0]]
    gain = [g * _PER_MILLIVOLT.get(units, 1) for g, units in zip(header.adc_gain, header.units, strict=True)]
    signal = digital.astype(np.float32)
    signal -= np.array(header.baseline, np.float32)[:, None]
    signal /= np.array(gain, np.float32)[:, None]
    # The minimum is found forty times faster than a mask is made, and few records need one.
    if digital.min() == missing:
        signal[digital == missing] = np.nan
    names = np.array(header.sig_name)
    if is_voltage.all():
        return signal, tuple(header.sig_name), ()
    return signal[is_voltage], tuple(names[is_voltage].tolist()), tuple(names[~is_voltage].tolist())


def _check_signal_line(path: Path, header, signal: int) -> None:
    file_name, signal_format, units = header.file_name[signal], header.fmt[signal], header.units[signal]
    # The header decides which file is opened: none outside its folder.
    check(re.fullmatch(r"[A-Za-z0-9_-]+\.(dat|mat)", file_name), path, f"names the signal file {file_name!r}")
    accepted = *_PER_MILLIVOLT, *_NO_VOLTAGE
    check(units in accepted, path, f"has the unit {units!r}; accepted are {', '.join(accepted)}")
    check(signal_format in _FORMATS, path, f"has signal format {signal_format}; accepted are {', '.join(_FORMATS)}")
    check(np.isfinite(header.adc_gain[signal]), path, f"has a gain of {header.adc_gain[signal]}")
    matlab = file_name.endswith(".mat") and signal_format == "16"
    plain = header.samps_per_frame[signal] == 1 and not header.skew[signal]
    plain &= (header.byte_offset[signal] or 0) == (_MATLAB_HEADER if matlab else 0)
    check(plain, path, "has several samples a frame, skew or a byte offset, which are not read")


def _read_digital(base: Path, header) -> np.ndarray:
    """Samples as they are stored, shape (n_signals, n_samples), dtype int16."""
    width, _ = _FORMATS[header.fmt[0]]
    for name in set(header.file_name):
        offset = _MATLAB_HEADER if name.endswith(".mat") else 0
        expected = offset + int(np.ceil(header.file_name.count(name) * header.sig_len * width))
        path = require(base.with_name(name))
        size = path.stat().st_size
        # Before anything is read, so that a header cannot ask for more memory than the file takes.
        check(size == expected, path, f"has {size} bytes, but its header asks for {expected}")
    record = parse(wfdb().rdrecord, path, str(base), physical=False, return_res=16)
    digital = np.ascontiguousarray(record.d_signal.T)
    _check_samples(path, header, digital)
    return digital


def _check_samples(path: Path, header, digital: np.ndarray) -> None:
    remedy = "the signal is not the one that its header describes"
    for lead, (initial, checksum) in enumerate(zip(header.init_value, header.checksum, strict=True)):
        # The challenge of 2017 wrote 0 for a checksum that was not calculated, and first samples of a longer recording.
        if checksum == 0 and path.suffix == ".mat":
            continue
        found = int(digital[lead, 0])
        check(initial in (None, found), path, f"lead {lead} starts with {found}, not {initial}: {remedy}")
        found = int(digital[lead].sum(dtype=np.int64))
        # header(5): a checksum is the 16-bit sum of all samples, written with or without sign.
        agrees = checksum is None or (found - checksum) % 2**16 == 0
        check(agrees, path, f"lead {lead} has another checksum than {checksum}: {remedy}")


def _read_segments(base: Path, header) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """The same as `_read_signal` for a record in segments, each a record of its own, whose leads may differ."""
    path = base.with_name(base.name + ".hea")
    lengths = [length or 0 for length in header.seg_len]
    check(min(lengths) >= 0 and sum(lengths) == header.sig_len, path, "has segments of another length than it says")
    segments, left_out = [], ()
    for name, length, start in zip(header.seg_name, lengths, np.cumsum([0, *lengths[:-1]]).tolist(), strict=True):
        # A segment without samples lays out the leads, one without a name is a gap.
        if length and name != "~":
            segment = base.with_name(checked_name(name))
            own = _read_header(segment)
            agrees = not hasattr(own, "seg_name") and own.sig_len == length and own.fs == header.fs
            check(agrees, path, f"describes the segment {name} otherwise than its own header does")
            voltages, leads, others = _read_signal(segment, own)
            check(len(set(leads)) == len(leads), path, f"has two leads of one name in the segment {name}")
            segments.append((start, voltages, leads))
            left_out += tuple(other for other in others if other not in left_out)
    names = list(dict.fromkeys(lead for _, _, leads in segments for lead in leads))
    check(0 < len(names) <= header.n_sig, path, f"has {len(names)} leads in its segments, but {header.n_sig} in all")
    signal = np.full((len(names), header.sig_len), np.nan, np.float32)
    for start, voltages, leads in segments:
        signal[[names.index(lead) for lead in leads], start : start + voltages.shape[1]] = voltages
    return signal, tuple(names), left_out
