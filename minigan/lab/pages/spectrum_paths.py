"""What moves: a prediction of one eigenvalue, tried; and the field along the line between two checkpoints."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minigan.lab.experiments.spectrum import Spectrum
from minigan.lab.experiments.spectrum_motion import STEPS, Motion
from minigan.lab.experiments.spectrum_path import ASIDE, PathAngle
from minigan.lab.page import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    Canvas,
    Drawing,
    Exhibit,
    Panel,
    Path,
    Slider,
    number,
    panel,
)

FRAMES = 21
FOLLOWED = 0.02  # a motion that is no farther from its prediction follows it
INVISIBLE = 0.01  # of the first difference: a line is wider


def motion(data: Spectrum) -> Exhibit:
    """Two trainings that begin close to each other."""
    moved, at = data.motion, [round(k) for k in np.linspace(0, STEPS, FRAMES)]
    canvas = _spiral(moved)
    spirals = [canvas.frame([Path(_points(moved.measured[: k + 1]), BLUE, 1.5, dot=3)]) for k in at]
    turns = moved.eigenvalue.imag != 0
    parts = (
        "The real part of λ is the attraction, the imaginary part the rotation."
        if turns
        else "Here λ is a real number, so that nothing turns."
    )
    return Exhibit(
        "An eigenvalue is a motion",
        "The difference of two trainings, with and without the push, in the "
        f"{'plane' if turns else 'direction'} that belongs to λ = {_in_words(moved.eigenvalue)}. Grey is what the "
        "eigenvalue says: each step multiplies by 1 + <var>h</var>λ. Blue is what the networks do, all weights moving "
        f"at once: {_followed(moved)}after {STEPS} steps the difference is {abs(moved.measured[-1]):.3f} of the first "
        f"one. {parts} {_apart(moved)}",
        [
            Panel("spiral", spirals, "the difference of two trainings as a spiral", film=True),
            Panel("decay", [_decay(moved)], "its length by step"),
        ],
        [Slider("step", [str(k) for k in at], start=FRAMES - 1)],
    )


def _followed(moved: Motion) -> str:
    """Said only of networks that do what the eigenvalue says."""
    if moved.apart > FOLLOWED:
        return ""
    turn = np.angle(1 + moved.h * moved.eigenvalue)
    around = f" around, a turn in {2 * np.pi / abs(turn):.0f} steps" if moved.eigenvalue.imag else ""
    return f"they follow it{around}, and "


def _apart(moved: Motion) -> str:
    """How far what was measured goes from what was predicted."""
    most = np.abs(moved.measured - moved.predicted).max()
    seen = ", too little to be seen" if most < INVISIBLE else ""
    return (
        "The weights move on meanwhile, and the Jacobian with them, but blue and grey are never farther apart than "
        f"{most:.2g} of the first difference{seen}."
    )


def _in_words(value: complex) -> str:
    real = number(value.real, ".3f")
    return f"{real} ± {abs(value.imag):.3f}<var>i</var>" if value.imag else real


def _spiral(moved: Motion) -> Canvas:
    reach = 1.15 * float(np.abs([moved.predicted, moved.measured]).max())
    figure, axes = panel("the difference, step by step", "real part", "imaginary part", aspect="equal")
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    axes.plot(*_points(moved.predicted).T, color=GREY, linewidth=4, alpha=0.35, label="predicted")
    axes.plot([], [], color=BLUE, label="measured")
    figure.legend(loc="outside lower center", ncols=2)
    axes.plot(0, 0, "+", color=INK, markersize=8)
    return Canvas(figure, axes)


def _points(values: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.stack([values.real, values.imag], 1)


def _decay(moved: Motion) -> Drawing:
    figure, axes = panel("how far apart", "step", "difference, relative to the first", yscale="log")
    axes.plot(np.abs(moved.predicted), color=GREY, linewidth=4, alpha=0.35, label="predicted: |1 + hλ|ᵏ")
    axes.plot(np.abs(moved.measured), color=BLUE, label="measured")
    axes.legend(loc="upper right")
    return Drawing(figure)


# ---- the path angle --------------------------------------------------------------------------------------


def two_weights(data: Spectrum) -> Exhibit:
    """The path angle of three games with two weights, where all is known."""
    angle, axes = panel("cosine with the path", "α", "cosine", ylim=(-1.1, 1.1))
    length, ground = panel("length of the field", "α", "‖v‖, L2 norm")
    looks = zip(data.two_weights.items(), (BLUE, ORANGE, GREEN), ("-", "--", "-."), strict=True)
    for (name, path), color, style in looks:
        axes.plot(path.alpha, path.cosine, style, color=color, label=name)
        ground.plot(path.alpha, path.norm, style, color=color, label=name)
    for each in (axes, ground):
        each.axvline(1, color=GREY, linewidth=1)
    axes.legend(loc="lower left")
    ground.legend(loc="lower left")
    return Exhibit(
        "How to read a path: games with two weights",
        "A line leads from a first pair of weights (α = 0) to a second (α = 1) and beyond; the second lies "
        f"{ASIDE:g} away from the equilibrium, as a trained game does. In <b>cosine with the path</b>, attraction has "
        "a switch of the sign at α = 1, rotation a bump, and the game with both has a switch and a bump. The "
        "<b>length of the field</b> is smallest at α = 1 in all three: it says that there is an equilibrium, but not "
        "of which kind.",
        [
            Panel("two-cosine", [Drawing(angle)], "the cosine along the path for three games"),
            Panel("two-norm", [Drawing(length)], "the length of the field along the path for three games"),
        ],
    )


def networks(data: Spectrum) -> Exhibit:
    """The same for the two trainings of the small game."""
    angle, axes = panel("cosine with the path", "α", "cosine")
    length, ground = panel("length of the field", "α", "‖v‖, L2 norm", yscale="log")
    close, near = panel("the cosine, close to α = 1", "α", "cosine", xlim=(0.99, 1.01))
    named = (("without R1", data.without), (f"with R1, γ = {data.with_r1.gamma:g}", data.with_r1))
    for (name, training), color, style in zip(named, (ORANGE, BLUE), ("--", "-"), strict=True):
        path = training.path
        for each in (axes, near):
            each.plot(path.alpha, path.cosine, style, color=color, label=name)
        ground.plot(path.alpha, path.norm, style, color=color, label=name)
    for each in (axes, ground, near):
        each.axvline(1, color=GREY, linewidth=1)
    near.set_xticks([0.99, 1.0, 1.01])
    for each in (axes, ground, near):
        each.legend(loc="lower left")
    return Exhibit(
        "The same for networks: from the first weights to the last",
        f"The mean cosine over the line is, without R1, {_sides(data.without.path)}; with R1 "
        f"{_sides(data.with_r1.path)}. <b>The cosine, close to α = 1</b> shows where a bump would be. The field is up "
        f"to {data.without.path.norm.max():.2g} long without R1, and up to {data.with_r1.path.norm.max():.2g} with "
        "it. A cosine that goes up and down on the way says that this game is far from being one matrix: eigenvalues "
        "say what the path cannot.",
        [
            Panel("net-cosine", [Drawing(angle)], "the cosine along the path for networks"),
            Panel("net-close", [Drawing(close)], "the same close to the end"),
            Panel("net-norm", [Drawing(length)], "the length of the field along the path for networks"),
        ],
    )


def _sides(path: PathAngle) -> str:
    switched = " (the sign switches)" if path.before > 0 > path.after else ""
    return f"{number(path.before, '.3f')} before α = 1 and {number(path.after, '.3f')} beyond it{switched}"
