"""The recorder of the CPU: it runs a function once, and notes every NumPy call that its kernels make.

Kernels run on traced arrays, on a backend of their own; what they return is plain again, so the tape sees what it
always sees.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from minigan.backend import Array, Backend, philox
from minigan.backend.base.conv import Conv
from minigan.backend.numpy import NumpyBackend
from minigan.captured import traced
from minigan.captured.trace import Trace
from minigan.captured.traced_numpy import TracedNumpy
from minigan.captured.watch import Kernel, Watch
from minigan.errors import CaptureError
from minigan.ops.random import stream
from minigan.variable import Variable

_Work = Callable[[Any, Any], Any]  # of arrays and parameters


class Recorder(Watch):
    """Watches a run on the CPU.

    Attributes:
        trace: the NumPy calls, and what else has to be done, in order.
        parts: which of them each kernel made.
    """

    def __init__(self, lenient: bool = False) -> None:
        super().__init__(lenient)
        self.trace = Trace()
        self.parts: list[slice] = []
        self._backend = _TracedBackend(self)

    @contextlib.contextmanager
    def recording(self, arguments: Sequence[Variable] = ()) -> Iterator[None]:
        """Watch what runs inside, on these arguments."""
        with traced.noted_in(self.trace), super().recording(arguments):
            yield

    def release(self) -> None:
        """Forget what was seen."""
        super().release()
        self.trace.release()
        del self._backend  # which knows this recorder

    def changing(self, numbers: Callable[[], tuple[float, ...]], backend: Backend, dtype: Any) -> tuple[Any, ...]:
        """The numbers as 0-d arrays that every replay writes anew."""
        values = numbers()
        memory = np.array(values, dtype)
        self.trace.admit(memory)
        self.trace.record(_write_numbers, (memory, numbers), written=[memory], always=True)
        return tuple(memory[i : i + 1].reshape(()) for i in range(len(values)))

    def each_time(self, action: Callable[[], Any]) -> None:
        """Run the action at this place of every run, this one included."""
        action()
        self.trace.record(action, (), always=True)

    def check(self, check: Callable[[Array], None], x: Array) -> None:
        """Every replay has to look at this array, too."""
        self.trace.admit(x)
        self.trace.record(check, (x,), always=True)

    def bring(self, x: Any) -> None:
        """The user gives this; of arrays that kernels have made or used it is known where they come from."""
        if not (isinstance(x, np.ndarray) and self.trace.knows(x)):
            super().bring(x)

    def run(self, op: Any, backend: Backend, arrays: Sequence[Any], params: dict[str, Any]) -> Any:
        """The forward of an operation, all of which is traced: it may compute with arrays without a kernel."""
        if op.name == "to_device":
            self.refuse("a tensor that moves from one device to another", "Keep all of a step on one device.")
            return op.run(backend, arrays, params)
        return self._traced(op.name, backend, partial(op.run, self._backend), partial(op.run, backend), arrays, params)

    def _run(self, name: str, backend: Backend, kernel: Callable[..., Any], *args: Any, **params: Any) -> Any:
        """A kernel outside of operations."""
        self.refuse_to_host(name)
        ours = getattr(self._backend, name)
        traced_one, plain_one = (lambda args, params, k=k: k(*args, **params) for k in (ours, kernel))
        return self._traced(name, backend, traced_one, plain_one, args, params)

    def _traced(
        self, name: str, backend: Backend, ours: _Work, plain: _Work, args: Sequence[Any], params: dict[str, Any]
    ) -> Any:
        """What ``ours`` makes of traced arguments; of what cannot be captured, what ``plain`` makes of plain ones."""
        if self.refused is not None:
            return plain(args, params)
        if backend.device_type != "cpu":
            self.refuse(f"the kernel {name} on {backend.device_type}", "Keep all of a step on one device.")
            return plain(args, params)
        first = len(self.trace.calls)
        try:
            with np.errstate(all="ignore"):  # as the kernels themselves do
                y = ours(traced.enter(tuple(args)), {key: traced.enter(value) for key, value in params.items()})
        except CaptureError as error:
            if self.refused is not None:
                raise
            if name.endswith("_"):  # it may have written half of its result
                self.lenient = False
            why = str(error).removeprefix("capture: ").removesuffix(".")
            self.refuse(f"{name}, which cannot be captured ({why})", "Run this step without capture.")
            return plain(args, params)
        out = params.get("out")
        y = traced.leave(y) if out is None else out
        self.kernels.append(Kernel.of(name, args, y))
        self.parts.append(slice(first, len(self.trace.calls)))
        return y


class _TracedBackend(NumpyBackend):
    """The kernels of the CPU, on traced arrays."""

    xp = TracedNumpy()  # type: ignore[assignment]
    _scratch = Conv._scratch  # memory of its own each time, so that its lifetime is known

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def random_words(self, n: int, seed: int, purpose: int, step: int, site: int, first: int = 0) -> Array:
        words = self.xp.empty(n, np.uint64)
        memory = words.view(np.ndarray)
        memory[:] = philox.words(n, seed=seed, purpose=purpose, step=step, site=site, first=first)
        trace = self._recorder.trace
        draw = self._recorder.draw(seed, purpose, step, site)
        if draw is not None:
            trace.record(draw_words, (memory, purpose, draw, first), written=[memory], always=True)
        else:
            trace.record(np.copyto, (memory, self.xp.asarray(memory).view(np.ndarray)), written=[memory])
        return words


def draw_words(words: Array, purpose: int, site: int, first: int) -> None:
    """Fresh words of the stream, of a site counted from the first of this replay."""
    words[:] = philox.words(
        len(words), seed=stream.seed, purpose=purpose, step=stream.step, site=stream.site + site, first=first
    )


def _write_numbers(memory: Array, numbers: Callable[[], tuple[float, ...]]) -> None:
    memory[:] = numbers()
