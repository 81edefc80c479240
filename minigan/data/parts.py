"""Which part of a data set: to train on or to test with, all of it or the first samples."""

from typing import Literal

from minigan.errors import ConfigError

Split = Literal["train", "test"]
SPLITS: dict[str, Split] = {"train": "train", "test": "test", "t10k": "test"}  # MNIST's files say t10k


def checked_split(split: str) -> Split:
    """The split itself, by its usual name.

    Raises:
        ConfigError: there is no such split.

    Example:
        >>> from minigan.data.parts import checked_split
        >>> checked_split("t10k")
        'test'
    """
    if split not in SPLITS:
        raise ConfigError(f"There is no split {split!r}; choose one of {', '.join(SPLITS)}.")
    return SPLITS[split]


def only_train(split: str, name: str) -> None:
    """For data that come in one piece.

    Args:
        split: what was asked for.
        name: of the data, for the message.

    Raises:
        ConfigError: it is another split than "train".

    Example:
        >>> from minigan.data.parts import only_train
        >>> only_train("train", "photos.npy")
    """
    if checked_split(split) != "train":
        raise ConfigError(f"{name} has no split {split!r}, it comes in one piece; use the split 'train'.")


def first(limit: int) -> slice:
    """The first samples.

    Args:
        limit: how many; 0 for all.

    Raises:
        ConfigError: it is negative.

    Example:
        >>> from minigan.data.parts import first
        >>> "digits"[first(3)], "digits"[first(0)]
        ('dig', 'digits')
    """
    if limit < 0:
        raise ConfigError(f"Found a limit of {limit} samples, expected at least 1, or 0 for all of them.")
    return slice(limit or None)
