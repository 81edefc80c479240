"""What the two players want, as named pairs of losses.

D(x) is D's probability that x is real: the sigmoid of its logit. In the minimax game of Goodfellow et al. 2014
(equation 1), D maximises and G minimises

    V(D, G) = E log D(x) + E log(1 - D(G(z))).

While D is sure, log(1 - D(G(z))) is flat and G learns nothing. The same paper (section 3) therefore lets G maximise
log D(G(z)) instead: the non-saturating game, which has the same fixed point but is no minimax game.

Each pair comes for logits (numerically exact) and for probabilities (a D that ends in a Sigmoid).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import NamedTuple

from minigan.errors import ConfigError
from minigan.nn import functional as F  # noqa: N812  (PyTorch's habit)
from minigan.ops.activation import sigmoid
from minigan.ops.creation import full
from minigan.tensor import Tensor


class Loss(NamedTuple):
    """The losses of both players; outputs are D's, (N, 1).

    Attributes:
        discriminator: of D's outputs on real and on fake images, and of the one-sided label smoothing s: real
            images get the target 1 - s (Salimans et al. 2016, section 3.4).
        generator: of D's outputs on fake images.
        probability: D(x) from D's outputs.
    """

    discriminator: Callable[[Tensor, Tensor, float], Tensor]
    generator: Callable[[Tensor], Tensor]
    probability: Callable[[Tensor], Tensor]


BCE = Callable[[Tensor, Tensor], Tensor]


def _discriminator(bce: BCE) -> Callable[[Tensor, Tensor, float], Tensor]:
    """-E log D(x) - E log(1 - D(G(z))), with the smoothed target for the real images."""
    return lambda real, fake, smoothing: bce(real, _like(real, 1 - smoothing)) + bce(fake, _like(fake, 0))


def _non_saturating(bce: BCE) -> Callable[[Tensor], Tensor]:
    """-E log D(G(z))."""
    return lambda fake: bce(fake, _like(fake, 1))


def _minimax(bce: BCE) -> Callable[[Tensor], Tensor]:
    """E log(1 - D(G(z))): what G can change of V(D, G)."""
    return lambda fake: -bce(fake, _like(fake, 0))


def _like(x: Tensor, value: float) -> Tensor:
    return full(x.shape, value, dtype=x.dtype, device=x.device)


def _identity(x: Tensor) -> Tensor:
    return x


_LOGITS, _PROBABILITIES = F.binary_cross_entropy_with_logits, F.binary_cross_entropy

LOSSES = {
    ("non-saturating", "logit"): Loss(_discriminator(_LOGITS), _non_saturating(_LOGITS), sigmoid),
    ("minimax", "logit"): Loss(_discriminator(_LOGITS), _minimax(_LOGITS), sigmoid),
    ("non-saturating", "probability"): Loss(_discriminator(_PROBABILITIES), _non_saturating(_PROBABILITIES), _identity),
    ("minimax", "probability"): Loss(_discriminator(_PROBABILITIES), _minimax(_PROBABILITIES), _identity),
}


def get_loss(name: str, output: str = "logit") -> Loss:
    """The pair of losses of this name for a D that gives a "logit" or a "probability".

    Raises:
        ConfigError: there is no such loss.

    >>> from minigan.gan.losses import get_loss
    >>> get_loss("minimax").generator(mg.zeros(1, 1))  # log(1 - 1/2)
    tensor(-0.6931)
    >>> get_loss("non-saturating").generator(mg.zeros(1, 1))  # -log(1/2)
    tensor(0.6931)
    """
    if (name, output) in LOSSES:
        return LOSSES[name, output]
    names, outputs = (sorted({key[i] for key in LOSSES}) for i in (0, 1))
    given, known = (name, names) if name not in names else (output, outputs)
    close = difflib.get_close_matches(str(given), known, 1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ConfigError(f"No loss {given!r}: expected one of {', '.join(known)}.{hint}")
