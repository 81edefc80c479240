"""What the tests of runs share: a tiny game, a whole training of it, and a way to ruin it."""

import numpy as np
import pytest

import minigan as mg
from minigan.data import Loader
from minigan.gan import Config, Extension, Run, Trainer, build_game, extensions
from minigan.gan.extensions import standard

SHAPE = (1, 4, 4)
CPU = mg.device("cpu")
REAL_CURVES = extensions.curves


@pytest.fixture(autouse=True)
def quick_curves(monkeypatch):
    """Real ones take a second to draw."""
    monkeypatch.setattr(extensions, "curves", lambda *_: b"curves")


def tiny(**training):
    return Config.from_dict(
        {
            "name": "tiny",
            "generator": {"z_dim": 3, "hidden": [8], "norm": "batch", "ema_decay": 0.9},
            "discriminator": {"hidden": [8], "dropout": 0.2},
            "training": {"steps": 7, "batch_size": 4, "log_every": 2, **training},
        }
    )


def trainer_of(config, run=None, *more, seed=0):
    """Twelve images in batches of four: three steps in an epoch."""
    images = np.random.default_rng(seed).integers(0, 256, (12, 4, 4), np.uint8)
    loader = Loader(images, None, config.training.batch_size, config.training.seed)
    more = [*(standard(run) if run else ()), *more]
    game = build_game(config, SHAPE, CPU)
    return Trainer(game, loader, config.training.steps, more, log_every=config.training.log_every)


def trained(out, *more, **training):
    """A run from its beginning to its end."""
    config = tiny(**training)
    run = Run.create(out, config, "minigan train tiny")
    trainer_of(config, run, *more).run()
    run.close()
    return run


def restored(out, config=None, seed=0):
    """A trainer where the run stands, with leave for all that is new; as if it were killed right then."""
    run = Run.resume(out, config, allow_changes=True)
    trainer = trainer_of(run.config, seed=seed)
    run.restore(trainer)
    run.close()
    return trainer


def resumed(out, *more, config=None, allow_changes=False, seed=0):
    """The same run, gone on with to its end."""
    run = Run.resume(out, config, "minigan train --resume", allow_changes=allow_changes)
    trainer = trainer_of(run.config, run, *more, seed=seed)
    run.restore(trainer)
    trainer.run()
    run.close()
    return run


def at_step(step, action):
    """An extension that does something after one step."""
    extension = Extension()
    extension.after_step = lambda trainer: action(trainer) if trainer.step == step else None
    return extension


def stop(trainer):
    trainer.stopped = True


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def contents(folder):
    """All that a repetition of a run gives again: not when and where it ran."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("timing.jsonl", "config.toml")
    }


def poison(step, network="generator"):
    """An extension that ruins a network after one step."""

    def ruin(trainer):
        parameter = next(getattr(trainer.game, network).network.parameters())
        parameter.data = np.full(parameter.shape, np.nan)

    return at_step(step, ruin)


def assert_same(first, second):
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, np.ndarray):
        np.testing.assert_array_equal(first, second)
    else:
        assert first == second
