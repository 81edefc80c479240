"""The operations that layers are made of, by PyTorch's names."""

from minigan.ops.activation import leaky_relu, logsigmoid, relu, sigmoid, softplus, tanh
from minigan.ops.conv import conv2d, conv_transpose2d
from minigan.ops.cross_entropy import cross_entropy, nll_loss
from minigan.ops.embedding import embedding
from minigan.ops.indexing import one_hot
from minigan.ops.joining import pad
from minigan.ops.linalg import linear
from minigan.ops.loss import binary_cross_entropy, binary_cross_entropy_with_logits, l1_loss, mse_loss
from minigan.ops.norm import batch_norm, instance_norm, layer_norm
from minigan.ops.pool import avg_pool2d, max_pool2d
from minigan.ops.random import dropout, dropout2d
from minigan.ops.resample import interpolate, pixel_shuffle
from minigan.ops.softmax import log_softmax, softmax

__all__ = [
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "dropout2d",
    "embedding",
    "instance_norm",
    "interpolate",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "pad",
    "pixel_shuffle",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
]
