"""The page of `collapse`: a run that forgets modes, what saves it, and maps of what decides."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from minigan.lab.experiments.collapse import RATES, STEPS, Collapse
from minigan.lab.experiments.collapse_runs import COUNTED, Run, Setting
from minigan.lab.page import Check, Exhibit, Page, Panel, Section, Slider, Table, listed
from minigan.lab.pages.collapse_drawing import NEAR, RATIO, among_modes, by_ratio, by_step, outcomes, raster

FEW, NEARLY_ALL = 5 / 8, 7 / 8
"""Shares of the modes: a run that holds less has collapsed, one that holds more has not."""

NAMES, TITLES = ("slow", "packs", "fast"), ("Slow D", "Slow D, packs of 2", "Fast D")


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
    saved = _collapsed(fallen) and _kept(packed) and _kept(fast)
    title = "A run that collapses, and what saves it" if saved else "A slow D, packs, and a fast D"
    return Section(title, [*_games(data), _packing(data)], [_films(data), _films_as_rasters(data)])


def _games(data: Collapse) -> list[str]:
    """The three games, and what is counted."""
    fallen, packed, fast = (run.setting for run in data.films)
    return [
        f"A mode is <i>caught</i> at a step if at least one of {COUNTED:,} fakes lies within {NEAR} standard "
        f"deviations of it, as in the papers. How many a game <i>holds</i> is the number caught at once, on average "
        f"over the last third of its steps.",
        f"Three games begin with the same weights; of the {_many(len(data.seeds), 'seed')} it is the one with which "
        f"the first game holds fewest modes. <b>Slow D</b>: the learning rate (lr) of G is "
        f"{fallen.lr_G / fallen.lr_D:g} times that of D. <b>Packs</b>: the same rates, but D looks at {packed.pack} "
        f"samples at once. <b>Fast D</b>: D is {fast.lr_D / fast.lr_G:g} times as fast as G.",
    ]


def _packing(data: Collapse) -> str:
    fallen = data.films[0]
    return (
        f"Packing (PacGAN, Lin et al. 2018) shows D several samples side by side, and D says whether they are real all "
        f"together. Why it works: of two real samples both come from the same mode once in {len(data.centres)} "
        f"({data.perfect.together:.3f} measured), of two fakes of a collapsed G always, or nearly so"
        f"{f' ({fallen.together:.2f} of all pairs near a mode, in the first game below)' * _collapsed(fallen)}. A D "
        f"that sees single samples cannot know that; one that sees pairs reads it off each pair."
    )


def _films(data: Collapse) -> Exhibit:
    fallen, _, fast = data.films
    panels = [
        Panel(f"collapse-{name}", among_modes(data, run, title), f"Fakes: {title}", film=name == "slow")
        for name, run, title in zip(NAMES, data.films, TITLES, strict=True)
    ]
    caption = (
        f"The dots are fakes, the circles the modes ({NEAR} standard deviations). {RUNNING if _runs(fallen) else ''}"
        f"{AT_ONCE if _kept(fast) else ''}"
    )
    slider = Slider("step", [f"{step:,}" for step in fallen.steps], 2 * len(fallen.steps) // 3)
    return Exhibit("The same seed, three games", caption, panels, [slider])


def _films_as_rasters(data: Collapse) -> Exhibit:
    fallen, packed, fast = data.films
    panels = [
        Panel(f"collapse-{name}-modes", [raster(run, title)], f"Caught modes by step: {title}")
        for name, run, title in zip(NAMES, data.films, TITLES, strict=True)
    ]
    caption = (
        f"One row for each mode; bright is where a mode has its share of the fakes or more, dark where it has none. "
        f"The first game holds {fallen.at_last:.1f} modes, and has been at {fallen.ever} of {len(data.centres)} at "
        f"some time{DASHES if _runs(fallen) else ''}. With packs it holds {packed.at_last:.1f}, with a fast D "
        f"{fast.at_last:.1f}{': rows that stay lit' if _kept(packed) and _kept(fast) else ''}. The last step alone "
        f"would not tell lost modes from modes that G runs between."
    )
    return Exhibit("Which mode is caught when", caption, panels)


RUNNING = (
    "With the slow D they stay together and jump from mode to mode: while D learns that <q>this place is fake now</q>, "
    "G has found the next one that D still believes in. To a D that stands still one point is the best answer. "
)
AT_ONCE = "The fast D lowers its opinion wherever too many fakes gather, so the other modes stay worth a visit."
DASHES = ": short dashes, one after the other, each a visit"
"""What is said only of runs of which it is true: options can change what becomes of a game."""


def _collapsed(run: Run) -> bool:
    return run.at_last < FEW * len(run.shares[0])


def _runs(run: Run) -> bool:
    return _collapsed(run) and run.ever > 2 * run.at_last


def _kept(run: Run) -> bool:
    return run.at_last > NEARLY_ALL * len(run.shares[0])


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
    text = (
        "A map has a cell for each setting: the number of modes held, mean over the seeds, and below it the least and "
        "the most of all seeds. Where the seeds disagree, one seed alone tells nothing."
    )
    return Section("What decides", [text], [_of_rates(data), _of_losses(data), _of_slow_D(data)])


def _of_rates(data: Collapse) -> Exhibit:
    settings = [setting for row in data.rates for setting in row]
    slower, equal, faster = (
        [run for setting in settings if compare(setting.lr_D, setting.lr_G) for run in data.of(setting)]
        for compare in (operator.lt, operator.eq, operator.gt)
    )
    decided = max(run.at_last for run in slower) < min(run.at_last for run in faster)
    rates = outcomes(
        "collapse-rates", "Learning rates", data, data.rates,
        ("lr of G", lambda s: f"{s.lr_G:g}"), ("lr of D", lambda s: f"{s.lr_D:g}"),
    )  # fmt: skip
    caption = (
        f"Compare along the diagonals, where the ratio of the rates is the same, and across them. The {len(slower)} "
        f"runs with a slower D held {_range(slower)} modes, the {len(faster)} with a faster one "
        f"{_range(faster)}{', whatever the rates themselves' if decided else ''}; the {len(equal)} with equal rates "
        f"{_range(equal)}.{' A fast D lowers its opinion of a place before all fakes are there.' * decided} "
        f"<b>{RATIO}</b>: the same runs, one dot each, moved sideways a little."
    )
    title = "It is the ratio of the rates" if decided else "The rates of both players"
    return Exhibit(title, caption, [rates, by_ratio(data)])


def _of_losses(data: Collapse) -> Exhibit:
    losses = outcomes(
        "collapse-losses", "Losses and the rate of D", data, data.losses,
        ("", lambda s: s.loss.replace("-", "-\n")), ("lr of D / lr of G", lambda s: f"{s.lr_D / s.lr_G:g}"),
    )  # fmt: skip
    caption = (
        f"In the column of the slow D all losses hold {_range(_column(data, data.losses, 0))} modes, in that of the "
        f"fast one {_range(_column(data, data.losses, -1))}; in between: {_by_loss(data)}. Whatever the loss, a slow D "
        f"praises a place long after the fakes have come."
    )
    return Exhibit("Losses", caption, [losses])


def _of_slow_D(data: Collapse) -> Exhibit:
    (slow, packs, *_), (half, *_), last = data.slow_D
    moved = outcomes(
        "collapse-moves", "A slow D: more steps, or packs", data, data.slow_D,
        ("steps of D in a step", lambda s: str(s.d_steps)), ("samples in a pack", lambda s: str(s.pack)),
    )  # fmt: skip
    caption = (
        f"In all cells D's rate is a quarter of G's. With one step of D and single samples it holds "
        f"{_range(data.of(slow))} modes, with {half.d_steps} steps {_range(data.of(half))}, with {last[0].d_steps}, "
        f"about as fast as G, {_range(data.of(last[0]))}. Packs of {packs.pack} leave D slow and hold "
        f"{_range(data.of(packs))}. In the last row {listed([_near(data, s) for s in last])} of the fakes are near a "
        f"mode{PRICE if _falls([_quality(data, s) for s in last]) else ''}."
    )
    return Exhibit("Steps of D, and packing", caption, [moved])


PRICE = ": larger packs give D more to learn, and fewer packs to learn it from"


def _falls(values: Sequence[float]) -> bool:
    return all(later < earlier for earlier, later in pairwise(values))


def _range(runs: Iterable[Run]) -> str:
    values = [run.at_last for run in runs]
    least, most = f"{min(values):.1f}", f"{max(values):.1f}"
    return least if least == most else f"{least} to {most}"


def _column(data: Collapse, table: Sequence[Sequence[Setting]], column: int) -> list[Run]:
    return [run for row in table for run in data.of(row[column])]


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
        yield Check(name, len(runs), sum(map(holds, runs)), 0, by="earlier runs")
