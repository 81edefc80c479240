"""The settings that `minigan train` trains with: those of a preset, a file or a run, changed by the options."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from minigan.data import BUILT_IN
from minigan.errors import ConfigError, RunError
from minigan.gan.config import Config, load_preset, set_field
from minigan.gan.record import read_config


def check_together(args: argparse.Namespace) -> None:
    """Make sure that the options go together.

    Raises:
        ConfigError: they do not.
    """
    if args.resume is None and args.allow_changes:
        raise ConfigError("--allow-changes: it belongs to --resume DIR, the run to go on with.")
    for name, value in (("PRESET", args.preset), ("--out", args.out)):
        if args.resume is not None and value is not None:
            raise ConfigError(
                f"--resume {args.resume}: a run goes on in its own folder with its own settings; "
                f"leave {name} ({value}) out, and change settings with --set."
            )


def settings(args: argparse.Namespace) -> Config:
    """The settings of the run or the preset, changed by --set, and then by the other options but --epochs."""
    config = _of_run(Path(args.resume)) if args.resume is not None else _of_preset(args.preset or "default")
    for assignment in args.set:
        config = set_field(config, assignment)
    if args.data is not None:
        config = changed(config, "data", source=args.data if args.data in BUILT_IN else str(Path(args.data).absolute()))
    typed = {name: getattr(args, name) for name in ("batch_size", "seed", "steps")}
    return changed(config, "training", **{name: value for name, value in typed.items() if value is not None})


def changed(config: Config, section: str, **values: Any) -> Config:
    """A copy with other values in one section.

    Raises:
        ConfigError: a value is out of its range.
    """
    settings = config.to_dict()
    settings[section].update(values)
    return Config.from_dict(settings)


def _of_preset(name: str) -> Config:
    return read_config(name) if name.endswith(".toml") else load_preset(name)


def _of_run(path: Path) -> Config:
    if not (path / "config.toml").is_file():
        raise RunError(f"--resume {path}: there is no run; expected the folder of one, such as runs/default.")
    return read_config(path / "config.toml")
