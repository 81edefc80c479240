"""Matrix products by cuBLAS, called directly: in contrast to CuPy's own calls, these may be captured into a CUDA graph.

cuBLAS reads matrices column by column, so to it memory that holds Y row by row is Y^T. Hence Y = X1 X2 is asked for
as Y^T = X2^T X1^T; and whatever lies in memory the other way round is transposed by a flag, never by a copy.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from ctypes import POINTER, c_int, c_longlong, c_size_t, c_void_p
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from minigan.backend.base.arrays import Array
from minigan.errors import DeviceError

# ---- of cublas_api.h and library_types.h -----------------------------------------------------------------

OP_N, OP_T = 0, 1
R_32F, R_64F = 0, 1
COMPUTE_32F, COMPUTE_64F, COMPUTE_32F_FAST_TF32 = 68, 70, 77
GEMM_DEFAULT = -1
INT_MAX = 2**31 - 1

SIGNATURES: dict[str, tuple[Any, ...]] = {  # the arguments of each function in use; all return a status
    "cublasCreate_v2": (POINTER(c_void_p),),
    "cublasSetStream_v2": (c_void_p, c_void_p),
    "cublasSetWorkspace_v2": (c_void_p, c_void_p, c_size_t),
    # handle, op(A), op(B), m, n, k, alpha, A, type, ld, B, type, ld, beta, C, type, ld, compute type, algorithm
    "cublasGemmEx": (
        c_void_p, c_int, c_int, c_int, c_int, c_int, c_void_p, c_void_p, c_int, c_int, c_void_p, c_int, c_int,
        c_void_p, c_void_p, c_int, c_int, c_int, c_int,
    ),
    # the same with a stride after each ld, and the number of matrices after C
    "cublasGemmStridedBatchedEx": (
        c_void_p, c_int, c_int, c_int, c_int, c_int, c_void_p, c_void_p, c_int, c_int, c_longlong,
        c_void_p, c_int, c_int, c_longlong, c_void_p, c_void_p, c_int, c_int, c_longlong, c_int, c_int, c_int,
    ),
}  # fmt: skip

STATUS = {
    1: "it could not be initialised",
    3: "there is no memory left for it",
    7: "an argument is out of range",
    8: "the GPU lacks what it needs",
    13: "it failed on the GPU",
    14: "an internal error",
    15: "it does not support that",
}


class _Kind(NamedTuple):
    """What the numbers are: their cudaDataType_t, how to compute with them, and 1 and 0 as the factors of a product."""

    dtype: int
    compute: int
    one: Any
    zero: Any


def _address_of(number: Any) -> Any:
    """A pointer to the number, which it keeps alive."""
    return ctypes.cast(ctypes.pointer(number), c_void_p)


_KINDS = {
    "f": _Kind(R_32F, COMPUTE_32F, _address_of(ctypes.c_float(1)), _address_of(ctypes.c_float(0))),
    "d": _Kind(R_64F, COMPUTE_64F, _address_of(ctypes.c_double(1)), _address_of(ctypes.c_double(0))),
}

# ---- layouts ---------------------------------------------------------------------------------------------


class Matrix(NamedTuple):
    """An array (rows, columns), or (count, rows, columns) for a stack of matrices, as cuBLAS reads it.

    Attributes:
        array: what holds the numbers.
        by_column: whether those of a column lie side by side in memory, and not those of a row.
        ld: how many numbers further the next column, or row, begins: the leading dimension.
        stride: how many numbers further the next matrix begins.
    """

    array: Array
    by_column: bool
    ld: int
    stride: int


def as_matrix(x: Array) -> Matrix | None:
    """The array as it lies in memory; None if cuBLAS cannot read that.

    Example:
        >>> from minigan.backend.cublas import as_matrix
        >>> as_matrix(np.zeros((2, 3)).T).ld, as_matrix(np.zeros((2, 3))[:, ::2])
        (3, None)
    """
    size = x.itemsize
    *outer, down, right = x.strides
    rows, columns = x.shape[-2:]
    stride = outer[0] // size if outer and x.shape[0] > 1 else 0
    if rows == 1:
        down = columns * size if right == size or columns == 1 else size
    if columns == 1:
        right = size
    if stride >= 0 and right == size and columns * size <= down <= INT_MAX * size:
        return Matrix(x, False, down // size, stride)
    if stride >= 0 and down == size and rows * size <= right <= INT_MAX * size:
        return Matrix(x, True, right // size, stride)
    return None


# ---- products --------------------------------------------------------------------------------------------


class Cublas:
    """cuBLAS on one device, for what is launched on one stream.

    Attributes:
        workspace: the memory in which products work, see :meth:`work_in`; None as long as there is none.
    """

    def __init__(self, library: Any, stream: int, tf32: bool = False) -> None:
        self.workspace: Any = None
        self._library = library
        self._kinds = dict(_KINDS)
        if tf32:
            self._kinds["f"] = _KINDS["f"]._replace(compute=COMPUTE_32F_FAST_TF32)
        self._handle = c_void_p()
        self._call("cublasCreate_v2", ctypes.byref(self._handle))
        self._call("cublasSetStream_v2", self._handle, stream)

    def work_in(self, workspace: Any, size: int) -> None:
        """Let products work in this memory of so many bytes from now on, and so ask for none.

        A captured product works there whenever its graph is launched, on whatever stream: two graphs that are launched
        at once must not share it.
        """
        self._call("cublasSetWorkspace_v2", self._handle, workspace.ptr, size)
        self.workspace = workspace  # kept alive

    def matmul(self, x1: Matrix, x2: Matrix, y: Matrix) -> None:
        """y = x1 x2, for numbers of one type.

        Args:
            x1: (m, k), or (count, m, k), which may be one matrix with a stride of 0.
            x2: (k, n) or (count, k, n), likewise.
            y: (m, n) or (count, m, n), by rows; none of the lengths is 0.
        """
        m, n = y.array.shape[-2:]
        count = [size for size in y.array.shape[:-2] if size > 1]
        kind, stacked = self._kinds[y.array.dtype.char], bool(count)
        of_1, of_2, of_y = ((x.array.data.ptr, kind.dtype, x.ld, x.stride)[: 3 + stacked] for x in (x1, x2, y))
        self._call(
            "cublasGemmStridedBatchedEx" if stacked else "cublasGemmEx", self._handle,
            OP_T if x2.by_column else OP_N, OP_T if x1.by_column else OP_N, n, m, x1.array.shape[-1],
            kind.one, *of_2, *of_1, kind.zero, *of_y, *count, kind.compute, GEMM_DEFAULT,
        )  # fmt: skip

    def _call(self, name: str, *args: Any) -> None:
        status = getattr(self._library, name)(*args)
        if status:
            raise DeviceError(f"cuBLAS: {name} failed with status {status}: {STATUS.get(status, 'see its manual')}.")


# ---- the library -----------------------------------------------------------------------------------------


def cublas() -> Cublas:
    """cuBLAS for the device and the stream that are current, in memory of its own if it was given none."""
    import cupy

    found = _current()
    if found.workspace is None:
        # Not of CuPy's pool: what that gives out during a capture belongs to the graph.
        found.work_in(cupy.cuda.Memory(_workspace_size()), _workspace_size())
    return found


@contextlib.contextmanager
def working_in(allocate: Callable[[int], Any]) -> Iterator[None]:
    """Inside, products on the device and the stream that are current work in memory that ``allocate(bytes)`` gives."""
    found = _current()
    found.work_in(allocate(_workspace_size()), _workspace_size())
    try:
        yield
    finally:
        found.workspace = None


def _workspace_size() -> int:
    """In bytes, as NVIDIA advises."""
    import cupy

    return (32 if _generation(cupy.cuda.Device().id) >= 9 else 4) << 20


def _current() -> Cublas:
    import cupy

    return _cublas(cupy.cuda.Device().id, cupy.cuda.get_current_stream().ptr)


@cache
def _cublas(device: int, stream: int) -> Cublas:
    return Cublas(library(), stream, tf32=_generation(device) >= 8 and wants_tf32())


def _generation(device: int) -> int:
    """The first part of the GPU's compute capability: 9 for Hopper."""
    import cupy

    return int(cupy.cuda.runtime.getDeviceProperties(device)["major"])


@cache
def library() -> Any:
    """The library, found where CuPy finds it, its functions ready to be called.

    Raises:
        DeviceError: there is none.
    """
    try:
        pathfinder = import_module("cuda.pathfinder")
        found = ctypes.CDLL(pathfinder.load_nvidia_dynamic_lib("cublas").abs_path)
        functions = {name: getattr(found, name) for name in SIGNATURES}
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DeviceError(
            f"cuBLAS, NVIDIA's library for matrix products, cannot be loaded ({type(error).__name__}: {reason}). "
            "Install it beside CuPy: pip install 'minigan[cuda13]', or 'minigan[cuda12]' for CUDA 12."
        ) from error
    for name, function in functions.items():
        function.argtypes, function.restype = SIGNATURES[name], c_int
    return found


@cache
def wants_tf32() -> bool:
    """Whether CuPy is set to multiply float32 matrices by TF32: ten bits of precision, on faster units."""
    return int(os.environ.get("CUPY_TF32", "0")) > 0
