"""Two losses for G from the same state: what each tells G while D gets better and better.

    python examples/lab_saturation.py           on points and on MNIST
    python examples/lab_saturation.py --quick   on points alone

`minigan lab saturation` makes a page with sliders of the same numbers.
"""

import sys

import numpy as np

from minigan import lab

quick = "--quick" in sys.argv
data = lab.saturation(toy_steps=100, chase_steps=10, mnist_steps=0) if quick else lab.saturation()

for where, duel in [("points", data.toy), *(("MNIST", duel) for duel in data.mnist)]:
    print(f"\n{where}, {duel.name}: norm of G's gradient")
    print("steps of D  mean logit  minimax    non-saturating  ratio     exp(mean logit)")
    for step, one in zip(duel.at, duel.signals, strict=True):
        logit = one.fake.mean()
        sizes = f"{one.size('minimax'):<9.2e}  {one.size('non-saturating'):<14.2e}"
        print(f"{step:<10}  {logit:<10.2f}  {sizes}  {one.ratio:.2e}  {np.exp(logit):.2e}")
