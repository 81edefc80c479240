"""Every layer, loss and optimizer, with an input to run it on: samples for the tests on a GPU."""

import numpy as np
from ops_table.entry import positive, spread, unit

import minigan as mg
from minigan import nn

ROWS, IMAGES, LABELS = spread(5, 4), spread(3, 4, 6, 6), np.array([1, 0, 2])
LAYERS = {  # name: (a function that makes it, its inputs)
    "AvgPool2d": (lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), IMAGES),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), ROWS),
    "BatchNorm1d over sequences": (lambda: nn.BatchNorm1d(4, affine=False), spread(5, 4, 3)),
    "BatchNorm1d, mean of all batches": (lambda: nn.BatchNorm1d(4, momentum=None), ROWS),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), IMAGES),
    "ConditionalBatchNorm2d": (lambda: nn.ConditionalBatchNorm2d(4, 3), IMAGES, LABELS),
    "Conv2d": (lambda: nn.Conv2d(4, 3, 4, 2, 1), IMAGES),
    "Conv2d, dilated groups": (lambda: nn.Conv2d(4, 6, (3, 2), padding=2, dilation=2, groups=2, bias=False), IMAGES),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 3, 4, 2, 1), IMAGES),
    "ConvTranspose2d in groups": (lambda: nn.ConvTranspose2d(4, 6, 3, 2, output_padding=1, groups=2), IMAGES),
    "Dropout": (lambda: nn.Dropout(0.4), ROWS),
    "Dropout2d": (lambda: nn.Dropout2d(0.4), IMAGES),
    "Embedding": (lambda: nn.Embedding(3, 5, padding_idx=1), LABELS),
    "Flatten": (lambda: nn.Flatten(), IMAGES),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True), IMAGES),
    "LayerNorm": (lambda: nn.LayerNorm(4), ROWS),
    "LeakyReLU": (lambda: nn.LeakyReLU(0.2), ROWS),
    "Linear": (lambda: nn.Linear(4, 3), ROWS),
    "Linear without bias": (lambda: nn.Linear(4, 3, bias=False), spread(2, 5, 4)),
    "LogSoftmax": (lambda: nn.LogSoftmax(1), ROWS),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, 2, 1), IMAGES),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), IMAGES),
    "ReLU": (lambda: nn.ReLU(), ROWS),
    "Sequential": (lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), ROWS),
    "Sigmoid": (lambda: nn.Sigmoid(), ROWS),
    "Softmax": (lambda: nn.Softmax(1), ROWS),
    "Softplus": (lambda: nn.Softplus(2.0), ROWS),
    "Tanh": (lambda: nn.Tanh(), ROWS),
    "Unflatten": (lambda: nn.Unflatten(1, (2, 2)), ROWS),
    "Upsample": (lambda: nn.Upsample(scale_factor=2), IMAGES),
    "Upsample to a size": (lambda: nn.Upsample(size=(4, 9)), IMAGES),
    "spectral_norm": (lambda: nn.utils.spectral_norm(nn.Linear(4, 3)), ROWS),
    "spectral_norm of Conv2d": (lambda: nn.utils.spectral_norm(nn.Conv2d(4, 3, 3)), IMAGES),
}
WAITING = {  # layers that read a number from the device, and why
    "BatchNorm1d, mean of all batches": "the weight of a batch is one over their count, which is a buffer",
}

CLASSES = np.array([3, 0, 1, 1, 2])
LOSSES = {  # name: (what makes it, input, target)
    "BCELoss": (nn.BCELoss, unit(4, 3), unit(4, 3)),
    "BCEWithLogitsLoss": (nn.BCEWithLogitsLoss, spread(4, 3), unit(4, 3)),
    "BCEWithLogitsLoss with weights": (
        lambda **options: nn.BCEWithLogitsLoss(mg.tensor(positive(3)), pos_weight=mg.tensor(unit(3)), **options),
        spread(4, 3), unit(4, 3),
    ),
    "CrossEntropyLoss": (lambda **options: nn.CrossEntropyLoss(label_smoothing=0.1, **options), ROWS, CLASSES),
    "CrossEntropyLoss with weights": (
        lambda **options: nn.CrossEntropyLoss(weight=mg.tensor(positive(4)), **options), ROWS, CLASSES,
    ),
    "CrossEntropyLoss of probabilities": (nn.CrossEntropyLoss, ROWS, unit(5, 4)),
    "NLLLoss": (lambda **options: nn.NLLLoss(ignore_index=0, **options), ROWS, CLASSES),
    "L1Loss": (nn.L1Loss, spread(4, 3), positive(4, 3)),
    "MSELoss": (nn.MSELoss, spread(4, 3), positive(4, 3)),
}  # fmt: skip

OPTIMIZERS = [  # (its name, options)
    ("Adam", {"lr": 0.01, "betas": (0.5, 0.9)}),
    ("Adam", {"weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.1}),
    ("ExtraAdam", {"lr": 0.01, "weight_decay": 0.1}),
    ("ExtraSGD", {"lr": 0.1}),
    ("ExtraSGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    ("OptimisticAdam", {"lr": 0.01, "weight_decay": 0.1}),
    ("OptimisticSGD", {"lr": 0.1, "weight_decay": 0.01}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.2}),
]


def make_loss(name, reduction):
    """The loss, its input and its target."""
    make, *arrays = LOSSES[name]
    return make(reduction=reduction), arrays


def classes_in(layers):
    """The classes of the layers, and of those inside them."""
    return {type(module) for make, *_ in layers.values() for module in make().modules()}
