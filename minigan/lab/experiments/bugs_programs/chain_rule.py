"""Spot the bug: "by the chain rule D's output depends on G's weights, so G can learn from D".

That they depend on each other is true, and is not the chain rule. The chain rule says which number the derivative of
the composition D(G(z)) is: the product of the derivatives of its parts, from the output back to the input.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import minigan as mg
from minigan import nn


@dataclass(frozen=True)
class Step:
    """One part of the composition, seen from D's output.

    Attributes:
        name: of the part.
        jacobian: of what it gives by what it takes, (outputs, inputs).
        product: the derivative of D's output by what this part takes: the product of all Jacobians from here on.
        differences: the same by finite differences of the composition of all parts from here on.
    """

    name: str
    jacobian: NDArray[np.float64]
    product: NDArray[np.float64]
    differences: NDArray[np.float64]


def networks() -> tuple[nn.Sequential, nn.Sequential]:
    """G from two numbers to two, and D from these to a logit."""
    G = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
    D = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    for network in (G, D):
        network.double()  # finite differences need the digits
    return G, D


def jacobian(part: nn.Module, x: mg.Tensor) -> NDArray[np.float64]:
    """Row by row: the gradient of each output by x (F,)."""
    x = x.detach().requires_grad_()
    y = part(x)
    rows: list[Any] = [mg.grad(y[j], [x], retain_graph=True)[0] for j in range(len(y))]
    return np.stack([row.numpy() for row in rows])


def chain(G: nn.Sequential, D: nn.Sequential, z: mg.Tensor, eps: float = 1e-5) -> list[Step]:
    """The derivative of D(G(z)) part by part, from D's output back to z (2,)."""
    parts = [
        (f"{name}[{i}]: {type(part).__name__}", part)
        for name, net in (("G", G), ("D", D))
        for i, part in enumerate(net)
    ]
    taken = [z]
    for _, part in parts:
        taken.append(part(taken[-1]).detach())
    steps, product = [], np.eye(1)
    for k in reversed(range(len(parts))):
        J = jacobian(parts[k][1], taken[k])
        product = product @ J
        rest = nn.Sequential(*(part for _, part in parts[k:]))
        steps.append(Step(parts[k][0], J, product[0], differences(rest, taken[k], eps)))
    return steps


def weight_gradient(G: nn.Sequential, D: nn.Sequential, z: mg.Tensor) -> NDArray[np.float64]:
    """The derivative of D(G(z)) by the weights of G's first layer (3, 2), as backpropagation finds it."""
    weight: Any = G[0].weight
    gradient: Any = mg.grad(D(G(z)).sum(), [weight])[0]
    return np.array(gradient.numpy())


def differences(f: nn.Module, x: mg.Tensor, eps: float) -> NDArray[np.float64]:
    """Of f(x) with a single output, by each number of x (F,): (f(x + eps) - f(x - eps)) / (2 eps)."""
    steps = eps * np.eye(len(x))
    with mg.no_grad():
        return np.array([(f(x + mg.tensor(e)).item() - f(x - mg.tensor(e)).item()) / (2 * eps) for e in steps])


def main() -> None:
    """Print the product part by part, and the differences beside it."""
    mg.manual_seed(0)
    G, D = networks()
    for step in chain(G, D, mg.randn(2, dtype=mg.float64)):
        print(f"{step.name:10} product {np.round(step.product, 8)}  differences {np.round(step.differences, 8)}")


if __name__ == "__main__":
    main()
