"""Initial weights, from the Philox stream for initialisation. Each function fills a tensor and returns it."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np

from minigan.backend import get_backend, philox
from minigan.errors import ConfigError, DTypeError, ShapeError
from minigan.ops.checks import real
from minigan.ops.random import stream
from minigan.tensor import Tensor

# ---- the numbers themselves ------------------------------------------------------------------------------


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Numbers drawn evenly from [a, b).

    Raises:
        ConfigError: b is below a.

    >>> mg.nn.init.uniform_(mg.zeros(3), 2.0, 2.5).numpy().min() >= 2
    np.True_
    """
    a, b = real("uniform_", "a", a), real("uniform_", "b", b)
    if not a <= b:
        raise ConfigError(f"uniform_: expected a of at most b, but got a={a!r} and b={b!r}.")
    return _fill("uniform_", tensor, "uniform", b - a, a)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Normal numbers with this mean and standard deviation.

    Raises:
        ConfigError: std is below 0.

    >>> mg.nn.init.normal_(mg.zeros(2, 3), std=0.02).shape
    (2, 3)
    """
    mean, std = real("normal_", "mean", mean), real("normal_", "std", std)
    if not std >= 0:
        raise ConfigError(f"normal_: expected std of at least 0, but got {std!r}.")
    return _fill("normal_", tensor, "normal", std, mean)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value everywhere.

    >>> mg.nn.init.constant_(mg.zeros(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    _require_tensor("constant_", tensor)
    value = real("constant_", "val", val)
    return _put(tensor, get_backend(tensor._data).full(tensor.shape, value, tensor.dtype))


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros everywhere.

    >>> mg.nn.init.zeros_(mg.ones(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Ones everywhere.

    >>> mg.nn.init.ones_(mg.zeros(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


# ---- scaled to the size of the layer ---------------------------------------------------------------------


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Uniform in +-gain sqrt(6 / (fan_in + fan_out)): keeps the variance of signals and of gradients.

    Source: Glorot and Bengio 2010, equation 16.

    Raises:
        ShapeError: the tensor has fewer than 2 dimensions (out, in, ...).

    >>> bool((abs(mg.nn.init.xavier_uniform_(mg.zeros(4, 2)).numpy()) <= 1).all())  # sqrt(6 / 6)
    True
    """
    bound = math.sqrt(3) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Normal with standard deviation gain sqrt(2 / (fan_in + fan_out)); else as :func:`xavier_uniform_`.

    Raises:
        ShapeError: the tensor has fewer than 2 dimensions (out, in, ...).

    >>> mg.nn.init.xavier_normal_(mg.zeros(4, 2)).shape
    (4, 2)
    """
    return normal_(tensor, 0.0, _xavier_std(tensor, gain))


def kaiming_uniform_(tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
    """Uniform in +-gain sqrt(3 / fan): keeps the variance of signals through layers with this nonlinearity.

    Source: He et al. 2015, equation 15.

    Args:
        tensor: a weight of shape (out, in, ...).
        a: the slope of leaky ReLUs below 0.
        mode: "fan_in" keeps the variance on the way forward, "fan_out" on the way back.
        nonlinearity: what :func:`calculate_gain` knows.

    Raises:
        ShapeError: the tensor has fewer than 2 dimensions.
        ConfigError: there is no such mode or nonlinearity.

    >>> bool((abs(mg.nn.init.kaiming_uniform_(mg.zeros(4, 6)).numpy()) <= 1).all())  # sqrt(2) sqrt(3 / 6)
    True
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
    """Normal with standard deviation gain / sqrt(fan); else as :func:`kaiming_uniform_`.

    Raises:
        ShapeError: the tensor has fewer than 2 dimensions.
        ConfigError: there is no such mode or nonlinearity.

    >>> mg.nn.init.kaiming_normal_(mg.zeros(4, 6), mode="fan_out", nonlinearity="relu").shape
    (4, 6)
    """
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Rows of length ``gain``, orthogonal to each other; or columns, if there are fewer of them.

    Further dimensions are flattened into the second. Source: Saxe et al. 2014, section 3.

    Raises:
        ShapeError: the tensor has fewer than 2 dimensions (out, in, ...).

    >>> w = mg.nn.init.orthogonal_(mg.zeros(2, 3))
    >>> bool(abs(w.numpy() @ w.numpy().T - np.eye(2)).max() < 1e-6)
    True
    """
    _require_weight("orthogonal_", tensor)
    gain = real("orthogonal_", "gain", gain)
    if not tensor.numel():
        return tensor
    backend = get_backend(tensor._data)
    normal = backend.to_host(normal_(tensor)._data).reshape(tensor.shape[0], -1)
    wide = normal.shape[0] < normal.shape[1]
    q, r = np.linalg.qr(normal.T if wide else normal)  # on the host: a GPU would need a library for it
    q = q * np.sign(np.diag(r))  # so that every orthogonal matrix is as likely: Mezzadri 2007
    return _put(tensor, backend.asarray((q.T if wide else q).reshape(tensor.shape) * gain))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights have to be larger for what this nonlinearity takes away.

    Args:
        nonlinearity: "linear", "conv1d" to "conv3d", "conv_transpose1d" to "conv_transpose3d", "sigmoid", "tanh",
            "relu", "leaky_relu" or "selu".
        param: the slope of leaky_relu below 0, 0.01 if not given.

    Raises:
        ConfigError: there is no such nonlinearity, or the slope is no number.

    >>> mg.nn.init.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, Real):
            raise ConfigError(f"calculate_gain: expected the slope of leaky_relu to be a number, but got {param!r}.")
        return math.sqrt(2 / (1 + float(slope) ** 2))
    if not isinstance(nonlinearity, str) or nonlinearity not in _GAINS:
        known = ", ".join(["leaky_relu", *_GAINS])
        raise ConfigError(f"calculate_gain: expected one of {known}, but got {nonlinearity!r}.")
    return _GAINS[nonlinearity]


_GAINS = {
    **dict.fromkeys(["linear", *[f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)], "sigmoid"], 1.0),
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def start_(weight: Tensor, bias: Tensor | None) -> None:
    """How linear layers and convolutions start: both from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), as in PyTorch.

    >>> layer = mg.nn.Linear(4, 3)
    >>> mg.nn.init.start_(layer.weight, layer.bias)
    >>> bool((abs(layer.bias.detach().numpy()) <= 0.5).all())
    True
    """
    kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        fan = fan_in(weight)
        bound = 1 / math.sqrt(fan) if fan else 0.0
        uniform_(bias, -bound, bound)


# ---- fans ------------------------------------------------------------------------------------------------


def fan_in(tensor: Tensor) -> int:
    """How many inputs feed each output of a weight (out, in, ...).

    Raises:
        ShapeError: the tensor has fewer than 2 dimensions.

    >>> mg.nn.init.fan_in(mg.zeros(8, 3, 4, 4))
    48
    """
    return _calculate_fan_in_and_fan_out(tensor)[0]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """Inputs of each output and outputs of each input, of (out, in, ...); of transposed convolutions, as if they were.

    PyTorch does not tell transposed convolutions (in, out, ...) from others, and neither does this.
    """
    _require_weight("fan_in", tensor)
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _require_tensor(name: str, tensor: Any) -> None:
    if not isinstance(tensor, Tensor):
        raise DTypeError(f"{name}: expected a tensor to fill, but got an object of type {type(tensor).__name__}.")


def _require_weight(name: str, tensor: Tensor) -> None:
    _require_tensor(name, tensor)
    if tensor.ndim < 2:
        raise ShapeError(
            f"{name}: expected a weight with at least 2 dimensions (out, in, ...), but got {tensor.shape}. "
            "Fill a bias with zeros_, uniform_ or normal_."
        )


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return real("xavier initialisation", "gain", gain) * math.sqrt(
        2 / max(sum(_calculate_fan_in_and_fan_out(tensor)), 1)
    )


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    modes = ("fan_in", "fan_out")
    if mode not in modes:
        raise ConfigError(f'kaiming initialisation: expected mode "fan_in" or "fan_out", but got {mode!r}.')
    fan = _calculate_fan_in_and_fan_out(tensor)[modes.index(mode)]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


# ---- filling ---------------------------------------------------------------------------------------------


def _fill(name: str, tensor: Tensor, kernel: str, scale: float, shift: float) -> Tensor:
    """scale * draws + shift. Drawn in float32, so that a network starts the same in either type."""
    _require_tensor(name, tensor)
    if tensor.dtype.kind != "f":
        raise DTypeError(
            f"{name}: expected a floating point tensor, but got {tensor.dtype}. Convert it with x.float()."
        )
    backend = get_backend(tensor._data)
    n = tensor.numel() + tensor.numel() % 2
    draws = getattr(backend, kernel)(stream.words(backend, n // 2, philox.INIT), tensor.shape, "float32")
    return _put(tensor, backend.add(backend.mul(draws, scale), shift))


def _put(tensor: Tensor, values: Any) -> Tensor:
    tensor._check_unsaved("An initialisation")
    get_backend(tensor._data).copy_(tensor._data, values)
    tensor.count_change()
    return tensor
