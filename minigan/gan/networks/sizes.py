"""The sizes of images on their way through blocks that halve or double them."""

from __future__ import annotations

from collections.abc import Sequence

from minigan.errors import ConfigError, ShapeError
from minigan.gan.networks.layers import Shape


def halved(image_shape: Shape, channels: Sequence[int]) -> list[Shape]:
    """The shapes (C, H, W) after each of the blocks that halve an image and give it so many channels.

    Raises:
        ConfigError: there is no block.
        ShapeError: the shape is not that of an image, or its height or width cannot be halved so often.

    >>> from minigan.gan.networks.sizes import halved
    >>> halved((1, 28, 28), [64, 128])
    [(64, 14, 14), (128, 7, 7)]
    """
    if not channels:
        raise ConfigError("hidden: expected the channels of at least one block, but got none.")
    if len(image_shape) != 3:
        raise ShapeError(
            f"Convolutions need images (C, H, W), but these samples have the shape {tuple(image_shape)}. "
            "Use a network for points, such as mlp."
        )
    _, height, width = image_shape
    _require_multiples(height, width, 2 ** len(channels))
    return [(c, height >> i, width >> i) for i, c in enumerate(channels, 1)]


def _require_multiples(height: int, width: int, factor: int) -> None:
    if height % factor or width % factor or not height or not width:
        size = max(-(-max(height, width) // factor), 1) * factor
        raise ShapeError(
            f"hidden: each number in it is a block that halves images, so that their height and width have to be "
            f"multiples of {factor}, but the images are {height} x {width}. "
            f"Resize them, for example by data.size={size}, or give fewer numbers."
        )
