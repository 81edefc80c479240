"""Normalisation: each group of values shifted and scaled to mean 0 and variance 1, then scaled and shifted.

With r = (var(x) + eps)^(-1/2) and z = (x - mean(x)) r, over groups of n values, the derivative of z is symmetric:
both ways it is P(g) = r (g - mean(g) - z mean(g z)). So every primitive here that takes ``mean`` and ``rstd`` is a
function of x with the whole derivative by x, in which the statistics change with it; what it is given of them only
saves computing them again. Sources: Ioffe and Szegedy 2015 (batch), Ba, Kiros and Hinton 2016 (layer), Ulyanov,
Vedaldi and Lempitsky 2016 (instance).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend, get_backend
from minigan.errors import ArgumentError, ConfigError, ShapeError
from minigan.ops.checks import floating_tensor, real, tensor_of
from minigan.ops.elementwise import rsqrt
from minigan.ops.promotion import same
from minigan.ops.reduce import _sum, _var, count
from minigan.ops.shape import _expand, _reshape, sizes_of
from minigan.tape import primitive
from minigan.variable import constant

if TYPE_CHECKING:
    from minigan.tensor import Tensor

Dims = tuple[int, ...]
Gradients = tuple["Tensor | None", ...]

# ---- by the statistics of x itself -----------------------------------------------------------------------


def _normalize_grad(
    needed: Sequence[bool],
    gy: Tensor,
    x: Tensor,
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor | None,
    dim: Dims,
    eps: float,
) -> Gradients:
    """Two sums per group, of gy and of gy z, give the gradients of x, weight and bias."""
    if weight is not None and weight.shape != mean.shape:
        return _normalize_each_grad(needed, gy, x, mean, rstd, weight, dim, eps)
    sums = _norm_sums(gy, x, mean, rstd, dim=dim, eps=eps)
    gx = _norm_grad(gy, x, mean, rstd, sums.detach(), weight, dim=dim, eps=eps) if needed[0] else None
    return gx, None, None, sums[1] if needed[3] else None, sums[0] if needed[4] else None


def _normalize_each_grad(
    needed: Sequence[bool],
    gy: Tensor,
    x: Tensor,
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor,
    dim: Dims,
    eps: float,
) -> Gradients:
    """The same where the weight differs within a group, as LayerNorm's does."""
    gx = _back(gy * weight, x, mean, rstd, None, dim, eps) if needed[0] else None
    gweight = gy * _normalize(x, mean, rstd, None, None, dim=dim, eps=eps) if needed[3] else None
    return gx, None, None, gweight, gy


@primitive(joint=_normalize_grad, rule=same)
def _normalize(
    k: Backend, x: Array, mean: Array, rstd: Array, weight: Array = None, bias: Array = None, *, dim: Dims, eps: float
) -> Array:
    """y = z weight + bias."""
    return k.normalize(x, mean, rstd, weight, bias)


@primitive(
    gy=lambda gs, x, mean, rstd, dim, eps: _normalize(x, mean, rstd, gs[1], gs[0], dim=dim, eps=eps),
    x=lambda gs, gy, x, mean, rstd, dim, eps: _back(gy, x, mean, rstd, gs[1], dim, eps),
)
def _norm_sums(k: Backend, gy: Array, x: Array, mean: Array, rstd: Array, *, dim: Dims, eps: float) -> Array:
    """s[0] = sum of gy, s[1] = sum of gy z, over each group."""
    return k.norm_sums(gy, x, mean, rstd, dim)


def _back(gy: Tensor, x: Tensor, mean: Tensor, rstd: Tensor, weight: Tensor | None, dim: Dims, eps: float) -> Tensor:
    """gx = P(gy) weight."""
    sums = _norm_sums(gy, x, mean, rstd, dim=dim, eps=eps)
    return _norm_grad(gy, x, mean, rstd, sums.detach(), weight, dim=dim, eps=eps)


def _norm_grad_grad(
    needed: Sequence[bool],
    ggx: Tensor,
    gy: Tensor,
    x: Tensor,
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor | None,
    dim: Dims,
    eps: float,
) -> Gradients:
    """P is symmetric, so ggx goes back to gy as gy went to x.

    With a and b for the means of gy z and ggx z: <ggx, P(gy)> = n r (mean(ggx gy) - mean(ggx) mean(gy) - a b), where
    dr/dx = -r^2 z / n, and a gradient of z goes back to x by P.
    """
    n = count(x.shape, dim)
    sums, gsums = (_norm_sums(g, x, mean, rstd, dim=dim, eps=eps) for g in (gy, ggx))
    ggy = _norm_grad(ggx, x, mean, rstd, gsums.detach(), weight, dim=dim, eps=eps)
    if not (needed[1] or needed[5]):
        return ggy, None, None, None, None, None
    r = rsqrt(_var(x, dim=dim, correction=0, keepdim=True) + eps)  # on the tape, for the next derivative
    slope = (_sum(ggx * gy, dim=dim, keepdim=True) - _sum(sums * gsums, dim=(0,), keepdim=False) / n) * r
    gx = _norm_grad(gy, x, mean, rstd, sums.detach(), weight, dim=dim, eps=eps) * gsums[1] + ggy * sums[1]
    gx = gx + _normalize(x, mean, rstd, slope if weight is None else slope * weight, None, dim=dim, eps=eps)
    return ggy, gx * (r / -n), None, None, None, slope


@primitive(joint=_norm_grad_grad)
def _norm_grad(
    k: Backend,
    gy: Array,
    x: Array,
    mean: Array,
    rstd: Array,
    sums: Array,
    weight: Array = None,
    *,
    dim: Dims,
    eps: float,
) -> Array:
    """gx = P(gy) weight, where ``sums`` are those of gy, and weight is constant in each group."""
    return k.norm_grad(gy, x, mean, rstd, sums, weight)


# ---- by given statistics ---------------------------------------------------------------------------------


@primitive(
    x=lambda gy, rstd, weight: gy * (rstd if weight is None else rstd * weight),
    weight=lambda gy, x, mean, rstd: gy * ((x - mean) * rstd),
    bias=lambda gy: gy,
    rule=same,
)
def _shift_and_scale(k: Backend, x: Array, mean: Array, rstd: Array, weight: Array = None, bias: Array = None) -> Array:
    """y = (x - mean) rstd weight + bias, where mean and rstd are fixed numbers."""
    return k.normalize(x, mean, rstd, weight, bias)


# ---- what layers call ------------------------------------------------------------------------------------


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel (dimension 1) shifted and scaled to mean ``bias`` and standard deviation ``weight``.

    In training the statistics are those of the batch (N, C) or (N, C, ...), and the running ones, if given,
    move towards them by ``momentum`` (the variance by its unbiased estimate); else the running ones are used.
    Source: Ioffe and Szegedy 2015, algorithms 1 and 2; PyTorch's conventions.

    Raises:
        ShapeError: the input has no channels, or a single value per channel to take statistics of.
        DTypeError: the input is not floating point, or of another type than the other tensors.

    >>> x = mg.tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> mg.nn.functional.batch_norm(x, None, None, training=True)
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    """
    x = floating_tensor("batch_norm", input)
    dim = tuple(d for d in range(len(x.shape)) if d != 1)
    of_batch = training or running_mean is None
    if len(x.shape) < 2 or (of_batch and count(x.shape, dim) < 2):
        raise ShapeError(
            f"batch_norm: expected an input (N, C) or (N, C, ...) with at least 2 values per channel, but got "
            f"{x.shape}. Use a larger batch, or running statistics and eval()."
        )
    parts = _channels("batch_norm", x, running_mean, running_var, weight, bias)
    eps = real("batch_norm", "eps", eps)
    if not eps >= 0:
        raise ConfigError(f"batch_norm: expected eps of at least 0, but got {eps}.")
    if not of_batch:
        return _by_running_statistics(x, parts, eps)
    moments = _moments(x, dim)
    if training and running_mean is not None:
        _move("batch_norm", (running_mean, running_var), moments, count(x.shape, dim), momentum)
    return _by_own_statistics(x, moments, parts[2], parts[3], dim, eps)


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each sample (N, C, ...) shifted and scaled to mean ``bias`` and deviation ``weight``.

    The running statistics, if given, move towards the means of those of the samples; with ``use_input_stats=False``
    they are used in place of the samples' own. Source: Ulyanov, Vedaldi and Lempitsky 2016.

    Raises:
        ShapeError: the input is not (N, C, ...), or has a single value per channel to take statistics of.
        DTypeError: the input is not floating point, or of another type than the other tensors.

    >>> mg.nn.functional.instance_norm(mg.tensor([[[1.0, 3.0], [10.0, 30.0]]]))
    tensor([[[-1.0000,  1.0000],
             [-1.0000,  1.0000]]])
    """
    x = floating_tensor("instance_norm", input)
    dim = tuple(range(2, len(x.shape)))
    if len(x.shape) < 3 or (use_input_stats and count(x.shape, dim) < 2):
        raise ShapeError(
            f"instance_norm: expected an input (N, C, ...) with at least 2 values per channel of each sample, but got "
            f"{x.shape}. Use larger images, or running statistics and eval()."
        )
    parts = _channels("instance_norm", x, running_mean, running_var, weight, bias)
    if not use_input_stats:
        if running_mean is None:
            raise ShapeError(
                "instance_norm: use_input_stats=False needs running statistics, but got none. "
                "Pass running_mean and running_var."
            )
        return _by_running_statistics(x, parts, eps)
    moments = _moments(x, dim)
    if running_mean is not None:
        average = get_backend(x._data).mean(moments, (1,), True)
        _move("instance_norm", (running_mean, running_var), average, count(x.shape, dim), momentum)
    group = (*x.shape[:2], *[1] * len(dim))
    weight, bias = (None if part is None else _expand(part, shape=group) for part in parts[2:])
    return _by_own_statistics(x, moments, weight, bias, dim, eps)


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """The last dimensions together, those of ``normalized_shape``, to mean 0 and variance 1, then weight and bias.

    Source: Ba, Kiros and Hinton 2016.

    Raises:
        ShapeError: the input does not end in ``normalized_shape``, or weight or bias is not of that shape.
        DTypeError: the input is not floating point, or of another type than weight and bias.

    >>> mg.nn.functional.layer_norm(mg.tensor([[1.0, 3.0], [10.0, 30.0]]), (2,))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """
    x, shape = floating_tensor("layer_norm", input), sizes_of("layer_norm", (normalized_shape,))
    if not shape or x.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"layer_norm: expected an input that ends in the normalized_shape {shape}, at least one dimension, "
            f"but got {x.shape}. Change normalized_shape or the input."
        )
    weight, bias = (None if part is None else tensor_of("layer_norm", part) for part in (weight, bias))
    for name, part in (("weight", weight), ("bias", bias)):
        if part is not None and part.shape != shape:
            raise ShapeError(f"layer_norm: expected a {name} of shape {shape}, but got {tuple(part.shape)}.")
    dim = tuple(range(len(x.shape) - len(shape), len(x.shape)))
    own = (1,) * (len(x.shape) - len(shape)) + shape
    weight, bias = (None if part is None else _reshape(part, shape=own) for part in (weight, bias))
    return _by_own_statistics(x, _moments(x, dim), weight, bias, dim, eps)


def _channels(name: str, x: Tensor, *parts: Any) -> list[Any]:
    """Statistics, weight and bias of shape (C,), as they broadcast over x."""
    channels = x.shape[1]
    if (parts[0] is None) != (parts[1] is None):
        raise ArgumentError(f"{name}: expected both running_mean and running_var, or neither, but got one of them.")
    parts = tuple([None if part is None else tensor_of(name, part) for part in parts])
    for part in parts:
        if part is not None and part.shape != (channels,):
            raise ShapeError(
                f"{name}: expected statistics, weight and bias of shape ({channels},) for an input {x.shape}, "
                f"but got {tuple(part.shape)}. Change them or the input."
            )
    shape = (1, channels, *[1] * (len(x.shape) - 2))
    return [None if part is None else _reshape(part, shape=shape) for part in parts]


def _moments(x: Tensor, dim: Dims) -> Array:
    return get_backend(x._data).moments(x._data, dim)


def _by_own_statistics(x: Tensor, moments: Array, weight: Any, bias: Any, dim: Dims, eps: float) -> Tensor:
    mean, rstd = constant(moments[0]), rsqrt(constant(moments[1]) + eps)
    return _normalize(x, mean, rstd, weight, bias, dim=dim, eps=eps)


def _by_running_statistics(x: Tensor, parts: list[Any], eps: float) -> Tensor:
    mean, var, weight, bias = parts
    return _shift_and_scale(x, mean.detach(), rsqrt(var.detach() + eps), weight, bias)


def _move(op: str, averages: tuple[Any, Any], moments: Array, n: int, momentum: float) -> None:
    """One step of the running averages: no part of the tape, but an update that the tape must notice."""
    k, share = get_backend(moments), real(op, "momentum", momentum)
    for average, batch in zip(averages, (moments[0], k.mul(moments[1], n / (n - 1))), strict=True):
        running = tensor_of(op, average)
        k.lerp_(running._data, batch.reshape(running.shape), share)
        running.count_change()
