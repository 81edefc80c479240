"""Checkpoints: what they hold, which one is read, and what stands after a training that broke off."""

import errno
import hashlib
import json
import math
import os
import re
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import REAL_CURVES, assert_same, poison, quick_curves, tiny, trained, trainer_of  # noqa: F401

import minigan as mg
from minigan.errors import DivergedError, RunError
from minigan.gan import Config, Run, Trainer

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
    again.recent.load_state_dict(saved["recent"])
    again.step = saved["step"]
    again.run()

    assert again.mean() == whole.mean()
    first, second = (trainer.game.state_dict() for trainer in (whole, again))
    assert_same(first, second)


def test_a_checkpoint_says_where_the_log_stood_and_what_was_not_in_it_yet(tmp_path):
    run = trained(tmp_path / "x", steps=5)
    saved = Run.open(run.path).checkpoint
    log = (run.path / "log.jsonl").read_bytes()
    whole = log[: saved["log_bytes"]].decode().splitlines()
    assert [json.loads(line)["step"] for line in whole] == [2, 4]  # the line that closes the run is left out
    last = json.loads(log.splitlines()[-1])
    assert saved["recent"]["counts"] == dict.fromkeys(("loss_D", "D_x", "D_G_z", "loss_G"), 1)  # step 5
    assert saved["recent"]["sums"]["loss_D"] == pytest.approx(last["loss_D"], rel=1e-5)


def test_a_checkpoint_says_on_what_data_and_where_it_was_made(tmp_path):
    saved = Run.open(trained(tmp_path / "x", steps=5).path).checkpoint
    assert saved["environment"]["numpy"] == np.__version__
    assert {"cpu", "blas_threads", "libraries", "minigan", "python"} <= saved["environment"].keys()
    images = trainer_of(tiny()).loader.images
    data = b"|u1 (12, 1, 4, 4) " + images.tobytes() + b"<f8 (0,) "
    digest = hashlib.sha256(data).hexdigest()
    assert saved["data"] == {"shape": [1, 4, 4], "classes": 0, "batches": 3, "sha256": digest}


# ---- when they are written -------------------------------------------------------------------------------


def noted(run, **training):
    """The steps after which a run of 20 steps, three in an epoch, saves a checkpoint."""
    config = tiny(steps=20, **training)
    run = Run.create(run, config)
    steps, save = [], run.save_checkpoint
    run.save_checkpoint = lambda trainer: steps.append(trainer.step) or save(trainer)
    trainer_of(config, run).run()
    return steps, [path.stem for path in run.checkpoints()]


def test_there_is_one_after_every_epoch_and_at_the_end_and_the_last_two_are_kept(tmp_path):
    steps, kept = noted(tmp_path / "x")
    assert steps == [3, 6, 9, 12, 15, 18, 20]
    assert kept == ["step-00000018", "step-00000020"]


def test_how_many_epochs_lie_between_two_and_how_many_are_kept_can_be_set(tmp_path):
    steps, kept = noted(tmp_path / "x", checkpoint_epochs=2, keep=3)
    assert steps == [6, 12, 18, 20]
    assert kept == ["step-00000012", "step-00000018", "step-00000020"]


def test_there_is_one_whenever_the_last_is_so_many_minutes_old(tmp_path, monkeypatch):
    """A step takes a minute here: the clock goes on by one with each."""
    clock = [0.0]
    monkeypatch.setattr("minigan.gan.extensions.perf_counter", lambda: clock[0])
    monkeypatch.setattr(Trainer, "_make_step", lambda self, make=Trainer._make_step: tick(clock) or make(self))
    steps, _ = noted(tmp_path / "x", checkpoint_epochs=100, checkpoint_minutes=3.0)
    assert steps == [3, 6, 9, 12, 15, 18, 20]
    clock[0] = 0.0
    steps, _ = noted(tmp_path / "y", checkpoint_epochs=2, checkpoint_minutes=4.0)
    assert steps == [4, 6, 10, 12, 16, 18, 20]


def tick(clock):
    clock[0] += 60


def test_log_and_times_are_on_the_disk_before_a_checkpoint_that_tells_of_them(tmp_path, monkeypatch):
    flushed, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (flushed.append(os.readlink(f"/proc/self/fd/{file}")), fsync(file)))
    config = tiny(steps=2)
    run = Run.create(tmp_path / "x", config)
    trainer_of(config, run).run()
    names = [Path(name).name for name in flushed]
    saved = names.index(next(name for name in names if name.startswith(".step-00000002")))
    assert {"log.jsonl", "timing.jsonl"} <= set(names[:saved])


def test_older_ones_are_removed_only_when_the_new_one_is_on_the_disk(tmp_path, monkeypatch):
    calls = []
    fsync, unlink = os.fsync, os.unlink
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append("fsync"), fsync(file)))
    monkeypatch.setattr(os, "unlink", lambda path: (calls.append(f"unlink {Path(path).name}"), unlink(path)))
    config = tiny()
    run = Run.create(tmp_path / "x", config)
    trainer = trainer_of(config, run)
    for trainer.step in (1, 2):
        run.save_checkpoint(trainer)
    calls.clear()
    trainer.step = 3
    run.save_checkpoint(trainer)
    calls = [call for call in calls if not call.endswith(".tmp")]
    saved = ["fsync"] * 5  # the folder, for log, times and scores, which have no lines yet; the file; its folder
    assert calls == [*saved, "unlink step-00000001.safetensors", "fsync"]


# ---- reading them ----------------------------------------------------------------------------------------


FOREIGN = b'{"__metadata__":{"format":"pt"}}'


@pytest.mark.parametrize(
    ("ruin", "reason"),
    [
        (lambda content: content[:-100], r"its arrays take [0-9,]+ bytes, but it has [0-9,]+ for them"),
        (lambda content: b"", "its 0 bytes are fewer than its header needs"),
        (lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:], "was damaged: its content does not"),
        (lambda content: len(FOREIGN).to_bytes(8, "little") + FOREIGN, "was not written by minigan"),
        (lambda content: b"PK\3\4" + content, "are fewer than its header needs"),
    ],
)
def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before_which_is_said(tmp_path, capsys, ruin, reason):
    run = trained(tmp_path / "x")
    before, newest = run.checkpoints()
    newest.write_bytes(ruin(newest.read_bytes()))
    capsys.readouterr()
    assert Run.open(run.path).checkpoint["step"] == 6
    said = capsys.readouterr().err
    assert re.search(rf"{newest}.*{reason}.* The newest whole checkpoint of {run.path} is {before}\.\n$", said)
    assert said.count("\n") == 1


def test_a_tree_without_a_game_is_no_checkpoint(tmp_path, capsys):
    run = trained(tmp_path / "x")
    mg.save({"step": 9}, run.path / "checkpoints/step-00000009.safetensors")
    assert Run.open(run.path).checkpoint["step"] == 7
    assert "step-00000009.safetensors is no checkpoint of a run. The newest whole" in capsys.readouterr().err


@pytest.mark.parametrize("step", [None, "7", 7.0, True, np.arange(3)])
def test_a_step_that_is_no_number_of_steps_is_damage_too(tmp_path, step):
    run = trained(tmp_path / "x")
    _, newest = run.checkpoints()
    mg.save({**mg.load(newest), "step": step}, newest)
    assert Run.open(run.path).checkpoint["step"] == 6


def test_a_checkpoint_that_is_removed_while_one_looks_at_it_is_none(tmp_path, monkeypatch, capsys):
    """As a training that goes on does: by then there are newer ones."""
    run = trained(tmp_path / "x", keep=1)
    run_too = trained(tmp_path / "y", steps=10, keep=1)
    listed = Run.checkpoints

    def then_saved(self):
        found = listed(self)
        monkeypatch.setattr(Run, "checkpoints", listed)
        found[0].unlink()
        shutil.copy(run_too.checkpoints()[0], found[0].parent)
        return found

    capsys.readouterr()
    monkeypatch.setattr(Run, "checkpoints", then_saved)
    assert Run.open(run.path).checkpoint["step"] == 10
    assert capsys.readouterr().err == ""


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
        f"{tmp_path / 'x'} is a run without a checkpoint: it was stopped before the first was saved. Go on with it: "
        f"minigan train --resume {tmp_path / 'x'}"
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
        lambda saved: saved.pop("data"),
        lambda saved: saved["data"].pop("shape"),
        lambda saved: saved["data"].update(shape=[-1, -4, 4]),
        lambda saved: saved["data"].update(shape=[1, 4, 10**30]),
        lambda saved: saved["data"].update(batches=0),
        lambda saved: saved["data"].update(classes="many"),
        lambda saved: saved["game"].update(steps=2),
        lambda saved: saved.update(log_bytes=-1),
        lambda saved: saved.pop("log_bytes"),
        lambda saved: saved.update(game={}),
        lambda saved: saved.update(game=None),
        lambda saved: saved["game"].update(ema=None),
        lambda saved: saved["game"]["ema"].pop("updates"),
        lambda saved: saved["game"].update(steps=None),
        lambda saved: saved["game"]["generator"]["optimizer"].update(state=3),
        lambda saved: saved["game"]["generator"]["network"].popitem(),
        lambda saved: saved["config"]["generator"].update(hidden=[9]),
        lambda saved: saved["config"]["generator"].update(hidden=[10**9]),
        lambda saved: saved["config"]["generator"].update(hidden=[8] * 10**5),
        lambda saved: saved["config"]["generator"].update(z_dim=10**9),
        lambda saved: saved["config"]["discriminator"].update(network="maxout", pieces=10**9),
        lambda saved: saved["config"]["game"].update(pack=10**9),
        lambda saved: (saved["config"]["game"].update(task="conditional"), saved["data"].update(classes=10**9)),
        lambda saved: saved["data"].update(shape=[1, 10**9, 10**9]),
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
    assert str(error.value).startswith(
        f"{path} is a checkpoint of another kind or version; use the version of minigan that wrote it, or train again."
    )


def test_what_does_not_fit_is_said_in_one_line_whatever_a_stranger_called_it(tmp_path):
    run = trained(tmp_path / "x", steps=1)
    (path,) = run.checkpoints()
    saved = mg.load(path)
    network = saved["game"]["generator"]["network"]
    network["evil\x1b[2J\n"] = network.pop("0.bias")
    mg.save(saved, path)
    with pytest.raises(RunError) as error:
        Run.open(run.path).game()
    _, _, reason = str(error.value).partition(" or train again. What does not fit: ")
    assert "evil" in reason
    assert reason.isprintable()
    assert "strict=False" not in reason  # advice for whoever loads a state in a program


def test_settings_that_ask_for_more_than_the_file_holds_take_no_memory(tmp_path):
    """3 numbers of input and 10^8 of output would take 1.2 GB, which this machine may well have."""
    run = trained(tmp_path / "x", steps=1)
    (path,) = run.checkpoints()
    saved = mg.load(path)
    saved["config"]["generator"]["hidden"] = [10**8]
    mg.save(saved, path)
    tracemalloc.start()
    with pytest.raises(RunError, match="of another kind or version"):
        Run.open(run.path).game()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


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


def test_a_run_that_diverged_has_its_curves(tmp_path, monkeypatch):
    monkeypatch.setattr("minigan.gan.extensions.curves", REAL_CURVES)
    config = tiny()
    run = Run.create(tmp_path / "x", config)
    with pytest.raises(DivergedError):
        trainer_of(config, run, poison(5)).run()
    assert (run.path / "curves.png").read_bytes()[1:4] == b"PNG"
