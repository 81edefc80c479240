"""Memory: how much there is, and whether the C library keeps it for the next arrays or gives it back at once."""

from __future__ import annotations

import ctypes
import os

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
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return False
    return bool(set_option(_M_MMAP_THRESHOLD, _LARGEST_BLOCK) and set_option(_M_TRIM_THRESHOLD, _NEVER))


def physical_memory() -> int | None:
    """The bytes of memory that this machine has; None where the system does not tell.

    >>> from minigan.backend.memory import physical_memory
    >>> physical_memory() > 1 << 28
    True
    """
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return None
