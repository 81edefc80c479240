"""A lock on a folder: one training at a time writes there. The system takes the lock back when its holder dies."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import sys
import weakref
from pathlib import Path

from minigan.errors import RunError
from minigan.serialization import NO_LINK
from minigan.streams import say

LOCK = ".lock"  # the file in the folder that is locked; it tells who holds it
_HOLDER = re.compile(r"process [0-9]+ on [\w.-]{1,255}")
_FAR = 1 << 30  # Windows bars others from what is locked, so a byte is locked that is never read


class Lock:
    """Held from the making of this object until :meth:`release`, or until nobody has the object any more.

    Args:
        folder: what to lock.

    Raises:
        RunError: somebody else holds it, in this process or another, or the folder cannot be written.

    >>> import pathlib, tempfile
    >>> from minigan.gan.lock import Lock
    >>> lock = Lock(pathlib.Path(tempfile.mkdtemp()))
    >>> lock.release()
    """

    def __init__(self, folder: Path) -> None:
        try:
            descriptor = _acquire(folder)
        except OSError as error:
            reason = error.strerror or error
            raise RunError(f"Cannot write into {folder} ({reason}); check who may write there.") from None
        self._finalizer = weakref.finalize(self, _release, folder / LOCK, descriptor, os.getpid())

    def release(self) -> None:
        """Let others in, and remove the file. Once is enough, and more do no harm."""
        self._finalizer()


def _acquire(folder: Path) -> int:
    """An open file that is locked, under the name in the folder."""
    path = folder / LOCK
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o666)
        try:
            _lock(descriptor, folder)
            if _is_named(descriptor, path):  # else its last holder has just removed it
                _sign(descriptor, path)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):  # some file systems of networks have no locks
            say(f"minigan: {folder} cannot be locked ({error.strerror}); let no other training write there.", "stderr")
            return
        holder = _HOLDER.match(os.read(descriptor, 300).decode(errors="replace"))
        raise RunError(
            f"{folder} is in use by another training, {holder[0] if holder else 'in a process unknown'}; "
            "wait until it has ended, or choose another folder."
        ) from None


def _sign(descriptor: int, path: Path) -> None:
    """Write down who holds the lock; without room for it nobody does, and no file is left behind."""
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {platform.node()}".encode())
    except BaseException:
        _remove(path)
        raise


def _remove(path: Path) -> None:
    """Before the file is closed, which unlocks it: nobody's new lock may be removed."""
    with contextlib.suppress(OSError):
        path.unlink()


def _is_named(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _release(path: Path, descriptor: int, holder: int) -> None:
    if os.getpid() == holder:  # a forked child has a copy of the object, but the lock is its parent's
        _remove(path)
    os.close(descriptor)
