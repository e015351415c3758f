"""Headers of DICOM files: the elements that images need, and where the pixels begin."""

import functools
import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import NamedTuple

from pydicom import dcmread, uid
from pydicom.multival import MultiValue

from medlib.errors import DataError
from medlib.imaging import dicom_elements

_DEFLATED = uid.DeflatedExplicitVRLittleEndian.encode()
_CHUNKS = (2**16, 2**22)  # bytes of a file read in search of its pixels, before all of it is
_BROKEN = "it is damaged: restore it from where it came"


class Header(NamedTuple):
    """What a DICOM file says of its image, and where its pixels are."""

    path: Path
    size: int  # bytes of the file, inflated
    syntax: str  # transfer syntax UID
    little_endian: bool
    values: dict[str, object]  # by keyword: str, or tuple of float or int; missing if not in the file
    sequences: object  # pydicom Dataset with what is nested, or None
    pixel_keyword: str  # "" if the file has no pixels
    pixel_offset: int
    pixel_length: int  # 0xFFFFFFFF for encapsulated pixels

    def text(self, keyword: str) -> str:
        """Value of an element of text; "" where there is none."""
        return self.values.get(keyword, "")

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """Values of an element of numbers; () where there are none."""
        return self.values.get(keyword, ())

    def number(self, keyword: str, default: float | None = None) -> float | None:
        """First number of an element."""
        return (self.values.get(keyword) or (default,))[0]


class NotDicomError(DataError):
    """A file is no DICOM file at all."""


def quiet(function):
    """Make a reader silent where pydicom would warn: what matters of it is in the result, or an error."""

    @functools.wraps(function)
    def without_warnings(*arguments, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*arguments, **options)

    return without_warnings


def read_header(path: Path, max_bytes: int) -> Header:
    """Read the header of a DICOM file without its pixels.

    Uncompressed or encapsulated files in little endian order with the usual elements are walked through directly,
    which takes a quarter of the time that pydicom takes; whatever is unusual in them is left to pydicom.

    Parameters
    ----------
    path : Path
        DICOM file, with or without the preamble of PS3.10.
    max_bytes : int
        Most bytes that are read, or inflated, in search of the pixels.

    Returns
    -------
    Header
        With the values of the elements listed above.

    Raises
    ------
    DataError
        If the file is missing, no DICOM, or damaged; the subclass ``NotDicomError`` if it is none.

    Examples
    --------
    >>> import pydicom.data
    >>> header = read_header(Path(pydicom.data.get_testdata_file("CT_small.dcm")), max_bytes=2**20)
    >>> header.text("Modality"), header.numbers("PixelSpacing"), header.number("Rows")
    ('CT', (0.661468, 0.661468), 128)
    """
    try:
        with open(path, "rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            head = file.read(min(size, _CHUNKS[0]))
            if head[128:132] != b"DICM" and head[:2] not in (b"\x02\x00", b"\x08\x00"):
                raise NotDicomError(f"{path} is no DICOM file.")
            header = _walk(path, size, head)
            return header or _parse(path, size, file, max_bytes)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}); check the path.") from error


def inflate(content: bytes, max_bytes: int, path: Path) -> bytes | None:
    """Undo the deflated transfer syntax: the file without its meta information; None for another syntax.

    A small deflated file may hold any number of bytes, so that pydicom, which knows no bound, is not to inflate it.

    Raises
    ------
    DataError
        If it is damaged, or inflates to more than ``max_bytes``.

    Examples
    --------
    >>> import pydicom.data
    >>> path = Path(pydicom.data.get_testdata_file("image_dfl.dcm"))
    >>> len(inflate(path.read_bytes(), 2**20, path))
    262682
    """
    syntax, start = dicom_elements.read_meta(content)
    if syntax != uid.DeflatedExplicitVRLittleEndian:
        return None
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = engine.decompress(content[start:], max_bytes)
    except zlib.error as error:
        raise DataError(f"{path} cannot be inflated ({error}); {_BROKEN}.") from error
    if engine.unconsumed_tail:
        raise DataError(f"{path} inflates to more than {max_bytes} bytes; raise max_bytes if you trust it.")
    return inflated


def _walk(path: Path, size: int, head: bytes) -> Header | None:
    """Go through the elements of an ordinary file; None if anything is unusual, or the pixels are not reached."""
    if head[128:132] != b"DICM":
        return None
    try:
        syntax, position = dicom_elements.read_meta(head)
        known = uid.UID(syntax).is_transfer_syntax and not uid.UID(syntax).is_private
        if not known or syntax in (uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian):
            return None
        explicit = syntax != uid.ImplicitVRLittleEndian
        found, position = dicom_elements.walk_elements(head, position, explicit, only_meta=False)
        (tag, length) = found.pop("pixels")
        offset = position + (12 if explicit else 8)
        values = {
            dicom_elements.WANTED[tag][0]: dicom_elements.convert(dicom_elements.WANTED[tag][1], raw)
            for tag, raw in found.items()
        }
        return Header(path, size, syntax, True, values, None, dicom_elements.PIXELS[tag], offset, length)
    except (dicom_elements.UnusualError, KeyError, ValueError, struct.error):
        return None


def read_dataset(path: Path, max_bytes: int):
    """Read a whole file, pixels included, by pydicom, but inflate at most ``max_bytes`` of it.

    Raises
    ------
    DataError
        If the file is missing or larger than ``max_bytes``. Whatever pydicom raises on damaged files passes through.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}); check the path.") from error
    if len(content) > max_bytes:
        raise DataError(f"{path} is larger than {max_bytes} bytes; raise max_bytes if you trust it.")
    inflated = inflate(content, max_bytes, path) if _DEFLATED in content else None
    dataset = dcmread(io.BytesIO(content if inflated is None else inflated), force=True)
    if inflated is not None:
        dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    return dataset


def _parse(path: Path, size: int, file, max_bytes: int) -> Header:
    """The same by pydicom: any order of bytes, nested sequences, files without meta information."""
    file.seek(0)
    # What is deflated has no beginning that makes sense by itself.
    limits = (size,) if _DEFLATED in file.read(_CHUNKS[0]) else (*_CHUNKS, size)
    for limit in limits:
        if min(limit, size) > max_bytes:
            raise DataError(f"{path} has no pixels in its first {max_bytes} bytes; raise max_bytes if you trust it.")
        file.seek(0)
        content = file.read(limit)
        try:
            header = _parse_content(path, size, content, max_bytes)
        # pydicom meets malformed files with errors of any type.
        except Exception as error:
            if limit < size:
                continue
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path} cannot be read as DICOM ({_first_line(error)}); {_BROKEN}.") from error
        if header.pixel_keyword or limit >= size:
            return header
    raise AssertionError("the last chunk is the whole file")


def _parse_content(path: Path, size: int, content: bytes, max_bytes: int) -> Header:
    inflated = inflate(content, max_bytes, path) if _DEFLATED in content else None
    if inflated is not None:
        content, size = inflated, len(inflated)
    buffer = io.BytesIO(content)
    dataset = dcmread(buffer, stop_before_pixels=True, force=True, specific_tags=list(dicom_elements.KINDS))
    syntax = str(dataset.file_meta.get("TransferSyntaxUID") or "")
    if inflated is not None:
        syntax = uid.DeflatedExplicitVRLittleEndian
    implicit, little = dataset.original_encoding
    if not syntax:
        explicit = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        syntax = uid.ImplicitVRLittleEndian if implicit else explicit
    values = {
        keyword: _value(kind, dataset, keyword) for keyword, kind in dicom_elements.KINDS.items() if keyword in dataset
    }
    # Directories of files name their kind there alone.
    values.setdefault("SOPClassUID", str(dataset.file_meta.get("MediaStorageSOPClassUID") or ""))
    nested = dataset if any(keyword in dataset for keyword in dicom_elements.SEQUENCES.split()) else None
    keyword, offset, length = _pixels(content, buffer.tell(), implicit, "<" if little else ">")
    return Header(path, size, syntax, bool(little), values, nested, keyword, offset, length)


def _value(kind: str, dataset, keyword: str):
    try:
        return _value_of_kind(kind, dataset[keyword].value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{keyword}: {_first_line(error)}") from error


def _value_of_kind(kind: str, value):
    many = list(value) if isinstance(value, MultiValue | list | tuple) else [] if value in (None, "") else [value]
    if kind == "text":
        return "\\".join(str(part) for part in many)
    if kind == "sequence":
        return tuple(many) and (len(many),)
    if kind == "shorts":
        return tuple(int(part) & 0xFFFF for part in many)
    return tuple(float(part) for part in many)


def _pixels(content: bytes, position: int, implicit: bool, order: str) -> tuple[str, int, int]:
    if position + (8 if implicit else 12) > len(content):
        return "", 0, 0
    group, element = struct.unpack_from(f"{order}HH", content, position)
    keyword = dicom_elements.PIXELS.get(group << 16 | element, "")
    if not keyword:
        return "", 0, 0
    at = position + 4 if implicit else position + 8
    if not implicit and content[position + 4 : position + 6] not in (b"OB", b"OW", b"OF", b"OD", b"UN"):
        raise ValueError("its pixels are of an unknown type")
    (length,) = struct.unpack_from(f"{order}L", content, at)
    return keyword, at + 4, length


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
