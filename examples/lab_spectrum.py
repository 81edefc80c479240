"""Does a game turn or close in? The eigenvalues of its Jacobian tell.

    python examples/lab_spectrum.py           two trainings of a small game, about half a minute
    python examples/lab_spectrum.py --quick   shorter trainings of smaller networks

`minigan lab spectrum` writes the page with all pictures.
"""

import sys

import numpy as np

from minigan import lab

found = lab.spectrum(steps=60, width=3, preset_steps=1) if "--quick" in sys.argv else lab.spectrum()

for training in (found.without, found.with_r1):
    for state in training.states:
        turning = np.abs(state.eigenvalues.imag).sum() / np.abs(state.eigenvalues).sum()
        print(f"R1 {training.gamma:g}, step {state.step:5}: share of rotation {turning:.2f}, |v| {state.field:.2g}")

for large in found.large:
    size = np.abs(large.eigenvalues).max()
    print(f"{large.parameters:,} weights, R1 {large.gamma:g}, step {large.step}: |λ| up to {size:.3g}")
