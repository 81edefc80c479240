"""The README is true: its example prints what it says, its commands and files exist."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from minigan.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_prints_the_numbers_that_the_readme_shows():
    code = re.search(r"```python\n(.*?)```", README, re.S)[1]
    shown = re.search(r"It prints\n\n```\n(.*?)```", README, re.S)[1]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    number = r"-?\d+\.\d+"
    assert re.sub(number, "#", printed.getvalue()) == re.sub(number, "#", shown)
    # the last digits of float32 differ between BLAS kernels
    ours, theirs = (list(map(float, re.findall(number, text))) for text in (printed.getvalue(), shown))
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_every_linked_file_exists():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) >= 8
    assert [link for link in links if not (ROOT / link).is_file()] == []


@pytest.mark.parametrize("command", ["train", "sample", "info"])
def test_every_command_that_the_readme_names_is_there(command, capsys):
    assert f"minigan {command}" in README
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out


def test_the_two_commands_are_the_ones_that_ci_runs():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for part in ("pip install -e .", "minigan train", "pip install -e '.[test]'", "bin/pytest"):
        assert part in README
        assert (
            part.replace("pip install", 'pip" install -q')
            .replace("bin/pytest", 'bin/pytest"')
            .replace("minigan train", 'minigan" train')
            in ci
        )
