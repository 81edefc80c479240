"""What networks have between and after their weights: norm, activation, dropout; and what bounds G's output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypedDict

from minigan import nn
from minigan.errors import ConfigError
from minigan.nn.batchnorm import BatchNorm
from minigan.tensor import Tensor

Shape = tuple[int, ...]


class Style(TypedDict, total=False):
    """How hidden layers are made: keywords that the functions and classes for networks share.

    Attributes:
        activation: "leaky_relu" if not given, "relu", "tanh" or "sigmoid".
        negative_slope: of LeakyReLU; 0.2 if not given.
        norm: "none" if not given; "batch"; "layer", over all values of a sample; for images also "instance".
        dropout: a probability; 0, for none, if not given.
    """

    activation: str
    negative_slope: float
    norm: str
    dropout: float


def hidden_layer(
    shape: Shape,
    *,
    activation: str = "leaky_relu",
    negative_slope: float = 0.2,
    norm: str = "none",
    dropout: float = 0.0,
) -> list[nn.Module]:
    """Norm, activation and dropout, in this order, for samples of this shape, (F,) or (C, H, W).

    Raises:
        ConfigError: there is no such activation or norm.

    >>> from minigan.gan.networks.layers import hidden_layer
    >>> hidden_layer((256,), activation="relu", norm="batch", dropout=0.3)[1:]
    [ReLU(), Dropout(p=0.3)]
    """
    activations: dict[str, Callable[[], nn.Module]] = {
        "leaky_relu": lambda: nn.LeakyReLU(negative_slope),
        "relu": nn.ReLU,
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
    }
    return [*norm_layer(shape, norm), choose("activation", activations, activation)(), *dropout_layer(dropout)]


def linear_layers(widths: Sequence[int], style: Style) -> list[nn.Module]:
    """Hidden Linear layers from each of these widths to the next; none for a single width.

    >>> from minigan.gan.networks.layers import linear_layers
    >>> linear_layers([100, 32], {"activation": "relu"})
    [Linear(in_features=100, out_features=32, bias=True), ReLU()]
    """
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), *hidden_layer((n_out,), **style)]
    return layers


def norm_layer(shape: Shape, norm: str) -> list[nn.Module]:
    """The layer of this name, for samples of this shape, as a list; empty for "none".

    Raises:
        ConfigError: there is no such norm for this shape.
    """
    norms: dict[str, Callable[[], list[nn.Module]]] = {
        "none": list,
        "batch": lambda: [nn.BatchNorm1d(shape[0]) if len(shape) == 1 else nn.BatchNorm2d(shape[0])],
        "layer": lambda: [nn.LayerNorm(shape)],
    }
    if len(shape) == 3:
        norms["instance"] = lambda: [nn.InstanceNorm2d(shape[0])]
    elif norm == "instance":
        raise ConfigError('norm: "instance" is for images, not for what Linear layers give; choose "batch" or "layer".')
    return choose("norm", norms, norm)()  # type: ignore[no-any-return]


def adjust_batch_norms(network: nn.Module, eps: float, momentum: float) -> None:
    """Give all BatchNorm layers of a network, in place, what is added to the variance and the weight of a batch.

    >>> from minigan.gan.networks.layers import adjust_batch_norms
    >>> G = mg.nn.Sequential(mg.nn.Linear(2, 4), mg.nn.BatchNorm1d(4))
    >>> adjust_batch_norms(G, eps=1e-4, momentum=0.05)
    >>> G[1].eps, G[1].momentum
    (0.0001, 0.05)
    """
    for layer in network.modules():
        if isinstance(layer, BatchNorm):
            layer.eps, layer.momentum = eps, momentum


def dropout_layer(p: float) -> list[nn.Module]:
    """Dropout as a list, which is empty where nothing is to be dropped."""
    return [nn.Dropout(p)] if p else []


class Stretch(nn.Module):
    """y = 2x - 1: from [0, 1], where a Sigmoid ends, to [-1, 1], where the data lie.

    >>> from minigan.gan.networks import Stretch
    >>> Stretch()(mg.tensor([0.0, 0.5, 1.0]))
    tensor([-1.,  0.,  1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return 2 * x - 1


class Shrink(nn.Module):
    """y = (x + 1) / 2: from [-1, 1], where the data lie, to [0, 1].

    >>> from minigan.gan.networks.layers import Shrink
    >>> Shrink()(mg.tensor([-1.0, 0.0, 1.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return (x + 1) / 2


def output_layer(output: str) -> list[nn.Module]:
    """What bounds the numbers that G makes: "tanh" or "sigmoid" to [-1, 1], "linear" not at all.

    Raises:
        ConfigError: there is no such output.

    >>> from minigan.gan.networks.layers import output_layer
    >>> output_layer("sigmoid")
    [Sigmoid(), Stretch()]
    """
    outputs: dict[str, Callable[[], list[nn.Module]]] = {
        "tanh": lambda: [nn.Tanh()],
        "sigmoid": lambda: [nn.Sigmoid(), Stretch()],
        "linear": list,
    }
    return choose("output", outputs, output)()  # type: ignore[no-any-return]


def choose(setting: str, known: Mapping[str, Any], name: str) -> Any:
    """What is known by this name.

    Raises:
        ConfigError: nothing is.
    """
    if name not in known:
        raise ConfigError(f"{setting}: expected one of {', '.join(known)}, but got {name!r}.")
    return known[name]
