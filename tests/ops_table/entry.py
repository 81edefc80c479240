"""What an entry of the table is, and the arrays that entries are checked on."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import minigan as mg


class Entry(NamedTuple):
    name: str
    ops: tuple
    run: Callable[..., Any]
    samples: dict
    torch: Callable[..., Any] | None = None
    kinks: dict = {}  # noqa: RUF012  (never written to)
    constants: tuple = ()  # positions of arrays that take no gradient


def like(lib, x, array):
    """A constant of the library, where x is."""
    return mg.as_tensor(array, device=x.device) if lib is mg else lib.tensor(array)


# ---- numbers ---------------------------------------------------------------------------------------------


def spread(*shape, low=-1.83, high=1.77):
    """Different numbers in a disorderly order, none of them near a whole number."""
    n = int(np.prod(shape))
    x = np.linspace(low, high, n)[np.argsort(np.sin(np.arange(n) * 12.9898 + n))]
    x = np.where(np.abs(x - np.round(x)) < 0.03, x + 0.06, x)
    return np.array(x.reshape(shape))


def positive(*shape):
    return spread(*shape, low=0.31, high=2.2)


def unit(*shape):
    return spread(*shape, low=0.12, high=0.88)


def layouts(make):
    """One array, in each way that it may lie in memory."""
    return {
        "scalar": (make(),),
        "vector": (make(3),),
        "transposed": (make(3, 2).T,),
        "strided": (make(4, 6)[::2, 1::2],),
        "backwards": (make(2, 3)[::-1, ::-1],),
        "three dimensions": (make(2, 1, 3),),
        "empty": (make(0, 3),),
    }


def pairs(make, other=None):
    """Two arrays: of one shape, broadcast against each other in each way, the same one twice, and empty ones."""
    other = other or (lambda *shape: np.array(make(*shape) * 0.9 + 0.083))
    x = make(2, 3)
    return {
        "scalars": (make(), other()),
        "same shape": (make(2, 3), other(2, 3)),
        "matrix and scalar": (make(2, 3), other()),
        "scalar and matrix": (make(), other(2, 3)),
        "column and row": (make(2, 1), other(3)),
        "leading dimension": (make(3), other(2, 2, 3)),
        "ones in the middle": (make(2, 3, 2), other(2, 1, 2)),
        "transposed": (make(3, 2).T, other(2, 3)),
        "strided": (make(4, 6)[::2, ::2], other(2, 6)[:, ::-2]),
        "repeated": (x, x),
        "repeated scalar": (make(),) * 2,
        "empty": (make(0, 3), other(3)),
        "empty by broadcasting": (make(0, 3), other(1, 3)),
    }


def same_shapes(make):
    return {name: xs for name, xs in pairs(make).items() if xs[0].shape == xs[1].shape} | {
        "empty": (make(0, 3), make(0, 3))
    }


MATRIX = {
    "matrix": (spread(2, 3),),
    "transposed": (spread(3, 2).T,),
    "backwards": (spread(2, 3)[:, ::-1],),
}
STACK = {"three dimensions": (spread(2, 3, 2),), "strided": (spread(4, 3, 4)[::2, :, ::2],)}
EMPTY = {"empty": (spread(0, 3),)}
