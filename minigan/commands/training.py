"""What `minigan train` does, from its arguments to its exit code."""

from __future__ import annotations

import argparse
import shlex
import signal
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from minigan.backend.device import Device
from minigan.backend.device import device as resolve
from minigan.backend.memory import keep_freed_memory
from minigan.commands.announcement import announcement, farewell
from minigan.commands.rehearsal import Rehearsal, rehearse
from minigan.commands.settings import changed, check_together, of_preset, settings
from minigan.data import Dataset, Loader
from minigan.errors import CaptureWarning, ConfigError, DataError, RunError
from minigan.gan import Config, DataFacts, Extension, Run, Trainer, build_game
from minigan.gan.compatibility import check_classes_of, doubts
from minigan.gan.extensions import standard
from minigan.gan.held_out import HeldOut
from minigan.gan.rules import batches_per_step
from minigan.gan.signals import exit_code
from minigan.gan.source import data_of, loader_of
from minigan.metrics.hashes import short
from minigan.metrics.scorers import Scorer, scorer_of
from minigan.metrics.scoring import Scoring
from minigan.streams import say


def train(args: argparse.Namespace) -> int:
    """Train a GAN into a run folder, or go on with a run; nothing is written before all is known to fit together."""
    keep_freed_memory()  # a training step asks for the same arrays again and again
    check_together(args)
    device = resolve(args.device)
    return _begin(args, device) if args.resume is None else _go_on(args, device)


def _begin(args: argparse.Namespace, device: Device) -> int:
    source = _source(args, of_preset(args.preset or "default"))
    work = _prepare(source, device)
    with closing(Run.create(args.out, source.config, args.typed, device)) as run:
        return _train(args, run, source, work)


def _go_on(args: argparse.Namespace, device: Device) -> int:
    """Before anything is read, the run is locked: nobody else may change it meanwhile."""
    with closing(Run.reopen(args.resume, args.typed, device)) as run:
        source = _source(args, run.config)
        run.agree(source.config, args.allow_changes)
        if run.finished:
            return _complete(run)
        work = _prepare(source, device)
        run.restore(work.trainer)
        return _train(args, run, source, work)


class _Source(NamedTuple):
    """The settings, and the data that they name."""

    config: Config
    data: Dataset
    loader: Loader


def _source(args: argparse.Namespace, config: Config) -> _Source:
    """Those of a preset or a run, changed by what was typed."""
    config = settings(args, config)
    data = data_of(config)
    loader = loader_of(config, data)
    return _Source(_with_epochs(config, args.epochs, len(loader)), data, loader)


def _with_epochs(config: Config, epochs: int | None, batches: int) -> Config:
    each = batches_per_step(config.game.rule, config.game.d_steps)
    return config if epochs is None else changed(config, "training", steps=-(-epochs * batches // each))


class _Work(NamedTuple):
    """All that a training needs besides a folder."""

    trainer: Trainer
    held_out: Dataset | None
    scorer: Scorer | None
    rehearsal: Rehearsal


def _prepare(source: _Source, device: Device) -> _Work:
    config, loader = source.config, source.loader
    facts = DataFacts.of(loader, config)
    held_out = _held_out(config, facts)
    scorer = scorer_of(config, source.data, device, tell=say)
    rehearsal = rehearse(config, facts, loader, device)
    game, training = build_game(config, facts, device), config.training
    trainer = Trainer(game, loader, training.steps, (), training.log_every, training.capture)
    return _Work(trainer, held_out, scorer, rehearsal)


def _train(args: argparse.Namespace, run: Run, source: _Source, work: _Work) -> int:
    trainer = work.trainer
    trainer.extensions += _extensions(run, work)
    for doubt in doubts(run.config):
        say(f"minigan: {doubt}", to="stderr")
    told = announcement(trainer, run, source.data, args.device, work.rehearsal)
    say("\n".join([told, *_scores(work.scorer, run), ""]))
    _play(trainer, run)
    say("\n" + farewell(trainer, run))
    return _exit_code(trainer)


def _held_out(config: Config, facts: DataFacts) -> Dataset | None:
    if not config.training.evaluate_every:
        return None
    try:
        data = data_of(config, "test")
        check_classes_of(data, config, facts)
    except (ConfigError, DataError) as error:
        raise ConfigError(f"{error} To train without held-out data: --set training.evaluate_every=0.") from None
    return data


def _complete(run: Run) -> int:
    made = f"{run.path} is complete: all {run.config.training.steps:,} steps are made"
    if run.changed:
        raise ConfigError(
            f"{made}, so nothing would be trained with the new settings ({'; '.join(run.changed)}); add more "
            "steps: --steps N."
        )
    say(f"{made}. For more: --steps N --allow-changes.")
    return 0


def _extensions(run: Run, work: _Work) -> list[Extension]:
    scoring = [] if work.scorer is None else [Scoring(run, work.scorer)]
    every = run.config.training.evaluate_every
    watching = [] if work.held_out is None else [HeldOut(run, work.held_out, every)]
    return [*standard(run, *scoring), *watching]


def _scores(scorer: Scorer | None, run: Run) -> Iterator[str]:
    """The lines of the announcement that tell of scores, if there will be any, and between which these will lie."""
    if scorer is not None:
        every, n = run.config.score.every, run.config.score.n
        judge = f', by the judge "selection" ({short(scorer.facts["judge"])})' if "judge" in scorer.facts else ""
        yield f"{'scores':<10}{n:,} samples every {f'{every} epochs' if every > 1 else 'epoch'}{judge}"
        ends = {"real samples": scorer.of_real, "noise": scorer.of_noise}
        yield f"{'':<10}{'; '.join(f'{name}: {scorer.tell(found)}' for name, found in ends.items() if found)}"


def _play(trainer: Trainer, run: Run) -> None:
    try:
        with _capture_warnings_in_one_line():
            trainer.run()
    except RunError as error:
        again = f"go on with minigan train --resume {shlex.quote(str(run.path))}"
        told = RunError(f"{error} {trainer.describe_checkpoint()}; {again}")
        for note in getattr(error, "__notes__", []):
            told.add_note(note)
        raise told from None


@contextmanager
def _capture_warnings_in_one_line() -> Iterator[None]:
    """Without the place in minigan's code; other warnings are shown as ever."""
    show = warnings.showwarning

    def say_or_show(message: Any, category: type[Warning], *where: Any) -> None:
        if issubclass(category, CaptureWarning):
            say(f"minigan: {message}", to="stderr")
        else:
            show(message, category, *where)

    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=CaptureWarning)
        warnings.showwarning = say_or_show  # type: ignore[assignment]
        yield


def _exit_code(trainer: Trainer) -> int:
    """Ctrl-C is how a person ends a training, and no failure; SIGTERM is how a system ends any program."""
    return 0 if trainer.stopped_by in (None, signal.SIGINT) else exit_code(trainer.stopped_by)
