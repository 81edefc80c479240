"""Conv2d and ConvTranspose2d: the layers that see and draw images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.errors import ShapeError
from minigan.nn import init
from minigan.nn.checks import require_array, require_dtype, require_size
from minigan.nn.module import Module, Parameter
from minigan.ops import conv
from minigan.ops.creation import zeros
from minigan.ops.window import pair, require_at_least
from minigan.tensor import Tensor

Size = int | Sequence[int]


class _Conv(Module):
    """What both have: a weight, a bias, and windows."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: Size | str,
        dilation: Size,
        groups: int,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        require_size(name, "in_channels", in_channels)
        require_size(name, "out_channels", out_channels)
        require_at_least(name, "groups", (groups,), 1)
        if in_channels % groups or out_channels % groups:
            raise ShapeError(
                f"{name}: expected channels that {groups} groups divide, but got {in_channels} in and {out_channels} "
                "out. Change the groups or the channels."
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = pair(name, "kernel_size", kernel_size)
        self.stride = pair(name, "stride", stride)
        self.padding = padding if isinstance(padding, str) else pair(name, "padding", padding)
        self.dilation = pair(name, "dilation", dilation)
        self.groups = groups
        for setting, least in (("kernel_size", 1), ("stride", 1), ("dilation", 1)):
            require_at_least(name, setting, getattr(self, setting), least)
        if not isinstance(self.padding, str):
            require_at_least(name, "padding", self.padding, 0)

    def _make(self, outer: int, inner: int, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = Parameter(zeros(outer, inner // self.groups, *self.kernel_size, device=device, dtype=dtype))
        self.bias = Parameter(zeros(self.out_channels, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.start_(self.weight, self.bias)

    def _check(self, x: Tensor) -> None:
        require_array(self, "the input", x)
        if x.ndim not in (3, 4) or x.shape[-3] != self.in_channels:
            raise ShapeError(
                f"{self!r} expected an input of shape (N, {self.in_channels}, H, W) or ({self.in_channels}, H, W), "
                f"but got {tuple(x.shape)}. Change the layer's in_channels or the input."
            )
        require_dtype(self, x, self.weight)

    def extra_repr(self) -> str:
        """The sizes, and the settings that are not the default."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        defaults = {"padding": (0, 0), "dilation": (1, 1), "output_padding": (0, 0), "groups": 1}
        for name, default in defaults.items():
            value = getattr(self, name, default)
            text += f", {name}={value}" if value != default else ""
        return text if self.bias is not None else f"{text}, bias=False"


class Conv2d(_Conv):
    """Each output channel is the sum of the products of windows of the input and a weight, plus a bias.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: rows and columns of a window.
        stride: how far the windows are apart.
        padding: rows and columns of zeros around the input; "valid" is none, "same" keeps H and W.
        dilation: how far the taps of a window are apart.
        groups: channels are split into so many parts, and each sees only its own.
        bias: learn a bias.

    Attributes:
        weight: (O, C / groups, kh, kw), drawn from U(-1/sqrt(k), 1/sqrt(k)) with k = C / groups kh kw.
        bias: (O,), drawn alike; None without bias.

    Raises:
        ShapeError: groups do not divide the channels, or the input is not (N, C, H, W) or (C, H, W).
        ConfigError: a setting that makes no sense.
        DTypeError: the input's type is not the weight's.

    >>> mg.nn.Conv2d(1, 64, 4, stride=2, padding=1)(mg.zeros(16, 1, 28, 28)).shape
    (16, 64, 14, 14)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        self._make(out_channels, in_channels, bias, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, O, Ho, Wo), or both without N; see `conv2d` for the sizes."""
        self._check(x)
        return conv.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class ConvTranspose2d(_Conv):
    """The way back of a Conv2d, used forward: each value of the input is spread over a window of the result.

    Args:
        in_channels: C.
        out_channels: O.
        kernel_size: rows and columns of a window.
        stride: how far the windows are apart.
        padding: rows and columns that are cut off around the result.
        output_padding: rows and columns that the result has more, at its end; below stride or dilation.
        groups: channels are split into so many parts, and each sees only its own.
        bias: learn a bias.
        dilation: how far the taps of a window are apart.

    Attributes:
        weight: (C, O / groups, kh, kw), drawn from U(-1/sqrt(k), 1/sqrt(k)) with k = O / groups kh kw.
        bias: (O,), drawn alike; None without bias.

    Raises:
        ShapeError: groups do not divide the channels, or the input is not (N, C, H, W) or (C, H, W).
        ConfigError: a setting that makes no sense.
        DTypeError: the input's type is not the weight's.

    >>> mg.nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1)(mg.zeros(16, 128, 7, 7)).shape
    (16, 64, 14, 14)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        self.padding: tuple[int, int] = pair("ConvTranspose2d", "padding", padding)
        self.output_padding = pair("ConvTranspose2d", "output_padding", output_padding)
        self._make(in_channels, out_channels, bias, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, O, Ho, Wo), or both without N; see `conv_transpose2d` for the sizes."""
        self._check(x)
        return conv.conv_transpose2d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )
