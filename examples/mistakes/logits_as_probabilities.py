"""Spot the bug: D has no Sigmoid, and its loss expects probabilities.

    python examples/mistakes/logits_as_probabilities.py

Cross-entropy takes the logarithm of a number that may now be negative. minigan refuses; programs that clip such numbers
to [0, 1] go on, and learn nothing wherever a number was clipped: there the gradient is exactly zero.
"""

import minigan as mg
from minigan import nn
from minigan.nn import functional as F

mg.manual_seed(0)
D = nn.Linear(2, 1)
real = mg.randn(512, 2) * 3
logits = D(real)

try:
    F.binary_cross_entropy(logits, mg.ones(512, 1))
except mg.RangeError as error:
    print("minigan says:", error)

logits.retain_grad()
loss = -(logits.clamp(1e-7, 1 - 1e-7).log()).mean()  # how others keep the logarithm from failing
loss.backward()
deaf = (logits.grad == 0).mean()
print(f"clipped to [0, 1]: loss {loss.item():.3f}, and {deaf:.0%} of the samples teach D nothing")

logits = D(real)
logits.retain_grad()
loss = F.binary_cross_entropy_with_logits(logits, mg.ones(512, 1))
loss.backward()
deaf = (logits.grad == 0).mean()
print(f"right, on logits:  loss {loss.item():.3f}, and {deaf:.0%} of the samples teach D nothing")
