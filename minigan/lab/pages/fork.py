"""The page on two futures: what is told, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
from numpy.typing import NDArray

from minigan.lab.experiments.fork import Fork
from minigan.lab.experiments.fork_futures import AGAIN, AS_IT_WAS, CHANGED, NUDGED
from minigan.lab.page import Check, Exhibit, Page, Panel, Section, Slider, Table, Text, number, power
from minigan.lab.pages.fork_drawings import apart, averaged, curves, looks, modes


def page(data: Fork) -> Page:
    """What the experiment found, as a page."""
    again = data.futures[AGAIN]
    return Page(
        "One checkpoint, two futures",
        f"Training stopped after step {data.step:,}. From there it goes on twice: once as it was, and once with "
        f"{_change(data)}. Both futures get the same batches and the same <var>z</var> in every step, so all that is "
        "different comes of this one setting.",
        [
            Section("The same z, two futures", _beginning(data), [_samples(data), *_counted(data)]),
            Section("The curves", [], [_curves(data)]),
            Section("When do they part?", PARTING, [_apart(data), _first(data)]),
        ],
        [
            Check("nothing changed: numbers of the state that differ in the end", 0, data.unequal, 0),
            Check("nothing changed: largest distance of G's weights", 0, float(again.apart_G.max()), 0),
            Check("nothing changed: largest distance of D's weights", 0, float(again.apart_D.max()), 0),
        ],
    )


def _change(data: Fork) -> str:
    return f"<code>{data.setting}</code> at {_shown(data.after)} in place of {_shown(data.before)}"


def _shown(value: object) -> str:
    return escape(number(value, "g") if isinstance(value, float) else str(value))


def _beginning(data: Fork) -> list[str]:
    run = (
        f"The run is <code>{escape(data.run)}</code>; it was only read."
        if data.run
        else "The run is a short one of the ring preset: eight Gaussians on a circle."
    )
    return [
        f"{run} A checkpoint holds the weights, what the optimizers remember (Adam's moments) and running statistics "
        "(BatchNorm's). Random numbers and the order of the data need not be saved: they are functions of the seed "
        "and the number of the step. That is why a future can be played "
        "again, to the last bit, and why one setting can be changed alone.",
        *([_memory(data)] if data.setting.endswith(".betas") else []),
    ]


def _memory(data: Fork) -> str:
    """What the numbers are that Adam has."""
    player = "G" if data.setting.startswith("generator") else "D"
    (before, squares), (after, squares_after) = data.before, data.after
    changed = "" if squares == squares_after else f", and {_remembered(squares_after)} in the other future"
    return (
        f"<code>{data.setting}</code> are β₁ and β₂, which say how long Adam remembers. It moves {player}'s weights "
        "not along the newest gradient <var>g</var> but along a running mean, <var>m</var> ← β₁ <var>m</var> + (1 − "
        "β₁) <var>g</var>: an older gradient counts β₁ times as much as the one after it, so the mean is that of about "
        f"1 ⁄ (1 − β₁) gradients. As it was, that is {_remembered(before)}, with the other setting "
        f"{_remembered(after)}. In a game the other player moves meanwhile, and what is remembered is old. β₂ does the "
        f"same for the squares of the gradients, by whose root the step is divided: {_remembered(squares)}{changed}."
    )


def _remembered(beta: float) -> str:
    return f"{number(1 / (1 - beta), '.4g')} (β = {number(beta, 'g')})"


PARTING = (
    "The weights of a network are a point in a space of many dimensions, and two networks of the same form have a "
    "distance: the root of the sum of all squared differences. It is 0 at the fork. Beside the future with the other "
    "setting there is a third one, in which no setting is different: only the first weight of D was changed, by its "
    "last bit. It shows what becomes of a difference as small as rounding.",
    "Where such a difference grows, results have to be told for several seeds, and the same bits need the same "
    "machine, libraries and threads.",
)


# ---- exhibits --------------------------------------------------------------------------------------------


def _samples(data: Fork) -> Exhibit:
    names = [str(data.step + k) for k in data.frames]
    return Exhibit(
        "What G draws",
        f"Both pictures are drawn from the same <var>z</var>{_behind(data)}. At the first position they are the same "
        "picture, because nothing has been trained since the fork. Move the slider, and compare: the future "
        f"<b>{AS_IT_WAS}</b> knows nothing of the change. After {data.frames[-1]:,} steps the distance between the two "
        f"is {_of_weights(data, CHANGED, 'G')} of G's weights and {_of_weights(data, CHANGED, 'D')} of D's.",
        [*looks(data), Panel("numbers", [_numbers(data, i) for i in range(len(data.frames))])],
        [Slider("step", names, start=len(names) - 1)],
    )


def _behind(data: Fork) -> str:
    """What the grey in the pictures is."""
    return "; grey are real samples" if data.real is not None and data.futures[AS_IT_WAS].samples[0].ndim < 4 else ""


def _of_weights(data: Fork, name: str, player: str) -> str:
    """The distance in the end as a share of the length at the fork."""
    future = data.futures[name]
    distance, length = (future.apart_G[-1], data.weights[0]) if player == "G" else (future.apart_D[-1], data.weights[1])
    return f"{100 * distance / length:.2g}% of the length"


def _numbers(data: Fork, i: int) -> Text:
    k = data.frames[i]
    rows = []
    for name in (AS_IT_WAS, CHANGED):
        future = data.futures[name]
        told = [f"{label} {number(values[k - 1], '.3f')}" for label, values in _told(future.reports) if k]
        if future.modes:
            count = future.modes[i]
            told += [f"{count.modes} of {count.of} modes", f"{100 * count.high_quality:.0f}% of high quality"]
        rows.append(f"<li>{name}: {', '.join(told) or 'nothing is trained yet'}</li>")
    changed = data.futures[CHANGED]
    return Text(
        f"<p>{k:,} steps after the fork:</p><ul>{''.join(rows)}</ul><p>Distance of the weights: G "
        f"{number(changed.apart_G[k], '.3g')}, D {number(changed.apart_D[k], '.3g')}.</p>"
    )


def _told(reports: Mapping[str, NDArray[np.float64]]) -> list[tuple[str, NDArray[np.float64]]]:
    labels = {"loss_D": "D's loss", "loss_G": "G's loss"}
    return [(label, reports[name]) for name, label in labels.items() if name in reports]


def _counted(data: Fork) -> list[Exhibit]:
    """Where it is known what G should draw."""
    if not data.futures[AS_IT_WAS].modes:
        return []
    share = {name: np.array([m.high_quality for m in data.futures[name].modes]) for name in data.futures}
    return [
        Exhibit(
            "How much of it is good",
            "A point is of high quality within three standard deviations of the nearest Gaussian. At the fork "
            f"{100 * share[CHANGED][0]:.0f}% are; over the second half of the steps "
            f"{100 * _late(share[AS_IT_WAS]):.0f}% as it was, {100 * _late(share[CHANGED]):.0f}% with the other "
            f"setting, and {100 * _late(share[NUDGED]):.0f}% where only one bit was changed. That is a measure of "
            "chance: a difference means something only if it is larger than that between futures that should be "
            "alike.",
            modes(data),
        )
    ]


def _late(values: NDArray[np.float64]) -> float:
    return float(values[len(values) // 2 :].mean())


def _curves(data: Fork) -> Exhibit:
    return Exhibit(
        "What the players pay, before and after",
        f"Grey is the common past, the vertical line the fork; {_points(data)}. Look "
        "whether the two futures stay together, and whether D(x) and D(G(z)), what D makes of real samples and of "
        "fakes, meet: that is where D cannot tell them apart. A loss that goes up is no bad sign by itself, as what a "
        "player pays depends on how good the other one is.",
        curves(data),
    )


def _points(data: Fork) -> str:
    past, future = averaged(data)
    if past == future:
        return f"each point is a mean over {past:,} {'step' if past == 1 else 'steps'}"
    return f"a point of the past is a mean over {past:,} steps, one of the futures over {future:,}, so it is noisier"


def _apart(data: Fork) -> Exhibit:
    nudged, changed = data.futures[NUDGED], data.futures[CHANGED]
    first, last, bit = nudged.apart_G[1], nudged.apart_G[-1], nudged.apart_D[:2].max()
    grown = f"{f'grows by a factor of {power(last / first)},' if first else 'goes from 0'} to {number(last, '.2g')}"
    chance = (
        f"The setting did {changed.apart_G[-1] / last:.2g} times as much as the bit; near 1 it would be no more than "
        "chance."
        if last
        else ""
    )
    return Exhibit(
        "How far apart they are",
        "On this axis a straight line upwards is growth by a constant factor in each step. With the other setting G's "
        f"weights are {number(changed.apart_G[1], '.2g')} apart after one step and "
        f"{number(changed.apart_G[-1], '.2g')} in the end. After the changed bit, {power(bit)}, the distance of G "
        f"{grown}{CHAOS if last > 10 * max(first, bit) else ''}. "
        f"{chance}",
        apart(data),
    )


CHAOS = ": training is chaotic, and a rounding error grows"
"""Said only where it has grown."""


def _first(data: Fork) -> Table:
    rows = [
        (label, _first_step(future.apart_G), _first_step(future.apart_D), future.apart_G[1], future.apart_D[1])
        for name, label in ((CHANGED, f"<code>{data.setting}</code> changed"), (NUDGED, "one bit of D changed"))
        for future in [data.futures[name]]
    ]
    return Table(
        "Who moves first",
        ("", "G differs after step", "D differs after step", "distance of G, step 1", "distance of D, step 1"),
        rows,
        "Steps are counted from the fork. In an alternating game D moves first in each step, and G moves against the "
        "D that has just moved. So a setting of D is seen in both players after one step, and a setting of G's "
        "optimizer in D only after the second, when D sees fakes of the other G; one that changes what G draws, such "
        "as its activation, is seen in D after the first. The changed bit is one of D's, which therefore differs at "
        "once, before any step.",
    )


def _first_step(distances: NDArray[np.float64]) -> str:
    parted = np.flatnonzero(distances)
    return str(int(parted[0])) if len(parted) else "never"
