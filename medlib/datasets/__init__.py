"""Data sets: the registry, where their files are, and a reader for each family of formats."""

from medlib.datasets.annotations import Annotations, read_annotations
from medlib.datasets.records import EcgRecord, read_ecg
from medlib.datasets.registry import Dataset, File, names
from medlib.datasets.storage import fetch, get, locate, verify
from medlib.datasets.waveforms import read_csv_ecg, read_dicom_ecg

__all__ = [
    "Annotations",
    "Dataset",
    "EcgRecord",
    "File",
    "fetch",
    "get",
    "locate",
    "names",
    "read_annotations",
    "read_csv_ecg",
    "read_dicom_ecg",
    "read_ecg",
    "verify",
]
