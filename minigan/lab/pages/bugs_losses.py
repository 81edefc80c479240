"""Mistakes 1, 2, 4 and 5 on the page of `bugs`: losses that are not what they are called."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit

from minigan.lab.experiments.bugs import Bugs, NameOnly, NoProbabilities, SigmoidTwice, SwappedValue
from minigan.lab.experiments.bugs_programs import (
    line_game,
    logits_as_probabilities,
    minimax_in_name_only,
    sigmoid_twice,
    swapped_value,
)
from minigan.lab.page import (
    GREY,
    PALE,
    PURPLE,
    Canvas,
    Check,
    Drawing,
    Exhibit,
    Overlaid,
    Panel,
    Path,
    Section,
    Slider,
    number,
    panel,
)
from minigan.lab.pages.bugs_drawing import MENDED, WIDTHS, WRONG, code, curves, last, program, told

TOP = float(expit(1.0))
FLOOR = -math.log(TOP) - math.log(0.5)
CLIPPED = -math.log(1e-7)

# Titles, by which captions name a panel.
ANSWERS, PAYS = "What the loss takes D's answers for", "What D pays"
COSTS, UNTAUGHT = "What a real sample costs", "Samples that teach D nothing"
REACHES, PLACES, SUM = "What reaches a fake", "Where G puts its samples", "Is one's loss the other's gain?"
IN_TURN = f"{REACHES} in G's turn"


# ---- 1 ---------------------------------------------------------------------------------------------------


def twice(found: SigmoidTwice) -> Section:
    """A sigmoid too many."""
    return Section(
        "1. A sigmoid too many",
        [
            "D ends in a Sigmoid, and its loss expects a logit: the number before it. To run it: "
            f"{program(sigmoid_twice.train)}."
        ],
        [Exhibit("D can never be sure", _twice_told(found), _twice_panels(found))],
    )  # fmt: skip


def _twice_panels(found: SigmoidTwice) -> list[Panel]:
    """The code, and three pictures of what it does."""
    wrong, mended = found.seen.wrong, found.seen.mended
    return [
        code("twice-code", sigmoid_twice.wrong, sigmoid_twice.mended, sigmoid_twice.train),
        _opinions(found),
        curves(
            "twice-loss", PAYS, "loss of D (nats)", wrong.loss_D, mended.loss_D,
            "The loss of D by step: the wrong one stays above its floor.",
            level=(FLOOR, f"floor of the wrong loss, {FLOOR:.3f}"), loc="center right",
        ),
        curves(
            "twice-signal", IN_TURN, "size of the gradient",
            found.signals.wrong, found.signals.mended,
            "The gradient at D's last Linear: small on both sides if there are two sigmoids.",
            x=found.logits, xlabel="what D's last Linear gives", yscale="log", loc="lower center",
        ),
    ]  # fmt: skip


def _twice_told(found: SigmoidTwice) -> str:
    wrong = found.seen.wrong
    far = found.signals.mended[0] / found.signals.wrong[0]
    return told(
        symptom=f"D's task is so easy that one number solves it, yet the probability that its loss computes ends at "
        f"{last(wrong.D_x):.3f} for real samples and at {last(wrong.D_G_z):.3f} for fakes (<b>{ANSWERS}</b>), and "
        f"the loss stands still at {last(wrong.loss_D):.3f} (<b>{PAYS}</b>). No seed changes that.",
        why=f"The loss takes a sigmoid of whatever it gets. A probability lies in [0, 1], and the sigmoid of such a "
        f"number in [½, {TOP:.4f}] (the band). Even a perfect D pays −log {TOP:.3f} − log ½ = {FLOOR:.3f}. "
        f"<b>{IN_TURN}</b> is worse news for G: the inner sigmoid is flat where D is sure, so a fake that D has found "
        f"out (at {number(found.logits[0], 'g')}) gets a gradient {far:,.0f} times smaller than it should. The loss is "
        f"called non-saturating; with two sigmoids it saturates.",
        mend="One sigmoid: let D end in a plain number with a loss <em>with logits</em>, or keep D's Sigmoid and take "
        "a loss on probabilities.",
    )


def _opinions(found: SigmoidTwice) -> Panel:
    figure, ax = panel(ANSWERS, "step", "probability of being real", ylim=(-0.03, 1.03))
    ax.axhspan(0.5, TOP, color=PALE, linewidth=0)
    for seen, color, label in ((found.seen.wrong, WRONG, "wrong"), (found.seen.mended, MENDED, "mended")):
        ax.plot(seen.D_x, color=color, linewidth=WIDTHS[color], label=f"{label}: D(x)")
        ax.plot(seen.D_G_z, color=color, linewidth=WIDTHS[color], linestyle="--", label=f"{label}: D(G(z))")
    ax.legend(loc="center right", bbox_to_anchor=(1.0, 0.3))
    return Panel("twice-opinions", [Drawing(figure)], "D's mean probabilities by step; the wrong ones stay in a band.")


# ---- 2 ---------------------------------------------------------------------------------------------------


def outside(found: NoProbabilities) -> Section:
    """Probabilities outside [0, 1]."""
    return Section(
        "2. Probabilities that are none",
        [
            "The opposite: D ends without a Sigmoid, in any number, and its loss takes the logarithm of that number. "
            f"To run it: {program(logits_as_probabilities.train)}."
        ],
        [Exhibit("A loss that is clipped has no gradient", _outside_told(found), _outside_panels(found))],
    )


def _outside_panels(found: NoProbabilities) -> list[Panel]:
    """The code, and three pictures of what it does."""
    wrong, mended = found.seen.wrong, found.seen.mended
    return [
        code(
            "outside-code", logits_as_probabilities.wrong, logits_as_probabilities.mended, logits_as_probabilities.train
        ),
        curves(
            "outside-cost", COSTS, "cost (nats)", found.costs.wrong, found.costs.mended,
            "The cost of a real sample by D's output: flat outside of 0 to 1 where it was clipped.",
            x=found.outputs, xlabel="D's output on it", loc="upper right",
        ),
        curves(
            "outside-loss", f"{PAYS}, {len(found.seeds)} seeds", "loss of D (nats)",
            [seen.loss_D for seen in wrong], [seen.loss_D for seen in mended],
            "The loss of D by step: the wrong one jumps and then stands still.",
            level=(CLIPPED / 2, f"½ · {CLIPPED:.2f}"), ylim=(-0.5, 17), loc="upper right",
        ),
        curves(
            "outside-saturated", f"{UNTAUGHT}, {len(found.seeds)} seeds", "share with gradient 0",
            [seen.saturated for seen in wrong], [seen.saturated for seen in mended],
            "The share of samples without a gradient by step: it rises to 1 in the wrong program.",
            ylim=(-0.03, 1.03), loc="center right",
        ),
    ]  # fmt: skip


def _outside_told(found: NoProbabilities) -> str:
    wrong = found.seen.wrong
    mistaken = np.mean([seen.mistaken[-1] for seen in wrong])
    dead = sum(seen.saturated[-1] == 1 for seen in wrong)
    return told(
        symptom=f"The loss falls, jumps, and ends far above the mended one (<b>{PAYS}</b>). "
        f"With {dead} of {len(wrong)} seeds all samples have a gradient of exactly 0 at the end (<b>{UNTAUGHT}</b>), "
        f"so that D will not move again, and {mistaken:.0%} of the samples of all seeds are on the wrong "
        f"side. When that happens depends on the seed.",
        why=f"The logarithm of a number below 0 does not exist: written by hand, the loss is NaN at once. Programs "
        f"that clip to [10<sup>−7</sup>, 1 − 10<sup>−7</sup>] hide this. Outside of [0, 1] their cost is flat "
        f"(<b>{COSTS}</b>): no gradient; just inside of 0 its slope is up to 10<sup>7</sup>: a single sample "
        f"there throws the weights far off. Once all outputs have left [0, 1], nothing can bring them back. A real "
        f"sample that is stuck costs −log 10<sup>−7</sup> = {CLIPPED:.2f}; a D "
        f"that calls all samples fake pays half of that, {CLIPPED / 2:.2f} (dashed).",
        mend=f"A loss with logits takes any number. minigan refuses the other way round: <q>{found.refusal}</q>",
    )


# ---- 4 ---------------------------------------------------------------------------------------------------


def swapped(found: SwappedValue) -> Section:
    """Real and fake in each other's place."""
    slider = Slider("step", [str(step) for step in _shown(found)])
    return Section(
        "4. Real and fake swapped",
        [
            "V(D, G) with D(x) and D(G(z)) in each other's place, in D's loss alone. Here G has a single number: "
            "<var>G</var>(<var>z</var>) = <var>z</var> + <var>θ</var>, and D is one Linear. "
            f"To run it: {program(swapped_value.wrong)}."
        ],
        [Exhibit("G runs away from the data", _swapped_told(found), _swapped_panels(found), [slider])],
    )


def _shown(found: SwappedValue) -> list[int]:
    """The steps that are shown, closer together at the beginning."""
    return sorted({round(step) for step in np.geomspace(1, len(found.seen.wrong.theta), 40)})


def _swapped_panels(found: SwappedValue) -> list[Panel]:
    """The code, both games, and three numbers by step."""
    wrong, mended = found.seen.wrong, found.seen.mended
    shown = _shown(found)
    return [
        code("swapped-code", swapped_value.wrong, swapped_value.mended, swapped_value.fool),
        Panel(
            "swapped-wrong", _landscape("wrong", wrong, WRONG, found.data, shown), "The wrong game: G leaves", film=True
        ),
        Panel("swapped-mended", _landscape("mended", mended, MENDED, found.data, shown), "The mended game: G arrives"),
        _places(found),
        curves(
            "swapped-real", "What the log says of real samples", "D(x)", wrong.D_x, mended.D_x,
            "D's mean probability of real samples: below one half in the wrong program.", ylim=(-0.03, 1.03),
        ),
        curves(
            "swapped-fake", "What the log says of fakes", "D(G(z))", wrong.D_G_z, mended.D_G_z,
            "D's mean probability of fakes: above one half in the wrong program.", ylim=(-0.03, 1.03),
        ),
    ]  # fmt: skip


def _swapped_told(found: SwappedValue) -> str:
    wrong = found.seen.wrong
    return told(
        symptom=f"Move the slider. The data (grey) are at {found.data:g}, the fakes start at 0; G should bring them to "
        f"the data and ends at {number(last(wrong.theta), '.1f')}. The log shows it at once: D(x) is below "
        f"½ and D(G(z)) above, which no D that learns anything does.",
        why="With the two terms swapped D is paid for calling fakes real: its probability (purple) falls towards "
        "the data. G goes uphill on it, as it always does, and uphill is away from the data. The mistake is that the "
        "two players disagree about what the number means. If G's loss is swapped too (dashed, on the blue line), "
        "the game is the same as the right one with D replaced by 1 − D, and G arrives at the same numbers.",
        mend="<var>V</var>(<var>D</var>, <var>G</var>) = E log <var>D</var>(<var>x</var>) + "
        "E log(1 − <var>D</var>(<var>G</var>(<var>z</var>))): the data are in the term without <q>1 −</q>.",
    )


def _landscape(name: str, seen: line_game.Seen, color: str, data: float, shown: list[int]) -> list[Overlaid]:
    """Data, fakes and D on the line, step by step."""
    x = np.linspace(-6, 7, 131)
    title = f"{name.capitalize()}: data, fakes and D"
    figure, ax = panel(title, "x", "density, and D(x)", xlim=(-6, 7), ylim=(0, 1.42), yticks=[0, 0.25, 0.5, 0.75, 1])
    ax.fill_between(x, _bell(x - data), color=GREY, alpha=0.35, linewidth=0, label="data")
    ax.plot([], color=color, linewidth=WIDTHS[color], label="fakes")
    ax.plot([], color=PURPLE, label="D: probability of being real")
    ax.legend(loc="upper left")
    canvas = Canvas(figure, ax)
    frames = []
    for step in shown:
        theta, w, b = (values[step - 1] for values in (seen.theta, seen.w, seen.b))
        fakes, opinion = np.stack([x, _bell(x - theta)], 1), np.stack([x, expit(w * x + b)], 1)
        frames.append(canvas.frame([Path(fakes, color, WIDTHS[color]), Path(opinion, PURPLE, 1.5)]))
    return frames


def _bell(x: np.ndarray) -> np.ndarray:
    density: np.ndarray = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    return density


def _places(found: SwappedValue) -> Panel:
    figure, ax = panel(PLACES, "step", "θ")
    ax.plot(found.seen.wrong.theta, color=WRONG, linewidth=WIDTHS[WRONG], label="D's loss swapped")
    ax.plot(found.seen.mended.theta, color=MENDED, linewidth=WIDTHS[MENDED], label="mended")
    ax.plot(found.both.theta, color=PURPLE, linestyle="--", label="both losses swapped")
    ax.axhline(found.data, color=GREY, linestyle=":", label="the data")
    ax.legend(loc="center right")
    return Panel("swapped-theta", [Drawing(figure)], "theta by step: away from the data where the value is swapped.")


# ---- 5 ---------------------------------------------------------------------------------------------------


def name_only(found: NameOnly) -> Section:
    """The non-saturating loss called minimax."""
    return Section(
        "5. Minimax in name only",
        [
            "min over G of −E log D(G(z)), under the name minimax. The code trains; the name is wrong, and so is "
            f"whatever is concluded from it. To run it: {program(minimax_in_name_only.wrong)}."
        ],
        [Exhibit("Two games under one name", _name_told(found), _name_panels(found))],
    )


def _name_panels(found: NameOnly) -> list[Panel]:
    """The code, and three pictures of what it does."""
    wrong, mended = found.seen.wrong, found.seen.mended
    sums = [np.abs(np.add(seen.slope_D, seen.slope_G)) for seen in (wrong, mended)]
    named = ("called minimax: −log D(G(z))", "minimax: log(1 − D(G(z)))")
    return [
        code("name-code", minimax_in_name_only.wrong, minimax_in_name_only.mended),
        curves(
            "name-theta", PLACES, "θ", wrong.theta, mended.theta,
            "theta by step: the minimax game starts slowly.", named=named, level=(found.data, "the data"),
            loc="upper left", ylim=(-0.4, 10),
        ),
        curves(
            "name-signal", REACHES, "size of the gradient", found.signals.wrong, found.signals.mended,
            "The gradient by D's logit: it vanishes on opposite sides.", x=found.logits, xlabel="D's logit on the fake",
            yscale="log", named=named, loc="lower center", ylim=(1e-5, 2),
        ),
        curves(
            "name-sum", SUM, "|sum of both slopes by θ|", sums[0], sums[1],
            "The sum of both players' slopes by theta: zero in the minimax game alone.", named=named,
            loc="center right",
        ),
    ]  # fmt: skip


def _name_told(found: NameOnly) -> str:
    wrong, mended = found.seen.wrong, found.seen.mended
    step = 30
    return told(
        symptom=f"D trained alone first and is sure. After {step} steps the G of the true minimax game is at "
        f"{mended.theta[step]:.2f}, the other one at {wrong.theta[step]:.2f} (<b>{PLACES}</b>). A reader who was told "
        f"<q>minimax</q> and looks for the vanishing gradient in the wrong program does not find it.",
        why="In a minimax game what G gains is what D loses: the derivatives of both losses by G's weights add up to "
        f"0 in every step (<b>{SUM}</b>, blue). With −log D(G(z)) they do not (orange): it is another game with the "
        f"same equilibrium. Its gradient is e<sup>−s</sup> times as large on a fake with logit s (<b>{REACHES}</b>): "
        f"{found.signals.wrong[0] / found.signals.mended[0]:,.0f} times at s = {number(found.logits[0], 'g')}.",
        mend="Either call it what it is, non-saturating (it is the better one to train with), or write "
        "log(1 − D(G(z))).",
    )


def checks(data: Bugs) -> list[Check]:
    """Of these four."""
    twice, outside, swapped, named = data.sigmoid_twice, data.no_probabilities, data.swapped, data.name_only
    s = float(twice.logits[0])
    inner = float(expit(s))
    both = np.subtract(swapped.both.theta, swapped.seen.mended.theta)
    slopes = np.add(named.seen.mended.slope_D, named.seen.mended.slope_G)
    return [
        Check("1: D(x) at the end, at most sigmoid(1)", TOP, last(twice.seen.wrong.D_x), 2e-3),
        Check("1: D(G(z)) at the end, at least sigmoid(0)", 0.5, last(twice.seen.wrong.D_G_z), 2e-3),
        Check(
            f"1: signal through two sigmoids at {number(s, 'g')}",
            (1 - float(expit(inner))) * inner * (1 - inner),
            float(twice.signals.wrong[0]),
            1e-12,
            relative=True,
        ),
        Check("2: cost of a clipped real sample", CLIPPED, float(outside.costs.wrong[0]), 1e-12, relative=True),
        Check("2: slopes below 0, largest", 0.0, float(np.abs(outside.slopes.wrong[outside.outputs < 0]).max()), 0.0),
        Check("4: D's slope when trained swapped", -last(swapped.alone.mended.w), last(swapped.alone.wrong.w), 0.0),
        Check("4: θ with both losses swapped, from that of the right game", 0.0, float(np.abs(both).max()), 0.0),
        Check("5: sum of both slopes in the minimax game, largest", 0.0, float(np.abs(slopes).max()), 1e-6),
        Check(
            f"5: ratio of the two signals at {number(named.logits[0], 'g')}",
            math.exp(named.logits[0]),
            float(named.signals.mended[0] / named.signals.wrong[0]),
            1e-12,
            relative=True,
        ),
    ]
