"""Exhibits of the page on the Dirac-GAN: three fates of a run, and the root loci of penalties."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.lab.experiments.dirac import Dirac
from minigan.lab.experiments.dirac_game import named
from minigan.lab.experiments.dirac_runs import LONG_H, WITH_LOCUS
from minigan.lab.page import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    Canvas,
    Exhibit,
    Label,
    Panel,
    Slider,
    Text,
    linestyle,
    panel,
)
from minigan.lab.pages.dirac_checks import brief, in_words
from minigan.lab.pages.dirac_plane import (
    DASHES,
    Outline,
    crosses,
    entry,
    legend,
    lines,
    plane,
    radii,
    radius_line,
    trajectory,
)

# ---- three fates -----------------------------------------------------------------------------------------

FATES = {("minimax", 0.0): ORANGE, ("non-saturating", 0.0): BLUE, ("R1", 0.3): GREEN}
PICTURES = 40
FATES_REACH = 3.2  # of what is shown


def fates(data: Dirac) -> Exhibit:
    """Three of the long runs, step by step."""
    found = {(run.game, run.strength): run for run in data.long}
    paths = {named(*key): (found[key].path, color) for key, color in FATES.items()}
    colors = {name: color for name, (_, color) in paths.items()}
    steps = np.linspace(0, len(found["minimax", 0.0].path) - 1, PICTURES + 1).astype(int)
    axes = plane(
        "where G and D are",
        reach=FATES_REACH,
        axes=("θ, where G puts its point", "ψ, the slope of D"),
        entries=lines(colors),
    )
    over_time = radii("how far they are from (0, 0)", float(steps[-1]), "step", entries=lines(colors))
    above = -0.94 * FATES_REACH, 0.86 * FATES_REACH
    ends = {name: path[-1] for name, (path, _) in paths.items()}
    r = {name: float(np.hypot(*end)) for name, end in ends.items()}
    minimax, cycle, r1 = r
    return Exhibit(
        "Three fates from one start",
        f"Both players move at once, with h = {LONG_H:g}. Look at the distance from (0, 0) after {steps[-1]} steps: "
        f"{minimax} ({r[minimax]:.2f}) diverges, because each step goes along the tangent of a circle and ends outside "
        f"of it. The {cycle} game ({r[cycle]:.2f}) pulls inwards far out, and ends on a limit cycle where pull and "
        f"growth balance. {r1} ({brief(r[r1])}) converges, because D pays for its slope.",
        [
            Panel(
                "dirac-fates",
                [
                    axes.frame(
                        [
                            *(trajectory(path[: n + 1], color, FATES_REACH) for path, color in paths.values()),
                            Label(above, f"step {n}"),
                        ]
                    )
                    for n in steps
                ],
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


# ---- root loci -----------------------------------------------------------------------------------------

LOCUS_LOOKS = dict(zip(WITH_LOCUS, ((BLUE, "o", 6.0), (GREEN, "s", 4.5), (PURPLE, "D", 3.0)), strict=True))
"""Colour, form and radius of a mark: where games agree, one is seen in the other."""


def loci(data: Dirac) -> Exhibit:
    """The root loci: how eigenvalues move as a penalty grows."""
    strengths = sorted({one.strength for one in data.loci})
    of = {(one.game, one.strength): one for one in data.loci}
    complex_plane, slowest = _locus_axes(data), _slowest_axes(data)
    frames, slower, texts = [], [], []
    for strength in strengths:
        found = {game: of[game, strength] for game in WITH_LOCUS}
        dots = [_mark(game, value.real, value.imag) for game, one in found.items() for value in one.measured]
        frames.append(
            complex_plane.frame([*dots, *(c for one in found.values() for c in crosses(one.predicted, 0.035))])
        )
        slower.append(slowest.frame([_mark(game, strength, one.measured.real.max()) for game, one in found.items()]))
        rows = [
            f"<tr><td>{game}, {what}</td><td>{in_words(values)}</td></tr>"
            for game, one in found.items()
            for what, values in (("predicted", one.predicted), ("measured", one.measured))
        ]
        texts.append(Text(f"<table>{''.join(rows)}</table>"))
    start = strengths.index(0.3)
    return Exhibit(
        "What a penalty does to the eigenvalues",
        "Open marks are measured, crosses predicted; a grey line is the way that theory lets the eigenvalues of a game "
        "go while the strength grows from 0. There the game only turns. A penalty pulls both eigenvalues to the left, "
        "and how far left is the speed of convergence. With R1 and instance noise they stay on a circle until they "
        "meet at −½; then one goes back towards 0 (<b>the slower of the two</b>), and it decides. Consensus goes "
        "straight to the left and keeps turning.",
        [
            Panel(
                "dirac-loci",
                frames,
                "Eigenvalues in the complex plane: open marks around crosses, on a circle and on lines.",
            ),
            Panel("dirac-loci-slowest", slower, "The largest real part of each game over the strength."),
            Panel("dirac-loci-numbers", texts),
        ],
        [Slider("strength: γ, and σ of the noise", [f"{strength:g}" for strength in strengths], start)],
    )


def _locus_axes(data: Dirac) -> Canvas:
    limits: dict[str, Any] = {"xlim": (-2.0, 0.2), "ylim": (-0.8, 0.8), "xticks": (-2, -1.5, -1, -0.5, 0)}
    figure, ax = panel("eigenvalues of the game", "real part: below 0 attracts", "imaginary part: turns", **limits)
    for curve in data.locus_curves:
        ax.plot(curve.predicted.real, curve.predicted.imag, color=GREY, linewidth=0.6)
    ax.axvline(0, color=INK, linewidth=0.9)
    predicted = [entry("predicted", INK, "+", line=False), entry("as strength grows", GREY)]
    legend(figure, [*_entries(line=False), *predicted])
    return Canvas(figure, ax)


def _slowest_axes(data: Dirac) -> Canvas:
    limits: dict[str, Any] = {"ylim": (-0.55, 0.03), "xlim": (0, 2.05), "xticks": (0, 0.5, 1, 1.5, 2)}
    figure, ax = panel("the slower of the two", "strength: γ or σ", "larger real part", **limits)
    for curve in data.locus_curves:
        color, *_ = LOCUS_LOOKS[curve.game]
        slower = curve.predicted.real.max(1)
        ax.plot(curve.strengths, slower, color=color, linewidth=1.2, linestyle=linestyle(DASHES[color], 1.2))
    legend(figure, _entries(line=True))
    return Canvas(figure, ax)


def _entries(line: bool) -> list[Any]:
    return [entry(game, color, form, size, line) for game, (color, form, size) in LOCUS_LOOKS.items()]


def _mark(game: str, x: float, y: float) -> Outline:
    color, form, radius = LOCUS_LOOKS[game]
    return Outline((x, y), form, color, radius)
