"""The simulated samples of the ECG data sets are shipped as their simulators make them."""

import hashlib

import numpy as np
import pytest
import wfdb

from medlib import resources
from medlib.datasets import (
    registry,
    simulate_cinc2017,
    simulate_ludb,
    simulate_noise,
    simulate_ptbxl,
    simulate_pwaves,
)
from medlib.ecg import quality

SAMPLES = resources.root() / "data" / "samples"
SIMULATORS = {
    "cinc2017-sample": simulate_cinc2017,
    "ludb-sample": simulate_ludb,
    "nstdb-sample": simulate_noise,
    "ptbxl-sample": simulate_ptbxl,
    "pwavedb-sample": simulate_pwaves,
}
SIGNALS = {".dat", ".mat", ".hea"}


def paths(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def headers(name):
    return [SAMPLES / name / path for path in paths(SAMPLES / name) if path.endswith(".hea")]


@pytest.mark.parametrize("name", SIMULATORS)
def test_shipped_sample_is_what_the_simulator_makes(name, tmp_path):
    SIMULATORS[name].write_sample(tmp_path)
    assert paths(tmp_path) == paths(SAMPLES / name)
    for path in paths(tmp_path):
        if (tmp_path / path).suffix not in SIGNALS:
            assert (tmp_path / path).read_bytes() == (SAMPLES / name / path).read_bytes(), path
        elif path.endswith(".hea"):
            record = path.removesuffix(".hea")
            made, shipped = (
                wfdb.rdrecord(str(folder / record), physical=False) for folder in (tmp_path, SAMPLES / name)
            )
            # Processors differ in the last bit of a float, which may round to the next integer.
            assert np.abs(made.d_signal.astype(int) - shipped.d_signal.astype(int)).max() <= 1, path
            for field in ("comments", "sig_name", "fs", "fmt", "adc_gain", "baseline", "units"):
                assert getattr(made, field) == getattr(shipped, field), path


@pytest.mark.parametrize("name", SIMULATORS)
def test_manifest_lists_the_files(name):
    folder = SAMPLES / name
    expected = {path: hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in paths(folder)}
    assert {path: file.sha256 for path, file in registry.get(name).files.items()} == expected


def test_samples_are_small():
    assert sum(registry.get(name).size for name in SIMULATORS) <= 3_400_000


@pytest.mark.parametrize("name", SIMULATORS)
def test_signals_say_that_they_are_simulated_and_have_right_checksums(name):
    for path in headers(name):
        record = wfdb.rdrecord(str(path.with_suffix("")), physical=False)
        assert record.comments[-1].startswith("simulated by medlib.datasets.simulate_"), path
        if name != "cinc2017-sample":  # whose headers have none
            assert record.calc_checksum() == record.checksum, path
        assert record.d_signal[0].tolist() == record.init_value, path


@pytest.mark.parametrize("name", ["ludb-sample", "ptbxl-sample", "cinc2017-sample"])
def test_signals_are_usable(name):
    for path in headers(name):
        record = wfdb.rdrecord(str(path.with_suffix("")))
        assert set(quality.faults(record.p_signal.T, record.fs)) == {()}, path
