"""Fakes, what D says of their pixels, whether that leads to real images, and how loudly it is said."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.lab.experiments.flow import Flow
from minigan.lab.experiments.flow_training import WatchedTraining
from minigan.lab.page import INK, ORANGE, PALE, Canvas, Drawing, Exhibit, Frame, Panel, Path, Slider, number, panel
from minigan.lab.pages.flow_style import LEAST, TALL, few, legend, limits, short, width

FAR = 3  # times what chance makes: a cosine that is seen


def pictures(data: Flow) -> Exhibit:
    """Fakes and what D wants of them: one position for each training and each step of which fakes were kept."""
    trainings, shown = list(data.trainings.values()), range(len(data.shown))
    steps = [str(data.steps[i]) for i in data.shown]
    caption = (
        "Left: four fakes. Right: what D wants of them, the negative gradient of G's loss at each pixel, the mean over "
        "all fakes of the batch; orange pixels should get brighter, purple ones darker. At step 0 D's weights are "
        f"random, and so is what it wants.{_ink(data)}"
    )
    panels = [
        Panel("fakes", [_images(c.fakes[i], "fakes") for c in trainings for i in shown], "fakes"),
        Panel("wanted", [_wanted(c.at_fakes[i]) for c in trainings for i in shown], "D's gradient at the pixels"),
    ]
    sliders = [Slider("training", list(data.trainings)), Slider("step", steps, len(steps) - 1)]
    return Exhibit("Fakes, and what D says of their pixels", caption, panels, sliders)


def _ink(data: Flow) -> str:
    """What D says first, and what is left to say then: if the cosine to the mean real image shows it."""
    preset = data.trainings["preset"]
    first, late = preset.toward[data.shown[1]], preset.toward_late
    if not first > FAR * _chance(preset):
        return ""
    rest = (
        " Later fakes have nearly the right mean, and what is left to say looks like noise to the eye: D's first "
        "layer is for the most part still the noise that it was drawn as."
    )
    return (
        " The first thing that D finds out is where the ink is in the mean, and it says just that: move the slider to "
        f"step {data.steps[data.shown[1]]}.{rest if late < first / 2 else ''}"
    )


def over_the_steps(data: Flow) -> Exhibit:
    """Whether that leads to real images, and how loudly it is said: one position for each training."""
    preset = data.trainings["preset"]
    best, late, loud = int(np.nanargmax(preset.toward)), preset.toward_late, preset.at_fake
    chance = _chance(preset) / np.sqrt(len(data.steps) / 2)  # of the median of so many
    caption = (
        "Left: the cosine between the picture of what D wants and the way from the mean fake to the mean real image. "
        f"Two random pictures of {preset.fakes[0, 0].size} pixels have one within ± {_chance(preset):.2f} (grey "
        f"band). Of the preset it is {number(preset.toward[0], '.2f')} at step 0, at most "
        f"{number(preset.toward[best], '.2f')}, at step {data.steps[best]}, and {number(late, '.2f')} in the second "
        f"half (median){': a push to the right side, which many steps add up' if late > chance else ''}. Where it is "
        "negative, D sends G away from the mean real image: the two players circle. Right: how long the gradient of a "
        f"sample is: of the preset {short(loud[0])} at step 0 and {short(loud[-1])} in the end."
    )
    panels = [
        Panel("toward", _toward(data), "cosine between D's gradient and the way to real images, over the steps"),
        Panel("loudness", _loudness(data), "norm of the gradient at the pixels over the steps"),
    ]
    return Exhibit("Where to, and how loudly", caption, panels, [Slider("training", list(data.trainings), 1)])


def _chance(training: WatchedTraining) -> float:
    """Two standard deviations of the cosine of two random pictures."""
    return float(2 / np.sqrt(training.fakes[0, 0].size))


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
    tracks = [training.toward for training in data.trainings.values()]
    low, high = np.nanmin(tracks), np.nanmax(tracks)
    ax.set_ylim(low - 0.05, high + 0.05)
    chance = _chance(data.trainings["preset"])
    ax.axhspan(-chance, chance, color=PALE, linewidth=0)
    return _beside_the_preset(data, figure, ax, tracks)


def _loudness(data: Flow) -> list[Frame]:
    tracks = [np.clip(training.at_fake, LEAST, None) for training in data.trainings.values()]
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
