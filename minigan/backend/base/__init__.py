"""The specification of every kernel: plain array code that works for any NumPy-like module ``xp``.

A backend says where arrays live and how kernels run. This base class is correct for NumPy and CuPy alike and
is what every faster override is tested against; overrides keep its signatures.

Three rules hold for each kernel: it never writes to its inputs (kernels that do so end in ``_``); one that takes
``out`` puts its result there and returns it; and it uses only what NumPy and CuPy both have (CuPy's ufuncs, for one,
know no ``where=``). For 0-d operands NumPy's ufuncs return scalars in place of arrays: `Primitive.run` makes arrays
of them, so a tensor always holds an array.
"""

from minigan.backend.base.arrays import Array, Arrays, Dims, Shape
from minigan.backend.base.conv import Conv
from minigan.backend.base.elementwise import Elementwise
from minigan.backend.base.embedding import Embedding
from minigan.backend.base.fused import Fused
from minigan.backend.base.loss import Loss
from minigan.backend.base.norm import Norm
from minigan.backend.base.optim import Optim
from minigan.backend.base.pixels import Pixels
from minigan.backend.base.pool import Pool
from minigan.backend.base.resample import Resample
from minigan.backend.base.shape import ShapeKernels

__all__ = ["Array", "Backend", "Dims", "Shape"]


class Backend(Arrays, Elementwise, ShapeKernels, Conv, Pool, Resample, Pixels, Norm, Embedding, Loss, Fused, Optim):
    """All kernels in terms of the array module ``xp``: one file for each kind, as with the operations."""
