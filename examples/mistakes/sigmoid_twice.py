"""Spot the bug: D ends in a Sigmoid, and its loss expects a logit.

    python examples/mistakes/sigmoid_twice.py

`binary_cross_entropy_with_logits` takes a sigmoid itself. A probability from 0 to 1 that is taken for a logit becomes
a "probability" from sigmoid(0) = 0.5 to sigmoid(1) = 0.731: D can never be sure, however easy its task is.
"""

import minigan as mg
from minigan import nn
from minigan.nn import functional as F

mg.manual_seed(0)
real, fake = mg.randn(256, 1) + 5, mg.randn(256, 1) - 5  # a child could tell them apart
one, zero = mg.ones(256, 1), mg.zeros(256, 1)


def train(D, steps=500):
    """D after some steps, and its loss."""
    optimizer = mg.optim.Adam(D.parameters(), lr=0.05)
    for _ in range(steps):
        loss = F.binary_cross_entropy_with_logits(D(real), one) + F.binary_cross_entropy_with_logits(D(fake), zero)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return D, loss.item()


for name, D in {
    "wrong, Linear and Sigmoid": nn.Sequential(nn.Linear(1, 1), nn.Sigmoid()),
    "right, Linear alone      ": nn.Sequential(nn.Linear(1, 1)),
}.items():
    D, loss = train(D)
    on_real, on_fake = (D(x).sigmoid().mean().item() for x in (real, fake))
    print(f"{name}  the loss takes D(x) for {on_real:.3f} and D(G(z)) for {on_fake:.3f}; loss_D {loss:.3f}")
print("The wrong loss cannot fall below -log 0.731 - log 0.5 = 1.006. The mend: no Sigmoid, or nn.BCELoss behind it.")
