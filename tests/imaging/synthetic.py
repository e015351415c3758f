"""DICOM series that tests write, with known values and places."""

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"


def slice_dataset(stored, position, orientation=AXIAL, **changes):
    """A CT slice of stored values, shape (y, x) of any integer type, with its first pixel at a position in mm (LPS)."""
    stored = np.asarray(stored)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = "1.2.3", "1.2.3.4", "1.2.3.5"
    dataset.Modality, dataset.PatientName, dataset.PatientID, dataset.SeriesNumber = "CT", "Phantom", "0", 1
    dataset.StudyID, dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "1", "20200101", "120000", ""
    dataset.PatientBirthDate, dataset.PatientSex, dataset.ReferringPhysicianName = "", "", ""
    dataset.ImagePositionPatient = [float(number) for number in position]
    dataset.ImageOrientationPatient = [float(number) for number in orientation]
    dataset.PixelSpacing, dataset.SliceThickness = [0.7, 0.5], 9.0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    set_pixels(dataset, stored)
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def set_pixels(dataset, stored):
    bits = stored.dtype.itemsize * 8
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    content = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OW"


def values(n=5, rows=6, columns=4, dtype=np.int16):
    """Stored values of which no two are alike, shape (z, y, x)."""
    return np.arange(n * rows * columns, dtype=dtype).reshape(n, rows, columns)


def series(stored=None, spacing=2.5, orientation=AXIAL, start=(-10.0, -20.0, 30.0), shift=(0.0, 0.0, 0.0), **changes):
    """Slices of stored values, shape (z, y, x), along the normal, each moved aside by ``shift`` mm from the last."""
    stored = values() if stored is None else stored
    normal = np.cross(orientation[:3], orientation[3:])
    step = spacing * normal + np.array(shift)
    return [
        slice_dataset(one, start + number * step, orientation, InstanceNumber=len(stored) - number, **changes)
        for number, one in enumerate(stored)
    ]


def write(datasets, folder, names=None):
    """Write data sets as files, by default with names in an order that is not theirs; give the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    names = names or [f"{(7 * number + 3) % 97:02d}-{number}.dcm" for number in range(len(datasets))]
    for dataset, name in zip(datasets, names, strict=True):
        dataset.save_as(folder / name, enforce_file_format=True)
    return folder


def _item(**elements):
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return Sequence([item])


def multi_frame(stored, order, spacing=2.5, orientation=AXIAL, start=(-10.0, -20.0, 30.0), rescale=None):
    """An enhanced MR of stored values, shape (z, y, x), with its frames in the given order."""
    dataset = slice_dataset(stored[0], start, orientation)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(dataset, keyword)
    del dataset.RescaleSlope, dataset.RescaleIntercept
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = ENHANCED_MR
    dataset.Modality, dataset.NumberOfFrames = "MR", len(order)
    set_pixels(dataset, stored[list(order)])
    shared = Dataset()
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=list(orientation))
    shared.PixelMeasuresSequence = _item(PixelSpacing=[0.7, 0.5], SliceThickness=9.0)
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    normal, frames = np.cross(orientation[:3], orientation[3:]), []
    for number in order:
        frame = Dataset()
        position = np.array(start) + number * spacing * normal
        frame.PlanePositionSequence = _item(ImagePositionPatient=position.tolist())
        if rescale:
            slope, intercept = rescale[number]
            frame.PixelValueTransformationSequence = _item(
                RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US"
            )
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return dataset


def segmentation(masks, order, like=AXIAL, start=(-10.0, -20.0, 30.0), spacing=2.5, fractional=False):
    """A SEG of masks by label, each of shape (z, y, x); its frames are (label, slice) as ``order`` says."""
    labels = list(masks)
    stored = np.stack([np.asarray(masks[label])[number] for label, number in order])
    dataset = multi_frame(np.zeros((max(number for _, number in order) + 1, *stored.shape[1:]), np.uint8),
                          [number for _, number in order], spacing, like, start)  # fmt: skip
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    dataset.Modality = "SEG"
    dataset.SegmentationType = "FRACTIONAL" if fractional else "BINARY"
    if fractional:
        dataset.MaximumFractionalValue, dataset.SegmentationFractionalType = 200, "PROBABILITY"
        set_pixels(dataset, np.rint(stored * 200).astype(np.uint8))
    else:
        packed = np.packbits(stored.astype(bool).ravel(), bitorder="little").tobytes()
        dataset.BitsAllocated = dataset.BitsStored = 1
        dataset.HighBit = 0
        dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    segments = []
    for number, label in enumerate(labels, 1):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel = number, label
        segments.append(segment)
    dataset.SegmentSequence = Sequence(segments)
    for frame, (label, _) in zip(dataset.PerFrameFunctionalGroupsSequence, order, strict=True):
        frame.SegmentIdentificationSequence = _item(ReferencedSegmentNumber=labels.index(label) + 1)
    return dataset
