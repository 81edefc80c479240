"""A gradient that cannot be is refused by name, with what to do: second passes, stale leaves, strangers, nan."""

import numpy as np
import pytest

import minigan as mg

nn = mg.nn
X = mg.zeros(2, 3)


def stale(change):
    """Backward after a change of a leaf that it needs."""
    w = nn.Parameter(mg.ones(2))
    y = (w * w).sum()
    change(w)
    y.backward()


def step(w):
    w.grad = np.ones(2)
    mg.optim.SGD([w], lr=0.1).step()


def load(w):
    net = nn.Module()
    net.weight = w
    net.load_state_dict({"weight": np.zeros(2)})


def assign(w):
    with mg.no_grad():
        w[0] = 3.0


def twice():
    y = mg.ones(2, requires_grad=True).exp().sum()
    y.backward()
    y.backward()


def clip():
    w = nn.Parameter(mg.zeros(2))
    w.name, w.grad = "D.weight", np.array([np.nan, 1.0])
    nn.utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)


def used():
    return mg.ones(2, requires_grad=True) * 2


GRAPHS = {
    "no scalar": (
        lambda: used().backward(),
        mg.GraphError,
        r"backward: expected a gradient for an output of shape \(2,\).*\.sum\(\)",
    ),
    "twice": (twice, mg.GraphError, r"Backward went through exp a second time.*retain_graph=True"),
    "a step": (
        lambda: stale(step),
        mg.StaleGraphError,
        r"Backward through mul needs .* changed since \(by an optimizer step",
    ),
    "an assignment": (
        lambda: stale(assign),
        mg.StaleGraphError,
        r"Backward through mul needs a leaf of shape \(2,\).*Run the forward",
    ),
    "a load": (
        lambda: stale(load),
        mg.StaleGraphError,
        r"Backward through mul needs weight as it was .*load_state_dict",
    ),
    "not in the graph": (
        lambda: mg.grad(used().sum(), mg.ones(2, requires_grad=True)),
        mg.GraphError,
        r"grad: the outputs do not depend on input 0.*allow_unused=True",
    ),
    "no gradient": (lambda: mg.grad(used().sum(), X), mg.GraphError, r"grad: expected input 0 .*requires_grad=True"),
    "gradient's shape": (
        lambda: used().backward(X),
        mg.ShapeError,
        r"backward: expected a gradient of the output's shape \(2,\), but got \(2, 3\)",
    ),
    "nan": (
        clip,
        mg.DivergedError,
        r"clip_grad_norm_: expected finite gradients, but found NaN or infinity in that of D.weight.*",
    ),
}


@pytest.mark.parametrize(("call", "error", "words"), GRAPHS.values(), ids=GRAPHS.keys())
def test_a_gradient_that_cannot_be_is_refused_with_what_to_do(call, error, words):
    with pytest.raises(error, match=f"^{words}") as found:
        call()
    assert str(found.value).endswith(".")
