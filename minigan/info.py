"""What minigan runs on: versions, processor, BLAS, GPUs.

`environment` only looks, and is recorded with every run; `info` also tries: it times a matrix product with each set of
the BLAS's kernels, and computes on every GPU.
"""

from __future__ import annotations

import os
import textwrap
from typing import Any

from minigan import blas
from minigan._version import __version__
from minigan.backend.device import CPU, Device, Probe, probe

WIDTH = 80
LABEL = 11

# Distributions on PyPI: what minigan needs besides NumPy, then what it can use or is compared with.
NEEDED = ("scipy", "matplotlib", "pillow", "tqdm", "safetensors", "tomli-w", "threadpoolctl")
OPTIONAL = ("cupy-cuda12x", "cupy-cuda13x", "torch")


def environment(device: Device = CPU) -> dict[str, Any]:
    """What a run should record about where it ran: texts, numbers and one table of versions.

    Args:
        device: Where the run computes; a GPU adds its name and CUDA versions.

    Returns:
        A dict that TOML and JSON can hold, with ``minigan``, ``python``, ``numpy``, ``platform``, ``cpu``,
        ``cores`` (that this process may use), ``blas``, ``blas_kernels`` (the processor type whose kernels
        the BLAS runs: the last bits of a result depend on it), ``blas_kernels_chosen_by`` ("user",
        "minigan" or "BLAS"), ``blas_threads``, ``avx512_unused``, ``device``, ``libraries`` (name:
        version), and on a GPU ``gpu``.

    Example:
        >>> from minigan.info import environment
        >>> environment()["device"]
        'cpu'
    """
    import platform

    import numpy as np

    gpu = {"gpu": _gpu(device)} if device.type == "cuda" else {}
    running = blas.running()
    return {
        "minigan": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cores": _cores(),
        "blas": running.name,
        "blas_kernels": running.kernels,
        "blas_kernels_chosen_by": running.chosen_by,
        "blas_threads": running.threads,
        "avx512_unused": running.avx512_unused,
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
        *_blas_lines(),
        "",
        *_gpu_lines(),
        "",
        _line("libraries", ", ".join(f"{name}{_TIE}{version}" for name, version in versions.items())),
        *([_line("missing", f"pip install {' '.join(missing)}")] if missing else []),
    ]
    return "\n".join(sections)


# ---- text ----------------------------------------------------------------------------------------------

AVX512_HINT = f"unused AVX-512: {blas.advice(blas.WITH_AVX512)}"
BUSY = f"The cores seem busy: some looks were more than {blas.MUCH:g} times slower, so these speeds are uncertain."
WORTH_IT = 1.1  # how many times as fast other kernels must be to be advised: less may be noise
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


def _blas_lines() -> list[str]:
    running = blas.running()
    speed, *others = blas.speeds()
    product = f"{blas.SHAPE[0]} x {blas.SHAPE[1]} @ {blas.SHAPE[1]} x {blas.SHAPE[2]}"
    uncertain = any(each.uncertain for each in (speed, *others))
    return [
        _line("BLAS", str(running)),
        *([_line("", _passed_over(running.passed_over))] if running.passed_over is not None else []),
        _line("speed", f"{speed.gflops:.0f} GFLOP/s in float32 ({product})"),
        *(_line("", _compared(other, speed, uncertain)) for other in others),
        *([_line("", BUSY)] if uncertain else []),
    ]


def _passed_over(asked: str) -> str:
    return f"{blas.VARIABLE} is {asked!r}, but these are the kernels that OpenBLAS runs without it; unset it."


def _compared(other: blas.Speed, speed: blas.Speed, uncertain: bool) -> str:
    ratio = other.gflops / speed.gflops
    advice = f" ({blas.advice(other.kernels)})" if ratio > WORTH_IT and not uncertain else ""
    return f"{other.kernels} kernels: {other.gflops:.0f} GFLOP/s, {ratio:.2f} times those that run{advice}"


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
