"""Settings that contradict each other or would have no effect are refused; and those that are really have none."""

from __future__ import annotations

import numpy as np
import pytest
from small_games import CPU, config_of, loader_of, play

import minigan as mg
from minigan.gan import DataFacts, build, build_game, load_preset, preset_names, set_field
from minigan.gan.compatibility import UNUSED, check_compatible, doubts
from minigan.gan.source import data_of
from minigan.gan.source import loader_of as loader_of_data

OTHER = {
    "momentum": 0.9,
    "final_momentum": 0.9,
    "momentum_epochs": 2.0,
    "lr_decay": 0.5,
    "lr_min": 1e-5,
    "negative_slope": 0.1,
    "norm_eps": 0.1,
    "norm_momentum": 0.5,
    "init_scale": 0.5,
    "z_dim": 7,
    "z": "uniform",
    "z_scale": 3.0,
    "pieces": 2,
    "dense": [4],
}
CASES = [(*choice, setting) for choice, settings in UNUSED.items() for setting in settings]


def players_with(choice, setting):
    """The preset and the player for which this choice can be made and this setting exists."""
    preset = {"unet": "repair", "instance": "conv"}.get(choice, "mlp-relu")
    return preset, "discriminator" if setting == "pieces" or choice == "maxout" else "generator"


def after_two_steps(config):
    loader = loader_of(config)
    game = build_game(config, DataFacts.of(loader, config), CPU)
    play(game, loader, range(2), np.float32)
    return game.generator.network.state_dict() | game.discriminator.network.state_dict()


@pytest.mark.parametrize(("field", "choice", "setting"), CASES)
def test_a_setting_that_is_refused_beside_a_choice_really_has_no_effect_there(field, choice, setting, monkeypatch):
    preset, player = players_with(choice, setting)
    without = config_of(preset, f'{player}.{field}="{choice}"')
    with_it = set_field(without, f"{player}.{setting}={OTHER[setting]}")
    assert with_it != without
    with pytest.raises(mg.ConfigError, match=rf"^{player}.{setting} has no effect with {player}.{field}='{choice}'"):
        after_two_steps(with_it)
    monkeypatch.setattr(build, "check_compatible", lambda config, data: None)
    expected, found = after_two_steps(without), after_two_steps(with_it)
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_slopes_of_1_are_doubted_where_d_mixes_the_samples_of_a_batch():
    changes = ["game.r2_gamma=1", "game.gradient_penalty=10", "game.dragan=10"]
    assert [doubt.partition(" wants")[0] for doubt in doubts(config_of("dcgan", *changes))] == [
        "game.gradient_penalty",
        "game.dragan",
    ]
    assert doubts(config_of("dcgan", *changes, "discriminator.norm=layer")) == []
    assert all(doubts(load_preset(name)) == [] for name in preset_names())


@pytest.mark.parametrize(
    ("preset", "changes", "message"),
    [
        ("default", ["generator.schedule=step"], "multiplies lr by lr_decay, which is 1, so it would stay the same"),
        ("default", ["discriminator.schedule=cosine", "discriminator.lr_min=1"], "discriminator.lr_min: expected at m"),
        ("default", ["generator.optimizer=sgd", "generator.final_momentum=0.9"], "set generator.momentum_epochs"),
        ("default", ["game.instance_noise_epochs=3"], "no noise to fade away; set game.instance_noise, too"),
        ("default", ["game.reconstruction=1"], "for the task 'repair' or 'super-resolution', but"),
        ("acgan", ["game.labelled=200"], "for the task 'semi-supervised', but game.task is 'auxiliary'"),
        ("cgan", ["game.class_weight=2"], "'auxiliary' or 'semi-supervised', but .* leave class_weight at 1"),
        ("default", ["data.count=1000"], "data.source is 'mnist'; to use the first so many .* set data.limit"),
        ("cgan", ["game.pack=2"], "in the task \"generate\", not in 'conditional'"),
        ("repair", ["generator.network=conv"], "generator.network: 'conv' does not fit the task 'repair'"),
        ("conv", ["data.split=test"], "^training.evaluate_every .* data.split is 'test', .* training.evaluate_every=0"),
        ("default", ["data.split=t10k", "training.evaluate_every=2"], "data.split is 't10k', .* or data.split=train"),
    ],
)
def test_settings_that_make_no_sense_together_are_refused_with_what_would_do(preset, changes, message):
    config = load_preset(preset)
    for change in changes:
        config = set_field(config, change)
    with pytest.raises(mg.ConfigError, match=message):
        check_compatible(config, DataFacts((1, 28, 28), classes=10))


def test_whoever_trains_on_the_test_split_without_held_out_data_may():
    check_compatible(set_field(load_preset("default"), "data.split=test"), DataFacts((1, 28, 28)))


@pytest.mark.parametrize(("source", "reach"), [("grid", "4.[0-9]+"), ("ring", "1.0[0-9]")])
def test_a_G_that_could_never_come_to_the_data_is_refused(source, reach):
    config = set_field(load_preset("default"), f"data.source={source}")
    facts = DataFacts.of(loader_of_data(config, data_of(config)), config)
    with pytest.raises(mg.ConfigError, match=f"'tanh' gives numbers from -1 to 1, but the data reach {reach}, where G"):
        build_game(config, facts, CPU)
    build_game(set_field(config, "generator.output=linear"), facts, CPU)


def test_points_between_minus_1_and_1_are_within_reach_of_any_G():
    points = np.random.default_rng(0).uniform(-1, 1, (20, 3)).astype(np.float32)
    config = load_preset("default")
    build_game(config, DataFacts.of(mg.data.Loader(points, batch_size=4), config), CPU)


@pytest.mark.parametrize("name", preset_names())
def test_all_settings_of_a_preset_go_together(name):
    config = load_preset(name)
    points = config.data.source in ("ring", "grid")
    check_compatible(config, DataFacts((2,), reach=4.0) if points else DataFacts((1, 28, 28), classes=10))
