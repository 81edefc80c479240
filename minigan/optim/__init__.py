"""Optimizers on flat buffers; PyTorch's names, defaults and numerics, and those that games need beside."""

from minigan.optim import lr_scheduler
from minigan.optim.adam import Adam
from minigan.optim.adamw import AdamW
from minigan.optim.extragradient import ExtraAdam, ExtraSGD
from minigan.optim.optimistic import OptimisticAdam, OptimisticSGD
from minigan.optim.optimizer import Optimizer
from minigan.optim.rmsprop import RMSprop
from minigan.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "ExtraAdam",
    "ExtraSGD",
    "OptimisticAdam",
    "OptimisticSGD",
    "Optimizer",
    "RMSprop",
    "lr_scheduler",
]
