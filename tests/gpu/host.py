"""Runs CUDA kernels on the CPU: their unchanged source, compiled by g++ behind a page that plays CUDA.

The threads of a block run one after another, each up to the next ``__syncthreads``, where all wait for the last. So
this checks numbers, indices and launch shapes, and no speed; races only as far as another order of the threads, from
the last to the first, gives other numbers.
"""

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

CUDA = r"""
#include <math.h>
#include <setjmp.h>
#include <ucontext.h>
#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static
using std::min;

struct dim3 { unsigned x, y, z; };
static dim3 gridDim, blockDim, blockIdx, threadIdx;

[[maybe_unused]] static unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return static_cast<unsigned __int128>(a) * b >> 64;
}
[[maybe_unused]] static void sincospi(float x, float* s, float* c) {
    *s = static_cast<float>(sin(M_PI * x)), *c = static_cast<float>(cos(M_PI * x));
}
[[maybe_unused]] static void sincospi(double x, double* s, double* c) {
    *s = static_cast<double>(sinl(M_PIl * x)), *c = static_cast<double>(cosl(M_PIl * x));
}
[[maybe_unused]] static float rsqrt(float x) { return 1 / sqrt(x); }
[[maybe_unused]] static double rsqrt(double x) { return 1 / sqrt(x); }

// Threads of one block. A fiber runs one thread after another until one of them waits; then the next fiber goes on
// with the threads that have not begun, and when all have begun, the fibers that wait are woken, one by one. Fibers are
// kept, and change places by jumps, which need no system call.
namespace block {
struct Fiber { ucontext_t start; jmp_buf place; bool begun; };
static const std::size_t STACK = 1 << 16;
static std::vector<Fiber*> idle, waiting;
static Fiber* running;
static jmp_buf scheduler;
static unsigned next;
static bool backwards, waits;
static void (*thread)();

static unsigned size() { return blockDim.x * blockDim.y * blockDim.z; }
static void leave(bool to_wait) {
    waits = to_wait;
    if (_setjmp(running->place) == 0) _longjmp(scheduler, 1);
}
static void live() {
    for (;; leave(false)) {
        while (next < size()) {
            const unsigned i = backwards ? size() - 1 - next : next;
            ++next;
            threadIdx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
            thread();
        }
    }
}
static Fiber* fresh() {
    static Fiber* fiber;  // static, as getcontext may return twice
    if (idle.empty()) {
        fiber = new Fiber();
        getcontext(&fiber->start);
        fiber->start.uc_stack.ss_sp = new char[STACK];
        fiber->start.uc_stack.ss_size = STACK;
        makecontext(&fiber->start, live, 0);
    } else {
        fiber = idle.back();
        idle.pop_back();
    }
    return fiber;
}
__attribute__((noinline)) static void resume(Fiber* fiber) {  // which a jump returns to
    running = fiber;
    if (_setjmp(scheduler) == 0) {
        if (running->begun) _longjmp(running->place, 1);
        running->begun = true;
        setcontext(&running->start);
    }
    (waits ? waiting : idle).push_back(running);
}
static void run(void (*f)()) {
    thread = f, next = 0;
    while (next < size()) resume(fresh());
    while (!waiting.empty()) {
        static std::vector<Fiber*> woken;
        woken.swap(waiting);
        for (Fiber* fiber : woken) resume(fiber);
        woken.clear();
    }
}
}  // namespace block

[[maybe_unused]] static void __syncthreads() {
    const dim3 me = threadIdx;
    block::leave(true);
    threadIdx = me;
}
"""

# Appended once: what a kernel expects of its arguments, and a function that runs the whole grid.
# As in CUDA's own launch function, each argument comes as a pointer to its value.
LAUNCHER = """
template <class... A> constexpr std::array<int, sizeof...(A) + 1> describe(void (*)(A...)) {
    return {(std::is_pointer_v<A> ? 0 : static_cast<int>(sizeof(A)))..., -1};
}
static void** arguments;
template <class... A, std::size_t... I>
static void call(void (*kernel)(A...), std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_const_t<A>*>(arguments[I])...);
}
template <class... A> static void call(void (*kernel)(A...)) { call(kernel, std::index_sequence_for<A...>()); }
static void run_grid(const dim3* grid, const dim3* block_size, void** values, int backwards, void (*thread)()) {
    gridDim = *grid, blockDim = *block_size, arguments = values, block::backwards = backwards;
    for (blockIdx.z = 0; blockIdx.z < gridDim.z; ++blockIdx.z)
    for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y)
    for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x)
        block::run(thread);
}
"""

# Appended for each kernel NAME.
ENTRY = """
extern "C" const auto signature_NAME = describe(NAME);
extern "C" void launch_NAME(const dim3* grid, const dim3* block, void** arguments, int backwards) {
    run_grid(grid, block, arguments, backwards, [] { call(NAME); });
}
"""

COMPILER = "g++"
ENTRIES = re.compile(r'extern "C" __global__ void (\w+)\(')
OPTIONS = (
    "-std=c++17",
    "-O2",
    "-U_FORTIFY_SOURCE",
    "-shared",
    "-fPIC",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unknown-pragmas",
)


class Kernel:
    """A kernel that is launched as a cupy.RawKernel is: ``kernel(grid, block, arguments)``.

    A NumPy array is passed as a pointer to its data, a NumPy scalar by value, and a null pointer as the number 0.
    Where CuPy would silently pass something else than the kernel expects, this raises TypeError.

    Attributes:
        backwards: whether the threads of a block run from the last to the first.
    """

    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        self.backwards = False
        self._launch = getattr(library, f"launch_{name}")
        signature = ctypes.cast(getattr(library, f"signature_{name}"), ctypes.POINTER(ctypes.c_int))
        self._sizes: list[int] = []  # of each argument in bytes; 0 for a pointer
        while signature[len(self._sizes)] >= 0:
            self._sizes.append(signature[len(self._sizes)])

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], arguments: tuple[object, ...]) -> None:
        if len(arguments) != len(self._sizes):
            raise TypeError(f"expected {len(self._sizes)} arguments, got {len(arguments)}")
        values = [_as_value(a, size, i) for i, (a, size) in enumerate(zip(arguments, self._sizes, strict=True))]
        pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
        self._launch(_dim3(grid), _dim3(block), pointers, self.backwards)


def compile_module(source: str, folder: Path, options: tuple[str, ...] = ()) -> dict[str, Kernel]:
    """All kernels in ``source``, by name, compiled into a library in ``folder``, if it is not there yet."""
    names = ENTRIES.findall(source)
    code = CUDA + source + LAUNCHER + "".join(ENTRY.replace("NAME", name) for name in names)
    found = hashlib.sha256(repr((code, OPTIONS, options)).encode()).hexdigest()[:16]
    library = folder / f"{found}.so"
    if not library.exists():
        (folder / f"{found}.cpp").write_text(code)
        made = folder / f"{found}.{os.getpid()}.so"
        command = [COMPILER, *OPTIONS, *options, str(folder / f"{found}.cpp"), "-o", str(made)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SyntaxError(done.stderr)
        made.replace(library)  # at once: another process may look
    opened = ctypes.CDLL(str(library))
    return {name: Kernel(opened, name) for name in names}


def compile_kernel(source: str, name: str, folder: Path) -> Kernel:
    """The kernel ``name`` in ``source``, compiled into a library in ``folder``."""
    return compile_module(source, folder)[name]


def require_compiler() -> None:
    """Skip the calling test if there is no g++."""
    if shutil.which(COMPILER) is None:
        pytest.skip("running a kernel on the CPU needs g++: apt install g++")


def _as_value(argument: object, size: int, position: int) -> np.ndarray:
    """The argument's value, itself in memory."""
    if isinstance(argument, np.ndarray) and size == 0:
        return np.array(argument.ctypes.data, np.uintp)
    if size == 0 and isinstance(argument, np.uint64) and argument == 0:
        return np.array(0, np.uintp)
    if isinstance(argument, np.generic) and argument.nbytes == size:
        return np.array(argument)
    expected = f"a NumPy scalar of {size} bytes" if size else "a NumPy array"
    raise TypeError(f"argument {position} is {argument!r}, but the kernel expects {expected}")


def _dim3(shape: tuple[int, ...]) -> ctypes.Array[ctypes.c_uint]:
    return (ctypes.c_uint * 3)(*shape, *(1,) * (3 - len(shape)))
