"""Real digits, and what a judge says of images: the calibrations of several tests begin with these."""

from functools import cache

import numpy as np

from minigan.data import gather_pixels, load_mnist
from minigan.metrics import load_judge

judge = cache(load_judge)


@cache
def digits(split, n):
    """The first n images of MNIST, (n, 1, 28, 28), and their labels."""
    images, labels = load_mnist(split)
    pixels = gather_pixels(images[:n, None], np.arange(n))
    pixels.flags.writeable = False
    return pixels, labels[:n]


@cache
def real_features(which, split="train", n=2000):
    """What a judge makes of the first n images of MNIST: (n, 64)."""
    return judge(which).features(digits(split, n)[0])


def noisy(images, strength, seed=0):
    """Images with Gaussian noise of this standard deviation, clipped to [-1, 1]."""
    noise = np.random.default_rng(seed).normal(0, strength, images.shape)
    return (images + noise).clip(-1, 1).astype(np.float32)
