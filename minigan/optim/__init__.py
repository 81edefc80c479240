"""Optimizers on flat buffers; PyTorch's names, defaults and numerics."""

from minigan.optim.adam import Adam
from minigan.optim.optimizer import Optimizer
from minigan.optim.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer"]
