"""The pictures of the experiment saturation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from minigan.gan.pictures import grid
from minigan.lab.experiments.saturation import Chase, Duel, PerLogit, Saturation
from minigan.lab.experiments.saturation_signal import LOSSES, Signal
from minigan.lab.page import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    Canvas,
    Drawing,
    Frame,
    Panel,
    Path,
    Text,
    number,
    panel,
)
from minigan.lab.pages.strokes import MARK, Stroke, legend, plain_log_ticks, steps_axis

STROKES = {
    "minimax": Stroke(PURPLE, 2.0, (7.0, 2.5)),
    "non-saturating": Stroke(ORANGE),
    "least-squares": Stroke(SKY, 1.8, (1.8, 1.8)),
    "wasserstein": Stroke(GREEN, 4.5),  # seen below non-saturating, with which it agrees for long
}
CALLED = {name: "Wasserstein, hinge" if name == "wasserstein" else name for name in LOSSES}
NAMES = {CALLED[name]: STROKES[name] for name in LOSSES}
ORDER = ("wasserstein", "least-squares", "minimax", "non-saturating")  # the last one on top
REAL, FAKE = Stroke(BLUE, 3.0), Stroke(ORANGE)
EXPECTED = Stroke(MARK.color, 1.0)
SMALL = 1e-9  # stands for 0 on a logarithmic axis
BINS = 60

# ---- the losses over one logit ---------------------------------------------------------------------------


def positions(curves: PerLogit) -> list[int]:
    """Where the whole numbers are among the logits."""
    return [i for i, s in enumerate(curves.logits) if s == round(s)]


def loss_frames(curves: PerLogit) -> Panel:
    """The losses, with a dot at one logit."""
    figure, axes = panel("what G pays", "logit s of a fake", "loss L", xlim=(-12.5, 12.5), ylim=(-13, 26))
    _curves(axes, curves, curves.values, lambda y: y)
    return Panel("losses", _dots(figure, axes, curves, curves.values, lambda y: y), "Losses of G over the logit.")


def slope_frames(curves: PerLogit) -> Panel:
    """The size of the derivatives, with a dot at one logit."""
    figure, axes = panel("what it tells a fake", "logit s of a fake", "size of the gradient, |dL/ds|", yscale="log",
                         xlim=(-12.5, 12.5), ylim=(3e-6, 40))  # fmt: skip
    _curves(axes, curves, curves.gradients, _size)
    return Panel("slopes", _dots(figure, axes, curves, curves.gradients, _size), "Gradients of the losses, log scale.")


def _size(slope: Any) -> Any:
    return np.maximum(np.abs(slope), SMALL)


def slope_numbers(curves: PerLogit) -> Panel:
    """All numbers at one logit."""

    def table(i: int) -> Text:
        s, slopes = curves.logits[i], {name: curves.gradients[name][i] for name in LOSSES}
        rows = [("D = 1/(1 + e<sup>&minus;s</sup>)", expit(s))]
        rows += [(f"dL/ds, {CALLED[name]}", slopes[name]) for name in LOSSES]
        rows += [
            ("minimax / non-saturating", slopes["minimax"] / slopes["non-saturating"]),
            ("e<sup>s</sup>", np.exp(s)),
        ]
        return _table(rows)

    return Panel("slope-numbers", [table(i) for i in positions(curves)])


def _curves(axes: Any, curves: PerLogit, of: dict[str, Any], shown: Callable[[Any], Any]) -> None:
    for name in ORDER:
        axes.plot(curves.logits, shown(of[name]), **STROKES[name].settings())


def _dots(figure: Any, axes: Any, curves: PerLogit, of: dict[str, Any], shown: Callable[[Any], Any]) -> list[Frame]:
    legend(figure, NAMES, columns=2)
    canvas = Canvas(figure, axes)
    return [
        canvas.frame([_dot(curves.logits[i], shown(of[name][i]), name) for name in ORDER]) for i in positions(curves)
    ]


# ---- D in training ---------------------------------------------------------------------------------------


def histogram_frames(duels: Sequence[Duel], name: str) -> Panel:
    """The logits of real samples and fakes."""
    seen = np.concatenate([each for duel in duels for one in duel.signals for each in (one.real, one.fake)])
    edges = np.linspace(seen.min() - 1, seen.max() + 1, BINS + 1)
    figure, axes = panel("what D thinks", "logit s", "how many (fullest bin = 1)", xlim=edges[[0, -1]], ylim=(0, 1.06))
    legend(figure, {"real": REAL, "fake": FAKE})
    canvas = Canvas(figure, axes)

    def outline(s: Any, stroke: Stroke) -> Path:
        counts, _ = np.histogram(s, edges)
        heights = np.repeat(counts / counts.max(), 2)
        return stroke.path(np.stack([np.repeat(edges, 2)[1:-1], heights], 1))

    return Panel(
        name,
        [canvas.frame([outline(one.real, REAL), outline(one.fake, FAKE)]) for one in _signals(duels)],
        "Histograms of D's logits on real samples and fakes.",
    )


def layer_frames(duels: Sequence[Duel], name: str) -> Panel:
    """The gradient of each layer of G, by loss."""
    layers = duels[0].layers
    place = np.arange(len(layers))
    figure, axes = panel(
        "what each layer of G gets", "layer of G, inputs → outputs", "L2 norm of the gradient", yscale="log"
    )
    axes.set(xlim=(-0.3, len(layers) - 0.7), ylim=_range(duels, lambda one: np.array([*one.sizes.values()])))
    axes.set_xticks(place, layers)
    plain_log_ticks(axes)
    legend(figure, NAMES, columns=2)
    canvas = Canvas(figure, axes)

    def paths(one: Signal) -> list[Path]:
        return [
            path
            for loss in ORDER
            for path in (
                STROKES[loss].path(np.stack([place, one.sizes[loss]], 1)),
                *(_dot(x, size, loss) for x, size in enumerate(one.sizes[loss])),
            )
        ]

    frames = [canvas.frame(paths(one)) for one in _signals(duels)]
    return Panel(name, frames, "The gradient's norm in each layer of G, log scale, for four losses.", film=True)


def total_frames(duels: Sequence[Duel], name: str) -> Panel:
    """The gradient of all of G over the steps of D, for each duel in axes of its own."""
    limits = _range(duels, lambda one: np.array([*(one.size(loss) for loss in LOSSES), one.if_alike]))
    frames: list[Frame] = []
    for duel in duels:
        figure, axes = panel(duel.name, "steps of D alone", "L2 norm of all of G's gradient", yscale="log", ylim=limits)
        steps_axis(axes, duel.at[-1])
        axes.plot(duel.at, [one.if_alike for one in duel.signals], **EXPECTED.settings())
        for loss in ORDER:
            sizes = [one.size(loss) for one in duel.signals]
            axes.plot(duel.at, sizes, **STROKES[loss].settings())
        legend(figure, {**NAMES, "non-saturating · exp(mean s)": EXPECTED}, columns=2)
        canvas = Canvas(figure, axes)
        frames += [canvas.frame([Path([(step, limits[0]), (step, limits[1])], GREY, 1)]) for step in duel.at]
    return Panel(name, frames, "The norm of G's gradient over the steps of D, log scale, for four losses.")


def signal_numbers(duels: Sequence[Duel], name: str, more: bool) -> Panel:
    """The same in numbers; ``more`` of them where the two losses differ in more than size."""

    def table(one: Signal) -> Text:
        rows = [
            ("mean logit of fakes", one.fake.mean()),
            ("mean D of fakes", float(expit(one.fake).mean())),
            ("minimax / non-saturating, all of G", one.ratio),
            ("exp(mean logit)", np.exp(one.fake.mean())),
        ]
        if more:
            rows += [
                ("cosine between both gradients", one.cosine),
                ("share of weights below eps, minimax", one.below_eps["minimax"]),
                ("share of weights below eps, non-saturating", one.below_eps["non-saturating"]),
            ]
        return _table(rows)

    return Panel(name, [table(one) for one in _signals(duels)])


def picture_frames(duels: Sequence[Duel]) -> Panel:
    """What G makes."""
    frames: list[Frame] = []
    for duel in duels:
        figure, axes = panel(f"fakes of {duel.name}")
        axes.imshow(grid(duel.fakes, scale=1), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_axis_off()
        frames += [Drawing(figure)] * len(duel.at)
    return Panel("fakes", frames, "Some images that G makes.")


def points_drawing(duel: Duel) -> Panel:
    """Real points and fakes of the toy."""
    figure, axes = panel("real points and fakes", "x₁", "x₂", xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
    axes.plot(*duel.real.T, ".", color=BLUE, markersize=3)
    axes.plot(*duel.fakes.T, ".", color=ORANGE, markersize=3)
    axes.plot([], [], "o", color=BLUE, label="real")
    axes.plot([], [], "o", color=ORANGE, label="fake")
    figure.legend(loc="outside upper right", ncols=2)
    return Panel("toy", [Drawing(figure)], "Real points on a ring and the fakes near the middle.")


# ---- G in training ---------------------------------------------------------------------------------------


def chase_drawing(data: Saturation) -> Panel:
    """How D's logit of the fakes rises."""
    start = data.chases[0].logits[0]
    figure, axes = panel("G moves, D stands still", "steps of G", "mean logit of the fakes", ylim=(1.15 * start, 15))
    steps_axis(axes, len(data.chases[0].logits) - 1)
    axes.axhline(0, color=GREY, linewidth=1)
    for chase in data.chases:
        axes.plot(np.arange(len(chase.logits)), chase.logits, **_chasing(chase).settings())
    legend(figure, {f"{chase.loss}, {chase.optimizer}": _chasing(chase) for chase in data.chases}, columns=2)
    return Panel(
        "chase", [Drawing(figure)], "The mean logit of the fakes over steps of G, for two losses and optimizers."
    )


def _chasing(chase: Chase) -> Stroke:
    """The loss is the colour and the width, the optimizer the dashes."""
    width = 3.0 if chase.loss == "non-saturating" else 1.5
    return Stroke(STROKES[chase.loss].color, width, () if chase.optimizer == "SGD" else (6.0, 2.5))


# ---- parts -----------------------------------------------------------------------------------------------


def _signals(duels: Sequence[Duel]) -> list[Signal]:
    return [one for duel in duels for one in duel.signals]


def _range(duels: Sequence[Duel], sizes: Callable[[Signal], Any]) -> tuple[float, float]:
    """Limits of a logarithmic axis."""
    found = np.concatenate([sizes(one).ravel() for one in _signals(duels)])
    return float(found.min()) / 2, float(found.max()) * 2


def _dot(x: float, y: float, loss: str) -> Path:
    return STROKES[loss].path([(x, y)], dot=1.5 + STROKES[loss].width)


def _table(rows: Sequence[tuple[str, float]]) -> Text:
    body = "".join(f'<tr><td>{name}</td><td class="number">{number(x, ".3g")}</td></tr>' for name, x in rows)
    return Text(f"<table><tbody>{body}</tbody></table>")
