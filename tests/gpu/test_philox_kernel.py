"""The Philox kernel, run on the CPU, makes the words of minigan.backend.philox."""

import numpy as np
import pytest

from minigan.backend import cupy_kernels
from minigan.backend.cupy_kernels import NULL
from minigan.backend.philox import DROPOUT, words

from . import host

UNTOUCHED = np.uint64(0xDEADBEEFDEADBEEF)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    host.require_compiler()
    options = cupy_kernels.options("f")[1:]
    return host.compile_module(cupy_kernels.source(), tmp_path_factory.mktemp("philox"), options)["philox_words"]


def launch(kernel, n, first, threads=128, spare_blocks=0, *, seed=42, purpose=DROPOUT, step=7, site=3):
    """The kernel's n words, launched with the smallest grid that makes them all and ``spare_blocks`` more."""
    guard = 8  # words before and after, which no thread may touch
    memory = np.full(n + 2 * guard, UNTOUCHED)
    counts = (n, first, seed, purpose, step, site)
    arguments = (memory[guard:], *(np.uint64(i) for i in counts), NULL)
    grid = -(-((first % 4 + n + 3) // 4) // threads) + spare_blocks
    kernel((grid,), (threads,), arguments)
    assert (memory[:guard] == UNTOUCHED).all()
    assert (memory[n + guard :] == UNTOUCHED).all()
    return memory[guard : n + guard]


@pytest.mark.parametrize("first", [0, 1, 2, 3, 4, 5, 1021, 2**32 - 1, 2**32, 2**64 - 3])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 7, 64, 513, 4099])
def test_kernel_makes_the_words_of_any_part_of_a_stream(kernel, n, first):
    expected = words(n, seed=42, purpose=DROPOUT, step=7, site=3, first=first)
    assert np.array_equal(launch(kernel, n, first), expected)


@pytest.mark.parametrize("threads", [1, 2, 32, 100, 128, 1024])
@pytest.mark.parametrize("spare_blocks", [0, 1, 3])
def test_kernel_makes_the_same_words_whatever_the_launch_shape(kernel, threads, spare_blocks):
    expected = words(1003, seed=42, purpose=DROPOUT, step=7, site=3, first=6)
    assert np.array_equal(launch(kernel, 1003, 6, threads, spare_blocks), expected)


LARGE = [0, 1, 2**32, 2**63, 2**64 - 1]


@pytest.mark.parametrize("step", LARGE)
@pytest.mark.parametrize("site", LARGE)
@pytest.mark.parametrize("seed", LARGE)
def test_kernel_takes_64_bits_of_every_part_of_key_and_counter(kernel, seed, site, step):
    for purpose in LARGE:
        where = {"seed": seed, "purpose": purpose, "step": step, "site": site}
        assert np.array_equal(launch(kernel, 5, 2, **where), words(5, first=2, **where))


def test_kernel_reads_its_place_from_memory_when_it_runs_so_that_a_replay_draws_anew(kernel):
    start, out = np.zeros(3, np.uint64), np.empty(4, np.uint64)
    arguments = (out, *(np.uint64(i) for i in (4, 0, 77, DROPOUT, 88, 2)), start)
    for seed, step, site in ((0, 0, 0), (0, 1, 0), (5, 2**64 - 1, 3)):
        start[:] = seed, step, site
        kernel((1,), (1,), arguments)
        assert np.array_equal(out, words(4, seed=seed, purpose=DROPOUT, step=step, site=site + 2))


# ---- the host itself -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({0: np.uint64(1)}, "argument 0 .* expects a NumPy array"),
        ({1: 4}, "argument 1 is 4, but the kernel expects a NumPy scalar of 8 bytes"),
        ({2: np.uint32(0)}, "argument 2 .* scalar of 8 bytes"),
        ({7: np.uint64(8)}, "argument 7 .* expects a NumPy array"),
    ],
)
def test_host_refuses_an_argument_that_a_gpu_would_misread(kernel, wrong, message):
    arguments = [np.empty(4, np.uint64), *(np.uint64(i) for i in (4, 0, 1, 2, 0, 0)), NULL]
    for position, value in wrong.items():
        arguments[position] = value
    with pytest.raises(TypeError, match=message):
        kernel((1,), (1,), tuple(arguments))
    with pytest.raises(TypeError, match="expected 8 arguments, got 7"):
        kernel((1,), (1,), tuple(arguments[:-1]))


def test_host_gives_each_thread_of_a_grid_its_own_indices(tmp_path):
    host.require_compiler()
    source = """
    extern "C" __global__ void where_am_i(unsigned* out, const float scale) {
        unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
        unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
        unsigned i = block * blockDim.x * blockDim.y * blockDim.z + thread;
        out[i] += (unsigned)(scale * i);
    }
    """
    out = np.zeros(120 * 6, np.uint32)
    host.compile_kernel(source, "where_am_i", tmp_path)((3, 2), (5, 4, 6), (out, np.float32(2)))
    assert np.array_equal(out, 2 * np.arange(720))


def test_host_threads_wait_for_each_other(tmp_path):
    host.require_compiler()
    source = """
    extern "C" __global__ void turn(unsigned* out, const unsigned rounds) {
        __shared__ unsigned passed[96];
        passed[threadIdx.x] = threadIdx.x;
        for (unsigned i = 0; i < rounds; ++i) {
            __syncthreads();
            const unsigned other = passed[(threadIdx.x + 1) % blockDim.x];
            __syncthreads();
            passed[threadIdx.x] = other;
        }
        if (threadIdx.x % 2) return;  // not all threads go on to the end
        out[blockIdx.x * blockDim.x + threadIdx.x] = passed[threadIdx.x];
    }
    """
    kernel = host.compile_kernel(source, "turn", tmp_path)
    for kernel.backwards in (False, True):
        out = np.zeros((3, 96), np.uint32)
        kernel((3,), (96,), (out, np.uint32(5)))
        assert np.array_equal(out[:, ::2], np.broadcast_to((np.arange(96) + 5) % 96, (3, 96))[:, ::2])


def test_host_shows_a_race_when_threads_run_backwards(tmp_path):
    host.require_compiler()
    source = 'extern "C" __global__ void last(unsigned* out) { *out = threadIdx.x; }'
    kernel, found, out = host.compile_kernel(source, "last", tmp_path), [], np.zeros(1, np.uint32)
    for kernel.backwards in (False, True):
        kernel((1,), (4,), (out,))
        found.append(int(out[0]))
    assert found == [3, 0]


def test_host_shows_the_compilers_message(tmp_path):
    host.require_compiler()
    with pytest.raises(SyntaxError, match="nowhere"):
        host.compile_kernel('extern "C" __global__ void k(float* x) { *x = nowhere; }', "k", tmp_path)
