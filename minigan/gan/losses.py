"""What the two players want, as named pairs of losses.

Let s_x be D's output on a real sample x, and s_z its output on the fake G(z). The players minimise

    name            D                                        G
    minimax         E softplus(-s_x) + E softplus(s_z)       -E softplus(s_z)
    non-saturating  as minimax                               E softplus(-s_z)
    least-squares   E (s_x - 1)^2 / 2 + E s_z^2 / 2          E (s_z - 1)^2 / 2
    wasserstein     E s_z - E s_x                            -E s_z
    hinge           E max(0, 1 - s_x) + E max(0, 1 + s_z)    -E s_z
    relativistic    E softplus(s_z - s_x)                    E softplus(s_x - s_z)

where softplus(t) = log(1 + e^t). The first two are the game of Goodfellow et al. 2014, with s the logit of D's
probability that a sample is real: softplus(-s) = -log D and softplus(s) = -log(1 - D), so that D maximises and G
minimises

    V(D, G) = E log D(x) + E log(1 - D(G(z)))                (equation 1).

While D is sure, log(1 - D(G(z))) is flat and G learns nothing. The same paper (section 3) therefore lets G maximise
log D(G(z)) instead: the non-saturating game, which has the same fixed point but is no minimax game. These two come
for logits (numerically exact) and for probabilities (a D that ends in a Sigmoid); the others need a D that ends in a
plain number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from minigan.errors import ArgumentError, ConfigError, ShapeError
from minigan.gan.settings import hint
from minigan.nn import functional as F
from minigan.ops.activation import sigmoid
from minigan.ops.creation import full
from minigan.ops.elementwise import where
from minigan.ops.random import rand
from minigan.tensor import Tensor


@dataclass(frozen=True)
class Targets:
    """What D is told about real samples and fakes in its own turn: 1 and 0, or less sure than that.

    G's targets are never changed: it wants its samples to be taken for real ones.

    Args:
        smoothing: s of one-sided label smoothing: real samples get the target 1 - s (Salimans et al. 2016, section
            3.4, who warn of smoothing the other side).
        fake_smoothing: s' of the other side: fakes get the target s'.
        noise: the probability with which a label is flipped: the sample gets the target of the other kind.

    Raises:
        ConfigError: a number outside [0, 1], or targets of fakes that are not below those of real samples.

    >>> from minigan.gan.losses import Targets
    >>> Targets(smoothing=0.1).real(mg.zeros(2, 1))
    tensor([[0.9000],
            [0.9000]])
    """

    smoothing: float = 0.0
    fake_smoothing: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        settings = (self.smoothing, self.fake_smoothing, self.noise)
        if not all(0 <= value <= 1 for value in settings):
            raise ConfigError(
                f"Targets: expected smoothing, fake_smoothing and noise from 0 to 1, but got {settings}. "
                "Lower what is too large; 0 switches it off."
            )
        if not self.fake_smoothing < 1 - self.smoothing:
            raise ConfigError(
                f"Targets: expected fakes below real samples, but smoothing={self.smoothing} gives real samples the "
                f"target {1 - self.smoothing:g} and fakes have {self.fake_smoothing:g}. Lower one of them."
            )

    def real(self, outputs: Tensor) -> Tensor:
        """The targets of D's outputs on real samples, of their shape."""
        return self._make(outputs, 1 - self.smoothing, flipped=self.fake_smoothing)

    def fake(self, outputs: Tensor) -> Tensor:
        """The targets of D's outputs on fakes, of their shape."""
        return self._make(outputs, self.fake_smoothing, flipped=1 - self.smoothing)

    def _make(self, outputs: Tensor, target: float, flipped: float) -> Tensor:
        targets = _like(outputs, target)
        if not self.noise:
            return targets
        return where(rand(*outputs.shape, device=outputs.device) < self.noise, flipped, targets)


HARD = Targets()


class DiscriminatorLoss(Protocol):
    """Of D's outputs (N, 1) on real samples and on fakes, and of what D is told about them: 0-d."""

    def __call__(self, real: Tensor, fake: Tensor, targets: Targets = HARD) -> Tensor:
        """D's loss."""


class GeneratorLoss(Protocol):
    """Of D's outputs (N, 1) on fakes and, where the loss looks at them, on real samples: 0-d."""

    def __call__(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """G's loss."""


class Loss(NamedTuple):
    """The losses of both players.

    Attributes:
        discriminator: D's.
        generator: G's.
        probability: from D's outputs to D(x), the probability that x is real; None where they are mere scores.
        uses_targets: whether D's loss has targets, which can be smoothed and flipped.
        uses_real: whether G's loss looks at D's outputs on real samples.
    """

    discriminator: DiscriminatorLoss
    generator: GeneratorLoss
    probability: Callable[[Tensor], Tensor] | None = None
    uses_targets: bool = False
    uses_real: bool = False


# ---- losses with targets: D's outputs are pulled to 1 on real samples and to 0 on fakes ------------------

Cost = Callable[[Tensor, Tensor], Tensor]
"""What outputs cost that should be their targets: 0-d."""


def _half_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.mse_loss(outputs, targets) / 2


def _to_targets(cost: Cost) -> DiscriminatorLoss:
    """Real samples to their targets, and fakes to theirs."""

    def discriminator(real: Tensor, fake: Tensor, targets: Targets = HARD) -> Tensor:
        return cost(real, targets.real(real)) + cost(fake, targets.fake(fake))

    return discriminator


def _non_saturating(cost: Cost) -> GeneratorLoss:
    """G pulls fakes to 1."""
    return _of_fakes(lambda fake: cost(fake, _like(fake, 1)))


def _saturating(cost: Cost) -> GeneratorLoss:
    """G pushes fakes away from 0: the negative of all that G can change in D's loss."""
    return _of_fakes(lambda fake: -cost(fake, _like(fake, 0)))


def _of_fakes(f: Callable[[Tensor], Tensor]) -> GeneratorLoss:
    return lambda fake, real=None: f(fake)


def _like(x: Tensor, value: float) -> Tensor:
    return full(x.shape, value, dtype=x.dtype, device=x.device)


# ---- losses without targets: all that counts is which outputs are larger ---------------------------------


def _without_targets(name: str, f: Callable[[Tensor, Tensor], Tensor]) -> DiscriminatorLoss:
    def discriminator(real: Tensor, fake: Tensor, targets: Targets = HARD) -> Tensor:
        if targets != HARD:
            raise ConfigError(
                f"The loss {name!r} has no targets, but got {targets}. Leave label smoothing and noise at 0."
            )
        return f(real, fake)

    return discriminator


def _wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


def _hinge(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def _raise_score(fake: Tensor) -> Tensor:
    return -fake.mean()


def _above(winners: Tensor, losers: Tensor) -> Tensor:
    """E softplus(losers - winners): 0 once each winner is far above the loser beside it."""
    if winners.shape != losers.shape:
        raise ShapeError(
            f"relativistic: expected as many real samples as fakes, to make pairs of them, but D's outputs are of "
            f"shapes {winners.shape} and {losers.shape}."
        )
    return -F.logsigmoid(winners - losers).mean()


def _fakes_above(fake: Tensor, real: Tensor | None = None) -> Tensor:
    if real is None:
        raise ArgumentError("relativistic: G's loss compares fakes with real samples; pass D's outputs on both.")
    return _above(fake, real)


# ---- all of them -----------------------------------------------------------------------------------------


def _identity(outputs: Tensor) -> Tensor:
    return outputs


_LOGITS, _PROBABILITIES = F.binary_cross_entropy_with_logits, F.binary_cross_entropy
_ON_LOGITS, _ON_PROBABILITIES = _to_targets(_LOGITS), _to_targets(_PROBABILITIES)

LOSSES = {
    # Goodfellow et al. 2014, equation 1 and section 3
    ("minimax", "logit"): Loss(_ON_LOGITS, _saturating(_LOGITS), sigmoid, uses_targets=True),
    ("non-saturating", "logit"): Loss(_ON_LOGITS, _non_saturating(_LOGITS), sigmoid, uses_targets=True),
    ("minimax", "probability"): Loss(_ON_PROBABILITIES, _saturating(_PROBABILITIES), _identity, uses_targets=True),
    ("non-saturating", "probability"): Loss(
        _ON_PROBABILITIES, _non_saturating(_PROBABILITIES), _identity, uses_targets=True
    ),
    # Mao et al. 2017, equation 2 with a = 0 and b = c = 1; its halves are kept
    ("least-squares", "logit"): Loss(
        _to_targets(_half_squared_error), _non_saturating(_half_squared_error), uses_targets=True
    ),
    # Arjovsky, Chintala and Bottou 2017, algorithm 1; D has to be kept Lipschitz by a penalty or by clipping
    ("wasserstein", "logit"): Loss(_without_targets("wasserstein", _wasserstein), _of_fakes(_raise_score)),
    # Lim and Ye 2017; Miyato, Kataoka, Koyama and Yoshida 2018, equations 16 and 17
    ("hinge", "logit"): Loss(_without_targets("hinge", _hinge), _of_fakes(_raise_score)),
    # Jolicoeur-Martineau 2018, and with R1 and R2 the loss of Huang et al. 2024, "The GAN is dead; long live the
    # GAN!"; a shift of all scores changes nothing, so the sigmoid of one is no probability
    ("relativistic", "logit"): Loss(_without_targets("relativistic", _above), _fakes_above, uses_real=True),
}


def get_loss(name: str, output: str = "logit") -> Loss:
    """The pair of losses of this name.

    Args:
        name: "minimax", "non-saturating", "least-squares", "wasserstein", "hinge" or "relativistic".
        output: what D gives: a "logit" (for the last four: any number), or a "probability".

    Raises:
        ConfigError: there is no such loss, or it is not defined on probabilities.

    >>> from minigan.gan.losses import get_loss
    >>> get_loss("minimax").generator(mg.zeros(1, 1))  # log(1 - 1/2)
    tensor(-0.6931)
    >>> get_loss("non-saturating").generator(mg.zeros(1, 1))  # -log(1/2)
    tensor(0.6931)
    """
    if (name, output) in LOSSES:
        return LOSSES[name, output]
    names, outputs = (sorted({key[i] for key in LOSSES}) for i in (0, 1))
    if name not in names:
        raise ConfigError(f"No loss {name!r}.{hint(name, names)}")
    if output not in outputs:
        raise ConfigError(f"No output {output!r} of D.{hint(output, outputs)}")
    raise ConfigError(
        f"The loss {name!r} is made for a D that gives any number, but this one gives a {output}: end D without a "
        'Sigmoid, with the output "logit".'
    )
