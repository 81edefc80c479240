"""Spot the bug: the chain rule told as a dependence between networks.

    python examples/mistakes/chain_rule.py

The wrong lines and the mended ones are in minigan/lab/experiments/bugs_programs/chain_rule.py;
what they do is drawn by `minigan lab bugs`.
"""

from minigan.lab.experiments.bugs_programs.chain_rule import main

main()
