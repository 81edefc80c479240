"""Spot the bug: D has no Sigmoid, and its loss expects probabilities.

    python examples/mistakes/logits_as_probabilities.py

The wrong lines and the mended ones are in minigan/lab/experiments/bugs_programs/logits_as_probabilities.py;
what they do is drawn by `minigan lab bugs`.
"""

from minigan.lab.experiments.bugs_programs.logits_as_probabilities import main

main()
