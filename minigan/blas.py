"""Which kernels NumPy's BLAS runs, how fast they are, and whether this CPU has faster ones.

OpenBLAS carries matrix products for many processors and chooses one set when NumPy is loaded, for good: by the
processor, or by the variable OPENBLAS_CORETYPE, which it believes without a check. Sets differ in speed and in the last
bits of results. `minigan` asks for nothing unless OpenBLAS, left alone, passed over the AVX-512 that the CPU has.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NamedTuple

VARIABLE = "OPENBLAS_CORETYPE"
WITH_AVX512, WITHOUT = "SkylakeX", "Haswell"  # the sets that NumPy's wheels have for CPUs with AVX-512 and with AVX2

_USE_AVX512 = ("skylakex", "cooperlake", "sapphirerapids")  # as OpenBLAS names them, in lower case
_BY_MINIGAN = "MINIGAN_SET_OPENBLAS_CORETYPE"  # in the environment beside a variable that is minigan's


class Blas(NamedTuple):
    """The BLAS that NumPy runs; "" and 0 for what it does not tell.

    Attributes:
        name: with its version.
        kernels: the processor type that they were written for.
        threads: how many it may use.
        chosen_by: whose choice the kernels are: "user", "minigan" or "BLAS".
    """

    name: str
    kernels: str
    threads: int
    chosen_by: str

    def __str__(self) -> str:
        by = "" if self.chosen_by == "BLAS" else f" ({self.chosen_by}'s choice)"
        kernels = f", {self.kernels} kernels{by}" if self.kernels else ""
        threads = f", {self.threads} thread{'' if self.threads == 1 else 's'}" if self.threads else ""
        return f"{self.name}{kernels}{threads}"

    @property
    def avx512_unused(self) -> bool:
        """Whether these are OpenBLAS's kernels for older processors, this CPU has AVX-512, and none asked for it."""
        old = self.name.startswith("OpenBLAS") and self.kernels.lower() not in ("", *_USE_AVX512)
        return old and cpu_has_avx512() and os.environ.get(VARIABLE, "").lower() not in _USE_AVX512


class Speed(NamedTuple):
    """How fast some kernels are.

    Attributes:
        kernels: their name.
        gflops: billions of float32 operations in a second.
    """

    kernels: str
    gflops: float


def running() -> Blas:
    """The BLAS of this process.

    Example:
        >>> from minigan import blas
        >>> blas.running().chosen_by in ("user", "minigan", "BLAS")
        True
    """
    import numpy as np
    from threadpoolctl import threadpool_info

    loaded = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    # SciPy may have brought a second BLAS along; NumPy's own lies in its own folder.
    loaded.sort(key=lambda pool: "numpy" not in pool["filepath"])
    if not loaded:  # a BLAS that threadpoolctl does not know, such as Apple's
        return Blas(np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"], "", 0, "BLAS")
    pool = loaded[0]
    openblas = pool["internal_api"] == "openblas"
    name = "OpenBLAS" if openblas else pool["internal_api"].upper()
    named = f"{name} {pool['version'] or ''}".strip()
    return Blas(named, pool.get("architecture") or "", pool["num_threads"], _chooser() if openblas else "BLAS")


def _chooser() -> str:
    if VARIABLE not in os.environ:
        return "BLAS"
    return "minigan" if _BY_MINIGAN in os.environ else "user"


def cpu_has_avx512() -> bool:
    """Whether it has the parts of AVX-512 that the kernels use (F, CD, BW, DQ, VL), and the system lets it use them."""
    features = _cpu_features()  # NumPy's names, old and new, for these five together
    return bool(features.get("AVX512_SKX") or features.get("X86_V4"))


def _cpu_features() -> dict[str, bool]:
    """What NumPy found that this CPU can do; `numpy.show_runtime` prints the same."""
    from importlib import import_module

    return getattr(import_module("numpy._core._multiarray_umath"), "__cpu_features__", {})


# ---- the fastest kernels -------------------------------------------------------------------------------------


def settings() -> dict[str, str]:
    """What a process needs in its environment when it starts, for OpenBLAS to run its fastest kernels for this CPU.

    That is nothing where it runs them already, as the OpenBLAS of NumPy's wheels does by itself, and nothing where the
    user has chosen.
    """
    if VARIABLE in os.environ or not cpu_has_avx512() or not running().avx512_unused:
        return {}
    return {VARIABLE: WITH_AVX512, _BY_MINIGAN: "1"}


def restart_with_settings() -> None:
    """Start the program of this process anew if it needs `settings`: for those of this process it is too late.

    It has to be a command that has done nothing yet. Where a program cannot take the place of another (Windows) all
    stays as it is.
    """
    if os.name == "posix" and sys.executable and (needed := settings()):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **needed})


def advice(kernels: str) -> str:
    """What a user may do to have these kernels."""
    return f"set {VARIABLE}={kernels} before Python starts"


# ---- speed ---------------------------------------------------------------------------------------------------


def speed() -> Speed:
    """Of the kernels of this process, in matrix products of the size of the reference GAN's largest layer.

    The best of 100 runs: what else the machine does can only make a run slower.
    """
    from timeit import repeat

    import numpy as np

    x, w = np.ones((128, 784), np.float32), np.ones((784, 1024), np.float32)
    y = np.empty((128, 1024), np.float32)
    seconds = min(repeat(lambda: np.matmul(x, w, out=y), number=1, repeat=100))
    return Speed(running().kernels, 2 * 128 * 784 * 1024 / seconds / 1e9)


def other_speed() -> Speed | None:
    """Of the other kernels for this CPU, with AVX-512 or without, in a process of their own.

    None where the CPU has no AVX-512, or the BLAS has no others.
    """
    now = running()
    if not now.name.startswith("OpenBLAS") or not cpu_has_avx512():
        return None
    other = _speed_of(WITH_AVX512 if now.avx512_unused else WITHOUT)
    return None if other is None or other.kernels == now.kernels else other


def _speed_of(kernels: str) -> Speed | None:
    """None where OpenBLAS fails with these kernels, as some versions do when they are told which to run."""
    program = "from minigan import blas; print(*blas.speed())"
    command, environment = [sys.executable, "-c", program], {**os.environ, VARIABLE: kernels}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    match done.stdout.split():
        case [name, gflops] if done.returncode == 0:
            return Speed(name, float(gflops))
    return None
