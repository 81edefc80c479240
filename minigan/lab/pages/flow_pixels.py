"""Fakes, what D says of their pixels, whether that leads to real images, and how loudly it is said."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.lab.experiments.flow import Flow
from minigan.lab.experiments.flow_training import Course
from minigan.lab.page import INK, ORANGE, PALE, Canvas, Drawing, Exhibit, Frame, Panel, Path, Slider, panel
from minigan.lab.pages.flow_style import LEAST, TALL, few, legend, limits, width


def pictures(data: Flow) -> Exhibit:
    """Fakes and what D wants of them: one position for each training and each step of which fakes were kept."""
    courses, shown = list(data.courses.values()), range(len(data.shown))
    steps = [str(data.steps[i]) for i in data.shown]
    caption = (
        "Left: four fakes. Right: what D wants of them, the negative gradient of G's loss at each pixel, the mean over "
        "all fakes of the batch; orange pixels should get brighter, purple ones darker. At step 0 D's weights are "
        "random, and so is what it wants. The first thing that D finds out is where the ink is in the mean, and it "
        "says just that: move the slider to step "
        f"{steps[1]}. Then fakes have the right mean, and what is left to say looks like noise to the eye: D's first "
        "layer is for the most part still the noise that it was drawn as."
    )
    panels = [
        Panel("fakes", [_images(c.fakes[i], "fakes") for c in courses for i in shown], "fakes"),
        Panel("wanted", [_wanted(c.at_fakes[i]) for c in courses for i in shown], "D's gradient at the pixels"),
    ]
    sliders = [Slider("training", list(data.courses)), Slider("step", steps, len(steps) - 1)]
    return Exhibit("Fakes, and what D says of their pixels", caption, panels, sliders)


def over_the_steps(data: Flow) -> Exhibit:
    """Whether that leads to real images, and how loudly it is said: one position for each training."""
    preset = data.courses["preset"]
    best, half = int(np.nanargmax(preset.toward)), len(data.steps) // 2
    caption = (
        "Left: the cosine between the picture of what D wants and the way from the mean fake to the mean real image. "
        f"Two random pictures of {preset.fakes[0, 0].size} pixels have one within ± {_chance(preset):.2f} (grey band), "
        f"as at step 0 (preset: {preset.toward[0]:.2f}). It is {preset.toward[best]:.2f} at step {data.steps[best]}, "
        f"and {np.nanmedian(preset.toward[half:]):.2f} in the second half (median): a small push to the right side, "
        "which many steps add up. Where it is negative, D sends G away from the mean real image: the two players "
        "circle. Right: how long the gradient of a sample is. It grows with D's weights."
    )
    panels = [
        Panel("toward", _toward(data), "cosine between D's gradient and the way to real images, over the steps"),
        Panel("loudness", _loudness(data), "norm of the gradient at the pixels over the steps"),
    ]
    return Exhibit("Where to, and how loudly", caption, panels, [Slider("training", list(data.courses), 1)])


def _chance(course: Course) -> float:
    """Two standard deviations of the cosine of two random pictures."""
    return float(2 / np.sqrt(course.fakes[0, 0].size))


def _images(images: Any, title: str) -> Drawing:
    """Four, as two rows of two."""
    figure, ax = panel(title)
    tiles = np.block([[images[0], images[1]], [images[2], images[3]]])
    ax.imshow(tiles, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
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


def _toward(data: Flow) -> list[Frame]:
    figure, ax = panel("does it lead to real images?", "step", "cosine", height=TALL)
    tracks = [course.toward for course in data.courses.values()]
    low, high = np.nanmin(tracks), np.nanmax(tracks)
    ax.set_ylim(low - 0.05, high + 0.05)
    chance = _chance(data.courses["preset"])
    ax.axhspan(-chance, chance, color=PALE, linewidth=0)
    return _beside_the_preset(data, figure, ax, tracks)


def _loudness(data: Flow) -> list[Frame]:
    tracks = [np.clip(course.at_fake, LEAST, None) for course in data.courses.values()]
    figure, ax = panel("the signal at the pixels", "step", "L2 norm for a sample", height=TALL, yscale="log")
    ax.set_ylim(limits(*tracks))
    few(ax.yaxis)
    return _beside_the_preset(data, figure, ax, tracks)


def _beside_the_preset(data: Flow, figure: Any, ax: Any, tracks: list[Any]) -> list[Frame]:
    """The chosen training over the preset, which comes first."""
    ax.set_xlim(-0.02 * data.steps[-1], 1.02 * data.steps[-1])
    ax.plot(data.steps, tracks[0], color=INK, linewidth=width(INK), label="preset")
    ax.plot([], [], color=ORANGE, label="the training chosen above")
    legend(figure)
    canvas = Canvas(figure, ax)
    lines = [Path(np.stack([data.steps, track], 1)[np.isfinite(track)], color=ORANGE) for track in tracks]
    return [canvas.frame([line] if i else []) for i, line in enumerate(lines)]
