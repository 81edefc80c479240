"""Spectral normalisation: a weight divided by its largest singular value, so that a layer is 1-Lipschitz.

The singular value is u^T W v, where u and v come of power iteration: one round of it in each forward pass in
training suffices, as weights move slowly. Source: Miyato, Kataoka, Koyama and Yoshida 2018, algorithm 1.
"""

from __future__ import annotations

from typing import Any

from minigan.backend import get_backend
from minigan.errors import ConfigError, DTypeError, ShapeError
from minigan.hooks import RemovableHandle
from minigan.nn import init
from minigan.nn.conv import ConvTranspose2d
from minigan.nn.module import Module, Parameter
from minigan.ops.checks import real, whole
from minigan.ops.creation import zeros
from minigan.ops.elementwise import clamp, sqrt
from minigan.ops.linalg import matmul
from minigan.ops.shape import normal_dim, permute, reshape
from minigan.recording import no_grad
from minigan.tensor import Tensor
from minigan.variable import constant


class SpectralNorm:
    """The pre-hook that computes ``module.<name>`` of ``<name>_orig``, ``<name>_u`` and ``<name>_v``."""

    def __init__(self, name: str, n_power_iterations: int, eps: float, dim: int) -> None:
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.eps = eps
        self.dim = dim
        self.handles: tuple[RemovableHandle, ...] = ()

    def __call__(self, module: Module, args: tuple[Any, ...]) -> None:
        """Called before each forward pass."""
        setattr(module, self.name, self.weight(module, iterate=module.training))

    def after(self, module: Module, args: tuple[Any, ...], y: Any) -> None:
        """Called after it, also if it failed: the module keeps the values alone, holds no graph and can be copied."""
        setattr(module, self.name, getattr(module, self.name).detach())

    def weight(self, module: Module, iterate: bool) -> Tensor:
        """The normalised weight, on the tape."""
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        matrix = self.matrix(weight)
        if iterate:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.data = _normalized(matmul(u, matrix), self.eps)
                    u.data = _normalized(matmul(matrix, v), self.eps)
        u, v = _copied(u), _copied(v)  # the next forward pass changes u and v, but not what the tape saved
        sigma = matmul(u, matmul(matrix, v))
        normalised: Tensor = weight / sigma
        return normalised

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight as a matrix with dimension ``dim`` as its rows."""
        others = [d for d in range(weight.ndim) if d != self.dim]
        return reshape(permute(weight, self.dim, *others), weight.shape[self.dim], -1)


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a module's weight by its largest singular value in each forward pass; returns the module.

    The parameter is called ``<name>_orig`` from now on; u and v are buffers, ``<name>_u`` and ``<name>_v``, that each
    forward pass in training improves. In evaluation they stay as they are.

    Args:
        module: a layer with a weight of at least one dimension.
        name: which of its parameters.
        n_power_iterations: rounds in each forward pass.
        eps: the least length that u and v are divided by.
        dim: which dimension of the weight counts the outputs; by default 1 for ConvTranspose2d, else 0.

    Raises:
        ConfigError: there is no such parameter, it is normalised already, or n_power_iterations is below 1.
        ShapeError: the weight has no dimension ``dim``.

    >>> D = mg.nn.utils.spectral_norm(mg.nn.Linear(20, 40))
    >>> list(D.state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    weight = _parameter(module, name)
    n_power_iterations = whole("spectral_norm", "n_power_iterations", n_power_iterations)
    eps = real("spectral_norm", "eps", eps)
    if n_power_iterations < 1:
        raise ConfigError(f"spectral_norm: expected n_power_iterations of at least 1, but got {n_power_iterations}.")
    if dim is None:
        dim = 1 if isinstance(module, ConvTranspose2d) else 0
    if not weight.shape:
        raise ShapeError(f"spectral_norm: expected a weight with dimensions, but {name} of {module!r} has none.")
    hook = SpectralNorm(name, n_power_iterations, eps, normal_dim(dim, len(weight.shape), "spectral_norm"))
    rows, columns = hook.matrix(weight.detach()).shape
    delattr(module, name)
    setattr(module, f"{name}_orig", weight)
    for part, length in (("u", rows), ("v", columns)):
        start = init.normal_(zeros(length, dtype=weight.dtype, device=weight.device))
        module.register_buffer(f"{name}_{part}", _normalized(start, eps))
    setattr(module, name, weight.detach())
    after = module.register_forward_hook(hook.after, always_call=True)
    hook.handles = module.register_forward_pre_hook(hook), after
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the normalised weight, as it is now, an ordinary parameter again; returns the module.

    Raises:
        ConfigError: the module's parameter of this name is not spectrally normalised.

    >>> D = mg.nn.utils.spectral_norm(mg.nn.Linear(20, 40))
    >>> list(mg.nn.utils.remove_spectral_norm(D).state_dict())
    ['bias', 'weight']
    """
    _require_module("remove_spectral_norm", module)
    hooks = module._hooks.before.values() if module._hooks else ()
    hook = next((h for h in hooks if isinstance(h, SpectralNorm) and h.name == name), None)
    if hook is None:
        raise ConfigError(
            f"remove_spectral_norm: {name} of {module!r} is not spectrally normalised. Apply spectral_norm first."
        )
    weight = hook.weight(module, iterate=False)
    for part in ("", "_orig", "_u", "_v"):
        delattr(module, name + part)
    for handle in hook.handles:
        handle.remove()
    setattr(module, name, Parameter(weight.detach()))
    return module


def _parameter(module: Module, name: str) -> Parameter:
    _require_module("spectral_norm", module)
    if f"{name}_orig" in module._parameters:
        raise ConfigError(f"spectral_norm: {name} of {module!r} is spectrally normalised already. Apply it once.")
    weight = module._parameters.get(name)
    if weight is None:
        own = ", ".join(module._parameters) or "none"
        raise ConfigError(
            f"spectral_norm: {module!r} has no parameter {name}; its own are: {own}. "
            "Apply it to each layer, not to a network of layers."
        )
    return weight  # type: ignore[no-any-return]


def _require_module(owner: str, module: Any) -> None:
    if not isinstance(module, Module):
        raise DTypeError(f"{owner}: expected a module, but got an object of type {type(module).__name__}.")


def _normalized(x: Tensor, eps: float) -> Tensor:
    """x / max(|x|, eps)."""
    return x / clamp(sqrt(matmul(x, x)), min=eps)


def _copied(x: Tensor) -> Tensor:
    return constant(get_backend(x._data).copy(x._data))
