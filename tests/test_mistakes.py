"""Eight mistakes of introductions to GANs: minigan does not make them, and examples/mistakes shows what they do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.gan import build_game, clip_weights_, get_loss, load_preset, preset_names
from minigan.gan.build import DataFacts
from minigan.nn import functional as F

MISTAKES = Path(__file__).parents[1] / "examples" / "mistakes"
CPU = mg.device("cpu")


def shown_by(script):
    """What an example prints."""
    environment = {**os.environ, "PYTHONPATH": str(MISTAKES.parents[1])}
    command = [sys.executable, str(MISTAKES / f"{script}.py")]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


def share(text):
    """The percentage of the samples that a line tells of."""
    return int(re.search(r"(\d+)% of the samples", text)[1])


def small(name):
    """A preset's game on tiny data."""
    facts = DataFacts((2,), 3) if name in ("ring", "grid", "pacgan2") else DataFacts((1, 28, 28), 10)
    return build_game(load_preset(name), facts, CPU)


# 1. Sigmoid on D's output, then a loss that expects logits. 2. The opposite.


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_ends_D_as_its_loss_expects(name):
    game = small(name)
    ends_in_sigmoid = any(isinstance(m, nn.Sigmoid) for m in list(game.discriminator.network.modules())[-1:])
    assert ends_in_sigmoid == (load_preset(name).discriminator.output == "probability")
    if game.loss.probability is not None:
        half = mg.full((4, 1), 0.5 if ends_in_sigmoid else 0.0)
        assert game.loss.discriminator(half, half).item() == pytest.approx(np.log(4), rel=1e-6)


def test_a_sigmoid_too_many_keeps_D_between_one_half_and_0_731():
    wrong, right, _ = shown_by("sigmoid_twice").splitlines()
    *_, on_real, on_fake, loss = numbers(wrong)
    assert 0.5 <= on_fake <= on_real <= 0.7311
    assert loss > 1.006
    assert numbers(right)[0] > 0.99
    assert numbers(right)[1] < 0.01


def test_numbers_that_are_no_probabilities_are_refused():
    with pytest.raises(mg.RangeError, match=r"expected probabilities in \[0, 1\]"):
        F.binary_cross_entropy(mg.tensor([1.5]), mg.tensor([1.0]))
    refused, clipped, right = shown_by("logits_as_probabilities").splitlines()
    assert "expected probabilities in [0, 1]" in refused
    assert share(clipped) > 90
    assert share(right) == 0


# 3. A decay that restarts with each epoch.


def test_a_decay_per_epoch_decays():
    rows = [numbers(line) for line in shown_by("decay_that_restarts").splitlines()[1:]]
    wrong, right, scheduled, preset = zip(*rows, strict=True)
    assert len(set(wrong)) == 1
    assert right == scheduled == (0.1, 0.05, 0.0333, 0.025)
    assert preset == pytest.approx([1e-3 * 0.95**epoch for epoch in range(4)], abs=1e-6)


# 4. Real and fake swapped in the value function.


@pytest.mark.parametrize("name", ["minimax", "non-saturating", "least-squares", "wasserstein", "hinge", "relativistic"])
def test_D_pays_less_when_it_tells_real_from_fake(name):
    high, low = mg.full((4, 1), 0.9), mg.full((4, 1), -0.9)
    loss = get_loss(name)
    assert loss.discriminator(high, low).item() < loss.discriminator(low, high).item()
    assert loss.generator(high, low).item() < loss.generator(low, high).item()


def test_a_swapped_value_function_drives_G_away_from_the_data():
    data, right, swapped = (numbers(line)[0] for line in shown_by("swapped_value").splitlines())
    assert abs(right - data) < 0.3
    assert swapped < 0


# 5. The non-saturating loss under the name minimax.


def test_the_loss_called_minimax_is_a_game_of_zero_sum_and_the_other_is_not():
    sums = {}
    for name in ("minimax", "non-saturating"):
        loss, logits = get_loss(name), mg.tensor([[-3.0], [0.5], [2.0]], dtype=mg.float64)
        real = mg.full((3, 1), 1e3, dtype=mg.float64)  # costs D nothing
        sums[name] = (loss.discriminator(real, logits) + loss.generator(logits)).item()
    assert sums["minimax"] == pytest.approx(0, abs=1e-12)
    assert sums["non-saturating"] > 1


def test_the_saturating_signal_is_smaller_by_the_factor_exp_of_the_logit():
    row = next(line for line in shown_by("minimax_in_name_only").splitlines() if line.strip().startswith("-8"))
    assert float(row.split()[3]) == pytest.approx(1 / 2981, abs=1e-5)


# 6. Weight clipping called gradient clipping.


def test_clipping_weights_and_clipping_gradients_are_two_things():
    w = nn.Parameter(mg.tensor([3.0, -0.5]))
    (w * mg.tensor([30.0, 40.0])).sum().backward()
    nn.utils.clip_grad_norm_([w], 1.0)
    np.testing.assert_allclose(w.grad, [0.6, 0.8], rtol=1e-5)
    np.testing.assert_array_equal(w.data, [3.0, -0.5])
    clip_weights_([w], 1.0)
    np.testing.assert_array_equal(w.data, [1.0, -0.5])
    np.testing.assert_allclose(w.grad, [0.6, 0.8], rtol=1e-5)


def test_only_clipped_weights_bound_a_critic():
    gradients, weights = (numbers(line) for line in shown_by("clipping").splitlines())
    assert gradients[1] == pytest.approx(1.0, abs=1e-3)
    assert gradients[0] > 1
    assert gradients[2] > 10
    assert weights[0] == 0.1
    assert weights[2] <= 0.32  # 32 paths of 0.1 times 0.1


# 7. A loss that is shadowed by its own value; a shape passed as data.


def test_a_shadowed_loss_fails_on_its_second_use_and_a_shape_is_no_noise():
    error, wrong, mended = shown_by("shadowed_loss").splitlines()
    assert error == "step 1: 'Tensor' object is not callable"
    assert wrong.endswith("losses of 1 steps")
    assert mended.endswith("losses of 3 steps")
    lines = shown_by("shape_as_data").splitlines()
    assert "[64.0, 2.0] of shape (2,)" in lines[0]
    assert "expected an input of shape (..., 100), but got (2,)" in lines[-1]


# 8. The chain rule told as a dependence between networks: it is the derivative of a composition.


def test_Gs_gradient_is_the_product_of_the_derivatives_of_D_and_of_G():
    mg.manual_seed(0)
    G, D = nn.Linear(2, 3).double(), nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    z = mg.randn(1, 2, dtype=mg.float64)
    (through_both,) = mg.grad(D(G(z)).sum(), G.weight)
    fake = G(z).detach().requires_grad_()
    (signal,) = mg.grad(D(fake).sum(), fake)  # dD/dG: all that G learns
    by_hand = signal.numpy().T @ z.numpy()  # times dG/dW
    np.testing.assert_allclose(through_both.numpy(), by_hand, rtol=1e-13)


def test_the_product_of_all_jacobians_is_the_slope_of_the_composition():
    for line in shown_by("chain_rule").splitlines():
        product, differences = (numbers(part) for part in line.split("differences"))
        assert product == pytest.approx(differences, abs=2e-8)
