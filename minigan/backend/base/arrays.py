"""Where arrays live, and what every kernel may rely on: an array module, and ways to make and copy arrays."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minigan.backend.base import Backend

Array = Any  # numpy.ndarray or cupy.ndarray: they share no base class
Number = Any  # a float, or a 0-d array that holds one
Dims = tuple[int, ...] | None
Shape = tuple[int, ...]


class Kernels:
    """What all kernels are written in: the array module ``xp``, and arrays of numbers known beforehand."""

    xp: ModuleType
    array_type: type
    device_type: str
    index: int = 0  # of the device, among those of its type

    def table(self, values: tuple[Any, ...], dtype: Any) -> Array:
        """An array of these numbers, or of rows of them, that nobody may write to: a backend may keep it."""
        return self.xp.asarray(values, dtype)

    def _into(self, out: Array, y: Array) -> Array:
        """y, copied into the memory that the caller wants it in."""
        self.xp.copyto(out, y)
        return out


class Arrays(Kernels):
    """Making, moving and copying arrays."""

    def of(self, x: Array) -> Backend:
        """The backend of the device on which x lives, for an array of this backend's type."""
        return self  # type: ignore[return-value]

    def siblings(self) -> list[Backend]:
        """The backends of all devices of this type, this one among them."""
        return [self]  # type: ignore[list-item]

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        """An array of this backend; shares memory with x where it can."""
        return self.xp.asarray(x, dtype)

    def to_host(self, x: Array) -> Any:
        """A NumPy array with the values of x."""
        raise NotImplementedError

    def empty(self, shape: Shape, dtype: Any) -> Array:
        """An array whose values are whatever the memory held."""
        return self.xp.empty(shape, dtype)

    def flat_buffer(self, n: int, dtype: Any) -> Array:
        """n zeros whose first lies on a 64-byte boundary."""
        return self.xp.zeros(n, dtype)

    def full(self, shape: Shape, value: float, dtype: Any) -> Array:
        """An array filled with one value."""
        return self.xp.full(shape, value, dtype)

    def arange(self, start: float, end: float, step: float, dtype: Any) -> Array:
        """start, start + step, ... up to but not including end."""
        return self.xp.arange(start, end, step, dtype)

    def eye(self, n: int, m: int, dtype: Any) -> Array:
        """Ones on the diagonal of an (n, m) matrix of zeros."""
        return self.xp.eye(n, m, 0, dtype)

    def cast(self, x: Array, dtype: Any) -> Array:
        """x with another data type."""
        return x.astype(dtype)

    def copy(self, x: Array) -> Array:
        """A contiguous copy of x."""
        return self.xp.array(x, copy=True, order="C")

    def copy_(self, x: Array, source: Array) -> None:
        """Write source into x, casting and broadcasting as needed."""
        self.xp.copyto(x, source, casting="unsafe")
