"""Spot the bug: the value function with real and fake swapped.

    python examples/mistakes/swapped_value.py

V(D, G) = E log D(x) + E log(1 - D(G(z))). With D(G(z)) and D(x) in each other's place D learns to call fakes real and
data fake; G, which goes where D says "real", is driven away from the data.
"""

import minigan as mg
from minigan import nn
from minigan.nn import functional as F

DATA = 3.0


def play(swapped, steps=300):
    """Where G ends that starts at 0 and should come to the data at 3."""
    mg.manual_seed(0)
    theta = nn.Parameter(mg.zeros(1, 1))  # G(z) = z + theta
    D = nn.Linear(1, 1)
    optimizer_D = mg.optim.SGD(D.parameters(), lr=0.1, weight_decay=0.1)  # the decay keeps the game from circling
    optimizer_G = mg.optim.SGD([theta], lr=0.1)
    one, zero = mg.ones(256, 1), mg.zeros(256, 1)
    for step in range(steps):
        mg.set_step(step)
        real, fake = DATA + mg.randn(256, 1), mg.randn(256, 1) + theta
        target_real, target_fake = (zero, one) if swapped else (one, zero)
        on_real, on_fake = D(real), D(fake.detach())
        loss_D = F.binary_cross_entropy_with_logits(on_real, target_real)
        loss_D = loss_D + F.binary_cross_entropy_with_logits(on_fake, target_fake)
        optimizer_D.zero_grad()
        loss_D.backward()
        optimizer_D.step()
        loss_G = F.binary_cross_entropy_with_logits(D(mg.randn(256, 1) + theta), one)
        optimizer_G.zero_grad()
        loss_G.backward()
        optimizer_G.step()
    return theta.item()


print(f"the data are at {DATA:.1f}")
print(f"right:   G ends at {play(swapped=False):.1f}")
print(f"swapped: G ends at {play(swapped=True):.1f}")
