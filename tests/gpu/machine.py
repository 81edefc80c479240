"""The pretend machine below the strict double: its GPUs, the current one, and how often the host waited for one."""

import contextlib


class SynchronizationError(RuntimeError):
    """The host waited for the GPU where nothing may."""


class Machine:
    """One for the whole process, as the hardware is.

    Attributes:
        devices: how many GPUs there are.
        current: the one that runs what is called now; `cupy.cuda.Device` changes it.
        waits: what made the host wait so far, in order.
    """

    def __init__(self) -> None:
        self.start(1)

    def start(self, devices: int) -> None:
        """A fresh machine with so many GPUs."""
        self.devices = devices
        self.current = 0
        self.waits: list[str] = []
        self._forbidden = False

    def wait(self, what: str) -> None:
        """To be called by whatever copies between host and device, or waits for the device to be ready."""
        self.waits.append(what)
        if self._forbidden:
            raise SynchronizationError(f"{what} makes the host wait for the GPU")

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
