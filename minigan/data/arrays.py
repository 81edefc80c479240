"""Read .npy and .npz files, NumPy's own formats, without ever running what is pickled in them.

A .npy file is a short header, which says the type and the shape, and then the numbers; a .npz file is a ZIP archive of
.npy files. NumPy parses the header; the data is read here, because `numpy.load` allocates what a header promises
before it looks whether the file holds as much.

Source: NumPy, "NEP 1 - a simple file format for NumPy arrays".
"""

import os
import warnings
import zipfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from minigan.data.classes import class_numbers
from minigan.data.files import MAX_NDIM, complaints, listed, one_line, read_data
from minigan.data.parts import Split, checked_split, only_train
from minigan.data.samples import as_labels, as_samples
from minigan.errors import DataError, NoSplitError

NPY_MAGIC, NPZ_MAGIC = npy.MAGIC_PREFIX, b"PK"
MAX_HEADER = 10_000  # NumPy's own limit; that of an array of numbers is 128 bytes long
READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}

# Under which names an archive may hold the samples and the labels of each split, the likeliest first.
SAMPLES: dict[Split, tuple[str, ...]] = {"train": ("images", "x_train", "x", "arr_0"), "test": ("x_test",)}
LABELS: dict[Split, tuple[str, ...]] = {"train": ("labels", "y_train", "y", "arr_1"), "test": ("y_test",)}


def load_arrays(
    path: str | os.PathLike[str], split: str = "train"
) -> tuple[NDArray[np.uint8] | NDArray[np.float32], NDArray[np.int64] | None]:
    """Load the samples of a .npy file, or the samples and labels of a .npz file.

    Samples are images, uint8 or floating point in [-1, 1], as (N, H, W), (N, C, H, W) with C = 1 or 3, or (N, H, W, C)
    with C = 1 or 3 or, for uint8 with transparency, 4 (which is laid on white); or points, floating point (N, F).
    An archive holds the training split as ``images``, ``x_train``, ``x`` or ``arr_0`` with ``labels``, ``y_train``,
    ``y`` or ``arr_1`` (the names that ``numpy.savez(path, images, labels)`` gives), and the test split, if it has one,
    as ``x_test`` with ``y_test``; so does Keras' mnist.npz. Labels may be missing. Classes are numbered anew, from 0,
    in the order of their numbers in the training split.

    Args:
        path: the file; its first bytes, not its name, decide which of the two it is.
        split: "train" or "test".

    Returns:
        Samples, uint8 or float32 (N, C, H, W), or float32 (N, F); and labels, int64 (N,), or None.

    Raises:
        DataError: the file is missing, damaged, neither of the two, or holds no such samples or labels.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "photos.npy")
        ...     np.save(path, np.zeros((10, 32, 32, 3), np.uint8))
        ...     samples, labels = mg.data.load_arrays(path)
        >>> samples.shape, labels
        ((10, 3, 32, 32), None)
    """
    path = Path(path)
    with complaints(path, "a .npy or .npz file"), path.open("rb") as file:
        held = os.fstat(file.fileno()).st_size
        if file.peek(2)[:2] == NPZ_MAGIC:
            with _opened(file, path) as archive:
                return _load_archive(archive, path, checked_split(split), held)
        only_train(split, str(path))
        return as_samples(_read_array(file, str(path), held), str(path)), None


def _load_archive(
    archive: zipfile.ZipFile, path: Path, split: Split, held: int
) -> tuple[NDArray[np.uint8] | NDArray[np.float32], NDArray[np.int64] | None]:
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}

    def read(names: Iterable[str]) -> tuple[np.ndarray[Any, Any] | None, str]:
        """The member under the first of these names that there is, and what to call it."""
        name = next((name for name in names if name in members), None)
        array = None if name is None else _read_member(archive, members[name], path, held)
        return array, f"{name!r} in {path}"

    array, name = read(SAMPLES[split])
    if array is None:
        raise NoSplitError(
            f"{path} holds {listed(list(members))}, expected samples of the split {split!r} under one of the names "
            f"{', '.join(SAMPLES[split])}; save it anew with such a name."
        )
    samples = as_samples(array, name)
    labels, name = read(LABELS[split])
    if labels is None:
        return samples, None
    training = None if split == "train" else read(LABELS["train"])[0]
    return samples, class_numbers(as_labels(labels, len(samples), name), training)


def _opened(file: BinaryIO, path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except Exception as error:  # zipfile meets damage with errors of many kinds, some of them not its own
        raise _damaged(path, error) from None


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, held: int) -> np.ndarray[Any, Any]:
    name = f"{info.filename!r} in {path}"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # LZMA may ask for any memory it likes
        raise DataError(f"{name} is packed in a way that NumPy never uses; write it with numpy.savez_compressed.")
    try:
        stream = archive.open(info)
    except Exception as error:
        raise _damaged(path, error) from None
    with stream:
        return _read_array(cast(BinaryIO, stream), name, held)


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is no whole .npz file ({one_line(error)}); download or copy it again.")


def _read_array(stream: BinaryIO, name: str, held: int) -> np.ndarray[Any, Any]:
    """One array in native byte order, of the format .npy, out of a file of that many bytes."""
    text = BytesIO(stream.read(MAX_HEADER))  # from this no header takes more memory, however long it claims to be
    shape, by_columns, dtype = _parsed_header(text, name)
    if dtype.kind not in "buif":
        raise DataError(f"{name} holds {_kind(dtype)}, expected numbers of type uint8 or float32; convert them first.")
    if len(shape) > MAX_NDIM:
        raise DataError(f"{name} promises {len(shape)} dimensions, expected at most {MAX_NDIM}; it is damaged.")
    data = np.frombuffer(read_data(stream, name, shape, dtype, held, text.read()), dtype)
    array = data.reshape(shape[::-1]).T if by_columns else data.reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _kind(dtype: np.dtype[Any]) -> str:
    return "Python objects" if dtype.hasobject else f"elements of type {str(dtype)[:40]}"


def _parsed_header(text: BinaryIO, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # files of Python 2 are fine
            shape, by_columns, dtype = READERS[npy.read_magic(text)](text, MAX_HEADER)
        if bool in map(type, shape):
            raise TypeError  # to the parser True is a number, but an array has no such length
        return shape, by_columns, dtype
    except Exception:  # a header is a Python literal: the errors of its parser are of any kind, and tell users nothing
        raise DataError(f"{name} has no whole .npy header, expected an array; write it with numpy.save.") from None
