"""Exhibits of the page on the Dirac-GAN: the limit cycle, and the bilinear game."""

from __future__ import annotations

import numpy as np

from minigan.lab.experiments.dirac_bilinear import ORBIT_TIME, Bilinear, Orbit
from minigan.lab.experiments.dirac_cycle import Cycle
from minigan.lab.experiments.dirac_rules import RULES
from minigan.lab.page import BLUE, GREY, INK, ORANGE, Drawing, Exhibit, Panel, Path, Slider, Table, linestyle, panel
from minigan.lab.pages.dirac_checks import brief
from minigan.lab.pages.dirac_plane import DASHES, RULE_COLORS, legend, lines, plane, radii, radius_line, trajectory

TABLED = (0.1, 0.2, 0.3, 0.4)  # step sizes
LIMIT = 1 / np.sqrt(3)  # of optimistic steps


# ---- the limit cycle -------------------------------------------------------------------------------------


def cycle(found: Cycle) -> Exhibit:
    """Both sides of the cycle, and its size."""
    at = int(np.argmin(np.abs(found.h - found.shown_h)))
    return Exhibit(
        "The cycle of the non-saturating game",
        f"With h = {found.shown_h:g} a run from inside and one from outside end on the same limit cycle, whose radius² "
        f"is near 2h = {found.predicted[at]:g} (and swings by {100 * found.swing[at]:.1f}%). <b>Its size</b> is the "
        f"mean over ten turns for {len(found.h)} step sizes. Halve the step, and radius² is halved, but the cycle "
        "never goes away: with simultaneous steps of any size this game does not converge.",
        [
            Panel("dirac-cycle", [_both_sides(found, at)], "Radius squared over steps: two curves that meet at 0.4."),
            Panel("dirac-cycle-size", [_sizes(found)], "Mean radius squared over h: dots on the line 2h."),
        ],
    )


def _both_sides(found: Cycle, at: int) -> Drawing:
    figure, ax = panel("from inside and from outside", "step", "radius²", ylim=(0, 1.05 * found.squares.max()))
    for squares, color, name in zip(found.squares.T, (BLUE, ORANGE), ("from inside", "from outside"), strict=True):
        ax.plot(found.steps, squares, color=color, label=name)
    ax.axhline(found.predicted[at], color=INK, linewidth=0.9, linestyle="--", label="2h")
    ax.legend(loc="upper right")
    return Drawing(figure)


def _sizes(found: Cycle) -> Drawing:
    figure, ax = panel("its size", "h, the step size", "mean of radius²", xscale="log", yscale="log")
    ax.plot(found.h, found.predicted, color=GREY, label="2h")
    ax.plot(found.h, found.measured[:, 0], "o", color=BLUE, markersize=8, fillstyle="none", label="from inside")
    ax.plot(found.h, found.measured[:, 1], "o", color=ORANGE, markersize=4, label="from outside")
    ax.set_xticks(found.h, [f"{h:g}" for h in found.h])
    ax.set_yticks(found.predicted, [f"{value:g}" for value in found.predicted])
    ax.minorticks_off()
    ax.legend(loc="upper left")
    return Drawing(figure)


def cycle_table(found: Cycle) -> Table:
    """How far the leading order holds."""
    short = 1 - found.measured.mean(1) / found.predicted
    rows = [
        (f"{h:g}", predicted, *measured, f"{100 * less:.3f}%", f"{less / h**2:.4f}")
        for h, predicted, measured, less in zip(found.h, found.predicted, found.measured, short, strict=True)
    ]
    return Table(
        "Radius² of the cycle",
        ("h", "2h", "from inside", "from outside", "below 2h by", "that share over h²"),
        rows,
        "2h is the first term of a series in h. What it leaves out is a share of 2h that falls with h² (the last "
        "column hardly changes): where h is small, the first term is enough.",
    )


# ---- the bilinear game -----------------------------------------------------------------------------------


def bilinear(found: Bilinear) -> Exhibit:
    """Orbits of four rules, and the spectral radius of their steps."""
    lengths = sorted({orbit.h for orbit in found.orbits})
    axes = plane("four runs from (1, 0)", reach=2.0, axes=("x", "y"), entries=lines(RULE_COLORS))
    over_time = radii("how far they are from (0, 0)", ORBIT_TIME, limits=(1e-4, 20.0), entries=lines(RULE_COLORS))
    orbits = {h: [orbit for orbit in found.orbits if orbit.h == h] for h in lengths}
    return Exhibit(
        "min over x and max over y of xy",
        "Simultaneous steps leave the circle along its tangent. Alternating steps stay on an ellipse, because each "
        "half of one is a shear, which keeps areas. Extragradient takes the gradient from a step ahead, which points "
        "inwards; optimistic steps guess it from the last two. <b>What one step multiplies by</b>: the size of a "
        f"step's largest eigenvalue, lines predicted, dots measured. Beyond h = 1/√3 = {LIMIT:.3f} the guess is worth "
        "nothing.",
        [
            Panel(
                "dirac-bilinear",
                [
                    axes.frame([trajectory(orbit.path, RULE_COLORS[orbit.rule], 2.0) for orbit in orbits[h]])
                    for h in lengths
                ],
                "Four orbits: one spirals out, one is a closed loop, two spiral in.",
            ),
            Panel(
                "dirac-bilinear-radius",
                [over_time.frame([_radius(orbit) for orbit in orbits[h]]) for h in lengths],
                "Their radii over time.",
            ),
            Panel("dirac-bilinear-factors", [_factors(found)], "Spectral radius of a step over h for four rules."),
        ],
        [Slider("h, the step size", [f"{h:g}" for h in lengths], lengths.index(0.3))],
    )


def _radius(orbit: Orbit) -> Path:
    return radius_line(orbit.path, np.arange(len(orbit.path)) * orbit.h, RULE_COLORS[orbit.rule])


def _factors(found: Bilinear) -> Drawing:
    figure, ax = panel("what one step multiplies by", "h, the step size", "spectral radius", ylim=(0.65, 1.5))
    for rule, color in RULE_COLORS.items():
        ax.plot(found.h, found.predicted[rule], color=color, linewidth=1.2, linestyle=linestyle(DASHES[color], 1.2))
        ax.plot(found.h, found.measured[rule], "o", color=color, markersize=3)
    ax.axhline(1, color=INK, linewidth=0.6)
    legend(figure, lines(RULE_COLORS))
    return Drawing(figure)


def bilinear_table(found: Bilinear) -> Table:
    """The spectral radii of four rules."""
    columns = [int(np.argmin(np.abs(found.h - h))) for h in TABLED]
    formulas = {
        "simultaneous": "√(1 + h²)",
        "alternating": "1",
        "extragradient": "√(1 − h² + h⁴)",
        "optimistic": "√((1 + √(1 − 4h²)) / 2), for h up to ½",
    }
    rows = [
        (
            rule,
            formulas[rule],
            *(f"{found.measured[rule][at]:.6f}" for at in columns),
            brief(_off(found, rule, columns)),
        )
        for rule in RULES
    ]
    return Table(
        "Spectral radius of one step, measured",
        ("rule", "predicted", *(f"h = {found.h[at]:g}" for at in columns), "apart by at most"),
        rows,
        "At h = ½ two eigenvalues of optimistic steps coincide, and a rounding error counts by its root there.",
    )


def _off(found: Bilinear, rule: str, columns: list[int]) -> float:
    return float(np.abs(found.measured[rule] - found.predicted[rule])[columns].max())
