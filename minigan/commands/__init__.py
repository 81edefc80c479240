"""The commands of ``minigan``, one module each: its parser, and the function that it runs.

What a command computes with is imported when it runs, so that ``minigan --help`` is instant.
"""
