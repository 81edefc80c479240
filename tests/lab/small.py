"""Each experiment as small as it can be and still have all of its page: for tests of pages, not of numbers."""

from minigan import lab

OPTIONS = {
    "dstar": {"means": (0.0, 2.0, 8.0), "steps": 30},
    "saturation": {"toy_steps": 20, "chase_steps": 4, "mnist_steps": 4, "pretrain_steps": 4},
    "ring": {"steps": 12, "repeats": 2},
    "collapse": {"steps": 60, "repeats": 2},
    "flow": {"steps": 5, "narrow": 16, "points": 5},
    "fork": {"steps": 12},
    "spectrum": {"steps": 60, "width": 4, "preset_steps": 10},
}


def run(name):
    """What the experiment returns."""
    return getattr(lab, name)(**OPTIONS.get(name, {}))
