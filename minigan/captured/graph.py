"""Capture on a GPU: a step's kernels as one CUDA graph, launched at once.

While a stream is captured, what is launched on it does not run: it becomes a node of the graph. The graph keeps the
addresses of all memory, so everything that it allocates comes from a pool of its own, which nobody else gets anything
from. What changes from step to step lies in memory that is written before each launch; numbers go there as arguments of
a kernel, so that the host never waits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from minigan.backend import Array, Backend
from minigan.backend.cublas import cublas
from minigan.backend.cupy_random import Words
from minigan.captured.program import Program
from minigan.captured.report import costs
from minigan.captured.watch import Kernel, Watch
from minigan.ops.random import stream
from minigan.tensor import Tensor
from minigan.variable import Variable


class GraphRecorder(Watch):
    """Watches a run on a GPU, none of whose kernels runs before the graph is launched.

    Attributes:
        backend: of the GPU.
        before: what the host does before each launch: counting, and writing numbers.
        graph: the CUDA graph, once the run has ended.
        pool: its memory.
    """

    runs = False

    def __init__(self, backend: Any, lenient: bool = False) -> None:
        super().__init__(lenient)
        self.backend = backend
        self.before: list[Callable[[], Any]] = []
        self.graph: Any = None
        self.pool: Any = None
        self._words: Array = None

    @contextlib.contextmanager
    def recording(self, arguments: Sequence[Variable] = ()) -> Iterator[None]:
        """Capture what runs inside, on these arguments. If it fails, leaves and modules are put back as they were."""
        cuda = self.backend.xp.cuda
        self._words = self.backend.xp.zeros(3, np.uint64)
        self.before.append(self._write_words)
        self.pool = cuda.MemoryPool()
        try:
            with cuda.Device(self.backend.index), capture_stream(self.backend.index) as capturing:
                cublas()  # its handle for this stream allocates memory
                with cuda.using_allocator(self.pool.malloc), self._captured(capturing), super().recording(arguments):
                    yield
        except BaseException:
            self._put_back()
            raise

    @contextlib.contextmanager
    def _captured(self, capturing: Any) -> Iterator[None]:
        capturing.begin_capture()
        try:
            yield
        except BaseException:
            with contextlib.suppress(self.backend.xp.cuda.runtime.CUDARuntimeError):  # the capture is no longer valid
                capturing.end_capture()
            raise
        self.graph = capturing.end_capture()

    def _put_back(self) -> None:
        """Undo what the function has done: none of its kernels ran."""
        for x in list(self.touched.values()):
            owner = x.owner()
            for name, value in {**x.before, **x.replaced}.items():
                setattr(owner, name, value)
            if isinstance(owner, Variable):
                owner.version = x.version
        stream.site = self.start[2]

    def changing(self, numbers: Callable[[], tuple[float, ...]], backend: Backend, dtype: Any) -> tuple[Any, ...]:
        """The numbers as 0-d arrays that are written before each launch."""
        arrays = [backend.empty((), dtype) for _ in numbers()]
        self.before.append(partial(_write_numbers, arrays, numbers))
        return tuple(arrays)

    def each_time(self, action: Callable[[], Any]) -> None:
        """Run the action before each launch: also before the first, which belongs to this run."""
        self.before.append(action)

    def refuse(self, what: str, advice: str) -> None:
        """This cannot be captured, and the run cannot go on: its kernels have not run."""
        lenient, self.lenient = self.lenient, False
        try:
            super().refuse(what, advice)
        finally:
            self.lenient = lenient

    def _write_words(self) -> None:
        """Seed, step and first site of the random streams."""
        for i, value in enumerate((stream.seed, stream.step, stream.site)):
            self._words[i : i + 1].fill(np.uint64(value))

    def run(self, op: Any, backend: Backend, arrays: Sequence[Any], params: dict[str, Any]) -> Any:
        """The forward of an operation, as ever."""
        return op.run(backend, arrays, params)

    def _run(self, name: str, backend: Backend, kernel: Callable[..., Any], *args: Any, **params: Any) -> Any:
        self.refuse_to_host(name)
        if backend is not self.backend:
            self.refuse(f"the kernel {name} on {backend.device_type}", "Keep all of a step on one device.")
        if name == "random_words":
            return self._random_words(kernel, *args, **params)
        try:
            y = kernel(*args, **params)
        except (NotImplementedError, RuntimeError) as error:  # of CuPy, or of CUDA
            self.refuse(f"the kernel {name}, which cannot be captured ({error})", "Run this step without capture.")
        self.kernels.append(Kernel.of(name, args, y))
        return y

    def _random_words(
        self, kernel: Any, n: int, seed: int, purpose: int, step: int, site: int, first: int = 0
    ) -> Words:
        draw = self.draw(seed, purpose, step, site)
        if draw is None:
            words: Words = kernel(n, seed, purpose, step, site, first)
            return words
        return Words(n, 0, purpose, 0, draw, first, self._words)


@cache
def capture_stream(index: int) -> Any:
    """The stream of this GPU on which steps are captured: one for all, as cuBLAS takes memory for each stream."""
    import cupy

    with cupy.cuda.Device(index):
        return cupy.cuda.Stream(non_blocking=True)


def _write_numbers(arrays: Sequence[Array], numbers: Callable[[], tuple[float, ...]]) -> None:
    for array, value in zip(arrays, numbers(), strict=True):
        array.fill(value)


class GraphProgram(Program):
    """A captured step on a GPU."""

    def __init__(self, recorder: GraphRecorder, inputs: Sequence[Tensor], result: Any) -> None:
        super().__init__(recorder, inputs, result)
        self.kernels = recorder.kernels
        self.nbytes = recorder.pool.total_bytes()
        self._before = recorder.before
        self._graph = recorder.graph
        self._pool = recorder.pool  # kept alive: the graph writes to its memory
        self.count_results()
        stream.site -= recorder.sites  # this run's own draws are still to be made
        self.play()
        stream.site += recorder.sites

    def play(self) -> None:
        """Let the host do what it has to, and launch the graph."""
        for action in self._before:
            action()
        self._graph.launch()

    def __str__(self) -> str:
        return costs(self.kernels)
