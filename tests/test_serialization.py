"""save and load: what goes in comes out, a file is whole or absent, and damage never passes unnoticed."""

import hashlib
import json
import os
import stat
import tracemalloc

import numpy as np
import pytest
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load as by_library
from safetensors.numpy import save_file

import minigan as mg
from minigan.tensor_file import TensorFileError, read

DTYPES = [
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


def again(tree, path):
    mg.save(tree, path)
    return mg.load(path)


def assert_equal(found, expected):
    """The same tree: types, shapes and bits; tuples come back as lists."""
    if isinstance(expected, np.ndarray):
        assert type(found) is np.ndarray
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert np.array_equal(found, expected, equal_nan=expected.dtype.kind == "f")
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_equal(found[key], value)
    elif isinstance(expected, list | tuple):
        assert type(found) is list
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert_equal(a, b)
    else:
        assert type(found) is type(expected)
        assert found == expected or (found != found and expected != expected)


# ---- round trips -----------------------------------------------------------------------------------------

X = np.arange(24.0).reshape(4, 6)
TREES = {
    "nothing": {},
    "values": {"none": None, "yes": True, "no": False, "int": -3, "big": 2**70, "float": 0.1, "text": "ä\n\0", "": 1},
    "special floats": {"x": [float("inf"), float("-inf"), float("nan"), -0.0, 5e-324]},
    "lists": {"empty": [], "nested": [1, [2.5, None], {"a": [True]}], "betas": (0.5, 0.999)},
    "nested": {"G": {"0": {"weight": X}, "empty": {}}, "D": {"0": {"weight": X + 1}}, "step": 3},
    "arrays in lists": {"a": [X, {"b": X + 1}, [X + 2]], "a.0": X + 3},
    "0-d": {"x": np.array(3.5), "n": np.array(7), "t": np.array(True)},
    "empty arrays": {"x": np.zeros(0), "y": np.zeros((2, 0, 3), np.int64)},
    "not contiguous": {"t": X.T, "s": X[::2, 1::3], "r": X[::-1], "b": np.broadcast_to(X[0], (3, 6))},
    "special numbers": {"x": np.array([np.nan, np.inf, -np.inf, -0.0])},
    "unicode keys": {"größe": X, "重み": {"鍵": X}, "a b": {"\n": 1}},
    "keys with dots": {"a.b": X, "a": {"b": X + 1, "b.c": X + 2}, "a.b.c": X + 3, "a.b_": X + 4},
    "empty keys": {"": X, "a": {"": X + 1}, "a.": X + 2, ".": {"": X + 3}},
    "the format's own names": {"__metadata__": X, "format": "x", "tree": {"sha256": X}},
}


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES.keys())
def test_what_goes_in_comes_out(tree, path):
    assert_equal(again(tree, path), tree)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_data_type_comes_back(dtype, order, path):
    x = np.arange(6).reshape(2, 3).astype(dtype)
    found = again({"x": x.astype(x.dtype.newbyteorder(order))}, path)["x"]
    assert_equal(found, x)


def test_loaded_arrays_can_be_written_to(path):
    x = again({"x": X, "y": np.array(1.0)}, path)
    x["x"] += 1
    x["y"][...] = 2


def test_tensors_and_numpy_scalars_come_back_as_arrays_and_numbers(path):
    tree = {"t": mg.ones(2), "p": mg.nn.Parameter(mg.zeros(1)), "s": np.float32(0.5), "i": np.int64(3), "b": np.True_}
    expected = {"t": np.ones(2, np.float32), "p": np.zeros(1, np.float32), "s": 0.5, "i": 3, "b": True}
    assert_equal(again(tree, path), expected)


def test_the_tree_that_is_saved_is_left_alone(path):
    transposed = X.T
    tree = {"a": {"x": transposed, "l": (1, X)}}
    mg.save(tree, path)
    assert tree == {"a": {"x": transposed, "l": (1, X)}}  # the very same objects
    assert np.array_equal(X.ravel(), np.arange(24.0))


def test_a_file_can_be_read_by_other_safetensors_tools(path):
    mg.save({"G": {"weight": X}}, path)
    with safe_open(path, framework="numpy") as file:
        assert np.array_equal(file.get_tensor("G.weight"), X)


def test_equal_trees_give_equal_files(path):
    mg.save({"b": X, "a": {"c": 1}}, path)
    first = path.read_bytes()
    mg.save({"b": X.copy(), "a": {"c": 1}}, path)
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, b"bytes", 1j, np.array(["text"]), np.array([None]), np.zeros(2, "c8")]
)
def test_a_value_of_another_kind_is_refused_by_its_name_and_nothing_is_written(value, path):
    with pytest.raises(mg.DTypeError, match=r"Cannot save a\.b"):
        mg.save({"a": {"b": value}}, path)
    assert not list(path.parent.iterdir())


def test_the_reserved_key_and_keys_that_become_one_are_refused(path):
    with pytest.raises(mg.DTypeError, match="Cannot save a: the key '__array__' is reserved"):
        mg.save({"a": {"__array__": 1}}, path)
    with pytest.raises(mg.DTypeError, match=r"Cannot save a: some of its keys \[1, '1'\] are equal as strings"):
        mg.save({"a": {1: X, "1": X}}, path)


# ---- whole or absent -------------------------------------------------------------------------------------


def no_space(*_):
    raise OSError(28, "No space left on device")


def interrupt(*_):
    raise KeyboardInterrupt


def test_writing_over_a_file_leaves_the_new_one_alone(path):
    for value in (1, 2):
        mg.save({"x": value}, path)
    assert mg.load(path) == {"x": 2}
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace", "rename"])
@pytest.mark.parametrize(("fail", "error"), [(no_space, mg.RunError), (interrupt, KeyboardInterrupt)])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_behind(path, monkeypatch, call, fail, error):
    mg.save({"x": 1}, path)
    before = path.read_bytes()
    monkeypatch.setattr(os, call, fail)
    if call == "rename":
        monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(error) as raised:
        mg.save({"x": 2}, path)
    if error is mg.RunError:
        assert (
            str(raised.value)
            == f"Cannot write {path}: No space left on device; make room or choose another place. Nothing was changed."
        )
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_content_is_on_the_disk_before_it_takes_the_name(path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append("fsync"), fsync(file)))
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("replace"), replace(*names)))
    mg.save({"x": 1}, path)
    assert calls == ["fsync", "replace", "fsync"]  # of the file; and of its new name, in the folder


def test_a_folder_that_cannot_be_flushed_is_told(path, monkeypatch):
    fsync, files = os.fsync, []

    def fail(file):
        files.append(file)
        if len(files) == 2:
            raise OSError(5, "Input/output error")
        fsync(file)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(mg.RunError) as error:
        mg.save({"x": 1}, path)
    assert str(error.value) == f"Cannot get {path.parent} to the disk: Input/output error; check the disk."


def test_a_file_system_that_cannot_flush_folders_is_good_enough(path, monkeypatch):
    fsync = os.fsync

    def only_files(file):
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(22, "Invalid argument")
        fsync(file)

    monkeypatch.setattr(os, "fsync", only_files)
    mg.save({"x": 1}, path)
    assert mg.load(path) == {"x": 1}


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for place, reason in (("file/x", "Not a directory"), ("none/x", "No such file"), ("folder", "Is a directory"),
                          ("x" * 300, "File name too long")):  # fmt: skip
        with pytest.raises(mg.RunError, match=rf"Cannot write .*{place[:9]}.*: {reason}.*\. Nothing was changed\."):
            mg.save({}, tmp_path / place)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
    assert not list((tmp_path / "folder").iterdir())


# ---- files that are not what they should be --------------------------------------------------------------

TREE = {"step": 7, "G": {"weight": X, "bias": np.arange(3, dtype=np.int64)}, "note": "text", "rate": 0.5}


def refused(path, match):
    with pytest.raises(mg.RunError, match=match) as error:
        mg.load(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(path):
    refused(path, r"No file .*state\.safetensors\. Check the path\.")


def test_a_folder_is_refused(tmp_path):
    refused(tmp_path, "Cannot read .*: Is a directory. Check what it is")


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"hello", b"\xff" * 100, b"\x1f\x8b" + bytes(50), b"PK\3\4" + bytes(99)]
)
def test_a_file_of_another_kind_is_refused(path, content):
    path.write_bytes(content)
    refused(path, "Cannot read .*Expected a whole safetensors file; use another copy")


def test_a_file_of_another_program_is_refused(path):
    save_file({"x": X}, path)
    refused(path, "was not written by minigan")
    save_file({"x": X}, path, {"format": "pt"})
    refused(path, "was not written by minigan")
    for wrong in ("", "{}", "3", '{"tree": "{}", "sha256": ""}', '{"tree": 1, "sha256": 2}'):
        save_file({"x": X}, path, {"minigan": wrong})
        refused(path, "was damaged")


def test_a_file_cut_short_anywhere_or_continued_is_refused(path):
    mg.save(TREE, path)
    content = path.read_bytes()
    for length in [*range(0, len(content), 7), len(content) - 1]:
        path.write_bytes(content[:length])
        refused(path, "Cannot read|was damaged|was not written")
    path.write_bytes(content + b"\0")
    refused(path, "Cannot read|was damaged")


def test_a_flipped_bit_anywhere_is_found_or_harmless(path):
    mg.save(TREE, path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    found = 0
    for place in rng.choice(len(content) * 8, 400, replace=False):
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            tree = mg.load(path)
        except mg.RunError:
            found += 1
        else:
            assert_equal(tree, TREE)
    assert found > 350


def test_a_flipped_bit_in_an_array_is_always_found(path):
    mg.save(TREE, path)
    content = path.read_bytes()
    start = content.index(X.tobytes())
    for place in range(start, start + X.nbytes, 3):
        damaged = bytearray(content)
        damaged[place] ^= 16
        path.write_bytes(damaged)
        refused(path, "was damaged: its content does not match its SHA-256. Use another copy")


# ---- files from strangers --------------------------------------------------------------------------------


def packed(header, body=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(header).to_bytes(8, "little") + header + body


def entry(dtype="F32", shape=(2,), begin=0, end=8):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


HUGE = 10**15
HOSTILE = {
    "a header longer than the file": (2**64 - 1).to_bytes(8, "little") + b"{}",
    "a header of 1 TB": (1 << 40).to_bytes(8, "little") + b"{}",
    "a header of 9 MiB": packed(b"{" + b" " * (9 << 20) + b"}"),
    "100,000 brackets": packed(b"[" * 100_000),
    "100,000 braces": packed(b'{"a":' * 100_000),
    "a number of 100,000 digits": packed(b'{"x":' + b"9" * 100_000 + b"}"),
    "no text": packed(b"\xff\xfe"),
    "no table": packed([]),
    "an entry that is no table": packed({"x": 3}),
    "an entry with nothing in it": packed({"x": {}}),
    "an unknown type": packed({"x": entry("F128")}, bytes(8)),
    "a type that is a list": packed({"x": entry(["F32"])}, bytes(8)),
    "a size of 1 PB": packed({"x": entry(shape=[HUGE], end=4 * HUGE)}, bytes(8)),
    "a size that overflows to 8": packed({"x": entry(shape=[2**62, 2**62 + 2])}, bytes(8)),
    "a size below 0": packed({"x": entry(shape=[-2])}, bytes(8)),
    "two sizes below 0": packed({"x": entry(shape=[-1, -2])}, bytes(8)),
    "a size that is a fraction": packed({"x": entry(shape=[2.0])}, bytes(8)),
    "a size that is a truth": packed({"x": entry("F64", shape=[True])}, bytes(8)),
    "a size that is a table": packed({"x": {**entry(), "shape": {"2": 2}}}, bytes(8)),
    "no numbers of an impossible shape": packed({"x": entry(shape=[0, 2**60, 2**60], end=0)}),
    "a thousand dimensions": packed({"x": entry(shape=[1] * 1000, end=4)}, bytes(4)),
    "an end before the beginning": packed({"x": entry(begin=8, end=0)}, bytes(8)),
    "a beginning below 0": packed({"x": entry(begin=-8, end=0)}, bytes(8)),
    "an end behind the file": packed({"x": entry(shape=[4], end=16)}, bytes(8)),
    "three offsets": packed({"x": {**entry(), "data_offsets": [0, 8, 16]}}, bytes(8)),
    "offsets that are texts": packed({"x": {**entry(), "data_offsets": "08"}}, bytes(8)),
    "a place that disagrees with the size": packed({"x": entry(shape=[1])}, bytes(8)),
    "two arrays in one place": packed({"x": entry(), "y": entry()}, bytes(8)),
    "a gap": packed({"x": entry(), "y": entry(begin=12, end=20)}, bytes(20)),
    "bytes that belong to nobody": packed({"x": entry()}, bytes(12)),
    "metadata that are a list": packed({"__metadata__": ["minigan"]}),
    "metadata that are no texts": packed({"__metadata__": {"minigan": {}}}),
    "a name of a megabyte": packed({"x" * 10**6: entry("F128")}, bytes(8)),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_header_is_refused_in_one_sentence_before_anything_is_allocated(path, content):
    path.write_bytes(content)
    tracemalloc.start()
    refused(path, "^Cannot read .*Expected a whole safetensors file; use another copy\\.$")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * len(content) + 10**6


def test_an_eighth_of_the_longest_header_takes_an_eighth_of_the_memory_that_is_said(path):
    path.write_bytes(packed(b"[" + b"[]," * 325_000 + b"[]]"))
    tracemalloc.start()
    refused(path, "its header is no table")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (200 << 20) / 8


@pytest.mark.parametrize(
    "tree",
    [
        "[" * 100_000,
        "9" * 100_000,
        "[]",
        "3",
        *(f'{{"x": {{"__array__": {name}}}}}' for name in ('"y"', '["x"]', "{}")),
    ],
)
def test_a_hostile_tree_with_a_right_sum_is_refused(path, tree):
    digest = hashlib.sha256(tree.encode()).hexdigest()
    save_file({}, path, {"minigan": json.dumps({"tree": tree, "sha256": digest})})
    refused(path, "was damaged")


def test_a_file_of_holes_larger_than_a_quarter_of_the_memory_is_refused_at_once(path):
    size = 4 << 40
    path.write_bytes(packed({"x": entry("U8", [size], 0, size)}))
    try:
        os.truncate(path, path.stat().st_size + size)
    except OSError:  # a file system that knows no such files: then a stranger can have none on it
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        path.write_bytes(packed({"x": entry("U8", [size], 0, size)}))
        os.truncate(path, path.stat().st_size + size)
    refused(path, r"its [0-9,]+ MiB are more than a quarter of this machine's memory")


def test_what_is_no_ordinary_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "it is no ordinary file")
    with pytest.raises(mg.RunError, match="it is no ordinary file"):
        mg.load("/dev/zero")


def test_what_is_read_is_what_the_library_reads_and_what_it_refuses_is_refused(path):
    """1,000 files with changed headers: none is taken that the reference implementation does not take."""
    rng = np.random.default_rng(0)
    numbers = [0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, -1, 2**31, 2**63]
    taken = 0
    for _ in range(1000):
        header = {"__metadata__": {"a": "b"}, "x": entry("F32", [3], 0, 12), "y": entry("I16", [2, 2], 12, 20)}
        for _ in range(rng.integers(0, 3)):
            one = header[rng.choice(["x", "y"])]
            key = rng.choice(["dtype", "shape", "begin", "end"])
            if key == "dtype":
                one[key] = str(rng.choice(["F32", "I32", "U32", "F16", "I16", "U8", "I64"]))
            elif key == "shape":
                one[key] = [int(n) for n in rng.choice(numbers, rng.integers(0, 4))]
            else:
                one["data_offsets"][key == "end"] = int(rng.choice(numbers))
        content = packed(header, rng.bytes(20))
        path.write_bytes(content)
        try:
            texts, arrays = read(path)
        except TensorFileError:
            with pytest.raises((SafetensorError, OverflowError)):
                by_library(content)
        else:
            taken += 1
            assert texts == {"a": "b"}
            assert_equal(dict(sorted(arrays.items())), dict(sorted(by_library(content).items())))
    assert 300 < taken < 700


def test_plain_values_that_load_would_refuse_are_not_saved(path):
    with pytest.raises(mg.DTypeError, match=r"Cannot save plain values of [0-9,]+ bytes as JSON: expected at most"):
        mg.save({"x": "x" * (8 << 20)}, path)
    assert not path.exists()
