"""Calls of each kernel that CuPy's backend overrides: arguments on which it is compared with the base class.

CALLS names for each kernel its cases; a case is a function that is given a `Maker` and makes the arguments.
"""

import numpy as np

from .image_calls import CONV, NORM
from .maker import cases, channels_last, of_images, positive, probabilities, renamed, words

# ---- element by element ----------------------------------------------------------------------------------

LAYOUTS = {  # what an elementwise kernel may be given, in each case the same for all of its arguments
    "a matrix": lambda make: make(7, 5),
    "whole blocks": lambda make: make(4, 1024),
    "a single number": lambda make: make(),
    "3 numbers": lambda make: make(3),
    "4 numbers": lambda make: make(4),
    "nothing": lambda make: make(0, 3),
    "off the boundary": lambda make: make(1030)[1:1028],
    "channels last": lambda make: make(2, 4, 5, 3).transpose(0, 3, 1, 2),
    "channels last, all different": lambda make: make(3, 7, 5, 6).transpose(0, 3, 1, 2),
    "transposed": lambda make: make(5, 7).T,
    "every other": lambda make: make(8, 12)[::2, ::2],
    "backwards": lambda make: make(9)[::-1],
    "shown by broadcasting": lambda make: np.broadcast_to(make(5), (3, 5)),
}
WRITABLE = {name: layout for name, layout in LAYOUTS.items() if name != "shown by broadcasting"}


def elementwise(count, *settings):
    """Calls with ``count`` arrays of each layout, then settings."""
    return cases(
        lambda make, layout: (*[layout(make) for _ in range(count)], *settings), {k: (v,) for k, v in LAYOUTS.items()}
    )


SURE = [0, 0, 1, 1, 1e-44, np.nan, -0.5]
ELEMENTWISE = {
    "tanh": elementwise(1),
    "tanh_grad": elementwise(2)
    | {
        "mixed layouts": lambda make: of_images(make, (2, 3, 4, 5), (2, 3, 4, 5)),
        "mixed types": lambda make: (make(3, 5), make(3, 5).astype(np.float16)),
        "one gradient for all": lambda make: (np.broadcast_to(make(), (7, 5)), make(7, 5)),
    },
    "sigmoid": elementwise(1) | {"large": lambda make: (make(7, 5) * 100,)},
    "sigmoid_grad": elementwise(2),
    "relu": elementwise(1) | {"signs": lambda make: (np.array([-1, -0.0, 0, 1, np.inf, -np.inf, np.nan], make.dtype),)},
    "relu_grad": elementwise(2) | {"kinks": lambda make: (make(4), np.array([0, -0.0, 1, np.nan], make.dtype))},
    "leaky_relu": elementwise(1, 0.2) | {"a large slope": lambda make: (make(7, 5), 1.5)},
    "leaky_relu_grad": elementwise(2, 0.2),
    "bce": {
        **cases(
            lambda make, layout: (probabilities(layout(make)), probabilities(layout(make))),
            {k: (v,) for k, v in LAYOUTS.items()},
        ),
        "sure": lambda make: (np.array(SURE, make.dtype), np.array([0, 1, 0, 1, 1, 0.5, 1], make.dtype)),
    },
    "bce_grad": {
        **elementwise(3),
        "of a mean": lambda make: (np.broadcast_to(make(), (7, 1)), probabilities(make(7, 1)), make(7, 1)),
        "sure": lambda make: (make(7), np.array(SURE, make.dtype), np.array([0, 1, 0, 1, 1, 0.5, 1], make.dtype)),
    },
    "bce_with_logits": elementwise(2)
    | {"large logits": lambda make: (make(7, 5) * 100, probabilities(make(7, 5)))},
    "bce_with_logits_grad": elementwise(3)
    | {
        "of a mean": lambda make: (np.broadcast_to(make(), (7, 1)), make(7, 1), make(7, 1)),
        "of a mean of images": lambda make: (np.broadcast_to(make(), (2, 3, 4, 5)), make(2, 3, 4, 5), make(2, 3, 4, 5)),
        "large logits": lambda make: (make(7, 5), make(7, 5) * 100, probabilities(make(7, 5))),
    },
}  # fmt: skip

# ---- sums ------------------------------------------------------------------------------------------------

SUMS = {
    **{name: case for name, case in elementwise(1, None, False).items() if name != "nothing"},
    "all dimensions": lambda make: (make(7, 5), (0, 1), True),
    "all channels": lambda make: (make(2, 4, 5, 3).transpose(0, 3, 1, 2), (0, 1, 2, 3), False),
    "many numbers": lambda make: (make(33_000), None, False),
    "nearly as many": lambda make: (make(32_768), (0,), False),
    "columns": lambda make: (make(7, 5), (0,), False),
    "long columns": lambda make: (make(3000, 5), (0,), False),
    "columns that stay": lambda make: (make(7, 33), (0,), True),
    "rows": lambda make: (make(7, 5), (1,), False),
    "channels": lambda make: (make(9, 2, 30, 40), (0, 2, 3), False),
    "channels that lie last": lambda make: (channels_last(make(9, 2, 30, 40)), (2, 0, 3), False),
    "channels that stay": lambda make: (make(4, 70, 3, 3), (0, 2, 3), True),
    "images": lambda make: (make(4, 3, 5, 5), (2, 3), False),
    "integers": lambda make: (np.arange(12).reshape(3, 4), (0,), False),
}
REDUCE = {"sum": SUMS, "mean": {name: case for name, case in SUMS.items() if name != "integers"}}

# ---- matrix products -------------------------------------------------------------------------------------

LINALG = {
    "matmul": {
        "matrices": lambda make: (make(7, 5), make(5, 6)),
        "stacks": lambda make: (make(2, 7, 5), make(2, 5, 6)),
    },
    "linear": {
        "rows": lambda make: (make(7, 5), make(6, 5), make(6)),
        "stacks": lambda make: (make(2, 7, 5), make(6, 5), None),
    },
    "linear_weight_grad": {
        "rows": lambda make: (make(7, 6), make(7, 5)),
        "stacks": lambda make: (make(2, 7, 6), make(2, 7, 5)),
    },
}

# ---- random numbers --------------------------------------------------------------------------------------

SHAPES = [(), (1,), (3,), (8,), (16,), (7, 3), (129, 5), (0, 3)]
DRAWS = {  # words, and what to make of them
    **cases(lambda make, shape: (words(2048), shape, make.dtype), {str(shape): (shape,) for shape in SHAPES}),
    "from within": lambda make: (words(40, first=3), (7, 5), make.dtype),
    "float16": lambda make: (words(40), (7, 5), np.float16),
}


def masks(threshold):
    """The same shapes for masks."""

    def arguments(make, draw):
        some, shape, dtype = draw(make)
        return some, shape, threshold, 1.7, dtype

    return renamed(threshold, cases(arguments, {name: (draw,) for name, draw in DRAWS.items()}))


RANDOM = {
    "random_words": {},  # what they are, is seen in the numbers made of them
    "uniform": DRAWS,
    "normal": DRAWS,
    "integers": {"some": lambda make: (words(8), (3, 5), -5, 7, np.int32)},
    "dropout_mask": masks(0) | masks(40_000) | masks(65_535),
}

ROWS = {  # the shape of x, and whether there are words
    "dropped": ((33, 50), True),
    "whole blocks": ((4, 64), True),
    "kept": ((33, 50), False),
    "stacks": ((2, 3, 7), True),
    "a row": ((5,), True),
    "nothing": ((0, 4), True),
}


def drop(with_words=True, threshold=40_000, **changes):
    """Words, the slope, and the numbers that decide about a dropout."""
    return words(500, **changes) if with_words else None, 0.2, threshold, 1.7


FUSED = {
    "bias_leaky_relu_dropout": {
        **cases(lambda make, shape, given: (make(*shape), make(shape[-1]), *drop(given)), ROWS),
        **renamed("no bias", cases(lambda make, shape, given: (make(*shape), None, *drop(given)), ROWS)),
        "off the boundary": lambda make: (make(1025)[1:].reshape(16, 64), make(64), *drop()),
        "a bias off the boundary": lambda make: (make(16, 64), make(65)[1:], *drop(threshold=9_999)),
        "transposed": lambda make: (make(50, 33).T, make(50), *drop()),
        "from within": lambda make: (make(33, 50), make(50), *drop(first=3)),
    },
    "bias_leaky_relu_dropout_grad": {
        **cases(lambda make, shape, given: (make(*shape), make(*shape), *drop(given)), ROWS),
        "off the boundary": lambda make: (make(1025)[1:].reshape(16, 64), make(16, 64), *drop(threshold=9_999)),
        "transposed": lambda make: (make(50, 33).T, make(50, 33).T, *drop()),
        "one gradient for all": lambda make: (np.broadcast_to(make(), (33, 50)), make(33, 50), *drop()),
        "zeros": lambda make: (make(4, 16), np.zeros((4, 16), make.dtype), *drop(with_words=False)),
    },
}

# ---- data ------------------------------------------------------------------------------------------------

BYTES = np.random.default_rng(1).integers(0, 256, (9, 28, 28), np.uint8)
ODD_BYTES = np.random.default_rng(1).integers(0, 256, (3, 5, 5), np.uint8)
PIXELS = {
    "gather_pixels": {
        "bytes": lambda make: (BYTES, np.array([8, 0, 3, 3])),
        "a number of bytes that 4 does not divide": lambda make: (ODD_BYTES, np.array([2, 0, 0])),
        "off the boundary": lambda make: (BYTES.reshape(-1)[1 : 1 + 6 * 784].reshape(6, 784), np.array([5, 2])),
        "indices out of range": lambda make: (BYTES, np.array([-1, 9, -10, 27])),
        "nothing": lambda make: (BYTES, np.array([], np.int64)),
        "every other image": lambda make: (BYTES[::2], np.array([4, 0])),
        "small indices": lambda make: (BYTES, np.array([4, 0], np.int32)),
        "floats": lambda make: (make(4, 3).astype(np.float32), np.array([3, 1])),
        "many": lambda make: (BYTES, np.arange(1000) % 9),
    },
    "asarray": {
        "a number": lambda make: (2.5,),
        "an integer": lambda make: (3, np.float32),
        "an array": lambda make: (make(3),),
    },
    "table": {
        "integers": lambda make: ((1, 0, 2), "int64"),
        "rows": lambda make: (((1, 2), (3, 4)), np.float32),
        "nothing": lambda make: ((), "int64"),
    },
}

# ---- optimizers ------------------------------------------------------------------------------------------

ADAM = {"betas": (0.5, 0.999), "weight_decay": 0.0, "rate": 0.1, "eps": 1e-3, "shrink": None}


def adam(in_memory=(), **changes):
    """A call on buffers of 99 numbers, with some settings in memory."""

    def arguments(make):
        settings = ADAM | changes
        settings |= {name: make.number(settings[name]) for name in in_memory}
        return make(99), make(99), make(99), positive(make(99)), settings

    return arguments


OPTIM = {
    "adam_": {
        **cases(
            lambda make, layout: (layout(make), layout(make), layout(make), positive(layout(make)), ADAM),
            {k: (v,) for k, v in WRITABLE.items()},
        ),
        "weight decay": adam(weight_decay=0.1),
        "shrinking": adam(shrink=0.9),
        "numbers in memory": adam(in_memory=("rate", "eps", "shrink"), shrink=0.9),
        "one of them in memory": adam(in_memory=("rate",), rate=0.2),
    },
    "lerp_": {
        **cases(lambda make, layout: (layout(make), layout(make), 0.1), {k: (v,) for k, v in WRITABLE.items()}),
        "a number in memory": lambda make: (make(99), make(99), make.number(0.1)),
        "a number of another type": lambda make: (make(99), make(99), np.array(0.125)),
    },
}

CALLS = ELEMENTWISE | REDUCE | LINALG | RANDOM | FUSED | PIXELS | NORM | CONV | OPTIM
