"""Capture on a GPU: a step's kernels as one CUDA graph, launched at once.

What changes from step to step lies in memory that the host writes before each launch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from minigan.backend import Backend
from minigan.backend.cupy_random import Words
from minigan.backend.device import Device
from minigan.captured.cuda_graph import CudaGraph
from minigan.captured.graph_memory import Numbers, fill
from minigan.captured.graph_times import Call, seconds
from minigan.captured.program import Program
from minigan.captured.report import report
from minigan.captured.watch import Kernel, Watch
from minigan.errors import CaptureError
from minigan.ops.random import stream
from minigan.roofline import limits
from minigan.tensor import Tensor
from minigan.variable import Variable


class GraphRecorder(Watch):
    """Watches a run on a GPU, none of whose kernels runs before the graph is launched.

    Attributes:
        backend: of the GPU.
        graph: what becomes of the run.
        before: what the host does before each launch: counting, and computing numbers.
        numbers: those that it then writes.
        calls: the kernels' with their arguments, so that each can be timed by itself.
    """

    runs = False

    def __init__(self, backend: Any, lenient: bool = False) -> None:
        super().__init__(lenient)
        self.backend = backend
        self.graph = CudaGraph(backend)
        self.before: list[Callable[[], Any]] = []
        self.numbers = Numbers(backend)
        self.calls: list[Call] = []

    @contextlib.contextmanager
    def recording(self, arguments: Sequence[Variable] = ()) -> Iterator[None]:
        """Capture what runs inside, on these arguments. If it fails, leaves and modules are put back as they were.

        Raises:
            CaptureError: something cannot be captured, CUDA fails at it, or there is too little memory.
        """
        cuda = self.backend.xp.cuda
        try:
            self._prepare()
            with self.graph.capturing(), super().recording(arguments):
                yield
            if self.refused is not None:  # the function has caught what was raised
                raise CaptureError(f"capture: {self.refused}")
        except BaseException as error:
            self._put_back()
            if isinstance(error, cuda.memory.OutOfMemoryError):
                self.refuse(
                    "too little memory on the GPU for the step, which has all of its memory to itself once captured",
                    "Make the batch smaller, or run this step without capture.",
                )
            if isinstance(error, cuda.runtime.CUDARuntimeError):
                self.refuse(f"an error of CUDA while the step was captured ({error})", "Run this step without capture.")
            raise

    def _prepare(self) -> None:
        with self.backend.xp.cuda.Device(self.backend.index):
            # The graph takes as much memory as the step took before, and none of what CuPy keeps of that for later.
            self.backend.xp.get_default_memory_pool().free_all_blocks()
        self._words = self.numbers.place(3, "uint64")
        self.before.append(partial(fill, self._words, lambda: (stream.seed, stream.step, stream.site)))

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
        place = self.numbers.place(len(numbers()), dtype)
        self.before.append(partial(fill, place, numbers))
        return tuple(place.on_device[i : i + 1].reshape(()) for i in range(len(place.on_device)))

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

    def run(self, op: Any, backend: Backend, arrays: Sequence[Any], params: dict[str, Any]) -> Any:
        """The forward of an operation, as ever."""
        return op.run(backend, arrays, params)

    def _run(self, name: str, backend: Backend, kernel: Callable[..., Any], *args: Any, **params: Any) -> Any:
        self.refuse_to_host(name)
        if backend is not self.backend:
            self.refuse(f"the kernel {name} on {backend.device_type}", "Keep all of a step on one device.")
        if name == "random_words":
            return self._random_words(kernel, *args, **params)
        first = len(self.kernels)
        try:
            y = kernel(*args, **params)
        except CaptureError:  # of a kernel that this one is made of
            raise
        except (NotImplementedError, RuntimeError) as error:  # of CuPy, of CUDA or of cuBLAS
            self.refuse(f"the kernel {name}, which cannot be captured ({error})", "Run this step without capture.")
        # in place of those that it is made of, whose cost is its own
        self.kernels[first:] = [Kernel.of(name, args, y)]
        self.calls[first:] = [Call.of(name, args, params, self.backend.array_type)]
        return y

    def _random_words(
        self, kernel: Any, n: int, seed: int, purpose: int, step: int, site: int, first: int = 0
    ) -> Words:
        draw = self.draw(seed, purpose, step, site)
        if draw is None:
            words: Words = kernel(n, seed, purpose, step, site, first)
            return words
        return Words(n, 0, purpose, 0, draw, first, self._words.on_device)


class GraphProgram(Program):
    """A captured step on a GPU. Printed, it is a table of its kernels, with the time of each."""

    def __init__(self, recorder: GraphRecorder, inputs: Sequence[Tensor], result: Any) -> None:
        super().__init__(recorder, inputs, result)
        self.kernels = recorder.kernels
        self.nbytes = recorder.graph.memory.nbytes
        self._backend = recorder.backend
        self._before = recorder.before
        self._numbers = recorder.numbers
        self._graph = recorder.graph
        self._calls = recorder.calls
        self.count_results()
        stream.site -= recorder.sites  # this run's own draws are still to be made
        self.play()
        stream.site += recorder.sites

    def play(self) -> None:
        """Let the host do what it has to, and launch the graph."""
        for action in self._before:
            action()
        self._numbers.write()
        self._graph.launch()

    def seconds(self, runs: int = 5) -> list[list[float]]:
        """How long each kernel takes, in each of several runs on memory of its own; nothing is changed."""
        return [seconds(call, self._backend, runs) for call in self._calls]

    def __str__(self) -> str:
        return report(self.kernels, self.seconds(), limits(Device("cuda", self._backend.index)))
