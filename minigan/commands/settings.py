"""The settings that `minigan train` trains with: those of a preset, a file or a run, changed by the options."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from minigan.data import BUILT_IN
from minigan.errors import ConfigError
from minigan.gan.config import Config, load_preset, set_fields
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


def of_preset(name: str) -> Config:
    """The settings of a preset, or of a .toml file."""
    return _found_from_anywhere(read_config(name) if name.endswith(".toml") else load_preset(name))


def settings(args: argparse.Namespace, config: Config) -> Config:
    """These settings, changed by --set, and then by the other options but --epochs."""
    source = config.data.source
    config = set_fields(config, args.set)
    if args.data is not None:
        config = changed(config, "data", source=args.data)
    typed = {name: getattr(args, name) for name in ("batch_size", "seed", "steps")}
    config = changed(config, "training", **{name: value for name, value in typed.items() if value is not None})
    return config if config.data.source == source else _found_from_anywhere(config)


def _found_from_anywhere(config: Config) -> Config:
    """With the absolute path of the data, so that the run can go on wherever the next command is typed."""
    source = config.data.source
    return config if source in BUILT_IN else changed(config, "data", source=str(Path(source).absolute()))


def changed(config: Config, section: str, **values: Any) -> Config:
    """A copy with other values in one section.

    Raises:
        ConfigError: a value is out of its range.
    """
    settings = config.to_dict()
    settings[section].update(values)
    return Config.from_dict(settings)
