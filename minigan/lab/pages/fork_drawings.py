"""The pictures of two futures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.gan.pictures import grid
from minigan.lab.experiments.fork import Fork
from minigan.lab.experiments.fork_futures import AS_IT_WAS, CHANGED, NUDGED, SHOWN
from minigan.lab.page import BLUE, GREEN, GREY, ORANGE, Drawing, Panel, panel

COLORS = {AS_IT_WAS: BLUE, CHANGED: ORANGE, NUDGED: GREEN}
MARKS = {AS_IT_WAS: "o-", CHANGED: "s--", NUDGED: "^:"}
WIDTHS = {AS_IT_WAS: 2.0, CHANGED: 1.0, NUDGED: 1.5}  # curves that cross are told apart without colour
POINTS = 60  # at most, of the curve of a future


def looks(data: Fork) -> list[Panel]:
    """What G draws in both futures, frame by frame."""
    return [
        Panel(f"samples-{name.replace(' ', '-')}", frames, f"samples of the future {name}", film=True)
        for name in SHOWN
        for frames in [[_look(data, name, samples) for samples in data.futures[name].samples]]
    ]


def _look(data: Fork, name: str, samples: NDArray[Any]) -> Drawing:
    if samples.ndim == 4:
        return _images(name, samples)
    return (_histogram if samples.shape[1] == 1 else _points)(data, name, samples)


def _points(data: Fork, name: str, samples: NDArray[Any]) -> Drawing:
    figure, axes = panel(name, "x₁", "x₂", aspect="equal")
    if data.real is not None:
        axes.plot(*data.real[:, :2].T, "o", color=GREY, markersize=3, alpha=0.25, markeredgewidth=0, rasterized=True)
        low, high = data.real[:, :2].min(0), data.real[:, :2].max(0)
        room = (high - low) / 5
        axes.set(xlim=(low[0] - room[0], high[0] + room[0]), ylim=(low[1] - room[1], high[1] + room[1]))
    axes.plot(*samples[:, :2].T, "o", color=COLORS[name], markersize=3, markeredgewidth=0, rasterized=True)
    return Drawing(figure)


def _histogram(data: Fork, name: str, samples: NDArray[Any]) -> Drawing:
    figure, axes = panel(name, "x", "density")
    seen = samples if data.real is None else data.real
    bins = np.linspace(seen.min() - 0.5, seen.max() + 0.5, 50)
    axes.hist(seen[:, 0], bins, density=True, color=GREY, alpha=0.35)
    axes.hist(samples[:, 0], bins, density=True, histtype="step", color=COLORS[name], linewidth=1.5)
    return Drawing(figure)


def _images(name: str, samples: NDArray[Any]) -> Drawing:
    figure, axes = panel(name)
    picture = grid(samples / 127, scale=1)
    axes.imshow(picture, cmap="gray" if picture.ndim == 2 else None, interpolation="none")
    axes.axis("off")
    return Drawing(figure)


# ---- numbers by step -------------------------------------------------------------------------------------


def modes(data: Fork) -> list[Panel]:
    """Quality and caught modes, frame by frame."""
    quality, axes = panel("high quality", "step", "share of the points, %", ylim=(0, 120), yticks=range(0, 101, 20))
    caught, ground = panel("caught modes", "step", "modes")
    steps = data.step + np.array(data.frames)
    for name in (AS_IT_WAS, CHANGED, NUDGED):
        counts, style = data.futures[name].modes, {"color": COLORS[name], "label": _label(name)}
        axes.plot(steps, [100 * count.high_quality for count in counts], MARKS[name], **style)
        ground.plot(steps, [count.modes for count in counts], MARKS[name], **style)
    most = data.futures[AS_IT_WAS].modes[0].of
    ground.set_ylim(0, 1.05 * most)
    axes.legend(loc="upper left", ncols=3, columnspacing=1, handlelength=1.6)
    return [
        Panel("quality", [Drawing(quality)], "the share of points of high quality by step"),
        Panel("modes", [Drawing(caught)], "caught modes by step"),
    ]


def _label(name: str) -> str:
    return "one bit changed" if name == NUDGED else name


def curves(data: Fork) -> list[Panel]:
    """Losses and D's opinions, over the common past and both futures."""
    return [
        _curve(data, "loss_D", "D's loss", "nats", ["loss_D"]),
        _curve(data, "loss_G", "G's loss", "nats", ["loss_G"]),
        _curve(data, "opinions", "D(x) solid, D(G(z)) dashed", "mean of D", ["D_x", "D_G_z"]),
    ]


def _curve(data: Fork, name: str, title: str, unit: str, columns: list[str]) -> Panel:
    figure, axes = panel(title, "step", unit)
    for column, style in zip(columns, ("-", "--"), strict=False):
        if column in data.past:
            steps, means = before(data, column)
            axes.plot(steps, means, style, color=GREY, label=_once("the past", style))
        for future in (AS_IT_WAS, CHANGED):
            steps, means = after(data, future, column)
            axes.plot(steps, means, style, color=COLORS[future], linewidth=WIDTHS[future], label=_once(future, style))
    axes.axvline(data.step, color=GREY, linewidth=1)
    axes.legend(loc="best")
    return Panel(f"curve-{name.replace('_', '-')}", [Drawing(figure)], title)


def _once(label: str, style: str) -> str | None:
    return label if style == "-" else None


def averaged(data: Fork) -> tuple[int, int]:
    """Over how many steps a point of the past is a mean, and one of the futures: as many, if these are long enough."""
    steps = data.frames[-1]
    line = _line(data)
    lines = min(round(steps / POINTS / line), len(data.past.get("step", ())))
    past = line * max(1, lines)
    return past, min(past, steps)


def _line(data: Fork) -> int:
    """Over how many steps a line of the log is a mean."""
    steps = data.past.get("step", np.zeros(0))
    return int(np.median(np.diff(steps, prepend=0))) if len(steps) else 1


def before(data: Fork, column: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The steps and the means of a curve up to the fork."""
    lines = averaged(data)[0] // _line(data)
    return _means(data.past["step"] - _line(data) / 2, lines), _means(data.past[column], lines)


def after(data: Fork, name: str, column: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same of a future."""
    values, each = data.futures[name].reports[column], averaged(data)[1]
    return _means(data.step + 0.5 + np.arange(len(values), dtype=np.float64), each), _means(values, each)


def _means(values: NDArray[np.float64], each: int) -> NDArray[np.float64]:
    """Over as many values each; the last that are too few for a mean are left out."""
    return np.asarray(values[: len(values) // each * each].reshape(-1, each).mean(1))


def apart(data: Fork) -> list[Panel]:
    """The distance of the weights of each player, step by step."""
    return [_apart(data, player) for player in "GD"]


def _apart(data: Fork, player: str) -> Panel:
    figure, axes = panel(f"{player}'s weights", "steps after the fork", "distance, L2", yscale="log")
    for name in (CHANGED, NUDGED):
        distances = getattr(data.futures[name], f"apart_{player}")
        seen = np.where(distances > 0, distances, np.nan)
        axes.plot(seen, MARKS[name][1:], color=COLORS[name], label=_label(name))
    length = data.weights["GD".index(player)]
    axes.axhline(length, color=GREY, linewidth=1)
    axes.set_ylim(axes.get_ylim()[0] / 10, 30 * max(length, 1e-6))
    axes.text(
        data.frames[-1],
        1.3 * length,
        "length of the weights at the fork",
        ha="right",
        va="bottom",
        color=GREY,
        fontsize=8,
    )
    axes.legend(loc="lower right")
    return Panel(f"apart-{player}", [Drawing(figure)], f"the distance of {player}'s weights by step")
