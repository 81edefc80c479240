"""What operations do to numbers, as formulas: forward, and the gradient that each argument is sent.

One template serves twice: with letters it is the formula, with numbers it is the formula worked out. Operations that
are not in these tables are told by the first line of their own text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigan.lab.experiments.step_tape import Argument, Box
from minigan.lab.page import number

FEW = 4  # results of an operation that are worked out one by one
TERMS = 6  # in a sum


class Formula(NamedTuple):
    """Of an operation.

    Attributes:
        y: its result.
        gx: the gradient of each argument; "*" stands for any.
        note: what else the letters mean.
    """

    y: str
    gx: Mapping[str, str]
    note: str = ""


_BENT = "<var>d</var> is 1 where <var>x</var> &gt; 0, else {slope}"

ELEMENTWISE = {
    "add": Formula("{x1} + {x2}", {"x1": "{gy}", "x2": "{gy}"}),
    "sub": Formula("{x1} − {x2}", {"x1": "{gy}", "x2": "−{gy}"}),
    "mul": Formula("{x1} · {x2}", {"x1": "{gy} · {x2}", "x2": "{gy} · {x1}"}),
    "div": Formula("{x1} / {x2}", {"x1": "{gy} / {x2}", "x2": "−{gy} · {y} / {x2}"}),
    "neg": Formula("−{x}", {"x": "−{gy}"}),
    "pow_number": Formula("{x}^{exponent}", {"x": "{gy} · {exponent} · {x}^({exponent} − 1)"}),
    "square": Formula("{x}²", {"x": "{gy} · 2 · {x}"}),
    "sqrt": Formula("√{x}", {"x": "{gy} / (2 · {y})"}),
    "abs": Formula("|{x}|", {"x": "{gy} · sign {x}"}),
    "exp": Formula("exp {x}", {"x": "{gy} · {y}"}),
    "log": Formula("ln {x}", {"x": "{gy} / {x}"}),
    "sin": Formula("sin {x}", {"x": "{gy} · cos {x}"}),
    "cos": Formula("cos {x}", {"x": "−{gy} · sin {x}"}),
    "tanh": Formula("tanh {x}", {"x": "{gy} · (1 − {y}²)"}),
    "sigmoid": Formula("σ({x})", {"x": "{gy} · {y} · (1 − {y})"}, "σ(<var>x</var>) = 1 / (1 + exp −<var>x</var>)"),
    "softplus": Formula("ln(1 + exp {x})", {"x": "{gy} · σ({x})"}, "σ(<var>x</var>) = 1 / (1 + exp −<var>x</var>)"),
    "relu": Formula("{d} · {x}", {"x": "{gy} · {d}"}, _BENT),
    "leaky_relu": Formula("{d} · {x}", {"x": "{gy} · {d}"}, _BENT),
    "mask": Formula("{x} · {mask}", {"x": "{gy} · {mask}"}, "the mask is 0 where a unit is dropped, else 1 / (1 − p)"),
    "bce": Formula(
        "−{target} · ln {x} − (1 − {target}) · ln(1 − {x})",
        {"x": "{gy} · ({x} − {target}) / ({x} · (1 − {x}))"},
    ),
    "bce_with_logits": Formula(
        "ln(1 + exp(−{x})) + (1 − {target}) · {x}",
        {"x": "{gy} · (σ({x}) − {target})"},
        "σ(<var>x</var>) = 1 / (1 + exp −<var>x</var>) is the probability that D gives",
    ),
}
"""One number of the result from one of each argument."""

_G, _X, _W = "<var>g<sub>y</sub></var>", "<var>x</var>", "<var>W</var>"

WHOLE = {
    "linear": Formula(
        f"{_X} {_W}<sup>T</sup> + <var>b</var>",
        {
            "x": f"{_G} {_W}",
            "weight": f"{_G}<sup>T</sup> {_X}, summed over the samples",
            "bias": f"the sum of {_G} over the samples",
        },
        f"{_W} is the weight (outputs, inputs), <var>b</var> the bias; a row of {_X} is a sample",
    ),
    "matmul": Formula(
        "<var>x1</var> <var>x2</var>",
        {"x1": f"{_G} <var>x2</var><sup>T</sup>", "x2": f"<var>x1</var><sup>T</sup> {_G}"},
    ),
    "sum": Formula(f"the sum of {_X}", {"x": f"{_G}, for each number that was added"}),
    "mean": Formula(f"the mean of {_X}", {"x": f"{_G} / <var>n</var>, for each of the <var>n</var> numbers"}),
    "reshape": Formula(f"the numbers of {_X} in another shape", {"x": f"{_G} in the shape of {_X}"}),
    "permute": Formula(f"{_X} with its axes in another order", {"x": f"{_G} with its axes put back"}),
    "cat": Formula("the arguments one after the other", {"*": f"its own part of {_G}"}),
    "getitem": Formula(f"a part of {_X}", {"x": f"{_G} in that part, and 0 elsewhere"}),
}
"""Those that mix numbers or move them."""


def formula_of(box: Box, otherwise: str) -> Formula:
    """With letters, as HTML; ``otherwise`` is the first line of the operation's own text."""
    if box.name in WHOLE:
        return WHOLE[box.name]
    if box.name not in ELEMENTWISE or _unusual(box):
        return Formula(otherwise.removeprefix("y = ").rstrip("."), {})
    formula = ELEMENTWISE[box.name]
    gx = {name: _letters(text, box) for name, text in formula.gx.items()}
    return Formula(_letters(formula.y, box), gx, formula.note.format(slope=_slope(box)) if formula.note else "")


def _letters(template: str, box: Box) -> str:
    def letter(match: re.Match[str]) -> str:
        name = match[1]
        if name == "gy":
            return _G
        numbers = {a.name: a.value for a in box.arguments if a.box is None}
        return (
            signed(numbers[name]) if numbers.get(name) is not None else _settings(box).get(name, f"<var>{name}</var>")
        )

    return re.sub(r"\{(\w+)\}", letter, template)


def _unusual(box: Box) -> bool:
    settings = _settings(box)
    return box.name == "softplus" and settings.get("beta") != "1.0"


def _settings(box: Box) -> Mapping[str, str]:
    return box.settings or {}


def _slope(box: Box) -> str:
    return _settings(box).get("negative_slope", "0")


# ---- worked out ------------------------------------------------------------------------------------------


def worked_forward(box: Box, values: Mapping[str, Any]) -> list[str]:
    """Each number of the result, with the numbers put into its formula; nothing if they are many or not known.

    Args:
        box: of the operation.
        values: its arguments by name, ``y`` and ``gy``; None for what is too large to be shown.
    """
    y = values["y"]
    if y is None or y.size > FEW or _unusual(box):
        return []
    if box.name in ELEMENTWISE:
        texts = _elementwise(ELEMENTWISE[box.name].y, box, values, y.shape)
    else:
        texts = _SUMS.get(box.name, _nothing)(values)
    return [_line("<var>y</var>", i, y, text) for i, text in enumerate(texts)]


def worked_backward(box: Box, argument: Argument, values: Mapping[str, Any]) -> list[str]:
    """Each number of the gradient that an argument is sent, with the numbers put into its formula."""
    sent = argument.sent.numbers if argument.sent is not None else None
    if sent is None or sent.size > FEW or values["gy"] is None or _unusual(box):
        return []
    if box.name in ELEMENTWISE:
        template = ELEMENTWISE[box.name].gx.get(argument.name)
        texts = _elementwise(template, box, values, sent.shape) if template else iter(())
    else:
        texts = _GRADIENT_SUMS.get((box.name, argument.name), _nothing)(values)
    return [_line(f"<var>g<sub>{argument.name}</sub></var>", i, sent, text) for i, text in enumerate(texts)]


def _line(name: str, i: int, result: NDArray[Any], text: str) -> str:
    place = f"[{i + 1}]" if result.size > 1 else ""
    value = number(result.flat[i])
    return f"{name}{place} = " + (value if text in (value, f"({value})") else f"{text} = {value}")


def _elementwise(template: str, box: Box, values: Mapping[str, Any], shape: tuple[int, ...]) -> Iterator[str]:
    """For each number of this shape; nothing where broadcasting would put several into one."""
    known: dict[str, Any] = {name: values.get(name) for name in re.findall(r"\{(\w+)\}", template)}
    if "d" in known and values.get("x") is not None:
        known["d"] = np.where(values["x"] > 0, 1.0, float(_slope(box)))
    known |= {name: np.float64(value) for name, value in _settings(box).items() if name in known}
    if any(x is None for x in known.values()):
        return
    if np.broadcast_shapes(shape, *(np.shape(x) for x in known.values())) != shape:
        return
    flat = {name: np.broadcast_to(x, shape).ravel() for name, x in known.items()}
    for i in range(int(np.prod(shape))):
        yield template.format(**{name: signed(x[i]) for name, x in flat.items()})


def _nothing(values: Mapping[str, Any]) -> Iterator[str]:
    return iter(())


def _known(*names: str) -> Callable[[Callable[..., Iterator[str]]], Callable[[Mapping[str, Any]], Iterator[str]]]:
    """Decorator: call with these values, if they are matrices of few numbers."""

    def decorate(work: Callable[..., Iterator[str]]) -> Callable[[Mapping[str, Any]], Iterator[str]]:
        def with_values(values: Mapping[str, Any]) -> Iterator[str]:
            found = [values.get(name) for name in names]
            return iter(()) if any(x is None for x in found) else work(*found)

        return with_values

    return decorate


def _total(terms: list[str]) -> str:
    return " + ".join(terms) if len(terms) <= TERMS else " + ".join([*terms[: TERMS - 1], "…"])


def _product(left: Any, right: Any) -> str:
    return _total([f"{signed(a)} · {signed(b)}" for a, b in zip(left, right, strict=True)])


def _matrix_product(left: Any, right: Any) -> Iterator[str]:
    """Each number of left @ right."""
    if left.ndim == right.ndim == 2:
        yield from (_product(row, column) for row in left for column in right.T)


def _linear(values: Mapping[str, Any]) -> Iterator[str]:
    x, weight, bias = (values.get(name) for name in ("x", "weight", "bias"))
    if x is None or weight is None:
        return
    added = [""] * len(weight) if bias is None else [f" + {signed(b)}" for b in bias]
    for i, text in enumerate(_matrix_product(x, weight.T)):
        yield text + added[i % len(weight)]


@_known("gy")
def _bias(gy: Any) -> Iterator[str]:
    if gy.ndim == 2:
        yield from (_total([signed(g) for g in column]) for column in gy.T)


@_known("x", "y")
def _sum(x: Any, y: Any) -> Iterator[str]:
    if not y.ndim:
        yield _total([signed(v) for v in x.ravel()])


@_known("x", "y")
def _mean(x: Any, y: Any) -> Iterator[str]:
    if not y.ndim:
        yield number(x.item()) if x.size == 1 else f"({_total([signed(v) for v in x.ravel()])}) / {x.size}"


@_known("x", "gy")
def _spread(x: Any, gy: Any) -> Iterator[str]:
    if not gy.ndim:
        yield from [number(gy)] * x.size


@_known("x", "gy")
def _share(x: Any, gy: Any) -> Iterator[str]:
    if not gy.ndim:
        yield from [f"{signed(gy)} / {x.size}"] * x.size


_SUMS: dict[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "linear": _linear,
    "matmul": _known("x1", "x2")(_matrix_product),
    "sum": _sum,
    "mean": _mean,
}
_GRADIENT_SUMS: dict[tuple[str, str], Callable[[Mapping[str, Any]], Iterator[str]]] = {
    ("linear", "x"): _known("gy", "weight")(_matrix_product),
    ("linear", "weight"): _known("gy", "x")(lambda gy, x: _matrix_product(gy.T, x)),
    ("linear", "bias"): _bias,
    ("matmul", "x1"): _known("gy", "x2")(lambda gy, x2: _matrix_product(gy, x2.T)),
    ("matmul", "x2"): _known("x1", "gy")(lambda x1, gy: _matrix_product(x1.T, gy)),
    ("sum", "x"): _spread,
    ("mean", "x"): _share,
}


# ---- numbers ---------------------------------------------------------------------------------------------


def signed(x: Any) -> str:
    """A number for a place between others: what is below 0 stands in brackets."""
    return f"({number(x)})" if float(x) < 0 else number(x)
