"""The small GAN's part of the page: its program, its two replays, and its chain rule with all numbers."""

from __future__ import annotations

from html import escape
from typing import Any

from minigan.lab.experiments.step_tape import Box, Tape
from minigan.lab.experiments.step_toy import SLOPE, Toy
from minigan.lab.page import Check, Exhibit, Section, Table, number
from minigan.lab.pages.step_exhibit import replayed
from minigan.lab.pages.step_replay import title

EXACT = 1e-12

PROGRAM = """\
import minigan as mg
from minigan import nn

G = nn.Sequential(nn.Linear(1, 1), nn.Tanh()).double()
D = nn.Sequential(nn.Linear(1, 2), nn.LeakyReLU(0.2), nn.Linear(2, 1)).double()
G.load_state_dict({"0.weight": [[1.2]], "0.bias": [-0.1]})
D.load_state_dict({"0.weight": [[2.0], [-1.0]], "0.bias": [-0.5, 0.2],
                   "2.weight": [[1.0, 0.5]], "2.bias": [-0.6]})
z, real = mg.tensor([[0.5]], dtype=mg.float64), mg.tensor([[0.9]], dtype=mg.float64)
one, zero = mg.ones(1, 1).double(), mg.zeros(1, 1).double()
bce = nn.BCEWithLogitsLoss()

fake = G(z)

# D's turn: a real sample is 1, a fake is 0; detach() cuts the tape
loss_D = bce(D(real), one) + bce(D(fake.detach()), zero)
loss_D.backward()
mg.optim.SGD(D.parameters(), lr=0.5).step()

# G's turn: make D say 1; D is frozen, gradients only pass through
fake.retain_grad()
with D.frozen():
    loss_G = bce(D(fake), one)
    loss_G.backward()
mg.optim.SGD(G.parameters(), lr=0.5).step()

print("the signal:", fake.grad)
"""


def section(data: Toy) -> Section:
    """Everything about it."""
    return Section(
        "A GAN of eleven numbers",
        (
            "Two numbers make G: it turns <var>z</var> into a sample tanh(<var>a</var> <var>z</var> + <var>b</var>). "
            "Seven make D: two hidden units look at the sample, and a weighted sum of them is the logit, a number "
            "whose sigmoid 1 / (1 + e<sup>−logit</sup>) is the probability that the sample is real. With <var>z</var> "
            "and one real sample that is all. The loss of an answer (<code>bce</code>, binary cross-entropy) is −ln "
            "of the probability that D gives to the right label: <code>one</code> for real, <code>zero</code> for "
            "fake. This program plays one step:",
            f"</p><pre>{escape(PROGRAM)}</pre><p>",
            "The tape is what minigan writes down while the program runs: each operation, what went in and what came "
            "out. <code>backward()</code> reads it from the end. Every operation knows one thing: given the gradient "
            "<var>g<sub>y</sub></var> of the loss with respect to its result, what is the gradient with respect to "
            "each argument (this is called its vector-Jacobian product, VJP). That is the chain rule for one link; the "
            "sweep does the rest.",
        ),
        (_turn_D(data), _turn_G(data), _paths(data), _moves(data)),
    )


def _turn_D(data: Toy) -> Exhibit:
    loss = data.turn_D.boxes[data.turn_D.forward[-1]].value.size
    return replayed(
        "toy-turn-D",
        "D's turn",
        data.turn_D,
        "<p>D looks at a real sample (<code>real</code>) and at a fake (what <code>G.1 tanh</code> gives). Its loss is "
        f"{loss:.4f}.</p>",
        "Look at the faded part: G made the fake, and the tape knows how, but <code>detach()</code> hands D the bare "
        "number. No gradient goes back there, because D's turn asks one question only: how should D's seven parameters "
        "move? Look also at D's weights: they are used twice, and the two gradients that come back are added up, since "
        "moving a weight changes the loss both ways.",
    )


def _turn_G(data: Toy) -> Exhibit:
    loss = data.turn_G.boxes[data.turn_G.forward[-1]].value.size
    return replayed(
        "toy-turn-G",
        "G's turn",
        data.turn_G,
        f"<p>D has moved. Now the fake shall be taken for real: G's loss is {loss:.4f}.</p>",
        f"Look at the green arrow. The gradient that D sends to the fake is {number(data.measured['signal'])}: if the "
        "fake grew by a little, G's loss would change this many times as much. It is negative, so G should make the "
        f"sample larger, and it does: with its move the fake goes from {data.fake[0]:.4f} to {data.fake[1]:.4f} (the "
        f"real one is {_named(data.turn_D, 'real'):.1f}), and D's opinion of it from {data.opinion[0]:.3f} to "
        f"{data.opinion[1]:.3f}. D's own weights get no gradient here: they are frozen, as G's loss would teach D to "
        "be wrong.",
    )


def _named(tape: Tape, name: str) -> float:
    return next(box.value.size for box in tape.boxes if title(box) == name)


# ---- the chain rule on two paths -------------------------------------------------------------------------


def _paths(data: Toy) -> Table:
    """The signal as the sum over the two ways from the logit to the sample."""
    boxes = {title(box): box for box in data.turn_G.boxes}
    first, second = _numbers(boxes["D.0.weight"]), _numbers(boxes["D.2.weight"])
    sums = _numbers(boxes["D.0 linear"])
    gradient = data.measured["gradient of the logit"]
    slopes = [1.0 if a > 0 else SLOPE for a in sums]
    parts = [gradient * v * d * u for v, d, u in zip(second, slopes, first, strict=True)]
    rows = [
        (f"through hidden unit {j + 1}", gradient, second[j], slopes[j], first[j], parts[j]) for j in range(len(parts))
    ]
    return Table(
        "Why this number: two paths lead from the logit to the fake",
        (
            "",
            "gradient of the logit",
            "× weight to the logit",
            "× slope of the unit",
            "× weight from the fake",
            "= product",
        ),
        [*rows, ("the signal, their sum", "", "", "", "", sum(parts))],
        "The first factor is sigmoid(logit) − 1, the derivative of −ln sigmoid(logit): how far D is from saying 1. It "
        "is the same on both paths, and it is all that the loss has to say. The others are D's: its weights, and the "
        f"slope {SLOPE} of a leaky ReLU whose argument is below 0. So what D has learned says which way, and how "
        "unconvinced D is says how much of it is passed on.",
    )


def _numbers(box: Box) -> list[float]:
    return [float(x) for x in box.value.numbers.ravel()] if box.value.numbers is not None else []


def _moves(data: Toy) -> Table:
    rows: list[tuple[Any, ...]] = [
        (f"<code>{move.name}</code>", move.before, move.gradient, move.after) for move in data.moves
    ]
    return Table(
        "What the step changed",
        ("parameter", "before", "gradient in its turn", "after"),
        rows,
        f"Each player moves in its own turn, by minus the gradient times the learning rate {data.lr:g}. D's parameters "
        "have moved already when G's gradient is taken.",
    )


def checks(data: Toy) -> list[Check]:
    """The chain rule by hand, beside the tape."""
    return [
        Check(f"small GAN, G's turn: {name}", data.by_hand[name], data.measured[name], EXACT) for name in data.by_hand
    ]
