"""Going on with a run: what has changed since its checkpoint, whether it may, and what follows from it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from minigan.errors import ConfigError, RunError
from minigan.gan.checkpoint import CONTENT_ERRORS, Found, Saved, made_of, misfit
from minigan.gan.config import Config
from minigan.gan.folder import CHECKPOINTS, CONFIG, FILM, sample_name
from minigan.gan.game import Game
from minigan.gan.record import change, changed_environment, has_checkpoint
from minigan.gan.rules import batches_per_step
from minigan.streams import say

# The settings that say what a value in an optimizer is; with a schedule that stops it would stay where it was last.
_SETTINGS_OF = {
    "lr": ("lr", "schedule", "lr_decay", "lr_min"),
    "momentum": ("momentum", "final_momentum", "momentum_epochs"),
    "betas": ("betas",),
    "weight_decay": ("weight_decay",),
}
_NAMED = 3  # of the pictures that are lost


def refuse(path: Path, changes: Sequence[str]) -> None:
    """Raise an error if anything has changed.

    Raises:
        ConfigError: says what.
    """
    if changes:
        raise ConfigError(
            f"{path} was trained with other settings or data: {'; '.join(changes)}. Go on with the old ones, or with "
            "--allow-changes if the new ones are meant."
        )


def check_length(path: Path, newest: Saved, config: Config) -> None:
    """Make sure that the steps of a checkpoint are no more than those that are wanted.

    Raises:
        ConfigError: they are.
    """
    if newest.step > config.training.steps:
        raise ConfigError(
            f"{path} has already made {newest.step:,} steps, but training.steps is {config.training.steps:,}, and none "
            f"can be taken back; ask for {newest.step:,} or more: --steps N."
        )


def check_not_lost(path: Path, found: Found, record: dict[str, Any]) -> None:
    """Make sure that a run without a checkpoint never had one: it may begin anew, and no other.

    Args:
        path: the folder.
        found: its checkpoints.
        record: of its config.toml, read before them.

    Raises:
        RunError: it had.
    """
    if found.newest is None and has_checkpoint(record):
        again = f"minigan train {shlex.quote(str(path / CONFIG))}"
        raise RunError(
            f"{path} has lost its checkpoints, and nothing is begun anew over what else is there; put the files back "
            f"into {path / CHECKPOINTS}, or begin another run with the same settings: {again}"
        )


def data_before(newest: Saved | None, now: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint says of the data; without one, what they are now."""
    return now if newest is None else {name: newest.content["data"].get(name) for name in now}


def changed_data(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """In what the data differ from those of a checkpoint, in words."""
    return [change(f"the data's {name}", before[name], now[name]) for name in now if before[name] != now[name]]


def changed_machine(newest: Saved, environment: dict[str, Any]) -> list[str]:
    """In what the machine and the libraries differ from those of a checkpoint, in words.

    Raises:
        RunError: the checkpoint is of another kind or version.
    """
    try:
        return changed_environment(newest.content["environment"], environment)
    except CONTENT_ERRORS as error:
        raise misfit(newest.path, error) from error


def epochs_made(newest: Saved) -> int:
    """How many epochs a checkpoint had finished, counted with its own settings and data."""
    batches, each = _pace(newest)
    return newest.step * each // batches


def lost_pictures(newest: Saved, drawn: Collection[int]) -> list[int]:
    """After which epochs of a checkpoint there were pictures and are none; the first few.

    Args:
        newest: the checkpoint.
        drawn: the epochs of which there are.
    """
    return list(islice((epoch for epoch in _epochs_drawn(newest) if epoch not in drawn), _NAMED + 1))


def _epochs_drawn(newest: Saved) -> Iterator[int]:
    """All that a picture was drawn after: a step that takes many batches may finish several, and the last counts."""
    batches, each = _pace(newest)
    epoch, last = 0, epochs_made(newest)
    while epoch < last:
        step = -(-(epoch + 1) * batches // each)  # finishes the next one
        epoch = step * each // batches
        yield epoch


def _pace(newest: Saved) -> tuple[int, int]:
    """The batches in an epoch and in a step of a checkpoint."""
    config, data = made_of(newest)
    return data.batches, batches_per_step(config.game.rule, config.game.d_steps)


def renew(game: Game, before: Config, after: Config) -> None:
    """Give the optimizers of a game the settings that are new: with their state came the old ones.

    What is not new stays as it came: an extension may have changed it.
    """
    new = before.differences(after)
    for side in ("generator", "discriminator"):
        settings = getattr(after, side)
        names = [name for name, parts in _SETTINGS_OF.items() if any(f"{side}.{part}" in new for part in parts)]
        for group in getattr(game, side).optimizer.param_groups:
            group.update({name: getattr(settings, name) for name in names if name in group})


def say_damaged(path: Path, found: Found) -> None:
    """Say which checkpoints had to be passed over, and why.

    Raises:
        RunError: none is left.
    """
    for _, reason in found.damaged:
        if found.newest is None:
            raise RunError(f"{path} holds no whole checkpoint: {reason}")
        say(f"minigan: {reason} The newest whole checkpoint of {path} is {found.newest.path}.", to="stderr")


def say_shorter(log: Path) -> None:
    """Say that lines were lost."""
    say(f"minigan: {log} is shorter than it was; the lines that it lacks stay missing.", to="stderr")


def say_lost(path: Path, epochs: Sequence[int]) -> None:
    """Say which pictures were lost, if any were."""
    if epochs:
        names = ", ".join(map(sample_name, epochs[:_NAMED])) + (" and others" if len(epochs) > _NAMED else "")
        say(
            f"minigan: {path} has lost {names}, which cannot be drawn again; {FILM} stays until there are pictures for "
            "another.",
            to="stderr",
        )


def say_kept(samples: Path, step: int, epoch: int) -> None:
    """Say that pictures of the next epochs would have replaced those that were there."""
    epochs = f"{epoch:,} epoch{'' if epoch == 1 else 's'}"
    say(
        f"minigan: an epoch takes more steps now, so that {step:,} steps are {epochs}; the pictures so far are kept "
        f"in {samples}.",
        to="stderr",
    )


def say_elsewhere(path: Path, changes: Sequence[str]) -> None:
    """Say what of the machine and the libraries has changed, if anything has."""
    if changes:
        say(
            f"minigan: {path} was not trained here alone ({'; '.join(changes)}), so that from now on the last "
            "bits of its numbers may be others than they would have been.",
            to="stderr",
        )
