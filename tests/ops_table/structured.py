"""Entries: reductions, operations on shapes, normalisation and losses."""

import numpy as np

import minigan as mg
from minigan.ops import elementwise, loss, norm, reduce, shape
from ops_table.entry import EMPTY, MATRIX, STACK, Entry, layouts, positive, spread, unit
from ops_table.pointwise import TIES, functional

# ---- reductions ------------------------------------------------------------------------------------------

ALL = layouts(spread)
ROWS = MATRIX | STACK  # at least two dimensions, none of them empty
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
    Entry("std of a constant", (reduce._var,), lambda lib, x: lib.std(x), {}, None,
          {"constant": (np.full((2, 3), 0.5),)}),
    *[
        entry
        for name, op in (("amax", reduce._amax), ("amin", reduce._amin))
        for entry in (
            reduction(name, op, not_empty(ALL), TIED),
            reduction(name, op, ROWS, TIED, dim=1),
            reduction(name, op, STACK, dim=(0, 2), keepdim=True),
            reduction(name, op, EMPTY, dim=1),
        )
    ],
    *[
        Entry(f"{name}{options}", (op,),
              lambda lib, x, name=name, options=options: getattr(lib, name)(x, **options)[0], ROWS | EMPTY, None, TIED)
        for name, op in (("max", reduce._take_along_dim), ("min", reduce._take_along_dim))
        for options in ({"dim": 1}, {"dim": -1, "keepdim": True})
    ],
    Entry("max of all", (reduce._amax,), lambda lib, x: lib.max(x), not_empty(ALL)),
    Entry("min of all", (reduce._amin,), lambda lib, x: lib.min(x), not_empty(ALL)),
    Entry("take_along_dim_grad", (reduce._take_along_dim_grad,),
          lambda lib, gy: reduce._take_along_dim_grad(gy, np.array([[1, 0, 1], [1, 1, 0]]), shape=(2, 3), dim=0),
          {"twice the same place": (spread(2, 3),), "transposed": (spread(3, 2).T,)},
          torch=lambda torch, gy: torch.zeros(2, 3, dtype=gy.dtype).scatter_add(
              0, torch.tensor([[1, 0, 1], [1, 1, 0]]), gy)),
]  # fmt: skip


# ---- shapes ----------------------------------------------------------------------------------------------


def changed(text, op, run, samples, torch=None):
    return Entry(text, (op,), lambda lib, *xs: run(*xs), samples, torch and (lambda torch_, *xs: torch(*xs)))


MASK = np.array([[True, False, True], [False, True, True]])
WIDE = {"matrix": (spread(2, 3),), "transposed": (spread(3, 2).T,), "strided": (spread(4, 6)[::2, ::2],)}
SHAPE = [
    changed("reshape", shape._reshape, lambda x: x.reshape(3, -1), MATRIX),
    changed("reshape scalar", shape._reshape, lambda x: x.reshape(1, 1), {"scalar": (spread(),)}),
    changed("reshape empty", shape._reshape, lambda x: x.reshape((3, 0)), EMPTY),
    changed("flatten", shape._reshape, lambda x: x.flatten(), ALL),
    changed("flatten 1", shape._reshape, lambda x: x.flatten(1), ROWS | EMPTY),
    changed("squeeze", shape._reshape, lambda x: x.squeeze(), {"ones": (spread(1, 3, 1),), "scalar": (spread(),)}),
    changed("squeeze 1", shape._reshape, lambda x: x.squeeze(1), {"one": (spread(2, 1, 3),), "none": (spread(2, 3),)}),
    changed("unsqueeze", shape._reshape, lambda x: x.unsqueeze(-1), ALL),
    changed("permute", shape._permute, lambda x: x.permute(2, 0, 1), STACK),
    changed("transpose", shape._permute, lambda x: x.transpose(0, -1), ROWS | EMPTY),
    changed("T", shape._permute, lambda x: x.T, WIDE),
    changed("expand", shape._expand, lambda x: x.expand(2, 3), {"row": (spread(3),), "column": (spread(2, 1),),
            "scalar": (spread(),), "whole": (spread(2, 3),)}),
    changed("expand -1", shape._expand, lambda x: x.expand(2, -1, 4, -1), {"middle": (spread(3, 1, 2),)}),
    changed("expand to nothing", shape._expand, lambda x: x.expand(0, 3), {"row": (spread(1, 3),)}),
    *[
        changed(f"getitem {index}", shape._getitem, lambda x, index=index: x[index], WIDE, torch)
        for index, torch in [
            (1, None), ((slice(None), 1), None), ((0, 2), None), (-1, None), ((slice(None), slice(1, None)), None),
            ((slice(None), slice(None, None, 2)), None), ((..., None), None), ((None, 0), None), (slice(0, 0), None),
            ((slice(None), slice(None, None, -1)), lambda x: x.flip(1)),
            ([0, 0, 1], None), ((slice(None), [2, 0, 2]), None), (([0, 1, 0], [1, 2, 1]), None),
            (((0, 0),), None), ((slice(None), range(-1, 2)), lambda x: x[:, [-1, 0, 1]]),
        ]
    ],
    changed("getitem mask", shape._getitem, lambda x: x[MASK], WIDE),
    changed("getitem row mask", shape._getitem, lambda x: x[:, [True, False, True]], WIDE),
    changed("getitem tensor", shape._getitem, lambda x: x[:, mg.tensor([2, 2, 0])], WIDE, lambda x: x[:, [2, 2, 0]]),
    changed("getitem array", shape._getitem, lambda x: x[np.array([[0, 1], [1, 1]])], WIDE),
    Entry("getitem_grad", (shape._getitem_grad,),
          lambda lib, gy: shape._getitem_grad(gy, shape=(3, 2), index=np.array([2, 0, 2])),
          {"matrix": (spread(3, 2),), "transposed": (spread(2, 3).T,)},
          torch=lambda torch, gy: torch.zeros(3, 2, dtype=gy.dtype).index_add(0, torch.tensor([2, 0, 2]), gy)),
    Entry("iteration", (shape._getitem,), lambda lib, x: tuple(x), WIDE),
    Entry("split", (shape._getitem,), lambda lib, x: lib.split(x, 2, dim=1), WIDE | EMPTY),
    Entry("split sections", (shape._getitem,), lambda lib, x: lib.split(x, [1, 0, 2], dim=-1), WIDE),
    Entry("chunk", (shape._getitem,), lambda lib, x: lib.chunk(x, 2, dim=1), WIDE | EMPTY),
    Entry("cat", (shape._cat,), lambda lib, *xs: lib.cat(xs), {"two": (spread(2, 3), spread(1, 3)),
          "repeated": (WIDE["matrix"] * 2), "empty": (spread(0, 3), spread(2, 3)), "one": (spread(2, 3),),
          "transposed": (spread(3, 2).T, spread(4, 6)[::2, ::2])}),
    Entry("cat dim", (shape._cat,), lambda lib, *xs: lib.cat(xs, dim=-1),
          {"three": (spread(2, 1), spread(2, 3), spread(2, 2))}),
    Entry("stack", (shape._cat,), lambda lib, *xs: lib.stack(xs), {"two": (spread(2, 3), positive(2, 3)),
          "repeated": (WIDE["matrix"] * 2), "scalars": (spread(), positive())}),
    Entry("stack dim", (shape._cat,), lambda lib, *xs: lib.stack(xs, dim=-1), {"two": (spread(2, 3), positive(2, 3))}),
]  # fmt: skip


# ---- normalisation ---------------------------------------------------------------------------------------


def batch_norm(lib, x, *affine, training=True):
    stats = None, None
    if not training:
        make = mg.tensor if lib is mg else lib.tensor
        stats = make(np.array([0.3, -0.2, 0.5])), make(np.array([0.7, 1.9, 0.4]))
        stats = [s.to(dtype=x.dtype) for s in stats]
    return lib.nn.functional.batch_norm(x, *stats, *affine, training=training, eps=1e-3)


IMAGES = {"rows": (spread(4, 3),), "sequences": (spread(2, 3, 2),), "transposed": (spread(3, 4).T,)}
AFFINE = {name: (*xs, positive(3), spread(3)) for name, xs in IMAGES.items()}
NORM = [
    Entry("batch_norm", (norm._normalize,), batch_norm, IMAGES),
    Entry("batch_norm affine", (norm._normalize,), batch_norm, AFFINE),
    Entry("batch_norm eval", (norm._normalize,), lambda lib, *xs: batch_norm(lib, *xs, training=False),
          AFFINE | IMAGES | EMPTY),
    Entry("normalize", (norm._normalize,), lambda lib, *xs: norm._normalize(*xs), {
          "rows": (spread(4, 3), spread(1, 3), positive(1, 3), unit(1, 3), spread(1, 3)),
          "images": (spread(2, 3, 2), spread(1, 3, 1), positive(1, 3, 1), unit(1, 3, 1), spread(1, 3, 1)),
          "empty": (spread(0, 3), spread(1, 3), positive(1, 3), unit(1, 3), spread(1, 3))},
          torch=lambda torch, x, mean, rstd, weight, bias: (x - mean) * rstd * weight + bias),
]  # fmt: skip


# ---- losses ----------------------------------------------------------------------------------------------


def pointwise_loss(name, op, make, target, kinks=None):
    samples = {
        "matrix": (make(2, 3), target(2, 3) * 0.97 + 0.01),
        "scalar": (make(), target()),
        "transposed": (make(3, 2).T, target(2, 6)[:, ::2]),
    }
    empty = {"empty": (make(0, 3), target(0, 3))}
    return [
        functional(name, op, samples | empty, kinks, reduction="none"),
        functional(name, op, samples, kinks, reduction="mean"),
        functional(name, op, samples | empty, kinks, reduction="sum"),
    ]


def weighted(name, op, samples):
    def run(lib, x, target, weight):
        return getattr(lib.nn.functional, name)(x, target, weight=weight)

    return Entry(f"{name}, weighted", (op,), run, samples, constants=(2,))


LOGITS = {
    "matrix": (spread(2, 3), unit(2, 3), positive(2, 3)),
    "row of weights": (spread(2, 3), unit(2, 3), positive(3)),
}
ODDS = {"matrix": (unit(3, 2).T, unit(2, 3), positive(2, 3))}
FAR = np.array([-200.0, -30.0, 0.0, 30.0, 200.0])
BITS = np.array([0.0, 1.0, 0.0, 1.0, 0.0])
LOSS = [
    *pointwise_loss("binary_cross_entropy_with_logits", loss._bce_with_logits, spread, unit,
                    {"far from 0": (FAR, BITS), "far and wrong": (FAR, 1 - BITS)}),
    weighted("binary_cross_entropy_with_logits", loss._bce_with_logits, LOGITS),
    Entry("binary_cross_entropy_with_logits, pos_weight", (), lambda lib, x, t, w:
          lib.nn.functional.binary_cross_entropy_with_logits(x, t, pos_weight=w), LOGITS, constants=(2,)),
    Entry("bce_with_logits_grad", (loss.bce_with_logits_grad,), lambda lib, *xs: loss.bce_with_logits_grad(*xs),
          {"matrix": (spread(2, 3), positive(2, 3), unit(2, 3)), "empty": (spread(0, 3),) * 3},
          torch=lambda torch, gy, x, target: gy * (torch.sigmoid(x) - target)),
    *pointwise_loss("binary_cross_entropy", loss._bce, unit, unit),
    weighted("binary_cross_entropy", loss._bce, ODDS),
    *pointwise_loss("mse_loss", elementwise.square, spread, positive),
    *pointwise_loss("l1_loss", elementwise.abs, spread, lambda *shape: np.array(spread(*shape) * 0.5 + 0.1)),
]  # fmt: skip
