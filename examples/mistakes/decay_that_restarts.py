"""Spot the bug: a learning rate that is meant to decay by epochs, and never does.

    python examples/mistakes/decay_that_restarts.py

`i` counts the batches of one epoch and starts again at 0 in the next, so i // steps_per_epoch is always 0.
"""

import minigan as mg
from minigan.gan import load_preset
from minigan.gan.schedules import learning_rate

steps_per_epoch, lr = 5, 0.1
w = mg.nn.Parameter(mg.zeros(1))
optimizer = mg.optim.SGD([w], lr=lr)
schedule = mg.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (epoch + 1))
preset = load_preset("mlp-tanh").generator  # its rate falls by 5% an epoch

print("epoch  wrong   right   preset mlp-tanh")
for epoch in range(4):
    for i in range(steps_per_epoch):
        wrong = lr / (i // steps_per_epoch + 1)
    right = optimizer.param_groups[0]["lr"]
    named = learning_rate(preset, epoch * steps_per_epoch, 4 * steps_per_epoch, steps_per_epoch)
    print(f"{epoch:5}  {wrong:.4f}  {right:.4f}  {named:.6f}")
    optimizer.step()
    schedule.step()  # once an epoch, with a count that goes on
