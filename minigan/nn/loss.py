"""Losses as modules; the formulas are in `minigan.ops.loss`."""

from __future__ import annotations

from typing import Any

from minigan.nn.module import Module
from minigan.ops import loss
from minigan.tensor import Tensor


class _WeightedLoss(Module):
    """A loss with a reduction ("mean", "sum" or "none") and a factor for each element."""

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__()
        self.weight = weight
        self.reduction = reduction


class BCELoss(_WeightedLoss):
    """Cross entropy of probabilities: expects outputs of a Sigmoid.

    >>> mg.nn.BCELoss()(mg.tensor([0.5]), mg.tensor([1.0])).item()  # doctest: +ELLIPSIS
    0.693147...
    """

    def forward(self, input: Tensor, target: Any) -> Tensor:
        """The loss of probabilities ``input`` against ``target``, both in [0, 1]."""
        return loss.binary_cross_entropy(input, target, self.weight, self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """Cross entropy of logits: Sigmoid and BCELoss in one, exact for every logit.

    >>> mg.nn.BCEWithLogitsLoss()(mg.tensor([0.0]), mg.tensor([1.0])).item()  # doctest: +ELLIPSIS
    0.693147...
    """

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(weight, reduction)
        self.pos_weight = pos_weight

    def forward(self, input: Tensor, target: Any) -> Tensor:
        """The loss of logits ``input`` against ``target`` in [0, 1]."""
        return loss.binary_cross_entropy_with_logits(input, target, self.weight, self.reduction, self.pos_weight)


class MSELoss(Module):
    """Mean squared error."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Tensor, target: Any) -> Tensor:
        """The squared difference of ``input`` and ``target``."""
        return loss.mse_loss(input, target, self.reduction)


class L1Loss(Module):
    """Mean absolute error."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Tensor, target: Any) -> Tensor:
        """The absolute difference of ``input`` and ``target``."""
        return loss.l1_loss(input, target, self.reduction)
