"""Every preset on a GPU: its steps are the CPU's, and from the first kernel of a step to its last nobody waits."""

import numpy as np
import pytest
from small_games import CPU, batches_of, config_of, game_of, loader_of, play_on

import minigan as mg
from minigan.data import Dataset
from minigan.gan import preset_names
from minigan.gan.held_out import assess

from .games import assert_close, assert_nobody_waits, assert_steps_of_the_cpu, calm

every_preset = pytest.mark.parametrize("preset", preset_names())


@every_preset
def test_a_step_makes_nobody_wait(gpu, preset):
    assert_nobody_waits(gpu, config_of(preset))


@every_preset
def test_steps_are_those_of_the_cpu(gpu, preset):
    assert_steps_of_the_cpu(gpu, config_of(preset))


@every_preset
def test_held_out_samples_are_judged_as_on_the_cpu_and_waited_for_only_at_the_end_of_a_chunk(gpu, preset):
    config, means = config_of(preset), []
    loader = loader_of(config)
    for device, tensor in ((gpu.device, gpu.tensor), (CPU, mg.tensor)):
        game = game_of(config, device, mg.float32)
        for player in (game.generator, game.discriminator):
            calm(player.optimizer)
        batches = batches_of(game, loader, [0], np.float32, tensor)
        play_on(game, [0], batches)
        game.assess(batches[0][0])  # compiles kernels
        game.assess = in_no_sync(gpu, game.assess)
        mg.set_step(1)
        means.append(assess(game, Dataset(loader.images, loader.labels, "held out"), chunk=10))
    assert_close(*means, rtol=1e-4)


def in_no_sync(gpu, f):
    def run(*args):
        with gpu.no_sync():
            return f(*args)

    return run
