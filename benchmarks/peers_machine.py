"""The machine on which peers.py measures."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from typing import Any

import minigan as mg
from minigan.errors import DeviceError
from minigan.info import environment

LOOKS = 3  # at the speed of the BLAS


def describe(device: str, threads: int) -> dict[str, Any]:
    """What a reader of the results has to know of it; speeds of BLAS kernels only for the CPU."""
    try:
        about = environment(mg.device(device))
    except DeviceError:  # which minigan's sides will say
        about = environment()
    for library in ("torch", "jax"):
        if any(importlib.metadata.distributions(name=library)):
            about["libraries"][library] = importlib.metadata.version(library)
    return about | {"threads": threads, "kernels_GFLOPs": kernel_speeds() if device == "cpu" else {}}


def kernel_speeds() -> dict[str, float]:
    """GFLOP/s of the BLAS kernels that minigan's sides run, and of the other set for this CPU, if there is one."""
    program = "import json; from minigan import blas; print(json.dumps([blas.speed(), blas.other_speed()]))"
    speeds: dict[str, float] = {}
    for _ in range(LOOKS):  # the best of them: what else the machine does can only make them slower
        printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
        for kernels, gflops in filter(None, json.loads(printed)):
            speeds[kernels] = max(gflops, speeds.get(kernels, 0.0))
    return speeds


def in_words(about: dict[str, Any]) -> str:
    """The machine, and on which kernels NumPy multiplies."""
    gpu = [about["gpu"]["name"]] if "gpu" in about else []
    threads = f"{about['threads']} thread{'s' if about['threads'] > 1 else ''}"
    names = {"torch": "PyTorch", "jax": "JAX"}
    libraries = [f"{names[name]} {about['libraries'][name]}" for name in names if name in about["libraries"]]
    where = [*gpu, about["cpu"], threads, f"Python {about['python']}", f"NumPy {about['numpy']}", *libraries]
    kernels = [f"{name} kernels with {speed:.0f} GFLOP/s" for name, speed in about["kernels_GFLOPs"].items()]
    products = f"NumPy's matrix products: {' against '.join(kernels)}\n" if kernels else ""
    return f"{', '.join(where)}\n{products}"
