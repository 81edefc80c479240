"""Losses of several classes. Inputs are (N, C, ...) or (C,), targets name a class or give each its probability."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

from minigan.errors import ConfigError, DTypeError, ShapeError
from minigan.ops.checks import floating_tensor, require_indices, require_integers, tensor_of, whole
from minigan.ops.elementwise import ne, where
from minigan.ops.indexing import _gather
from minigan.ops.loss import reduce_loss
from minigan.ops.promotion import cast_to
from minigan.ops.reduce import sum
from minigan.ops.softmax import log_softmax

if TYPE_CHECKING:
    from minigan.tensor import Tensor


class _Case(NamedTuple):
    """Log probabilities x, whose classes lie along ``dim``, and what is to become of them."""

    name: str
    x: Any
    dim: int
    weight: Any
    ignore_index: int
    reduction: str
    smoothing: float = 0.0

    @property
    def classes(self) -> int:
        return int(self.x.shape[self.dim])

    @property
    def column(self) -> Any:
        """The weights of the classes in a shape that broadcasts against x."""
        return 1.0 if self.weight is None else self.weight.reshape(-1, *[1] * (self.x.ndim - self.dim - 1))


def nll_loss(input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Tensor:
    """Minus the log probability of the right class.

    Args:
        input: log probabilities, (N, C), (N, C, d1, ...) or (C,).
        target: the right classes, integers from 0 to C - 1: (N,), (N, d1, ...) or one number.
        weight: factor of each class, (C,). The mean is divided by the sum of the factors of all targets.
        ignore_index: targets of this class are left out, of the mean too.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: target or weight does not fit the input.
        DTypeError: target is not made of integers.
        IndexRangeError: target names a class that is not there (checked on the CPU; on a GPU it would cost a wait).
        ConfigError: there is no such reduction.

    >>> mg.nn.functional.nll_loss(mg.tensor([[-1.0, -0.5], [-2.0, -3.0]]), mg.tensor([1, 0]))
    tensor(1.2500)
    """
    x = floating_tensor("nll_loss", input)
    dim = _class_dim("nll_loss", x)
    ignore_index = whole("nll_loss", "ignore_index", ignore_index)
    weight = _checked_weight("nll_loss", x.shape[dim], weight)
    return _of_indices(_Case("nll_loss", x, dim, weight, ignore_index, reduction), tensor_of("nll_loss", target))


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross entropy between the targets and the probabilities softmax(input), exact for every logit.

    Args:
        input: logits, (N, C), (N, C, d1, ...) or (C,).
        target: the right classes, integers from 0 to C - 1: (N,), (N, d1, ...) or one number; or the probability of
            each class, of the input's shape.
        weight: factor of each class, (C,). For class indices the mean is divided by the sum of the factors.
        ignore_index: targets of this class are left out, of the mean too.
        reduction: "mean", "sum" or "none".
        label_smoothing: the share of each target, from 0 to 1, that is spread evenly over all classes
            (Szegedy et al. 2016, section 7).

    Raises:
        ShapeError: target or weight does not fit the input.
        DTypeError: target is made of neither class indices nor probabilities.
        IndexRangeError: target names a class that is not there (checked on the CPU; on a GPU it would cost a wait).
        ConfigError: there is no such reduction, or label_smoothing is not from 0 to 1.

    >>> mg.nn.functional.cross_entropy(mg.tensor([[0.0, 0.0], [0.0, 200.0]]), mg.tensor([1, 1]))
    tensor(0.3466)
    """
    if not isinstance(label_smoothing, Real) or not 0 <= float(label_smoothing) <= 1:
        raise ConfigError(f"cross_entropy: expected label_smoothing from 0 to 1, but got {label_smoothing!r}.")
    x, target = tensor_of("cross_entropy", input), tensor_of("cross_entropy", target)
    ignore_index = whole("cross_entropy", "ignore_index", ignore_index)
    dim = _class_dim("cross_entropy", x)
    weight = _checked_weight("cross_entropy", x.shape[dim], weight)
    loss = _of_probabilities if target.shape == x.shape else _of_indices
    x = log_softmax(x, dim)
    return loss(_Case("cross_entropy", x, dim, weight, ignore_index, reduction, float(label_smoothing)), target)


def _of_indices(case: _Case, target: Any) -> Tensor:
    """The loss where the target names classes."""
    x, dim = case.x, case.dim
    kept, index = _checked_indices(case, target)
    factor = cast_to(kept, x.dtype) if case.weight is None else where(kept, case.weight[index], 0.0)
    loss = -where(kept, _gather(x, index.unsqueeze(dim), dim=dim).squeeze(dim), 0.0) * factor
    if case.smoothing:
        even = where(kept, -sum(x * case.column, dim), 0.0)
        loss = loss * (1 - case.smoothing) + even * (case.smoothing / case.classes)
    return sum(loss) / sum(factor) if case.reduction == "mean" else reduce_loss(case.name, loss, case.reduction)


def _of_probabilities(case: _Case, target: Any) -> Tensor:
    """The loss where the target gives a probability to each class."""
    if target.dtype.kind != "f":
        raise DTypeError(
            f"{case.name}: expected probabilities of a floating point type, as the target has the input's shape "
            f"{case.x.shape}, but got {target.dtype}. Class indices have no dimension of classes."
        )
    if case.smoothing:
        target = target * (1 - case.smoothing) + case.smoothing / case.classes
    return reduce_loss(case.name, -sum(case.x * (target * case.column), case.dim), case.reduction)


def _class_dim(name: str, x: Any) -> int:
    if not x.ndim:
        raise ShapeError(f"{name}: expected an input of shape (N, C), (N, C, ...) or (C,), but got a single number.")
    return 0 if x.ndim == 1 else 1


def _checked_indices(case: _Case, target: Any) -> tuple[Tensor, Tensor]:
    """Which targets count, and the classes, with 0 for those that do not."""
    shape = case.x.shape
    expected = shape[: case.dim] + shape[case.dim + 1 :]
    if target.shape != expected:
        raise ShapeError(
            f"{case.name}: expected class indices of shape {expected} for an input of shape {shape}, "
            f"but got {target.shape}."
        )
    require_integers(case.name, target)
    kept = ne(target, case.ignore_index)
    index = where(kept, target, 0)
    advice = f"The input has a column for each class; what is left out has the ignore_index {case.ignore_index}."
    require_indices(case.name, index, case.classes, advice)
    return kept, index


def _checked_weight(name: str, classes: int, weight: Any) -> Any:
    if weight is None:
        return None
    weight = tensor_of(name, weight)
    if weight.shape != (classes,):
        raise ShapeError(
            f"{name}: expected a weight for each of {classes} classes, of shape ({classes},), but got {weight.shape}."
        )
    return weight
