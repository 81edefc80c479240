"""Which kernels NumPy's BLAS runs, how fast they are, and whether this CPU has faster ones.

OpenBLAS carries matrix products for many processors and chooses one set when NumPy is loaded, for good: by the
processor, or by the variable OPENBLAS_CORETYPE, which it believes without a check. Sets differ in speed and in the last
bits of results. `minigan` asks for nothing unless OpenBLAS, left alone, passed over the AVX-512 that the CPU has.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from typing import NamedTuple

VARIABLE = "OPENBLAS_CORETYPE"
WITH_AVX512, WITHOUT = "SkylakeX", "Haswell"  # the sets that NumPy's wheels have for CPUs with AVX-512 and with AVX2

LOOKS, PRODUCTS, PAUSE = 5, 30, 0.05  # at a speed; in a look; seconds before it, in which others' threads fall asleep
MUCH = 1.5  # times: looks on a machine with nothing else to do lie much closer together
SHAPE = 128, 784, 1024  # m, k, n of the product: a batch of images, and the reference GAN's largest layer

_USE_AVX512 = ("skylakex", "cooperlake", "sapphirerapids")  # as OpenBLAS names them, in lower case
_BY_MINIGAN = "MINIGAN_SET_OPENBLAS_CORETYPE"  # in the environment beside a variable that is minigan's


class Blas(NamedTuple):
    """The BLAS that NumPy runs; "" and 0 for what it does not tell.

    Attributes:
        name: with its version.
        kernels: the processor type that they were written for.
        threads: how many it may use.
        chosen_by: whose choice the kernels are: "user" or "minigan", if OPENBLAS_CORETYPE had an effect, or "BLAS".
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
    def passed_over(self) -> str | None:
        """What OPENBLAS_CORETYPE asks for, if OpenBLAS runs its own choice nevertheless; None if not."""
        asked = os.environ.get(VARIABLE)
        return asked if self.name.startswith("OpenBLAS") and self.kernels and self.chosen_by == "BLAS" else None

    @property
    def avx512_unused(self) -> bool:
        """Whether these are OpenBLAS's kernels for older processors, this CPU has AVX-512, and none asked for it."""
        old = self.name.startswith("OpenBLAS") and self.kernels.lower() not in ("", *_USE_AVX512)
        return old and cpu_has_avx512() and os.environ.get(VARIABLE, "").lower() not in _USE_AVX512


class Speed(NamedTuple):
    """How fast some kernels are.

    Attributes:
        kernels: their name.
        gflops: billions of float32 operations in a second, in the fastest product: whatever else the machine does can
            only make one slower.
        slowest: the same in the typical product of the slowest look.

    >>> from minigan.blas import Speed
    >>> Speed("Haswell", 230.0, 215.0).uncertain, Speed("Haswell", 230.0, 6.0).uncertain
    (False, True)
    """

    kernels: str
    gflops: float
    slowest: float

    @property
    def uncertain(self) -> bool:
        """Whether the looks lie so far apart that something else must have kept the cores busy."""
        return self.gflops > MUCH * self.slowest


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
    kernels = pool.get("architecture") or ""
    return Blas(named, kernels, pool["num_threads"], _chooser(kernels) if openblas else "BLAS")


def _chooser(kernels: str) -> str:
    """Whoever set the variable, unless that had no effect: OpenBLAS passes over a name that it does not know.

    Other names alone tell nothing: some processors run the kernels of another, and OpenBLAS tells that one's name.
    """
    asked = os.environ.get(VARIABLE)
    if asked is None or not kernels or (asked.lower() != kernels.lower() and kernels == _by_itself()):
        return "BLAS"
    return "minigan" if _BY_MINIGAN in os.environ else "user"


@cache
def _by_itself() -> str:
    """The kernels that OpenBLAS runs where nobody asks for any; "" if that cannot be found out."""
    program = "from minigan import blas; print(blas.running().kernels)"
    unasked = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run([sys.executable, "-c", program], env=unasked, capture_output=True, text=True)
    return done.stdout.strip()


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


def speeds() -> list[Speed]:
    """Of the kernels of this process, and of the other set for this CPU, with AVX-512 or without, if there is one.

    The others run in a process of their own, and the two take turns, so that both see the same weather on the machine.
    That takes about a second.
    """
    now = running()
    others = _Elsewhere(_other_kernels(now)) if _other_kernels(now) else None
    if others is not None and others.kernels in ("", now.kernels):
        others.end()
        others = None
    ours, theirs = [], []
    for _ in range(LOOKS):
        ours.append(look())
        if others is not None:
            theirs.append(others.look())
    if others is None:
        return [_speed(now.kernels, ours)]
    others.end()
    return [_speed(now.kernels, ours), _speed(others.kernels, theirs)]


def look() -> tuple[float, float]:
    """Billions of float32 operations in a second, in the fastest and in the typical of some products."""
    import time
    from statistics import median
    from timeit import repeat

    import numpy as np

    m, k, n = SHAPE
    x, w, y = np.ones((m, k), np.float32), np.ones((k, n), np.float32), np.empty((m, n), np.float32)
    time.sleep(PAUSE)
    np.matmul(x, w, out=y)
    seconds = repeat(lambda: np.matmul(x, w, out=y), number=1, repeat=PRODUCTS)
    work = 2 * m * k * n / 1e9
    return work / min(seconds), work / median(seconds)


def _speed(kernels: str, looks: list[tuple[float, float]]) -> Speed:
    return Speed(kernels, max(fastest for fastest, _ in looks), min(typical for _, typical in looks))


def _other_kernels(now: Blas) -> str:
    """The set to compare with; "" where the CPU has no AVX-512, or the BLAS has no others."""
    if not now.name.startswith("OpenBLAS") or not cpu_has_avx512():
        return ""
    return WITH_AVX512 if now.avx512_unused else WITHOUT


class _Elsewhere:
    """A process that runs other kernels, and looks at their speed when it is told to.

    Attributes:
        kernels: that it runs; "" where OpenBLAS fails with them, as some versions do when they are told which to run.
    """

    def __init__(self, kernels: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from minigan import blas; blas.look_when_told()"],
            env={**os.environ, VARIABLE: kernels},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.kernels = self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def look(self) -> tuple[float, float]:
        """As `look`, there."""
        print(file=self._process.stdin, flush=True)
        fastest, typical = self._answer().split()
        return float(fastest), float(typical)

    def end(self) -> None:
        """End the process."""
        self._process.communicate()


def look_when_told() -> None:
    """Print the kernels that this process runs, then their speed for each line that comes in."""
    print(running().kernels, flush=True)
    for _ in sys.stdin:
        print(*look(), flush=True)
