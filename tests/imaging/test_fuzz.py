"""Mutated files: a volume or a DataError, in time and within the declared memory, and nothing else.

``MEDLIB_FUZZ_SECONDS`` makes it run for longer, from another seed each time (``MEDLIB_FUZZ_SEED`` sets it).
"""

import contextlib
import os
import resource
import signal
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
import synthetic
from pydicom.datadict import tag_for_keyword

from medlib.errors import DataError
from medlib.imaging import dicom, files
from medlib.imaging.volumes import Volume

MAX_BYTES = 2**22
# Beside the voxels: the file, the inflated file, one decoded frame on its scale, and what pydicom makes of a header.
MOST_TRACED = 6 * MAX_BYTES
MOST_RESIDENT = 2**29
LONGEST_SECONDS = 10
ITERATIONS = 100
BUNDLED = """CT_small MR_small MR_small_RLE MR_small_bigendian MR_small_implicit MR_small_jp2klossless MR_truncated
MR_small_jpeg_ls_lossless MR_small_padded JPEGLSNearLossless_16 JPEG2000 SC_rgb_small_odd_jpeg SC_rgb_rle rtdose_rle
rtstruct waveform_ecg liver_1frame priv_SQ nested_priv_SQ UN_sequence reportsi badVR image_dfl no_meta"""
SHORTS = (
    *("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit"),
    *("PixelRepresentation", "PixelPaddingValue"),
)
TEXTS = (
    *("NumberOfFrames", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope"),
    *("RescaleIntercept", "SliceThickness", "PhotometricInterpretation", "Modality", "SeriesInstanceUID"),
    "SOPClassUID",
)
WORDS = [b"nan", b"-1", b"inf", b"1e308", b"1e-308", b"0", b"99999999", b"\\\\", b"", b"\xff\xff", b"1_0", b"-0.5\\nan"]


class _Hung(BaseException):
    """Not an Exception, which the reader might take for a decoder's."""


@contextlib.contextmanager
def watched():
    def stop(*_):
        raise _Hung

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Contents of small files of each kind, by ending."""
    folder = tmp_path_factory.mktemp("seeds")
    contents = [(".dcm", Path(pydicom.data.get_testdata_file(f"{name}.dcm")).read_bytes()) for name in BUNDLED.split()]
    made = [
        synthetic.slice_dataset(synthetic.values()[0], (0, 0, 0)),
        synthetic.multi_frame(synthetic.values(), [2, 0, 1], rescale=[(1, 0), (2.5, 0), (1, 3)]),
        synthetic.segmentation({"a": np.ones((3, 6, 4))}, [("a", 2), ("a", 0)]),
        synthetic.segmentation({"a": np.ones((3, 6, 4)) / 2}, [("a", 1)], fractional=True),
    ]
    synthetic.write(made, folder, [f"{number}.dcm" for number in range(len(made))])
    for ending in files.ENDINGS:
        files.write_volume(Volume(synthetic.values(), np.diag([0.5, 0.7, 2.5, 1])), folder / f"volume{ending}")
    contents += [("".join(path.suffixes), path.read_bytes()) for path in sorted(folder.iterdir())]
    return contents


def mutate(content, random):
    content = bytearray(content)
    for _ in range(random.integers(1, 4)):
        kind, place = random.integers(8), int(random.integers(len(content)))
        if kind == 0:
            content[place] = random.integers(256)
        elif kind == 1:
            del content[max(place, 1) :]
        elif kind == 2:
            content[place : place + 4] = struct.pack("<L", int(random.choice([0, 1, 2**31, 2**32 - 1, 2**24])))
        elif kind == 3:
            length = int(random.integers(1, 64))
            content[place:place] = content[max(0, place - length) : place] * int(random.integers(1, 40))
        elif kind == 4:
            del content[place : place + int(random.integers(1, 64))]
        elif kind == 5:
            set_short(content, str(random.choice(SHORTS)), int(random.choice([0, 1, 2, 16, 255, 32767, 65535])))
        elif kind == 6:
            set_text(content, str(random.choice(TEXTS)), WORDS[random.integers(len(WORDS))])
        else:
            # An element that holds itself, as deep as it goes.
            depth = int(random.integers(1, 3000))
            content[place:place] = (
                struct.pack("<HH2sHLHHL", 8, 0x1140, b"SQ", 0, 2**32 - 1, 0xFFFE, 0xE000, 2**32 - 1) * depth
            )
    return bytes(content)


def find_tag(content, keyword):
    tag = tag_for_keyword(keyword)
    return content.find(struct.pack("<HH", tag >> 16, tag & 0xFFFF))


def set_short(content, keyword, value):
    place = find_tag(content, keyword)
    if 0 <= place < len(content) - 10:
        content[place + 8 : place + 10] = struct.pack("<H", value)


def set_text(content, keyword, word):
    place = find_tag(content, keyword)
    if 0 <= place < len(content) - 10:
        length = int.from_bytes(content[place + 6 : place + 8], "little")
        content[place + 8 : place + 8 + length] = word.ljust(length)[:length] if length < 200 else word


def read_everything(path, reference):
    """Give how many readers gave a result; each other one has raised DataError."""
    given = 0
    if path.suffix != ".dcm":
        readers = [lambda: files.read_volume(path, max_bytes=MAX_BYTES)]
    else:
        readers = [
            lambda: dicom.find_series(path, max_bytes=MAX_BYTES),
            lambda: dicom.read_series(path, max_bytes=MAX_BYTES),
            lambda: dicom.read_image(path, max_bytes=MAX_BYTES, window=True),
            lambda: dicom.read_segmentation(path, reference, max_bytes=MAX_BYTES),
        ]
    for read in readers:
        try:
            result = read()
        except DataError as error:
            assert str(error)
            continue
        given += 1
        if isinstance(result, Volume):
            assert np.isfinite(result.affine).all() and np.isfinite(result.array).all()
    return given


def test_mutated_files_give_a_result_or_a_data_error(seeds, tmp_path):
    seconds = float(os.environ.get("MEDLIB_FUZZ_SECONDS", 0))
    seed = int(os.environ.get("MEDLIB_FUZZ_SEED", time.time_ns() % 2**31 if seconds else 0))
    random, start, done, given = np.random.default_rng(seed), time.monotonic(), 0, 0
    reference = Volume(np.zeros((5, 6, 4), np.int16), np.diag([-0.5, -0.7, 2.5, 1.0]))
    for ending, content in seeds:
        (tmp_path / f"warm{ending}").write_bytes(content)
        read_everything(tmp_path / f"warm{ending}", reference)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        while done < ITERATIONS or time.monotonic() - start < seconds:
            ending, content = seeds[random.integers(len(seeds))]
            path = tmp_path / f"case{ending}"
            path.write_bytes(mutate(content, random))
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                with watched():
                    given += read_everything(path, reference)
            except BaseException as error:
                kept = Path(os.environ.get("MEDLIB_FUZZ_KEEP", tmp_path)) / f"found-{seed}-{done}{ending}"
                kept.write_bytes(path.read_bytes())
                pytest.fail(f"{type(error).__name__}: {error} by {kept}")
            peak = tracemalloc.get_traced_memory()[1] - before
            assert peak < MOST_TRACED, f"{peak} bytes in case {done} of seed {seed}"
            done += 1
    finally:
        tracemalloc.stop()
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident) * 1024 < MOST_RESIDENT
    # Otherwise nothing but the first checks would be tried.
    assert given > done / 10
    print(f"{done} files, seed {seed}, {given} results")
