"""The presets' networks in torch.nn: layer for layer what their settings describe."""

from __future__ import annotations

import itertools
import math

import torch
from torch import nn


class Judge(nn.Sequential):
    """Layers that find features, a Linear layer that judges them, and a Sigmoid if wanted."""

    def __init__(self, hidden, features, d, outputs):
        sigmoid = [nn.Sigmoid()] if d.output == "probability" else []
        super().__init__(*hidden, nn.Linear(features, outputs), *sigmoid)
        self.depth = len(hidden)

    def features(self, x):
        for layer in list(self)[: self.depth]:
            x = layer(x)
        return x


class Stretch(nn.Module):
    """From [0, 1] to [-1, 1]."""

    def forward(self, x):
        return 2 * x - 1


class Residual(nn.Module):
    """Two ways from x to y, added up."""

    def __init__(self, shortcut, residual):
        super().__init__()
        self.shortcut = nn.Sequential(*shortcut)
        self.residual = nn.Sequential(*residual)

    def forward(self, x):
        return self.shortcut(x) + self.residual(x)


# ---- what stands between and after the weights ---------------------------------------------------------------

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
OUTPUTS = {"tanh": [nn.Tanh], "sigmoid": [nn.Sigmoid, Stretch], "linear": []}


def after(p, shape, norm=None):
    """Norm, activation and dropout of a hidden layer of this shape, (F,) or (C, H, W)."""
    flat = len(shape) == 1
    batch_norm = nn.BatchNorm1d if flat else nn.BatchNorm2d
    norms = {
        "none": lambda: [],
        "batch": lambda: [batch_norm(shape[0], p.norm_eps, p.norm_momentum)],
        "layer": lambda: [nn.LayerNorm(shape)],
        "instance": lambda: [nn.InstanceNorm2d(shape[0])],
    }
    activation = nn.LeakyReLU(p.negative_slope) if p.activation == "leaky_relu" else ACTIVATIONS[p.activation]()
    return [*norms[norm or p.norm](), activation, *dropout(p.dropout)]


def dropout(p):
    return [nn.Dropout(p)] if p else []


def bound(g):
    return [layer() for layer in OUTPUTS[g.output]]


def flatten(shape):
    return [nn.Flatten()] if len(shape) > 1 else []


def unflatten(shape):
    return [nn.Unflatten(1, shape)] if len(shape) > 1 else []


def pairs(widths):
    return itertools.pairwise(widths)


# ---- MLP -----------------------------------------------------------------------------------------------------


def mlp_G(g, z_dim, shape):
    widths = [z_dim, *g.hidden]
    last = [nn.Linear(widths[-1], math.prod(shape)), *bound(g), *unflatten(shape)]
    return nn.Sequential(*linear_layers(g, widths), *last)


def mlp_D(d, shape, outputs):
    widths = [math.prod(shape), *d.hidden]
    layers = [*flatten(shape), *dropout(d.input_dropout), *linear_layers(d, widths)]
    return Judge(layers, widths[-1], d, outputs)


def linear_layers(p, widths):
    return [layer for n, m in pairs(widths) for layer in (nn.Linear(n, m), *after(p, (m,)))]


# ---- convolutions: kernels of 4 x 4 with stride 2 --------------------------------------------------------------


def conv_G(g, z_dim, shape):
    channels, height, width = shape
    k = len(g.hidden)
    small = (g.hidden[0], height >> k, width >> k)
    widths = [z_dim, *g.dense]
    layers = [*linear_layers(g, widths), nn.Linear(widths[-1], math.prod(small)), nn.Unflatten(1, small)]
    layers += after(g, small)
    for i, (n, m) in enumerate(pairs(g.hidden), 1):
        layers += [nn.ConvTranspose2d(n, m, 4, 2, 1), *after(g, (m, small[1] << i, small[2] << i))]
    return nn.Sequential(*layers, nn.ConvTranspose2d(g.hidden[-1], channels, 4, 2, 1), *bound(g))


def conv_D(d, shape, outputs):
    (_, height, width), layers = shape, dropout(d.input_dropout)
    for i, (n, m) in enumerate(pairs([shape[0], *d.hidden])):
        height, width = height // 2, width // 2
        layers += [nn.Conv2d(n, m, 4, 2, 1), *after(d, (m, height, width), norm=None if i else "none")]
    widths = [d.hidden[-1] * height * width, *d.dense]
    return Judge([*layers, nn.Flatten(), *linear_layers(d, widths)], widths[-1], d, outputs)


# ---- residual blocks, as in WGAN-GP (Gulrajani et al. 2017, appendix) -------------------------------------------


def residual_G(g, z_dim, shape):
    channels, height, width = shape
    k = len(g.hidden)
    n, height, width = g.hidden[0], height >> k, width >> k
    layers = [nn.Linear(z_dim, n * height * width), nn.Unflatten(1, (n, height, width))]
    for m in g.hidden:
        twice = (2 * height, 2 * width)
        layers.append(Residual(
            [nn.Conv2d(n, m, 1), nn.Upsample(scale_factor=2)],
            [*after(g, (n, height, width)), nn.Upsample(scale_factor=2), nn.Conv2d(n, m, 3, padding=1),
             *after(g, (m, *twice)), nn.Conv2d(m, m, 3, padding=1)],
        ))  # fmt: skip
        n, (height, width) = m, twice
    return nn.Sequential(*layers, *after(g, (n, height, width)), nn.Conv2d(n, channels, 3, padding=1), *bound(g))


def residual_D(d, shape, outputs):
    (n, height, width), layers = shape, dropout(d.input_dropout)
    for i, m in enumerate(d.hidden):
        layers.append(Residual(
            [nn.AvgPool2d(2), nn.Conv2d(n, m, 1)],
            [*(after(d, (n, height, width)) if i else []), nn.Conv2d(n, m, 3, padding=1),
             *after(d, (m, height, width)), nn.Conv2d(m, m, 3, padding=1), nn.AvgPool2d(2)],
        ))  # fmt: skip
        n, height, width = m, height // 2, width // 2
    return Judge([*layers, *after(d, (n, height, width)), nn.Flatten()], n * height * width, d, outputs)


# ---- maxout: Goodfellow et al. 2013 ------------------------------------------------------------------------------


class Maxout(nn.Module):
    """Units that are the largest of several linear functions."""

    def __init__(self, n, m, pieces):
        super().__init__()
        self.pieces = pieces
        self.linear = nn.Linear(n, pieces * m)

    def forward(self, x):
        return self.linear(x).unflatten(1, (self.pieces, -1)).amax(1)


class Shrink(nn.Module):
    """Pixels from 0 to 1."""

    def forward(self, x):
        return (x + 1) / 2


def maxout_D(d, shape, outputs):
    widths = [math.prod(shape), *d.hidden]
    layers = [*flatten(shape), *([Shrink()] if len(shape) > 1 else []), *dropout(d.input_dropout)]
    for n, m in pairs(widths):
        layers += [Maxout(n, m, d.pieces), *dropout(d.dropout)]
    return Judge(layers, widths[-1], d, outputs)


# ---- U-Net: Ronneberger, Fischer and Brox 2015, with the blocks of Isola et al. 2017 ------------------------------


class UNet(nn.Module):
    """Down by convolutions with stride 2, and up again beside what each of them gave."""

    def __init__(self, g, shape):
        super().__init__()
        bias = g.norm not in ("batch", "instance")  # which would take it away again
        shapes = [shape, *[(m, shape[1] >> i, shape[2] >> i) for i, m in enumerate(g.hidden, 1)]]
        self.down = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(large[0], small[0], 4, 2, 1, bias=bias or not i), *after(g, small, None if i else "none")
            )
            for i, (large, small) in enumerate(pairs(shapes))
        )
        n = shapes[-1][0]
        self.bottom = nn.Sequential(
            nn.Sequential(nn.Conv2d(n, n, 3, padding=1, bias=bias), *after(g, shapes[-1])),
            nn.Sequential(nn.Conv2d(n, n, 3, padding=1, bias=bias), *after(g, shapes[-1])),
        )
        self.up = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(2 * small[0], large[0], 4, 2, 1, bias=bias), *after(g, large))
            for small, large in pairs(shapes[:0:-1])
        )
        self.last = nn.Sequential(nn.ConvTranspose2d(2 * shapes[1][0], shape[0], 4, 2, 1), *bound(g))

    def forward(self, x):
        on_the_way = []
        for block in self.down:
            x = block(x)
            on_the_way.append(x)
        x = self.bottom(x)
        for block, beside in zip([*self.up, self.last], reversed(on_the_way), strict=True):
            x = block(torch.cat([x, beside], 1))
        return x


# ---- labels: Mirza and Osindero 2014 -------------------------------------------------------------------------------


class Labelled(nn.Module):
    """A network whose input x has a further number or channel for each class: 1 for that of the label, else 0."""

    def __init__(self, network, classes, flat):
        super().__init__()
        self.network = network
        self.classes = classes
        self.flat = flat

    def forward(self, x, labels):
        x = x.flatten(1) if self.flat else x
        planes = nn.functional.one_hot(labels, self.classes).to(x.dtype)
        planes = planes.reshape(len(x), self.classes, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
        return self.network(torch.cat([x, planes], 1))


# ---- all of them ----------------------------------------------------------------------------------------------------

GENERATORS = {"mlp": mlp_G, "conv": conv_G, "residual": residual_G}
DISCRIMINATORS = {"mlp": mlp_D, "conv": conv_D, "residual": residual_D, "maxout": maxout_D}


def build(config, shape, classes):
    """G and D of these settings, for samples of this shape with so many classes."""
    task = config.game.task
    outputs = {"auxiliary": 1 + classes, "semi-supervised": classes}.get(task, 1)
    G = build_G(config.generator, shape, classes if task in ("conditional", "auxiliary") else 0)
    packed = (shape[0] * config.game.pack, *shape[1:])
    return G, build_D(config.discriminator, packed, classes if task == "conditional" else 0, outputs)


def build_G(g, shape, classes):
    if g.network == "unet":
        return normalized(UNet(g, shape), g)
    G = normalized(GENERATORS[g.network](g, g.z_dim + classes, shape), g)
    return Labelled(G, classes, flat=False) if classes else G


def build_D(d, shape, classes, outputs):
    flat = d.network in ("mlp", "maxout")
    if classes:
        shape = (math.prod(shape) + classes,) if flat else (shape[0] + classes, *shape[1:])
    D = normalized(DISCRIMINATORS[d.network](d, shape, outputs), d)
    return Labelled(D, classes, flat) if classes else D


def normalized(network, p):
    """Spectral normalisation of every weight, where it is wanted: Miyato et al. 2018."""
    if p.spectral_norm:
        for layer in list(network.modules()):
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                nn.utils.spectral_norm(layer)
    return network


def take_weights(network, state):
    """Put the arrays of another library's state_dict into the network, one after the other."""
    weights = (torch.tensor(x) for x in state.values())
    network.load_state_dict(dict(zip(network.state_dict(), weights, strict=True)))
