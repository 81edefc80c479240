"""Small games on small data: every preset and task with narrow layers, for tests of whole steps."""

import numpy as np

import minigan as mg
from minigan.data import Loader
from minigan.gan import Batch, DataFacts, build_game, load_preset, set_field

CPU = mg.device("cpu")
CLASSES = 3
IMAGES = np.random.default_rng(0).integers(0, 256, (24, 1, 8, 8), np.uint8)
LABELS = np.arange(24) % CLASSES
POINTS = np.random.default_rng(1).standard_normal((24, 2)).astype(np.float32)


def config_of(preset, *changes):
    """A preset with narrow layers and few labels, whose lazy penalty is due on every other step; and changes."""
    config = load_preset(preset)
    small = [
        f"generator.hidden={_narrow(config.generator)}",
        f"discriminator.hidden={_narrow(config.discriminator)}",
        f"game.penalty_every={min(2, config.game.penalty_every)}",
        "training.batch_size=8",
    ]
    if config.game.task == "semi-supervised":
        small.append("game.labelled=6")
    for change in (*small, *changes):
        config = set_field(config, change)
    return config


def _narrow(player):
    return [4 + i for i, _ in enumerate(player.hidden)]


def loader_of(config, labels=LABELS):
    """Three batches of labelled images, or of points for a game of points."""
    if config.data.source == "mnist":
        return Loader(IMAGES, labels, config.training.batch_size)
    return Loader(POINTS, None, config.training.batch_size)


def game_of(config, device=CPU, dtype=mg.float64):
    """The game of these settings."""
    game = build_game(config, DataFacts.of(loader_of(config), config), device)
    for network in (game.generator.network, game.discriminator.network, *([game.ema.network] if game.ema else ())):
        network.to(dtype=dtype)
    if getattr(game, "labelled", None) is not None:
        game.labelled = Batch(game.labelled.images.to(dtype=dtype), game.labelled.labels)
    return game


def batch_of(loader, number=0, dtype=np.float64, tensor=mg.tensor):
    """One batch, which ``tensor`` puts where it is wanted."""
    labels = None if loader.labels is None else tensor(loader.labels_of(number))
    return Batch(tensor(loader.batch(number).astype(dtype)), labels)


def batches_of(game, loader, steps, dtype=np.float64, tensor=mg.tensor):
    """For each of these steps the batches that it takes."""
    each = game.batches_per_step
    return [[batch_of(loader, step * each + i, dtype, tensor) for i in range(each)] for step in steps]


def play_on(game, steps, batches):
    """The reports of these steps on these batches, as the game gives them."""
    reports = []
    for step, some in zip(steps, batches, strict=True):
        mg.set_step(step)
        reports.append(game.step(*some))
    return reports


def numbers(reports):
    """Reports as plain numbers."""
    return [{name: value.item() for name, value in report.items()} for report in reports]


def play(game, loader, steps, dtype=np.float64):
    """What these steps report, as plain numbers."""
    return numbers(play_on(game, steps, batches_of(game, loader, steps, dtype)))
