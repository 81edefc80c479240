"""What reaches G: the gradients that several losses send through the same D to the same fakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import minigan as mg
from minigan import nn
from minigan.gan import get_loss
from minigan.nn import Module, Parameter
from minigan.tensor import Tensor

Array = NDArray[np.float64]

LOSSES = ("minimax", "non-saturating", "least-squares", "wasserstein")
"""G's; that of hinge is Wasserstein's."""


@dataclass(frozen=True, kw_only=True)
class Signal:
    """What D thinks of real samples and fakes, and what G gets of it, by loss.

    Attributes:
        real, fake: D's logits (N,).
        error: how far the gradient of minimax is from exp(s) times that of non-saturating, as a share of it: the
            largest of all fakes, of the gradients with respect to D's logits and of those that D sends on to the fakes.
        sizes: the L2 norm of the gradient of each of G's layers (layers,).
        cosine: of the angle between the gradients of minimax and non-saturating, all layers together.
        below_eps: the share of G's weights whose gradient is smaller than Adam's eps, where a steady one moves a
            weight by half of the learning rate.
    """

    real: Array
    fake: Array
    error: float
    sizes: dict[str, Array]
    cosine: float
    below_eps: dict[str, float]

    def size(self, loss: str) -> float:
        """The L2 norm of all layers together."""
        return float(np.linalg.norm(self.sizes[loss]))

    @property
    def ratio(self) -> float:
        """Minimax over non-saturating."""
        return self.size("minimax") / self.size("non-saturating")

    @property
    def if_alike(self) -> float:
        """The size of minimax, if all fakes had the mean logit."""
        return float(self.size("non-saturating") * np.exp(self.fake.mean()))


def per_logit(s: Array) -> dict[str, tuple[Array, Array]]:
    """Each loss of G and its derivative for each logit s (N,) alone, by autograd in float64.

    >>> from minigan.lab.experiments.saturation_signal import per_logit
    >>> [round(float(gradient[0]), 4) for _, gradient in per_logit(np.array([0.0])).values()]
    [-0.5, -0.5, -1.0, -1.0]
    """
    found = {}
    for name in LOSSES:
        logits = mg.tensor(np.asarray(s, np.float64)[:, np.newaxis], requires_grad=True)
        loss = get_loss(name).generator
        each = mg.cat([loss(logits[i : i + 1]).reshape(1) for i in range(len(s))])
        each.sum().backward()
        gradient = logits.grad
        assert gradient is not None  # each loss depends on its logit
        found[name] = each.detach().numpy().copy(), np.asarray(gradient[:, 0], np.float64)
    return found


def ratios(s: Array) -> Array:
    """How large minimax's gradient with respect to each logit (N,) is, beside non-saturating's."""
    minimax, non_saturating = (_slopes(name, s) for name in ("minimax", "non-saturating"))
    return minimax / non_saturating


def _slopes(name: str, s: Array) -> Array:
    logits = mg.tensor(np.asarray(s, np.float64)[:, np.newaxis], requires_grad=True)
    (gradient,) = mg.grad(get_loss(name).generator(logits), logits)
    return _numbers(gradient)


def signal(G: Module, D: Module, real: Tensor, z: Tensor, eps: float) -> Signal:
    """What G would get now; neither player is changed, and dropout is off.

    Args:
        G: the generator.
        D: gives logits.
        real: samples (N, ...).
        z: (N, z_dim).
        eps: of the Adam that moves G.
    """
    fakes = G(z)
    logits = D.eval()(fakes)
    with mg.no_grad():
        on_real = D(real)
    gradients = {name: _gradients(get_loss(name).generator(logits), G) for name in LOSSES}
    flat = {name: np.concatenate(each) for name, each in gradients.items()}
    return Signal(
        real=_numbers(on_real),
        fake=_numbers(logits),
        error=_error(logits, fakes),
        sizes={name: np.array([np.linalg.norm(g) for g in each]) for name, each in gradients.items()},
        cosine=_cosine(flat["minimax"], flat["non-saturating"]),
        below_eps={name: float(np.mean(np.abs(g) < eps)) for name, g in flat.items()},
    )


def _error(logits: Tensor, fakes: Tensor) -> float:
    """In the graph that led from fakes to logits: each fake has a factor exp(s) of its own."""
    weak, strong = (
        [_numbers(gx).reshape(len(fakes), -1) for gx in mg.grad(loss(logits), [logits, fakes], retain_graph=True)]
        for loss in (get_loss(name).generator for name in ("minimax", "non-saturating"))
    )
    expected = [np.exp(_numbers(logits))[:, np.newaxis] * gx for gx in strong]
    pairs = zip(weak, expected, strict=True)
    return max(float((np.linalg.norm(gx - e, axis=1) / np.linalg.norm(e, axis=1)).max()) for gx, e in pairs)


def layers(G: Module) -> list[str]:
    """G's Linear layers by their sizes."""
    return [f"{layer.in_features} → {layer.out_features}" for layer in _linear(G)]


def _linear(G: Module) -> list[nn.Linear]:
    return [layer for layer in G.modules() if isinstance(layer, nn.Linear)]


def _gradients(loss: Tensor, G: Module) -> list[Array]:
    """The gradient of each Linear layer, weight and bias in one row."""
    own: list[list[Parameter]] = [list(layer.parameters()) for layer in _linear(G)]
    found = iter(mg.grad(loss, [parameter for each in own for parameter in each], retain_graph=True))
    return [np.concatenate([_numbers(next(found)) for _ in each]) for each in own]


def _numbers(x: Tensor | None) -> Array:
    assert x is not None  # G's loss depends on all of its weights
    return np.asarray(x.detach().numpy(), np.float64).ravel()


def _cosine(a: Array, b: Array) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
