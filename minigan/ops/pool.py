"""Pooling: one value for each window. Sums are linear; maxima are, too, once it is known where they are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend, get_backend
from minigan.backend.window import Pair, Window
from minigan.errors import ConfigError, ShapeError
from minigan.ops.checks import floating_tensor, whole
from minigan.ops.shape import squeeze
from minigan.ops.window import images, pair, require_at_least, require_result
from minigan.tape import primitive
from minigan.variable import constant

if TYPE_CHECKING:
    from minigan.tensor import Tensor

Size = int | Sequence[int]

# ---- averages --------------------------------------------------------------------------------------------


@primitive(gy=lambda ggx, window: _window_sum(ggx, window=window))
def _window_sum_grad(k: Backend, gy: Array, *, window: Window, out: Array = None) -> Array:
    """gx = sum of gy over the windows that saw the place."""
    return k.window_sum_grad(gy, window, out)


@primitive(x=_window_sum_grad)
def _window_sum(k: Backend, x: Array, *, window: Window) -> Array:
    """y = sum of x over each window."""
    return k.window_sum(x, window)


def avg_pool2d(
    input: Any,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: rows and columns of a window.
        stride: how far the windows are apart; by default they do not overlap.
        padding: rows and columns of zeros around the input, at most half a window.
        ceil_mode: windows may reach beyond the end, so that every value is in one.
        count_include_pad: zeros of the padding count as values.
        divisor_override: divide by this instead of the number of values.

    Returns:
        (N, C, Ho, Wo) with Ho = (H + 2 padding - kernel_size) // stride + 1 (rounded up in ceil_mode), or without N.

    Raises:
        ShapeError: the input has other dimensions or is smaller than a window.
        ConfigError: a size, stride, padding or divisor that makes no sense.
        DTypeError: the input is not floating point.

    >>> mg.nn.functional.avg_pool2d(mg.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    if divisor_override == 0:
        raise ConfigError("avg_pool2d: expected a divisor_override other than 0. Leave it out for the mean.")
    x, single, window = _prepare("avg_pool2d", input, kernel_size, stride, padding, 1, ceil_mode)
    total = _window_sum(x, window=window)
    if divisor_override is not None:
        y = total / float(whole("avg_pool2d", "divisor_override", divisor_override))
    else:
        y = total / _divisor(total, _counts(window, count_include_pad))
    return squeeze(y, 0) if single else y


@cache
def _counts(window: Window, count_padding: bool) -> tuple[tuple[int, ...], ...]:
    """(Ho, Wo): how many values each window averages; what ceil_mode adds beyond the padding never counts."""
    rows, columns = (_lengths(window, d, count_padding) for d in (0, 1))
    return tuple([tuple([row * column for column in columns]) for row in rows])


def _lengths(window: Window, d: int, count_padding: bool) -> list[int]:
    padding, n = window.padding[d], window.inputs[d]
    starts = [o * window.stride[d] - padding for o in range(window.outputs[d])]
    spans = [(start, min(start + window.kernel[d], n + padding)) for start in starts]
    return [end - start if count_padding else min(end, n) - max(start, 0) for start, end in spans]


def _divisor(total: Tensor, counts: tuple[tuple[int, ...], ...]) -> Any:
    """The counts, or just the number if they are all the same."""
    found = {count for row in counts for count in row}
    return found.pop() if len(found) == 1 else constant(get_backend(total._data).table(counts, total.dtype))


# ---- maxima ----------------------------------------------------------------------------------------------


@primitive()
def _max_pool2d_indices(k: Backend, x: Array, *, window: Window) -> Array:
    """Where in its image each window has its maximum."""
    return k.max_pool2d_indices(x, window)


@primitive(gy=lambda ggx, indices, window: _max_pool2d(ggx, indices, window=window))
def _max_pool2d_grad(k: Backend, gy: Array, indices: Array, *, window: Window, out: Array = None) -> Array:
    """gx = sum of gy over the windows whose maximum is here."""
    return k.max_pool2d_grad(gy, indices, window, out)


@primitive(x=_max_pool2d_grad)
def _max_pool2d(k: Backend, x: Array, indices: Array, *, window: Window) -> Array:
    """y = x at the indices, one for each window."""
    return k.max_pool2d(x, indices)


def max_pool2d(
    input: Any,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window; its first occurrence takes all of the gradient.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: rows and columns of a window.
        stride: how far the windows are apart; by default they do not overlap.
        padding: rows and columns around the input that never win, at most half a window.
        dilation: how far the taps of a window are apart.
        ceil_mode: windows may reach beyond the end, so that every value is in one.
        return_indices: also give the place of each maximum, counted row by row in its image's channel.

    Returns:
        (N, C, Ho, Wo) with Ho = (H + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1 (rounded up in
        ceil_mode), or without N; with ``return_indices`` a pair.

    Raises:
        ShapeError: the input has other dimensions or is smaller than a window.
        ConfigError: a size, stride, padding or dilation that makes no sense.
        DTypeError: the input is not floating point.

    >>> mg.nn.functional.max_pool2d(mg.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    x, single, window = _prepare("max_pool2d", input, kernel_size, stride, padding, dilation, ceil_mode)
    _require_inputs(x.shape, window)
    indices = _max_pool2d_indices(x.detach(), window=window)
    y = _max_pool2d(x, indices, window=window)
    if single:
        y, indices = squeeze(y, 0), squeeze(indices, 0)
    return (y, indices) if return_indices else y


def _require_inputs(shape: Sequence[int], window: Window) -> None:
    """Each window has a value inside: with a dilation all of its taps may fall around a small input."""
    for d in (0, 1):
        starts = [o * window.stride[d] - window.padding[d] for o in range(window.outputs[d])]
        steps = [tap * window.dilation[d] for tap in range(window.kernel[d])]
        if not all(any(0 <= start + step < window.inputs[d] for step in steps) for start in starts):
            raise ShapeError(
                f"max_pool2d: expected at least one value in each window, but an input of shape {tuple(shape)} is "
                f"too small for a dilation of {window.dilation}. Use a larger input, or less dilation or padding."
            )


# ---- what both ask for -----------------------------------------------------------------------------------


def _prepare(
    op: str, x: Any, kernel_size: Size, stride: Size | None, padding: Size, dilation: Size, ceil_mode: bool
) -> tuple[Any, bool, Window]:
    """The input as a batch, whether it was a single image, and the windows."""
    x, single = images(op, floating_tensor(op, x))
    kernel = pair(op, "kernel_size", kernel_size)
    steps = kernel if stride is None else pair(op, "stride", stride)
    around, gaps = pair(op, "padding", padding), pair(op, "dilation", dilation)
    for name, values, least in (("kernel_size", kernel, 1), ("stride", steps, 1), ("dilation", gaps, 1)):
        require_at_least(op, name, values, least)
    require_at_least(op, "padding", around, 0)
    if any(p > n // 2 for p, n in zip(around, kernel, strict=True)):
        raise ConfigError(
            f"{op}: expected a padding of at most half a window, but got {around} for a window of {kernel}. "
            "Lower the padding."
        )
    lengths = zip(x.shape[2:], around, gaps, kernel, steps, strict=True)
    h, w = (_output(n, p, d * (m - 1) + 1, s, ceil_mode) for n, p, d, m, s in lengths)
    require_result(op, x.shape, (h, w), f"a window of {kernel} and dilation {gaps}")
    inputs: Pair = x.shape[2:]
    return x, single, Window(kernel, steps, around, gaps, inputs, (h, w))


def _output(n: int, padding: int, reach: int, stride: int, ceil_mode: bool) -> int:
    """How many windows fit; one that ceil_mode adds must start in the input or the padding before it."""
    room = n + 2 * padding - reach
    if not ceil_mode:
        return room // stride + 1
    windows = -(-room // stride) + 1
    return windows - 1 if (windows - 1) * stride >= n + padding else windows
