"""Going on with a run: on which terms, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from minigan.backend.device import CPU
from minigan.errors import ConfigError, RunError
from minigan.gan import journal
from minigan.gan.checkpoint import AMISS, Found, Saved, misfit, put_back, restored
from minigan.gan.config import Config
from minigan.gan.folder import CONFIG, SAMPLES, numbered, sweep
from minigan.gan.record import change, changed_environment, changed_settings, config_bytes, read_record, with_resume
from minigan.serialization import save, sync_folder, write_whole
from minigan.streams import say

if TYPE_CHECKING:
    from minigan.gan.run import Run
    from minigan.gan.trainer import Trainer

CLOSING = ("curves.png", "samples.gif")  # what the end of a training writes


class Terms(NamedTuple):
    """On which terms a run is resumed.

    Attributes:
        command: what was typed.
        settings: what of the settings is different now, in words.
        elsewhere: what of the machine and the libraries is.
        allow_changes: whether training is to go on though settings or data are different.
    """

    command: str = ""
    settings: Sequence[str] = ()
    elsewhere: Sequence[str] = ()
    allow_changes: bool = False


def agree(run: Run, written: Config, command: str, allow_changes: bool) -> Terms:
    """Compare what is wanted with what the checkpoint was made of; nothing is changed.

    Args:
        run: with the settings that are wanted, and the environment that is there.
        written: the settings in its config.toml.
        command: what was typed.
        allow_changes: go on with other settings.

    Raises:
        RunError: the newest checkpoint is of another kind or version.
        ConfigError: the settings differ; says in what.
    """
    newest = run.found.newest
    before, elsewhere = (written, []) if newest is None else _made_of(newest, run.environment)
    settings = changed_settings(before, run.config)
    _refuse(run.path, settings, allow_changes)
    if elsewhere:
        say(
            f"minigan: {run.path} was not trained here alone ({'; '.join(elsewhere)}), so that from now on the last "
            "bits of its numbers may be others than they would have been.",
            to="stderr",
        )
    return Terms(command, settings, elsewhere, allow_changes)


def _made_of(saved: Saved, environment: dict[str, Any]) -> tuple[Config, list[str]]:
    """The settings of a checkpoint, and how the environment has changed since."""
    restored(saved, CPU)  # raises if it does not fit together
    try:
        return Config.from_dict(saved.content["config"]), changed_environment(saved.content["environment"], environment)
    except AMISS as error:
        raise misfit(saved.path) from error


def _refuse(path: Path, changes: Sequence[str], allow_changes: bool) -> None:
    if changes and not allow_changes:
        raise ConfigError(
            f"{path} was trained with other settings or data: {'; '.join(changes)}. Go on with the old ones, or with "
            "--allow-changes if the new ones are meant."
        )


def settle(run: Run, trainer: Trainer, data: dict[str, Any]) -> None:
    """Put the trainer where the checkpoint is, and write down on what terms.

    Raises:
        RunError: the checkpoint does not fit, or the folder cannot be written.
        ConfigError: the data are not those of the checkpoint.
    """
    newest, changes = run.found.newest, [*run.terms.settings]
    if newest is not None:
        changes += _changed_data(newest.content["data"], data)
        _refuse(run.path, changes, run.terms.allow_changes)
        put_back(trainer, newest)
        _renew(trainer, Config.from_dict(newest.content["config"]), run.config)
    record = read_record(run.path / CONFIG)
    record = with_resume(record, trainer.step, run.terms.command, [*changes, *run.terms.elsewhere])
    write_whole(run.path / CONFIG, config_bytes(run.config, record))
    if newest is not None and changes:  # so that the next resume need not be told again
        facts = {"config": run.config.to_dict(), "data": data, "environment": run.environment}
        save({**newest.content, **facts, "game": trainer.game.state_dict()}, newest.path)


def _renew(trainer: Trainer, before: Config, after: Config) -> None:
    """Give the optimizers the settings that are new: with their state came the old ones.

    What is not new stays as it came: an extension may have changed it.
    """
    for side in ("generator", "discriminator"):
        names = [path.removeprefix(f"{side}.") for path in before.differences(after) if path.startswith(f"{side}.")]
        for group in getattr(trainer.game, side).optimizer.param_groups:
            group.update({name: getattr(getattr(after, side), name) for name in names if name in group})


def _changed_data(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [
        change(f"the data's {name}", before.get(name), now) for name, now in after.items() if before.get(name) != now
    ]


def cut_back(run: Run, trainer: Trainer) -> None:
    """Take away what lies beyond the step where the trainer is: it will be made again, to the same bits.

    Raises:
        RunError: the folder cannot be written.
    """
    log, size = run.path / "log.jsonl", run.checkpoint["log_bytes"] if run.checkpoint else 0
    if journal.cut(log, size) < size:
        say(f"minigan: {log} is shorter than it was; the lines that it lacks stay missing.", to="stderr")
    journal.cut_after(run.path / "timing.jsonl", trainer.step)
    try:
        for number, picture in numbered(run.path / SAMPLES, r"epoch-([0-9]+)\.png"):
            if number > trainer.epoch:
                picture.unlink()
        for name in CLOSING:
            (run.path / name).unlink(missing_ok=True)
        for damaged, _ in run.found.damaged:
            damaged.replace(damaged.with_name(f"{damaged.name}.damaged"))
        run.prune()
        sweep(run.path)
    except OSError as error:
        raise RunError(f"Cannot change {error.filename} ({error.strerror}); check who may write there.") from None
    sync_folder(run.path)


def tell_damaged(path: Path, found: Found) -> None:
    """Say which checkpoints had to be passed over, and why.

    Raises:
        RunError: none is left.
    """
    for _, reason in found.damaged:
        if found.newest is None:
            raise RunError(f"{path} holds no whole checkpoint: {reason}")
        say(f"minigan: {reason} The newest whole checkpoint of {path} is {found.newest.path}.", to="stderr")
