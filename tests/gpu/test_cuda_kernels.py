"""CUDA kernels compile for the GPU, stay in registers, move 16 bytes at a time, and are launched by the backend."""

import re
from collections import Counter

import pytest

from minigan.backend import cupy_kernels

from . import host, nvrtc

SOURCE = cupy_kernels.source()
ENTRIES = host.ENTRIES.findall(SOURCE)
each_type = pytest.mark.parametrize("char", cupy_kernels.TYPES)


@each_type
def test_all_kernels_compile_to_hopper_code_that_stays_in_registers(char):
    cubin, report = nvrtc.compile_cubin(SOURCE, cupy_kernels.options(char))
    assert cubin.startswith(b"\x7fELF")
    for entry in ENTRIES:
        assert f"Compiling entry function '{entry}' for 'sm_90'" in report
    assert set(re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", report)) == {"0"}


@pytest.fixture(scope="module")
def instructions():
    """Of each kernel for float32, its instructions."""
    ptx = nvrtc.compile_ptx(SOURCE, cupy_kernels.options("f"))
    return dict(re.findall(r"\.visible \.entry (\w+)\((.*?)\n}", ptx, re.DOTALL))


VECTORS = {  # how many loads and stores of 16 bytes a thread makes of float32
    "tanh_forward": (1, 1), "tanh_backward": (2, 1), "sigmoid_forward": (1, 1), "sigmoid_backward": (2, 1),
    "leaky_relu_forward": (1, 1), "leaky_relu_backward": (2, 1), "bce_forward": (2, 1), "bce_backward": (3, 1),
    "bce_backward_of_mean": (2, 1), "bce_with_logits_forward": (2, 1), "bce_with_logits_backward": (3, 1),
    "bce_with_logits_backward_of_mean": (2, 1), "normalize": (1, 1), "norm_backward": (2, 1), "im2col": (1, 1),
    "adam": (4, 3), "lerp": (2, 1), "gather_pixels": (0, 1), "draw_uniform": (0, 2),
    "draw_normal": (0, 2), "draw_mask": (0, 4), "relu_forward": (1, 1), "relu_backward": (2, 1),
}  # fmt: skip


@pytest.mark.parametrize("entry", VECTORS)
def test_a_kernel_reads_and_writes_each_number_once_and_16_bytes_at_a_time(instructions, entry):
    moves = Counter(re.findall(r"\b(ld|st)\.global\.v4\.f32", instructions[entry]))
    assert (moves["ld"], moves["st"]) == VECTORS[entry]


@pytest.mark.parametrize("entry", ENTRIES)
def test_float32_kernels_do_no_arithmetic_in_float64(instructions, entry):
    assert ".f64" not in instructions[entry]


def test_nvrtc_shows_the_compilers_message():
    with pytest.raises(SyntaxError, match="nowhere"):
        nvrtc.compile_cubin('extern "C" __global__ void k(float* x) { *x = nowhere; }')


def test_every_kernel_is_launched_by_the_backend():
    sources = [path.read_text(encoding="utf-8") for path in cupy_kernels.KERNELS.parent.glob("cupy_*.py")]
    assert [entry for entry in ENTRIES if not any(f'"{entry}"' in source for source in sources)] == []
