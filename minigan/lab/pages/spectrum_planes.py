"""Eigenvalues as points of the complex plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.lab.experiments.spectrum import Spectrum, Training
from minigan.lab.experiments.spectrum_large import Large
from minigan.lab.experiments.spectrum_motion import BIG, largest_step
from minigan.lab.page import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    Canvas,
    Drawing,
    Exhibit,
    Panel,
    Path,
    Slider,
    Table,
    Text,
    panel,
    power,
)

LINEAR = 0.1  # up to here the axes are linear
STEPS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)
GAIN = 1e-9  # more than rounding

Eigenvalues = NDArray[np.complex128]


def big(eigenvalues: Eigenvalues) -> Eigenvalues:
    """Those that count in a training."""
    return eigenvalues[np.abs(eigenvalues) > BIG]


def rotation(eigenvalues: Eigenvalues) -> float:
    """The sum of all |Im| over the sum of all |lambda|: 0 where nothing turns, 1 where all only turns."""
    return float(np.abs(eigenvalues.imag).sum() / np.abs(eigenvalues).sum())


def allowed(eigenvalues: Eigenvalues) -> float:
    """The step size below which all big eigenvalues with a negative real part close in."""
    return min((largest_step(value) for value in big(eigenvalues) if value.real < 0), default=0.0)


# ---- along a training, and at the same weights -----------------------------------------------------------


def along_training(data: Spectrum) -> Exhibit:
    """Both trainings of the small game, moment by moment."""
    trainings, limits = (data.without, data.with_r1), _limits([s.eigenvalues for s in _states(data)])
    styles = ((ORANGE, "o"), (BLUE, "s"))
    names = [str(state.step) for state in data.without.states]
    planes = [
        Panel(
            f"training-{name}",
            [_plane(title, [(state.eigenvalues, *style, "")], limits) for state in training.states],
            f"the eigenvalues {title}",
        )
        for name, title, training, style in zip(("without", "with"), _titles(data), trainings, styles, strict=True)
    ]
    last = [training.states[-1].eigenvalues for training in trainings]
    return Exhibit(
        "All eigenvalues, from the first step to the last",
        "Each dot is an eigenvalue λ. Left of the vertical line: attraction. Right of it: repulsion. Above and below "
        "the horizontal line, in pairs: rotation. Move the slider: training moves them to the left, because it only "
        "stays where it is not driven away. The share of rotation, "
        f"Σ|Im λ| / Σ|λ|, ends at {rotation(last[1]):.2f} with R1, and about there with other seeds, too; without R1 "
        f"it is {rotation(last[0]):.2f} here, and depends on the seed.",
        [*planes, Panel("rotation-by-step", [_by_step(data)], "the share of rotation by step")],
        [Slider("steps made", names, start=len(names) - 1)],
    )


def same_weights(data: Spectrum) -> Exhibit:
    """The same networks, playing other games."""
    limits = _limits([each for of_loss in data.same.values() for each in of_loss])
    names = {"wasserstein": "Wasserstein", "non-saturating": "non-saturating"}
    styles = ((ORANGE, "o"), (BLUE, "s"))
    planes = [
        Panel(
            f"same-{loss}",
            [_plane(f"{name} loss", [(each, *style, "")], limits) for each in data.same[loss]],
            f"the eigenvalues of the {name} loss at the same weights",
        )
        for (loss, name), style in zip(names.items(), styles, strict=True)
    ]
    shares = {loss: [rotation(each) for each in data.same[loss]] for loss in names}
    figure, axes = panel("share of rotation", "γ, the weight of R1", "Σ|Im λ| / Σ|λ|", ylim=(0, 1.02))
    for (loss, name), (color, mark) in zip(names.items(), styles, strict=True):
        axes.plot(range(len(data.gammas)), shares[loss], f"{mark}-", color=color, label=name)
    axes.set_xticks(range(len(data.gammas)), [f"{gamma:g}" for gamma in data.gammas])
    axes.legend(loc="lower left")
    return Exhibit(
        "The same weights, another game",
        "Only what the players pay is exchanged. With the Wasserstein loss and γ = 0 "
        f"nearly all dots lie near the vertical line: the share of rotation is {shares['wasserstein'][0]:.2f}, as "
        "nothing of D's own curvature is left. The non-saturating loss is curved, which alone takes the share down to "
        f"{shares['non-saturating'][0]:.2f}. R1 adds curvature in D's weights. Move γ: the dots go to the left, pairs "
        f"meet on the horizontal line, and the share falls to {shares['non-saturating'][-1]:.3f}.",
        [*planes, Panel("rotation-by-gamma", [Drawing(figure)], "the share of rotation by the weight of R1")],
        [Slider("γ, the weight of R1", [f"{gamma:g}" for gamma in data.gammas], start=0)],
    )


def _by_step(data: Spectrum) -> Drawing:
    figure, axes = panel("share of rotation", "step", "Σ|Im λ| / Σ|λ|", ylim=(0, 1.02))
    moments = data.without.states
    for training, color, mark, title in zip(
        (data.without, data.with_r1), (ORANGE, BLUE), "os", _titles(data), strict=True
    ):
        shares = [rotation(state.eigenvalues) for state in training.states]
        axes.plot(range(len(moments)), shares, f"{mark}-", color=color, label=title)
    axes.set_xticks(range(len(moments)), [str(state.step) for state in moments])
    axes.legend(loc="upper left")
    return Drawing(figure)


def _states(data: Spectrum) -> Sequence[Any]:
    return [*data.without.states, *data.with_r1.states]


def _titles(data: Spectrum) -> tuple[str, str]:
    return "without R1", f"with R1, γ = {data.with_r1.gamma:g}"


# ---- the plane -------------------------------------------------------------------------------------------


def _limits(all_of_them: Sequence[Eigenvalues]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Of both axes, with room; the vertical one symmetric."""
    values = np.concatenate([big(each) for each in all_of_them])
    left, right = min(values.real.min(), -1.0), max(values.real.max(), 2 * LINEAR)
    top = max(np.abs(values.imag).max(), 2 * LINEAR)
    return (2 * left, 2 * right), (-2 * top, 2 * top)


def _plane(title: str, sets: Sequence[tuple[Eigenvalues, str, str, str]], limits: Any) -> Drawing:
    """Each set of eigenvalues with its colour, its mark, and its name if it needs one."""
    figure, axes = panel(title, "Re λ: attraction is left of 0", "Im λ: rotation")
    axes.axvline(0, color=GREY, linewidth=1)
    axes.axhline(0, color=GREY, linewidth=1)
    for values, color, mark, label in sets:
        shown, style = big(values), {"markersize": 4, "alpha": 0.75, "markeredgewidth": 1.2 if mark == "x" else 0}
        axes.plot(shown.real, shown.imag, mark, color=color, label=label, linestyle="none", **style)
    for axis, scale, (low, high) in (("x", axes.set_xscale, limits[0]), ("y", axes.set_yscale, limits[1])):
        scale("symlog", linthresh=LINEAR)
        getattr(axes, f"set_{axis}lim")(low, high)
        getattr(axes, f"set_{axis}ticks")(ticks := _ticks(low, high), [power(tick) for tick in ticks])
        getattr(axes, f"{axis}axis").set_minor_locator(_nowhere())
    if any(label for *_, label in sets):
        figure.legend(loc="outside lower center", ncols=2)
    return Drawing(figure)


def _ticks(low: float, high: float) -> list[float]:
    powers = [10.0**k for k in range(-1, 6)]
    return [tick for tick in (*(-p for p in reversed(powers)), 0.0, *powers) if low <= tick <= high]


def _nowhere() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()


# ---- which steps are allowed -----------------------------------------------------------------------------


def step_sizes(data: Spectrum) -> Exhibit:
    """What a step of size h makes of each eigenvalue: 1 + h lambda, which should be inside of the unit circle."""
    games = _games(data)
    panels = [
        Panel(f"circle-{i}", [_circle(canvas, values, h) for h in STEPS], f"1 + hλ, {title}")
        for i, (title, values) in enumerate(games)
        for canvas in [_unit_circle(title)]
    ]
    (first, turning), (_, bent), (_, calm) = games
    half = len(STEPS) // 2
    return Exhibit(
        "What a step makes of them",
        "Inside of the circle a step makes a displacement smaller (blue), outside it makes it larger (orange). Move "
        "<var>h</var>: the dots leave 1 (the cross) in straight lines. One that starts upwards has hardly entered when "
        f"it leaves again: at <var>h</var> = {STEPS[half]:g} {_outside(turning, STEPS[half])} of {len(big(turning))} "
        f"dots of the {first} are outside, of the non-saturating one {_outside(bent, STEPS[half])} of "
        f"{len(big(bent))}, with R1 {_outside(calm, STEPS[half])} of {len(big(calm))}. So R1 allows larger steps.",
        [*panels, Panel("counts", [_counted(games, h) for h in STEPS])],
        [Slider("step size h", [f"{h:g}" for h in STEPS], start=half)],
    )


def _games(data: Spectrum) -> list[tuple[str, Eigenvalues]]:
    return [
        ("Wasserstein loss, no R1", data.same["wasserstein"][0]),
        ("non-saturating, no R1", data.same["non-saturating"][0]),
        (f"non-saturating, γ = {data.with_r1.gamma:g}", data.with_r1.states[-1].eigenvalues),
    ]


def _unit_circle(title: str) -> Canvas:
    figure, axes = panel(title, "Re (1 + hλ)", "Im (1 + hλ)", xlim=(-1.7, 1.7), ylim=(-1.35, 1.35), aspect="equal")
    turn = np.linspace(0, 2 * np.pi, 181)
    axes.plot(np.cos(turn), np.sin(turn), color=INK, linewidth=1)
    axes.plot([1], [0], "+", color=INK, markersize=9)
    return Canvas(figure, axes)


def _circle(canvas: Canvas, eigenvalues: Eigenvalues, h: float) -> Any:
    places = 1 + h * big(eigenvalues)
    return canvas.frame([Path([(z.real, z.imag)], ORANGE if abs(z) > 1 + GAIN else BLUE, dot=2.4) for z in places])


def _outside(eigenvalues: Eigenvalues, h: float) -> int:
    return int((np.abs(1 + h * big(eigenvalues)) > 1 + GAIN).sum())


def _counted(games: Sequence[tuple[str, Eigenvalues]], h: float) -> Text:
    lines = "".join(
        f"<li>{title}: {_outside(values, h)} of {len(big(values))} grow, the fastest by a factor of "
        f"{np.abs(1 + h * big(values)).max():.3f} in each step</li>"
        for title, values in games
    )
    return Text(f"<p>With <var>h</var> = {h:g}:</p><ul>{lines}</ul>")


def steps_table(data: Spectrum) -> Table:
    """What the spectra of the small game say, in numbers."""
    rows = [
        (
            title,
            len(shown),
            int((shown.imag != 0).sum()),
            int((shown.real > 0).sum()),
            rotation(values),
            allowed(values),
        )
        for title, values in [
            *((f"training {name}, last step", t.states[-1].eigenvalues) for name, t in _named(data)),
            *_games(data)[:2],
        ]
        for shown in [big(values)]
    ]
    head = ("game", f"|λ| > {BIG:g}", "of these turn", "of these run away", "share of rotation", "largest h")
    return Table(
        "In numbers",
        head,
        rows,
        "The last column: the step size below which all eigenvalues left of 0 close in. For the last two rows the "
        "weights are those of the training with R1. Without R1 the end of a training depends on the seed; the "
        "comparison at the same weights hardly does.",
    )


def _named(data: Spectrum) -> list[tuple[str, Training]]:
    return list(zip(_titles(data), (data.without, data.with_r1), strict=True))


# ---- large networks --------------------------------------------------------------------------------------


def large(data: Spectrum) -> Exhibit:
    """The largest eigenvalues of the networks of a preset."""
    limits = _limits([each.eigenvalues for each in data.large])
    panels = []
    for name, gamma in zip(("without", "with"), (0.0, data.with_r1.gamma), strict=True):
        before, after = (each for each in data.large if each.gamma == gamma)
        sets = [
            (before.eigenvalues, GREY, "x", "fresh weights"),
            (after.eigenvalues, ORANGE, "o", f"after {after.step:,} steps"),
        ]
        title = "without R1" if gamma == 0 else f"with R1, γ = {gamma:g}"
        panels.append(Panel(f"large-{name}", [_plane(title, sets, limits)], f"the largest eigenvalues {title}"))
    without, with_r1 = (each for each in data.large if each.step)
    return Exhibit(
        f"Networks of {without.parameters:,} weights",
        f"The {len(without.eigenvalues)} largest eigenvalues of the preset {without.preset}, before and after "
        f"training. In the end the largest has the size {_size(without):.3g} without R1 and {_size(with_r1):.3g} with "
        "it: D learns to be steep around each real point, and a steep D makes large eigenvalues (how large depends on "
        f"the seed). Plain gradient descent would need steps below {allowed(without.eigenvalues):.2g} without R1, and "
        f"below {allowed(with_r1.eigenvalues):.2g} with it; Adam divides by the size of the gradients.",
        panels,
    )


def _size(found: Large) -> float:
    return float(np.abs(found.eigenvalues).max())


def large_table(data: Spectrum) -> Table:
    """What it took."""
    rows = [
        (f"γ = {each.gamma:g}, step {each.step:,}", each.parameters, each.products, _gigabytes(each), _shown(each))
        for each in data.large
    ]
    return Table(
        "What it took",
        ("", "weights", "products", "GB to write J down", "largest eigenvalue"),
        rows,
        "A product is one backward pass through the field. The Jacobian itself would take as many products as there "
        "are weights, and so much memory for its numbers in float64.",
    )


def _gigabytes(found: Large) -> float:
    return round(found.parameters**2 * 8 / 1e9, 1)


def _shown(found: Large) -> str:
    first = found.eigenvalues[0]
    return f"{first.real:.3g}" if first.imag == 0 else f"{first.real:.3g} ± {abs(first.imag):.3g}<var>i</var>"
