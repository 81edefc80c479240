"""What a reader does besides reading: Python tells of each call by which it could do harm."""

import contextlib
import os
import sys
from pathlib import Path

CODE = {"compile", "exec", "os.exec", "os.posix_spawn", "os.system", "pickle.find_class", "subprocess.Popen"}
PYTHON = {"collections", "dataclasses", "importlib._bootstrap", "typing"}  # these make classes and modules of texts
CHANGES = {"os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

_watched = []  # the folder that may be changed, and a list for all other deeds; while anybody watches


@contextlib.contextmanager
def harmless(folder):
    """What is done inside runs no code of its own, connects to nobody, and changes nothing outside the folder."""
    if _hook not in _installed:
        _installed.append(_hook)
        sys.addaudithook(_hook)  # for ever: there is no way to take one off
    deeds = []
    _watched.append((Path(folder).resolve(), deeds))
    try:
        yield
    finally:
        _watched.pop()
    assert not deeds, deeds


_installed = []


def _hook(event, args):
    if not _watched:
        return
    folder, deeds = _watched[-1]
    if (event in CODE and _asker() not in PYTHON) or event.startswith("socket."):
        deeds.append((event, repr(args)[:200]))
    paths = args[:2] if event in CHANGES else args[:1] if event == "open" and args[2] & WRITING else ()
    deeds.extend((event, path) for path in paths if not _is_inside(path, folder))


def _asker():
    """The module that asked for it."""
    return sys._getframe(2).f_globals.get("__name__")


def _is_inside(path, folder):
    return not isinstance(path, str | os.PathLike) or Path(path).resolve().is_relative_to(folder)
