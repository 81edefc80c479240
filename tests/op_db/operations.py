"""Which operations of op_db minigan has, where, and what it leaves out of them on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import minigan as mg

BACKWARD_RAISES, NOT_IMPLEMENTED = "PyTorch's own backward raises", "PyTorch returns NotImplemented"


@dataclass(frozen=True)
class Operation:
    """One operation of op_db.

    Attributes:
        path: where minigan has it: in ``mg``, in ``mg.nn.functional`` or as a method of its tensors.
        lacks: keywords and data types that its samples ask for and minigan does not have, exactly.
        refuses: arguments that minigan has, but not of this kind: what it is called, and how to tell.
        accepts: error inputs that minigan takes on purpose: PyTorch's message, as in op_db, and the reason.
        apart: samples that PyTorch itself cannot do, by what it does instead, exactly.
        second_apart: samples on whose second order the two differ on purpose: the reason, and how to tell.
        rtol: of float64; for PyTorch's own inaccuracies.
        reorder: op_db's positional arguments in the order of the function.
        random: whether only the shapes and data types of this call can be compared.
        notes: for the table.
    """

    path: str
    lacks: tuple[str, ...] = ()
    refuses: dict[str, Callable] = field(default_factory=dict)
    accepts: dict[str, str] = field(default_factory=dict)
    apart: tuple[str, ...] = ()
    second_apart: dict[str, Callable] = field(default_factory=dict)
    rtol: float = 1e-10
    reorder: Callable | None = None
    random: Callable = lambda args, kwargs: False
    notes: str = ""


def listed(operation):
    """Everything that is said here about samples that are not compared."""
    purpose = {*operation.accepts.values(), *operation.second_apart}
    return {*operation.lacks, *operation.refuses, *operation.apart} | purpose


def find(path):
    """Where minigan has an operation, or None."""
    name = path.removeprefix("nn.functional.")
    homes = [mg.nn.functional, mg] if name != path else [mg, mg.nn.functional]
    for home in [*homes, *mg.Tensor.__mro__[:-1]]:
        found = vars(home).get(name)
        if isinstance(found, property):
            return found.fget
        if callable(found) and not isinstance(found, type):
            return found
    return None


# ---- by the name that op_db has for them: after the last dot there may be a variant ------------------------

AS_NAMED = """
    T __getitem__ __radd__ __rmatmul__ __rmul__ __rpow__ __rsub__ abs add all amax amin any arange argmax argmin bmm
    cat chunk clamp clone contiguous cos double eq exp expand expand_as expm1 eye flatten flip float full gather ge gt
    isfinite item le log log1p log_softmax logsumexp lt masked_fill matmul maximum mean minimum mul ne neg norm ones
    permute pow reciprocal reshape rsqrt sigmoid sign sin softmax split sqrt square squeeze stack std sub sum t tanh
    to transpose unsqueeze var view where zeros
    nn.functional.avg_pool2d nn.functional.batch_norm nn.functional.binary_cross_entropy
    nn.functional.binary_cross_entropy_with_logits nn.functional.conv2d nn.functional.conv_transpose2d
    nn.functional.cross_entropy nn.functional.embedding nn.functional.instance_norm nn.functional.l1_loss
    nn.functional.layer_norm nn.functional.leaky_relu nn.functional.linear nn.functional.logsigmoid
    nn.functional.max_pool2d nn.functional.mse_loss nn.functional.nll_loss nn.functional.one_hot
    nn.functional.pixel_shuffle nn.functional.relu nn.functional.softplus
"""
ELSEWHERE = {
    "__rdiv__": "__rtruediv__",
    "div.floor_rounding": "div",
    "div.no_rounding_mode": "div",
    "div.trunc_rounding": "div",
    "max.binary": "max",
    "max.reduction_no_dim": "max",
    "max.reduction_with_dim": "max",
    "min.binary": "min",
    "min.reduction_no_dim": "min",
    "min.reduction_with_dim": "min",
    "nn.functional.batch_norm.without_cudnn": "nn.functional.batch_norm",
    "nn.functional.interpolate.nearest": "nn.functional.interpolate",
    "bmm.triton_optimized": "bmm",
    "log_softmax.with_dtype": "log_softmax",
    "norm.fro": "norm",
    "norm.inf": "norm",
    "norm.nuc": "norm",
    "softmax.with_dtype": "softmax",
    "split.list_args": "split",
    "squeeze.multiple": "squeeze",
    "std.unbiased": "std",
    "true_divide": "div",
    "var.unbiased": "var",
}
PAD_MODES = ["circular", "constant", "reflect", "replicate", "replicate_negative"]
DROPOUT = ["nn.functional.dropout", "nn.functional.dropout2d"]
RANDOM = ["rand_like", "randint", "randn", "randn_like"]
OPERATIONS: dict[str, Operation] = {name: Operation(name) for name in AS_NAMED.split()}
OPERATIONS |= {name: Operation(path) for name, path in ELSEWHERE.items()}
OPERATIONS |= {name: Operation(name) for name in [*RANDOM, *DROPOUT]}
OPERATIONS |= {f"nn.functional.pad.{mode}": Operation("nn.functional.pad") for mode in PAD_MODES}
OPERATIONS |= {
    f"nn.functional.interpolate.{mode}": Operation(
        "nn.functional.interpolate", refuses={f'mode "{mode}"': lambda args, kwargs: True}
    )
    for mode in ["area", "bicubic", "bilinear", "linear", "nearest-exact", "trilinear"]
}


def _also(names, **more):
    """Say more about the operations of these names."""
    for name in names.split():
        assert name in OPERATIONS, name
        OPERATIONS[name] = replace(OPERATIONS[name], **more)


# ---- what minigan lacks ----------------------------------------------------------------------------------


def is_tensor(x):
    return hasattr(x, "is_sparse")


_also("add sub", lacks=("alpha=",))
_also("amax amin", lacks=("out=", "more than 64 dimensions"))
_also("arange", lacks=("out=",))
_also("cat", lacks=("out=",))
_also("clone contiguous", lacks=("memory_format=",))
_also("gather", lacks=("out=",))
_also("nn.functional.conv2d", lacks=("complex numbers",))
_also("div.floor_rounding div.trunc_rounding", lacks=("rounding_mode=",))
_also("double float to", lacks=("memory_format=",))
_also(
    "to",
    reorder=lambda *args: [x for x in args if not isinstance(x, bool)],
    notes="non_blocking and copy are left out of the calls",
)
_also("masked_fill", lacks=("complex numbers",))
_also("mean", lacks=("dtype=",))
_also("nn.functional.interpolate.nearest", lacks=("recompute_scale_factor=",))
_also("where", lacks=("complex numbers",))
_also("nn.functional.avg_pool2d", refuses={"stride ()": lambda args, kwargs: () in args[2:3]})
_also(
    "nn.functional.batch_norm nn.functional.batch_norm.without_cudnn",
    refuses={"an input of one dimension": lambda args, kwargs: args[0].ndim < 2},
)
_also("norm.nuc", refuses={'p "nuc"': lambda args, kwargs: "nuc" in args})
_also(
    "randint",
    refuses={"a floating point dtype": lambda args, kwargs: "dtype" in kwargs and kwargs["dtype"].is_floating_point},
)
_also("log_softmax.with_dtype softmax.with_dtype", lacks=("dtype=",))

# ---- what is random ----------------------------------------------------------------------------------------


def _drops(args, kwargs):
    return kwargs.get("training", True) and 0 < kwargs.get("p", 0.5) < 1


_also(" ".join(RANDOM), random=lambda args, kwargs: True, notes="random: shapes and data types only")
_also(" ".join(DROPOUT), random=_drops, notes="shapes and data types only, but for p = 0, p = 1 and training=False")

# ---- where the two differ on purpose -----------------------------------------------------------------------

# op_db has no message for these: PyTorch's functions want a tensor first, or only tensors
_also(
    "__radd__ __rdiv__ __rmul__ __rpow__ __rsub__ eq ge gt le lt max.binary maximum min.binary minimum ne pow",
    accepts={"": "numbers are operands like any other"},
)
_also("clamp", apart=(BACKWARD_RAISES,), notes="where one bound broadcasts more than the other")
_also("__rsub__", apart=(NOT_IMPLEMENTED,))
_also(
    "pow __rpow__",
    second_apart={
        "at an exponent or base of 0 PyTorch drops the mixed derivative": (
            lambda args, kwargs: any(is_tensor(x) and bool((x == 0).any()) for x in args) and all(map(is_tensor, args))
        )
    },
)
_also("nn.functional.binary_cross_entropy", rtol=1e-9, notes="to 1e-9: PyTorch's second order adds 1e-12 to x (1 - x)")
_also("nn.functional.embedding", reorder=lambda weight, index: (index, weight))
_also("where", reorder=lambda x, condition, *rest: (condition, x, *rest))
