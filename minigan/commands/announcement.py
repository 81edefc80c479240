"""What `minigan train` says before and after."""

from __future__ import annotations

import shlex
from typing import Any

from minigan.commands.rehearsal import Rehearsal
from minigan.data import Dataset
from minigan.data.classes import count_classes
from minigan.data.mixtures import MIXTURES
from minigan.errors import ConfigError, DataError
from minigan.gan import Run, Trainer
from minigan.gan.config import Config
from minigan.gan.folder import CURVES, FILM, SCORE_CURVES

TASKS = {
    "conditional": "G and D are told the label: G draws what it is asked for",
    "auxiliary": "G is told the label, and D has to tell it",
    "semi-supervised": "D learns to classify from {labelled} labels",
    "repair": "G fills a hole in each image",
    "super-resolution": "G makes images of a quarter of their height and width large again",
}


def announcement(trainer: Trainer, run: Run, data: Dataset, asked_device: str, rehearsal: Rehearsal) -> str:
    """What is about to happen: on what, for how long, and where to."""
    from minigan.info import AVX512_HINT, environment

    config, left = run.config, trainer.steps - trainer.step
    G, D = (player.network.num_parameters() for player in (trainer.game.generator, trainer.game.discriminator))
    lines = {
        "train": f"{config.name}: {config.about}" if config.about else config.name,
        "data": f"{data.name}, {config.data.split} split: {_described(data)}",
        "task": TASKS.get(config.game.task, "").format(labelled=config.game.labelled),
        "networks": f"G with {G:,} parameters, D with {D:,}",
        "device": _device_and_why(asked_device, trainer.device),
        "from": f"step {trainer.step:,}, which is saved in {trainer.checkpoint}" if trainer.step else "",
        "length": _length(trainer, "images" if data.is_images else "points"),
        "time": f"{duration(left * rehearsal.fastest, left * rehearsal.slowest)} on this machine; "
        "Ctrl-C stops early and saves",
        "writes": f"{run.path}/",
        "faster": AVX512_HINT if environment()["avx512_unused"] else "",
    }
    return "\n".join(f"{label:<10}{text}" for label, text in lines.items() if text)


def _described(data: Dataset) -> str:
    classes = "" if data.labels is None else f", {count_classes(data.labels)} classes"
    n = len(data.samples)
    if not data.is_images:
        (numbers,) = data.shape
        return f"{n:,} points of {numbers} number{'s' if numbers > 1 else ''}{classes}"
    channels, height, width = data.shape
    return f"{n:,} images of {height} x {width}{f' x {channels}' if channels > 1 else ''} pixels{classes}"


def _length(trainer: Trainer, samples: str) -> str:
    batches = trainer.game.batches_per_step
    each = f"{batches} batches of " if batches > 1 else ""
    epochs = trainer.steps * batches / len(trainer.loader)
    unit = "epoch" if epochs == 1 else "epochs"
    return f"{trainer.steps:,} steps of {each}{trainer.loader.batch_size} {samples} ({epochs:.3g} {unit})"


def _device_and_why(asked: str, device: Any) -> str:
    from minigan.backend.device import probe

    return f"{device} ({probe().sentence.rstrip('.')})" if asked == "auto" else f"{device}, as asked"


def duration(least: float, most: float) -> str:
    """About how long, in round numbers; from least to most seconds, if these differ when rounded.

    >>> from minigan.commands.announcement import duration
    >>> duration(290, 300), duration(290, 900), duration(40, 500)
    ('about 5 minutes', '4.8 to 15 minutes', '40 s to 8.3 minutes')
    """
    texts = [_rounded(seconds) for seconds in (least, most)]
    if most < 1.25 * least or texts[0] == texts[1]:
        return f"about {texts[1]}"
    low, high = (text.split() for text in texts)
    return f"{low[0]} to {texts[1]}" if low[1] == high[1] else f"{texts[0]} to {texts[1]}"


def _rounded(seconds: float) -> str:
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * length:
            return f"{float(f'{seconds / length:.2g}'):g} {unit}"
    return f"{max(seconds, 1):.0f} s"


def farewell(trainer: Trainer, run: Run) -> str:
    """What was done, how to go on, and where to look."""
    folder = shlex.quote(str(run.path))
    if trainer.checkpoint is None:
        return "Stopped before the first step; nothing was trained."
    done = [f"Done: {trainer.steps:,} steps."]
    if trainer.step < trainer.steps:
        stopped = f"Stopped after step {trainer.step:,} of {trainer.steps:,}, which is saved in {trainer.checkpoint}."
        done = [stopped, "", "Go on with", f"  minigan train --resume {folder}"]
    looks = {
        **dict.fromkeys(run.samples()[-1:], "what the generator draws now"),
        run.path / FILM: "how it came to it, epoch by epoch",
        run.path / CURVES: "the losses, and what D made of real and generated samples",
        run.path / SCORE_CURVES: "how good the samples were",
    }
    there = {path: what for path, what in looks.items() if path.exists()}  # of one picture there is no film
    width = max(len(str(path)) for path in looks)
    look = ["Look at", *(f"  {path!s:<{width}}  {what}" for path, what in there.items())]
    draw = ["Draw new samples with", f"  minigan sample {folder} --seed 1 --out grid.png"]
    best = run.scores.best(until=trainer.step)
    if _can_be_scored(run.config, len(trainer.loader.images)):
        draw += ["", "Ask how good they are with", f"  minigan evaluate {folder}"]
    if best not in (None, trainer.step):
        draw += ["", f"The score was best after step {best:,}: --best takes that checkpoint."]
    return "\n".join([*done, "", *look, "", *draw])


def _can_be_scored(config: Config, samples: int) -> bool:
    """Whether `minigan evaluate` will take a run of so many training samples, as far as it can be told at once."""
    from minigan.metrics.evaluation.scorable import check_scorable
    from minigan.metrics.evaluation.scores import LEAST

    try:
        check_scorable(config)
    except (ConfigError, DataError):
        return False
    return config.data.source in MIXTURES or samples >= 2 * LEAST
