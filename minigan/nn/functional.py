"""The operations that layers are made of, by PyTorch's names."""

from minigan.ops.activation import leaky_relu, logsigmoid, relu, sigmoid, softplus, tanh
from minigan.ops.linalg import linear
from minigan.ops.loss import binary_cross_entropy, binary_cross_entropy_with_logits, l1_loss, mse_loss
from minigan.ops.norm import batch_norm
from minigan.ops.random import dropout

__all__ = [
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "dropout",
    "l1_loss",
    "leaky_relu",
    "linear",
    "logsigmoid",
    "mse_loss",
    "relu",
    "sigmoid",
    "softplus",
    "tanh",
]
