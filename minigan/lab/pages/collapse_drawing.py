"""The panels of the page of `collapse`: rasters of caught modes, maps of outcomes, fakes among the modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from minigan.lab.experiments.collapse import Collapse
from minigan.lab.experiments.collapse_runs import MIXTURES, Run, Setting
from minigan.lab.page import BLUE, GREY, ORANGE, Canvas, Drawing, Label, Overlaid, Panel, Path, panel

NEAR = 3  # standard deviations: how far from a mode a fake may be
RATIO = "Each run by the ratio of the rates"


def raster(run: Run, title: str) -> Drawing:
    """Modes from bottom to top, steps from left to right; the colour is the share of the fakes near the mode.

    It is at its brightest where a mode has all the fakes that it should have, or more.
    """
    from matplotlib.colors import PowerNorm

    figure, ax = panel(title, "step", "mode")
    modes = run.shares.shape[1]
    ax.grid(visible=False)
    image = ax.imshow(
        run.shares.T,
        aspect="auto",
        origin="lower",
        interpolation="nearest",
        cmap="viridis",
        norm=PowerNorm(0.5, 0, 1 / modes),
        extent=(run.steps[0], run.steps[-1], 0.5, modes + 0.5),
    )
    ax.set_yticks(range(1, modes + 1, 1 if modes <= 10 else 4))
    bar = figure.colorbar(
        image, ax=ax, label=f"share of all fakes, brightest from 1/{modes} on\n(scale stretched at small shares)"
    )
    shares = [0, 0.1 / modes, 0.5 / modes, 1 / modes]
    bar.set_ticks(shares, labels=[f"{share:.3g}" for share in shares])
    return Drawing(figure)


def by_step(data: Collapse, settings: Sequence[Setting]) -> list[Overlaid]:
    """How many modes are caught by step: of all seeds, and of each one in turn."""
    modes = len(data.centres)
    figure, ax = panel("Modes caught at once", "step", "modes", xlim=(0, data.steps), ylim=(-0.3, modes * 1.22))
    ax.plot([], color=BLUE, linewidth=2.5, label="this seed")
    ax.plot([], color=GREY, linewidth=0.7, label="the other seeds")
    ax.axhline(modes, color=GREY, linestyle="--", linewidth=1, label="all modes")
    ax.legend(loc="upper left", ncols=3, columnspacing=1, handlelength=1.4)
    canvas = Canvas(figure, ax)
    frames = []
    for setting in settings:
        runs = data.of(setting)
        lines = [np.stack([run.steps, run.modes], 1) for run in runs]
        for this in lines:
            others = [Path(line, GREY, 0.7) for line in lines if line is not this]
            frames.append(canvas.frame([*others, Path(this, BLUE, 2.5)]))
    return frames


def among_modes(data: Collapse, run: Run, title: str) -> list[Overlaid]:
    """Fakes of a run, look by look; the circles are three standard deviations around the modes."""
    from matplotlib.patches import Circle

    reach = 1.25 * float(np.abs(data.centres).max()) + 0.2
    figure, ax = panel(title, "x", "y", xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    for centre in data.centres:
        ax.add_patch(Circle(tuple(centre), NEAR * MIXTURES[data.data].std, color=GREY, alpha=0.3, linewidth=0))
    canvas = Canvas(figure, ax)
    fakes = run.fakes if run.fakes is not None else np.zeros((len(run.steps), 0, 2))
    corner = (-0.95 * reach, 0.88 * reach)
    return [
        canvas.frame([*(Path(point[np.newaxis], BLUE, dot=1.8) for point in look), Label(corner, f"step {step:,}")])
        for step, look in zip(run.steps, fakes, strict=True)
    ]


def outcomes(
    name: str,
    title: str,
    data: Collapse,
    table: Sequence[Sequence[Setting]],
    rows: tuple[str, Callable[[Setting], str]],
    columns: tuple[str, Callable[[Setting], str]],
) -> Panel:
    """A map: in each cell the mean over the seeds, and below it the least and the most."""
    figure, ax = panel(title, columns[0], rows[0])
    ax.grid(visible=False)
    values = np.array([[[run.at_last for run in data.of(setting)] for setting in row] for row in table])
    modes = len(data.centres)
    image = ax.imshow(values.mean(2), aspect="auto", origin="lower", cmap="cividis", vmin=0, vmax=modes)
    for i, j in np.ndindex(values.shape[:2]):
        cell = values[i, j]
        color = "#111111" if cell.mean() > 0.55 * modes else "#ffffff"
        text = f"{cell.mean():.1f}\n{cell.min():.1f} to {cell.max():.1f}"
        ax.text(j, i, text, ha="center", va="center", size=8.5, color=color)
    ax.set_xticks(range(values.shape[1]), labels=[columns[1](setting) for setting in table[0]])
    ax.set_yticks(range(values.shape[0]), labels=[rows[1](row[0]) for row in table])
    figure.colorbar(image, ax=ax, label="modes caught at once, mean of seeds")
    return Panel(name, [Drawing(figure)], f"A map of modes caught: {title}")


def by_ratio(data: Collapse) -> Panel:
    """Each run of the first map: modes caught, by the ratio of the learning rates."""
    figure, ax = panel(RATIO, "lr of D / lr of G", "modes caught at once", xscale="log")
    runs = [run for row in data.rates for setting in row for run in data.of(setting)]
    ratios = np.array([run.setting.lr_D / run.setting.lr_G for run in runs])
    places = [(2 * data.seeds.index(run.seed) + 1) / len(data.seeds) - 1 for run in runs]  # from -1 to 1
    ax.plot(
        ratios * 1.2 ** np.array(places),  # so that seeds do not hide each other
        [run.at_last for run in runs],
        "o",
        color=ORANGE,
        alpha=0.75,
        label="one run",
    )
    ax.axhline(len(data.centres), color=GREY, linestyle="--", linewidth=1, label="all modes")
    found = sorted(set(np.round(ratios, 6)))
    ax.set_xticks(found, labels=[f"{ratio:.3g}" for ratio in found])
    ax.minorticks_off()
    ax.set_ylim(-0.3, 1.1 * len(data.centres))
    ax.legend(loc="lower right")
    return Panel("collapse-ratio", [Drawing(figure)], "Modes caught by the ratio of the learning rates")
