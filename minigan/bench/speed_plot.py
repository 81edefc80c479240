"""The plot of speed against batch size; with a GPU, of its speed over the CPU's, and where the two are equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minigan.bench.crossover import Crossover, crossovers, rounded
from minigan.bench.figures import NOTE, by_device, logarithmic, panels, png, sizes_of, tidy
from minigan.bench.measure import Point
from minigan.bench.work import CAPTURED, EAGER
from minigan.gan.pictures import BLUE, GREEN, GREY, ORANGE, PURPLE

COLORS = (  # of devices, the CPU's first: eager in a paler tone, also in print without colours
    {EAGER: "#6fb4de", CAPTURED: BLUE},
    {EAGER: "#f0a878", CAPTURED: ORANGE},
    {EAGER: "#7fcbb5", CAPTURED: GREEN},
    {EAGER: "#e3b8d0", CAPTURED: PURPLE},
)
LINE = {"marker": "o", "markersize": 4, "linewidth": 1.4}
STYLES: dict[str, dict[str, Any]] = {
    EAGER: {**LINE, "linestyle": "--", "markerfacecolor": "white"},
    CAPTURED: {**LINE, "linestyle": "-"},
}
LIMIT = {"linestyle": ":", "linewidth": 1.2, "marker": "_", "markersize": 9}  # the marker shows where there is no line


def speed_plot(points: Sequence[Point], names: Mapping[str, str]) -> bytes:
    """The content of a PNG file.

    Args:
        points: of one preset.
        names: of the devices, for people.
    """
    found = crossovers(points)
    colors = dict(zip(names, COLORS * len(names), strict=False))
    figure, all_axes = panels(2 if found else 1, f"{points[0].preset}: speed of training against batch size")
    _draw_speeds(all_axes[0], points, names, colors)
    if found:
        _draw_ratios(all_axes[1], found, names, colors)
    for axes in all_axes:
        logarithmic(axes, sizes_of(points))
        tidy(axes)
        axes.legend(fontsize=8, framealpha=0.9)
    return png(figure)


def _draw_speeds(
    axes: Any, points: Sequence[Point], names: Mapping[str, str], colors: Mapping[str, Mapping[str, str]]
) -> None:
    for device, own in by_device(points).items():
        for mode, style in STYLES.items():
            timed = [point for point in own if mode in point.timings]
            color = colors[device][mode]
            speeds = [point.samples_per_s(mode) for point in timed]
            axes.plot(sizes_of(timed), speeds, color=color, label=f"{names[device]}, {mode}", **style)
            _draw_spread(axes, timed, mode, color)
        at_limits = [point.samples / point.limit for point in own]
        color = colors[device][CAPTURED]
        axes.plot(sizes_of(own), at_limits, color=color, label=f"{names[device]}, limit", **LIMIT)
    axes.set_ylabel("samples per second")
    axes.set_title("bars: from 10 % to 90 % of the blocks; dotted: what the machine's limits would allow", **NOTE)


def _draw_spread(axes: Any, points: Sequence[Point], mode: str, color: str) -> None:
    """A bar at each point, from what a tenth of the blocks undercut to what a tenth exceed."""
    spreads = [point.timings[mode].spread for point in points]
    fast = [point.samples / low for point, (low, _) in zip(points, spreads, strict=True)]
    slow = [point.samples / high for point, (_, high) in zip(points, spreads, strict=True)]
    axes.vlines(sizes_of(points), slow, fast, color=color, linewidth=5 if mode == EAGER else 2, alpha=0.35)


def _draw_ratios(
    axes: Any, found: Sequence[Crossover], names: Mapping[str, str], colors: Mapping[str, Mapping[str, str]]
) -> None:
    axes.axhline(1, color=GREY, linewidth=1)
    for each in found:
        label = f"{names[each.gpu]} / {names[each.cpu]}, {each.mode}"
        ratios = list(each.ratios.values())
        axes.plot(list(each.ratios), ratios, color=colors[each.gpu][each.mode], label=label, **STYLES[each.mode])
        if each.batch_size is not None and each.batch_size > min(each.ratios):
            _mark(axes, each)
    axes.set_ylabel("times as fast as the CPU")
    axes.set_title("above 1 the GPU is ahead", **NOTE)


def _mark(axes: Any, each: Crossover) -> None:
    assert each.batch_size is not None
    axes.plot([each.batch_size], [1], "D", markersize=6, color="black", zorder=5)
    text = f"{each.mode}: overtakes\nat batch size {rounded(each.batch_size)}"
    above = each.mode == CAPTURED
    axes.annotate(
        text,
        (each.batch_size, 1),
        (-8, 10) if above else (8, -12),
        textcoords="offset points",
        ha="right" if above else "left",
        va="bottom" if above else "top",
        fontsize=8,
    )
