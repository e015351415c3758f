"""Data sets: the registry, where their files are, and a reader for each family of formats."""

from medlib.datasets.records import Annotations, EcgRecord, read_ecg
from medlib.datasets.registry import Dataset, File, get, names
from medlib.datasets.storage import fetch, locate, verify

__all__ = ["Annotations", "Dataset", "EcgRecord", "File", "fetch", "get", "locate", "names", "read_ecg", "verify"]
