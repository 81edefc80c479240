"""``minigan train``: what it says, what it trains on, how it is stopped and how it goes on."""

import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import ENVIRONMENT, SMALL_IMAGES, TINY, done, files, typed
from PIL import Image
from tiny_runs import assert_same

import minigan as mg
from minigan.cli import main
from minigan.commands import rehearsal
from minigan.commands.announcement import duration
from minigan.gan import Config, DataFacts, Game
from minigan.gan.record import read_config

# ---- what it says ----------------------------------------------------------------------------------------


def announced(out):
    return dict(line.split(maxsplit=1) for line in out.partition("\n\n")[0].splitlines())


def test_train_says_what_it_trains_on_what_for_how_long_and_where_to(here, capfd):
    lines = announced(done(capfd, "train", "--epochs", "2", *SMALL_IMAGES))
    assert lines["train"].startswith("default: ")
    assert lines["data"] == f"{here}/../data, train split: 12 images of 6 x 5 pixels, 3 classes"
    G, D = 16 * 8 + 8 + 2 * 8 + 8 * 30 + 30, 30 * 8 + 8 + 8 + 1  # each has two Linears, and G a BatchNorm
    assert lines["networks"] == f"G with {G:,} parameters, D with {D}"
    assert re.fullmatch(r"(cpu|cuda:0) \(.+\)", lines["device"])
    assert lines["length"] == "6 steps of 4 images (2 epochs)"
    assert re.match(r"(about |\d+ to )\d+ s on this machine", lines["time"])
    assert lines["writes"] == "runs/default/"
    assert {"task", "from"} & set(lines) == set()


def test_points_are_called_points(here, capfd):
    lines = announced(done(capfd, "train", "ring", "--steps", "1", "--set", "data.count=64", *TINY))
    assert lines["data"] == "ring, train split: 64 points of 2 numbers, 8 classes"
    assert lines["length"] == "1 steps of 4 points (0.0625 epochs)"


@pytest.mark.parametrize(
    ("settings", "label", "text"),
    [
        (["game.task=conditional"], "task", "G and D are told the label: G draws what it is asked for"),
        (["game.task=semi-supervised", "game.labelled=6"], "task", "D learns to classify from 6 labels"),
        (["game.d_steps=3"], "length", "2 steps of 3 batches of 4 images (2 epochs)"),
    ],
)
def test_a_game_of_another_kind_is_told_as_one(here, capfd, settings, label, text):
    sets = [word for setting in settings for word in ("--set", setting)]
    assert announced(done(capfd, "train", "--steps", "2", *SMALL_IMAGES, *sets))[label] == text


def test_at_the_end_train_says_where_to_look(here, capfd):
    out = done(capfd, "train", "--epochs", "2", *SMALL_IMAGES)
    assert "Done: 6 steps." in out
    for name in ("samples/epoch-002.png", "samples.gif", "curves.png"):
        assert f"runs/default/{name} " in out
        assert (here / "runs/default" / name).is_file()


def test_at_the_end_train_names_nothing_that_is_not_there(here, capfd):
    out = done(capfd, "train", "--epochs", "1", *SMALL_IMAGES)  # of one picture there is no film
    named = re.findall(r"^  (runs/\S+)  ", out, re.M)
    assert len(named) == 2
    assert all(Path(name).is_file() for name in named)


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (0.2, 0.2, "about 1 s"),
        (42, 42, "about 42 s"),
        (293, 293, "about 4.9 minutes"),
        (280, 300, "about 5 minutes"),
        (9000, 9000, "about 2.5 hours"),
        (432000, 432000, "about 120 hours"),
        (20, 40, "20 to 40 s"),
        (240, 600, "4 to 10 minutes"),
        (60, 600, "60 s to 10 minutes"),
    ],
)
def test_times_are_told_in_round_numbers_and_as_a_range_where_they_vary(least, most, words):
    assert duration(least, most) == words


def counted(monkeypatch):
    played = []
    play = Game.step
    monkeypatch.setattr(Game, "step", lambda game, *real: played.append(len(real[0].images)) or play(game, *real))
    return played


@pytest.mark.parametrize(("every", "steps"), [(1, 4), (3, 6), (4, 4), (16, 16), (1000, 16)])
def test_the_time_is_measured_over_whole_periods_of_the_penalty(every, steps, monkeypatch):
    played = counted(monkeypatch)
    players = {"generator": {"hidden": [8]}, "discriminator": {"hidden": [8]}}
    config = Config.from_dict({**players, "game": {"r1_gamma": 1.0, "penalty_every": every}})
    loader = mg.data.Loader(np.zeros((5, 2, 2), np.uint8), batch_size=2, drop_last=False)
    found = rehearsal.rehearse(config, DataFacts.of(loader, config), loader, mg.device("cpu"))
    assert 0 < found.fastest <= found.slowest
    assert played[:2] == [2, 1]  # what does not fit shows first: a whole batch, and the last one
    # each kind of step as written, and recorded, and then timed
    assert len(played) == 2 + (2 + rehearsal.ROUNDS) * steps


def test_steps_that_cannot_be_captured_are_told_in_one_line(tmp_path, monkeypatch, capsys):
    seen = Game.seen
    monkeypatch.setattr(Game, "seen", lambda game, batch: batch.images.sum().item() and seen(game, batch))
    assert main(["train", "ring", "--steps", "5", "--batch-size", "16", "--out", str(tmp_path / "run")]) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "captured" in line]
    (line,) = told
    assert re.match(r"minigan: Steps are played as written, not captured: found the value of a tensor", line)


@pytest.mark.parametrize(
    ("most", "advice"), [(40, "one of 32 fits: --batch-size 32."), (0, "no smaller one fits, either.")]
)
def test_a_batch_that_takes_too_much_memory_is_told_with_one_that_fits(most, advice, tmp_path, monkeypatch, capsys):
    play = Game.step

    def step(game, *real):
        if len(real[0].images) > most:
            raise MemoryError("Out of memory allocating 18,253,611,008 bytes")
        return play(game, *real)

    monkeypatch.setattr(Game, "step", step)
    found = main(["train", "--batch-size", "128", "--steps", "2", "--out", str(tmp_path / "run")])
    said = capsys.readouterr().err
    assert (found, said) == (2, f"minigan: A step on a batch of 128 takes more memory than cpu has left; {advice}\n")
    assert not (tmp_path / "run").exists()


# ---- what it trains on -----------------------------------------------------------------------------------


def pictures(folder):
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for i in range(4):
            pixels = np.random.default_rng(i).integers(0, 256, (9, 7 + i, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def arrays(path):
    images = np.random.default_rng(0).integers(0, 256, (8, 6, 6), np.uint8)
    np.savez(path, images=images, labels=np.arange(8) % 2) if path.suffix == ".npz" else np.save(path, images)
    return path


@pytest.mark.parametrize(
    ("source", "settings", "shape"),
    [
        (lambda: "ring", ["data.count=40", "generator.output=linear"], (2,)),
        (lambda: "grid", ["data.count=40", "generator.output=linear"], (2,)),
        (lambda: "spiral", ["data.count=40", "generator.output=linear"], (2,)),
        (lambda: "mixture-1d", ["data.count=40", "generator.output=linear"], (1,)),
        (lambda: arrays(Path("x.npy")), [], (1, 6, 6)),
        (lambda: arrays(Path("x.npz")), [], (1, 6, 6)),
        (lambda: pictures(Path("pets")), ["data.size=8"], (3, 8, 8)),
        (lambda: pictures(Path("pets")), ["data.size=8", "data.channels=1"], (1, 8, 8)),
    ],
)
def test_any_data_can_be_trained_on_and_sampled(here, capfd, source, settings, shape):
    sets = [word for setting in settings for word in ("--set", setting)]
    done(capfd, "train", "--data", source(), "--epochs", "1", "--out", "run", *TINY, *sets)
    done(capfd, "sample", "run", "-n", "3", "--out", "x.npy")
    assert np.load("x.npy").shape == (3, *shape)
    done(capfd, "sample", "run", "--out", "x.png")
    with Image.open("run/samples/epoch-001.png") as after_epoch, Image.open("x.png") as drawn:
        np.testing.assert_array_equal(np.asarray(after_epoch), np.asarray(drawn))  # same z, same axes


def test_held_out_data_are_looked_at_when_the_settings_say_so(here, capfd):
    done(capfd, "train", "--steps", "1", "--out", "x", *TINY, "--set", "training.evaluate_every=1",
         "--set", "data.limit=4")  # fmt: skip
    assert '"D_x_test": ' in Path("x/log.jsonl").read_text()


# ---- folders and settings --------------------------------------------------------------------------------


def test_every_run_gets_a_folder_of_its_own(run, here):
    assert main(["train", "--steps", "1", *SMALL_IMAGES]) == 0
    assert sorted(path.name for path in (here / "runs").iterdir()) == ["default", "default-2"]


def test_a_config_toml_repeats_its_run(run):
    assert main(["train", "runs/default/config.toml", "--out", "again"]) == 0
    assert Path("again/log.jsonl").read_bytes() == (run / "log.jsonl").read_bytes()


def test_options_are_kept_in_config_toml(here):
    options = ["--steps", "2", "--seed", "7", "--set", "game.label_smoothing=0.1", "--set", "training.log_every=1"]
    assert main(["train", "reference", "--out", "x", *options, *SMALL_IMAGES]) == 0
    config = read_config("x/config.toml")
    assert (config.name, config.training.steps, config.training.seed) == ("reference", 2, 7)
    assert (config.game.label_smoothing, config.training.batch_size, config.generator.hidden) == (0.1, 4, (8,))
    assert Path(config.data.source).is_absolute()  # so that the run can be repeated from another folder
    assert "train reference --out x --steps 2 --seed 7" in Path("x/config.toml").read_text()


@pytest.mark.parametrize(("d_steps", "epochs", "steps"), [(1, 2, 6), (2, 2, 3), (3, 2, 2), (5, 2, 2)])
def test_epochs_are_counted_in_batches_however_many_a_step_takes(here, d_steps, epochs, steps):
    """Three batches are an epoch; a part of a step is a step."""
    argv = ["train", "--epochs", str(epochs), "--out", "x", *SMALL_IMAGES, "--set", f"game.d_steps={d_steps}"]
    assert main(argv) == 0
    assert read_config("x/config.toml").training.steps == steps


# ---- stopped, and going on -------------------------------------------------------------------------------


def assert_same_run(first, second):
    """Networks, optimizers, average and log, to the bit."""
    first, second = Path(first), Path(second)
    assert (first / "log.jsonl").read_bytes() == (second / "log.jsonl").read_bytes()
    a, b = (mg.load(sorted((run / "checkpoints").iterdir())[-1]) for run in (first, second))
    assert_same(*({name: saved[name] for name in ("step", "game", "recent", "log_bytes")} for saved in (a, b)))
    assert a["game"].keys() == {"steps", "generator", "discriminator", "ema"}


def test_a_run_goes_on_to_more_steps_as_if_it_had_never_stopped(here, capfd):
    done(capfd, "train", "--steps", "9", "--out", "whole", *SMALL_IMAGES)
    done(capfd, "train", "--steps", "4", "--out", "parts", *SMALL_IMAGES)
    lines = announced(done(capfd, "train", "--resume", "parts", "--steps", "9", "--allow-changes"))
    assert lines["from"] == "step 4, which is saved in parts/checkpoints/step-00000004.safetensors"
    assert lines["length"] == "9 steps of 4 images (3 epochs)"
    assert_same_run("whole", "parts")


def test_a_run_that_goes_on_with_another_seed_keeps_it_when_it_is_stopped_and_gone_on_with(here, capfd):
    for name in ("whole", "parts"):
        done(capfd, "train", "--steps", "4", "--out", name, *SMALL_IMAGES, "--set", "training.log_every=1")
    done(capfd, "train", "--resume", "whole", "--steps", "9", "--seed", "5", "--allow-changes")
    done(capfd, "train", "--resume", "parts", "--steps", "6", "--seed", "5", "--allow-changes")
    done(capfd, "train", "--resume", "parts", "--steps", "9", "--allow-changes")
    assert_same_run("whole", "parts")


@pytest.mark.parametrize("how", ["data", "set", "toml"])
def test_a_run_finds_its_data_wherever_the_next_command_is_typed(here, capfd, monkeypatch, how):
    np.save("x.npy", np.zeros((8, 6, 6), np.uint8))
    Path("mine.toml").write_text('data.source = "x.npy"')
    named = {"data": ["--data", "x.npy"], "set": ["--set", "data.source=x.npy"], "toml": ["mine.toml"]}[how]
    done(capfd, "train", *named, "--steps", "1", "--out", "run", *TINY)
    Path("sub").mkdir()
    monkeypatch.chdir("sub")
    assert "Done: 2 steps." in done(capfd, "train", "--resume", "../run", "--steps", "2", "--allow-changes")
    np.save("y.npy", np.ones((8, 6, 6), np.uint8))
    done(capfd, "train", "--resume", "../run", "--steps", "3", "--set", "data.source=y.npy", "--allow-changes")
    monkeypatch.chdir(here)
    assert "Done: 4 steps." in done(capfd, "train", "--resume", "run", "--steps", "4", "--allow-changes")


@pytest.mark.parametrize("options", [["--epochs", "2"], ["--set", "training.steps=6"]])
def test_more_of_a_run_can_be_asked_for_in_any_way(here, capfd, options):
    done(capfd, "train", "--steps", "4", "--out", "x", *SMALL_IMAGES)
    assert "Done: 6 steps." in done(capfd, "train", "--resume", "x", "--allow-changes", *options)


def test_a_run_that_is_complete_is_left_as_it_is(run, here, capfd):
    before = files(here)
    out = done(capfd, "train", "--resume", "runs/default")
    assert out == "runs/default is complete: all 3 steps are made. For more: --steps N --allow-changes.\n"
    assert files(here) == before


def test_new_settings_for_a_run_that_is_complete_are_refused_as_they_would_change_nothing(run, here, capfd):
    before = files(here)
    argv = ["train", "--resume", "runs/default", "--set", "generator.lr=1e-5", "--allow-changes"]
    assert main(argv) == 2
    assert capfd.readouterr().err == (
        "minigan: runs/default is complete: all 3 steps are made, so nothing would be trained with the new settings "
        "(generator.lr was 0.0032, is 1e-05); add more steps: --steps N.\n"
    )
    assert files(here) == before


# Whoever runs the tests by nohup has switched SIGHUP off for all that they start.
LISTENING = (
    "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
    "from minigan.cli import main; sys.exit(main(sys.argv[1:]))"
)


def stopped(number, *argv):
    """The exit code and the words of a training that gets this signal when it has written a line of its log."""
    command = [sys.executable, "-c", LISTENING, "train", "--set", "training.log_every=5", *argv]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT)
    deadline = time.monotonic() + 60
    while not Path("runs/default/log.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()  # it would train for ever
    return process.returncode, out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_training_that_is_stopped_saves_and_says_how_to_go_on(here, number, code):
    returncode, out = stopped(number, "--steps", "10000000", *SMALL_IMAGES)
    assert returncode == code
    said = re.search(r"Stopped after step ([\d,]+) of 10,000,000, which is saved in (\S+)\.\n", out)
    step = int(said[1].replace(",", ""))
    assert Path(said[2]).name == f"step-{step:08d}.safetensors"
    assert mg.load(said[2])["step"] == step
    command = shlex.split(re.search(r"\nGo on with\n  minigan (.+)\n", out)[1])
    again = typed(*command, "--steps", str(step + 3), "--allow-changes")
    assert (again.returncode, announced(again.stdout)["from"].split(",")[0]) == (0, f"step {step:,}".split(",")[0])
    assert f"Done: {step + 3:,} steps." in again.stdout
