"""Programs with a mistake each, that run: what is wrong and what is right are two functions with the same use.

Each module is a program of its own, ``python -m minigan.lab.experiments.bugs_programs.sigmoid_twice``; `bugs` runs
its parts, and the page shows its lines.
"""
