"""3,600 damaged IDX files: each is refused in one sentence, or read as a second, simple reader reads it."""

import gzip
import math
import random
import struct
import sys
import zlib

import numpy as np

from minigan.data import load_idx_folder, read_idx
from minigan.errors import DataError

from .mutants import assert_one_sentence, distinct, edge, gzipped, mutants, put, refused, tried
from .test_npy import channels_first

TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
RANDOM, STRUCTURAL, PAIRS = 1600, 1600, 400


def file_of(code, shape, data):
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape) + data


def sound_file(rng, code=None, shape=None):
    """The parts of a whole file: code of the type, shape, data."""
    code = code or rng.choice(list(TYPES))
    shape = shape or [rng.randint(0, 6) for _ in range(rng.randint(1, 4))]
    return code, shape, rng.randbytes(math.prod(shape) * np.dtype(TYPES[code]).itemsize)


def samples():
    rng = random.Random(0)
    plain = [file_of(*sound_file(rng)) for _ in range(20)]
    return [*plain, *(gzipped(rng, raw) for raw in plain)]


# ---- a reader as simple as can be ------------------------------------------------------------------------


def simply_read(raw):
    """The array in a file, or None if it is no whole IDX file."""
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error):
            return None
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in TYPES or not 1 <= raw[3] <= 64:
        return None
    begin = 4 + 4 * raw[3]
    if len(raw) < begin:
        return None
    dtype, shape = np.dtype(TYPES[raw[2]]), struct.unpack(f">{raw[3]}I", raw[4:begin])
    too_wide = math.prod(max(size, 1) for size in shape) * dtype.itemsize > sys.maxsize  # NumPy has no such array
    if too_wide or len(raw) - begin != math.prod(shape) * dtype.itemsize:
        return None
    return np.frombuffer(raw, dtype, offset=begin).reshape(shape)


def same(x, y):
    return x.shape == y.shape and x.dtype == y.dtype.newbyteorder("=") and x.tobytes() == y.astype(x.dtype).tobytes()


def outcome(path):
    """Read raw bytes from a file, and hold the result to the simple reader's."""

    def read(raw):
        put(path, raw)
        expected = simply_read(raw)
        if expected is None:
            return refused(DataError, lambda: read_idx(path), path)
        assert same(read_idx(path), expected)
        return "read"

    return read


# ---- damage by structure ---------------------------------------------------------------------------------


def structural(n, seed):
    """Files whose header and data do not agree, half of them packed with valid checksums."""
    rng = random.Random(seed)
    damage = [other_size, other_type, other_dimensions, other_length, little_endian, other_magic]
    return distinct(n, lambda: packed_or_not(rng, rng.choice(damage)(rng)))


def packed_or_not(rng, raw):
    return rng.choice([lambda rng, raw: raw, gzipped])(rng, raw)


def other_size(rng):
    code, shape, data = sound_file(rng)
    for _ in range(rng.randint(1, 2)):
        place = rng.randrange(len(shape))
        shape[place] = rng.choice([edge(rng, 32), rng.randint(0, 6)])
    return file_of(code, shape, data)


def other_type(rng):
    _, shape, data = sound_file(rng)
    return file_of(rng.choice([*TYPES, rng.randrange(256)]), shape, data)


def other_dimensions(rng):
    """As many dimensions as said, or fewer, or more than there are sizes for; and very many of length 0 and 1."""
    code, shape, data = sound_file(rng)
    if rng.random() < 0.5:
        shape = [rng.choice([0, 1, 1, 1, edge(rng, 32)]) for _ in range(rng.choice([0, 5, 63, 64, 65, 255]))]
    raw = file_of(code, shape, data)
    return raw if rng.random() < 0.5 else raw[:3] + bytes([edge(rng, 8)]) + raw[4:]


def other_length(rng):
    """Too little data, too much of it, or much too much."""
    code, shape, data = sound_file(rng)
    more = rng.choice([1, 2, 8, 300, 1 << 20])
    return file_of(code, shape, rng.choice([data[:-1], data[: len(data) // 2], b"", data + bytes(more)]))


def little_endian(rng):
    """A header as another byte order would have it."""
    code, shape, data = sound_file(rng)
    return struct.pack(f"<HBB{len(shape)}I", 0, code, len(shape), *shape) + data


def other_magic(rng):
    raw = file_of(*sound_file(rng))
    return rng.randbytes(rng.randint(1, 3)) + raw[rng.randint(0, 3) :]


# ---- tests -----------------------------------------------------------------------------------------------


def test_the_simple_reader_and_the_real_one_agree_on_whole_files(tmp_path):
    outcomes = tried(samples(), outcome(tmp_path / "file"))
    assert outcomes == {"read": 40}


def test_files_damaged_by_chance_are_refused_or_read_right(tmp_path):
    outcomes = tried(mutants(samples(), RANDOM, seed=1), outcome(tmp_path / "file"))
    assert sum(outcomes.values()) == RANDOM
    assert min(outcomes["refused"], outcomes["read"]) > 100  # of both kinds enough, else the test shows little


def test_files_damaged_by_structure_are_refused_or_read_right(tmp_path):
    outcomes = tried(structural(STRUCTURAL, seed=2), outcome(tmp_path / "file"))
    assert sum(outcomes.values()) == STRUCTURAL
    assert min(outcomes["refused"], outcomes["read"]) > 100


def pairs(n, seed):
    """Two whole files that may not belong together: other counts, other types, other dimensions, packed or not."""
    rng = random.Random(seed)

    def make():
        shape = [rng.randint(0, 4) for _ in range(rng.choice([3, 3, 3, 2, 4]))]
        labels_shape = [rng.choice([shape[0], rng.randint(0, 4)]), *([rng.randint(0, 2)] if rng.random() < 0.2 else [])]
        images = sound_file(rng, rng.choice([8, 8, 8, None]), shape)
        labels = sound_file(rng, rng.choice([8, 9, 11, 12, None]), labels_shape)
        return tuple(packed_or_not(rng, file_of(*parts)) for parts in (images, labels))

    return distinct(n, make)


def test_pairs_of_files_are_refused_or_belong_together(tmp_path):
    images_path, labels_path = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"

    def read(pair):
        for path, raw in zip((images_path, labels_path), pair, strict=True):
            put(path, raw)
        expected = [simply_read(raw) for raw in pair]
        try:
            images, labels = load_idx_folder(tmp_path)
        except DataError as error:
            assert_one_sentence(error, images_path, labels_path)
            return "refused"
        whole, numbers = expected
        assert images.dtype == (np.uint8 if whole.dtype == np.uint8 else np.float32)
        np.testing.assert_array_equal(images, channels_first(whole).astype(images.dtype))
        assert numbers.min() >= 0
        assert labels.tolist() == [sorted(set(numbers.ravel())).index(number) for number in numbers.ravel()]
        assert (labels.dtype, labels.shape) == (np.int64, images.shape[:1])
        return "read"

    outcomes = tried(pairs(PAIRS, seed=3), read)
    assert sum(outcomes.values()) == PAIRS
    assert min(outcomes["refused"], outcomes["read"]) > 20


def test_more_than_three_thousand_were_tried_half_of_them_by_structure():
    assert RANDOM + STRUCTURAL + PAIRS >= 3000
    assert STRUCTURAL + PAIRS >= RANDOM


def test_the_same_seed_makes_the_same_mutants():
    for make in (lambda seed: mutants(samples(), 50, seed), lambda seed: structural(50, seed)):
        assert list(make(7)) == list(make(7))
        assert list(make(7)) != list(make(8))
