"""The arrays of the strict double: NumPy arrays that NumPy cannot reach."""

from typing import Any

import numpy as np

from . import api
from .device_memory import array_at
from .machine import Device, machine

SCALARS = (bool, int, float, complex, np.generic)


class ndarray:  # noqa: N801  (CuPy's name)
    """`cupy.ndarray`: memory on one device. What gets at its values makes the host wait."""

    __slots__ = ("__weakref__", "_device", "_host", "_memory", "base")
    __module__ = "cupy"
    __array_priority__ = 100

    def __init__(self, shape: Any, dtype: Any = float, memptr: Any = None) -> None:
        """An array in this memory, which it keeps alive."""
        self._host, self.base = array_at(memptr, shape, dtype), None
        self._device, self._memory = memptr.device_id, memptr

    # ---- what NumPy may not do -------------------------------------------------------------------------

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`.")

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
        operator = method == "__call__" and len(args) == 2 and isinstance(args[0], np.generic) and not options
        if operator:  # NumPy's scalars hand `scalar * array` on like this
            return getattr(_cupy(), ufunc.__name__)(*args)
        raise TypeError(f"np.{ufunc.__name__} was given an array on the GPU: use xp.{ufunc.__name__}")

    def __array_function__(self, function: Any, *rest: Any) -> Any:
        raise TypeError(f"np.{function.__name__} was given an array on the GPU: use xp.{function.__name__}")

    # ---- what it is --------------------------------------------------------------------------------------

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    T = property(lambda self: self.transpose())
    mT = property(lambda self: self.swapaxes(-1, -2))
    device = property(lambda self: Device(self._device))
    data = property(lambda self: Pointer(self))
    flags = property(lambda self: Flags(self._host.flags))

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: object) -> bool:
        raise TypeError("CuPy's arrays know no `in`")

    # ---- values on the host ------------------------------------------------------------------------------

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> Any:
        machine.wait("get")
        return np.array(self._host, order=order)

    def set(self, arr: Any, stream: Any = None) -> None:
        machine.wait("set")
        self._host[...] = arr

    def item(self) -> Any:
        machine.wait("item")
        return self._host.item()

    def tolist(self) -> Any:
        machine.wait("tolist")
        return self._host.tolist()

    def __bool__(self) -> bool:
        machine.wait("bool()")
        return bool(self._host)

    def __int__(self) -> int:
        machine.wait("int()")
        return int(self._host)

    def __float__(self) -> float:
        machine.wait("float()")
        return float(self._host)

    def __repr__(self) -> str:
        machine.wait("repr()")
        return repr(self._host)

    # ---- copies ------------------------------------------------------------------------------------------

    def copy(self, order: str = "C") -> "ndarray":
        """On the current device, whichever this array lives on."""
        return wrap(self._host.copy(order))

    def __copy__(self) -> "ndarray":
        with self.device:
            return self.copy()

    def __deepcopy__(self, memo: object) -> "ndarray":
        return self.__copy__()

    def __reduce__(self) -> Any:
        raise TypeError("a pickled array of CuPy's can only be read where there is a GPU: save x.get()")

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self._device  # kDLCUDA

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("the strict double has no memory on a GPU to share")

    # ---- parts -------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> "ndarray":
        parts, masked = _parts(index)
        if masked:
            machine.wait("taking the elements of a mask")
        return call(lambda x, *_: x[_wrapped_around(x, parts)], self, *_devices(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        parts, masked = _parts(index)
        arrays = any(isinstance(part, np.ndarray) for part in parts)
        if masked or (arrays and not isinstance(value, ndarray)):
            machine.wait("setting the elements of a mask" if masked else "copying a number to the device")
        if not isinstance(value, (ndarray, *SCALARS)):
            raise ValueError(f"an array on the GPU cannot be filled with {type(value)}")
        known = machine.graph is None  # what is in the index: else it is computed when the graph is launched
        if known and arrays and isinstance(value, ndarray) and _names_a_place_twice(self._host, parts):
            raise ValueError("x[index] = y names a place twice: which value stays there is undefined")
        if isinstance(value, ndarray) and not arrays and _is_same(self._host[parts], value._host):
            return  # `x[index] += y` ends like this: CuPy copies nothing then
        call(lambda x, y, *_: x.__setitem__(_wrapped_around(x, parts), y), self, value, *_devices(index))


class Pointer:
    """`cupy.cuda.MemoryPointer`, as far as it can be looked at."""

    def __init__(self, x: ndarray) -> None:
        self.ptr = x._host.ctypes.data
        self.device = x.device
        self.device_id = x._device


class Flags:
    """`ndarray.flags`: no "writeable" among them."""

    def __init__(self, flags: Any) -> None:
        self.c_contiguous, self.f_contiguous, self.owndata = flags.c_contiguous, flags.f_contiguous, flags.owndata


# ---- from device to host and back ------------------------------------------------------------------------


def wrap(host: Any, base: ndarray | None = None) -> ndarray:
    """A NumPy array, as memory of the current device, or of the device of ``base``, whose memory it shows."""
    if host.dtype.kind not in "biufc" or host.dtype.itemsize > 8 * (1 + (host.dtype.kind == "c")):
        raise ValueError(f"Unsupported dtype {host.dtype}")
    x = object.__new__(ndarray)
    x._host, x.base, x._memory = host, base, None
    x._device = machine.current if base is None else base._device
    if base is None and not machine.allocators:
        machine.pooled += host.nbytes
    elif base is None:
        x._memory = machine.allocators[-1](host.nbytes)
        x._host = array_at(x._memory, host.shape, host.dtype, np.empty_like(host).strides)
        x._host[...] = host
    return x


def call(function: Any, *args: Any, **options: Any) -> Any:
    """NumPy's function on the host memory of the arrays; its results live on the device again.

    What is not a view of an argument is computed, and that can only be on the current device. While the current stream
    is captured, it is computed when the graph is launched.
    """
    arrays: list[ndarray] = []
    args = tuple([_unwrapped(a, arrays) for a in args])
    options = {k: _unwrapped(a, arrays) for k, a in options.items()}
    result = _untouched(function, args, options, arrays) if machine.graph else function(*args, **options)
    several = isinstance(result, tuple | list)
    order = "K" if function in KEEP_ORDER else "C"  # CuPy computes into C order
    found = [_rewrapped(y, arrays, order) for y in (result if several else [result])]
    given = [id(x) for x in arrays]
    fresh = [y for y in found if not isinstance(y, ndarray) or (y.base is None and id(y) not in given)]
    if fresh or options.get("out") is not None:
        for x in arrays:
            machine.check(x._device)
        if function not in ALLOCATING:
            machine.launches += 1
            if machine.graph:
                machine.graph.nodes.append(_node(function, args, options, found, fresh))
    return tuple(found) if isinstance(result, tuple) else found if several else found[0]


def _untouched(function: Any, args: Any, options: Any, arrays: list[ndarray]) -> Any:
    """The function's result, but what it was given is put back as it was."""
    if function is np.matmul and arrays[0].dtype.kind == "f":
        raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")
    before = [(x._host, x._host.copy()) for x in arrays if x._host.flags.writeable]
    result = function(*args, **options)
    for memory, values in before:
        memory[...] = values
    return result


def _node(function: Any, args: Any, options: Any, found: list[Any], fresh: list[Any]) -> Any:
    """What runs the function when a graph is launched. Until then its results hold nothing useful."""
    # It knows where they lie, but does not keep them alive: their memory may be given to others after this.
    memory = [y._host if isinstance(y, ndarray) and any(y is x for x in fresh) else None for y in found]
    for y in memory:
        if y is not None:
            y.fill(POISON[y.dtype.kind])

    def run() -> None:
        result = function(*args, **options)
        for y, again in zip(memory, result if isinstance(result, tuple | list) else [result], strict=True):
            if y is not None:
                y[...] = again

    return run


ALLOCATING = {np.empty, np.empty_like}
POISON = {"f": np.nan, "c": np.nan, "i": -77, "u": 77, "b": True}
KEEP_ORDER = {
    np.array, np.asfortranarray, np.copy, np.empty_like, np.full_like, np.ndarray.astype, np.ones_like, np.zeros_like,
}  # fmt: skip


def _unwrapped(value: Any, arrays: list[ndarray]) -> Any:
    if isinstance(value, ndarray):
        arrays.append(value)
        return value._host
    if isinstance(value, list | tuple):
        return type(value)([_unwrapped(part, arrays) for part in value])
    if hasattr(value, "__array__") and not isinstance(value, np.generic | type):
        raise TypeError(f"Unsupported type {type(value)}")
    return value


def _rewrapped(y: Any, arrays: list[ndarray], order: str) -> Any:
    if not isinstance(y, np.ndarray | np.generic):
        return y
    for x in arrays:
        if y is x._host:
            return x
    y = np.asarray(y)
    for x in arrays:
        if (y.size and np.may_share_memory(y, x._host)) or y.base is x._host:
            return wrap(y, x if x.base is None else x.base)
    return wrap(np.asarray(y, order=order))


# ---- indices ---------------------------------------------------------------------------------------------


def _devices(index: Any) -> list[ndarray]:
    """The arrays in an index."""
    return [part for part in (index if isinstance(index, tuple) else (index,)) if isinstance(part, ndarray)]


def _parts(index: Any) -> tuple[tuple[Any, ...], bool]:
    """The index for NumPy, and whether it holds a mask: its length is known on the device only.

    Lists and NumPy arrays are copied to the device.
    """
    parts = [_host_part(part) for part in (index if isinstance(index, tuple) else (index,))]
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)  # so that a single element is a view, too
    return tuple(parts), any(isinstance(part, np.ndarray) and part.dtype == np.bool_ for part in parts)


def _wrapped_around(x: Any, parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """The index with those that are too large wrapped around, as they are in CuPy: by what is in memory by now."""
    found, lengths, dim = list(parts), [_consumes(part) for part in parts], 0
    for i, part in enumerate(parts):
        if isinstance(part, np.ndarray) and part.dtype.kind in "iu" and dim < x.ndim and x.shape[dim]:
            found[i] = part % x.shape[dim]
        dim += x.ndim - sum(lengths) if part is Ellipsis else lengths[i]
    return tuple(found)


def _host_part(part: Any) -> Any:
    if part is None or part is Ellipsis or isinstance(part, slice | ndarray):
        return part._host if isinstance(part, ndarray) else part
    if np.isscalar(part) and not isinstance(part, bool | np.bool_):
        return part
    machine.wait("copying an index to the device")
    part = np.asarray(part)
    return part if part.size else part.astype(np.int32)


def _consumes(part: Any) -> int:
    """How many dimensions this part of an index is about."""
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype == np.bool_ else 1


def _is_same(x: Any, y: Any) -> bool:
    """Whether two arrays are the same part of the same memory."""
    where = "__array_interface__"
    return getattr(x, where)["data"] == getattr(y, where)["data"] and (x.shape, x.strides) == (y.shape, y.strides)


def _names_a_place_twice(x: Any, parts: tuple[Any, ...]) -> bool:
    places = np.arange(x.size).reshape(x.shape)[_wrapped_around(x, parts)]
    return bool(np.unique(places).size < places.size)


# ---- methods and operators -------------------------------------------------------------------------------


def _method(name: str) -> Any:
    signature = api.signature(f"ndarray.{name}")
    function = WRAPPING.get(name) or getattr(np.ndarray, name)

    def method(self: ndarray, *args: Any, **options: Any) -> Any:
        signature.bind(self, *args, **options)
        if name in WAITING:
            machine.wait(f"ndarray.{name}")
        return call(function, self, *args, **options)

    method.__name__, method.__signature__ = name, signature
    return method


WAITING = {"nonzero", "compress", "put"}
WRAPPING = {  # functions that would raise in NumPy where an index is out of range
    "take": lambda a, indices, axis=None, out=None: np.take(a, indices, axis, out, mode="wrap"),
    "take_along_axis": lambda a, indices, axis: np.take_along_axis(a, indices % a.shape[axis], axis),
    "put_along_axis": lambda a, indices, values, axis: np.put_along_axis(a, indices % a.shape[axis], values, axis),
}


def _operator(name: str, reflected: bool) -> Any:
    def operator(self: ndarray, other: Any) -> Any:
        if getattr(other, "__array_ufunc__", self) is None:  # as NumPy's arrays, CuPy's leave it to such an object
            return NotImplemented
        ufunc = getattr(_cupy(), name)
        return ufunc(other, self) if reflected else ufunc(self, other)

    return operator


def _in_place(name: str) -> Any:
    return lambda self, other: getattr(_cupy(), name)(self, other, self)


def _cupy() -> Any:
    from . import strict

    return strict.MODULE


METHODS = {
    name.removeprefix("ndarray.")
    for name, text in api.read().items()
    if name.startswith("ndarray.") and text != api.PROPERTY
} - {"dump", "dumps", "tobytes", "tofile", *vars(ndarray)}
for _name in METHODS:
    setattr(ndarray, _name, _method(_name))

ARITHMETIC = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "left_shift", "rshift": "right_shift",
}  # fmt: skip
COMPARISONS = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
}  # fmt: skip
for _name, _ufunc in (ARITHMETIC | {"matmul": "matmul"}).items():
    setattr(ndarray, f"__{_name}__", _operator(_ufunc, reflected=False))
    setattr(ndarray, f"__r{_name}__", _operator(_ufunc, reflected=True))
for _name, _ufunc in ARITHMETIC.items():
    setattr(ndarray, f"__i{_name}__", _in_place(_ufunc))
for _name, _ufunc in COMPARISONS.items():
    setattr(ndarray, f"__{_name}__", _operator(_ufunc, reflected=False))
for _name, _ufunc in {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}.items():
    setattr(ndarray, f"__{_name}__", lambda self, ufunc=_ufunc: getattr(_cupy(), ufunc)(self))


def _no_in_place_product(self: ndarray, other: Any) -> Any:
    raise TypeError("CuPy's arrays know no `a @= b`")


ndarray.__imatmul__ = _no_in_place_product
ndarray.__hash__ = None
