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


def compile_cubin(source: str, options: tuple[str, ...] = (), arch: str = "sm_90") -> tuple[bytes, str]:
    """The machine code of all kernels in ``source``, and the report of registers and memory they use.

    Raises:
        SyntaxError: NVRTC refuses the source; the message is its own.
    """
    return _compiled(source, (f"-arch={arch}", "--ptxas-options=-v", *options), "getCUBIN")


def compile_ptx(source: str, options: tuple[str, ...] = (), arch: str = "compute_90") -> str:
    """The instructions of all kernels in ``source``, as NVIDIA writes them down for any GPU of this kind."""
    ptx, _ = _compiled(source, (f"-arch={arch}", *options), "getPTX")
    return ptx if isinstance(ptx, str) else ptx.decode()


def _compiled(source: str, options: tuple[str, ...], wanted: str) -> tuple[Any, str]:
    nvrtc = require_nvrtc()
    program = nvrtc.createProgram(source, "kernel.cu", (), ())
    try:
        nvrtc.compileProgram(program, ("-ftz=true", *options))  # CuPy flushes denormals, too
        return getattr(nvrtc, wanted)(program), nvrtc.getProgramLog(program)
    except nvrtc.NVRTCError as error:
        raise SyntaxError(nvrtc.getProgramLog(program)) from error
    finally:
        nvrtc.destroyProgram(program)
