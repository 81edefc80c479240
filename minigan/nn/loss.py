"""Losses as modules; the formulas are in `minigan.ops.loss`."""

from __future__ import annotations

from typing import Any

from minigan.nn.checks import require_array
from minigan.nn.module import Module
from minigan.ops import cross_entropy as classes
from minigan.ops import loss
from minigan.tensor import Tensor


class _Loss(Module):
    """A loss with a reduction: "mean", "sum" or "none"."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def __call__(self, input: Any, target: Any) -> Tensor:
        """The loss of ``input`` against ``target``."""
        require_array(self, "the input", input)
        require_array(self, "the target", target)
        return self.forward(input, target)  # type: ignore[no-any-return]

    def _add_factor(self, name: str, factor: Tensor | None) -> None:
        """A factor of the loss is a buffer, as in PyTorch: it moves with ``.to()`` and is part of the state."""
        if factor is None:
            setattr(self, name, None)
        else:
            self.register_buffer(name, factor)


class BCELoss(_Loss):
    """Cross entropy of probabilities: expects outputs of a Sigmoid.

    Args:
        weight: factor of each element's loss, of a shape that broadcasts to the input's; a buffer.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: the target has another shape than the input.
        RangeError: an input is no probability.

    >>> mg.nn.BCELoss()(mg.tensor([0.5]), mg.tensor([1.0])).item()  # doctest: +ELLIPSIS
    0.693147...
    """

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self._add_factor("weight", weight)

    def forward(self, input: Tensor, target: Any) -> Tensor:
        """The loss of probabilities ``input`` against ``target``, both in [0, 1]."""
        return loss.binary_cross_entropy(input, target, self.weight, self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Cross entropy of logits: Sigmoid and BCELoss in one, exact for every logit.

    Args:
        weight: factor of each element's loss, of a shape that broadcasts to the input's; a buffer.
        reduction: "mean", "sum" or "none".
        pos_weight: factor of the loss where the target is 1; a buffer.

    Raises:
        ShapeError: the target has another shape than the input.

    >>> mg.nn.BCEWithLogitsLoss()(mg.tensor([0.0]), mg.tensor([1.0])).item()  # doctest: +ELLIPSIS
    0.693147...
    """

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean", pos_weight: Tensor | None = None) -> None:
        super().__init__(reduction)
        self._add_factor("weight", weight)
        self._add_factor("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Any) -> Tensor:
        """The loss of logits ``input`` against ``target`` in [0, 1]."""
        return loss.binary_cross_entropy_with_logits(input, target, self.weight, self.reduction, self.pos_weight)


class NLLLoss(_Loss):
    """Cross entropy of log probabilities: expects outputs of a LogSoftmax.

    Args:
        weight: factor of each class, (C,); a buffer. The mean is divided by the sum of the factors.
        ignore_index: targets of this class are left out.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: the target or the weight does not fit the input.
        RangeError: the target names a class that is not there (checked on the CPU).
        DTypeError: the target is not made of integers.

    >>> mg.nn.NLLLoss()(mg.tensor([[-1.0, -0.5]]), mg.tensor([1]))
    tensor(0.5000)
    """

    def __init__(self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self._add_factor("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Any) -> Tensor:
        """The loss of log probabilities ``input`` (N, C, ...) against class indices ``target`` (N, ...)."""
        return classes.nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class CrossEntropyLoss(_Loss):
    """Cross entropy of logits of several classes: LogSoftmax and NLLLoss in one.

    Args:
        weight: factor of each class, (C,); a buffer. For class indices the mean is divided by the sum of the factors.
        ignore_index: targets of this class are left out.
        reduction: "mean", "sum" or "none".
        label_smoothing: the share of each target, from 0 to 1, that is spread evenly over all classes.

    Raises:
        ShapeError: the target or the weight does not fit the input.
        RangeError: the target names a class that is not there (checked on the CPU).
        DTypeError: the target is made of neither class indices nor probabilities.

    >>> mg.nn.CrossEntropyLoss()(mg.tensor([[0.0, 0.0]]), mg.tensor([1]))
    tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self._add_factor("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Any) -> Tensor:
        """The loss of logits ``input`` (N, C, ...) against class indices (N, ...) or probabilities (N, C, ...)."""
        return classes.cross_entropy(
            input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class MSELoss(_Loss):
    """Mean squared error.

    Raises:
        ShapeError: the target has another shape than the input.

    >>> mg.nn.MSELoss()(mg.tensor([1.0, 2.0]), mg.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def forward(self, input: Tensor, target: Any) -> Tensor:
        """The squared difference of ``input`` and ``target``."""
        return loss.mse_loss(input, target, self.reduction)


class L1Loss(_Loss):
    """Mean absolute error.

    Raises:
        ShapeError: the target has another shape than the input.

    >>> mg.nn.L1Loss()(mg.tensor([1.0, 2.0]), mg.tensor([1.0, 4.0]))
    tensor(1.)
    """

    def forward(self, input: Tensor, target: Any) -> Tensor:
        """The absolute difference of ``input`` and ``target``."""
        return loss.l1_loss(input, target, self.reduction)
