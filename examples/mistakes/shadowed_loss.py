"""Spot the bug: a loss function that is overwritten by its own result.

    python examples/mistakes/shadowed_loss.py

The wrong lines and the mended ones are in minigan/lab/experiments/bugs_programs/shadowed_loss.py;
what they do is drawn by `minigan lab bugs`.
"""

from minigan.lab.experiments.bugs_programs.shadowed_loss import main

main()
