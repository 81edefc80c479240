"""Compiles a CUDA kernel for a GPU, on a machine that has neither a GPU nor a driver.

NVRTC, CUDA's compiler as a library, is found and called through CuPy, as it is when CuPy compiles a kernel
before its first launch.
"""

from typing import Any

import pytest

INSTALL = "pip install cupy-cuda13x nvidia-cuda-nvrtc"


def require_nvrtc() -> Any:
    """CuPy's binding of NVRTC; skips the calling test if one of the two is missing."""
    try:
        from cupy.cuda import nvrtc

        nvrtc.getVersion()
    except Exception as error:  # CuPy raises RuntimeErrors of several kinds for a library that is missing
        pytest.skip(f"compiling a kernel needs CuPy and NVRTC: {INSTALL} ({type(error).__name__}: {error})")
    return nvrtc


def compile_cubin(source: str, arch: str = "sm_90") -> tuple[bytes, str]:
    """The machine code of all kernels in ``source``, and the report of registers and memory they use.

    Raises:
        SyntaxError: NVRTC refuses the source; the message is its own.
    """
    nvrtc = require_nvrtc()
    program = nvrtc.createProgram(source, "kernel.cu", (), ())
    try:
        # C++17 and flushed denormals are what CuPy asks for too
        nvrtc.compileProgram(program, (f"-arch={arch}", "-std=c++17", "-ftz=true", "--ptxas-options=-v"))
        return nvrtc.getCUBIN(program), nvrtc.getProgramLog(program)
    except nvrtc.NVRTCError as error:
        raise SyntaxError(nvrtc.getProgramLog(program)) from error
    finally:
        nvrtc.destroyProgram(program)
