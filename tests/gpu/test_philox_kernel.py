"""The Philox kernel, run on the CPU, makes the words of minigan.backend.philox."""

from pathlib import Path

import numpy as np
import pytest

from minigan.backend import philox
from minigan.backend.philox import DROPOUT, words

from . import host

SOURCE = (Path(philox.__file__).parent / "kernels" / "philox.cu").read_text(encoding="ascii")
UNTOUCHED = np.uint64(0xDEADBEEFDEADBEEF)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    host.require_compiler()
    return host.compile_kernel(SOURCE, "philox_words", tmp_path_factory.mktemp("philox"))


def launch(kernel, n, first, threads=128, spare_blocks=0, *, seed=42, purpose=DROPOUT, step=7, site=3):
    """The kernel's n words, launched with the smallest grid that makes them all and ``spare_blocks`` more."""
    guard = 8  # words before and after, which no thread may touch
    memory = np.full(n + 2 * guard, UNTOUCHED)
    counts = (n, first, seed, purpose, site)
    arguments = (memory[guard:], *(np.uint64(i) for i in counts), np.array(step, np.uint64))
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


def test_kernel_reads_the_step_when_it_runs_so_that_a_replay_draws_anew(kernel):
    step, out = np.array(0, np.uint64), np.empty(4, np.uint64)
    arguments = (out, *(np.uint64(i) for i in (4, 0, 1, DROPOUT, 0)), step)
    for now in range(3):
        step[...] = now
        kernel((1,), (1,), arguments)
        assert np.array_equal(out, words(4, seed=1, purpose=DROPOUT, step=now, site=0))


# ---- the host itself -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({0: np.uint64(0)}, "argument 0 .* expects a NumPy array"),
        ({1: 4}, "argument 1 is 4, but the kernel expects a NumPy scalar of 8 bytes"),
        ({2: np.uint32(0)}, "argument 2 .* scalar of 8 bytes"),
        ({6: np.uint64(0)}, "argument 6 .* expects a NumPy array"),
    ],
)
def test_host_refuses_an_argument_that_a_gpu_would_misread(kernel, wrong, message):
    arguments = [np.empty(4, np.uint64), *(np.uint64(i) for i in (4, 0, 1, 2, 0)), np.array(0, np.uint64)]
    for position, value in wrong.items():
        arguments[position] = value
    with pytest.raises(TypeError, match=message):
        kernel((1,), (1,), tuple(arguments))
    with pytest.raises(TypeError, match="expected 7 arguments, got 6"):
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


def test_host_shows_the_compilers_message(tmp_path):
    host.require_compiler()
    with pytest.raises(SyntaxError, match="nowhere"):
        host.compile_kernel('extern "C" __global__ void k(float* x) { *x = nowhere; }', "k", tmp_path)
