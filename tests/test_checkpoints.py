"""Checkpoints: what they hold, which one is read, and what stands after a training that broke off."""

import errno
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import assert_same, poison, tiny, trained, trainer_of

import minigan as mg
from minigan.errors import DivergedError, RunError
from minigan.gan import Config, Run, Values

# ---- checkpoints -----------------------------------------------------------------------------------------


def test_a_checkpoint_holds_all_that_going_on_needs(tmp_path):
    """Training from it gives the same reports and the same bits as training that was never interrupted."""
    whole = trainer_of(tiny(steps=9))
    whole.run()

    saved = Run.open(trained(tmp_path / "x", steps=5).path).checkpoint
    config = Config.from_dict(saved["config"])
    again = trainer_of(config)
    again.steps = 9
    again.game.load_state_dict(saved["game"])
    again.step, again.recent = saved["step"], [Values(*row) for row in saved["recent"]]
    again.run()

    assert again.recent == whole.recent
    first, second = (trainer.game.state_dict() for trainer in (whole, again))
    assert_same(first, second)


def test_a_checkpoint_says_where_the_log_stood_and_what_was_not_in_it_yet(tmp_path):
    run = trained(tmp_path / "x", steps=5)
    saved = Run.open(run.path).checkpoint
    log = (run.path / "log.jsonl").read_bytes()
    whole = log[: saved["log_bytes"]].decode().splitlines()
    assert [json.loads(line)["step"] for line in whole] == [2, 4]  # the line that closes the run is left out
    last = json.loads(log.splitlines()[-1])
    assert len(saved["recent"]) == 1  # step 5
    assert saved["recent"][0][0] == pytest.approx(last["loss_D"], rel=1e-5)


def test_two_checkpoints_are_kept(tmp_path):
    run = trained(tmp_path / "x", steps=20)
    assert [path.stem for path in run.checkpoints()] == ["step-00000018", "step-00000020"]


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(tmp_path):
    run = trained(tmp_path / "x")
    newest = run.checkpoints()[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    assert Run.open(run.path).checkpoint["step"] == 6


def test_a_run_whose_checkpoints_are_all_damaged_says_so(tmp_path):
    run = trained(tmp_path / "x")
    for path in run.checkpoints():
        path.write_bytes(b"")
    with pytest.raises(RunError, match=r"x holds no whole checkpoint: Cannot read .*step-00000007\.safetensors"):
        Run.open(run.path)


def test_a_run_without_a_checkpoint_says_so(tmp_path):
    Run.create(tmp_path / "x", tiny())
    with pytest.raises(RunError) as error:
        Run.open(tmp_path / "x")
    assert str(error.value) == (
        f"{tmp_path / 'x'} is a run without a checkpoint: it was stopped before the first was saved. Train again."
    )


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "holds no config.toml"),
        (lambda path: path.write_text("hello"), "is a file"),
    ],
)
def test_what_is_no_run_is_not_opened(tmp_path, make, what):
    path = tmp_path / "x"
    make(path)
    with pytest.raises(RunError) as error:
        Run.open(path)
    assert str(error.value) == f"{path} {what}; expected the folder of a run, such as runs/default."


@pytest.mark.parametrize(
    "change",
    [
        lambda saved: saved.pop("config"),
        lambda saved: saved.update(config=3),
        lambda saved: saved.pop("image_shape"),
        lambda saved: saved.update(image_shape=[16]),
        lambda saved: saved.update(image_shape=[-1, -4, 4]),
        lambda saved: saved.update(image_shape=[1, 4, 10**30]),
        lambda saved: saved.update(game={}),
        lambda saved: saved.update(game=None),
        lambda saved: saved["game"].update(ema=None),
        lambda saved: saved["game"]["ema"].pop("updates"),
        lambda saved: saved["game"].update(steps=None),
        lambda saved: saved["game"]["generator"]["optimizer"].update(state=3),
        lambda saved: saved["game"]["generator"]["network"].popitem(),
        lambda saved: saved["config"]["generator"].update(hidden=[9]),
    ],
)
def test_a_checkpoint_of_another_structure_is_said_to_be_one(tmp_path, change):
    run = trained(tmp_path / "x", steps=1)
    (path,) = run.checkpoints()
    saved = mg.load(path)
    change(saved)
    mg.save(saved, path)
    with pytest.raises(RunError) as error:
        Run.open(run.path).game()
    assert str(error.value) == (
        f"{path} is a checkpoint of another kind or version; use the version of minigan that wrote it, or train again."
    )


def test_weights_that_are_no_numbers_are_not_sampled_from(tmp_path):
    run = trained(tmp_path / "x", steps=1)
    (path,) = run.checkpoints()
    saved = mg.load(path)
    saved["game"]["ema"]["network"]["0.bias"][3] = np.nan
    mg.save(saved, path)
    with pytest.raises(RunError, match=r"holds a NaN or an infinity in 0\.bias of the generator; train again"):
        Run.open(run.path).game()


def test_the_game_of_an_opened_run_is_the_one_that_was_saved(tmp_path):
    run = trained(tmp_path / "x", steps=5)
    mg.save(Run.open(run.path).game().state_dict(), tmp_path / "again")
    assert_same(mg.load(tmp_path / "again"), mg.load(run.checkpoints()[-1])["game"])


@pytest.mark.parametrize("name", ["checkpoints", "checkpoints/step-00000001.safetensors"])
def test_what_may_not_be_read_is_not_said_to_be_missing(tmp_path, monkeypatch, name):
    run = trained(tmp_path / "x", steps=1)

    def denied(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(run.path / name))

    if name == "checkpoints":
        monkeypatch.setattr(Path, "iterdir", denied)
    else:
        monkeypatch.setattr("builtins.open", denied)
    with pytest.raises(RunError, match=rf"Cannot read .*{name}.* ?Permission denied"):
        Run.open(run.path)


# ---- divergence ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_after_a_divergence_the_last_good_checkpoint_stands_and_nothing_newer(tmp_path, network):
    config = tiny(steps=60)
    run = Run.create(tmp_path / "x", config)
    with pytest.raises(DivergedError) as error:
        trainer_of(config, run, poison(7, network)).run()
    good = run.path / "checkpoints/step-00000006.safetensors"
    assert f"at step 8: the loss of the discriminator (loss_D) is nan. The last good checkpoint is {good};" in str(
        error.value
    )
    assert run.checkpoints()[-1] == good
    assert Run.open(run.path).checkpoint["step"] == 6
    assert [path.stem for path in run.samples()] == ["epoch-001", "epoch-002"]
    assert all(math.isfinite(value) for line in run.log() for value in line.values())


def test_a_ruined_network_is_not_saved_though_no_loss_has_shown_it_yet(tmp_path):
    config = tiny()
    run = Run.create(tmp_path / "x", config)
    with pytest.raises(DivergedError, match="by step 6: the generator holds a NaN"):
        trainer_of(config, run, poison(6)).run()
    assert [path.stem for path in run.checkpoints()] == ["step-00000003"]


def test_a_run_that_diverged_has_its_curves(tmp_path):
    config = tiny()
    run = Run.create(tmp_path / "x", config)
    with pytest.raises(DivergedError):
        trainer_of(config, run, poison(5)).run()
    assert (run.path / "curves.png").read_bytes()[1:4] == b"PNG"
