"""Elements of ordinary DICOM files, walked through in a quarter of the time that pydicom takes."""

import struct

from pydicom import datadict

_TEXT = """SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID Modality SeriesDescription
ImageType PhotometricInterpretation RescaleType BurnedInAnnotation VOILUTFunction"""
_NUMBERS = """SeriesNumber AcquisitionNumber InstanceNumber NumberOfFrames ImagePositionPatient ImageOrientationPatient
PixelSpacing ImagerPixelSpacing SliceThickness RescaleSlope RescaleIntercept EchoNumbers EchoTime TriggerTime
TemporalPositionIdentifier MagneticFieldStrength WindowCenter WindowWidth"""
_SHORTS = """Rows Columns SamplesPerPixel BitsAllocated BitsStored HighBit PixelRepresentation PixelPaddingValue
PixelPaddingRangeLimit"""
_DOUBLES = "DiffusionBValue"
SEQUENCES = """ModalityLUTSequence VOILUTSequence SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence"""
_REPRESENTATIONS = {
    "text": ({b"CS", b"UI", b"LO", b"SH"}, _TEXT),
    "numbers": ({b"DS", b"IS"}, _NUMBERS),
    "shorts": ({b"US", b"SS"}, _SHORTS),
    "doubles": ({b"FD"}, _DOUBLES),
    "sequence": ({b"SQ"}, SEQUENCES),
}
WANTED = {
    datadict.tag_for_keyword(keyword): (keyword, kind, accepted)
    for kind, (accepted, keywords) in _REPRESENTATIONS.items()
    for keyword in keywords.split()
}
KINDS = {keyword: kind for keyword, kind, _ in WANTED.values()}
_LONG_LENGTHS = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
PIXELS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
_UNDEFINED = 0xFFFFFFFF
_SYNTAX_TAG = 0x00020010


def read_meta(content: bytes) -> tuple[str, int]:
    """Transfer syntax, and where the elements after the meta information begin."""
    meta, position = walk_elements(content, 132 if content[128:132] == b"DICM" else 0, True, only_meta=True)
    return meta[_SYNTAX_TAG].rstrip(b"\0 ").decode("ascii"), position


class UnusualError(Exception):
    """What was met is for pydicom to read."""


def walk_elements(head: bytes, position: int, explicit: bool, only_meta: bool) -> tuple[dict, int]:
    """Raw values by tag up to the pixels (or the end of the meta information), and the position reached."""
    found, depth = {}, 0
    read_explicit, read_implicit = struct.Struct("<HH2sH").unpack_from, struct.Struct("<HHL").unpack_from
    read_length = struct.Struct("<L").unpack_from
    end = len(head)
    while True:
        if explicit:
            group, element, representation, length = read_explicit(head, position)
        else:
            group, element, length = read_implicit(head, position)
            representation = None
        if only_meta and group != 2:
            return found, position
        tag = group << 16 | element
        position += 8
        if group == 0xFFFE:
            if explicit:
                (length,) = read_length(head, position - 4)
            if element == 0xE000 and length == _UNDEFINED:
                depth += 1
            elif element != 0xE000:
                depth -= 1
            if depth < 0:
                raise UnusualError
            position += length if element == 0xE000 and length != _UNDEFINED else 0
            continue
        if explicit and representation in _LONG_LENGTHS:
            (length,) = read_length(head, position)
            position += 4
        if not depth and tag in PIXELS:
            if explicit and representation not in (b"OB", b"OW", b"OF", b"OD"):
                raise UnusualError
            found["pixels"] = tag, length
            return found, position - (12 if explicit else 8)
        if length == _UNDEFINED:
            # What is unknown (UN) holds elements without representations, and what is wanted is for pydicom to read.
            if explicit and representation != b"SQ" or tag in WANTED:
                raise UnusualError
            depth += 1
            continue
        if position + length > end:
            raise UnusualError
        if not depth and (tag in WANTED or tag == _SYNTAX_TAG):
            if tag in WANTED and (WANTED[tag][1] == "sequence" or explicit and representation not in WANTED[tag][2]):
                raise UnusualError
            found[tag] = head[position : position + length]
        position += length


def convert(kind: str, raw: bytes):
    if kind == "text":
        return raw.rstrip(b"\0 ").decode("ascii")
    if kind == "numbers":
        return tuple([float(part) for part in raw.rstrip(b"\0 ").split(b"\\") if part.strip()])
    if kind == "shorts":
        return struct.unpack(f"<{len(raw) // 2}H", raw)
    return struct.unpack(f"<{len(raw) // 8}d", raw)
