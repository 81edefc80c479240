"""Every operation, its gradient and the gradient of that: captured and as written the same bits, in any layout."""

from functools import partial

import numpy as np
import ops_table
import pytest
from captured_pairs import alike, batches, host
from drawn_arrays import arrays, examples
from hypothesis import given
from hypothesis import strategies as st
from test_properties_programs import programs
from test_random_programs import ONE, SHAPE, TWO, program, run

import minigan as mg
from minigan import nn
from minigan.captured.watch import Watch

F = nn.functional
CASES = ops_table.cases(kinks=True)
ENDS = {id(entry): sample for entry in ops_table.TABLE for sample in list(entry.samples)[-1:]}


def sampled(dtype):
    """All cases: the last sample of each entry, of an unusual layout, in float32, and the others as slow ones."""
    for name, (entry, given_arrays) in CASES.items():
        fast = dtype == np.float32 and name == f"{entry.name} - {ENDS.get(id(entry))}"
        yield pytest.param(
            entry, given_arrays, dtype, id=f"{name}-{dtype.__name__}", marks=() if fast else pytest.mark.slow
        )


def all_derivatives(function):
    """Values, gradients and gradients of the sum of their squares, of all arguments that require one."""

    def derivatives(*xs):
        ys = ops_table.outputs(function(*xs))
        loss = sum((y * y).sum() for y in ys)
        wanted = [x for x in xs if x.requires_grad]
        first = mg.grad(loss, wanted, create_graph=True, allow_unused=True) if loss.requires_grad else []
        penalty = sum((gx * gx).sum() for gx in first if gx is not None)
        again = getattr(penalty, "requires_grad", False)
        second = mg.grad(penalty, wanted, allow_unused=True) if again else []
        return list(ys), list(first), list(second)

    return derivatives


def moved(array, share):
    """Other values, in the same layout."""
    if array.dtype.kind != "f":
        return array
    other = np.array(array * (1 - share), order="K")
    return array * array.dtype.type(1 - share) if other.strides == array.strides else array


REFUSED = {"getitem mask": "mask", "to_device": "one device to another"}


@pytest.mark.parametrize(("entry", "given_arrays", "dtype"), [*sampled(np.float32), *sampled(np.float64)])
def test_an_operation_and_its_derivatives(entry, given_arrays, dtype, monkeypatch):
    monkeypatch.setattr(Watch, "bring", lambda self, x: None)  # some entries hold arrays, which are always the same
    monkeypatch.setattr(mg, "set_step", lambda step: None)  # some would drop the same numbers each time
    typed = {id(x): x.astype(dtype, "K") if x.dtype == np.float64 else x for x in given_arrays}

    def calls():
        for share in (0.0, 0.0, 2.0**-7, 2.0**-6):
            values = {key: moved(x, share) for key, x in typed.items()}
            xs = ops_table.tensors(entry, [values[id(x)] for x in given_arrays], mg.as_tensor)
            yield lambda xs=xs: xs

    function = all_derivatives(lambda *xs: entry.run(mg, *xs))
    with np.errstate(all="ignore"):
        if entry.name in REFUSED:
            with pytest.raises(mg.CaptureError, match=REFUSED[entry.name]):
                alike(lambda: (function, *()), list(calls()))
        else:
            alike(lambda: (function, *()), list(calls()), kinds=1)


# ---- whole programs --------------------------------------------------------------------------------------


def training(steps, flat):
    """A step on parameters that go through a random program, with a penalty on the gradient, and an optimizer."""

    def make():
        leaves = [nn.Parameter(mg.randn(*SHAPE, dtype=mg.float64)) for _ in range(3)]
        optimizer = mg.optim.Adam(leaves, lr=0.05) if flat else None

        def step(*xs):
            for leaf in leaves:
                leaf.grad = None
            values = run(mg, steps, [leaf * x for leaf, x in zip(leaves, xs, strict=True)])
            loss = (values[-1] * values[-2]).sum() + values[-3].mean()
            gxs = mg.grad(loss, leaves, create_graph=True, allow_unused=True)
            penalty = sum(((gx * gx).sum() for gx in gxs if gx is not None), mg.zeros(()))
            (loss + penalty * 0.01).backward()
            if optimizer is not None:
                nn.utils.clip_grad_norm_(leaves, 1.0)
                optimizer.step()
            return values[-1], loss, penalty

        return step, *leaves, *([optimizer] if flat else [])

    return make


def inputs(seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=(6, 3, *SHAPE)).astype(dtype)
    return [lambda xs=xs: [mg.tensor(x) for x in xs] for xs in drawn]


@pytest.mark.parametrize("flat", [False, True], ids=["own gradients", "flat buffers"])
@pytest.mark.parametrize("seed", range(40))
def test_training_through_a_random_program(seed, flat):
    alike(training(program(seed), flat), inputs(seed), kinds=1)


@given(data=st.data())
@examples(60)
def test_a_drawn_program_on_arguments_of_any_layout(data):
    steps = data.draw(programs(2))
    chosen = data.draw(st.lists(st.integers(0, len(steps) - 1), min_size=1, max_size=3))
    calls = [[data.draw(arrays(SHAPE)) for _ in range(2)] for _ in range(2)]
    order = data.draw(st.lists(st.integers(0, 1), min_size=3, max_size=8))

    def function(*xs):
        values = run(mg, steps, xs)[len(xs) :]
        return [mg.tanh(values[i]) for i in chosen]

    def arguments(xs):
        return lambda: [mg.as_tensor(x).requires_grad_() for x in xs]

    step = mg.capture(all_derivatives(function))
    for i in order:
        found = host(step(*arguments(calls[i])()))
        assert found == host(all_derivatives(function)(*arguments(calls[i])()))


# ---- layers ----------------------------------------------------------------------------------------------

LAYERS = {
    "Linear": (lambda: nn.Linear(6, 5), (4, 6)),
    "Bilinear upsampling": (lambda: nn.Upsample(scale_factor=2, mode="nearest"), (2, 3, 4, 4)),
    "Conv2d": (lambda: nn.Conv2d(3, 5, 3, stride=2, padding=1), (2, 3, 7, 7)),
    "Conv2d in groups": (lambda: nn.Conv2d(4, 8, 3, padding="same", groups=4), (2, 4, 5, 5)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 5, 4, stride=2, padding=1), (2, 3, 4, 4)),
    "large Conv2d": (lambda: nn.Conv2d(16, 32, 4, stride=2, padding=1), (8, 16, 16, 16)),
    "large ConvTranspose2d": (lambda: nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), (8, 32, 8, 8)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (2, 3, 6, 6)),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, 2, 1), (2, 3, 6, 6)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), (4, 3, 5, 5)),
    "large BatchNorm2d": (lambda: nn.BatchNorm2d(8), (16, 8, 24, 24)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(3, affine=True), (4, 3, 5, 5)),
    "LayerNorm": (lambda: nn.LayerNorm((5, 5)), (4, 3, 5, 5)),
    "Dropout2d": (lambda: nn.Dropout2d(0.4), (4, 8, 3, 3)),
    "Softmax": (lambda: nn.Softmax(1), (4, 9)),
    "activations": (lambda: nn.Sequential(nn.LeakyReLU(0.1), nn.Softplus(), nn.Sigmoid(), nn.ReLU()), (4, 9)),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), (2, 8, 3, 3)),
    "Flatten and back": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 12), nn.Unflatten(1, (3, 4))), (2, 3, 4)),
    "a long column": (lambda: nn.Linear(2, 3), (5000, 2)),
}


@pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS.keys())
def test_a_layer_and_its_training(layer, shape):
    def make():
        module = layer()
        trained = list(module.parameters())
        optimizer = mg.optim.RMSprop(trained, lr=0.01) if trained else None

        def step(x):
            x = x.detach().requires_grad_()
            y = module(x)
            module.zero_grad()
            loss = (y * y).mean() + y.sum() / 100
            loss.backward()
            (gx,) = mg.grad((module(x) ** 3).sum(), x)
            if optimizer is not None:
                optimizer.step()
            return y, loss, gx

        return step, module

    alike(make, batches(5, shape), kinds=1)


def labelled(count):
    rng = np.random.default_rng(0)
    drawn = [(rng.standard_normal((6, 4)).astype(np.float32), rng.integers(0, 4, 6)) for _ in range(count)]
    return [lambda x=x, y=y: (mg.tensor(x), mg.tensor(y)) for x, y in drawn]


WITH_LABELS = {
    "cross entropy": lambda w, x, y: F.cross_entropy(x * w, y),
    "smoothed": lambda w, x, y: F.cross_entropy(x * w, y, label_smoothing=0.1, weight=mg.tensor([1.0, 2.0, 3.0, 4.0])),
    "ignored": lambda w, x, y: F.cross_entropy(x * w, y, ignore_index=2),
    "nll_loss": lambda w, x, y: F.nll_loss(F.log_softmax(x * w, 1), y),
    "gather": lambda w, x, y: mg.gather(x * w, 1, y.reshape(-1, 1)),
    "embedding": lambda w, x, y: F.embedding(y, (w * x.T[0][:4].reshape(4, 1)).reshape(4, -1)),
    "rows": lambda w, x, y: (x * w)[y],
    "places": lambda w, x, y: (x * w)[mg.arange(6), y],
    "rows of a column": lambda w, x, y: (x * w)[y, 1:3],
    "one_hot": lambda w, x, y: F.one_hot(y, 4).to(dtype=x.dtype) * x * w,
    "accuracy": lambda w, x, y: ((x * w).argmax(1) == y).to(dtype=x.dtype) * w,
    "argmin": lambda w, x, y: (x * w)[mg.arange(6), (x * w).argmin(1)],
    "largest": lambda w, x, y: (x * w).max(1)[0] + (x * w).min(1)[0],
    "where": lambda w, x, y: mg.where((y > 1).reshape(-1, 1), x * w, -x),
    "comparison": lambda w, x, y: (x > y.reshape(-1, 1)).to(dtype=x.dtype) * w,
    "rows set": lambda w, x, y: rows_set(w, x, y),
    "whole numbers": lambda w, x, y: (y * 3 - y).sum() * w + (y * y).to(dtype=x.dtype).mean(),
}


def rows_set(w, x, y):
    out = mg.zeros(6, 4)
    with mg.no_grad():
        out[y] = x
        out[0] = 5.0
        out[:, 1] += 1.0
    return out * w


@pytest.mark.parametrize("function", WITH_LABELS.values(), ids=WITH_LABELS.keys())
def test_what_indices_choose_is_chosen_anew(function):
    def make():
        w = nn.Parameter(mg.ones(1))
        optimizer = mg.optim.SGD([w], lr=0.1)

        def step(x, y):
            optimizer.zero_grad()
            out = function(w, x, y)
            (out * out).sum().backward()
            optimizer.step()
            return out

        return step, w, optimizer

    alike(make, labelled(6), kinds=1)


def test_every_function_of_the_random_programs_alone():
    rng = np.random.default_rng(0)
    for function in [*ONE, *TWO]:
        derivatives = all_derivatives(partial(function, mg))
        count = 1 if function in ONE else 2
        calls = [
            lambda xs=xs: [mg.tensor(x, requires_grad=True) for x in xs]
            for xs in rng.normal(size=(4, count, *SHAPE)).astype(np.float32)
        ]
        alike(lambda derivatives=derivatives: (derivatives, *()), calls, kinds=1)
