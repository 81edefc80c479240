"""The command line, as a person types it: what works."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import ENVIRONMENT, TINY, typed
from PIL import Image

import minigan
import minigan.cli
from minigan.cli import main
from minigan.gan import draw_z, preset_names

# ---- what a newcomer does --------------------------------------------------------------------------------


def test_a_newcomer_trains_and_then_types_what_the_last_line_says(here):
    trained = typed("train", "--data", "../data", "--epochs", "2", *TINY)
    assert (trained.returncode, trained.stderr.count("epoch ")) == (0, 2)
    command = trained.stdout.splitlines()[-1].split()
    assert command[:3] == ["minigan", "sample", "runs/default"]
    drawn = typed(*command[1:])
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert drawn.stdout == "Wrote grid.png: 64 images by runs/default as it was after step 6.\n"
    with Image.open("grid.png") as image:
        assert image.size == (2 * (1 + 8 * 6), 2 * (1 + 8 * 7))


def test_train_says_what_it_trains_on_what_for_how_long_and_where_to(here, capfd):
    assert main(["train", "--data", "../data", "--epochs", "2", *TINY]) == 0
    out = capfd.readouterr().out
    lines = dict(line.split(maxsplit=1) for line in out.splitlines()[:7])
    assert lines["train"].startswith("default: ")
    assert lines["data"] == f"{here}/../data, train split: 12 images of 6 x 5 pixels"
    G, D = 100 * 8 + 8 + 8 * 30 + 30, 30 * 8 + 8 + 8 + 1  # each has two Linears
    assert lines["networks"] == f"G with {G:,} parameters, D with {D}"
    assert re.fullmatch(r"(cpu|cuda:0) \(.+\)", lines["device"])
    assert lines["length"] == "6 steps of 4 images (2 epochs)"
    assert re.match(r"about \d+ s on this machine", lines["time"])
    assert lines["writes"] == "runs/default/"


def test_at_the_end_train_says_where_to_look(here, capfd):
    main(["train", "--data", "../data", "--epochs", "1", *TINY])
    out = capfd.readouterr().out
    assert "Done: 3 steps." in out
    for name in ("samples/epoch-001.png", "samples.gif", "curves.png"):
        assert f"runs/default/{name} " in out
        assert (here / "runs/default" / name).is_file()


def test_every_run_gets_a_folder_of_its_own(run, here):
    assert main(["train", "--data", "../data", "--steps", "1", *TINY]) == 0
    assert sorted(path.name for path in (here / "runs").iterdir()) == ["default", "default-2"]


def test_a_config_toml_repeats_its_run(run):
    assert main(["train", "runs/default/config.toml", "--out", "again"]) == 0
    assert Path("again/log.jsonl").read_bytes() == (run / "log.jsonl").read_bytes()


def test_options_are_kept_in_config_toml(here):
    options = ["--steps", "2", "--seed", "7", "--set", "game.label_smoothing=0.1", "--set", "training.log_every=1"]
    assert main(["train", "reference", "--data", "../data", "--out", "x", *options, *TINY]) == 0
    config = minigan.gan.run.read_config("x/config.toml")
    assert (config.name, config.training.steps, config.training.seed) == ("reference", 2, 7)
    assert (config.game.label_smoothing, config.training.batch_size, config.generator.hidden) == (0.1, 4, (8,))
    assert Path(config.data.source).is_absolute()  # so that the run can be repeated from another folder
    assert "train reference --data ../data --out x" in Path("x/config.toml").read_text()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "about 1 s"),
        (42, "about 42 s"),
        (293, "about 4.9 minutes"),
        (300, "about 5 minutes"),
        (9000, "about 2.5 hours"),
        (432000, "about 120 hours"),
    ],
)
def test_times_are_told_in_round_numbers(seconds, words):
    assert minigan.cli._about(seconds) == words


# ---- sample ----------------------------------------------------------------------------------------------


def test_sample_writes_the_numbers_that_the_average_of_G_gives(run):
    assert main(["sample", "runs/default", "-n", "5", "--seed", "3", "--out", "x.npy"]) == 0
    images = np.load("x.npy")
    assert (images.dtype, images.shape) == (np.float32, (5, 1, 6, 5))
    saved = minigan.gan.Run.open(run).checkpoint
    game = minigan.gan.build_game(minigan.gan.Config.from_dict(saved["config"]), (1, 6, 5), minigan.device("cpu"))
    game.ema.load_state_dict(saved["game"]["ema"])
    with minigan.no_grad():
        expected = game.ema.network(draw_z(5, 100, 3, minigan.device("cpu"))).numpy()
    np.testing.assert_array_equal(images, expected)
    assert np.abs(images).max() <= 1


def test_the_same_seed_draws_the_same_picture_and_another_seed_another(run):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert main(["sample", "runs/default", "--seed", str(seed), "--out", f"{name}.png"]) == 0
    a, b, c = (Path(f"{name}.png").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_a_run_can_be_sampled_after_its_data_are_gone(run, here):
    for path in (here.parent / "data").iterdir():
        path.unlink()
    assert main(["sample", "runs/default", "--out", "x.png"]) == 0


# ---- help ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands_and_where_to_start(argv, capsys):
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("train", "sample", "info", "minigan train --help"))


def test_the_help_of_train_lists_every_preset_with_what_it_is(capsys):
    assert main(["train", "--help"]) == 0
    out = capsys.readouterr().out
    for name in preset_names():
        assert f"  {name:<12}{minigan.gan.load_preset(name).about}\n" in out


@pytest.mark.parametrize("command", ["train", "sample"])
def test_the_examples_in_the_help_can_be_typed(command, capsys):
    import shlex

    from minigan.arguments import parse

    main([command, "--help"])
    examples = capsys.readouterr().out.partition("examples\n")[2].splitlines()
    assert len(examples) >= 2
    for example in examples:
        args = parse(*minigan.cli._parsers(), shlex.split(example)[1:])
        if command == "train":
            minigan.cli._config(args) if not args.preset.endswith(".toml") else None


def test_version_is_told(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"minigan {minigan.__version__}\n"


def test_info_tells_what_minigan_runs_on(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert np.__version__ in out
    assert "BLAS" in out


def test_help_loads_nothing_heavy():
    program = (
        "import sys; from minigan.cli import main; main(['--help'])\n"
        "heavy = {'minigan.gan', 'minigan.data', 'matplotlib', 'PIL', 'tqdm', 'scipy', 'cupy', 'safetensors'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=ENVIRONMENT)
    assert (done.returncode, done.stderr) == (0, "")


# ---- Ctrl-C ----------------------------------------------------------------------------------------------

# A shell without job control starts background jobs with Ctrl-C switched off, and so may whoever runs the tests.
LISTENING = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from minigan.cli import main; sys.exit(main(sys.argv[1:]))"
)


def test_ctrl_c_saves_a_checkpoint_and_says_so(here):
    argv = ["train", "--data", "../data", "--steps", "10000000", "--set", "training.log_every=5", *TINY]
    command = [sys.executable, "-c", LISTENING, *argv]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT)
    deadline = time.monotonic() + 60
    while not Path("runs/default/log.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    stopped = re.search(r"Stopped after step ([\d,]+) of 10,000,000, which is saved in (\S+)\.\n", out)
    assert stopped
    step = int(stopped[1].replace(",", ""))
    assert Path(stopped[2]).name == f"step-{step:08d}.safetensors"
    assert minigan.load(stopped[2])["step"] == step


def test_a_second_ctrl_c_is_an_interrupt(here, capfd, monkeypatch):
    def interrupted(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(minigan.cli, "train", interrupted)
    assert main(["train"]) == 130
    assert capfd.readouterr().err == "minigan: Interrupted.\n"


@pytest.mark.parametrize(("every", "steps"), [(1, 16), (3, 24), (4, 16), (1000, 32)])
def test_the_time_is_measured_over_whole_periods_of_the_penalty(every, steps, monkeypatch):
    played = []
    play = minigan.gan.Game.step
    monkeypatch.setattr(minigan.gan.Game, "step", lambda game, real: played.append(1) or play(game, real))
    settings = {"generator": {"hidden": [8]}, "discriminator": {"hidden": [8]}}
    config = minigan.gan.Config.from_dict({**settings, "game": {"r1_gamma": 1.0, "r1_every": every}})
    loader = minigan.data.Loader(np.zeros((4, 2, 2), np.uint8), batch_size=2)
    assert minigan.cli._seconds_per_step(config, loader, minigan.device("cpu")) > 0
    assert len(played) == steps
