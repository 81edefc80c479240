"""Exhibits of the page on the Dirac-GAN: every game by every rule, and the rates at which they converge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigan.lab.experiments.dirac import Dirac
from minigan.lab.experiments.dirac_game import KIND, KINDS, has_jacobian, named
from minigan.lab.experiments.dirac_rules import RULES
from minigan.lab.experiments.dirac_runs import Run, distance
from minigan.lab.experiments.dirac_theory import eigenvalues, radius
from minigan.lab.page import GREY, INK, ORANGE, Canvas, Exhibit, Frame, Overlaid, Panel, Path, Slider, Text, panel
from minigan.lab.pages.dirac_checks import brief, in_words, nearest, verdict
from minigan.lab.pages.dirac_plane import (
    DASHES,
    RULE_COLORS,
    circle,
    crosses,
    entry,
    legend,
    lines,
    marks,
    plane,
    radii,
    radius_line,
    trajectory,
)

NAMES = tuple(kind.name for kind in KINDS)
COLOR = ORANGE

Position = tuple[str, str, float, float]  # of the sliders: game, rule, strength and h


# ---- every game by every rule ----------------------------------------------------------------------------


class Matches:
    """The frames of the exhibit with four sliders; what looks the same at several positions is one frame."""

    def __init__(self, data: Dirac) -> None:
        self.data = data
        self.runs = {(run.game, run.rule, run.strength, run.h): run for run in data.runs}
        run = entry("run", COLOR)
        played, followed = [run, entry("arrows of the game", GREY)], [run, entry("predicted", GREY)]
        found = [entry("measured", COLOR, "o", line=False, filled=True), entry("predicted", INK, "+", line=False)]
        title = "the run, and the arrows of the game"
        self.planes = {(field.game, field.strength): plane(title, field, entries=played) for field in data.fields}
        self.radii = radii("how far it is from (0, 0)", data.time, entries=followed)
        self.circle, self.none = (
            circle("eigenvalues of one step near (0, 0)", found, note) for note in ("", "none: see the note")
        )

    def each(self, draw: Callable[[str, str, float, float], Frame]) -> list[Frame]:
        """A frame for each position of the sliders."""
        made: dict[Position, Frame] = {}
        frames = []
        for game in NAMES:
            for rule in RULES:
                for strength in self.data.strengths:
                    for h in self.data.h:
                        key = (game, rule, strength if KIND[game].symbol else 0.0, h)
                        if key not in made:
                            made[key] = draw(*key)
                        frames.append(made[key])
        return frames

    def path(self, game: str, rule: str, strength: float, h: float) -> Overlaid:
        """The run in the plane."""
        axes, run = self.planes[game, strength], self.runs.get((game, rule, strength, h))
        return axes.frame([trajectory(run.path, COLOR)] if run else [])

    def radius(self, game: str, rule: str, strength: float, h: float) -> Overlaid:
        """The radius over time; in grey what the largest eigenvalue of a step makes of the radius at the start."""
        run = self.runs.get((game, rule, strength, h))
        if run is None:
            return self.radii.frame([])
        times = np.arange(len(run.path)) * run.stride * h
        lines = [radius_line(run.path, times, COLOR)]
        if len(run.predicted):
            ends = np.array([0.0, self.data.time])
            start = distance(run.path[:1])[0]
            with np.errstate(over="ignore"):
                decay = np.clip(start * radius(run.predicted) ** (ends / h), 1e-300, 1e300)
            lines.insert(0, Path(_straight(ends, decay), GREY, 1.0))
        return self.radii.frame(lines)

    def eigenvalues(self, game: str, rule: str, strength: float, h: float) -> Overlaid:
        """Of one step."""
        run = self.runs.get((game, rule, strength, h))
        if run is None or not len(run.predicted):
            return self.none.frame([])
        return self.circle.frame([*marks(run.measured, COLOR), *crosses(run.predicted, 0.09)])

    def numbers(self, game: str, rule: str, strength: float, h: float) -> Text:
        """The same in figures."""
        run = self.runs.get((game, rule, strength, h))
        name = f"{named(game, strength)}, {rule}, h = {h:g}"
        if run is None:
            return Text(f"<p><strong>{name}</strong></p><p>{UNDEFINED}</p>")
        end = distance(run.path)[-1]
        return Text(f"<p><strong>{name}</strong></p>{_rows(run, end) if has_jacobian(game) else _without(end)}")


UNDEFINED = (
    "Consensus looks at both gradients in one place, so it is defined where both players move at once. minigan's "
    "<code>Game</code> refuses to play it in turns."
)


def _straight(times: np.ndarray, r: np.ndarray) -> np.ndarray:
    """A straight line on a logarithmic axis, cut where it leaves the range of radii."""
    slope = (np.log(r[1]) - np.log(r[0])) / (times[1] - times[0])
    bounds = np.log([1e-7, 1e2])
    if slope:
        until = min(times[1], max((bounds - np.log(r[0])) / slope))
        times = np.array([times[0], until])
    return np.stack([times, r[0] * np.exp(slope * times)], 1)


def _rows(run: Run, end: float) -> str:
    pair = eigenvalues(run.game, run.strength)
    rows = {
        "eigenvalues of the game": in_words(pair),
        "a step multiplies by, predicted": f"{radius(run.predicted):.6f}",
        "of real steps": f"{radius(run.measured):.6f}",
        "fitted to a run": f"{run.rate:.4f}",
        "near (0, 0) the run": verdict(run),
        "distance at the end": brief(end),
    }
    return "<table>" + "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows.items()) + "</table>"


def _without(end: float) -> str:
    return (
        "<p>No eigenvalues: D's gradient jumps where <var>ψ</var> changes its sign, so the field has no tangent at "
        f"(0, 0).</p><table><tr><td>distance at the end</td><td>{brief(end)}</td></tr></table>"
    )


def matches(data: Dirac) -> Exhibit:
    """All runs under four sliders."""
    made = Matches(data)
    strength, h = data.strengths.index(nearest(data.strengths, 0.3)), data.h.index(nearest(data.h, 0.2))
    return Exhibit(
        "Every game, by every rule",
        "Follow the run along the arrows. The grey line is what the largest eigenvalue "
        "of a step says (<b>eigenvalues of one step near (0, 0)</b>): inside of the circle the run converges, "
        "outside it diverges, on it it turns for ever. Try minimax with all rules, then R1 with larger γ and h. "
        f"{_escapes(data)}",
        [
            Panel("dirac-run", made.each(made.path), "A run in the plane of theta and psi, over arrows of the field."),
            Panel("dirac-run-radius", made.each(made.radius), "The radius of the run over time."),
            Panel("dirac-run-eigenvalues", made.each(made.eigenvalues), "Eigenvalues of a step and the unit circle."),
            Panel("dirac-run-numbers", made.each(made.numbers)),
        ],
        [
            Slider("game", NAMES, NAMES.index("R1")),
            Slider("rule", RULES),
            Slider("γ, or σ of the noise", [f"{value:g}" for value in data.strengths], strength),
            Slider("h, the step size", [f"{value:g}" for value in data.h], h),
        ],
    )


def _escapes(data: Dirac) -> str:
    """Where (0, 0) attracts, but the run leaves all the same: eigenvalues hold close to it, and nowhere else."""
    found: dict[str, Run] = {}
    for each in data.runs:
        attracted = each.rule == "simultaneous" and len(each.predicted) and radius(each.predicted) < 1
        if attracted and distance(each.path)[-1] > 2 * distance(each.path)[0]:
            found.setdefault(each.game, each)
    texts = []
    if run := found.get("R1"):
        texts.append(f"R1 with γ = {run.strength:g} and h = {run.h:g} leaves, as ψ overshoots")
    if run := found.get("consensus"):
        texts.append(f"consensus with γ = {run.strength:g} drifts away, where all gradients are small")
    return f"These predictions hold near (0, 0) only: {'; '.join(texts)}." if texts else ""


# ---- rates -----------------------------------------------------------------------------------------------


def rates(data: Dirac) -> Exhibit:
    """The factor per step over the step size."""
    games = [name for name in NAMES if has_jacobian(name)]
    canvases = (
        _rates_axes("of one step", "factor", (0.4, 1.6), 1.0),
        _rates_axes("of one unit of time", "logarithm of the factor / h", (-0.8, 0.8), 0.0),
    )
    made: dict[Any, list[Overlaid]] = {}
    frames: list[list[Overlaid]] = [[], []]
    for game in games:
        for strength in data.strengths:
            key = (game, strength if KIND[game].symbol else 0.0)
            if key not in made:
                made[key] = [canvas.frame(paths) for canvas, paths in zip(canvases, _rates_of(data, *key), strict=True)]
            for row, frame in zip(frames, made[key], strict=True):
                row.append(frame)
    return Exhibit(
        "How fast, predicted and measured",
        "Lines are predicted from the eigenvalues of the game; dots are fitted to real runs. Below 1 (<b>of one "
        "step</b>) or 0 (<b>of one unit of time</b>) a run converges. In the latter the step size is taken out: for "
        "small h all rules meet at the real part of the game's eigenvalue. What parts them is of the order of h: where "
        "the game turns much, simultaneous steps lose by it. Extragradient and optimistic steps gain as long as h|λ| "
        "is small; optimistic steps that are too long diverge. Consensus is not defined for alternating moves, so "
        "that this rule, though named below, has no line there.",
        [
            Panel("dirac-rates", frames[0], "Factor per step over h: four lines, with dots on them."),
            Panel("dirac-rates-time", frames[1], "Logarithm of the factor over h: four lines that meet at h = 0."),
        ],
        [
            Slider("game", games, games.index("R1")),
            Slider(
                "γ, or σ of the noise",
                [f"{value:g}" for value in data.strengths],
                data.strengths.index(nearest(data.strengths, 0.3)),
            ),
        ],
    )


def _rates_axes(title: str, ylabel: str, ylim: tuple[float, float], neutral: float) -> Canvas:
    figure, ax = panel(title, "h, the step size", ylabel, xlim=(0, 1.08), ylim=ylim)
    ax.axhline(neutral, color=INK, linewidth=0.9)
    legend(figure, lines(RULE_COLORS))
    return Canvas(figure, ax)


def _rates_of(data: Dirac, game: str, strength: float) -> tuple[list[Path], list[Path]]:
    per_step, per_time = [], []
    (curve,) = (each for each in data.factor_curves if (each.game, each.strength) == (game, strength))
    for rule, predicted in curve.predicted.items():
        runs = [run for run in data.runs if (run.game, run.rule, run.strength) == (game, rule, strength)]
        found = [(run.h, run.rate) for run in runs if run.h <= curve.h[-1] and run.rate > 0]
        color = RULE_COLORS[rule]
        per_step += [_line(curve.h, predicted, color), *(Path([[h, rate]], color, 1, 3) for h, rate in found)]
        per_time += [
            _line(curve.h, np.log(predicted) / curve.h, color),
            *(Path([[h, np.log(rate) / h]], color, 1, 3) for h, rate in found),
        ]
    return per_step, per_time


def _line(x: np.ndarray, y: np.ndarray, color: str) -> Path:
    return Path(np.stack([x, np.clip(y, -5, 5)], 1), color, 1.4, dashes=DASHES[color])
