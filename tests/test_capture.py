"""`mg.capture`: calls one, two and later ones, the kinds of calls, and what goes in and comes out."""

import copy
import pickle
import threading
from typing import NamedTuple

import numpy as np
import pytest
from captured_pairs import alike, batches, host, programs, runs

import minigan as mg
from minigan import nn
from minigan.recording import recording

F = nn.functional


def double(x):
    return x * 2


def three_times(step, *args):
    return [step(*args) for _ in range(3)][-1]


# ---- calls -----------------------------------------------------------------------------------------------


def test_only_the_first_two_calls_run_the_function():
    ran = []

    @mg.capture
    def step(x):
        ran.append(x)
        return (x * x).sum()

    found = [step(mg.tensor([float(i), 1.0])).item() for i in range(5)]
    assert found == [1.0, 2.0, 5.0, 10.0, 17.0]
    assert len(ran) == 2


def test_there_is_a_program_from_the_second_call_on():
    step = mg.capture(double)
    step(mg.ones(2))
    assert step.program is None
    step(mg.ones(2))
    assert step.program is not None


def test_a_captured_function_has_the_name_and_the_text_of_the_function():
    def step(x):
        """What it does."""
        return x

    captured = mg.capture(step)
    assert (captured.__name__, captured.__doc__) == ("step", "What it does.")
    assert captured.__wrapped__ is step


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fifty_steps_of_training_give_the_same_bits(dtype):
    def make():
        net = nn.Sequential(nn.Linear(6, 20), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(20, 1)).to(dtype=dtype)
        optimizer = mg.optim.Adam(net.parameters(), lr=1e-2)

        def step(x, y):
            optimizer.zero_grad()
            loss = F.binary_cross_entropy_with_logits(net(x), F.sigmoid(y))
            loss.backward()
            optimizer.step()
            return {"loss": loss, "mean": net(x).mean()}

        return step, net, optimizer

    alike(make, batches(50, (9, 6), (9, 1), dtype=dtype), kinds=1)


def test_a_function_without_arguments():
    w = nn.Parameter(mg.zeros(3))

    @mg.capture
    def step():
        with mg.no_grad():
            w.data = w + 1
        return w.sum()

    assert [step().item() for _ in range(5)] == [3.0, 6.0, 9.0, 12.0, 15.0]


def test_a_method_can_be_captured():
    class Counter:
        def __init__(self):
            self.n = mg.zeros(())
            self.step = mg.capture(self.add)

        def add(self, x):
            self.n += x.sum()
            return self.n

    counter = Counter()
    assert [counter.step(mg.ones(2)).item() for _ in range(4)] == [2.0, 4.0, 6.0, 8.0]


# ---- kinds of calls --------------------------------------------------------------------------------------


class Pair(NamedTuple):
    a: mg.Tensor
    b: mg.Tensor


ANOTHER_KIND = {
    "shape": (mg.ones(2), mg.ones(3)),
    "dimensions": (mg.ones(6), mg.ones(2, 3)),
    "type": (mg.ones(2), mg.ones(2, dtype=mg.float64)),
    "requires_grad": (mg.ones(2), mg.ones(2, requires_grad=True)),
    "layout": (mg.ones(2, 3), mg.ones(3, 2).T),
    "tuple or list": ((mg.ones(2),), [mg.ones(2)]),
    "named tuple": ((mg.ones(2), mg.ones(2)), Pair(mg.ones(2), mg.ones(2))),
    "length": ([mg.ones(2)], [mg.ones(2), mg.ones(2)]),
    "keys": ({"a": mg.ones(2)}, {"b": mg.ones(2)}),
    "nested": ({"a": [mg.ones(2), None]}, {"a": [None, mg.ones(2)]}),
    "None": (mg.ones(2), None),
    "number": (1, 2),
    "number's type": (1, 1.0),
    "truth": (1, True),
    "sign of 0": (0.0, -0.0),
    "text": ("a", "b"),
}


@pytest.mark.parametrize(("first", "second"), ANOTHER_KIND.values(), ids=ANOTHER_KIND.keys())
def test_calls_that_differ_in_it_have_programs_of_their_own(first, second):
    ran = []

    @mg.capture
    def step(x, like):
        ran.append(like)
        return x + 1

    for _ in range(4):
        for like in (first, second):
            assert step(mg.ones(2), like).tolist() == [2.0, 2.0]
    assert programs(step) == 2
    assert len(ran) == 4


def test_the_tape_being_off_means_another_program():
    ran = []

    @mg.capture
    def step(x):
        ran.append(recording())
        return x * 2

    for _ in range(3):
        step(mg.ones(2))
        with mg.no_grad():
            step(mg.ones(2))
    assert ran == [True, False, True, False]


def test_keywords_and_containers_hold_tensors_at_any_depth():
    def make():
        def step(x, *, parts, scale):
            first, (second, *_) = parts["first"], parts["rest"]
            return {"sum": x + first.a * second, "more": [first.b * scale, (x,)]}

        return lambda *xs: step(xs[0], parts={"first": Pair(xs[1], xs[2]), "rest": [xs[3], None]}, scale=3), *()

    alike(make, batches(6, (4,), (4,), (4,), (4,)))


def test_the_results_are_in_the_containers_of_the_function():
    @mg.capture
    def step(x):
        return Pair(x, {"a": (x + 1, None), "b": [x]})

    y = three_times(step, mg.ones(1))
    assert type(y) is Pair
    assert type(y.b) is dict
    assert type(y.b["a"]) is tuple
    assert y.b["a"][1] is None
    assert type(y.b["b"]) is list


def test_nan_is_a_kind_like_any_other_number():
    step = mg.capture(lambda x, s: x * s)
    for _ in range(20):
        assert np.isnan(step(mg.ones(1), float("nan")).item())
    assert programs(step) == 1


def test_more_than_eight_shapes_are_an_error_that_says_so():
    step = mg.capture(double)
    for n in range(1, 9):
        step(mg.ones(n))
        step(mg.ones(n))
    with pytest.raises(mg.CaptureError, match=r"at most 8 kinds of calls.*: \(tensor \(9,\)\)\. .*pass what changes"):
        step(mg.ones(9))
    assert step(mg.ones(8)).tolist() == [2.0] * 8  # those that are known go on


def test_a_number_that_is_another_one_in_each_call_is_an_error_and_not_kept_for_ever():
    step = mg.capture(lambda x, rate: x * rate)
    for i in range(8):
        step(mg.ones(2), i / 7)
    with pytest.raises(mg.CaptureError, match=r"at most 8 kinds.*: \(tensor \(2,\), 1\.1428"):
        step(mg.ones(2), 8 / 7)
    assert len(step._kinds) == 8


def test_a_short_last_batch_is_a_second_program():
    def make():
        net = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 1))
        optimizer = mg.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

        def step(x):
            optimizer.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        return step, net, optimizer

    epoch = [*batches(3, (8, 3)), *batches(1, (5, 3), seed=1)]
    alike(make, epoch * 5, kinds=2)


# ---- arguments -------------------------------------------------------------------------------------------


def test_arguments_are_copied_in():
    step = mg.capture(double)
    x = mg.ones(3)
    y = three_times(step, x)
    x.data = np.array([5.0, 6.0, 7.0])
    assert y.tolist() == [2.0, 2.0, 2.0]
    assert step(x).tolist() == [10.0, 12.0, 14.0]


@pytest.mark.parametrize(
    "laid_out",
    [
        lambda x: x.T,
        lambda x: x[::-1, ::-1],
        lambda x: x[:, ::3],
        lambda x: np.broadcast_to(x[:, :1], x.shape),
        lambda x: np.asfortranarray(x),
        lambda x: x.reshape(2, 100, 90).transpose(1, 2, 0),
        lambda x: x[3],
    ],
)
def test_the_layout_of_an_argument_decides_about_the_order_of_sums_as_it_does_as_written(laid_out):
    rng = np.random.default_rng(0)
    arrays = [laid_out(rng.standard_normal((200, 90)).astype(np.float32)) for _ in range(5)]

    def make():
        return lambda x: (x.sum(0), x.sum(-1), (x * x).mean(), (x @ x[..., :7, :].T if x.ndim == 2 else x * x), x), *()

    alike(make, [lambda x=x: [mg.as_tensor(x)] for x in arrays], kinds=1)


def test_arrays_are_arguments_like_tensors():
    step = mg.capture(double)
    assert [step(np.full(2, i, np.float32)).tolist() for i in range(4)] == [[2.0 * i] * 2 for i in range(4)]


def test_one_tensor_as_two_arguments_is_one_tensor():
    def make():
        def step(a, b):
            return mg.grad((a * a * b).sum(), a)

        return step, *()

    def calls(*same):
        arrays = np.random.default_rng(0).standard_normal((len(same), 3)).astype(np.float32)
        for x, is_same in zip(arrays, same, strict=True):
            first = mg.tensor(x, requires_grad=True)
            second = first if is_same else mg.tensor(x, requires_grad=True)
            yield lambda args=(first, second): args

    alike(make, list(calls(True, False, True, False, True, False, True)), kinds=2)


def test_an_empty_batch():
    alike(lambda: (lambda x: ((x * 2).sum(), x @ mg.ones(3, 2)), *()), batches(4, (0, 3)))
    empty = mg.as_tensor(np.lib.stride_tricks.as_strided(np.zeros(1), (0, 5, 0), (0, 0, 0)))
    alike(lambda: (lambda x: (mg.randn_like(x), x * 2, x.reshape(0, 3)), *()), [lambda: [empty]] * 4)


def test_slices_are_arguments_that_can_be_compared():
    step = mg.capture(lambda x, part: x[part])
    for part in (slice(0, 2), slice(1, None, 2), slice(0, 2), slice(1, None, 2)):
        for _ in range(2):
            assert step(mg.arange(4), part).tolist() == list(range(4))[part]
    assert programs(step) == 2


# ---- results ---------------------------------------------------------------------------------------------


def test_results_are_off_the_tape_from_the_first_call_on():
    w = nn.Parameter(mg.ones(2))
    step = mg.capture(lambda x: w * x)
    for _ in range(4):
        y = step(mg.ones(2))
        assert not y.requires_grad
        assert y.is_leaf


def test_the_next_call_overwrites_results():
    step = mg.capture(double)
    three_times(step, mg.ones(1))
    y = step(mg.ones(1))
    step(mg.full((1,), 5.0))
    assert y.item() == 10.0


def test_a_tape_that_saved_a_result_notices_that_it_was_overwritten():
    step = mg.capture(double)
    y = three_times(step, mg.ones(1))
    w = nn.Parameter(mg.ones(1))
    loss = (w * y).sum()
    step(mg.full((1,), 5.0))
    with pytest.raises(mg.StaleGraphError):
        loss.backward()


def test_a_result_may_be_changed_without_changing_those_of_later_calls():
    step = mg.capture(lambda x: {"y": x * 2, "z": x})
    for i in range(6):
        report = step(mg.full((1,), float(i)))
        assert {name: value.item() for name, value in report.items()} == {"y": 2.0 * i, "z": float(i)}
        report.pop("z").requires_grad_()
        report["more"] = 1


RESULTS = {
    "nothing": lambda w, x: None,
    "a parameter": lambda w, x: w,
    "a view of a parameter": lambda w, x: w.T,
    "the argument": lambda w, x: x,
    "a view of the argument": lambda w, x: x.T,
    "a part of the argument": lambda w, x: x[1:, ::2],
    "a view of a result": lambda w, x: (w * x)[:, 1:].reshape(-1),
    "the same tensor twice": lambda w, x: [(y := w * x), y, y.T],
    "the argument detached": lambda w, x: x.detach().reshape(-1),
    "what was made of numbers": lambda w, x: [mg.tensor([1.0, 2.0]), mg.full((2,), 3.0), mg.arange(4), mg.eye(2)],
    "an empty container": lambda w, x: [(), {}, []],
}


@pytest.mark.parametrize("function", RESULTS.values(), ids=RESULTS.keys())
def test_what_a_function_may_return(function):
    def make():
        w = nn.Parameter(mg.randn(3, 4))

        def step(x):
            y = function(w, x)
            with mg.no_grad():
                w.data = w * 0.9 + x * 0.1
            return y

        return step, w

    alike(make, batches(6, (3, 4)))


def test_results_may_be_the_next_arguments_in_any_order():
    def make():
        return lambda a, b: (a + b, a, b[:1], [b]), *()

    def chain(step):
        a, b = mg.ones(2), mg.tensor([2.0, 5.0])
        seen = []
        for _ in range(9):
            sum, a, _, (b,) = step(a, b)
            seen.append(host([a, b]))
            a, b = b, sum
        return seen

    assert chain(mg.capture(make()[0])) == chain(make()[0])


# ---- around it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fails_in", [0, 1, 2, 3])
def test_an_error_of_the_function_leaves_everything_usable(fails_in):
    w = nn.Parameter(mg.ones(2))
    optimizer = mg.optim.SGD([w], lr=0.5)
    calls = []

    @mg.capture
    def step(x):
        calls.append(x)
        optimizer.zero_grad()
        loss = (w * x).sum()
        loss.backward()
        if len(calls) == fails_in + 1:
            raise KeyError("mine")
        optimizer.step()
        return loss

    expected = 2.0
    for i in range(6):
        try:
            assert step(mg.ones(2)).item() == expected
            expected -= 1.0
        except KeyError:
            assert i == fails_in
    assert (mg.ones(2) * 2).sum().item() == 4.0
    assert w.tolist() == [expected / 2] * 2
    assert step.program is not None


def test_a_captured_function_inside_of_another_is_part_of_its_program():
    def make():
        w = nn.Parameter(mg.ones(3))
        inner = mg.capture(lambda x: x * w)

        def step(x):
            with mg.no_grad():
                w.data = w + 1
            return inner(x) + inner(x + 1) * 2

        return step, w

    def plain():
        w = nn.Parameter(mg.ones(3))

        def step(x):
            with mg.no_grad():
                w.data = w + 1
            return x * w + ((x + 1) * w) * 2

        return step, w

    calls = batches(6, (3,))
    (step, w), (other, v) = make(), plain()
    step = mg.capture(step)
    for args in calls:
        assert host([step(*args()), w]) == host([other(*args()), v])


def test_a_captured_function_that_calls_itself():
    def factorial(x, n):
        return x if n <= 1 else step(x, n - 1) * n

    step = mg.capture(factorial)
    assert [step(mg.ones(1), 4).item() for _ in range(4)] == [24.0] * 4


OBSERVERS = {"profile": mg.profile, "detect_anomaly": mg.detect_anomaly}


@pytest.mark.parametrize("observer", OBSERVERS.values(), ids=OBSERVERS.keys())
def test_under_an_observer_it_runs_as_written(observer):
    ran = []

    @mg.capture
    def step(x):
        ran.append(x)
        return x * 2

    for i in range(6):
        with observer() if i in (0, 2, 4) else mg.enable_grad():
            assert step(mg.full((1,), float(i))).item() == 2.0 * i
    assert len(ran) == 3 + 2


def test_the_profile_of_a_captured_step_shows_its_operations():
    step = mg.capture(lambda x: mg.tanh(x) * 2)
    three_times(step, mg.ones(3))
    with mg.profile() as profile:
        step(mg.ones(3))
    assert "tanh" in str(profile)


def test_two_threads_each_with_a_captured_function():
    def make(seed):
        rng = np.random.default_rng(seed)
        w = nn.Parameter(mg.tensor(rng.standard_normal((20, 20)).astype(np.float32)))
        optimizer = mg.optim.Adam([w], lr=1e-2)

        def step(x):
            optimizer.zero_grad()
            loss = mg.tanh(x @ w).mean() + (w * w).mean()
            loss.backward()
            optimizer.step()
            return loss

        return step, w, [mg.tensor(x) for x in rng.standard_normal((40, 8, 20)).astype(np.float32)]

    def train(seed, wrap, results):
        step, w, xs = make(seed)
        step = wrap(step)
        barrier.wait()
        results[seed] = [host([step(x), w]) for x in xs]

    found, expected = {}, {}
    for results, wrap in ((expected, lambda f: f), (found, mg.capture)):
        barrier = threading.Barrier(4)
        threads = [threading.Thread(target=train, args=(seed, wrap, results)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == expected
    assert len(found) == 4


def test_what_another_thread_does_meanwhile_is_no_part_of_the_program():
    begun, done = threading.Event(), threading.Event()
    elsewhere = []

    def other():
        begun.wait()
        x = mg.tensor([3.0], requires_grad=True)
        (x * x).sum().backward()
        elsewhere.extend([x.grad.item(), bool(x > 1), x.detach().numpy().item()])
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    ran = []

    @mg.capture
    def step(x):
        ran.append(x)
        y = x * 2
        if len(ran) == 2:
            begun.set()
            done.wait()
        return y + 1

    assert [step(mg.full((1,), float(i))).item() for i in range(4)] == [1.0, 3.0, 5.0, 7.0]
    thread.join()
    assert elsewhere == [6.0, True, 3.0]
    assert {kernel.name for kernel in step.program.kernels} == {"mul", "add"}


def test_a_function_that_another_thread_is_in_is_an_error():
    inside, done = threading.Event(), threading.Event()

    @mg.capture
    def step(x):
        inside.set()
        done.wait()
        return x * 2

    thread = threading.Thread(target=step, args=(mg.ones(1),))
    thread.start()
    inside.wait()
    with pytest.raises(mg.CaptureError, match=r"one thread at a time.*once for each thread"):
        step(mg.ones(1))
    done.set()
    thread.join()
    assert three_times(step, mg.ones(1)).item() == 2.0


class Trained:
    """A network with a captured step of its own."""

    def __init__(self):
        self.net = nn.Linear(3, 2)
        self.optimizer = mg.optim.Adam(self.net.parameters(), lr=0.1)
        self.captured = mg.capture(self.step)

    def step(self, x):
        self.optimizer.zero_grad()
        loss = (self.net(x) ** 2).mean()
        loss.backward()
        self.optimizer.step()
        return loss


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_a_copy_trains_its_own_parameters(copied):
    calls = batches(8, (5, 3))
    first = Trained()
    for args in calls[:4]:
        first.captured(*args())
    second = copied(first)
    before = host(first.net.state_dict())
    found = [host([second.captured(*args()), second.net.state_dict()]) for args in calls[4:]]
    assert host(first.net.state_dict()) == before
    assert found == [host([first.step(*args()), first.net.state_dict()]) for args in calls[4:]]
    assert second.captured.program is not None


def test_a_printed_program_changes_nothing():
    def make():
        net = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Dropout(0.5), nn.Linear(8, 1))
        optimizer = mg.optim.Adam(net.parameters(), lr=0.1)

        def step(x):
            optimizer.zero_grad()
            loss = (net(x + mg.randn(5, 4)) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        return step, net, optimizer

    def show(step):
        captured = mg.capture(step)

        def call(x):
            y = captured(x)
            before = host(y)
            if captured.program is not None:
                assert "linear" in str(captured.program)
            assert host(y) == before
            return y

        return call

    calls = batches(6, (5, 4))
    assert runs(make, calls, show)[0] == runs(make, calls, lambda f: f)[0]
