"""``save`` and ``load``: nested dictionaries of arrays and plain values, as safetensors. No pickle, no code.

A file holds the arrays as tensors, and the tree they hang in as JSON metadata. Writing goes to a temporary file
beside the target, which is flushed and then renamed: a reader sees the old file or the new one, never half of
one. A SHA-256 over the content is stored with it and checked on loading.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO, Any

import numpy as np

from minigan.backend import get_backend
from minigan.errors import ArgumentError, DTypeError, RunError
from minigan.variable import Variable

_KEY = "minigan"  # of the file's metadata
_ARRAY = "__array__"  # marks the place of an array in the JSON tree


def save(tree: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a nested dictionary of arrays, tensors, numbers, strings, lists and None to ``path``.

    Args:
        tree: string keys; values are arrays, tensors, dictionaries, lists, or plain JSON values.
        path: the file, by custom ending in .safetensors.

    Raises:
        RunError: the file cannot be written. Nothing is left behind, and an older file stays as it was.
        DTypeError: a value of another kind, a key that cannot be told from another in a file, or plain values of more
            than 8 MiB as JSON, which :func:`load` would not take.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "x.safetensors")
    >>> mg.save({"step": 3, "G": {"weight": mg.ones(2)}}, path)
    >>> mg.load(path)
    {'step': 3, 'G': {'weight': array([1., 1.], dtype=float32)}}
    """
    _require_path("save", path)
    write_whole(Path(path), _to_bytes(tree))


def _to_bytes(tree: dict[str, Any]) -> bytes:
    import json

    from safetensors.numpy import save as to_bytes

    from minigan.tensor_file import HEADER_LIMIT

    arrays: dict[str, Any] = {}
    described = json.dumps(_describe(tree, "", arrays))
    # One key: safetensors writes several in random order, and equal content shall be equal bytes.
    metadata = {_KEY: json.dumps({"tree": described, "sha256": _digest(described, arrays)})}
    content: bytes = to_bytes(arrays, metadata)
    header = int.from_bytes(content[:8], "little")
    if header > HEADER_LIMIT:
        raise DTypeError(
            f"Cannot save plain values of {header:,} bytes as JSON: expected at most {HEADER_LIMIT:,}. "
            "Put long lists of numbers into arrays."
        )
    return content


def _require_path(caller: str, path: Any) -> None:
    if not isinstance(path, str | os.PathLike):  # Python would take a number for an open file
        raise ArgumentError(f"{caller}: expected the path of a file, but got an object of type {type(path).__name__}.")


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what :func:`save` wrote: the same nested dictionary, with NumPy arrays.

    A file from a stranger can do no harm: no code of it is run, and its sizes are checked before anything is allocated.

    Raises:
        RunError: the file is missing, is not such a file, or was damaged.
    """
    from minigan.tensor_file import TensorFileError, read

    _require_path("load", path)
    try:
        texts, arrays = read(path)
    except FileNotFoundError:
        raise RunError(f"No file {path}. Check the path.") from None
    except TensorFileError as error:
        raise RunError(f"Cannot read {path}: {error}. Expected a whole safetensors file; use another copy.") from None
    except OSError as error:
        raise RunError(
            f"Cannot read {path}: {error.strerror or error}. Check what it is and who may read it."
        ) from None
    except ValueError as error:  # a name that no file can have
        raise RunError(f"Cannot read {path!r}: {error}. Check the path.") from None
    if _KEY not in texts:
        raise RunError(f"{path} is a safetensors file, but was not written by minigan. Expected one by mg.save.")
    tree = _checked_tree(texts[_KEY], arrays)
    if not isinstance(tree, dict):
        raise RunError(f"{path} was damaged: its content does not match its SHA-256. Use another copy.")
    return tree


def _checked_tree(text: str, arrays: dict[str, Any]) -> Any:
    """The tree that the metadata describe; None if they do not match the arrays, or each other."""
    import json

    try:
        content = json.loads(text)
        whole = _digest(content["tree"], arrays) == content["sha256"]
        return _rebuild(json.loads(content["tree"]), arrays) if whole else None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


# ---- writing files ---------------------------------------------------------------------------------------


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old content or the new, never a part; on return it is on the disk.

    Raises:
        RunError: the disk is full, the folder may not be written, and so on.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with open_itself(temporary, "wb") as file:
                file.write(content)
                sync(file)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"Cannot write {path}: {error.strerror or error}; make room or choose another place. Nothing was changed."
        ) from None
    sync_folder(path.parent)


NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # Windows has no such flag


def open_itself(path: Path, mode: str) -> IO[bytes]:
    """Open a file, but never what a link of its name leads to: in a stranger's folder that may be any file of ours."""
    return open(path, mode, opener=lambda name, flags: os.open(name, flags | NO_LINK, 0o666))


def sync(file: Any) -> None:
    """Return when the content of an open file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Return when the names of the files in a folder are on the disk: only then does a renaming outlast a power cut.

    Raises:
        RunError: the disk fails.
    """
    if os.name == "nt":  # Windows has no such call
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot, such as some of networks
            raise RunError(f"Cannot get {folder} to the disk: {error.strerror or error}; check the disk.") from None


# ---- trees -----------------------------------------------------------------------------------------------


def _describe(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    """The JSON form of a value; arrays go to ``arrays`` and leave their name."""
    if isinstance(value, dict):
        if _ARRAY in value:
            raise DTypeError(f"Cannot save {name or 'the tree'}: the key {_ARRAY!r} is reserved. Use another key.")
        if len({str(key) for key in value}) < len(value):
            raise DTypeError(f"Cannot save {name or 'the tree'}: some of its keys {list(value)} are equal as strings.")
        return {str(key): _describe(part, f"{name}.{key}" if name else str(key), arrays) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_describe(part, f"{name}.{i}", arrays) for i, part in enumerate(value)]
    if isinstance(value, Variable):
        value = value._data
    if hasattr(value, "shape") and not isinstance(value, np.generic):
        while name in arrays or name == "__metadata__":  # {"a.b": x, "a": {"b": y}}; the format's own name
            name += "_"
        if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
            raise DTypeError(
                f"Cannot save {name or 'the value'}, an array of {value.dtype}: expected numbers of at most 64 bits."
            )
        native = value.dtype.newbyteorder("=")
        arrays[name] = np.ascontiguousarray(get_backend(value).to_host(value), native).reshape(value.shape)
        return {_ARRAY: name}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise DTypeError(
        f"Cannot save {name or 'the value'} of type {type(value).__name__}: expected arrays or plain values."
    )


def _rebuild(value: Any, arrays: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_rebuild(part, arrays) for part in value]
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return arrays.pop(value[_ARRAY])  # in one place only: a file must not grow when it is read
        return {key: _rebuild(part, arrays) for key, part in value.items()}
    return value


def _digest(described: str, arrays: dict[str, Any]) -> str:
    import hashlib

    digest = hashlib.sha256(described.encode())
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()
