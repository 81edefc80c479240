"""Optimizers on flat buffers; PyTorch's names, defaults and numerics."""

from minigan.optim import lr_scheduler
from minigan.optim.adam import Adam
from minigan.optim.adamw import AdamW
from minigan.optim.optimizer import Optimizer
from minigan.optim.rmsprop import RMSprop
from minigan.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
