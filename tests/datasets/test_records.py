"""`read_ecg` gives what was written, and meets damaged records with a DataError that names the file."""

import shutil
import tempfile
from pathlib import Path

import hypothesis.extra.numpy
import numpy as np
import pytest
import scipy.io
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from medlib import datasets
from medlib.errors import DataError

SAMPLE = datasets.locate("mitdb-sample")
HEADER = SAMPLE.joinpath("901.hea").read_bytes()
ANNOTATIONS = SAMPLE.joinpath("901.atr").read_bytes()
GAIN = np.array([200.0, 250.0, 150.0])  # of each lead
BASELINE = np.array([7, -3, 0])


@pytest.fixture
def folder(tmp_path):
    """A copy of record 901, to be damaged."""
    for suffix in ("hea", "dat", "atr"):
        shutil.copy(SAMPLE / f"901.{suffix}", tmp_path)
    return tmp_path


def edit_header(folder, old, new):
    path = folder / "901.hea"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def refused(folder, file_name, fault):
    with pytest.raises(DataError, match=fault) as error:
        datasets.read_ecg(folder, "901")
    assert str(folder / file_name) in str(error.value)
    assert "restore" in str(error.value)


def test_equals_wfdb():
    record = datasets.read_ecg(SAMPLE, "914")
    expected = wfdb.rdrecord(str(SAMPLE / "914"))
    annotations = wfdb.rdann(str(SAMPLE / "914"), "atr")
    np.testing.assert_allclose(record.signal, expected.p_signal.T, atol=1e-6)
    assert record.signal.dtype == np.float32
    assert record.signal.flags.c_contiguous
    assert record.sampling_rate == 360.0
    assert record.lead_names == ("V5", "MLII")
    np.testing.assert_array_equal(record.annotations.sample, annotations.sample)
    assert record.annotations.symbol.tolist() == annotations.symbol
    assert record.annotations.auxiliary[0] == "(N"


@pytest.mark.parametrize("file_name", ["901.hea", "901.dat", "901.atr"])
def test_missing_file(folder, file_name):
    (folder / file_name).unlink()
    refused(folder, file_name, "is missing")


def test_signal_cut_short(folder):
    path = folder / "901.dat"
    path.write_bytes(path.read_bytes()[:-3])
    refused(folder, "901.dat", "has 129597 bytes, but its header asks for 129600")


def test_annotations_cut_short(folder):
    (folder / "901.atr").write_bytes(ANNOTATIONS[:100])
    refused(folder, "901.atr", "is cut short")


@pytest.mark.parametrize(
    ("old", "new", "file_name", "fault"),
    [
        ("901 2 360 43200", "901 2 360 43000", "901.dat", "header asks for 129000"),
        ("901 2 360 43200", "901 2 360 999999", "901.dat", "header asks for"),
        ("901 2 360 43200", "901 2 360 99999999999999", "901.hea", "asks for more than 268435456 samples"),
        ("901 2 360 43200", "901 2 360", "901.hea", "how many samples"),
        ("901 2 360 43200", "901 3 360 43200", "901.hea", "another number of signals"),
        ("901 2 360 43200", "901 1 360 43200", "901.hea", "another number of signals|cannot be read"),
        ("901 2 360 43200", "901 999999999 360 43200", "901.hea", "more than 268435456 samples|cannot be read"),
        ("901 2 360 43200", "901/2 2 360 43200", "901.hea", "segments|cannot be read"),
        ("/mV", "/nV", "901.hea", "unit 'nV'; accepted are V, mV, uV"),
        ("901 2 360 43200", "901 2 0 43200", "901.hea", "sampling rate of 0"),
        ("901 2 360 43200", "", "901.hea", "cannot be read"),
        ("11 1024 ", "11 1024 9", "901.dat", "lead 0 starts with 1008, not 91008"),
        (" 0 V1", "1 0 V1", "901.dat", "lead 1 has another checksum"),
        ("/mV", "/mmHg", "901.hea", "unit 'mmHg'"),
        ("901.dat 212", "../901.dat 212", "901.hea", "cannot be read"),
        ("901.dat 212", "hea/901.dat 212", "901.hea", "cannot be read|names the signal file"),
        (" 0 V1", " 0", "901.hea", "lead without a name"),
        ("901 2", "902 2", "901.hea", "header of a record '902'"),
        ("901.dat 212", "901.dat 80", "901.hea", "signal format 80; accepted are 16, 212"),
        ("901.dat 212", "901.dat 212x2", "901.hea", "several samples a frame"),
    ],
)
def test_header_that_lies(folder, old, new, file_name, fault):
    edit_header(folder, old, new)
    refused(folder, file_name, fault)


def test_signal_that_was_changed(folder):
    path = folder / "901.dat"
    content = bytearray(path.read_bytes())
    content[60000] ^= 1
    path.write_bytes(content)
    refused(folder, "901.dat", "checksum")


def test_header_without_limit(folder):
    with (folder / "901.hea").open("ab") as header:
        header.write(b"# more\n" * 10_000)
    refused(folder, "901.hea", "larger than 65536 bytes")


def test_annotations_beyond_the_record(folder):
    wfdb.wrann("901", "atr", np.array([100, 43200]), ["N", "N"], write_dir=str(folder))
    refused(folder, "901.atr", "outside the 43200 samples")


@pytest.mark.parametrize("name", ["../901", "901.hea", "", "a/901", "a\\901", "http://host/901"])
def test_record_name_with_a_path(folder, name):
    with pytest.raises(DataError, match="letters, digits"):
        datasets.read_ecg(folder, name)


@pytest.mark.parametrize(("unit", "factor"), [("mV", 1.0), ("uV", 1e-3), ("V", 1e3)])
def test_units_become_millivolt(folder, unit, factor):
    expected = datasets.read_ecg(folder, "901").signal * factor
    edit_header(folder, "/mV", f"/{unit}")
    np.testing.assert_allclose(datasets.read_ecg(folder, "901").signal, expected, rtol=1e-6)


def write_record(folder, digital, signal_format, sample, symbol):
    n_signals = digital.shape[1]
    wfdb.wrsamp(
        "r1",
        fs=250,
        units=["mV"] * n_signals,
        sig_name=[f"lead{i}" for i in range(n_signals)],
        d_signal=digital,
        fmt=[signal_format] * n_signals,
        adc_gain=GAIN[:n_signals].tolist(),
        baseline=BASELINE[:n_signals].tolist(),
        write_dir=str(folder),
    )
    wfdb.wrann("r1", "atr", sample, symbol, write_dir=str(folder))


def test_without_annotations(folder):
    (folder / "901.atr").unlink()
    record = datasets.read_ecg(folder, "901", annotator=None)
    assert record.annotations.sample.size == record.annotations.symbol.size == 0
    np.testing.assert_array_equal(record.signal, datasets.read_ecg(SAMPLE, "901").signal)


def test_annotations_alone(folder):
    expected = datasets.read_ecg(folder, "901").annotations
    (folder / "901.atr").rename(folder / "901.other")
    (folder / "901.hea").unlink()
    found = datasets.read_annotations(folder, "901", "other")
    np.testing.assert_array_equal(found.sample, expected.sample)
    np.testing.assert_array_equal(found.symbol, expected.symbol)
    with pytest.raises(DataError, match="suffix"):
        datasets.read_annotations(folder, "901", "../901.other")


def write_matlab(folder, digital, units, checksum):
    """A record as PhysioNet's challenges give them: a Matlab 4 file of int16 with 24 bytes before the samples."""
    n_signals, n_samples = digital.shape
    head = np.array([30, n_signals, n_samples, 0, 4], "<i4").tobytes() + b"val\0"
    (folder / "m1.mat").write_bytes(head + digital.T.astype("<i2").tobytes())
    lines = [
        f"m1.mat 16+24 1000/{unit} 16 0 {row[0]} {checksum or row.sum()} 0 lead{number}"
        for number, (row, unit) in enumerate(zip(digital, units, strict=True))
    ]
    (folder / "m1.hea").write_text("\n".join([f"m1 {n_signals} 300 {n_samples}", *lines, ""]))


def test_matlab_with_signals_that_are_no_voltage(tmp_path):
    digital = np.arange(12).reshape(3, 4) * 100
    write_matlab(tmp_path, digital, ["mV", "NU", "uV"], checksum=None)
    assert scipy.io.loadmat(tmp_path / "m1.mat")["val"].tolist() == digital.tolist()
    record = datasets.read_ecg(tmp_path, "m1", annotator=None)
    np.testing.assert_allclose(record.signal, digital[[0, 2]] / [[1000], [1e6]], rtol=1e-6)
    assert record.lead_names == ("lead0", "lead2")
    assert record.left_out == ("lead1",)


def test_matlab_with_another_checksum(tmp_path):
    write_matlab(tmp_path, np.ones((1, 4), int), ["mV"], checksum=77)
    with pytest.raises(DataError, match="another checksum than 77"):
        datasets.read_ecg(tmp_path, "m1", annotator=None)
    # The challenges wrote 0 where they had calculated none.
    header = tmp_path / "m1.hea"
    header.write_text(header.read_text().replace(" 77 ", " 0 "))
    assert datasets.read_ecg(tmp_path, "m1", annotator=None).signal.shape == (1, 4)


def test_uncalibrated_signals_have_200_units_to_the_millivolt(folder):
    edit_header(folder, " 200(1024)/mV ", " 0 ")
    np.testing.assert_allclose(
        datasets.read_ecg(folder, "901").signal, datasets.read_ecg(SAMPLE, "901").signal, atol=1e-6
    )


SEGMENTS = "long/3 3 250 100\ns1 40\n~ 20\ns2 40\n"


@pytest.fixture
def segments(tmp_path):
    """A record of 100 samples: two leads, a gap, and two leads of which one is new."""
    digital = np.arange(1, 161).reshape(2, 40, 2)
    for name, leads, samples in (("s1", ["I", "II"], digital[0]), ("s2", ["II", "V1"], digital[1])):
        wfdb.wrsamp(
            name, fs=250, units=["mV"] * 2, sig_name=leads, d_signal=samples, fmt=["16"] * 2,
            adc_gain=[100.0] * 2, baseline=[0] * 2, write_dir=str(tmp_path),
        )  # fmt: skip
    (tmp_path / "long.hea").write_text(SEGMENTS)
    return tmp_path


def test_segments_are_joined_by_the_name_of_the_lead(segments):
    record = datasets.read_ecg(segments, "long", annotator=None)
    assert record.lead_names == ("I", "II", "V1")
    first, second = np.arange(1, 161).reshape(2, 40, 2).transpose(0, 2, 1) / 100
    gap = np.full(60, np.nan)
    np.testing.assert_allclose(record.signal[0], [*first[0], *gap], rtol=1e-6)
    np.testing.assert_allclose(record.signal[1], [*first[1], *gap[:20], *second[0]], rtol=1e-6)
    np.testing.assert_allclose(record.signal[2], [*gap, *second[1]], rtol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("s1 40", "s1 30", "another length than it says|otherwise than its own header"),
        ("s2 40\n", "s2 400000000000\n", "another length than it says"),
        ("250 100", "250 400000000", "more than 268435456 samples"),
        ("250 100", "360 100", "otherwise than its own header"),
        ("s1 40", "long 40", "otherwise than its own header"),
        ("s1 40", "../s1 40", "letters, digits|cannot be read"),
        ("s1 40", "gone 40", "is missing"),
        ("3 250", "2 250", "3 leads in its segments, but 2"),
        ("s1 40\n~ 20\ns2 40", "~ 40\n~ 20\n~ 40", "0 leads"),
    ],
)
def test_segments_that_lie(segments, old, new, fault):
    assert old in SEGMENTS
    (segments / "long.hea").write_text(SEGMENTS.replace(old, new))
    with pytest.raises(DataError, match=fault):
        datasets.read_ecg(segments, "long", annotator=None)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), signal_format=st.sampled_from(["16", "212"]))
def test_round_trip(data, signal_format):
    # The lowest value of each format stands for "no value".
    limit = {"16": 32767, "212": 2047}[signal_format]
    shape = data.draw(st.tuples(st.integers(2, 40), st.integers(1, 3)))
    digital = data.draw(
        hypothesis.extra.numpy.arrays(np.int64, shape, elements=st.integers(-limit - 1, limit)), label="digital"
    )
    sample = np.array(sorted(data.draw(st.sets(st.integers(0, shape[0] - 1), min_size=1))))
    symbol = data.draw(st.lists(st.sampled_from("NAVFLR/Q+"), min_size=sample.size, max_size=sample.size))
    with tempfile.TemporaryDirectory() as folder:
        write_record(Path(folder), digital, signal_format, sample, symbol)
        record = datasets.read_ecg(folder, "r1")
    expected = np.where(digital == -limit - 1, np.nan, (digital - BASELINE[: shape[1]]) / GAIN[: shape[1]]).T
    np.testing.assert_allclose(record.signal, expected, rtol=1e-6)
    np.testing.assert_array_equal(record.annotations.sample, sample)
    assert record.annotations.symbol.tolist() == symbol


@settings(max_examples=150, deadline=None)
@given(
    suffix=st.sampled_from(["hea", "atr"]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    kept=st.floats(0, 1),
)
def test_damage_gives_a_record_or_a_data_error(suffix, changes, kept):
    content = bytearray({"hea": HEADER, "atr": ANNOTATIONS}[suffix])
    for position, byte in changes:
        content[int(position * len(content))] = byte
    with tempfile.TemporaryDirectory() as folder:
        for other in ("hea", "dat", "atr"):
            shutil.copy(SAMPLE / f"901.{other}", folder)
        Path(folder, f"901.{suffix}").write_bytes(content[: max(1, round(kept * len(content)))])
        try:
            record = datasets.read_ecg(folder, "901")
        except DataError:
            return
    n_leads, n_samples = record.signal.shape
    assert n_leads * n_samples == 2 * 43200
    assert len(record.lead_names) == n_leads
    assert all(isinstance(name, str) for name in record.lead_names)
    annotations = record.annotations
    assert annotations.sample.shape == annotations.symbol.shape == (len(annotations.auxiliary),)
    assert np.all((annotations.sample >= 0) & (annotations.sample < n_samples))
    known = {label.symbol for label in wfdb.io.annotation.ann_labels}
    assert set(annotations.symbol.tolist()) <= known
