"""config.toml: the settings that repeat a run, and a record of what it is: version, command, environment, resumes."""

from __future__ import annotations

import hashlib
import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from minigan.errors import ConfigError
from minigan.gan.config import Config
from minigan.gan.settings import leaves, plain, shown

RECORD = "record"  # the table in config.toml that is no setting
_HEAD = "# The settings of this run: `minigan train config.toml` repeats it. [record] only tells where it ran.\n"
_LONGEST = 1 << 20  # bytes of a config.toml; of so many resumes that they do not fit, the record tells of the newest
_DOTS = 1000  # in a line
_IRRELEVANT = ("cores", "avx512_unused", "blas_kernels_chosen_by", "libraries.torch")  # no result depends on them


def read_config(path: Any) -> Config:
    """The settings in a config.toml of a run, or in one that a person wrote.

    Raises:
        ConfigError: the file is missing, is no TOML, or holds what is no setting.
    """
    values = _read(path)
    values.pop(RECORD, None)
    try:
        return Config.from_dict(values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def read_record(path: Any) -> dict[str, Any]:
    """What a config.toml tells besides the settings; nothing if a person took it out."""
    record = _read(path).get(RECORD)
    return record if isinstance(record, dict) else {}


def _read(path: Any) -> dict[str, Any]:
    if Path(path).is_fifo():  # to open it would wait for somebody who writes into it
        raise ConfigError(f"Cannot read the settings in {path} (a pipe); give a file.")
    try:
        with Path(path).open("rb") as file:
            content = file.read(_LONGEST + 1)
    except OSError as error:
        raise ConfigError(f"Cannot read the settings in {path} ({error.strerror}); check the path.") from None
    try:
        _check_size(content)
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, or thousands of digits or brackets
        reason = str(error)[:200]
        raise ConfigError(f"{path} is no TOML file ({reason}); expected settings like a run's config.toml.") from None


def _check_size(content: bytes) -> None:
    """Python's reader of TOML is not made for files of strangers: a key of n parts takes it n^2 steps."""
    if len(content) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST:,} bytes")
    if any(line.count(b".") > _DOTS for line in content.splitlines()):
        raise ValueError(f"a line has more than {_DOTS:,} dots")


def config_bytes(config: Config, record: dict[str, Any]) -> bytes:
    """The content of a config.toml.

    Raises:
        ConfigError: the command or a setting is no text, or so long that it could not be read again.
    """
    content = _toml(config, record)
    while len(content) > _LONGEST and record.get("resumes"):
        resumes = record["resumes"]
        record = {**record, "resumes": resumes[(len(resumes) + 1) // 2 :]}
        content = _toml(config, record)
    try:
        _check_size(content)
    except ValueError as error:
        raise ConfigError(f"Cannot write down settings and command ({error}); make them shorter.") from None
    return content


def _toml(config: Config, record: dict[str, Any]) -> bytes:
    import tomli_w

    try:
        return (_HEAD + tomli_w.dumps({**config.to_dict(), RECORD: record})).encode()
    except UnicodeEncodeError as error:
        wrong = error.object[error.object.rfind(" ", 0, error.start) + 1 :].split()[0].strip("'\"")
        raise ConfigError(f"Expected names of files in UTF-8, but got {wrong!r}; choose another.") from None


def first_record(command: str, environment: dict[str, Any]) -> dict[str, Any]:
    """The record of a run that begins."""
    return {"command": command, "started": now(), **environment}


def with_resume(record: dict[str, Any], step: int, command: str, changes: list[str]) -> dict[str, Any]:
    """The record with one more resume: when, from which step, by which command, and what is different since."""
    earlier = record.get("resumes")
    resume = {"command": command, "started": now(), "step": step, "changes": changes}
    return {**record, "resumes": [*(earlier if isinstance(earlier, list) else []), resume]}


# ---- what a resume has to know -----------------------------------------------------------------------------

_SAVED = "checkpoint_saved"  # in the record: that there is a checkpoint, or was one
_AGREED = "agreed"  # in the record: with which settings and data the run was trained, those of the newest resume last

Parts = tuple[dict[str, Any], dict[str, Any]]  # the settings, or what the data are: at the checkpoint, and now


def with_checkpoint(record: dict[str, Any]) -> dict[str, Any]:
    """The record with a note that a checkpoint is saved; it is written as soon as the first one is on the disk.

    It tells a run whose checkpoints were lost from one that was killed before it had any.
    """
    return {**record, _SAVED: True}


def has_checkpoint(record: dict[str, Any]) -> bool:
    """Whether a checkpoint was ever saved."""
    return _SAVED in record


def with_agreement(record: dict[str, Any], **parts: Parts) -> dict[str, Any]:
    """The record with a note of the settings and the data that a resume goes on from, and with which.

    It is written together with the settings themselves, and tells them from what a person has written there since: a
    run that is killed before its first checkpoint with new settings needs no leave for them again. All that were ever
    left behind are in it, too: a checkpoint of others is that of another run.

    >>> from minigan.gan.record import is_agreed, with_agreement
    >>> old, new, others = {"steps": 7}, {"steps": 9}, {"steps": 8}
    >>> record = with_agreement({}, settings=(old, new))
    >>> [is_agreed(record, settings=pair) for pair in ((old, new), (new, new), (old, others), (others, new))]
    [True, True, False, False]
    """
    return {**record, _AGREED: {name: _joined(_agreed(record, name), *part) for name, part in parts.items()}}


def is_agreed(record: dict[str, Any], **parts: Parts) -> bool:
    """Whether the newest resume went on with the second of these settings, or data, and the run once had the first."""
    return all(_is_agreed(_agreed(record, name), *part) for name, part in parts.items())


def _is_agreed(agreed: list[Any], before: dict[str, Any], now: dict[str, Any]) -> bool:
    return agreed[-1:] == [_fingerprint(now)] and _fingerprint(before) in agreed


def _agreed(record: dict[str, Any], name: str) -> list[Any]:
    agreed = record.get(_AGREED)
    prints = agreed.get(name) if isinstance(agreed, dict) else None
    return prints if isinstance(prints, list) else []


def _joined(agreed: list[Any], before: dict[str, Any], now: dict[str, Any]) -> list[Any]:
    old, new = _fingerprint(before), _fingerprint(now)
    return [*(known for known in agreed if known not in (old, new)), *([] if old == new else [old]), new]


def _fingerprint(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def now() -> str:
    """The time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


# ---- what is different -----------------------------------------------------------------------------------


def changed_settings(before: Config, after: Config) -> list[str]:
    """The settings that differ, in words."""
    return [change(path, *values) for path, values in before.differences(after).items()]


def changed_environment(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is different of the machine and the libraries, in words, as far as the last bits of a run depend on it.

    >>> from minigan.gan.record import changed_environment
    >>> changed_environment({"numpy": "2.1", "cores": 2}, {"numpy": "2.2", "cores": 8, "blas_threads": 8})
    ["numpy was '2.1', is '2.2'", 'blas_threads was None, is 8']
    """
    old, new = leaves(plain(before)), leaves(plain(after))
    names = [name for name in new if name not in _IRRELEVANT]  # old may be a stranger's, and of any length
    return [change(name, old.get(name), new[name]) for name in names if old.get(name) != new[name]]


def change(name: str, before: Any, after: Any) -> str:
    """What was and what is, in words."""
    return f"{name} was {shown(before)}, is {shown(after)}"
