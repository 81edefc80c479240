"""Programs made up at random, of values shared, joined, cut and reused, give the gradients that PyTorch gives."""

import random

import numpy as np
import pytest

import minigan as mg

pytestmark = pytest.mark.torch
SHAPE = (3, 4)

# Each takes the library and one or two tensors of SHAPE, and returns one of SHAPE; numbers stay of moderate size.
ONE = [
    lambda lib, x: lib.tanh(x),
    lambda lib, x: lib.sigmoid(x) * 2 - 1,
    lambda lib, x: lib.nn.functional.leaky_relu(x, 0.2),
    lambda lib, x: lib.nn.functional.softplus(x),
    lambda lib, x: -x * 0.5,
    lambda lib, x: lib.sin(x) ** 2,
    lambda lib, x: lib.clamp(x, -1.5, 1.5),
    lambda lib, x: 1 / (1 + x * x),
    lambda lib, x: x - x.mean(0, keepdim=True),
    lambda lib, x: x * x.sum(1, keepdim=True) / 4,
    lambda lib, x: x.amax(1, keepdim=True) - x,
    lambda lib, x: x.T.reshape(3, 4),
    lambda lib, x: x[[2, 0, 0]],
    lambda lib, x: lib.cat([x[1:], x[:1] * 2]),
    lambda lib, x: lib.stack([x[:, 0], x[:, 1], x[:, 0], x[:, 3]], 1),
    lambda lib, x: x[1].expand(3, 4),
    lambda lib, x: (x @ x.T) @ x / 8,
    lambda lib, x: lib.nn.functional.batch_norm(x, None, None, training=True, eps=0.1),
    lambda lib, x: x / (0.1 + x.var(1, keepdim=True)),
    lambda lib, x: x.detach() * x,
    lambda lib, x: x.double(),
    lambda lib, x: lib.softmax(x, 1) * 3,
    lambda lib, x: lib.log_softmax(x, 0) / 3,
    lambda lib, x: x - lib.logsumexp(x, (0, 1), keepdim=True),
    lambda lib, x: x / (1 + lib.norm(x, dim=1, keepdim=True)),
    lambda lib, x: lib.flip(x, (0, 1)),
    lambda lib, x: lib.nn.functional.layer_norm(x, (4,), eps=0.1),
    lambda lib, x: lib.nn.functional.pad(x, (1, 0, 0, 2))[:3, :4],
    lambda lib, x: lib.bmm(x.reshape(1, 3, 4), x.T.unsqueeze(0))[0] @ x / 8,
    lambda lib, x: lib.nn.functional.conv2d(x.reshape(1, 1, 3, 4), x[:, :3].reshape(1, 1, 3, 3), padding=1)[0, 0] / 4,
    lambda lib, x: lib.nn.functional.avg_pool2d(x.reshape(1, 3, 4), 3, 1, 1)[0],
]
TWO = [
    lambda lib, x, y: x + y,
    lambda lib, x, y: x - y * 0.5,
    lambda lib, x, y: x * y,
    lambda lib, x, y: x / (y * y + 1),
    lambda lib, x, y: lib.maximum(x, y),
    lambda lib, x, y: x * y[:1],
    lambda lib, x, y: lib.nn.functional.linear(x, y) @ x / 8,
    lambda lib, x, y: x * y[0, 0],
    lambda lib, x, y: lib.cat([x, y])[1:4],
    lambda lib, x, y: lib.where(x.detach() > 0, x, y),
]


def program(seed, length=14):
    """A list of (function, numbers of the values it takes); the values begin with three leaves."""
    pick, steps = random.Random(seed), []
    for n in range(3, 3 + length):
        f = pick.choice(ONE if pick.random() < 0.55 else TWO)
        recent = [pick.randrange(max(0, n - 6), n) for _ in range(1 if f in ONE else 2)]
        steps.append((f, recent))
    return steps


def run(lib, steps, leaves):
    values = list(leaves)
    for f, taken in steps:
        values.append(f(lib, *[values[i] for i in taken]))
    return values


def starting_values(seed):
    return [np.random.default_rng([seed, i]).normal(size=SHAPE) for i in range(3)]


WEIGHTS = np.cos(np.arange(12.0)).reshape(SHAPE)


def gradients(lib, seed, make, grad, host):
    """What backward leaves after two passes, and the second-order gradients of a sum of squared gradients."""
    steps = program(seed)
    leaves = [make(x) for x in starting_values(seed)]
    weights = make(WEIGHTS).detach()
    values = run(lib, steps, leaves)
    loss = (values[-1] * weights).sum() + values[-3].mean()
    loss.backward(retain_graph=True)
    (values[-1] * values[-2]).sum().backward()
    first = [None if x.grad is None else host(x.grad) for x in leaves]
    again = run(lib, steps, leaves)
    loss = (again[-1] * weights).sum() + again[-3].mean()
    gxs = [gx for gx in grad(loss, leaves, create_graph=True, allow_unused=True) if gx is not None]
    penalty = sum((gx * gx).sum() for gx in gxs)
    second = grad(penalty, leaves, allow_unused=True) if getattr(penalty, "requires_grad", False) else [None] * 3
    return [host(again[-1]), *first, *[None if g is None else host(g) for g in second]]


def theirs(torch, seed):
    def make(x):
        return torch.tensor(x, requires_grad=True)

    return gradients(torch, seed, make, torch.autograd.grad, lambda x: x.numpy(force=True))


def ours(seed, flat):
    def make(x):
        leaf = mg.tensor(x, requires_grad=True)
        if flat:  # as an optimizer leaves its parameters: their gradients go to views of a buffer
            mg.optim.SGD([leaf], lr=0.0)
        return leaf

    def host(x):
        return x.detach().numpy() if isinstance(x, mg.Tensor) else x.copy()

    return gradients(mg, seed, make, mg.grad, host)


@pytest.mark.parametrize("flat", [False, True], ids=["own gradients", "flat buffers"])
@pytest.mark.parametrize("seed", range(50))
def test_a_random_program_has_pytorchs_gradients(torch, seed, flat):
    for found, expected in zip(ours(seed, flat), theirs(torch, seed), strict=True):
        if found is None or expected is None:  # where nothing depends on a leaf, zeros are as good as nothing
            assert not any(np.any(x) for x in (found, expected) if x is not None)
            continue
        scale = 1 + np.abs(expected).max()
        np.testing.assert_allclose(found / scale, expected / scale, rtol=1e-9, atol=1e-9)
