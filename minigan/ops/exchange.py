"""Memory shared with other libraries through DLPack, which PyTorch, JAX, CuPy and NumPy all speak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigan.backend import Array, backend_of, get_backend
from minigan.backend.device import Device
from minigan.errors import DeviceError, DTypeError, GraphError
from minigan.ops.promotion import number_type
from minigan.variable import constant

if TYPE_CHECKING:
    from minigan.tensor import Tensor

_DEVICE_TYPES = {1: "cpu", 2: "cuda"}  # kDLCPU and kDLCUDA of dlpack.h


def from_dlpack(x: Any) -> Tensor:
    """A tensor that shares memory with an array or tensor of another library.

    Neither side notices when the other writes: change the memory only while no tape remembers it.

    Raises:
        DTypeError: x does not speak DLPack, or its numbers are none of minigan's, such as bfloat16 or complex.
        GraphError: x requires a gradient, which would be lost.
        DeviceError: x lives on a device other than the CPU and NVIDIA GPUs.

    >>> mg.from_dlpack(np.arange(3))
    tensor([0, 1, 2])
    """
    if not hasattr(x, "__dlpack_device__"):
        raise DTypeError(
            f"from_dlpack: expected an array or tensor of another library, but got an object of type "
            f"{type(x).__name__}. Use mg.tensor(x) for numbers and lists."
        )
    if getattr(x, "requires_grad", False):
        raise GraphError(
            "from_dlpack: expected a tensor without a gradient, but this one requires one. Use x.detach()."
        )
    kind, index = x.__dlpack_device__()
    if kind not in _DEVICE_TYPES:
        raise DeviceError(
            f"from_dlpack: expected memory of the CPU or of an NVIDIA GPU, but got DLPack device type {int(kind)}. "
            "Move it to the CPU first."
        )
    backend = backend_of(Device(_DEVICE_TYPES[kind], index if kind == 2 else 0))
    try:
        array = backend.xp.from_dlpack(x)
    except (RuntimeError, BufferError) as error:  # NumPy's words for numbers that it does not have
        raise DTypeError(f"from_dlpack: {getattr(x, 'dtype', 'this type')} is not supported ({error}).") from None
    number_type(array.dtype)
    return constant(array)


def to_dlpack(x: Array, copy: bool | None = None, **options: Any) -> Any:
    """The DLPack capsule of an array: of its very memory, or of a copy where other libraries cannot take it.

    That is memory which only one side may write to, or which runs backwards: PyTorch ends the process over
    negative strides.
    """
    plain = getattr(x.flags, "writeable", True) and all(stride >= 0 for stride in x.strides)
    if not plain:
        if copy is False:
            raise BufferError("This tensor is read-only or runs backwards in memory: allow a copy, with copy=None.")
        x, copy = get_backend(x).copy(x), None
    return x.__dlpack__(**options) if copy is None else x.__dlpack__(copy=copy, **options)
