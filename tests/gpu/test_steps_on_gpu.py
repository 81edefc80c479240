"""A whole training step on a GPU: it is the CPU's, and from its first kernel to its last nobody waits."""

import numpy as np
import pytest
from tiny_runs import SHAPE, assert_same, tiny

import minigan as mg
from minigan import nn
from minigan.data import Loader
from minigan.gan import Config, Game, Run, Trainer, build_game, load_preset
from minigan.gan.ema import EMA
from minigan.gan.extensions import standard
from minigan.gan.game import Player
from minigan.gan.losses import get_loss
from minigan.gan.penalties import R1

IMAGE = (1, 6, 6)
SMALL = {"generator": {"z_dim": 5, "hidden": [12, 16]}, "discriminator": {"hidden": [16, 12]}}
CPU = mg.device("cpu")


def small(preset, **changes):
    """The game of a preset with small layers and other changes, on a device."""
    settings = load_preset(preset).to_dict()
    for part, values in [*SMALL.items(), *changes.items()]:
        settings[part] |= values
    return lambda device: build_game(Config.from_dict(settings), IMAGE, device)


def dcgan(device):
    """What images are generated with: convolutions, BatchNorm2d, spectral_norm; and a penalty on every other step."""
    mg.manual_seed(0)
    G = nn.Sequential(
        nn.Linear(5, 72), nn.Unflatten(1, (8, 3, 3)), nn.BatchNorm2d(8), nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Tanh(),
    ).to(device)  # fmt: skip
    D = nn.Sequential(
        nn.utils.spectral_norm(nn.Conv2d(1, 4, 4, 2, 1)), nn.LeakyReLU(0.2), nn.Dropout2d(0.2), nn.Flatten(),
        nn.utils.spectral_norm(nn.Linear(36, 1)),
    ).to(device)  # fmt: skip
    players = [
        Player(name, net, mg.optim.Adam(net.parameters(), 1e-3, (0.5, 0.9))) for name, net in (("G", G), ("D", D))
    ]
    return Game(*players, get_loss("non-saturating"), 5, penalty=R1(0.5, 2), ema=EMA(G, 0.9))


GAMES = {
    "default": small("default"),
    "default, R1 on every step": small("default", game={"r1_every": 1}),
    "default, no R1": small("default", game={"r1_gamma": 0.0}),
    "reference": small("reference"),
    "BatchNorm and Dropout": small("default", generator={"batch_norm": True}, discriminator={"dropout": 0.3}),
    "minimax": small("reference", game={"loss": "minimax", "label_smoothing": 0.1}),
    "convolutions": dcgan,
}
every_game = pytest.mark.parametrize("build", GAMES.values(), ids=GAMES.keys())


def batches(count, dtype):
    values = [np.tanh(np.sin(np.arange(8 * 36) * (k + 1.3))) for k in range(count)]
    return [batch.reshape(8, *IMAGE).astype(dtype) for batch in values]


def play(game, real):
    """The reports of a step with each batch."""
    reports = []
    for k, batch in enumerate(real):
        mg.set_step(k)
        reports.append(game.step(batch))
    return reports


@every_game
def test_a_step_makes_nobody_wait(gpu, build):
    game, real = build(gpu.device), [gpu.tensor(batch) for batch in batches(6, np.float32)]
    play(game, real[:2])  # the first steps compile kernels and lay out buffers
    with gpu.no_sync():
        play(game, real[2:])


@every_game
def test_steps_are_those_of_the_cpu(gpu, build):
    games, reports = [], []
    for device, tensor in ((CPU, mg.tensor), (gpu.device, gpu.tensor)):
        game = build(device)
        for network in (game.generator.network, game.discriminator.network, *([game.ema.network] if game.ema else ())):
            network.double()  # Adam makes a step of the rounding errors of a gradient that is 0
        reports.append(
            [[x.item() for x in report] for report in play(game, [tensor(b) for b in batches(5, np.float64)])]
        )
        games.append(game)
    np.testing.assert_allclose(*reports, rtol=1e-9)
    assert_close(*(game.state_dict() for game in games))


def assert_close(found, expected):
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_close(found[key], expected[key])
    elif isinstance(expected, np.ndarray):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)


# ---- runs ------------------------------------------------------------------------------------------------


def trainer_of(config, run, device):
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4), np.uint8)
    loader = Loader(images, None, config.training.batch_size, config.training.seed)
    game = build_game(config, SHAPE, device) if run.checkpoint is None else run.game(device)
    trainer = Trainer(game, loader, config.training.steps, standard(run), device, config.training.log_every)
    trainer.step = 0 if run.checkpoint is None else run.checkpoint["step"]
    return trainer


def test_a_run_on_the_gpu_is_saved_and_goes_on_from_its_checkpoint(gpu, tmp_path):
    """Three of six steps, and then the rest from the file, give what six steps give."""
    ends = []
    for name, stops in (("whole", [6]), ("parts", [3, 6])):
        run = Run.create(tmp_path / name, tiny(steps=6), "minigan train tiny", gpu.device)
        for steps in stops:
            trainer = trainer_of(run.config, run, gpu.device)
            trainer.steps = steps
            trainer.run()
            run = Run.open(tmp_path / name)
        ends.append(run.checkpoint["game"])
        assert run.samples()
    assert_same(*ends)
    assert Run.open(tmp_path / "whole").game(CPU).steps == 6  # and is read where there is no GPU


def test_a_batch_is_the_only_thing_that_a_step_copies_to_the_gpu(gpu, tmp_path):
    trainer = trainer_of(tiny(log_every=50), Run.create(tmp_path / "run", tiny()), gpu.device)
    trainer.extensions, trainer.steps = [], 2
    trainer.run()
    real = mg.as_tensor(trainer.loader.batch(2), device=gpu.device)
    with gpu.no_sync():
        play(trainer.game, [real])
