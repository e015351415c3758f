"""The simulated samples are shipped as their simulators make them."""

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
import wfdb
from PIL import Image

from medlib import resources
from medlib.datasets import (
    registry,
    simulate_adrenal_glands,
    simulate_brain_slices,
    simulate_chest_ct,
    simulate_chest_xrays,
    simulate_cinc2017,
    simulate_ludb,
    simulate_lung_masks,
    simulate_lung_patches,
    simulate_lung_slices,
    simulate_noise,
    simulate_ptbxl,
    simulate_pwaves,
)
from medlib.ecg import quality

SAMPLES = resources.root() / "data" / "samples"
ECG = {
    "cinc2017-sample": simulate_cinc2017,
    "ludb-sample": simulate_ludb,
    "nstdb-sample": simulate_noise,
    "ptbxl-sample": simulate_ptbxl,
    "pwavedb-sample": simulate_pwaves,
}
IMAGES = {
    "pneumoniamnist-sample": simulate_chest_xrays,
    "adrenalmnist3d-sample": simulate_adrenal_glands,
    "luna16-sample": simulate_lung_patches,
    "brain-mri-tumours-sample": simulate_brain_slices,
    "covid-ct-sample": simulate_chest_ct,
    "lung-slices-sample": SimpleNamespace(write_sample=simulate_lung_slices.write_lungs),
    "covid-lesions-sample": SimpleNamespace(write_sample=simulate_lung_slices.write_lesions),
    "chestxray-lungs-sample": simulate_lung_masks,
}
SIMULATORS = ECG | IMAGES


def paths(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def headers(name):
    return [SAMPLES / name / path for path in paths(SAMPLES / name) if path.endswith(".hea")]


def arrays(path):
    """What a file holds whose bytes depend on the processor (in the last bit of a float) or on the version of zlib."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name].astype(int) for name in found if found[name].dtype.kind != "U"}
    if path.suffix in (".png", ".jpg"):
        return {"": np.asarray(Image.open(path)).astype(int)}
    return {"": wfdb.rdrecord(str(path.with_suffix("")), physical=False).d_signal.astype(int)}


@pytest.mark.parametrize("name", SIMULATORS)
def test_shipped_sample_is_what_the_simulator_makes(name, tmp_path):
    SIMULATORS[name].write_sample(tmp_path)
    assert paths(tmp_path) == paths(SAMPLES / name)
    for path in paths(tmp_path):
        made, shipped = tmp_path / path, SAMPLES / name / path
        if made.suffix in (".dat", ".mat"):
            continue  # read by their headers
        if made.suffix == ".hea":
            one, other = (wfdb.rdheader(str(file.with_suffix(""))) for file in (made, shipped))
            for field in ("comments", "sig_name", "fs", "fmt", "adc_gain", "baseline", "units"):
                assert getattr(one, field) == getattr(other, field), path
        elif made.suffix not in (".npz", ".png", ".jpg"):
            assert made.read_bytes() == shipped.read_bytes(), path
            continue
        one, other = arrays(made), arrays(shipped)
        assert one.keys() == other.keys()
        # The surface of a gland may move by a voxel, and a block of a JPEG by a step.
        most = {"adrenalmnist3d.npz": 255}.get(path, 12 if made.suffix == ".jpg" else 1)
        for key, values in one.items():
            off = np.abs(values - other[key])
            assert off.max() <= most and np.mean(off > 1) < 1e-4, (path, key)


@pytest.mark.parametrize("name", [name for name in registry.names() if name.endswith("-sample")])
def test_manifest_lists_the_files(name):
    folder = SAMPLES / name
    expected = {path: hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in paths(folder)}
    assert {path: file.sha256 for path, file in registry.get(name).files.items()} == expected


def test_samples_are_small():
    assert sum(registry.get(name).size for name in ECG) <= 3_400_000
    assert max(registry.get(name).size for name in IMAGES) <= 500_000
    assert registry.get("ct-sample").size <= 600_000
    assert registry.get("abdomen-ct-sample").size <= 110_000
    assert registry.get("registration-brain-sample").size <= 95_000


@pytest.mark.parametrize("name", ECG)
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
