"""Is a gradient right? Compare it with differences of the function itself, in float64.

For y = f(x) every element of x is moved by +-eps; (f(x + eps) - f(x - eps)) / (2 eps) is the numeric derivative,
exact to eps^2. The analytic one comes from :func:`minigan.grad`. `gradgradcheck` does the same for the gradient
function itself, and so checks second derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigan.autograd import grad
from minigan.errors import DTypeError, GradcheckError
from minigan.ops.creation import tensor
from minigan.tensor import Tensor


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-7,
    rtol: float = 1e-5,
    raise_exception: bool = True,
) -> bool:
    """Whether the gradients of ``f(*inputs)`` agree with central differences, over the whole Jacobian.

    Args:
        f: a function of tensors that returns a tensor or a tuple of them.
        inputs: tensors, or one; those that require a gradient are checked and must be float64.
        eps: the step of the differences.
        atol: the allowed absolute difference; PyTorch allows 1e-5.
        rtol: the allowed difference relative to the numeric derivative; PyTorch allows 1e-3.
        raise_exception: raise on a disagreement; else return False.

    Raises:
        GradcheckError: the first element that disagrees: the operation, the input's index, both values, the error.
        DTypeError: an input that requires a gradient is not float64: differences would drown in rounding.

    >>> x = mg.tensor([0.5, -1.0], dtype=mg.float64, requires_grad=True)
    >>> mg.gradcheck(mg.tanh, x)
    True
    """
    inputs = _as_tuple(inputs)
    checked = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    _require_float64(inputs, checked)
    outputs = [y for y in _as_tuple(f(*inputs)) if y.dtype.kind == "f"]
    try:
        for i in checked:
            analytic = [_analytic_jacobian(y, inputs[i]) for y in outputs]
            numeric = _numeric_jacobians(f, inputs, i, eps, [y.shape for y in outputs])
            for position, y in enumerate(outputs):
                op = y.node.op.name if y.node is not None else getattr(f, "__name__", "f")
                _compare(op, i, position, analytic[position], numeric[position], atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    f: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    eps: float = 1e-6,
    atol: float = 1e-7,
    rtol: float = 1e-5,
    raise_exception: bool = True,
) -> bool:
    """Whether the second derivatives of ``f(*inputs)`` agree with differences of its gradients.

    The gradient function is checked as a function of the inputs and of ``grad_outputs``, which are drawn if not
    given. The other arguments are those of :func:`gradcheck`.

    >>> x = mg.tensor([0.5, -1.0], dtype=mg.float64, requires_grad=True)
    >>> mg.gradgradcheck(mg.tanh, x)
    True
    """
    inputs = _as_tuple(inputs)
    checked = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    outputs = [y for y in _as_tuple(f(*inputs)) if y.requires_grad]
    if grad_outputs is None:
        random = np.random.default_rng(0)
        grad_outputs = [
            tensor(random.standard_normal(y.shape), dtype=y.dtype, device=y.device, requires_grad=True) for y in outputs
        ]
    grad_outputs = _as_tuple(grad_outputs)

    def gradients(*arguments: Any) -> tuple[Tensor, ...]:
        xs, gys = arguments[: len(inputs)], arguments[len(inputs) :]
        ys = [y for y in _as_tuple(f(*xs)) if y.requires_grad]
        wanted = [xs[i] for i in checked]
        found = grad(ys, wanted, gys, create_graph=True, allow_unused=True)
        return tuple(x * 0.0 if gx is None else gx for x, gx in zip(wanted, found, strict=True))

    return gradcheck(gradients, (*inputs, *grad_outputs), eps, atol, rtol, raise_exception)


def _analytic_jacobian(y: Tensor, x: Tensor) -> Any:
    """Row j: the gradient of element j of y with respect to x; shape (y.numel(), x.numel())."""
    jacobian = np.zeros((y.numel(), x.numel()))
    if not y.requires_grad:
        return jacobian
    for j in range(y.numel()):
        one = np.zeros(y.numel())
        one[j] = 1
        seed = tensor(one.reshape(y.shape), device=y.device)
        (gx,) = grad(y, x, seed, retain_graph=True, allow_unused=True)
        if gx is None:
            break
        jacobian[j] = gx.detach().to("cpu").numpy().reshape(-1)
    return jacobian


def _numeric_jacobians(
    f: Callable[..., Any], inputs: Sequence[Any], i: int, eps: float, shapes: Sequence[tuple[int, ...]]
) -> list[Any]:
    """Column k of each: how every output moves with element k of input i."""
    host = inputs[i].detach().to("cpu").numpy()
    jacobians = [np.zeros((int(np.prod(shape)), host.size)) for shape in shapes]
    for k in range(host.size):
        above, below = (_outputs_at(f, inputs, i, host, k, step) for step in (eps, -eps))
        for jacobian, high, low in zip(jacobians, above, below, strict=True):
            jacobian[:, k] = (high - low).reshape(-1) / (2 * eps)
    return jacobians


def _outputs_at(f: Callable[..., Any], inputs: Sequence[Any], i: int, host: Any, k: int, step: float) -> list[Any]:
    moved = np.array(host, order="C")  # so that reshape gives a view
    moved.reshape(-1)[k] += step
    x = tensor(moved, device=inputs[i].device, requires_grad=True)
    ys = _as_tuple(f(*[x if given is inputs[i] else given for given in inputs]))  # f(x, x) has one x
    return [y.detach().to("cpu").numpy() for y in ys if y.dtype.kind == "f"]


def _compare(op: str, i: int, position: int, analytic: Any, numeric: Any, atol: float, rtol: float) -> None:
    error = np.abs(analytic - numeric)
    wrong = ~(error <= atol + rtol * np.abs(numeric))  # a nan is wrong too
    if wrong.any():
        j, k = (int(place) for place in np.argwhere(wrong)[0])
        raise GradcheckError(
            f"{op}: the gradient with respect to input {i} is wrong in {int(wrong.sum())} of {wrong.size} elements. "
            f"First: output {position} element {j}, input element {k}: analytic {analytic[j, k]:.9g}, "
            f"numeric {numeric[j, k]:.9g}, error {error[j, k]:.3g}."
        )


def _require_float64(inputs: Sequence[Any], checked: Sequence[int]) -> None:
    if not checked:
        raise DTypeError("gradcheck: expected an input with requires_grad=True, but there is none.")
    for i in checked:
        if inputs[i].dtype != np.float64:
            raise DTypeError(
                f"gradcheck: expected float64 inputs, but input {i} is {inputs[i].dtype}. Convert it with x.double()."
            )


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, tuple | list) else (x,)
