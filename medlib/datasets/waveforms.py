"""Readers of ECG records outside of WFDB: DICOM waveforms, and tables of comma-separated values."""

import array
import csv
import re
from pathlib import Path

import numpy as np

from medlib.datasets.records import EcgRecord
from medlib.errors import DataError, UsageError

_PER_MILLIVOLT = {"V": 1e-3, "mV": 1.0, "uV": 1e3}
_LARGEST_FILE = 2**27  # bytes
_LARGEST_SIGNAL = 2**26  # samples of all leads together
_DICOM_TYPES = {
    (8, "SB"): "i1",
    (8, "UB"): "u1",
    (16, "SS"): "i2",
    (16, "US"): "u2",
    (32, "SL"): "i4",
    (32, "UL"): "u4",
}
_DEFLATED = "1.2.840.10008.1.2.1.99"
# Lead numbers of ISO 11073-10102 and of SCP-ECG (EN 1064), which agree: "2:61" and "5.6.3-9-61" are both lead III.
_LEADS = {1: "I", 2: "II", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF"}
_LEADS |= {number + 2: f"V{number}" for number in range(1, 8)} | {16: "X", 17: "Y", 18: "Z"}
_LEAD_CODE = re.compile(r"(?:MDC:2:|SCPECG:5\.6\.3-9-)(\d{1,3})")


def read_dicom_ecg(path: Path | str, group: int = 0) -> EcgRecord:
    """Read a multiplex group of a DICOM waveform, such as a 12-lead ECG.

    Parameters
    ----------
    path : Path or str
        DICOM file with a waveform sequence, not deflated, of at most 128 MiB.
    group : int
        Multiplex group, counted from 0. A 12-lead ECG often holds the rhythm of 10 s in the first, and a median beat
        in the second.

    Returns
    -------
    EcgRecord
        Named after the file, not after the patient; without annotations. Padding is NaN.

    Raises
    ------
    DataError
        If the file is missing, cut short, not DICOM, or without the group; if channels are not voltages, sampled at
        different times, or not calibrated.

    Notes
    -----
    Voltage = sample x sensitivity x correction factor + baseline, in the channel's unit: DICOM PS3.3, C.10.9. Leads
    are named after their codes of ISO 11073-10102 or SCP-ECG, else after the meaning that the file gives.

    Examples
    --------
    >>> import pydicom.examples
    >>> record = read_dicom_ecg(pydicom.examples.get_path("waveform"))
    >>> record.signal.shape, record.sampling_rate, record.lead_names[:4]
    ((12, 10000), 1000.0, ('I', 'II', 'III', 'aVR'))
    """
    path = _checked_file(path)
    try:
        dataset = _read_dicom(path)
        groups = list(dataset.get("WaveformSequence") or [])
        _check(groups, path, "is DICOM, but has no waveform", "give an ECG, not an image")
        if not 0 <= group < len(groups):
            raise UsageError(f"{path} has {len(groups)} multiplex groups; give a number from 0 to {len(groups) - 1}.")
        return _read_group(path, groups[group], ">" if dataset.original_encoding[1] is False else "<")
    except (DataError, UsageError):
        raise
    # pydicom meets malformed files with errors of any type, when it reads them and when a value is looked at.
    except Exception as error:
        raise DataError(f"{path} cannot be read as DICOM ({error}); restore it from where it came.") from error


def read_csv_ecg(
    path: Path | str, sampling_rate: float, unit: str, *, time_column: str | None = None, delimiter: str = ","
) -> EcgRecord:
    """Read an ECG from a table: a header with the names of the leads, then one line for each sample.

    A table says neither how fast it was sampled nor in what unit, so that the caller has to know.

    Parameters
    ----------
    path : Path or str
        Text in UTF-8, of at most 128 MiB, with decimal points. An empty cell, or "nan", is a missing value.
    sampling_rate : float
        In Hz.
    unit : {"V", "mV", "uV"}
        Of all leads.
    time_column : str, optional
        Name of a column of times in s, which is no lead: checked to be spaced evenly at the sampling rate, each time
        within half a sample.
    delimiter : str
        One character between cells.

    Returns
    -------
    EcgRecord
        Named after the file; in mV, NaN for empty cells.

    Raises
    ------
    DataError
        If the file is missing or too large, a line has another number of cells than the header, a cell is no number,
        or times are not spaced evenly; with the number of the line.
    UsageError
        If the rate, the unit or the delimiter is not one that is accepted.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "strip.csv"
    >>> _ = path.write_text("time,I,II\\n0,100,200\\n0.002,,210\\n")
    >>> read_csv_ecg(path, sampling_rate=500, unit="uV", time_column="time").signal
    array([[0.1 ,  nan],
           [0.2 , 0.21]], dtype=float32)
    """
    if unit not in _PER_MILLIVOLT:
        raise UsageError(f"unit is {unit!r}; accepted are {', '.join(_PER_MILLIVOLT)}.")
    if not 0 < sampling_rate < np.inf:
        raise UsageError(f"sampling_rate is {sampling_rate}; give a number of Hz above 0.")
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '\r\n"':
        raise UsageError(f"delimiter is {delimiter!r}; give one character, such as ',', ';' or a tabulator.")
    path = _checked_file(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names, table, lines = _read_table(path, csv.reader(file, delimiter=delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no table in UTF-8 ({error}); export it again as CSV.") from error
    if time_column is not None:
        remedy = "name one of them, or leave time_column out"
        _check(time_column in names, path, f"has no column {time_column!r} but {', '.join(names)}", remedy)
        column = names.index(time_column)
        _check_times(path, table[:, column], sampling_rate, lines)
        names, table = names[:column] + names[column + 1 :], np.delete(table, column, axis=1)
    _check(names, path, "has no column but that of the times", "add a column for each lead")
    signal = np.ascontiguousarray(table.T / _PER_MILLIVOLT[unit], dtype=np.float32)
    return EcgRecord(path.stem, signal, float(sampling_rate), tuple(names))


def _checked_file(path: Path | str) -> Path:
    path = Path(path)
    _check(path.is_file(), path, "is no file", "check the path")
    _check(path.stat().st_size <= _LARGEST_FILE, path, f"is larger than {_LARGEST_FILE} bytes", "cut it into parts")
    return path


def _check(condition: object, path: Path, fault: str, remedy: str) -> None:
    if not condition:
        raise DataError(f"{path} {fault}; {remedy}.")


def _read_dicom(path: Path):
    # Imported late, because `import medlib.datasets` is to be quick.
    import pydicom
    from pydicom.filereader import read_file_meta_info

    # Before the rest is read, since a small deflated file may hold any number of bytes.
    syntax = read_file_meta_info(path).get("TransferSyntaxUID")
    _check(syntax != _DEFLATED, path, "is a deflated DICOM file", "store it uncompressed")
    return pydicom.dcmread(path)


def _read_group(path: Path, group, byte_order: str) -> EcgRecord:
    n_leads, n_samples = int(group.NumberOfWaveformChannels), int(group.NumberOfWaveformSamples)
    rate, channels = float(group.SamplingFrequency), list(group.get("ChannelDefinitionSequence") or [])
    restore = "restore it from where it came"
    _check(n_leads > 0 and n_samples > 0, path, f"has {n_leads} channels of {n_samples} samples", restore)
    _check(n_leads * n_samples <= _LARGEST_SIGNAL, path, f"asks for more than {_LARGEST_SIGNAL} samples", restore)
    _check(len(channels) == n_leads, path, f"has {n_leads} channels, but describes {len(channels)}", restore)
    _check(0 < rate < np.inf, path, f"has a sampling rate of {rate} Hz", restore)
    kind = int(group.WaveformBitsAllocated), str(group.WaveformSampleInterpretation)
    accepted = "accepted are whole numbers of 8, 16 or 32 bits"
    _check(kind in _DICOM_TYPES, path, f"holds samples of {kind[0]} bits of type {kind[1]!r}", accepted)
    dtype = np.dtype(byte_order + _DICOM_TYPES[kind])
    expected, found = n_leads * n_samples * dtype.itemsize, len(group.WaveformData)
    # A value has an even number of bytes in DICOM.
    complete = found in (expected, expected + expected % 2)
    _check(complete, path, f"has {found} bytes of waveform, but describes {expected}", "it is cut short; " + restore)
    digital = np.frombuffer(group.WaveformData[:expected], dtype).reshape(n_samples, n_leads)
    signal = np.empty((n_leads, n_samples), np.float32)
    for lead, channel in enumerate(channels):
        sensitivity, offset = _calibration(path, channel, lead)
        signal[lead] = digital[:, lead] * sensitivity + offset
    padding = group.get("WaveformPaddingValue")
    if padding is not None:
        raw = padding if isinstance(padding, bytes) else np.asarray(padding, dtype).tobytes()
        no_value = np.frombuffer(raw[: dtype.itemsize], dtype)[0]
        signal[no_value == digital.T] = np.nan
    names = tuple(_lead_name(channel) for channel in channels)
    _check(all(names) and len(set(names)) == n_leads, path, f"names its leads {', '.join(names)}", restore)
    return EcgRecord(path.stem, signal, rate, names)


def _calibration(path: Path, channel, lead: int) -> tuple[float, float]:
    """What one step of the converter is in mV, and what sample value 0 is."""
    channel_name = f"channel {lead}"
    calibrated = channel.get("ChannelSensitivity") is not None and channel.get("ChannelSensitivityUnitsSequence")
    _check(calibrated, path, f"does not say how many volts a step of {channel_name} is", "find its calibration")
    unit = str(channel.ChannelSensitivityUnitsSequence[0].CodeValue)
    accepted = f"accepted are {', '.join(_PER_MILLIVOLT)}"
    _check(unit in _PER_MILLIVOLT, path, f"holds {channel_name} in the unit {unit!r}", accepted)
    skewed = any(float(channel.get(keyword) or 0) for keyword in ("ChannelTimeSkew", "ChannelSampleSkew"))
    _check(not skewed, path, f"holds {channel_name} sampled at other times than the rest", "this is not read")
    factor, offset = channel.get("ChannelSensitivityCorrectionFactor"), float(channel.get("ChannelBaseline") or 0)
    sensitivity = float(channel.ChannelSensitivity) * (1.0 if factor is None else float(factor))
    usable = np.isfinite(sensitivity) and sensitivity != 0 and np.isfinite(offset)
    _check(usable, path, f"says that a step of {channel_name} is {sensitivity} {unit}", "find its calibration")
    return sensitivity / _PER_MILLIVOLT[unit], offset / _PER_MILLIVOLT[unit]


def _lead_name(channel) -> str:
    source = channel.ChannelSourceSequence[0]
    code = _LEAD_CODE.fullmatch(f"{source.get('CodingSchemeDesignator', '')}:{source.get('CodeValue', '')}")
    number = int(code[1]) if code else None
    return _LEADS.get(number) or re.sub(r"^Lead ", "", str(source.get("CodeMeaning", ""))).strip()


def _read_table(path: Path, reader) -> tuple[list[str], np.ndarray, array.array]:
    """Names of columns, numbers, and the line of each row."""
    names = [name.strip() for name in next(reader, [])]
    _check(names and all(names), path, "has a column without a name in its first line", "name each lead there")
    _check(len(set(names)) == len(names), path, "has two columns of one name", "name each lead once")
    header = not all(_is_number(name) for name in names)
    _check(header, path, "starts with numbers", "put a first line with the names of the leads")
    # Eight bytes a number, where a list would take forty.
    numbers, lines = array.array("d"), array.array("q")
    empty = None
    for cells in reader:
        if not cells:
            empty = empty or reader.line_num
            continue
        # It might be a sample without any value, or none: dropping it would shift what follows.
        _check(empty is None, path, f"has an empty line {empty} before others", "delete it, or fill it")
        counts = f"has {len(cells)} cells in line {reader.line_num}, but {len(names)} columns"
        _check(len(cells) == len(names), path, counts, "correct that line, or check the delimiter")
        numbers.extend(_number(path, cell, name, reader) for cell, name in zip(cells, names, strict=True))
        lines.append(reader.line_num)
    _check(lines, path, "has no samples below its first line", "export it again")
    return names, np.array(numbers).reshape(len(lines), len(names)), lines


def _number(path: Path, cell: str, column: str, reader) -> float:
    if not cell.strip():
        return np.nan
    remedy = "write numbers with a decimal point, and leave missing values empty"
    _check(_is_number(cell), path, f"has {cell!r} in line {reader.line_num}, column {column!r}", remedy)
    return float(cell)


def _is_number(cell: str) -> bool:
    try:
        # An infinity is no voltage, and an underscore is a digit separator to Python alone.
        return not np.isinf(float(cell)) and "_" not in cell
    except ValueError:
        return False


def _check_times(path: Path, times: np.ndarray, sampling_rate: float, lines: array.array) -> None:
    off = ~(np.abs(times - times[0] - np.arange(len(times)) / sampling_rate) <= 0.5 / sampling_rate)
    if off.any():
        row = int(off.argmax())
        step = np.nanmedian(np.diff(times)) if len(times) > 1 and not np.isnan(times).all() else np.nan
        usual = f"; the usual step is {step:g} s, so perhaps {1 / step:g} Hz" if step > 0 else ""
        fault = f"has the time {times[row]:g} s in line {lines[row]}, which does not fit {sampling_rate:g} Hz{usual}"
        _check(False, path, fault, "check sampling_rate, and that times are in s and without gaps")
