"""Spot the bug: a shape that is passed as data.

    python examples/mistakes/shape_as_data.py

The wrong lines and the mended ones are in minigan/lab/experiments/bugs_programs/shape_as_data.py;
what they do is drawn by `minigan lab bugs`.
"""

from minigan.lab.experiments.bugs_programs.shape_as_data import main

main()
