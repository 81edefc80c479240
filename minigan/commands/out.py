"""The file that a command writes with --out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from minigan.errors import ConfigError, RunError


def checked(out: str | None, kinds: Mapping[str, str]) -> Path | None:
    """The file to write, before any work is done; None if none was named, which is for :func:`required` to say.

    Args:
        out: what was typed.
        kinds: what is written, by the end of the file's name.

    Raises:
        ConfigError: another end.
        RunError: the file cannot be there.
    """
    if out is None:
        return None
    path = Path(out)
    if path.suffix not in kinds:
        known = " or ".join(f"{end} ({what})" for end, what in kinds.items())
        raise ConfigError(f"--out {path}: expected a name that ends in {known}.")
    if path.is_dir():
        raise RunError(f"--out {path}: this is a folder; name a file inside it.")
    if not path.parent.is_dir():
        raise RunError(f"--out {path}: there is no folder {path.parent}; make it first, or choose another.")
    return path


def required(out: Path | None, command: str) -> Path:
    """The file; asked for last, so that a missing --out hides no other mistake.

    Raises:
        ConfigError: none was named.
    """
    if out is None:
        raise ConfigError(f"the following arguments are required: --out. See minigan {command} --help.")
    return out
