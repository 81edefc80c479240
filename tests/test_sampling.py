"""Samples: the same seed, the same z; labels, truncation and restored images; and how they are looked at."""

import numpy as np
import pytest
from scipy import stats

import minigan as mg
from minigan.errors import ConfigError, DataError
from minigan.gan import Config, DataFacts, Noise, build_game
from minigan.gan.pictures import grid, points
from minigan.gan.sampling import classes_of, sample, truncated
from minigan.gan.views import POINTS, in_order, real_beside, restore, view

CPU = mg.device("cpu")


def game_of(task="generate", shape=(1, 4, 4), classes=0, **settings):
    config = config_of(task, **settings)
    return build_game(config, DataFacts(shape, classes), CPU)


def config_of(task="generate", z="normal", scale=1.0, **data):
    input_of_G = {"z_dim": 6, "z": z, "z_scale": scale}
    if task in ("repair", "super-resolution"):
        input_of_G = {"network": "unet"}
    return Config.from_dict({
        "data": data,
        "generator": {**input_of_G, "hidden": [8], "ema_decay": 0.9},
        "discriminator": {"hidden": [8]},
        "game": {"task": task},
    })  # fmt: skip


# ---- samples ---------------------------------------------------------------------------------------------


def test_samples_are_what_the_average_of_G_makes_of_z():
    game = game_of()
    with mg.no_grad():
        for parameter in game.generator.network.parameters():
            parameter.data = 7 * parameter.data  # G itself is elsewhere
        expected = game.ema.network.eval()(Noise(6).fixed(5, 3, CPU)).numpy()
    drawn = sample(game, 5, 3, CPU)
    assert (drawn.dtype, drawn.shape) == (np.float32, (5, 1, 4, 4))
    np.testing.assert_array_equal(drawn, expected)


def test_parts_are_joined_in_order():
    game = game_of("conditional", classes=3)
    labels = in_order(10, 3)
    whole = sample(game, 10, 0, CPU, labels)
    np.testing.assert_allclose(sample(game, 10, 0, CPU, labels, chunk=3), whole, atol=1e-6)


@pytest.mark.parametrize("truncation", [0.0, 0.5])
def test_more_samples_begin_with_the_same(truncation):
    game = game_of()
    few, more = (sample(game, n, 1, CPU, truncation=truncation) for n in (4, 10))
    np.testing.assert_allclose(more[:4], few, atol=1e-6)


def test_sampling_leaves_the_streams_of_training_where_they_are():
    expected = [mg.rand(3).numpy() for _ in range(2)]
    mg.manual_seed(0)
    first = mg.rand(3).numpy()
    view(game_of(), 5, CPU, truncation=0.5)
    restored = game_of("repair", shape=(1, 8, 8))
    mg.manual_seed(0)
    mg.rand(3)
    restore(restored, np.zeros((2, 1, 8, 8), np.float32), 5, CPU)
    np.testing.assert_array_equal([first, mg.rand(3).numpy()], expected)


def test_labels_are_heeded_one_by_one():
    game = game_of("conditional", classes=3)
    drawn = sample(game, 3, 0, CPU, [2, 0, 1])
    z = game.noise.fixed(3, 0, CPU)
    for i, label in enumerate((2, 0, 1)):
        np.testing.assert_allclose(drawn[i], game.draw(z, mg.tensor([label] * 3)).numpy()[i], atol=1e-6)


# ---- truncation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.04, 0.5, 1.0, 2.5])
def test_a_truncated_z_has_the_truncated_normal_distribution(threshold):
    z = truncated(Noise(100), 200, 0, CPU, threshold).numpy()
    assert z.dtype == np.float32
    assert np.abs(z).max() <= threshold
    assert stats.kstest(z.ravel(), stats.truncnorm(-threshold, threshold).cdf).pvalue > 0.01


def test_what_lies_within_the_threshold_is_not_drawn_again():
    z, whole = truncated(Noise(100), 50, 3, CPU, 1.0).numpy(), Noise(100).fixed(50, 3, CPU).numpy()
    within = np.abs(whole) <= 1
    np.testing.assert_array_equal(z[within], whole[within])
    assert 0.6 < within.mean() < 0.75
    assert len(np.unique(z[~within])) > 0.99 * (~within).sum()  # and what is drawn again is new each time


def test_the_threshold_is_in_standard_deviations():
    z = truncated(Noise(100, scale=3.0), 50, 0, CPU, 0.5).numpy()
    np.testing.assert_allclose(z, 3 * truncated(Noise(100), 50, 0, CPU, 0.5).numpy(), rtol=1e-6)


def test_a_z_that_cannot_be_truncated_is_refused():
    with pytest.raises(ConfigError, match="Only a normal z has tails to truncate, but that of this G is uniform"):
        sample(game_of(z="uniform"), 1, 0, CPU, truncation=1.0)
    for threshold in (0.001, -1.0):
        with pytest.raises(ConfigError, match=f"truncation of at least 0.01, but got {threshold}"):
            sample(game_of(), 1, 0, CPU, truncation=threshold)
    with pytest.raises(ConfigError, match="of damaged images, not of noise"):
        view(game_of("repair", shape=(1, 8, 8)), 0, CPU, np.zeros((1, 1, 8, 8), np.float32), truncation=1.0)


# ---- views -----------------------------------------------------------------------------------------------


def test_images_are_shown_in_a_square_grid():
    game = game_of()
    seen = view(game, 1, CPU)
    np.testing.assert_array_equal(seen.samples, sample(game, 64, 1, CPU))
    np.testing.assert_array_equal(seen.picture(), grid(seen.samples, columns=8))


@pytest.mark.parametrize(("classes", "n", "columns"), [(3, 24, 8), (10, 80, 8), (20, 160, 8), (100, 160, 2)])
def test_each_row_is_a_class_where_G_is_told_one(classes, n, columns):
    game = game_of("conditional", classes=classes)
    seen = view(game, 1, CPU)
    np.testing.assert_array_equal(seen.samples, sample(game, n, 1, CPU, in_order(n, classes)))
    np.testing.assert_array_equal(seen.picture(), grid(seen.samples, columns=columns))


@pytest.mark.parametrize("task", ["conditional", "auxiliary"])
def test_one_class_is_shown_alone_where_it_is_asked_for(task):
    game = game_of(task, classes=3)
    seen = view(game, 1, CPU, n=9, label=2)
    np.testing.assert_array_equal(seen.samples, sample(game, 9, 1, CPU, [2] * 9))
    np.testing.assert_array_equal(seen.picture(), grid(seen.samples, columns=3))


@pytest.mark.parametrize(("task", "classes"), [("generate", 3), ("conditional", 3), ("semi-supervised", 3)])
def test_only_a_G_that_is_told_labels_has_classes(task, classes):
    assert classes_of(game_of(task, classes=classes)) == (3 if task == "conditional" else 0)


@pytest.mark.parametrize(("n", "classes"), [(1, 3), (7, 3), (24, 3), (5, 10)])
def test_classes_come_in_order_and_in_equal_numbers(n, classes):
    labels = in_order(n, classes)
    assert (np.diff(labels) >= 0).all()
    counts = np.bincount(labels, minlength=classes)
    assert counts.max() - counts.min() <= 1


def test_labels_that_are_not_there_are_refused():
    with pytest.raises(ConfigError, match="not told what to draw"):
        view(game_of(classes=3), 0, CPU, label=1)
    for label in (-1, 3):
        with pytest.raises(ConfigError, match=f"Expected a label from 0 to 2, but got {label}"):
            view(game_of("conditional", classes=3), 0, CPU, label=label)


# ---- points ----------------------------------------------------------------------------------------------


def test_points_are_shown_over_points_of_the_data():
    config = config_of(source="ring", count=5000)
    game = build_game(config, DataFacts((2,)), CPU)
    real = real_beside(game, config)
    assert real.shape == (POINTS, 2)
    seen = view(game, 0, CPU, real)
    assert seen.samples.shape == (POINTS, 2)
    np.testing.assert_array_equal(seen.picture(), points(seen.samples, real))
    assert (seen.picture() != points(seen.samples)).any()


def test_points_of_the_data_come_from_all_over_them(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(20_000, dtype=np.float32).reshape(-1, 1))
    config = config_of(source=str(tmp_path / "x.npy"))
    real = real_beside(build_game(config, DataFacts((1,)), CPU), config)
    np.testing.assert_array_equal(real[:, 0], np.arange(0, 20_000, 10))
    (tmp_path / "x.npy").unlink()
    assert real_beside(build_game(config, DataFacts((1,)), CPU), config) is None


def test_a_picture_of_images_needs_no_data():
    assert real_beside(game_of(), config_of(source="nowhere")) is None


# ---- restored images -------------------------------------------------------------------------------------


def images(n=5, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, 1, 8, 8)).astype(np.float32)


def test_holes_are_the_same_each_time_and_all_else_stays():
    game = game_of("repair", shape=(1, 8, 8))
    first, second = (restore(game, images(), 0, CPU) for _ in range(2))
    np.testing.assert_array_equal(first.damaged, second.damaged)
    missing = first.damaged != first.originals
    assert (missing.sum((1, 2, 3)) == 16).all()  # half as high and wide
    assert len({tuple(np.argwhere(hole[0])[0]) for hole in missing}) > 1  # at different places
    np.testing.assert_array_equal(first.samples[~missing], first.originals[~missing])
    assert (first.samples[missing] != first.originals[missing]).mean() > 0.9


def test_without_images_there_is_nothing_to_restore():
    with pytest.raises(ConfigError, match="restores images; give it some"):
        view(game_of("repair", shape=(1, 8, 8)), 0, CPU)


def test_triples_stand_side_by_side():
    game = game_of("super-resolution", shape=(1, 8, 8))
    seen = view(game, 0, CPU, images(), n=5)
    triples = [image for i in range(5) for image in (seen.damaged[i], seen.samples[i], seen.originals[i])]
    np.testing.assert_array_equal(seen.picture(), grid(np.array(triples), columns=12))
    np.testing.assert_allclose(
        seen.damaged[:, 0, ::4, ::4], images()[:, 0].reshape(5, 2, 4, 2, 4).mean((2, 4)), atol=1e-6
    )


def test_images_to_restore_are_those_of_the_test_split_where_there_is_one(tmp_path):
    game, config = game_of("repair", shape=(1, 28, 28)), config_of("repair", source="mnist")
    test, _ = mg.data.load_mnist("test")
    expected = mg.data.gather_pixels(test[:, np.newaxis], np.arange(0, 10_000, 2500))
    np.testing.assert_array_equal(real_beside(game, config, 4), expected)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    config = config_of("repair", source=str(tmp_path / "x.npy"))
    np.testing.assert_array_equal(real_beside(game, config), mg.data.gather_pixels(pixels[:, np.newaxis], np.arange(6)))
    (tmp_path / "x.npy").unlink()
    with pytest.raises(DataError, match=r"There is no .*x\.npy"):
        real_beside(game, config)
