"""Eigenvalues as points of the complex plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.lab.experiments.spectrum import Spectrum, Trajectory
from minigan.lab.experiments.spectrum_eigenvalues import BIG, Eigenvalues
from minigan.lab.experiments.spectrum_large import Large
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
    number,
    panel,
    power,
)

LINEAR = 0.1  # up to here the axes are linear
STEPS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)
GAIN = 1e-9  # more than rounding
SHOWN = np.array([1.7, 1.35])  # of what a step multiplies by, on each side of 0
ARROW = 0.05  # half the length of a triangle at the edge


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
    without, with_r1 = (training.states[-1].eigenvalues.rotation for training in trainings)
    return Exhibit(
        "All eigenvalues, from the first step to the last",
        "Each dot is an eigenvalue λ. Left of the vertical line: attraction. Right of it: repulsion. Above and below "
        f"the horizontal line, in pairs: rotation. Move the slider{_moved(*trainings)}. The share of rotation, "
        f"Σ|Im λ| / Σ|λ|, ends at {with_r1:.2f} with R1 and at {without:.2f} without it.{_dip(data.without)}",
        [*planes, Panel("rotation-by-step", [_by_step(data)], "the share of rotation by step")],
        [Slider("steps made", names, start=len(names) - 1)],
    )


def _moved(without: Trajectory, with_r1: Trajectory) -> str:
    """Where the eigenvalues go: said only if it is to the left in both trainings."""
    sums = [(each.states[0].eigenvalues.trace, each.states[-1].eigenvalues.trace) for each in (without, with_r1)]
    if any(last >= first for first, last in sums):
        return ""
    of_each = [" to ".join(number(value, ".3g") for value in ends) for ends in sums]
    return (
        f": training moves them to the left (their sum goes from {of_each[1]} with R1, and from {of_each[0]} without), "
        "because it only stays where it is not driven away"
    )


def _dip(without: Trajectory) -> str:
    """Why the share of rotation is lower in the end, if one real eigenvalue is all the reason that there is."""
    most, last = max(without.states, key=lambda state: state.eigenvalues.rotation), without.states[-1]
    before, after = (state.eigenvalues.values[0] for state in (most, last))
    if after.imag or abs(after) < 2 * abs(before):
        return ""
    return (
        f" Without R1 it was {most.eigenvalues.rotation:.2f} after step {most.step:,}; since then the largest |λ| has "
        f"grown from {abs(before):.3g} to {abs(after):.3g}, and this one is a real number."
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
    shares = {loss: [each.rotation for each in data.same[loss]] for loss in names}
    straight, curved = shares.values()
    figure, axes = panel("share of rotation", "γ, the weight of R1", "Σ|Im λ| / Σ|λ|", ylim=(0, 1.02))
    for (loss, name), (color, mark) in zip(names.items(), styles, strict=True):
        axes.plot(range(len(data.gammas)), shares[loss], f"{mark}-", color=color, label=name)
    axes.set_xticks(range(len(data.gammas)), [f"{gamma:g}" for gamma in data.gammas])
    axes.legend(loc="lower left")
    return Exhibit(
        "The same weights, another game",
        f"Only what the players pay is exchanged. With γ = 0 the share of rotation is {straight[0]:.2f} with the "
        f"Wasserstein loss and {curved[0]:.2f} with the non-saturating one"
        f"{BY_CURVATURE if curved[0] < straight[0] else ''}. R1 adds curvature in D's weights. Move γ"
        f"{BY_R1 if _pulled(data) else ''}: at γ = {data.gammas[-1]:g} the shares are {straight[-1]:.3f} and "
        f"{curved[-1]:.3f}.{_right_of_0(data)}",
        [*planes, Panel("rotation-by-gamma", [Drawing(figure)], "the share of rotation by the weight of R1")],
        [Slider("γ, the weight of R1", [f"{gamma:g}" for gamma in data.gammas], start=0)],
    )


BY_CURVATURE = ", as this one has a curvature of its own"
BY_R1 = ", and watch nearly all dots go to the left and pairs meet on the horizontal line"
"""Said only of spectra of which it is true."""


def _pulled(data: Spectrum) -> bool:
    ends = [(of_gamma[0], of_gamma[-1]) for of_gamma in data.same.values()]
    return all(last.trace < first.trace and last.turning < first.turning for first, last in ends)


def _right_of_0(data: Spectrum) -> str:
    """How many eigenvalues have been pulled across, and how many have not."""
    straight, curved = (
        [f"{each.repelling} of {len(each.big())}" for each in (of_gamma[0], of_gamma[-1])]
        for of_gamma in data.same.values()
    )
    return (
        f" Right of 0 are {straight[0]} dots with the Wasserstein loss at γ = {data.gammas[0]:g} and {straight[1]} at "
        f"γ = {data.gammas[-1]:g}, with the non-saturating one {curved[0]} and {curved[1]}."
    )


def _by_step(data: Spectrum) -> Drawing:
    figure, axes = panel("share of rotation", "step", "Σ|Im λ| / Σ|λ|", ylim=(0, 1.02))
    moments = data.without.states
    for training, color, mark, title in zip(
        (data.without, data.with_r1), (ORANGE, BLUE), "os", _titles(data), strict=True
    ):
        shares = [state.eigenvalues.rotation for state in training.states]
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
    values = np.concatenate([each.big() for each in all_of_them])
    left, right = min(values.real.min(), -1.0), max(values.real.max(), 2 * LINEAR)
    top = max(np.abs(values.imag).max(), 2 * LINEAR)
    return (2 * left, 2 * right), (-2 * top, 2 * top)


def _plane(title: str, sets: Sequence[tuple[Eigenvalues, str, str, str]], limits: Any) -> Drawing:
    """Each set of eigenvalues with its colour, its mark, and its name if it needs one."""
    figure, axes = panel(title, "Re λ: attraction is left of 0", "Im λ: rotation")
    axes.axvline(0, color=GREY, linewidth=1)
    axes.axhline(0, color=GREY, linewidth=1)
    for values, color, mark, label in sets:
        shown, style = values.big(), {"markersize": 4, "alpha": 0.75, "markeredgewidth": 1.2 if mark == "x" else 0}
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
        "<var>h</var>: the dots leave 1 (the cross) in straight lines; a triangle at the frame is a dot that is "
        "farther out. One that starts upwards has hardly entered when it leaves again: at <var>h</var> = "
        f"{STEPS[half]:g}, {_outside(turning, STEPS[half])} of {len(turning.big())} dots of the {first} are outside, "
        f"of the non-saturating one {_outside(bent, STEPS[half])} of {len(bent.big())}, with R1 "
        f"{_outside(calm, STEPS[half])} of {len(calm.big())}.{_allowed(bent, calm)}",
        [*panels, Panel("counts", [_counted(games, h) for h in STEPS])],
        [Slider("step size h", [f"{h:g}" for h in STEPS], start=half)],
    )


def _allowed(bent: Eigenvalues, calm: Eigenvalues) -> str:
    """Which steps R1 allows, if they are larger ones, and what becomes of longer ones."""
    if calm.repelling or calm.largest_step <= bent.largest_step:
        return ""
    last = STEPS[-1]
    beyond = (
        f" Beyond that R1's own curvature makes steps overshoot: at <var>h</var> = {last:g} its fastest dot grows by a "
        f"factor of {_fastest(calm, last):.2g}, without R1 by {_fastest(bent, last):.2g}."
    )
    return (
        f" So R1 allows larger steps, up to <var>h</var> = {calm.largest_step:.2f} and not only "
        f"{bent.largest_step:.2f}.{beyond if _fastest(calm, last) > max(1.0, _fastest(bent, last)) else ''}"
    )


def _fastest(eigenvalues: Eigenvalues, h: float) -> float:
    return float(np.abs(1 + h * eigenvalues.big()).max())


def _games(data: Spectrum) -> list[tuple[str, Eigenvalues]]:
    return [
        ("Wasserstein loss, no R1", data.same["wasserstein"][0]),
        ("non-saturating, no R1", data.same["non-saturating"][0]),
        (f"non-saturating, γ = {data.with_r1.gamma:g}", data.with_r1.states[-1].eigenvalues),
    ]


def _unit_circle(title: str) -> Canvas:
    figure, axes = panel(title, "Re (1 + hλ)", "Im (1 + hλ)", aspect="equal")
    axes.set(xlim=(-SHOWN[0], SHOWN[0]), ylim=(-SHOWN[1], SHOWN[1]))
    turn = np.linspace(0, 2 * np.pi, 181)
    axes.plot(np.cos(turn), np.sin(turn), color=INK, linewidth=1)
    axes.plot([1], [0], "+", color=INK, markersize=9)
    return Canvas(figure, axes)


def _circle(canvas: Canvas, eigenvalues: Eigenvalues, h: float) -> Any:
    places = 1 + h * eigenvalues.big()
    return canvas.frame([_dot(z) for z in places])


def _dot(z: complex) -> Path:
    """A dot; for one that is outside of the axes a triangle at their edge that points at it."""
    place, color = np.array([z.real, z.imag]), ORANGE if abs(z) > 1 + GAIN else BLUE
    if (np.abs(place) <= SHOWN).all():
        return Path([place], color, dot=2.4)
    edge = np.clip(place, -SHOWN + 2 * ARROW, SHOWN - 2 * ARROW)
    ahead = ARROW * (place - edge) / np.hypot(*(place - edge))
    aside = np.array([-ahead[1], ahead[0]])
    return Path([edge + ahead, edge - ahead + aside, edge - ahead - aside, edge + ahead], color, 2.0)


def _outside(eigenvalues: Eigenvalues, h: float) -> int:
    return int((np.abs(1 + h * eigenvalues.big()) > 1 + GAIN).sum())


def _counted(games: Sequence[tuple[str, Eigenvalues]], h: float) -> Text:
    lines = "".join(f"<li>{title}: {_growth(values, h)}</li>" for title, values in games)
    return Text(f"<p>With <var>h</var> = {h:g}:</p><ul>{lines}</ul>")


def _growth(values: Eigenvalues, h: float) -> str:
    """What a step makes of them, in words."""
    growing, most, fastest = _outside(values, h), len(values.big()), _fastest(values, h)
    if not growing:
        return f"none of {most} grows; the slowest to shrink keeps {fastest:.5f} of itself in each step"
    return f"{growing} of {most} {'grows' if growing == 1 else 'grow'}, the fastest by a factor of {fastest:.3f} a step"


def steps_table(data: Spectrum) -> Table:
    """What the spectra of the small game say, in numbers."""
    rows = [
        (
            title,
            len(values.big()),
            values.turning,
            values.repelling,
            values.rotation,
            values.largest_step,
        )
        for title, values in [
            *((f"training {name}, last step", t.states[-1].eigenvalues) for name, t in _named(data)),
            *_games(data)[:2],
        ]
    ]
    head = ("game", f"|λ| > {BIG:g}", "of these turn", "of these run away", "share of rotation", "largest h")
    return Table(
        "In numbers",
        head,
        rows,
        "The last column: the step size below which all eigenvalues left of 0 close in. For the last two rows the "
        "weights are those of the training with R1.",
    )


def _named(data: Spectrum) -> list[tuple[str, Trajectory]]:
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
        f"The {len(without.eigenvalues.values)} largest eigenvalues of the preset {without.preset}, before and after "
        f"training. In the end the largest has the size {_size(without):.3g} without R1 and {_size(with_r1):.3g} with "
        f"it{SLOPE if _size(with_r1) < _size(without) else ''}. Plain gradient descent would need steps below "
        f"{without.eigenvalues.largest_step:.2g} without R1, and below {with_r1.eigenvalues.largest_step:.2g} with "
        "it; Adam divides by the size of the gradients.",
        panels,
    )


SLOPE = ": R1 makes D pay for being steep at real points, and steep networks have large eigenvalues"


def _size(found: Large) -> float:
    return float(np.abs(found.eigenvalues.values).max())


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
    first = found.eigenvalues.values[0]
    real = number(first.real, ".3g")
    return real if first.imag == 0 else f"{real} ± {abs(first.imag):.3g}<var>i</var>"
