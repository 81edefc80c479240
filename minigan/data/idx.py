"""Read IDX files, the format in which MNIST and its relatives are published.

An IDX file is a short header and then the numbers, in C order and big-endian::

    0  0  type  ndim      two zero bytes, the element type, the number of dimensions (one byte each)
    size * ndim           each dimension as an unsigned 32-bit integer
    data                  product(sizes) elements

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", section
"File formats".
"""

import gzip
import os
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from minigan.data.files import MAX_NDIM, complaints, read_data
from minigan.errors import DataError

ELEMENT_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: str | os.PathLike[str]) -> np.ndarray[Any, Any]:
    """Read one IDX file, plain or gzip, into an array in native byte order.

    Whether a file is packed is decided by its first bytes, not by its name. A damaged or hostile file costs
    no more memory than the data it really holds: sizes are checked first, and the array grows with what is read.

    Raises:
        DataError: The file is missing, unreadable, empty, not IDX, damaged, too short or too long.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "labels-idx1-ubyte")
        ...     size = path.write_bytes(bytes([0, 0, 0x08, 1]) + bytes([0, 0, 0, 3]) + bytes([7, 2, 1]))
        ...     mg.data.read_idx(path)
        array([7, 2, 1], dtype=uint8)
    """
    path = Path(path)
    with complaints(path, "an IDX file"), path.open("rb") as file:
        packed = file.peek(2)[:2] == GZIP_MAGIC
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file
        dtype, shape = _read_header(stream, path)
        data = read_data(stream, str(path), shape, dtype, held=os.fstat(file.fileno()).st_size)
        return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_header(stream: BinaryIO, path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = stream.read(4)
    if not magic:
        raise DataError(f"{path} is empty, but an IDX file was expected; download or copy it again.")
    if any(magic[:2]):
        raise DataError(
            f"{path} is not an IDX file: it begins with {magic!r}, not with two zero bytes; name an IDX file "
            "such as train-images-idx3-ubyte.gz."
        )
    if len(magic) < 4:
        raise _truncated_header(path, len(magic), 4)
    code, ndim = magic[2:]
    if code not in ELEMENT_TYPES:
        known = ", ".join(f"0x{known:02X}" for known in ELEMENT_TYPES)
        raise DataError(
            f"{path} has the unknown IDX element type 0x{code:02X}, expected one of {known}; it is damaged "
            "or no IDX file."
        )
    if not 1 <= ndim <= MAX_NDIM:
        raise DataError(f"{path} promises {ndim} dimensions, expected 1 to {MAX_NDIM}; it is damaged or no IDX file.")
    sizes = stream.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise _truncated_header(path, 4 + len(sizes), 4 + 4 * ndim)
    return np.dtype(ELEMENT_TYPES[code]), tuple(np.frombuffer(sizes, ">u4").tolist())


def _truncated_header(path: Path, found: int, expected: int) -> DataError:
    return DataError(
        f"{path} is truncated: found {found} bytes of an IDX header of {expected}; download or copy it again."
    )
