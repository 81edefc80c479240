"""The pretend machine below the strict double: its GPUs, the current one, and how often the host waited for one."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any


class SynchronizationError(RuntimeError):
    """The host waited for the GPU where nothing may."""


class CUDARuntimeError(RuntimeError):
    """`cupy.cuda.runtime.CUDARuntimeError`."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status


class CUDADriverError(CUDARuntimeError):
    """`cupy.cuda.driver.CUDADriverError`."""


class OutOfMemoryError(MemoryError):
    """`cupy.cuda.memory.OutOfMemoryError`."""


class Machine:
    """One for the whole process, as the hardware is.

    Attributes:
        started: another object after each start.
        devices: how many GPUs there are.
        backwards: whether the threads of a kernel's block run from the last to the first.
        launches: how many kernels ran so far; CuPy may need more than one for what counts as one here.
        room: the bytes that CUDA has left; arrays of CuPy's own pool need none of them.
        pooled: the bytes of all arrays of that pool.
        graveyard: memory that was given back.
        waits: what made the host wait so far, in order.
    """

    def __init__(self) -> None:
        self.start(1)

    def start(self, devices: int) -> None:
        """A fresh machine with so many GPUs."""
        self.started = object()
        self.devices = devices
        self.backwards = False
        self.launches = 0
        self.room = 139 * 2**30
        self.pooled = 0
        self.graveyard: list[Any] = []
        self.waits: list[str] = []
        self._forbidden = False
        self._here = _OfThread()

    @property
    def current(self) -> int:
        """The device that runs what this thread calls now; `cupy.cuda.Device` changes it."""
        return self._here.devices[-1]

    @property
    def streams(self) -> dict[int, "Stream"]:
        """Of each device the stream that is current in this thread; `cupy.cuda.Stream` changes it."""
        return self._here.streams

    @property
    def allocators(self) -> list[Any]:
        """What gives this thread's arrays their memory, the current one last; none for CuPy's own pool."""
        return self._here.allocators

    def wait(self, what: str) -> None:
        """To be called by whatever copies between host and device, or waits for the device to be ready."""
        self.waits.append(what)
        if self.graph is not None:
            raise CUDARuntimeError(900, f"{what} is not permitted while a stream is captured")
        if self._forbidden:
            raise SynchronizationError(f"{what} makes the host wait for the GPU")

    @property
    def graph(self) -> "Graph | None":
        """The graph that the current stream becomes, if it is captured."""
        return self.stream.graph

    @property
    def stream(self) -> "Stream":
        """The one that this thread's kernels are launched on."""
        return self.streams.get(self.current, Stream.null)

    @contextlib.contextmanager
    def allow_sync(self, allowed):
        """Inside, whatever makes the host wait for the GPU is an error, or is none again."""
        before, self._forbidden = self._forbidden, not allowed
        try:
            yield
        finally:
            self._forbidden = before

    def check(self, device: int) -> None:
        """Raise if an array of this device is computed with while another is current."""
        if device != self.current:
            raise ValueError(
                f"Array device must be same as the current device: array device = {device} "
                f"while current = {self.current}"
            )


class _OfThread(threading.local):
    """What each thread has to itself."""

    def __init__(self) -> None:
        self.devices = [0]
        self.streams: dict[int, Stream] = {}
        self.allocators: list[Any] = []


class Graph:
    """`cupy.cuda.Graph`: what was launched on a stream while it was captured, to be run later.

    Attributes:
        nodes: functions that each run one of the kernels.
        device: where it was captured, and can be launched.
    """

    def __init__(self) -> None:
        self.device = machine.current
        self.nodes: list[Callable[[], Any]] = []

    def launch(self, stream: Any = None) -> None:
        machine.check(self.device)
        machine.launches += 1
        for node in self.nodes:
            node()

    def upload(self, stream: Any = None) -> None:
        machine.check(self.device)


class Stream:
    """`cupy.cuda.Stream`: a number, and a context that makes it the current one of the current device.

    Attributes:
        graph: what its launches become a part of while it is captured; else None, and they run.
    """

    null: "Stream"
    made = 0

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False) -> None:
        Stream.made += not null
        self.ptr = 0 if null else Stream.made
        self.graph: Graph | None = None
        self._device = None if null else machine.current
        self._before: list[tuple[int, Stream]] = []

    def __enter__(self) -> "Stream":
        if self._device not in (None, machine.current):
            raise ValueError(f"a stream of device {self._device} cannot be current while device {machine.current} is")
        self._before.append((machine.current, machine.stream))
        machine.streams[machine.current] = self
        return self

    def __exit__(self, *exception: object) -> None:
        device, stream = self._before.pop()
        machine.streams[device] = stream

    def begin_capture(self, mode: int | None = None) -> None:
        if self.ptr == 0 or self.graph is not None:
            raise CUDARuntimeError(900, "the null stream cannot be captured, and no other one twice")
        self.graph = Graph()

    def end_capture(self) -> Graph:
        if self.graph is None:
            raise CUDARuntimeError(901, "this stream is not captured")
        graph, self.graph = self.graph, None
        return graph

    def is_capturing(self) -> bool:
        return self.graph is not None

    def synchronize(self) -> None:
        machine.wait("Stream.synchronize")


Stream.null = Stream(null=True)
machine = Machine()


class Event:
    """`cupy.cuda.Event`, on a machine where every launch takes a millisecond."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.time = 0.0

    def record(self, stream: Any = None) -> None:
        self.time = float(machine.launches)

    def synchronize(self) -> None:
        machine.wait("Event.synchronize")


class Device:
    """`cupy.cuda.Device`: a number, and a context that makes it the current one."""

    def __init__(self, device: int | None = None) -> None:
        self.id = machine.current if device is None else device

    def __enter__(self) -> "Device":
        if self.id >= machine.devices:
            raise ValueError(f"there is no GPU {self.id} on this machine")
        machine._here.devices.append(self.id)
        return self

    def __exit__(self, *exception: object) -> None:
        machine._here.devices.pop()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def synchronize(self) -> None:
        machine.wait("Device.synchronize")
