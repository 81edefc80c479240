"""Entries: convolution, pooling and resampling."""

import numpy as np

import minigan as mg
from minigan.backend.window import Window
from minigan.ops import conv, pool, resample
from ops_table.entry import Entry, spread

# ---- convolution -----------------------------------------------------------------------------------------


def bias(*shape):
    return np.array(spread(*shape) * 0.7 + 0.017)


def strided(*shape):
    return spread(*[2 * n for n in shape])[tuple(slice(None, None, 2) for _ in shape)]


CONV = {  # options: images and weights
    "": {
        "plain": (spread(2, 2, 4, 3), bias(3, 2, 2, 3)),
        "with a bias": (spread(2, 2, 3, 3), bias(2, 2, 2, 2), spread(2)),
        "one image": (spread(2, 3, 4), bias(1, 2, 2, 2), spread(1)),
        "1x1": (spread(2, 3, 2, 2), bias(2, 3, 1, 1)),
        "as large as the image": (spread(1, 2, 3, 2), bias(2, 2, 3, 2)),
        "strided": (strided(2, 2, 3, 3), strided(2, 2, 2, 2)),
        "channels last": (spread(2, 3, 3, 2).transpose(0, 3, 1, 2), bias(2, 2, 2, 2)),
        "many channels": (spread(1, 9, 3, 3), bias(1, 9, 2, 2)),
        "no image": (spread(0, 2, 3, 3), bias(1, 2, 2, 2), spread(1)),
    },
    "stride=2, padding=1": {"4x4": (spread(1, 1, 4, 6), bias(2, 1, 4, 4), spread(2))},
    "stride=(3, 2)": {"2x1": (spread(1, 1, 6, 4), bias(1, 1, 2, 1))},
    "stride=2, padding=(0, 1), dilation=(1, 2)": {"2x3": (spread(1, 2, 5, 6), bias(1, 2, 2, 3))},
    "padding=2, groups=2": {"3x2": (spread(1, 4, 2, 3), bias(2, 2, 3, 2), spread(2))},
    "groups=3": {"depthwise": (spread(2, 3, 3, 3), bias(3, 1, 2, 2))},
    "padding='same', dilation=(1, 2)": {"3x2": (spread(1, 1, 3, 4), bias(1, 1, 3, 2))},
}
TRANSPOSED = {
    "": {
        "plain": (spread(2, 2, 2, 3), bias(2, 3, 2, 2)),
        "one image": (spread(2, 2, 2), bias(2, 1, 2, 2), spread(1)),
        "strided": (strided(1, 2, 2, 2), strided(2, 1, 2, 3)),
        "no image": (spread(0, 2, 3, 3), bias(2, 1, 2, 2), spread(1)),
    },
    "stride=2, padding=1": {
        "4x4": (spread(1, 2, 2, 3), bias(2, 1, 4, 4), spread(1)),
        "many channels": (spread(1, 1, 2, 2), bias(1, 9, 3, 3)),
    },
    "stride=(3, 2), output_padding=(2, 1)": {"2x1": (spread(1, 1, 2, 2), bias(1, 2, 2, 1), spread(2))},
    "stride=2, dilation=3, padding=1, output_padding=2": {"2x2": (spread(1, 1, 2, 2), bias(1, 1, 2, 2))},
    "groups=2": {"2x2": (spread(2, 4, 2, 2), bias(4, 1, 2, 2), spread(2))},
}


def settings(text):
    return eval(f"dict({text})")


def convolutions(name, op, table):
    return [
        Entry(f"{name}({text})", (op,),
              lambda lib, *xs, text=text: getattr(lib.nn.functional, name)(*xs, **settings(text)), samples)
        for text, samples in table.items()
    ]  # fmt: skip


GRID = Window((2, 2), (2, 1), (1, 0), (1, 1), (3, 3), (2, 2))
CONVOLUTION = [
    *convolutions("conv2d", conv._conv2d, CONV),
    *convolutions("conv_transpose2d", conv._conv2d_input_grad, TRANSPOSED),
    Entry("conv2d_weight_grad", (conv.conv2d_weight_grad,),
          lambda lib, gy, x: conv.conv2d_weight_grad(gy, x, window=GRID, groups=2),
          {"groups": (spread(2, 4, 2, 2), bias(2, 2, 3, 3))},
          torch=lambda torch, gy, x: torch.nn.grad.conv2d_weight(
              torch.nn.functional.pad(x, (0, 0, 1, 1)), (4, 1, 2, 2), gy, (2, 1), groups=2)),
    Entry("channel_sum", (conv.channel_sum,), lambda lib, gy: conv.channel_sum(gy),
          {"plain": (spread(2, 3, 2, 2),), "strided": (strided(2, 3, 2, 2),)},
          torch=lambda torch, gy: gy.sum((0, 2, 3))),
]  # fmt: skip

# ---- pooling ---------------------------------------------------------------------------------------------

IMAGES = {"plain": (spread(2, 2, 5, 4),), "one image": (spread(2, 4, 5),), "strided": (strided(1, 2, 5, 4),)}
EQUAL = {"equal values": (np.round(spread(1, 2, 5, 4)),)}


def pooling(name, op, text, kinks=None):
    def run(lib, x):
        return getattr(lib.nn.functional, name)(x, **settings(text))

    return Entry(f"{name}({text})", (op,), run, IMAGES, None, kinks or {})


POOLING = [
    *[
        pooling("max_pool2d", pool._max_pool2d, text, EQUAL)
        for text in (
            "kernel_size=2",
            "kernel_size=(3, 2), stride=1, padding=1",
            "kernel_size=2, stride=(1, 3), dilation=2, ceil_mode=True",
        )
    ],
    *[
        pooling("avg_pool2d", pool._window_sum, text)
        for text in (
            "kernel_size=2",
            "kernel_size=(3, 2), stride=2, padding=1, ceil_mode=True",
            "kernel_size=3, stride=1, padding=1, count_include_pad=False",
            "kernel_size=2, divisor_override=3",
        )
    ],
    Entry("window_sum_grad", (pool._window_sum_grad,), lambda lib, gy: pool._window_sum_grad(gy, window=GRID),
          {"plain": (spread(1, 2, 2, 2),)},
          torch=lambda torch, gy: torch.nn.functional.conv_transpose2d(
              gy, gy.new_ones(2, 1, 2, 2), stride=(2, 1), padding=(1, 0), output_padding=(1, 0), groups=2)),
    Entry("max_pool2d_grad", (pool._max_pool2d_grad,),
          lambda lib, gy: pool._max_pool2d_grad(
              gy, mg.as_tensor(np.array([[[[1, 1], [3, 7]]]]), device=gy.device), window=GRID),
          {"one place twice": (spread(1, 1, 2, 2),)},
          torch=lambda torch, gy: gy.new_zeros(9).index_add(
              0, torch.tensor([1, 1, 3, 7]), gy.reshape(4)).reshape(1, 1, 3, 3)),
]  # fmt: skip

# ---- resampling ------------------------------------------------------------------------------------------

RESAMPLING = [
    *[
        Entry(f"interpolate({text})", (resample._pick,),
              lambda lib, x, text=text: lib.nn.functional.interpolate(x, **settings(text)),
              {"images": (spread(2, 1, 3, 2),), "strided": (strided(1, 2, 3, 2),)})
        for text in ("scale_factor=2", "scale_factor=(1.7, 0.6)", "size=(2, 5)")
    ],
    Entry("interpolate lines", (resample._pick,), lambda lib, x: lib.nn.functional.interpolate(x, 5),
          {"lines": (spread(2, 1, 3),)}),
    Entry("pick_grad", (resample._pick_grad,),
          lambda lib, gy: resample._pick_grad(gy, places=(0, 0, 2), length=4, dim=1), {"plain": (spread(2, 3),)},
          torch=lambda torch, gy: gy.new_zeros(2, 4).index_add(1, torch.tensor([0, 0, 2]), gy)),
    Entry("pixel_shuffle", (), lambda lib, x: lib.nn.functional.pixel_shuffle(x, 2),
          {"images": (spread(2, 4, 1, 2),), "one image": (spread(8, 2, 1),)}),
]  # fmt: skip

IMAGE = [*CONVOLUTION, *POOLING, *RESAMPLING]
