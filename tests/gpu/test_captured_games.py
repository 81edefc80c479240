"""Captured games on a GPU: step for step what the CPU makes of them as written."""

import numpy as np
import pytest
from small_games import CPU, IMAGES, LABELS, POINTS, batches_of, config_of, game_of, numbers

import minigan as mg
from minigan.data import Loader
from minigan.gan import preset_names

from .games import assert_close, calm
from .test_steps_on_gpu import VARIANTS

pytestmark = pytest.mark.slow

ODD = 21  # samples: batches of 8, 8 and 5
STEPS = 16  # enough for each kind of step to be played as written, recorded, and replayed


def loader_of(config):
    """Data whose last batch is short."""
    images, labels = (IMAGES, LABELS) if config.data.source == "mnist" else (POINTS, None)
    return Loader(images[:ODD], None if labels is None else labels[:ODD], 8, drop_last=False)


class Played:
    """A game that was played for so many steps.

    Attributes:
        game: the game.
        reports: of all steps, as plain numbers.
        state: what they have left.
    """

    def __init__(self, config, steps, device=CPU, tensor=mg.tensor, dtype=np.float64, capture=False):
        mg.manual_seed(0)
        self.game, loader, self.reports = game_of(config, device, dtype), loader_of(config), []
        if dtype == np.float64:
            for player in (self.game.generator, self.game.discriminator):
                calm(player.optimizer)
        if capture:
            self.game.capture()
        for step in range(steps):
            mg.manual_seed(0)
            mg.set_step(step)
            ((*batches,),) = batches_of(self.game, loader, [step], dtype, tensor)
            self.reports += numbers([self.game.step(*batches)])
        self.state = self.game.state_dict()

    def assert_captured(self):
        """Steps were replayed."""
        assert self.game.refused is None
        assert self.game.program is not None


def assert_captured_steps_of_the_cpu(gpu, config):
    captured = Played(config, STEPS, gpu.device, gpu.tensor, capture=True)
    expected = Played(config, STEPS)
    captured.assert_captured()
    assert_close(captured.reports, expected.reports)
    assert_close(captured.state, expected.state)


@pytest.mark.parametrize("preset", preset_names())
def test_captured_steps_of_a_preset_are_those_of_the_cpu(gpu, preset):
    assert_captured_steps_of_the_cpu(gpu, config_of(preset))


@pytest.mark.parametrize("variant", VARIANTS)
def test_captured_steps_of_other_rules_are_those_of_the_cpu(gpu, variant):
    assert_captured_steps_of_the_cpu(gpu, config_of(*VARIANTS[variant]))


# R1 through BatchNorm in D lets rounding errors in float32 grow past 1e-4 in fifty steps.
IN_FLOAT32 = {"reference": [], "default": [], "dcgan": ["game.r1_gamma=0"]}


@pytest.mark.parametrize("capture", [False, True], ids=["as written", "captured"])
@pytest.mark.parametrize("preset", IN_FLOAT32)
def test_fifty_steps_in_float32_report_what_the_cpu_reports(gpu, preset, capture):
    config = config_of(preset, *IN_FLOAT32[preset])
    found = Played(config, 50, gpu.device, gpu.tensor, np.float32, capture)
    expected = Played(config, 50, dtype=np.float32)
    if capture:
        found.assert_captured()
    assert_close(found.reports, expected.reports, rtol=0, atol=1e-4)
