"""Entries: elementwise operations, activations and matrix products."""

import numpy as np

import minigan as mg
from minigan.ops import activation, elementwise, fused, linalg, promotion, random
from minigan.ops import device as device_ops
from ops_table.entry import Entry, layouts, pairs, positive, same_shapes, spread, unit

# ---- elementwise -----------------------------------------------------------------------------------------


def unary(name, op, make=spread, **more):
    return Entry(name, (op,), lambda lib, x: getattr(lib, name)(x), layouts(make), **more)


def binary(name, op, make=spread, other=None, **more):
    return Entry(name, (op,), lambda lib, x1, x2: getattr(lib, name)(x1, x2), pairs(make, other), **more)


AT_0 = {"at 0": (np.array([0.0, 1.5, -0.5]),)}
TIES = np.array([[1.5, 2.5, 2.5], [0.5, 0.5, 0.5]])
TIED_PAIR = {"equal": (TIES, TIES[:, ::-1].copy())}
BETWEEN = {
    "same shape": (spread(2, 3), spread(2, 3)[::-1] * 0.3 - 0.4, spread(2, 3)[:, ::-1] * 0.2 + 0.41),
    "broadcast": (spread(2, 3), spread(3) * 0.3 - 0.4, spread(2, 1) * 0.2 + 0.41),
    "crossed": (spread(2, 3), spread(2, 3)[::-1] * 0.3 + 0.4, spread(2, 3)[:, ::-1] * 0.2 - 0.41),
}
CONDITION = np.array([[True, False, True], [False, False, True]])

ELEMENTWISE = [
    binary("add", elementwise.add),
    binary("sub", elementwise.sub),
    binary("mul", elementwise.mul),
    binary("div", elementwise.div, spread, positive),
    binary("pow", elementwise._pow, positive, spread),
    Entry(
        "pow, exponent 0",
        (elementwise._pow,),
        lambda lib, x1, x2: lib.pow(x1, x2),
        {"base not 0": (positive(3), np.array([0.0, 2.0, 1.0]))},
        torch=lambda torch, x1, x2: torch.exp(x2 * torch.log(x1)),  # pow's second derivative lacks a term there
    ),
    Entry(
        "pow of 0",
        (elementwise._pow,),
        lambda lib, x1, x2: lib.pow(x1, x2),
        {"smooth": (np.array([0.0, 0.0, 0.7]), np.array([2.0, 3.0, 2.0]))},
        kinks={"exponent 1": (np.array([0.0, 0.7]), np.array([1.0, 1.0]))},
        constants=(1,),
    ),
    *[
        Entry(
            f"pow {exponent}",
            (elementwise._pow_number,),
            lambda lib, x, exponent=exponent: lib.pow(x, exponent),
            layouts(positive if exponent in (0.5, -1.5) else spread),
            kinks=AT_0 if exponent in (0, 1, 2, 3) else {},
        )
        for exponent in (0, 1, 2, 3, 0.5, -1, -1.5)
    ],
    Entry("number to the power", (elementwise._pow,), lambda lib, x: 1.7**x, layouts(spread)),
    Entry("operators", (elementwise.sub, elementwise.div, elementwise.mul, elementwise.add),
          lambda lib, x1, x2: (2 - x1) / (x2 * 3 + 1) - (-x1) * abs(x2), pairs(positive)),
    unary("neg", elementwise.neg),
    unary("abs", elementwise.abs, kinks=AT_0),
    unary("sign", elementwise.sign, kinks=AT_0),
    unary("square", elementwise.square),
    unary("sqrt", elementwise.sqrt, positive),
    unary("rsqrt", elementwise.rsqrt, positive),
    unary("reciprocal", elementwise.reciprocal),
    unary("exp", elementwise.exp),
    unary("expm1", elementwise.expm1),
    unary("log", elementwise.log, positive),
    unary("log1p", elementwise.log1p, unit),
    unary("sin", elementwise.sin),
    unary("cos", elementwise.cos),
    binary("maximum", elementwise.maximum, kinks=TIED_PAIR),
    binary("minimum", elementwise.minimum, kinks=TIED_PAIR),
    Entry(
        "where",
        (elementwise._where,),
        lambda lib, x1, x2: lib.where(mg.as_tensor(CONDITION, device=x1.device), x1, x2),
        {
            "same shape": (spread(2, 3), positive(2, 3)),
            "broadcast": (spread(2, 1), positive(3)),
            "scalars": (spread(), positive()),
            "repeated": (TIES, TIES),
            "transposed": (spread(3, 2).T, positive(3)),
        },
        torch=lambda torch, x1, x2: torch.where(torch.tensor(CONDITION), x1, x2),
    ),
    *[
        Entry(
            f"clamp {bounds}",
            (elementwise._clamp,),
            lambda lib, x, bounds=bounds: lib.clamp(x, **bounds),
            layouts(spread),
            kinks={"at the bounds": (np.array([-1.0, 1.0, 0.0, 1.5]),)},
        )
        for bounds in ({"min": -1}, {"max": 1.0}, {"min": -1.0, "max": 1.0}, {"min": 1.0, "max": -1.0})
    ],
    Entry("clamp between tensors", (elementwise._clamp,), lambda lib, x, low, high: lib.clamp(x, low, high), BETWEEN,
          kinks={"at the bounds": (np.array([-1.0, 1.0, 0.5]), np.array([-1.0, 0.0, 0.5]), np.array([1.0, 1.0, 0.5]))}),
    Entry("clamp above a tensor", (elementwise._clamp,), lambda lib, x, low: lib.clamp(x, min=low),
          pairs(spread), kinks=TIED_PAIR),
    Entry("clamp below a tensor", (elementwise._clamp,), lambda lib, x, high: x.clamp(max=high), pairs(spread)),
    Entry(
        "cast",
        (promotion.cast,),
        lambda lib, x: promotion.cast(x, dtype=x.dtype, source=x.dtype),
        layouts(spread),
        torch=lambda torch, x: x * 1,
    ),
    Entry(
        "to_device",
        (device_ops.to_device,),
        lambda lib, x: device_ops.to_device(x, to=x.device, source=x.device),
        layouts(spread),
        torch=lambda torch, x: x * 1,
    ),
]  # fmt: skip


# ---- activations -----------------------------------------------------------------------------------------


def functional(name, op, samples, kinks=None, **options):
    def run(lib, *xs):
        return getattr(lib.nn.functional, name)(*xs, **options)

    text = ", ".join([name, *[f"{key}={value}" for key, value in options.items()]])
    return Entry(text, (op,), run, samples, None, kinks or {})


def mask_of(shape):
    """The factors that dropout multiplies by in the entry below."""
    mg.set_step(5)
    return mg.nn.functional.dropout(mg.ones(shape, dtype=mg.float64), 0.4).numpy()


def dropped(lib, x):
    mg.set_step(5)  # always the same mask
    return lib.nn.functional.dropout(x, 0.4)


FAR = {"far from 0": (np.array([-800.0, -40.0, 19.0, 21.0, 800.0]),)}
ACTIVATION = [
    unary("tanh", activation.tanh),
    unary("sigmoid", activation.sigmoid),
    unary("relu", activation._relu, kinks=AT_0),
    Entry("tanh_grad", (activation.tanh_grad,), lambda lib, gy, y: activation.tanh_grad(gy, y), same_shapes(spread),
          torch=lambda torch, gy, y: gy * (1 - y * y)),
    Entry("sigmoid_grad", (activation.sigmoid_grad,), lambda lib, gy, y: activation.sigmoid_grad(gy, y),
          same_shapes(spread), torch=lambda torch, gy, y: gy * y * (1 - y)),
    Entry("leaky_relu_grad", (activation.leaky_relu_grad,),
          lambda lib, gy, y: activation.leaky_relu_grad(gy, y, negative_slope=0.2), same_shapes(spread),
          torch=lambda torch, gy, y: torch.where(y > 0, gy, gy * 0.2) + 0 * y),
    Entry("relu_grad", (activation.relu_grad,), lambda lib, gy, y: activation.relu_grad(gy, y),
          {"matrix": (spread(2, 3), positive(2, 3)), "transposed": (spread(3, 2).T, positive(2, 3))},
          torch=lambda torch, gy, y: gy * (y > 0) + 0 * y),
    functional("softplus", activation._softplus, layouts(spread) | FAR),
    functional("softplus", activation._softplus, layouts(spread) | FAR, beta=3.0),
    functional("softplus", activation._softplus, layouts(spread), beta=2.0, threshold=1.1),
    *[
        Entry(f"softplus_grad, beta={beta}", (activation.softplus_grad,), lambda lib, gy, x, beta=beta:
              activation.softplus_grad(gy, x, beta=beta, threshold=1.1), same_shapes(spread),
              torch=lambda torch, gy, x, beta=beta: gy * torch.where(x * beta > 1.1, 1.0, torch.sigmoid(x * beta)))
        for beta in (1.0, 2.0)
    ],
    functional("logsigmoid", activation.logsigmoid, layouts(spread) | FAR),
    *[
        functional("leaky_relu", op, layouts(spread), AT_0, negative_slope=slope)
        for slope, op in [(0.01, activation._leaky_relu), (0.0, activation._leaky_relu), (1.0, activation._leaky_relu),
                          (2.5, activation._leaky_relu), (-0.5, elementwise._where)]
    ],
    Entry("mask", (random._mask,), lambda lib, x, m: random._mask(x, m), {"mask": (spread(2, 3), unit(2, 3))},
          torch=lambda torch, x, m: x * m, constants=(1,)),
    Entry("dropout", (random._mask,), dropped, layouts(spread),
          torch=lambda torch, x: x * torch.tensor(mask_of(tuple(x.shape)))),
]  # fmt: skip


# ---- matrix products -------------------------------------------------------------------------------------

SQUARE, TALL = spread(3, 3), spread(4, 3)
PRODUCTS = {
    "matrices": (spread(2, 3), spread(3, 4)),
    "vectors": (spread(3), positive(3)),
    "matrix and vector": (spread(2, 3), spread(3)),
    "vector and matrix": (spread(3), spread(3, 2)),
    "stacks that broadcast": (spread(2, 1, 2, 3), spread(2, 3, 2)),
    "stack and matrix": (spread(2, 2, 3), spread(3, 2)),
    "stack and vector": (spread(2, 2, 3), spread(3)),
    "vector and stack": (spread(2), spread(3, 2, 2)),
    "transposed": (spread(3, 2).T, spread(4, 3).T),
    "strided": (spread(4, 6)[::2, ::2], spread(3, 4)[::-1, ::-2]),
    "repeated": (SQUARE, SQUARE),
    "no rows": (spread(0, 3), spread(3, 2)),
    "empty sum": (spread(2, 0), spread(0, 2)),
}
LINEAR = {
    "matrix": (spread(2, 3), spread(4, 3), spread(4)),
    "vector": (spread(3), spread(4, 3), spread(4)),
    "three dimensions": (spread(2, 2, 3), spread(4, 3), spread(4)),
    "transposed": (spread(3, 2).T, spread(3, 4).T, spread(8)[::-2]),
    "repeated": (TALL, TALL, spread(4)),
    "empty batch": (spread(0, 3), spread(4, 3), spread(4)),
    "empty batch of sequences": (spread(2, 0, 3), spread(4, 3), spread(4)),
}
LINALG = [
    Entry("matmul", (linalg._matmul,), lambda lib, x1, x2: lib.matmul(x1, x2), PRODUCTS),
    Entry("bmm", (linalg._matmul,), lambda lib, x1, x2: lib.bmm(x1, x2),
          {"stacks": (spread(2, 2, 3), spread(2, 3, 2)), "empty": (spread(0, 2, 3), spread(0, 3, 2)),
           "transposed": (spread(2, 3, 2).transpose(0, 2, 1), spread(3, 2, 2).transpose(1, 0, 2))}),
    Entry("matmul_grad1", (linalg._matmul_grad1,), lambda lib, gy, x2: linalg._matmul_grad1(gy, x2),
          {"matrix": (spread(2, 4), spread(3, 4)), "stacks": (spread(2, 2, 4), spread(3, 4))},
          torch=lambda torch, gy, x2: gy @ x2.mT),
    Entry("matmul_grad2", (linalg._matmul_grad2,), lambda lib, gy, x1: linalg._matmul_grad2(gy, x1),
          {"matrix": (spread(2, 4), spread(2, 3)), "stacks": (spread(2, 2, 4), spread(2, 3))},
          torch=lambda torch, gy, x1: x1.mT @ gy),
    Entry("@", (linalg._matmul,), lambda lib, x1, x2: x1 @ x2, {"matrices": PRODUCTS["matrices"]}),
    functional("linear", linalg._linear, LINEAR),
    functional("linear", linalg._matmul, {"weight of one output": (spread(2, 3), spread(3))}),
    functional("linear", linalg._linear, {"no bias, " + key: value[:2] for key, value in LINEAR.items()}),
    Entry(
        "linear_weight_grad",
        (linalg.linear_weight_grad,),
        lambda lib, gy, x: linalg.linear_weight_grad(gy, x),
        {"matrix": (spread(2, 4), spread(2, 3)), "three dimensions": (spread(2, 2, 4), spread(2, 2, 3)),
         "transposed": (spread(4, 2).T, spread(3, 2).T), "repeated": (TALL, TALL),
         "empty": (spread(0, 4), spread(0, 3))},
        torch=lambda torch, gy, x: torch.einsum("...o,...i->oi", gy, x),
    ),
]  # fmt: skip


# ---- several in one --------------------------------------------------------------------------------------


def layer(lib, x, weight, bias=None, p=0.4):
    """What a Linear, a LeakyReLU and a Dropout make of x; PyTorch with minigan's mask."""
    if lib is mg:
        mg.set_step(5)
        return fused.linear_leaky_relu_dropout(x, weight, bias, 0.2, p)
    y = lib.nn.functional.leaky_relu(lib.nn.functional.linear(x, weight, bias), 0.2)
    return y * lib.tensor(mask_of(tuple(y.shape))) if p else y


def layer_grad(lib, gy, y):
    """The gradient of it, without dropout."""
    settings = {"words": None, "negative_slope": 0.2, "threshold": 0, "scale": 1.0}
    return fused.bias_leaky_relu_dropout_grad(gy, y, **settings)


BATCHES = {name: arrays for name, arrays in LINEAR.items() if arrays[0].ndim > 1}
WHOLE = (fused._linear_without_bias, fused._bias_leaky_relu_dropout)
FUSED = [
    Entry("linear, leaky_relu, dropout", WHOLE, layer, BATCHES, torch=layer),
    Entry("linear, leaky_relu", WHOLE, lambda lib, x, weight: layer(lib, x, weight, p=0.0),
          {name: arrays[:2] for name, arrays in BATCHES.items()},
          torch=lambda torch, x, weight: layer(torch, x, weight, p=0.0)),
    Entry("linear, leaky_relu, dropout: gradient", (fused.bias_leaky_relu_dropout_grad,), layer_grad,
          same_shapes(spread), torch=lambda torch, gy, y: torch.where(y > 0, gy, gy * 0.2) + 0 * y),
]  # fmt: skip
