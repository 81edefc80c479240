"""A sample as a call: what of it minigan lacks, and how it reads."""

from __future__ import annotations

import inspect

from minigan.tape import Primitive

from .operations import OPERATIONS, find, is_tensor
from .samples import mapped, walk

DEFAULTS = {  # PyTorch's: a call that gives one of these says nothing
    "align_corners": (None,),
    "alpha": (1,),
    "memory_format": ("torch.preserve_format",),
    "recompute_scale_factor": (None, False),
    "requires_grad": (False,),
    "return_indices": (False,),
    "use_input_stats": (True,),
}


def lacks(name, call):
    """What the call needs that minigan does not have: a keyword, a data type, or a kind of argument; else None."""
    for label, applies in OPERATIONS[name].refuses.items():
        if applies(*call):
            return label
    return _lacking_type(call) or _lacking_keyword(name, without_defaults(name, call))


def without_defaults(name, call):
    """The call without keywords that minigan lacks where they have PyTorch's default."""
    args, kwargs = call
    known = _signature(name).parameters
    return args, {key: x for key, x in kwargs.items() if key in known or not _is_default(key, x)}


def with_known_keywords(name, call):
    """The call without any keyword that minigan lacks."""
    args, kwargs = call
    return args, {key: x for key, x in kwargs.items() if key in _signature(name).parameters}


def _is_default(key, x):
    return not is_tensor(x) and any(x is default or str(x) == default for default in DEFAULTS.get(key, ()))


def _lacking_type(call):
    for x in walk(call):
        dtype = str(x.dtype if is_tensor(x) else x)
        if isinstance(x, complex) or dtype.startswith("torch.complex"):
            return "complex numbers"
        if is_tensor(x) and x.ndim > 64:
            return "more than 64 dimensions"
    return None


def _lacking_keyword(name, call):
    args, kwargs = arguments_for_minigan(name, call)
    signature = _signature(name)
    named = [p.name for p in signature.parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    unknown = sorted(f"{key}=" for key in kwargs if key not in named)
    if unknown:
        return ", ".join(unknown)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        return str(error)
    return None


def arguments_for_minigan(name, call):
    """The arguments in the order of minigan's function."""
    (args, kwargs), reorder = call, OPERATIONS[name].reorder
    return reorder(*args) if reorder else args, kwargs


def _signature(name):
    function = find(OPERATIONS[name].path)
    if not isinstance(function, Primitive):
        return inspect.signature(function)
    kind = inspect.Parameter
    arrays = kind.VAR_POSITIONAL if function.variadic else kind.POSITIONAL_ONLY
    needed = len(function.inputs) - function.optional
    first = [kind(x, arrays, default=kind.empty if i < needed else None) for i, x in enumerate(function.inputs)]
    return inspect.Signature([*first, *(kind(x, kind.KEYWORD_ONLY) for x in function.static)])


def describe(name, call):
    """The call as one line."""
    args, kwargs = mapped(call, _short)
    return f"{name}({', '.join([*map(repr, args), *(f'{key}={x!r}' for key, x in kwargs.items())])})"


def _short(x):
    if not is_tensor(x):
        return x
    strides = "" if x.is_contiguous() else f" strides {x.stride()}"
    return _Text(f"<{str(x.dtype)[6:]} {tuple(x.shape)}{strides}>")


class _Text(str):
    __slots__ = ()
    __repr__ = str.__str__
