"""Fakes, what D says of their pixels, whether that leads to real images, and how loudly it is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigan.lab.experiments.flow import Flow
from minigan.lab.experiments.flow_compared import PRESET
from minigan.lab.experiments.flow_training import WatchedTraining
from minigan.lab.page import INK, ORANGE, PALE, Drawing, Exhibit, Frame, Panel, Slider, listed, number, panel
from minigan.lab.pages.flow_style import LEAST, TALL, few, legend, limits, short, width

FAKES, WANTED = "Fakes", "What D wants: −∂L/∂pixel"  # titles
TOWARD, LOUDNESS = "Does it lead to real images?", "The signal at the pixels"
FAR = 3  # times what chance makes: a cosine that is seen


def pictures(data: Flow) -> Exhibit:
    """Fakes and what D wants of them: one position for each training and each step of which fakes were kept."""
    trainings, shown = list(data.trainings.values()), range(len(data.shown))
    steps = [str(data.steps[i]) for i in data.shown]
    caption = (
        f"<b>{FAKES}</b>: four of them. <b>{WANTED}</b>, the negative gradient of G's loss at each pixel, the mean "
        "over all fakes of the batch; orange pixels should get brighter, purple ones darker. At step 0 D's weights are "
        f"random, and so is what it wants.{_ink(data)}"
    )
    panels = [
        Panel("fakes", [_images(c.fakes[i]) for c in trainings for i in shown], "fakes"),
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
        f"<b>{TOWARD}</b> The cosine between the picture of what D wants and the way from the mean fake to the mean "
        f"real image. Two random pictures of {preset.fakes[0, 0].size} pixels have one within ± {_chance(preset):.2f} "
        f"(grey band). Of the preset it is {number(preset.toward[0], '.2f')} at step 0, at most "
        f"{number(preset.toward[best], '.2f')}, at step {data.steps[best]}, and {number(late, '.2f')} in the second "
        f"half (median){': a push to the right side, which many steps add up' if late > chance else ''}."
        f"{_away(data)} <b>{LOUDNESS}</b>: how long the gradient of a sample is: of the preset {short(loud[0])} at "
        f"step 0 and {short(loud[-1])} in the end."
    )
    panels = [
        Panel("toward", _toward(data), "cosine between D's gradient and the way to real images, over the steps"),
        Panel("loudness", _loudness(data), "norm of the gradient at the pixels over the steps"),
    ]
    return Exhibit("Where to, and how loudly", caption, panels, [Slider("training", list(data.trainings), 1)])


def _away(data: Flow) -> str:
    """In which trainings D is seen to lead away from real images, and to them at other steps."""
    found = [
        name
        for name, training in data.trainings.items()
        if np.nanmin(training.toward) < -_chance(training) and np.nanmax(training.toward) > _chance(training)
    ]
    if not found:
        return ""
    return (
        f" Look at {listed(found)}: where the cosine is below the band, D sends G away from the mean real image, and "
        "elsewhere to it: the two players circle."
    )


def _chance(training: WatchedTraining) -> float:
    """Two standard deviations of the cosine of two random pictures."""
    return float(2 / np.sqrt(training.fakes[0, 0].size))


def _images(images: Any) -> Drawing:
    """Four, as two rows of two."""
    figure, ax = panel(FAKES)
    tiles = np.block([[images[0], images[1]], [images[2], images[3]]])
    ax.imshow(tiles, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    ax.set_axis_off()
    return Drawing(figure)


def _wanted(gradients: Any) -> Drawing:
    figure, ax = panel(WANTED)
    ax.grid(False)
    # PuOr has orange below the middle and purple above: reversed, orange is what should get brighter
    image = ax.imshow(-gradients.astype(float), cmap="PuOr_r", vmin=-100, vmax=100, interpolation="nearest")
    ax.set_axis_off()
    figure.colorbar(image, ax=ax, label="percent of the largest", ticks=[-100, 0, 100])
    return Drawing(figure)


def _toward(data: Flow) -> list[Frame]:
    tracks = [training.toward for training in data.trainings.values()]
    low, high = np.nanmin(tracks), np.nanmax(tracks)
    chance = _chance(data.trainings[PRESET])

    def empty() -> tuple[Any, Any]:
        figure, ax = panel(TOWARD, "step", "cosine", height=TALL, ylim=(low - 0.05, high + 0.05))
        ax.axhspan(-chance, chance, color=PALE, linewidth=0)
        return figure, ax

    return _beside_the_preset(data, tracks, empty)


def _loudness(data: Flow) -> list[Frame]:
    tracks = [np.clip(training.at_fake, LEAST, None) for training in data.trainings.values()]
    span = limits(*tracks)

    def empty() -> tuple[Any, Any]:
        figure, ax = panel(LOUDNESS, "step", "L2 norm for a sample", height=TALL, yscale="log", ylim=span)
        few(ax.yaxis)
        return figure, ax

    return _beside_the_preset(data, tracks, empty)


def _beside_the_preset(data: Flow, tracks: Sequence[Any], empty: Callable[[], tuple[Any, Any]]) -> list[Frame]:
    """Each training over the preset, which comes first, with both names in a legend; ``empty`` makes the axes."""
    frames: list[Frame] = []
    for name, track in zip(data.trainings, tracks, strict=True):
        figure, ax = empty()
        ax.set_xlim(-0.02 * data.steps[-1], 1.02 * data.steps[-1])
        ax.plot(data.steps, tracks[0], color=INK, linewidth=width(INK), label=PRESET)
        if name != PRESET:
            ax.plot(data.steps, track, color=ORANGE, linewidth=width(ORANGE), label=name)
        legend(figure)
        frames.append(Drawing(figure))
    return frames
