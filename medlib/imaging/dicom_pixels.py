"""Pixels of DICOM files as they are stored, before their scale is applied."""

import struct
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from pydicom import encaps, uid
from pydicom.pixels import get_decoder

from medlib.errors import DataError
from medlib.imaging import dicom_headers, dicom_planes

_NATIVE = {
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
}
_UNDEFINED = 0xFFFFFFFF
_REMEDY = "restore it from where it came"
# Frames of these start with the size of their image, which a decoder believes before anybody can compare it.
_JPEG = {str(name) for name in uid.JPEGTransferSyntaxes + uid.JPEGLSTransferSyntaxes}
_JPEG_LS = {str(name) for name in uid.JPEGLSTransferSyntaxes}
_JPEG_2000 = {str(name) for name in uid.JPEG2000TransferSyntaxes}
_FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}


def stored_dtype(header: dicom_headers.Header) -> np.dtype:
    """Check that a file has grey pixels that can be read, and give the type in which they are stored.

    Raises
    ------
    DataError
        If the file has no pixels or coloured ones, or if what it says of them cannot be.

    Examples
    --------
    >>> import pathlib, pydicom.data
    >>> path = pathlib.Path(pydicom.data.get_testdata_file("CT_small.dcm"))
    >>> stored_dtype(dicom_headers.read_header(path, max_bytes=2**20))
    dtype('int16')
    """
    path = header.path
    _check(header.pixel_keyword, path, "has no pixels")
    _check(header.pixel_keyword == "PixelData", path, "has pixels of floating point", "this is not read")
    rows, columns = header.number("Rows", 0), header.number("Columns", 0)
    _check(rows > 0 and columns > 0, path, f"has {rows} rows and {columns} columns of pixels")
    colours = header.text("PhotometricInterpretation")
    _check(not is_coloured(header), path, f"is a colour image ({colours})", "only grey images are read")
    allocated, stored = header.number("BitsAllocated"), header.number("BitsStored")
    high, signed = header.number("HighBit"), header.number("PixelRepresentation")
    stored = allocated if stored is None else stored
    _check(allocated in (8, 16, 32), path, f"has pixels of {allocated} bits", "accepted are 8, 16 and 32 bits")
    _check(signed in (0, 1), path, f"does not say whether its pixels have a sign ({signed})")
    _check(0 < stored <= allocated, path, f"stores {stored} bits in {allocated}")
    high = stored - 1 if high is None else high
    _check(stored - 1 <= high < allocated, path, f"stores {stored} bits up to bit {high} of {allocated}")
    return np.dtype(f"{'i' if signed else 'u'}{allocated // 8}")


def is_coloured(header: dicom_headers.Header) -> bool:
    """Whether a pixel has several values, or one that stands for a colour."""
    grey = header.text("PhotometricInterpretation") in ("MONOCHROME1", "MONOCHROME2", "")
    return header.number("SamplesPerPixel", 1) != 1 or not grey


def read_frames(
    header: dicom_headers.Header, frames: list[int], buffer_of: Callable[[int], NDArray | None], max_bytes: int
) -> Iterator[tuple[int, NDArray]]:
    """Read frames of a file, each once, in one pass.

    Parameters
    ----------
    header : Header
        Of the file.
    frames : list of int
        Which frames, counted from 0.
    buffer_of : callable
        Gives for a frame an array of int16, shape (rows, columns), into which it may be read; or None.
    max_bytes : int
        Most bytes that encapsulated or deflated pixels may take in the file.

    Yields
    ------
    frame : int
        In ascending order.
    stored : ndarray of int or uint, shape (rows, columns)
        What is stored, without its scale; a view of the buffer where one was given and the type allows it.

    Raises
    ------
    DataError
        If pixels are cut short, cannot be decoded, or need a decoder that is not installed.
    """
    dtype = stored_dtype(header)
    if header.syntax in _NATIVE:
        yield from _read_native(header, sorted(frames), buffer_of, dtype, max_bytes)
    else:
        yield from _decode(header, sorted(frames), dtype, max_bytes)


def _read_native(header, frames, buffer_of, dtype, max_bytes) -> Iterator[tuple[int, NDArray]]:
    shape = int(header.number("Rows")), int(header.number("Columns"))
    n_bytes = shape[0] * shape[1] * dtype.itemsize
    needed = n_bytes * dicom_planes.number_of_frames(header)
    available = min(header.pixel_length, header.size - header.pixel_offset)
    fault = f"has {available} bytes of pixels, but describes {needed}"
    _check(available >= needed, header.path, fault, "it is cut short: " + _REMEDY)
    # A number of frames or bits that is missing or too small would give a part of the image, or stripes, for all of it.
    _check(available < needed + max(n_bytes, 2), header.path, fault, "its header is damaged: " + _REMEDY)
    # Words of two bytes, each turned around.
    swapped = not header.little_endian and dtype.itemsize == 1 and _representation(header) == b"OW"
    _check(not swapped, header.path, "has pixels of 8 bits in words of the big endian order", "this is not read")
    with open(header.path, "rb", buffering=0) as file:
        inflated = None
        if header.syntax == uid.DeflatedExplicitVRLittleEndian:
            inflated = dicom_headers.inflate(file.read(max_bytes), max_bytes, header.path)
        for frame in frames:
            start = header.pixel_offset + frame * n_bytes
            buffer = buffer_of(frame)
            if buffer is not None and dtype.itemsize == buffer.itemsize and buffer.flags.c_contiguous:
                stored = buffer.view(dtype)
            else:
                stored = np.empty(shape, dtype)
            if inflated is None:
                file.seek(start)
                complete = _read_into(file, memoryview(stored).cast("B"))
                _check(complete, header.path, "became shorter while it was read")
            else:
                stored.ravel()[:] = np.frombuffer(inflated, dtype, shape[0] * shape[1], start)
            if not header.little_endian:
                stored.byteswap(inplace=True)
            yield frame, _without_unused_bits(header, stored)


def surplus(header: dicom_headers.Header) -> int:
    """Bytes of uncompressed pixels beyond those that a file describes, and the one that makes their number even.

    Examples
    --------
    >>> import pathlib, pydicom.data
    >>> path = pathlib.Path(pydicom.data.get_testdata_file("MR_small_padded.dcm"))
    >>> surplus(dicom_headers.read_header(path, max_bytes=2**20))
    128
    """
    if header.syntax not in _NATIVE or header.pixel_length == _UNDEFINED:
        return 0
    frame = header.number("Rows") * header.number("Columns") * header.number("BitsAllocated") // 8
    extra = int(header.pixel_length - frame * dicom_planes.number_of_frames(header))
    return extra if extra > 1 else 0


def _representation(header) -> bytes:
    """Type of the pixels' element, which stands before its length."""
    with open(header.path, "rb") as file:
        file.seek(header.pixel_offset - 8)
        return file.read(2)


def _read_into(file, view: memoryview) -> bool:
    done = 0
    while done < len(view):
        n_bytes = file.readinto(view[done:])
        if not n_bytes:
            return False
        done += n_bytes
    return True


def _without_unused_bits(header, stored: NDArray) -> NDArray:
    """Clear the bits beside those that are stored (old files keep overlays there), and extend the sign, in place."""
    allocated = stored.dtype.itemsize * 8
    bits = header.number("BitsStored") or allocated
    high = header.number("HighBit")
    high = bits - 1 if high is None else high
    above, below = allocated - 1 - high, high + 1 - bits
    if above or below:
        np.left_shift(stored, stored.dtype.type(above), out=stored)
        np.right_shift(stored, stored.dtype.type(above + below), out=stored)
    return stored


def _decode(header, frames, dtype, max_bytes) -> Iterator[tuple[int, NDArray]]:
    path, n_frames = header.path, dicom_planes.number_of_frames(header)
    length = header.size - header.pixel_offset
    _check(length <= max_bytes, path, f"has more than {max_bytes} bytes of compressed pixels", "raise max_bytes")
    _check(header.pixel_length == _UNDEFINED, path, "is said to be compressed, but is not")
    bits = header.number("BitsStored") or dtype.itemsize * 8
    high = header.number("HighBit", bits - 1)
    _check(high == bits - 1, path, f"has compressed pixels of {bits} bits up to bit {high}", "this is not read")
    decoder = _decoder(header)
    with open(path, "rb") as file:
        file.seek(header.pixel_offset)
        content = file.read(length)
    options = {
        "rows": int(header.number("Rows")),
        "columns": int(header.number("Columns")),
        "samples_per_pixel": 1,
        "photometric_interpretation": header.text("PhotometricInterpretation") or "MONOCHROME2",
        "bits_allocated": dtype.itemsize * 8,
        "bits_stored": int(header.number("BitsStored") or dtype.itemsize * 8),
        "pixel_representation": int(header.number("PixelRepresentation")),
        "number_of_frames": n_frames,
        "pixel_keyword": "PixelData",
    }
    try:
        for number, codestream in enumerate(encaps.generate_frames(content, number_of_frames=n_frames)):
            _check_codestream(header, number, codestream)
        # On damaged JPEG-LS, pyjpegls takes ten seconds for 64 x 64 pixels, where GDCM gives up at once.
        plugin = "gdcm" if header.syntax in _JPEG_LS else ""
        decoded = decoder.iter_array(content, indices=frames, raw=True, decoding_plugin=plugin, **options)
        for frame, (stored, _) in zip(frames, decoded, strict=True):
            shape = options["rows"], options["columns"]
            _check(stored.shape == shape, path, f"holds {stored.shape} pixels, but describes {shape}")
            yield frame, np.array(stored)
    except (DataError, GeneratorExit):
        raise
    # Decoders meet malformed pixels with errors of any type.
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise DataError(f"{path} has pixels that cannot be decoded ({reason}); {_REMEDY}.") from error


def _decoder(header):
    syntax = uid.UID(header.syntax)
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        fault = f"has pixels in a form that is not read: {syntax.name}"
        raise DataError(f"{header.path} {fault}; convert it to an uncompressed transfer syntax.") from None
    if not decoder.is_available:
        fault = f"has pixels in a form that no installed library decodes: {syntax.name}"
        raise DataError(f"{header.path} {fault}; convert it to an uncompressed transfer syntax.")
    return decoder


def _check_codestream(header, frame: int, codestream: bytes) -> None:
    """Compare the size in a compressed frame with that in the header, before a decoder makes room for it."""
    size = None
    if header.syntax in _JPEG:
        size = _jpeg_size(codestream)
    elif header.syntax in _JPEG_2000:
        size = _jpeg_2000_size(codestream)
    elif header.syntax == uid.RLELossless:
        # What is longer than its pixels, with a byte of overhead for each 128, was not made by an encoder.
        pixels = header.number("Rows") * header.number("Columns") * header.number("BitsAllocated") // 8
        fits = len(codestream) <= 2 * pixels + 128
        _check(fits, header.path, f"has {len(codestream)} bytes for the {pixels} of frame {frame}")
        return
    described = int(header.number("Rows")), int(header.number("Columns")), 1
    said = " x ".join(map(str, size)) if size else "nothing of its size"
    fault = f"describes {' x '.join(map(str, described))} pixels, but frame {frame} says {said}"
    _check(size == described, header.path, fault)


def _jpeg_size(codestream: bytes) -> tuple[int, int, int] | None:
    """Rows, columns and components."""
    position = 2
    while position + 10 <= len(codestream) and codestream[position] == 0xFF:
        marker = codestream[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker in _FRAME_MARKERS:
            return struct.unpack_from(">HHB", codestream, position + 5)
        else:
            position += 2 + struct.unpack_from(">H", codestream, position + 2)[0]
    return None


def _jpeg_2000_size(codestream: bytes) -> tuple[int, int, int] | None:
    """Rows, columns and components, also of a codestream that is wrapped in the boxes of a JP2 file."""
    start = 0
    while codestream[4:8] == b"jP  " and start + 8 <= len(codestream):
        length, kind = struct.unpack_from(">L4s", codestream, start)
        if kind == b"jp2c":
            start += 8
            break
        if length < 8:
            return None
        start += length
    if codestream[start : start + 4] != b"\xff\x4f\xff\x51" or start + 42 > len(codestream):
        return None
    right, bottom, left, top = struct.unpack_from(">4L", codestream, start + 8)
    return bottom - top, right - left, struct.unpack_from(">H", codestream, start + 40)[0]


def _check(condition: object, path, fault: str, remedy: str = _REMEDY) -> None:
    if not condition:
        raise DataError(f"{path} {fault}; {remedy}.")
