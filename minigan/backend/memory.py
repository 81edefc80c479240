"""Memory: how much there is, and whether the C library keeps it for the next arrays or gives it back."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_LARGEST_BLOCK = 1 << 25  # glibc takes no more
_NEVER = (1 << 31) - 1


def keep_freed_memory() -> bool:
    """Let this process keep the memory of arrays that are gone, for the next ones; returns whether that works here.

    By itself glibc gives the memory of a large array back to the system, which hands it out again page by page, each
    filled with zeros: that can take longer than the operation that asked for it. The process stays as large as it
    once was. It is a setting of the whole process, so a library does not make it for its user: the command line
    does, and a script may.

    >>> import minigan.backend.memory
    >>> kept = minigan.backend.memory.keep_freed_memory()
    """
    try:
        set_option = _c_library().mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return False
    return bool(set_option(_M_MMAP_THRESHOLD, _LARGEST_BLOCK) and set_option(_M_TRIM_THRESHOLD, _NEVER))


@cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def give_back_freed_memory() -> None:
    """Give the memory of arrays that are gone back to the system now, as far as the C library can."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
        _c_library().malloc_trim(0)


def physical_memory() -> int | None:
    """The bytes of memory that this machine has, or that its containers leave to this process; None if nobody tells.

    >>> from minigan.backend.memory import physical_memory
    >>> physical_memory() > 1 << 26
    True
    """
    return min((*_machine(), *_limits()), default=None)


def _machine() -> Iterator[int]:
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


_GROUPS = Path("/proc/self/cgroup")  # lines such as 4:memory:/docker/1f3, or 0::/docker/1f3 of cgroups' second version
_MOUNTS = {"": Path("/sys/fs/cgroup"), "memory": Path("/sys/fs/cgroup/memory")}  # by the controller that the line names
_FILES = {"": "memory.max", "memory": "memory.limit_in_bytes"}


def _limits() -> Iterator[int]:
    """Of Linux's control groups, which containers and batch systems are made of: each bounds those inside it."""
    with contextlib.suppress(OSError):  # another system
        for line in _GROUPS.read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            for kind in _MOUNTS.keys() & set(controllers.split(",")):
                for part in (Path(group[1:]), *Path(group[1:]).parents):
                    yield from _limit(_MOUNTS[kind] / part / _FILES[kind])


def _limit(file: Path) -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError):  # a group that cannot be seen from here; "max", which is none
        yield int(file.read_text())
