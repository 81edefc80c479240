"""Every differentiable operation, with inputs to check it on. Samples only: the tests are in other files.

An entry's function takes the library first, minigan or PyTorch, so one text calls both; where PyTorch says it
otherwise the entry gives PyTorch's words as well. An array that occurs twice in a sample is one tensor used twice.
``ops`` are the primitives that the entry is there for; its function must record each of them.

``samples`` are points where the function is smooth, ``kinks`` such where only a convention gives a derivative.
"""

import importlib
import pkgutil

import minigan.ops
from minigan.tape import Primitive
from ops_table.convolution import IMAGE
from ops_table.entry import Entry
from ops_table.losses import LOSS
from ops_table.normalisation import EMBEDDING, NORM
from ops_table.pointwise import ACTIVATION, ELEMENTWISE, FUSED, LINALG
from ops_table.reductions import REDUCE
from ops_table.shapes import SHAPE

TABLE: list[Entry] = [
    *ELEMENTWISE, *ACTIVATION, *LINALG, *FUSED, *REDUCE, *SHAPE, *NORM, *EMBEDDING, *LOSS, *IMAGE,
]  # fmt: skip


def primitives():
    """Every primitive of the operations' modules that has a gradient, found by looking."""
    modules = [importlib.import_module(f"minigan.ops.{m.name}") for m in pkgutil.iter_modules(minigan.ops.__path__)]
    found = {value for module in modules for value in vars(module).values() if isinstance(value, Primitive)}
    return sorted((op for op in found if op.needs), key=lambda op: op.name)


def cases(kinks=False):
    """(entry, arrays) for each sample, with a readable id: for `pytest.mark.parametrize`."""
    return {
        f"{entry.name} - {name}": (entry, arrays)
        for entry in TABLE
        for name, arrays in {**entry.samples, **(entry.kinks if kinks else {})}.items()
    }


def tensors(entry, arrays, make):
    """``make(array)`` for each array, made to require a gradient; the same tensor for the same array."""
    made = {id(array): make(array) for array in arrays}
    for i, array in enumerate(arrays):
        if i not in entry.constants:
            made[id(array)].requires_grad_()
    return [made[id(array)] for array in arrays]


def outputs(y):
    return tuple(y) if isinstance(y, tuple | list) else (y,)
