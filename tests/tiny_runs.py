"""What the tests of runs share: a tiny game, a whole training of it, and a way to ruin it."""

import numpy as np

import minigan as mg
from minigan.data import Loader
from minigan.gan import Config, Extension, Run, Trainer, build_game
from minigan.gan.extensions import standard

SHAPE = (1, 4, 4)
CPU = mg.device("cpu")


def tiny(**training):
    return Config.from_dict(
        {
            "name": "tiny",
            "generator": {"z_dim": 3, "hidden": [8], "batch_norm": True, "ema_decay": 0.9},
            "discriminator": {"hidden": [8], "dropout": 0.2},
            "training": {"steps": 7, "batch_size": 4, "log_every": 2, **training},
        }
    )


def trainer_of(config, run=None, *more):
    """Twelve images in batches of four: three steps in an epoch."""
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4), np.uint8)
    loader = Loader(images, None, config.training.batch_size, config.training.seed)
    extensions = [*(standard(run) if run else ()), *more]
    game = build_game(config, SHAPE, CPU)
    return Trainer(game, loader, config.training.steps, extensions, log_every=config.training.log_every)


def trained(out, *more, **training):
    config = tiny(**training)
    run = Run.create(out, config, "minigan train tiny")
    trainer_of(config, run, *more).run()
    return run


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def poison(step, network="generator"):
    """An extension that ruins a network after one step."""
    extension = Extension()

    def ruin(trainer):
        if trainer.step == step:
            parameter = next(getattr(trainer.game, network).network.parameters())
            parameter.data = np.full(parameter.shape, np.nan)

    extension.after_step = ruin
    return extension


def assert_same(first, second):
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, np.ndarray):
        np.testing.assert_array_equal(first, second)
    else:
        assert first == second
