"""What minigan runs on: versions, processor, BLAS, GPUs.

`environment` only looks, and is recorded with every run; `info` also tries: it times a matrix product and
computes on every GPU.
"""

from __future__ import annotations

import os
import textwrap
from typing import Any

from minigan._version import __version__
from minigan.backend.device import CPU, Device, Probe, probe

WIDTH = 80
LABEL = 11

# Distributions on PyPI: what minigan needs besides NumPy, then what it can use or is compared with.
NEEDED = ("matplotlib", "pillow", "tqdm", "safetensors", "tomli-w", "threadpoolctl")
OPTIONAL = ("cupy-cuda12x", "cupy-cuda13x", "torch")


def environment(device: Device = CPU) -> dict[str, Any]:
    """What a run should record about where it ran: texts, numbers and one table of versions.

    Args:
        device: Where the run computes; a GPU adds its name and CUDA versions.

    Returns:
        A dict that TOML and JSON can hold, with ``minigan``, ``python``, ``numpy``, ``platform``, ``cpu``,
        ``cores`` (that this process may use), ``blas``, ``blas_kernels`` (the processor type whose kernels
        the BLAS runs: the last bits of a result depend on it), ``blas_threads``, ``avx512_unused``,
        ``device``, ``libraries`` (name: version), and on a GPU ``gpu``.

    Example:
        >>> from minigan.info import environment
        >>> environment()["device"]
        'cpu'
    """
    import platform

    import numpy as np

    gpu = {"gpu": _gpu(device)} if device.type == "cuda" else {}
    return {
        "minigan": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cores": _cores(),
        **_blas(),
        "device": str(device),
        **gpu,
        "libraries": _versions(NEEDED + OPTIONAL),
    }


def info() -> str:
    """What ``minigan info`` prints: aligned text for 80 columns, without a newline at its end."""
    found = environment()
    versions = found["libraries"]
    missing = [name for name in NEEDED if name not in versions]
    sections = [
        _line("minigan", found["minigan"]),
        _line("Python", found["python"]),
        _line("NumPy", found["numpy"]),
        _line("platform", found["platform"]),
        "",
        _line("CPU", f"{found['cpu']}, {_count(found['cores'], 'core')}"),
        _line("BLAS", _blas_text(found)),
        _line("speed", f"{_sgemm_gflops():.0f} GFLOP/s in float32 (128 x 784 @ 784 x 1024)"),
        *([_line("", AVX512_HINT)] if found["avx512_unused"] else []),
        "",
        *_gpu_lines(),
        "",
        _line("libraries", ", ".join(f"{name}{_TIE}{version}" for name, version in versions.items())),
        *([_line("missing", f"pip install {' '.join(missing)}")] if missing else []),
    ]
    return "\n".join(sections)


# ---- text ----------------------------------------------------------------------------------------------

AVX512_HINT = "unused AVX-512: set OPENBLAS_CORETYPE=SkylakeX before Python starts"
_TIE = "\N{NO-BREAK SPACE}"  # where a line must not break; printed as a plain space


def _line(label: str, text: str) -> str:
    wrapped = textwrap.fill(
        text,
        WIDTH,
        initial_indent=label.ljust(LABEL),
        subsequent_indent=" " * LABEL,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped.replace(_TIE, " ")


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _blas_text(found: dict[str, Any]) -> str:
    kernels = f", {found['blas_kernels']} kernels" if found["blas_kernels"] else ""
    threads = f", {_count(found['blas_threads'], 'thread')}" if found["blas_threads"] else ""
    return f"{found['blas']}{kernels}{threads}"


def _gpu_lines() -> list[str]:
    lines: list[str] = []
    for found in _probes():
        lines.append(_line("" if lines else "CUDA", found.sentence))
        if found.command:
            lines.append(" " * LABEL + found.command)  # never wrapped, so that it can be copied
    return lines


def _probes() -> list[Probe]:
    """One result per GPU, or the one reason why there is none."""
    first = probe(0)
    if first.state not in ("ok", "no-memory"):
        return [first]
    import cupy

    return [first, *(probe(index) for index in range(1, cupy.cuda.runtime.getDeviceCount()))]


# ---- facts ---------------------------------------------------------------------------------------------


def _cpu_name() -> str:
    import platform

    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:  # not Linux
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _cores() -> int:
    """The cores that this process may use: fewer than the machine has under taskset or in a container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _blas() -> dict[str, Any]:
    """The BLAS that NumPy runs, as keys of `environment`; "" and 0 for what it does not tell."""
    import numpy as np
    from threadpoolctl import threadpool_info

    loaded = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    # SciPy may have brought a second BLAS along; NumPy's own lies in its own folder.
    loaded.sort(key=lambda pool: "numpy" not in pool["filepath"])
    if not loaded:  # a BLAS that threadpoolctl does not know, such as Apple's
        named = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
        return {"blas": named, "blas_kernels": "", "blas_threads": 0, "avx512_unused": False}
    pool = loaded[0]
    name = {"openblas": "OpenBLAS"}.get(pool["internal_api"], pool["internal_api"].upper())
    kernels = pool.get("architecture") or ""
    return {
        "blas": f"{name} {pool['version'] or ''}".strip(),
        "blas_kernels": kernels,
        "blas_threads": pool["num_threads"],
        "avx512_unused": _avx512_unused(name, kernels),
    }


def _avx512_unused(blas: str, kernels: str) -> bool:
    """Whether this CPU has AVX-512, and OpenBLAS chose its AVX2 kernels all the same.

    On some processors it does, and is the slower for it. The choice falls when NumPy is loaded and changes
    the last bits of results, so minigan points it out and leaves it to the user.
    """
    if blas != "OpenBLAS" or kernels.lower() != "haswell" or "OPENBLAS_CORETYPE" in os.environ:
        return False
    features = _cpu_features()  # NumPy's names, old and new, for the parts of AVX-512 that SkylakeX has
    return bool(features.get("AVX512_SKX") or features.get("X86_V4"))


def _cpu_features() -> dict[str, bool]:
    """What NumPy found that this CPU can do; `numpy.show_runtime` prints the same."""
    from importlib import import_module

    return getattr(import_module("numpy._core._multiarray_umath"), "__cpu_features__", {})


def _sgemm_gflops() -> float:
    """Speed of float32 matrix products of the size of the reference GAN's largest layer, best of 20 runs."""
    from timeit import repeat

    import numpy as np

    x, w = np.ones((128, 784), np.float32), np.ones((784, 1024), np.float32)
    y = np.empty((128, 1024), np.float32)
    seconds = min(repeat(lambda: np.matmul(x, w, out=y), number=1, repeat=20))
    return 2 * 128 * 784 * 1024 / seconds / 1e9


def _gpu(device: Device) -> dict[str, Any]:
    import cupy

    runtime = cupy.cuda.runtime
    properties = runtime.getDeviceProperties(device.index)
    return {
        "name": properties["name"].decode(),
        "compute_capability": f"{properties['major']}.{properties['minor']}",
        "driver_cuda": runtime.driverGetVersion(),
        "runtime_cuda": runtime.runtimeGetVersion(),
    }


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
