"""The command line, as a person types it: what works, whatever the command."""

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import ENVIRONMENT, SMALL_IMAGES, TINY, typed
from PIL import Image

import minigan
import minigan.cli
from minigan.arguments import parse
from minigan.cli import main
from minigan.gan import load_preset

COMMANDS = ("train", "sample", "interpolate", "presets", "bench", "info")


def test_a_newcomer_trains_and_then_types_what_the_last_line_says(here):
    trained = typed("train", "--epochs", "2", *SMALL_IMAGES)
    assert (trained.returncode, trained.stderr.count("epoch ")) == (0, 2)
    command = trained.stdout.splitlines()[-1].split()
    assert command[:3] == ["minigan", "sample", "runs/default"]
    drawn = typed(*command[1:])
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert drawn.stdout == "Wrote grid.png: 64 images by runs/default as it was after step 6.\n"
    with Image.open("grid.png") as image:
        assert image.size == (2 * (1 + 8 * 6), 2 * (1 + 8 * 7))


def test_a_training_whose_samples_can_be_scored_says_how(here):
    trained = typed("train", "ring", "--steps", "20", *TINY)
    *_, draw, _, _, score = (line.split() for line in trained.stdout.splitlines())
    assert (draw[1], score) == ("sample", ["minigan", "evaluate", "runs/ring"])
    scored = typed(*score[1:])
    assert (scored.returncode, scored.stderr) == (0, "")
    assert Path("runs/ring/scores/scores.json").exists()


# ---- help ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands_and_where_to_start(argv, capsys):
    assert main(argv) == 0
    out = capsys.readouterr().out
    for name in COMMANDS:
        assert f"\n    {name:<12} " in out  # with its description beside it
    assert "minigan train --help" in out


@pytest.mark.parametrize("command", ["train", "sample", "interpolate", "presets", "bench"])
def test_the_examples_in_the_help_can_be_typed(command, capsys):
    main([command, "--help"])
    examples = capsys.readouterr().out.partition("examples\n")[2].splitlines()
    assert len(examples) >= 3
    for example in examples:
        args = parse(*minigan.cli.parsers(), shlex.split(example.partition(" > ")[0])[1:])
        preset = getattr(args, "preset", None) or getattr(args, "name", None) or "default"
        assert preset.endswith(".toml") or load_preset(preset)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained_in_the_help(command):
    _, parsers = minigan.cli.parsers()
    assert all(action.help for action in parsers[command]._actions)


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


def test_an_interrupt_in_any_command_is_one_word(here, capfd, monkeypatch):
    def interrupted(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(minigan.cli.train, "train", interrupted)
    assert main(["train"]) == 130
    assert capfd.readouterr().err == "minigan: Interrupted.\n"
