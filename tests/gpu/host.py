"""Runs a CUDA kernel on the CPU: its unchanged source, compiled by g++ behind a few lines that play CUDA.

Threads run one after another, so this checks numbers, indices and launch shapes, and neither races nor speed.
It knows no ``__shared__`` and no ``__syncthreads``: a kernel that uses them does not compile here.
"""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

CUDA = """
#include <array>
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __forceinline__ inline

struct dim3 { unsigned x, y, z; };
static dim3 gridDim, blockDim, blockIdx, threadIdx;

[[maybe_unused]] static unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return static_cast<unsigned __int128>(a) * b >> 64;
}
"""

# Appended for one kernel NAME: what it expects of its arguments, and a function that runs the whole grid.
# As in CUDA's own launch function, each argument comes as a pointer to its value.
LAUNCHER = """
template <class... A> constexpr std::array<int, sizeof...(A) + 1> describe(void (*)(A...)) {
    return {(std::is_pointer_v<A> ? 0 : static_cast<int>(sizeof(A)))..., -1};
}
extern "C" const auto signature = describe(NAME);

template <class... A, std::size_t... I>
static void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_const_t<A>*>(arguments[I])...);
}

template <class... A> static void call(void (*kernel)(A...), void** arguments) {
    call(kernel, arguments, std::index_sequence_for<A...>());
}

extern "C" void launch(const dim3* grid, const dim3* block, void** arguments) {
    gridDim = *grid;
    blockDim = *block;
    for (blockIdx.z = 0; blockIdx.z < gridDim.z; ++blockIdx.z)
    for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y)
    for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x)
        for (threadIdx.z = 0; threadIdx.z < blockDim.z; ++threadIdx.z)
        for (threadIdx.y = 0; threadIdx.y < blockDim.y; ++threadIdx.y)
        for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x)
            call(NAME, arguments);
}
"""

COMPILER = "g++"
OPTIONS = ("-std=c++17", "-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas")


class Kernel:
    """A kernel that is launched as a cupy.RawKernel is: ``kernel(grid, block, arguments)``.

    A NumPy array is passed as a pointer to its data, a NumPy scalar by value. Where CuPy would silently pass
    something else than the kernel expects, this raises TypeError.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._launch = library.launch
        signature = ctypes.cast(library.signature, ctypes.POINTER(ctypes.c_int))
        self._sizes: list[int] = []  # of each argument in bytes; 0 for a pointer
        while signature[len(self._sizes)] >= 0:
            self._sizes.append(signature[len(self._sizes)])

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], arguments: tuple[object, ...]) -> None:
        if len(arguments) != len(self._sizes):
            raise TypeError(f"expected {len(self._sizes)} arguments, got {len(arguments)}")
        values = [_as_value(a, size, i) for i, (a, size) in enumerate(zip(arguments, self._sizes, strict=True))]
        pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
        self._launch(_dim3(grid), _dim3(block), pointers)


def compile_kernel(source: str, name: str, folder: Path) -> Kernel:
    """Compile ``source``, in which the kernel ``name`` is, into a library in ``folder``."""
    code, library = folder / f"{name}.cpp", folder / f"{name}.so"
    code.write_text(CUDA + source + LAUNCHER.replace("NAME", name))
    done = subprocess.run([COMPILER, *OPTIONS, str(code), "-o", str(library)], capture_output=True, text=True)
    if done.returncode:
        raise SyntaxError(done.stderr)
    return Kernel(ctypes.CDLL(str(library)))


def require_compiler() -> None:
    """Skip the calling test if there is no g++."""
    if shutil.which(COMPILER) is None:
        pytest.skip("running a kernel on the CPU needs g++: apt install g++")


def _as_value(argument: object, size: int, position: int) -> np.ndarray:
    """The argument's value, itself in memory."""
    if isinstance(argument, np.ndarray) and size == 0:
        return np.array(argument.ctypes.data, np.uintp)
    if isinstance(argument, np.generic) and argument.nbytes == size:
        return np.array(argument)
    expected = f"a NumPy scalar of {size} bytes" if size else "a NumPy array"
    raise TypeError(f"argument {position} is {argument!r}, but the kernel expects {expected}")


def _dim3(shape: tuple[int, ...]) -> ctypes.Array[ctypes.c_uint]:
    return (ctypes.c_uint * 3)(*shape, *(1,) * (3 - len(shape)))
