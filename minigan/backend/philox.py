"""Random words on the CPU: Philox4x64-10, a generator without state.

Philox turns a counter and a key into four random 64-bit words, whatever came before (Salmon, Moraes, Dror
and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011). minigan's key is (seed, purpose) and its
counter is (block, site, step, 0): word i of a stream is word i % 4 of block i // 4. As a word depends on
nothing but these numbers, a run resumes, forks and splits without saving a generator. ``kernels/philox.cu``
makes the same words on a GPU.
"""

from __future__ import annotations

import operator
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.errors import ConfigError

if TYPE_CHECKING:
    import numpy.typing as npt

INIT = 0
"""Initial weights."""
NOISE = 1
"""What a program draws for itself: the generator's input z, ``rand`` and ``randn``."""
DROPOUT = 2
"""Dropout masks."""
SHUFFLE = 3
"""The order of the data in an epoch; the epoch is the step."""
SAMPLE = 4
"""The generator's input z for samples that are looked at, apart from training."""
DATA = 5
"""Samples of a mixture that serve as the data set."""

_LARGEST = 2**64 - 1


def words(n: int, *, seed: int, purpose: int, step: int, site: int, first: int = 0) -> npt.NDArray[np.uint64]:
    """The n words from number ``first`` on of the stream (seed, purpose, step, site).

    Args:
        n: How many words, from 0.
        seed: The seed of the run; like every number below, from 0 to 2**64 - 1.
        purpose: What the words are for: one of `INIT`, `NOISE`, `DROPOUT`, `SHUFFLE`, `SAMPLE`, `DATA`.
        step: The training step.
        site: The number of the draw within the step.
        first: Index of the first word wanted, so that a part of a stream can be made without the rest.

    Returns:
        An array of shape (n,).

    Raises:
        ConfigError: a number is no integer, or out of range.

    Example:
        >>> from minigan.backend.philox import INIT, words
        >>> whole = words(6, seed=0, purpose=INIT, step=0, site=0)
        >>> [f"{word:x}" for word in whole[:2]]
        ['16554d9eca36314c', 'db20fe9d672d0fdc']
        >>> bool((words(3, seed=0, purpose=INIT, step=0, site=0, first=3) == whole[3:]).all())
        True
    """
    block, skipped = divmod(checked("first word", first), 4)
    stream = _stream(seed, purpose, step, site, block)
    stream.random_raw(skipped, output=False)
    return stream.random_raw(n)


def permutation(n: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """The numbers 0 to n - 1 in the random order of one epoch: the order of n random words.

    (NumPy's own shuffle may change from one version of NumPy to the next; sorting may not.)

    Example:
        >>> from minigan.backend.philox import permutation
        >>> sorted(permutation(5, seed=0, epoch=1).tolist())
        [0, 1, 2, 3, 4]
    """
    return np.argsort(words(n, seed=seed, purpose=SHUFFLE, step=epoch, site=0), kind="stable")


def _stream(seed: int, purpose: int, step: int, site: int, block: int) -> np.random.Philox:
    """NumPy's Philox, placed so that the next words it makes are those of ``block``."""
    # NumPy adds one to the counter before it makes a block, so it has to start one below. Its counter is one
    # number of 256 bits: for block 0 the one is borrowed from the site, the step and the word above them
    # (-1, all bits set, where they are 0 too), and NumPy's carry gives back what was borrowed.
    below = (checked("step", step) << 128 | checked("site", site) << 64 | block) - 1
    state = _here.state
    state["state"]["key"][:] = checked("seed", seed), checked("purpose", purpose)
    state["state"]["counter"][:] = [below >> shift & _LARGEST for shift in (0, 64, 128, 192)]
    _here.stream.state = state
    return _here.stream


class _Here(threading.local):
    """The generator of a thread: to place it anew takes less time than to make one.

    Made when first asked for: `numpy.random` is slow to import.
    """

    @cached_property
    def stream(self) -> np.random.Philox:
        return np.random.Philox(0)

    @cached_property
    def state(self) -> Any:
        """A state with an empty buffer."""
        return self.stream.state


_here = _Here()


def checked(name: str, value: int) -> int:
    """The value, if it is an integer of 64 bits; else ConfigError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number <= _LARGEST:
        raise ConfigError(f"The {name} must be an integer from 0 to 2**64 - 1, but is {value!r}.")
    return number
