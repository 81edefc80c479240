"""Points of `minigan bench` that were not measured, and works that are measured in no time."""

import minigan as mg
from minigan.bench.kernels import KernelTotal
from minigan.bench.measure import Point, Timing
from minigan.bench.work import Work
from minigan.gan import load_preset
from minigan.gan.config import set_field
from minigan.roofline import Limits

CPU, GPU = mg.device("cpu"), mg.Device("cuda", 0)
LIMITS = Limits(flops=100e9, copies={10**6: 50e9, 10**8: 20e9})


def small(preset, *changes, batch_sizes=(2, 4)):
    """A preset with narrow layers, on little data."""
    config = load_preset(preset)
    for change in ("generator.hidden=[8]", "discriminator.hidden=[8]", "data.limit=64", *changes):
        config = set_field(config, change)
    return Work.of(config, batch_sizes)


def a_point(device="cpu", batch_size=8, eager=0.4, captured=0.2, preset="made-up", refused=None):
    """A point that was not measured."""
    kernels = [KernelTotal("linear", 4, eager / 2, 2e9, 1e6), KernelTotal("adam_", 2, eager / 4, 1e6, 4e8)]
    timings = {"eager": Timing(10, [eager] * 5, 10**6)}
    if captured is not None:
        timings["captured"] = Timing(20, [captured] * 5, 2 * 10**6)
    return Point(preset, device, batch_size, batch_size, kernels, eager / 4, 0.05, timings, refused)


def two_devices(crossover=16):
    """On the CPU a step takes as long as there are samples; on the GPU always the same."""
    sizes = [2**k for k in range(9)]
    cpu = [a_point("cpu", size, 2e-3 * size, 1e-3 * size) for size in sizes]
    return [*cpu, *(a_point("cuda:0", size, 8e-3 * crossover, 1e-3 * crossover) for size in sizes)]
