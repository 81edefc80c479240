"""The same parameters here and in PyTorch, under optimizers of the same settings."""

import itertools

import numpy as np
import pytest

import minigan as mg
from minigan.nn import Parameter

SHAPES = [(3, 4), (), (0, 2), (5,), (17,)]


def values(shapes=SHAPES, seed=0):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape)) for shape in shapes]


def loss(parameters, step, used):
    """A function with another curvature in each step; parameters that are not used get no gradient."""
    return sum(((p * p).sum() * (0.3 + i) + p.sum() * (step % 3 - 1.0)) for i, p in enumerate(parameters) if used(i))


def always(step, i):
    return True


def now_and_then(step, i):
    """The first always, the second from step 5 on, the third never, others every so often."""
    return (True, step >= 5, False, step % 2 == 0, step % 3 == 0)[i]


class Twins:
    """Two sets of parameters, two optimizers."""

    def __init__(self, torch, name, settings, groups=None):
        self.ours = [Parameter(mg.tensor(x)) for x in values()]
        self.theirs = [torch.nn.Parameter(torch.tensor(x)) for x in values()]
        groups = groups or [{"params": range(len(SHAPES))}]
        self.optimizer = getattr(mg.optim, name)(self.pick(groups, self.ours), **settings)
        self.reference = getattr(torch.optim, name)(self.pick(groups, self.theirs), **settings)

    def pick(self, groups, parameters):
        return [{**group, "params": [parameters[i] for i in group["params"]]} for group in groups]

    def step(self, step, used=always):
        for parameters, optimizer in ((self.ours, self.optimizer), (self.theirs, self.reference)):
            optimizer.zero_grad()
            loss(parameters, step, lambda i: used(step, i)).backward()
            optimizer.step()

    def check(self):
        for found, expected in zip(self.ours, self.theirs, strict=True):
            assert found.dtype == np.float64
            np.testing.assert_allclose(found.data, expected.numpy(force=True), rtol=1e-9, atol=1e-9)

    def run(self, steps, used=always):
        for step in steps:
            self.step(step, used)
            self.check()


def options(**choices):
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


SETTINGS = [
    ("SGD", {}),
    *[("SGD", s) for s in options(lr=[0.05], momentum=[0.0, 0.9], dampening=[0.0, 0.3], weight_decay=[0, 0.1])],
    *[("SGD", s) for s in options(lr=[0.05], momentum=[0.8], weight_decay=[0, 0.1], nesterov=[True])],
    ("Adam", {}),
    *[("Adam", s) for s in options(lr=[0.05], betas=[(0.5, 0.999), (0.0, 0.9), (0.9, 0.0)], weight_decay=[0, 0.1])],
    *[("Adam", s) for s in options(lr=[0.05, 0], eps=[0.1, 1e-8])],
    ("AdamW", {}),
    *[("AdamW", s) for s in options(lr=[0.05], betas=[(0.5, 0.999), (0.9, 0.0)], weight_decay=[0, 0.1, 2])],
    ("AdamW", {"lr": 0.05, "eps": 0.1}),
    ("RMSprop", {}),
    *[("RMSprop", s) for s in options(
        lr=[0.05], alpha=[0.9], weight_decay=[0, 0.1], momentum=[0, 0.9], centered=[False, True])],
    *[("RMSprop", s) for s in options(lr=[0.01], alpha=[0.0, 0.5], eps=[0.1, 1e-8], momentum=[0, 0.5])],
]  # fmt: skip
every_setting = pytest.mark.parametrize(("name", "settings"), SETTINGS)
each_kind = pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.2}),
        ("Adam", {"lr": 0.05}),
        ("AdamW", {"lr": 0.05}),
        ("RMSprop", {"lr": 0.05, "momentum": 0.5, "centered": True}),
        ("RMSprop", {"lr": 0.05}),
    ],
)


def train(parameters, optimizer, steps, used=always):
    for step in steps:
        optimizer.zero_grad()
        loss(parameters, step, lambda i, step=step: used(step, i)).backward()
        optimizer.step()
