"""no_grad, enable_grad and set_grad_enabled switch the tape as in PyTorch, and as decorators each call by itself."""

import threading

import numpy as np
import pytest

import minigan as mg
from minigan.recording import recording


def in_thread(work):
    """What ``work`` returns in a thread of its own."""
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


SWITCHES = {
    "no_grad": (lambda lib: lib.no_grad(), False),
    "enable_grad": (lambda lib: lib.enable_grad(), True),
    "set_grad_enabled(True)": (lambda lib: lib.set_grad_enabled(True), True),
    "set_grad_enabled(False)": (lambda lib: lib.set_grad_enabled(False), False),
}
every_switch = pytest.mark.parametrize(("make", "on"), SWITCHES.values(), ids=SWITCHES.keys())


def tracks(lib):
    return (lib.ones(1, requires_grad=True) * 2).requires_grad


@pytest.mark.torch
@every_switch
@pytest.mark.parametrize("before", [True, False])
def test_each_switch_does_what_it_does_in_pytorch(torch, make, on, before):
    seen = []
    for lib in (mg, torch):
        with lib.set_grad_enabled(before):
            with make(lib):
                inside = tracks(lib)
            after = tracks(lib)
            decorated = make(lib)(lambda lib=lib: tracks(lib))
            seen.append((inside, after, decorated(), tracks(lib)))
        assert tracks(lib)
    assert seen[0] == seen[1] == (on, before, on, before)


@pytest.mark.torch
def test_set_grad_enabled_switches_at_once_when_it_is_called(torch):
    for lib in (mg, torch):
        lib.set_grad_enabled(False)
        assert not tracks(lib)
        lib.set_grad_enabled(True)
        assert tracks(lib)


@every_switch
def test_an_exception_restores_what_was_before(make, on):
    with pytest.raises(ZeroDivisionError), make(mg):
        1 / 0  # noqa: B018
    assert recording()


@every_switch
def test_a_decorated_function_may_call_itself(make, on):
    @make(mg)
    def deep(times):
        assert recording() is on
        with mg.set_grad_enabled(not on):
            if times:
                deep(times - 1)
            assert recording() is not on

    deep(3)
    assert recording()


def test_a_decorated_function_leaves_each_thread_as_it_was():
    inside, done = threading.Event(), threading.Event()

    @mg.no_grad()
    def slow(waits):
        if waits:
            inside.set()
            assert done.wait(10)

    def off():
        with mg.no_grad():
            slow(True)
            return recording()

    found = []
    thread = threading.Thread(target=lambda: found.append(off()))
    thread.start()
    assert inside.wait(10)
    decorated = in_thread(lambda: (slow(False), recording())[1])  # enters after the first, and is the first to leave
    done.set()
    thread.join()
    assert (decorated, found) == (True, [False])


def test_set_grad_enabled_wants_true_or_false():
    for mode in (None, 1, "yes"):
        with pytest.raises(mg.ArgumentError, match="set_grad_enabled: expected True or False"):
            mg.set_grad_enabled(mode)
    assert recording()


# ---- observers as decorators -----------------------------------------------------------------------------


def test_a_decorating_profile_holds_the_whole_of_a_call_that_calls_itself():
    p, x = mg.profile(), mg.ones(2)

    @p
    def deep(times):
        mg.exp(x)
        if times:
            deep(times - 1)

    deep(2)
    assert [(row.op, row.calls) for row in p.rows] == [("exp", 3)]
    assert p.seconds > 0
    deep(0)
    assert [(row.op, row.calls) for row in p.rows] == [("exp", 1)]


def test_a_decorating_observer_watches_each_thread_by_itself():
    both = threading.Barrier(2, timeout=10)

    @mg.detect_anomaly()
    def work(x):
        both.wait()
        y = mg.exp(x)
        both.wait()
        try:
            mg.log(x - 1)
        except mg.AnomalyError:
            return y.tolist()
        return None

    found = []
    threads = [threading.Thread(target=lambda: found.append(work(mg.ones(1)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [mg.exp(mg.ones(1)).tolist()] * 2
    with np.errstate(divide="ignore"):
        assert mg.log(mg.zeros(1)).tolist() == [-float("inf")]


def test_calls_of_a_profiled_function_in_two_threads_count_their_own_operations():
    p, x, both = mg.profile(), mg.ones(2), threading.Barrier(2, timeout=10)

    @p
    def work():
        both.wait()
        for _ in range(5):
            mg.exp(x)
        both.wait()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(row.op, row.calls) for row in p.rows] == [("exp", 5)]
