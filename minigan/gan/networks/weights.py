"""What is done to the weights of a whole network before it trains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigan import nn
from minigan.errors import ConfigError, ShapeError
from minigan.gan.networks.layers import Stretch, choose
from minigan.ops.creation import as_tensor

Weighted = nn.Linear | nn.Conv2d | nn.ConvTranspose2d
LEAST = 1e-7  # as near as a pixel's mean is taken to be to black or white, where the logit is infinite


def draw_weights(
    network: nn.Module,
    kind: str,
    scale: float = 0.02,
    *,
    activation: str = "leaky_relu",
    negative_slope: float = 0.0,
) -> None:
    """Draw the weights of all Linear layers and convolutions anew, and zero their biases.

    Other layers, such as norms, stay as they are. What the last three kinds draw, and where it comes from, is in
    `minigan.nn.init`.

    Args:
        network: whose weights to draw.
        kind: "normal" for N(0, scale^2), "uniform" for U(-scale, scale); "xavier_uniform" with a gain of 1,
            "kaiming_normal" with the gain of the activation, "orthogonal" with a gain of 1.
        scale: standard deviation of "normal", half the width of "uniform".
        activation: for "kaiming_normal", as `minigan.nn.init.calculate_gain` knows it.
        negative_slope: of "leaky_relu"; without one it is a ReLU.

    Raises:
        ConfigError: there is no such kind or activation.

    >>> from minigan.gan.networks import draw_weights
    >>> layer = mg.nn.Linear(3, 2)
    >>> draw_weights(layer, "normal", 0.02)
    >>> layer.bias
    tensor([0., 0.], requires_grad=True)
    """
    kinds = {
        "normal": lambda weight: nn.init.normal_(weight, std=scale),
        "uniform": lambda weight: nn.init.uniform_(weight, -scale, scale),
        "xavier_uniform": nn.init.xavier_uniform_,
        "kaiming_normal": lambda weight: nn.init.kaiming_normal_(weight, negative_slope, nonlinearity=activation),
        "orthogonal": nn.init.orthogonal_,
    }
    draw = choose("init", kinds, kind)
    for layer in _weighted(network):
        draw(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def normalize_spectrally(network: nn.Module) -> None:
    """Divide the weight of each Linear layer and convolution by its largest singular value, see `spectral_norm`.

    >>> from minigan.gan.networks import mlp_discriminator, normalize_spectrally
    >>> D = mlp_discriminator((2,), [8])
    >>> normalize_spectrally(D)
    >>> list(D.state_dict())[:4]
    ['0.bias', '0.weight_orig', '0.weight_u', '0.weight_v']
    """
    for layer in list(_weighted(network)):
        nn.utils.spectral_norm(layer)


def set_output_bias(G: nn.Module, mean: Any) -> None:
    """Let an MLP that ends in a Sigmoid begin at the mean of the data: its last bias becomes the mean's logit.

    The mean is kept 1e-7 away from black and white, where pixels are that are the same in all images. Source: the
    published settings of Goodfellow et al. 2014.

    Args:
        G: of `mlp_generator` or `build_generator`, with the output "sigmoid".
        mean: the mean sample, in [-1, 1] as the data are; an array or a tensor of the shape of a sample.

    Raises:
        ConfigError: G does not end in a Linear layer and a Sigmoid.
        ShapeError: the mean has another number of values than a sample.

    >>> from minigan.gan.networks import mlp_generator, set_output_bias
    >>> G = mlp_generator(100, [256], (1, 28, 28), output="sigmoid")
    >>> set_output_bias(G, mg.zeros(1, 28, 28))
    >>> float(G[2].bias[0])
    0.0
    """
    layer = _before_sigmoid(G)
    p = (np.asarray(as_tensor(mean).numpy(), np.float64).reshape(-1) + 1) / 2
    if p.size != layer.out_features:
        raise ShapeError(f"set_output_bias: expected a mean of {layer.out_features} values, but got {p.size}.")
    p = p.clip(LEAST, 1 - LEAST)
    bias = layer.bias
    assert bias is not None  # no function here builds one without
    bias.data = as_tensor(np.log(p / (1 - p)), dtype=bias.dtype, device=bias.device)


def _weighted(network: nn.Module) -> Iterator[Weighted]:
    return (layer for layer in network.modules() if isinstance(layer, Weighted))


def _before_sigmoid(G: nn.Module) -> nn.Linear:
    """The Linear layer whose numbers the last Sigmoid and the Stretch after it bound."""
    layers = list(G.modules())
    for linear, sigmoid, stretch in zip(layers, layers[1:], layers[2:], strict=False):
        if isinstance(linear, nn.Linear) and isinstance(sigmoid, nn.Sigmoid) and isinstance(stretch, Stretch):
            return linear
    raise ConfigError(
        "set_output_bias: expected a G that ends in a Linear layer and a Sigmoid. "
        'Set generator.network="mlp" and generator.output="sigmoid".'
    )
