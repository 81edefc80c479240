"""minigan: a from-scratch autograd engine on NumPy and CuPy, with a GAN trainer on top.

    import minigan as mg

The engine is here; ``mg.nn``, ``mg.optim``, ``mg.data``, ``mg.gan``, ``mg.lab`` and ``mg.metrics`` are loaded when
first used.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

import numpy as _np

# First of all: the module minigan.tensor, once loaded, would take its name from the function minigan.tensor.
from minigan.tensor import Tensor  # isort: skip

from minigan import errors
from minigan._version import __version__
from minigan.autograd import grad
from minigan.backend.device import Device, device, get_default_device, set_default_device
from minigan.captured import capture
from minigan.errors import (
    AnomalyError,
    ArgumentError,
    CaptureError,
    ConfigError,
    DataError,
    DeviceError,
    DivergedError,
    DTypeError,
    GradcheckError,
    GraphError,
    IndexRangeError,
    MiniganError,
    RangeError,
    RunError,
    ShapeError,
    StaleGraphError,
    StateError,
)
from minigan.ops.activation import relu, sigmoid, tanh
from minigan.ops.creation import arange, as_tensor, eye, full, ones, tensor, zeros
from minigan.ops.elementwise import (
    abs,
    add,
    clamp,
    cos,
    div,
    eq,
    exp,
    expm1,
    ge,
    gt,
    isfinite,
    le,
    log,
    log1p,
    lt,
    masked_fill,
    maximum,
    minimum,
    mul,
    ne,
    neg,
    pow,
    reciprocal,
    rsqrt,
    sign,
    sin,
    sqrt,
    square,
    sub,
    where,
)
from minigan.ops.exchange import from_dlpack
from minigan.ops.extremes import amax, amin, argmax, argmin, max, min
from minigan.ops.indexing import gather
from minigan.ops.joining import cat, chunk, split, stack
from minigan.ops.length import norm
from minigan.ops.linalg import bmm, matmul
from minigan.ops.random import manual_seed, rand, rand_like, randint, randn, randn_like, set_step
from minigan.ops.reduce import mean, std, sum, var
from minigan.ops.shape import clone, expand, flatten, flip, permute, reshape, squeeze, t, transpose, unsqueeze
from minigan.ops.softmax import log_softmax, logsumexp, softmax
from minigan.ops.truth import all, any
from minigan.recording import enable_grad, no_grad, set_grad_enabled

float32, float64 = _np.dtype(_np.float32), _np.dtype(_np.float64)
int32, int64, uint8 = _np.dtype(_np.int32), _np.dtype(_np.int64), _np.dtype(_np.uint8)
bool_ = _np.dtype(bool)

__all__ = [
    "AnomalyError",
    "ArgumentError",
    "CaptureError",
    "ConfigError",
    "DTypeError",
    "DataError",
    "Device",
    "DeviceError",
    "DivergedError",
    "GradcheckError",
    "GraphError",
    "IndexRangeError",
    "MiniganError",
    "RangeError",
    "RunError",
    "ShapeError",
    "StaleGraphError",
    "StateError",
    "Tensor",
    "__version__",
    "abs",
    "add",
    "all",
    "amax",
    "amin",
    "any",
    "arange",
    "argmax",
    "argmin",
    "as_tensor",
    "bmm",
    "bool_",
    "capture",
    "cat",
    "chunk",
    "clamp",
    "clone",
    "cos",
    "detect_anomaly",
    "device",
    "div",
    "draw",
    "enable_grad",
    "eq",
    "errors",
    "exp",
    "expand",
    "expm1",
    "eye",
    "flatten",
    "flip",
    "float32",
    "float64",
    "from_dlpack",
    "full",
    "gather",
    "ge",
    "get_default_device",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "gt",
    "int32",
    "int64",
    "isfinite",
    "le",
    "load",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "lt",
    "manual_seed",
    "masked_fill",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mul",
    "ne",
    "neg",
    "nn",
    "no_grad",
    "norm",
    "ones",
    "optim",
    "permute",
    "pow",
    "profile",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "reciprocal",
    "relu",
    "reshape",
    "rsqrt",
    "save",
    "set_default_device",
    "set_grad_enabled",
    "set_step",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "t",
    "tanh",
    "tensor",
    "transpose",
    "uint8",
    "unsqueeze",
    "var",
    "where",
    "zeros",
]

if _TYPE_CHECKING:
    from minigan import nn, optim
    from minigan.jacobian import gradcheck, gradgradcheck
    from minigan.observers.anomaly import detect_anomaly
    from minigan.observers.drawing import draw
    from minigan.observers.profiler import profile
    from minigan.serialization import load, save

_LAZY = ("data", "gan", "lab", "metrics", "nn", "optim")
_LAZY_NAMES = {
    "detect_anomaly": "observers.anomaly",
    "draw": "observers.drawing",
    "gradcheck": "jacobian",
    "gradgradcheck": "jacobian",
    "load": "serialization",
    "profile": "observers.profiler",
    "save": "serialization",
}


def __getattr__(name: str) -> _Any:
    """Load these parts when first used: a program that only differentiates needs none of them."""
    from importlib import import_module

    if name in _LAZY:
        return import_module(f"minigan.{name}")
    if name in _LAZY_NAMES:
        return getattr(import_module(f"minigan.{_LAZY_NAMES[name]}"), name)
    raise AttributeError(f"module 'minigan' has no attribute {name!r}")
