"""MNIST, which comes with minigan, and any other data set published as a pair of IDX files in a folder."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigan.data.idx import read_idx
from minigan.data.parts import Split, checked_split
from minigan.errors import DataError

MNIST_FOLDER = Path(__file__).parent / "mnist_files"

# What the two halves of a data set call themselves in file names: MNIST says t10k, EMNIST says test.
WORDS: dict[Split, tuple[str, ...]] = {"train": ("train",), "test": ("t10k", "test")}

# [PREFIX-]train-images-idx3-ubyte[.gz]; some archives unpack to train-images.idx3-ubyte.
FILE_NAME = re.compile(
    r"(?:(?P<prefix>.+)-)?(?P<split>train|t10k|test)-(?P<kind>images|labels)[-.]idx\d-\w+(?:\.gz)?",
    re.IGNORECASE,
)


class Pair(NamedTuple):
    """The two files of one half of a data set, and what stands before train- or test- in their names."""

    prefix: str
    images: Path
    labels: Path


def load_mnist(
    split: str = "train", folder: str | os.PathLike[str] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Load MNIST: the files that come with minigan, or those in `folder` (see :func:`load_idx_folder`).

    Returns:
        Images, uint8 (N, 28, 28) with 0 for the background, and labels, int64 (N,): 60000 of each for
        ``split="train"``, 10000 for ``"test"`` (also called ``"t10k"``).

    Raises:
        DataError: See :func:`load_idx_folder`.
        ConfigError: The split has no such name.

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proc. IEEE 86 (1998).

    Example:
        >>> images, labels = mg.data.load_mnist("test")
        >>> images.shape, labels[:5].tolist()
        ((10000, 28, 28), [7, 2, 1, 0, 4])
    """
    return load_idx_folder(MNIST_FOLDER if folder is None else folder, split)


def load_idx_folder(
    folder: str | os.PathLike[str], split: str = "train"
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Load the one pair of IDX files (images, labels) of a split from a folder.

    The files are called ``[PREFIX-]train-images-idx3-ubyte`` and ``[PREFIX-]train-labels-idx1-ubyte``, with
    ``t10k`` or ``test`` instead of ``train`` for the test split, and with or without ``.gz`` (where both are
    there, the unpacked one is read). This is how MNIST, Fashion-MNIST, KMNIST and EMNIST come. If a folder
    holds several pairs, name the one you want by its prefix as if it were a folder in that folder:
    ``data/emnist/emnist-letters``.

    EMNIST's files store every image transposed; where the name begins with ``emnist``, the images are turned
    to stand upright. Labels are returned as the file has them (those of EMNIST letters begin at 1).

    Args:
        folder: The folder, or the folder and a prefix.
        split: ``"train"``, ``"test"`` or ``"t10k"`` (the same as ``"test"``).

    Returns:
        Images, uint8 (N, H, W), and labels, int64 (N,).

    Raises:
        DataError: There is no such folder, no pair or more than one pair in it, a file that
            :func:`~minigan.data.idx.read_idx` refuses, or a pair that is not N images and N labels.
        ConfigError: The split has no such name.

    Example:
        >>> from minigan.data.mnist import MNIST_FOLDER
        >>> images, labels = mg.data.load_idx_folder(MNIST_FOLDER, "test")
        >>> images.dtype, labels.shape
        (dtype('uint8'), (10000,))
    """
    pair = _find_pair(Path(folder), checked_split(split))
    images, labels = read_idx(pair.images), read_idx(pair.labels)
    _check_pair(pair, images, labels)
    if pair.prefix.lower().startswith("emnist"):
        images = np.ascontiguousarray(images.transpose(0, 2, 1))
    return images, labels.astype(np.int64)


def holds_idx_files(folder: Path) -> bool:
    """Whether :func:`load_idx_folder` is the one to read this, or to say what is amiss.

    Example:
        >>> from minigan.data.mnist import MNIST_FOLDER, holds_idx_files
        >>> holds_idx_files(MNIST_FOLDER), holds_idx_files(MNIST_FOLDER.parent)
        (True, False)
    """
    folder, prefix = _split_prefix(folder)
    if not os.path.isdir(folder):
        return False
    matches = (FILE_NAME.fullmatch(name) for name in _list_folder(folder))
    return any(match and prefix in (None, match["prefix"]) for match in matches)


def _find_pair(folder: Path, split: Split) -> Pair:
    folder, prefix = _split_prefix(folder)
    names = _list_folder(folder)
    pairs = _pairs_among(folder, names, split)
    if prefix is not None:
        pairs = [pair for pair in pairs if pair.prefix == prefix]
    if not pairs:
        raise _no_pair(folder, prefix, split, names)
    if len(pairs) > 1:
        raise _several_pairs(folder, split, pairs)
    return pairs[0]


def _split_prefix(folder: Path) -> tuple[Path, str | None]:
    """Take ``data/emnist-letters`` as a folder if it is one, else as the files in ``data`` of that prefix."""
    if not os.path.lexists(folder) and os.path.isdir(folder.parent):
        return folder.parent, folder.name
    return folder, None


def _list_folder(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        raise DataError(f"{folder} does not exist; a folder with IDX files was expected, so check the path.") from None
    except NotADirectoryError:
        raise DataError(f"{folder} is a file, but a folder was expected; name the folder that holds it.") from None
    except OSError as error:
        raise DataError(
            f"{folder} cannot be listed ({error.strerror}), but a folder with IDX files was expected; check "
            "the path and its permissions."
        ) from None


def _pairs_among(folder: Path, names: Iterable[str], split: Split) -> list[Pair]:
    found: dict[tuple[str, str], dict[str, Path]] = {}
    for name in names:
        match = FILE_NAME.fullmatch(name)
        if match and match["split"].lower() in WORDS[split]:
            files = found.setdefault((match["prefix"] or "", match["split"].lower()), {})
            files.setdefault(match["kind"].lower(), folder / name)  # "x" is sorted before "x.gz"
    return [Pair(prefix, files["images"], files["labels"]) for (prefix, _), files in found.items() if len(files) == 2]


def _no_pair(folder: Path, prefix: str | None, split: Split, names: list[str]) -> DataError:
    word = WORDS[split][0]
    start = "[PREFIX-]" if prefix is None else f"{prefix}-"
    missing = "" if prefix is None else f"There is no folder {folder / prefix}, and "
    # Of a folder that was only the parent of the named one, the files that are not IDX are nobody's concern.
    names = names if prefix is None else [name for name in names if FILE_NAME.fullmatch(name)]
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return DataError(
        f"{missing}{folder} holds no pair of IDX files for the split {split!r}: expected "
        f"{start}{word}-images-idx3-ubyte[.gz] and {start}{word}-labels-idx1-ubyte[.gz], found "
        f"{', '.join(names[:8]) or 'none'}{more}; check the path or put both files there."
    )


def _several_pairs(folder: Path, split: Split, pairs: list[Pair]) -> DataError:
    listed = ", ".join(pair.images.name for pair in pairs)
    prefix = next((pair.prefix for pair in pairs if pair.prefix), None)
    choose = f"name one by its prefix, such as {folder / prefix}, or " if prefix else ""
    return DataError(
        f"{folder} holds {len(pairs)} pairs of IDX files for the split {split!r} ({listed}), expected one; "
        f"{choose}keep only one of them there."
    )


def _check_pair(pair: Pair, images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> None:
    if images.ndim != 3 or images.dtype != np.uint8:
        raise DataError(
            f"{pair.images} holds {images.dtype} of shape {images.shape}, but images are uint8 of shape "
            "(N, H, W); give a file of grey images."
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{pair.labels} holds {labels.dtype} of shape {labels.shape}, but labels are integers of shape "
            "(N,); give a file with one class number for each image."
        )
    if images.size == 0:
        raise DataError(
            f"{pair.images} holds no images (shape {images.shape}), expected at least one; use another file."
        )
    if len(images) != len(labels):
        raise DataError(
            f"{pair.images} holds {len(images)} images, but {pair.labels.name} holds {len(labels)} labels; "
            "there must be one label for each image, so use two files that belong together."
        )
