"""Spot the bug: a learning rate that is meant to decay by epochs, and never does.

    python examples/mistakes/decay_that_restarts.py

The wrong lines and the mended ones are in minigan/lab/experiments/bugs_programs/decay_that_restarts.py;
what they do is drawn by `minigan lab bugs`.
"""

from minigan.lab.experiments.bugs_programs.decay_that_restarts import main

main()
