"""Calls of the kernels that see images: normalisation and convolution; see calls.py."""

import numpy as np

from minigan.backend.window import Window

from .maker import cases, channels_last, of_images, renamed

# ---- normalisation ---------------------------------------------------------------------------------------

BATCHES = [(5, 3), (128, 33), (3000, 5), (2, 1), (2, 4, 3), (3, 8, 2, 3), (4, 70, 3, 3), (9, 2, 30, 40), (2, 32, 1, 1)]


def batches():
    """Names; a function that makes an array (N, C, ...); the shape of its statistics; the dimensions of a channel."""
    found = {}
    for shape in BATCHES:
        dims = tuple(d for d in range(len(shape)) if d != 1)
        per_channel = tuple(shape[1] if d == 1 else 1 for d in range(len(shape)))
        layouts = {"by rows": lambda make, s: make(*s), "off the boundary": off_the_boundary}
        if len(shape) == 4:
            layouts["channels last"] = lambda make, s: channels_last(make(*s))
            layouts["every other"] = lambda make, s: make(*s[:-1], 2 * s[-1])[..., ::2]
        for name, layout in layouts.items():
            made = lambda make, layout=layout, shape=shape: layout(make, shape)  # noqa: E731
            found[f"{shape}, {name}"] = made, per_channel, dims
    return found


def off_the_boundary(make, shape):
    """An array by rows that begins beside a boundary of 16 bytes."""
    return make(int(np.prod(shape)) + 1)[1:].reshape(shape)


def of_batches(arguments):
    """A case for each batch."""
    return cases(arguments, batches())


IMAGES = (2, 3, 4, 5), (2, 3, 4, 5)
NORM = {
    "moments": {
        **of_batches(lambda make, x, s, dims: (x(make) + 3, dims)),
        "of samples": lambda make: (make(4, 6), (1,)),
        "of images": lambda make: (make(2, 3, 4, 5), (2, 3)),
        "of nothing": lambda make: (make(3, 0, 2), (0, 2)),
    },
    "normalize": {
        **of_batches(lambda make, x, s, dims: (x(make), make(*s), make(*s), None, None)),
        **renamed("affine", of_batches(lambda make, x, s, dims: (x(make), *[make(*s) for _ in range(4)]))),
        "with a weight alone": lambda make: (make(4, 6), make(1, 6), make(1, 6), make(1, 6), None),
        "of samples": lambda make: (make(4, 6), make(4, 1), make(4, 1), None, None),
        "weights of classes": lambda make: (make(4, 6), make(1, 6), make(1, 6), make(4, 6), make(4, 6)),
    },
    "norm_sums": {
        **of_batches(lambda make, x, s, dims: (x(make), x(make), make(*s), make(*s), dims)),
        "mixed layouts": lambda make: (*of_images(make, *IMAGES), make(1, 3, 1, 1), make(1, 3, 1, 1), (0, 2, 3)),
        "one gradient": lambda make: (np.broadcast_to(make(), (5, 3)), make(5, 3), make(1, 3), make(1, 3), (0,)),
        "of samples": lambda make: (make(4, 6), make(4, 6), make(4, 1), make(4, 1), (1,)),
    },
    "norm_grad": {
        **of_batches(lambda make, x, s, dims: (x(make), x(make), make(*s), make(*s), make(2, *s), None)),
        **renamed(
            "weighted",
            of_batches(lambda make, x, s, dims: (x(make), x(make), make(*s), make(*s), make(2, *s), make(*s))),
        ),
        "mixed layouts": lambda make: (
            *of_images(make, *IMAGES), make(1, 3, 1, 1), make(1, 3, 1, 1), make(2, 1, 3, 1, 1), None,
        ),
        "of samples": lambda make: (make(4, 6), make(4, 6), make(4, 1), make(4, 1), make(2, 4, 1), None),
    },
}  # fmt: skip

# ---- convolution -----------------------------------------------------------------------------------------

GRIDS = {  # samples, channels and channels of the result; the windows
    "4 x 4, stride 2": ((2, 8, 5), Window((4, 4), (2, 2), (1, 1), (1, 1), (8, 6), (4, 3))),
    "3 x 3 on one channel": ((3, 1, 4), Window((3, 3), (1, 1), (1, 1), (1, 1), (5, 7), (5, 7))),
    "dilated, uneven": ((2, 3, 4), Window((3, 2), (2, 1), (2, 1), (2, 3), (7, 9), (4, 8))),
    "1 x 1": ((2, 4, 3), Window((1, 1), (1, 1), (0, 0), (1, 1), (3, 5), (3, 5))),
    "1 x 1, stride 2": ((2, 4, 3), Window((1, 1), (2, 2), (0, 0), (1, 1), (5, 5), (3, 3))),
    "all of an image": ((3, 4, 6), Window((3, 5), (1, 1), (0, 0), (1, 1), (3, 5), (1, 1))),
    "places that nobody sees": ((2, 4, 4), Window((2, 2), (3, 3), (0, 0), (1, 1), (7, 8), (2, 2))),
    "more padding than image": ((1, 4, 2), Window((2, 2), (1, 1), (3, 2), (1, 1), (2, 2), (7, 5))),
    "no samples": ((0, 4, 2), Window((2, 2), (1, 1), (0, 0), (1, 1), (3, 3), (2, 2))),
}
IMAGE_LAYOUTS = {
    "by rows": lambda x: x,
    "channels last": channels_last,
    "every other": lambda x: np.repeat(x, 2, 3)[..., ::2],
}
GROUPED = Window((2, 3), (1, 1), (0, 0), (1, 1), (5, 6), (4, 4))


def convolutions(arguments):
    """A case for each grid and layout."""
    items = {
        f"{name}, {layout}": (lay, *sizes, window)
        for name, (sizes, window) in GRIDS.items()
        for layout, lay in IMAGE_LAYOUTS.items()
    }
    return cases(arguments, items)


CONV = {
    "conv2d": {
        **convolutions(lambda make, lay, n, c, o, w: (
            lay(make(n, c, *w.inputs)), make(o, c, *w.kernel), make(o), w, 1)),
        "groups": lambda make: (make(2, 4, 5, 6), make(6, 2, 2, 3), None, GROUPED, 2),
    },
    "conv2d_input_grad": {
        **convolutions(lambda make, lay, n, c, o, w: (
            lay(make(n, o, *w.outputs)), make(o, c, *w.kernel), make(c), w, 1)),
        "groups": lambda make: (make(2, 6, 4, 4), make(6, 2, 2, 3), None, GROUPED, 2),
    },
    "conv2d_weight_grad": {
        **convolutions(lambda make, lay, n, c, o, w: (
            lay(make(n, o, *w.outputs)), lay(make(n, c, *w.inputs)), w, 1)),
        "groups": lambda make: (make(2, 6, 4, 4), make(2, 4, 5, 6), GROUPED, 2),
    },
}  # fmt: skip
