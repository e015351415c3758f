"""The sample ``ct-sample``: a simulated patient in the formats in which images come, with a truth that is known.

``python -m medlib.datasets.simulate_ct FOLDER`` writes it again: a DICOM series of oblique CT slices whose file names
and instance numbers mislead, a DICOM segmentation whose frames are shuffled, a radiograph, a label map on another grid,
two MR volumes of one body on two scanners, and ``truth.json``. CT and radiograph are compressed without loss, as many
archives keep them, which makes the sample half as large.
"""

import gzip
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medlib.datasets import dicom_writing, thorax_phantom
from medlib.datasets.sample_files import make_sample

SIZE, PIXEL = 128, 2.8  # pixels of a side, and mm
N_SLICES, STEP, THICKNESS = 28, 5.0, 3.0  # the slices leave gaps of 2 mm
TILT = np.deg2rad(8)  # of the slices, about the axis from right to left
PHOTONS = 2.5e4
# The slice that is not compressed: reading/dicom_and_volumes forges its header, which on JPEG-LS may abort GDCM.
PLAIN = N_SLICES // 2
PADDING = -2000  # stored value outside of the scanner's field of view
SEGMENTS = ("nodule", "liver")
MR_TISSUES = {  # relative signal of T1-weighted MR, by HU
    -1000: 0.02, -950: 0.02, -850: 0.05, -100: 1.0, 10: 0.2, 30: 0.25, 35: 0.5, 40: 0.1, 45: 0.4, 50: 0.35, 60: 0.55,
    90: 0.3, 180: 0.65, 220: 0.08, 420: 0.15,
}  # fmt: skip
_LABEL_STEP = 4.0  # mm
_RADIOGRAPH_PIXEL = 2.5  # mm


def slice_affine() -> NDArray[np.float64]:
    """Place of the CT voxels.

    Returns
    -------
    ndarray of float64, shape (4, 4)
        From voxel indices (x, y, z, 1) to mm, RAS+; slice 0 is nearest to the feet.

    Examples
    --------
    >>> np.round(slice_affine()[:3, :3] @ np.diag([1 / 2.8, 1 / 2.8, 1 / 5]), 3) + 0.0
    array([[-1.   ,  0.   ,  0.   ],
           [ 0.   , -0.99 ,  0.139],
           [ 0.   ,  0.139,  0.99 ]])
    """
    affine = np.eye(4)
    affine[:3, 0] = (-PIXEL, 0, 0)
    affine[:3, 1] = (0, -PIXEL * np.cos(TILT), PIXEL * np.sin(TILT))
    affine[:3, 2] = (0, STEP * np.sin(TILT), STEP * np.cos(TILT))
    middle = (np.array([SIZE, SIZE, N_SLICES]) - 1) / 2
    affine[:3, 3] = -affine[:3, :3] @ middle
    return affine


def voxel_points(shape: tuple[int, int, int], affine: NDArray, shift: tuple = (0.0, 0.0, 0.0)) -> NDArray[np.float64]:
    """Places of voxels in mm.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x).
    affine : ndarray of float, shape (4, 4)
        From voxel indices (x, y, z, 1) to mm.
    shift : tuple of float
        (x, y, z) from the centres, in voxels.

    Returns
    -------
    ndarray of float64, shape (z, y, x, 3)

    Examples
    --------
    >>> voxel_points((1, 1, 2), np.diag([3.0, 1.0, 1.0, 1.0]))[0, 0].tolist()
    [[0.0, 0.0, 0.0], [3.0, 0.0, 0.0]]
    """
    z, y, x = np.indices(shape, dtype=np.float64)
    indices = np.stack([x + shift[0], y + shift[1], z + shift[2]], axis=-1)
    return indices @ affine[:3, :3].T + affine[:3, 3]


def simulate_slices(rng: np.random.Generator) -> NDArray[np.int16]:
    """Stored values of the CT slices: HU + 1024, and the padding outside of the field of view.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int16, shape (28, 128, 128)
        From the feet to the head.
    """
    shape, affine = (N_SLICES, SIZE, SIZE), slice_affine()
    # A voxel is the mean over its volume, which in z is the thickness of the slice and not their distance.
    offsets = [(x, y, z) for x in (-0.25, 0.25) for y in (-0.25, 0.25) for z in np.array([-1, 0, 1]) * THICKNESS / 15]
    clean = np.mean([thorax_phantom.hounsfield_at(voxel_points(shape, affine, at)) for at in offsets], axis=0)
    values = clean + thorax_phantom.quantum_noise(clean, PIXEL, PHOTONS, rng)
    stored = np.rint(values + 1024).clip(0, 4095).astype(np.int16)
    row, column = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    stored[:, np.hypot(row, column) > SIZE / 2] = PADDING
    return stored


def simulate_radiograph(rng: np.random.Generator) -> NDArray[np.uint16]:
    """Stored values of a frontal radiograph, MONOCHROME1: large is dark. Letters are burned in.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of uint16, shape (128, 144)
        12 bits, a logarithm of the photons; the right of the patient is at the left.
    """
    x = (71.5 - np.arange(144)) * _RADIOGRAPH_PIXEL
    z = (63.5 - np.arange(128)) * _RADIOGRAPH_PIXEL
    counts = thorax_phantom.radiograph(x, z, 1e5, rng)
    least, most = np.log([300, 1.3e5])
    image = np.rint(4095 * (np.log(1 + counts) - least) / (most - least)).clip(0, 4095).astype(np.uint16)
    dicom_writing.burn_in(image, "R", 6, 4, 0)
    dicom_writing.burn_in(image, "DOE J", 110, 4, 0)
    return image


def simulate_mr(
    shape: tuple[int, int, int], affine: NDArray, gain: float, bias: float, rng: np.random.Generator
) -> NDArray[np.int16]:
    """A T1-weighted MR volume in the arbitrary unit of its scanner, with Rician noise.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x).
    affine : ndarray of float, shape (4, 4)
        From voxel indices (x, y, z, 1) to mm, RAS+.
    gain : float
        Signal of fat.
    bias : float
        Relative change of the coil's sensitivity over 100 mm from back to front.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int16, shape (z, y, x)
    """
    points = voxel_points(shape, affine)
    known = sorted(MR_TISSUES.items())
    signal = np.interp(thorax_phantom.hounsfield_at(points), [hu for hu, _ in known], [value for _, value in known])
    signal *= gain * (1 + bias * points[..., 1] / 100).clip(0.2)
    noise = 0.03 * gain * rng.standard_normal((2, *shape))
    return np.rint(np.hypot(signal + noise[0], noise[1])).astype(np.int16)


def write_sample(folder: Path) -> None:
    """Write the sample to an existing folder.

    Parameters
    ----------
    folder : Path
    """
    rng = np.random.default_rng(1895)
    affine = slice_affine()
    geometry = dicom_writing.Geometry(affine, STEP, THICKNESS)
    # Two interleaved passes of the scanner are numbered one after the other; names are by chance.
    numbers = np.argsort(np.concatenate([np.arange(0, N_SLICES, 2), np.arange(1, N_SLICES, 2)])) + 1
    names = rng.permutation(N_SLICES)
    stored = simulate_slices(rng)
    (folder / "series").mkdir()
    for index, values in enumerate(stored):
        path = folder / "series" / f"IM{names[index]:04d}.dcm"
        number, compressed = int(numbers[index]), index != PLAIN
        dicom_writing.write_ct_slice(path, values, geometry, index, number, PADDING, compressed=compressed)
    labels = thorax_phantom.labels_at(voxel_points(stored.shape, affine))
    masks = {name: labels == thorax_phantom.LABELS[name] for name in SEGMENTS}
    dicom_writing.write_segmentation(folder / "segmentation.dcm", masks, geometry, rng)
    dicom_writing.write_radiograph(folder / "radiograph.dcm", simulate_radiograph(rng), _RADIOGRAPH_PIXEL)
    _write_labels(folder / "organs.nii.gz")
    _write_mr(folder, rng)
    _write_truth(folder / "truth.json")


def _write_labels(path: Path) -> None:
    import nibabel

    affine = np.diag([_LABEL_STEP] * 3 + [1.0])
    affine[:3, 3] = (-168, -116, -88)
    labels = thorax_phantom.labels_at(voxel_points((45, 59, 85), affine))
    image = nibabel.Nifti1Image(np.ascontiguousarray(labels.transpose(2, 1, 0)), affine)
    image.header["descrip"] = b"simulated by medlib"
    # The time of compression would be another each time.
    path.write_bytes(gzip.compress(image.to_bytes(), mtime=0))


def _write_mr(folder: Path, rng: np.random.Generator) -> None:
    import SimpleITK as sitk

    axial, coronal = np.eye(4), np.eye(4)
    axial[:3] = [[-8, 0, 0, 164], [0, -8, 0, 112], [0, 0, 8, -64]]
    coronal[:3] = [[-8, 0, 0, 164], [0, 0, -8, 112], [0, -8, 0, 72]]
    for name, shape, affine, gain, bias in (
        ("mr_scanner_a.nrrd", (17, 29, 42), axial, 800, 0.1),
        ("mr_scanner_b.mha", (29, 18, 42), coronal, 230, -0.1),
    ):
        image = sitk.GetImageFromArray(simulate_mr(shape, affine, gain, bias, rng))
        in_lps = np.diag([-1, -1, 1]) @ affine[:3]
        image.SetSpacing([8.0, 8.0, 8.0])
        image.SetDirection((in_lps[:, :3] / 8).ravel().tolist())
        image.SetOrigin(in_lps[:, 3].tolist())
        sitk.WriteImage(image, str(folder / name), useCompression=False)


def _write_truth(path: Path) -> None:
    nodule = thorax_phantom.STRUCTURES["nodule"]
    truth = {
        "simulated": "by medlib.datasets.simulate_ct: not a person",
        "unit": "mm, RAS+; mm^3; HU",
        "nodule": {
            "centre": nodule.centre,
            "volume": round(4 / 3 * np.pi * float(np.prod(nodule.half_axes)), 1),
            "hounsfield": nodule.hounsfield,
        },
        "slices": {"step": STEP, "thickness": THICKNESS, "affine": slice_affine().round(6).tolist()},
        "labels": thorax_phantom.LABELS,
    }
    path.write_text(json.dumps(truth, indent=1) + "\n", newline="\n")


if __name__ == "__main__":
    make_sample(write_sample)
