"""`minigan bench`: what it counts, how it times, what it prints, writes and refuses; not how fast anything is."""

import io
import json
import signal
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from command_line import done, refused
from PIL import Image

import minigan as mg
from minigan import roofline
from minigan.backend.device import Probe
from minigan.bench import expected, kernel_plot, measure, memory, report, speed_plot
from minigan.bench.crossover import crossing, crossovers
from minigan.bench.expected import Expectation, Line, expect
from minigan.bench.kernels import KernelTotal, metered
from minigan.bench.measure import Looks, Point, Side, Timing
from minigan.bench.memory import peak_memory
from minigan.bench.report import Report
from minigan.bench.table import head, lines
from minigan.bench.work import BATCH_SIZES, Work
from minigan.cli import main
from minigan.commands import benchmark
from minigan.errors import ConfigError
from minigan.gan import load_preset
from minigan.gan.config import set_field
from minigan.gan.rules import RULES
from minigan.roofline import Limits

CPU, GPU = mg.device("cpu"), mg.Device("cuda", 0)
LIMITS = Limits(flops=100e9, copies={10**6: 50e9, 10**8: 20e9})
QUICK = ["--batch-sizes", "4,2", "--seconds", "0.01", "--device", "cpu", "--out", "out"]


@pytest.fixture(autouse=True)
def known_limits(monkeypatch):
    """Real ones take a second to measure."""
    monkeypatch.setattr(benchmark, "limits", lambda device: LIMITS)


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


def test_the_time_of_a_kernel_is_the_median_of_the_looks_and_so_is_the_time_between_kernels():
    def look(a, b, seconds):
        return SimpleNamespace(kernels=lambda: [KernelTotal("a", 4, a, 10, 20), KernelTotal("b", 2, b, 0, 8)]), seconds

    looks = Looks(Clock(1.0, period=2), seconds=0)
    looks.taken = [look(0.2, 0.6, 0.7), look(1.8, 0.6, 1.3), look(0.4, 0.6, 0.8)]
    assert looks.kernels() == [KernelTotal("b", 1, 0.3, 0, 4), KernelTotal("a", 2, 0.2, 5, 10)]
    assert looks.outside() == pytest.approx(0.3)  # of 0.3, 0.1 and 0.3 seconds in a step


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
    timings = measure._timings({"eager": slow, "captured": fast}, 1.0, 5, lambda: rounds.append(len(fast.played)))
    assert (timings["eager"].steps, timings["captured"].steps) == (1, 100)
    assert len(timings["eager"].seconds) == len(timings["captured"].seconds) == 10
    assert rounds == list(range(2, 12))  # after one to find the length of a block, and one in each turn
    timings = measure._timings({"eager": Clock(7.0)}, 1.0, 5, lambda: None)
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


def test_a_line_goes_through_both_points_and_never_falls():
    line = Line.through((16, 50.0), (64, 98.0))
    assert [line.at(x) for x in (16, 64, 8192)] == [50.0, 98.0, 8226.0]
    assert Line.through((16, 50.0), (64, 40.0)) == (40.0, 0.0)
    assert Line.through((2, 5.0), (2, 5.0)) == (5.0, 0.0)


def test_the_largest_batch_is_the_one_whose_line_reaches_the_memory():
    expectation = Expectation(Line(0.0, 0.0), Line(1000.0, 10.0))
    assert expectation.largest(6000) == 500
    assert Expectation(Line(0.0, 0.0), Line(1000.0, 0.0)).largest(6000) == float("inf")
    assert Expectation(Line(0.0, 0.0), Line(1000.0, 0.0)).largest(10) == 0


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


# ---- CPU and GPU ---------------------------------------------------------------------------------------------


def test_the_crossover_is_where_the_gpu_overtakes():
    eager, captured = crossovers(two_devices(crossover=16))
    assert (eager.preset, eager.mode, eager.cpu, eager.gpu) == ("made-up", "eager", "cpu", "cuda:0")
    assert captured.batch_size == pytest.approx(16)
    assert eager.batch_size == pytest.approx(64)  # where 2 ms for each sample are 128 ms
    assert captured.ratios[64] == pytest.approx(4)
    assert str(captured) == "made-up, captured: cuda:0 overtakes cpu at batch size 16"


def test_a_gpu_that_is_ahead_everywhere_or_nowhere_overtakes_nothing():
    assert [each.batch_size for each in crossovers(two_devices(crossover=0.01))] == [1.0, 1.0]
    assert "is ahead of cpu at all batch sizes from 1 to 256" in str(crossovers(two_devices(crossover=0.01))[0])
    assert [each.batch_size for each in crossovers(two_devices(crossover=1000))] == [None, None]
    assert "cpu is ahead of cuda:0 at batch size 256" in str(crossovers(two_devices(crossover=1000))[0])


def test_the_crossover_is_the_last_where_there_are_several():
    assert crossing({1: 2.0, 2: 0.5, 4: 2.0, 8: 0.5, 16: 2.0}) == pytest.approx(8 * 2**0.5)


def test_only_what_both_devices_were_measured_with_is_compared():
    points = [a_point("cpu", 1), a_point("cpu", 2), a_point("cuda:0", 2), a_point("cuda:0", 4)]
    assert [list(each.ratios) for each in crossovers(points)] == [[2], [2]]
    assert crossovers([a_point("cpu", 1), a_point("cuda:0", 2)]) == []
    assert crossovers([a_point("cuda:0", 1), a_point("cuda:1", 1)]) == []
    assert [each.mode for each in crossovers([a_point("cpu"), a_point("cuda:0", captured=None)])] == ["eager"]


# ---- table and plots -----------------------------------------------------------------------------------------


def test_the_table_has_a_line_for_each_mode():
    point = a_point(batch_size=1024, eager=0.4, captured=0.0125)
    titles = "  batch  mode      ms/step  10 % .. 90 %        steps/s   samples/s  GFLOP/s  share  peak MB"
    assert head() == titles + "\n" + "-" * len(titles)
    assert lines(point) == [
        "  1,024  eager         400      400 .. 400          2.5       2,560        5   12 %        1",
        "  1,024  captured     12.5     12.5 .. 12.5          80      81,920      160  400 %        2",
    ]


NAMES = {"cpu": "a CPU", "cuda:0": "a GPU"}


@pytest.fixture
def drawn(monkeypatch):
    """Call it with a plot: its figure, which is drawn, too."""

    def draw(module, plot, points, names=NAMES):
        figures = []
        png = module.png
        monkeypatch.setattr(module, "png", lambda figure: figures.append(figure) or png(figure))
        Image.open(io.BytesIO(plot(points, names))).load()
        return figures[0]

    return draw


def test_the_speed_plot_shows_speeds_limits_ratios_and_the_crossover(drawn):
    points = two_devices(crossover=16)
    speeds, ratios = drawn(speed_plot, speed_plot.speed_plot, points).axes
    by_name = {line.get_label(): line for line in speeds.get_lines()}
    captured = [point.samples_per_s("captured") for point in points if point.device == "cuda:0"]
    np.testing.assert_allclose(by_name["a GPU, captured"].get_ydata(), captured)
    np.testing.assert_allclose(by_name["a CPU, at its limits"].get_ydata(), [2**k / 0.05 for k in range(9)])
    assert len(by_name) == 6
    styles = [(line.get_color(), line.get_linestyle()) for line in by_name.values()]
    assert len(set(styles)) == 6  # told apart by colour and dashes
    marks = [line.get_xdata()[0] for line in ratios.get_lines() if line.get_marker() == "D"]
    assert marks == [pytest.approx(64), pytest.approx(16)]
    texts = " ".join(text.get_text() for text in ratios.texts)
    assert "captured: overtakes\nat batch size 16" in texts
    assert (speeds.get_xscale(), speeds.get_yscale(), ratios.get_xscale()) == ("log", "log", "log")
    for axes in (speeds, ratios):
        assert axes.get_xlabel() == "batch size (real samples)"
        assert axes.get_ylabel()
        assert [text.get_text() for text in axes.get_xticklabels()][:2] == ["1", "2"]


def test_without_a_gpu_the_speed_plot_shows_the_cpu(drawn):
    figure = drawn(speed_plot, speed_plot.speed_plot, [a_point(batch_size=4), a_point(batch_size=8)], {"cpu": "a CPU"})
    assert [len(axes.get_lines()) for axes in figure.axes] == [3]


def test_the_kernel_plot_shows_all_of_an_eager_step_and_where_a_captured_one_ends(drawn):
    figure = drawn(kernel_plot, kernel_plot.kernel_plot, two_devices())
    assert len(figure.axes) == 2
    heights = {bars.get_label(): [bar.get_height() for bar in bars] for bars in figure.axes[0].containers}
    assert heights["linear"] == pytest.approx([50] * 9)
    assert heights["adam_"] == pytest.approx([25] * 9)
    assert heights["outside kernels"] == pytest.approx([25] * 9)
    (captured,) = figure.axes[1].collections
    assert [segment[0][1] for segment in captured.get_segments()] == pytest.approx([12.5] * 9)


def test_of_many_kernels_the_slowest_are_shown_by_name(drawn):
    kernels = [KernelTotal(f"k{i}", 1, 0.01 * (i + 1), 0, 0) for i in range(9)]
    figure = drawn(kernel_plot, kernel_plot.kernel_plot, [replace(a_point(), kernels=kernels, outside=0.05)])
    heights = {bars.get_label(): bars[0].get_height() for bars in figure.axes[0].containers}
    assert list(heights) == ["k8", "k7", "k6", "k5", "k4", "k3", "other kernels", "outside kernels"]
    assert heights["other kernels"] == pytest.approx(100 * 0.06 / 0.5)


# ---- the command ---------------------------------------------------------------------------------------------


def test_the_command_prints_a_table_and_writes_numbers_and_pictures(here, capfd):
    out = done(capfd, "bench", "ring", *QUICK)
    table = [line.split() for line in out.split("ring on cpu\n")[1].splitlines()]
    assert [row[:2] for row in table[2:6]] == [["2", "eager"], ["2", "captured"], ["4", "eager"], ["4", "captured"]]
    assert "ms/step: the median over blocks" in out
    written = ["results.json", "speed-ring.png", "kernels-ring.png"]
    assert sorted(path.name for path in (here / "out").iterdir()) == sorted(written)
    assert out.splitlines()[-3:] == [f"Wrote out/{name}" for name in written]
    for name in written[1:]:
        Image.open(here / "out" / name).load()
    found = json.loads((here / "out" / "results.json").read_text())
    assert found["command"].startswith("minigan bench ring --batch-sizes 4,2")
    assert found["machine"]["numpy"] == np.__version__
    assert found["devices"]["cpu"]["matmul_flops_per_s"] == 100e9
    assert found["devices"]["cpu"]["copy_bytes_per_s"] == {"1000000": 50e9, "100000000": 20e9}
    assert (found["crossovers"], found["left_out"]) == ([], [])
    assert [point["batch_size"] for point in found["points"]] == [2, 4]
    for point in found["points"]:
        assert sum(kernel["flops"] for kernel in point["kernels"]) == pytest.approx(point["flops"])
        assert point["modes"].keys() == {"eager", "captured"}
        for timing in point["modes"].values():
            assert len(timing["blocks"]) >= 5
            assert timing["10%"] <= timing["seconds_per_step"] <= timing["90%"]
            assert timing["samples_per_s"] == pytest.approx(point["samples"] / timing["seconds_per_step"])
            assert timing["flops_per_s"] == pytest.approx(point["flops"] / timing["seconds_per_step"])
            assert timing["share"] == pytest.approx(point["seconds_at_limits"] / timing["seconds_per_step"])
            assert timing["peak_bytes"] > 0


def test_two_devices_are_compared_in_the_file(tmp_path, monkeypatch):
    described = {"gpu": {"name": "H200"}, "cpu": "Zen", "blas_threads": 2}
    monkeypatch.setattr(report, "environment", lambda device=CPU: described)
    found = Report("minigan bench", {CPU: LIMITS, GPU: LIMITS}, two_devices(crossover=16), ["nothing"])
    files = found.write(tmp_path)
    assert [path.name for path in files] == ["results.json", "speed-made-up.png", "kernels-made-up.png"]
    found = json.loads(files[0].read_text())
    assert {name: device["name"] for name, device in found["devices"].items()} == {
        "cpu": "Zen, 2 threads",
        "cuda:0": "H200",
    }
    assert [each["batch_size"] for each in found["crossovers"]] == [pytest.approx(64), pytest.approx(16)]
    assert found["crossovers"][1]["in_words"] == "made-up, captured: cuda:0 overtakes cpu at batch size 16"
    assert found["left_out"] == ["nothing"]


@pytest.fixture
def unmeasured(monkeypatch):
    """Points are made up in no time; call it with what happens at some batch sizes."""

    def setup(**at):
        def made_up(work, batch_size, device, limits, seconds, blocks=5):
            happens = at.get(f"at_{batch_size}")
            if happens is not None:
                raise happens
            return a_point(str(device), batch_size, preset=work.name)

        for module in (benchmark, expected):
            monkeypatch.setattr(module, "measure", made_up)

    return setup


def test_without_a_gpu_it_says_so_in_a_line_and_measures_the_cpu(here, capfd, monkeypatch, unmeasured):
    unmeasured()
    monkeypatch.setattr(benchmark, "probe", lambda index=0: Probe("no-cupy", "CuPy is not installed."))
    out = done(capfd, "bench", "--quick", "--out", "out")
    assert "\ncuda      is left out. CuPy is not installed.\n" in out
    assert "\nreference on cpu\n" in out
    assert "reference on cuda" not in out
    assert "CuPy is not installed" not in done(capfd, "bench", "--quick", "--device", "cpu")


def test_every_gpu_that_works_is_measured(monkeypatch):
    probes = [Probe("ok", "works"), Probe("no-memory", "is full"), Probe("ok", "works")]
    monkeypatch.setattr(benchmark, "probe", lambda index=0: probes[index])
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=lambda: 3)))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert list(map(str, benchmark._devices("all"))) == ["cpu", "cuda:0", "cuda:2"]
    assert list(map(str, benchmark._devices("cpu"))) == ["cpu"]


def test_without_out_each_time_gets_a_folder_of_its_own(here, capfd, unmeasured):
    unmeasured()
    for folder in ("bench", "bench-2"):
        assert f"Wrote {folder}/results.json" in done(capfd, "bench", "ring", "--batch-sizes", "2", "--device", "cpu")
        assert (here / folder / "results.json").is_file()


def test_batches_that_do_not_fit_into_memory_are_left_out_with_the_largest_that_does(
    here, capfd, monkeypatch, unmeasured
):
    unmeasured()
    monkeypatch.setattr(benchmark, "expect", lambda *_: Expectation(Line(0, 0), Line(2**20, 2**20)))
    monkeypatch.setattr(benchmark, "usable_memory", lambda device: 101 * 2**20)
    out = done(capfd, "bench", "ring", "--batch-sizes", "64,128,256", "--device", "cpu", "--out", "out")
    why = "batch sizes from 128 on take more than the 0.1 GiB that may be used; about 100 would fit"
    assert f"left out: {why}\n" in out
    found = json.loads((here / "out" / "results.json").read_text())
    assert [point["batch_size"] for point in found["points"]] == [64]
    assert found["left_out"] == [f"ring on cpu: {why}"]


def test_a_point_that_runs_out_of_memory_ends_its_column_and_no_other(here, capfd, unmeasured):
    unmeasured(at_128=MemoryError())
    out = done(capfd, "bench", "ring", "grid", "--batch-sizes", "2,128,256", "--device", "cpu", "--out", "out")
    assert out.count("left out: batch sizes from 128 on run out of memory\n") == 2
    points = json.loads((here / "out" / "results.json").read_text())["points"]
    assert [(point["preset"], point["batch_size"]) for point in points] == [("ring", 2), ("grid", 2)]


def test_a_batch_that_the_game_cannot_play_is_left_out_with_the_reason(here, capfd, unmeasured):
    unmeasured(at_3=ConfigError("Packs of 2 need an even batch."))
    out = done(capfd, "bench", "ring", "--batch-sizes", "2,3,4", "--device", "cpu", "--out", "out")
    assert "left out: batch size 3: Packs of 2 need an even batch.\n" in out
    points = json.loads((here / "out" / "results.json").read_text())["points"]
    assert [point["batch_size"] for point in points] == [2, 4]


def test_an_interrupt_keeps_what_was_measured(here, capfd, unmeasured):
    unmeasured(at_128=KeyboardInterrupt())
    assert main(["bench", "ring", "--batch-sizes", "2,128", "--device", "cpu", "--out", "out"]) == 130
    assert capfd.readouterr().err == "minigan: Interrupted.\n"
    points = json.loads((here / "out" / "results.json").read_text())["points"]
    assert [point["batch_size"] for point in points] == [2]


def test_an_interrupt_before_the_first_point_leaves_no_folder(here, capfd, unmeasured):
    unmeasured(at_128=KeyboardInterrupt())
    assert main(["bench", "ring", "--batch-sizes", "128", "--device", "cpu", "--out", "out"]) == 130
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["rong"], "No preset 'rong': expected one of"),
        (["ring", "--batch-sizes", "0"], "--batch-sizes: expected a whole number of at least 1, but got '0'"),
        (["ring", "--batch-sizes", "8,"], "--batch-sizes: expected a whole number of at least 1, but got ''"),
        (
            ["reference", "--batch-sizes", "8,70000"],
            "--batch-sizes: 70,000 is more than the 60,000 samples of MNIST, which reference is trained on; "
            "choose sizes of at most 60,000.",
        ),
        (["ring", "--seconds", "0"], "--seconds: expected a number of at least 0.01, but got '0'"),
        (["ring", "--device", "gpu"], "Unknown device 'gpu'"),
        (["ring", "--out", "file"], "--out file: this is a file, but a folder was expected; choose another."),
        (["ring", "--out", "file/below"], "Cannot make the folder file/below"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_sentence_and_nothing_is_written(
    here, capfd, unmeasured, argv, sentence
):
    unmeasured()
    (here / "file").write_text("mine")
    assert sentence in refused(capfd, ["bench", *argv])
    assert [path.name for path in here.iterdir()] == ["file"]
    assert (here / "file").read_text() == "mine"


def test_a_gpu_that_is_not_there_is_named_with_what_to_type(here, capfd, monkeypatch):
    from minigan.backend import device

    monkeypatch.setattr(
        device, "probe", lambda index=0: Probe("no-driver", "No NVIDIA driver was found.", "install it")
    )
    said = refused(capfd, ["bench", "ring", "--device", "cuda"])
    assert said == "Device cuda:0 cannot be used: No NVIDIA driver was found. Try: install it\n"
    assert list(here.iterdir()) == []


def test_data_with_fewer_samples_are_measured_as_far_as_they_go():
    config = set_field(load_preset("ring"), "data.count=100")
    assert Work.of(config).batch_sizes == (1, 2, 4, 8, 16, 32, 64)
    assert Work.of(load_preset("ring")).batch_sizes == BATCH_SIZES == tuple(2**k for k in range(14))


def test_a_part_of_the_memory_is_left_to_the_system(monkeypatch):
    monkeypatch.setattr(memory, "physical_memory", lambda: 1000)
    assert memory.usable_memory(CPU) == 750
    monkeypatch.setattr(memory, "physical_memory", lambda: None)
    assert memory.usable_memory(CPU) > 10**18
