"""save and load: what goes in comes out, a file is whole or absent, and damage never passes unnoticed."""

import os

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import minigan as mg

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
    assert calls[:2] == ["fsync", "replace"]


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
