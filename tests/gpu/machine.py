"""The pretend machine below the strict double: its GPUs, the current one, and how often the host waited for one."""

import contextlib
from collections.abc import Callable
from typing import Any


class SynchronizationError(RuntimeError):
    """The host waited for the GPU where nothing may."""


class Machine:
    """One for the whole process, as the hardware is.

    Attributes:
        devices: how many GPUs there are.
        current: the one that runs what is called now; `cupy.cuda.Device` changes it.
        streams: of each device the current one; `cupy.cuda.Stream` changes it.
        backwards: whether the threads of a kernel's block run from the last to the first.
        launches: how many kernels ran so far; CuPy may need more than one for what counts as one here.
        pools: the memory pools that arrays are allocated from, the current one last; none for CuPy's own.
        waits: what made the host wait so far, in order.
    """

    def __init__(self) -> None:
        self.start(1)

    def start(self, devices: int) -> None:
        """A fresh machine with so many GPUs."""
        self.devices = devices
        self.current = 0
        self.streams = [Stream.null] * devices
        self.backwards = False
        self.launches = 0
        self.pools: list[MemoryPool] = []
        self.waits: list[str] = []
        self._forbidden = False

    def wait(self, what: str) -> None:
        """To be called by whatever copies between host and device, or waits for the device to be ready."""
        self.waits.append(what)
        if self._forbidden or self.graph is not None:
            raise SynchronizationError(f"{what} makes the host wait for the GPU")

    @property
    def graph(self) -> "Graph | None":
        """The graph that the current stream becomes, if it is captured."""
        return self.streams[self.current].graph

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


class Graph:
    """`cupy.cuda.Graph`: what was launched on a stream while it was captured, to be run later.

    Attributes:
        nodes: functions that each run one of the kernels.
    """

    def __init__(self) -> None:
        self.nodes: list[Callable[[], Any]] = []

    def launch(self, stream: Any = None) -> None:
        machine.launches += 1
        for node in self.nodes:
            node()

    def upload(self, stream: Any = None) -> None:
        pass


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
        self._before: list[Stream] = []

    def __enter__(self) -> "Stream":
        self._before.append(machine.streams[machine.current])
        machine.streams[machine.current] = self
        return self

    def __exit__(self, *exception: object) -> None:
        machine.streams[machine.current] = self._before.pop()

    def begin_capture(self, mode: int | None = None) -> None:
        if self.ptr == 0 or self.graph is not None:
            raise RuntimeError("the null stream cannot be captured, and no other one twice")
        self.graph = Graph()

    def end_capture(self) -> Graph:
        if self.graph is None:
            raise RuntimeError("this stream is not captured")
        graph, self.graph = self.graph, None
        return graph

    def is_capturing(self) -> bool:
        return self.graph is not None

    def synchronize(self) -> None:
        machine.wait("Stream.synchronize")


class MemoryPool:
    """`cupy.cuda.MemoryPool`: as long as it lives, what was allocated from it is given to nobody else."""

    def __init__(self) -> None:
        self._blocks: list[Any] = []

    def malloc(self, block: Any) -> None:
        self._blocks.append(block)

    def total_bytes(self) -> int:
        return sum(block.nbytes for block in self._blocks)


@contextlib.contextmanager
def using_allocator(allocator):
    """`cupy.cuda.using_allocator`, for the ``malloc`` of a pool."""
    machine.pools.append(allocator.__self__)
    try:
        yield
    finally:
        machine.pools.pop()


Stream.null = Stream(null=True)
machine = Machine()


class Device:
    """`cupy.cuda.Device`: a number, and a context that makes it the current one."""

    def __init__(self, device: int | None = None) -> None:
        self.id = machine.current if device is None else device
        self._before: list[int] = []

    def __enter__(self) -> "Device":
        if self.id >= machine.devices:
            raise ValueError(f"there is no GPU {self.id} on this machine")
        self._before.append(machine.current)
        machine.current = self.id
        return self

    def __exit__(self, *exception: object) -> None:
        machine.current = self._before.pop()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def synchronize(self) -> None:
        machine.wait("Device.synchronize")
