"""Optimizers, clipping and cross entropy give on the GPU what they give on the CPU, and wait for nothing."""

import contextlib

import numpy as np
import pytest

import minigan as mg
from minigan.nn.utils import clip_grad_norm_, clip_grad_value_

OPTIMIZERS = [
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "nesterov": True}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.1}),
    ("RMSprop", {"weight_decay": 0.1}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
]
CLIPPING = [
    lambda parameters: clip_grad_norm_(parameters, 0.1),
    lambda parameters: clip_grad_norm_(parameters, 0.1, norm_type=3),
    lambda parameters: clip_grad_norm_(parameters, 0.1, norm_type=float("inf")),
    lambda parameters: clip_grad_value_(parameters, 0.1),
]
rng = np.random.default_rng(0)
X, TARGET, WEIGHT = rng.standard_normal((4, 3)), np.array([2, 0, -100, 1]), np.array([0.5, 1.0, 2.0])


def trained(device, waits_for_nothing, name, settings, clip):
    """The parameters after three steps."""
    parameters = [mg.nn.Parameter(mg.tensor(x, device=device)) for x in (X, WEIGHT)]
    optimizer = getattr(mg.optim, name)(parameters, **settings)
    schedule = mg.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    for _ in range(3):
        with waits_for_nothing():
            optimizer.zero_grad()
            (parameters[0] * parameters[1]).sum().backward()
            clip(parameters)
            optimizer.step()
            schedule.step()
    return [p.detach().to("cpu").numpy() for p in parameters]


@pytest.mark.parametrize("clip", CLIPPING)
@pytest.mark.parametrize(("name", "settings"), OPTIMIZERS)
def test_clipped_steps_are_the_cpus_and_wait_for_nothing(gpu, name, settings, clip):
    found = trained(gpu.device, gpu.no_sync, name, settings, clip)
    expected = trained("cpu", contextlib.nullcontext, name, settings, clip)
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9)


def test_gradients_that_are_not_finite_are_named_on_the_gpu_too(gpu):
    w = mg.nn.Parameter(mg.tensor(WEIGHT, device=gpu.device))
    (w * mg.tensor([1.0, np.nan, 1.0], dtype=mg.float64, device=gpu.device)).sum().backward()
    with pytest.raises(mg.DivergedError, match=r"that of parameter 0 of shape \(3,\)"):
        clip_grad_norm_([w], 1.0, error_if_nonfinite=True)


@pytest.mark.parametrize("target", [TARGET, np.abs(X) / 5], ids=["indices", "probabilities"])
def test_cross_entropy_is_the_cpus_and_waits_for_nothing(gpu, target):
    results = []
    for device, waits_for_nothing in ((gpu.device, gpu.no_sync), ("cpu", contextlib.nullcontext)):
        x, t, w = (mg.tensor(a, device=device) for a in (X, target, WEIGHT))
        x.requires_grad_()
        with waits_for_nothing():
            y = mg.nn.functional.cross_entropy(x, t, weight=w, label_smoothing=0.1)
            (gx,) = mg.grad(y, [x], create_graph=True)
            (ggx,) = mg.grad((gx * gx).sum(), [x])
        results.append([v.detach().to("cpu").numpy() for v in (y, gx, ggx)])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("name", ["orthogonal_", "xavier_normal_", "kaiming_uniform_", "ones_"])
def test_initial_weights_are_the_cpus(gpu, name):
    found = []
    for device in (gpu.device, "cpu"):
        mg.manual_seed(3)
        found.append(getattr(mg.nn.init, name)(mg.zeros(3, 4, device=device)).to("cpu").numpy())
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-6)
