"""`mg.profile`: calls, time, FLOPs and bytes of every operation of a step, forward, backward and update."""

import threading

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.backend import get_backend
from minigan.backend.intercept import NAMES
from minigan.observers import profiler
from minigan.observers.costs import cost
from minigan.observers.observer import observers


@pytest.fixture(autouse=True)
def nothing_stays():
    backend = get_backend(np.ones(1))
    before = dict(vars(backend))
    yield
    assert observers == []
    assert vars(backend) == before


def rows(p):
    return {(row.op, row.direction): row for row in p.rows}


def network():
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Dropout(0.5), nn.Linear(5, 2))


def test_a_whole_step_is_seen_with_its_directions():
    net = network()
    optimizer = mg.optim.Adam(net.parameters())
    x = mg.ones(3, 6)
    with mg.profile() as p:
        for _ in range(4):
            optimizer.zero_grad()
            net(x).sum().backward()
            optimizer.step()
    found = rows(p)
    assert {key: found[key].calls for key in (
        ("linear", "forward"), ("tanh", "forward"), ("dropout_mask", "forward"), ("linear_weight_grad", "backward"),
        ("tanh_grad", "backward"), ("matmul", "backward"), ("adam_", "update"),
    )} == {
        ("linear", "forward"): 8, ("tanh", "forward"): 4, ("dropout_mask", "forward"): 4,
        ("linear_weight_grad", "backward"): 8, ("tanh_grad", "backward"): 4, ("matmul", "backward"): 4,
        ("adam_", "update"): 4,
    }  # fmt: skip
    assert not {op for op, direction in found if direction == "backward"} & {"linear", "tanh"}


def test_products_are_counted_exactly():
    net, x = network(), mg.ones(3, 6, requires_grad=True)
    with mg.profile() as p:
        net(x).sum().backward()
    found = rows(p)
    forward = 2 * 3 * (6 * 5 + 5 * 2)
    assert found["linear", "forward"].flops == forward
    assert found["linear_weight_grad", "backward"].flops == forward
    assert found["matmul", "backward"].flops == forward
    assert found["linear", "forward"].bytes == 4 * (3 * 6 + 6 * 5 + 5 + 3 * 5 + 3 * 5 + 5 * 2 + 2 + 3 * 2)


@pytest.mark.torch
@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"dilation": 2}])
def test_convolutions_and_their_gradients_are_counted_as_pytorch_counts(torch, options):
    from torch.utils.flop_counter import FlopCounterMode

    def step(lib, layers):
        x = lib.ones(3, 4, 9, 9, requires_grad=True)
        y = layers.ConvTranspose2d(6, 2, 3, stride=2)(layers.Conv2d(4, 6, 3, **options)(x))
        y.sum().backward()

    with FlopCounterMode(display=False) as counter:
        step(torch, torch.nn)
    with mg.profile() as p:
        step(mg, nn)
    assert sum(row.flops for row in p.rows if row.op.startswith("conv2d")) == counter.get_total_flops()


def test_groups_of_channels_see_only_their_own():  # PyTorch counts their weight's gradient too high
    with mg.profile() as p:
        nn.Conv2d(4, 6, 3, groups=2)(mg.ones(3, 4, 9, 9, requires_grad=True)).sum().backward()
    each = 2 * (3 * 6 * 7 * 7) * (2 * 3 * 3)
    assert [row.flops for row in p.rows if row.op.startswith("conv2d")] == [each] * 3


@pytest.mark.parametrize(("name", "arrays", "y", "flops"), [
    ("matmul", [np.ones((7, 2, 3)), np.ones((3, 4))], np.ones((7, 2, 4)), 2 * 7 * 2 * 3 * 4),
    ("add", [np.ones((2, 3)), np.ones(3)], np.ones((2, 3)), 6),
    ("sum", [np.ones((2, 3))], np.ones(2), 6),
    ("cat", [np.ones(2), np.ones(3)], np.ones(5), 0),
    ("mul", [np.ones(3), 2.0], np.ones(3), 3),
])  # fmt: skip
def test_what_counts_as_an_operation(name, arrays, y, flops):
    found = cost(name, arrays, y)
    assert found.flops == flops
    assert found.bytes == sum(8 * a.size for a in [*arrays, y] if isinstance(a, np.ndarray))


X, INDEX = np.ones(1000, np.float32), np.arange(100)  # whose indices take 8 bytes each


@pytest.mark.parametrize(("name", "arrays", "counted"), [
    ("sgd_", [X, X, None], "read p, g; write p"),
    ("sgd_", [X, X, X], "read p, g, buffer; write p, buffer"),
    ("adam_", [X, X, X, X], "read p, g, m, v; write p, m, v"),
    ("rmsprop_", [X, X, X, None, None], "read p, g, square; write p, square"),
    ("rmsprop_", [X, X, X, X, None], "read p, g, square, buffer; write p, square, buffer"),
    ("rmsprop_", [X, X, X, None, X], "read p, g, square, mean; write p, square, mean"),
    ("rmsprop_", [X, X, X, X, X], "read p, g, square, buffer, mean; write p, square, buffer, mean"),
    ("lerp_", [X, X, 0.5], "read x, end; write x"),
    ("shrink_", [X, X[:0], 1.0], "read x; write x"),
    ("clip_", [X, 0.5], "read x; write x"),
    ("copy_", [X, X], "read source; write x"),
    ("copy_", [X, 0.0], "write x"),
    ("setitem_", [X, slice(None), X], "read value; write x"),
    ("setitem_", [X, slice(None), 0.0], "write x"),
])  # fmt: skip
def test_what_is_updated_in_place_is_read_and_written(name, arrays, counted):
    words = counted.replace(";", ",").split(", ")
    assert cost(name, arrays, None).bytes == 4 * 1000 * len(words)


def test_of_an_array_only_the_part_that_is_set_counts():
    assert cost("setitem_", [X, slice(0, 10), 0.0], None) == (0, 4 * 10)
    assert cost("setitem_", [X, INDEX, X[:100]], None) == (0, 8 * 100 + 4 * 100 + 4 * 100)


def test_every_kernel_that_works_in_place_is_among_those_whose_bytes_are_counted_by_hand():
    (marks,) = (mark for mark in test_what_is_updated_in_place_is_read_and_written.pytestmark)
    assert {name for name, *_ in marks.args[1]} == {name for name in NAMES if name.endswith("_")}


def test_a_step_of_adam_moves_28_bytes_for_each_parameter():
    p = nn.Parameter(mg.ones(4096))
    p.sum().backward()
    optimizer = mg.optim.Adam([p])
    with mg.profile() as seen:
        optimizer.step()
    assert rows(seen)["adam_", "update"].bytes == 28 * 4096


def test_arrays_in_a_list_count_like_any_others():
    assert cost("norm_of", [[X, X], 2.0], X[0]).bytes == 4 * (1000 + 1000 + 1)


def test_views_are_free_and_work_in_place_is_not():
    x = np.ones((4, 6))
    for name, y in (("reshape", x.reshape(24)), ("permute", x.T), ("getitem", x[1:, 2])):
        assert cost(name, [x], y) == (0, 0)
        assert cost(name, [x[1:]], y) == (0, 0)
    assert cost("getitem", [x], x[[0, 2]]).bytes == 8 * (24 + 12)
    assert cost("add", [x, x, x], x).flops == 24


def test_an_addition_of_gradients_belongs_to_backward():
    x = mg.ones(5, requires_grad=True)
    with mg.profile() as p:
        y = x * 2
        (y * y + y).sum().backward()
    assert rows(p)["add", "backward"].calls >= 1
    assert rows(p)["add", "forward"].calls == 1


def test_the_clock_is_read_around_each_kernel(monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr(profiler.time, "perf_counter", lambda: float(next(ticks)))
    x = mg.ones(3)
    with mg.profile() as p:
        (x + 1) * 2
    assert [row.seconds for row in p.rows] == [1.0, 1.0]
    assert p.seconds == 5.0


def test_rows_come_slowest_first_and_the_table_adds_up():
    with mg.profile() as p:
        mg.ones(300, 300) @ mg.ones(300, 300)
        mg.ones(2) + 1
    seconds = [row.seconds for row in p.rows]
    assert seconds == sorted(seconds, reverse=True)
    head, rule, *body, again, total, clock = str(p).splitlines()
    assert head.split() == ["operation", "direction", "calls", "ms", "share", "MFLOP", "GFLOP/s", "MB"]
    assert rule == again == "-" * len(head)
    assert len(body) == len(p.rows)
    assert total.split()[:2] == ["total", str(sum(row.calls for row in p.rows))]
    assert "100.0%" in total
    assert "54.00" in next(line for line in body if line.startswith("matmul")).split()
    assert "by the clock" in clock


def test_a_second_block_starts_anew():
    p = mg.profile()
    for _ in range(2):
        with p:
            mg.ones(2) + 1
    assert rows(p)["add", "forward"].calls == 1


def test_profiles_nest_and_see_their_own_blocks():
    with mg.profile() as outer:
        mg.ones(2) + 1
        with mg.profile() as inner:
            mg.ones(2) + 1
    assert rows(inner)["add", "forward"].calls == 1
    assert rows(outer)["add", "forward"].calls == 2


def test_it_sees_its_own_thread_alone():
    def elsewhere():
        mg.ones(2) * 2

    with mg.profile() as p:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        mg.ones(2) + 1
    assert ("mul", "forward") not in rows(p)
    assert rows(p)["full", "forward"].calls == 1


def test_an_error_inside_ends_it_and_disturbs_no_later_count():
    with mg.profile() as p:
        with pytest.raises(mg.ShapeError):
            mg.ones(2) + mg.ones(3)
        parameter = nn.Parameter(mg.ones(2))
        parameter.sum().backward()
        mg.optim.SGD([parameter], lr=0.1).step()
    assert rows(p)["sgd_", "update"].calls == 1
    with pytest.raises(KeyError), mg.profile():
        raise KeyError


def test_results_are_the_same_inside():
    def weights():
        mg.manual_seed(1)
        net = network()
        optimizer = mg.optim.SGD(net.parameters(), lr=0.1)
        net(mg.ones(3, 6)).sum().backward()
        optimizer.step()
        return net.state_dict()

    plain = weights()
    with mg.profile():
        watched = weights()
    assert all((plain[name] == watched[name]).all() for name in plain)


class Event:
    """A CUDA event of a GPU on which each kernel takes 2 ms."""

    made = 0

    def record(self):
        Event.made += 1
        self.time = Event.made

    def synchronize(self):
        pass


def test_on_a_gpu_events_keep_the_time_and_are_read_at_the_end(monkeypatch):
    class Cuda:
        Event = Event

        @staticmethod
        def get_elapsed_time(start, end):
            return 2.0 * (end.time - start.time)

    class Backend:
        device_type = "cuda"
        xp = type("xp", (), {"cuda": Cuda})

    backend = Backend()
    p = mg.profile()
    with p:
        for _ in range(3):
            p.running("add", backend)
            p.ran("add", backend, [np.ones(2)], {}, np.ones(2))
        assert rows(p)["add", "forward"].seconds == 0.0
    assert rows(p)["add", "forward"].seconds == pytest.approx(6e-3)
