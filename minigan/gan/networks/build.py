"""From the settings of a player to its network."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minigan import nn
from minigan.errors import ConfigError
from minigan.gan.networks.conv import conv_discriminator, conv_generator
from minigan.gan.networks.discriminator import Discriminator
from minigan.gan.networks.labels import LabelledDiscriminator, LabelledGenerator
from minigan.gan.networks.layers import Shape, Style, adjust_batch_norms, choose
from minigan.gan.networks.maxout import maxout_discriminator
from minigan.gan.networks.mlp import mlp_discriminator, mlp_generator
from minigan.gan.networks.residual import residual_discriminator, residual_generator
from minigan.gan.networks.unet import UNet
from minigan.gan.networks.weights import draw_weights, normalize_spectrally

if TYPE_CHECKING:
    from minigan.gan.config import DiscriminatorConfig, GeneratorConfig, PlayerConfig

GENERATORS: dict[str, Callable[..., nn.Module]] = {
    "mlp": mlp_generator,
    "conv": conv_generator,
    "residual": residual_generator,
}
DISCRIMINATORS: dict[str, Callable[..., Discriminator]] = {
    "mlp": mlp_discriminator,
    "conv": conv_discriminator,
    "residual": residual_discriminator,
    "maxout": maxout_discriminator,
}
FLAT = ("mlp", "maxout")  # these see rows of numbers


def build_generator(g: GeneratorConfig, shape: Shape, classes: int = 0) -> nn.Module:
    """G with fresh weights.

    Args:
        g: the settings.
        shape: of a sample: (C, H, W) or (F,).
        classes: how many labels G is told; 0 if it is not told any.

    Returns:
        A module from z (N, z_dim) to samples (N, *shape); with classes from z and labels (N,), see
        `LabelledGenerator`; the U-Net from images to images.

    Raises:
        ConfigError: settings that do not exist or do not go together.
        ShapeError: the samples are no images, or of a size that the network cannot make.

    >>> from minigan.gan.config import GeneratorConfig
    >>> from minigan.gan.networks import build_generator
    >>> build_generator(GeneratorConfig(), (1, 28, 28), classes=10)(mg.zeros(2, 100), mg.tensor([7, 0])).shape
    (2, 1, 28, 28)
    """
    if g.network == "unet":
        if classes:
            raise ConfigError('generator.network: "unet" makes images of images and is told no labels; choose another.')
        return _prepared(UNet(shape, g.hidden, output=g.output, **_style(g)), g)
    make = choose("generator.network", GENERATORS, g.network)
    G = _prepared(make(g.z_dim + classes, g.hidden, shape, output=g.output, **_own(g)), g)
    return LabelledGenerator(G, classes) if classes else G


def build_discriminator(
    d: DiscriminatorConfig, shape: Shape, classes: int = 0, outputs: int = 1
) -> Discriminator | LabelledDiscriminator:
    """D with fresh weights.

    Args:
        d: the settings.
        shape: of what D sees: (C, H, W) or (F,).
        classes: how many labels D is told; 0 if it is not told any.
        outputs: how many results there are for a sample.

    Returns:
        A module from samples (N, *shape) to (N, outputs); with classes from samples and labels (N,).

    Raises:
        ConfigError: settings that do not exist or do not go together.
        ShapeError: the samples are no images, or of a size that the network cannot halve.

    >>> from minigan.gan.config import DiscriminatorConfig
    >>> from minigan.gan.networks import build_discriminator
    >>> build_discriminator(DiscriminatorConfig(network="maxout"), (2,), outputs=3)(mg.zeros(8, 2)).shape
    (8, 3)
    """
    make = choose("discriminator.network", DISCRIMINATORS, d.network)
    if outputs > 1 and d.output != "logit":
        raise ConfigError('discriminator.output: a D that tells classes gives logits; set it to "logit".')
    flat = d.network in FLAT
    D = make(
        _with_classes(shape, classes, flat) if classes else shape,
        d.hidden,
        input_dropout=d.input_dropout,
        output=d.output,
        outputs=outputs,
        **_own(d),
    )
    _prepared(D, d)
    return LabelledDiscriminator(D, classes, flat=flat) if classes else D


def _with_classes(shape: Shape, classes: int, flat: bool) -> Shape:
    """The shape of a sample that the label has joined."""
    channels, *rest = (math.prod(shape),) if flat else shape
    return (channels + classes, *rest)


def _own(player: GeneratorConfig | DiscriminatorConfig) -> dict[str, Any]:
    """The settings of the hidden layers, as this kind of network takes them: maxout units are their own activation."""
    if player.network == "maxout":
        return {"pieces": player.pieces, "norm": player.norm, "dropout": player.dropout}
    dense = {"dense": player.dense} if player.network == "conv" else {}
    return {**dense, **_style(player)}


def _style(player: PlayerConfig) -> Style:
    return Style(
        activation=player.activation, negative_slope=player.negative_slope, norm=player.norm, dropout=player.dropout
    )


def _prepared(network: nn.Module, player: GeneratorConfig | DiscriminatorConfig) -> nn.Module:
    """The network itself, with the weights and norms that the settings want."""
    if player.init != "default":
        draw_weights(network, player.init, player.init_scale, **_activation(player))
    if player.norm == "batch":
        adjust_batch_norms(network, player.norm_eps, player.norm_momentum)
    if player.spectral_norm:
        normalize_spectrally(network)
    return network


def _activation(player: GeneratorConfig | DiscriminatorConfig) -> dict[str, Any]:
    """What the weights are drawn for; maxout units have none, and are drawn like those of a ReLU."""
    if player.network == "maxout":
        return {}
    return {"activation": player.activation, "negative_slope": player.negative_slope}
