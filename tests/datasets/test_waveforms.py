"""DICOM waveforms and tables give the voltages that were written, and damaged ones a DataError that says why."""

import copy
import tempfile
from pathlib import Path

import hypothesis.extra.numpy
import numpy as np
import pydicom
import pydicom.examples
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr import _cid_dict, _concepts_dict

from medlib.datasets.waveforms import read_csv_ecg, read_dicom_ecg
from medlib.errors import DataError, UsageError

BUNDLED = Path(pydicom.examples.get_path("waveform"))
TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


@pytest.fixture
def bundled():
    """The bundled 12-lead ECG with two multiplex groups, to be changed."""
    return pydicom.dcmread(BUNDLED)


def saved(dataset, folder):
    path = folder / "changed.dcm"
    dataset.save_as(path)
    return path


def refused(dataset, folder, fault):
    path = saved(dataset, folder)
    with pytest.raises(DataError, match=fault) as error:
        read_dicom_ecg(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(("group", "n_samples"), [(0, 10_000), (1, 1200)])
def test_bundled_ecg_is_what_pydicom_makes_of_it(bundled, group, n_samples):
    record = read_dicom_ecg(BUNDLED, group)
    microvolts = bundled.waveform_array(group).T
    assert record.signal.shape == (12, n_samples) and record.signal.dtype == np.float32
    np.testing.assert_allclose(record.signal, microvolts / 1000, atol=1e-6)
    assert record.sampling_rate == 1000.0
    assert record.lead_names == TWELVE
    assert record.name == "waveform_ecg"
    assert record.annotations.sample.size == 0


def test_limb_leads_of_the_bundled_ecg_obey_einthoven():
    """Lead II is I + III, so that neither names nor signs are mixed up; one step of the converter is 1.25 µV."""
    leads = dict(zip(TWELVE, read_dicom_ecg(BUNDLED).signal, strict=True))
    np.testing.assert_allclose(leads["II"], leads["I"] + leads["III"], atol=0.005)
    np.testing.assert_allclose(leads["aVF"], (leads["II"] + leads["III"]) / 2, atol=0.005)


@pytest.mark.parametrize(("unit", "per_millivolt"), [("uV", 1e3), ("mV", 1.0), ("V", 1e-3)])
def test_unit_sensitivity_correction_and_baseline_of_each_channel(bundled, tmp_path, unit, per_millivolt):
    raw = bundled.waveform_array(0)[:, 2] / 1.25
    channel = bundled.WaveformSequence[0].ChannelDefinitionSequence[2]
    channel.ChannelSensitivity, channel.ChannelSensitivityCorrectionFactor, channel.ChannelBaseline = 2.5, 0.5, -40
    channel.ChannelSensitivityUnitsSequence[0].CodeValue = unit
    record = read_dicom_ecg(saved(bundled, tmp_path))
    np.testing.assert_allclose(record.signal[2], (raw * 2.5 * 0.5 - 40) / per_millivolt, rtol=1e-6)
    np.testing.assert_array_equal(np.delete(record.signal, 2, 0), np.delete(read_dicom_ecg(BUNDLED).signal, 2, 0))


def test_correction_and_baseline_may_be_left_out(bundled, tmp_path):
    for channel in bundled.WaveformSequence[0].ChannelDefinitionSequence:
        del channel.ChannelSensitivityCorrectionFactor, channel.ChannelBaseline
    np.testing.assert_array_equal(read_dicom_ecg(saved(bundled, tmp_path)).signal, read_dicom_ecg(BUNDLED).signal)


def test_padding_is_missing(bundled, tmp_path):
    group = bundled.WaveformSequence[0]
    samples = np.frombuffer(group.WaveformData, "<i2").reshape(-1, 12).copy()
    samples[[5, 77], [0, 11]] = -32768
    group.WaveformData, group.WaveformPaddingValue = samples.tobytes(), b"\x00\x80"
    group["WaveformPaddingValue"].VR = "OW"
    record = read_dicom_ecg(saved(bundled, tmp_path))
    assert np.argwhere(np.isnan(record.signal)).tolist() == [[0, 5], [11, 77]]


def test_big_endian_file_has_the_same_voltages(bundled, tmp_path):
    for group in bundled.WaveformSequence:
        group.WaveformData = np.frombuffer(group.WaveformData, "<i2").astype(">i2").tobytes()
    bundled.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
    path = tmp_path / "big.dcm"
    pydicom.dcmwrite(path, bundled, little_endian=False, implicit_vr=False)
    np.testing.assert_array_equal(read_dicom_ecg(path).signal, read_dicom_ecg(BUNDLED).signal)


@pytest.mark.parametrize(
    ("kind", "dtype"), [((8, "UB"), "u1"), ((8, "SB"), "i1"), ((16, "US"), "<u2"), ((32, "SL"), "<i4")]
)
def test_other_types_of_sample(bundled, tmp_path, kind, dtype):
    """Eleven samples, so that the value of one byte a sample has a byte of padding with nine channels."""
    group = bundled.WaveformSequence[0]
    samples = np.arange(99).astype(dtype).reshape(11, 9)
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = kind
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = 9, 11
    group.ChannelDefinitionSequence = group.ChannelDefinitionSequence[:9]
    group.WaveformData = samples.tobytes() + b"\0" * (samples.nbytes % 2)
    record = read_dicom_ecg(saved(bundled, tmp_path))
    np.testing.assert_allclose(record.signal, samples.T * 1.25e-3, rtol=1e-6)


@pytest.mark.parametrize("scheme", ["MDC", "SCPECG"])
def test_leads_are_named_by_their_code(bundled, tmp_path, scheme):
    """The codes of DICOM's context group 3001, in pydicom's copy of it, under both coding schemes."""
    names = [*TWELVE, "V7", "X", "Y", "Z"]
    known = {name: _concepts_dict.concepts["MDC"][name] for name in _cid_dict.cid_concepts[3001]["MDC"]}
    meanings = {meaning: code for concept in known.values() for code, (meaning, _) in concept.items()}
    codes = {name: meanings[f"Lead {name}"] for name in names if f"Lead {name}" in meanings}
    assert len(codes) >= 12
    group = bundled.WaveformSequence[1]
    for channel, code in zip(group.ChannelDefinitionSequence, reversed(codes.values()), strict=False):
        source = channel.ChannelSourceSequence[0]
        source.CodingSchemeDesignator, source.CodeMeaning = scheme, "nothing"
        source.CodeValue = code if scheme == "MDC" else code.replace("2:", "5.6.3-9-")
    record = read_dicom_ecg(saved(bundled, tmp_path), group=1)
    assert record.lead_names == tuple(reversed(codes))[:12]


def test_lead_with_another_code_has_the_name_that_the_file_gives(bundled, tmp_path):
    source = bundled.WaveformSequence[0].ChannelDefinitionSequence[1].ChannelSourceSequence[0]
    source.CodeValue, source.CodeMeaning = "9-9-9", "Lead Nehb D"
    assert read_dicom_ecg(saved(bundled, tmp_path)).lead_names[:3] == ("I", "Nehb D", "III")


def test_group_that_is_not_there():
    for group in (2, -1):
        with pytest.raises(UsageError, match="2 multiplex groups; give a number from 0 to 1"):
            read_dicom_ecg(BUNDLED, group)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda group: setattr(group, "WaveformData", group.WaveformData[:-2]), "239998 bytes.* describes 240000"),
        (lambda group: setattr(group, "NumberOfWaveformSamples", 2**31), "more than"),
        (lambda group: setattr(group, "NumberOfWaveformSamples", 0), "channels of 0 samples"),
        (lambda group: setattr(group, "NumberOfWaveformChannels", 11), "11 channels, but describes 12"),
        (lambda group: setattr(group, "SamplingFrequency", 0), "rate of 0.0 Hz"),
        (lambda group: setattr(group, "WaveformSampleInterpretation", "MB"), "type 'MB'; accepted"),
        (lambda group: delattr(group, "WaveformData"), "cannot be read"),
    ],
)
def test_group_that_is_not_what_it_says(bundled, tmp_path, change, fault):
    change(bundled.WaveformSequence[0])
    refused(bundled, tmp_path, fault)


def _set_unit(channel):
    channel.ChannelSensitivityUnitsSequence[0].CodeValue = "mm[Hg]"


def _set_name(channel):
    channel.ChannelSourceSequence[0].CodeValue = "5.6.3-9-1"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_set_unit, r"channel 3 in the unit 'mm\[Hg\]'; accepted are V, mV, uV"),
        (_set_name, "names its leads I, II, III, I,"),
        (lambda channel: delattr(channel, "ChannelSensitivity"), "a step of channel 3"),
        (lambda channel: setattr(channel, "ChannelSensitivity", 0), "a step of channel 3 is 0.0"),
        (lambda channel: setattr(channel, "ChannelSampleSkew", "0.5"), "channel 3 sampled at other times"),
    ],
)
def test_channel_that_is_no_calibrated_voltage(bundled, tmp_path, change, fault):
    change(bundled.WaveformSequence[0].ChannelDefinitionSequence[3])
    refused(bundled, tmp_path, fault)


@pytest.mark.parametrize("length", [0, 100, 132, 400, 3000, 200_000])
def test_file_cut_short(tmp_path, length):
    path = tmp_path / "short.dcm"
    path.write_bytes(BUNDLED.read_bytes()[:length])
    with pytest.raises(DataError, match="short.dcm"):
        read_dicom_ecg(path)


def test_image_missing_file_and_deflated_file(bundled, tmp_path):
    with pytest.raises(DataError, match="no waveform; give an ECG"):
        read_dicom_ecg(pydicom.examples.get_path("ct"))
    with pytest.raises(DataError, match="is no file"):
        read_dicom_ecg(tmp_path / "none.dcm")
    deflated = copy.deepcopy(bundled)
    deflated.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    refused(deflated, tmp_path, "deflated")


def table(folder, text, encoding="utf-8"):
    path = Path(folder) / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


@given(
    hypothesis.extra.numpy.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 30)),
        elements=st.one_of(st.floats(-500, 500, width=32), st.just(np.nan)),
    ),
    st.sampled_from(["V", "mV", "uV"]),
    st.sampled_from([100, 360, 500, 257.5]),
    st.sampled_from(",;\t"),
    st.booleans(),
)
def test_what_was_written_is_read(millivolts, unit, rate, delimiter, with_time):
    factor = {"V": 1e-3, "mV": 1, "uV": 1e3}[unit]
    names = [f"lead {number}" for number in range(len(millivolts))]
    lines = [delimiter.join([*(["seconds"] if with_time else []), *names])]
    for row, sample in enumerate(millivolts.T.astype(float) * factor):
        # An empty line would be no sample, so that a missing value that is alone has to be written out.
        missing = "" if len(names) > 1 or with_time else "nan"
        cells = [missing if np.isnan(value) else repr(float(value)) for value in sample]
        lines.append(delimiter.join([*([f"{3 + row / rate:.5f}"] if with_time else []), *cells]))
    with tempfile.TemporaryDirectory() as folder:
        path = table(folder, "\n".join(lines))
        time_column = "seconds" if with_time else None
        record = read_csv_ecg(path, rate, unit, time_column=time_column, delimiter=delimiter)
    assert record.lead_names == tuple(names) and record.sampling_rate == rate and record.name == "table"
    assert record.signal.dtype == np.float32
    np.testing.assert_allclose(record.signal, millivolts, rtol=1e-6, atol=0)


def test_swapped_units_differ_by_a_thousand(tmp_path):
    path = table(tmp_path, "I\n0.5\n")
    values = [read_csv_ecg(path, 500, unit).signal.item() for unit in ("uV", "mV", "V")]
    np.testing.assert_allclose(values, [0.0005, 0.5, 500])


def test_byte_order_mark_quotes_and_line_ends(tmp_path):
    path = table(tmp_path, '\ufeff"I", II\r\n1,"2"\r\n3,4\r\n\r\n')
    record = read_csv_ecg(path, 500, "mV")
    assert record.lead_names == ("I", "II")
    np.testing.assert_array_equal(record.signal, [[1, 3], [2, 4]])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("I,II\n1,2\n3\n", "has 1 cells in line 3, but 2 columns"),
        ("I,II\n1,2\n3,4,5\n", "has 3 cells in line 3, but 2 columns"),
        ("I,II\n1,2\n3,x\n", "has 'x' in line 3, column 'II'"),
        ("I\n1\ninf\n", "has 'inf' in line 3"),
        ("I\n1\n\n2\n", "an empty line 3 before others"),
        ("I\n1_0\n", "has '1_0' in line 2"),
        ("I;II\n1,5;2\n", "has 2 cells in line 2, but 1 columns.*delimiter"),
        ("I,I\n1,2\n", "two columns of one name"),
        ("I,\n1,2\n", "without a name"),
        ("1,2\n3,4\n", "starts with numbers"),
        ("I,II\n", "no samples"),
        ("", "without a name"),
        ('I\n"1\n', "no table"),
    ],
)
def test_table_that_is_none(tmp_path, text, fault):
    with pytest.raises(DataError, match=fault):
        read_csv_ecg(table(tmp_path, text), 500, "mV")


def test_table_in_another_encoding(tmp_path):
    with pytest.raises(DataError, match="no table in UTF-8"):
        read_csv_ecg(table(tmp_path, "µV\n1\n", "latin-1"), 500, "mV")


@pytest.mark.parametrize(
    ("times", "fault"),
    [
        ([0, 0.002, 0.004, 0.008], "time 0.008 s in line 5"),
        ([0, 0.004, 0.008, 0.012], "time 0.004 s in line 3, .*perhaps 250 Hz"),
        ([0, 2, 4, 6], "perhaps 0.5 Hz; check sampling_rate, and that times are in s"),
        ([0, 0.002, "", 0.006], "time nan s in line 4"),
        ([0, 0, 0, 0], "time 0 s in line 3"),
    ],
)
def test_times_that_are_not_spaced_at_the_rate(tmp_path, times, fault):
    path = table(tmp_path, "t,I\n" + "".join(f"{time},1\n" for time in times))
    with pytest.raises(DataError, match=fault):
        read_csv_ecg(path, 500, "mV", time_column="t")


def test_time_column_has_to_be_there_and_not_alone(tmp_path):
    with pytest.raises(DataError, match="no column 'time' but t, I"):
        read_csv_ecg(table(tmp_path, "t,I\n0,1\n"), 500, "mV", time_column="time")
    with pytest.raises(DataError, match="no column but that of the times"):
        read_csv_ecg(table(tmp_path, "t\n0\n"), 500, "mV", time_column="t")


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"unit": "mv"}, "unit is 'mv'; accepted are V, mV, uV"),
        ({"sampling_rate": 0}, "sampling_rate is 0"),
        ({"sampling_rate": np.nan}, "sampling_rate is nan"),
        ({"delimiter": ", "}, "delimiter is ', '"),
    ],
)
def test_arguments_are_checked(tmp_path, changed, fault):
    arguments = {"sampling_rate": 500, "unit": "mV"} | changed
    with pytest.raises(UsageError, match=fault):
        read_csv_ecg(table(tmp_path, "I\n1\n"), **arguments)
