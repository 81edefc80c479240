"""Module: a part of a network that finds its parameters, buffers and sub-modules by attribute."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from minigan.backend import get_backend
from minigan.backend.device import device as resolve_device
from minigan.capturing import replace, touch
from minigan.errors import ArgumentError, ConfigError, DTypeError, StateError
from minigan.nn.hooks import Hooked
from minigan.nn.summary import Summary, summarize
from minigan.ops.device import parse_to
from minigan.states import host_array
from minigan.tensor import Tensor
from minigan.variable import forget_gradients

_REGISTRIES = ("_parameters", "_buffers", "_modules")


class Parameter(Tensor):
    """A tensor that a module registers and an optimizer trains.

    Raises:
        DTypeError: the data are no tensor or array, or not of a floating point type.

    >>> mg.nn.Parameter(mg.zeros(2))
    tensor([0., 0.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        array = data._data if isinstance(data, Tensor) else data
        get_backend(array)  # raises for what is no array
        super().__init__(array)
        if isinstance(data, Tensor):  # memory that a tape may remember stays known as such
            self.shows_result = data.shows_result
            self.base = data.owner() if data.base is not None or data.requires_grad else None
        self.requires_grad_(requires_grad)


class Module(Hooked):
    """The base of all networks. A subclass assigns its parts in ``__init__`` and defines ``forward``.

    Parameters, modules and buffers (by :meth:`register_buffer`) are found under the names of the attributes they
    are assigned to; ``state_dict`` keys are these names joined by dots, as in PyTorch.

    Attributes:
        training: whether layers such as Dropout behave as in training; set by :meth:`train` and :meth:`eval`.

    >>> class Scale(mg.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = mg.nn.Parameter(mg.full((1,), 2.0))
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> Scale()(mg.tensor([3.0])).item()
    6.0
    """

    training: bool
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]

    def __init__(self) -> None:
        object.__setattr__(self, "_parameters", {})
        object.__setattr__(self, "_buffers", {})
        object.__setattr__(self, "_modules", {})
        self.training = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; each subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward.")

    # ---- parts by name -----------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        home = self._registry_for(name, value)
        if name in self._parameters and not (value is None or isinstance(value, Parameter | Module)):
            raise DTypeError(
                f"{type(self).__name__}.{name} is a parameter, but was assigned a {type(value).__name__}, which no "
                f"optimizer would train. Assign mg.nn.Parameter(x), or change its values by {name}.data = x."
            )
        for registry in (self.__dict__, self._parameters, self._buffers, self._modules):
            if registry is not home:  # in its home a new value takes the place, and so the turn, of the old
                registry.pop(name, None)
        if home is self.__dict__:
            object.__setattr__(self, name, value)
            return
        if home.get(name) is value:  # as after `net.weight += 1`: it keeps its longer name
            return
        home[name] = value
        if isinstance(value, Tensor):
            value.name = name
        else:
            for path, tensor in (*value.named_parameters(), *value.named_buffers()):
                tensor.name = f"{name}.{path}"

    def _registry_for(self, name: str, value: Any) -> dict[str, Any]:
        """Where a value belongs: with the parameters, the modules, the buffers, or the ordinary attributes."""
        if isinstance(value, Parameter):
            return self._parameters
        if isinstance(value, Module):
            return self._modules
        return self._buffers if name in self._buffers and isinstance(value, Tensor) else self.__dict__

    def __getattr__(self, name: str) -> Any:  # only called for what is no ordinary attribute
        for registry in _REGISTRIES:
            parts = self.__dict__.get(registry, {})
            if name in parts:
                return parts[name]
        if name in _REGISTRIES:
            raise AttributeError(f"{type(self).__name__} must call super().__init__() before it assigns its parts.")
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        for registry in (self._parameters, self._buffers, self._modules):
            if name in registry:
                del registry[name]
                return
        object.__delattr__(self, name)

    def register_buffer(self, name: str, tensor: Tensor) -> None:
        """Add a tensor that is part of the state but not trained, such as running statistics.

        Raises:
            DTypeError: it is no tensor.

        >>> net = mg.nn.Module()
        >>> net.register_buffer("mean", mg.zeros(2))
        >>> list(net.state_dict())
        ['mean']
        """
        if not isinstance(name, str):
            raise ArgumentError(f"{type(self).__name__}: expected the name of a buffer, but got {name!r}.")
        if not isinstance(tensor, Tensor):
            raise DTypeError(
                f"{type(self).__name__}: expected the buffer {name} to be a tensor, but got an object of type "
                f"{type(tensor).__name__}. Convert it with mg.tensor(x)."
            )
        tensor.name = name
        self._buffers[name] = tensor
        self.__dict__.pop(name, None)  # where a plain attribute of this name would hide it

    def add_module(self, name: str, module: Module) -> None:
        """Add a part under this name, which need not be one that Python could write.

        Raises:
            ConfigError: the name is no text, empty, has a dot in it, or is that of another attribute.
            DTypeError: it is no module.

        >>> net = mg.nn.Sequential()
        >>> net.add_module("conv:1-64", mg.nn.Conv2d(1, 64, 4))
        >>> list(net.state_dict())
        ['conv:1-64.weight', 'conv:1-64.bias']
        """
        owner = type(self).__name__
        taken = isinstance(name, str) and hasattr(self, name) and name not in self._modules
        if not isinstance(name, str) or not name or "." in name or taken:
            raise ConfigError(f"{owner}: expected a name without dots that is not taken, but got {name!r}. Change it.")
        if not isinstance(module, Module):
            raise DTypeError(f"{owner}: expected {name} to be a module, but got a {type(module).__name__}.")
        setattr(self, name, module)

    def apply(self, fn: Callable[[Module], Any]) -> Module:
        """Call ``fn(module)`` for each module inside this one, and then for this one; returns this one.

        >>> net = mg.nn.Sequential(mg.nn.Linear(2, 3), mg.nn.Tanh())
        >>> net = net.apply(lambda module: print(type(module).__name__))
        Linear
        Tanh
        Sequential
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all modules inside it, each with its dotted name."""
        yield prefix, self
        for name, module in self._modules.items():
            yield from module.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator[Module]:
        """This module and all modules inside it."""
        return (module for _, module in self.named_modules())

    def children(self) -> Iterator[Module]:
        """The modules directly inside this one."""
        return iter(self._modules.values())

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """All parameters, each once, with their dotted names, which start with the prefix."""
        return self._named("_parameters", prefix)

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """All buffers, with their dotted names, which start with the prefix."""
        return self._named("_buffers", prefix)

    def buffers(self) -> Iterator[Tensor]:
        """All buffers."""
        return (buffer for _, buffer in self.named_buffers())

    def _named(self, registry: str, prefix: str) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix):
            for name, tensor in getattr(module, registry).items():
                if id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield f"{path}.{name}" if path else name, tensor

    def num_parameters(self) -> int:
        """The number of trainable values.

        >>> mg.nn.Linear(3, 2).num_parameters()
        8
        """
        return sum(parameter.numel() for parameter in self.parameters())

    # ---- state -------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """A copy of all parameters and buffers: PyTorch's keys, host NumPy arrays."""
        return {name: np.array(get_backend(tensor._data).to_host(tensor._data)) for name, tensor in self._named_state()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> None:
        """Copy values in, casting them to this module's types; arrays or tensors of any library.

        Raises:
            StateError: a key is missing or unexpected (if ``strict``), a shape differs, or a value is no array of
                numbers that NumPy has, such as bfloat16. Nothing is changed then.
        """
        if not isinstance(state_dict, Mapping):
            raise StateError(
                f"{type(self).__name__}: expected a state dict, but got an object of type {type(state_dict).__name__}. "
                "Pass what a module's state_dict() gave."
            )
        own = dict(self._named_state())
        missing, unexpected = sorted(own.keys() - state_dict.keys()), sorted(state_dict.keys() - own.keys())
        if strict and (missing or unexpected):
            raise StateError(_keys_message(type(self).__name__, missing, unexpected))
        owner = type(self).__name__
        loaded = {
            name: host_array(f"{owner}: expected {name}", state_dict[name], tensor.shape)
            for name, tensor in own.items()
            if name in state_dict
        }
        for name, array in loaded.items():
            own[name].data = get_backend(own[name]._data).asarray(array)

    def _named_state(self) -> Iterator[tuple[str, Tensor]]:
        """Parameters and buffers in PyTorch's order; shared ones under each of their names."""
        for prefix, module in self.named_modules():
            for name, tensor in (*module._parameters.items(), *module._buffers.items()):
                yield f"{prefix}.{name}" if prefix else name, tensor

    # ---- modes -------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Module:
        """Switch Dropout, BatchNorm and their like to training (or not)."""
        if not isinstance(mode, bool | np.bool):
            raise ArgumentError(f"{type(self).__name__}.train: expected True or False, but got {mode!r}.")
        for module in self.modules():
            replace(module, "training")
            if module.training is not mode:  # a game says this in every step, and an assignment is slow
                module.training = mode
        return self

    def eval(self) -> Module:
        """Switch Dropout, BatchNorm and their like to evaluation."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; or make them zeros, where there are any."""
        forget_gradients(self.parameters(), set_to_none)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Switch the gradients of all parameters on or off."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    @contextlib.contextmanager
    def frozen(self) -> Iterator[Module]:
        """Inside, no parameter takes a gradient, while gradients still pass through; restores what was.

        >>> D = mg.nn.Linear(2, 1)
        >>> x = mg.ones(1, 2, requires_grad=True)
        >>> with D.frozen():
        ...     D(x).sum().backward()
        >>> D.weight.grad is None, x.grad is None
        (True, False)
        """
        before = [(parameter, parameter.requires_grad) for parameter in self.parameters()]
        for parameter, _ in before:
            touch(parameter, "_requires_grad")
            parameter._requires_grad = False
        try:
            yield self
        finally:
            for parameter, required in before:
                parameter._requires_grad = required

    def to(self, *args: Any, device: Any = None, dtype: Any = None) -> Module:
        """Move parameters and floating point buffers to a device, a data type, or both.

        Each Parameter stays the same object, so an optimizer made before keeps training it.

        Raises:
            DTypeError: the type is not a floating point type.
            DeviceError: there is no such device.

        >>> mg.nn.Linear(2, 1).to(mg.float64).weight.dtype
        dtype('float64')
        """
        device, dtype = parse_to(args, device, dtype)
        if dtype is not None and np.dtype(dtype).kind != "f":
            raise DTypeError(f"{type(self).__name__}.to: expected a floating point type, but got {np.dtype(dtype)}.")
        to = None if device is None else resolve_device(device)
        for tensor in (*self.parameters(), *self.buffers()):
            floating = dtype is not None and tensor.dtype.kind == "f"
            tensor._move(to or tensor.device, np.dtype(dtype) if floating else tensor.dtype)
        return self

    def float(self) -> Module:
        """All floating point values as float32."""
        return self.to(dtype=np.float32)

    def double(self) -> Module:
        """All floating point values as float64."""
        return self.to(dtype=np.float64)

    def cpu(self) -> Module:
        """All values on the CPU."""
        return self.to(device="cpu")

    def cuda(self) -> Module:
        """All values on the first GPU."""
        return self.to(device="cuda")

    # ---- in words and numbers ----------------------------------------------------------------------------------------

    def summary(self, *inputs: Any) -> Summary:
        """A table of all layers: name, type, shape of the output, parameters and FLOPs. Print it.

        One forward pass in evaluation mode on zeros finds the shapes; no state is changed. FLOPs are counted as by
        `mg.profile`.

        Args:
            inputs: the shape of each input, batch included, or an example where zeros will not do.

        Raises:
            ArgumentError: no input, or one that is neither a shape nor a tensor.

        >>> print(mg.nn.Sequential(mg.nn.Linear(3, 2), mg.nn.Tanh()).summary((5, 3)))
        layer  type        output  parameters  FLOPs
        --------------------------------------------
               Sequential  (5, 2)           8     70
        0      Linear      (5, 2)           8     60
        1      Tanh        (5, 2)           0     10
        --------------------------------------------
        8 parameters, 8 of them trained; 70 FLOPs
        """
        return summarize(self, inputs)

    def extra_repr(self) -> str:
        """The settings of this layer, for its repr."""
        return ""

    def __repr__(self) -> str:
        parts = [f"  ({name}): {module!r}".replace("\n", "\n  ") for name, module in self._modules.items()]
        inside = "\n" + "\n".join(parts) + "\n" if parts else self.extra_repr()
        return f"{type(self).__name__}({inside})"


def _keys_message(owner: str, missing: list[str], unexpected: list[str]) -> str:
    parts = []
    if missing:
        parts.append(f"misses {', '.join(missing)}")
    if unexpected:
        parts.append(f"has unexpected {', '.join(unexpected)}")
    return (
        f"The state dict for {owner} {' and '.join(parts)}. "
        "Load it into a network of the same layers, or pass strict=False."
    )
