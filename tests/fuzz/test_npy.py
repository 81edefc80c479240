"""800 damaged .npy and .npz files: each is refused in one sentence, or holds what NumPy reads in it."""

import io
import random
import struct
import warnings
import zipfile

import numpy as np

from minigan.data import load_arrays
from minigan.errors import DataError

from .mutants import assert_one_sentence, distinct, edge, mutants, put, tried

RANDOM, STRUCTURAL = 400, 400


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def archived(save, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def samples():
    rng = np.random.default_rng(0)
    grey, points = rng.integers(0, 256, (5, 4, 3), np.uint8), rng.normal(size=(6, 2))
    plain = [saved(grey), saved(np.asfortranarray(grey)), saved(points), saved(points.astype(">f4"))]
    labels = np.arange(5)
    packed = [archived(save, x=grey, y=labels) for save in (np.savez, np.savez_compressed)]
    return [*plain, *packed, archived(np.savez, images=grey, labels=labels.astype(np.uint8))]


def as_numpy_reads(path):
    """Samples and labels in the file: called only on files that minigan took, so it cannot be a trap for NumPy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it takes a damaged header for one of Python 2
        content = np.load(path, allow_pickle=False)
    if isinstance(content, np.ndarray):
        return content, None
    with content:
        found = [next((content[n] for n in names if n in content), None) for names in (X_NAMES, Y_NAMES)]
    return tuple(found)


X_NAMES, Y_NAMES = ("images", "x_train", "x", "arr_0"), ("labels", "y_train", "y", "arr_1")


def channels_first(array):
    if array.ndim == 3:
        return array[:, None]
    if array.ndim == 2 or array.shape[1] in (1, 3):
        return array
    if array.shape[3] == 4:
        opacity = array[..., 3:] / 255
        array = np.rint(array[..., :3] * opacity + 255 * (1 - opacity))
    return np.moveaxis(array, 3, 1)


def outcome(path):
    def read(raw):
        put(path, raw)
        try:
            samples, labels = load_arrays(path)
        except DataError as error:
            assert_one_sentence(error, path)
            return "refused"
        expected, expected_labels = as_numpy_reads(path)
        np.testing.assert_array_equal(samples, channels_first(expected).astype(samples.dtype))
        assert (labels is None) == (expected_labels is None)
        if labels is not None:
            classes = sorted(set(expected_labels.ravel()))
            np.testing.assert_array_equal(labels, [classes.index(number) for number in expected_labels.ravel()])
        return "read"

    return read


# ---- damage by structure ---------------------------------------------------------------------------------

TYPES = ["|u1", "<f4", ">f8", "<f2", "|b1", "<i8", "|O", "<U3", "|V4", "<M8[s]", "u1,f4", "", "spam", "<f4" * 50]
LENGTHS = ["-1", "0", "1", "4", "True", "2.5", "'a'", "None", "4L", "0x10", "(1,)", "1" * 300, "9" * 5000]


def sound_parts(rng):
    """The words of a header, and data that fit it."""
    shape = [rng.randint(1, 4) for _ in range(3)]
    raw = rng.randbytes(int(np.prod(shape)))
    return {"descr": "'|u1'", "fortran_order": str(rng.random() < 0.5), "shape": [str(n) for n in shape]}, raw


def structural(n, seed):
    rng = random.Random(seed)
    damage = [other_type, other_shape, other_order, other_words, other_text, other_length, other_data]
    return distinct(n, lambda: rng.choice([lambda rng, raw: raw, rezipped])(rng, rng.choice(damage)(rng)))


def npy(rng, words, data, text=None, length=None):
    if text is None:
        shape = ", ".join(words["shape"])
        text = f"{{'descr': {words['descr']}, 'fortran_order': {words['fortran_order']}, 'shape': ({shape},)}}\n"
    version = rng.choice([(1, 0)] * 9 + [(2, 0)] * 9 + [(3, 0), (0, 0), (255, 255)])
    form = "<H" if version == (1, 0) else "<I"
    length = len(text) if length is None else length % 256 ** struct.calcsize(form)
    return b"\x93NUMPY" + bytes(version) + struct.pack(form, length) + text.encode("latin1") + data


def other_type(rng):
    words, data = sound_parts(rng)
    descr = rng.choice(
        [repr(rng.choice(TYPES)), "[('a', '|u1')]", "('|u1', (2, 2))", "('|u1', (2**40,))", "3", "[[[]]]"]
    )
    return npy(rng, words | {"descr": descr}, data)


def other_shape(rng):
    words, data = sound_parts(rng)
    for _ in range(rng.randint(1, 2)):
        words["shape"][rng.randrange(len(words["shape"]))] = rng.choice([*LENGTHS, str(edge(rng))])
    return npy(rng, words, data)


def other_order(rng):
    """A shape that fits the data, with the lengths elsewhere."""
    words, data = sound_parts(rng)
    shape = words["shape"] + ["1"] * rng.randint(0, 1)
    return npy(rng, words | {"shape": rng.sample(shape, len(shape))}, data)


def other_words(rng):
    """A flag that is none, or very many dimensions."""
    words, data = sound_parts(rng)
    if rng.random() < 0.5:
        return npy(rng, words | {"shape": ["1"] * rng.choice([0, 32, 33, 64, 65, 2000]) + words["shape"]}, data)
    return npy(rng, words | {"fortran_order": rng.choice(["0", "None", "[]", "maybe"])}, data)


def other_text(rng):
    words, data = sound_parts(rng)
    deep = [mark * rng.choice([10, 900]) for mark in ("(", "[", "{1:", "-", "not ", "a(", "'")]
    return npy(
        rng, words, data, rng.choice(["", "{}", "[]", "{'descr': '|u1'}", "\0" * 99, "# coding: utf-7\n", *deep])
    )


def other_length(rng):
    words, data = sound_parts(rng)
    return npy(rng, words, data, length=edge(rng, 32))


def other_data(rng):
    words, data = sound_parts(rng)
    return npy(rng, words, rng.choice([data, data[:-1], b"", data + b"\0", data + bytes(20_000)]))


def rezipped(rng, raw):
    """The file as the samples of an archive, with valid checksums; sometimes there twice, or packed in odd ways."""
    file = io.BytesIO()
    method = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(rng.choice(["x.npy", "images.npy", "x", "other.npy"]), raw)
        if rng.random() < 0.5:
            archive.writestr("y.npy", saved(np.arange(rng.randint(0, 5))))
    return file.getvalue()


# ---- tests -----------------------------------------------------------------------------------------------


def test_whole_files_are_read(tmp_path):
    assert tried(samples(), outcome(tmp_path / "file")) == {"read": 7}


def test_files_damaged_by_chance_are_refused_or_read_right(tmp_path):
    outcomes = tried(mutants(samples(), RANDOM, seed=1), outcome(tmp_path / "file"))
    assert sum(outcomes.values()) == RANDOM
    assert min(outcomes["refused"], outcomes["read"]) > 20


def test_files_damaged_by_structure_are_refused_or_read_right(tmp_path):
    outcomes = tried(structural(STRUCTURAL, seed=2), outcome(tmp_path / "file"))
    assert sum(outcomes.values()) == STRUCTURAL
    assert min(outcomes["refused"], outcomes["read"]) > 20
