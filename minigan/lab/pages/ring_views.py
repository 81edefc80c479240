"""The pictures of `ring` that a slider moves through the training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from minigan.lab.experiments.ring import Floats, Moment, Ring
from minigan.lab.page import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    Canvas,
    Dots,
    Heat,
    Label,
    Lines,
    Mark,
    Panel,
    Slider,
    arrows,
    panel,
)

FAR = 0.4  # of half the picture: how long the longest arrows are drawn, but for one in fifty
EVERY = 2  # of the lines of the net
PROBABILITY = ("PuOr", 0.2, 0.8)  # the best D is nearly 0 or 1 almost everywhere, but a D in training is not
DIFFERENCE = ("PuOr", -0.6, 0.6, "difference")
Bar = tuple[str, float, float, str]  # a colour map, where it begins and ends, and what it shows


def slider(data: Ring) -> Slider:
    """Through the training; its positions say how many modes are caught."""
    values = [
        f"{m.step}: {m.modes.modes} of {m.modes.of} modes, {m.modes.high_quality:.0%} of high quality"
        for m in data.moments
    ]
    return Slider("after step", values, start=start(data))


def start(data: Ring) -> int:
    """The first position at which half of the modes are caught: something can be seen there."""
    return next((i for i, m in enumerate(data.moments) if 2 * m.modes.modes >= m.modes.of), 0)


def game_panels(data: Ring) -> list[Panel]:
    """Fakes over real points, the warped grid, the arrows of the loss that G is trained by, and D beside the best D."""
    corner = (-0.95 * data.half, 0.88 * data.half)

    def fakes(moment: Moment) -> list[Mark]:
        return [Dots(data.real, SKY), Dots(moment.fakes, ORANGE), Label(corner, f"step {moment.step}")]

    panels = [
        _moving(data, "fakes", "fakes (orange) over real points (blue)", fakes, film=True),
        _moving(data, "warped", "G: the grid of z, carried into the plane", _net),
        arrow_panel(data, data.loss, "arrows", "where each fake is sent"),
        _heat_panel(data, "D", "D: what it says", lambda m: m.D, _range(data)),
    ]
    if data.moments[0].best is not None:
        panels += [
            _heat_panel(data, "best-D", "D*: what the best D would say", lambda m: m.best, (*PROBABILITY, "D*")),
            _heat_panel(data, "D-minus-best", "D − D*", lambda m: m.D - np.asarray(m.best), DIFFERENCE),
        ]
    return panels


def before_panels(data: Ring) -> list[Panel]:
    """What there is before G and D: the grid of z, real points, and their density."""
    half = 1.1 * float(data.z_lattice.max())
    colors = ("viridis", 0.0, float(data.density.max()))
    plane = _axes("real points", data.half)
    density = _axes("p: their density, blurred", data.half, bar=(*colors, "per unit of area"))
    return [
        Panel("z", [_axes("z, and a grid over it", half, "z").frame(_lines(data.z_lattice))], "a grid of z"),
        Panel("real", [plane.frame([Dots(data.real, SKY)])], "real points"),
        Panel("p", [density.frame([Heat(data.density, data.half, *colors)])], "the density of real points"),
    ]


def arrow_panel(data: Ring, loss: str, name: str, title: str) -> Panel:
    """The gradient of one loss at each fake, at all moments in the same scale."""
    scale = arrow_scale(data)

    def marks(moment: Moment) -> list[Mark]:
        ways = moment.arrows[loss]
        tails = moment.fakes[: len(ways)]
        return [_modes(data), Dots(tails, ORANGE, 1.5), arrows(tails, scale * ways, GREEN)]

    return _moving(data, name, title, marks)


def arrow_scale(data: Ring) -> float:
    """Units of the plane for one unit of gradient."""
    ways = np.concatenate([way for moment in data.moments for way in moment.arrows.values()])
    longest = float(np.quantile(np.hypot(*ways.T), 0.98))
    return FAR * data.half / longest if longest > 0 else 1.0


def _net(moment: Moment) -> list[Mark]:
    return _lines(moment.lattice)


def _lines(lattice: Floats) -> list[Mark]:
    return [Lines(lattice[::EVERY], BLUE), Lines(lattice[:, ::EVERY].swapaxes(0, 1), ORANGE)]


def _modes(data: Ring) -> Lines:
    """A circle of two standard deviations around each mode."""
    turn = np.linspace(0, 2 * np.pi, 17)
    circle = 2 * data.std * np.stack([np.cos(turn), np.sin(turn)], 1)
    return Lines(data.centres[:, np.newaxis] + circle, GREY, 0.7)


def _moving(data: Ring, name: str, title: str, marks: Callable[[Moment], list[Mark]], film: bool = False) -> Panel:
    canvas = _axes(title, data.half)
    return Panel(name, [canvas.frame(marks(moment)) for moment in data.moments], title, film=film)


def _heat_panel(data: Ring, name: str, title: str, values: Callable[[Moment], Any], bar: Bar) -> Panel:
    canvas, modes = _axes(title, data.half, bar=bar), _modes(data)
    frames = [canvas.frame([Heat(values(moment), data.half, *bar[:3]), modes]) for moment in data.moments]
    return Panel(name, frames, title)


def _axes(title: str, half: float, name: str = "x", bar: Bar | None = None) -> Canvas:
    """An empty square, with a bar that names colours if there are any."""
    limits = (-half, half)
    figure, axes = panel(title, f"{name}₁", f"{name}₂", xlim=limits, ylim=limits, aspect="equal")
    axes.grid(False)
    if bar is not None:
        colors, low, high, label = bar
        extend = "both" if colors == "PuOr" else "neither"
        shown = ScalarMappable(Normalize(low, high), colors)
        figure.colorbar(shown, ax=axes, label=label, shrink=0.85, extend=extend).solids.set_rasterized(True)
    return Canvas(figure, axes)


def _range(data: Ring) -> Bar:
    """Of the colours of D: probabilities, or all scores that it gives."""
    if data.moments[0].best is not None or data.moments[0].value is not None:
        return (*PROBABILITY, "D")
    scores = [moment.D for moment in data.moments]
    return "viridis", float(np.min(scores)), float(np.max(scores)), "score"
