"""MNIST, which comes with minigan, and any other data set published as IDX files in a folder."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigan.data.classes import class_numbers
from minigan.data.files import listed
from minigan.data.idx import read_idx
from minigan.data.parts import Split, checked_split
from minigan.data.samples import as_labels, as_samples
from minigan.errors import DataError, NoSplitError

MNIST_FOLDER = Path(__file__).parent / "mnist_files"

# What the parts of a data set call themselves in file names: MNIST says t10k, EMNIST test, one in one piece nothing.
WORDS: dict[Split, tuple[str, ...]] = {"train": ("train", ""), "test": ("t10k", "test")}

# [PREFIX-]train-images-idx3-ubyte[.gz]; some archives unpack to train-images.idx3-ubyte.
FILE_NAME = re.compile(
    r"(?:(?P<prefix>.+?)-)??(?:(?P<split>train|t10k|test)-)?(?P<kind>images|labels)[-.]idx\d-\w+(?:\.gz)?",
    re.IGNORECASE,
)


class Part(NamedTuple):
    """The files of one part of a data set, and what stands before train- or test- in their names."""

    prefix: str
    images: Path
    labels: Path | None


def load_mnist(split: str = "train") -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Load MNIST, which comes with minigan.

    Args:
        split: "train", "test" or "t10k" (the same as "test").

    Returns:
        Images, uint8 (N, 28, 28) with 0 for the background, and labels, int64 (N,): 60000 of each for
        ``split="train"``, 10000 for ``"test"``.

    Raises:
        ConfigError: The split has no such name.

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proc. IEEE 86 (1998).

    Example:
        >>> images, labels = mg.data.load_mnist("test")
        >>> images.shape, labels[:5].tolist()
        ((10000, 28, 28), [7, 2, 1, 0, 4])
    """
    word = WORDS[checked_split(split)][0]
    images, labels = (read_idx(MNIST_FOLDER / f"{word}-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1"))
    return images, labels.astype(np.int64)


def load_idx_folder(
    folder: str | os.PathLike[str], split: str = "train"
) -> tuple[NDArray[np.uint8] | NDArray[np.float32], NDArray[np.int64] | None]:
    """Load the IDX files of a split from a folder: its images and, if there are any, its labels.

    The files are called ``[PREFIX-]train-images-idx3-ubyte`` and ``[PREFIX-]train-labels-idx1-ubyte``, with
    ``t10k`` or ``test`` instead of ``train`` for the test split, without such a word where the data come in one
    piece, and with or without ``.gz`` (where both are there, the unpacked one is read). This is how MNIST,
    Fashion-MNIST, KMNIST and EMNIST come. If a folder holds several data sets, name the one you want by its prefix as
    if it were a folder in that folder: ``data/emnist/emnist-letters``.

    EMNIST's files store every image transposed; where the name begins with ``emnist``, the images are turned
    to stand upright. Classes are numbered from 0, in the order of their numbers in the training split: those of
    EMNIST letters, 1 to 26, become 0 to 25.

    Args:
        folder: The folder, or the folder and a prefix.
        split: ``"train"``, ``"test"`` or ``"t10k"`` (the same as ``"test"``).

    Returns:
        Samples, uint8 or float32 (N, C, H, W), or float32 (N, F), of all arrays that :func:`load_arrays` takes, too;
        and labels, int64 (N,), or None.

    Raises:
        DataError: There is no such folder, no images or the images of several data sets in it, a file that
            :func:`~minigan.data.idx.read_idx` refuses or that holds no samples, or not one label for each of them.
        ConfigError: The split has no such name.

    Example:
        >>> from minigan.data.mnist import MNIST_FOLDER
        >>> images, labels = mg.data.load_idx_folder(MNIST_FOLDER, "test")
        >>> images.shape, images.dtype, labels.shape
        ((10000, 1, 28, 28), dtype('uint8'), (10000,))
    """
    split = checked_split(split)
    part = _find_part(Path(folder), split)
    samples = as_samples(_upright(read_idx(part.images), part.prefix), str(part.images))
    if part.labels is None:
        return samples, None
    labels = as_labels(read_idx(part.labels), len(samples), str(part.labels))
    training = None if split == "train" else _training_labels(part)
    return samples, class_numbers(labels, training)


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


def _upright(images: np.ndarray[Any, Any], prefix: str) -> np.ndarray[Any, Any]:
    return images.swapaxes(1, 2) if prefix.lower().startswith("emnist") and images.ndim == 3 else images


def _training_labels(part: Part) -> np.ndarray[Any, Any] | None:
    """Of the same data set, if they are there."""
    folder = part.images.parent
    parts = _parts_among(folder, _list_folder(folder), "train")
    labels = (other.labels for other in parts if other.prefix == part.prefix)
    return next((read_idx(path) for path in labels if path is not None), None)


def _find_part(folder: Path, split: Split) -> Part:
    folder, prefix = _split_prefix(folder)
    names = _list_folder(folder)
    parts = [part for part in _parts_among(folder, names, split) if prefix in (None, part.prefix)]
    if not parts:
        raise _no_part(folder, prefix, split, names)
    if len(parts) > 1:
        raise _several_parts(folder, split, parts)
    return parts[0]


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


def _parts_among(folder: Path, names: Iterable[str], split: Split) -> list[Part]:
    found: dict[tuple[str, str], dict[str, Path]] = {}
    for name in names:
        match = FILE_NAME.fullmatch(name)
        word = (match["split"] or "").lower() if match else None
        if match and word in WORDS[split]:
            files = found.setdefault((match["prefix"] or "", word), {})
            files.setdefault(match["kind"].lower(), folder / name)  # "x" is sorted before "x.gz"
    parts = ((prefix, files.get("images"), files.get("labels")) for (prefix, _), files in found.items())
    return [Part(prefix, images, labels) for prefix, images, labels in parts if images is not None]


def _no_part(folder: Path, prefix: str | None, split: Split, names: list[str]) -> NoSplitError:
    start = f"{'[PREFIX-]' if prefix is None else f'{prefix}-'}{WORDS[split][0]}"
    missing = "" if prefix is None else f"There is no folder {folder / prefix}, and "
    # Of a folder that was only the parent of the named one, the files that are not IDX are nobody's concern.
    names = names if prefix is None else [name for name in names if FILE_NAME.fullmatch(name)]
    return NoSplitError(
        f"{missing}{folder} holds no IDX file of images for the split {split!r}: expected "
        f"{start}-images-idx3-ubyte[.gz] and, if there are labels, {start}-labels-idx1-ubyte[.gz], found "
        f"{listed(names)}; check the path or put the files there."
    )


def _several_parts(folder: Path, split: Split, parts: list[Part]) -> DataError:
    prefix = next((part.prefix for part in parts if part.prefix), None)
    choose = f"name one by its prefix, such as {folder / prefix}, or " if prefix else ""
    return DataError(
        f"{folder} holds {len(parts)} IDX files of images for the split {split!r} "
        f"({listed([part.images.name for part in parts])}), expected one; {choose}keep only one of them there."
    )
