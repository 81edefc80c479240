"""Exhibits of the page on the Dirac-GAN: three fates of a run, and the root loci of penalties."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.lab.experiments.dirac import DiracData
from minigan.lab.experiments.dirac_runs import WITH_LOCUS, H
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
from minigan.lab.pages.dirac_plane import DASHES, crosses, legend, marks, plane, radii, radius_line, trajectory

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
        f"Both players move at once, with h = {H:g}. Look at the distance from (0, 0) after {steps[-1]} steps: "
        f"{minimax} ({r[minimax]:.2f}) diverges, because each step goes along the tangent of a circle and ends outside "
        f"of it. The {cycle} game ({r[cycle]:.2f}) pulls inwards far out, and ends on a limit cycle where pull and "
        f"growth balance. {r1} ({brief(r[r1])}) converges, because D pays for its slope.",
        [
            Panel(
                "dirac-fates",
                [axes.frame([trajectory(path[: n + 1], color, FAR) for path, color in paths.values()]) for n in steps],
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


# ---- root loci ------------ ----------------------------------------------------------------------------

LOCUS_COLORS = dict(zip(WITH_LOCUS, (BLUE, GREEN, PURPLE), strict=True))


def loci(data: DiracData) -> Exhibit:
    """The root loci: how eigenvalues move as a penalty grows."""
    strengths = sorted({one.strength for one in data.loci})
    of = {(one.game, one.strength): one for one in data.loci}
    complex_plane, slowest = _locus_axes(), _slowest_axes()
    frames, lines, texts = [], [], []
    for strength in strengths:
        found = {game: of[game, strength] for game in WITH_LOCUS}
        dots = [mark for game, one in found.items() for mark in marks(one.measured, LOCUS_COLORS[game])]
        frames.append(
            complex_plane.frame([*dots, *(c for one in found.values() for c in crosses(one.predicted, 0.035))])
        )
        lines.append(
            slowest.frame(
                [Path([[strength, one.measured.real.max()]], LOCUS_COLORS[game], 1, 4) for game, one in found.items()]
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
        "Dots are measured, crosses and grey lines are theory. At strength 0 the game only turns. A penalty pulls both "
        "eigenvalues to the left, and how far left is the speed of convergence. With R1 and instance noise they stay "
        "on a circle until they meet at −½; then one goes back towards 0 (second panel), and the slower one decides. "
        "Consensus goes straight to the left and keeps turning.",
        [
            Panel("dirac-loci", frames, "Eigenvalues in the complex plane: dots on crosses, on a circle and on lines."),
            Panel("dirac-loci-slowest", lines, "The largest real part of each game over the strength."),
            Panel("dirac-loci-numbers", texts),
        ],
        [Slider("strength: γ, and σ of the noise", [f"{strength:g}" for strength in strengths], start)],
    )


FINE = np.unique([*np.linspace(0, 2, 201), np.sqrt(2)])  # with noise of this size the eigenvalues meet


def _predicted(game: str) -> np.ndarray:
    return np.array([eigenvalues(game, strength) for strength in FINE])


def _locus_axes() -> Canvas:
    limits: dict[str, Any] = {"xlim": (-2.0, 0.2), "ylim": (-0.8, 0.8), "xticks": (-2, -1.5, -1, -0.5, 0)}
    figure, ax = panel("eigenvalues of the game", "real part: below 0 attracts", "imaginary part: turns", **limits)
    for game in WITH_LOCUS:
        ax.plot(_predicted(game).real, _predicted(game).imag, color=GREY, linewidth=0.6)
    ax.axvline(0, color=INK, linewidth=0.9)
    legend(figure, LOCUS_COLORS)
    return Canvas(figure, ax)


def _slowest_axes() -> Canvas:
    limits: dict[str, Any] = {"ylim": (-0.55, 0.03), "xlim": (0, 2.05), "xticks": (0, 0.5, 1, 1.5, 2)}
    figure, ax = panel("the slower of the two", "strength: γ or σ", "larger real part", **limits)
    for game in WITH_LOCUS:
        color = LOCUS_COLORS[game]
        ax.plot(FINE, _predicted(game).real.max(1), color=color, linewidth=1.2, linestyle=linestyle(DASHES[color], 1.2))
    legend(figure, LOCUS_COLORS)
    return Canvas(figure, ax)
