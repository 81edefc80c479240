"""The specification of every kernel: plain array code that works for any NumPy-like module ``xp``.

A backend says where arrays live and how kernels run. This base class is correct for NumPy and CuPy alike and
is what every faster override is tested against; overrides keep its signatures.

Three rules hold for each kernel: it never writes to its inputs (kernels that do so end in ``_``); one that takes
``out`` puts its result there and returns it; and it uses only what NumPy and CuPy both have (CuPy's ufuncs, for one,
know no ``where=``). For 0-d operands NumPy's ufuncs return scalars in place of arrays: `Primitive.run` makes arrays
of them, so a tensor always holds an array.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from minigan.backend import philox

Array = Any  # numpy.ndarray or cupy.ndarray: they share no base class
Dims = tuple[int, ...] | None
Shape = tuple[int, ...]


class Backend:
    """All kernels in terms of the array module ``xp``."""

    xp: ModuleType
    array_type: type
    device_type: str

    # ---- where arrays live -------------------------------------------------------------------------------

    index: int = 0  # of the device, among those of its type

    def of(self, x: Array) -> Backend:
        """The backend of the device on which x lives, for an array of this backend's type."""
        return self

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        """An array of this backend; shares memory with x where it can."""
        return self.xp.asarray(x, dtype)

    def to_host(self, x: Array) -> Any:
        """A NumPy array with the values of x."""
        raise NotImplementedError

    # ---- making and copying ------------------------------------------------------------------------------

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

    # ---- arithmetic --------------------------------------------------------------------------------------

    def add(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.add(x1, x2, out=out)

    def sub(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.subtract(x1, x2, out=out)

    def mul(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.multiply(x1, x2, out=out)

    def div(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.true_divide(x1, x2, out=out)

    def pow(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.power(x1, x2, out=out)

    def neg(self, x: Array, out: Array = None) -> Array:
        return self.xp.negative(x, out=out)

    def abs(self, x: Array, out: Array = None) -> Array:
        return self.xp.absolute(x, out=out)

    def sign(self, x: Array, out: Array = None) -> Array:
        return self.xp.sign(x, out=out)

    def square(self, x: Array, out: Array = None) -> Array:
        return self.xp.square(x, out=out)

    def sqrt(self, x: Array, out: Array = None) -> Array:
        return self.xp.sqrt(x, out=out)

    def rsqrt(self, x: Array, out: Array = None) -> Array:
        return self.xp.reciprocal(self.xp.sqrt(x), out=out)

    def reciprocal(self, x: Array, out: Array = None) -> Array:
        return self.xp.reciprocal(x, out=out)

    def exp(self, x: Array, out: Array = None) -> Array:
        return self.xp.exp(x, out=out)

    def expm1(self, x: Array, out: Array = None) -> Array:
        return self.xp.expm1(x, out=out)

    def log(self, x: Array, out: Array = None) -> Array:
        return self.xp.log(x, out=out)

    def log1p(self, x: Array, out: Array = None) -> Array:
        return self.xp.log1p(x, out=out)

    def sin(self, x: Array, out: Array = None) -> Array:
        return self.xp.sin(x, out=out)

    def cos(self, x: Array, out: Array = None) -> Array:
        return self.xp.cos(x, out=out)

    def maximum(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.maximum(x1, x2, out=out)

    def minimum(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.minimum(x1, x2, out=out)

    def where(self, condition: Array, x1: Array, x2: Array) -> Array:
        return self.xp.where(condition, x1, x2)

    # ---- comparisons (boolean results, no derivative) ----------------------------------------------------

    def eq(self, x1: Array, x2: Array) -> Array:
        return self.xp.equal(x1, x2)

    def ne(self, x1: Array, x2: Array) -> Array:
        return self.xp.not_equal(x1, x2)

    def lt(self, x1: Array, x2: Array) -> Array:
        return self.xp.less(x1, x2)

    def le(self, x1: Array, x2: Array) -> Array:
        return self.xp.less_equal(x1, x2)

    def gt(self, x1: Array, x2: Array) -> Array:
        return self.xp.greater(x1, x2)

    def ge(self, x1: Array, x2: Array) -> Array:
        return self.xp.greater_equal(x1, x2)

    def isfinite(self, x: Array) -> Array:
        return self.xp.isfinite(x)

    # ---- activations and their gradients -----------------------------------------------------------------

    def tanh(self, x: Array, out: Array = None) -> Array:
        return self.xp.tanh(x, out=out)

    def tanh_grad(self, gy: Array, y: Array, out: Array = None) -> Array:
        return self.xp.multiply(gy, 1 - y * y, out=out)

    def sigmoid(self, x: Array, out: Array = None) -> Array:
        # (1 + tanh(x/2)) / 2 overflows nowhere, unlike 1 / (1 + exp(-x)), but loses small results: below
        # zero e^x / (1 + e^x) keeps them.
        e = self.xp.exp(-self.xp.absolute(x))
        return self.xp.true_divide(self.xp.where(x >= 0, x.dtype.type(1), e), 1 + e, out=out)

    def sigmoid_grad(self, gy: Array, y: Array, out: Array = None) -> Array:
        return self.xp.multiply(gy, y * (1 - y), out=out)

    def softplus(self, x: Array, out: Array = None) -> Array:
        return self.xp.add(self.xp.maximum(x, 0), self.xp.log1p(self.xp.exp(-self.xp.absolute(x))), out=out)

    def relu(self, x: Array, out: Array = None) -> Array:
        return self.xp.maximum(x, 0, out=out)

    def leaky_relu(self, x: Array, negative_slope: float, out: Array = None) -> Array:
        y = self.xp.where(x > 0, x, x * negative_slope)
        return y if out is None else self._into(out, y)

    def leaky_relu_grad(self, gy: Array, y: Array, negative_slope: float, out: Array = None) -> Array:
        gx = self.xp.where(y > 0, gy, gy * negative_slope)
        return gx if out is None else self._into(out, gx)

    def _into(self, out: Array, y: Array) -> Array:
        self.xp.copyto(out, y)
        return out

    # ---- reductions --------------------------------------------------------------------------------------

    def sum(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return self.xp.sum(x, axis=dim, keepdims=keepdim, out=out)

    def mean(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return self.xp.mean(x, axis=dim, keepdims=keepdim, out=out)

    def var(self, x: Array, dim: Dims, freedom: float, keepdim: bool) -> Array:
        """The sum of squared distances from the mean, divided by ``freedom``."""
        centred = x - self.xp.mean(x, axis=dim, keepdims=True)
        centred *= centred
        return self.xp.sum(centred, axis=dim, keepdims=keepdim) / freedom

    def amax(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return self.xp.max(x, axis=dim, keepdims=keepdim, out=out)

    def amin(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return self.xp.min(x, axis=dim, keepdims=keepdim, out=out)

    def argmax(self, x: Array, dim: int | None, keepdim: bool) -> Array:
        return self.xp.argmax(x, axis=dim, keepdims=keepdim)

    def argmin(self, x: Array, dim: int | None, keepdim: bool) -> Array:
        return self.xp.argmin(x, axis=dim, keepdims=keepdim)

    # ---- shape: views wherever the array module can give one ---------------------------------------------

    def reshape(self, x: Array, shape: Shape) -> Array:
        return x.reshape(shape)

    def permute(self, x: Array, dims: Shape) -> Array:
        return x.transpose(dims)

    def expand(self, x: Array, shape: Shape) -> Array:
        return self.xp.broadcast_to(x, shape)

    def cat(self, xs: Sequence[Array], dim: int) -> Array:
        return self.xp.concatenate(xs, dim)

    def getitem(self, x: Array, index: Any) -> Array:
        return x[index]

    def getitem_grad(self, gy: Array, shape: Shape, index: Any) -> Array:
        """Zeros of ``shape`` to which gy is added at ``index``, once per mention of a place."""
        gx = self.xp.zeros(shape, gy.dtype)
        self.xp.add.at(gx, index, gy)
        return gx

    def take_along_dim(self, x: Array, indices: Array, dim: int) -> Array:
        return self.xp.take_along_axis(x, indices, dim)

    def take_along_dim_grad(self, gy: Array, indices: Array, shape: Shape, dim: int) -> Array:
        """Zeros of ``shape`` to which gy is added at the places that ``take_along_dim`` read."""
        gx = self.xp.zeros(shape, gy.dtype)
        places = list(self.xp.indices(indices.shape))
        places[dim] = indices
        self.xp.add.at(gx, tuple(places), gy)
        return gx

    # ---- linear algebra ----------------------------------------------------------------------------------

    def matmul(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.matmul(x1, x2, out=out)

    def linear(self, x: Array, weight: Array, bias: Array | None, out: Array = None) -> Array:
        """x @ weight.T + bias for x (..., in), weight (out, in), bias (out,)."""
        y = self.xp.matmul(x, weight.T, out=out)
        return y if bias is None else self.xp.add(y, bias, out=y)

    def linear_weight_grad(self, gy: Array, x: Array, out: Array = None) -> Array:
        """The (out, in) matrix of sums of gy x^T over all leading positions."""
        rows = gy.reshape(-1, gy.shape[-1])
        return self.xp.matmul(rows.T, x.reshape(rows.shape[0], x.shape[-1]), out=out)

    # ---- normalisation -----------------------------------------------------------------------------------

    def normalize(self, x: Array, mean: Array, rstd: Array, weight: Array, bias: Array, out: Array = None) -> Array:
        """(x - mean) * rstd * weight + bias; all but x are small and broadcast."""
        y = self.xp.subtract(x, mean, out=out)
        y = self.xp.multiply(y, rstd * weight, out=y)
        return self.xp.add(y, bias, out=y)

    # ---- losses, elementwise -----------------------------------------------------------------------------

    def bce(self, x: Array, target: Array) -> Array:
        """-t log x - (1 - t) log(1 - x), each logarithm held above -100."""
        return -target * self._log_above_100(x) - (1 - target) * self._log_above_100(1 - x)

    def _log_above_100(self, x: Array) -> Array:
        # e^-101 has the same clamped logarithm as 0, and NumPy does not warn about it.
        smallest = 2.0**-146
        return self.xp.maximum(self.xp.log(self.xp.maximum(x, smallest)), -100)

    def bce_with_logits(self, x: Array, target: Array) -> Array:
        """max(x, 0) - x t + log(1 + e^-|x|), which overflows for no x."""
        return self.softplus(x) - x * target

    def bce_with_logits_grad(self, gy: Array, x: Array, target: Array) -> Array:
        # sigmoid(x) - t, in a form that keeps all digits where D is sure and right: for t = 1 it is -sigmoid(-x).
        return gy * ((1 - target) * self.sigmoid(x) - target * self.sigmoid(-x))

    # ---- random ------------------------------------------------------------------------------------------

    def random_words(self, n: int, seed: int, purpose: int, step: int, site: int, first: int = 0) -> Array:
        """n 64-bit words of the Philox stream, see `minigan.backend.philox`."""
        return self.asarray(philox.words(n, seed=seed, purpose=purpose, step=step, site=site, first=first))

    def dropout_mask(self, words: Array, shape: Shape, threshold: int, scale: float, dtype: Any) -> Array:
        """``scale`` where a 16-bit number is below ``threshold``, else 0. Integers make it exact."""
        n = _size(shape)
        kept = words.view(self.xp.uint16)[:n].reshape(shape) < threshold
        return kept * self.xp.asarray(scale, dtype)

    def uniform(self, words: Array, shape: Shape, dtype: Any) -> Array:
        """Numbers in [0, 1): the top 24 bits of 32-bit words for float32, 53 of 64 for float64."""
        n = _size(shape)
        if self.xp.dtype(dtype) == self.xp.float64:
            return ((words[:n] >> 11) * 2.0**-53).reshape(shape)
        bits = words.view(self.xp.uint32)[:n] >> 8
        return (bits.astype(self.xp.float32) * self.xp.float32(2.0**-24)).reshape(shape).astype(dtype)

    def normal(self, words: Array, shape: Shape, dtype: Any) -> Array:
        """Standard normals by Box and Muller (1958), two from two uniforms."""
        n = _size(shape)
        pairs = self.uniform(words, ((n + 1) // 2, 2), dtype)
        radius = self.xp.sqrt(-2 * self.xp.log(1 - pairs[:, 0]))  # 1 - u is in (0, 1]: the log is finite
        angle = 2 * self.xp.pi * pairs[:, 1]
        both = self.xp.stack((radius * self.xp.cos(angle), radius * self.xp.sin(angle)), 1)
        return both.reshape(-1)[:n].reshape(shape).astype(dtype)

    # ---- optimizers: one call updates a whole flat buffer in place ----------------------------------------

    def sgd_(
        self,
        p: Array,
        g: Array,
        momentum_buffer: Array | None,
        *,
        lr: float,
        momentum: float,
        dampening: float,
        weight_decay: float,
        nesterov: bool,
        first: bool,
    ) -> None:
        """One step of SGD as in PyTorch; ``first`` says that the momentum buffer is still empty."""
        if weight_decay:
            g = g + weight_decay * p
        if momentum_buffer is not None:
            if first:
                momentum_buffer[...] = g
            else:
                momentum_buffer *= momentum
                momentum_buffer += (1 - dampening) * g
            g = g + momentum * momentum_buffer if nesterov else momentum_buffer
        p -= lr * g

    def adam_(
        self,
        p: Array,
        g: Array,
        m: Array,
        v: Array,
        *,
        step: int,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
    ) -> None:
        """Step number ``step`` (from 1) of Adam (Kingma and Ba 2015, algorithm 1), as in PyTorch."""
        beta1, beta2 = betas
        if weight_decay:
            g = g + weight_decay * p
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * (g * g)
        correction1, correction2 = 1 - beta1**step, 1 - beta2**step
        p -= (lr / correction1) * m / (self.xp.sqrt(v) / correction2**0.5 + eps)

    def lerp_(self, x: Array, end: Array, weight: float) -> None:
        """x += weight * (end - x): one step of an exponential moving average."""
        x += weight * (end - x)


def _size(shape: Shape) -> int:
    n = 1
    for length in shape:
        n *= length
    return n
