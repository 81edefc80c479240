"""The page of `collapse`: a run that forgets modes, what saves it, and maps of what decides."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from minigan.lab.experiments.collapse import RATES, STEPS, Collapse
from minigan.lab.experiments.collapse_runs import COUNTED, Run, Setting
from minigan.lab.page import Check, Exhibit, Page, Panel, Section, Slider, Table
from minigan.lab.pages.collapse_drawing import NEAR, among_modes, by_ratio, by_step, outcomes, raster

FEW, NEARLY_ALL = 5 / 8, 7 / 8
"""Shares of the modes: a run that holds less has collapsed, one that holds more has not."""

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
    slider = Slider("step", [f"{step:,}" for step in fallen.steps], 2 * len(fallen.steps) // 3)
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
        f"fewest modes. <b>Slow D</b>: the learning rate (lr) of G is {fallen.setting.lr_G / fallen.setting.lr_D:g} "
        f"times that of D. {RUNNING if _runs(fallen) else ''}<b>Packs</b>: the same rates, but D looks at "
        f"{packed.setting.pack} samples at once. <b>Fast D</b>: D is {fast.setting.lr_D / fast.setting.lr_G:g} times "
        f"as fast as G{AT_ONCE if _kept(fast) else ''}.",
        fakes,
        [slider],
    )
    told = Exhibit(
        "Which mode is caught when",
        f"One row for each mode, from left to right the steps; bright is where a mode has its share of the fakes or "
        f"more, dark where it has none (the colours are stretched at the dark end). The first game holds "
        f"{fallen.at_last:.1f} modes, and has been at "
        f"{fallen.ever} of {len(data.centres)} at some time"
        f"{DASHES if _runs(fallen) else ''}. With packs of "
        f"{packed.setting.pack} it holds {packed.at_last:.1f}, with a fast D {fast.at_last:.1f}"
        f"{': rows that stay lit' if _kept(packed) and _kept(fast) else ''}. A look at the last step alone would not "
        f"show the difference between having lost modes and running between them.",
        seen,
    )
    why = (
        f"Packing (PacGAN, Lin et al. 2018) shows D several samples side by side, and D says whether they are real all "
        f"together. Why it works: of two real samples both come from the same mode once in {len(data.centres)} "
        f"({data.perfect.together:.3f} measured), of two fakes of a collapsed G always, or nearly so"
        f"{f' ({_together(fallen):.2f} of all pairs near a mode, in the first game below)' * _collapsed(fallen)}. A D "
        f"that sees single samples cannot know that; one that sees pairs reads it off each pair."
    )
    counted = (
        f"A mode is <i>caught</i> at a step if at least one of {COUNTED:,} fakes lies within {NEAR} standard "
        f"deviations of it, as in the papers. How many a game <i>holds</i> is the number caught at once, on average "
        f"over the last third of its steps."
    )
    saved = _collapsed(fallen) and _kept(packed) and _kept(fast)
    title = "A run that collapses, and what saves it" if saved else "A slow D, packs, and a fast D"
    return Section(title, [counted, why], [moving, told])


RUNNING = (
    "The fakes run to one place, stay together, and jump from mode to mode: while D learns slowly that <q>this place "
    "is fake now</q>, G has long found the next place that D still believes in. A single point where D is highest is "
    "the best answer to a D that does not move. "
)
AT_ONCE = "; wherever too many fakes gather D lowers its opinion at once, and the rest stays worth a visit"
DASHES = ": short dashes, one after the other, each a visit"
"""What is said only of runs of which it is true: options can change what becomes of a game."""


def _collapsed(run: Run) -> bool:
    return run.at_last < FEW * len(run.shares[0])


def _runs(run: Run) -> bool:
    return _collapsed(run) and run.ever > 2 * run.at_last


def _kept(run: Run) -> bool:
    return run.at_last > NEARLY_ALL * len(run.shares[0])


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
        f"Leave both learning rates (lr) at the middle and move the seed: both players are equally fast, and the "
        f"seeds hold {_range(data.of(data.rates[1][1]))} modes. Then make D slower "
        f"({_range(data.of(data.rates[1][0]))}) or faster ({_range(data.of(data.rates[1][2]))}), and look whether "
        f"rows break up into dashes: then G runs from mode to mode, and D after it.",
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
    decided = max(run.at_last for run in slower) < min(run.at_last for run in faster)
    of_rates = Exhibit(
        "It is the ratio of the rates" if decided else "The rates of both players",
        f"<b>Learning rates</b>: the number of modes held, mean over the seeds, and below it the least and the most "
        f"of all {len(data.seeds)} seeds. Compare along the diagonals, where the ratio is the same, and across them. "
        f"The {len(slower)} runs with a slower D held {_range(slower)} modes, the {len(faster)} with a faster one "
        f"{_range(faster)}{', whatever the rates themselves' if decided else ''}. The {len(equal)} with equal rates "
        f"held {_range(equal)}: where the seeds disagree, whoever ran one seed would report chance. <b>Each run</b>: "
        f"the same, one dot each, moved sideways a little so that none hides another."
        f"{' A D that is fast enough takes back its praise for a place before all fakes are there.' * decided}",
        [rates, by_ratio(data)],
    )
    of_losses = Exhibit(
        "Losses, steps of D, and packing",
        f"<b>Losses</b>: in the column of the slow D all losses hold {_range(_column(data, data.losses, 0))} modes, "
        f"in that of the fast one {_range(_column(data, data.losses, -1))}; in between: {_by_loss(data)}. "
        f"<b>A slow D</b>: in all cells its rate is a quarter of G's. With one step of D and single samples it holds "
        f"{_range(data.of(slow))}. With {steps.d_steps} steps of D for one of G it is about as fast as G and holds "
        f"{_range(data.of(steps))} (with equal rates {_range(data.of(data.rates[1][1]))}); with {half.d_steps} it is "
        f"half as fast ({_range(data.of(half))}). Packs of {packs.pack} leave D slow and hold "
        f"{_range(data.of(packs))}. With {steps.d_steps} steps of D and packs of "
        f"{_and([str(s.pack) for s in data.moves[2]])}, {_and([_near(data, s) for s in data.moves[2]])} of the fakes "
        f"are near a mode{PRICE if _falls([_quality(data, s) for s in data.moves[2]]) else ''}.",
        [losses, moves],
    )
    return Section("What decides", [], [of_rates, of_losses])


PRICE = ": packs have a price, as a larger one gives D more to learn, and fewer packs to learn it from"


def _falls(values: Sequence[float]) -> bool:
    return all(later < earlier for earlier, later in pairwise(values))


def _range(runs: Iterable[Run]) -> str:
    values = [run.at_last for run in runs]
    least, most = f"{min(values):.1f}", f"{max(values):.1f}"
    return least if least == most else f"{least} to {most}"


def _column(data: Collapse, table: Sequence[Sequence[Setting]], column: int) -> list[Run]:
    return [run for row in table for run in data.of(row[column])]


def _and(words: Sequence[str]) -> str:
    """The words as a list in a sentence."""
    return " and ".join([", ".join(words[:-1]), words[-1]])


def _near(data: Collapse, setting: Setting) -> str:
    return f"{_quality(data, setting):.0%}"


def _quality(data: Collapse, setting: Setting) -> float:
    return float(np.mean([run.high_quality for run in data.of(setting)]))


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
        ("setting", f"held, {_many(len(data.seeds), 'seed')}", "least to most", "ever", "near a mode"),
        rows,
        f"Modes held: mean ± standard deviation over the seeds. Ever: modes caught at any look. Near a mode: the "
        f"share of all fakes within {NEAR} standard deviations of one; a perfect G would have "
        f"{data.perfect.high_quality:.1%}. The modes are wider here than in the papers, so that short runs fill them; "
        f"longer runs can end elsewhere, and other seeds will where the seeds here disagree.",
    )
    return Section("All numbers", [], [table])


def _checks(data: Collapse) -> list[Check]:
    modes = len(data.centres)
    of_data = [
        Check("share of the data near a mode, 1 − exp(−9/2)", 1 - math.exp(-4.5), data.perfect.high_quality, 2e-3),
        Check(f"two samples of the data from one mode, 1/{modes}", 1 / modes, data.perfect.together, 0.01),
    ]
    return [*of_data, *(_promises(data) if (data.data, data.steps) == ("ring", STEPS) else ())]


def _promises(data: Collapse) -> Iterator[Check]:
    """What becomes of G; it is promised of the usual data and number of steps alone."""
    few, most = FEW * len(data.centres), NEARLY_ALL * len(data.centres)
    slow, packs, fast = (data.of(run.setting) for run in data.films)
    for name, runs, holds in (
        (f"slow D: seeds with which it holds fewer than {few:g} modes", slow, _collapsed),
        (f"slow D, packs: seeds with which it holds more than {most:g}", packs, _kept),
        (f"fast D: seeds with which it holds more than {most:g}", fast, _kept),
    ):
        yield Check(name, len(runs), sum(map(holds, runs)), 0)
