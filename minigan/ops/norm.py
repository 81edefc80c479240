"""Normalisation by statistics that are themselves on the tape, so that second derivatives see them change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend, get_backend
from minigan.errors import ShapeError
from minigan.ops.elementwise import rsqrt
from minigan.ops.promotion import same
from minigan.ops.reduce import _sum, _var, count, mean
from minigan.ops.shape import _reshape
from minigan.tape import operand, primitive
from minigan.variable import constant

if TYPE_CHECKING:
    from minigan.tensor import Tensor


def _normalize_grad(
    needed: Sequence[bool], gy: Tensor, x: Tensor, mean: Tensor, rstd: Tensor, weight: Tensor
) -> tuple[Tensor | None, ...]:
    """Two sums per channel, of gy and of gy (x - mean), give every gradient but that of x."""
    scale = rstd * weight
    gx = gy * scale if needed[0] else None
    if not any(needed[1:]):
        return gx, None, None, None, None
    dims = tuple(d for d, n in enumerate(mean.shape) if n == 1)
    total = _sum(gy, dim=dims, keepdim=True)
    moment = _sum(gy * (x - mean), dim=dims, keepdim=True)
    return gx, -total * scale, moment * weight, moment * rstd, total


@primitive(joint=_normalize_grad, rule=same)
def _normalize(k: Backend, x: Array, mean: Array, rstd: Array, weight: Array, bias: Array) -> Array:
    """y = (x - mean) rstd weight + bias, with one mean, rstd, weight and bias per channel."""
    return k.normalize(x, mean, rstd, weight, bias)


def batch_norm(
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel (dimension 1) shifted and scaled to mean ``bias`` and standard deviation ``weight``.

    In training the statistics are those of the batch x (N, C) or (N, C, ...), and the running ones, if given,
    move towards them by ``momentum`` (the variance by its unbiased estimate); else the running ones are used.
    Source: Ioffe and Szegedy 2015, algorithms 1 and 2; PyTorch's conventions.

    Raises:
        ShapeError: x has no channels, or a single value per channel to take statistics of.
    """
    x = operand(x)
    dims = tuple(d for d in range(len(x.shape)) if d != 1)
    of_batch = training or running_mean is None
    if len(x.shape) < 2 or (of_batch and count(x.shape, dims) < 2):
        raise ShapeError(
            f"batch_norm: expected an input (N, C) or (N, C, ...) with at least 2 values per channel, but got "
            f"{x.shape}. Use a larger batch, or running statistics and eval()."
        )
    channel = tuple(n if d == 1 else 1 for d, n in enumerate(x.shape))
    if of_batch:
        centre = mean(x, dims, keepdim=True)
        spread = _var(x, dim=dims, correction=0, keepdim=True)
        if training and running_mean is not None:
            n = count(x.shape, dims)
            _move(running_mean, centre, momentum)
            _move(running_var, spread * (n / (n - 1)), momentum)
    else:
        centre, spread = running_mean.reshape(channel), running_var.reshape(channel)
    backend = get_backend(x._data)
    weight = constant(backend.full(channel, 1, x.dtype)) if weight is None else _reshape(weight, shape=channel)
    bias = constant(backend.full(channel, 0, x.dtype)) if bias is None else _reshape(bias, shape=channel)
    return _normalize(x, centre, rsqrt(spread + eps), weight, bias)


def _move(running: Tensor, batch: Tensor, momentum: float) -> None:
    """One step of the running average. It is no part of the tape, but an update that the tape must notice."""
    get_backend(running._data).lerp_(running._data, batch._data.reshape(running.shape), momentum)
    running.count_change()
