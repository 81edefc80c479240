"""Open whatever ``--data`` names: MNIST, a mixture, or a file or folder of the user's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigan.data.arrays import NPY_MAGIC, NPZ_MAGIC, load_arrays
from minigan.data.files import complaints, listed
from minigan.data.images import SUFFIXES, load_image_folder, pictures_in
from minigan.data.mixtures import MIXTURES, Mixture
from minigan.data.mnist import MNIST_FOLDER, holds_idx_files, load_idx_folder
from minigan.data.parts import first, only_train
from minigan.errors import ConfigError, DataError

BUILT_IN = ("mnist", *MIXTURES)
"""The sources that are no path."""
ACCEPTED = (
    f"expected one of {', '.join(BUILT_IN)}, or the path of a folder with IDX files, a folder of pictures "
    f"({' '.join(SUFFIXES)}), or a .npy or .npz file"
)


class Dataset(NamedTuple):
    """Samples to learn from.

    Attributes:
        samples: images, uint8 (N, C, H, W), or float32 (N, C, H, W) in [-1, 1]; or points, float32 (N, F).
        labels: class numbers from 0, the same in both splits, int64 (N,), or None.
        name: for people: "MNIST", or the path.

    Example:
        >>> data = mg.data.open_data("ring", count=1000)
        >>> data.shape, data.is_images, data.name
        ((2,), False, 'ring')
    """

    samples: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.int64] | None
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample: (C, H, W) or (F,)."""
        return self.samples.shape[1:]

    @property
    def is_images(self) -> bool:
        """Whether the samples are images, not points."""
        return len(self.shape) == 3


def open_data(
    source: str | os.PathLike[str],
    split: str = "train",
    *,
    limit: int = 0,
    size: int = 0,
    channels: int = 0,
    count: int = 100_000,
    modes: int = 0,
    std: float = 0.0,
    seed: int = 0,
) -> Dataset:
    """Open a data set by its name or path.

    Classes are numbered from 0, in the order of their numbers, or of the names of their folders, in the training
    split; by these numbers `minigan sample --label` knows them, too. Numbers that begin elsewhere or leave some out are
    lost: of EMNIST letters, whose files say 1 to 26, label 3 is D, and of the folders "cat" and "dog" label 1 is "dog".

    Args:
        source: "mnist"; a mixture: "ring", "grid", "spiral" or "mixture-1d"; or the path of a folder with IDX files
            (see `load_idx_folder`), of a folder of pictures (see `load_image_folder`), or of a .npy or .npz file (see
            `load_arrays`).
        split: "train", or "test" where the data set has such a part.
        limit: take at most so many samples, the first; 0 for all. Those of a folder of pictures lie class by class, as
            do those of many files: the first may be of one class.
        size: height and width to which a folder's pictures are cut and resized; other images must have it. 0 for any.
        channels: 1 or 3, to which a folder's pictures are converted; other images must have as many. 0 for any.
        count: how many points to draw from a mixture.
        modes: how many modes a mixture has; 0 for its usual number.
        std: standard deviation of each mode of a mixture; 0 for the usual one.
        seed: picks the points of a mixture.

    Returns:
        The data set; the labels of a mixture's points are the numbers of their modes.

    Raises:
        DataError: there is no such data, or it is damaged.
        ConfigError: the data set has no such split, or cannot be as the other arguments ask.

    Example:
        >>> mg.data.open_data("mnist", "test", limit=1000).samples.shape
        (1000, 1, 28, 28)
    """
    if source in MIXTURES:
        only_train(split, str(source))
        mixture = make_mixture(str(source), modes, std)
        dataset = Dataset(*mixture.sample(count, seed), str(source))
    else:
        _check_no_mixture(source, modes, std)
        dataset = _open_images(source, split, limit, size, channels)
    _check_size(dataset, size, channels)
    samples, labels, name = dataset
    return Dataset(samples[first(limit)], None if labels is None else labels[first(limit)], name)


def make_mixture(name: str, modes: int = 0, std: float = 0.0) -> Mixture:
    """The mixture of this name; 0 stands for its usual number of modes and their usual standard deviation.

    >>> from minigan.data.sources import make_mixture
    >>> make_mixture("ring", modes=3).centres.shape
    (3, 2)
    """
    return MIXTURES[name](**_given(modes=modes, std=std))


def _given(**values: Any) -> dict[str, Any]:
    """Those that are not 0: the others keep their usual values."""
    return {name: value for name, value in values.items() if value}


def _open_images(source: str | os.PathLike[str], split: str, limit: int, size: int, channels: int) -> Dataset:
    name, path = str(source), Path(source)  # os.path.isdir says no where Path.is_dir raises: to impossible names
    if name == "mnist":
        return Dataset(*load_idx_folder(MNIST_FOLDER, split), "MNIST")
    if holds_idx_files(path):
        return Dataset(*load_idx_folder(path, split), name)
    if os.path.isdir(path) and any(pictures_in(path)):
        return Dataset(*load_image_folder(path, split, limit=limit, size=size, channels=channels), name)
    if os.path.isfile(path) and _begins_like_arrays(path):
        return Dataset(*load_arrays(path, split), name)
    raise DataError(f"{_what_is_there(path)}, {ACCEPTED}; check the name.")


def _begins_like_arrays(path: Path) -> bool:
    with complaints(path, "a .npy or .npz file"), path.open("rb") as file:
        return file.read(len(NPY_MAGIC)).startswith((NPY_MAGIC, NPZ_MAGIC))


def _what_is_there(path: Path) -> str:
    if os.path.isdir(path):
        return f"{path} is a folder with {listed(sorted(os.listdir(path)))}"
    return f"{path} is another kind of file" if os.path.exists(path) else f"There is no {path}"


def _check_no_mixture(source: str | os.PathLike[str], modes: int, std: float) -> None:
    for name, value in _given(modes=modes, std=std).items():
        raise ConfigError(
            f"Found data.{name}={value}, but {source} is no mixture; leave it at 0, or name one: {', '.join(MIXTURES)}."
        )


def _check_size(dataset: Dataset, size: int, channels: int) -> None:
    """Only a folder's pictures can be had in any size; a run must not take other data for what it asked for."""
    fits = dataset.is_images and channels in (0, dataset.shape[0]) and (not size or dataset.shape[1:] == (size, size))
    if (size or channels) and not fits:
        raise ConfigError(
            f"Found data.size={size} and data.channels={channels}, but the samples of {dataset.name} have the shape "
            f"{dataset.shape}, and only a folder of pictures is converted; leave them at 0."
        )
