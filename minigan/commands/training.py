"""What `minigan train` does, from its arguments to its exit code."""

from __future__ import annotations

import argparse
import shlex
import signal
from contextlib import closing

from minigan.backend.device import Device
from minigan.backend.device import device as resolve
from minigan.backend.memory import keep_freed_memory
from minigan.commands.announcement import announcement, farewell
from minigan.commands.rehearsal import rehearse
from minigan.commands.settings import changed, check_together, settings
from minigan.data import Dataset
from minigan.errors import ConfigError, DataError, RunError
from minigan.gan import Config, DataFacts, Extension, Run, Trainer, build_game
from minigan.gan.extensions import standard
from minigan.gan.held_out import HeldOut
from minigan.gan.signals import exit_code
from minigan.gan.source import data_of, loader_of
from minigan.streams import say


def train(args: argparse.Namespace) -> int:
    """Train a GAN into a run folder, or go on with a run; nothing is written before all is known to fit together."""
    keep_freed_memory()  # a training step asks for the same arrays again and again
    check_together(args)
    config, device = settings(args), resolve(args.device)
    data, held_out = data_of(config), _held_out(config)
    loader = loader_of(config, data)
    facts = DataFacts.of(loader, config)
    rehearsal = rehearse(config, facts, loader, device)
    config = _with_epochs(config, args.epochs, len(loader), rehearsal.batches_per_step)
    game, training = build_game(config, facts, device), config.training
    trainer = Trainer(game, loader, training.steps, device=device, log_every=training.log_every)
    with closing(_open(args, config, device)) as run:
        if run.finished:
            return _complete(run)
        trainer.extensions += _extensions(run, held_out)
        if args.resume is not None:
            run.restore(trainer)
        say(announcement(trainer, run, data, args.device, rehearsal) + "\n")
        _play(trainer, run)
        say("\n" + farewell(trainer, run))
    return _exit_code(trainer)


def _held_out(config: Config) -> Dataset | None:
    if not config.training.evaluate_every:
        return None
    try:
        return data_of(config, "test")
    except (ConfigError, DataError) as error:
        raise ConfigError(f"{error} To train without held-out data: --set training.evaluate_every=0.") from None


def _with_epochs(config: Config, epochs: int | None, batches: int, batches_per_step: int) -> Config:
    return config if epochs is None else changed(config, "training", steps=-(-epochs * batches // batches_per_step))


def _open(args: argparse.Namespace, config: Config, device: Device) -> Run:
    if args.resume is None:
        return Run.create(args.out, config, args.typed, device)
    return Run.resume(args.resume, config, args.typed, device, args.allow_changes)


def _complete(run: Run) -> int:
    made = f"{run.path} is complete: all {run.config.training.steps:,} steps are made"
    if run.terms.settings:
        raise ConfigError(
            f"{made}, so nothing would be trained with the new settings ({'; '.join(run.terms.settings)}); add more "
            "steps: --steps N."
        )
    say(f"{made}. For more: --steps N --allow-changes.")
    return 0


def _extensions(run: Run, held_out: Dataset | None) -> list[Extension]:
    watching = [] if held_out is None else [HeldOut(run, held_out, run.config.training.evaluate_every)]
    return [*watching, *standard(run)]


def _play(trainer: Trainer, run: Run) -> None:
    try:
        trainer.run()
    except RunError as error:
        again = f"go on with minigan train --resume {shlex.quote(str(run.path))}"
        raise RunError(f"{error} {trainer.what_stands()}; {again}") from None


def _exit_code(trainer: Trainer) -> int:
    """Ctrl-C is how a person ends a training, and no failure; SIGTERM is how a system ends any program."""
    return 0 if trainer.stopped_by in (None, signal.SIGINT) else exit_code(trainer.stopped_by)
