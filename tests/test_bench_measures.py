"""How `minigan bench` measures: what it counts, how it times, what memory it sees; not how fast anything is."""

import signal
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from bench_points import CPU, LIMITS, a_point, small

import minigan as mg
from minigan import roofline
from minigan.bench import expected, measure
from minigan.bench.expected import Expectation, Line, expect
from minigan.bench.kernels import KernelTotal, metered, within
from minigan.bench.measure import Looks, Side, Timing
from minigan.bench.memory import peak_memory
from minigan.bench.work import BATCH_SIZES, Work
from minigan.gan import load_preset
from minigan.gan.rules import RULES
from minigan.gan.signals import Stopped, raise_on_stop_signal
from minigan.roofline import Limits

pytestmark = pytest.mark.slow

# ---- what a step costs ---------------------------------------------------------------------------------------


def products(widths_G, widths_D, n):
    """FLOPs of all matrix products in a step of two MLPs: D on real and fake, then G on the fakes of D's move."""
    flops = 0
    for i, (a, b) in enumerate(widths_G):
        flops += 2 * n * a * b * (3 if i else 2)  # forward, gradient of the weights, and of the input unless it is z
    for i, (a, b) in enumerate(widths_D):
        flops += 2 * 2 * n * a * b * (3 if i else 2)  # D's move, on 2 n samples, whose gradient nobody wants
        flops += 2 * n * a * b * 2  # G's: forward, and gradient of the input down to the pixels
    return flops


def test_the_flops_of_a_step_are_those_counted_by_hand():
    work = small("reference", "generator.hidden=[16, 24]", "discriminator.hidden=[20, 12]", batch_sizes=(4,))
    found = measure.measure(work, 4, CPU, LIMITS, seconds=0, blocks=1).kernels
    multiply = sum(kernel.flops for kernel in found if kernel.name.startswith(("linear", "matmul")))
    assert multiply == products([(100, 16), (16, 24), (24, 784)], [(784, 20), (20, 12), (12, 1)], 4)


def test_of_a_lazy_penalty_the_mean_over_its_period_is_counted():
    def flops(*changes):
        work = small("default", *changes, batch_sizes=(4,))
        return measure.measure(work, 4, CPU, LIMITS, seconds=0, blocks=1).flops

    never, always, lazy = flops("game.r1_gamma=0"), flops("game.penalty_every=1"), flops("game.penalty_every=4")
    assert never < lazy < always
    assert lazy == pytest.approx(never + (always - never) / 4, rel=1e-3)  # a weight of 4 is one more product


def test_a_kernel_inside_another_is_counted_once():
    x, w = mg.ones(8, 3), mg.ones(3, 5)
    with metered() as meter:
        y = mg.matmul(x, w)
        mg.nn.functional.mse_loss(y, mg.zeros(8, 5))
    assert {kernel.name: kernel.calls for kernel in meter.kernels()}["matmul"] == 1
    assert len(meter.costs) == sum(kernel.calls for kernel in meter.kernels())
    assert meter.costs[0] == (2 * 8 * 3 * 5, 4 * (8 * 3 + 3 * 5 + 8 * 5))


def test_memory_for_the_result_is_no_argument_of_a_kernel():
    backend = mg.backend.get_backend(np.empty(0))
    x1, x2, out = np.ones((8, 3), np.float32), np.ones((3, 5), np.float32), np.ones((8, 5), np.float32)
    with metered() as meter:
        backend.matmul(x1, x2, out)
    assert meter.costs == [(240, x1.nbytes + x2.nbytes + out.nbytes)]


def test_kernels_run_as_fused_as_they_do_unwatched():
    work = small("reference", batch_sizes=(4,))
    names = [kernel.name for kernel in measure.measure(work, 4, CPU, LIMITS, seconds=0, blocks=1).kernels]
    assert "bias_leaky_relu_dropout" in names
    assert "leaky_relu" not in names


def test_the_time_of_a_kernel_is_the_median_of_the_looks():
    def look(a, b):
        return SimpleNamespace(kernels=lambda: [KernelTotal("a", 4, a, 10, 20), KernelTotal("b", 2, b, 0, 8)])

    looks = Looks(Clock(1.0, period=2), seconds=0)
    looks.taken = [look(0.2, 0.6), look(1.8, 0.6), look(0.4, 0.6)]
    assert looks.kernels() == [KernelTotal("b", 1, 0.3, 0, 4), KernelTotal("a", 2, 0.2, 5, 10)]


@pytest.mark.parametrize(
    ("step", "a", "b", "outside"), [(1.0, 0.5, 0.25, 0.25), (0.75, 0.5, 0.25, 0), (0.3, 0.2, 0.1, 0)]
)
def test_kernels_and_what_is_outside_of_them_are_a_step_that_nobody_watches(step, a, b, outside):
    kernels, rest = within(step, [KernelTotal("a", 4, 0.5, 10, 20), KernelTotal("b", 2, 0.25, 0, 8)])
    assert [kernel.seconds for kernel in kernels] == pytest.approx([a, b])
    assert rest == outside
    assert kernels[0] == KernelTotal("a", 4, kernels[0].seconds, 10, 20)


def test_what_it_takes_to_watch_kernels_is_no_time_of_a_step():
    point = measure.measure(small("ring"), 4, CPU, LIMITS, seconds=0, blocks=3)
    in_kernels = sum(kernel.seconds for kernel in point.kernels)
    assert in_kernels + point.outside == pytest.approx(point.timings["eager"].median)


# ---- the limits ----------------------------------------------------------------------------------------------


def test_a_kernel_takes_the_longer_of_its_arithmetic_and_its_bytes():
    assert LIMITS.seconds(flops=10**9, nbytes=10**6) == pytest.approx(0.01)
    assert LIMITS.seconds(flops=10**6, nbytes=10**9) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("nbytes", "speed"), [(1, 50e9), (10**6, 50e9), (10**8 - 1, 50e9), (10**8, 20e9), (10**10, 20e9)]
)
def test_copies_are_as_fast_as_the_largest_measured_that_is_not_larger(nbytes, speed):
    assert LIMITS.copy_speed(nbytes) == speed


def test_the_share_is_the_time_at_the_limits_over_the_time_measured():
    point = a_point(eager=0.4, captured=0.2)  # 0.05 s at the limits
    assert (point.share("eager"), point.share("captured")) == (pytest.approx(0.125), pytest.approx(0.25))


def test_the_time_at_the_limits_is_the_sum_over_the_kernels():
    work = small("ring", batch_sizes=(4,))
    flops_only, bytes_only = Limits(1e9, {1: 1e30}), Limits(1e30, {1: 1e9})
    for limits, quantity in ((flops_only, "flops"), (bytes_only, "bytes")):
        point = measure.measure(work, 4, CPU, limits, seconds=0, blocks=1)
        assert point.limit == pytest.approx(getattr(point, quantity) / 1e9)


def test_measured_limits_are_those_of_this_machine(monkeypatch):
    monkeypatch.setattr(roofline, "SECONDS", 0.0)
    found = roofline.limits.__wrapped__(CPU)
    assert 1e8 < found.flops < 1e15
    speeds = list(found.copies.values())
    assert list(found.copies) == sorted(found.copies)
    assert speeds == sorted(speeds, reverse=True)  # what holds for large arrays holds for small ones
    assert speeds[-1] > 1e7


# ---- time ----------------------------------------------------------------------------------------------------


def test_speeds_follow_from_the_median_and_the_samples_of_a_step():
    point = replace(a_point(batch_size=8, eager=0.4), samples=40)  # five batches, as of WGAN-GP
    assert point.timings["eager"].steps_per_s == pytest.approx(2.5)
    assert point.samples_per_s("eager") == pytest.approx(100)
    assert point.flops_per_s("eager") == pytest.approx(2.5 * 2.001e9)


def test_the_spread_leaves_out_a_tenth_of_the_blocks_on_either_side():
    assert Timing(1, [float(i) for i in range(11)], 0).spread == (1.0, 9.0)
    assert Timing(1, [3.0], 0).spread == (3.0, 3.0)


class Clock:
    """A side whose steps take so many seconds each, as its clock says."""

    def __init__(self, seconds, period=1):
        self.seconds, self.period, self.played, self.peak_bytes = seconds, period, [], 7

    def play(self, steps):
        self.played.append(steps)
        return self.seconds

    block = play


def test_sides_take_turns_until_each_has_its_seconds_and_its_blocks():
    fast, slow = Clock(0.001), Clock(0.5)
    rounds = []
    sides = {"eager": slow, "captured": fast}
    timings = measure._timings(sides, 1.0, 5, lambda: rounds.append(len(fast.played)), print)
    assert (timings["eager"].steps, timings["captured"].steps) == (1, 100)
    assert len(timings["eager"].seconds) == len(timings["captured"].seconds) == 10
    assert rounds == list(range(2, 12))  # after one to find the length of a block, and one in each turn
    timings = measure._timings({"eager": Clock(7.0)}, 1.0, 5, lambda: None, print)
    assert (timings["eager"].steps, len(timings["eager"].seconds)) == (1, 5)


def test_a_block_holds_whole_periods_of_a_lazy_penalty():
    assert measure._steps_in_block(Clock(0.01, period=4), seconds=0.1) == 8  # 10 rounded to periods
    assert measure._steps_in_block(Clock(5.0, period=4), seconds=0.1) == 4
    assert [small("default", change).period for change in ("game.penalty_every=4", "game.r1_gamma=0")] == [4, 1]


def test_all_timed_steps_are_replays_on_batches_of_one_size(monkeypatch):
    played = []
    rule = RULES["alternating"]
    monkeypatch.setitem(RULES, "alternating", lambda game, batches: played.append(len(batches)) or rule(game, batches))
    work = small("default", "data.limit=10", batch_sizes=(4,))  # the last batch of an epoch has two
    side = Side(work.at(4), CPU, "captured", work.period)
    before = len(played)  # as written, or to be captured, with a penalty and without
    assert before < side.trainer.step
    side.play(2 * work.period)
    assert len(played) == before
    assert {len(side.trainer.loader.indices_of(step)) for step in range(7)} == {4}


def test_an_eager_side_captures_nothing():
    work = small("ring")
    side = Side(work.at(4), CPU, "eager", work.period)
    assert not side.trainer.game.captured
    assert side.refused is None


def test_a_step_that_cannot_be_captured_is_measured_eager_with_the_reason(monkeypatch):
    monkeypatch.setattr(Side, "refused", property(lambda side: "found a thing" if side.trainer.capture else None))
    point = measure.measure(small("ring"), 4, CPU, LIMITS, seconds=0, blocks=1)
    assert (list(point.timings), point.refused) == (["eager"], "found a thing")


def test_ctrl_c_in_a_step_interrupts(monkeypatch):
    work = small("ring")
    side = Side(work.at(4), CPU, "eager", work.period)
    step = side.trainer.game.step

    def interrupted(*batches):
        signal.raise_signal(signal.SIGINT)
        return step(*batches)

    monkeypatch.setattr(side.trainer.game, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        side.play(3)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_a_step_ends_the_measuring_there(monkeypatch, number):
    work = small("ring")
    side = Side(work.at(4), CPU, "eager", work.period)
    monkeypatch.setattr(side.trainer.game, "step", lambda *batches: signal.raise_signal(number))
    usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, usual)  # whatever the program that started pytest left here
    try:
        with pytest.raises(Stopped) as found, raise_on_stop_signal():
            side.play(3)
    finally:
        signal.signal(number, before)
    assert found.value.number == number


# ---- memory --------------------------------------------------------------------------------------------------


def test_peak_memory_is_the_most_that_was_held_at_a_time():
    with peak_memory(CPU) as peak:
        for _ in range(3):
            np.ones(10**6)
        x = np.ones(10**5)
    assert 8e6 <= peak.nbytes < 8.1e6
    assert x.nbytes == 8e5


def test_peak_memory_holds_weights_gradients_and_moments():
    work = small("reference", "generator.hidden=[512]", "discriminator.hidden=[512]", batch_sizes=(1,))
    side = Side(work.at(1), CPU, "eager", work.period)
    game = side.trainer.game
    weights = 4 * sum(player.network.num_parameters() for player in (game.generator, game.discriminator))
    assert 4 * weights < side.peak_bytes < 5 * weights


def test_what_was_taken_and_given_back_before_a_restart_does_not_count():
    with peak_memory(CPU) as peak:
        kept = np.ones(10**5)
        np.ones(10**6)
        peak.restart()
        np.ones(2 * 10**5)
    assert 24e5 <= peak.nbytes < 25e5
    assert kept.nbytes == 8e5


def test_pythons_own_large_tables_are_no_memory_of_a_training():
    with peak_memory(CPU) as peak:
        held = np.ones(10**5), [None] * 10**6
    assert 8e5 <= peak.nbytes < 8.1e5
    assert len(held) == 2


def test_memory_is_the_same_number_each_time():
    work = small("ring", batch_sizes=(8,))
    for mode in ("eager", "captured"):
        first, *others = (Side(work.at(8), CPU, mode, work.period).peak_bytes for _ in range(4))
        assert others == pytest.approx([first] * 3, rel=0.05)


def test_the_time_expected_is_that_of_the_looks_and_of_the_blocks():
    expectation = Expectation(Line(0.0, 0.001), Line(0.0, 0.0), Line(1.0, 0.0))
    work = Work(load_preset("reference"), None, (1, 1000))
    quick, long = expectation.duration(work, 0.01), expectation.duration(work, 10.0)
    assert quick == pytest.approx(2 * 1.0 + 5 * 1.001, rel=0.2)  # looks, and blocks of a step each
    assert 2 * (1.0 + 2 * 10.0) < long < 1.4 * 2 * (1.0 + 2 * 10.0)  # looks, and both modes for their time


def test_a_line_goes_through_both_points_and_never_falls():
    line = Line.through((16, 50.0), (64, 98.0))
    assert [line.at(x) for x in (16, 64, 8192)] == [50.0, 98.0, 8226.0]
    assert Line.through((16, 50.0), (64, 40.0)) == (40.0, 0.0)
    assert Line.through((2, 5.0), (2, 5.0)) == (5.0, 0.0)


def test_the_largest_batch_is_the_one_whose_line_reaches_the_memory():
    expectation = Expectation(Line(0.0, 0.0), Line(1000.0, 10.0), Line(0.0, 0.0))
    assert expectation.largest(6000) == 500
    assert Expectation(Line(0.0, 0.0), Line(1000.0, 0.0), Line(0.0, 0.0)).largest(6000) == float("inf")
    assert Expectation(Line(0.0, 0.0), Line(1000.0, 0.0), Line(0.0, 0.0)).largest(10) == 0


def test_memory_that_is_expected_is_the_memory_that_is_taken():
    work = small("reference", "generator.hidden=[64]", batch_sizes=(64,))
    expectation = expect(work, CPU, LIMITS)
    point = measure.measure(work, 64, CPU, LIMITS, seconds=0, blocks=1)
    assert expectation.nbytes.at(64) == pytest.approx(sum(t.peak_bytes for t in point.timings.values()), rel=0.02)


@pytest.mark.parametrize(
    ("sizes", "looked_at"), [((1,), [1, 1]), ((1, 8), [2, 8]), ((12,), [2, 12]), (BATCH_SIZES, [16, 64])]
)
def test_two_small_even_sizes_are_looked_at_first(monkeypatch, sizes, looked_at):
    seen = []
    monkeypatch.setattr(expected, "measure", lambda work, size, *_, **__: seen.append(size) or a_point(batch_size=size))
    expect(Work(load_preset("ring"), None, sizes), CPU, LIMITS)
    assert seen == looked_at
