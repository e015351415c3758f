"""Write the DICOM files of simulated samples: CT slices, a segmentation, a radiograph; the same bytes each time."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_LPS = np.diag([-1.0, -1.0, 1.0])
_ROOT = "1.2.826.0.1.3680043.8.498."  # pydicom's, below which UIDs are hashes
# Five rows of three pixels.
_LETTERS = {"R": "110101110101101", "D": "110101101101110", "O": "111101101101111", "E": "111100110100111",
            "J": "001001001101111", " ": "0" * 15}  # fmt: skip
PATIENT = {
    "PatientName": "Doe^Jane^Simulated",
    "PatientID": "SIM-0042",
    "PatientBirthDate": "19570419",
    "PatientSex": "F",
    "PatientAge": "068Y",
    "PatientAddress": "1 Example Street",
}


class Geometry(NamedTuple):
    """Where a stack of slices lies.

    Attributes
    ----------
    affine : ndarray of float, shape (4, 4)
        From voxel indices (x, y, z, 1) to mm, RAS+.
    step, thickness : float
        Distance of the slices' centres, and thickness of each, in mm.
    """

    affine: NDArray[np.float64]
    step: float
    thickness: float

    def spacing(self) -> list[float]:
        """Distances of rows and of columns in mm."""
        x, y, _ = np.linalg.norm(self.affine[:3, :3], axis=0)
        return [round(float(y), 6), round(float(x), 6)]

    def orientation(self) -> list[float]:
        """Directions of growing column and row in LPS, as DICOM has them."""
        directions = _LPS @ self.affine[:3, :2] / np.linalg.norm(self.affine[:3, :2], axis=0)
        return [round(float(value), 6) + 0.0 for value in directions.T.ravel()]

    def position(self, index: int) -> list[float]:
        """Centre of the first pixel of a slice in LPS, in mm."""
        return [round(float(value), 4) + 0.0 for value in _LPS @ (self.affine @ [0, 0, index, 1])[:3]]


def uid(name: str) -> str:
    """A UID that is the same for the same name.

    Examples
    --------
    >>> uid("series") == uid("series"), uid("series") == uid("study")
    (True, False)
    """
    from pydicom.uid import generate_uid

    return str(generate_uid(_ROOT, entropy_srcs=["medlib ct-sample", name]))


def burn_in(image: NDArray, text: str, row: int, column: int, value: float) -> None:
    """Write letters into the pixels of an image, as old devices write a name.

    Parameters
    ----------
    image : ndarray, shape (height, width)
        Is changed.
    text : str
        Of the letters D, E, J, O, R and spaces.
    row, column : int
        Where the text begins.
    value : float

    Examples
    --------
    >>> image = np.zeros((10, 6), int)
    >>> burn_in(image, "J", 0, 0, 1)
    >>> image[::2, ::2].tolist()
    [[0, 0, 1], [0, 0, 1], [0, 0, 1], [1, 0, 1], [1, 1, 1]]
    """
    for number, letter in enumerate(text):
        glyph = np.array(list(_LETTERS[letter]), int).reshape(5, 3).repeat(2, 0).repeat(2, 1).astype(bool)
        start = column + 8 * number
        image[row : row + 10, start : start + 6][glyph] = value


def write_ct_slice(
    path: Path,
    stored: NDArray[np.int16],
    geometry: Geometry,
    index: int,
    number: int,
    padding: int,
    *,
    compressed: bool,
) -> None:
    """Write one CT slice, signed.

    Parameters
    ----------
    path : Path
    stored : ndarray of int16, shape (rows, columns)
        HU + 1024, or the padding.
    geometry : Geometry
    index : int
        Of the slice in it.
    number : int
        The InstanceNumber.
    padding : int
        Stored value where nothing was measured.
    compressed : bool
        Whether the pixels are written as JPEG-LS, without loss.
    """
    dataset = _image("CT Image Storage", f"slice {index}", "CT", stored, bits=16)
    _set(dataset, SeriesInstanceUID=uid("ct series"), FrameOfReferenceUID=uid("frame"), PatientPosition="HFS")
    _set(dataset, ImageType=["DERIVED", "SECONDARY", "MPR"], SeriesNumber=2, InstanceNumber=number, KVP="120")
    _set(dataset, SeriesDescription="Chest oblique 3 mm", BodyPartExamined="CHEST", AcquisitionNumber=1)
    _set(dataset, ImagePositionPatient=geometry.position(index), ImageOrientationPatient=geometry.orientation())
    _set(dataset, PixelSpacing=geometry.spacing(), SliceThickness=geometry.thickness, PositionReferenceIndicator="")
    _set(dataset, RescaleIntercept="-1024", RescaleSlope="1", RescaleType="HU", PixelPaddingValue=padding)
    _set(dataset, WindowCenter="40", WindowWidth="400")
    _save(dataset, path, compressed=compressed)


def write_radiograph(path: Path, stored: NDArray[np.uint16], spacing: float) -> None:
    """Write a radiograph, MONOCHROME1, 12 bits, as JPEG-LS without loss.

    Parameters
    ----------
    path : Path
    stored : ndarray of uint16, shape (rows, columns)
        Large is dark.
    spacing : float
        In mm.
    """
    dataset = _image("Computed Radiography Image Storage", "radiograph", "CR", stored, bits=12)
    _set(dataset, SeriesInstanceUID=uid("cr series"), SeriesNumber=1, InstanceNumber=1, BodyPartExamined="CHEST")
    _set(dataset, PhotometricInterpretation="MONOCHROME1", ViewPosition="PA", PatientOrientation=["L", "F"])
    _set(dataset, ImagerPixelSpacing=[spacing, spacing], ImageType=["ORIGINAL", "PRIMARY"], BurnedInAnnotation="YES")
    _set(dataset, SeriesDescription="Chest PA")
    _save(dataset, path, compressed=True)


def write_segmentation(
    path: Path, masks: dict[str, NDArray[np.bool_]], geometry: Geometry, rng: np.random.Generator
) -> None:
    """Write masks as a DICOM segmentation of 1 bit a pixel: only slices that have some, in a random order.

    Parameters
    ----------
    path : Path
    masks : dict of str to ndarray of bool, shape (z, y, x)
        One for each segment, on the grid of the slices.
    geometry : Geometry
    rng : numpy.random.Generator
        Shuffles the frames.
    """
    names = list(masks)
    frames = [(s, z) for s, name in enumerate(names) for z in np.flatnonzero(masks[name].any(axis=(1, 2)))]
    frames = [frames[index] for index in rng.permutation(len(frames))]
    pixels = np.stack([masks[names[s]][z] for s, z in frames]).astype(np.uint8)
    dataset = _image("Segmentation Storage", "segmentation", "SEG", pixels[0], bits=1)
    dataset.PixelData = np.packbits(pixels.ravel(), bitorder="little").tobytes()
    _set(dataset, SeriesInstanceUID=uid("seg series"), FrameOfReferenceUID=uid("frame"), PositionReferenceIndicator="")
    _set(dataset, ImageType=["DERIVED", "PRIMARY"], SeriesNumber=3, InstanceNumber=1, NumberOfFrames=len(frames))
    _set(dataset, SegmentationType="BINARY", LossyImageCompression="00", ContentLabel="TRUTH", ContentCreatorName="")
    _set(dataset, ContentDescription="", SegmentsOverlap="NO", SeriesDescription="Known truth")
    _set(dataset, SegmentSequence=[_segment(number, name) for number, name in enumerate(names, 1)])
    organization = _item(DimensionOrganizationUID=uid("dimensions"))
    _set(dataset, DimensionOrganizationSequence=[organization])
    pointers = ((0x0062000B, 0x0062000A), (0x00200032, 0x00209113))  # of segment number and position, with their groups
    _set(dataset, DimensionIndexSequence=[
        _item(DimensionOrganizationUID=organization.DimensionOrganizationUID, DimensionIndexPointer=pointer,
              FunctionalGroupPointer=group)
        for pointer, group in pointers
    ])  # fmt: skip
    measures = _item(PixelSpacing=geometry.spacing(), SliceThickness=geometry.thickness,
                     SpacingBetweenSlices=geometry.step)  # fmt: skip
    orientation = _item(ImageOrientationPatient=geometry.orientation())
    shared = _item(PixelMeasuresSequence=[measures], PlaneOrientationSequence=[orientation])
    _set(dataset, SharedFunctionalGroupsSequence=[shared])
    _set(dataset, PerFrameFunctionalGroupsSequence=[_frame(geometry, s + 1, int(z)) for s, z in frames])
    referenced = [_reference("CT Image Storage", f"slice {index}") for index in sorted({int(z) for _, z in frames})]
    series = _item(SeriesInstanceUID=uid("ct series"), ReferencedInstanceSequence=referenced)
    _set(dataset, ReferencedSeriesSequence=[series])
    _save(dataset, path)


def _segment(number: int, name: str):
    category = _code("49755003", "SCT", "Morphologically Abnormal Structure")
    kind = _code("27925004", "SCT", "Nodule")
    if name == "liver":
        category, kind = _code("123037004", "SCT", "Anatomical Structure"), _code("10200004", "SCT", "Liver")
    return _item(
        SegmentNumber=number, SegmentLabel=name, SegmentAlgorithmType="MANUAL",
        SegmentedPropertyCategoryCodeSequence=[category], SegmentedPropertyTypeCodeSequence=[kind],
    )  # fmt: skip


def _frame(geometry: Geometry, segment: int, index: int):
    source = _reference("CT Image Storage", f"slice {index}")
    source.PurposeOfReferenceCodeSequence = [_code("121322", "DCM", "Source image for image processing operation")]
    derivation = _item(SourceImageSequence=[source])
    derivation.DerivationCodeSequence = [_code("113076", "DCM", "Segmentation")]
    return _item(
        DerivationImageSequence=[derivation],
        FrameContentSequence=[_item(DimensionIndexValues=[segment, index + 1])],
        PlanePositionSequence=[_item(ImagePositionPatient=geometry.position(index))],
        SegmentIdentificationSequence=[_item(ReferencedSegmentNumber=segment)],
    )


def _reference(kind: str, name: str):
    return _item(ReferencedSOPClassUID=_class_uid(kind), ReferencedSOPInstanceUID=uid(name))


def _code(value: str, scheme: str, meaning: str):
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _class_uid(kind: str) -> str:
    from pydicom.uid import UID_dictionary

    return next(number for number, (name, *_) in UID_dictionary.items() if name == kind)


def _item(**elements):
    from pydicom import Dataset

    item = Dataset()
    _set(item, **elements)
    return item


def _set(dataset, **elements) -> None:
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)


def _image(kind: str, name: str, modality: str, stored: NDArray, bits: int):
    """What all images have."""
    dataset = _item(**PATIENT, SOPClassUID=_class_uid(kind), SOPInstanceUID=uid(name), Modality=modality)
    _set(dataset, StudyInstanceUID=uid("study"), StudyID="1", StudyDate="20250704", StudyTime="101500")
    _set(dataset, SeriesDate="20250704", ContentDate="20250704", ContentTime="101700", AccessionNumber="A-17")
    _set(dataset, InstitutionName="Simulated Hospital", ReferringPhysicianName="Roe^Richard", Manufacturer="medlib")
    _set(dataset, ManufacturerModelName="phantom", DeviceSerialNumber="7", SoftwareVersions="1")
    _set(dataset, StudyDescription="simulated by medlib.datasets.simulate_ct: not a person")
    _set(dataset, Rows=stored.shape[0], Columns=stored.shape[1], SamplesPerPixel=1, BitsStored=bits, HighBit=bits - 1)
    _set(dataset, PhotometricInterpretation="MONOCHROME2", PixelRepresentation=int(stored.dtype.kind == "i"))
    _set(
        dataset, BitsAllocated=1 if bits == 1 else 16, PixelData=stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    )
    block = dataset.private_block(0x0029, "MEDLIB SIMULATION", create=True)
    block.add_new(0x10, "LO", "operator: Doe, bed 12")
    return dataset


def _save(dataset, path: Path, *, compressed: bool = False) -> None:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    # pydicom would write its own version here.
    meta.ImplementationClassUID, meta.ImplementationVersionName = uid("implementation"), "MEDLIB 1"
    dataset.file_meta = meta
    if compressed:
        dataset.compress(JPEGLSLossless, generate_instance_uid=False)
    dataset.save_as(path, enforce_file_format=True)
