"""How to train a classifier with minigan: a convolutional network learns MNIST's digits in eight epochs.

    python -m minigan.metrics.train_judge --seed 1 --out judge.safetensors

It prints a line per epoch, at the end the accuracy on the test images, which are looked at only then, and writes the
network to a file for :func:`~minigan.metrics.read_judge`. The same seed gives the same file, byte for byte, on the
same machine with the same libraries and number of threads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

import minigan as mg
from minigan import streams
from minigan.arguments import Parser, at_least
from minigan.backend.memory import keep_freed_memory
from minigan.data import Loader, gather_pixels, load_mnist
from minigan.errors import MiniganError, RunError
from minigan.metrics.judge import DigitNet, outputs, read_judge
from minigan.nn.functional import cross_entropy

EPOCHS = 8
BATCH_SIZE = 128
LEARNING_RATE = 3e-3
FARTHEST = 2  # pixels that an image is shifted, in training


def fit(network: DigitNet, loader: Loader, epochs: int = EPOCHS) -> Iterator[float]:
    """Train a network, and yield the mean loss of each epoch after it.

    Adam (Kingma and Ba 2015) whose learning rate falls to 0 along half a cosine (Loshchilov and Hutter 2017): the
    last steps no longer follow single batches, so there is no best moment to stop at, and none to choose.

    Args:
        network: what to train; it is in training mode, and changed in place.
        loader: images with labels.
        epochs: how often each image is seen.

    >>> from minigan.metrics.train_judge import DigitNet, fit
    >>> images, labels = mg.data.load_mnist()
    >>> loader = mg.data.Loader(images[:64], labels[:64], batch_size=16)
    >>> losses = list(fit(DigitNet(), loader, epochs=3))
    >>> losses[2] < losses[0]
    True
    """
    steps = epochs * len(loader)
    optimizer = mg.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    schedule = mg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    losses = []
    for step in range(steps):
        mg.set_step(step)  # the random numbers of a step depend on its number alone
        images, labels = shifted(loader.batch(step)), loader.labels_of(step)
        loss = cross_entropy(network(mg.as_tensor(images)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if len(losses) == len(loader):
            yield float(np.mean(losses))
            losses.clear()


def shifted(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each image moved by up to two pixels each way, at random: a digit is the same digit wherever it stands.

    Args:
        images: (N, 1, H, W); -1 is the background.

    Returns:
        The same shape.

    >>> from minigan.metrics.train_judge import shifted
    >>> shifted(np.zeros((5, 1, 28, 28), np.float32)).shape
    (5, 1, 28, 28)
    """
    margin = [(0, 0), (0, 0), (FARTHEST, FARTHEST), (FARTHEST, FARTHEST)]
    padded = np.pad(images, margin, constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, images.shape[2:], axis=(2, 3))
    down, right = mg.randint(2 * FARTHEST + 1, (2, len(images))).numpy()
    return windows[np.arange(len(images)), :, down, right]


def train(seed: int) -> DigitNet:
    """A network trained on MNIST's 60,000 training images, with a line about each epoch."""
    mg.manual_seed(seed)
    network, loader = DigitNet(), Loader(*load_mnist(), BATCH_SIZE, seed)
    streams.say(f"{network.num_parameters():,} parameters, {EPOCHS} epochs of {len(loader)} batches of {BATCH_SIZE}")
    begun = perf_counter()
    for epoch, loss in enumerate(fit(network, loader), 1):
        streams.say(f"epoch {epoch}/{EPOCHS}  loss {loss:.4f}  {perf_counter() - begun:.0f} s")
    return network


def measured_accuracy(network: DigitNet) -> float:
    """The share of MNIST's 10,000 test images that get the highest logit for what they are."""
    images, labels = load_mnist("test")
    pixels = gather_pixels(images[:, np.newaxis], np.arange(len(images)))
    network.eval()  # BatchNorm now takes the statistics that it has seen, so that each image is judged alone
    return float((outputs(network, pixels).argmax(1) == labels).mean())


def main(argv: Sequence[str] | None = None) -> None:
    """Train a judge from the command line."""
    parser = Parser(prog="python -m minigan.metrics.train_judge", description="Train a judge of MNIST's digits.")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of everything random (default: 0)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: judge-SEED.safetensors")
    args = parser.parse_args(argv)
    out = args.out or Path(f"judge-{args.seed}.safetensors")
    _require_writable(out)
    keep_freed_memory()  # a training step asks for the same arrays again and again
    network = train(args.seed)
    accuracy = measured_accuracy(network)
    mg.save({"network": network.state_dict(), "accuracy": accuracy, "seed": args.seed}, out)
    streams.say(f"test accuracy {accuracy:.2%}\n{out}, SHA-256 {read_judge(out).sha256}")


def _require_writable(out: Path) -> None:
    """Raise now what would be known only after minutes."""
    if out.is_dir() or not os.access(out.parent, os.W_OK):
        raise RunError(f"Cannot write {out}: expected the name of a file in a folder open to you. Change --out.")


if __name__ == "__main__":
    streams.prepare()
    try:
        main()
    except MiniganError as error:
        sys.exit(f"train_judge: {error}")
    except KeyboardInterrupt:
        sys.exit("train_judge: interrupted; nothing was written.")
    finally:
        streams.finish()
