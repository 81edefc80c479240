"""Arrays for property tests: any small shape, any layout in memory; and the comparison with PyTorch on them."""

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import minigan as mg


def examples(n):
    """Settings: the same n examples in every run."""
    return settings(
        max_examples=n, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )  # fmt: skip


LAYOUTS = {
    "contiguous": lambda make, shape: make(shape),
    "transposed": lambda make, shape: make(shape[::-1]).T,
    "strided": lambda make, shape: make(tuple(2 * n for n in shape))[(slice(None, None, 2),) * len(shape)],
    "backwards": lambda make, shape: make(shape)[(slice(None, None, -1),) * len(shape)],
    "inner": lambda make, shape: make(tuple(n + 2 for n in shape))[(slice(1, -1),) * len(shape)],
    "expanded": lambda make, shape: np.broadcast_to(make((1,) * len(shape)), shape),
    "rows expanded": lambda make, shape: np.broadcast_to(make(shape[1:]), shape),
}


@st.composite
def arrays(draw, shape, low=-1.7, high=1.9, kinds=tuple(LAYOUTS)):
    """Numbers from low to high in this shape, lying in memory in one of these ways."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    layout = LAYOUTS[draw(st.sampled_from(kinds))]
    return np.asarray(layout(lambda shape: np.asarray(rng.uniform(low, high, shape)), shape))


def shapes(least=0, most=3, side=3):
    """Shapes of up to three dimensions, 0-d and empty ones among them."""
    return st.lists(st.integers(0, side), min_size=least, max_size=most).map(tuple)


@st.composite
def that_broadcast(draw, count=2):
    """Shapes that broadcast against each other."""
    whole = draw(shapes())
    found = []
    for _ in range(count):
        cut = draw(st.integers(0, len(whole)))
        found.append(tuple(n if draw(st.booleans()) else 1 for n in whole[cut:]))
    return found


def as_list(ys):
    return list(ys) if isinstance(ys, tuple | list) else [ys]


def memory(xs):
    return [np.asarray(x).tobytes() for x in xs]


def derivatives(f, lib, grad, xs, gys):
    """Values, gradients, and gradients of a weighted sum of the squares of the gradients."""
    ys = [y for y in as_list(f(lib, *xs)) if y.requires_grad]
    gys = gys[: len(ys)]
    gxs = grad(ys, xs, gys, create_graph=True, allow_unused=True)
    total = sum(((gx + 0.3) ** 2).sum() for gx in gxs if gx is not None)
    second = grad(total, [*xs, *gys], allow_unused=True)
    return [*ys, *gxs, *second]


def assert_as_in_torch(torch, f, xs, gys):
    """minigan's derivatives on these very arrays, as they lie, are PyTorch's on copies, and no array is written to.

    The copies are contiguous: PyTorch 2.13's instance_norm has wrong gradients for some that are not.
    """
    before = memory([*xs, *gys])
    ours = [mg.as_tensor(x).requires_grad_() for x in (*xs, *gys)]
    theirs = [torch.tensor(np.array(x, order="C"), requires_grad=True) for x in (*xs, *gys)]
    n = len(xs)
    found = derivatives(f, mg, mg.grad, ours[:n], ours[n:])
    expected = derivatives(f, torch, torch.autograd.grad, theirs[:n], theirs[n:])
    assert memory([*xs, *gys]) == before
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert_same(a, b)


def assert_same(found, expected):
    a = None if found is None else found.detach().numpy()
    b = None if expected is None else expected.numpy(force=True)
    if a is None or b is None:  # where nothing depends on an input, zeros are as good as nothing
        assert not any(np.any(x) for x in (a, b) if x is not None)
        return
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * (1 + np.abs(b).max(initial=0)))
