"""The run folders of benchmarks/published.py: a first call begins a run, the next ones go on with it to its end."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any

import minigan as mg
from minigan.errors import ConfigError
from minigan.gan import Config, DataFacts, Extension, Run, Trainer, build_game
from minigan.gan.extensions import standard
from minigan.gan.folder import CONFIG, CURVES
from minigan.gan.record import change, read_record
from minigan.gan.signals import exit_code
from minigan.gan.source import data_of, loader_of

CPU = mg.device("cpu")
TABLES = ("data", "generator", "discriminator", "game")
FIELDS = ("training.steps", "training.batch_size", "training.seed")


class Stopwatch(Extension):
    """Counts the seconds of a training over all its parts, and stops it after so many."""

    def __init__(self, run: Run, most: float = math.inf) -> None:
        self.run, self.most = run, most

    def start(self, trainer: Trainer) -> None:
        """What the run has taken so far is told by its timing.jsonl."""
        self.begun = perf_counter() - (self.run.seconds() - self.aside())
        if trainer.step:  # a run that has had its time makes no step more
            self.stop_if_due(trainer)

    def aside(self) -> float:
        """Seconds of the run that were none of training."""
        return 0.0

    def after_step(self, trainer: Trainer) -> None:
        """Look at the clock."""
        self.stop_if_due(trainer)

    def stop_if_due(self, trainer: Trainer) -> None:
        """The step in hand is finished, and saved."""
        if self.seconds() >= self.most:
            trainer.stopped = True

    def seconds(self) -> float:
        """Of training, so far."""
        return perf_counter() - self.begun


def trained(folder: Path, config: Config, watch: Callable[[Run], Extension] = Stopwatch) -> Run:
    """The run of these settings in a folder, trained to its end, or until what watches it stops it.

    Name and description of the run may be others, and so may what changes no sample, such as how often a checkpoint is
    saved: any `minigan train` may have begun it. A signal ends the program when the run is saved.
    """
    if (folder / CURVES).exists() and (run := Run.open(folder)).finished:
        _check_same(run, config)
        return run
    begun, command = (folder / CONFIG).exists(), shlex.join(["python", *sys.argv])
    run = Run.resume(folder, command=command) if begun else Run.create(folder, config, command)
    with closing(run):
        _check_same(run, config)
        trainer = _trainer(run, watch(run))
        if begun:
            run.restore(trainer)
        trainer.run()
    if trainer.stopped_by is not None:
        print(f"{folder} is saved after step {trainer.step:,}: the same command goes on with it.", file=sys.stderr)
        sys.exit(exit_code(trainer.stopped_by))
    return Run.open(folder)


def _trainer(run: Run, watching: Extension) -> Trainer:
    config, training = run.config, run.config.training
    loader = loader_of(config, data_of(config))
    game = build_game(config, DataFacts.of(loader, config), CPU)
    return Trainer(game, loader, training.steps, [*standard(run), watching], training.log_every, training.capture)


def _check_same(run: Run, config: Config) -> None:
    different = {path: values for path, values in run.config.differences(config).items() if _matters(path)}
    if different:
        changes = "; ".join(change(path, *values) for path, values in different.items())
        raise ConfigError(f"{run.path} is a run with other settings ({changes}); choose another folder with --runs.")


def _matters(path: str) -> bool:
    return path.partition(".")[0] in TABLES or path in FIELDS


def settings(config: Config) -> dict[str, Any]:
    """All settings on which samples depend, but those that everybody has who chooses none."""
    return {path: value for path, (_, value) in Config().differences(config).items() if _matters(path)}


def facts(run: Run) -> dict[str, Any]:
    """What made a run: for how long, with which settings, and where it was begun.

    Raises:
        ConfigError: it does not say so any more.
    """
    record = read_record(run.path / CONFIG)
    if not (run.seconds() and record):
        raise ConfigError(f"{run.path} does not tell where it was trained, or how long; choose another with --runs.")
    return {
        "steps": run.found.newest.step,
        "seconds": round(run.seconds(), 1),
        "settings": settings(run.config),
        **machine(record),
    }


def machine(environment: dict[str, Any]) -> dict[str, Any]:
    """What times and last digits depend on, of `minigan.info.environment` or the record of a run."""
    cpu, cores, threads = (environment[name] for name in ("cpu", "cores", "blas_threads"))
    where = f"{cpu}, {cores} cores, {threads} thread{'s' if threads > 1 else ''}, {environment['blas_kernels']} kernels"
    return {"machine": where, "numpy": environment["numpy"], "minigan": environment["minigan"]}
