"""Every preset's steps, captured and as written: the same bits in reports, networks, optimizers and averages."""

import numpy as np
import pytest
from captured_pairs import host, programs
from small_games import IMAGES, LABELS, POINTS, batches_of, config_of, game_of

import minigan as mg
from minigan.data import Loader
from minigan.gan import preset_names

ODD = 21  # samples: batches of 8, 8 and 5


def loader_of(config):
    """Data whose last batch is short."""
    images, labels = (IMAGES, LABELS) if config.data.source == "mnist" else (POINTS, None)
    return Loader(images[:ODD], None if labels is None else labels[:ODD], 8, drop_last=False)


class Run:
    """A game of which each step is made on its own batches."""

    def __init__(self, config, capture):
        mg.manual_seed(0)
        self.game, self.loader = game_of(config, dtype=np.float32), loader_of(config)
        self.steps = 0
        if capture:
            self.game.capture()

    def step(self):
        mg.manual_seed(0)
        mg.set_step(self.steps)
        ((*batches,),) = batches_of(self.game, self.loader, [self.steps], np.float32)
        self.steps += 1
        return host(self.game.step(*batches))

    def state(self):
        return host(self.game.state_dict())


def assert_alike(config, steps, looks=(1, 2, 3, 5), meanwhile=None):
    """Play both ways; compare all reports, and all states after some steps and in the end."""
    runs = as_written, captured = Run(config, capture=False), Run(config, capture=True)
    for step in range(steps):
        if meanwhile is not None:
            for run in runs:
                meanwhile(step, run.game)
        assert captured.step() == as_written.step(), f"report of step {step}"
        if step in looks:
            assert captured.state() == as_written.state(), f"after step {step}"
    assert captured.state() == as_written.state()
    assert captured.game.refused is None
    assert captured.game.program is not None
    return captured.game


@pytest.mark.parametrize("preset", preset_names())
def test_twenty_steps_of_a_preset(preset):
    game = assert_alike(config_of(preset), 20)
    assert programs(game._captured) >= 2  # for whole batches, and for short ones


@pytest.mark.slow
@pytest.mark.parametrize("preset", preset_names())
def test_two_hundred_steps_of_a_preset(preset):
    assert_alike(config_of(preset), 200, range(0, 200, 20))


def both(*settings):
    return [f"{player}.{setting}" for player in ("generator", "discriminator") for setting in settings]


VARIANTS = {
    "penalties now and then, and one of many batches short": (
        "ring",
        ["game.penalty_every=3", "game.r2_gamma=1.0", "game.d_steps=5"],
    ),
    "noise that fades away": ("dcgan", ["game.instance_noise=0.3", "game.instance_noise_epochs=3"]),
    "noise in packs": ("pacgan2", ["game.instance_noise=0.1"]),
    "noisy labels": ("lsgan", ["game.label_noise=0.2", "game.label_smoothing=0.1"]),
    "four penalties every other step": (
        "dcgan",
        ["game.r2_gamma=0.2", "game.gradient_penalty=10", "game.dragan=5", "game.penalty_every=2"],
    ),
    "penalties every third step": ("default", ["game.penalty_every=3"]),
    "a rate that falls in each step": ("default", both("schedule=exponential", "lr_decay=0.5", "lr_min=1e-4")),
    "a rate that falls to 0": ("default", ["training.steps=10", *both("schedule=linear")]),
    "a cosine": ("default", ["training.steps=15", *both("schedule=cosine", "lr_min=1e-5")]),
    "momentum that rises": ("goodfellow-2014", both("momentum_epochs=3.0", "schedule=step", "lr_decay=0.5")),
    "momentum in RMSprop": ("wgan", both("momentum=0.5")),
    "clipped gradients": ("default", both("clip_grad_norm=0.05")),
    "weight decay": ("default", both("weight_decay=0.1")),
    "fresh z": ("lsgan", ["game.fresh_z=true"]),
    "two moves of G": ("lsgan", ["game.g_steps=2"]),
    "three moves of D": ("lsgan", ["game.d_steps=3"]),
    "consensus": ("mlp-relu", ["game.consensus=0.1"]),
    "consensus looking ahead": ("extragradient", ["game.consensus=0.1"]),
    "optimistic Adam": ("mlp-relu", ["game.rule=optimistic"]),
    "optimistic SGD": ("mlp-relu", ["game.rule=optimistic", *both("optimizer=sgd", "lr=0.05", "weight_decay=0.01")]),
    "extragradient SGD": ("extragradient", both("optimizer=sgd", "lr=0.05", "weight_decay=0.01")),
    "extragradient Adam": ("extragradient", both("weight_decay=0.01", "clip_grad_norm=0.1")),
    "relativistic": ("default", ["game.loss=relativistic"]),
    "conditional WGAN-GP": ("wgan-gp", ["game.task=conditional"]),
    "semi-supervised with noise": ("semi-supervised", ["game.instance_noise=0.1"]),
    "BatchNorm in both": ("dcgan", both("norm=batch", "lr=1e-4")),
    "layer norm": ("dcgan", both("norm=layer")),
    "instance norm": ("dcgan", both("dense=[]", "norm=instance")),
    "spectral norm in both": ("hinge", ["generator.spectral_norm=true"]),
    "dropout everywhere": ("r1", ["discriminator.dropout=0.2", "discriminator.input_dropout=0.1"]),
}  # fmt: skip


@pytest.mark.parametrize(("preset", "changes"), VARIANTS.values(), ids=VARIANTS.keys())
def test_twenty_steps_of_a_variant(preset, changes):
    assert_alike(config_of(preset, *changes), 20)


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "changes"), VARIANTS.values(), ids=VARIANTS.keys())
def test_two_hundred_steps_of_a_variant(preset, changes):
    assert_alike(config_of(preset, *changes), 200, range(0, 200, 20))


# ---- changes in the middle -------------------------------------------------------------------------------


def test_a_state_put_back_is_gone_on_from():
    saved = {}

    def meanwhile(step, game):
        if step == 6:
            saved[id(game)] = game.state_dict()
        elif step in (11, 15):
            game.load_state_dict(saved[id(game)])

    assert_alike(config_of("default"), 20, meanwhile=meanwhile)
    assert_alike(config_of("extragradient"), 20, meanwhile=meanwhile)


def test_samples_and_held_out_data_may_be_looked_at_between_steps():
    z = mg.ones(4, 100)

    def meanwhile(step, game):
        if step % 4 == 2:
            game.draw(z[:, : game.noise.z_dim])
            game.assess(batches_of(game, loader_of(config), [0], np.float32)[0][0])

    config = config_of("default")
    assert_alike(config, 20, meanwhile=meanwhile)


def set_penalty(game):
    game.penalties[0].weight = 3.0


def set_every(game):
    game.penalties[0].every = 3


def set_consensus(game):
    game.consensus = 0.3


def set_bound(game):
    game.clip_weights = 0.02


def set_targets(game):
    game.targets = type(game.targets)(smoothing=0.2)


def set_clipping(game):
    game.discriminator.clip_grad_norm = 0.01


def set_noise(game):
    game.instance_noise = 0.5


def set_fresh_z(game):
    game.fresh_z = not game.fresh_z


def set_scale(game):
    game.noise = type(game.noise)(game.noise.z_dim, "uniform", 2.0)


def set_class_weight(game):
    game.class_weight = 7.0


def set_reconstruction(game):
    game.reconstruction = 7.0


def set_decay(game):
    game.ema.decay = 0.5


BY_HAND = {
    "weight of a penalty": ("default", set_penalty),
    "how often a penalty is due": ("default", set_every),
    "consensus": ("mlp-relu", set_consensus),
    "bound of the weights": ("wgan", set_bound),
    "targets": ("lsgan", set_targets),
    "clipping": ("lsgan", set_clipping),
    "noise": ("lsgan", set_noise),
    "fresh z": ("lsgan", set_fresh_z),
    "z": ("lsgan", set_scale),
    "weight of the classes": ("acgan", set_class_weight),
    "weight of the labelled": ("semi-supervised", set_class_weight),
    "weight of the error": ("repair", set_reconstruction),
    "decay of the average": ("default", set_decay),
}


@pytest.mark.parametrize(("preset", "change"), BY_HAND.values(), ids=BY_HAND.keys())
def test_a_setting_changed_by_hand_between_steps_is_seen(preset, change):
    def meanwhile(step, game):
        if step == 9:
            change(game)

    assert_alike(config_of(preset), 16, meanwhile=meanwhile)


# ---- games that cannot be captured -----------------------------------------------------------------------


def looking(loss):
    """D's loss, by a Python number."""
    return lambda *args: loss(*args) * 1.0 if loss(*args).item() >= 0 else loss(*args)


def test_a_game_that_cannot_be_captured_is_played_as_written_and_says_why():
    def meanwhile(step, game):
        if step == 0:
            game.loss = game.loss._replace(discriminator=looking(game.loss.discriminator))

    runs = [Run(config_of("lsgan"), capture) for capture in (False, True)]
    for step in range(6):
        for run in runs:
            meanwhile(step, run.game)
        assert runs[0].step() == runs[1].step()
        assert runs[0].state() == runs[1].state()
    game = runs[1].game
    assert not game.captured
    assert "found the value of a tensor in line" in game.refused
    assert "test_captured_presets.py" in game.refused
    assert game.program is None


def test_a_game_with_too_many_kinds_of_steps_is_played_as_written_and_says_why():
    def meanwhile(step, game):
        game.penalties[0].weight = 0.1 + step

    runs = [Run(config_of("default"), capture) for capture in (False, True)]
    for step in range(40):
        for run in runs:
            meanwhile(step, run.game)
        assert runs[0].step() == runs[1].step()
    assert runs[0].state() == runs[1].state()
    assert "at most 8 kinds of calls" in runs[1].game.refused
