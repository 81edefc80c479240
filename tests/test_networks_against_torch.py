"""The players' networks are those that PyTorch makes of the same layers: state, values, gradients of both orders.

Each twin is written out by hand with PyTorch's own layers, under the names that give it the same state dict.
"""

from __future__ import annotations

import numpy as np
import pytest
from test_nn import assert_same, assert_same_state, draw, ours, theirs

import minigan as mg
from minigan.gan.config import DiscriminatorConfig, GeneratorConfig
from minigan.gan.networks import (
    UNet,
    build_discriminator,
    build_generator,
    conv_discriminator,
    conv_generator,
    maxout_discriminator,
    mlp_discriminator,
    mlp_generator,
    residual_discriminator,
    residual_generator,
)

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
pytestmark = pytest.mark.torch
nn, F = torch.nn, torch.nn.functional
row = nn.Sequential


class Stretch(nn.Module):
    def forward(self, x):
        return 2 * x - 1


class Shrink(nn.Module):
    def forward(self, x):
        return (x + 1) / 2


class Maxout(nn.Module):
    def __init__(self, n_in, n_out, pieces):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out * pieces)
        self.n_out = n_out

    def forward(self, x):
        return torch.stack(self.linear(x).split(self.n_out, 1)).amax(0)


class Residual(nn.Module):
    def __init__(self, shortcut, residual):
        super().__init__()
        self.shortcut, self.residual = shortcut, residual

    def forward(self, x):
        return self.residual(x) + self.shortcut(x)


class Swapped(nn.Sequential):
    """Two layers, called in the order in which WGAN-GP has them, though they have each other's numbers."""

    def forward(self, x):
        return self[0](self[1](x))


class UNetTwin(nn.Module):
    def __init__(self, down, bottom, up, last):
        super().__init__()
        self.down, self.bottom, self.up, self.last = nn.ModuleList(down), bottom, nn.ModuleList(up), last

    def forward(self, x):
        seen = [x]
        for block in self.down:
            seen.append(block(seen[-1]))
        y = self.bottom(seen[-1])
        for block, beside in zip([*self.up, self.last], seen[:0:-1], strict=True):
            y = block(torch.cat([y, beside], dim=1))
        return y


class Told(nn.Module):
    """G(z, y) or D(x, y) of three classes."""

    def __init__(self, network, flat=False):
        super().__init__()
        self.network, self.flat = network, flat

    def forward(self, x, labels):
        x = x.flatten(1) if self.flat else x
        y = F.one_hot(labels, 3).to(x.dtype)
        planes = y if x.ndim == 2 else y[:, :, None, None].repeat(1, 1, *x.shape[2:])
        return self.network(torch.cat([x, planes], 1))


class Repeated(nn.Conv2d):
    """Pixels repeated, then convolved."""

    def forward(self, x):
        return super().forward(F.interpolate(x, scale_factor=2))


class Averaged(nn.Conv2d):
    """Convolved, then means of 2 x 2."""

    def forward(self, x):
        return F.avg_pool2d(super().forward(x), 2)


def halve(n_in, n_out, bias=True):
    return nn.Conv2d(n_in, n_out, 4, 2, 1, bias=bias)


def double(n_in, n_out, bias=True):
    return nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=bias)


def conv3(n_in, n_out, bias=True):
    return nn.Conv2d(n_in, n_out, 3, padding=1, bias=bias)


def leaky():
    return nn.LeakyReLU(0.2)


def up_block(n_in, n_out, start, middle):
    shortcut = Swapped(nn.Conv2d(n_in, n_out, 1), nn.Upsample(scale_factor=2))
    return Residual(shortcut, row(*start, Repeated(n_in, n_out, 3, padding=1), *middle, conv3(n_out, n_out)))


def down_block(n_in, n_out, start, middle):
    shortcut = Swapped(nn.AvgPool2d(2), nn.Conv2d(n_in, n_out, 1))
    return Residual(shortcut, row(*start, conv3(n_in, n_out), *middle, Averaged(n_out, n_out, 3, padding=1)))


def normed(network):
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.utils.spectral_norm(layer)
    return network


Z, IMAGE = (4, 5), (4, 2, 4, 8)
NETWORKS = {
    "mlp G": (
        lambda: mlp_generator(5, [4, 3], (2, 4, 8), norm="batch"),
        lambda: row(
            nn.Linear(5, 4), nn.BatchNorm1d(4), leaky(), nn.Linear(4, 3), nn.BatchNorm1d(3), leaky(),
            nn.Linear(3, 64), nn.Tanh(), nn.Unflatten(1, (2, 4, 8)),
        ),
        Z,
    ),
    "mlp G to probabilities": (
        lambda: mlp_generator(5, [4], (1, 2, 2), activation="relu", norm="layer", output="sigmoid"),
        lambda: row(
            nn.Linear(5, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 4), nn.Sigmoid(), Stretch(),
            nn.Unflatten(1, (1, 2, 2)),
        ),
        Z,
    ),
    "mlp G to points": (
        lambda: mlp_generator(5, [4], (2,), activation="sigmoid", output="linear"),
        lambda: row(nn.Linear(5, 4), nn.Sigmoid(), nn.Linear(4, 2)),
        Z,
    ),
    "linear G": (lambda: mlp_generator(5, [], (2,), output="linear"), lambda: row(nn.Linear(5, 2)), Z),
    "mlp D": (
        lambda: mlp_discriminator((2, 4, 8), [4, 3], negative_slope=0.1, output="probability"),
        lambda: row(
            nn.Flatten(), nn.Linear(64, 4), nn.LeakyReLU(0.1), nn.Linear(4, 3), nn.LeakyReLU(0.1),
            nn.Linear(3, 1), nn.Sigmoid(),
        ),
        IMAGE,
    ),
    "mlp D of points": (
        lambda: mlp_discriminator((5,), [4], activation="tanh", norm="batch", outputs=3),
        lambda: row(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3)),
        Z,
    ),
    "conv G": (
        lambda: conv_generator(5, [4, 3], (2, 4, 8), activation="relu", norm="batch"),
        lambda: row(
            nn.Linear(5, 8), nn.Unflatten(1, (4, 1, 2)), nn.BatchNorm2d(4), nn.ReLU(),
            double(4, 3), nn.BatchNorm2d(3), nn.ReLU(), double(3, 2), nn.Tanh(),
        ),
        Z,
    ),
    "conv G with a dense layer": (
        lambda: conv_generator(5, [3], (1, 4, 4), dense=[6], activation="relu", norm="batch"),
        lambda: row(
            nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 12), nn.Unflatten(1, (3, 2, 2)),
            nn.BatchNorm2d(3), nn.ReLU(), double(3, 1), nn.Tanh(),
        ),
        Z,
    ),
    "conv G of one block": (
        lambda: conv_generator(5, [3], (1, 4, 4), norm="instance", output="linear"),
        lambda: row(nn.Linear(5, 12), nn.Unflatten(1, (3, 2, 2)), nn.InstanceNorm2d(3), leaky(), double(3, 1)),
        Z,
    ),
    "conv D": (
        lambda: conv_discriminator((2, 4, 8), [3, 4], norm="batch"),
        lambda: row(
            halve(2, 3), leaky(), halve(3, 4), nn.BatchNorm2d(4), leaky(), nn.Flatten(), nn.Linear(8, 1)
        ),
        IMAGE,
    ),
    "conv D with dense layers": (
        lambda: conv_discriminator((2, 4, 8), [3], dense=[5, 4], norm="batch"),
        lambda: row(
            halve(2, 3), leaky(), nn.Flatten(), nn.Linear(24, 5), nn.BatchNorm1d(5), leaky(),
            nn.Linear(5, 4), nn.BatchNorm1d(4), leaky(), nn.Linear(4, 1),
        ),
        IMAGE,
    ),
    "conv D with layer norm": (
        lambda: conv_discriminator((2, 4, 8), [3, 4], norm="layer", outputs=2),
        lambda: row(
            halve(2, 3), leaky(), halve(3, 4), nn.LayerNorm((4, 1, 2)), leaky(), nn.Flatten(), nn.Linear(8, 2)
        ),
        IMAGE,
    ),
    "residual G": (
        lambda: residual_generator(5, [4, 3], (2, 4, 8), activation="relu", norm="batch"),
        lambda: row(
            nn.Linear(5, 8), nn.Unflatten(1, (4, 1, 2)),
            up_block(4, 4, [nn.BatchNorm2d(4), nn.ReLU()], [nn.BatchNorm2d(4), nn.ReLU()]),
            up_block(4, 3, [nn.BatchNorm2d(4), nn.ReLU()], [nn.BatchNorm2d(3), nn.ReLU()]),
            nn.BatchNorm2d(3), nn.ReLU(), conv3(3, 2), nn.Tanh(),
        ),
        Z,
    ),
    "residual D": (
        lambda: residual_discriminator((2, 4, 8), [3, 4]),
        lambda: row(
            down_block(2, 3, [], [leaky()]), down_block(3, 4, [leaky()], [leaky()]),
            leaky(), nn.Flatten(), nn.Linear(8, 1),
        ),
        IMAGE,
    ),
    "residual D with layer norm": (
        lambda: residual_discriminator((2, 4, 8), [3], norm="layer"),
        lambda: row(
            down_block(2, 3, [], [nn.LayerNorm((3, 4, 8)), leaky()]),
            nn.LayerNorm((3, 2, 4)), leaky(), nn.Flatten(), nn.Linear(24, 1),
        ),
        IMAGE,
    ),
    "U-Net": (
        lambda: UNet((2, 4, 8), [3, 4], norm="batch"),
        lambda: UNetTwin(
            [row(halve(2, 3), leaky()), row(halve(3, 4, bias=False), nn.BatchNorm2d(4), leaky())],
            row(*(row(conv3(4, 4, bias=False), nn.BatchNorm2d(4), leaky()) for _ in range(2))),
            [row(double(8, 3, bias=False), nn.BatchNorm2d(3), leaky())],
            row(double(6, 2), nn.Tanh()),
        ),
        IMAGE,
    ),
    "U-Net with instance norm": (
        lambda: UNet((2, 8, 8), [3], norm="instance"),
        lambda: UNetTwin(
            [row(halve(2, 3), leaky())],
            row(*(row(conv3(3, 3, bias=False), nn.InstanceNorm2d(3), leaky()) for _ in range(2))),
            [],
            row(double(6, 2), nn.Tanh()),
        ),
        (4, 2, 8, 8),
    ),
    "U-Net with layer norm": (
        lambda: UNet((2, 8, 8), [3], norm="layer"),
        lambda: UNetTwin(
            [row(halve(2, 3), leaky())],
            row(*(row(conv3(3, 3), nn.LayerNorm((3, 4, 4)), leaky()) for _ in range(2))),
            [],
            row(double(6, 2), nn.Tanh()),
        ),
        (4, 2, 8, 8),
    ),
    "U-Net of three blocks": (
        lambda: UNet((1, 8, 8), [2, 3, 4], activation="relu", output="sigmoid"),
        lambda: UNetTwin(
            [row(halve(1, 2), nn.ReLU()), row(halve(2, 3), nn.ReLU()), row(halve(3, 4), nn.ReLU())],
            row(row(conv3(4, 4), nn.ReLU()), row(conv3(4, 4), nn.ReLU())),
            [row(double(8, 3), nn.ReLU()), row(double(6, 2), nn.ReLU())],
            row(double(4, 1), nn.Sigmoid(), Stretch()),
        ),
        (4, 1, 8, 8),
    ),
    "maxout D": (
        lambda: maxout_discriminator((2, 4, 8), [4, 3], pieces=5, output="probability"),
        lambda: row(nn.Flatten(), Shrink(), Maxout(64, 4, 5), Maxout(4, 3, 5), nn.Linear(3, 1), nn.Sigmoid()),
        IMAGE,
    ),
    "maxout D with BatchNorm": (
        lambda: maxout_discriminator((5,), [3], pieces=2, norm="batch"),
        lambda: row(Maxout(5, 3, 2), nn.BatchNorm1d(3), nn.Linear(3, 1)),
        Z,
    ),
    "DCGAN's G": (
        lambda: build_generator(
            GeneratorConfig(network="conv", hidden=(128, 64), activation="relu", norm="batch"), (1, 28, 28)
        ),
        lambda: row(
            nn.Linear(100, 128 * 7 * 7), nn.Unflatten(1, (128, 7, 7)), nn.BatchNorm2d(128), nn.ReLU(),
            double(128, 64), nn.BatchNorm2d(64), nn.ReLU(), double(64, 1), nn.Tanh(),
        ),
        (2, 100),
    ),
    "D with spectral norm": (
        lambda: build_discriminator(
            DiscriminatorConfig(network="conv", hidden=(3, 4), spectral_norm=True), (2, 4, 8)
        ),
        lambda: normed(row(halve(2, 3), leaky(), halve(3, 4), leaky(), nn.Flatten(), nn.Linear(8, 1))),
        IMAGE,
    ),
    "G with spectral norm": (
        lambda: build_generator(
            GeneratorConfig(network="conv", hidden=(3,), z_dim=5, spectral_norm=True), (2, 4, 8)
        ),
        lambda: normed(row(nn.Linear(5, 24), nn.Unflatten(1, (3, 2, 4)), leaky(), double(3, 2), nn.Tanh())),
        Z,
    ),
}  # fmt: skip
TOLD = {
    "mlp G": (
        lambda: build_generator(GeneratorConfig(hidden=(4,), z_dim=5), (1, 2, 2), classes=3),
        lambda: Told(row(nn.Linear(8, 4), leaky(), nn.Linear(4, 4), nn.Tanh(), nn.Unflatten(1, (1, 2, 2)))),
        Z,
    ),
    "conv G": (
        lambda: build_generator(GeneratorConfig(network="conv", hidden=(4,), z_dim=5), (1, 2, 2), classes=3),
        lambda: Told(row(nn.Linear(8, 4), nn.Unflatten(1, (4, 1, 1)), leaky(), double(4, 1), nn.Tanh())),
        Z,
    ),
    "mlp D": (
        lambda: build_discriminator(DiscriminatorConfig(hidden=(4,)), (2, 4, 8), classes=3),
        lambda: Told(row(nn.Linear(67, 4), leaky(), nn.Linear(4, 1)), flat=True),
        IMAGE,
    ),
    "maxout D": (
        lambda: build_discriminator(DiscriminatorConfig(network="maxout", hidden=(4,), pieces=2), (5,), classes=3),
        lambda: Told(row(Maxout(8, 4, 2), nn.Linear(4, 1)), flat=True),
        Z,
    ),
    "conv D": (
        lambda: build_discriminator(DiscriminatorConfig(network="conv", hidden=(4,)), (2, 4, 8), classes=3),
        lambda: Told(row(halve(5, 4), leaky(), nn.Flatten(), nn.Linear(32, 1))),
        IMAGE,
    ),
    "residual D": (
        lambda: build_discriminator(DiscriminatorConfig(network="residual", hidden=(4,)), (2, 4, 8), classes=3),
        lambda: Told(row(down_block(5, 4, [], [leaky()]), leaky(), nn.Flatten(), nn.Linear(32, 1))),
        IMAGE,
    ),
}  # fmt: skip
in_both_modes = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


def shifted(x):
    """Numbers of the usual size, but none that only happen to be 0 or 1, as scales and shifts are at the start."""
    return x + draw(*x.shape, low=-0.2, high=0.2) if x.dtype == np.float64 else x


def compare(network, twin, x, training, *labels):
    """Two passes, as the second one meets the statistics that the first one left."""
    network.double(), twin.double()
    twin.load_state_dict({name: torch.from_numpy(shifted(x)) for name, x in network.state_dict().items()})
    network.load_state_dict(twin.state_dict())
    network.train(training), twin.train(training)
    for call in range(2):
        values = draw(*x, seed=call)
        found = ours(lambda x: network(x, *map(mg.tensor, labels)), [values], list(network.parameters()))
        expected = theirs(torch, lambda x: twin(x, *map(torch.tensor, labels)), [values], list(twin.parameters()))
        assert_same(found, expected)
        assert_same_state(network, twin)


@in_both_modes
@pytest.mark.parametrize("name", NETWORKS)
def test_values_and_gradients_of_both_orders_are_pytorchs(name, training):
    make, make_twin, x = NETWORKS[name]
    compare(make(), make_twin(), x, training)


@in_both_modes
@pytest.mark.parametrize("name", TOLD)
def test_networks_that_are_told_the_label_are_pytorchs(name, training):
    make, make_twin, x = TOLD[name]
    compare(make(), make_twin(), x, training, np.array([2, 0, 1, 2]))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_state_dict_loads_both_ways(name):
    make, make_twin, _ = NETWORKS[name]
    network, twin = make(), make_twin()
    twin.load_state_dict({key: torch.from_numpy(value) for key, value in network.state_dict().items()})
    assert_same_state(network, twin)
    other = make()
    other.load_state_dict(make_twin().state_dict())
    other.load_state_dict(twin.state_dict())
    assert_same_state(other, twin)


@pytest.mark.parametrize(
    ("network", "twin"),
    [
        (
            lambda: mlp_discriminator((5,), [4], input_dropout=0.2, dropout=0.3),
            lambda: row(nn.Dropout(0.2), nn.Linear(5, 4), leaky(), nn.Dropout(0.3), nn.Linear(4, 1)),
        ),
        (
            lambda: maxout_discriminator((5,), [4], pieces=2, input_dropout=0.2, dropout=0.5),
            lambda: row(nn.Dropout(0.2), Maxout(5, 4, 2), nn.Dropout(0.5), nn.Linear(4, 1)),
        ),
        (
            lambda: mlp_generator(5, [4], (5,), norm="batch", dropout=0.3),
            lambda: row(
                nn.Linear(5, 4), nn.BatchNorm1d(4), leaky(), nn.Dropout(0.3), nn.Linear(4, 5), nn.Tanh()
            ),
        ),
    ],
    ids=["mlp D", "maxout D", "mlp G"],
)  # fmt: skip
def test_dropout_has_its_place_and_does_nothing_in_evaluation(network, twin):
    network, twin = network(), twin()
    assert [type(layer).__name__ for layer in network] == [type(layer).__name__ for layer in twin]
    assert [x.p for x in network if hasattr(x, "p")] == [x.p for x in twin if hasattr(x, "p")]
    compare(network, twin, Z, False)
