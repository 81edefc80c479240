"""The players' networks: each family in a file of its own, and all of them by their settings."""

from minigan.gan.networks.build import build_discriminator, build_generator
from minigan.gan.networks.conv import conv_discriminator, conv_generator
from minigan.gan.networks.discriminator import Discriminator
from minigan.gan.networks.labels import LabelledDiscriminator, LabelledGenerator
from minigan.gan.networks.layers import Stretch, Style
from minigan.gan.networks.maxout import Maxout, maxout_discriminator
from minigan.gan.networks.mlp import mlp_discriminator, mlp_generator
from minigan.gan.networks.residual import Residual, residual_discriminator, residual_generator
from minigan.gan.networks.unet import UNet
from minigan.gan.networks.weights import draw_weights, normalize_spectrally, set_output_bias

__all__ = [
    "Discriminator",
    "LabelledDiscriminator",
    "LabelledGenerator",
    "Maxout",
    "Residual",
    "Stretch",
    "Style",
    "UNet",
    "build_discriminator",
    "build_generator",
    "conv_discriminator",
    "conv_generator",
    "draw_weights",
    "maxout_discriminator",
    "mlp_discriminator",
    "mlp_generator",
    "normalize_spectrally",
    "residual_discriminator",
    "residual_generator",
    "set_output_bias",
]
