"""Freeze G and train D alone: what it ends at, and how far apart it says that real samples and fakes are.

Real samples are N(0, 1), fakes N(mu, 1) for several mu, and once N(0, 2²), as wide again. D and the critic see every x
of a fine grid at once, each as heavy as it is likely: the sums are the integrals of theory, and nothing depends on
chance but the weights that training begins with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np

import minigan as mg
from minigan.gan.networks import Discriminator
from minigan.gan.penalties import slope
from minigan.lab.experiments.dstar_pairs import LOG_4, Array, Pair
from minigan.lab.experiments.dstar_training import line_network, train
from minigan.lab.numbers import Numbers
from minigan.lab.options import Number, Seed, Several, Steps, checked
from minigan.lab.repeatable import repeatable
from minigan.lab.schedule import stops
from minigan.nn import Parameter
from minigan.nn import functional as F
from minigan.ops.random import manual_seed
from minigan.tensor import Tensor

HIDDEN = (64, 64)  # with half as many one side of a critic's tent hangs on the wrong slope with some seeds
LR, LINEAR_LR, CRITIC_LR = 0.01, 0.3, 0.1
LINEAR_STEPS, CRITIC_STEPS = 1500, 300
LINEAR_MEANS = (1.0, 2.0, 3.0, 4.0)
LINEAR_WEIGHTS = (0.5, 10.0, 100.0)
WIDE = Pair(0.0, 2.0)
REFERENCE = {
    Pair(0.0): -1.386294,
    Pair(1.0): -1.163451,
    Pair(2.0): -0.712633,
    Pair(4.0): -0.120854,
    WIDE: -1.200828,
}
"""V* of five pairs to six decimals, by another quadrature of its definition."""
Means = Annotated[tuple[Annotated[float, Number(0, 8)], ...], Several(20)]


@dataclass(frozen=True)
class Pull:
    """How strongly the fakes are drawn towards the real samples: the gradient of G(z) = mu + z with respect to mu.

    Attributes:
        minimax: of E log(1 - D).
        non_saturating: of -E log D, from the same D.
        wasserstein: of -E f, from the critic f.
    """

    minimax: float
    non_saturating: float
    wasserstein: float


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What D and a critic of one pair ended at, and what theory says.

    Attributes:
        pair: real N(0, 1) against this.
        x: the grid (N,).
        p, q: both densities there.
        best_logit: of D*.
        logits: of D, (stops, N).
        values: V(D) before each step and after the last, (steps + 1,).
        value: V*.
        jsd: of p and q.
        scores: of the critic, (stops, N), 0 on average over real samples.
        best_scores: of the best critic, (N,).
        gaps: E f(real) - E f(fake) at the stops.
        gap: the best critic's.
        wasserstein: the distance itself.
        pull: on mu, from D and critic when trained.
        best_pull: from the best ones.
    """

    pair: Pair
    x: Array
    p: Array
    q: Array
    best_logit: Array
    logits: Array
    values: Array
    value: float
    jsd: float
    scores: Array
    best_scores: Array
    gaps: Array
    gap: float
    wasserstein: float
    pull: Pull
    best_pull: Pull


@dataclass(frozen=True)
class LinearLogit:
    """D with the logit w x + b, which can be D* itself, as log p/q is linear if both are equally wide.

    Attributes:
        mean: mu.
        path: (w, b) at the stops of its training, (stops, 2).
    """

    mean: float
    path: Array

    @property
    def predicted(self) -> tuple[float, float]:
        """w and b of D*."""
        return -self.mean, self.mean**2 / 2


@dataclass(frozen=True)
class LinearCritic:
    """f(x) = w x + b with the penalty weight (|w| - 1)^2 of WGAN-GP, trained from w = start.

    Attributes:
        mean: mu, which is the distance.
        weight: lambda.
        start: w at first.
        slope: w at last.
        gap: E f(real) - E f(fake) at last.
    """

    mean: float
    weight: float
    start: float
    slope: float
    gap: float

    @property
    def predicted_slope(self) -> float:
        """Where -w mu - weight (|w| - 1)^2 is stationary, on the side on which w began if there is such a place."""
        extra = self.mean / (2 * self.weight)
        return 1 - extra if self.start > 0 and extra < 1 else -(1 + extra)

    @property
    def predicted_gap(self) -> float:
        """-w mu there."""
        return -self.predicted_slope * self.mean


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Theory for many distances at once.

    Attributes:
        mean: mu, (M,).
        value: V*.
        jsd: its limit is log 2.
        wasserstein: has none.
        gap: of the best critic.
        pull: on mu, from D* and the best critic.
    """

    mean: Array
    value: Array
    jsd: Array
    wasserstein: Array
    gap: Array
    pull: list[Pull]

    @property
    def gap_slope(self) -> Array:
        """How fast the best critic's gap grows with mu, (M,)."""
        return np.gradient(self.gap, self.mean)


@dataclass(frozen=True, kw_only=True, repr=False)
class DStar(Numbers):
    """What the experiment found.

    Attributes:
        seed: of the weights.
        gradient_penalty: lambda, the weight of the critics' penalty.
        at: the steps at which D and critic were looked at.
        trained: one for each pair.
        linear_at: the steps of linear D.
        logits: of linear D.
        critics: linear ones.
        curve: what theory says between the pairs.
        reference: V* of some of the pairs, by name.
    """

    seed: int
    gradient_penalty: float
    at: tuple[int, ...]
    trained: list[Trained]
    linear_at: tuple[int, ...]
    logits: list[LinearLogit]
    critics: list[LinearCritic]
    curve: Curve
    reference: dict[str, float]


@checked
@repeatable
def dstar(
    *,
    means: Means = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0),
    steps: Steps = 1000,
    gradient_penalty: Annotated[float, Number(0.1, 1000)] = 10.0,
    seed: Seed = 0,
) -> DStar:
    """Train D against a G that stands still, and compare it with p / (p + q).

    Args:
        means: mu of the fakes N(mu, 1); the real samples are N(0, 1).
        steps: of D, and of the critic.
        gradient_penalty: lambda, the weight of the critic's penalty.
        seed: of the weights that training begins with.

    Raises:
        ConfigError: a setting out of its range.

    >>> from minigan import lab
    >>> (one,) = lab.dstar(means=(1.0,), steps=300).trained[:1]
    >>> bool(abs(one.values[-1] - one.value) < 0.001)
    True
    """
    pairs = [*(Pair(mean) for mean in means), WIDE]
    return DStar(
        seed=seed,
        gradient_penalty=gradient_penalty,
        at=stops(steps),
        trained=[_trained(pair, steps, gradient_penalty, seed) for pair in pairs],
        linear_at=stops(LINEAR_STEPS),
        logits=[_linear_logit(mean) for mean in LINEAR_MEANS],
        critics=[_linear_critic(2.0, each, start) for each in LINEAR_WEIGHTS for start in (0.0, 1.0)]
        + [_linear_critic(mean, gradient_penalty, 0.0) for mean in (1.0, 4.0, 8.0)],
        curve=_curve(max(*means, 2.0), gradient_penalty),
        reference={pair.name: REFERENCE[pair] for pair in pairs if pair in REFERENCE},
    )


# ---- D ---------------------------------------------------------------------------------------------------


def _trained(pair: Pair, steps: int, weight: float, seed: int) -> Trained:
    """D and the critic of a pair."""
    x = pair.grid
    manual_seed(seed)
    D, critic = line_network(HIDDEN), line_network(HIDDEN)
    values, logits = _train_D(D, pair, steps, LR)
    scores = _train_critic(critic, pair, steps, LR, weight)
    dx, p, q = x[1] - x[0], pair.p(x), pair.q(x)
    return Trained(
        pair=pair,
        x=x,
        p=p,
        q=q,
        best_logit=pair.best_logit(x),
        logits=logits,
        values=values,
        value=pair.value,
        jsd=pair.jsd,
        scores=scores - (scores @ p)[:, np.newaxis] * dx,
        best_scores=pair.best_scores(weight),
        gaps=scores @ (p - q) * dx,
        gap=pair.best_gap(weight),
        wasserstein=pair.wasserstein,
        pull=_pull(pair, D, critic),
        best_pull=_best_pull(pair, weight),
    )


def _train_D(D: Discriminator, pair: Pair, steps: int, lr: float) -> tuple[Array, Array]:
    """V(D) (steps + 1,), and the logits at the stops (stops, N)."""
    x, p, q = _column(pair.grid), *_masses(pair)
    costs, logits = train(D, lambda: _cost(D(x), 1.0, p) + _cost(D(x), 0.0, q), steps, lr, lambda: _on(D, x))
    return -costs, np.array(logits)


def _cost(logits: Tensor, target: float, weight: Tensor) -> Tensor:
    """The mean of -log D (target 1) or -log(1 - D) (target 0) over samples that are as likely as these weights say."""
    targets = logits.detach() * 0 + target
    return F.binary_cross_entropy_with_logits(logits, targets, weight=weight, reduction="sum")


def _linear_logit(mean: float) -> LinearLogit:
    D, pair = line_network(), Pair(mean)
    (linear,) = D.children()
    x, p, q = _column(pair.grid), *_masses(pair)
    _, path = train(
        D,
        lambda: _cost(D(x), 1.0, p) + _cost(D(x), 0.0, q),
        LINEAR_STEPS,
        LINEAR_LR,
        lambda: (linear.weight.item(), linear.bias.item()),
    )
    return LinearLogit(mean, np.array(path))


# ---- critics ---------------------------------------------------------------------------------------------


def _train_critic(critic: Discriminator, pair: Pair, steps: int, lr: float, weight: float) -> Array:
    """The scores at the stops (stops, N)."""
    x, p, q = _column(pair.grid).requires_grad_(), *_masses(pair)
    between = _column(pair.between(pair.grid) * (pair.grid[1] - pair.grid[0]))

    def paid() -> Tensor:
        """WGAN-GP's penalty, but at each x as often as points are drawn there; less the gap."""
        scores = critic(x)
        excess = slope(scores, x).abs() - 1
        cost: Tensor = (excess * excess * between).sum() * weight - (scores * (p - q)).sum()
        return cost

    return np.array(train(critic, paid, steps, lr, lambda: _on(critic, x))[1])


def _linear_critic(mean: float, weight: float, start: float) -> LinearCritic:
    critic, pair = line_network(), Pair(mean)
    (linear,) = critic.children()
    linear.weight.data = linear.weight.data + start
    scores = _train_critic(critic, pair, CRITIC_STEPS, CRITIC_LR, weight)[-1]
    p, q = (each.numpy()[:, 0] for each in _masses(pair))
    return LinearCritic(mean, weight, start, linear.weight.item(), float(scores @ (p - q)))


# ---- what G gets -----------------------------------------------------------------------------------------


def _pull(pair: Pair, D: Discriminator, critic: Discriminator) -> Pull:
    """By autograd: the fakes mu + z are a function of mu, as those of any G are of its weights."""
    mu, z, q = Parameter(mg.tensor([pair.mean], dtype=mg.float64)), _column(pair.grid - pair.mean), _masses(pair)[1]

    def gradient(loss: Callable[[Tensor], Tensor]) -> float:
        (g,) = mg.grad(loss(z + mu), mu)
        assert g is not None  # the fakes depend on mu
        return float(g.item())

    return Pull(
        gradient(lambda fake: -_cost(D(fake), 0.0, q)),
        gradient(lambda fake: _cost(D(fake), 1.0, q)),
        gradient(lambda fake: -(critic(fake) * q).sum()),
    )


def _best_pull(pair: Pair, weight: float) -> Pull:
    """By hand: the logit s of D* has the slope ds/dx; each loss weighs it in its own way."""
    x = pair.grid
    mass, s = pair.q(x) * (x[1] - x[0]), pair.best_logit(x)
    ds_dx = (x - pair.mean) / pair.std**2 - x
    real = np.exp(-np.logaddexp(0, -s))
    fake = np.exp(-np.logaddexp(0, s))
    return Pull(
        float(mass @ (-real * ds_dx)),
        float(mass @ (-fake * ds_dx)),
        float(-(mass @ pair.best_slope(x, weight))),
    )


def _curve(furthest: float, weight: float) -> Curve:
    means = np.linspace(0, furthest, 41)
    pairs = [Pair(float(mean)) for mean in means]
    jsd = np.array([pair.jsd for pair in pairs])
    distances = np.array([pair.wasserstein for pair in pairs])
    gaps = np.array([pair.best_gap(weight) for pair in pairs])
    return Curve(
        mean=means,
        value=2 * jsd - LOG_4,
        jsd=jsd,
        wasserstein=distances,
        gap=gaps,
        pull=[_best_pull(pair, weight) for pair in pairs],
    )


# ---- arrays and tensors ----------------------------------------------------------------------------------


def _column(x: Array) -> Tensor:
    return mg.tensor(x[:, np.newaxis])


def _masses(pair: Pair) -> tuple[Tensor, Tensor]:
    """How likely real samples and fakes are at each x of the grid: (N, 1), 1 in sum."""
    x = pair.grid
    dx = x[1] - x[0]
    return _column(pair.p(x) * dx), _column(pair.q(x) * dx)


def _on(network: Discriminator, x: Tensor) -> Array:
    with mg.no_grad():
        outputs: Array = network(x).numpy()[:, 0].copy()
    return outputs
