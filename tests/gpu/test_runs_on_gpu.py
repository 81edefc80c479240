"""A run on a GPU: it is saved, goes on from its checkpoint, and is read where there is no GPU."""

import numpy as np
from tiny_runs import CPU, SHAPE, assert_same, at_step, quick_curves, stop, tiny  # noqa: F401

import minigan as mg
from minigan.data import Loader
from minigan.gan import Run, Trainer, build_game
from minigan.gan.extensions import standard


def trainer_of(config, device, *extensions, images=12):
    images = np.random.default_rng(0).integers(0, 256, (images, 4, 4), np.uint8)
    loader = Loader(images, None, config.training.batch_size, config.training.seed)
    game = build_game(config, SHAPE, device)
    return Trainer(game, loader, config.training.steps, extensions, log_every=config.training.log_every)


def test_a_run_is_saved_and_goes_on_from_its_checkpoint(gpu, tmp_path):
    """Four of seven steps, and then the rest from the file, give what seven steps give."""
    for name, extensions in (("whole", []), ("parts", [at_step(4, stop)])):
        run = Run.create(tmp_path / name, tiny(), "minigan train tiny", gpu.device)
        trainer_of(run.config, gpu.device, *standard(run), *extensions).run()
        run.close()
    rest = Run.resume(tmp_path / "parts", device=gpu.device)
    trainer = trainer_of(rest.config, gpu.device, *standard(rest))
    rest.restore(trainer)
    assert trainer.step == 4
    trainer.run()
    rest.close()
    whole, parts = (Run.open(tmp_path / name) for name in ("whole", "parts"))
    assert whole.checkpoint["step"] == 7
    assert_same(parts.checkpoint["game"], whole.checkpoint["game"])
    assert parts.log() == whole.log()
    assert [path.read_bytes() for path in parts.samples()] == [path.read_bytes() for path in whole.samples()]
    assert whole.samples()
    assert_same(whole.game(CPU).sampler.state_dict(), whole.checkpoint["game"]["ema"]["network"])


def test_between_two_lines_of_the_log_the_trainer_waits_for_nothing_but_its_batches(gpu):
    forbidden = gpu.no_sync()
    begin = at_step(3, lambda _: forbidden.__enter__())
    end = at_step(11, lambda _: forbidden.__exit__(None, None, None))
    trainer = trainer_of(tiny(steps=12, log_every=50), gpu.device, begin, end, images=48)
    batch = mg.as_tensor(trainer.loader.batch(0), device=gpu.device)
    trainer.loader.batch = lambda number: batch
    trainer.run()
    assert trainer.step == 12
