"""One function, as it is written and captured, side by side: the same bits in all that it returns and leaves behind."""

import numpy as np

import minigan as mg
from minigan.ops.random import stream
from minigan.variable import Variable


def host(x):
    """What x holds, in a form that is equal only for equal bits, and shares no memory with it."""
    if isinstance(x, Variable):
        return host(x._data)
    if isinstance(x, np.ndarray | np.generic):
        return x.shape, str(x.dtype), x.tobytes()
    if isinstance(x, dict):
        return {name: host(part) for name, part in x.items()}
    if isinstance(x, tuple | list):
        return [host(part) for part in x]
    return repr(x)


def state(part):
    """All that a module, an optimizer, a leaf or the like remembers, with the gradients of its parameters."""
    if isinstance(part, Variable):
        return host([part, part._grad])
    gradients = [p._grad for p in part.parameters()] if isinstance(part, mg.nn.Module) else []
    return host([part.state_dict(), gradients])


def runs(make, calls, wrap, meanwhile=None):
    """After each call: its result, the state of all parts, and where the random streams stand; and the function."""
    mg.manual_seed(0)
    function, *parts = make()
    step = wrap(function)
    seen = []
    for i, args in enumerate(calls):
        mg.set_step(i)
        if meanwhile is not None:
            meanwhile(i, *parts)
        result = step(*args())
        seen.append((host(result), [state(part) for part in parts], (stream.seed, stream.step, stream.site)))
    return seen, step


def alike(make, calls, meanwhile=None, kinds=None):
    """Check that ``make``'s function does the same captured and as written, and that it was captured.

    Args:
        make: builds everything anew, and returns the function and whatever has a state.
        calls: for each call a function that gives its arguments.
        meanwhile: called before each call, with its number and all that has a state.
        kinds: how many programs there have to be in the end.

    Returns:
        The captured function.
    """
    expected, _ = runs(make, calls, lambda function: function, meanwhile)
    found, step = runs(make, calls, mg.capture, meanwhile)
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert a == b, f"call {i} differs"
    assert step.program is not None
    if kinds is not None:
        assert programs(step) == kinds
    return step


def programs(step):
    """How many programs a captured function has."""
    return sum(len(kind.programs) for kind in step._kinds.values())


def batches(count, *shapes, dtype=np.float32, seed=0):
    """For each call tensors of these shapes."""
    rng = np.random.default_rng(seed)
    values = [[rng.standard_normal(shape).astype(dtype) for shape in shapes] for _ in range(count)]
    return [lambda arrays=arrays: [mg.tensor(x) for x in arrays] for arrays in values]
