"""Spot the bug: "min over G of -E log D(G(z))" under the name minimax.

    python examples/mistakes/minimax_in_name_only.py

In the minimax game one player's loss is the other's gain: G minimises E log(1 - D(G(z))). Minimising -E log D(G(z)) is
the non-saturating game: another loss, another gradient, and no game of zero sum. It is the better one to train with;
but who reads "minimax" and looks for vanishing gradients will not find them.
"""

import minigan as mg
from minigan.gan import get_loss

print("logit of D on a fake     gradient that reaches it            sum of both players' losses")
print("                      minimax   non-saturating     ratio     minimax   non-saturating")
for s in (-8.0, -4.0, 0.0, 4.0):
    signals, sums = [], []
    for name in ("minimax", "non-saturating"):
        loss = get_loss(name)
        logit = mg.tensor([[s]], dtype=mg.float64, requires_grad=True)
        loss_G = loss.generator(logit)
        loss_G.backward()
        signals.append(-logit.grad.item())
        of_fakes = loss.discriminator(mg.full((1, 1), 100.0, dtype=mg.float64), logit)  # real ones cost nothing here
        sums.append((of_fakes + loss_G).item())
    minimax, other = signals
    print(f"{s:20.0f}  {minimax:.6f}  {other:15.6f}  {minimax / other:9.5f}  {sums[0]:9.4f}  {sums[1]:14.4f}")
print("The ratio is D/(1 - D) = exp(s): at s = -8 minimax passes 1/2981 of the other signal.")
