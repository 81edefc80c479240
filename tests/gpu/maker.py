"""What calls of kernels are made of: arrays of one type, however they lie in memory, and random words."""

import numpy as np

from minigan.backend.cupy_random import Words
from minigan.backend.philox import NOISE


class Maker:
    """Makes arrays of one type of numbers, and always the same."""

    def __init__(self, dtype):
        self.dtype = np.dtype(dtype)
        self._rng = np.random.default_rng(0)

    def __call__(self, *shape):
        return np.asarray(self._rng.standard_normal(shape)).astype(self.dtype)

    def number(self, value):
        """A number that lies in memory."""
        return np.array(value, self.dtype)


def cases(arguments, items):
    """A case for each item: ``arguments(make, *item)``."""
    return {name: lambda make, item=item: arguments(make, *item) for name, item in items.items()}


def renamed(prefix, some):
    """The same cases under other names."""
    return {f"{prefix}, {name}": case for name, case in some.items()}


def positive(x):
    """The absolute values of x, which lie in memory as those of x do."""
    return np.absolute(x, out=np.empty_like(x))


def probabilities(x):
    """Numbers in [0, 1), which lie in memory as those of x do."""
    y = positive(x)
    return np.remainder(y, 1, out=y)


def channels_last(x):
    """x (N, C, H, W), copied so that its channels lie last in memory."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def words(n, **changes):
    """So many random words."""
    return Words(**{"n": n, "seed": 2**64 - 1, "purpose": NOISE, "step": 2**63 + 1, "site": 3, **changes})


def of_images(make, *shapes):
    """The first array by rows, the others with their channels last."""
    return [make(*shapes[0]), *[channels_last(make(*shape)) for shape in shapes[1:]]]
