"""How long each kernel of a captured step takes on a GPU.

Nobody can look at the clock inside of a CUDA graph. So each kernel is played by itself: many times in a graph of its
own, as between kernels that are launched one by one the GPU would wait for the host. It works on other memory, laid out
as the step's own is, which it leaves as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minigan.backend import Array
from minigan.backend.cupy_kernels import TYPES
from minigan.backend.cupy_random import Words
from minigan.backend.philox import NOISE
from minigan.captured.cuda_graph import CudaGraph
from minigan.captured.trace import mapped, reach

AT_ONCE = 20  # runs of a kernel in a graph


class Call(NamedTuple):
    """A call of a backend's kernel, with a stand-in for each array: one of NumPy's that takes no memory.

    Attributes:
        name: the kernel's.
        args, params: what it was given.
    """

    name: str
    args: Sequence[Any]
    params: dict[str, Any]

    @classmethod
    def of(cls, name: str, args: Sequence[Any], params: dict[str, Any], array_type: type) -> Call:
        """The call with these arguments."""
        return cls(name, *mapped(array_type, _stand_in, (args, params)))

    def on(self, backend: Any) -> Callable[[], Any]:
        """The same call on memory of its own."""
        with backend.xp.cuda.Device(backend.index):
            args, params = mapped(np.ndarray, partial(_array, backend), (self.args, self.params))
        return partial(getattr(backend, self.name), *args, **params)


def seconds(call: Call, backend: Any, runs: int) -> list[float]:
    """How long this call takes, in each of several runs on memory of its own."""
    kernel, graph = call.on(backend), CudaGraph(backend)
    with graph.capturing():
        for _ in range(AT_ONCE):
            kernel()
    graph.seconds()  # the first run is slower
    return [graph.seconds() / AT_ONCE for _ in range(runs)]


def _stand_in(x: Array) -> Array:
    return np.lib.stride_tricks.as_strided(np.empty(1, x.dtype), x.shape, x.strides)


def _array(backend: Any, x: Array) -> Array:
    """An array on the device laid out as x is: of random numbers, as some GPUs are faster on zeros, or of indices."""
    before, after = (nbytes // x.itemsize for nbytes in reach(x))
    if x.dtype.char in TYPES:
        memory = backend.uniform(Words(before + after, 0, NOISE, 0, 0), (before + after,), x.dtype)
    else:
        memory = backend.xp.zeros(before + after, x.dtype)
    return backend.xp.lib.stride_tricks.as_strided(memory[before:], x.shape, x.strides)
