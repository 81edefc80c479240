"""Spot the bug: the value function with real and fake swapped.

    python examples/mistakes/swapped_value.py

The wrong lines and the mended ones are in minigan/lab/experiments/bugs_programs/swapped_value.py;
what they do is drawn by `minigan lab bugs`.
"""

from minigan.lab.experiments.bugs_programs.swapped_value import main

main()
