"""Spot the bug: gradient clipping under the name of weight clipping.

    python examples/mistakes/clipping.py

The wrong lines and the mended ones are in minigan/lab/experiments/bugs_programs/clipping.py;
what they do is drawn by `minigan lab bugs`.
"""

from minigan.lab.experiments.bugs_programs.clipping import main

main()
