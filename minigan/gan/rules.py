"""Who moves when.

All rules play the same game: `Game.differentiate_D` and `Game.differentiate_G` leave each player's gradient in its
parameters. They differ in where the gradients are taken and when the players move along them:

- alternating: D moves, and then G, against the D that has just moved (Goodfellow et al. 2014, algorithm 1);
- simultaneous: both gradients are taken at the same point, then both move (optimistic: by optimizers that remember
  the gradient before; Daskalakis et al. 2018);
- extragradient: both look ahead, take their gradients there, and move from where they stood (Gidel et al. 2019,
  algorithms 2 and 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from minigan.gan.consensus import differentiate_with_consensus
from minigan.recording import no_grad

if TYPE_CHECKING:
    from minigan.gan.batch import Batch
    from minigan.gan.game import Game
    from minigan.gan.reports import Report

Rule = Callable[["Game", "Sequence[Batch]"], "Report"]


def alternating(game: Game, batches: Sequence[Batch]) -> Report:
    """``d_steps`` moves of D, each on a batch of its own, then ``g_steps`` of G.

    Unless ``fresh_z``, G's first move plays the fakes of D's last one: they were made before D moved, but G has not
    moved since, so their graph still holds, and one forward pass through G is saved.
    """
    fakes = None
    for i, batch in enumerate(batches, 1):
        if i == len(batches) and not game.fresh_z:
            fakes = shown = game.generate(batch)
        else:
            with no_grad():  # nobody will ask for G's gradient
                shown = game.generate(batch)
        report = game.differentiate_D(batch, shown)
        game.move_D()
    for _ in range(game.g_steps):
        report |= game.differentiate_G(batch, fakes if fakes is not None else game.generate(batch))
        game.move_G()
        fakes = None
    return report


def simultaneous(game: Game, batches: Sequence[Batch]) -> Report:
    """Both gradients at the same point, on the same fakes; then both move."""
    (batch,) = batches
    report = _both(game, batch)
    game.move_D()
    game.move_G()
    return report


def extragradient(game: Game, batches: Sequence[Batch]) -> Report:
    """Two batches: on the first both look ahead, on the second they find the gradient to move along."""
    ahead, here = batches
    _both(game, ahead)
    game.move_D("extrapolate")
    game.move_G("extrapolate")
    return simultaneous(game, [here])


def _both(game: Game, batch: Batch) -> Report:
    fakes = game.generate(batch)
    if game.consensus:
        return differentiate_with_consensus(game, batch, fakes)
    return game.differentiate_D(batch, fakes) | game.differentiate_G(batch, fakes)


RULES: dict[str, Rule] = {
    "alternating": alternating,
    "simultaneous": simultaneous,
    "optimistic": simultaneous,
    "extragradient": extragradient,
}


def batches_per_step(rule: str, d_steps: int) -> int:
    """How many batches a step takes: one for each move of D, or two to look ahead."""
    return 2 if rule == "extragradient" else d_steps
