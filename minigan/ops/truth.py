"""Whether values are true, which every number but 0 is: bools, of which no gradient is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigan.ops.checks import tensor_of
from minigan.ops.elementwise import eq, ne
from minigan.ops.reduce import Dim, reduced_dims, sum

if TYPE_CHECKING:
    from minigan.tensor import Tensor


def all(input: Any, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether every value is true, of all or over the given dimensions; of none it is true.

    >>> mg.all(mg.tensor([[True, True], [True, False]]), dim=1)
    tensor([ True, False])
    """
    x = tensor_of("all", input).detach()
    return eq(sum(eq(x, 0), reduced_dims(dim, x, "all"), keepdim), 0)


def any(input: Any, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether at least one value is true, of all or over the given dimensions; of none it is not.

    >>> mg.any(mg.tensor([[0.0, 0.0], [0.5, 0.0]]), dim=1)
    tensor([False,  True])
    """
    x = tensor_of("any", input).detach()
    return ne(sum(ne(x, 0), reduced_dims(dim, x, "any"), keepdim), 0)
