"""Does a game turn or close in? The eigenvalues of its Jacobian tell.

    python examples/lab_spectrum.py           two trainings of a small game, about half a minute
    python examples/lab_spectrum.py --quick   shorter trainings of smaller networks

`minigan lab spectrum` writes the page with all pictures.
"""

import sys

from minigan import lab

found = lab.spectrum(steps=60, width=3, preset_steps=1) if "--quick" in sys.argv else lab.spectrum()

for training in (found.without, found.with_r1):
    for state in training.states:
        turning = state.eigenvalues.rotation
        print(f"R1 {training.gamma:g}, step {state.step:5}: share of rotation {turning:.2f}, |v| {state.speed:.2g}")

for large in found.large:
    size = abs(large.eigenvalues.values[0])
    print(f"{large.parameters:,} weights, R1 {large.gamma:g}, step {large.step}: |λ| up to {size:.3g}")
