"""Settings: they read from and write to TOML, and a wrong one is named together with the right one."""

from __future__ import annotations

import os
import tomllib

import pytest
import tomli_w

import minigan as mg
from minigan.gan.config import Config, load_preset, preset_names, set_field
from minigan.gan.record import read_config


def test_the_default_preset_comes_first_and_the_articles_recipe_is_there():
    assert preset_names()[0] == "default"
    assert "reference" in preset_names()


def test_a_pipe_is_no_file_of_settings(tmp_path):
    os.mkfifo(tmp_path / "x.toml")
    with pytest.raises(mg.ConfigError, match=r"x\.toml \(a pipe\); give a file\.$"):
        read_config(tmp_path / "x.toml")


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_survives_a_round_trip_through_toml(name):
    config = load_preset(name)
    assert config.name == name
    assert config.about
    assert Config.from_dict(tomllib.loads(tomli_w.dumps(config.to_dict()))) == config


def test_the_reference_is_the_articles_recipe_to_the_letter():
    config = load_preset("reference")
    assert config.generator.hidden == (256, 512, 1024)
    assert config.discriminator.hidden == (1024, 512, 256)
    assert (config.discriminator.dropout, config.discriminator.output) == (0.3, "probability")
    for player in (config.generator, config.discriminator):
        assert (player.lr, player.betas, player.negative_slope) == (2e-4, (0.9, 0.999), 0.2)
    assert (config.generator.z_dim, config.generator.norm, config.generator.ema_decay) == (100, "none", 0)
    assert (config.game.loss, config.game.label_smoothing, config.game.r1_gamma) == ("non-saturating", 0, 0)
    assert (config.training.batch_size, config.data.drop_last) == (128, False)
    assert config.training.steps == 50 * 469  # ceil(60,000 / 128) steps in an epoch


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("generator.lr=1e-3", 1e-3),
        ("generator.lr=1", 1.0),
        ("generator.hidden=[8, 16]", (8, 16)),
        ("data.drop_last=true", True),
        ("game.loss=minimax", "minimax"),
        ('game.loss="minimax"', "minimax"),
        ("training.steps = 7", 7),
    ],
)
def test_a_field_can_be_set_as_in_toml(assignment, expected):
    section, name = assignment.split("=")[0].strip().split(".")
    value = getattr(getattr(set_field(load_preset("default"), assignment), section), name)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("generator.lr", r"expected FIELD=VALUE, for example generator.lr=1e-4"),
        ("generator.lrr=1", r"No field 'generator.lrr' to set. Did you mean generator.lr\?"),
        ("generator.ema=0.9", r"No field 'generator.ema' to set. Did you mean generator.ema_decay\?"),
        ("genrator.lr=1", r"No field 'genrator.lr' to set. Did you mean generator.lr\?"),
        ("lr=1", r"No field 'lr' to set. Did you mean"),
        ("generator=1", r"No field 'generator' to set"),
        ("training.steps=many", r"training.steps: expected a whole number, but got 'many'"),
        ("training.steps=1.5", r"training.steps: expected a whole number, but got 1.5"),
        ("training.steps=0", r"training.steps: expected a whole number of at least 1, but got 0"),
        ("training.seed=-1", r"training.seed: expected a whole number of at least 0, but got -1"),
        ("generator.hidden=[8, 0]", r"generator.hidden: expected a whole number of at least 1, but got 0"),
        ("training.steps=true", r"training.steps: expected a whole number, but got True"),
        ("data.drop_last=1", r"data.drop_last: expected true or false, but got 1"),
        ("generator.hidden=8", r"generator.hidden: expected a list such as \[1, 2\], but got 8"),
        ("generator.hidden=[]", r"generator.hidden: expected a list such as \[1, 2\], but got \[\]"),
        ("data.source=", "data.source: expected a text that is not empty, but got ''"),
        ("generator.dense=[0]", r"generator.dense: expected a whole number of at least 1, but got 0"),
        ("game.r1_gamma=nan", r"game.r1_gamma: expected a finite number of at most 3.4e\+38, but got nan"),
        ("generator.lr=inf", r"generator.lr: expected a finite number .* but got inf"),
        ("generator.lr=1e400", r"generator.lr: expected a finite number .* but got inf"),
        ("generator.lr=1e39", r"generator.lr: expected a finite number .* but got 1e\+39"),
        ("generator.betas=[-inf, 0.9]", r"generator.betas: expected a finite number .* but got -inf"),
        (f"generator.lr={10**400}", r"generator.lr: expected a finite number .* but got 10+\.\.\."),
        ("generator.z_dim=1000000001", r"generator.z_dim: expected a whole number of at most 1,000,000,000, but got"),
        ("generator.hidden=[9999999999999999999999]", r"generator.hidden: expected a whole number of at most"),
        (f"training.seed={2**64}", r"training.seed: expected a whole number of at most 18,446,744,073,709,551,615"),
        (f"training.steps={'9' * 5000}", r"training.steps: expected a whole number, but got '9+\.\.\."),
        (f"training.steps=0x{'9' * 5000}", r"training.steps: .* but got one too long to show"),
        (f"generator.hidden={'[' * 3000}", r"generator.hidden: expected a list .* but got '\[+\.\.\."),
        ("generator.hidden=[8.5]", r"generator.hidden: expected a whole number, but got 8.5"),
    ],
)
def test_a_wrong_assignment_is_explained(assignment, message):
    with pytest.raises(mg.ConfigError, match=message):
        set_field(load_preset("default"), assignment)


def test_an_unknown_preset_or_field_suggests_the_nearest():
    with pytest.raises(
        mg.ConfigError, match=r"No preset 'refrence': expected one of default, .*Did you mean reference"
    ):
        load_preset("refrence")
    with pytest.raises(mg.ConfigError, match=r"No field 'generator.lrate'"):
        Config.from_dict({"generator": {"lrate": 1.0}})
    with pytest.raises(mg.ConfigError, match="generator: expected a table of settings, but got 3"):
        Config.from_dict({"generator": 3})
