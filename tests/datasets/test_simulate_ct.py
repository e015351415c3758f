"""The simulated patient: shipped as the simulator makes it, read alike by peers, and true to what it says of itself."""

import gzip
import json

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from scipy import ndimage

from medlib import resources
from medlib.datasets import dicom_writing, simulate_ct, thorax_phantom
from medlib.imaging import dicom, volumes

SAMPLE = resources.root() / "data" / "samples" / "ct-sample"
TRUTH = json.loads((SAMPLE / "truth.json").read_text())
LPS = np.diag([-1.0, -1, 1, 1])


def paths(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    simulate_ct.write_sample(folder)
    return folder


@pytest.fixture(scope="module")
def volume():
    return dicom.read_series(SAMPLE / "series")


@pytest.fixture(scope="module")
def masks(volume):
    return dicom.read_segmentation(SAMPLE / "segmentation.dcm", volume)


def test_shipped_sample_is_what_the_simulator_makes(made):
    assert paths(made) == paths(SAMPLE)
    for path in paths(made):
        new, shipped = (made / path).read_bytes(), (SAMPLE / path).read_bytes()
        if path.endswith(".gz"):
            # Compressors differ in how they pack the same content.
            assert gzip.decompress(new) == gzip.decompress(shipped)
        elif path.startswith(("series", "radiograph")):
            one, other = pydicom.dcmread(made / path), pydicom.dcmread(SAMPLE / path)
            assert one.file_meta.TransferSyntaxUID == other.file_meta.TransferSyntaxUID
            # Processors differ in the last bit of a float, which may round to the next integer.
            off = np.abs(one.pixel_array.astype(int) - other.pixel_array)
            assert off.max() <= 1 and off.mean() < 1e-3, path
            del one.PixelData, other.PixelData
            assert one == other, path
        elif path.startswith("mr_"):
            assert len(new) == len(shipped)
            differing = np.frombuffer(new, np.uint8) != np.frombuffer(shipped, np.uint8)
            assert differing.mean() < 1e-3, path
        else:
            assert new == shipped, path


def test_every_dicom_file_says_that_it_is_simulated():
    for path in SAMPLE.rglob("*.dcm"):
        assert pydicom.dcmread(path, stop_before_pixels=True).StudyDescription.endswith("not a person"), path


def test_pixels_are_compressed_without_loss_but_for_one_slice(volume):
    slices = [pydicom.dcmread(path, stop_before_pixels=True) for path in (SAMPLE / "series").glob("*")]
    slices.sort(key=lambda each: each.ImagePositionPatient[2])
    syntaxes = [each.file_meta.TransferSyntaxUID for each in slices]
    assert syntaxes.pop(simulate_ct.PLAIN) == pydicom.uid.ExplicitVRLittleEndian
    assert set(syntaxes) == {pydicom.uid.JPEGLSLossless} and len(syntaxes) == 27
    rng = np.random.default_rng(1895)
    rng.permutation(simulate_ct.N_SLICES)
    stored = simulate_ct.simulate_slices(rng).astype(int)
    off = np.abs(np.where(stored == simulate_ct.PADDING, 0, stored) - 1024 - volume.array)
    assert off.max() <= 1 and off.mean() < 1e-3


def test_names_and_numbers_of_slices_mislead():
    slices = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted((SAMPLE / "series").glob("*"))]
    places = [float(each.ImagePositionPatient[2]) for each in slices]
    numbers = [each.InstanceNumber for each in slices]
    assert sorted(numbers) == list(range(1, 29))
    by_number = [place for _, place in sorted(zip(numbers, places, strict=True))]
    for order in (places, by_number):
        assert np.mean(np.diff(order) > 0) not in (0, 1)


def test_series_lies_where_the_truth_says(volume):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(SAMPLE / "series")))
    peer = volumes.from_sitk(reader.Execute())
    for affine in (volume.affine, peer.affine):
        assert affine == pytest.approx(np.array(TRUTH["slices"]["affine"]), abs=1e-3)
    assert volume.unit == "HU" and volume.spacing == pytest.approx((5, 2.8, 2.8), abs=1e-5)
    assert pydicom.dcmread(next((SAMPLE / "series").glob("*"))).SliceThickness == TRUTH["slices"]["thickness"] == 3


def test_nodule_has_its_volume_place_and_density(volume, masks):
    truth, mask = TRUTH["nodule"], masks["nodule"].array
    assert truth["volume"] == pytest.approx(4 / 3 * np.pi * 14**3, abs=0.1)
    size = mask.sum() * abs(np.linalg.det(volume.affine))
    assert size == pytest.approx(truth["volume"], rel=0.06)
    centre = volume.affine @ [*np.argwhere(mask).mean(axis=0)[::-1], 1]
    assert centre[:3] == pytest.approx(truth["centre"], abs=0.5)
    assert volume.array[ndimage.binary_erosion(mask)].mean() == pytest.approx(truth["hounsfield"], abs=5)


def test_segmentation_is_the_phantom_and_highdicom_reads_it_alike(volume, masks):
    labels = thorax_phantom.labels_at(simulate_ct.voxel_points(volume.array.shape, volume.affine))
    peer = highdicom.seg.segread(SAMPLE / "segmentation.dcm")
    assert peer.number_of_segments == 2
    array = peer.get_volume(combine_segments=False).array
    for index, name in enumerate(simulate_ct.SEGMENTS):
        assert np.array_equal(masks[name].array, labels == thorax_phantom.LABELS[name])
        assert array[..., index].sum() == masks[name].array.sum()
    dataset = pydicom.dcmread(SAMPLE / "segmentation.dcm")
    places = [
        each.PlanePositionSequence[0].ImagePositionPatient[2] for each in dataset.PerFrameFunctionalGroupsSequence
    ]
    assert 0.2 < np.mean(np.diff(np.array(places, float)) > 0) < 0.8


def test_label_map_is_the_phantom_on_another_grid(volume):
    image = nibabel.load(SAMPLE / "organs.nii.gz")
    assert "".join(nibabel.aff2axcodes(image.affine)) == "RAS" != volume.orientation
    array = np.asarray(image.dataobj).transpose(2, 1, 0)
    assert np.array_equal(array, thorax_phantom.labels_at(simulate_ct.voxel_points(array.shape, image.affine)))
    assert set(np.unique(array)) == {0, *TRUTH["labels"].values()}


def test_radiograph_is_a_negative_with_the_right_of_the_patient_at_the_left():
    dataset = pydicom.dcmread(SAMPLE / "radiograph.dcm")
    assert (dataset.PhotometricInterpretation, dataset.BurnedInAnnotation) == ("MONOCHROME1", "YES")
    pixels = dataset.pixel_array.astype(float)
    lung, liver, spine = pixels[50, 44], pixels[110, 44], pixels[110, 72]
    assert lung > liver > spine  # the lung lets most through, which is to be shown dark
    heart, opposite = pixels[61, 71 + 18], pixels[61, 71 - 18]
    assert heart < opposite  # at the left of the patient, the right of the picture
    letter = [[1, 1, 0], [1, 0, 1], [1, 1, 0], [1, 0, 1], [1, 0, 1]]  # R, burned in as white
    assert (pixels[6:16:2, 4:10:2] == 0).tolist() == np.array(letter, bool).tolist()


def test_mr_volumes_are_of_one_body():
    volume_a, volume_b = (
        volumes.from_sitk(sitk.ReadImage(str(SAMPLE / name))) for name in ("mr_scanner_a.nrrd", "mr_scanner_b.mha")
    )
    assert (volume_a.orientation, volume_b.orientation) == ("LPS", "LIP")
    grid = volumes.to_sitk(volume_a)
    moved = sitk.Resample(volumes.to_sitk(volume_b), grid, sitk.Transform(), sitk.sitkLinear, -1.0, sitk.sitkFloat32)
    there = sitk.GetArrayFromImage(moved)
    covered = there >= 0
    assert covered.mean() > 0.8
    assert np.corrcoef(volume_a.array[covered], there[covered])[0, 1] > 0.85
    assert np.percentile(volume_a.array, 99) > 2.5 * np.percentile(volume_b.array, 99)


def test_noise_of_water_is_that_of_the_formula():
    """The variance in the centre of a disc of water is that of filtered back-projection with one path length."""
    n, spacing, radius, photons = 64, 4.0, 100.0, 1e5
    row, column = (np.indices((n, n)) - (n - 1) / 2) * spacing
    water = np.where(np.hypot(row, column) < radius, 0.0, -1000.0)
    noise = thorax_phantom.quantum_noise(np.stack([water] * 60), spacing, photons, np.random.default_rng(0))
    centre = noise[:, n // 2 - 2 : n // 2 + 2, n // 2 - 2 : n // 2 + 2]
    frequency = np.linspace(0, 0.5, 2001)
    # Interpolation between detectors weakens high frequencies by sinc squared.
    response = frequency * (0.5 + 0.5 * np.cos(2 * np.pi * frequency)) * np.sinc(frequency) ** 2
    power = 2 * np.trapezoid(response**2, frequency)
    ray = np.exp(2 * radius * thorax_phantom.WATER) / photons
    expected = 1000 / thorax_phantom.WATER / spacing * np.sqrt(np.pi**2 / 180 * ray * power)
    assert np.sqrt((centre**2).mean()) == pytest.approx(expected, rel=0.2)
    more = thorax_phantom.quantum_noise(np.stack([water] * 60), spacing, 4 * photons, np.random.default_rng(1))
    assert more.std() == pytest.approx(noise.std() / 2, rel=0.05)
    assert np.abs(noise.mean()) < 0.1 * noise.std()


def test_noise_streaks_along_the_long_way_through_the_body():
    n = 64
    row, column = np.indices((n, n)) - (n - 1) / 2
    body = np.where((column / 30) ** 2 + (row / 10) ** 2 < 1, 0.0, -1000.0)
    noise = thorax_phantom.quantum_noise(np.stack([body] * 30), 8.0, 1e4, np.random.default_rng(0))
    middle = noise[:, 28:36, 20:44]
    along = np.mean(middle[:, :, 1:] * middle[:, :, :-1])
    across = np.mean(middle[:, 1:] * middle[:, :-1])
    assert along > 1.5 * across


def test_uids_are_valid_and_the_same_each_time():
    assert dicom_writing.uid("slice 1") == dicom_writing.uid("slice 1") != dicom_writing.uid("slice 2")
    assert pydicom.uid.UID(dicom_writing.uid("slice 1")).is_valid
