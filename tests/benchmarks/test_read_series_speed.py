"""A CT series of 100 slices of 512 x 512: ours beside a plain pydicom loop, SimpleITK's series reader and MONAI."""

import sys
import time
from pathlib import Path

import monai.transforms
import numpy as np
import pydicom.data
import pytest
import SimpleITK as sitk

from medlib.imaging import dicom

sys.path.insert(0, str(Path(__file__).parents[1] / "imaging"))
import synthetic

SLICES, SIZE, ROUNDS = 100, 512, 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Slices of noise with the 260 elements of the header of a scanner, under shuffled names."""

    random = np.random.default_rng(0)
    scanner = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"), stop_before_pixels=True)
    stored = random.integers(0, 4096, (SLICES, SIZE, SIZE), dtype=np.int16)
    datasets = synthetic.series(stored, PixelPaddingValue=-2000)
    for dataset in datasets:
        for element in scanner:
            if element.tag not in dataset:
                dataset[element.tag] = element
    names = [f"{name:03d}.dcm" for name in random.permutation(SLICES)]
    return synthetic.write(datasets, tmp_path_factory.mktemp("series"), names)


def read_with_pydicom(folder):
    slices = sorted((pydicom.dcmread(path) for path in folder.iterdir()), key=lambda one: one.ImagePositionPatient[2])
    scaled = [one.pixel_array.astype(float) * one.RescaleSlope + one.RescaleIntercept for one in slices]
    return np.stack(scaled)


def read_with_simpleitk(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return sitk.GetArrayFromImage(reader.Execute())


def read_with_monai(folder):
    return monai.transforms.LoadImage(image_only=True)(str(folder))


def test_reading_a_series_is_faster_than_a_plain_loop_and_simpleitk(folder, benchmark):
    def ours():
        return dicom.read_series(folder).array

    peers = {"pydicom": read_with_pydicom, "simpleitk": read_with_simpleitk, "monai": read_with_monai}
    # Also what the first calls load and cache, which is no part of the comparison.
    expected, volume = read_with_simpleitk(folder), ours()
    np.testing.assert_array_equal(volume, expected)
    np.testing.assert_array_equal(volume, read_with_pydicom(folder))
    read_with_monai(folder)
    assert volume.dtype == np.int16
    seconds = {name: [] for name in peers}

    def time_peers():
        for name, read in peers.items():
            start = time.perf_counter()
            read(folder)
            seconds[name].append(time.perf_counter() - start)

    benchmark.pedantic(ours, setup=time_peers, rounds=ROUNDS)
    ratios = {name: float(np.median(np.divide(taken, benchmark.stats.stats.data))) for name, taken in seconds.items()}
    benchmark.extra_info.update(
        {f"{name}_median_seconds": float(np.median(taken)) for name, taken in seconds.items()}
        | {f"{name}_over_ours": ratio for name, ratio in ratios.items()}
    )
    assert ratios["pydicom"] >= 3.5
    assert ratios["simpleitk"] >= 1.8
