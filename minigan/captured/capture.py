"""``mg.capture``: run a step once, and from then on only its kernels."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from minigan.backend import Backend, get_backend
from minigan.backend.device import get_default_device
from minigan.backend.intercept import intercepted
from minigan.captured.arena import Arena
from minigan.captured.calls import CallProgram
from minigan.captured.names import kept_by
from minigan.captured.program import Program
from minigan.captured.recorder import Recorder
from minigan.captured.structure import flatten, in_words, like, map_tensors, replaced, result_of
from minigan.capturing import capturing
from minigan.errors import CaptureError
from minigan.observers.observer import watching
from minigan.recording import recording
from minigan.tensor import Tensor
from minigan.variable import constant, view_of

MOST = 8  # programs, if nobody says how many there may be
OF_ITS_OWN = ("_kinds", "_arena", "program", "_in_use")  # what a copy of a captured function has anew


class Captured:
    """A function that is captured; made by :func:`capture`.

    Attributes:
        program: the one that ran last; None before the second call.
        refused: why the function runs as written, if it cannot be captured and ``strict`` is off.
    """

    def __init__(self, function: Callable[..., Any], strict: bool = True, most: int = MOST) -> None:
        if not callable(function):
            raise CaptureError(f"capture: expected a function, but got a {type(function).__name__}.")
        functools.update_wrapper(self, function)
        self._function = function
        self._strict = strict
        self._most = most
        self.refused: str | None = None
        self._in_use = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        """Begin anew, without any program."""
        self._kinds: dict[Any, _Kind] = {}
        self._arena = Arena()
        self.program: Program | None = None

    def release_memory(self) -> None:
        """Give the memory of all programs on the CPU back, until the next call."""
        self._arena.give_up()

    def __getstate__(self) -> dict[str, Any]:
        """For `copy` and `pickle`: programs write to the memory of the original, so a copy has none."""
        return {name: x for name, x in vars(self).items() if name not in OF_ITS_OWN}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._in_use = threading.RLock()
        self._forget()

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        """Of a method, what it works on is not known before it is bound."""
        if owner is None:
            return self
        name, of = getattr(self, "__name__", "function"), type(owner).__name__
        raise CaptureError(
            f"capture: found {name}, a method of {of}, captured before it is bound. Capture the bound one, in "
            f"{of}.__init__ or outside: self.{name} = mg.capture(self.{name})."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, or replay it."""
        if self.refused is not None or capturing() is not None or watching():  # observers want to see every operation
            return self._as_written(args, kwargs)
        if not self._in_use.acquire(blocking=False):
            raise CaptureError(
                "capture: expected one thread at a time, but another one is in this function just now, and both would "
                "write to the same memory. Capture the function once for each thread."
            )
        try:
            return self._call(args, kwargs)
        finally:
            self._in_use.release()

    def _call(self, args: Any, kwargs: Any) -> Any:
        tensors: list[Tensor] = []
        try:
            signature = flatten((args, kwargs), tensors), recording(), get_default_device()
            kind = self._kinds.get(signature)
            for program in kind.programs if kind is not None else ():
                if program.fits():
                    self.program = program
                    self._arena.furnish_again()
                    return map_tensors(view_of, program.run(tensors))
            self._check_room(kind, args, kwargs)
        except CaptureError as error:
            if self._strict:
                raise
            self.refused = str(error).removeprefix("capture: ")
            self._forget()
            return self._as_written(args, kwargs)
        if kind is None:
            kind = self._kinds[signature] = _Kind()
        with self._without_arena():
            if kind.begun:
                return self._record(kind, args, kwargs, tensors)
            kind.begun = True
            with intercepted(kind.see):
                return self._as_written(args, kwargs)

    def _as_written(self, args: Any, kwargs: Any) -> Any:
        args, kwargs = map_tensors(lambda x: x, (args, kwargs))  # arrays as tensors
        y = self._function(*args, **kwargs)
        return y if self.refused is not None else result_of(y)

    @contextlib.contextmanager
    def _without_arena(self) -> Iterator[None]:
        """Inside, the memory of the programs is given up for what the function takes itself."""
        self._arena.give_up()
        try:
            yield
        finally:
            programs = (program for kind in self._kinds.values() for program in kind.programs)
            self._arena.furnish([program for program in programs if isinstance(program, CallProgram)])

    def _record(self, kind: _Kind, args: Any, kwargs: Any, tensors: list[Tensor]) -> Any:
        inputs = _own(tensors)
        make, watch = kind.recorder(lenient=not self._strict)
        try:
            y = self._watched(watch, inputs, *replaced((args, kwargs), iter(inputs)))
            self.refused = watch.refused
            if self.refused is not None:
                self._forget()
                return y
            self.program = make(watch, inputs, y)
            kind.programs.append(self.program)
        except CaptureError:
            if self._strict or watch.runs:
                raise
            self.refused = watch.refused
        finally:
            watch.release()
        if self.refused is not None:  # out of the except, which keeps the arrays of what failed
            return self._as_written(args, kwargs)
        kind.begun = False
        return map_tensors(view_of, y)

    def _watched(self, watch: Any, inputs: Sequence[Tensor], args: Any, kwargs: Any) -> Any:
        """What the function returns, off the tape, which is gone with this call."""
        kept = kept_by(self._function)
        with watch.recording(inputs):
            y = self._function(*args, **kwargs)
            watch.check_kept(kept, kept_by(self._function))
            return y if watch.refused is not None else map_tensors(partial(_apart, inputs), result_of(y))

    def _check_room(self, kind: _Kind | None, args: Any, kwargs: Any) -> None:
        taken = sum(max(1, len(kind.programs)) for kind in self._kinds.values())
        if taken >= self._most and (kind is None or kind.programs):
            raise CaptureError(
                f"capture: expected at most {self._most} kinds of calls, but this is one more: "
                f"{in_words(args, kwargs)}. Each combination of shapes, types and other arguments, and each "
                "way that modules and optimizers are set, is captured by itself: pass what changes from call to call "
                "as a tensor."
            )


class _Kind:
    """Calls of one signature.

    Attributes:
        programs: for the ways in which modules and optimizers are set.
        begun: whether a call that no program fits has run as written, so that the next is recorded.
        backend: of the first kernel that the function ran.
    """

    def __init__(self) -> None:
        self.programs: list[Program] = []
        self.begun = False
        self.backend: Backend | None = None

    def see(self, name: str, backend: Backend, kernel: Callable[..., Any], *args: Any, **params: Any) -> Any:
        """Run a kernel, and note on what device."""
        self.backend = self.backend or backend
        return kernel(*args, **params)

    def recorder(self, lenient: bool) -> tuple[Callable[..., Program], Any]:
        """What makes a program, and what watches the run for it."""
        if self.backend is None or self.backend.device_type == "cpu":
            return CallProgram, Recorder(lenient)
        from minigan.captured.graph import GraphProgram, GraphRecorder

        return GraphProgram, GraphRecorder(self.backend, lenient)


def capture(function: Callable[..., Any]) -> Captured:
    """Run ``function`` once, record it once, and then only repeat its kernels: without the tape, without Python.

    The first call of each kind runs as written, the second records every kernel with its arrays, and later ones replay
    them, on the CPU in memory that was planned for the whole function. Calls are of one kind if the shapes, types,
    layouts and requires_grad of their tensors are the same, and all other arguments are equal; there may be 8 kinds.
    Captured and as written, a function gives the same bits on the CPU.

    Tensors given as arguments are copied in, and never out. All others are fixed: parameters are those of the
    recording, whose values may change; so what the function keeps for its next call has to be changed in place. Results
    are off the tape, and the next call overwrites them. What the library changes from step to step is followed:
    optimizers count and read their learning rate (SGD's momentum, too), random numbers are new ones, and leaves,
    modules and optimizers that are set otherwise (requires_grad, training, other settings, layers or hooks) mean
    another recording. Other Python code of the function runs in the first two calls only. Under observers such as
    `minigan.profile` it runs as written. A captured function belongs to one thread at a time.

    Args:
        function: takes tensors, containers of tensors and hashable values; returns tensors, containers of them or None.

    Returns:
        A function that is called like it, with the attribute ``program``: print it for what a call does.

    Raises:
        CaptureError: from the calls: the function looks at a value (``.item()``, ``bool()``, ``.data``), draws from
            NumPy's or Python's global generator, takes an array in, changes an argument or leaves a gradient in it,
            returns a number, or there are more than 8 kinds of calls.

    >>> w = mg.nn.Parameter(mg.zeros(1))
    >>> optimizer = mg.optim.SGD([w], lr=0.1)
    >>> def step(x):
    ...     optimizer.zero_grad()
    ...     loss = ((w - x) ** 2).sum()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> step = mg.capture(step)
    >>> [round(step(mg.tensor([1.0])).item(), 4) for _ in range(4)]
    [1.0, 0.64, 0.4096, 0.2621]
    """
    return Captured(function)


def _own(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Copies for the program, which every replay copies its arguments to; of one tensor, one."""
    own: dict[int, Tensor] = {}
    for x in tensors:
        if id(x) not in own:
            own[id(x)] = constant(like(x._data)).requires_grad_(x._requires_grad)
            get_backend(x._data).copy_(own[id(x)]._data, x._data)
    return [own[id(x)] for x in tensors]


def _apart(inputs: Sequence[Tensor], y: Tensor) -> Tensor:
    """A result in memory of its own, so that what is returned may be an argument of the next call, in any order."""
    if not any(y.owner() is x for x in inputs):
        return y
    memory = like(y._data)
    get_backend(memory).copy_(memory, y._data)
    return constant(memory)
