"""docs/runs.md is true: its commands work in their order, and its settings and figures are the real ones."""

import re
import shlex

import pages
from command_line import TINY
from tiny_runs import files, quick_curves  # noqa: F401

from minigan.cli import main
from minigan.gan import Config, signals

PAGE = pages.read("docs/runs.md")
COMMANDS = re.findall(r"^minigan (.+)$", PAGE, re.M)


def test_the_commands_of_the_page_work_one_after_the_other(here, capfd):
    """On a small data set, with fewer steps."""
    assert len(COMMANDS) == 4
    for i, command in enumerate(COMMANDS):
        argv = shlex.split(re.sub(r"--steps \d+", f"--steps {4 + i}", command))
        small = [] if "--resume" in argv else ["--data", "../data", "--steps", "4", *TINY]
        assert main([*argv, *small]) == 0, command
    assert "is complete" in capfd.readouterr().out
    assert {"config.toml", "log.jsonl", "timing.jsonl", "samples/epoch-001.png", "samples.gif", "curves.png",
            "checkpoints/step-00000007.safetensors"} <= set(files(here / "runs" / "first"))  # fmt: skip


def test_the_program_of_the_page_prints_what_it_says_and_fills_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ((program, shown),) = pages.programs(PAGE)
    assert pages.run(program, {}) == shown
    assert {"config.toml", "curves.png", "samples/epoch-002.png"} <= set(files(tmp_path / "told"))


def test_every_setting_on_the_page_has_the_default_that_it_says():
    training = Config().training
    found = dict(re.findall(r"`training\.(\w+)`[\w ]* \((\d+)\)", PAGE))
    assert found == {
        name: f"{getattr(training, name):g}" for name in ("checkpoint_epochs", "checkpoint_minutes", "keep")
    }
    named = re.findall(r"training\.(\w+)", PAGE)
    assert set(named) <= set(training.__dataclass_fields__)


def test_the_exit_codes_are_those_of_a_shell():
    assert f"exit codes of 0, {signals.exit_code(15)} and {signals.exit_code(1)}" in PAGE.replace("\n", " ")
