"""The mistakes: each symptom against mathematics or PyTorch, and each mend without it."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import minigan as mg
from minigan import lab
from minigan.gan import get_loss
from minigan.lab.experiments.bugs_programs import (
    chain_rule,
    decay_that_restarts,
    minimax_in_name_only,
    shape_as_data,
    sigmoid_twice,
    swapped_value,
)
from minigan.lab.page import BLUE, ORANGE, Exhibit, Text

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found():
    return lab.bugs()


@pytest.mark.parametrize("seed", range(4))
def test_two_sigmoids_keep_D_between_one_half_and_sigmoid_of_1(seed):
    mg.manual_seed(seed)
    seen = sigmoid_twice.train(sigmoid_twice.wrong())
    both = np.array([seen.D_x, seen.D_G_z])
    assert both.min() >= 0.5
    assert both.max() <= 1 / (1 + math.exp(-1)) + 1e-7
    assert min(seen.loss_D) > math.log(1 + math.exp(-1)) + math.log(2)
    assert seen.D_x[-1] > 0.73


def test_two_sigmoids_starve_G_like_the_saturating_loss(found):
    """-log sigmoid(sigmoid(s)) by calculus."""
    twice = found.sigmoid_twice
    p = 1 / (1 + np.exp(-twice.logits))
    np.testing.assert_allclose(twice.signals.wrong, p * (1 - p) / (1 + np.exp(p)), rtol=1e-12)
    np.testing.assert_allclose(twice.signals.mended, 1 - p, rtol=1e-12)


@pytest.mark.torch
def test_the_clipped_cost_has_no_slope_outside_of_0_to_1_in_pytorch_too(torch, found):
    x = torch.tensor(found.no_probabilities.outputs, requires_grad=True)
    cost = -torch.log(x.clamp(1e-7, 1 - 1e-7))
    cost.sum().backward()
    inside = (found.no_probabilities.outputs > 0) & (found.no_probabilities.outputs < 1)
    np.testing.assert_allclose(found.no_probabilities.costs.wrong, cost.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(found.no_probabilities.slopes.wrong[inside], x.grad.numpy()[inside], rtol=1e-12)
    assert not found.no_probabilities.slopes.wrong[~inside & (found.no_probabilities.outputs != 1)].any()


def test_a_clipped_loss_has_no_gradient_and_each_mistake_costs_the_same_from_then_on(found):
    dead = [seen for seen in found.no_probabilities.seen.wrong if seen.saturated[-1] == 1]
    assert len(dead) >= 3  # of five: when it happens is chance
    for seen in dead:
        each = seen.loss_D[-1] / seen.mistaken[-1]
        assert each == pytest.approx(math.log(1e7), rel=0.012)  # 1 - 1e-7 is rounded in float32
    assert all(seen.mistaken[-1] < 0.15 for seen in found.no_probabilities.seen.mended)


def test_a_rate_that_restarts_leaves_the_weights_where_noise_and_pull_balance(found):
    lr = decay_that_restarts.LR
    assert set(found.decay.wrong.lr) == {lr}
    assert len(set(found.decay.mended.lr)) == 10
    late = np.square(found.decay.wrong.distance[250:]).mean()
    assert late == pytest.approx(lr / (2 - lr), rel=0.02)
    assert found.decay.mended.distance[-1] < 0.1


def test_swapped_for_D_alone_G_leaves_and_swapped_for_both_it_is_the_same_game(found):
    game = found.swapped
    assert game.seen.wrong.theta[-1] < 0
    assert game.seen.mended.theta[-1] == pytest.approx(game.data, abs=0.3)
    np.testing.assert_array_equal(game.both.theta, game.seen.mended.theta)
    np.testing.assert_array_equal(game.both.w, np.negative(game.seen.mended.w))
    assert game.seen.wrong.D_x[-1] < 0.5 < game.seen.wrong.D_G_z[-1]


def test_the_programs_compute_the_losses_that_they_are_called_by():
    real, fake = mg.tensor([[1.5], [-0.5]], dtype=mg.float64), mg.tensor([[-3.0], [0.7]], dtype=mg.float64)
    named = {name: get_loss(name) for name in ("minimax", "non-saturating")}
    V = named["minimax"].discriminator(real, fake).item()
    assert swapped_value.mended(real, fake).item() == pytest.approx(V, rel=1e-14)
    assert swapped_value.wrong(fake, real).item() == pytest.approx(V, rel=1e-14)
    assert minimax_in_name_only.mended(fake).item() == pytest.approx(named["minimax"].generator(fake).item(), rel=1e-14)
    non_saturating = named["non-saturating"].generator(fake).item()
    assert minimax_in_name_only.wrong(fake).item() == pytest.approx(non_saturating, rel=1e-14)


def test_only_in_the_minimax_game_one_player_gains_what_the_other_loses(found):
    named = found.name_only
    assert np.abs(np.add(named.seen.mended.slope_D, named.seen.mended.slope_G)).max() < 1e-6
    assert np.abs(np.add(named.seen.wrong.slope_D, named.seen.wrong.slope_G)).max() > 0.5
    np.testing.assert_allclose(named.signals.mended / named.signals.wrong, np.exp(named.logits), rtol=1e-12)
    assert named.seen.mended.theta[30] < named.seen.wrong.theta[30] / 4


def test_a_shape_as_data_makes_one_sample_per_batch():
    mg.manual_seed(5)
    wrong, mended = (shape_as_data.train(draw, steps=20) for draw in (shape_as_data.wrong, shape_as_data.mended))
    assert all(len(fakes) == 1 for fakes in wrong.fakes)
    assert all(len(np.unique(fakes, axis=0)) == shape_as_data.N for fakes in mended.fakes)


def test_the_factors_are_the_jacobians_that_pencil_and_paper_give():
    """Of a Linear its weight, of Tanh 1 - tanh^2 on the diagonal."""
    mg.manual_seed(3)
    G, D = chain_rule.networks()
    z = mg.randn(2, dtype=mg.float64)
    steps = chain_rule.chain(G, D, z)
    a = np.tanh(G[0].weight.detach().numpy() @ z.numpy() + G[0].bias.detach().numpy())
    x = G[2].weight.detach().numpy() @ a + G[2].bias.detach().numpy()
    b = np.tanh(D[0].weight.detach().numpy() @ x + D[0].bias.detach().numpy())
    W = [net[i].weight.detach().numpy() for net, i in ((D, 2), (D, 0), (G, 2), (G, 0))]
    factors = [W[0], np.diag(1 - b**2), W[1], W[2], np.diag(1 - a**2), W[3]]
    for step, factor in zip(steps, factors, strict=True):
        np.testing.assert_allclose(step.jacobian, factor, rtol=1e-14, atol=1e-16)
    np.testing.assert_allclose(steps[-1].product, np.linalg.multi_dot(factors)[0], rtol=1e-12)


def test_all_predictions_hold_and_the_page_shows_the_programs_themselves(found, tmp_path):
    index = lab.write("bugs", found, tmp_path)
    assert all(check.holds for check in lab.EXPERIMENTS["bugs"].page(found).checks)
    html = index.read_text(encoding="utf-8")
    assert "return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())" in html
    assert not re.search(r"type: ignore|mathdefault", html)
    assert len(html) < 2_000_000


def test_a_caption_calls_its_panels_by_their_titles(found):
    """On a phone they stand one below the other: there is no left and no right."""
    sections = lab.EXPERIMENTS["bugs"].page(found).sections
    called = 0
    for exhibit in (item for section in sections for item in section.items if isinstance(item, Exhibit)):
        frames = [panel.frames[0] for panel in exhibit.panels]
        figures = [getattr(frame, "canvas", frame).figure for frame in frames if not isinstance(frame, Text)]
        titles = [figure.axes[0].get_title("left") for figure in figures]
        for name in re.findall("<b>(.*?)</b>", exhibit.caption):
            called += 1
            assert any(title.split(", 5 seeds")[0] == name for title in titles), name
        assert not re.search(r"\((left|middle|right)\b|\b(Left|Middle|Right)[:,]", exhibit.caption)
    assert called >= 10


def test_of_all_curves_the_mended_one_is_the_thick_one(found):
    sections = lab.EXPERIMENTS["bugs"].page(found).sections
    panels = [
        panel for section in sections for item in section.items if isinstance(item, Exhibit) for panel in item.panels
    ]
    pairs = 0
    for frame in (panel.frames[0] for panel in panels if not isinstance(panel.frames[0], Text)):
        lines = [line for ax in getattr(frame, "canvas", frame).figure.axes for line in ax.lines]
        wrong, mended = ({x.get_linewidth() for x in lines if x.get_color() == c and x.get_linestyle() != "None"}
                         for c in (ORANGE, BLUE))  # fmt: skip
        if wrong and mended:
            pairs += 1
            assert max(wrong) < min(mended)
    assert pairs >= 10


def test_the_random_streams_go_on_where_they_were():
    mg.manual_seed(7)
    expected = mg.randn(3).numpy()
    mg.manual_seed(7)
    with pytest.raises(mg.ConfigError, match="seed"):
        lab.bugs(seed=-1)
    np.testing.assert_array_equal(mg.randn(3).numpy(), expected)
