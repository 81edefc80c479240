"""Reading a safetensors file that nobody vouches for: nothing is allocated that was not checked before.

The format: 8 bytes with the length of the header, the header as JSON, and the arrays one after the other. The header
names for each array its type, its shape and where it begins and ends; under ``__metadata__`` it holds texts. A reader
that trusts it can be led to ask for terabytes, or to build millions of objects out of a few megabytes of brackets.
"""

from __future__ import annotations

import json
import math
import os
import stat
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from minigan.backend.memory import physical_memory

HEADER_LIMIT = 8 << 20  # bytes; JSON of this length takes at most some 200 MB when it is read
_LENGTH = 8  # bytes that hold the header's length
_METADATA = "__metadata__"
_TYPES = {
    "BOOL": "bool", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip


class TensorFileError(ValueError):
    """What is wrong with a file, as the end of a sentence."""


class Entry(NamedTuple):
    """An array in a file: its type, its shape, and its first byte and the one after its last, behind the header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


def read(path: str | os.PathLike[str]) -> tuple[dict[str, str], dict[str, np.ndarray[Any, Any]]]:
    """The texts and the arrays of a file.

    Raises:
        OSError: it cannot be opened.
        TensorFileError: it is no such file, or not whole.
    """
    if not stat.S_ISREG(os.stat(path).st_mode) and not os.path.isdir(path):  # a pipe would be waited for, for ever
        raise TensorFileError("it is no ordinary file")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        header = _read_header(file, size)
        texts = _check_texts(header.pop(_METADATA, {}))
        entries = {name: _entry(name, given) for name, given in header.items()}
        _check_places(entries, size - file.tell())
        _check_memory(size)
        start = file.tell()
        return texts, {name: _array(file, start, entry) for name, entry in entries.items()}


def _read_header(file: BinaryIO, size: int) -> dict[str, Any]:
    length = int.from_bytes(file.read(_LENGTH), "little")
    if size < _LENGTH or length > size - _LENGTH:
        raise TensorFileError(f"its {size:,} bytes are fewer than its header needs")
    if length > HEADER_LIMIT:
        raise TensorFileError(f"its header of {length:,} bytes is longer than {HEADER_LIMIT:,}")
    try:
        header = json.loads(file.read(length).decode())
    except (ValueError, RecursionError):  # no UTF-8, no JSON, numbers of thousands of digits, thousands of brackets
        raise TensorFileError("its header is no JSON") from None
    if not isinstance(header, dict):
        raise TensorFileError("its header is no table")
    return header


def _check_texts(given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise TensorFileError("its metadata are no texts")
    return given


def _entry(name: str, given: Any) -> Entry:
    """What the header says of one array, if it makes sense by itself."""
    try:
        dtype, shape = np.dtype(_TYPES[given["dtype"]]), given["shape"]
        begin, end = given["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise TensorFileError(f"it does not say rightly what {name[:80]!r} is") from None
    if not isinstance(shape, list) or len(shape) > 32 or not all(map(_is_size, [*shape, begin, end])):
        raise TensorFileError(f"it does not say rightly how large {name[:80]!r} is")
    if math.prod(shape) * dtype.itemsize != end - begin or not _is_size(math.prod(n or 1 for n in shape)):
        raise TensorFileError(f"the size and the place of {name[:80]!r} do not agree")
    return Entry(dtype, tuple(shape), begin, end)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 48


def _check_places(entries: dict[str, Entry], size: int) -> None:
    """The arrays follow each other without gaps, and fill the file."""
    place = 0
    for entry in sorted(entries.values(), key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != place:
            raise TensorFileError("its arrays overlap, or leave gaps")
        place = entry.end
    if place != size:
        raise TensorFileError(f"its arrays take {place:,} bytes, but it has {size:,} for them")


def _check_memory(size: int) -> None:
    """A file of holes takes no place on a disk, however long it is; and networks are to be built beside the arrays."""
    memory = physical_memory()
    if memory and size > memory // 4:
        raise TensorFileError(f"its {size >> 20:,} MiB are more than a quarter of this machine's memory")


def _array(file: BinaryIO, start: int, entry: Entry) -> np.ndarray[Any, Any]:
    file.seek(start + entry.begin)
    flat = np.fromfile(file, entry.dtype, math.prod(entry.shape))
    if flat.nbytes < entry.end - entry.begin:
        raise TensorFileError("it became shorter while it was read")
    return flat.reshape(entry.shape).astype(entry.dtype.newbyteorder("="), copy=False)
