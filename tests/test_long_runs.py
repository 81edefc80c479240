"""Memory and time stay flat over a long run, with everything that is done besides playing."""

import gc
import os
import sys

import numpy as np
import pytest
from tiny_runs import at_step, quick_curves, tiny  # noqa: F401

from minigan.data import Loader
from minigan.gan import Run, Trainer, build_game, journal
from minigan.gan.extensions import standard


def long_run(out, steps, *more):
    """50 steps in an epoch, a line of the log for every 5, a checkpoint for every 250."""
    config = tiny(steps=steps, log_every=5, checkpoint_epochs=5)
    run = Run.create(out, config)
    images = np.random.default_rng(0).integers(0, 256, (200, 4, 4), np.uint8)
    game = build_game(config, (1, 4, 4), "cpu")
    loader = Loader(images, None, config.training.batch_size)
    Trainer(game, loader, steps, [*standard(run), *more], log_every=5).run()
    run.close()
    return run


@pytest.mark.slow
def test_two_thousand_steps_with_all_extensions_take_no_more_memory_than_five_hundred(tmp_path):
    blocks, pages = {}, {}

    def measure(trainer):
        gc.collect()
        blocks[trainer.step] = sys.getallocatedblocks()
        with open("/proc/self/statm") as file:
            pages[trainer.step] = int(file.read().split()[1])

    long_run(tmp_path / "x", 2000, at_step(520, measure), at_step(1970, measure))
    assert blocks[1970] - blocks[520] < 500  # a number kept of every step would be 1,450
    assert (pages[1970] - pages[520]) * os.sysconf("SC_PAGE_SIZE") < 1 << 20


def test_the_log_is_read_once_at_the_start_and_once_at_the_end(tmp_path, monkeypatch):
    """Reading it again and again while it grows would take a time that grows with its square."""
    read, lines = [], journal.lines
    monkeypatch.setattr(journal, "lines", lambda path: (read.append(path.name), lines(path))[1])
    run = long_run(tmp_path / "x", 200)
    assert read == ["timing.jsonl", "log.jsonl"]
    assert len(run.log()) == 40
