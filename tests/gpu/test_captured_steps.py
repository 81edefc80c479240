"""What a captured step on a GPU takes, does and leaves: its memory, its numbers, and what becomes of failures."""

import gc
import threading

import numpy as np
import pytest
from captured_pairs import host
from small_games import config_of

import minigan as mg
from minigan.backend import backend_of, cublas
from minigan.captured import graph
from minigan.captured.graph_memory import GraphMemory
from minigan.captured.structure import result_of
from minigan.errors import CaptureError
from minigan.ops.random import stream
from minigan.roofline import Limits

from .conftest import install_double
from .machine import CUDARuntimeError, Graph, Stream, machine
from .test_captured_games import Played

rng = np.random.default_rng(0)
BATCHES = rng.standard_normal((6, 7, 3)).astype(np.float32)
WORKSPACE = 32 << 20


def training(device, apart=False):
    """A training step with random numbers and with numbers that change, for each parameter if they are ``apart``."""
    mg.manual_seed(0)
    layers = [mg.nn.Linear(n, m, device=device) for n, m in ((3, 4), (4, 5), (5, 4), (4, 1))]
    network = mg.nn.Sequential(*layers[:2], mg.nn.Tanh(), mg.nn.Dropout(0.3), *layers[2:])
    parameters = list(network.parameters())
    groups = [{"params": [p], "lr": 0.01 * (i + 1)} for i, p in enumerate(parameters)]
    optimizer = mg.optim.Adam(groups if apart else parameters, lr=0.01, eps=1e-3)

    def step(x):
        optimizer.zero_grad()
        loss = (network(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return step, parameters


def played(device, wrap=lambda step: step, apart=False):
    """The losses of six steps, and what they leave."""
    step, parameters = training(device, apart)
    step, losses = wrap(step), []
    for i, x in enumerate(BATCHES):
        mg.manual_seed(0)
        mg.set_step(i)
        losses.append(step(mg.tensor(x, device=device)).item())
    return losses, [p.detach().to("cpu").numpy() for p in parameters], stream.site


def assert_same_training(found, expected):
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    for x, y in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6)
    assert found[2] == expected[2]


# ---- numbers and memory ----------------------------------------------------------------------------------


@pytest.mark.parametrize("apart", [False, True])
def test_a_captured_step_trains_as_the_cpu_does_however_many_numbers_change(gpu, apart):
    assert_same_training(played(gpu.device, mg.capture, apart), played("cpu", apart=apart))


def test_all_numbers_of_a_step_are_written_by_one_launch(double):
    step = mg.capture(training(double.device)[0])
    x = mg.tensor(BATCHES[0], device=double.device)
    for _ in range(3):
        step(x)
    machine.launches = 0
    with double.no_sync():
        step(x)
    assert machine.launches == 3  # the copy of the argument, the numbers, and the graph


def test_results_and_gradients_outlive_the_captured_function(double):
    step, parameters = training(double.device)
    step = mg.capture(step)
    for x in BATCHES[:3]:
        loss = step(mg.tensor(x, device=double.device))
    found = [loss._data, *[p._grad for p in parameters]]
    before = [x.get() for x in found]
    del step, loss
    gc.collect()
    for x, expected in zip(found, before, strict=True):
        np.testing.assert_array_equal(x.get(), expected)


def test_the_memory_of_a_program_is_given_back_with_all_that_lies_in_it(double):
    room = machine.room
    step, parameters = training(double.device)
    step = mg.capture(step)
    for x in BATCHES[:3]:
        step(mg.tensor(x, device=double.device))
    assert WORKSPACE < step.program.nbytes < room - machine.room
    del step, parameters
    gc.collect()
    assert room - machine.room == WORKSPACE  # of products outside of graphs


def test_where_there_is_no_more_memory_a_graph_keeps_what_it_has_used(double):
    memory = GraphMemory(double.xp.cuda, 0)
    block = memory.malloc(1000)
    del block  # but a kernel of the graph may have written to it, and will whenever the graph is launched
    machine.room = room = 2000
    with pytest.raises(double.xp.cuda.memory.OutOfMemoryError):
        memory.malloc(5000)
    assert machine.room == room
    assert memory.nbytes == 1024


def test_what_cupy_keeps_for_later_is_given_back_before_a_step_takes_memory_of_its_own(double, monkeypatch):
    asked = []
    monkeypatch.setattr(double.xp.get_default_memory_pool(), "free_all_blocks", lambda: asked.append(machine.graph))
    step = mg.capture(training(double.device)[0])
    for x in BATCHES[:4]:
        step(mg.tensor(x, device=double.device))
    assert asked == [None]  # once, and before the capture


# ---- devices, streams and threads ------------------------------------------------------------------------


def test_a_step_is_recorded_and_replayed_on_its_own_gpu_whichever_is_current(monkeypatch):
    xp = install_double(monkeypatch, devices=2)
    device, losses = mg.Device("cuda", 1), []
    step, parameters = training(device)
    x = mg.tensor(BATCHES[0], device=device)
    step(x)
    recorder = graph.GraphRecorder(backend_of(device))
    with recorder.recording():
        y = result_of(step(x))
    program = graph.GraphProgram(recorder, [x], y)
    for other in BATCHES[1:]:
        with xp.cuda.Device(0):
            losses.append(program.run([mg.tensor(other, device=device)]).item())
    assert all(np.isfinite(losses))
    assert len(set(losses)) == len(losses)
    assert {p._data.device.id for p in parameters} == {y._data.device.id} == {1}
    assert machine.current == 0


def test_a_step_on_the_second_gpu_is_captured_and_trains_as_on_the_cpu(monkeypatch):
    install_double(monkeypatch, devices=2)
    mg.zeros(1, device="cuda:0")
    for _ in range(2):  # nothing is left behind on the backends
        assert_same_training(played(mg.Device("cuda", 1), mg.capture), played("cpu"))


def test_each_graph_has_a_workspace_of_its_own(double):
    places = []

    def seen(x):
        y = x @ x
        places.append(cublas.cublas().workspace.ptr)
        return y

    x = mg.ones(3, 3, device=double.device)
    for step in (mg.capture(lambda x: seen(x)), mg.capture(lambda x: seen(x))):
        for _ in range(3):
            step(x)
    eager, one, again, other = places
    assert eager == again
    assert len({eager, one, other}) == 3


def test_a_thread_that_captures_waits_until_another_one_has_captured(double):
    inside, found, running = threading.Event(), [], threading.Event()

    def slow(x):
        if machine.graph is not None:
            inside.set()
            running.wait(5)
        return x * 2

    def fast(x):
        return x * 3

    def play(function):
        step = mg.capture(function)
        x = mg.ones(2, device=double.device)
        for _ in range(3):
            y = step(x)
        found.append(y.to("cpu").tolist())

    threads = [threading.Thread(target=play, args=(function,)) for function in (slow, fast)]
    threads[0].start()
    assert inside.wait(5)
    threads[1].start()
    threads[1].join(0.2)
    assert found == []
    running.set()
    for thread in threads:
        thread.join(5)
    assert sorted(found) == [[2, 2], [3, 3]]


# ---- failures --------------------------------------------------------------------------------------------


def broken(name, monkeypatch):
    """CUDA refuses this, and a capture that was begun is at its end."""

    def fail(self, *args):
        if isinstance(self, Stream):
            self.graph = None
        raise CUDARuntimeError(901, f"cudaErrorStreamCaptureInvalidated: {name}")

    monkeypatch.setattr(Graph if name == "upload" else Stream, name, fail)


@pytest.fixture(params=["begin_capture", "end_capture", "upload", "the workspace", "arrays"])
def failure(request, double, monkeypatch):
    """Something that goes wrong while a step is captured, and the words that name it."""
    if request.param in ("the workspace", "arrays"):
        cublas.cublas()
        machine.room = 2**12 + (WORKSPACE if request.param == "arrays" else 0)
        return "too little memory on the GPU"
    broken(request.param, monkeypatch)
    return request.param


def test_what_fails_while_a_step_is_captured_is_a_capture_error_and_leaves_all_as_it_was(double, failure):
    step, parameters = training(double.device)
    captured = mg.capture(step)
    x = mg.tensor(BATCHES[0], device=double.device)
    captured(x)
    before = host([[p, p._grad] for p in parameters]), stream.site
    with pytest.raises(CaptureError, match=failure):
        captured(x)
    assert (host([[p, p._grad] for p in parameters]), stream.site) == before
    assert machine.graph is None


def test_a_game_that_cannot_be_captured_for_such_a_reason_is_played_as_written(double, failure):
    config = config_of("default")
    found = Played(config, 5, double.device, double.tensor, capture=True)
    expected = Played(config, 5, double.device, double.tensor)
    assert failure in found.game.refused
    assert found.reports == expected.reports


def test_a_refusal_that_the_function_catches_is_still_one(double):
    def step(x):
        try:
            return x * x.sum().item()
        except CaptureError:
            return x

    step = mg.capture(step)
    x = mg.ones(2, device=double.device)
    step(x)
    with pytest.raises(CaptureError, match="item"):
        step(x)


# ---- what is told of a program ---------------------------------------------------------------------------


def test_kernels_are_listed_once_with_what_they_consist_of(gpu):
    def step(x, w):
        return mg.nn.functional.linear(x, w).sum()

    program = {}
    for device in ("cpu", gpu.device):
        captured = mg.capture(step)
        for _ in range(3):
            captured(mg.ones(5, 3, device=device), mg.ones(4, 3, device=device))
        program[device] = {kernel.name: kernel.flops for kernel in captured.program.kernels}
    assert program[gpu.device] == program["cpu"]
    assert program[gpu.device]["linear"] == 2 * 5 * 3 * 4


@pytest.mark.slow
def test_the_table_of_a_program_tells_the_time_of_each_kernel_and_timing_changes_nothing(gpu, device_kind, monkeypatch):
    monkeypatch.setattr(graph, "limits", lambda device: Limits(flops=1e12, copies={1: 1e12}))
    function, parameters = training(gpu.device)
    step = mg.capture(function)
    for x in BATCHES:
        step(mg.tensor(x, device=gpu.device))
    before = [p._data.get() for p in parameters]
    times = step.program.seconds()
    assert len(times) == len(step.program.kernels)
    assert all(second > 0 for run in times for second in run)
    lines = str(step.program).splitlines()
    assert lines[0].split() == ["kernel", "shapes", "MFLOP", "MB", "us", "share"]
    assert any(line.startswith("adam_") for line in lines)
    assert lines[-2].startswith("total")
    assert lines[-2].endswith("100.0%")
    for p, value in zip(parameters, before, strict=True):
        np.testing.assert_array_equal(p._data.get(), value)
