"""What is drawn on the page of the experiment flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minigan.lab.experiments.flow import Course, Flow
from minigan.lab.page import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    YELLOW,
    Canvas,
    Drawing,
    Exhibit,
    Panel,
    Path,
    Slider,
    linestyle,
    panel,
)

COLORS = (INK, SKY, GREEN, ORANGE, YELLOW, PURPLE, BLUE)  # of the trainings, the preset first
LONG, SHORT, MIXED = (7.0, 2.0), (2.5, 1.5), (7.0, 1.5, 1.2, 1.5)
DASHES = ((), (), LONG, SHORT, LONG, (), MIXED)  # of the same, so that lines that cross are told apart without colour
THUMB = 0.05  # how near to lr sqrt(n) Adam's first step comes: gradients near its epsilon move a little less
EPSILON = 1e-8  # Adam's
LEAST = 1e-14  # what is smaller than this is drawn here: on a logarithmic axis 0 has no place
TALL = 4.3  # inches: panels with a legend of all trainings below


def _styles(data: Flow) -> dict[str, dict[str, Any]]:
    """How the line of each training is drawn, its name included."""
    styles = {}
    for name, color, dashes in zip(data.courses, COLORS, DASHES, strict=False):
        width = 2.2 if color == INK else 1.5
        styles[name] = {"color": color, "linewidth": width, "linestyle": linestyle(dashes, width), "label": name}
    return styles


def _legend(figure: Any, **settings: Any) -> None:
    """The names of all trainings, below the axes."""
    figure.legend(loc="outside lower center", ncols=2, handlelength=3, **settings)


def few(axis: Any) -> None:
    """On an axis of many powers of ten: a tick at some, and no small ones."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis.set_major_locator(LogLocator(numticks=8))
    axis.set_minor_locator(NullLocator())


def _limits(*values: ArrayLike) -> tuple[float, float]:
    """Of a logarithmic axis that has room for all of these, and for two powers of ten."""
    numbers = np.concatenate([np.ravel(v) for v in values])
    numbers = np.log10(np.clip(numbers[np.isfinite(numbers)], LEAST, None))
    low, high = float(numbers.min()) - 0.2, float(numbers.max()) + 0.2
    room = max(0.0, 2.1 - (high - low)) / 2
    return float(10 ** (low - room)), float(10 ** (high + room))


def _steps(data: Flow) -> list[str]:
    return [str(step) for step in data.steps]


# ---- the way back ----------------------------------------------------------------------------------------------


def way_back(data: Flow) -> Exhibit:
    """Signal, gradient and ratio by layer, at each watched step."""
    caption = (
        "Left, read it from the left: the signal starts at D's logit, where it is at most 1 (it is 1 − D(G(z)) for "
        "the loss −log D), passes D's layers, then the pixels, then G's layers. A line that falls steadily is a "
        f"signal that vanishes. {_costs(data)}Move the slider: after some steps D's weights have grown, and most lines "
        "bend up. Middle: the gradient that each layer's weights get in their player's own turn. Right: how far the "
        "weights moved, beside their size; the dotted line is the rule of thumb of 10<sup>−3</sup>. That lines of very "
        "different gradients are so near each other there is Adam's doing: see the last section."
    )
    return Exhibit(
        "Step by step", caption, [_signal(data), _gradient(data), _ratio(data)], [Slider("step", _steps(data))]
    )


def _costs(data: Flow) -> str:
    """What a layer of D costs at the first step, in words."""
    found = {
        name: _factor(data.courses[name]) for name in ("preset", "Sigmoid in D", "N(0, .002)") if name in data.courses
    }
    costs = ", ".join(f"{factor:.3g} ({name})" for name, factor in found.items())
    return f"At step 0 each layer of D divides it on average by {costs}; weights that are too large make it longer. "


def _factor(course: Course) -> float:
    """By what a layer of D divides the signal at the first step: the geometric mean over its layers."""
    layers = sum(place.name.startswith("D") for place in course.layers)
    return float((course.signal[-1, 0] / course.at_fake[0]) ** (1 / layers))


def _places(course: Course) -> tuple[list[str], Any]:
    """From the logit to G's first layer: the names, and the signal (places, times)."""
    G = sum(place.name.startswith("G") for place in course.layers)
    names = [place.name for place in course.layers]
    back = np.concatenate([course.signal[G:][::-1], course.at_fake[None], course.signal[:G][::-1]])
    return [*names[G:][::-1], "pixels", *names[:G][::-1]], back


def _signal(data: Flow) -> Panel:
    tracks = [_places(course)[1] for course in data.courses.values()]
    names = _places(data.courses["preset"])[0]
    return _lines(data, "signal", "the signal on its way back", "L2 norm for a sample", names, tracks)


def _gradient(data: Flow) -> Panel:
    tracks = [course.gradient for course in data.courses.values()]
    names = [place.name for place in data.courses["preset"].layers]
    return _lines(data, "gradient", "gradient of each layer's weights", "L2 norm", names, tracks)


def _ratio(data: Flow) -> Panel:
    tracks = [course.update / course.weight for course in data.courses.values()]
    names = [place.name for place in data.courses["preset"].layers]
    return _lines(data, "ratio", "update over weight", "ratio of L2 norms", names, tracks, line=1e-3)


def _lines(
    data: Flow,
    name: str,
    title: str,
    label: str,
    places: Sequence[str],
    tracks: Sequence[Any],
    line: float | None = None,
) -> Panel:
    """One line for each training, over the places; ``tracks`` are (places, times) each."""
    figure, ax = panel(
        title, "", label, height=TALL, yscale="log", ylim=_limits(*tracks), xlim=(-0.4, len(places) - 0.6)
    )
    ax.set_xticks(range(len(places)), places, rotation=90 if len(places) > 6 else 0)
    few(ax.yaxis)
    if line is not None:
        ax.axhline(line, color=GREY, linewidth=1, linestyle=":")
    for style in _styles(data).values():
        ax.plot([], [], **style)
    _legend(figure)
    canvas = Canvas(figure, ax)
    frames = []
    for t in range(len(data.steps)):
        paths = [
            Path(points, color=color, width=2.2 if color == INK else 1.5, dashes=dashes)
            for track, color, dashes in zip(tracks, COLORS, DASHES, strict=False)
            if len(points := _finite(track[:, t]))
        ]
        frames.append(canvas.frame(paths))
    return Panel(name, frames, f"{title}, for each training")


def _finite(values: Any) -> Any:
    """Points of a line, without those that are no numbers."""
    places = np.flatnonzero(np.isfinite(values))
    return np.stack([places, np.clip(values[places], LEAST, None)], 1)


# ---- maps --------------------------------------------------------------------------------------------------------


def maps(data: Flow) -> Exhibit:
    """Gradient, ratio and silent units of each training, layer by step."""
    courses = list(data.courses.values())
    gradients = [np.log10(np.clip(course.gradient, LEAST, None)) for course in courses]
    ratios = [np.log10(np.clip(course.update / course.weight, LEAST, None)) for course in courses]
    caption = (
        "Left: bright is a large gradient, dark a small one, on the same scale for all trainings. Dark rows at the "
        "bottom and bright ones on top say that G gets little of what D has; rows of one colour, that all layers "
        "learn alike. Middle: the ratio of update and weight. Right: the share of silent units behind each layer; the "
        "table below says what this means. Weights that are too small show as a dark block at the left, which ends "
        f"when D has grown; too large ones as a bright one that stays. {_dark_again(data)}"
    )
    panels = [
        _maps(data, "gradients", "gradient, log₁₀ of the L2 norm", gradients, [c.layers for c in courses]),
        _maps(data, "ratios", "update over weight, log₁₀", ratios, [c.layers for c in courses]),
        _maps(
            data,
            "silent",
            "share of silent units",
            [c.silent for c in courses],
            [c.activations for c in courses],
            (0, 1),
        ),
    ]
    return Exhibit("Layer by step", caption, panels, [Slider("training", list(data.courses))])


def _dark_again(data: Flow) -> str:
    """Small weights may fall back once more: when D stops to tell real from fake."""
    if "N(0, .002)" not in data.courses:
        return ""
    course = data.courses["N(0, .002)"]
    grown = int(np.argmax(course.at_fake > 100 * course.at_fake[0]))
    faint = grown + int(np.argmin(course.at_fake[grown:]))
    real, fake = (course.report[key][faint] for key in ("D_x", "D_G_z"))
    if abs(real - fake) > 0.05:
        return ""
    return (
        f"With N(0, .002) the dark comes back around step {data.steps[faint]}: there D(x) is {real:.2f} and D(G(z)) "
        f"{fake:.2f}, and a D that says the same of everything has nothing to hand on."
    )


def _maps(
    data: Flow,
    name: str,
    title: str,
    maps: Sequence[Any],
    places: Sequence[Any],
    span: tuple[float, float] | None = None,
) -> Panel:
    finite = np.concatenate([m[np.isfinite(m)] for m in maps])
    low, high = span or (float(np.percentile(finite, 2)), float(finite.max()))
    frames = [
        _map(data, course, title, m, [place.name for place in rows], low, high)
        for course, m, rows in zip(data.courses, maps, places, strict=True)
    ]
    return Panel(name, frames, f"{title}, layer by step")


def _map(data: Flow, course: str, title: str, values: Any, rows: Sequence[str], low: float, high: float) -> Drawing:
    figure, ax = panel(f"{title.split(',')[0]}: {course}", "step", "")
    ax.grid(False)
    image = ax.imshow(
        values,
        aspect="auto",
        origin="lower",
        cmap="viridis",
        vmin=low,
        vmax=high,
        extent=(-0.5, len(data.steps) - 0.5, -0.5, len(rows) - 0.5),
        interpolation="nearest",
    )
    ax.set_yticks(range(len(rows)), rows)
    at = np.linspace(0, len(data.steps) - 1, 4).round().astype(int)
    ax.set_xticks(at, [str(data.steps[t]) for t in at])
    figure.colorbar(image, ax=ax, label=title, extend="min" if float(np.nanmin(values)) < low else "neither")
    return Drawing(figure)


# ---- pixels -----------------------------------------------------------------------------------------------------


def signals(data: Flow) -> Exhibit:
    """Fakes, what D says of their pixels, and how loudly."""
    courses, shown = data.courses.values(), range(len(data.shown))
    preset, pixels = data.courses["preset"], data.courses["preset"].fakes[0, 0].size
    best = int(np.nanargmax(preset.toward))
    half = len(data.steps) // 2
    caption = (
        "First: four fakes. Second: what D wants of them, the negative gradient of G's loss at each pixel, the mean "
        "over all fakes of the batch; orange pixels should get brighter, purple ones darker. Third: the cosine between "
        f"this picture and the way from the mean fake to the mean real image; two random pictures of {pixels} pixels "
        f"have one of about ± {1 / np.sqrt(pixels):.2f} (grey band: twice that). At step 0 D's weights are random, and "
        f"so is what it wants (the preset: {preset.toward[0]:.2f}). The first thing that D finds out is where the ink "
        f"is in the mean, and it says just that: {preset.toward[best]:.2f} at step {data.steps[best]}. Then fakes have "
        "the right mean, what is left to say is finer, and to the eye it is noise: an MLP knows of no neighbouring "
        "pixels, and D's first layer is for the most part still the noise that it was drawn as. In the second half "
        f"the cosine is {np.nanmedian(preset.toward[half:]):.2f} (median): a small push to the right side in much "
        "noise; many steps add up the push and cancel the noise. Where a cosine is negative, D sends G away from the "
        "mean real image: the two players circle. Fourth: how long the gradient of a sample is. It grows with D's "
        "weights."
    )
    steps = [str(data.steps[i]) for i in data.shown]
    panels = [
        Panel("fakes", [_images(c.fakes[i], "fakes") for c in courses for i in shown], "fakes"),
        Panel("wanted", [_wanted(c.at_fakes[i]) for c in courses for i in shown], "D's gradient at the pixels"),
        Panel("toward", [_toward(data)], "cosine between D's gradient and the way to real images, over the steps"),
        Panel("loudness", [_loudness(data)], "norm of the gradient at the pixels over the steps"),
    ]
    sliders = [Slider("training", list(data.courses)), Slider("step", steps, len(steps) - 1)]
    return Exhibit("Fakes, and what D says of their pixels", caption, panels, sliders)


def _tiles(images: Any) -> Any:
    """Four images as two rows of two."""
    return np.block([[images[0], images[1]], [images[2], images[3]]])


def _images(images: Any, title: str) -> Drawing:
    figure, ax = panel(title)
    ax.imshow(_tiles(images), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    ax.set_axis_off()
    return Drawing(figure)


def _wanted(gradients: Any) -> Drawing:
    figure, ax = panel("what D wants: −∂L/∂pixel")
    ax.grid(False)
    # PuOr has orange below the middle and purple above: reversed, orange is what should get brighter
    image = ax.imshow(-gradients.astype(float), cmap="PuOr_r", vmin=-100, vmax=100, interpolation="nearest")
    ax.set_axis_off()
    figure.colorbar(image, ax=ax, label="percent of the largest", ticks=[-100, 0, 100])
    return Drawing(figure)


def _toward(data: Flow) -> Drawing:
    figure, ax = panel("does it lead to real images?", "step", "cosine", height=TALL)
    chance = 2 / np.sqrt(data.courses["preset"].fakes[0, 0].size)
    ax.axhspan(-chance, chance, color=PALE, linewidth=0)
    for name, style in _styles(data).items():
        ax.plot(data.steps, data.courses[name].toward, **style)
    _legend(figure)
    return Drawing(figure)


def _loudness(data: Flow) -> Drawing:
    tracks = [course.at_fake for course in data.courses.values()]
    figure, ax = panel("the signal at the pixels", "step", "L2 norm for a sample", height=TALL, yscale="log")
    for name, style in _styles(data).items():
        ax.plot(data.steps, np.clip(data.courses[name].at_fake, LEAST, None), **style)
    ax.set_ylim(_limits(*tracks))
    few(ax.yaxis)
    _legend(figure)
    return Drawing(figure)


# ---- the rule of thumb -----------------------------------------------------------------------------------------------


def thumb(data: Flow) -> list[Panel]:
    """The ratio by layer, against the gradient, and over time."""
    return [
        Panel("thumb", [_thumb_layers(data)], "update over weight by layer"),
        Panel("adam", [_adam(data)], "update against gradient, for every layer, training and step"),
        Panel("thumb-time", [_thumb_time(data)], "update over weight over the steps"),
    ]


def _thumb_layers(data: Flow) -> Drawing:
    preset = data.courses["preset"]
    ratio, x = preset.update / preset.weight, np.arange(len(preset.layers))
    figure, ax = panel("the preset's layers", "", "update over weight", height=TALL, yscale="log")
    ax.plot(x, preset.expected.update / preset.expected.weight, color=GREY, label="predicted, step 0", linestyle=":")
    ax.plot(x, ratio[:, 0], "o", color=GREEN, label="step 0")
    ax.plot(x, np.median(ratio[:, ratio.shape[1] // 2 :], 1), "s", color=PURPLE, label="second half, median")
    ax.axhline(1e-3, color=GREY, linestyle="--", linewidth=1, label="rule of thumb")
    ax.set_ylim(_limits(ratio, [1e-3]))
    ax.set_xticks(x, [place.name for place in preset.layers], rotation=90 if len(x) > 6 else 0)
    figure.legend(loc="outside lower center", ncols=2)
    return Drawing(figure)


def _adam(data: Flow) -> Drawing:
    figure, ax = panel(
        "Adam: update against gradient", "gradient of a weight (RMS)", "update of a weight (RMS)",
        height=TALL, xscale="log", yscale="log",
    )  # fmt: skip
    rms = []
    for (name, course), color in zip(data.courses.items(), COLORS, strict=False):
        root = np.sqrt([place.numbers for place in course.layers])[:, None]
        g, u = (np.clip(x / root, LEAST, None) for x in (course.gradient, course.update))
        rms.append((g, u))
        ax.plot(g.ravel(), u.ravel(), ".", color=color, markersize=2.5, label=name)
    limits = _limits(*(g for g, _ in rms))
    grid = np.geomspace(*limits, 100)
    ax.plot(grid, data.lr[0] * grid / (grid + EPSILON), color=GREY, linestyle="--", linewidth=1, label="lr g / (g + ε)")
    ax.set(xlim=limits, ylim=_limits(*(u for _, u in rms)))
    few(ax.xaxis)
    few(ax.yaxis)
    _legend(figure, markerscale=3)
    return Drawing(figure)


def _thumb_time(data: Flow) -> Drawing:
    preset = data.courses["preset"]
    figure, ax = panel("over the training", "step", "update over weight, median", height=TALL, yscale="log")
    for who, color, style in (("G", ORANGE, "-"), ("D", BLUE, "-.")):
        rows = [place.name.startswith(who) for place in preset.layers]
        median = np.median((preset.update / preset.weight)[rows], 0)
        ax.plot(data.steps, median, style, color=color, label=f"layers of {who}")
    ax.axhline(1e-3, color=GREY, linestyle="--", linewidth=1, label="rule of thumb")
    ax.set_ylim(_limits(preset.update / preset.weight, [1e-3]))
    figure.legend(loc="outside lower center", ncols=2)
    return Drawing(figure)
