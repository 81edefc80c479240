"""What the players make of held-out data: when a line is due, and what is in it."""

import json

import numpy as np
import pytest
from tiny_runs import at_step, quick_curves, stop, tiny, trainer_of  # noqa: F401

from minigan.data import Dataset
from minigan.gan import Config, Run
from minigan.gan.extensions import Checkpoints
from minigan.gan.held_out import HeldOut, assess

HELD_OUT = Dataset(np.random.default_rng(7).integers(0, 256, (6, 1, 4, 4), np.uint8), None, "held out")


def config_of(d_steps, steps):
    return Config.from_dict({**tiny(steps=steps, log_every=1000).to_dict(), "game": {"d_steps": d_steps}})


def lines_of(run):
    return [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("d_steps", "every", "epochs"),
    [
        (1, 1, [1, 2, 3, 4]),
        (1, 2, [2, 4]),
        (5, 4, [5, 8, 13, 16, 20]),
        (5, 1, [1, 3, 5, 6, 8, 10, 11, 13, 15, 16, 18, 20]),
    ],
)
def test_a_line_is_due_once_every_so_many_epochs_though_a_step_spans_several(tmp_path, d_steps, every, epochs):
    run = Run.create(tmp_path / "x", config_of(d_steps, 12))
    trainer_of(run.config, None, HeldOut(run, HELD_OUT, every)).run()
    assert [line["epoch"] for line in lines_of(run)] == epochs
    run.close()


@pytest.mark.parametrize("stopped_at", [1, 3, 4, 7])
def test_a_resume_writes_the_lines_that_were_still_to_come(tmp_path, stopped_at):
    lines = {}
    for name, steps in (("whole", []), ("parts", [at_step(stopped_at, stop)])):
        run = Run.create(tmp_path / name, config_of(5, 12))
        trainer_of(run.config, None, HeldOut(run, HELD_OUT, 4), Checkpoints(run), *steps).run()
        run.close()
        if steps:
            run = Run.resume(tmp_path / name)
            trainer = trainer_of(run.config, None, HeldOut(run, HELD_OUT, 4), Checkpoints(run))
            run.restore(trainer)
            trainer.run()
            run.close()
        lines[name] = lines_of(run)
    assert lines["parts"] == lines["whole"]


def test_a_line_has_the_means_over_all_held_out_samples_to_six_digits(tmp_path):
    run = Run.create(tmp_path / "x", config_of(1, 3))
    trainer = trainer_of(run.config, None, HeldOut(run, HELD_OUT))
    trainer.run()
    (line,) = lines_of(run)
    mean = assess(trainer.game, HELD_OUT)["D_x_test"]
    assert line == {"step": 3, "epoch": 1, "D_x_test": float(f"{mean:.6g}")}
    run.close()
