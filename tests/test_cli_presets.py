"""``minigan presets``: what can be trained by name."""

import json
import re
import textwrap
from pathlib import Path

import pytest
from command_line import TINY, done

from minigan.commands import presets
from minigan.gan import Config, load_preset, preset_names
from minigan.gan.record import read_config


def blocks(out):
    """The text on each preset, by its name, in one line."""
    texts = (textwrap.dedent(block) for block in out.strip().split("\n\n"))
    return {text.split()[0]: " ".join(text.split()[1:]) for text in texts}


def test_every_preset_is_listed_with_what_it_is_and_where_it_comes_from(capfd):
    out = done(capfd, "presets")
    listed = blocks(out)
    assert list(listed)[: len(preset_names())] == preset_names()
    for name in preset_names():
        preset = load_preset(name)
        assert preset.about
        assert preset.source
        assert listed[name].startswith(f"{preset.about} source: {preset.source} epoch: ")
    assert max(map(len, out.splitlines())) <= 100


def test_the_cost_of_an_epoch_is_the_one_that_was_measured(capfd, tmp_path, monkeypatch):
    measured = {"dcgan": {"steps_per_epoch": 1234, "seconds_per_epoch": 56.78}}
    (tmp_path / "costs.json").write_text(json.dumps({"machine": "a machine of 2 cores", "presets": measured}))
    monkeypatch.setattr(presets, "COSTS", tmp_path / "costs.json")
    listed = blocks(done(capfd, "presets"))
    assert listed["dcgan"].endswith(" epoch: 1,234 steps, 56.8 s")
    assert listed["wgan"].endswith(" epoch: not measured")
    assert listed["Times"] == "on a machine of 2 cores."


def test_without_measurements_it_says_so(capfd, tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "COSTS", tmp_path / "costs.json")
    listed = blocks(done(capfd, "presets"))
    assert set(listed) == set(preset_names())
    assert all(text.endswith("epoch: not measured") for text in listed.values())


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_printed_as_the_toml_that_it_is(capfd, tmp_path, name):
    file = tmp_path / "mine.toml"
    file.write_text(done(capfd, "presets", name))
    assert read_config(file) == load_preset(name)
    sections = re.findall(r"^\[(\w+)\]$", file.read_text(), re.M)
    assert sections == ["data", "generator", "discriminator", "game", "training", "score"]
    assert len(re.findall(r"^\w+ = ", file.read_text(), re.M)) == count_of(Config().to_dict())  # all, to be changed


def count_of(values):
    return sum(count_of(value) if isinstance(value, dict) else 1 for value in values.values())


def test_what_is_printed_can_be_changed_and_trained(here, capfd):
    text = done(capfd, "presets", "ring").replace("count = 100000", "count = 64")
    Path("mine.toml").write_text(text)
    assert "Done: 1 steps." in done(capfd, "train", "mine.toml", "--steps", "1", *TINY)
    assert "64 points" in done(capfd, "train", "runs/ring/config.toml", "--out", "x")


def test_the_help_of_train_names_every_preset(capfd):
    words = re.split(r"[\s,]+", done(capfd, "train", "--help"))
    assert set(preset_names()) <= set(words)
