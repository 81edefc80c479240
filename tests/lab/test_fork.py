"""Two futures of one checkpoint: they differ in one setting and in nothing else, and the run is only read."""

import json
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from tiny_runs import contents

import minigan as mg
from minigan import lab
from minigan.errors import ConfigError, RunError
from minigan.gan import Config, DataFacts, Run, Trainer, build_game, set_field
from minigan.gan.extensions import Checkpoints, Log
from minigan.gan.source import data_of, loader_of
from minigan.lab.experiments.fork_futures import future_of
from minigan.lab.experiments.fork_settings import CHANGEABLE
from minigan.lab.pages.fork import page
from minigan.lab.pages.fork_drawings import after, averaged, before

CPU = mg.device("cpu")
STEPS = 5
OTHER = {
    "lr": "0.02",
    "betas": "[0.9, 0.9]",
    "weight_decay": "0.1",
    "clip_grad_norm": "0.01",
    "activation": "tanh",
    "negative_slope": "0.1",
}


def config_of(**parts):
    settings = {
        "data": {"source": "ring", "count": 96},
        "generator": {"hidden": [8], "z_dim": 2, "output": "linear", "lr": 0.01, "betas": [0.5, 0.999]},
        "discriminator": {"hidden": [8], "lr": 0.01},
        "game": {"r1_gamma": 0.1},
        "training": {"steps": STEPS, "batch_size": 16, "log_every": 1},
    }
    return Config.from_dict({part: values | parts.get(part, {}) for part, values in settings.items()})


def trained(folder, config):
    with closing(Run.create(folder, config)) as run:
        trainer_of(config, [Log(run), Checkpoints(run)]).run()
    return folder


def trainer_of(config, extensions=()):
    loader = loader_of(config, data_of(config))
    game = build_game(config, DataFacts.of(loader, config), CPU)
    return Trainer(game, loader, config.training.steps, extensions, config.training.log_every)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("runs") / "ring", config_of())


def weights(trainer):
    return [
        w.detach().numpy() for player in (trainer.game.generator, trainer.game.discriminator) for w in player.trained
    ]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def test_with_nothing_changed_both_futures_are_the_same_to_the_last_bit(folder):
    found = lab.fork(str(folder), set="game.r1_gamma=0", steps=6)
    assert found.unequal == 0
    assert not found.futures["again"].apart_G.any()
    assert not found.futures["again"].apart_D.any()


def test_the_future_as_it_was_is_the_run_that_was_never_stopped(folder, tmp_path):
    long = config_of(training={"steps": STEPS + 6})
    found = lab.fork(str(folder), set="game.r1_gamma=0", steps=6)
    trained(tmp_path / "long", long)
    lines = [json.loads(line) for line in (tmp_path / "long/log.jsonl").read_text().splitlines()]
    assert found.past["step"].tolist() == [1, 2, 3, 4, 5]
    for name in ("loss_D", "loss_G", "penalty"):
        told = [*found.past[name], *found.futures["as it was"].reports[name]]
        assert told == pytest.approx([line[name] for line in lines], rel=1e-5)  # the log has six digits


def test_the_changed_future_is_that_of_a_run_resumed_with_the_other_setting(folder):
    other = set_field(set_field(config_of(), f"training.steps={STEPS + 4}"), "generator.lr=0.02")
    resumed = trainer_of(other)
    state = Run.open(folder).checkpoint["game"]
    resumed.game.load_state_dict(state)
    resumed.step = STEPS
    for group in resumed.game.generator.optimizer.param_groups:
        group["lr"] = 0.02
    resumed.run()
    future = future_of(Run.open(folder), other)
    future.steps = STEPS + 4
    future.run()
    assert same(future, resumed)


def test_a_setting_of_d_is_seen_in_both_after_one_step_and_one_of_g_in_d_after_two(folder):
    of_D = lab.fork(str(folder), set="discriminator.lr=0.02", steps=3).futures["changed"]
    of_G = lab.fork(str(folder), set="generator.lr=0.02", steps=3).futures["changed"]
    assert of_D.apart_D[0] == of_D.apart_G[0] == of_G.apart_G[0] == of_G.apart_D[0] == 0
    assert of_D.apart_D[1] > 0
    assert of_D.apart_G[1] > 0
    assert of_G.apart_G[1] > 0
    assert of_G.apart_D[1] == 0
    assert of_G.apart_D[2] > 0


def test_distances_are_those_of_the_weights(folder):
    config = set_field(config_of(), f"training.steps={STEPS + 3}")
    ends = []
    for each in (config, set_field(config, "generator.lr=0.02")):
        trainer = future_of(Run.open(folder), each)
        trainer.steps = STEPS + 3
        trainer.run()
        ends.append(np.concatenate([w.reshape(-1) for w in weights(trainer)]).astype(np.float64))
    found = lab.fork(str(folder), set="generator.lr=0.02", steps=3).futures["changed"]
    assert np.hypot(found.apart_G[-1], found.apart_D[-1]) == pytest.approx(np.linalg.norm(ends[0] - ends[1]), rel=1e-12)


def test_the_nudged_future_begins_one_bit_away(folder):
    found = lab.fork(str(folder), steps=1).futures["nudged"]
    first = Run.open(folder).game().discriminator.trained[0].detach().numpy().flat[0]
    assert found.apart_G[0] == 0
    assert found.apart_D[0] == pytest.approx(abs(np.nextafter(first, np.float32(np.inf)) - first), rel=1e-6)


def test_the_run_is_only_read_and_the_random_streams_stay_where_they_were(folder):
    before = contents(folder), (folder / "config.toml").read_bytes()
    mg.manual_seed(7)
    drawn = mg.randn(3).numpy()
    mg.manual_seed(7)
    lab.fork(str(folder), steps=2)
    np.testing.assert_array_equal(mg.randn(3).numpy(), drawn)
    assert (contents(folder), (folder / "config.toml").read_bytes()) == before


@pytest.mark.parametrize("name", OTHER)
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_settings_of_players_can_be_changed_where_they_mean_something(folder, player, name):
    assert f"{player}.{name}" in CHANGEABLE
    found = lab.fork(str(folder), set=f"{player}.{name}={OTHER[name]}", steps=2).futures["changed"]
    assert found.apart_G[-1] > 0
    assert found.apart_D[-1] > 0


@pytest.mark.parametrize(
    "assignment",
    [
        *("game.rule=simultaneous", "game.g_steps=2", "game.fresh_z=true", "game.loss=wasserstein"),
        *("game.label_smoothing=0.1", "game.fake_label_smoothing=0.1", "game.label_noise=0.5", "game.r1_gamma=0"),
        *("game.r2_gamma=1", "game.gradient_penalty=1", "game.dragan=1", "game.penalty_every=2"),
        *("game.clip_weights=0.01", "game.instance_noise=1"),
    ],
)
def test_settings_of_the_game_can_be_changed(folder, assignment):
    assert assignment.split("=")[0] in CHANGEABLE
    found = lab.fork(str(folder), set=assignment, steps=2).futures["changed"]
    assert found.apart_G[-1] > 0
    assert found.apart_D[-1] > 0


# ---- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("game.r1_gama=0", r"No field 'game.r1_gama' to set. Did you mean game.r1_gamma\?"),
        ("game.r1_gamma", "expected FIELD=VALUE"),
        ("game.r1_gamma=-1", "expected a number of at least 0"),
        ("game.r1_gamma=0.1", "game.r1_gamma has this value already"),
        ("training.batch_size=8", "cannot differ in it and share weights, batches and z. Those that they can .* lr"),
        ("training.seed=1", "cannot differ in it"),
        ("generator.hidden=[9]", "cannot differ in it"),
        ("game.d_steps=2", "cannot differ in it"),
        ("game.rule=extragradient", "needs 2 batches in a step, the past had 1"),
        ("discriminator.momentum=0.5", "discriminator.momentum has no effect"),
    ],
)
def test_settings_that_are_none_or_cannot_differ_are_refused_in_a_sentence(folder, assignment, said):
    with pytest.raises(ConfigError, match=said) as error:
        lab.fork(str(folder), set=assignment, steps=1)
    assert "\n" not in str(error.value)


def test_a_layer_that_the_checkpoint_has_not_is_refused(folder):
    with pytest.raises(RunError, match=r"does not fit the new settings \(discriminator.dropout was 0.0, is 0.3\)"):
        lab.fork(str(folder), set="discriminator.dropout=0.3", steps=1)


def test_a_setting_is_refused_before_a_run_of_its_own_is_trained(monkeypatch):
    monkeypatch.setattr("minigan.lab.experiments.fork.train_run", lambda *_: pytest.fail("trained"))
    with pytest.raises(ConfigError, match="cannot differ in it"):
        lab.fork(set="training.seed=1")


def test_a_folder_that_is_no_run_and_a_run_without_a_checkpoint_are_refused(tmp_path):
    with pytest.raises(RunError, match="does not exist; expected the folder of a run"):
        lab.fork(str(tmp_path / "none"))
    Run.create(tmp_path / "begun", config_of()).close()
    with pytest.raises(RunError, match="is a run without a checkpoint"):
        lab.fork(str(tmp_path / "begun"))


def test_other_data_are_refused(tmp_path):
    points = np.random.default_rng(0).standard_normal((64, 2)).astype(np.float32)
    np.save(tmp_path / "points.npy", points)
    source = {"data": {"source": str(tmp_path / "points.npy"), "count": 100_000}}
    folder = trained(tmp_path / "run", config_of(**source))
    np.save(tmp_path / "points.npy", points + 1)
    with pytest.raises(ConfigError, match="was trained on other data: the data's sha256"):
        lab.fork(str(folder))


def test_too_few_steps_are_refused(folder):
    with pytest.raises(ConfigError, match="^steps: expected a whole number from 1 to 100,000, but got 0"):
        lab.fork(str(folder), steps=0)


# ---- the page --------------------------------------------------------------------------------------------


def test_its_folder_is_written(folder, tmp_path):
    index = lab.write("fork", lab.fork(str(folder), set="game.loss=minimax", steps=4), tmp_path / "out")
    numbers = json.loads((index.parent / "lab.json").read_text())
    assert all(check["holds"] for check in numbers["checks"])
    assert (index.parent / "samples-changed.gif").exists()
    assert "<code>game.loss</code> at minimax in place of non-saturating" in index.read_text()


def test_a_rounding_error_is_said_to_grow_only_where_it_grows(folder):
    found = lab.fork(str(folder), set="game.loss=minimax", steps=4)

    def told(apart):
        nudged = replace(found.futures["nudged"], apart_G=np.array(apart), apart_D=np.array([1e-8] * 5))
        return repr(page(replace(found, futures={**found.futures, "nudged": nudged})))

    assert "a rounding error grows" in told([0, 1e-8, 1e-7, 1e-6, 1e-5])
    assert "a rounding error grows" not in told([0, 1e-8, 1e-8, 1e-8, 1e-8])
    assert "a rounding error grows" not in told([0, 0, 0, 0, 0])


def test_images_are_drawn_as_images(tmp_path):
    np.save(tmp_path / "images.npy", np.random.default_rng(0).integers(0, 256, (48, 8, 8), np.uint8))
    parts = {
        "data": {"source": str(tmp_path / "images.npy"), "count": 100_000},
        "generator": {"output": "tanh", "ema_decay": 0.9, "norm": "batch"},
    }
    found = lab.fork(str(trained(tmp_path / "run", config_of(**parts))), set="discriminator.lr=0.02", steps=2)
    assert found.futures["changed"].samples.shape == (3, 16, 1, 8, 8)
    assert found.unequal == 0
    assert lab.write("fork", found, tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("log_every", "steps", "each"),
    [(50, 600, (50, 50)), (1, 600, (10, 10)), (3, 600, (9, 9)), (50, 20, (50, 20)), (900, 99_000, (900, 900))],
)
def test_points_of_curves_are_means_over_as_many_steps_before_the_fork_as_after_it(folder, log_every, steps, each):
    found = lab.fork(str(folder), set="game.loss=minimax", steps=1)
    losses = np.arange(1.0, steps + 901)
    past = {"step": np.arange(log_every, 901, log_every), "loss_D": losses[:900].reshape(-1, log_every).mean(1)}
    future = replace(found.futures["changed"], reports={"loss_D": losses[900:]})
    long = replace(found, step=900, past=past, frames=(0, steps), futures={"changed": future})
    assert averaged(long) == each
    for curve, width, first in ((before(long, "loss_D"), each[0], 0), (after(long, "changed", "loss_D"), each[1], 900)):
        assert curve[0] == pytest.approx(curve[1] - 0.5)  # a loss that is the number of its step
        assert np.diff(curve[1]) == pytest.approx(width)
        assert curve[1][0] == first + (1 + width) / 2


def test_what_adam_remembers_is_said_where_it_is_changed(folder):
    told = repr(page(lab.fork(str(folder), set="generator.betas=[0.9, 0.999]", steps=2)).sections[0])
    assert "that is 2 (β = 0.5), with the other setting 10 (β = 0.9)" in told
    assert "divided: 1000 (β = 0.999)." in told
    assert "how long Adam remembers" not in repr(page(lab.fork(str(folder), set="game.loss=minimax", steps=2)))


@pytest.mark.parametrize(
    ("generator", "setting", "after_it"),
    [
        ({}, "generator.betas", [0.9, 0.999]),
        ({"betas": [0.9, 0.999]}, "generator.lr", 0.005),
        ({"optimizer": "rmsprop"}, "generator.lr", 0.005),
    ],
)
def test_without_a_setting_one_is_taken_in_which_the_futures_do_differ(tmp_path, generator, setting, after_it):
    found = lab.fork(trained(tmp_path / "run", config_of(generator=generator)), steps=2)
    assert (found.setting, found.after) == (setting, after_it)
    assert found.futures["changed"].apart_G[-1] > 0


def test_betas_of_an_optimizer_that_has_none_are_refused(tmp_path):
    past = trained(tmp_path / "run", config_of(generator={"optimizer": "rmsprop"}))
    with pytest.raises(ConfigError, match="generator.betas belongs to Adam, and generator.optimizer is rmsprop"):
        lab.fork(past, set="generator.betas=[0.9, 0.9]", steps=2)
