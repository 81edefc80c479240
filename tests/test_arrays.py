"""Files of .npy and .npz: what NumPy wrote comes back as samples, and what a stranger wrote does no harm."""

import io
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from minigan.data import load_arrays, open_data
from minigan.errors import ConfigError, DataError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 6, 4), np.uint8)
COLOUR = RNG.integers(0, 256, (5, 6, 4, 3), np.uint8)
LABELS = np.array([3, 0, 1, 1, 2])
POINTS = RNG.normal(size=(7, 2)) * 100


def saved(folder, array):
    np.save(folder / "a.npy", array, allow_pickle=True)
    return folder / "a.npy"


def archived(folder, save=np.savez, **arrays):
    save(folder / "a.npz", **arrays)
    return folder / "a.npz"


def npy(header, data=b"", version=(1, 0)):
    """A .npy file with any header at all."""
    length = struct.pack("<H" if version == (1, 0) else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + length + header.encode() + data


def promising(shape, dtype="|u1", data=bytes(10)):
    return npy(f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}\n", data)


# ---- images ----------------------------------------------------------------------------------------------

SHAPES = {
    "N H W": (GREY, GREY[:, None]),
    "N 1 H W": (GREY[:, None], GREY[:, None]),
    "N H W 1": (GREY[..., None], GREY[:, None]),
    "N H W 3": (COLOUR, np.moveaxis(COLOUR, 3, 1)),
    "N 3 H W": (np.moveaxis(COLOUR, 3, 1), np.moveaxis(COLOUR, 3, 1)),
    "N 3 H 3": (COLOUR.reshape(5, 3, 8, 3), COLOUR.reshape(5, 3, 8, 3)),  # both could be the colours: the first is
}


@pytest.mark.parametrize("case", SHAPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_bytes_of_every_layout_become_images_with_channels_first(tmp_path, case, order):
    array, expected = SHAPES[case]
    samples, labels = load_arrays(saved(tmp_path, np.asarray(array, order=order)))
    assert labels is None
    assert samples.dtype == np.uint8
    assert samples.flags.c_contiguous
    np.testing.assert_array_equal(samples, expected)


def test_what_is_transparent_lies_on_white(tmp_path):
    rgba = RNG.integers(0, 256, (3, 6, 5, 4), np.uint8)
    samples, _ = load_arrays(saved(tmp_path, rgba))
    opacity = rgba[..., 3:] / 255
    expected = rgba[..., :3] * opacity + 255 * (1 - opacity)
    assert abs(np.moveaxis(samples, 1, 3) - expected).max() <= 0.5


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", ">f8", np.longdouble])
def test_floating_point_images_become_float32(tmp_path, dtype):
    array = RNG.uniform(-1, 1, (3, 6, 5)).astype(dtype)
    samples, _ = load_arrays(saved(tmp_path, array))
    assert (samples.dtype, samples.dtype.isnative) == (np.float32, True)
    np.testing.assert_array_equal(samples, array[:, None].astype(np.float32))


def test_floating_point_images_may_touch_the_ends_of_the_range(tmp_path):
    array = np.array([-1.0, 1.0]).reshape(1, 1, 2)
    np.testing.assert_array_equal(load_arrays(saved(tmp_path, array))[0], array[None])


# ---- points ----------------------------------------------------------------------------------------------


def test_a_table_of_floating_point_numbers_is_points(tmp_path):
    samples, labels = load_arrays(saved(tmp_path, POINTS))
    assert labels is None
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, POINTS.astype(np.float32))
    data = open_data(tmp_path / "a.npy")
    assert (data.shape, data.is_images, data.name) == ((2,), False, str(tmp_path / "a.npy"))


# ---- archives --------------------------------------------------------------------------------------------

NAMES = [
    ("images", "labels"),
    ("x_train", "y_train"),
    ("x", "y"),
    ("arr_0", "labels"),
    ("arr_0", "arr_1"),
    ("images", "y"),
]


@pytest.mark.parametrize(("x", "y"), NAMES)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_holds_samples_and_labels_under_their_usual_names(tmp_path, save, x, y):
    path = archived(tmp_path, save, **{x: GREY, y: LABELS, "other": np.array(["text"])})
    samples, labels = load_arrays(path)
    np.testing.assert_array_equal(samples, GREY[:, None])
    np.testing.assert_array_equal(labels, LABELS)
    assert labels.dtype == np.int64


def test_an_archive_of_keras_has_both_splits(tmp_path):
    path = archived(tmp_path, x_train=GREY, y_train=LABELS.astype(np.uint8), x_test=GREY[:2], y_test=LABELS[:2, None])
    for split, n in ("train", 5), ("test", 2), ("t10k", 2):
        data = open_data(path, split)
        np.testing.assert_array_equal(data.samples, GREY[:n, None])
        np.testing.assert_array_equal(data.labels, LABELS[:n])


def test_classes_are_numbered_from_0_as_in_the_training_split(tmp_path):
    path = archived(tmp_path, x=GREY, y=LABELS * 10 + 1, x_test=GREY[:3], y_test=np.array([21, 5, 31]))
    assert load_arrays(path)[1].tolist() == LABELS.tolist()
    assert load_arrays(path, "test")[1].tolist() == [2, 4, 3]
    path = archived(tmp_path, x_test=GREY[:3], y_test=np.array([21, 5, 31]))
    assert load_arrays(path, "test")[1].tolist() == [1, 0, 2]


def test_labels_may_be_missing(tmp_path):
    np.savez(tmp_path / "a.npz", GREY)
    samples, labels = load_arrays(tmp_path / "a.npz")
    np.testing.assert_array_equal(samples, GREY[:, None])
    assert labels is None


def test_the_first_bytes_decide_not_the_name(tmp_path):
    archived(tmp_path, images=GREY).rename(tmp_path / "photos.npy")
    np.testing.assert_array_equal(open_data(tmp_path / "photos.npy").samples, GREY[:, None])


def test_a_split_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="a.npy has no split 'test', it comes in one piece"):
        load_arrays(saved(tmp_path, GREY), "test")
    with pytest.raises(ConfigError, match="no split 'valid'"):
        load_arrays(saved(tmp_path, GREY), "valid")
    with pytest.raises(DataError, match=r"holds 'images', expected samples of the split 'test' .* names x_test; save"):
        load_arrays(archived(tmp_path, images=GREY), "test")


# ---- what is neither -------------------------------------------------------------------------------------

BAD_ARRAYS = {
    "whole numbers": (
        GREY.astype(np.int64),
        r"holds int64 of shape \(5, 6, 4\), expected uint8, or float32 in \[-1, 1\]",
    ),
    "16 bits": (
        GREY.astype(np.uint16) * 257,
        r"holds uint16 .*; make its .*: those of 16 bits by \(x // 257\)\.astype",
    ),
    "bytes in 16 bits": (GREY.astype(np.uint16), r"holds uint16 .*; take x\.astype\(numpy\.uint8\)\.$"),
    "truth": (GREY > 9, r"holds bool of shape .*; take 255 \* x\.astype\(numpy\.uint8\)\.$"),
    "flat bytes": (GREY.reshape(5, 24), r"has the shape \(5, 24\), expected images \(N, H, W\)"),
    "one list": (POINTS[:, 0], r"has the shape \(7,\)"),
    "no shape": (np.float32(3), r"has the shape \(\)"),
    "two channels": (np.zeros((5, 2, 6, 6), np.uint8), r"has the shape \(5, 2, 6, 6\), .* with C = 1 or 3"),
    "volumes": (np.zeros((5, 1, 6, 6, 6), np.uint8), r"has the shape \(5, 1, 6, 6, 6\)"),
    "transparent floats": (np.zeros((5, 6, 6, 4), np.float32), r"has the shape \(5, 6, 6, 4\)"),
    "none": (GREY[:0], r"holds no samples \(shape \(0, 6, 4\)\)"),
    "no pixels": (GREY[:, :0], "holds no samples"),
    "too bright": (GREY.astype(np.float32), r"values from 0.0 to 248.0, expected \[-1, 1\]; scale them, or give bytes"),
    "a little too dark": (np.full((2, 2, 2), -1.001), r"values from -1.001 to -1.001"),
    "a hair too bright": (np.array([[[-1.0, 1 + 1e-9]]]), r"values from -1\.0 to 1\.000000001, expected"),
    "a hair of float32": (np.array([[[0, 1.0005]]], np.float32), r"values from 0\.0 to 1\.0005, expected"),
    "black is grey": (
        GREY / 255,
        r"values from 0.0 to 0.97254\d*, expected \[-1, 1\]; if black is 0 and white is 1, take 2",
    ),
    "not a number": (np.array([[[0.0, np.nan]]]), "holds NaN or infinity"),
    "infinity": (np.array([[1.0, -np.inf]]), "holds NaN or infinity"),
    "infinity in float32": (np.array([[1e300, 1.0]]), "holds NaN or infinity"),
    "complex": (POINTS + 1j, "holds elements of type complex128, expected numbers of type uint8 or float32"),
    "texts": (np.array(["a", "b"]), "holds elements of type <U1"),
    "dates": (np.zeros(3, "M8[s]"), "holds elements of type datetime64"),
    "records": (np.zeros(3, "u1,f4"), "holds elements of type"),
    "objects": (np.array([{}, 1]), "holds Python objects"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
@pytest.mark.parametrize("member", [False, True])
def test_an_array_of_other_things_says_what_was_expected(tmp_path, case, member):
    array, message = BAD_ARRAYS[case]
    path = archived(tmp_path, x=array) if member else saved(tmp_path, array)
    with pytest.raises(DataError, match=message) as caught:
        load_arrays(path)
    text = str(caught.value)
    assert str(path) in text
    assert text.endswith(".")
    assert "\n" not in text


BAD_LABELS = {
    "too few": (LABELS[:4], r"'y' in .*a.npz holds 4 labels, expected one for each of 5 samples"),
    "one-hot": (np.eye(5, dtype=int), r"shape \(5, 5\)"),
    "fractions": (LABELS / 2, "holds float64"),
    "negative": (-LABELS, "labels from -3 to 0, expected class numbers from 0 to at most 99999"),
    "enormous": (LABELS * 10**9, "labels from 0 to 3000000000, expected"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_labels_that_are_no_class_numbers_are_refused(tmp_path, case):
    labels, message = BAD_LABELS[case]
    with pytest.raises(DataError, match=message):
        load_arrays(archived(tmp_path, x=GREY, y=labels))


def test_an_archive_of_other_names_lists_them(tmp_path):
    with pytest.raises(
        DataError, match=r"holds 'a', 'b', .*'h' and 1 more, expected .* images, x_train, x, arr_0; save"
    ):
        load_arrays(archived(tmp_path, **dict.fromkeys("abcdefghi", GREY)))
    with pytest.raises(DataError, match="holds nothing, expected"):
        load_arrays(archived(tmp_path))


# ---- strangers -------------------------------------------------------------------------------------------


class Trap:
    """Unpickling this leaves a trace."""

    def __reduce__(self):
        return (open, ("trapped", "w"))


@pytest.mark.parametrize("member", [False, True])
def test_nothing_pickled_is_ever_run(tmp_path, monkeypatch, member):
    monkeypatch.chdir(tmp_path)
    array = np.array([Trap()], object)
    path = archived(tmp_path, x=array) if member else saved(tmp_path, array)
    with pytest.raises(DataError, match="holds Python objects"):
        load_arrays(path)
    assert not (tmp_path / "trapped").exists()
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match=r"b.npy has no whole .npy header"):
        load_arrays(tmp_path / "b.npy")
    assert not (tmp_path / "trapped").exists()


GOOD = promising((2, 5))
BAD_FILES = {
    "empty": (b"", "has no whole .npy header"),
    "web page": (b"<!DOCTYPE html>", "has no whole .npy header"),
    "magic only": (b"\x93NUMPY", "has no whole .npy header"),
    "version": (npy("", version=(9, 9)), "has no whole .npy header"),
    "header cut": (GOOD[:40], "has no whole .npy header, expected an array"),
    "long header": (npy("{" + " " * 20_000 + "}"), "has no whole .npy header"),
    "header of gigabytes": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "has no whole .npy header, expected an array"),
    "no dictionary": (npy("[1, 2]"), "has no whole .npy header"),
    "no literal": (npy("__import__('os')"), "has no whole .npy header"),
    "deep": (npy("(" * 9000), "has no whole .npy header"),
    "deeper": (npy("[" * 4000 + "]" * 4000), "has no whole .npy header"),
    "no text": (b"\x93NUMPY\x02\x00\x04\x00\x00\x00\xff\xfe\xfd\xfc", "has no whole .npy header"),
    "no shape": (npy("{'descr': '|u1', 'fortran_order': False}"), "has no whole .npy header"),
    "bad type": (promising((2,), "spam"), "has no whole .npy header"),
    "no length": (promising("(True, 2, 5)"), "has no whole .npy header"),
    "negative": (promising((-1, 2, 2)), "promises an absurd shape"),
    "twice negative": (promising((-2, -5)), "promises an absurd shape"),
    "absurd": (promising((2**62, 2**62)), "promises an absurd shape"),
    "thousands of digits": (promising("(0x" + "f" * 8000 + ",)"), "promises an absurd shape"),
    "absurd and empty": (promising((0, 2**62, 2**62)), "promises an absurd shape"),
    "dimensions": (promising((1,) * 65), "promises 65 dimensions, expected at most 64"),
    "truncated": (promising((11,)), r"is truncated: found 10 bytes of data, but its header promises 11 \(shape"),
    "trailing": (promising((9,)), "has trailing bytes"),
    "trailing far": (promising((9,), data=bytes(30_000)), "has trailing bytes"),
    "terabytes": (promising((10**12,)), "is damaged, or made to fill the memory: its header promises 1000000000000"),
    "gigabytes": (promising((10**9,), ">f8"), "more than 250 times the"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
@pytest.mark.parametrize("member", [False, True])
def test_a_bad_file_is_one_sentence_that_names_it_and_costs_no_memory(tmp_path, case, member):
    raw, message = BAD_FILES[case]
    path = tmp_path / "file"
    if member:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", raw)
    else:
        path.write_bytes(raw)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message) as caught:
            load_arrays(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    text = str(caught.value)
    assert str(path) in text
    assert text.endswith(".")
    assert len(text) < 500
    assert "\n" not in text


def archive_of(content, method=zipfile.ZIP_DEFLATED, name="x.npy"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method, compresslevel=1) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def test_a_zip_bomb_costs_no_memory(tmp_path):
    """300 MB of zeros, packed to less than 2 MB: header, sizes and checksum are all true."""
    n = 300 * 10**6
    file = tmp_path / "file"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as member:
        member.write(promising((n // 100, 10, 10), data=b""))
        for _ in range(300):
            member.write(bytes(10**6))
    assert file.stat().st_size < 2 * 10**6
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="made to fill the memory: its header promises 300000000"):
            load_arrays(file)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_an_archive_that_packs_well_is_no_bomb(tmp_path):
    path = archived(tmp_path, np.savez_compressed, x=np.zeros((40_000, 28, 28), np.uint8))
    assert 300 * path.stat().st_size < 40_000 * 28 * 28 < 64 << 20
    assert load_arrays(path)[0].shape == (40_000, 1, 28, 28)


def damaged(raw, old, new):
    assert raw.count(old) >= 1
    return raw.replace(old, new)


WHOLE = archive_of(GOOD, zipfile.ZIP_STORED)
BAD_ARCHIVES = {
    "half": (WHOLE[:100], "is no whole .npz file"),
    "checksum": (damaged(WHOLE, bytes(10), bytes(9) + b"\x01"), "is packed and damaged .Bad CRC-32"),
    "encrypted": (damaged(WHOLE, b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"), "is no whole"),
    "from the future": (damaged(WHOLE, b"PK\x01\x02\x14\x03\x14", b"PK\x01\x02\x14\x03\xff"), "is no whole"),
    "lzma": (archive_of(GOOD, zipfile.ZIP_LZMA), "packed in a way that NumPy never uses"),
    "bzip2": (archive_of(GOOD, zipfile.ZIP_BZIP2), "packed in a way that NumPy never uses"),
    "odd name": (archive_of(GOOD, name="a\nb" + "c" * 90), r"holds 'a\\nbc{57}', expected samples"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ARCHIVES)
def test_a_bad_archive_is_one_sentence_that_names_it(tmp_path, case):
    raw, message = BAD_ARCHIVES[case]
    (tmp_path / "file").write_bytes(raw)
    with pytest.raises(DataError, match=message) as caught:
        load_arrays(tmp_path / "file")
    text = str(caught.value)
    assert str(tmp_path / "file") in text
    assert text.endswith(".")
    assert "\n" not in text


def test_a_missing_file_and_a_folder_are_data_errors(tmp_path):
    with pytest.raises(DataError, match="gone does not exist, but a .npy or .npz file was expected there"):
        load_arrays(tmp_path / "gone")
    with pytest.raises(DataError, match="is a folder, but a .npy or .npz file was expected"):
        load_arrays(tmp_path)


def test_a_file_of_python_2_is_read_without_a_warning(tmp_path):
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 5L, 1L)}\n"
    (tmp_path / "a.npy").write_bytes(npy(header, bytes(range(10))))
    np.testing.assert_array_equal(load_arrays(tmp_path / "a.npy")[0].ravel(), np.arange(10))


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_both_versions_of_the_format_are_read(tmp_path, version):
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array(file, GREY, version)
    np.testing.assert_array_equal(load_arrays(tmp_path / "a.npy")[0], GREY[:, None])
