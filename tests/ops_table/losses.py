"""Entries: losses."""

import numpy as np

from minigan.ops import elementwise, indexing, loss, softmax
from ops_table.entry import Entry, positive, spread, unit
from ops_table.pointwise import functional

# ---- element by element ----------------------------------------------------------------------------------


def pointwise_loss(name, op, make, target, kinks=None):
    samples = {
        "matrix": (make(2, 3), target(2, 3) * 0.97 + 0.01),
        "scalar": (make(), target()),
        "transposed": (make(3, 2).T, target(2, 6)[:, ::2]),
    }
    empty = {"empty": (make(0, 3), target(0, 3))}
    return [
        functional(name, op, samples | empty, kinks, reduction="none"),
        functional(name, op, samples, kinks, reduction="mean"),
        functional(name, op, samples | empty, kinks, reduction="sum"),
    ]


def weighted(name, op, samples):
    def run(lib, x, target, weight):
        return getattr(lib.nn.functional, name)(x, target, weight=weight)

    return Entry(f"{name}, weighted", (op,), run, samples, constants=(2,))


LOGITS = {
    "matrix": (spread(2, 3), unit(2, 3), positive(2, 3)),
    "row of weights": (spread(2, 3), unit(2, 3), positive(3)),
}
ODDS = {"matrix": (unit(3, 2).T, unit(2, 3), positive(2, 3))}
FAR = np.array([-200.0, -30.0, 0.0, 30.0, 200.0])
BITS = np.array([0.0, 1.0, 0.0, 1.0, 0.0])
SURE = np.array([0.0, 0.0, 1.0, 1.0])
RIGHT = np.array([0.0, 1.0, 0.0, 1.0])
POINTWISE = [
    *pointwise_loss("binary_cross_entropy_with_logits", loss._bce_with_logits, spread, unit,
                    {"far from 0": (FAR, BITS), "far and wrong": (FAR, 1 - BITS)}),
    weighted("binary_cross_entropy_with_logits", loss._bce_with_logits, LOGITS),
    Entry("binary_cross_entropy_with_logits, pos_weight", (loss._bce_with_logits,), lambda lib, x, t, w:
          lib.nn.functional.binary_cross_entropy_with_logits(x, t, pos_weight=w), LOGITS, constants=(2,)),
    Entry("bce_with_logits_grad", (loss.bce_with_logits_grad,), lambda lib, *xs: loss.bce_with_logits_grad(*xs),
          {"matrix": (spread(2, 3), positive(2, 3), unit(2, 3)), "empty": (spread(0, 3),) * 3},
          torch=lambda torch, gy, x, target: gy * (torch.sigmoid(x) - target)),
    *pointwise_loss("binary_cross_entropy", loss._bce, unit, unit),
    Entry("bce_grad", (loss.bce_grad,), lambda lib, *xs: loss.bce_grad(*xs),
          {"matrix": (spread(2, 3), unit(2, 3), unit(3, 2).T), "empty": (spread(0, 3),) * 3},
          torch=lambda torch, gy, x, target: gy * (x - target) / (x * (1 - x))),
    weighted("binary_cross_entropy", loss._bce, ODDS),
    *pointwise_loss("mse_loss", elementwise.square, spread, positive),
    *pointwise_loss("l1_loss", elementwise.abs, spread, lambda *shape: np.array(spread(*shape) * 0.5 + 0.1)),
]  # fmt: skip


# ---- several classes -------------------------------------------------------------------------------------

CLASSES = np.array([2, 0, 2, 1])
PIXELS = np.array([[[0, 2], [1, 1]], [[2, -100], [0, 1]]])
ROWS = {"rows": (spread(4, 3),), "transposed": (spread(3, 4).T,), "strided": (spread(8, 6)[::2, ::2],)}
IMAGES = {"images": (spread(2, 3, 2, 2),)}


def of_indices(name, op, target, samples, weights=False, **options):
    """The loss against these classes; with weights, they are the second array of each sample."""

    def run(lib, x, weight=None):
        there = lib.as_tensor(target, device=x.device)
        return getattr(lib.nn.functional, name)(x, there, weight=weight, **options)

    text = ", ".join([name, "weighted" * weights, *[f"{key}={value}" for key, value in options.items()]])
    text = f"{text} against {np.shape(target)}"
    if weights:
        samples = {key: (*xs, positive(3)) for key, xs in samples.items()}
    return Entry(text, (op,), run, samples, constants=(1,) if weights else ())


def of_probabilities(weights=False, **options):
    def run(lib, x, target, weight=None):
        return lib.nn.functional.cross_entropy(x, target, weight=weight, **options)

    text = ", ".join(["cross_entropy of probabilities", "weighted" * weights, *map(str, options.values())])
    samples = {
        key: (x, np.array(unit(*x.shape) / 3), *[positive(x.shape[min(x.ndim - 1, 1)])] * weights)
        for key, (x,) in {**ROWS, **IMAGES, "one": (spread(3),)}.items()
    }
    return Entry(text, (softmax._log_softmax,), run, samples, constants=(2,) if weights else ())


BOTH = (("nll_loss", indexing._gather), ("cross_entropy", softmax._log_softmax))
SEVERAL = [
    *[of_indices(name, op, CLASSES, ROWS, reduction=how) for name, op in BOTH for how in ("none", "mean", "sum")],
    *[of_indices(name, op, np.array(1), {"one": (spread(3),)}) for name, op in BOTH],
    *[
        of_indices(name, op, PIXELS, IMAGES, weights, reduction=how)
        for name, op in BOTH for weights in (False, True) for how in ("none", "mean")
    ],
    *[of_indices(name, op, CLASSES, ROWS, True, ignore_index=2) for name, op in BOTH],
    of_indices("cross_entropy", softmax._log_softmax, CLASSES, ROWS, label_smoothing=0.2),
    of_indices("cross_entropy", softmax._log_softmax, PIXELS, IMAGES, True, label_smoothing=0.2),
    *[of_probabilities(reduction=how) for how in ("none", "mean", "sum")],
    *[of_probabilities(weights, label_smoothing=0.3) for weights in (False, True)],
]  # fmt: skip

LOSS = [*POINTWISE, *SEVERAL]
