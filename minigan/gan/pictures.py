"""Pictures of a run: grids of images, points on a plane, a film of either, and the curves of its log."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigan.errors import ShapeError

BORDER = 90  # grey between the images of a grid: stands out from MNIST's black, and does not dazzle
GREY, PALE = "#555555", "#dddddd"
# told apart by colour-blind eyes too (Okabe and Ito 2008)
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"


class Panel(NamedTuple):
    """One of those below each other in a picture of scores.

    Attributes:
        name: what it shows.
        curves: their names, by those of the numbers.
        axis: "log" for distances, "whole" for what is counted.
    """

    name: str
    curves: Mapping[str, str]
    axis: Literal["linear", "log", "whole"] = "linear"


Panels = Sequence[Panel]


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


def size_of(file: Path, wanted: tuple[int, int] | None = None) -> tuple[int, int] | None:
    """Width and height of a PNG file; None if it cannot be read to its end, or has not the size that is wanted."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(file, formats=["PNG"]) as picture:
                if wanted in (None, picture.size):
                    picture.load()
                    return picture.size
        except Exception:  # Pillow meets damage with errors of every kind
            pass
    return None


def gif(frames: Sequence[bytes] | Sequence[Path], seconds: float = 8.0, rest: float = 2.0) -> bytes:
    """The content of an animated GIF that shows PNG files of one size and repeats forever.

    Args:
        frames: PNG files, or their contents, at least one; they are opened one after the other.
        seconds: how long all frames take together (between 1/20 s and 1/2 s each).
        rest: how much longer the last one stays.
    """
    each = min(max(round(seconds * 100 / len(frames)), 5), 50) * 10  # GIF counts in hundredths of a second
    durations = [each] * (len(frames) - 1) + [each + round(rest * 1000)]
    pictures = map(_opened, frames)
    file = BytesIO()
    next(pictures).save(file, "GIF", save_all=True, append_images=pictures, duration=durations, loop=0)
    return file.getvalue()


def _opened(frame: bytes | Path) -> Any:
    from PIL import Image

    return Image.open(BytesIO(frame if isinstance(frame, bytes) else frame.read_bytes()))


# ---- points ----------------------------------------------------------------------------------------------


def points(fake: Any, real: Any = None) -> NDArray[np.uint8]:
    """Generated points over real ones: a scatter of pairs of numbers, or densities of single numbers.

    The axes come from the real points, so that pictures of one run can follow each other in a film; how many of the
    generated ones lie beyond them is written above.

    Args:
        fake: (N, F); of more than two numbers the first two are drawn.
        real: (M, F), from the data; None if there are none.

    Returns:
        uint8 (466, 466, 3).

    Raises:
        ShapeError: these are no points.

    >>> from minigan.gan.pictures import points
    >>> points(np.zeros((5, 2))).shape
    (466, 466, 3)
    """
    fake = np.asarray(fake)
    if fake.ndim != 2 or not fake.size:
        raise ShapeError(f"points: expected points (N, F), but got shape {fake.shape}.")
    seen = fake if real is None else np.asarray(real)
    figure = _figure(4.66, 4.66, dpi=100)
    axes = figure.subplots()
    (_densities if fake.shape[1] == 1 else _scatter)(axes, fake, real, _limits(seen))
    axes.legend(loc="upper right", fontsize=8)
    return np.asarray(_drawn(figure))[..., :3].copy()


def _limits(seen: NDArray[Any]) -> list[tuple[float, float]]:
    """Of each of the first two axes: the range of the points, and a fifth of it on either side."""
    low, high = seen.min(0)[:2], seen.max(0)[:2]
    margin = np.where(high > low, (high - low) / 5, 1)
    return list(zip((low - margin).tolist(), (high + margin).tolist(), strict=True))


def _scatter(axes: Any, fake: NDArray[Any], real: Any, limits: list[tuple[float, float]]) -> None:
    if real is not None:
        axes.scatter(*np.asarray(real)[:, :2].T, s=16, color=SKY, linewidths=0, label="real")
    axes.scatter(*fake[:, :2].T, s=4, color=ORANGE, linewidths=0, label="generated")
    axes.set(xlim=limits[0], ylim=limits[1], title=_beyond(fake, limits))


BINS = 60


def _densities(axes: Any, fake: NDArray[Any], real: Any, limits: list[tuple[float, float]]) -> None:
    bins = np.linspace(*limits[0], BINS + 1)
    top = 0.0
    if real is not None:
        heights, _, _ = axes.hist(np.asarray(real)[:, 0], bins, density=True, color=SKY, label="real")
        top = 1.5 * heights.max()
    axes.hist(fake[:, 0], bins, density=True, histtype="step", color=ORANGE, linewidth=1.5, label="generated")
    axes.set(xlim=limits[0], title=_beyond(fake, limits), ylabel="density", **({"ylim": (0, top)} if top else {}))


def _beyond(fake: NDArray[Any], limits: list[tuple[float, float]]) -> str:
    low, high = np.transpose(limits)
    outside = int(((fake[:, :2] < low) | (fake[:, :2] > high)).any(1).sum())
    return f"{outside:,} of {len(fake):,} lie beyond the axes" if outside else ""


def _figure(width: float, height: float, dpi: int) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=dpi)
    FigureCanvasAgg(figure)  # draws without a screen, and without pyplot's global list of figures
    return figure


def _drawn(figure: Any) -> Any:
    figure.canvas.draw()
    return figure.canvas.buffer_rgba()


# ---- curves ----------------------------------------------------------------------------------------------

MOVING = "How to read this: each player moves the other's target, so neither loss falls as a classifier's does."
PROBABILITIES = f"""\
{MOVING} In a healthy
run all four curves settle or drift slowly, with D(x) above D(G(z)) and neither at 0 or 1. If D(x) stays at 1 and
D(G(z)) at 0, D has won and G hardly learns any more; if both meet at 0.5, D can no longer tell them apart."""
SCORES = f"""\
{MOVING} D gives scores
without bounds, of which only the gap from D(G(z)) to D(x) has a meaning. In a healthy run it opens early and then
settles or shrinks slowly. If it grows for ever, D runs away from G; at 0, D can no longer tell them apart."""

LOSSES = {"loss_D": "loss_D, discriminator", "loss_G": "loss_G, generator"}
OPINIONS = {"D_x": "D(x), real samples", "D_G_z": "D(G(z)), generated samples", "D_x_test": "D(x), held-out samples"}
STYLES = (("-", BLUE), ("--", ORANGE), (":", GREEN), ("-.", PURPLE), ("-", YELLOW), ("--", SKY))
MOST = 12  # further curves: nobody could tell more of them apart
DASHED, DOTTED = (0, (5, 4)), (0, (1, 3))  # of levels
TICKS, APART = 7, 0.08  # steps above the scores, and how far their labels are apart, in lengths of the axis
PANEL, ABOVE, BELOW = 2.7, 0.36, 1.3  # inches: of a panel, for the title, and for the explanation


def curves(lines: Sequence[dict[str, Any]], title: str = "", scores: bool = False) -> bytes:
    """The content of a PNG file with panels over the steps: the losses, D's opinions, and all else in the log.

    Args:
        lines: of the log: each with ``step``, the first with loss_D, loss_G, D_x and D_G_z; other keys (penalty,
            accuracy, what D makes of held-out samples) may be in some of them only.
        title: what was trained.
        scores: D(x) is a score without bounds, and no probability.
    """
    more = {key: _label(key) for line in lines for key in line if key not in ("step", "epoch", *LOSSES, *OPINIONS)}
    more = dict(list(more.items())[:MOST])
    panels = [("loss", LOSSES), ("D: score" if scores else "D: probability of being real", OPINIONS)]
    panels += [("also in the log", more)] if more else []
    height = ABOVE + PANEL * len(panels) + BELOW + 0.14
    figure = _figure(8, height, dpi=120)
    all_axes = figure.subplots(len(panels), 1, sharex=True)
    for axes, (name, labels) in zip(all_axes, panels, strict=True):
        _draw(axes, lines, labels)
        axes.set_ylabel(name)
    all_axes[0].set_title(title, loc="left", fontsize=11, parse_math=False)
    all_axes[-1].set(xlabel="training step", xlim=(0, None))
    if not scores:
        all_axes[1].set_ylim(-0.03, 1.03)
        all_axes[1].axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
    figure.text(0.02, 0.11 / height, SCORES if scores else PROBABILITIES, fontsize=8.5, color=GREY, linespacing=1.4)
    figure.subplots_adjust(0.11, BELOW / height, 0.97, 1 - ABOVE / height, hspace=0.08)
    file = BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def score_curves(
    lines: Sequence[dict[str, Any]],
    panels: Panels,
    title: str,
    best: int,
    of_real: Mapping[str, float],
    of_noise: Mapping[str, float],
) -> bytes:
    """The content of a PNG file with panels over the time of training: how good the samples were.

    Args:
        lines: of the scores: each with ``step``, ``seconds`` and numbers.
        panels: what each shows, and which numbers under which names.
        title: what was trained.
        best: after which step the samples were best: it is marked.
        of_real: the numbers of real samples, if they are known: what a perfect G would have.
        of_noise: those of noise: what is worth nothing.
    """
    unit, length = ("minutes", 60) if lines[-1]["seconds"] >= 120 else ("seconds", 1)
    lines = [{**line, "time": line["seconds"] / length} for line in lines]
    height = 0.7 + PANEL * len(panels) + 0.5
    figure = _figure(8, height, dpi=120)
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, panel in zip(all_axes, panels, strict=True):
        for at in (line["time"] for line in lines if line["step"] == best):
            axes.axvline(at, color=GREY, linewidth=0.8)
        levels = [{key: each[key] for key in panel.curves if key in each} for each in lines]
        drawn = [value for each in levels for value in each.values()]
        for name, line, numbers in (("real", DASHED, of_real), ("noise", DOTTED, of_noise)):
            known = {key: value for key, value in numbers.items() if any(key in each for each in levels)}
            _draw_levels(axes, panel.curves, known, name, line)
            drawn += known.values()
        _draw(axes, lines, panel.curves, over="time", solid=True)
        _scale(axes, panel.axis, drawn)
        axes.set_ylabel(panel.name)
    room = 1.02  # so that the last point is not on the edge
    all_axes[-1].set(xlabel=f"{unit} of training", xlim=(0, room * lines[-1]["time"] or None))
    some = _apart(lines[:: -(-len(lines) // TICKS)], APART * all_axes[-1].get_xlim()[1])
    above = all_axes[0].secondary_xaxis("top")
    above.set_ticks([line["time"] for line in some], [f"{line['step']:,}" for line in some])
    above.set_xlabel("step")
    figure.text(0.095, 1 - 0.22 / height, title, fontsize=11, parse_math=False)
    figure.subplots_adjust(0.095, 0.5 / height, 0.97, 1 - 0.7 / height, hspace=0.08)
    file = BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _draw_levels(axes: Any, curves: Iterable[str], levels: Mapping[str, float], label: str, line: Any) -> None:
    """A level for each curve of a panel, in its colour; the legend has one for all of them, in grey."""
    for key, (_, color) in zip(curves, cycle(STYLES), strict=False):
        if key in levels:
            axes.axhline(levels[key], color=color, linewidth=0.9, linestyle=line)
    if levels:
        axes.plot([], [], color=GREY, linewidth=0.9, linestyle=line, label=label)


def _scale(axes: Any, axis: str, drawn: Sequence[float]) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    if axis == "whole":
        axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    elif axis == "log" and all(value > 0 for value in drawn):  # a distance of 0 has no place on such an axis
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _apart(lines: Sequence[dict[str, Any]], least: float) -> list[dict[str, Any]]:
    """The last line, and of those before it the ones whose labels have room."""
    kept: list[dict[str, Any]] = []
    for line in reversed(lines):
        if not kept or kept[-1]["time"] - line["time"] >= least:
            kept.append(line)
    return kept


def _label(name: str) -> str:
    """Of a number that somebody else named: in letters that each font has, and not hidden from the legend by a _."""
    text = ascii(name)[1:-1][:40]
    return f" {text}" if text.startswith("_") else text


def _draw(
    axes: Any, lines: Sequence[dict[str, Any]], labels: Mapping[str, str], over: str = "step", solid: bool = False
) -> None:
    """One panel. The curves differ in their dashes, too, so that a print in grey still tells them apart.

    Where dashes are those of levels, curves are solid.
    """
    for (key, label), (dashes, color) in zip(labels.items(), cycle(STYLES), strict=False):
        along, values = [line[over] for line in lines if key in line], [line[key] for line in lines if key in line]
        marker = "o" if len(along) < 10 else ""  # a lone point makes no line
        if along:
            axes.plot(along, values, "-" if solid else dashes, marker=marker, color=color, label=label, linewidth=1.4)
    axes.grid(color=PALE, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    named, _ = axes.get_legend_handles_labels()
    if named:
        for text in axes.legend(handles=named, loc="best", frameon=True, framealpha=0.9, fontsize=9).get_texts():
            text.set_parse_math(False)
