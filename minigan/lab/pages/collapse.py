"""The page of `collapse`: a run that forgets modes, what saves it, and maps of what decides."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence

import numpy as np

from minigan.lab.experiments.collapse import RATES, Collapse
from minigan.lab.experiments.collapse_runs import COUNTED, Run, Setting
from minigan.lab.page import Check, Exhibit, Page, Panel, Section, Slider, Table
from minigan.lab.pages.collapse_drawing import NEAR, among_modes, by_ratio, by_step, outcomes, raster

TITLES = ("Slow D", "Slow D, packs of 2", "Fast D")


def page(data: Collapse) -> Page:
    """All of it."""
    lead = (
        f"A generator that draws perfect samples of one mode and forgets {len(data.centres) - 1} others has collapsed. "
        f"Here are {len(data.runs)} small games on {len(data.centres)} Gaussians in the plane, where modes can be "
        f"counted: which settings collapse, which do not, and which leave it to chance. Every setting was played from "
        f"{_many(len(data.seeds), 'seed')} for {data.steps:,} steps."
    )
    sections = [_saved(data), _rasters(data), _decides(data), _all(data)]
    return Page("When G forgets modes", lead, sections, _checks(data))


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


# ---- one run, and what saves it --------------------------------------------------------------------------


def _saved(data: Collapse) -> Section:
    fallen, packed, fast = data.films
    slider = Slider("step", [str(step) for step in fallen.steps])
    names = ("slow", "packs", "fast")
    fakes = [
        Panel(f"collapse-{name}", among_modes(data, run, title), f"Fakes: {title}", film=name == "slow")
        for name, run, title in zip(names, data.films, TITLES, strict=True)
    ]
    seen = [
        Panel(f"collapse-{name}-modes", [raster(run, title)], f"Caught modes by step: {title}")
        for name, run, title in zip(names, data.films, TITLES, strict=True)
    ]
    moving = Exhibit(
        "The same seed, three games",
        f"The dots are fakes, the circles the modes ({NEAR} standard deviations around them). G begins with the same "
        f"weights in all three; of the {_many(len(data.seeds), 'seed')} it is the one with which the first game holds "
        f"fewest modes. Left: the learning rate of G is {fallen.setting.lr_G / fallen.setting.lr_D:g} times that of D. "
        f"The fakes run to one place, stay together, and jump from mode to mode: while D learns slowly that <q>this "
        f"place is fake now</q>, G has long found the next place that D still believes in. A single point where D is "
        f"highest is the best answer to a D that does not move. Middle: the same rates, but D looks at "
        f"{packed.setting.pack} samples at once. Right: D is {fast.setting.lr_D / fast.setting.lr_G:g} times as fast "
        f"as G; wherever too many fakes gather D lowers its opinion at once, and the rest stays worth a visit.",
        fakes,
        [slider],
    )
    told = Exhibit(
        "Which mode is caught when",
        f"One row for each mode, from left to right the steps; bright is where a mode has its share of the fakes or "
        f"more, dark where it has none. In the last third of the run the first game holds {fallen.at_last:.1f} modes "
        f"at once, though it has been at {fallen.ever} of {len(data.centres)} at some time: short dashes, one after "
        f"the other, each a visit. "
        f"With packs of {packed.setting.pack} it holds {packed.at_last:.1f}, with a fast D {fast.at_last:.1f}: rows "
        f"that stay lit. A look at the last step alone would not show the difference between having lost modes and "
        f"running between them.",
        seen,
    )
    why = (
        f"Why packing works: of two real samples both come from the same mode once in {len(data.centres)} "
        f"({data.perfect.together:.3f} measured), of two fakes of a collapsed G always, or nearly so "
        f"({_together(fallen):.2f} of all pairs near a mode, in the first game below). A D that sees single samples "
        f"cannot know that; one that sees pairs reads it off each pair."
    )
    return Section("A run that collapses, and what saves it", [why], [moving, told])


def _together(run: Run) -> float:
    """How often two fakes near a mode are near the same one: the mean of all looks that found any near a mode."""
    shares = run.shares[run.shares.any(1)]
    return float(np.mean((shares**2).sum(1) / shares.sum(1) ** 2)) if len(shares) else math.nan


# ---- rasters ---------------------------------------------------------------------------------------------


def _rasters(data: Collapse) -> Section:
    settings = [setting for row in data.rates for setting in row]
    sliders = [
        Slider("lr of G", [f"{rate:g}" for rate in RATES], 1),
        Slider("lr of D", [f"{rate:g}" for rate in RATES], 1),
        Slider("seed", [str(seed) for seed in data.seeds]),
    ]
    frames = [raster(run, "Caught modes") for setting in settings for run in data.of(setting)]
    exhibit = Exhibit(
        "Learning rates and seeds",
        f"Leave the rates at the middle and move the seed: both players are equally fast, and the seeds hold "
        f"{_range(data.of(data.rates[1][1]))} modes at the end. Then make D slower "
        f"({_range(data.of(data.rates[1][0]))}) or faster ({_range(data.of(data.rates[1][2]))}), and look whether rows "
        f"break up into dashes: then G runs from mode to mode, and D after it.",
        [
            Panel("collapse-raster", frames, "Which mode is caught at which step"),
            Panel("collapse-count", by_step(data, settings), "How many modes are caught by step"),
        ],
        sliders,
    )
    return Section("Step by step, seed by seed", [], [exhibit])


# ---- what decides ----------------------------------------------------------------------------------------


def _decides(data: Collapse) -> Section:
    settings = [setting for row in data.rates for setting in row]
    slower, equal, faster = (
        [run for setting in settings if compare(setting.lr_D, setting.lr_G) for run in data.of(setting)]
        for compare in (operator.lt, operator.eq, operator.gt)
    )
    rates = outcomes(
        "collapse-rates", "Learning rates", data, data.rates,
        ("lr of G", lambda s: f"{s.lr_G:g}"), ("lr of D", lambda s: f"{s.lr_D:g}"),
    )  # fmt: skip
    losses = outcomes(
        "collapse-losses", "Losses and the rate of D", data, data.losses,
        ("", lambda s: s.loss.replace("-", "-\n")), ("lr of D / lr of G", lambda s: f"{s.lr_D / s.lr_G:g}"),
    )  # fmt: skip
    moves = outcomes(
        "collapse-moves", "A slow D: more steps, or packs", data, data.moves,
        ("steps of D in a step", lambda s: str(s.d_steps)), ("samples in a pack", lambda s: str(s.pack)),
    )  # fmt: skip
    slow, packs, half, steps = data.moves[0][0], data.moves[0][1], data.moves[1][0], data.moves[2][0]
    of_rates = Exhibit(
        "It is the ratio of the rates",
        f"Left: the number of modes held at once (mean of the last third of a run), mean over the seeds, and below it "
        f"the least and the most of all {len(data.seeds)} seeds. Compare along the diagonals, where the ratio is the "
        f"same, and across them. The {len(slower)} runs with a slower D held {_range(slower)} modes, the {len(faster)} "
        f"with a faster one {_range(faster)}, whatever the rates themselves. The {len(equal)} with equal rates held "
        f"{_range(equal)}: where the seeds disagree, whoever ran one seed would report chance. Right: the same runs, "
        f"one dot each.",
        [rates, by_ratio(data)],
    )
    of_losses = Exhibit(
        "Losses, steps of D, and packing",
        f"Left: in the column of the slow D all losses hold {_range(_column(data, data.losses, 0))} modes, in that of "
        f"the fast one {_range(_column(data, data.losses, -1))}; in between they differ: "
        f"{_by_loss(data)}. Right: all cells have the slow D, whose rate is a quarter of G's, and hold "
        f"{_range(data.of(slow))} as they are. With {steps.d_steps} steps of D for one of G it is as fast again as G "
        f"({_range(data.of(steps))}, as with equal rates), with {half.d_steps} half as fast ({_range(data.of(half))}). "
        f"Packs of {packs.pack} leave D slow and hold {_range(data.of(packs))}, at a price: {_near(data, packs)} of "
        f"the fakes are near a mode, with {steps.d_steps} steps of D {_near(data, steps)}, because a D of pairs has "
        f"twice as much to learn from half as many samples.",
        [losses, moves],
    )
    return Section("What decides", [], [of_rates, of_losses])


def _range(runs: Iterable[Run]) -> str:
    values = [run.at_last for run in runs]
    least, most = f"{min(values):.1f}", f"{max(values):.1f}"
    return least if least == most else f"{least} to {most}"


def _column(data: Collapse, table: Sequence[Sequence[Setting]], column: int) -> list[Run]:
    return [run for row in table for run in data.of(row[column])]


def _near(data: Collapse, setting: Setting) -> str:
    return f"{np.mean([run.high_quality for run in data.of(setting)]):.0%}"


def _by_loss(data: Collapse) -> str:
    return ", ".join(f"{row[1].loss} {_range(data.of(row[1]))}" for row in data.losses)


# ---- all numbers -----------------------------------------------------------------------------------------


def _all(data: Collapse) -> Section:
    rows = []
    for setting in dict.fromkeys(run.setting for run in data.runs):
        runs = data.of(setting)
        held = np.array([run.at_last for run in runs])
        rows.append(
            (
                setting.name,
                f"{held.mean():.1f} ± {held.std():.1f}",
                f"{held.min():.1f} to {held.max():.1f}",
                f"{np.mean([run.ever for run in runs]):.1f}",
                f"{np.mean([run.high_quality for run in runs]):.0%}",
            )
        )
    table = Table(
        "All settings",
        ("setting", f"held at once, {_many(len(data.seeds), 'seed')}", "least to most", "ever", "near a mode"),
        rows,
        f"Modes held at once: mean ± standard deviation over the seeds, of the mean of each run's last third. Ever: "
        f"modes caught at any look. Near a mode: the share of all fakes within {NEAR} standard deviations of one; a "
        f"perfect G would have {data.perfect.high_quality:.1%}. As in the papers, {COUNTED:,} fakes are counted at "
        f"each look, and one of them is enough to catch a mode. The modes are wider here than in the papers, so that "
        f"short runs fill them; longer runs can end elsewhere, and other seeds will where the seeds here disagree.",
    )
    return Section("All numbers", [], [table])


def _checks(data: Collapse) -> list[Check]:
    modes = len(data.centres)
    return [
        Check("share of the data near a mode, 1 − exp(−9/2)", 1 - math.exp(-4.5), data.perfect.high_quality, 2e-3),
        Check(f"two samples of the data from one mode, 1/{modes}", 1 / modes, data.perfect.together, 0.01),
    ]
