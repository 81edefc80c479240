"""Fifty alternating steps of GANs, in float64, against the same games written in PyTorch by hand.

Same weights, same batches, same z, dropout off: after every step every parameter of both players is within 1e-9.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest

import minigan as mg
from minigan.data import Loader, load_mnist
from minigan.gan import build_game, load_preset, set_field

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
pytestmark = [pytest.mark.torch, pytest.mark.slow]

STEPS = 50


def torch_twin(config, D_output: str):
    """The networks of a preset in PyTorch, in float64."""
    nn = torch.nn
    layers, n_in = [], config.generator.z_dim
    for n in config.generator.hidden:
        layers += [nn.Linear(n_in, n)] + ([nn.BatchNorm1d(n)] if config.generator.batch_norm else [])
        layers += [nn.LeakyReLU(0.2)]
        n_in = n
    G = nn.Sequential(*layers, nn.Linear(n_in, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28)))
    layers, n_in = [nn.Flatten()], 784
    for n in config.discriminator.hidden:
        layers += [nn.Linear(n_in, n), nn.LeakyReLU(0.2)]
        n_in = n
    D = nn.Sequential(*layers, nn.Linear(n_in, 1), *([nn.Sigmoid()] if D_output == "probability" else []))
    return G.double(), D.double()


def weights_of(module) -> dict:
    return {name: torch.from_numpy(value.copy()) for name, value in module.state_dict().items()}


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("reference", ["discriminator.dropout=0.0"]),
        ("reference", ["discriminator.dropout=0.0", "game.loss=minimax"]),
        ("default", ["generator.batch_norm=true"]),
        ("default", ["game.r1_gamma=0.0", "game.label_smoothing=0.1"]),
    ],
    ids=["reference", "minimax", "default with R1, EMA and BatchNorm", "smoothing"],
)
def test_fifty_steps_give_the_parameters_that_pytorch_gives(preset, changes):
    config = load_preset(preset)
    for change in changes:
        config = set_field(config, change)
    game = build_game(config, (1, 28, 28), mg.device("cpu"))
    G, D = game.generator.network.double(), game.discriminator.network.double()
    if game.ema is not None:
        game.ema.network.double()
    tG, tD = torch_twin(config, config.discriminator.output)
    tG.load_state_dict(weights_of(G))
    tD.load_state_dict(weights_of(D))
    t_ema = copy.deepcopy(tG)
    oG = torch.optim.Adam(tG.parameters(), lr=config.generator.lr, betas=config.generator.betas)
    oD = torch.optim.Adam(tD.parameters(), lr=config.discriminator.lr, betas=config.discriminator.betas)
    rules, on_logits = config.game, config.discriminator.output == "logit"
    bce = torch.nn.BCEWithLogitsLoss() if on_logits else torch.nn.BCELoss()
    n = config.training.batch_size
    loader = Loader(load_mnist()[0], batch_size=n)
    one, zero = torch.ones(n, 1).double(), torch.zeros(n, 1).double()

    for k in range(STEPS):
        x = loader.batch(k).astype(np.float64)
        mg.set_step(k)
        report = game.step(mg.tensor(x))
        mg.set_step(k)
        z = torch.from_numpy(mg.randn(n, config.generator.z_dim, dtype=mg.float64).numpy())

        real, fake = torch.from_numpy(x), tG(z)
        penalised = rules.r1_gamma and k % rules.r1_every == 0
        real.requires_grad_(bool(penalised))
        on_real, on_fake = tD(real), tD(fake.detach())
        loss_D = bce(on_real, one * (1 - rules.label_smoothing)) + bce(on_fake, zero)
        total = loss_D
        if penalised:
            (gx,) = torch.autograd.grad(on_real.sum(), real, create_graph=True)
            total = loss_D + rules.r1_every * rules.r1_gamma / 2 * gx.square().flatten(1).sum(1).mean()
        oD.zero_grad()
        total.backward()
        oD.step()
        on_fake = tD(fake)
        loss_G = -bce(on_fake, zero) if rules.loss == "minimax" else bce(on_fake, one)
        oG.zero_grad()
        loss_G.backward()
        oG.step()
        with torch.no_grad():
            for average, parameter in zip(t_ema.parameters(), tG.parameters(), strict=True):
                average.lerp_(parameter, 1 - min(config.generator.ema_decay, (1 + k) / (10 + k)))

        assert abs(report.loss_D.item() - loss_D.item()) < 1e-9
        assert abs(report.loss_G.item() - loss_G.item()) < 1e-9
        for ours, theirs in ((G, tG), (D, tD)):
            for name, value in theirs.state_dict().items():
                np.testing.assert_allclose(ours.state_dict()[name], value.numpy(), rtol=0, atol=1e-9, err_msg=name)
    if game.ema is not None:
        for ours, theirs in zip(game.ema.network.parameters(), t_ema.parameters(), strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=0, atol=1e-9)
        for ours, theirs in zip(game.ema.network.buffers(), tG.buffers(), strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=0, atol=1e-9)
