"""The README is true: its example prints what it says, its commands and files exist."""

from __future__ import annotations

import configparser
import re

import pages
import pytest

from minigan.cli import main

ROOT = pages.ROOT
README = pages.read("README.md")


def test_the_example_prints_the_numbers_that_the_readme_shows():
    ((program, shown),) = pages.programs(README)
    printed = pages.run(program, {})
    number = r"-?\d+\.\d+"
    assert re.sub(number, "#", printed) == re.sub(number, "#", shown)
    # the last digits of float32 differ between BLAS kernels
    ours, theirs = (list(map(float, re.findall(number, text))) for text in (printed, shown))
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_every_dependency_is_explained():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    extras = dict(settings["options.extras_require"])
    lines = "".join([settings["options"]["install_requires"], extras["test"], extras["bench"], extras["dev"]])
    names = [*re.findall(r"^[\w-]+", lines, re.M), *(f"`{extra}`" for extra in extras)]
    assert len(names) >= 15
    assert [name for name in names if name not in pages.read("docs/dependencies.md")] == []


def test_every_linked_file_exists():
    links = pages.links(README)
    assert len(links) >= 8
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("command", ["train", "sample", "interpolate", "evaluate", "presets", "lab", "bench", "info"])
def test_every_command_that_the_readme_names_is_there(command, capsys):
    assert f"minigan {command}" in README
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out


def test_the_two_commands_are_the_ones_that_ci_runs():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    tests = "bin/pytest -n auto --dist worksteal"
    for part in ("pip install -e .", "minigan train", "pip install -e '.[test]'", tests):
        assert part in README
        assert (
            part.replace("pip install", 'pip" install -q')
            .replace("bin/pytest", 'bin/pytest"')
            .replace("minigan train", 'minigan" train')
            in ci
        )
