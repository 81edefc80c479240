"""The limit cycle on which the non-saturating game ends with simultaneous steps: its squared radius is 2h.

To second order D's probability is 1/2 + s/4 at the logit s, and the field is θ' = ψ/2 - θψ²/4 and ψ' = -θ/2 - θ²ψ/4.
Followed without steps, r² falls by θ²ψ², on average r⁴/8; a step of size h along the tangent adds h² r²/4, which is
h r²/4 per unit of time. Both are equal where r² = 2h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from minigan.lab.experiments.dirac_game import KIND, DiracGame
from minigan.lab.experiments.dirac_rules import Floats, play

STEP_SIZES = (0.05, 0.1, 0.2, 0.4, 0.8)
SHOWN_H = 0.2  # of these, the one whose runs are shown
TURNS = 10
STARTS = (0.5, 4.0)  # r² / h where runs begin: well inside of the cycle and well outside, so that they have to find it
FORGET = 12  # a difference from the cycle fades with exp(-h time / 4): so many of these times are left out
TURN = 4 * math.pi  # time that one takes: the eigenvalues are half of i
SHOWN_STEPS, SHOWN_EVERY = 1200, 4  # steps of the runs from inside and outside, and between those that are kept


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """The non-saturating game with simultaneous steps.

    Attributes:
        h: step sizes, (N,).
        predicted: 2h, to leading order.
        measured: the mean of r² over ten turns, of a run that began inside of the cycle at r² = h/2 and of one that
            began outside at 4h, after what is left of these beginnings has faded, (N, 2).
        swing: how far r² goes from its mean, as a share of it, (N,).
        shown_h: the step size of the following runs.
        steps: that are shown, (K,).
        squares: r² of runs that begin inside of the cycle and outside, (K, 2).
    """

    h: Floats
    predicted: Floats
    measured: Floats
    swing: Floats
    shown_h: float
    steps: Floats
    squares: Floats


def limit_cycle() -> Cycle:
    """All of it. The runs of all h are one batch, of which those with larger steps are done sooner."""
    game = DiracGame(KIND["non-saturating"])
    h = np.array(STEP_SIZES)
    first, last = np.round(FORGET * 4 / h / h).astype(int), np.round((FORGET * 4 / h + TURNS * TURN) / h).astype(int)
    start = np.sqrt(h[:, None] * STARTS)
    path = play(game, "simultaneous", h[:, None], start, 0 * start, int(last.max()))
    squares = [np.square(path[a:b, :, i]).sum(1) for i, (a, b) in enumerate(zip(first, last, strict=True))]
    starts = np.sqrt(2 * SHOWN_H) * np.array([[0.2], [2.0]])
    shown = play(game, "simultaneous", [SHOWN_H], starts, 0 * starts, SHOWN_STEPS)[::SHOWN_EVERY]
    return Cycle(
        h=h,
        predicted=2 * h,
        measured=np.array([square.mean(0) for square in squares]),
        swing=np.array([np.abs(square / square.mean(0) - 1).max() for square in squares]),
        shown_h=SHOWN_H,
        steps=np.arange(0.0, SHOWN_STEPS + 1, SHOWN_EVERY),
        squares=np.square(shown[..., 0]).sum(1),
    )
