"""The experiment flow: what it measures is what PyTorch measures, and watching changes nothing."""

import copy
import dataclasses
import json
import re
from itertools import pairwise

import numpy as np
import pytest

import minigan as mg
from minigan import lab
from minigan.errors import ConfigError
from minigan.gan import DataFacts, build_game, load_preset, set_field
from minigan.gan.source import batch_of, data_of, loader_of
from minigan.lab.experiments.flow_theory import expected
from minigan.lab.page import Exhibit
from minigan.lab.watching import activations_of, layers_of, watch
from minigan.ops.random import fork_rng, manual_seed, set_step

pytestmark = pytest.mark.slow

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
            watch(as_written, [batch])
            watched.steps = as_written.steps
        else:
            watched.step(batch)
    for a, b in zip(left.generator.network.parameters(), watched.generator.network.parameters(), strict=True):
        assert a.detach().numpy().tobytes() == b.detach().numpy().tobytes()


@pytest.mark.torch
def test_signals_and_gradients_are_those_of_pytorch(torch):
    """G's turn of a step whose D does not move, written out once more."""
    config = small("default", "discriminator.lr=0.0", "game.r1_gamma=0.0", "generator.norm=none")
    game, loader = game_of(config)
    batch = start(loader, 0)
    as_before = {name: {k: np.array(v) for k, v in p.network.state_dict().items()} for name, p in
                 (("G", game.generator), ("D", game.discriminator))}  # fmt: skip
    seen = watch(game, [batch])
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
    seen = watch(game, [start(loader, 0)])
    moved = [np.linalg.norm(w.detach().numpy() - old) for w, old in zip(weights, before, strict=True)]
    np.testing.assert_allclose(seen.update, moved, rtol=1e-5)
    np.testing.assert_allclose(seen.gradient, [np.linalg.norm(w.grad) for w in weights], rtol=1e-6)


def test_units_are_dead_if_they_are_negative_for_every_sample():
    game, loader = game_of(small("mlp-relu", "generator.hidden=[8]", "discriminator.hidden=[4]"))
    first = next(iter(layers_of(game)))[1]
    bias = first.bias.detach().numpy().copy()
    bias[:3] = -1e6
    first.bias.data = bias
    seen = watch(game, [start(loader, 0)])
    assert [layer.kind for layer, _ in activations_of(game)] == ["ReLU", "Tanh", "ReLU"]
    assert seen.inactive[0] == 3 / 8
    assert seen.inactive[1] == 0  # fresh weights: no pixel is near its end


def test_a_sigmoid_passes_at_most_a_quarter_times_the_norm_of_the_weights():
    game, loader = game_of(small("reference", "discriminator.activation='sigmoid'", "discriminator.dropout=0.0"))
    seen = watch(game, [start(loader, 0)])
    D = [(i, module) for i, (layer, module) in enumerate(layers_of(game)) if layer.name.startswith("D")]
    for (i, _), (j, module) in pairwise(D):
        norm = np.linalg.norm(module.weight.detach().numpy(), 2)
        assert seen.signal[i] <= norm / 4 * seen.signal[j] * (1 + 1e-5)


@pytest.fixture(scope="module")
def data():
    with fork_rng():
        return lab.flow(steps=6, points=5, narrow=4)


@pytest.fixture(scope="module")
def written(data, tmp_path_factory):
    return lab.write("flow", data, tmp_path_factory.mktemp("flow"))


def test_theory_and_measurement_agree_at_the_first_step(written):
    checks = json.loads(written.with_name("lab.json").read_text())["checks"]
    assert len(checks) == 19
    assert [check["name"] for check in checks if not check["holds"]] == []


def test_the_page_is_written(written):
    assert 1e5 < written.stat().st_size < 8e6
    assert written.with_name("signal-between.png").exists()
    assert written.with_name("signal-init.png").exists()


def test_initialisations_and_what_stands_between_the_layers_are_compared(data):
    assert data.groups["between"] == ["preset", "no dropout in D", "BatchNorm in G", "BatchNorm in D", "Sigmoid in D"]
    starts = ["N(0, .2²)", "He", "Glorot", "orthogonal", "N(0, .02²)", "N(0, .002²)"]
    assert data.groups["init"] == ["preset", *starts]
    assert set(data.trainings) == {*data.groups["between"], *starts}


@pytest.mark.torch
@pytest.mark.parametrize(
    ("init", "linear"),
    [
        ("default", lambda fan_in, fan_out: np.sqrt(1 / 3)),
        ("xavier_uniform", lambda fan_in, fan_out: np.sqrt(2 * fan_in / (fan_in + fan_out))),
        ("kaiming_normal", lambda fan_in, fan_out: np.sqrt(2 / 1.04)),
        ("orthogonal", lambda fan_in, fan_out: np.sqrt(min(1, fan_in / fan_out))),
    ],
)
def test_what_a_layer_keeps_is_what_a_random_matrix_of_numpy_and_pytorch_keeps(init, linear, torch):
    """The published factors, and W^T g of 400 matrices of PyTorch beside them."""
    draw = {
        "default": lambda w: torch.nn.init.kaiming_uniform_(w, a=5**0.5),
        "xavier_uniform": torch.nn.init.xavier_uniform_,
        "kaiming_normal": lambda w: torch.nn.init.kaiming_normal_(w, a=0.2),
        "orthogonal": torch.nn.init.orthogonal_,
    }[init]
    hidden = [64, 48]
    config = set_field(small("default", f"discriminator.hidden={hidden}"), f'discriminator.init="{init}"')
    game, _ = game_of(config)
    kept = expected(config, [layer for layer, _ in layers_of(game)]).kept
    slope = np.sqrt(1.04 / 2)
    factors = [linear(*fans) for fans in ((784, 64), (64, 48), (48, 1))]
    np.testing.assert_allclose(kept, np.multiply(factors, [1, slope, slope]), rtol=1e-12)
    for (fan_in, fan_out), factor in zip(((784, 64), (64, 48)), factors, strict=False):
        g = torch.randn(400, fan_out, 1)
        w = torch.stack([draw(torch.empty(fan_out, fan_in)) for _ in range(400)])
        square = ((w.mT @ g).square().sum((1, 2)) / g.square().sum((1, 2))).mean().item()
        assert np.sqrt(square) == pytest.approx(factor, rel=0.02)


def test_he_keeps_the_signal_where_pytorch_s_default_loses_more_than_half_in_each_layer(data):
    """Before D 1 there is no activation that could take away what He's rule adds for it: √(2 / 1.04) = 1.39."""

    def kept(name):
        rms = np.sqrt(np.square(data.trainings[name].kept).mean(1))
        return rms[0], rms[1:] * np.sqrt(0.7)  # without dropout, which makes what it leaves larger

    first, others = kept("He")
    assert first == pytest.approx(np.sqrt(2 / 1.04), rel=0.1)
    np.testing.assert_allclose(others, 1, atol=0.1)
    first, others = kept("preset")
    assert first == pytest.approx(np.sqrt(1 / 3), rel=0.1)
    assert (others < 0.5).all()


def test_batchnorm_in_d_makes_the_small_differences_of_fresh_fakes_large(data):
    assert data.trainings["BatchNorm in D"].at_fake[0] > 50 * data.trainings["preset"].at_fake[0]


def test_weights_that_are_too_small_starve_g_and_adam_cannot_help(data):
    small, preset = data.trainings["N(0, .002²)"], data.trainings["preset"]
    assert small.gradient[0, 0] < 1e-7 * preset.gradient[0, 0]
    assert small.update[0, 0] < 1e-4 * small.expected.update[0]


def exhibits(data):
    items = [item for section in lab.EXPERIMENTS["flow"].page(data).sections for item in section.items]
    return {item.title: item for item in items if isinstance(item, Exhibit)}


def axes(frame):
    return getattr(frame, "canvas", frame).figure.axes[0]


def test_a_caption_calls_its_panels_by_their_titles(data):
    """On a phone they stand one below the other: there is no left and no right."""
    for exhibit in exhibits(data).values():
        titles = [axes(panel.frames[-1]).get_title("left").split(": N(")[0] for panel in exhibit.panels]
        called = re.findall("<b>(.*?)</b>", exhibit.caption)
        assert called
        assert set(called) <= set(titles)
        assert not re.search("(?i)(left|middle|right)[:,)]", exhibit.caption.replace("read from the left:", ""))


def test_the_rows_of_the_three_maps_line_up(data):
    rows = [[label.get_text() for label in axes(panel.frames[0]).get_yticklabels()]
            for panel in exhibits(data)["Layer by step"].panels]  # fmt: skip
    assert rows[0] == rows[1] == rows[2]
    shares = axes(exhibits(data)["Layer by step"].panels[2].frames[0]).images[0].get_array()
    np.testing.assert_array_equal(np.ma.filled(shares[:-1], np.nan), data.trainings["preset"].inactive)
    assert np.ma.getmaskarray(shares[-1]).all()  # behind D's logit there is no activation


def test_a_legend_names_the_training_that_is_drawn_and_no_other(data):
    for panel in exhibits(data)["Where to, and how loudly"].panels:
        for name, frame in zip(data.trainings, panel.frames, strict=True):
            names = [text.get_text() for text in frame.figure.legends[0].get_texts()]
            assert names == (["preset"] if name == "preset" else ["preset", name])


def test_the_caption_tells_where_d_leads_away_from_real_images(data):
    def said(worst):
        track = np.where(np.arange(len(data.steps)) == 1, worst, 0.5)
        trainings = {
            name: dataclasses.replace(t, toward=track if name == "He" else np.abs(t.toward))
            for name, t in data.trainings.items()
        }
        return exhibits(dataclasses.replace(data, trainings=trainings))["Where to, and how loudly"].caption

    assert "Look at He: where the cosine is below the band" in said(-0.2)
    assert "below the band" not in said(-0.05)  # as chance makes it too: 2 / sqrt(784) is .07


def captions(data):
    return " ".join(item.caption for section in lab.EXPERIMENTS["flow"].page(data).sections for item in section.items)


def test_a_caption_says_that_something_grew_only_if_it_did(data):
    def with_last(factor):
        ends = {
            name: dataclasses.replace(t, at_fake=np.append(t.at_fake[:-1], factor(t.at_fake[0])))
            for name, t in data.trainings.items()
        }
        return captions(dataclasses.replace(data, trainings=ends))

    assert "closes from below" in with_last(lambda first: 1.0)
    assert "closes from below" not in with_last(lambda first: first)
    assert f"no number in {len(data.groups['init'])} trainings" in with_last(lambda first: np.nan)
    assert "Adam" in captions(data)
    other = {name: dataclasses.replace(t, adam_eps=np.nan) for name, t in data.trainings.items()}
    assert "Adam's ε" not in captions(dataclasses.replace(data, trainings=other))


def test_maxout_units_are_not_compared_with_sigmoids():
    found = lab.flow(preset="goodfellow-2014", steps=5, points=5, narrow=60)
    assert list(found.left_out) == ["Sigmoid in D"]
    assert "Sigmoid in D" not in found.trainings
    assert "default" in found.groups["init"]  # this preset starts from weights of its own


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "ring"}, "^preset: expected one of default, acgan, .*, but got 'ring'"),
        ({"preset": "referense"}, "^preset: .*Did you mean reference"),
        ({"points": 4}, "^points: expected a whole number from 5 to 300, but got 4"),
        ({"points": 10**12}, "^points: expected a whole number from 5 to 300"),
        ({"steps": 20}, "^steps: expected at least as many as points, 30, but got 20"),
        ({"steps": 10**20}, "^steps: expected a whole number from 1 to 100,000"),
        ({"narrow": 0}, "^narrow: expected a whole number from 1 to 1,000"),
        ({"narrow": 10**30}, "^narrow: expected a whole number from 1 to 1,000"),
        ({"seed": -1}, "^seed: expected a whole number"),
        ({"seed": 2**64}, "^seed: expected a whole number"),
    ],
)
def test_options_out_of_range_are_refused_in_a_sentence(options, message):
    with pytest.raises(ConfigError, match=message):
        lab.flow(**options)
