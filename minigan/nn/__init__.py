"""Layers, losses and the Module they are made of; PyTorch's names, defaults and initial weights."""

from minigan.nn import functional, init
from minigan.nn.activation import LeakyReLU, ReLU, Sigmoid, Tanh
from minigan.nn.batchnorm import BatchNorm1d
from minigan.nn.container import Sequential
from minigan.nn.dropout import Dropout
from minigan.nn.linear import Linear
from minigan.nn.loss import BCELoss, BCEWithLogitsLoss, L1Loss, MSELoss
from minigan.nn.module import Module, Parameter
from minigan.nn.shape import Flatten, Unflatten

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "Dropout",
    "Flatten",
    "L1Loss",
    "LeakyReLU",
    "Linear",
    "MSELoss",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "Unflatten",
    "functional",
    "init",
]
