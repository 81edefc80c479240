"""Arrays that leave a trace: while kernels run on them, every NumPy call is made as ever, and noted.

NumPy hands calls on its subclasses over, by two protocols of its own (NEP 13 and NEP 18). So kernels need not know that
they are traced, as long as they make arrays by the array module of their backend, here one of `traced_numpy`.
A kernel cannot look at a value: the next run would have another one.
"""

from __future__ import annotations

import contextlib
import operator
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigan.captured.trace import Trace, address, mapped, owner_of
from minigan.errors import CaptureError


class TracedArray(np.ndarray[Any, Any]):
    """An array whose uses are noted in the trace that is being written."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: tuple[Any, ...] = (), **options: Any) -> Any:
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        inputs, options = plain(inputs), {name: plain(value) for name, value in options.items()}
        if method == "at":
            function(*inputs)
            _trace().record(function, inputs, written=[inputs[0]])
            return None
        (given,) = plain(out) or (None,)
        y = np.asarray(function(*inputs, **options, out=given))
        if given is None:
            _trace().made(y)
        _record_ufunc(function, method, inputs, options, y)
        return _traced(y) if given is None else out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in _CALLS:
            return _CALLS[function](*args, **kwargs)
        if function in _MADE_OF_OTHERS:
            return super().__array_function__(function, types, args, kwargs)
        if function in _ABOUT_SHAPES:
            return function(*plain(args), **kwargs)
        raise CaptureError(f"capture: a kernel calls numpy.{function.__name__}, of which no trace can be kept.")

    # ---- what NumPy does without asking its protocols

    def __getitem__(self, index: Any) -> Any:
        if _is_basic(index):
            y = super().__getitem__((*index, ...) if isinstance(index, tuple) and ... not in index else index)
            return y if isinstance(y, np.ndarray) else super().__getitem__((index, ...))
        _refuse_masks(index)
        return _new(operator.getitem, (plain(self), plain(index)))

    def __setitem__(self, index: Any, value: Any) -> None:
        if _is_basic(index):
            copyto(self[index], value)
            return
        _refuse_masks(index)
        args = (plain(self), plain(index), plain(value))
        operator.setitem(*args)
        _trace().record(operator.setitem, args, written=[args[0]])

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """`numpy.ndarray.astype`."""
        return filled(np.empty_like(plain(self), dtype=dtype, subok=False), self)

    def copy(self, order: Any = "C") -> Any:
        """`numpy.ndarray.copy`."""
        return filled(np.empty_like(plain(self), order=order), self)

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        """`numpy.ndarray.reshape`; a copy is noted, too."""
        y = super().reshape(*shape, **kwargs)
        if owner_of(y) is owner_of(self):
            return y
        return self.copy().reshape(*shape, **kwargs)

    def ravel(self, order: Any = "C") -> Any:
        """`numpy.ndarray.ravel`."""
        return self.reshape(-1, order=order)

    def flatten(self, order: Any = "C") -> Any:
        """`numpy.ndarray.flatten`."""
        return self.copy().reshape(-1, order=order)

    def fill(self, value: Any) -> None:
        """`numpy.ndarray.fill`."""
        x = plain(self)
        x.fill(value)
        _trace().record(np.ndarray.fill, (x, value), written=[x])

    def take(self, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
        """`numpy.ndarray.take`."""
        return take(self, indices, axis, out, mode)

    def argsort(self, *args: Any, **kwargs: Any) -> Any:
        """`numpy.ndarray.argsort`."""
        return _new(np.argsort, (plain(self), *args), kwargs)

    def argmax(self, *args: Any, **kwargs: Any) -> Any:
        """`numpy.ndarray.argmax`."""
        return _new(np.argmax, (plain(self), *args), kwargs)

    def argmin(self, *args: Any, **kwargs: Any) -> Any:
        """`numpy.ndarray.argmin`."""
        return _new(np.argmin, (plain(self), *args), kwargs)


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise CaptureError(
            f"capture: a kernel asks an array for its {name.strip('_')}, which a replay would not ask again."
        )

    return refuse


# They take values out of arrays, or change arrays unseen.
for _name in (
    "__bool__", "__float__", "__int__", "__index__", "__complex__", "item", "tolist", "tobytes", "nonzero", "all",
    "any",
    "dot", "sort", "partition", "argpartition", "put", "resize", "byteswap", "choose", "repeat", "searchsorted",
    "compress", "trace", "cumsum", "cumprod", "round",
):  # fmt: skip
    setattr(TracedArray, _name, _refusal(_name))


# ---- functions that NumPy hands over


def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """`numpy.copyto`; a number is filled in, which is faster."""
    dst, src, where = plain((dst, src, where))
    if where is True and _same(dst, src):  # how Python ends x[i] += y
        return
    np.copyto(dst, src, casting, where)  # type: ignore[arg-type]
    if where is True and not isinstance(src, np.ndarray):
        _trace().record(np.ndarray.fill, (dst, src), written=[dst])
    else:
        _trace().record(np.copyto, (dst, src, casting, where), written=[dst])


def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
    """`numpy.take`. With mode "raise" it would write to a buffer first; what is wrong is raised here, once."""
    args = plain((a, indices, axis))
    y = np.take(*args, out=plain(out), mode=mode)
    if out is None:
        _trace().made(y)
    _trace().record(np.take, (*args, y, "wrap" if mode == "raise" else mode), written=[y])
    return _traced(y) if out is None else out


def concatenate(arrays: Any, axis: Any = 0, out: Any = None, **options: Any) -> Any:
    """`numpy.concatenate`."""
    arrays = [plain(x) for x in arrays]
    y = np.concatenate(arrays, axis, out=plain(out), **options)
    if out is None:
        _trace().made(y)
    _trace().record(np.concatenate, (arrays, axis, y), options, [y])
    return _traced(y) if out is None else out


def where(condition: Any, x: Any, y: Any) -> Any:
    """`numpy.where`, which has no ``out``: y, and x over it where the condition holds."""
    result = np.where(*plain((condition, x, y)))
    _trace().made(result)
    traced = _traced(result)
    copyto(traced, y, "unsafe")
    copyto(traced, x, "unsafe", where=condition)
    return traced


def einsum(subscripts: str, *operands: Any, **options: Any) -> Any:
    """`numpy.einsum`, in one go."""
    args = (subscripts, *plain(operands))
    y = np.asarray(np.einsum(*args, **options))
    _trace().made(y)
    _trace().record(np.einsum, args, {**options, "out": y}, [y])
    return _traced(y)


def vdot(a: Any, b: Any) -> Any:
    """`numpy.vdot` of real arrays, as `numpy.dot` of all their elements in a row, which has an ``out``."""
    args = plain((a.reshape(-1), b.reshape(-1)))
    y = np.asarray(np.dot(*args))
    _trace().made(y)
    _trace().record(np.dot, (*args, y), written=[y])
    return _traced(y)


def empty_like(prototype: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None) -> Any:
    """`numpy.empty_like`."""
    y = np.empty_like(plain(prototype), dtype, order, shape=shape)
    _trace().made(y)
    return _traced(y)


def zeros_like(prototype: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None) -> Any:
    """`numpy.zeros_like`."""
    return filled(np.empty_like(plain(prototype), dtype, order, shape=shape), 0)


def take_along_axis(arr: Any, indices: Any, axis: Any) -> Any:
    """`numpy.take_along_axis`."""
    return _new(np.take_along_axis, plain((arr, indices, axis)))


def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """`numpy.broadcast_to`."""
    return _traced(np.broadcast_to(plain(array), shape))


_CALLS: dict[Any, Callable[..., Any]] = {
    np.copyto: copyto,
    np.take: take,
    np.concatenate: concatenate,
    np.where: where,
    np.einsum: einsum,
    np.vdot: vdot,
    np.empty_like: empty_like,
    np.zeros_like: zeros_like,
    np.take_along_axis: take_along_axis,
    np.broadcast_to: broadcast_to,
    np.searchsorted: lambda a, v, *args, **kwargs: _new(np.searchsorted, (plain(a), plain(v), *args), kwargs),
    np.argsort: lambda a, *args, **kwargs: a.argsort(*args, **kwargs),
    np.argmax: lambda a, *args, **kwargs: a.argmax(*args, **kwargs),
    np.argmin: lambda a, *args, **kwargs: a.argmin(*args, **kwargs),
}

# Functions in Python that call others.
_MADE_OF_OTHERS = {
    np.stack, np.expand_dims, np.moveaxis, np.flip, np.squeeze, np.swapaxes, np.transpose, np.reshape, np.ravel,
    np.sum, np.max, np.min, np.mean, np.clip,
}  # fmt: skip

_ABOUT_SHAPES = {np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.shares_memory, np.may_share_memory}


# ---- in and out of a trace


class _Here(threading.local):
    trace: Any = None  # the Trace that is being written


_here = _Here()


@contextlib.contextmanager
def noted_in(trace: Trace) -> Iterator[None]:
    """Inside, this thread's calls are noted in this trace."""
    _here.trace = trace
    try:
        yield
    finally:
        _here.trace = None


def enter(x: Any) -> Any:
    """An argument of a kernel, traced; also inside tuples and lists."""
    return mapped(np.ndarray, _admitted, x)


def _admitted(x: Any) -> Any:
    _trace().admit(x)
    return _traced(x)


def leave(y: Any) -> Any:
    """A result of a kernel, as a plain array: the one that owns its memory, if it shows all of it."""
    return mapped(TracedArray, _left, y)


def _left(y: Any) -> Any:
    owner = owner_of(y)
    if (owner.shape, owner.strides, owner.dtype) == (y.shape, y.strides, y.dtype) and type(owner) is np.ndarray:
        return owner
    if not (owner.flags.c_contiguous or owner.flags.f_contiguous):  # it came from outside of minigan
        return y.view(np.ndarray)
    plain: Any = np.ndarray(y.shape, y.dtype, owner, address(y) - address(owner), y.strides)  # its base is the owner
    plain.flags.writeable = y.flags.writeable
    return plain


def _trace() -> Trace:
    return _here.trace  # type: ignore[no-any-return]


def _traced(x: Any) -> Any:
    return x.view(TracedArray)


def plain(x: Any) -> Any:
    """x without traces; also inside tuples and lists."""
    return mapped(TracedArray, _untraced, x)


def _untraced(x: Any) -> Any:
    return x.view(np.ndarray)


def _same(x: Any, y: Any) -> bool:
    """Whether both show the same memory in the same way."""
    kind = "__array_interface__"
    return isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and getattr(x, kind) == getattr(y, kind)


def _record_ufunc(function: Any, method: str, inputs: Any, options: dict[str, Any], y: Any) -> None:
    """With ``out`` by position, which NumPy reads faster than by name, where NumPy allows it."""
    if method == "__call__" and function not in (np.maximum, np.minimum):
        _trace().record(function, (*inputs, y), options, [y])
    elif method == "reduce" and options.get("where", True) is True:
        axis, dtype, keepdims = options.get("axis", 0), options.get("dtype"), options.get("keepdims", False)
        _trace().record(function, (*inputs, axis, dtype, y, keepdims), written=[y])
    else:
        _trace().record(function, inputs, {**options, "out": y}, [y])


def _new(function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any] | None = None) -> Any:
    """The result of a function without ``out``: a replay makes it anew, and copies it to where this one is."""
    y = np.asarray(function(*args, **(options or {})))
    _trace().made(y)
    _trace().record(_into, (y, function, *args), options, [y])
    return _traced(y)


def _into(y: Any, function: Callable[..., Any], *args: Any, **options: Any) -> None:
    np.copyto(y, function(*args, **options))


def made(y: Any) -> Any:
    """A new array, traced."""
    _trace().made(y)
    return _traced(y)


def filled(y: Any, value: Any) -> Any:
    """A new array, traced, with this value everywhere from the first run on."""
    y = made(y)
    copyto(y, value, "unsafe")
    return y


def _is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is ... or isinstance(part, int | slice | np.integer) for part in parts)


def _refuse_masks(index: Any) -> None:
    parts = index if isinstance(index, tuple) else (index,)
    if any(getattr(part, "dtype", None) == np.bool_ for part in parts):
        raise CaptureError(
            "capture: found a mask as an index, which picks another number of values each time; use mg.where."
        )
