"""Spot the bug: D ends in a Sigmoid, and its loss expects a logit.

    python examples/mistakes/sigmoid_twice.py

The wrong lines and the mended ones are in minigan/lab/experiments/bugs_programs/sigmoid_twice.py;
what they do is drawn by `minigan lab bugs`.
"""

from minigan.lab.experiments.bugs_programs.sigmoid_twice import main

main()
