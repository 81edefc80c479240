"""Losses: elementwise values, then ``reduction`` "mean" (the default), "sum" or "none", as in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend, get_backend
from minigan.capturing import checked
from minigan.errors import ConfigError, RangeError, ShapeError
from minigan.ops.activation import logsigmoid, sigmoid, sigmoid_grad
from minigan.ops.checks import tensor_of
from minigan.ops.elementwise import abs, clamp, log, square
from minigan.ops.promotion import same
from minigan.ops.reduce import mean, sum
from minigan.tape import operand, primitive

if TYPE_CHECKING:
    from minigan.tensor import Tensor


@primitive(
    gy=lambda ggx, x, target: bce_with_logits_grad(ggx, x, target),
    x=lambda ggx, gy, x: sigmoid_grad(ggx * gy, sigmoid(x)),
    target=lambda ggx, gy: -ggx * gy,
)
def bce_with_logits_grad(k: Backend, gy: Array, x: Array, target: Array) -> Array:
    """gx = gy (sigmoid x - target)."""
    return k.bce_with_logits_grad(gy, x, target)


@primitive(x=bce_with_logits_grad, target=lambda gy, x: -gy * x, rule=same)
def _bce_with_logits(k: Backend, x: Array, target: Array) -> Array:
    """y = (1 - target) x + softplus(-x) = -target ln sigmoid x - (1 - target) ln(1 - sigmoid x)."""
    return k.bce_with_logits(x, target)


def _log_odds(x: Tensor) -> Tensor:
    """ln((1 - x) / x), each logarithm held above -100 as in the loss."""
    return clamp(log(1 - x), min=-100.0) - clamp(log(x), min=-100.0)


def _variance(x: Tensor) -> Tensor:
    """x (1 - x), held above 1e-12."""
    return clamp(x * (1 - x), min=1e-12)


@primitive(
    gy=lambda ggx, x, target: bce_grad(ggx, x, target),
    # At 0 and 1 the bound on the denominator counts as fixed, as in PyTorch.
    x=lambda ggx, gy, x, target: ggx * gy * (x * (x - target * 2) + target) / square(_variance(x)),
    target=lambda ggx, gy, x: -ggx * gy / _variance(x),
)
def bce_grad(k: Backend, gy: Array, x: Array, target: Array) -> Array:
    """gx = gy (x - target) / (x (1 - x)), the denominator held above 1e-12."""
    return k.bce_grad(gy, x, target)


@primitive(x=bce_grad, target=lambda gy, x: gy * _log_odds(x), rule=same)
def _bce(k: Backend, x: Array, target: Array) -> Array:
    """y = -target ln x - (1 - target) ln(1 - x), each logarithm held above -100."""
    return k.bce(x, target)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """Cross entropy between ``target`` in [0, 1] and the probability sigmoid(input), exact for every logit.

    Args:
        input: logits, any shape.
        target: of the same shape.
        weight: factor of each element's loss.
        reduction: "mean", "sum" or "none".
        pos_weight: factor of the loss where the target is 1.

    Raises:
        ShapeError: target has another shape.
        ConfigError: there is no such reduction.

    >>> mg.nn.functional.binary_cross_entropy_with_logits(mg.tensor([0.0, 200.0]), mg.tensor([1.0, 1.0]))
    tensor(0.3466)
    """
    input, target = _alike("binary_cross_entropy_with_logits", input, target)
    loss = _bce_with_logits(input, target)
    if pos_weight is not None:
        loss = loss - (operand(pos_weight) - 1) * target * logsigmoid(input)
    return reduce_loss("binary_cross_entropy_with_logits", _weighted(loss, weight), reduction)


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Tensor:
    """Cross entropy between ``target`` and the probabilities ``input``, both in [0, 1].

    As in PyTorch each logarithm is held above -100, so that a probability of exactly 0 or 1 costs at most 100.

    Raises:
        ShapeError: target has another shape.
        RangeError: a value of input is no probability (checked on the CPU; on a GPU it would cost a wait).
        ConfigError: there is no such reduction.

    >>> mg.nn.functional.binary_cross_entropy(mg.tensor([0.5]), mg.tensor([1.0]))
    tensor(0.6931)
    """
    input, target = _alike("binary_cross_entropy", input, target)
    _require_probabilities(input)
    return reduce_loss("binary_cross_entropy", _weighted(_bce(input, target), weight), reduction)


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The squared difference.

    Raises:
        ShapeError: target has another shape.
        ConfigError: there is no such reduction.

    >>> mg.nn.functional.mse_loss(mg.tensor([1.0, 2.0]), mg.tensor([1.0, 4.0]))
    tensor(2.)
    """
    input, target = _alike("mse_loss", input, target)
    return reduce_loss("mse_loss", square(input - target), reduction)


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The absolute difference.

    Raises:
        ShapeError: target has another shape.
        ConfigError: there is no such reduction.

    >>> mg.nn.functional.l1_loss(mg.tensor([1.0, 2.0]), mg.tensor([1.0, 4.0]))
    tensor(1.)
    """
    input, target = _alike("l1_loss", input, target)
    return reduce_loss("l1_loss", abs(input - target), reduction)


def _weighted(loss: Tensor, weight: Any) -> Tensor:
    return loss if weight is None else loss * weight


def reduce_loss(name: str, loss: Tensor, reduction: str) -> Tensor:
    """The mean or the sum of the losses, or all of them."""
    if reduction == "mean":
        return mean(loss)
    if reduction == "sum":
        return sum(loss)
    if reduction == "none":
        return loss
    raise ConfigError(f'{name}: expected reduction "mean", "sum" or "none", but got {reduction!r}.')


def _alike(name: str, input: Any, target: Any) -> tuple[Any, Any]:
    """Input and target as tensors, which have to be of one shape."""
    input, target = tensor_of(name, input), tensor_of(name, target)
    if input.shape != target.shape:
        raise ShapeError(f"{name}: expected a target of the input's shape {input.shape}, but got {target.shape}.")
    return input, target


def _require_probabilities(input: Any) -> None:
    backend = get_backend(input._data)
    if backend.device_type != "cpu" or not input._data.size:
        return

    def check(x: Array) -> None:
        low, high = float(backend.amin(x, None, False)), float(backend.amax(x, None, False))
        if not (low >= 0 and high <= 1):  # or there is a nan
            raise RangeError(
                f"binary_cross_entropy: expected probabilities in [0, 1], but found values from {low:g} to {high:g}. "
                "For logits use binary_cross_entropy_with_logits."
            )

    checked(check, input._data)
