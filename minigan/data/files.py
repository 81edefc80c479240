"""Read files that anyone may have written: at the cost of what they hold, whatever they promise."""

import gzip
import math
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from minigan.errors import DataError

MAX_NDIM = 64  # NumPy's own limit
CHUNK = 1 << 20
SMALL = 1 << 26
MOST_PACKED = 250  # drawings in black and white come packed 112 : 1; DEFLATE can pack zeros 1,032 : 1


@contextmanager
def complaints(path: Path, kind: str) -> Iterator[None]:
    """Inside, what keeps a file from being read becomes a `DataError` that names it.

    Args:
        path: the file.
        kind: what was expected there, such as "an IDX file".
    """
    try:
        yield
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, MemoryError) as error:
        raise DataError(f"{path} {_complaint(error, kind)}") from None


def _complaint(error: Exception, kind: str) -> str:
    match error:
        case FileNotFoundError():
            return f"does not exist, but {kind} was expected there; check the path."
        case IsADirectoryError():
            return f"is a folder, but {kind} was expected; name a file inside it."
        case PermissionError():
            return f"may not be read, but {kind} was expected; change its permissions."
        case MemoryError():
            return f"does not fit into memory, but {kind} is read whole; use a smaller one."
        case OSError() if not isinstance(error, gzip.BadGzipFile):
            return f"cannot be read ({error.strerror}), but {kind} was expected; check the path."
    return f"is packed and damaged ({one_line(error)}), but {kind} was expected; download or copy it again."


def listed(names: Sequence[str]) -> str:
    """The first eight of some names that anyone may have given, as a part of a sentence.

    Example:
        >>> from minigan.data.files import listed
        >>> print(listed(["a.txt", "b.txt"]), listed([]), listed(list("abcdefghij")), sep="; ")
        'a.txt', 'b.txt'; nothing; 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' and 2 more
    """
    shown = ", ".join(repr(name[:60]) for name in names[:8])
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{shown or 'nothing'}{more}"


def one_line(error: Exception) -> str:
    """What an error of another library says, as a part of a sentence.

    Example:
        >>> from minigan.data.files import one_line
        >>> one_line(ValueError("Bad header.")), one_line(KeyError())
        ('Bad header', 'KeyError')
    """
    return " ".join(str(error).split()).rstrip(".")[:100] or type(error).__name__


def promised_bytes(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """How much data a header promises.

    Args:
        name: what the header is of, for messages.
        shape: of the array.
        dtype: of its elements.

    Raises:
        DataError: no array has such a shape.
    """
    # NumPy refuses such a shape even where a zero among the sizes leaves nothing to store.
    if min(shape, default=0) < 0 or math.prod(size or 1 for size in shape) * dtype.itemsize > sys.maxsize:
        raise DataError(f"{name} promises an absurd shape, which no memory holds; it is damaged or no such file.")
    return math.prod(shape) * dtype.itemsize


def read_data(
    stream: BinaryIO, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], held: int, begun: bytes = b""
) -> bytearray:
    """The data of an array, which is all that is left of a stream.

    It grows with what is read: one big read would first allocate all that the header promises. Reading stops one
    byte after that, which tells a file that goes on from one that ends, and makes the end of a packed file be
    checked.

    Args:
        stream: what to read from.
        name: what the stream is of, for messages.
        shape: of the array, as the header promises it.
        dtype: of its elements.
        held: how many bytes, packed or not, the file has for it.
        begun: the first bytes of the data, where they have been read already.

    Raises:
        DataError: too little or too much data, or so much more than the file holds that it can only be a trap.
    """
    promised = promised_bytes(name, shape, dtype)
    promise = f"its header promises {promised} (shape {shape} of {dtype.name})"
    if promised > max(SMALL, MOST_PACKED * held):
        raise DataError(
            f"{name} is damaged, or made to fill the memory: {promise}, more than {MOST_PACKED} times the {held} "
            "bytes that hold them; use another file."
        )
    data = bytearray(begun)
    while chunk := stream.read(max(0, min(CHUNK, promised + 1 - len(data)))):
        data += chunk
    if len(data) < promised:
        raise DataError(f"{name} is truncated: found {len(data)} bytes of data, but {promise}; copy it again.")
    if len(data) > promised:
        raise DataError(f"{name} has trailing bytes: more data than {promise}; download or copy it again.")
    return data
