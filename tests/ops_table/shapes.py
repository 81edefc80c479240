"""Entries: operations on shapes, indexing, joining and padding."""

import numpy as np

import minigan as mg
from minigan.ops import indexing, joining, shape
from ops_table.entry import EMPTY, MATRIX, STACK, Entry, layouts, like, positive, spread

ALL = layouts(spread)
ROWS = MATRIX | STACK  # at least two dimensions, none of them empty


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
    changed("t", shape._permute, lambda x: x.t(), WIDE | {"vector": (spread(3),), "scalar": (spread(),)}),
    changed("clone", shape.clone, lambda x: x.clone(), ALL),
    changed("contiguous", shape.clone, lambda x: x.contiguous(), {"transposed": (spread(3, 2).T,)}),
    changed("expand", shape._expand, lambda x: x.expand(2, 3), {"row": (spread(3),), "column": (spread(2, 1),),
            "scalar": (spread(),), "whole": (spread(2, 3),)}),
    changed("expand -1", shape._expand, lambda x: x.expand(2, -1, 4, -1), {"middle": (spread(3, 1, 2),)}),
    changed("expand_as", shape._expand, lambda x: x.expand_as(np.zeros((2, 3))), {"row": (spread(3),)},
            lambda x: x.expand(2, 3)),
    changed("expand to nothing", shape._expand, lambda x: x.expand(0, 3), {"row": (spread(1, 3),)}),
    *[
        changed(f"getitem {index}", indexing._getitem, lambda x, index=index: x[index], WIDE, torch)
        for index, torch in [
            (1, None), ((slice(None), 1), None), ((0, 2), None), (-1, None), ((slice(None), slice(1, None)), None),
            ((slice(None), slice(None, None, 2)), None), ((..., None), None), ((None, 0), None), (slice(0, 0), None),
            ((slice(None), slice(None, None, -1)), lambda x: x.flip(1)),
            ([0, 0, 1], None), ((slice(None), [2, 0, 2]), None), (([0, 1, 0], [1, 2, 1]), None),
            (((0, 0),), None), ((slice(None), range(-1, 2)), lambda x: x[:, [-1, 0, 1]]),
        ]
    ],
    changed("getitem mask", indexing._getitem, lambda x: x[MASK], WIDE),
    changed("getitem row mask", indexing._getitem, lambda x: x[:, [True, False, True]], WIDE),
    changed("getitem tensor", indexing._getitem, lambda x: x[:, mg.tensor([2, 2, 0])], WIDE, lambda x: x[:, [2, 2, 0]]),
    changed("getitem array", indexing._getitem, lambda x: x[np.array([[0, 1], [1, 1]])], WIDE),
    Entry("getitem_grad", (indexing._getitem_grad,),
          lambda lib, gy: indexing._getitem_grad(gy, shape=(3, 2), index=np.array([2, 0, 2])),
          {"matrix": (spread(3, 2),), "transposed": (spread(2, 3).T,)},
          torch=lambda torch, gy: torch.zeros(3, 2, dtype=gy.dtype).index_add(0, torch.tensor([2, 0, 2]), gy)),
    Entry("iteration", (indexing._getitem,), lambda lib, x: tuple(x), WIDE),
    Entry("split", (indexing._getitem,), lambda lib, x: lib.split(x, 2, dim=1), WIDE | EMPTY),
    Entry("split sections", (indexing._getitem,), lambda lib, x: lib.split(x, [1, 0, 2], dim=-1), WIDE),
    Entry("chunk", (indexing._getitem,), lambda lib, x: lib.chunk(x, 2, dim=1), WIDE | EMPTY),
    Entry("cat", (joining._cat,), lambda lib, *xs: lib.cat(xs), {"two": (spread(2, 3), spread(1, 3)),
          "repeated": (WIDE["matrix"] * 2), "empty": (spread(0, 3), spread(2, 3)), "one": (spread(2, 3),),
          "transposed": (spread(3, 2).T, spread(4, 6)[::2, ::2])}),
    Entry("cat dim", (joining._cat,), lambda lib, *xs: lib.cat(xs, dim=-1),
          {"three": (spread(2, 1), spread(2, 3), spread(2, 2))}),
    Entry("stack", (joining._cat,), lambda lib, *xs: lib.stack(xs), {"two": (spread(2, 3), positive(2, 3)),
          "repeated": (WIDE["matrix"] * 2), "scalars": (spread(), positive())}),
    Entry("stack dim", (joining._cat,), lambda lib, *xs: lib.stack(xs, dim=-1),
          {"two": (spread(2, 3), positive(2, 3))}),
    changed("flip", shape._flip, lambda x: x.flip(0, -1), ROWS | EMPTY),
    changed("flip of nothing", shape._flip, lambda x: x.flip(()), ROWS),
    Entry("cat beside nothing", (joining._cat,), lambda lib, *xs: lib.cat(xs, dim=1),
          {"one-dimensional": (spread(0), spread(2, 3), spread(2, 1))}),
]  # fmt: skip


# ---- gather ----------------------------------------------------------------------------------------------

ALONG = np.array([[1, 0, 1], [1, 1, 0]])


def gathered(dim, index):
    return Entry(f"gather {dim} {index.shape}", (indexing._gather,),
                 lambda lib, x: lib.gather(x, dim, like(lib, x, index)), WIDE)  # fmt: skip


GATHER = [
    gathered(0, ALONG),
    gathered(1, np.array([[2, 0], [1, 1]])),
    gathered(-1, np.array([[2, 0, 2, 1]])),
    Entry("gather along a vector", (indexing._gather,), lambda lib, x: lib.gather(x, 0, like(lib, x, np.array(1))),
          {"vector": (spread(3),), "strided": (spread(6)[::2],)}),
    Entry("gather_grad", (indexing._gather_grad,),
          lambda lib, gy: indexing._gather_grad(gy, like(lib, gy, ALONG), shape=(2, 3), dim=0),
          {"twice the same place": (spread(2, 3),), "transposed": (spread(3, 2).T,)},
          torch=lambda torch, gy: torch.zeros(2, 3, dtype=gy.dtype).scatter_add(0, torch.tensor(ALONG), gy)),
]  # fmt: skip


# ---- padding ---------------------------------------------------------------------------------------------


def padded(op, samples, pad, **options):
    text = ", ".join([f"pad {pad}", *[f"{key}={value}" for key, value in options.items()]])
    return Entry(text, (op,), lambda lib, x: lib.nn.functional.pad(x, pad, **options), samples)


IMAGES = {"image": (spread(1, 2, 3, 3),), "strided": (spread(2, 1, 6, 6)[:, :, ::2, ::-2],)}
PAD = [
    padded(joining._pad, WIDE | EMPTY, (1, 2)),
    padded(joining._pad, WIDE, (1, 0, 2, 1), value=0.7),
    padded(joining._pad, WIDE, (-1, 2, 1, -1), mode="constant", value=-1),
    *[
        padded(joining._cat, IMAGES, pad, mode=mode)
        for mode in ("reflect", "replicate", "circular")
        for pad in ((1, 2, 0, 1), (2, 2, 2, 2), (-1, 2, 1, -2))
    ],
    padded(joining._cat, WIDE, (1, 2), mode="reflect"),
    padded(joining._cat, WIDE, (4, 0), mode="replicate"),
]
SHAPE += [*GATHER, *PAD]
