"""A step of a GAN of eleven numbers, small enough to be followed with pencil and paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, tanh
from typing import Any

import numpy as np

import minigan as mg
from minigan import nn
from minigan.lab.experiments.step_record import Backward, Forward, host
from minigan.lab.experiments.step_tape import Tape, read

Z, REAL = 0.5, 0.9
G_WEIGHT, G_BIAS = 1.2, -0.1
D_WEIGHTS, D_BIASES = (2.0, -1.0), (-0.5, 0.2)
D_OUT, D_OUT_BIAS = (1.0, 0.5), -0.6
SLOPE = 0.2
LR = 0.5


@dataclass(frozen=True)
class Move:
    """A parameter in its player's turn."""

    name: str
    before: float
    gradient: float
    after: float


@dataclass(frozen=True)
class Toy:
    """The step.

    Attributes:
        lr: the learning rate of both players, who move along the plain gradient.
        turn_D, turn_G: the tapes.
        moves: all nine parameters.
        by_hand: what the chain rule says, written out in Python's numbers; see `by_hand`.
        measured: the same from minigan's tape.
        fake: before and after G has moved.
        opinion: what D, after its turn, thinks of the two: the probability that they are real.
    """

    lr: float
    turn_D: Tape
    turn_G: Tape
    moves: tuple[Move, ...]
    by_hand: Mapping[str, float]
    measured: Mapping[str, float]
    fake: tuple[float, float]
    opinion: tuple[float, float]


def networks() -> tuple[nn.Module, nn.Module]:
    """G: z to x = tanh(a z + b). D: x to two hidden units with a leaky ReLU, and on to one logit."""
    G = nn.Sequential(nn.Linear(1, 1), nn.Tanh()).double()
    D = nn.Sequential(nn.Linear(1, 2), nn.LeakyReLU(SLOPE), nn.Linear(2, 1)).double()
    G.load_state_dict({"0.weight": np.array([[G_WEIGHT]]), "0.bias": np.array([G_BIAS])})
    D.load_state_dict(
        {
            "0.weight": np.array(D_WEIGHTS)[:, None],
            "0.bias": np.array(D_BIASES),
            "2.weight": np.array([D_OUT]),
            "2.bias": np.array([D_OUT_BIAS]),
        }
    )
    return G, D


def toy() -> Toy:
    """Play the step and look at it."""
    G, D = networks()
    players, data = {"G": G, "D": D}, {name: mg.tensor(np.array([[x]])) for name, x in (("z", Z), ("real", REAL))}
    bce, one, zero = nn.BCEWithLogitsLoss(), mg.ones(1, 1).double(), mg.zeros(1, 1).double()
    data |= {"one": one, "zero": zero}

    seen_D, sweep_D, seen_G, sweep_G = Forward(), Backward(), Forward(), Backward()
    with seen_D, seen_G:
        fake = G(data["z"])
    with seen_D, sweep_D:
        loss_D = bce(D(data["real"]), one) + bce(D(fake.detach()), zero)
        loss_D.backward()
    turn_D = read(seen_D, sweep_D, loss_D, players, data)
    moves_D = _move("D", D)
    with seen_G, sweep_G, D.frozen():
        loss_G = bce(D(fake), one)
        loss_G.backward()
        turn_G = read(seen_G, sweep_G, loss_G, players, data)
    moves_G = _move("G", G)

    with mg.no_grad():
        after = G(data["z"])
        opinion = [mg.sigmoid(D(x)).item() for x in (fake, after)]
    return Toy(
        LR,
        turn_D,
        turn_G,
        (*moves_D, *moves_G),
        by_hand(),
        _measured(turn_G, {move.name: move for move in moves_G}),
        (fake.item(), after.item()),
        (opinion[0], opinion[1]),
    )


def _move(player: str, network: nn.Module) -> list[Move]:
    """One step of plain gradient descent."""
    named = list(network.named_parameters())
    before = [host(p.data) for _, p in named]
    gradients = [host(p.grad) for _, p in named]
    mg.optim.SGD(network.parameters(), lr=LR).step()
    return [
        Move(f"{player}.{name}{_index(x.shape, i)}", float(x[i]), float(g[i]), float(p.data[i]))
        for (name, p), x, g in zip(named, before, gradients, strict=True)
        for i in np.ndindex(x.shape)
    ]


def _index(shape: tuple[int, ...], i: tuple[int, ...]) -> str:
    return "" if shape in ((1,), (1, 1)) else f"[{', '.join(map(str, i))}]"


def _measured(turn_G: Tape, moves: Mapping[str, Move]) -> dict[str, float]:
    ((fake, _),) = turn_G.handed_over
    logit = next(box for box in turn_G.boxes if box.layer[0] == "2" and box.player == "D" and box.kind == "operation")
    return {
        "logit": _only(logit.value),
        "gradient of the logit": _only(logit.gradient),
        "signal": _only(turn_G.boxes[fake].gradient),
        "gradient of G's weight": moves["G.0.weight"].gradient,
        "gradient of G's bias": moves["G.0.bias"].gradient,
    }


def _only(x: Any) -> float:
    return float(x.numbers.item())


def by_hand() -> dict[str, float]:
    """D's turn and G's by the chain rule alone: no tape, no arrays."""
    x = tanh(G_WEIGHT * Z + G_BIAS)
    u, c, v, d = list(D_WEIGHTS), list(D_BIASES), list(D_OUT), D_OUT_BIAS
    du, dc, dv, dd = [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], 0.0
    for sample, target in ((REAL, 1.0), (x, 0.0)):  # D's turn: dloss/dlogit = sigmoid(logit) - target
        a, h, s = _hidden(sample, u, c, v, d)
        g = _sigmoid(s) - target
        dd += g
        for j in (0, 1):
            dv[j] += g * h[j]
            dc[j] += g * v[j] * _slope(a[j])
            du[j] += g * v[j] * _slope(a[j]) * sample
    u, c, v, d = _down(u, du), _down(c, dc), _down(v, dv), d - LR * dd

    a, h, s = _hidden(x, u, c, v, d)  # G's turn: the target is 1 now
    g = _sigmoid(s) - 1
    signal = sum(g * v[j] * _slope(a[j]) * u[j] for j in (0, 1))
    before_tanh = signal * (1 - x * x)
    return {
        "logit": s,
        "gradient of the logit": g,
        "signal": signal,
        "gradient of G's weight": before_tanh * Z,
        "gradient of G's bias": before_tanh,
    }


def _hidden(x: float, u: list[float], c: list[float], v: list[float], d: float) -> tuple[list[float], Any, float]:
    a = [u[j] * x + c[j] for j in (0, 1)]
    h = [a[j] * _slope(a[j]) for j in (0, 1)]
    return a, h, v[0] * h[0] + v[1] * h[1] + d


def _slope(a: float) -> float:
    return 1.0 if a > 0 else SLOPE


def _sigmoid(s: float) -> float:
    return 1 / (1 + exp(-s))


def _down(x: list[float], gx: list[float]) -> list[float]:
    return [x[j] - LR * gx[j] for j in (0, 1)]
