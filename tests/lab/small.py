"""Each experiment as small as it can be and still have all of its page: for tests of pages, not of numbers."""

from minigan import lab

OPTIONS = {
    "ring": {"steps": 12, "repeats": 1},
}


def run(name):
    """What the experiment returns."""
    return getattr(lab, name)(**OPTIONS.get(name, {}))
