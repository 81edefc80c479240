"""A CUDA graph: kernels that are captured in place of being run, and are then launched at once, as often as one likes.

While a stream is captured, what is launched on it does not run: it becomes a node of the graph.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

from minigan.backend import cublas
from minigan.captured.graph_memory import GraphMemory

_one_at_a_time = threading.Lock()  # captures, on the one stream of a GPU that there is for them


class CudaGraph:
    """A graph on one GPU.

    Attributes:
        memory: all that its kernels have for themselves.
    """

    def __init__(self, backend: Any) -> None:
        self._cuda = backend.xp.cuda
        self._index = backend.index
        self._device = self._cuda.Device(backend.index)  # kernels and graphs are launched on the one that is current
        self._graph: Any = None
        self.memory = GraphMemory(self._cuda, backend.index)

    @contextlib.contextmanager
    def capturing(self) -> Iterator[None]:
        """Inside, what this thread launches on the GPU is captured. Another thread waits until that is done."""
        malloc = self.memory.malloc
        with (
            _one_at_a_time,
            self._device,
            capture_stream(self._index) as stream,
            cublas.working_in(malloc),
            self._cuda.using_allocator(malloc),
            self._captured(stream),
        ):
            yield

    @contextlib.contextmanager
    def _captured(self, stream: Any) -> Iterator[None]:
        stream.begin_capture()  # in CuPy's usual mode, in which memory may be taken meanwhile
        try:
            yield
        except BaseException:
            with contextlib.suppress(self._cuda.runtime.CUDARuntimeError):  # the capture is no longer valid
                stream.end_capture()
            raise
        self._graph = stream.end_capture()
        self._graph.upload()  # a failure shows itself now, and not after the host has done its part for a launch

    def launch(self) -> None:
        """Run the kernels, in the stream that is current."""
        with self._device:
            self._graph.launch()

    def seconds(self) -> float:
        """Launch it, wait for its end, and tell how long it took."""
        begun, ended = self._event(), self._event()
        with self._device:
            begun.record()
            self._graph.launch()
            ended.record()
        ended.synchronize()
        return float(self._cuda.get_elapsed_time(begun, ended)) / 1e3

    def _event(self) -> Any:
        with self._device:
            return self._cuda.Event()


@cache
def capture_stream(index: int) -> Any:
    """The stream of this GPU on which steps are captured: one for all, as cuBLAS takes memory for each stream."""
    import cupy

    with cupy.cuda.Device(index):
        return cupy.cuda.Stream(non_blocking=True)
