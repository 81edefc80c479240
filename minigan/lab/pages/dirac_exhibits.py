"""Exhibits of the page on the Dirac-GAN: three fates of a run, and how eigenvalues move with a penalty."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.lab.experiments.dirac import DiracData
from minigan.lab.experiments.dirac_runs import WAYS, H
from minigan.lab.experiments.dirac_theory import eigenvalues
from minigan.lab.page import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    Canvas,
    Exhibit,
    Panel,
    Path,
    Slider,
    Text,
    linestyle,
    panel,
)
from minigan.lab.pages.dirac_checks import brief, in_words, named
from minigan.lab.pages.dirac_plane import DASHES, crosses, legend, marks, plane, radii, radius_line, way

# ---- three fates -----------------------------------------------------------------------------------------

FATES = {("minimax", 0.0): ORANGE, ("non-saturating", 0.0): BLUE, ("R1", 0.3): GREEN}
PICTURES = 40
FAR = 3.2  # of what is shown


def fates(data: DiracData) -> Exhibit:
    """Three of the published runs, step by step."""
    found = {(run.game, run.strength): run for run in data.long}
    paths = {named(*key): (found[key].path, color) for key, color in FATES.items()}
    colors = {name: color for name, (_, color) in paths.items()}
    steps = np.linspace(0, len(found["minimax", 0.0].path) - 1, PICTURES + 1).astype(int)
    axes = plane("where G and D are", reach=FAR, axes=("θ, where G puts its point", "ψ, the slope of D"), colors=colors)
    over_time = radii("how far they are from (0, 0)", float(steps[-1]), "step", colors=colors)
    ends = {name: path[-1] for name, (path, _) in paths.items()}
    r = {name: float(np.hypot(*end)) for name, end in ends.items()}
    minimax, cycle, r1 = r
    return Exhibit(
        "Three fates from one start",
        f"All three begin at the same place, θ = {found['minimax', 0.0].path[0, 0]:g}, "
        f"ψ = {found['minimax', 0.0].path[0, 1]:g}, and both players move at once by steps of h = {H:g}. Look at the "
        f"distance from the middle: {minimax} is {r[minimax]:.2f} away after {steps[-1]} steps and goes on growing, "
        "because each step goes straight along the tangent of a circle and so ends a little outside of it. The "
        f"{cycle} game pulls inwards where it is far out; pull and growth balance on a cycle, {r[cycle]:.2f} away. "
        f"{r1} makes D's slope a cost of its own: it comes to rest, and is {brief(r[r1])} away at the end.",
        [
            Panel(
                "dirac-fates",
                [axes.frame([way(path[: n + 1], color, FAR) for path, color in paths.values()]) for n in steps],
                "Three trails in the plane of theta and psi: one spirals out, one stays on a circle, one spirals in.",
                film=True,
            ),
            Panel(
                "dirac-fates-radius",
                [
                    over_time.frame(
                        [radius_line(path[: n + 1], np.arange(n + 1.0), color, 3.0) for path, color in paths.values()]
                    )
                    for n in steps
                ],
                "The radius of the same three runs over the steps, on a logarithmic axis.",
            ),
        ],
        [Slider("step", [str(n) for n in steps], PICTURES)],
    )


# ---- eigenvalues on their way ----------------------------------------------------------------------------

WAY_COLORS = dict(zip(WAYS, (BLUE, GREEN, PURPLE), strict=True))


def ways(data: DiracData) -> Exhibit:
    """How eigenvalues move as a penalty grows."""
    strengths = sorted({one.strength for one in data.ways})
    of = {(one.game, one.strength): one for one in data.ways}
    complex_plane, slowest = _ways_axes(), _slowest_axes()
    frames, lines, texts = [], [], []
    for strength in strengths:
        found = {game: of[game, strength] for game in WAYS}
        dots = [mark for game, one in found.items() for mark in marks(one.measured, WAY_COLORS[game])]
        frames.append(
            complex_plane.frame([*dots, *(c for one in found.values() for c in crosses(one.predicted, 0.035))])
        )
        lines.append(
            slowest.frame(
                [Path([[strength, one.measured.real.max()]], WAY_COLORS[game], 1, 4) for game, one in found.items()]
            )
        )
        rows = [
            f"<tr><td>{game}, {what}</td><td>{in_words(values)}</td></tr>"
            for game, one in found.items()
            for what, values in (("predicted", one.predicted), ("measured", one.measured))
        ]
        texts.append(Text(f"<table>{''.join(rows)}</table>"))
    start = strengths.index(0.3)
    return Exhibit(
        "What a penalty does to the eigenvalues",
        "Dots are measured by differentiating minigan's gradients once more, crosses are theory, and the grey lines "
        "are the ways that theory knows. At strength 0 both eigenvalues lie on the vertical line at 0: the game only "
        "turns. A penalty pulls them to the left, and how far left they are is the speed with which the game closes "
        "in. R1 and instance noise keep them on a circle of radius ½ until they meet on the horizontal axis, at −½. "
        "From there on more of it is worse: one of the two goes back towards 0 (second panel), and it is the slower "
        "one that you wait for. Consensus goes straight to the left and keeps turning.",
        [
            Panel("dirac-ways", frames, "Eigenvalues in the complex plane: dots on crosses, on a circle and on lines."),
            Panel("dirac-ways-slowest", lines, "The largest real part of each game over the strength."),
            Panel("dirac-ways-numbers", texts),
        ],
        [Slider("strength: γ, and σ of the noise", [f"{strength:g}" for strength in strengths], start)],
    )


FINE = np.unique([*np.linspace(0, 2, 201), np.sqrt(2)])  # with noise of this size the eigenvalues meet


def _predicted(game: str) -> np.ndarray:
    return np.array([eigenvalues(game, strength) for strength in FINE])


def _ways_axes() -> Canvas:
    limits: dict[str, Any] = {"xlim": (-2.0, 0.2), "ylim": (-0.8, 0.8), "xticks": (-2, -1.5, -1, -0.5, 0)}
    figure, ax = panel("eigenvalues of the game", "real part: below 0 closes in", "imaginary part: turns", **limits)
    for game in WAYS:
        ax.plot(_predicted(game).real, _predicted(game).imag, color=GREY, linewidth=0.6)
    ax.axvline(0, color=INK, linewidth=0.9)
    legend(figure, WAY_COLORS)
    return Canvas(figure, ax)


def _slowest_axes() -> Canvas:
    limits: dict[str, Any] = {"ylim": (-0.55, 0.03), "xlim": (0, 2.05), "xticks": (0, 0.5, 1, 1.5, 2)}
    figure, ax = panel("the slower of the two", "strength: γ or σ", "larger real part", **limits)
    for game in WAYS:
        color = WAY_COLORS[game]
        ax.plot(FINE, _predicted(game).real.max(1), color=color, linewidth=1.2, linestyle=linestyle(DASHES[color], 1.2))
    legend(figure, WAY_COLORS)
    return Canvas(figure, ax)
