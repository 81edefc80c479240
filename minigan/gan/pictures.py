"""Pictures of a run: grids of images, a film of them, and the curves of its log."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.errors import ShapeError

BORDER = 90  # grey between the images of a grid: stands out from MNIST's black, and does not dazzle
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#555555"  # told apart by colour-blind eyes too (Okabe and Ito 2008)

# ---- grids -----------------------------------------------------------------------------------------------


def grid(images: Any, columns: int | None = None, scale: int = 2) -> NDArray[np.uint8]:
    """Images side by side, row by row, with a border of one pixel around each.

    Args:
        images: (N, C, H, W) with values in [-1, 1]; C is 1 for grey or 3 for red, green, blue.
        columns: images in a row; as a rule as many as make the grid square.
        scale: how many times to repeat every pixel in both directions, so that it stays crisp.

    Returns:
        uint8 (height, width) if C is 1, else (height, width, 3). Places without an image are border.

    Raises:
        ShapeError: ``images`` has another shape.

    >>> from minigan.gan.pictures import grid
    >>> grid(np.zeros((64, 1, 28, 28)), columns=8).shape
    (466, 466)
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.size:
        raise ShapeError(f"grid: expected images (N, C, H, W) with C = 1 or 3, but got shape {images.shape}.")
    n, channels, height, width = images.shape
    columns = columns or math.isqrt(n - 1) + 1
    rows = -(-n // columns)
    cells = np.full((rows * columns, height + 1, width + 1, channels), BORDER, np.uint8)
    cells[:n, :-1, :-1] = _to_bytes(images).transpose(0, 2, 3, 1)
    cells = cells.reshape(rows, columns, height + 1, width + 1, channels).swapaxes(1, 2)
    body = cells.reshape(rows * (height + 1), columns * (width + 1), channels)
    picture = np.pad(body, ((1, 0), (1, 0), (0, 0)), constant_values=BORDER)
    picture = picture.repeat(scale, axis=0).repeat(scale, axis=1)
    return picture[:, :, 0] if channels == 1 else picture


def _to_bytes(images: NDArray[Any]) -> NDArray[np.uint8]:
    """0 to 255 for -1 to 1, the inverse of what the loader does."""
    return np.rint((images.clip(-1, 1) + 1) * 127.5).astype(np.uint8)


# ---- files -----------------------------------------------------------------------------------------------


def png(picture: NDArray[np.uint8]) -> bytes:
    """The content of a PNG file: of (height, width) for grey, or (height, width, 3).

    >>> from minigan.gan.pictures import png
    >>> png(np.zeros((2, 3), np.uint8))[1:4]
    b'PNG'
    """
    from PIL import Image

    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def gif(frames: Sequence[bytes], seconds: float = 8.0) -> bytes:
    """The content of an animated GIF that shows PNG files of one size and repeats forever.

    Args:
        frames: contents of PNG files, at least one.
        seconds: how long all frames take together (between 1/20 s and 1/2 s each); the last stays for 2 s more.
    """
    from PIL import Image

    pictures = [Image.open(BytesIO(frame)) for frame in frames]
    each = min(max(round(seconds * 100 / len(pictures)), 5), 50) * 10  # GIF counts in hundredths of a second
    durations = [each] * (len(pictures) - 1) + [each + 2000]
    file = BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    return file.getvalue()


# ---- curves ----------------------------------------------------------------------------------------------

EXPLANATION = """\
How to read this: each player moves the other's target, so neither loss falls as a classifier's does. In a healthy
run all four curves settle or drift slowly, with D(x) above D(G(z)) and neither at 0 or 1. If D(x) stays at 1 and
D(G(z)) at 0, D has won and G hardly learns any more; if both meet at 0.5, D can no longer tell them apart."""


def curves(lines: Sequence[dict[str, Any]], title: str = "") -> bytes:
    """The content of a PNG file with two panels: the losses, and D(x) and D(G(z)), over the steps.

    Args:
        lines: of the log: each with step, loss_D, loss_G, D_x, D_G_z; at least one.
        title: what was trained.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7.2), dpi=120)
    FigureCanvasAgg(figure)  # draws without a screen, and without pyplot's global list of figures
    losses, opinions = figure.subplots(2, 1, sharex=True)
    losses.set_title(title, loc="left", fontsize=11)
    _draw(losses, lines, {"loss_D": "loss_D, discriminator", "loss_G": "loss_G, generator"})
    losses.set_ylabel("loss (nats)")
    _draw(opinions, lines, {"D_x": "D(x), real images", "D_G_z": "D(G(z)), generated images"})
    opinions.set(ylabel="D: probability of being real", xlabel="training step", xlim=(0, None), ylim=(-0.03, 1.03))
    opinions.axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
    figure.text(0.02, 0.015, EXPLANATION, fontsize=8.5, color=GREY, linespacing=1.4)
    figure.subplots_adjust(left=0.095, right=0.97, top=0.95, bottom=0.18, hspace=0.08)
    file = BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _draw(axes: Any, lines: Sequence[dict[str, Any]], labels: dict[str, str]) -> None:
    """One panel. The second curve is dashed, so that a print in grey still tells them apart."""
    steps = [line["step"] for line in lines]
    marker = "o" if len(lines) < 10 else ""  # a lone point makes no line
    for (key, label), color, style in zip(labels.items(), (BLUE, ORANGE), ("-", "--"), strict=True):
        axes.plot(steps, [line[key] for line in lines], style, marker=marker, color=color, label=label, linewidth=1.4)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="best", frameon=True, framealpha=0.9, fontsize=9)
