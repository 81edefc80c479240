"""Hooks of modules: called before forward, after it, or when the gradients of the inputs are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigan.backend import Array, Backend, get_backend
from minigan.errors import ArgumentError, ShapeError
from minigan.hooks import Hook, Hooks, RemovableHandle, register, sweep_number
from minigan.observers.observer import call_watched, observers
from minigan.recording import recording
from minigan.tape import primitive
from minigan.tensor import Tensor
from minigan.variable import constant

Gradients = tuple[Tensor | None, ...]


class ModuleHooks:
    """The hooks of one module, three kinds, each in the order of registration."""

    def __init__(self) -> None:
        self.before: Hooks = {}
        self.after: Hooks = {}
        self.always: set[int] = set()  # the numbers of those of them that are called also when forward raises
        self.backward: Hooks = {}


class Hooked:
    """What a module has for its hooks. No hook, no cost: without any, ``_hooks`` is None."""

    _hooks: ModuleHooks | None = None
    forward: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """``module(x)`` is ``module.forward(x)``, with the module's hooks."""
        if observers:
            return call_watched(self, lambda: _call(self, args, kwargs))
        return self.forward(*args, **kwargs) if self._hooks is None else _call(self, args, kwargs)

    def register_forward_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, args)`` before forward; what it returns, if not None, takes the place of the args.

        >>> layer = mg.nn.Tanh()
        >>> handle = layer.register_forward_pre_hook(lambda layer, args: args[0] * 0)
        >>> layer(mg.ones(2))
        tensor([0., 0.])
        """
        return register(self._own_hooks().before, hook)

    def register_forward_hook(self, hook: Hook, *, always_call: bool = False) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after forward; what it returns, if not None, becomes the output.

        With ``always_call`` also when forward or another hook raises: then the output is None.

        >>> layer = mg.nn.Tanh()
        >>> handle = layer.register_forward_hook(lambda layer, args, y: print(y.shape))
        >>> y = layer(mg.ones(2))
        (2,)
        """
        hooks = self._own_hooks()
        handle = register(hooks.after, hook)
        if always_call:
            hooks.always.add(handle._number)
        return handle

    def register_full_backward_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` in backward, when the gradients of the inputs are known.

        Both are tuples with a gradient for each positional argument and each output, None for what has none. What
        the hook returns, if not None, takes the place of ``grad_input``. If no argument requires a gradient, the
        hook is called with the gradients of the outputs, and has nothing to replace.

        Raises:
            ArgumentError: in backward, the hook returned not as many gradients as there are arguments.

        >>> layer = mg.nn.Tanh()
        >>> handle = layer.register_full_backward_hook(lambda layer, gx, gy: (gx[0] * 10,))
        >>> x = mg.zeros(2, requires_grad=True)
        >>> layer(x).sum().backward()
        >>> x.grad
        array([10., 10.], dtype=float32)
        """
        return register(self._own_hooks().backward, hook)

    def _own_hooks(self) -> ModuleHooks:
        if self._hooks is None:
            object.__setattr__(self, "_hooks", ModuleHooks())
        return self._hooks  # type: ignore[return-value]


def _call(module: Hooked, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    hooks = module._hooks
    if hooks is None:
        return module.forward(*args, **kwargs)
    waiting = {number: hook for number, hook in hooks.after.items() if number in hooks.always} if hooks.always else {}
    try:
        return _call_hooked(module, hooks, waiting, args, kwargs)
    except BaseException:
        for hook in waiting.values():
            hook(module, args, None)
        raise


def _call_hooked(
    module: Hooked, hooks: ModuleHooks, waiting: Hooks, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Forward and the hooks around it; those that have been called wait no longer."""
    for before in list(hooks.before.values()):
        replaced = before(module, args)
        if replaced is not None:
            args = replaced if isinstance(replaced, tuple) else (replaced,)
    seen = _Seen(module) if hooks.backward and recording() else None
    if seen is not None:
        args = seen.through_inputs(args)
    y = module.forward(*args, **kwargs)
    for number, after in list(hooks.after.items()):
        waiting.pop(number, None)
        replaced = after(module, args, y)
        y = y if replaced is None else replaced
    return y if seen is None else seen.through_outputs(y)


# ---- backward hooks --------------------------------------------------------------------------------------


class _Seen:
    """One call of a module, and the gradients that were seen of it in backward."""

    def __init__(self, module: Hooked) -> None:
        self.module = module
        self.grad_output: tuple[int, Gradients] | None = None  # and in which sweep they came
        self.inputs = 0
        self.ends_here = False  # whether nothing behind the outputs needs a gradient of the inputs

    def through_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, and when their gradients are known, the hooks are called."""
        self.inputs = len(args)
        self.ends_here = not any(_needs_gradient(x) for x in args)
        return _gate(args, self._call_hooks)

    def through_outputs(self, y: Any) -> Any:
        """What forward returned; its gradients are kept for the hooks."""
        if isinstance(y, tuple):
            return _gate(y, self._keep)
        return _gate((y,), self._keep)[0]

    def _keep(self, grad_output: Gradients) -> Gradients:
        self.grad_output = sweep_number(), grad_output
        if self.ends_here:
            self._call_hooks((None,) * self.inputs)
        return grad_output

    def _call_hooks(self, grad_input: Gradients) -> Gradients:
        hooks, (sweep, grad_output) = self.module._hooks, self.grad_output or (None, ())
        self.grad_output = None
        if hooks is None or sweep != sweep_number():  # no gradient came by the outputs, as in a second derivative
            return grad_input
        for hook in list(hooks.backward.values()):
            replaced = hook(self.module, grad_input, grad_output)
            if replaced is not None:
                grad_input = self._checked(replaced, grad_input)
        return grad_input

    def _checked(self, replaced: Any, grad_input: Gradients) -> Gradients:
        replaced = replaced if isinstance(replaced, tuple) else (replaced,)
        if len(replaced) != len(grad_input):
            raise ArgumentError(
                f"register_full_backward_hook: expected the hook of {self.module!r} to return None or a tuple of "
                f"{len(grad_input)} gradients, one for each argument, but got {len(replaced)}."
            )
        for i, (new, old) in enumerate(zip(replaced, grad_input, strict=True)):
            if old is not None and new is not None and getattr(new, "shape", None) != old.shape:
                raise ShapeError(
                    f"register_full_backward_hook: expected the hook of {self.module!r} to return a gradient of shape "
                    f"{old.shape} for argument {i}, but got {getattr(new, 'shape', new)!r}."
                )
        return replaced  # type: ignore[no-any-return]


def _needs_gradient(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _gate(values: tuple[Any, ...], visit: Callable[[Gradients], Gradients]) -> tuple[Any, ...]:
    """The same values. In backward ``visit`` is called once, with the gradients of all of them, and may replace them.

    A value's gradient comes to its gate, is left in ``arrived``, and a zero goes on to the meeting point. That is
    older than the gates, so backward reaches it when all have arrived, and from there the gradients go their ways.
    """
    places = [i for i, x in enumerate(values) if _needs_gradient(x)]
    if not places:
        return values
    arrived: dict[int, tuple[int, Tensor]] = {}
    n = len(values)

    def go_on() -> list[Tensor | None]:  # must not hold the values: they may die before backward
        now = {i: gx for i, (sweep, gx) in arrived.items() if sweep == sweep_number()}  # not of one that failed
        arrived.clear()
        gradients = visit(tuple(now.get(i) for i in range(n)))
        return [gradients[i] for i in places]

    meeting = _meet(*[values[i] for i in places], go_on=go_on)
    through = {i: _pass(values[i].detach(), meeting, arrive=_Arrival(arrived, i)) for i in places}
    return tuple(through.get(i, x) for i, x in enumerate(values))


class _Arrival:
    """Where the gradient of one value is left."""

    def __init__(self, arrived: dict[int, tuple[int, Tensor]], i: int) -> None:
        self.arrived, self.i = arrived, i

    def __call__(self, gy: Tensor) -> Tensor:
        self.arrived[self.i] = sweep_number(), gy
        return constant(get_backend(gy._data).full((), 0, gy.dtype))


@primitive(joint=lambda needed, gy, go_on: go_on())
def _meet(k: Backend, *xs: Array, go_on: Callable[[], list[Tensor | None]]) -> Array:
    """A zero that all xs lead to."""
    return k.full((), 0, xs[0].dtype)


@primitive(meeting=lambda gy, arrive: arrive(gy))
def _pass(k: Backend, x: Array, meeting: Array, *, arrive: _Arrival) -> Array:
    """y = x."""
    return k.reshape(x, x.shape)
