"""Spot the bug: two names that are not what they seem.

    python examples/mistakes/shadowed_loss.py

A loss function that is overwritten by its own result works once. A shape that is passed as data becomes data: G gets
the two numbers 64 and 100 in place of 64 times 100 random ones.
"""

import minigan as mg
from minigan import nn

mg.manual_seed(0)
D = nn.Linear(3, 1)
x, one = mg.randn(8, 3), mg.ones(8, 1)

loss = nn.BCEWithLogitsLoss()
for step in range(2):
    try:
        loss = loss(D(x), one)  # the name now means a number
        print(f"step {step}: loss {loss.item():.3f}")
    except TypeError as error:
        print(f"step {step}: {error}")

criterion = nn.BCEWithLogitsLoss()  # the mend: two names for two things
for step in range(2):
    print(f"step {step}: loss {criterion(D(x), one).item():.3f}")

wrong, right = mg.tensor((64.0, 100.0)), mg.randn(64, 100)
print(f"a shape as data: {wrong.tolist()} of shape {wrong.shape}; drawn in that shape: {right.shape}")
try:
    nn.Linear(100, 256)(wrong)
except mg.ShapeError as error:
    print("minigan says:", error)
