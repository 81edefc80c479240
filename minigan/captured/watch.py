"""The watch: what a captured function depends on and does, besides the kernels that it runs.

How kernels are recorded differs between the CPU (`minigan.captured.recorder`) and a GPU (`minigan.captured.graph`).
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import traceback
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minigan.backend import Backend, philox
from minigan.backend.intercept import intercepted
from minigan.captured.parts import Parts
from minigan.capturing import here
from minigan.errors import CaptureError
from minigan.observers.costs import cost
from minigan.observers.observer import Observer, watching
from minigan.ops.random import stream
from minigan.tape import Node, node_numbers
from minigan.variable import Variable

NOT_THE_USERS = (str(Path(__file__).parents[1]), *(str(Path(str(m.__file__)).parent) for m in (np, contextlib)))


class Kernel(NamedTuple):
    """One call of a backend's kernel.

    Attributes:
        name: the kernel's.
        shapes: of its array arguments.
        flops, bytes: what it costs, see `minigan.observers.costs`.
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    flops: int
    bytes: int

    @classmethod
    def of(cls, name: str, args: Sequence[Any], y: Any) -> Kernel:
        """The kernel of this name, or the operation, that made y of these arguments."""
        given = args[: _place_of_out(name)]
        return cls(name, tuple(x.shape for x in given if hasattr(x, "shape")), *cost(name, given, y))


@cache
def _place_of_out(kernel: str) -> int | None:
    """The position of the parameter ``out`` of a kernel; None if it has none, or if this is an operation."""
    names = list(inspect.signature(getattr(Backend, kernel, Kernel)).parameters)[1:]
    return names.index("out") if "out" in names else None


class Touched:
    """An object that was there before, or outlives the run, with what the function read or changed of it.

    Attributes:
        owner: a weak reference to it.
        before: its attributes, as they were.
        replaced: those, as they were, that the run has replaced without a look at them.
        version: of a leaf, as it was.
    """

    def __init__(self, owner: Any, gone: Callable[[Any], None]) -> None:
        self.owner = weakref.ref(owner, gone)
        self.before: dict[str, Any] = {}
        self.replaced: dict[str, Any] = {}
        self.version: int = owner.version if isinstance(owner, Variable) else 0


class Watch(Observer):
    """Watches one run of a function; made anew for each. What is common to all devices.

    Attributes:
        lenient: whether what cannot be captured ends the recording quietly, in place of raising.
        refused: what could not be captured, in words; None as long as all could.
        kernels: those that ran.
        touched: leaves and modules that the run depends on, or changed, by their ids.
        modules: what those that were called consisted of, by their ids.
        settings: functions that tell settings the run depends on, with what they told.
        arguments: the copies of the function's own arguments.
        runs: whether kernels run while they are recorded.
        start: the seed, the step and the site of the random streams at the beginning.
        sites: how many draws were made.
        read: the ids of the leaves that operations ran on.
        first: nodes with lower numbers were there before the run.
    """

    runs: ClassVar[bool] = True

    def __init__(self, lenient: bool = False) -> None:
        self.lenient = lenient
        self.refused: str | None = None
        self.kernels: list[Kernel] = []
        self.touched: dict[int, Touched] = {}
        self.modules: dict[int, Parts] = {}
        self.settings: list[tuple[Callable[[], Any], Any]] = []
        self.arguments: Sequence[Variable] = ()
        self.start = stream.seed, stream.step, stream.site
        self.sites = 0
        self.read: set[int] = set()
        self.first = next(node_numbers)

    @contextlib.contextmanager
    def recording(self, arguments: Sequence[Variable] = ()) -> Iterator[None]:
        """Watch what runs inside, on these arguments."""
        self.arguments = arguments
        generators = _global_generators()
        before, here.capture = here.capture, self
        try:
            with intercepted(self._run), self:
                yield
        finally:
            here.capture = before
        self._check_streams(generators)
        self._check_parts()

    def release(self) -> None:
        """Forget what was seen: it is full of reference cycles, which would keep arrays until these are collected."""
        self.touched.clear()
        self.modules.clear()
        self.arguments = ()

    def _check_streams(self, generators: tuple[Any, ...]) -> None:
        if _global_generators() != generators:
            self.refuse(
                "a draw from a global generator of NumPy's or Python's, which would not be repeated in a replay",
                "Draw with mg.randn, mg.rand or mg.randint.",
            )
        if (stream.seed, stream.step) != self.start[:2] or stream.site < self.start[2] + self.sites:
            self._refuse_other_streams()

    def _check_parts(self) -> None:
        for parts in self.modules.values():
            for name, x in parts.replaced():
                if {id(x), id(x.owner())} & self.read:
                    self.refuse(
                        f"a module whose {name} is used and then replaced by another tensor, which a replay would not "
                        "use",
                        f"Change it in place, inside of mg.no_grad(): self.{name}[...] = new.",
                    )

    def check_kept(self, before: dict[str, Variable], after: dict[str, Variable]) -> None:
        """Of tensors that the function keeps under names, none may be used and then replaced."""
        for name, x in before.items():
            if after.get(name) is not x and {id(x), id(x.owner())} & self.read:
                self.refuse(
                    f"the name {name}, whose tensor is used and then replaced by another, which a replay would not use",
                    f"Change it in place, inside of mg.no_grad(): {name}[...] = new.",
                )

    def draw(self, seed: int, purpose: int, step: int, site: int) -> int | None:
        """Which draw of the run these words are, from 0; None if they are none, but the same in every replay."""
        if purpose not in (philox.INIT, philox.NOISE, philox.DROPOUT):
            return None
        if (seed, step) != self.start[:2] or site < self.start[2] + self.sites:
            self._refuse_other_streams()
        self.sites += 1
        return self.sites - 1

    def _refuse_other_streams(self) -> None:
        self.refuse(
            "random streams that are seeded or set to a step inside of the function",
            "Call mg.manual_seed, mg.set_step and the like outside of it.",
        )

    # ---- what the engine tells: `minigan.capturing.Capture`

    def changing(self, numbers: Callable[[], tuple[float, ...]], backend: Backend, dtype: Any) -> tuple[Any, ...]:
        """The numbers as 0-d arrays that every replay writes anew."""
        raise NotImplementedError

    def each_time(self, action: Callable[[], Any]) -> None:
        """Run the action at this place of every run, this one included."""
        raise NotImplementedError

    def run(self, op: Any, backend: Backend, arrays: Sequence[Any], params: dict[str, Any]) -> Any:
        """The forward of an operation."""
        raise NotImplementedError

    def fixed(self, setting: Callable[[], Any]) -> None:
        """The program holds only while this setting is what it is now."""
        self.settings.append((setting, _as_it_is(setting())))

    def touch(self, owner: Any, *names: str) -> None:
        """These attributes are about to be read or changed; without any: the array of a leaf was changed in place."""
        if any(owner is x for x in self.arguments):
            self._touch_argument(names)
            return
        found = self._found(owner)
        for name in names or ("_data",):
            if name not in found.replaced:
                found.before.setdefault(name, getattr(owner, name))

    def replace(self, owner: Any, name: str) -> None:
        """This attribute is about to be replaced, whatever it was."""
        if any(owner is x for x in self.arguments):
            return
        found = self._found(owner)
        if name not in found.before:
            found.replaced.setdefault(name, getattr(owner, name))

    def _found(self, owner: Any) -> Touched:
        key = id(owner)
        if key not in self.touched:
            self.touched[key] = Touched(owner, partial(self._forget, key))
        return self.touched[key]

    def _touch_argument(self, names: tuple[str, ...]) -> None:
        """Arguments are copied in, and never out."""
        if not names:
            what, advice = "an argument that is changed in place", "Change a copy, and return it."
        elif names == ("_grad",):
            what = "a gradient that backward leaves in an argument"
            advice = "Begin with x = x.detach().requires_grad_(), or take it with mg.grad."
        else:
            return
        raise CaptureError(f"capture: found {what}, of which a replay has only a copy{_place()}. {advice}")

    def _forget(self, key: int, _: Any) -> None:
        """This object was one of the run's own, and is gone with it."""
        self.touched.pop(key, None)

    def refuse(self, what: str, advice: str) -> None:
        """This cannot be captured."""
        if self.refused is not None:
            return
        self.refused = f"found {what}{_place()}. {advice}"
        if not self.lenient:
            raise CaptureError(f"capture: {self.refused}")
        here.capture = None  # the run goes on as written

    def check(self, check: Callable[[Any], None], x: Any) -> None:
        """Every replay has to look at this array, too."""

    def bring(self, x: Any) -> None:
        """The user gives this: if it is an array of NumPy's, it may be another one next time."""
        if isinstance(x, np.ndarray):
            self.refuse(
                "a NumPy array that is given to minigan, whose values every replay would repeat",
                "Pass it as an argument, or make a tensor of it outside of the function.",
            )

    # ---- what observers are told

    def given(self, operands: Sequence[Any]) -> None:
        """An operation runs on these."""
        if any(observer is not self for observer in watching()):
            self.refuse("an observer, such as mg.profile, inside of the function", "Put it around the call.")
        for x in operands:
            if not isinstance(x, Variable):
                continue
            if x.node is not None:
                self._check_new(x.node)
                continue
            self.touch(x, "_data", "_requires_grad", "_hooks")
            if x._hooks is not None and id(x) not in self.read:
                self.fixed(partial(tuple, x._hooks))  # their numbers
            self.read |= {id(x), id(x.owner())}  # what it shows, if it is a view

    def passing(self, node: Node, gy: Any) -> None:
        """A gradient is about to go back through this node."""
        self._check_new(node)

    def _check_new(self, node: Node) -> None:
        if node.number < self.first:
            self.refuse(
                "a tape from outside of the function, of which a replay would see neither new values nor a new end",
                "Compute all of it inside, or use x.detach().",
            )

    def entering(self, module: Any) -> None:
        """A module is called; it may also use those directly inside of it in its own way."""
        self.touch(module, "training")
        for part in (module, *module.children()):
            if id(part) not in self.modules:
                self.modules[id(part)] = Parts(part)

    # ---- kernels

    def refuse_to_host(self, name: str) -> None:
        """Values on the host, as of a state dict, are no part of a program."""
        if name == "to_host":
            self.refuse("a copy of values to the host", "Make it outside of the captured function.")

    def _run(self, name: str, backend: Backend, kernel: Callable[..., Any], *args: Any, **params: Any) -> Any:
        """What happens in place of a kernel."""
        raise NotImplementedError


def _as_it_is(x: Any) -> Any:
    """x, in containers of its own: the user's may change."""
    if type(x) is dict:
        return {name: _as_it_is(part) for name, part in x.items()}
    return type(x)(map(_as_it_is, x)) if type(x) in (tuple, list) else x


def _global_generators() -> tuple[Any, ...]:
    """The states of the generators that belong to no seed of minigan's."""
    numpys: Any = np.random.get_state()  # noqa: NPY002  (nobody should use it; this finds those who do)
    pythons = sys.modules["random"].getstate() if "random" in sys.modules else None
    return pythons, numpys[1].tobytes(), *numpys[2:]


def _place() -> str:
    """Where in the user's code this is, in words."""
    for frame in reversed(traceback.extract_stack()):
        if not frame.filename.startswith(NOT_THE_USERS):
            return f" in line {frame.lineno} of {frame.filename} ({frame.line})"
    return ""
