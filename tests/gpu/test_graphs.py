"""Kernels in a CUDA graph: a replay computes with what is in memory by then, and draws anew."""

import numpy as np
import pytest

from minigan import backend as backends
from minigan.backend.cupy_random import Words
from minigan.backend.device import Device
from minigan.backend.numpy import NumpyBackend
from minigan.backend.philox import DROPOUT, NOISE
from minigan.backend.window import Window

CPU = NumpyBackend()
rng = np.random.default_rng(0)


def normal(*shape):
    return rng.standard_normal(shape).astype(np.float32)


class Captured:
    """What a function launches, as a graph."""

    def __init__(self, xp, function):
        self.stream, self.pool = xp.cuda.Stream(non_blocking=True), xp.cuda.MemoryPool()
        xp.cuda.Device().synchronize()
        with self.stream:
            function()  # compiles kernels, and gives cuBLAS its workspace
            self.stream.synchronize()
            with xp.cuda.using_allocator(self.pool.malloc):
                self.stream.begin_capture()
                try:
                    self.results = function()
                finally:
                    self.graph = self.stream.end_capture()

    def replay(self):
        """The results of one more run, on the host."""
        with self.stream:
            self.graph.launch()
            self.stream.synchronize()
        return [result.get() for result in self.results]


@pytest.fixture
def backend(gpu):
    return backends.backend_of(Device("cuda", 0))


def test_random_numbers_are_those_of_the_step_and_the_seed_in_memory(gpu, backend):
    start = gpu.xp.zeros(3, np.uint64)

    def draw():
        z = Words(32, 0, NOISE, 0, 1, start=start)
        return [
            backend.normal(z, (5, 7), np.float32),
            backend.uniform(z, (5, 7), np.float64),
            backend.dropout_mask(z, (5, 7), 40_000, 1.5, np.float32),
            backend.integers(z, (5, 7), 0, 9, np.int64),
        ]

    captured = Captured(gpu.xp, draw)
    for seed, step, site in ((0, 0, 0), (0, 1, 0), (2**64 - 1, 2**63, 5)):
        for i, value in enumerate((seed, step, site)):
            start[i : i + 1].fill(np.uint64(value))
        gpu.xp.cuda.Device().synchronize()
        words = CPU.random_words(35, seed, NOISE, step, site + 1)
        expected = [
            CPU.normal(words, (5, 7), np.float32),
            CPU.uniform(words, (5, 7), np.float64),
            CPU.dropout_mask(words, (5, 7), 40_000, 1.5, np.float32),
            CPU.integers(words, (5, 7), 0, 9, np.int64),
        ]
        for found, wanted in zip(captured.replay(), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=4e-6)


def test_optimizers_make_their_steps_with_the_numbers_in_memory(gpu, backend):
    buffers = [normal(99), normal(99), np.zeros(99, np.float32), np.zeros(99, np.float32), normal(99)]
    on_gpu = [gpu.xp.asarray(x) for x in buffers]
    numbers = gpu.xp.zeros(4, np.float32)
    settings = {"betas": (0.5, 0.999), "weight_decay": 0.0}

    def step(backend, arrays, rate, eps, shrink, weight):
        p, g, m, v, average = arrays
        backend.adam_(p, g, m, v, rate=rate, eps=eps, shrink=shrink, **settings)
        backend.lerp_(average, p, weight)
        return arrays

    captured = Captured(gpu.xp, lambda: step(backend, on_gpu, *[numbers[i] for i in range(4)]))
    for x, original in zip(on_gpu, buffers, strict=True):  # the run before the capture was one with zeros
        x[...] = gpu.xp.asarray(original)
    for values in ((0.1, 1e-3, 0.9, 0.5), (0.2, 1e-2, 0.8, 0.25)):
        for i, value in enumerate(values):
            numbers[i : i + 1].fill(value)
        gpu.xp.cuda.Device().synchronize()
        found = captured.replay()
        for x, expected in zip(found, step(CPU, buffers, *values), strict=True):
            np.testing.assert_allclose(x, expected, rtol=1e-4, atol=1e-6)


def test_networks_run_forwards_and_backwards_on_whatever_is_in_their_inputs(gpu, backend):
    window = Window((4, 4), (2, 2), (1, 1), (1, 1), (8, 8), (4, 4))
    shapes = (3, 4, 8, 8), (8, 4, 4, 4), (1, 8, 1, 1), (6, 128), (6,), (3, 6)
    images, filters, scale, weight, bias, targets = [rng.random(shape) - 0.5 for shape in shapes]
    start = gpu.xp.asarray(np.array([3, 5, 0], np.uint64))

    def step(backend, images, filters, scale, weight, bias, targets, words):
        dims = (0, 2, 3)
        h = backend.conv2d(images, filters, None, window, 1)
        moments = backend.moments(h, dims)
        z = backend.leaky_relu(backend.normalize(h, moments[0], moments[1], scale, None), 0.2)
        rows = backend.reshape(z, (3, 128))
        y = backend.bias_leaky_relu_dropout(backend.linear(rows, weight, None), bias, words, 0.2, 45_875, 1 / 0.7)
        loss = backend.mean(backend.bce_with_logits(y, targets), None, False)
        gy = backend.bce_with_logits_grad(targets, y, targets)
        gy = backend.bias_leaky_relu_dropout_grad(gy, y, words, 0.2, 45_875, 1 / 0.7)
        gweight, gbias = backend.linear_weight_grad(gy, rows), backend.sum(gy, (0,), False)
        gz = backend.reshape(backend.matmul(gy, weight), z.shape)
        gh = backend.leaky_relu_grad(gz, z, 0.2)
        sums = backend.norm_sums(gh, h, moments[0], moments[1], dims)
        gh = backend.norm_grad(gh, h, moments[0], moments[1], sums, scale)
        gfilters = backend.conv2d_weight_grad(gh, images, window, 1)
        gimages = backend.conv2d_input_grad(gh, filters, None, window, 1)
        return [loss, y, gweight, gbias, gfilters, gimages]

    arrays = [gpu.xp.asarray(x) for x in (images, filters, scale, weight, bias, targets)]
    captured = Captured(gpu.xp, lambda: step(backend, *arrays, Words(5, 0, DROPOUT, 0, 2, start=start)))
    for factor in (1, 0.5):
        arrays[0][...] = gpu.xp.asarray(images * factor)
        gpu.xp.cuda.Device().synchronize()
        words = CPU.random_words(5, 3, DROPOUT, 5, 2)
        expected = step(CPU, images * factor, filters, scale, weight, bias, targets, words)
        for found, wanted in zip(captured.replay(), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


def test_a_batch_is_taken_by_the_indices_in_memory(gpu, backend):
    images = rng.integers(0, 256, (9, 1, 4, 4), np.uint8)
    on_gpu, indices = gpu.xp.asarray(images), gpu.xp.zeros(3, np.int64)
    captured = Captured(gpu.xp, lambda: [backend.gather_pixels(on_gpu, indices)])
    for chosen in (np.array([0, 8, 3]), np.array([7, 7, 1])):
        indices[...] = gpu.xp.asarray(chosen)
        gpu.xp.cuda.Device().synchronize()
        np.testing.assert_array_equal(captured.replay()[0], CPU.gather_pixels(images, chosen))
