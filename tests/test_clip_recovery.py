"""After a step whose gradients were not finite, training goes on as in PyTorch: nothing of it stays in the buffers."""

import numpy as np
import pytest

import minigan as mg

pytestmark = pytest.mark.torch
NAN, INF = float("nan"), float("inf")
SHAPES = [(3,), (5, 2), (), (17,)]  # none of them fills its last cache line
OPTIMIZERS = {
    "SGD": lambda lib, ps: lib.optim.SGD(ps, lr=0.1, momentum=0.9),
    "Adam": lambda lib, ps: lib.optim.Adam(ps, lr=0.1),
    "Adam, eps 0": lambda lib, ps: lib.optim.Adam(ps, lr=0.1, eps=0.0),
    "Adam, eps 0, decay": lambda lib, ps: lib.optim.Adam(ps, lr=0.1, eps=0.0, weight_decay=0.1),
    "RMSprop, eps 0": lambda lib, ps: lib.optim.RMSprop(ps, lr=0.1, eps=0.0, momentum=0.5),
}


def training(lib, make, scales):
    """The norms that clipping finds, and the parameters at the end; steps that are not finite are left out."""
    ps = [lib.nn.Parameter(lib.tensor(np.full(shape, 0.5))) for shape in SHAPES]
    optimizer, norms = make(lib, ps), []
    for scale in scales:
        optimizer.zero_grad()
        with np.errstate(all="ignore"):
            sum((lib.sin(p * (i + 1)) * scale).sum() for i, p in enumerate(ps)).backward()
            norms.append(lib.nn.utils.clip_grad_norm_(ps, 1.0, foreach=None).item())
        if np.isfinite(norms[-1]):
            optimizer.step()
    return norms, [np.array(p.tolist()) for p in ps]


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_clipping_recovers_from_a_norm_that_is_not_finite(torch, make, bad):
    scales = [1.0, bad, 2.0, bad, bad, 0.5]
    (norms, ps), (expected_norms, expected) = (training(lib, make, scales) for lib in (mg, torch))
    np.testing.assert_allclose(norms, expected_norms, rtol=1e-12)
    for p, q in zip(ps, expected, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-12)


def test_a_gradient_of_zeros_and_no_eps_give_nan_in_that_place_alone(torch):
    found = []
    for lib in (mg, torch):
        ps = [lib.nn.Parameter(lib.tensor(np.ones(3))), lib.nn.Parameter(lib.tensor(np.ones(2)))]
        optimizer = lib.optim.Adam(ps, lr=0.1, eps=0.0)
        for _ in range(2):
            optimizer.zero_grad()
            (ps[0] * lib.tensor(np.array([1.0, 0.0, 2.0]))).sum().backward()
            (ps[1] * 3.0).sum().backward()
            norm = lib.nn.utils.clip_grad_norm_(ps, 1.0)
            optimizer.step()
        found.append([*ps[0].tolist(), *ps[1].tolist(), norm.item()])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, INF])
def test_the_gaps_of_the_gradients_stay_zero(norm_type):
    ps = [mg.nn.Parameter(mg.ones(shape)) for shape in SHAPES]
    (flat,) = mg.optim.Adam(ps)._flats[0]
    for p in ps:
        p.grad = np.full(p.shape, NAN)
    mg.nn.utils.clip_grad_norm_(ps[1:], 1.0, norm_type)  # of a part of them
    assert np.isnan(flat.grad).sum() == sum(p.numel() for p in ps)
    assert np.count_nonzero(flat.grad) == sum(p.numel() for p in ps)
