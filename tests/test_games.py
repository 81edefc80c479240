"""Games with labels and with originals: what each player sees and pays, against closed forms and hand computations."""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest
from scipy import special, stats
from small_games import CLASSES, CPU, IMAGES, LABELS, POINTS, batch_of, batches_of, config_of, game_of, loader_of, play

import minigan as mg
from minigan.data import Dataset, Loader
from minigan.gan import Batch, Config, DataFacts, build_game, preset_names, set_field
from minigan.gan.config import GameConfig, TrainingConfig
from minigan.gan.games.auxiliary import accuracy
from minigan.gan.games.reconstruction import Damaged, hole, quarter
from minigan.gan.held_out import assess
from minigan.tape import Node
from minigan.variable import Variable

TASKS = {"conditional": "cgan", "auxiliary": "acgan", "semi-supervised": "semi-supervised", "repair": "repair",
         "super-resolution": "super-resolution"}  # fmt: skip
RULES = {
    "alternating": [],
    "simultaneous": ["game.rule=simultaneous"],
    "extragradient": ["game.rule=extragradient"],
    "optimistic": ["game.rule=optimistic"],
    "consensus": ["game.rule=simultaneous", "game.consensus=0.1"],
}
STEADY = ["discriminator.dropout=0.0", "generator.norm=none"]  # two passes of the same samples give the same


def still(preset, *changes):
    """A game in which nobody moves, one of its batches, the report of a step on it, and the fakes of that step."""
    config = config_of(preset, "game.r1_gamma=0", *STEADY, *changes)
    game, made = game_of(config), []
    generate = game.generate

    def recorded(batch):
        made.append(generate(batch))
        return made[-1]

    game.generate, game.move_D, game.move_G = recorded, lambda how="step": None, lambda how="step": None
    loader = loader_of(config)
    (report,) = play(game, loader, [0])
    return game, batch_of(loader), report, made


def values(tensor):
    return tensor.detach().numpy()


def cross_entropy(logits, labels):
    """The mean of -log of the softmax at the label, by SciPy."""
    return -special.log_softmax(logits, axis=1)[np.arange(len(logits)), labels].mean()


def bce(on_real, on_fake):
    """What D pays for its logits, two arrays: the mean of -log D(x), and that of -log(1 - D(G(z)))."""
    return -special.log_expit(on_real).mean() - special.log_expit(-on_fake).mean()


# ---- labels ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["cgan", "acgan"])
def test_fakes_have_the_labels_of_the_real_samples_beside_them(preset):
    _, batch, _, made = still(preset)
    assert made
    for fakes in made:
        np.testing.assert_array_equal(values(fakes.labels), values(batch.labels))
        assert fakes.images.shape == batch.images.shape


def test_the_label_reaches_both_players_of_a_conditional_game():
    config = config_of("cgan", "game.d_steps=2")
    game, loader, told = game_of(config), loader_of(config), {"G": [], "D": []}
    for player in (game.generator, game.discriminator):
        player.network.register_forward_hook(lambda _, args, __, name=player.name: told[name].append(values(args[1])))
    first, second = loader.labels_of(0), loader.labels_of(1)
    play(game, loader, [0])
    expected = {
        "G": [first, second],
        "D": [first, first, second, second, second],  # each time on real samples and on fakes, and in G's turn
    }
    assert {name: [list(x) for x in found] for name, found in told.items()} == {
        name: [list(x) for x in found] for name, found in expected.items()
    }


@pytest.mark.parametrize("preset", ["cgan", "dcgan"])
def test_another_label_changes_what_both_players_of_a_conditional_game_make_of_the_same(preset):
    game = game_of(config_of(preset, "game.task=conditional", *STEADY))
    x, z = mg.rand(4, 1, 8, 8, dtype=mg.float64), mg.randn(4, 100, dtype=mg.float64)
    one, two = mg.tensor([0, 1, 2, 0]), mg.tensor([1, 1, 2, 2])
    same = values(one) == values(two)
    for player in (game.discriminator, game.generator):
        player.network.eval()  # in training, BatchNorm mixes the samples of a batch
    for network, input in ((game.discriminator.network, x), (game.generator.network, z)):
        change = abs(values(network(input, one)) - values(network(input, two))).reshape(4, -1).max(1)
        np.testing.assert_array_equal(change == 0, same)


def test_the_players_of_a_conditional_game_pay_as_without_labels():
    game, batch, report, (fakes,) = still("cgan")
    on_real, on_fake = (values(game.discriminator.network(*samples)) for samples in (batch, fakes))
    assert report["loss_D"] == pytest.approx(bce(on_real, on_fake), rel=1e-12)
    assert report["loss_G"] == pytest.approx(-special.log_expit(on_fake).mean(), rel=1e-12)
    assert report["D_x"] == pytest.approx(special.expit(on_real).mean(), rel=1e-12)
    assert report["D_G_z"] == pytest.approx(special.expit(on_fake).mean(), rel=1e-12)


@pytest.mark.parametrize("task", ["conditional", "auxiliary", "semi-supervised"])
def test_data_without_labels_are_refused_by_games_with_labels(task):
    config = config_of(TASKS[task])
    with pytest.raises(mg.ConfigError, match="needs labels, but the data have none; choose data with labels"):
        build_game(config, DataFacts.of(loader_of(config, labels=None), config), CPU)


@pytest.mark.parametrize("preset", ["cgan", "acgan", "semi-supervised"])
def test_a_batch_without_labels_is_refused_where_they_are_needed(preset):
    config = config_of(preset)
    game, batch = game_of(config), batch_of(loader_of(config))
    refusal = pytest.raises(mg.ConfigError, match="played with labels, but the data have none; choose data with labels")
    with refusal:
        game.assess(Batch(batch.images))
    if preset != "semi-supervised":
        with refusal:
            game.step(batch.images)


# ---- the auxiliary classifier ----------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_both_players_of_an_auxiliary_game_pay_for_wrong_classes(weight):
    game, batch, _, (fakes,) = still("acgan", f"game.class_weight={weight}")
    on_real, on_fake = values(game.ask(batch)), values(game.ask(fakes))
    assert on_real.shape == (8, 1 + CLASSES)
    real, fake = (cross_entropy(on[:, 1:], values(batch.labels)) for on in (on_real, on_fake))
    cost, report = game.cost_D(batch, fakes)
    assert report["loss_D"].item() == pytest.approx(bce(on_real[:, :1], on_fake[:, :1]), rel=1e-12)
    assert cost.item() == pytest.approx(report["loss_D"].item() + weight * (real + fake), rel=1e-12)
    cost, report = game.cost_G(batch, fakes)
    assert report["loss_G"].item() == pytest.approx(-special.log_expit(on_fake[:, :1]).mean(), rel=1e-12)
    assert cost.item() == pytest.approx(report["loss_G"].item() + weight * fake, rel=1e-12)


@pytest.mark.parametrize(("preset", "first"), [("acgan", 1), ("semi-supervised", 0)])
def test_the_accuracy_of_the_classifier_on_real_samples_is_reported(preset, first):
    game, batch, report, _ = still(preset)
    guesses = values(game.ask(batch))[:, first:].argmax(1)
    assert report["accuracy"] == np.mean(guesses == values(batch.labels))


def test_the_accuracy_is_the_share_of_labels_with_the_largest_logit():
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((40, 5)), rng.integers(0, 5, 40)
    expected = sum(max(range(5), key=lambda k: row[k]) == label for row, label in zip(logits, labels, strict=True)) / 40
    assert accuracy(mg.tensor(logits, requires_grad=True), mg.tensor(labels)).item() == expected
    assert 0 < expected < 1


# ---- the semi-supervised game ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 10, 100])
def test_a_semi_supervised_D_believes_in_a_sample_as_if_fake_were_one_more_class_of_logit_0(size):
    """D(x) = Z / (Z + 1); what it pays, and the gradient of that, for logits l (N, K):

    -log D(x)           with the gradient  -softmax(l) (1 - D(x)),
    -log(1 - D(G(z)))   with the gradient  softmax(l) D(G(z)).
    """
    game = game_of(config_of("semi-supervised"))
    l_real, l_fake = np.random.default_rng(0).standard_normal((2, 6, CLASSES)) * size
    p_real, p_fake = (special.softmax(np.c_[x, np.zeros(6)], axis=1) for x in (l_real, l_fake))
    on_real, on_fake = mg.tensor(l_real, requires_grad=True), mg.tensor(l_fake, requires_grad=True)
    D = game.loss.probability(game.opinion(on_real))
    np.testing.assert_allclose(values(D)[:, 0], p_real[:, :CLASSES].sum(1), rtol=1e-13)
    loss = game.loss.discriminator(game.opinion(on_real), game.opinion(on_fake))
    log_p_real, log_p_fake = (special.log_softmax(np.c_[x, np.zeros(6)], axis=1) for x in (l_real, l_fake))
    expected = -special.logsumexp(log_p_real[:, :CLASSES], axis=1).mean() - log_p_fake[:, CLASSES].mean()
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    loss.backward()
    np.testing.assert_allclose(on_real.grad, -special.softmax(l_real, axis=1) * p_real[:, CLASSES:] / 6, rtol=1e-10)
    np.testing.assert_allclose(on_fake.grad, p_fake[:, :CLASSES] / 6, rtol=1e-10)


def test_a_semi_supervised_D_pays_for_real_and_fake_and_for_the_classes_of_labelled_samples():
    game, batch, _, (fakes, *_) = still("semi-supervised", "game.class_weight=0.5")
    image, label = batch.images[3:4], batch.labels[3:4]
    game.labelled = Batch(image, label)  # one: whatever is drawn, it is this
    on_real, on_fake = values(game.ask(batch)), values(game.ask(fakes))
    assert on_real.shape == (8, CLASSES)
    cost, report = game.cost_D(batch, fakes)
    loss = bce(*(special.logsumexp(on, axis=1) for on in (on_real, on_fake)))
    classes = cross_entropy(values(game.ask(game.labelled)), values(label))
    assert report["loss_D"].item() == pytest.approx(loss, rel=1e-12)
    assert report["cross_entropy"].item() == pytest.approx(classes, rel=1e-12)
    assert cost.item() == pytest.approx(loss + 0.5 * classes, rel=1e-12)


def test_each_turn_of_D_draws_as_many_labelled_samples_as_there_are_real_ones_all_equally_often():
    game, batch, _, (fakes, *_) = still("semi-supervised")
    n, asked, ask = len(game.labelled.images), [], game.ask
    game.labelled = Batch(mg.arange(n, dtype=mg.float64).reshape(n, 1, 1, 1).expand(n, 1, 8, 8), game.labelled.labels)
    game.ask = lambda batch: asked.append(batch) or ask(batch)
    for _ in range(100):
        game.cost_D(batch, fakes)
    some = [batch for batch in asked if batch.labels is not None and len(batch.images) == 8]
    numbers = np.concatenate([values(batch.images)[:, 0, 0, 0].astype(int) for batch in some])
    assert len(numbers) == 800
    labels = np.concatenate([values(batch.labels) for batch in some])
    np.testing.assert_array_equal(labels, values(game.labelled.labels)[numbers])
    assert stats.chisquare(np.bincount(numbers, minlength=n)).pvalue > 0.01


def test_noise_on_what_D_sees_is_on_labelled_samples_too():
    game, batch, *_ = still("semi-supervised", "game.instance_noise=0.3")
    seen = []
    game.discriminator.network.register_forward_hook(lambda _, args, __: seen.append(values(args[0])))
    game.labelled = Batch(mg.zeros(1, 1, 8, 8, dtype=mg.float64), mg.tensor([0]))
    game.cost_D(batch, batch)
    assert np.std(seen[-1]) == pytest.approx(0.3, rel=0.15)
    assert len(np.unique(seen[-1])) == seen[-1].size


def test_a_semi_supervised_G_matches_the_mean_features_of_real_samples():
    game, batch, report, made = still("semi-supervised")
    *hidden, _ = game.discriminator.network
    features = []
    for x in (batch.images, made[-1].images):
        for layer in hidden:
            x = layer(x)
        features.append(values(x))
    expected = np.square(features[0].mean(0) - features[1].mean(0)).mean()
    assert report["loss_G"] == pytest.approx(expected, rel=1e-12)


def test_a_semi_supervised_G_learns_nothing_from_the_last_layer_of_D():
    game, batch, *_ = still("semi-supervised")
    G, gradients = list(game.generator.network.parameters()), []
    *_, last = game.discriminator.network
    for value in (0.0, 5.0):
        last.weight.data = np.full(last.weight.shape, value)
        mg.set_step(0)
        game.differentiate_G(batch, game.generate(batch))
        gradients.append([p.grad.copy() for p in G])
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(gx.any() for gx in gradients[0])


def test_unlabelled_samples_need_no_labels():
    config = config_of("semi-supervised")
    game = game_of(config)
    labelled_only = game.step(batch_of(loader_of(config)).images)
    assert "accuracy" not in labelled_only
    assert np.isfinite(labelled_only["cross_entropy"].item())


def test_a_semi_supervised_game_without_labelled_samples_says_so():
    config = config_of("semi-supervised")
    game = build_game(config, DataFacts((1, 8, 8), CLASSES), CPU)
    with pytest.raises(mg.ConfigError, match="needs samples whose labels are known; give labelled="):
        game.step(mg.zeros(8, 1, 8, 8))


# ---- which labels a semi-supervised D knows --------------------------------------------------------------

FOUR_CLASSES = np.random.default_rng(2).permutation(np.repeat([0, 1, 2, 3], 25))


def labelled_of(labelled, seed=0, labels=FOUR_CLASSES):
    """The numbers and labels of the samples whose labels are known, of samples that are numbered from 0."""
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1)
    config = Config(game=GameConfig(task="semi-supervised", labelled=labelled), training=TrainingConfig(seed=seed))
    pixels, known = DataFacts.of(Loader(images, labels, 10, seed), config).labelled
    numbers = np.rint(pixels[:, 0, 0, 0] * 127.5 + 127.5).astype(int)
    np.testing.assert_array_equal(known, labels[numbers])
    return numbers, known


@pytest.mark.parametrize("labelled", [4, 20, 100])
def test_as_many_samples_of_each_class_are_labelled_and_none_twice(labelled):
    numbers, known = labelled_of(labelled)
    np.testing.assert_array_equal(np.bincount(known), [labelled // 4] * 4)
    assert len(set(numbers)) == labelled


def test_what_makes_no_whole_sample_of_each_class_is_left_out():
    assert len(labelled_of(23)[0]) == 20


def test_the_seed_draws_which_samples_are_labelled():
    first, again, other = (set(labelled_of(20, seed)[0]) for seed in (1, 1, 2))
    assert first == again
    assert len(first & other) < 12  # four of twenty on average


def test_every_sample_of_a_class_is_as_likely_to_be_labelled():
    counts = np.bincount(np.concatenate([labelled_of(4, seed)[0] for seed in range(1000)]), minlength=100)
    assert stats.chisquare(counts, ddof=3).pvalue > 0.01  # each of the four classes has a thousand


def test_fewer_labels_than_classes_are_refused():
    config = config_of("semi-supervised", "game.labelled=2")
    with pytest.raises(mg.ConfigError, match="labelled: expected at least one for each of 3 classes, but got 2"):
        build_game(config, DataFacts.of(loader_of(config), config), CPU)


def test_a_class_with_too_few_samples_is_named():
    labels = np.array([0] * 30 + [1] * 3 + [2] * 30)
    assert len(labelled_of(9, labels=labels)[0]) == 9
    with pytest.raises(mg.ConfigError, match="expected 4 samples of each of 3 classes, but class 1 has 3; ask for few"):
        labelled_of(12, labels=labels)


# ---- repair and super-resolution -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 8, 12), (1, 28, 28), (1, 7, 5)])
def test_a_hole_is_a_grey_rectangle_of_half_the_height_and_width_and_all_around_it_is_kept(shape):
    x = mg.rand(50, *shape) + 1
    images, missing = hole(x)
    assert missing.shape == (50, 1, *shape[1:])
    assert missing.dtype == bool
    for image, original, mask in zip(values(images), values(x), values(missing)[:, 0], strict=True):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert (len(rows), len(columns)) == (shape[1] // 2, shape[2] // 2)
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (len(rows), len(columns))
        np.testing.assert_array_equal(mask, np.outer(mask.any(1), mask.any(0)))
        assert (image[:, mask] == 0).all()
        np.testing.assert_array_equal(image[:, ~mask], original[:, ~mask])


def test_a_hole_is_at_every_place_equally_often():
    height, width = 6, 4
    missing = values(hole(mg.zeros(6000, 1, height, width)).missing)[:, 0]
    places = missing.any(2).argmax(1) * 3 + missing.any(1).argmax(1)
    counts = np.bincount(places, minlength=4 * 3)
    assert len(counts) == 4 * 3
    assert stats.chisquare(counts).pvalue > 0.01


def test_each_step_makes_its_own_holes_and_the_same_step_the_same():
    def at(step):
        mg.set_step(step)
        return values(hole(mg.zeros(20, 1, 28, 28)).missing)

    np.testing.assert_array_equal(at(3), at(3))
    assert (at(3) != at(4)).any((1, 2, 3)).mean() > 0.8


def test_a_quarter_of_the_size_is_made_of_means_over_4_by_4_pixels():
    x = np.random.default_rng(0).standard_normal((5, 2, 8, 12))
    images, missing = quarter(mg.tensor(x))
    assert missing is None
    blocks = x.reshape(5, 2, 2, 4, 3, 4)
    expected = np.broadcast_to(blocks.mean((3, 5), keepdims=True), blocks.shape).reshape(x.shape)
    np.testing.assert_allclose(values(images), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("size", [(6, 8), (8, 10)])
def test_a_size_that_has_no_quarter_is_refused(size):
    with pytest.raises(mg.ConfigError, match=f"multiples of 4, but these are {size[0]} x {size[1]}; set data.size"):
        quarter(mg.zeros(1, 1, *size))


def test_images_that_G_repairs_are_the_originals_outside_the_hole():
    game, batch, _, (fakes,) = still("repair")
    mg.set_step(0)
    images, missing = hole(batch.images)
    made = values(game.generator.network(images))
    np.testing.assert_array_equal(values(fakes.images), np.where(values(missing), made, values(batch.images)))


@pytest.mark.parametrize("where", ["known", "missing"])
def test_gradients_reach_G_through_the_pixels_that_were_missing_alone(where):
    game, batch, *_ = still("repair")
    mg.set_step(0)
    missing = values(hole(batch.images).missing)
    mg.set_step(0)
    fakes = game.generate(batch).images
    chosen = np.broadcast_to(missing if where == "missing" else ~missing, fakes.shape)
    gradients = mg.grad((fakes * mg.tensor(chosen.astype(np.float64))).sum(), game.generator.trained)
    assert any(values(g).any() for g in gradients) == (where == "missing")


@pytest.mark.parametrize("preset", ["repair", "super-resolution"])
def test_G_pays_lambda_times_the_mean_squared_error_besides(preset):
    game, batch, report, (fakes,) = still(preset, "game.reconstruction=7")
    error = np.square(values(fakes.images) - values(batch.images)).mean()
    assert report["reconstruction"] == pytest.approx(error, rel=1e-12)
    loss = -special.log_expit(values(game.ask(fakes))).mean()
    assert report["loss_G"] == pytest.approx(loss, rel=1e-12)
    assert game.cost_G(batch, fakes)[0].item() == pytest.approx(loss + 7 * error, rel=1e-12)


@pytest.mark.parametrize("average", ["0.9", "0.0"])
def test_restored_images_are_what_the_average_of_G_fills_in(average):
    config = config_of("repair", f"generator.ema_decay={average}")
    game = game_of(config)
    play(game, loader_of(config), range(2))
    damaged = hole(batch_of(loader_of(config)).images)
    restored = game.restore(damaged)
    assert not restored.requires_grad
    sampler = game.ema.network if game.ema else game.generator.network
    expected = np.where(values(damaged.missing), values(sampler.eval()(damaged.images)), values(damaged.images))
    np.testing.assert_array_equal(values(restored), expected)
    np.testing.assert_array_equal(values(game.restore(Damaged(damaged.images))), values(sampler(damaged.images)))


def test_repair_and_super_resolution_need_images():
    config = config_of("repair")
    with pytest.raises(mg.ConfigError, match="game.task: 'repair' needs images, but the data are points"):
        build_game(config, (2,), CPU)


# ---- looking at a game -----------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_held_out_samples_are_judged_as_in_use(task):
    """Without dropout, and by the statistics of BatchNorm that training gathered; against a hand computation."""
    config = config_of(TASKS[task], "generator.norm=batch", "discriminator.dropout=0.4")
    game, loader = game_of(config), loader_of(config)
    play(game, loader, range(3))
    batch = batch_of(loader, 1)
    mg.set_step(9)
    found = {name: mean.item() for name, mean in game.assess(batch).items()}
    D = game.discriminator.network.eval()
    outputs = values(D(*batch) if task == "conditional" else D(batch.images))
    logits, classes = outputs[:, :1], outputs[:, 1:]
    if task == "semi-supervised":
        logits, classes = special.logsumexp(outputs, axis=1), outputs
    expected = {"D_x_test": special.expit(logits).mean()}
    if task in ("auxiliary", "semi-supervised"):
        expected["accuracy_test"] = np.mean(classes.argmax(1) == values(batch.labels))
    if task in ("repair", "super-resolution"):
        mg.set_step(9)
        restored = values(game.restore(game.damage(batch.images)))
        expected["reconstruction_test"] = np.square(restored - values(batch.images)).mean()
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("preset", [*TASKS.values(), "hinge", "conv", "pacgan2"])
def test_looking_at_a_game_leaves_no_trace_in_it(preset):
    config, ends = config_of(preset), []
    loader = loader_of(config)
    for look in (False, True):
        game = game_of(config)
        play(game, loader, range(2))
        if look:
            game.assess(batch_of(loader))
            if config.game.task not in ("repair", "super-resolution"):
                game.draw(game.noise.fixed(5, 0, CPU).to(dtype=mg.float64), mg.tensor([0, 1, 2, 0, 1]))
        play(game, loader, range(2, 4))
        ends.append(game.state_dict())
    assert_same(*ends)


def assert_same(one, other):
    """Nested dictionaries and lists with the same bits in them."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("task", ["generate", *TASKS])
def test_a_step_trains_again_after_a_look(task):
    config = config_of(TASKS.get(task, "default"))
    game, loader, training = game_of(config), loader_of(config), []
    game.assess(batch_of(loader))
    networks = (game.generator.network, game.discriminator.network)
    assert not networks[1].training
    for network in networks:
        network.register_forward_hook(lambda network, *_: training.append(network.training))
    play(game, loader, [0])
    assert training
    assert all(training)


@pytest.mark.parametrize("preset", ["dcgan", "cgan", "acgan"])
def test_drawn_samples_have_no_gradients_and_do_not_depend_on_those_beside_them(preset):
    config = config_of(preset, "generator.norm=batch", "generator.ema_decay=0.0")
    game = game_of(config)
    play(game, loader_of(config), range(3))
    z, labels = game.noise.fixed(6, 0, CPU).to(dtype=mg.float64), mg.tensor([0, 1, 2, 2, 1, 0])
    told = [] if preset == "dcgan" else [labels]
    samples = game.draw(z, *told)
    assert not samples.requires_grad
    assert samples.shape == (6, 1, 8, 8)
    np.testing.assert_allclose(values(game.draw(z[2:3], *[y[2:3] for y in told])), values(samples)[2:3], rtol=1e-12)


@pytest.mark.parametrize("preset", ["cgan", "acgan"])
def test_a_G_that_has_to_be_told_what_to_draw_says_so(preset):
    game = game_of(config_of(preset))
    with pytest.raises(mg.ConfigError, match="draw: this G draws what it is told; give labels, one for each z"):
        game.draw(mg.randn(2, 100, dtype=mg.float64))


@pytest.mark.parametrize("chunk", [5, 10, 24, 1000])
@pytest.mark.parametrize("preset", ["cgan", "acgan", "semi-supervised", "super-resolution"])
def test_the_parts_in_which_held_out_samples_are_judged_make_no_difference(preset, chunk):
    config = config_of(preset)
    game, whole = game_of(config, dtype=mg.float32), Dataset(IMAGES[:23], LABELS[:23], "held out")
    pixels = IMAGES[:23].astype(np.float32) / np.float32(127.5) - 1
    at_once = {k: v.item() for k, v in game.assess(Batch(mg.tensor(pixels), mg.tensor(LABELS[:23]))).items()}
    assert assess(game, whole, chunk) == pytest.approx(at_once, rel=1e-5)


def test_a_D_that_sees_several_samples_at_once_is_assessed_so_and_no_part_is_too_small_for_it():
    game = game_of(config_of("pacgan2", "game.pack=3"), dtype=mg.float32)

    def opinion(points):
        packs = points[: len(points) // 3 * 3].reshape(-1, 6)
        return special.expit(values(game.discriminator.network.eval()(mg.tensor(packs)))).mean()

    found = assess(game, Dataset(POINTS[:21], None, "held out"), chunk=20)  # 11 and 10 of them, and not 20 and 1
    expected = (11 * opinion(POINTS[:11]) + 10 * opinion(POINTS[11:21])) / 21
    assert found == {"D_x_test": pytest.approx(expected, rel=1e-6)}


def test_held_out_samples_are_as_noisy_as_those_that_D_was_trained_on():
    config = config_of("default", "game.instance_noise=0.5")
    game, seen = game_of(config), []
    game.discriminator.network.register_forward_hook(lambda _, args, __: seen.append(values(args[0])))
    batch = batch_of(loader_of(config))
    game.assess(batch)
    assert np.std(seen[0] - values(batch.images)) == pytest.approx(0.5, rel=0.1)


# ---- every game by every rule ----------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("task", TASKS)
def test_every_game_is_played_by_every_rule(task, rule):
    config = config_of(TASKS[task], "game.fresh_z=false", *RULES[rule])
    game = game_of(config)
    before = game.state_dict()
    reports = play(game, loader_of(config), range(3))
    assert len({frozenset(report) - {"penalty"} for report in reports}) == 1
    assert all(np.isfinite(list(report.values())).all() for report in reports)
    for player in ("generator", "discriminator"):
        for name, value in game.state_dict()[player]["network"].items():
            assert np.isfinite(value).all()
            assert (value != before[player]["network"][name]).any()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("task", TASKS)
def test_a_saved_game_of_any_kind_goes_on_with_the_same_bits(tmp_path, task, rule):
    assert_goes_on(config_of(TASKS[task], "game.fresh_z=false", *RULES[rule]), tmp_path / "game")


@pytest.mark.parametrize("preset", preset_names())
def test_a_saved_game_of_a_preset_goes_on_with_the_same_bits(tmp_path, preset):
    assert_goes_on(config_of(preset), tmp_path / "game")


def assert_goes_on(config, path):
    """Three steps, and three after a load, are six steps; and all numbers stay finite."""
    loader = loader_of(config)
    whole, first = game_of(config, dtype=mg.float32), game_of(config, dtype=mg.float32)
    reports = play(whole, loader, range(6), np.float32)
    play(first, loader, range(3), np.float32)
    mg.save(first.state_dict(), path)
    second = game_of(set_field(config, "training.seed=5"), dtype=mg.float32)
    if getattr(whole, "labelled", None) is not None:
        second.labelled = whole.labelled
    mg.manual_seed(config.training.seed)
    second.load_state_dict(mg.load(path))
    assert play(second, loader, range(3, 6), np.float32) == reports[3:]
    assert_same(second.state_dict(), whole.state_dict())
    assert all(np.isfinite(list(report.values())).all() for report in reports)
    assert_finite(whole.state_dict())


def assert_finite(state):
    for value in state.values():
        if isinstance(value, dict):
            assert_finite(value)
        elif isinstance(value, np.ndarray):
            assert np.isfinite(value).all()


# ---- memory ----------------------------------------------------------------------------------------------


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def living(*kinds):
    return sum(issubclass(type(thing), kinds) for thing in gc.get_objects())


@pytest.mark.parametrize("name", [*TASKS, "extragradient", "optimistic", "consensus", "packs", "penalties"])
def test_two_hundred_steps_of_a_game_without_the_collector_leave_nothing_behind(name, no_collector):
    more = {
        "packs": ["game.pack=2", "game.instance_noise=0.1", "game.label_noise=0.1"],
        "penalties": ["game.r2_gamma=0.1", "game.gradient_penalty=1", "game.dragan=1", "game.penalty_every=2"],
    }
    config = config_of(TASKS.get(name, "default"), *RULES.get(name, more.get(name, [])))
    game = game_of(config, dtype=mg.float32)
    (batches,) = batches_of(game, loader_of(config), [0], np.float32)

    def steps(count):
        for _ in range(count):
            mg.set_step(game.steps)
            sum(value.item() for value in game.step(*batches).values())

    steps(10)  # plans and caches are made
    gc.collect()  # empties Python's own stores of free tuples, too
    objects, ours, blocks = len(gc.get_objects()), living(Node, Variable), sys.getallocatedblocks()
    steps(200)
    assert living(Node, Variable) == ours
    assert len(gc.get_objects()) - objects <= 2  # and not one per step
    assert gc.collect() == 0
    assert sys.getallocatedblocks() - blocks < 100  # of memory, of whatever kind
