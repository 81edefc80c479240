"""The command line: ``minigan train``, ``minigan sample``, ``minigan info``.

A command is a function that takes its arguments and returns nothing; whatever is wrong with them it raises, and
`main` says it in one sentence. What a command needs is imported inside it, so that ``minigan --help`` is instant.
"""

from __future__ import annotations

import argparse
import difflib
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from minigan._version import __version__
from minigan.errors import ConfigError, MiniganError, RunError

if TYPE_CHECKING:
    from minigan.backend.device import Device
    from minigan.data import Loader
    from minigan.gan import Config, Run, Trainer

OK, WRONG, INTERRUPTED = 0, 2, 130  # exit codes; 130 is what a shell gives to a program that Ctrl-C ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 2 after an error, 130 after an interrupt."""
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        args = _parse(argv)
        args.typed = shlex.join(["minigan", *argv])
        args.run(args)
    except MiniganError as error:
        return _complain(str(error), WRONG)
    except MemoryError as error:
        return _complain(f"Out of memory ({error}); try a smaller --batch-size, network or -n.", WRONG)
    except KeyboardInterrupt:
        return _complain("Interrupted.", INTERRUPTED)
    return OK


def _complain(sentence: str, code: int) -> int:
    print(f"minigan: {sentence}", file=sys.stderr)
    return code


# ---- train -----------------------------------------------------------------------------------------------


def train(args: argparse.Namespace) -> None:
    """Train a GAN into a run folder."""
    from minigan.backend.device import device as resolve
    from minigan.gan import Run, Trainer, build_game
    from minigan.gan.extensions import standard

    config = _config(args)
    device = resolve(args.device)
    loader = _loader(config)
    config = _with_steps(config, args, loader)
    shape = loader.images.shape[1:]
    seconds = _seconds_per_step(config, loader, device) * config.training.steps
    game = build_game(config, shape, device)
    trainer = Trainer(game, loader, config.training.steps, device=device, log_every=config.training.log_every)
    run = Run.create(args.out, config, args.typed, device)
    trainer.extensions += standard(run)
    print(_announcement(trainer, run, args.device, seconds), flush=True)
    trainer.run()
    print(_farewell(trainer, run))


def _config(args: argparse.Namespace) -> Config:
    """The settings of the preset, changed by --set, then by the other options."""
    from minigan.gan import load_preset, set_field
    from minigan.gan.run import read_config

    config = read_config(args.preset) if args.preset.endswith(".toml") else load_preset(args.preset)
    for assignment in args.set:
        config = set_field(config, assignment)
    data = args.data if args.data in (None, "mnist") else str(Path(args.data).absolute())
    for field, value in (
        ("data.source", data), ("training.batch_size", args.batch_size), ("training.seed", args.seed)
    ):
        config = config if value is None else set_field(config, f"{field}={_toml(value)}")
    return config
