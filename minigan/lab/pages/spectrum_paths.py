"""What moves: a prediction of one eigenvalue, tried; and the field along the line between two checkpoints."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.lab.experiments.spectrum import Spectrum
from minigan.lab.experiments.spectrum_motion import STEPS, Motion
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
ASIDE = 0.05  # how far the line passes by the equilibrium
TWO = {
    "attraction": [[-1.0, 0.0], [0.0, -1.0]],
    "rotation": [[0.0, -1.0], [1.0, 0.0]],
    "both": [[-1.0, -1.0], [1.0, -1.0]],
}


def motion(data: Spectrum) -> Exhibit:
    """Two trainings that begin close to each other."""
    moved, at = data.motion, [round(k) for k in np.linspace(0, STEPS, FRAMES)]
    canvas = _spiral(moved)
    spirals = [canvas.frame([Path(_points(moved.measured[: k + 1]), BLUE, 1.5, dot=3)]) for k in at]
    turns = moved.eigenvalue.imag != 0
    path = "all weights moving at once: they follow it"
    if turns:
        path += f" around, a turn in {2 * np.pi / abs(np.angle(1 + moved.h * moved.eigenvalue)):.0f} steps,"
    parts = (
        "The real part of λ is the attraction, the imaginary part the rotation."
        if turns
        else "Here λ is a real number, so that nothing turns."
    )
    return Exhibit(
        "An eigenvalue is a motion",
        "The difference of two trainings, with and without the push, in the "
        f"{'plane' if turns else 'direction'} that belongs to λ = {_in_words(moved.eigenvalue)}. Grey is what the "
        "eigenvalue says: each step multiplies by 1 + <var>h</var>λ. Blue is what the networks do, "
        f"{path} and have come to {abs(moved.measured[-1]):.3f} of where they began after {STEPS} steps. {parts} A "
        "gap opens where the weights have moved on, and the Jacobian with them.",
        [
            Panel("spiral", spirals, "the difference of two trainings as a spiral", film=True),
            Panel("decay", [_decay(moved)], "its length by step"),
        ],
        [Slider("step", [str(k) for k in at], start=FRAMES - 1)],
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
    alpha = data.with_r1.path.alpha
    angle, axes = panel("cosine with the path", "α", "cosine", ylim=(-1.1, 1.1))
    length, ground = panel("length of the field", "α", "‖v‖, L2 norm")
    for (name, matrix), color, style in zip(TWO.items(), (BLUE, ORANGE, GREEN), ("-", "--", "-."), strict=True):
        cosine, norm = _passing(np.array(matrix), alpha)
        axes.plot(alpha, cosine, style, color=color, label=name)
        ground.plot(alpha, norm, style, color=color, label=name)
    for each in (axes, ground):
        each.axvline(1, color=GREY, linewidth=1)
    axes.legend(loc="lower left")
    ground.legend(loc="lower left")
    return Exhibit(
        "How to read a path: games with two weights",
        "A line leads from a first pair of weights (α = 0) to a second (α = 1) and beyond; the second lies "
        f"{ASIDE:g} aside of the equilibrium, as a trained game does. Left: attraction has a switch of the sign at "
        "α = 1, rotation a bump, both have both. The length of the field, right, is smallest at α = 1 in all three: it "
        "says that there is an equilibrium, but not of which kind.",
        [
            Panel("two-cosine", [Drawing(angle)], "the cosine along the path for three games"),
            Panel("two-norm", [Drawing(length)], "the length of the field along the path for three games"),
        ],
    )


def _passing(matrix: NDArray[np.float64], alpha: NDArray[np.float64]) -> tuple[Any, Any]:
    """Cosine and length of v = J w on the line from (1, aside) to (0, aside)."""
    field = np.stack([1 - alpha, np.full_like(alpha, ASIDE)], 1) @ matrix.T
    norm = np.linalg.norm(field, axis=1)
    return field @ [-1.0, 0.0] / norm, norm


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
    path = data.with_r1.path
    before, after = (float(path.cosine[side].mean()) for side in (path.alpha < 1, path.alpha > 1))
    return Exhibit(
        "The same for networks: from the first weights to the last",
        f"With R1 the cosine is {before:.3f} on average before α = 1 ({np.degrees(np.arccos(before)):.1f} degrees) and "
        f"{after:.3f} after it: {'the sign switches, and ' if before > 0 > after else ''}the middle picture is where a "
        "bump would be. Without R1 the field is longer, up to "
        f"{data.without.path.norm.max():.2g} against {path.norm.max():.2g}, and the cosine goes up and down: this game "
        "is far from being one matrix, and looks different with another seed. The eigenvalues say what the path "
        "cannot.",
        [
            Panel("net-cosine", [Drawing(angle)], "the cosine along the path for networks"),
            Panel("net-close", [Drawing(close)], "the same close to the end"),
            Panel("net-norm", [Drawing(length)], "the length of the field along the path for networks"),
        ],
    )
