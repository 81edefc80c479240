"""700 damaged pictures: each is refused in one sentence, or holds what Pillow reads in it."""

import io
import itertools
import random
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from minigan.data import load_image_folder
from minigan.errors import DataError

from .mutants import assert_one_sentence, distinct, edge, flip, mutants, put, tried

FILTERS = bytes(k % 5 for k in range(256))  # a row of a PNG file begins with one of five
TEXTS = [zlib.compress(bytes(n)) for n in (9, 1 << 20)]
FLIPS, RANDOM, STRUCTURAL = 300, 200, 200


def encoded(kind, mode):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)).convert(mode)
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


SAMPLES = [encoded(kind, mode) for kind, mode in (("PNG", "L"), ("JPEG", "RGB"), ("GIF", "P"))]


def as_pillow_reads(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path) as file:
            picture = file.copy()
            plain = not picture.has_transparency_data and not picture.mode.startswith("I")
            return picture.size, plain, np.asarray(picture.convert("RGB"))


def outcome(folder):
    path = folder / "a.png"

    def read(raw):
        put(path, raw)
        try:
            (image,), labels = load_image_folder(folder, channels=3)
        except DataError as error:
            assert_one_sentence(error, path)
            return "refused"
        assert (image.dtype, labels) == (np.uint8, None)
        size, plain, pixels = as_pillow_reads(path)
        assert sorted(image.shape) == sorted((3, *size))
        if plain and image.shape[:0:-1] == size:  # neither transparent nor of 16 bits, and not turned
            np.testing.assert_array_equal(image.transpose(1, 2, 0), pixels)
        return "read"

    return read


def flips(n, seed):
    """Each of the files, one bit changed."""
    rng, turns = random.Random(seed), itertools.cycle(SAMPLES)
    return distinct(n, lambda: flip(rng, next(turns), b""))


# ---- damage by structure: PNG files with valid checksums ---------------------------------------------------


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def structural(n, seed):
    rng = random.Random(seed)

    def make():
        sizes = [rng.choice([1, 5, 24, edge(rng, 32)]) if rng.random() < 0.3 else 6 for _ in range(2)]
        depth, colour = rng.choice([1, 2, 4, 8, 8, 16, 3, 255]), rng.choice([0, 0, 2, 3, 4, 6, 1, 255])
        header = struct.pack(">IIBBBBB", *sizes, depth, colour, 0, 0, rng.choice([0, 0, 1, 2]))
        extra = [
            chunk(b"PLTE", rng.randbytes(rng.choice([3, 48, 768, 5]))),
            chunk(b"tRNS", rng.randbytes(rng.choice([1, 2, 6, 256]))),
            chunk(b"eXIf", b"MM\0*" + rng.randbytes(rng.choice([4, 30]))),
            chunk(b"zTXt", b"Comment\0\0" + rng.choice(TEXTS)),
            chunk(b"iCCP", b"name\0\0" + rng.choice(TEXTS)),
            chunk(b"acTL", struct.pack(">II", edge(rng, 32), edge(rng, 32))),
            chunk(b"gAMA", b"\0\0\0\0"),
        ]
        rows = rng.randbytes(rng.choice([42, 48, 500, 1 << 16])).translate(FILTERS)
        data = chunk(b"IDAT", zlib.compress(rows))
        chunks = [chunk(b"IHDR", header), *rng.sample(extra, rng.randint(0, 3)), data, chunk(b"IEND", b"")]
        if rng.random() < 0.2:
            rng.shuffle(chunks)
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)

    return distinct(n, make)


# ---- tests -----------------------------------------------------------------------------------------------


def test_whole_pictures_are_read(tmp_path):
    assert tried(SAMPLES, outcome(tmp_path)) == {"read": 3}


def test_one_flipped_bit_is_refused_or_read_as_pillow_reads_it(tmp_path):
    outcomes = tried(flips(FLIPS, seed=1), outcome(tmp_path), megabytes=512)
    assert sum(outcomes.values()) == FLIPS
    assert min(outcomes["refused"], outcomes["read"]) > 20


def test_pictures_damaged_by_chance_and_by_structure_are_refused_or_read_right(tmp_path):
    outcomes = tried(mutants(SAMPLES, RANDOM, seed=2), outcome(tmp_path), megabytes=512)
    outcomes += tried(structural(STRUCTURAL, seed=3), outcome(tmp_path), megabytes=512)
    assert sum(outcomes.values()) == RANDOM + STRUCTURAL
    assert min(outcomes["refused"], outcomes["read"]) > 20


MEASURE = """
import re, sys
from minigan.data import load_image_folder
print(load_image_folder(sys.argv[1], size=32)[0].shape)
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) // 1024)
"""


@pytest.mark.slow
def test_the_largest_picture_that_is_unpacked_takes_bounded_memory(tmp_path):
    """It is whole, has 89 million pixels, and takes 350 kB on the disk; Pillow's memory is seen from outside."""
    width, height = 9400, 9500
    packer = zlib.compressobj()
    rows = b"".join(packer.compress(bytes(1 + 4 * width)) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)  # eight bits, with transparency
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    command = [sys.executable, "-c", MEASURE, str(tmp_path)]
    shape, megabytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert shape == "(1, 1, 32, 32)"
    assert int(megabytes) < 1000
