"""Tensor: an array, the node that made it, and what PyTorch lets one ask of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigan import autograd
from minigan.backend import Array, device_of, get_backend
from minigan.backend.device import Device
from minigan.backend.device import device as resolve_device
from minigan.capturing import brought, refuse, replace, touch
from minigan.errors import ArgumentError, DeviceError, DTypeError, GraphError, IndexRangeError, ShapeError
from minigan.hooks import RemovableHandle, register
from minigan.operators import Operators
from minigan.ops import elementwise, indexing, shape
from minigan.ops.device import parse_to, to_device, transfer
from minigan.ops.exchange import to_dlpack
from minigan.ops.promotion import cast_to, number_type
from minigan.printing import text_of
from minigan.recording import recording
from minigan.variable import Variable, tensor_class, view_of

LOOK_OUTSIDE = "Return the tensor, and look at it outside of the captured function."


@tensor_class
class Tensor(Operators):
    """An array that remembers how it was computed. Made by :func:`minigan.tensor` and by operations.

    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    array([2., 4.], dtype=float32)
    """

    __slots__ = ()
    __array_ufunc__ = None  # so that `array * tensor` asks the tensor

    # ---- what it is --------------------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The raw array (not a tensor, unlike PyTorch). Assigning checks, copies in, and counts as an update."""
        refuse(".data of a tensor", "Compute with tensors, and look at the arrays outside of the captured function.")
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        brought(value)
        source = get_backend(self._data).asarray(value._data if isinstance(value, Tensor) else value)
        self._same_shape("data", source.shape)
        if self.node is not None:
            raise GraphError("Cannot assign .data of a result: the tape follows it. Assign to the leaf it came from.")
        self._check_unsaved("Assigning .data")
        self._overwrite(source)

    @property
    def grad(self) -> Array | None:
        """The raw gradient array (not a tensor, unlike PyTorch), or None before the first backward."""
        retained = self._retained()
        found = retained[0] if retained else self._grad
        touch(self, "_grad")
        if found is not None:
            refuse(".grad of a tensor, a raw array", "Return what mg.grad gives, or clip with mg.nn.utils.")
        return found

    @grad.setter
    def grad(self, value: Any) -> None:
        replace(self, "_grad")
        retained = self._retained()
        if retained is not None:
            retained.clear()
        if value is None:
            self._grad = None
            return
        brought(value)
        backend = get_backend(self._data)
        source = backend.asarray(value._data if isinstance(value, Tensor) else value)
        self._same_shape("grad", source.shape)
        if self._grad_buffer is None:
            self._grad = backend.empty(self.shape, self.dtype)
        else:
            self._grad = self._grad_buffer
        backend.copy_(self._grad, source)

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Switch the recording of operations on this leaf on or off."""
        if self.node is not None:
            raise GraphError("requires_grad can only be changed on a leaf; use .detach() for a result.")
        if requires_grad and self.dtype.kind != "f":
            raise DTypeError(f"Only floating point tensors can require a gradient, but this one is {self.dtype}.")
        replace(self, "_requires_grad")
        self._requires_grad = requires_grad
        return self

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self._data.shape)

    @property
    def device(self) -> Device:
        """Where the array lives."""
        return device_of(self._data)

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return self.node is None

    @property
    def T(self) -> Tensor:
        """The dimensions in reverse order."""
        return shape._permute(self, dims=tuple(reversed(range(self.ndim))))

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one dimension."""
        return self.shape if dim is None else self.shape[shape.own_dim(dim, self.shape, "size")]

    def numel(self) -> int:
        """The number of elements."""
        return int(self._data.size)

    # ---- gradients ---------------------------------------------------------------------------------------

    def backward(self, gradient: Any = None, retain_graph: bool = False, inputs: Any = None) -> None:
        """Add the gradient of this tensor to ``.grad`` of every leaf it was made from.

        Args:
            gradient: of this tensor's shape; may be left out for a single element (it is then 1).
            retain_graph: keep what another backward over the same graph needs.
            inputs: leaves, or one; only these get a gradient, and what does not lead to them is not computed.

        Raises:
            GraphError: nothing requires a gradient, or the graph was freed by an earlier backward.
            StaleGraphError: a leaf that the graph saved was changed since.
        """
        autograd.backward(self, gradient, retain_graph, inputs)

    def detach(self) -> Tensor:
        """The same array, off the tape: no gradient passes.

        >>> x = mg.ones(2, requires_grad=True)
        >>> (x * 2).detach().requires_grad
        False
        """
        return view_of(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A leaf of the same kind with an array of its own and no gradient, as `copy.deepcopy` of a module needs."""
        if self.node is not None:
            raise GraphError("Only leaves can be copied: a copy of a result would belong to no graph. Use .detach().")
        copied = type(self).__new__(type(self))
        Variable.__init__(copied, get_backend(self._data).copy(self._data), None, self._requires_grad)
        copied.name = self.name
        memo[id(self)] = copied
        return copied

    def retain_grad(self) -> None:
        """Keep the gradient of this result in ``.grad`` when backward passes."""
        if self.node is not None and self._retained() is None:
            self.node.noted().retained = []

    def _retained(self) -> list[Array] | None:
        notes = None if self.node is None else self.node.notes
        return None if notes is None else notes.retained

    def register_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call ``hook(gradient)`` in each backward, once the gradient of this tensor is complete.

        Whatever it returns, if not None, takes the place of the gradient; it must not change it in place.

        Raises:
            GraphError: this tensor requires no gradient.
            ShapeError: in backward, the new gradient is not of the tensor's shape.

        >>> x = mg.ones(2, requires_grad=True)
        >>> y = x * 3
        >>> handle = y.register_hook(lambda gy: gy * 10)
        >>> y.sum().backward()
        >>> x.grad
        array([30., 30.], dtype=float32)
        """
        if not self._requires_grad:
            raise GraphError(
                f"register_hook: expected a tensor that requires a gradient, but this one of shape {self.shape} does "
                "not, so no gradient would pass. Call .requires_grad_() first."
            )
        if self.node is not None:
            return register(self.node.noted().hooks, hook)
        if self._hooks is None:
            self._hooks = {}
        return register(self._hooks, hook)

    # ---- out of minigan ----------------------------------------------------------------------------------

    def item(self) -> Any:
        """The only element as a Python number."""
        if self._data.size != 1:
            raise ShapeError(f"item: expected a tensor with one element, but its shape is {self.shape}.")
        refuse("the value of a tensor", LOOK_OUTSIDE)
        return self._data.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        refuse("the values of a tensor", LOOK_OUTSIDE)
        return self._data.tolist()

    def numpy(self) -> Any:
        """The array itself, for a CPU tensor that requires no gradient; memory is shared."""
        if self._requires_grad:
            raise GraphError("Cannot give a NumPy array of a tensor that requires a gradient; use x.detach().numpy().")
        if self.device.type != "cpu":
            raise DeviceError(f'Cannot give a NumPy array of a tensor on {self.device}; use x.to("cpu").numpy().')
        refuse("the array of a tensor", LOOK_OUTSIDE)
        return self._data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        if self._requires_grad:
            raise GraphError("Cannot export a tensor that requires a gradient; use x.detach().")
        refuse("a tensor given to another library", LOOK_OUTSIDE)
        return to_dlpack(self._data, **options)

    def __dlpack_device__(self) -> Any:
        return self._data.__dlpack_device__()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise DTypeError(f"Only an integer tensor can be an index, but this one is {self.dtype}.")
        return int(self.item())

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ShapeError(
                f"The truth of a tensor with {self._data.size} elements is ambiguous; "
                "compare x.detach().numpy() with .any() or .all()."
            )
        return bool(self.item())

    def __len__(self) -> int:
        if not self.ndim:
            raise ShapeError("A 0-d tensor has no length.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        refuse("a tensor that is printed", LOOK_OUTSIDE)
        return text_of(self)

    # ---- another type or device --------------------------------------------------------------------------

    def to(self, *args: Any, device: Any = None, dtype: Any = None) -> Tensor:
        """This tensor on a device, with a data type, or both: ``x.to("cuda")``, ``x.to(mg.float64)``."""
        device, dtype = parse_to(args, device, dtype)
        x = self if dtype is None else cast_to(self, number_type(dtype))
        to = x.device if device is None else resolve_device(device)
        return x if to == x.device else to_device(x, to=to, source=x.device)

    def float(self) -> Tensor:
        """This tensor as float32."""
        return self.to(dtype=np.float32)

    def double(self) -> Tensor:
        """This tensor as float64."""
        return self.to(dtype=np.float64)

    def cpu(self) -> Tensor:
        """This tensor on the CPU."""
        return self.to(device="cpu")

    def cuda(self) -> Tensor:
        """This tensor on the first GPU."""
        return self.to(device="cuda")

    # ---- in place: only where the tape does not look -----------------------------------------------------

    def __setitem__(self, index: Any, value: Any) -> None:
        self._check_in_place("x[i] = v", value)
        self._check_memory()
        backend = get_backend(self._data)
        source = value._data if isinstance(value, Tensor) else value
        if not isinstance(source, bool | int | float):
            brought(value)
            source = backend.asarray(source)
            number_type(source.dtype)
        try:
            backend.setitem_(self._data, indexing.raw_index(index), source)
        except (IndexError, TypeError) as error:
            raise IndexRangeError(f"x[i] = v: expected an index for the shape {self.shape}, but {error}.") from None
        except (ValueError, OverflowError) as error:
            raise ShapeError(f"x[i] = v: cannot take the value into the shape {self.shape} ({error}).") from None
        self.count_change()

    def __iadd__(self, other: Any) -> Tensor:
        return self._in_place("+=", elementwise.add, other)

    def __isub__(self, other: Any) -> Tensor:
        return self._in_place("-=", elementwise.sub, other)

    def __imul__(self, other: Any) -> Tensor:
        return self._in_place("*=", elementwise.mul, other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self._in_place("/=", elementwise.div, other)

    def _in_place(self, sign: str, op: Any, other: Any) -> Tensor:
        self._check_in_place(f"x {sign} y", other)
        y = op(self, other)
        self._same_shape(sign, y.shape)
        if y.dtype.kind == "f" and self.dtype.kind != "f":
            raise DTypeError(f"x {sign} y: the result is {y.dtype}, which an x of {self.dtype} cannot hold. Convert x.")
        self._overwrite(y._data)
        return self

    def _check_in_place(self, what: str, value: Any) -> None:
        followed = self._requires_grad or (isinstance(value, Tensor) and value.requires_grad)
        if self.shows_result or (followed and recording()):
            raise GraphError(
                f"{what} would change a tensor that the tape follows, or take one in behind its back. "
                "Write x = x + y, copy it with mg.tensor(x), or change a leaf inside mg.no_grad()."
            )

    def _check_unsaved(self, what: str) -> None:
        """Raise if this shows the memory of a result, which the tape may need as it is."""
        if self.shows_result:
            raise GraphError(
                f"{what} would change the memory of a result, which the tape may have saved. "
                "Change the leaf that it came from, or a copy: mg.tensor(x)."
            )

    def _check_memory(self) -> None:
        repeats = any(n > 1 and not step for n, step in zip(self.shape, self._data.strides, strict=True))
        if repeats or not getattr(self._data.flags, "writeable", True):
            raise ArgumentError(
                f"Cannot change this tensor of shape {self.shape} in place: its memory is read-only, or shows one "
                "value at several places, as that of x.expand() does. Copy it first, with mg.tensor(x) or x.clone()."
            )

    def _overwrite(self, source: Any) -> None:
        self._check_memory()
        backend = get_backend(self._data)
        backend.copy_(self._data, backend.asarray(source))
        self.count_change()

    def _same_shape(self, what: str, given: tuple[int, ...]) -> None:
        if tuple(given) != self.shape:
            raise ShapeError(f"{what}: expected shape {self.shape}, but got {tuple(given)}.")

    def _move(self, device: Device, dtype: Any) -> None:
        """Change where this leaf lives and its type, keeping the object: for modules."""
        if (device, dtype) == (self.device, self.dtype):
            return
        data = self._data if device == self.device else transfer(self._data, device)
        backend = get_backend(data)
        self._data = data if data.dtype == dtype else backend.cast(data, dtype)
        self._grad_buffer = None
        if self._grad is not None:
            self._grad = backend.cast(transfer(self._grad, device), dtype)
        self.base, self.shows_result = None, False
        self.version += 1
