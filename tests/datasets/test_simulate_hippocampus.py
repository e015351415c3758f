"""The simulated hippocampi: shipped as the simulator makes them, with the parts and the scales that they state."""

import csv
import gzip
import re

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from medlib import resources
from medlib.datasets import registry, simulate_hippocampus
from medlib.imaging import labelled_volumes

SAMPLE = resources.root() / "data" / "samples" / "msd-hippocampus-sample"


def paths(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def heads():
    with (SAMPLE / "manifest.csv").open(newline="") as stream:
        return {row["file"].removesuffix(".nii.gz"): row for row in csv.DictReader(stream)}


@pytest.fixture(scope="module")
def pairs():
    return labelled_volumes.read_labelled_volumes(SAMPLE, simulate_hippocampus.LABELS)[0]


def test_shipped_sample_is_what_the_simulator_makes(tmp_path):
    simulate_hippocampus.write_sample(tmp_path)
    assert paths(tmp_path) == paths(SAMPLE)
    for path in paths(SAMPLE):
        made, shipped = tmp_path / path, SAMPLE / path
        if not path.endswith(".gz"):
            assert made.read_bytes() == shipped.read_bytes(), path
        elif "cut_off" not in path:
            # Compressors differ in how they pack; processors in the last bit of a float, which may round otherwise.
            one, other = (np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8) for file in (made, shipped))
            assert len(one) == len(other) and np.mean(one != other) < 1e-3, path


def test_sample_is_small_and_says_that_it_is_simulated():
    assert registry.get("msd-hippocampus-sample").size <= 110_000
    for path in SAMPLE.rglob("*.nii.gz"):
        if "cut_off" not in path.name:
            assert bytes(nibabel.load(path).header["descrip"].item()) == b"simulated by medlib", path


def test_parts_are_whole_and_behind_each_other(pairs, heads):
    assert [pair.name for pair in pairs] == sorted(heads)
    for pair in pairs:
        anterior, posterior = (pair.labels.array == label for label in (1, 2))
        assert int(heads[pair.name]["voxels_anterior_1"]) == anterior.sum()
        assert int(heads[pair.name]["voxels_posterior_2"]) == posterior.sum()
        whole = np.pad(anterior | posterior, 1)
        assert ndimage.label(whole)[1] == 1 and ndimage.label(~whole)[1] == 1
        # The array's axes are z (to the head), y (to the front) and x (to the right).
        assert pair.image.orientation == "RAS"
        ahead = ndimage.center_of_mass(anterior)[1] - ndimage.center_of_mass(posterior)[1]
        above = ndimage.center_of_mass(posterior)[0] - ndimage.center_of_mass(anterior)[0]
        assert ahead > 4 and above > 1


def test_signal_of_a_hippocampus_is_that_of_grey_matter():
    rng = np.random.default_rng(1)
    head = simulate_hippocampus.simulate_head(rng)
    signal, labels = simulate_hippocampus.simulate_side(head, rng)
    assert signal[ndimage.binary_erosion(labels > 0)].mean() == pytest.approx(head["grey"], abs=0.02)
    # Beside it is white matter, brighter, and fluid, darker.
    around = ndimage.binary_dilation(labels > 0, iterations=4) & ~ndimage.binary_dilation(labels > 0, iterations=2)
    assert np.quantile(signal[around], 0.05) < 0.4 and np.quantile(signal[around], 0.95) > 0.9


def test_scale_of_grey_values_tells_the_head(pairs, heads):
    by_head = {}
    for pair in pairs:
        values = np.unique(pair.image.array)
        step = np.median(np.diff(values)[np.diff(values) < 1.5 * np.diff(values).min()])
        by_head.setdefault(heads[pair.name]["head"], set()).add((str(pair.image.array.dtype), round(float(step), 2)))
        number = int(re.search(r"\d+", pair.name)[0])
        assert int(heads[pair.name]["head"]) == (number + 1) // 2
    assert len(by_head) == 12 and all(len(found) == 1 for found in by_head.values())
    scales = [next(iter(found)) for found in by_head.values()]
    assert len(set(scales)) == 10  # three heads are bytes without a scale
    highest = [float(pair.image.array.max()) for pair in pairs]
    assert max(highest) > 500 * min(highest)
