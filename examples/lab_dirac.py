"""The smallest GAN: G is one number, D is one number, and whether they converge can be predicted.

    python examples/lab_dirac.py           eight games by four rules
    python examples/lab_dirac.py --quick   with steps of one length only, to see that it runs

`minigan lab dirac` makes a page with sliders of the same numbers.
"""

import sys

import numpy as np

from minigan import lab

quick = "--quick" in sys.argv
data = lab.dirac(strengths=(0.3, 1.0), lr=(0.2,) if quick else (0.1, 0.2, 0.5), time=10 if quick else 40)

print("game            strength  eigenvalues of the Jacobian, by second derivatives")
for one in data.spectra:
    print(f"{one.game:<16}{one.strength:<10g}{np.round(one.measured, 6)}")

print("\nWhat a step multiplies the distance by: predicted, measured, and the distance at the end")
for run in data.runs:
    if run.game in ("minimax", "R1") and run.strength in (0.0, 0.3):
        predicted, measured = (np.abs(values).max() for values in (run.predicted, run.measured))
        end = np.hypot(*run.path[-1])
        print(f"{run.game:<8} {run.rule:<14} h = {run.h:<5g}{predicted:.6f}  {measured:.6f}  {end:.3g}")
