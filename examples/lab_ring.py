"""A GAN learns a ring of eight Gaussians: how it finds the modes, and what D is left with.

    python examples/lab_ring.py           3,000 steps, about ten seconds
    python examples/lab_ring.py --quick   100 steps, to see that it runs

`minigan lab ring` makes a page of the same numbers.
"""

import sys

import minigan as mg

steps = 100 if "--quick" in sys.argv else 3000
data = mg.lab.ring(steps=steps, repeats=1)

print("   step  modes  high quality     KL    V(D, G)   best D")
for moment in data.moments[::4]:
    found = moment.modes
    print(
        f"{moment.step:7} {found.modes:4}/{found.of} {found.high_quality:13.1%} {found.kl:6.3f} "
        f"{moment.value:10.3f} {moment.reachable:8.3f}"
    )
loss_D, loss_G = data.training.loss_D[-1], data.training.loss_G[-1]
print(f"losses of the last step: D {loss_D:.3f} (at the equilibrium log 4 = 1.386), G {loss_G:.3f} (log 2 = 0.693)")
