"""Clipping gradients before an optimizer's step. On a GPU nothing waits for the norm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from minigan.backend import Array, device_of, get_backend
from minigan.errors import ConfigError, DeviceError, DivergedError
from minigan.ops.checks import floating_tensor
from minigan.optim.flat import clear_gaps, gradients
from minigan.tensor import Tensor
from minigan.variable import Variable, constant


def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients by one factor, so that their norm, as of one long vector, is at most ``max_norm``.

    Source: Pascanu et al. 2013, algorithm 1.

    Args:
        parameters: whose gradients to clip; those without one are passed over.
        max_norm: the largest norm.
        norm_type: p of the p-norm, above 0; inf for the largest absolute value.
        error_if_nonfinite: raise if the norm is NaN or infinite. Without it the gradients become NaN or 0, as in
            PyTorch, and no GPU has to be waited for.
        foreach: accepted for PyTorch's sake; there is one way here, and it is the fast one.

    Returns:
        The norm before clipping, 0-d.

    Raises:
        ConfigError: max_norm or norm_type is no such number, or a parameter is no tensor.
        DivergedError: the norm is NaN or infinite, and error_if_nonfinite is set. No gradient is changed then.

    >>> w = mg.nn.Parameter(mg.zeros(2))
    >>> w.grad = np.array([3.0, 4.0])
    >>> mg.nn.utils.clip_grad_norm_([w], max_norm=1.0)
    tensor(5.)
    >>> [round(g, 4) for g in w.grad.tolist()]
    [0.6, 0.8]
    """
    _require_least("clip_grad_norm_", "max_norm", max_norm)
    leaves = _leaves("clip_grad_norm_", parameters)
    parts = list(gradients(leaves))
    total = _total_norm("clip_grad_norm_", parts, norm_type)
    if error_if_nonfinite and not np.isfinite(total.item()):
        raise DivergedError(f"clip_grad_norm_: expected finite gradients, but {_culprits(leaves, total.item())}")
    for part in parts:
        get_backend(part).shrink_(part, total._data, float(max_norm))
    clear_gaps(leaves)
    return total


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Put every number of the gradients that is beyond +-clip_value there.

    Args:
        parameters: whose gradients to clip; those without one are passed over.
        clip_value: the largest absolute value.

    Raises:
        ConfigError: clip_value is no number of at least 0, or a parameter is no tensor.

    >>> w = mg.nn.Parameter(mg.zeros(2))
    >>> w.grad = np.array([-3.0, 0.5])
    >>> mg.nn.utils.clip_grad_value_([w], 1.0)
    >>> w.grad.tolist()
    [-1.0, 0.5]
    """
    _require_least("clip_grad_value_", "clip_value", clip_value)
    for part in gradients(_leaves("clip_grad_value_", parameters)):
        get_backend(part).clip_(part, float(clip_value))


def get_total_norm(tensors: Iterable[Any] | Tensor, norm_type: float = 2.0, error_if_nonfinite: bool = False) -> Tensor:
    """The norm of all tensors or arrays, such as gradients, as of one long vector; 0-d.

    Raises:
        ConfigError: norm_type is no number above 0.
        DTypeError: one of them is no tensor or array of a floating point type.
        DivergedError: the norm is NaN or infinite, and error_if_nonfinite is set.

    >>> mg.nn.utils.get_total_norm([mg.tensor([3.0]), mg.tensor([[4.0]])])
    tensor(5.)
    """
    given = [tensors] if isinstance(tensors, Variable) or not isinstance(tensors, Iterable) else list(tensors)
    total = _total_norm("get_total_norm", [floating_tensor("get_total_norm", x)._data for x in given], norm_type)
    if error_if_nonfinite and not np.isfinite(total.item()):
        raise DivergedError(f"get_total_norm: expected finite numbers, but their norm is {total.item()}.")
    return total


def _total_norm(name: str, parts: Sequence[Array], norm_type: Any) -> Tensor:
    norm_type = np.inf if norm_type == "inf" else norm_type
    if not isinstance(norm_type, Real) or not float(norm_type) > 0:
        raise ConfigError(f"{name}: expected a norm_type above 0, or inf, but got {norm_type!r}.")
    parts = [part for part in parts if part.size]
    if not parts:
        return constant(np.zeros((), np.float32))
    devices = sorted({str(device_of(part)) for part in parts})
    if len(devices) > 1:
        raise DeviceError(
            f"{name}: expected all gradients on one device, but found {' and '.join(devices)}. "
            "Clip the parameters of each device by themselves."
        )
    backend = get_backend(parts[0])
    return constant(backend.asarray(backend.norm_of(parts, float(norm_type))))


def _leaves(name: str, parameters: Any) -> list[Variable]:
    whole = isinstance(parameters, Variable) or not isinstance(parameters, Iterable)
    leaves = [parameters] if whole else list(parameters)
    wrong = [type(x).__name__ for x in leaves if not isinstance(x, Variable)]
    if wrong:
        raise ConfigError(f"{name}: expected tensors, but got {wrong[0]}. Pass network.parameters().")
    return leaves


def _require_least(name: str, setting: str, value: Any) -> None:
    if not isinstance(value, Real) or not float(value) >= 0:
        raise ConfigError(f"{name}: expected {setting} of at least 0, but got {value!r}.")


def _culprits(leaves: Sequence[Variable], total: float) -> str:
    """Which gradients made the norm what it is."""
    named = [(x.name or f"parameter {i} of shape {x.shape}", x._grad) for i, x in enumerate(leaves)]
    bad = [name for name, g in named if g is not None and not get_backend(g).isfinite(g).all()]
    if not bad:
        return f"their norm is {total}: it is too large for its data type. Lower the learning rate or scale the loss."
    return (
        f"found NaN or infinity in that of {', '.join(bad)}. "
        "Look for the cause in this step's loss, or pass error_if_nonfinite=False to go on."
    )
