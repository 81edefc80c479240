"""Entries: reductions, extremes, norms and softmax."""

import math

import numpy as np

from minigan.ops import elementwise, extremes, indexing, length, reduce, softmax
from ops_table.entry import EMPTY, MATRIX, STACK, Entry, layouts, positive, spread
from ops_table.pointwise import TIES

ALL = layouts(spread)
ROWS = MATRIX | STACK  # at least two dimensions, none of them empty
TWO = {"same shape": (spread(2, 3), positive(2, 3)), "column and row": (spread(2, 1), positive(3))}
TIED = {"equal values": (TIES,), "all equal": (np.full((2, 3), 0.5),)}


def reduction(name, op, samples, kinks=None, **options):
    text = ", ".join([name, *[f"{key}={value}" for key, value in options.items()]])
    return Entry(text, (op,), lambda lib, x: getattr(lib, name)(x, **options), samples, None, kinks or {})


def not_empty(samples):
    return {name: arrays for name, arrays in samples.items() if arrays[0].size}


REDUCE = [
    reduction("sum", reduce._sum, ALL),
    reduction("sum", reduce._sum, ROWS | EMPTY, dim=0),
    reduction("sum", reduce._sum, ROWS | EMPTY, dim=-1, keepdim=True),
    reduction("sum", reduce._sum, STACK, dim=(0, 2)),
    reduction("mean", reduce._mean, not_empty(ALL)),
    reduction("mean", reduce._mean, ROWS, dim=1),
    reduction("mean", reduce._mean, EMPTY, dim=1),
    reduction("mean", reduce._mean, STACK, dim=(2, 0), keepdim=True),
    reduction("var", reduce._var, ROWS),
    reduction("var", reduce._var, ROWS, dim=1),
    reduction("var", reduce._var, ROWS, dim=(0, 1), correction=0, keepdim=True),
    reduction("std", reduce._var, ROWS),
    reduction("std", reduce._var, ROWS, dim=1, correction=0),
    reduction("std", reduce._var, ROWS, dim=0, keepdim=True),
    reduction("std", reduce.root, ROWS, dim=1, unbiased=False),
    reduction("var", reduce._var, ROWS, dim=0, correction=0.5),
    Entry("std of a constant", (reduce._var,), lambda lib, x: lib.std(x), {}, None,
          {"constant": (np.full((2, 3), 0.5),)}),
    *[
        Entry(f"sum_to {to}", (reduce.sum_to,), lambda lib, x, to=to: reduce.sum_to(x, shape=to),
              {"stack": (spread(2, 3, 4),)}, torch=lambda torch, x, to=to: x.sum_to_size(to))
        for to in ((3, 4), (4,), (), (3, 1), (2, 1, 4), (1, 1, 1))
    ],
    Entry("spread", (reduce.spread,), lambda lib, gy: reduce.spread(gy, x_shape=(2, 3, 4), dim=(0, 2)),
          {"vector": (spread(3),), "kept": (spread(1, 3, 1),)},
          torch=lambda torch, gy: gy.reshape(1, 3, 1).expand(2, 3, 4)),
    Entry("root", (reduce.root,), lambda lib, x: reduce.root(x), layouts(positive),
          torch=lambda torch, x: torch.sqrt(x)),
]  # fmt: skip


# ---- the largest and the smallest ------------------------------------------------------------------------

EXTREMES = [
    *[
        entry
        for name, op in (("amax", extremes._amax), ("amin", extremes._amin))
        for entry in (
            reduction(name, op, not_empty(ALL), TIED),
            reduction(name, op, ROWS, TIED, dim=1),
            reduction(name, op, STACK, dim=(0, 2), keepdim=True),
            reduction(name, op, EMPTY, dim=1),
        )
    ],
    *[
        Entry(f"{name}{options}", (indexing._gather,),
              lambda lib, x, name=name, options=options: getattr(lib, name)(x, **options)[0], ROWS | EMPTY, None, TIED)
        for name in ("max", "min")
        for options in ({"dim": 1}, {"dim": -1, "keepdim": True})
    ],
    Entry("max of all", (extremes._amax,), lambda lib, x: lib.max(x), not_empty(ALL), None, TIED),
    Entry("min of all", (extremes._amin,), lambda lib, x: lib.min(x), not_empty(ALL), None, TIED),
    Entry("max of two", (elementwise.maximum,), lambda lib, x1, x2: lib.max(x1, x2), TWO),
    Entry("min of two", (elementwise.minimum,), lambda lib, x1, x2: x1.min(x2), TWO),
]  # fmt: skip


# ---- norms -----------------------------------------------------------------------------------------------

ORDERS = [(1, elementwise.abs), (2, length._norm2), (3, length._norm), (2.5, length._norm), (-1.5, length._norm),
          (math.inf, extremes._amax), (-math.inf, extremes._amin)]  # fmt: skip
NORM_OF = [
    reduction("norm", length._norm2, ALL),
    reduction("norm", length._norm2, ROWS | EMPTY, dim=1),
    reduction("norm", length._norm2, STACK, dim=(0, 2), keepdim=True),
    Entry("norm, p=0", (elementwise.sign,), lambda lib, x: lib.norm(x, 0, 1), ROWS,
          torch=lambda torch, x: x.sign().abs().sum(1)),  # PyTorch's has no gradient at all
    *[reduction("norm", op, ROWS, p=p) for p, op in ORDERS],
    *[reduction("norm", op, STACK, p=p, dim=(2, 0)) for p, op in ORDERS],
    *[reduction("norm", op, ROWS, p=p, dim=1, keepdim=True) for p, op in ORDERS],
]  # fmt: skip


# ---- softmax ---------------------------------------------------------------------------------------------

FAR = {"far from 0": (np.array([[-1e4, 0.0, 30.0], [1e4, 1e4, 9990.0]]),)}
SOFTMAX = [
    reduction("logsumexp", softmax._logsumexp, ROWS | FAR, dim=1),
    reduction("logsumexp", softmax._logsumexp, STACK, dim=(0, 2), keepdim=True),
    reduction("logsumexp", softmax._logsumexp, {"scalar": (spread(),)}, dim=0),
    *[
        reduction(name, op, samples | FAR, dim=dim)
        for name, op in (("softmax", softmax._softmax), ("log_softmax", softmax._log_softmax))
        for dim, samples in ((0, ROWS | EMPTY), (-1, STACK | {"scalar": (spread(),), "nothing": (spread(2, 0),)}))
    ],
]
REDUCE += [*EXTREMES, *NORM_OF, *SOFTMAX]
