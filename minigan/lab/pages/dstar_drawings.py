"""The pictures of the experiment dstar."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from scipy.special import expit

from minigan.lab.experiments.dstar import DStar, Trained
from minigan.lab.experiments.dstar_pairs import LOG_4
from minigan.lab.page import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    Canvas,
    Drawing,
    Frame,
    Panel,
    Path,
    Slider,
    Text,
    number,
    panel,
)
from minigan.lab.pages.strokes import BEST, MARK, Stroke, legend, plain_log_ticks, steps_axis

EVERY = 2  # point of the grid is enough for a curve
LOG_2 = math.log(2)

REAL, FAKE = Stroke(BLUE, 3.0), Stroke(ORANGE)
OF_D, OF_CRITIC = Stroke(PURPLE), Stroke(GREEN)


def sliders(data: DStar) -> list[Slider]:
    """Over pairs, and over the steps of D or the critic."""
    names = [one.pair.name for one in data.trained]
    start = names.index("N(2, 1)") if "N(2, 1)" in names else 0
    steps = [f"{step:,}" for step in data.at]
    return [Slider("Real samples N(0, 1), fakes", names, start), Slider("Steps of training", steps, len(steps) - 1)]


# ---- frames: one for each pair and number of steps -------------------------------------------------------


def density_frames(data: DStar, name: str = "densities") -> Panel:
    """p and q."""
    top = max(max(one.p.max(), one.q.max()) for one in data.trained)
    canvas = _canvas(data, "how likely is x?", "density", (0, 1.1 * top), {"real, p": REAL, "fake, q": FAKE})
    frames: list[Frame] = []
    for one in data.trained:
        frames += [canvas.frame([_path(one, one.p, REAL), _path(one, one.q, FAKE)])] * len(data.at)
    return Panel(name, frames, "Densities of real samples and fakes.")


def discriminator_frames(data: DStar) -> Panel:
    """D and D*."""
    canvas = _canvas(data, "what D says", "probability that x is real", (-0.03, 1.03), {"D": OF_D, "D*": BEST})

    def paths(one: Trained, stop: int) -> list[Path]:
        best = _path(one, expit(one.best_logit), BEST)
        return [best, _path(one, expit(one.logits[stop]), OF_D)]

    return Panel("discriminator", _frames(data, canvas, paths), "D and the best D over x.", film=True)


def value_frames(data: DStar) -> Panel:
    """V(D) on the way to V*."""
    values = np.concatenate([one.values for one in data.trained])
    limits = min(-1.5, max(values.min(), -2.5)), 0.1
    canvas = _steps_canvas(data, "what D is paid", "V, nats", limits, {"V(D)": OF_D, "V*": BEST})
    shown = _some_steps(data.at[-1])

    def paths(one: Trained, stop: int) -> list[Path]:
        until = shown[shown <= data.at[stop]]
        return [
            BEST.path([(0, one.value), (data.at[-1], one.value)]),
            OF_D.path(np.stack([until, one.values[until]], 1), dot=3),
        ]

    return Panel("value", _frames(data, canvas, paths), "V of D over steps, and the best possible value.")


def critic_frames(data: DStar) -> Panel:
    """f and the best f."""
    scores = np.concatenate([one.best_scores for one in data.trained])
    limits = min(-2.0, scores.min()), max(4.0, scores.max())
    canvas = _canvas(data, "what the critic says", "score f(x)", limits, {"f": OF_CRITIC, "best f": BEST})

    def paths(one: Trained, stop: int) -> list[Path]:
        return [_path(one, one.best_scores, BEST), _path(one, one.scores[stop], OF_CRITIC)]

    return Panel("critic", _frames(data, canvas, paths), "The critic and the best critic over x.")


def gap_frames(data: DStar) -> Panel:
    """The critic's gap on the way."""
    top = 1.1 * max(max(one.gap, one.gaps.max()) for one in data.trained)
    names = {"gap of f": OF_CRITIC, "of the best f": BEST, "W": MARK}
    canvas = _steps_canvas(data, "how large the gap is", "gap, in units of x", (-0.03 * top, top), names)

    def paths(one: Trained, stop: int) -> list[Path]:
        end = data.at[-1]
        return [
            BEST.path([(0, one.gap), (end, one.gap)]),
            MARK.path([(0, one.wasserstein), (end, one.wasserstein)]),
            OF_CRITIC.path(np.stack([data.at[: stop + 1], one.gaps[: stop + 1]], 1), dot=3),
        ]

    return Panel("gap", _frames(data, canvas, paths), "The critic's gap over steps, and the Wasserstein distance.")


def discriminator_numbers(data: DStar) -> Panel:
    """V, V* and JSD as a table."""

    def rows(one: Trained, stop: int) -> list[tuple[str, float, float]]:
        value = one.values[data.at[stop]]
        return [("V", value, one.value), ("JSD = (V + log 4)/2", (value + LOG_4) / 2, one.jsd)]

    return Panel("discriminator-numbers", _tables(data, rows, "D now", "D*"))


def critic_numbers(data: DStar) -> Panel:
    """The gap, its limit and the distance as a table."""

    def rows(one: Trained, stop: int) -> list[tuple[str, float, float]]:
        return [("gap", one.gaps[stop], one.gap), ("distance W", float("nan"), one.wasserstein)]

    return Panel("critic-numbers", _tables(data, rows, "f now", "exact"))


def _frames(data: DStar, canvas: Canvas, paths: Callable[[Trained, int], Sequence[Path]]) -> list[Frame]:
    return [canvas.frame(paths(one, stop)) for one in data.trained for stop in range(len(data.at))]


def _tables(
    data: DStar, rows: Callable[[Trained, int], list[tuple[str, float, float]]], now: str, best: str
) -> list[Frame]:
    def table(one: Trained, stop: int) -> Text:
        body = "".join(
            f'<tr><td>{name}</td><td class="number">{_number(x)}</td><td class="number">{_number(y)}</td></tr>'
            for name, x, y in rows(one, stop)
        )
        head = f"<thead><tr><th></th><th>{now}</th><th>{best}</th></tr></thead>"
        return Text(f"<table>{head}<tbody>{body}</tbody></table>")

    return [table(one, stop) for one in data.trained for stop in range(len(data.at))]


def _number(x: float) -> str:
    return "" if math.isnan(x) else number(x, ".4f")


def _path(one: Trained, y: Any, stroke: Stroke) -> Path:
    return stroke.path(np.stack([one.x, y], 1)[::EVERY])


def _some_steps(last: int) -> Any:
    """About as many as can be told apart on a logarithmic scale, with 0 and the last."""
    return np.unique(np.expm1(np.linspace(0, np.log1p(last), 80)).round().astype(int))


# ---- axes ------------------------------------------------------------------------------------------------


def _canvas(data: DStar, title: str, ylabel: str, ylim: tuple[float, float], names: dict[str, Stroke]) -> Canvas:
    furthest = max(one.pair.mean for one in data.trained)
    figure, axes = panel(title, "x", ylabel, xlim=(-5, furthest + 4.5), ylim=ylim)
    legend(figure, names)
    return Canvas(figure, axes)


def _steps_canvas(data: DStar, title: str, ylabel: str, ylim: tuple[float, float], names: dict[str, Stroke]) -> Canvas:
    figure, axes = panel(title, "step of training", ylabel, ylim=ylim)
    steps_axis(axes, data.at[-1])
    legend(figure, names)
    return Canvas(figure, axes)


# ---- drawings that stand still ---------------------------------------------------------------------------


def logit_drawing(data: DStar) -> Panel:
    """The ways of (w, b)."""
    figure, axes = panel("weights of a linear D", "w", "b")
    furthest = max(one.mean for one in data.logits)
    w = np.linspace(-1.06 * furthest, 0, 100)
    axes.plot(w, w**2 / 2, color=GREY, linestyle="--", label="b = w²/2")
    looks = zip(data.logits, (BLUE, ORANGE, GREEN, PURPLE), ("o", "s", "^", "d"), strict=True)
    for one, color, marker in looks:
        axes.plot(*one.path.T, marker, linestyle="-", color=color, label=f"μ = {one.mean:g}")
        axes.plot(*one.predicted, "o", color=color, markersize=10, fillstyle="none")
    axes.legend(loc="upper right")
    return Panel("linear-logit", [Drawing(figure)], "Paths of the weights of a linear D to where theory puts them.")


def jsd_drawing(data: DStar) -> Panel:
    """JSD over the distance."""
    figure, axes = panel("what D measures", "distance of the means, μ", "JSD, nats")
    axes.axhline(LOG_2, color=GREY, linestyle="--", label="log 2")
    axes.plot(data.curve.mean, data.curve.jsd, color=PURPLE, label="exact")
    _dots(axes, data, lambda one: (one.values[-1] + LOG_4) / 2, PURPLE, "(V + log 4)/2, D trained")
    axes.legend(loc="lower right")
    return Panel("jsd", [Drawing(figure)], "The Jensen-Shannon divergence over the distance: it saturates at log 2.")


def distance_drawing(data: DStar) -> Panel:
    """The Wasserstein distance over the distance."""
    figure, axes = panel("what a critic measures", "distance of the means, μ", "in units of x")
    axes.plot(data.curve.mean, data.curve.wasserstein, color=GREEN, label="Wasserstein distance W")
    axes.plot(data.curve.mean, data.curve.gap, "--", color=GREEN, linewidth=1, label="gap of the best critic")
    _dots(axes, data, lambda one: one.gaps[-1], GREEN, "gap, trained")
    axes.legend(loc="upper left")
    return Panel("wasserstein", [Drawing(figure)], "The Wasserstein distance over the distance of the means: a line.")


def pull_drawing(data: DStar) -> Panel:
    """The gradient with respect to mu, of three losses."""
    figure, axes = panel("what G gets", "distance of the means, μ", "size of the gradient by μ", yscale="log")
    kinds = (("minimax", PURPLE, "o"), ("non_saturating", ORANGE, "s"), ("wasserstein", GREEN, "^"))
    away = data.curve.mean > 0
    for kind, color, marker in kinds:
        read = attrgetter(kind)
        exact = np.array([read(pull) for pull in data.curve.pull])
        axes.plot(data.curve.mean[away], exact[away], color=color)
        axes.plot([], [], marker=marker, color=color, label=kind.replace("_", "-").replace("w", "W"))
        _dots(axes, data, attrgetter(f"pull.{kind}"), color, marker=marker)
    plain_log_ticks(axes)
    figure.legend(loc="outside upper right", ncols=3, columnspacing=1, handlelength=1.6)
    return Panel("pull", [Drawing(figure)], "The gradient that reaches G over the distance, for three losses.")


def _dots(
    axes: Any, data: DStar, of: Callable[[Trained], float], color: str, label: str | None = None, marker: str = "o"
) -> None:
    shifted = [one for one in data.trained if one.pair.std == 1 and one.pair.mean > 0]
    axes.plot([one.pair.mean for one in shifted], [of(one) for one in shifted], marker, color=color, label=label)
