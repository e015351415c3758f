"""How the data set ``made`` of these tests is made from ``toy``: an image of its bytes, and a copy."""

import shutil

import numpy as np
from PIL import Image


def prepare(source, paths, folder, **options):
    pixels = np.frombuffer((source / "1.dat").read_bytes(), np.uint8)
    (folder / "images").mkdir()
    Image.fromarray(pixels.reshape(64, 160)).save(folder / "images" / "1.png", **options)
    (folder / "names.txt").write_text(" ".join(sorted(paths)))
    shutil.copyfile(source / "RECORDS", folder / "copied.txt")
