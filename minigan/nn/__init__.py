"""Layers, losses and the Module they are made of; PyTorch's names, defaults and initial weights."""

from minigan.nn import functional, init, utils
from minigan.nn.activation import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Softplus, Tanh
from minigan.nn.batchnorm import BatchNorm1d, BatchNorm2d
from minigan.nn.conditional import ConditionalBatchNorm2d
from minigan.nn.container import ModuleList, Sequential
from minigan.nn.conv import Conv2d, ConvTranspose2d
from minigan.nn.dropout import Dropout, Dropout2d
from minigan.nn.embedding import Embedding
from minigan.nn.instancenorm import InstanceNorm2d
from minigan.nn.layernorm import LayerNorm
from minigan.nn.linear import Linear
from minigan.nn.loss import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss
from minigan.nn.module import Module, Parameter
from minigan.nn.pool import AvgPool2d, MaxPool2d
from minigan.nn.shape import Flatten, Unflatten
from minigan.nn.upsample import PixelShuffle, Upsample

__all__ = [
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "ConditionalBatchNorm2d",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "InstanceNorm2d",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "PixelShuffle",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Unflatten",
    "Upsample",
    "functional",
    "init",
    "utils",
]
