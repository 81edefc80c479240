"""Data: IDX files written here byte by byte, bundled MNIST against its published facts, and the loader."""

import errno
import gzip
import hashlib
import struct
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigan.data
from minigan.data import load_idx_folder, load_mnist, read_idx
from minigan.errors import ConfigError, DataError

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
MNIST_NAME = "{}-{}-idx{}-ubyte"


def idx_bytes(array):
    header = struct.pack(f">HBB{array.ndim}I", 0, CODES[array.dtype.name], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_pair(folder, images, labels, name=MNIST_NAME, split="train"):
    folder.mkdir(exist_ok=True)
    (folder / name.format(split, "images", images.ndim)).write_bytes(idx_bytes(images))
    (folder / name.format(split, "labels", 1)).write_bytes(idx_bytes(labels))
    return folder


def numbered(count):
    """Images (count, 4, 3) whose pixels all differ within an image, and labels that count."""
    return np.arange(count * 12, dtype=np.uint8).reshape(count, 4, 3), np.arange(count, dtype=np.uint8)


# --- IDX files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize(("name", "pack"), [("plain.gz", bytes), ("packed", gzip.compress)])
def test_every_element_type_is_read_in_native_byte_order_whatever_the_name(tmp_path, dtype, name, pack):
    array = np.array([[0, 1, 2], [3, 100, 127]], dtype)
    (tmp_path / name).write_bytes(pack(idx_bytes(array)))
    result = read_idx(str(tmp_path / name))
    assert result.dtype == np.dtype(dtype)
    assert result.dtype.isnative
    np.testing.assert_array_equal(result, array)


ARRAYS = st.sampled_from(list(CODES)).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
)
PACKERS = st.sampled_from([bytes, gzip.compress])


def read_bytes(raw):
    """What read_idx makes of these bytes: an array, or None for a DataError that names the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(raw)
        try:
            return read_idx(path)
        except DataError as error:
            return None if str(path) in str(error) else error


@settings(deadline=None)
@given(ARRAYS, PACKERS)
def test_any_array_round_trips(array, pack):
    result = read_bytes(pack(idx_bytes(array)))
    assert (result.dtype, result.shape) == (array.dtype, array.shape)
    assert result.tobytes() == array.tobytes()  # bytes, so that NaN counts too


@settings(deadline=None, max_examples=300)
@given(ARRAYS, PACKERS, st.data())
def test_a_mutated_file_is_a_data_error_or_an_array_and_nothing_else(array, pack, data):
    raw = bytearray(pack(idx_bytes(array)))
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))] + data.draw(st.binary(max_size=3))
    assert isinstance(read_bytes(raw), np.ndarray | None)


@settings(deadline=None)
@given(st.sampled_from(list(CODES.values())), st.lists(st.sampled_from([0, 1, 2**32 - 1]), max_size=70))
@example(0x08, [0, 2**32 - 1, 2**32 - 1])  # no data, but more than NumPy can count
@example(0x0E, [0] + [1] * 63)
def test_any_header_is_a_data_error_or_an_array_and_nothing_else(code, shape):
    header = struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape)
    assert isinstance(read_bytes(header), np.ndarray | None)


GOOD = idx_bytes(np.arange(100, dtype=np.uint8))
BAD_FILES = {
    "empty": (b"", "is empty"),
    "empty gzip": (gzip.compress(b""), "is empty"),
    "web page": (b"<!DOCTYPE html>", r"not an IDX file: it begins with b'<!DO'"),
    "one byte": (b"\x00", "found 1 bytes of an IDX header of 4"),
    "three bytes": (b"\x00\x00\x08", "found 3 bytes of an IDX header of 4"),
    "no sizes": (b"\x00\x00\x08\x03\x00\x00", "found 6 bytes of an IDX header of 16"),
    "type code": (b"\x00\x00\x0a\x01" + bytes(5), "unknown IDX element type 0x0A, expected one of 0x08, 0x"),
    "no dimensions": (b"\x00\x00\x08\x00\x05", "promises 0 dimensions, expected 1 to 64"),
    "65 dimensions": (b"\x00\x00\x08\x41" + bytes(260), "promises 65 dimensions"),
    "truncated": (
        GOOD[:-1],
        r"found 99 bytes of data, but its header promises 100 \(shape \(100,\) of uint8\)",
    ),
    "header only": (GOOD[:8], "found 0 bytes of data, but its header promises 100"),
    "truncated inside gzip": (gzip.compress(GOOD[:-10]), "found 90 bytes of data"),
    "trailing byte": (GOOD + b"\x00", "trailing bytes: more data than its header promises 100"),
    "trailing byte inside gzip": (gzip.compress(GOOD + b"\x00"), "trailing bytes"),
    "absurd shape": (b"\x00\x00\x0e\x03" + b"\xff" * 12, "absurd shape"),
    "half a gzip": (gzip.compress(GOOD)[:60], r"packed and damaged \(Compressed file ended"),
    "gzip header only": (b"\x1f\x8b", "is packed and damaged"),
    "gzip of another method": (b"\x1f\x8b\x07" + bytes(20), "is packed and damaged"),
    "gzip CRC": (gzip.compress(GOOD)[:-8] + bytes(8), r"packed and damaged \(CRC check failed"),
    "gzip stream": (gzip.compress(GOOD)[:10] + b"\xff" * 50, r"packed and damaged \(Error -3"),
    "junk after gzip": (gzip.compress(GOOD) + b"junk", "is packed and damaged"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_sentence_that_names_it(tmp_path, case):
    raw, message = BAD_FILES[case]
    (tmp_path / "file").write_bytes(raw)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(tmp_path / "file")
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'file'} ")
    assert text.endswith(".")
    assert "\n" not in text


def test_a_missing_file_and_a_folder_are_data_errors(tmp_path):
    with pytest.raises(DataError, match=r"missing does not exist.* check the path"):
        read_idx(tmp_path / "missing")
    with pytest.raises(DataError, match="is a folder"):
        read_idx(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot be read .*expected; check the path"):
        read_idx(tmp_path / "file" / "below")


REFUSALS = [
    (PermissionError(errno.EACCES, "Permission denied"), r"may not be read.* change its permissions"),
    (OSError(errno.EIO, "Input/output error"), r"cannot be read \(Input/output error\)"),
    (MemoryError(), "does not fit into memory"),
]


@pytest.mark.parametrize(("error", "message"), REFUSALS)
def test_a_file_that_the_system_refuses_is_a_data_error(tmp_path, monkeypatch, error, message):
    def refuse(*args):
        raise error

    monkeypatch.setattr(Path, "open", refuse)  # a test run as root may read everything
    with pytest.raises(DataError, match=message):
        read_idx(tmp_path / "file")


BOMB = gzip.compress(GOOD + bytes(64 << 20), compresslevel=1)
PROMISE = b"\x00\x00\x08\x01\xff\xff\xff\xff" + bytes(10)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("raw", "message"), [(BOMB, "trailing"), (PROMISE, "made to fill the memory.* promises 4294967295")]
)
def test_a_gzip_bomb_and_a_huge_promise_cost_no_memory(tmp_path, raw, message, pack):
    (tmp_path / "file").write_bytes(raw if raw is BOMB else pack(raw))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message):
            read_idx(tmp_path / "file")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_bomb_whose_header_and_checksum_are_true_costs_no_memory(tmp_path):
    n = 300 * 10**6
    with gzip.open(tmp_path / "file", "wb", compresslevel=9) as file:
        file.write(struct.pack(">HBBI", 0, CODES["uint8"], 1, n))
        for _ in range(300):
            file.write(bytes(10**6))
    assert (tmp_path / "file").stat().st_size < n / 900
    tracemalloc.start()
    try:
        with pytest.raises(
            DataError, match="made to fill the memory: its header promises 300000000 .* more than 250 times"
        ):
            read_idx(tmp_path / "file")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


# --- MNIST and its relatives -------------------------------------------------------------------------------

CANONICAL = {
    "train-images-idx3-ubyte.gz": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte.gz": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte.gz": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte.gz": "27ae3e4e09519cfbb04c329615203637",
}


@pytest.mark.parametrize("name", CANONICAL)
def test_the_bundled_files_are_the_canonical_ones_byte_for_byte(name):
    packed = Path(minigan.data.__file__).with_name("mnist_files") / name
    assert hashlib.md5(gzip.decompress(packed.read_bytes())).hexdigest() == CANONICAL[name]


HISTOGRAMS = {
    "train": ([5, 0, 4, 1, 9], [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
    "test": ([7, 2, 1, 0, 4], [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
}


@pytest.mark.parametrize("split", HISTOGRAMS)
def test_bundled_mnist_has_its_published_counts(split):
    first, counts = HISTOGRAMS[split]
    images, labels = load_mnist(split)
    assert (images.shape, images.dtype) == ((sum(counts), 28, 28), np.uint8)
    assert (labels.shape, labels.dtype) == ((sum(counts),), np.int64)
    assert labels[:5].tolist() == first
    assert np.bincount(labels).tolist() == counts


def test_bundled_mnist_has_its_published_mean_and_deviation():
    images, _ = load_mnist()
    assert images.mean() / 255 == pytest.approx(0.1307, abs=1e-4)
    assert images.std() / 255 == pytest.approx(0.3081, abs=1e-4)


@pytest.mark.parametrize("name", [MNIST_NAME, "{}-{}.idx{}-ubyte", f"fashion-{MNIST_NAME}"])
@pytest.mark.parametrize(("split", "word"), [("train", "train"), ("test", "t10k"), ("t10k", "test")])
def test_a_pair_is_found_under_every_usual_name(tmp_path, name, split, word):
    images, labels = numbered(5)
    write_pair(tmp_path, images, labels, name, word)
    write_pair(tmp_path, images[:1], labels[:1], name, "test" if word == "train" else "train")
    found_images, found_labels = load_idx_folder(tmp_path, split)
    np.testing.assert_array_equal(found_images, images[:, None])
    np.testing.assert_array_equal(found_labels, labels)
    assert found_labels.dtype == np.int64


def test_files_are_packed_or_not_and_the_unpacked_one_is_preferred(tmp_path):
    images, labels = numbered(5)
    for path in list(write_pair(tmp_path, images, labels).iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    np.testing.assert_array_equal(load_idx_folder(str(tmp_path))[0], images[:, None])
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(images[::-1]))
    np.testing.assert_array_equal(load_idx_folder(tmp_path)[0], images[::-1, None])


def test_emnist_images_are_turned_upright(tmp_path):
    images, labels = numbered(5)
    result, _ = load_idx_folder(write_pair(tmp_path, images, labels, f"emnist-letters-{MNIST_NAME}"))
    assert result.flags.c_contiguous
    for upright, stored in zip(result, images, strict=True):
        np.testing.assert_array_equal(upright, stored.T[None])


def test_one_of_several_data_sets_is_chosen_by_its_prefix(tmp_path):
    for count, kind in (5, "letters"), (7, "balanced"):
        write_pair(tmp_path, *numbered(count), f"emnist-{kind}-{MNIST_NAME}")
    with pytest.raises(
        DataError, match=r"2 IDX files of images .*\('emnist-balanced-train-i.*', 'emnist-letters-train-i.*'\)"
    ):
        load_idx_folder(tmp_path)
    with pytest.raises(DataError, match=r"such as .*/emnist-balanced, or keep only one"):
        load_idx_folder(tmp_path)
    assert len(load_idx_folder(tmp_path / "emnist-letters")[0]) == 5
    assert len(load_idx_folder(tmp_path / "emnist-balanced")[0]) == 7
    with pytest.raises(DataError, match=r"no folder .*/emnist, .* expected emnist-train.* found 'emnist-balanced-"):
        load_idx_folder(tmp_path / "emnist")


def test_a_folder_is_never_taken_for_a_prefix(tmp_path):
    write_pair(tmp_path, *numbered(5), f"mnist-{MNIST_NAME}")
    write_pair(tmp_path / "mnist", *numbered(7))
    assert len(load_idx_folder(tmp_path / "mnist")[0]) == 7


def test_data_sets_without_a_prefix_cannot_be_chosen_by_one(tmp_path):
    for split in "test", "t10k":
        write_pair(tmp_path, *numbered(5), split=split)
    with pytest.raises(DataError, match=r"holds 2 IDX files of images .* expected one; keep only one of them there"):
        load_idx_folder(tmp_path, "test")


def test_a_folder_without_images_says_what_was_looked_for_and_what_is_there(tmp_path):
    looked_for = (
        r"\[PREFIX-\]train-images-idx3-ubyte\[.gz\] and, if there are labels, "
        r"\[PREFIX-\]train-labels-idx1-ubyte\[.gz\], found "
    )
    with pytest.raises(DataError, match=looked_for + "nothing; check the path"):
        load_idx_folder(tmp_path)
    for name in [*(f"{k}.png" for k in range(9)), "train-labels-idx1-ubyte"]:
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=looked_for + r"'0.png', .*'7.png' and 2 more;"):
        load_idx_folder(tmp_path)


def test_a_missing_folder_and_a_file_instead_of_a_folder_are_data_errors(tmp_path, monkeypatch):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"There is no folder .*/mnits, and .*, found nothing; check the path"):
        load_idx_folder(tmp_path / "mnits")
    with pytest.raises(DataError, match="deeper does not exist"):
        load_idx_folder(tmp_path / "mnits" / "deeper")
    with pytest.raises(DataError, match=r"notes.txt is a file, but a folder was expected"):
        load_idx_folder(tmp_path / "notes.txt")

    def refuse(folder):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("os.listdir", refuse)
    with pytest.raises(DataError, match=r"cannot be listed \(Permission denied\)"):
        load_idx_folder(tmp_path)


BYTES = np.zeros((5, 2, 2), np.uint8)
BAD_PAIRS = [
    (BYTES, BYTES[:4, 0, 0], "train-labels-idx1-ubyte holds 4 labels, expected one for each of 5 samples"),
    (BYTES[0], BYTES[:, 0, 0], r"images-idx2-ubyte has the shape \(2, 2\), expected images \(N, H, W\)"),
    (BYTES.astype(np.int16), BYTES[:, 0, 0], "holds int16 of shape .* take x.astype"),
    (BYTES, BYTES[:, 0], r"but labels are integers of shape \(N,\)"),
    (BYTES, BYTES[:, 0, 0].astype(np.float32), "holds float32 of shape"),
    (BYTES, BYTES[:, 0, 0].astype(np.int8) - 1, "holds labels from -1 to -1, expected class numbers"),
    (BYTES[:0], BYTES[:0, 0, 0], "holds no samples"),
    (BYTES[:, :0], BYTES[:, 0, 0], "holds no samples"),
]


@pytest.mark.parametrize(("images", "labels", "message"), BAD_PAIRS)
def test_files_that_are_no_images_and_labels_of_each_other_are_data_errors(tmp_path, images, labels, message):
    with pytest.raises(DataError, match=message):
        load_idx_folder(write_pair(tmp_path, images, labels))


def test_images_may_have_colours_or_be_numbers_from_minus_one_to_one(tmp_path):
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (5, 3, 4, 2), np.uint8)
    numbers = rng.uniform(-1, 1, (5, 4, 3)).astype(np.float32)
    points = rng.normal(size=(5, 2))
    for name, array in ("colour", colour), ("numbers", numbers), ("points", points):
        write_pair(tmp_path, array, np.arange(5, dtype=np.uint8), f"{name}-{MNIST_NAME}")
    np.testing.assert_array_equal(load_idx_folder(tmp_path / "colour")[0], colour)
    np.testing.assert_array_equal(load_idx_folder(tmp_path / "numbers")[0], numbers[:, None])
    np.testing.assert_array_equal(load_idx_folder(tmp_path / "points")[0], points.astype(np.float32))


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "images-idx3-ubyte", "photos-images.idx3-ubyte"])
def test_labels_and_the_name_of_a_split_may_be_missing(tmp_path, name):
    images, _ = numbered(5)
    (tmp_path / name).write_bytes(idx_bytes(images))
    samples, labels = load_idx_folder(tmp_path)
    np.testing.assert_array_equal(samples, images[:, None])
    assert labels is None
    with pytest.raises(DataError, match="holds no IDX file of images for the split 'test'"):
        load_idx_folder(tmp_path, "test")


def test_classes_are_numbered_from_0_as_in_the_training_split(tmp_path):
    images, _ = numbered(4)
    write_pair(tmp_path, images, np.array([26, 1, 7, 1], np.uint8))
    write_pair(tmp_path, images, np.array([7, 26, 9, 1], np.uint8), split="t10k")
    assert load_idx_folder(tmp_path)[1].tolist() == [2, 0, 1, 0]
    assert load_idx_folder(tmp_path, "test")[1].tolist() == [1, 2, 3, 0]
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    assert load_idx_folder(tmp_path, "test")[1].tolist() == [1, 3, 2, 0]


def test_classes_are_numbered_by_their_own_data_set_of_several(tmp_path):
    images, _ = numbered(2)
    for prefix, labels in ("a", [5, 6]), ("b", [6, 7]):
        for split in "train", "test":
            write_pair(tmp_path, images, np.array(labels, np.uint8), f"{prefix}-{MNIST_NAME}", split)
    assert load_idx_folder(tmp_path / "b", "test")[1].tolist() == [0, 1]


def test_an_unknown_split_lists_the_known_ones():
    with pytest.raises(ConfigError, match="no split 'valid'; choose one of train, test, t10k"):
        load_mnist("valid")
