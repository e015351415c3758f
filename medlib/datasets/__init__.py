"""Data sets: the registry, where their files are, and a reader for each family of formats."""

from medlib.datasets.annotations import Annotations, read_annotations
from medlib.datasets.records import EcgRecord, read_ecg
from medlib.datasets.registry import Dataset, File, names
from medlib.datasets.storage import fetch, get, locate, verify

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
    "read_ecg",
    "verify",
]
