"""What a checkpoint holds: all from which training can go on exactly as it would have."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigan.backend.allowance import allowance, cost
from minigan.backend.device import Device
from minigan.backend.memory import physical_memory
from minigan.data import Loader
from minigan.data.classes import count_classes
from minigan.errors import MiniganError, RunError, StateError
from minigan.gan.build import DataFacts, build_game
from minigan.gan.config import Config
from minigan.gan.game import Game
from minigan.gan.score_log import ScoreLog
from minigan.gan.settings import check_whole, shown
from minigan.gan.views import bytes_to_look_at
from minigan.serialization import load

if TYPE_CHECKING:
    from minigan.gan.trainer import Trainer

Checkpoint = dict[str, Any]
# What it may come to when the content of a file is not what it was taken for.
CONTENT_ERRORS = (MiniganError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


def put_back(trainer: Trainer, saved: Saved, new_settings: Sequence[str] = ()) -> None:
    """Let a trainer go on from a checkpoint.

    Args:
        trainer: with a fresh game.
        saved: the checkpoint.
        new_settings: in which the game differs from the one that was saved, in words.

    Raises:
        RunError: it does not fit.
    """
    try:
        trainer.load_state_dict(saved.content)
        _check_numbers(saved, trainer.game)
    except CONTENT_ERRORS as error:
        raise misfit(saved.path, error, new_settings) from error
    trainer.checkpoint = saved.path


def describe(loader: Loader) -> dict[str, Any]:
    """The data: what a game has to know of them, and their SHA-256."""
    labels = loader.labels
    digest = hashlib.sha256()
    for array in (loader.images, np.zeros(0) if labels is None else labels):
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(array.data)
    return {
        "shape": list(loader.images.shape[1:]),
        "classes": count_classes(labels),
        "batches": len(loader),
        "sha256": digest.hexdigest(),
    }


class Saved(NamedTuple):
    """A checkpoint and its file."""

    path: Path
    content: Checkpoint

    @property
    def step(self) -> int:
        """After which it was saved, by the name of the file."""
        return _step_named(self.path)

    def without_arrays(self) -> Saved:
        """What it says besides the game, whose arrays may take much memory."""
        return Saved(self.path, {name: part for name, part in self.content.items() if name != "game"})


class Found(NamedTuple):
    """The newest whole checkpoint, if there is one, and what is wrong with each that is newer; or the best one.

    Of the best, ``until`` tells the step of the newest, after which scores did not count.
    """

    newest: Saved | None = None
    damaged: Sequence[tuple[Path, str]] = ()
    until: int | None = None


def newest_whole(listed: Callable[[], list[Path]]) -> Found:
    """Look through a run's checkpoints, the newest first: an older one stands in for one that a disk has ruined.

    Args:
        listed: gives their paths, oldest first.
    """
    while True:
        damaged: list[tuple[Path, str]] = []
        for path in reversed(listed()):
            try:
                return Found(Saved(path, _read(path)), damaged)
            except RunError as error:
                if not path.exists():
                    break  # a training that goes on has just removed it: look again
                damaged.append((path, str(error)))
        else:
            return Found(None, damaged)


def best_whole(path: Path, listed: Callable[[], list[Path]], scores: Path) -> Found:
    """The checkpoint of a run whose samples had the best score until its newest checkpoint.

    While a training goes on that of its newest score may not be saved yet.

    Args:
        path: of the run, for the messages.
        listed: gives the paths of its checkpoints, of which there is at least one.
        scores: the path of its scores.

    Raises:
        RunError: there are no scores, or no such checkpoint any more, or it is damaged.
    """
    while True:
        there = {_step_named(checkpoint): checkpoint for checkpoint in listed()}
        log, newest = ScoreLog(scores), max(there)
        if not log.bests():
            raise RunError(
                f"{path} has no scores, so none of its checkpoints is known to be the best; leave --best out, or train "
                "with --set score.every=1."
            )
        best = log.best(until=newest)
        if best is None:
            raise RunError(f"{path} has no scores until its newest checkpoint, of step {newest:,}; leave --best out.")
        if best not in there:
            raise RunError(f"{path} has lost its best checkpoint, of step {best:,}; leave --best out.")
        found = there[best]
        try:
            return Found(Saved(found, _read(found)), until=newest)
        except RunError:
            if found.exists():  # else a training has just removed it, for a better one: look again
                raise


def _read(path: Path) -> Checkpoint:
    content = load(path)
    if "game" not in content:
        raise RunError(f"{path} is no checkpoint of a run.")
    step, named = content.get("step"), _step_named(path)
    if type(step) is not int or step != named:  # an array, which a checkpoint may have anywhere, has no one answer
        raise RunError(
            f"{path} is named after step {shown(named)}, but holds the state after step {shown(step)}; give it "
            "the name that belongs to it."
        )
    return content


def _step_named(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


def restored(saved: Saved, device: Device) -> Game:
    """The game in a checkpoint, which may come from a stranger: it takes no more memory than what the file holds.

    Raises:
        RunError: it is of another kind or version, or its samples are too large for this machine.
    """
    config, facts = made_of(saved)
    try:
        state = saved.content["game"]
        saved_bytes = cost((array.shape, array.itemsize) for array in _arrays(state))
        with allowance(2 * saved_bytes, "use settings that belong to the saved networks"):
            game = build_game(config, facts, device)
        if (game.ema is None) != (state["ema"] is None):
            raise StateError("The settings and the state disagree on whether there is an average of G.")
        game.load_state_dict(state)
        _check_numbers(saved, game)
        needed = bytes_to_look_at(config.generator, facts.shape)
    except CONTENT_ERRORS as error:
        raise misfit(saved.path, error) from error
    if needed > (physical_memory() or needed):
        raise RunError(
            f"{saved.path} draws samples of {' x '.join(map(str, facts.shape))} numbers: a picture of them would take "
            f"about {needed >> 30:,} GiB, more than this machine has; use a larger one."
        )
    return game


def sampling(saved: Saved, device: Device) -> Game:
    """The game in a checkpoint, if its samples would be numbers.

    Raises:
        RunError: they would not; or as :func:`restored` does.
    """
    game = restored(saved, device)
    for name, array in game.sampler.state_dict().items():
        if not np.isfinite(array).all():
            raise RunError(
                f"{saved.path} holds a NaN or an infinity in {name} of the generator; "
                "train again, as with lower learning rates."
            )
    return game


def made_of(saved: Saved) -> tuple[Config, DataFacts]:
    """The settings and the data that a checkpoint was made of, as it says.

    Raises:
        RunError: it is of another kind or version.
    """
    try:
        return Config.from_dict(saved.content["config"]), _facts(saved.content["data"])
    except CONTENT_ERRORS as error:
        raise misfit(saved.path, error) from error


def _check_numbers(saved: Saved, game: Game) -> None:
    """Those that nobody else checks."""
    for name, size in (("log_bytes", saved.content["log_bytes"]), ("score_bytes", saved.content.get("score_bytes", 0))):
        check_whole(name, size, 0, most=1 << 48)
    check_whole("updates", game.ema.updates if game.ema else 0, 0)
    if saved.step != check_whole("steps", game.steps, 0):
        raise StateError("The checkpoint and the game in it disagree on the number of steps.")


def _facts(data: dict[str, Any]) -> DataFacts:
    shape = tuple(check_whole("shape", length) for length in data["shape"])
    if len(shape) not in (1, 3) or not isinstance(data["sha256"], str):
        raise StateError("Expected points (F,) or images (C, H, W), and the SHA-256 of all of them.")
    return DataFacts(shape, check_whole("classes", data["classes"], 0), check_whole("batches", data["batches"]))


def _arrays(state: Any) -> Iterator[Any]:
    if isinstance(state, dict):
        for part in state.values():
            yield from _arrays(part)
    elif isinstance(state, np.ndarray):
        yield state


def misfit(path: Path, error: Exception, new_settings: Sequence[str] = ()) -> RunError:
    """The error of a file that is whole, but does not fit: with new settings as a rule because of them."""
    if new_settings:
        return RunError(
            f"{path} does not fit the new settings ({'; '.join(new_settings)}); go on with the old ones, or begin "
            "another run."
        )
    return RunError(
        f"{path} is a checkpoint of another kind or version; use the version of minigan that wrote it, or train "
        f"again.{_reason(error)}"
    )


def _reason(error: Exception) -> str:
    """What was found; the sentences after the first advise whoever loads a state in a program."""
    found, _, _ = str(error).partition(". ")
    return f" What does not fit: {_printable(found.removesuffix('.'))}." if isinstance(error, MiniganError) else ""


def _printable(text: str) -> str:
    """In one line, and without what would steer a terminal: names in it may be a stranger's."""
    short = text if len(text) <= 250 else f"{text[:247]}..."
    return "".join(letter if letter.isprintable() else "?" for letter in short)
