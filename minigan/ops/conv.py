"""Convolution. It is bilinear, and so are its two gradients: the gradients of each of the three are the other two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend
from minigan.backend.window import Pair, Window
from minigan.errors import ConfigError, ShapeError
from minigan.ops.checks import tensor_of
from minigan.ops.promotion import same
from minigan.ops.shape import Shape, _expand, _reshape, squeeze
from minigan.ops.window import images, pair, require_at_least, require_result
from minigan.tape import primitive

if TYPE_CHECKING:
    from minigan.tensor import Tensor


def _to_all_places(gb: Tensor, gy_shape: Shape) -> Tensor:
    return _expand(_reshape(gb, shape=(1, gy_shape[1], 1, 1)), shape=gy_shape)


@primitive(gy=_to_all_places)
def channel_sum(k: Backend, gy: Array, *, out: Array = None) -> Array:
    """gb = sum of gy (N, C, H, W) over all but the channels: the gradient of a bias."""
    return k.sum(gy, (0, 2, 3), False, out)


@primitive(
    gy=lambda ggw, x, window, groups: _conv2d(x, ggw, None, window=window, groups=groups),
    x=lambda ggw, gy, window, groups: _conv2d_input_grad(gy, ggw, None, window=window, groups=groups),
)
def conv2d_weight_grad(k: Backend, gy: Array, x: Array, *, window: Window, groups: int, out: Array = None) -> Array:
    """gw[o, c, tap] = sum over samples and places of gy[o, place] x[c, what the tap sees there]."""
    return k.conv2d_weight_grad(gy, x, window, groups, out)


@primitive(
    gy=lambda ggx, weight, window, groups: _conv2d(ggx, weight, None, window=window, groups=groups),
    weight=lambda ggx, gy, window, groups: conv2d_weight_grad(gy, ggx, window=window, groups=groups),
    bias=channel_sum,
    rule=same,
)
def _conv2d_input_grad(
    k: Backend, gy: Array, weight: Array, bias: Array = None, *, window: Window, groups: int
) -> Array:
    """gx[c, place] = sum over o and taps of gy[o, where the tap sees the place] weight[o, c, tap] (+ bias[c])."""
    return k.conv2d_input_grad(gy, weight, bias, window, groups)


@primitive(
    x=lambda gy, weight, window, groups: _conv2d_input_grad(gy, weight, None, window=window, groups=groups),
    weight=conv2d_weight_grad,
    bias=channel_sum,
    rule=same,
)
def _conv2d(k: Backend, x: Array, weight: Array, bias: Array = None, *, window: Window, groups: int) -> Array:
    """y[o, place] = sum over c and taps of x[c, what the tap sees there] weight[o, c, tap] (+ bias[o])."""
    return k.conv2d(x, weight, bias, window, groups)


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Each output is the sum of the products of a window of the input and a weight.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (O, C / groups, kh, kw).
        bias: (O,), added to each channel of the result.
        stride: how far the windows are apart.
        padding: rows and columns of zeros around the input; "valid" is none, "same" keeps H and W.
        dilation: how far the taps of a window are apart.
        groups: channels are split into so many parts, and each sees only its own.

    Returns:
        (N, O, Ho, Wo) with Ho = (H + 2 padding - dilation (kh - 1) - 1) // stride + 1, or without N.

    Raises:
        ShapeError: shapes that do not fit each other, or an input smaller than a window.
        ConfigError: a stride, padding, dilation or number of groups that makes no sense.

    >>> mg.nn.functional.conv2d(mg.ones(1, 3, 3), mg.ones(1, 1, 2, 2), stride=2, padding=1)
    tensor([[[1., 2.],
             [2., 4.]]])
    """
    x, single = images("conv2d", input)
    weight, bias = tensor_of("conv2d", weight), _bias("conv2d", bias)
    steps, gaps = _steps("conv2d", stride, dilation, groups)
    _require_weight("conv2d", x.shape, weight.shape, bias, groups, "(O, C / groups, kh, kw)")
    if weight.shape[0] % groups or x.shape[1] != weight.shape[1] * groups:
        raise ShapeError(
            f"conv2d: expected a weight (O, C / groups, kh, kw) with O divisible by {groups} groups and C the "
            f"channels of the input, but got a weight {weight.shape} and an input of shape {x.shape}. "
            "Change the groups, the weight or the input."
        )
    kernel, inputs = weight.shape[2:], x.shape[2:]
    before, after = _padding(padding, kernel, steps, gaps)
    lengths = zip(inputs, before, after, gaps, kernel, steps, strict=True)
    h, w = ((n + a + b - d * (k - 1) - 1) // s + 1 for n, a, b, d, k, s in lengths)
    require_result("conv2d", x.shape, (h, w), f"a window of {kernel} and dilation {gaps}")
    y = _conv2d(x, weight, bias, window=Window(kernel, steps, before, gaps, inputs, (h, w)), groups=groups)
    return squeeze(y, 0) if single else y


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """The gradient of `conv2d` with respect to its input, used forward: makes images larger.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (C, O / groups, kh, kw).
        bias: (O,), added to each channel of the result.
        stride: how far the windows that the input's values are spread over are apart.
        padding: rows and columns that are cut off around the result.
        output_padding: rows and columns that the result has more, at its end; below stride or dilation.
        groups: channels are split into so many parts, and each sees only its own.
        dilation: how far the taps of a window are apart.

    Returns:
        (N, O, Ho, Wo) with Ho = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1, or without N.

    Raises:
        ShapeError: shapes that do not fit each other, or a result without values.
        ConfigError: a stride, padding, output_padding, dilation or number of groups that makes no sense.

    >>> mg.nn.functional.conv_transpose2d(mg.ones(1, 1, 2), mg.ones(1, 1, 1, 3), stride=2)
    tensor([[[1., 1., 2., 1., 1.]]])
    """
    x, single = images("conv_transpose2d", input)
    weight, bias = tensor_of("conv_transpose2d", weight), _bias("conv_transpose2d", bias)
    same("conv_transpose2d", [x, weight, bias])
    steps, gaps = _steps("conv_transpose2d", stride, dilation, groups)
    cut = pair("conv_transpose2d", "padding", padding)
    extra = pair("conv_transpose2d", "output_padding", output_padding)
    require_at_least("conv_transpose2d", "padding", cut, 0)
    require_at_least("conv_transpose2d", "output_padding", extra, 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, steps, gaps, strict=True)):
        raise ConfigError(
            f"conv_transpose2d: expected an output_padding below the stride or the dilation, but got {extra} with "
            f"stride {steps} and dilation {gaps}. Lower it, or raise the stride."
        )
    _require_weight("conv_transpose2d", x.shape, weight.shape, bias, groups, "(C, O / groups, kh, kw)")
    if weight.shape[0] % groups or x.shape[1] != weight.shape[0]:
        raise ShapeError(
            f"conv_transpose2d: expected a weight (C, O / groups, kh, kw) with C, the channels of the input, "
            f"divisible by {groups} groups, but got a weight {weight.shape} and an input of shape {x.shape}. "
            "Change the groups, the weight or the input."
        )
    kernel, outputs = weight.shape[2:], x.shape[2:]
    lengths = zip(outputs, steps, cut, gaps, kernel, extra, strict=True)
    h, w = ((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, s, p, d, k, e in lengths)
    require_result("conv_transpose2d", x.shape, (h, w), f"a padding of {cut}")
    y = _conv2d_input_grad(x, weight, bias, window=Window(kernel, steps, cut, gaps, (h, w), outputs), groups=groups)
    return squeeze(y, 0) if single else y


def _bias(op: str, bias: Any) -> Any:
    return None if bias is None else tensor_of(op, bias)


def _steps(op: str, stride: Any, dilation: Any, groups: int) -> tuple[Pair, Pair]:
    steps, gaps = pair(op, "stride", stride), pair(op, "dilation", dilation)
    require_at_least(op, "stride", steps, 1)
    require_at_least(op, "dilation", gaps, 1)
    require_at_least(op, "groups", (groups,), 1)
    return steps, gaps


def _padding(padding: Any, kernel: Pair, stride: Pair, dilation: Pair) -> tuple[Pair, Pair]:
    """Rows and columns before and after the input."""
    if not isinstance(padding, str):
        around = pair("conv2d", "padding", padding)
        require_at_least("conv2d", "padding", around, 0)
        return around, around
    if padding not in ("valid", "same") or (padding == "same" and stride != (1, 1)):
        raise ConfigError(
            f"conv2d: expected padding as numbers, 'valid', or 'same' with stride 1, but got {padding!r} with "
            f"stride {stride}. Give the padding as a number."
        )
    total_h, total_w = (d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, kernel, strict=True))
    before = total_h // 2, total_w // 2
    return before, (total_h - before[0], total_w - before[1])


def _require_weight(op: str, x: Shape, weight: Shape, bias: Any, groups: int, expected: str) -> None:
    if len(weight) != 4 or 0 in weight or not x[1]:
        raise ShapeError(
            f"{op}: expected a weight {expected} and an input with channels, but got a weight {weight} and an input "
            f"of shape {x}. Reshape the weight to four dimensions, none of them empty."
        )
    channels = weight[0] if op == "conv2d" else weight[1] * groups
    if bias is not None and tuple(bias.shape) != (channels,):
        raise ShapeError(
            f"{op}: expected a bias ({channels},), one for each channel of the result, but got {tuple(bias.shape)}. "
            "Change the bias or the weight."
        )
