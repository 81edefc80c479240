"""A cuBLAS that computes on the CPU, called through the same C interface as the real one.

Its functions are C function pointers with the arguments that NVIDIA's header declares, so an argument too many or of
another size does not go through. Matrices are read and written column by column, as the manual of cuBLAS says; what
it forbids is answered by a status, as the real one does.
"""

import ctypes
import re
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from .machine import machine

# From cublas_api.h of CUDA 13, parameter by parameter.
HEADER = """
cublasStatus_t cublasCreate_v2(cublasHandle_t* handle);
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t streamId);
cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, size_t workspaceSizeInBytes);
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int m, int n, int k, const void* alpha, const void* A, cudaDataType Atype, int lda,
    const void* B, cudaDataType Btype, int ldb, const void* beta, void* C, cudaDataType Ctype, int ldc,
    cublasComputeType_t computeType, cublasGemmAlgo_t algo);
cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
    int m, int n, int k, const void* alpha, const void* A, cudaDataType Atype, int lda, long long int strideA,
    const void* B, cudaDataType Btype, int ldb, long long int strideB, const void* beta,
    void* C, cudaDataType Ctype, int ldc, long long int strideC, int batchCount,
    cublasComputeType_t computeType, cublasGemmAlgo_t algo);
"""
C_TYPES = {
    "cublasHandle_t*": ctypes.POINTER(ctypes.c_void_p), "cublasHandle_t": ctypes.c_void_p,
    "cudaStream_t": ctypes.c_void_p, "void*": ctypes.c_void_p, "const void*": ctypes.c_void_p,
    "size_t": ctypes.c_size_t, "long long int": ctypes.c_longlong, "int": ctypes.c_int,
    "cublasOperation_t": ctypes.c_int, "cudaDataType": ctypes.c_int, "cublasComputeType_t": ctypes.c_int,
    "cublasGemmAlgo_t": ctypes.c_int,
}  # fmt: skip
SUCCESS, NOT_INITIALIZED, INVALID_VALUE, NOT_SUPPORTED = 0, 1, 7, 15

# What cublasGemmEx supports of it: cudaDataType, cublasComputeType_t -> the types of the numbers and of the factors
FLOATS = {(0, 68): np.float32, (0, 77): np.float32, (1, 70): np.float64}


def prototypes() -> dict[str, list[Any]]:
    """The types of the arguments of each function, as the header has them."""
    found = {}
    for name, parameters in re.findall(r"cublasStatus_t (\w+)\((.*?)\);", HEADER, re.DOTALL):
        types = [re.sub(r"\s*\w+$", "", " ".join(parameter.split())) for parameter in parameters.split(",")]
        found[name] = [C_TYPES[t] for t in types]
    return found


class Handle:
    """What the library knows of a handle."""

    def __init__(self) -> None:
        self.stream: int | None = None
        self.workspace = 0


class FakeCublas:
    """The library.

    Attributes:
        calls: the products asked for, as (function, op(A), op(B), m, n, k, number of matrices).
    """

    def __init__(self) -> None:
        self.handles: dict[int, Handle] = {}
        self.calls: list[tuple[Any, ...]] = []

    def library(self) -> Any:
        """What `ctypes.CDLL` would give."""
        functions = {}
        for name, types in prototypes().items():
            functions[name] = ctypes.CFUNCTYPE(ctypes.c_int, *types)(getattr(self, f"_{name}"))
        return SimpleNamespace(**functions)

    def _cublasCreate_v2(self, handle: Any) -> int:
        handle[0] = number = 0x1000 + len(self.handles)
        self.handles[number] = Handle()
        return SUCCESS

    def _cublasSetStream_v2(self, handle: int, stream: int | None) -> int:
        self.handles[handle].stream, self.handles[handle].workspace = stream or 0, 0  # it takes back its own workspace
        return SUCCESS

    def _cublasSetWorkspace_v2(self, handle: int, workspace: int, size: int) -> int:
        if workspace % 256:
            return INVALID_VALUE
        self.handles[handle].workspace = size
        return SUCCESS

    def _cublasGemmEx(self, handle, transa, transb, m, n, k, alpha, a, atype, lda, b, btype, ldb,
                      beta, c, ctype, ldc, compute, algo):  # fmt: skip
        return self._product("cublasGemmEx", handle, transa, transb, m, n, k, alpha, a, atype, lda, 0,
                             b, btype, ldb, 0, beta, c, ctype, ldc, 0, 1, compute, algo)  # fmt: skip

    def _cublasGemmStridedBatchedEx(self, *args: Any) -> int:
        return self._product("cublasGemmStridedBatchedEx", *args)

    def _product(self, name, handle, transa, transb, m, n, k, alpha, a, atype, lda, stride_a, b, btype, ldb, stride_b,
                 beta, c, ctype, ldc, stride_c, count, compute, algo):  # fmt: skip
        if transa not in (0, 1) or transb not in (0, 1) or algo != -1 or min(m, n, k, count) < 0:
            return INVALID_VALUE
        if lda < max(1, k if transa else m) or ldb < max(1, n if transb else k) or ldc < max(1, m):
            return INVALID_VALUE
        if min(stride_a, stride_b, stride_c) < 0:  # the manual knows of none
            return INVALID_VALUE
        if not (atype == btype == ctype) or (atype, compute) not in FLOATS:
            return NOT_SUPPORTED
        if not self.handles[handle].workspace or self.handles[handle].stream != machine.stream.ptr:
            return NOT_INITIALIZED  # it would ask for memory, or run on another stream
        self.calls.append((name, transa, transb, m, n, k, count))
        dtype = np.dtype(FLOATS[atype, compute])
        factors = [_memory(p, dtype, 1)[0] for p in (alpha, beta)]  # read at once, as on a real GPU
        sizes = (transa, transb, m, n, k, count)
        product = partial(_multiply, dtype, sizes, *factors, (a, lda, stride_a), (b, ldb, stride_b), (c, ldc, stride_c))
        if machine.graph:
            machine.graph.nodes.append(product)
        else:
            product()
        machine.launches += 1
        return SUCCESS


def _multiply(dtype, sizes, alpha, beta, a, b, c):
    """C = alpha op(A) op(B) + beta C for each matrix, given by its pointer, ld and stride."""
    transa, transb, m, n, k, count = sizes
    for i in range(count):
        left = _matrix(a, i, dtype, (k, m) if transa else (m, k))
        right = _matrix(b, i, dtype, (n, k) if transb else (k, n))
        y = _matrix(c, i, dtype, (m, n))
        product = alpha * ((left.T if transa else left) @ (right.T if transb else right))
        y[...] = product if beta == 0 else product + beta * y  # C need not hold numbers where beta is 0


def _matrix(of: tuple[int, int, int], i: int, dtype: Any, shape: tuple[int, int]) -> Any:
    """Matrix i of those at a pointer, column by column, ``ld`` numbers from one to the next."""
    (pointer, ld, stride), (rows, columns) = of, shape
    memory = _memory(pointer + i * stride * dtype.itemsize, dtype, ld * (columns - 1) + rows)
    return np.lib.stride_tricks.as_strided(memory, shape, (dtype.itemsize, ld * dtype.itemsize))


def _memory(pointer: int, dtype: Any, n: int) -> Any:
    return np.frombuffer((ctypes.c_byte * (n * dtype.itemsize)).from_address(pointer), dtype)
