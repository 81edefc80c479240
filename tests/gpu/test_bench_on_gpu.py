"""`minigan bench` on a GPU: it waits where it looks at the clock, and tells of the GPU's memory and limits."""

from types import SimpleNamespace

import pytest
from small_games import config_of

from minigan import roofline
from minigan.bench import memory
from minigan.bench.measure import Side, measure
from minigan.bench.memory import peak_memory, usable_memory
from minigan.bench.work import Work
from minigan.roofline import Limits

from .machine import machine

LIMITS = Limits(flops=1e12, copies={1: 1e12})


@pytest.fixture
def work():
    """Small networks on MNIST."""
    return Work.of(config_of("default", "data.limit=64"), (4,))


def test_a_point_on_a_gpu_has_times_kernels_and_memory(gpu, work):
    point = measure(work, 4, gpu.device, LIMITS, seconds=0, blocks=2)
    assert point.device == "cuda:0"
    timing = point.timings["eager"]
    assert len(timing.seconds) == 2
    assert timing.peak_bytes > 0
    assert {"linear", "adam_"} <= {kernel.name for kernel in point.kernels if kernel.seconds > 0}
    assert point.flops / 1e12 < point.limit < (point.flops + point.bytes) / 1e12


def test_kernels_on_a_gpu_do_as_much_as_on_the_cpu(gpu, work):
    here = measure(work, 4, gpu.device, LIMITS, seconds=0, blocks=1)
    there = measure(work, 4, roofline.CPU, LIMITS, seconds=0, blocks=1)

    def flops(point):
        return sum(kernel.flops for kernel in point.kernels if kernel.name.startswith(("linear", "matmul")))

    assert flops(here) == flops(there) > 0


def test_a_block_ends_when_the_gpu_is_done(double, work, monkeypatch):
    side = Side.__new__(Side)
    order = []
    trainer = SimpleNamespace(step=5, steps=0, stopped_by=None, run=lambda: order.append("steps"))
    side.trainer, side.device, side.period = trainer, double.device, 1
    monkeypatch.setattr(machine, "wait", order.append)
    assert side.play(3) > 0
    assert (order, trainer.steps) == (["steps", "Device.synchronize"], 8)


def test_peak_memory_of_a_gpu_is_what_its_pools_have_taken(gpu):
    n = 25 * 10**6
    with peak_memory(gpu.device) as peak:
        x = gpu.xp.zeros(n, "float32")
        del x  # the pool keeps it
    assert 10**8 <= peak.nbytes < 2 * 10**8


def test_nearly_all_that_is_free_on_a_gpu_may_be_used(gpu):
    free = memory._free_on_gpu(gpu.device)
    assert usable_memory(gpu.device) == pytest.approx(0.95 * free, rel=0.01)


def test_the_limits_of_a_gpu_are_measured_on_it(gpu, device_kind, monkeypatch):
    if device_kind == "double":
        monkeypatch.setattr(roofline, "SECONDS", 0.0)
        monkeypatch.setitem(roofline.PRODUCTS, "cuda", ((16, 16, 16),))
        monkeypatch.setitem(roofline.COPIES, "cuda", (2**10, 2**12))
        machine.waits.clear()
    flops, copies = roofline.limits.__wrapped__(gpu.device)
    assert flops > 0
    assert list(copies.values()) == sorted(copies.values(), reverse=True)
    if device_kind == "double":
        assert machine.waits.count("Device.synchronize") == 2 * 3  # after the first run, and after those that are timed
