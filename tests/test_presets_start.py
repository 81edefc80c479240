"""The presets that draw digits: after their first steps G still answers z.

Where all pixels are at the ends of a tanh, no gradient reaches G any more: it draws one image, and that is for good.
"""

from __future__ import annotations

import numpy as np
import pytest

import minigan as mg
from minigan.gan import DataFacts, build_game, load_preset, preset_names, set_fields
from minigan.gan.games.reconstruction import DAMAGES
from minigan.gan.sampling import classes_of, sample
from minigan.gan.source import batch_of, data_of, loader_of

CPU = mg.device("cpu")
STEPS = 30
DRAW = [
    name for name in preset_names() if (c := load_preset(name)).data.source == "mnist" and c.game.task not in DAMAGES
]


def scatter(name, *changes):
    """How far the pixels of one place differ, in samples of G itself and not of its average; of one class, if any."""
    config = set_fields(load_preset(name), [*changes, "generator.ema_decay=0"])
    loader = loader_of(config, data_of(config))
    game = build_game(config, DataFacts.of(loader, config), CPU)
    mg.manual_seed(config.training.seed)
    each = game.batches_per_step
    for step in range(STEPS):
        mg.set_step(step)
        game.step(*(batch_of(loader, i, CPU) for i in range(step * each, (step + 1) * each)))
    return sample(game, 64, 0, CPU, np.zeros(64, np.int64) if classes_of(game) else None).std(axis=0).mean()


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAW)
def test_G_is_alive_after_its_first_steps(name):
    assert scatter(name) > 0.01


@pytest.mark.slow
def test_with_a_tanh_and_no_normalisation_it_would_not_be():
    assert scatter("r1", "generator.output=tanh") < 0.005
