"""The experiment flow: what it measures is what PyTorch measures, and watching changes nothing."""

import copy
from itertools import pairwise

import numpy as np
import pytest

import minigan as mg
from minigan import lab
from minigan.errors import ConfigError
from minigan.gan import DataFacts, build_game, load_preset, set_field
from minigan.gan.source import batch_of, data_of, loader_of
from minigan.lab.experiments.flow_watch import activations_of, layers_of, play
from minigan.ops.random import fork_rng, manual_seed, set_step

CPU = mg.device("cpu")
SMALL = ("generator.hidden=[8, 12]", "discriminator.hidden=[12, 8]", "training.batch_size=16")


def small(preset, *changes):
    config = load_preset(preset)
    for change in (*SMALL, *changes):
        config = set_field(config, change)
    return config


def game_of(config):
    loader = loader_of(config, data_of(config))
    return build_game(config, DataFacts.of(loader, config), CPU), loader


def start(loader, step):
    manual_seed(loader.seed)
    set_step(step)
    return batch_of(loader, step, CPU)


@pytest.mark.parametrize("preset", ["reference", "default", "mlp-relu"])
def test_a_watched_step_leaves_the_same_bits_as_any_other(preset):
    config = small(preset)
    (left, loader), (watched, _) = game_of(config), game_of(config)
    as_written = copy.copy(watched)
    watched.capture()
    for step in range(6):
        left.step(start(loader, step))
        batch = start(loader, step)
        if step % 2:
            as_written.steps = step
            play(as_written, [batch])
            watched.steps = as_written.steps
        else:
            watched.step(batch)
    for a, b in zip(left.generator.network.parameters(), watched.generator.network.parameters(), strict=True):
        assert a.detach().numpy().tobytes() == b.detach().numpy().tobytes()


@pytest.mark.torch
def test_signals_and_gradients_are_those_of_pytorch(torch):
    """G's turn of a step whose D does not move, written out once more."""
    config = small("default", "discriminator.lr=0.0", "game.r1_gamma=0.0")
    game, loader = game_of(config)
    batch = start(loader, 0)
    as_before = {name: {k: np.array(v) for k, v in p.network.state_dict().items()} for name, p in
                 (("G", game.generator), ("D", game.discriminator))}  # fmt: skip
    seen = play(game, [batch])
    start(loader, 0)
    z = game.noise.draw(16).numpy()  # the same once more

    outputs = []
    x = torch.from_numpy(z.copy())
    for name in "GD":
        state = list(as_before[name].values())
        for i in range(0, len(state), 2):
            x = x @ torch.from_numpy(state[i]).T + torch.from_numpy(state[i + 1])
            if not x.requires_grad:
                x.requires_grad_()
            x.retain_grad()
            outputs.append(x)
            if i + 2 < len(state):
                x = torch.nn.functional.leaky_relu(x, 0.2)
            elif name == "G":
                x = fakes = torch.tanh(x)
                x.retain_grad()
    torch.nn.functional.binary_cross_entropy_with_logits(x, torch.ones_like(x)).backward()
    expected = [16 * y.grad.norm(dim=1).mean().item() for y in outputs]
    np.testing.assert_allclose(seen.signal, expected, rtol=2e-4)
    np.testing.assert_allclose(seen.at_fakes.reshape(16, -1), 16 * fakes.grad.reshape(16, -1).numpy(), atol=1e-6)
    np.testing.assert_allclose(seen.outputs, x.detach().numpy().ravel(), rtol=1e-4, atol=1e-6)


def test_updates_are_how_far_the_weights_moved():
    game, loader = game_of(small("reference"))
    weights = [next(p for p in layer.parameters() if p.ndim > 1) for _, layer in layers_of(game)]
    before = [w.detach().numpy().copy() for w in weights]
    seen = play(game, [start(loader, 0)])
    moved = [np.linalg.norm(w.detach().numpy() - old) for w, old in zip(weights, before, strict=True)]
    np.testing.assert_allclose(seen.update, moved, rtol=1e-5)
    np.testing.assert_allclose(seen.gradient, [np.linalg.norm(w.grad) for w in weights], rtol=1e-6)


def test_units_are_silent_if_they_are_negative_for_every_sample():
    game, loader = game_of(small("mlp-relu", "generator.hidden=[8]", "discriminator.hidden=[4]"))
    first = next(iter(layers_of(game)))[1]
    bias = first.bias.detach().numpy().copy()
    bias[:3] = -1e6
    first.bias.data = bias
    seen = play(game, [start(loader, 0)])
    assert [place.kind for place, _ in activations_of(game)] == ["ReLU", "Tanh", "ReLU"]
    assert seen.silent[0] == 3 / 8
    assert seen.silent[1] == 0  # fresh weights: no pixel is near its end


def test_a_sigmoid_passes_at_most_a_quarter_times_the_norm_of_the_weights():
    game, loader = game_of(small("reference", "discriminator.activation='sigmoid'", "discriminator.dropout=0.0"))
    seen = play(game, [start(loader, 0)])
    D = [(i, layer) for i, (place, layer) in enumerate(layers_of(game)) if place.name.startswith("D")]
    for (i, _), (j, layer) in pairwise(D):
        norm = np.linalg.norm(layer.weight.detach().numpy(), 2)
        assert seen.signal[i] <= norm / 4 * seen.signal[j] * (1 + 1e-5)


@pytest.fixture(scope="module")
def data():
    with fork_rng():
        return lab.flow(steps=6, points=5, narrow=4)


def test_theory_and_measurement_agree_at_the_first_step(data):
    page = lab.EXPERIMENTS["flow"].page(data)
    assert len(page.checks) == 15
    assert [check.name for check in page.checks if not check.holds] == []


def test_weights_that_are_too_small_starve_g_and_adam_cannot_help(data):
    small, preset = data.courses["N(0, .002)"], data.courses["preset"]
    assert small.gradient[0, 0] < 1e-7 * preset.gradient[0, 0]
    assert small.update[0, 0] < 1e-4 * small.expected.update[0]


def test_the_page_is_written(data, tmp_path):
    index = lab.write("flow", data, tmp_path)
    assert 1e5 < index.stat().st_size < 8e6
    assert (tmp_path / "signal.png").exists()


def test_maxout_units_are_not_compared_with_sigmoids():
    found = lab.flow(preset="goodfellow-2014", steps=5, points=5, narrow=60)
    assert list(found.left_out) == ["Sigmoid in D"]
    assert "Sigmoid in D" not in found.courses


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "ring"}, "trains on MNIST"),
        ({"preset": "rong"}, "No preset"),
        ({"points": 4}, "points of at least 5"),
        ({"steps": 20}, "steps of at least 30"),
        ({"narrow": 0}, "narrow of at least 1"),
    ],
)
def test_options_out_of_range_are_refused_in_a_sentence(options, message):
    with pytest.raises(ConfigError, match=message):
        lab.flow(**options)
