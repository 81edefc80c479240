"""Spot the bug: "min over G of -E log D(G(z))" under the name minimax.

    python examples/mistakes/minimax_in_name_only.py

The wrong lines and the mended ones are in minigan/lab/experiments/bugs_programs/minimax_in_name_only.py;
what they do is drawn by `minigan lab bugs`.
"""

from minigan.lab.experiments.bugs_programs.minimax_in_name_only import main

main()
