"""What a checkpoint holds: all from which training can go on exactly as it would have."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigan.backend.allowance import allowance, cost
from minigan.backend.device import Device
from minigan.backend.memory import physical_memory
from minigan.data import Loader
from minigan.errors import MiniganError, RunError, StateError
from minigan.gan.build import DataFacts, build_game
from minigan.gan.config import Config, GeneratorConfig
from minigan.gan.game import Game
from minigan.gan.networks.sizes import halved
from minigan.gan.settings import check_whole
from minigan.serialization import load

if TYPE_CHECKING:
    from minigan.gan.trainer import Trainer

Checkpoint = dict[str, Any]
_PICTURE = {1: 2000 * 16, 3: 64 * 16}  # bytes for each number of the largest layer: of 2,000 points, or of 64 images
AMISS = (MiniganError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


def take(trainer: Trainer) -> Checkpoint:
    """What changes from step to step: random streams, order of the data and schedules are functions of the step."""
    return {"step": trainer.step, "recent": trainer.recent.state_dict(), "game": trainer.game.state_dict()}


def put_back(trainer: Trainer, saved: Saved) -> None:
    """Let a trainer go on from a checkpoint.

    Raises:
        RunError: it does not fit.
    """
    try:
        trainer.game.load_state_dict(saved.content["game"])
        trainer.recent.load_state_dict(saved.content["recent"])
        trainer.step = saved.content["step"]
    except AMISS as error:
        raise misfit(saved.path) from error
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
        "classes": 0 if labels is None else int(labels.max()) + 1,
        "batches": len(loader),
        "sha256": digest.hexdigest(),
    }


class Saved(NamedTuple):
    """A checkpoint and its file."""

    path: Path
    content: Checkpoint


class Found(NamedTuple):
    """The newest whole checkpoint, if there is one, and what is wrong with each that is newer."""

    newest: Saved | None = None
    damaged: Sequence[tuple[Path, str]] = ()


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


def _read(path: Path) -> Checkpoint:
    content = load(path)
    if "game" not in content:
        raise RunError(f"{path} is no checkpoint of a run.")
    return content


def restored(saved: Saved, device: Device) -> Game:
    """The game in a checkpoint, which may come from a stranger: it takes no more memory than what the file holds.

    Raises:
        RunError: it is of another kind or version, or its samples are too large for this machine.
    """
    path, checkpoint = saved
    try:
        config, facts = Config.from_dict(checkpoint["config"]), _facts(checkpoint["data"])
        saved_bytes = cost((array.shape, array.itemsize) for array in _arrays(checkpoint["game"]))
        with allowance(2 * saved_bytes, "use settings that belong to the saved networks"):
            game = build_game(config, facts, device)
        state = checkpoint["game"]
        if (game.ema is None) != (state["ema"] is None):
            raise StateError("The settings and the state disagree on whether there is an average of G.")
        game.load_state_dict(state)
        _check_numbers(checkpoint, game, int(path.stem.removeprefix("step-")))
    except AMISS as error:
        raise misfit(path) from error
    _check_room(config.generator, facts.shape, path)
    return game


def _check_room(g: GeneratorConfig, shape: tuple[int, ...], path: Path) -> None:
    """Convolutions make much of little: the size of a file does not bound that of the samples."""
    blocks = g.hidden if g.network == "unet" else g.hidden[::-1]  # from the image on
    shapes = [] if g.network == "mlp" else halved(shape, blocks)
    needed = _PICTURE[len(shape)] * max(math.prod(part) for part in (shape, *shapes))
    memory = physical_memory()
    if memory and needed > memory:
        raise RunError(
            f"{path} draws samples of {' x '.join(map(str, shape))} numbers: a picture of them would take about "
            f"{needed >> 30:,} GiB, more than this machine has; use a larger one."
        )


def _check_numbers(checkpoint: Checkpoint, game: Game, step: int) -> None:
    """Those that nobody else checks; ``step`` is the one in the name of the file."""
    check_whole("log_bytes", checkpoint["log_bytes"], 0, most=1 << 48)
    check_whole("updates", game.ema.updates if game.ema else 0, 0)
    if not step == check_whole("step", checkpoint["step"], 0) == check_whole("steps", game.steps, 0):
        raise StateError("The checkpoint, its name and the game in it disagree on the number of steps.")


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


def misfit(path: Path) -> RunError:
    """The error of a file that is whole, but does not fit."""
    return RunError(
        f"{path} is a checkpoint of another kind or version; use the version of minigan that wrote it, or train again."
    )
