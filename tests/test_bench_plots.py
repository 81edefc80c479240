"""What `minigan bench` makes of its points: the crossover, the table, the plots."""

import io
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from bench_points import a_point, two_devices
from PIL import Image

from minigan.bench import figures, kernel_plot, speed_plot
from minigan.bench.crossover import crossing, crossovers
from minigan.bench.kernels import KernelTotal
from minigan.bench.table import head, lines
from minigan.bench.work import BATCH_SIZES

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
    np.testing.assert_allclose(by_name["a CPU, limit"].get_ydata(), [2**k / 0.05 for k in range(9)])
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
    assert heights[kernel_plot.OUTSIDE_LABEL] == pytest.approx([25] * 9)
    (captured,) = figure.axes[1].collections
    assert [segment[0][1] for segment in captured.get_segments()] == pytest.approx([12.5] * 9)


def test_a_kernel_has_one_colour_in_all_plots_and_what_is_hardly_seen_is_among_the_others(drawn):
    def colours(*kernels):
        totals = [KernelTotal(name, 1, seconds, 0, 0) for name, seconds in kernels]
        figure = drawn(kernel_plot, kernel_plot.kernel_plot, [replace(a_point(), kernels=totals, outside=0.1)])
        return {bars.get_label(): (bars[0].get_facecolor(), bars[0].get_height()) for bars in figure.axes[0].containers}

    one = colours(("adam_", 0.5), ("linear", 0.3), ("normal", 0.01), ("a_new_kernel", 0.09))
    two = colours(("linear", 0.5), ("conv2d", 0.2), ("adam_", 0.2))
    assert list(one) == ["linear", "adam_", "other kernels", kernel_plot.OUTSIDE_LABEL]
    assert one["other kernels"][1] == pytest.approx(10)
    assert (one["linear"][0], one["adam_"][0]) == (two["linear"][0], two["adam_"][0])
    assert len({colour for colour, _ in two.values()}) == len(two)


def test_a_single_batch_size_is_seen_with_its_limit_and_not_at_the_edge(drawn):
    (axes,) = drawn(speed_plot, speed_plot.speed_plot, [a_point(batch_size=8)], {"cpu": "a CPU"}).axes
    assert [line.get_marker() in (None, "", " ", "None") for line in axes.get_lines()] == [False] * 3
    place = axes.transAxes.inverted().transform(axes.transData.transform((8, 1)))[0]
    assert place == pytest.approx(0.5)


def test_of_many_batch_sizes_as_many_are_labelled_as_there_is_room_for(drawn):
    points = [a_point(batch_size=1000 + 100 * i, eager=0.0123) for i in range(31)]
    for module, plot in ((speed_plot, speed_plot.speed_plot), (kernel_plot, kernel_plot.kernel_plot)):
        (axes,) = drawn(module, plot, points, {"cpu": "a CPU"}).axes
        for texts in (axes.get_xticklabels(), axes.texts):
            boxes = [text.get_window_extent() for text in texts]
            assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
        assert len(axes.get_xticklabels()) >= 8


def test_the_usual_batch_sizes_are_all_labelled(drawn):
    points = [a_point(batch_size=size) for size in BATCH_SIZES]
    for module, plot in ((speed_plot, speed_plot.speed_plot), (kernel_plot, kernel_plot.kernel_plot)):
        (axes,) = drawn(module, plot, points, {"cpu": "a CPU"}).axes
        assert [text.get_text() for text in axes.get_xticklabels()] == [str(size) for size in BATCH_SIZES]


@pytest.mark.parametrize(("low", "high"), [(1.0, 1e6), (140.0, 900.0), (1010.0, 1400.0), (98.0, 103.0)])
def test_an_axis_has_two_ticks_or_more_however_short(low, high):
    found = figures.ticks(low, high)
    assert 2 <= len(found) <= 12
    assert low <= found[0] < found[-1] <= high
