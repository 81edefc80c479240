"""Images of another size: values repeated, or channels laid out as pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import Array, Backend
from minigan.errors import ConfigError, ShapeError
from minigan.ops.checks import real, tensor_of, whole
from minigan.ops.shape import Shape, permute, reshape
from minigan.tape import primitive

if TYPE_CHECKING:
    from minigan.tensor import Tensor


@primitive(gy=lambda ggx, places, dim: _pick(ggx, places=places, dim=dim))
def _pick_grad(k: Backend, gy: Array, *, places: Shape, length: int, dim: int) -> Array:
    """gx[j] = sum of gy[i] over the i that picked j."""
    return k.pick_grad(gy, places, length, dim)


@primitive(x=lambda gy, x_shape, places, dim: _pick_grad(gy, places=places, length=x_shape[dim], dim=dim))
def _pick(k: Backend, x: Array, *, places: Shape, dim: int) -> Array:
    """y[i] = x[places[i]] along dim, for places that rise."""
    return k.pick(x, places, dim)


def interpolate(
    input: Any,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Images of another size, each value that of the pixel before its place in the input.

    Args:
        input: (N, C, ...) with one to three dimensions of space, such as (N, C, H, W).
        size: lengths of the result in space; one number for all of them, or one each.
        scale_factor: or how many times larger the result is, in the same way.
        mode: "nearest", the one that there is.
        align_corners: None: it means something for other modes only.

    Raises:
        ShapeError: the input has other dimensions, or the result would be empty.
        ConfigError: not exactly one of size and scale_factor, or not as many as dimensions of space, or another mode.

    >>> mg.nn.functional.interpolate(mg.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    x = tensor_of("interpolate", input)
    if not isinstance(mode, str) or mode != "nearest":
        raise ConfigError(f"interpolate: expected mode 'nearest', but got {mode!r}. Other modes are not implemented.")
    if align_corners is not None:
        raise ConfigError(f"interpolate: mode 'nearest' has no align_corners, but got {align_corners!r}. Leave it out.")
    if not 3 <= len(x.shape) <= 5:
        raise ShapeError(
            f"interpolate: expected an input (N, C, ...) with 1 to 3 dimensions of space, but got {x.shape}. "
            "Add the missing dimensions with reshape."
        )
    if (size is None) == (scale_factor is None):
        raise ConfigError("interpolate: expected either size or scale_factor. Give one of them.")
    inputs = x.shape[2:]
    if size is not None:
        outputs = [whole("interpolate", "size", n) for n in _each("size", size, len(inputs))]
        steps = [n / m if m > 0 else 0.0 for n, m in zip(inputs, outputs, strict=True)]
    else:
        factors = [_factor(n) for n in _each("scale_factor", scale_factor, len(inputs))]
        outputs = [math.floor(n * factor) for n, factor in zip(inputs, factors, strict=True)]
        steps = [1 / factor if factor > 0 else 0.0 for factor in factors]
    if min(*inputs, *outputs) < 1:
        raise ShapeError(
            f"interpolate: expected lengths of at least 1, but got {x.shape} and would give {tuple(outputs)} in "
            "space. Use a larger input, size or scale_factor."
        )
    y: Tensor = x
    for d, (n, m, step) in enumerate(zip(inputs, outputs, steps, strict=True)):
        exact = len(inputs) == 2 and m in (n, 2 * n)  # for images, not for lines, PyTorch forgets the factor here
        y = _pick(y, places=_sources(n, m, n / m if exact else step), dim=d + 2)
    return y


def _factor(value: Any) -> float:
    factor = real("interpolate", "scale_factor", value)
    if not math.isfinite(factor):
        raise ConfigError(f"interpolate: expected a finite scale_factor, but got {factor}.")
    return factor


def _each(name: str, value: Any, count: int) -> list[Any]:
    values = list(value) if isinstance(value, Sequence) else [value] * count
    if len(values) != count:
        raise ConfigError(f"interpolate: expected {count} numbers as {name}, but got {value!r}. Give one or {count}.")
    return values


def _sources(length: int, results: int, step: float) -> Shape:
    """Which value each result takes; in float32, for that is how PyTorch rounds."""
    places = np.floor(np.arange(results, dtype=np.float32) * np.float32(step)).astype(int)
    return tuple(np.minimum(places, length - 1).tolist())


def pixel_shuffle(input: Any, upscale_factor: int) -> Tensor:
    """r^2 channels become one that is r times as high and wide: (..., C r^2, H, W) to (..., C, H r, W r).

    Source: Shi et al. 2016, equation 4.

    Raises:
        ShapeError: fewer than 3 dimensions, or channels that r^2 does not divide.
        ConfigError: the factor is below 1.

    >>> mg.nn.functional.pixel_shuffle(mg.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    x, r = tensor_of("pixel_shuffle", input), upscale_factor
    if type(r) is not int or r < 1:
        raise ConfigError(f"pixel_shuffle: expected a whole upscale_factor of at least 1, but got {r!r}. Raise it.")
    if len(x.shape) < 3 or x.shape[-3] % (r * r):
        raise ShapeError(
            f"pixel_shuffle: expected an input (..., C, H, W) with C divisible by {r * r}, but got {x.shape}. "
            "Change the channels or the upscale_factor."
        )
    *batch, channels, h, w = x.shape
    b, c = len(batch), channels // (r * r)
    x = reshape(x, (*batch, c, r, r, h, w))
    x = permute(x, (*range(b), b, b + 3, b + 1, b + 4, b + 2))
    return reshape(x, (*batch, c, h * r, w * r))
