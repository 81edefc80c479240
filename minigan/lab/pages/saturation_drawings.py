"""The pictures of the experiment saturation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigan.gan.pictures import grid
from minigan.lab.experiments.saturation import Duel, PerLogit, Saturation
from minigan.lab.experiments.saturation_signal import LOSSES, Signal
from minigan.lab.page import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    Canvas,
    Drawing,
    Frame,
    Panel,
    Path,
    Text,
    panel,
)
from minigan.lab.pages.dstar_axes import legend, plain_log_ticks, steps_axis

COLORS = dict(zip(LOSSES, (PURPLE, ORANGE, SKY, GREEN), strict=True))
NAMES = {("Wasserstein, hinge" if name == "wasserstein" else name): color for name, color in COLORS.items()}
ORDER = ("wasserstein", "least-squares", "minimax", "non-saturating")  # the last one on top
WIDTHS = dict.fromkeys(LOSSES, 1.5) | {"wasserstein": 4.5}  # seen below non-saturating, with which it agrees for long
BINS = 60

# ---- the losses over one logit ---------------------------------------------------------------------------


def positions(curves: PerLogit) -> list[int]:
    """Where the whole numbers are among the logits."""
    return [i for i, s in enumerate(curves.logits) if s == round(s)]


def loss_frames(curves: PerLogit) -> Panel:
    """The losses, with a dot at one logit."""
    figure, axes = panel("what G pays", "logit s of a fake", "loss, nats", xlim=(-12.5, 12.5), ylim=(-13, 26))
    _curves(axes, curves, curves.values, lambda y: y)
    return Panel("losses", _dots(figure, axes, curves, curves.values, lambda y: y), "Losses of G over the logit.")


def slope_frames(curves: PerLogit) -> Panel:
    """The size of the derivatives, with a dot at one logit."""
    figure, axes = panel("what it tells a fake", "logit s of a fake", "size of the gradient, |dL/ds|", yscale="log",
                         xlim=(-12.5, 12.5), ylim=(3e-6, 40))  # fmt: skip
    _curves(axes, curves, curves.gradients, np.abs)
    plain_log_ticks(axes)
    return Panel("slopes", _dots(figure, axes, curves, curves.gradients, np.abs), "Gradients of the losses, log scale.")


def slope_numbers(curves: PerLogit) -> Panel:
    """All numbers at one logit."""

    def table(i: int) -> Text:
        s, slopes = curves.logits[i], {name: curves.gradients[name][i] for name in LOSSES}
        rows = [("D = 1/(1 + e<sup>&minus;s</sup>)", 1 / (1 + np.exp(-s)))]
        rows += [(f"dL/ds, {name}", slopes[name]) for name in LOSSES]
        rows += [
            ("minimax / non-saturating", slopes["minimax"] / slopes["non-saturating"]),
            ("e<sup>s</sup>", np.exp(s)),
        ]
        return _table(rows)

    return Panel("slope-numbers", [table(i) for i in positions(curves)])


def _curves(axes: Any, curves: PerLogit, of: dict[str, Any], shown: Callable[[Any], Any]) -> None:
    for name in ORDER:
        axes.plot(curves.logits, shown(of[name]), color=COLORS[name], linewidth=WIDTHS[name])


def _dots(figure: Any, axes: Any, curves: PerLogit, of: dict[str, Any], shown: Callable[[Any], Any]) -> list[Frame]:
    legend(figure, axes, NAMES, columns=2)
    canvas = Canvas(figure, axes)
    return [
        canvas.frame([_dot(curves.logits[i], shown(of[name][i]), name) for name in ORDER]) for i in positions(curves)
    ]


# ---- D in training ---------------------------------------------------------------------------------------


def histogram_frames(duels: Sequence[Duel], name: str) -> Panel:
    """The logits of real samples and fakes."""
    seen = np.concatenate([each for duel in duels for one in duel.signals for each in (one.real, one.fake)])
    edges = np.linspace(seen.min() - 1, seen.max() + 1, BINS + 1)
    figure, axes = panel("what D thinks", "logit s", "how many (most = 1)", xlim=edges[[0, -1]], ylim=(0, 1.06))
    legend(figure, axes, {"real": BLUE, "fake": ORANGE})
    canvas = Canvas(figure, axes)

    def outline(s: Any, color: str) -> Path:
        counts, _ = np.histogram(s, edges)
        heights = np.repeat(counts / counts.max(), 2)
        return Path(np.stack([np.repeat(edges, 2)[1:-1], heights], 1), color)

    return Panel(
        name,
        [canvas.frame([outline(one.real, BLUE), outline(one.fake, ORANGE)]) for one in _signals(duels)],
        "Histograms of D's logits on real samples and fakes.",
    )


def layer_frames(duels: Sequence[Duel], name: str) -> Panel:
    """The gradient of each layer of G, by loss."""
    layers = duels[0].layers
    place = np.arange(len(layers))
    figure, axes = panel("what each layer of G gets", "layer of G", "L2 norm of the gradient", yscale="log")
    axes.set(xlim=(-0.3, len(layers) - 0.7), ylim=_range(duels, lambda one: np.array([*one.sizes.values()])))
    axes.set_xticks(place, layers)
    plain_log_ticks(axes)
    legend(figure, axes, NAMES, columns=2)
    canvas = Canvas(figure, axes)

    def paths(one: Signal) -> list[Path]:
        return [
            path
            for loss in ORDER
            for path in (
                Path(np.stack([place, one.sizes[loss]], 1), COLORS[loss], WIDTHS[loss]),
                *(_dot(x, size, loss) for x, size in enumerate(one.sizes[loss])),
            )
        ]

    frames = [canvas.frame(paths(one)) for one in _signals(duels)]
    return Panel(name, frames, "The gradient's norm in each layer of G, log scale, for four losses.", film=True)


def total_frames(duels: Sequence[Duel], name: str) -> Panel:
    """The gradient of all of G over the steps of D, for each duel in axes of its own."""
    limits = _range(duels, lambda one: np.array([one.size(loss) for loss in LOSSES]))
    frames: list[Frame] = []
    for duel in duels:
        figure, axes = panel(duel.name, "steps of D alone", "L2 norm of all of G's gradient", yscale="log", ylim=limits)
        steps_axis(axes, duel.at[-1])
        for loss in ORDER:
            sizes = [one.size(loss) for one in duel.signals]
            axes.plot(duel.at, sizes, color=COLORS[loss], linewidth=WIDTHS[loss])
        expected = [one.size("non-saturating") * np.exp(one.fake.mean()) for one in duel.signals]
        axes.plot(duel.at, expected, "--", color=INK, linewidth=1)
        plain_log_ticks(axes)
        legend(figure, axes, {**NAMES, "non-saturating · exp(mean s)": INK}, columns=2)
        canvas = Canvas(figure, axes)
        frames += [canvas.frame([Path([(step, limits[0]), (step, limits[1])], GREY, 1)]) for step in duel.at]
    return Panel(name, frames, "The norm of G's gradient over the steps of D, log scale, for four losses.")


def signal_numbers(duels: Sequence[Duel], name: str) -> Panel:
    """The same in numbers."""

    def table(one: Signal) -> Text:
        return _table(
            [
                ("mean logit of fakes", one.fake.mean()),
                ("mean D of fakes", float(np.mean(1 / (1 + np.exp(-one.fake))))),
                ("minimax / non-saturating, all of G", one.ratio),
                ("exp(mean logit)", np.exp(one.fake.mean())),
                ("cosine between both gradients", one.cosine),
                ("weights below Adam's eps, minimax", one.below_eps["minimax"]),
                ("weights below Adam's eps, non-saturating", one.below_eps["non-saturating"]),
            ]
        )

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
    figure, axes = panel("the toy", "x₁", "x₂", xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
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
        style = "-" if chase.optimizer == "SGD" else "--"
        label = f"{chase.loss}, {chase.optimizer}"
        axes.plot(np.arange(len(chase.logits)), chase.logits, style, color=COLORS[chase.loss], label=label)
    figure.legend(loc="outside upper right", ncols=2)
    return Panel(
        "chase", [Drawing(figure)], "The mean logit of the fakes over steps of G, for two losses and optimizers."
    )


# ---- parts -----------------------------------------------------------------------------------------------


def _signals(duels: Sequence[Duel]) -> list[Signal]:
    return [one for duel in duels for one in duel.signals]


def _range(duels: Sequence[Duel], sizes: Callable[[Signal], Any]) -> tuple[float, float]:
    """Limits of a logarithmic axis."""
    found = np.concatenate([sizes(one).ravel() for one in _signals(duels)])
    return float(found.min()) / 2, float(found.max()) * 2


def _dot(x: float, y: float, loss: str) -> Path:
    return Path([(x, y)], COLORS[loss], dot=1.5 + WIDTHS[loss])


def _table(rows: Sequence[tuple[str, float]]) -> Text:
    body = "".join(f'<tr><td>{name}</td><td class="number">{_number(x)}</td></tr>' for name, x in rows)
    return Text(f"<table><tbody>{body}</tbody></table>")


def _number(x: float) -> str:
    return f"{x + 0.0:.3g}".replace("-", "&minus;")
