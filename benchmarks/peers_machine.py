"""The machine on which peers.py measures."""

from __future__ import annotations

import datetime
import importlib.metadata
from typing import Any

import turns

import minigan as mg
from minigan import blas
from minigan.info import BUSY, environment


def describe(device: str, threads: int) -> dict[str, Any]:
    """What a reader of the results has to know of it; speeds of BLAS kernels only for the CPU."""
    about: dict[str, Any] = turns.in_worker(environment, mg.device(device))
    for library in ("torch", "jax"):
        if any(importlib.metadata.distributions(name=library)):
            about["libraries"][library] = importlib.metadata.version(library)
    speeds = turns.in_worker(blas.speeds) if device == "cpu" else []
    return about | {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "threads": threads,
        "kernels_GFLOPs": {speed.kernels: speed.gflops for speed in speeds},
        "kernels_uncertain": any(speed.uncertain for speed in speeds),
    }


def in_words(about: dict[str, Any]) -> str:
    """The machine, the date, and on which kernels NumPy multiplies."""
    gpu = [about["gpu"]["name"]] if "gpu" in about else []
    threads = f"{about['threads']} thread{'s' if about['threads'] > 1 else ''}"
    names = {"torch": "PyTorch", "jax": "JAX"}
    libraries = [f"{names[name]} {about['libraries'][name]}" for name in names if name in about["libraries"]]
    versions = [f"minigan {about['minigan']}", f"Python {about['python']}", f"NumPy {about['numpy']}", *libraries]
    lines = [", ".join([about["date"], *gpu, about["cpu"], threads]), ", ".join(versions)]
    kernels = [f"{name} kernels with {speed:.0f} GFLOP/s" for name, speed in about["kernels_GFLOPs"].items()]
    lines += [f"NumPy's matrix products: {' against '.join(kernels)}"] if kernels else []
    lines += [BUSY] if about["kernels_uncertain"] else []
    return "\n".join([*lines, ""])
