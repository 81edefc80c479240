"""op_db's samples, and how one becomes a call of minigan: the same values, in the same layout in memory."""

from __future__ import annotations

import sys
import types
import unittest
from functools import cache

import numpy as np

import minigan as mg


@cache
def database():
    """PyTorch's operations by name, such as "max.binary"."""
    from hypothesis import settings

    profile = settings.get_current_profile_name()
    assistant = "expecttest" not in sys.modules and _stand_in_for_expecttest()
    try:
        from torch.testing._internal.common_methods_invocations import op_db
    finally:
        settings.load_profile(profile)  # the import sets Hypothesis to ten examples
        if assistant:
            del sys.modules["expecttest"]
    return {op.full_name: op for op in op_db}


def _stand_in_for_expecttest():
    """The import wants the base class of PyTorch's own tests from a package that its samples never use."""
    module = types.ModuleType("expecttest")
    module.TestCase = unittest.TestCase
    return sys.modules.setdefault("expecttest", module) is module


def samples(op):
    """(kind, sample) for each sample of the operation, in float64 (those of one_hot are int64)."""
    import torch

    dtype = torch.int64 if op.dtypes and torch.float64 not in op.dtypes else torch.float64
    follow = op.supports_autograd and dtype.is_floating_point
    for sample in op.sample_inputs("cpu", dtype, requires_grad=follow):
        yield "samples", sample
    if op.reference_inputs_func is not None:  # else they are the same
        for sample in op.reference_inputs("cpu", dtype, requires_grad=False):
            yield "reference", sample.transform(_following) if follow else sample


def _following(x):
    """Reference inputs require no gradient by themselves: here each floating point tensor does."""
    import torch

    if isinstance(x, torch.Tensor) and x.dtype.is_floating_point:
        return x.detach().requires_grad_()
    return x


def errors(op):
    """The calls that PyTorch refuses."""
    return list(op.error_inputs("cpu")) if op.error_inputs_func else []


def arguments(sample):
    """A sample's arguments: positional and named."""
    return (sample.input, *sample.args), dict(sample.kwargs)


def walk(x):
    """Every value inside nested arguments."""
    if isinstance(x, tuple | list):
        for part in x:
            yield from walk(part)
    elif isinstance(x, dict):
        yield from walk(list(x.values()))
    elif isinstance(x, slice):
        yield from walk((x.start, x.stop, x.step))
    else:
        yield x


def mapped(x, change):
    """The same nested arguments with each tensor, data type and device changed."""
    if isinstance(x, dict):
        return {key: mapped(value, change) for key, value in x.items()}
    if isinstance(x, tuple | list):
        parts = [mapped(part, change) for part in x]
        return parts if isinstance(x, list) else tuple(parts)
    if isinstance(x, slice):
        return slice(*(mapped(part, change) for part in (x.start, x.stop, x.step)))
    return change(x)


class Copies:
    """One copy of each tensor for PyTorch and one for minigan; a tensor that occurs twice stays one tensor.

    Attributes:
        theirs, ours: the copies, in the order in which they were first met.
    """

    def __init__(self):
        self.theirs, self.ours, self._places = [], [], {}

    def for_torch(self, x):
        import torch

        return self.theirs[self._place(x)] if isinstance(x, torch.Tensor) else x

    def for_minigan(self, x):
        import torch

        if isinstance(x, torch.Tensor):
            return self.ours[self._place(x)]
        if isinstance(x, torch.dtype):
            return torch.empty(0, dtype=x).numpy().dtype
        return str(x) if isinstance(x, torch.device) else x

    def _place(self, x):
        place = self._places.get(id(x))
        if place is None:
            place = self._places[id(x)] = len(self.theirs)
            self.theirs.append(same_layout(x).requires_grad_(x.requires_grad))
            self.ours.append(mg.as_tensor(same_layout(x).numpy()).requires_grad_(x.requires_grad))
        return place


def same_layout(x):
    """A copy of the tensor with its strides and offset, in memory of its own."""
    import torch

    x = x.detach().resolve_neg().resolve_conj()
    storage = x.untyped_storage().clone()
    return torch.empty(0, dtype=x.dtype).set_(storage, x.storage_offset(), x.size(), x.stride())


def host(y):
    """A tensor of either library as a NumPy array."""
    return y.numpy(force=True) if hasattr(y, "is_sparse") else np.asarray(y.detach().numpy())
