"""Read a folder of pictures as one array: any size, grey or colour, in the formats that Pillow decodes."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minigan.data.classes import class_numbers
from minigan.data.files import complaints, listed, one_line
from minigan.data.parts import SPLITS, checked_split, first, only_train
from minigan.data.room import check_room
from minigan.data.samples import on_white
from minigan.errors import ConfigError, DataError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".pnm", ".pbm")
# Pillow knows more, among them formats that start other programs; these are pictures and nothing else.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
MODES = {1: "L", 3: "RGB"}
LARGEST_SIZE = 4096
WHITE = 255
NAMES_OF_SPLITS = {*SPLITS, "val", "valid", "validation", "dev"}
# How the picture has to be turned that EXIF's orientation of this number describes.
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def load_image_folder(
    folder: str | os.PathLike[str], split: str = "train", *, limit: int = 0, size: int = 0, channels: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
    """Load the pictures in a folder, in the order of their names.

    Pictures in sub-folders, however deep, belong to one class for each sub-folder of the first level. A folder with
    the sub-folders ``train`` and ``test`` is two data sets. Classes are numbered in the order of their names in the
    training split; those that only ``test`` has come after them. Files that are no pictures by their name, hidden
    files, and links to other folders are passed over.

    Of an animation the first picture is taken. Photos are turned as their EXIF orientation says, what is transparent
    becomes white, and 16 bits become 8. Everything but the array itself is held for one picture at a time.

    Args:
        folder: the folder.
        split: "train" or "test".
        limit: take so many, the first, which may all be of one class; 0 for all.
        size: cut the largest square from the middle of each, and resize it to so many pixels on each side (Lanczos);
            0 takes them as they are: all of one size.
        channels: 1 for grey, 3 for colour; 0 for grey if every pixel of all is grey, else colour.

    Returns:
        Images, uint8 (N, channels, H, W), and labels, int64 (N,), or None if there are no sub-folders.

    Raises:
        DataError: there is no such folder, no picture in it, a file that is damaged, no picture, or too large,
            pictures of several sizes while ``size`` is 0, or only folders such as ``train`` and ``val``, which are no
            classes.
        ConfigError: no such split, a number of channels other than 0, 1 and 3, or more than fits into memory.

    Example:
        >>> import pathlib, tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (60, 40), "red").save(pathlib.Path(folder, "red.png"))
        ...     images, labels = mg.data.load_image_folder(folder, size=32)
        >>> images.shape, images[0, :, 0, 0].tolist(), labels
        ((1, 3, 32, 32), [255, 0, 0], None)
    """
    _check_format(size, channels)
    root, training = (_folder_of_split(Path(folder), part) for part in (split, "train"))
    paths = sorted(pictures_in(root))
    if not paths:
        raise DataError(f"{root} holds no pictures; expected files whose names end in {', '.join(SUFFIXES)}.")
    labels = _labels(root, paths, training)
    return _decoded(paths[first(limit)], size, channels), None if labels is None else labels[first(limit)]


def pictures_in(folder: Path) -> Iterator[Path]:
    """All files in a folder and its sub-folders that are pictures by their names, in any order.

    Raises:
        DataError: the folder cannot be listed.

    Example:
        >>> import pathlib
        >>> from minigan.data.images import pictures_in
        >>> list(pictures_in(pathlib.Path(mg.data.__file__).parent))
        []
    """

    def complain(error: OSError) -> None:
        raise error

    with complaints(folder, "a folder of pictures"):
        for place, folders, names in os.walk(folder, onerror=complain):
            folders[:] = [name for name in folders if not name.startswith(".")]
            yield from (Path(place, name) for name in names if _is_picture(name))


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _check_format(size: int, channels: int) -> None:
    if not 0 <= size <= LARGEST_SIZE:
        raise ConfigError(f"Found data.size={size}, expected from 1 to {LARGEST_SIZE:,}, or 0 for the pictures' own.")
    if channels not in (0, *MODES):
        raise ConfigError(
            f"Found data.channels={channels}, expected 1 for grey, 3 for colour, or 0 for the pictures' own."
        )


def _folder_of_split(folder: Path, split: str) -> Path:
    if all((folder / name).is_dir() for name in set(SPLITS.values())):
        return folder / checked_split(split)
    only_train(split, str(folder))
    return folder


def _labels(folder: Path, paths: Sequence[Path], training: Path) -> NDArray[np.int64] | None:
    classes = _classes(folder, paths)
    if classes is None:
        return None
    return class_numbers(classes, None if training == folder else _classes(training, sorted(pictures_in(training))))


def _classes(folder: Path, paths: Sequence[Path]) -> list[str] | None:
    """The name of each picture's class; None where there are none."""
    parts = [path.relative_to(folder).parts for path in paths]
    within = [len(part) > 1 for part in parts]
    if not any(within):
        return None
    if not all(within):
        raise DataError(
            f"{folder} holds pictures ({paths[within.index(False)].name}) beside folders of pictures "
            f"({parts[within.index(True)][0]}), expected one or the other; move them into a folder of their class."
        )
    classes = [part[0] for part in parts]
    if {name.lower() for name in classes} <= NAMES_OF_SPLITS:
        raise DataError(
            f"{folder} holds {listed(sorted(set(classes)))}, which are parts of a data set and no classes; name one of "
            f"them, {folder / classes[0]}, or call the one to test with 'test', beside 'train'."
        )
    return classes


def _decoded(paths: Sequence[Path], size: int, channels: int) -> NDArray[np.uint8]:
    """The pictures as one array: grey, until one of them has colour."""
    model = _pixels(paths[0], size, channels)  # read once more below, to say how large the others have to be
    images = _room(len(paths), *model.shape)
    for k, path in enumerate(paths):
        pixels = _pixels(path, size, channels)
        if pixels.shape[1:] != images.shape[2:]:
            raise _two_sizes(paths[0], model, path, pixels)
        if len(pixels) > images.shape[1]:
            images = _in_colour(images, k)
        images[k] = pixels
    return images


def _room(*shape: int, beside: int = 0) -> NDArray[np.uint8]:
    """A new array, if there is memory for it beside so many bytes."""
    advice = "choose a smaller data.size, or fewer with data.limit"
    check_room(math.prod(shape) + beside, f"{shape[0]:,} pictures of {_shown(shape)} pixels", advice)
    return np.empty(shape, np.uint8)


def _in_colour(images: NDArray[np.uint8], done: int) -> NDArray[np.uint8]:
    coloured = _room(len(images), 3, *images.shape[2:], beside=images.nbytes)
    coloured[:done] = images[:done]
    return coloured


def _two_sizes(one: Path, pixels: NDArray[np.uint8], other: Path, other_pixels: NDArray[np.uint8]) -> DataError:
    return DataError(
        f"{one} has {_shown(pixels.shape)} pixels, but {other} has {_shown(other_pixels.shape)}, expected pictures of "
        "one size; have them cut and resized with --set data.size=32, or another size."
    )


def _shown(shape: tuple[int, ...]) -> str:
    return f"{shape[-2]} x {shape[-1]}"


# ---- one picture -----------------------------------------------------------------------------------------


def _pixels(path: Path, size: int, channels: int) -> NDArray[np.uint8]:
    """(C, H, W): one channel if the picture is grey and ``channels`` does not say otherwise."""
    with _opened(path) as picture:
        picture = _plain(_upright(picture))
        if size:
            picture = _resized(picture, size)
        if channels:
            picture = picture.convert(MODES[channels])
        pixels = np.asarray(picture)
    if pixels.ndim == 2:
        return pixels[np.newaxis]
    grey = not channels and (pixels == pixels[..., :1]).all()
    return pixels.transpose(2, 0, 1)[: 1 if grey else 3]


@contextmanager
def _opened(path: Path) -> Iterator[Picture]:
    from PIL import Image, UnidentifiedImageError

    if path.exists() and not path.is_file():  # to open a pipe would wait for somebody who writes into it
        raise DataError(f"{path} is called a picture, but is no file; rename or remove it.")
    with complaints(path, "a picture"), path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # oddities that do not keep a picture from being read
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield Image.open(file, formats=FORMATS)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise DataError(
                f"{path} has more than {Image.MAX_IMAGE_PIXELS:,} pixels, too many to be unpacked safely; make it "
                "smaller, or remove it."
            ) from None
        except UnidentifiedImageError:
            raise DataError(
                f"{path} is damaged, or no picture in one of the formats {', '.join(FORMATS)}; repair, convert or "
                "remove it."
            ) from None
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders meet damage with errors of every kind
            raise DataError(f"{path} cannot be read as a picture ({one_line(error)}); repair or remove it.") from None


def _upright(picture: Picture) -> Picture:
    """Turned as its EXIF orientation says, if that can be read: a photo with damaged notes is still a photo."""
    from PIL import Image
    from PIL.ExifTags import Base

    picture.load()
    try:
        turn = TURNS.get(picture.getexif().get(Base.Orientation, 1))
    except Exception:  # of any kind
        turn = None
    return picture if turn is None else picture.transpose(Image.Transpose[turn])


def _plain(picture: Picture) -> Picture:
    """The same picture in mode L or RGB: 8 bits, opaque."""
    from PIL import Image

    if picture.mode == "F":
        raise ValueError("floating point numbers, which may mean anything")
    if picture.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(picture), picture.info.get("transparency")))
    if picture.has_transparency_data:
        return on_white(picture if picture.mode == "RGBA" else picture.convert("RGBA"))
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def _resized(picture: Picture, size: int) -> Picture:
    """The largest square in the middle. It is cut out first: else resizing would mix in what lies beyond its edge."""
    from PIL import Image

    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    square = picture.crop((left, top, left + side, top + side))
    return square.resize((size, size), Image.Resampling.LANCZOS)


def _eight_bits(numbers: NDArray[Any], transparent: int | None) -> NDArray[np.uint8]:
    """0 to 255 for 0 to 65,535, rounded, and white for the number that stands for no colour."""
    if numbers.min() < 0 or numbers.max() > 65_535:
        raise ValueError("pixels of more than 16 bits")
    pixels = ((numbers.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if transparent is not None:  # Pillow would look for it among the bytes
        pixels[numbers == transparent] = WHITE
    return pixels
