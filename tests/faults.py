"""Trainings by the real command line in processes that are killed, or whose disk fails, at the n-th thing that they do.

``python tests/faults.py`` reads what to do from stdin, as JSON, and writes what happened to stdout. It is a process of
its own because it forks one for each training: that saves the import, and a fork of a process with threads is none to
rely on. What a training does to files passes through Python's own functions, and these are wrapped: each call is
counted before and after; a write also in its middle, when half of it has reached the file.

- "kill" ends the process by SIGKILL.
- "power cut" first takes away what would be lost with the power: all that was written and not flushed by fsync, and
  all names that were given or taken in a folder that was not.
- "disk full" lets the call fail, and each that needs room after it.
- "read-only" lets every call fail that would change anything.

An audit hook counts what Python itself knows of such calls: more than are wrapped would be calls that escaped.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import json
import os
import random
import re
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from minigan import cli
from minigan.gan import extensions
from minigan.metrics import scoring

ROOT = Path.cwd()
REAL = {
    name: getattr(os, name)
    for name in ("replace", "unlink", "mkdir", "rmdir", "open", "write", "truncate", "ftruncate")
}
OPEN = io.open


class Faults:
    """Counts what a training does to files, and strikes at the chosen moment."""

    def __init__(self, mode="kill", at=0):
        self.mode, self.at, self.count = mode, at, 0
        self.wrapped, self.audited = Counter(), Counter()
        self.flushed = {}  # by file: how much of it a power cut leaves
        self.names = []  # (folder, how to undo): names that a power cut takes back

    def point(self, needs_room=False):
        """One more moment."""
        self.count += 1
        if self.mode == "read-only":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        if self.mode == "disk full":
            if self.at and self.count >= self.at and needs_room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        elif self.count == self.at:
            if self.mode == "power cut":
                self._lose()
            os.kill(os.getpid(), signal.SIGKILL)

    def _lose(self):
        for _, undo in reversed(self.names):
            with contextlib.suppress(FileNotFoundError):
                undo()
        for path, size in self.flushed.values():
            with contextlib.suppress(FileNotFoundError):
                REAL["truncate"](path, min(size, os.stat(path).st_size))

    # ---- the wrapped functions -----------------------------------------------------------------------------

    def install(self):
        """Wrap them in this process."""
        builtins.open = io.open = self.open_file
        for name in (*REAL, "fsync"):
            setattr(os, name, getattr(self, name))
        sys.addaudithook(self.audit)

    def audit(self, event, args):
        """What Python does to files, by itself."""
        if event == "open" and isinstance(args[0], str | os.PathLike) and args[2] & (os.O_WRONLY | os.O_RDWR):
            self.audited["open"] += 1
        elif event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"):
            self.audited[event] += 1

    def open_file(self, file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **more):
        if not set(mode) & set("wax+") or not isinstance(file, str | os.PathLike):
            return OPEN(file, mode, buffering, encoding, errors, newline, **more)
        more.pop("opener", None)  # it refuses links, and there are none here
        new = not os.path.lexists(file)
        self.wrapped["open"] += 1
        self.point(needs_room=new)
        raw = File(self, file, mode.replace("b", "").replace("t", ""))
        self._opened(file, raw.fileno(), new, "w" in mode)
        self.point()
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    def open(self, path, flags, mode=0o777, **more):
        if not flags & (os.O_WRONLY | os.O_RDWR):
            return REAL["open"](path, flags, mode, **more)
        new = not os.path.lexists(path)
        self.wrapped["open"] += 1
        self.point(needs_room=new)
        descriptor = REAL["open"](path, flags, mode, **more)
        self._opened(path, descriptor, new, False)
        self.point()
        return descriptor

    def _opened(self, path, descriptor, new, emptied):
        path = os.path.abspath(path)
        status = os.fstat(descriptor)
        self.flushed.setdefault(status.st_ino, (path, 0 if emptied else status.st_size))
        if new:
            self.names.append((os.path.dirname(path), lambda: REAL["unlink"](path)))

    def fsync(self, descriptor):
        self.point(needs_room=True)  # and no more: SIGKILL takes nothing from the system, a power cut is played
        status, path = os.fstat(descriptor), os.readlink(f"/proc/self/fd/{descriptor}")
        if status.st_ino in self.flushed:
            self.flushed[status.st_ino] = (self.flushed[status.st_ino][0], status.st_size)
        self.names = [entry for entry in self.names if entry[0] != path]
        self.point()

    def replace(self, source, target):
        self.wrapped["os.rename"] += 1
        self.point()
        source, target = os.path.abspath(source), os.path.abspath(target)
        before = self._kept(target) if os.path.exists(target) else None
        REAL["replace"](source, target)
        inode = os.stat(target).st_ino
        if inode in self.flushed:
            self.flushed[inode] = (target, self.flushed[inode][1])
        self.names.append((os.path.dirname(target), lambda: self._back(source, target, inode, before)))
        self.point()

    def _kept(self, path):
        """What a power cut leaves of a file that is about to be replaced: from then on its name is of another."""
        _, size = self.flushed.pop(os.stat(path).st_ino, (path, None))
        return Path(path).read_bytes()[:size]

    def _back(self, source, target, inode, before):
        REAL["replace"](target, source)
        if inode in self.flushed:
            self.flushed[inode] = (source, self.flushed[inode][1])
        if before is not None:
            with OPEN(target, "wb") as file:
                file.write(before)

    def unlink(self, path, **more):
        self.wrapped["os.remove"] += 1
        if not os.path.lexists(path):
            return REAL["unlink"](path, **more)
        self.point()
        path = os.path.abspath(path)
        before = Path(path).read_bytes()

        def back():
            with OPEN(path, "wb") as file:
                file.write(before)

        REAL["unlink"](path, **more)
        self.names.append((os.path.dirname(path), back))
        return self.point()

    def mkdir(self, path, *more, **and_more):
        self.wrapped["os.mkdir"] += 1
        self.point(needs_room=True)
        path = os.path.abspath(path)
        REAL["mkdir"](path, *more, **and_more)
        self.names.append((os.path.dirname(path), lambda: shutil.rmtree(path)))
        self.point()

    def rmdir(self, path, **more):
        self.wrapped["os.rmdir"] += 1
        self.point()
        REAL["rmdir"](path, **more)
        self.point()

    def write(self, descriptor, content):
        self.point(needs_room=True)
        written = REAL["write"](descriptor, content)
        self.point()
        return written

    def truncate(self, path, size):
        self.wrapped["os.truncate"] += 1
        self.point()
        REAL["truncate"](path, size)
        self.point()

    def ftruncate(self, descriptor, size):
        self.wrapped["os.truncate"] += 1
        self.point()
        REAL["ftruncate"](descriptor, size)
        self.point()


class File(io.FileIO):
    """A file whose every write has a beginning, a middle and an end."""

    def __init__(self, faults, path, mode):
        super().__init__(path, mode)
        self.faults = faults

    def write(self, content):
        half = len(content) // 2
        for part in (content[:half], content[half:]):
            self.faults.point(needs_room=True)
            super().write(part)
        self.faults.point()
        return len(content)

    def truncate(self, size=None):
        self.faults.point()
        size = super().truncate(size)
        self.faults.point()
        return size


# ---- trainings -------------------------------------------------------------------------------------------


def training(argv, folder, mode="kill", at=0, kill_after=None):
    """Run a command in a process of its own in a folder.

    Args:
        argv: what comes after ``minigan``.
        folder: where.
        mode, at: how and when to strike; at 0 never.
        kill_after: a number of checkpoints and of seconds: from outside, after so many more and so long.

    Returns:
        exit (minus the signal that ended it), stdout and stderr; and how many moments and calls there were, if it ended
        by itself.
    """
    before = checkpoints(folder)
    process = os.fork()
    if not process:
        if kill_after is not None:
            os.nice(10)  # who watches it has to come in time on a busy machine, too
        os._exit(child(argv, folder, Faults(mode, at)))
    if kill_after is not None:
        kill(process, folder, before, *kill_after)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    files = {name: folder / f"{name}.txt" for name in ("stdout", "stderr")}
    texts = {name: file.read_text() if file.exists() else "" for name, file in files.items()}  # killed before it began
    counts = json.loads((folder / "counts.txt").read_text()) if (folder / "counts.txt").exists() else {}
    return {"exit": code, **counts, **texts}


def child(argv, folder, faults):
    os.chdir(folder)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        os.dup2(REAL["open"](f"{name}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    faults.install()
    try:
        code = cli.main(argv)
    finally:
        builtins.open = io.open = OPEN
    counts = {"moments": faults.count, "wrapped": dict(faults.wrapped), "audited": dict(faults.audited)}
    with OPEN("counts.txt", "w") as file:
        json.dump(counts, file)
    return code


def checkpoints(folder):
    return {path.name for path in folder.glob("x/checkpoints/step-*.safetensors")}


def kill(process, folder, before, newer, seconds):
    """SIGKILL, so long after so many checkpoints that were not there before; unless it ends earlier."""
    seen = set(before)
    while len(seen) < len(before) + newer:
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        seen |= checkpoints(folder)
        time.sleep(0.0005)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)


def fresh(name, like=None):
    """An empty folder, or a copy of another."""
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir() if like is None else shutil.copytree(like, folder)
    return folder


def result(folder):
    """All that the same run gives again, as bytes; pictures as they are: the same pixels make the same file."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.glob("x/**/*"))
        if path.is_file() and path.name not in ("timing.jsonl", "config.toml")
    }


def left(folder):
    """What a struck training leaves, down to empty folders; numbers that tell of time and place count as equal."""
    paths = sorted(folder.glob("x/**/*"))
    return tuple((str(path.relative_to(folder)), path.is_file() and _timeless(path)) for path in paths)


def _timeless(path):
    tells_time = path.name in ("timing.jsonl", "config.toml", ".lock")
    return re.sub(rb"[\d.]+", b"0", path.read_bytes()) if tells_time else path.read_bytes()


def differences(one, other):
    return sorted(name for name in {**one, **other} if one.get(name) != other.get(name))


def resume(argv, folder, before=None):
    """What a person would type next; as long as config.toml is not there, or not the new one, the same again."""
    return argv if config_of(folder) in (None, before and config_of(before)) else ["train", "--resume", "x"]


def config_of(folder):
    path = folder / "x" / "config.toml"
    return path.read_bytes() if path.exists() else None


def begun(argv):
    """A training to go on with, whose newest checkpoint is damaged."""
    folder = fresh("begun")
    assert training(argv, folder)["exit"] == 0
    (*_, newest) = sorted(checkpoints(folder))
    (folder / "x" / "checkpoints" / newest).write_bytes(b"damaged")
    return folder


def sweep(argv, mode, moments, then=None):
    """Strike at each of these moments of a training, go on with it to its end, and compare with one left alone.

    Where one moment left the same files as another, going on gives the same again: that is done once.

    Args:
        argv: what begins the training.
        mode: how to strike.
        moments: the first, the one after the last (0 for all) and the distance between two.
        then: what goes on with it: if given, this is struck instead.

    Returns:
        for each moment: how the first process ended, how the second did, and which files differ.
    """
    before, argv = (None, argv) if then is None else (begun(argv), then)
    whole = fresh("whole", before)
    alone = training(argv, whole)
    expected = result(whole)
    found, ends = [], {}
    for at in range(*moments) if moments[1] else range(moments[0], alone["moments"] + 1, moments[2]):
        folder = fresh("struck", before)
        struck = training(argv, folder, mode, at)
        if (files := left(folder)) not in ends:
            again = training(resume(argv, folder, before), folder)
            ends[files] = {"again": again, "differ": differences(expected, result(folder))}
        found.append({"at": at, "struck": struck, **ends[files]})
    return {"alone": alone, "files": sorted(expected), "found": found}


def kills(argv, times, seed):
    """Kill a training so often, at random moments, each after some progress; then let it end.

    Before each of these kills there is another at the beginning: while it reads, restores or makes its first steps.

    Returns:
        how often it was killed, how the last process ended, and which files differ from those of a run left alone.
    """
    pick = random.Random(seed)
    whole, folder = fresh("whole"), fresh("killed")
    alone = training(argv, whole)
    killed = 0
    while killed < times:
        training(resume(argv, folder), folder, kill_after=(0, pick.uniform(0, 0.05)))  # not to its end
        ended = training(resume(argv, folder), folder, kill_after=(1, pick.uniform(0, 0.01)))
        if ended["exit"] != -signal.SIGKILL:
            break
        killed += 1
    last = training(resume(argv, folder), folder)
    return {"alone": alone, "killed": killed, "last": last, "differ": differences(result(whole), result(folder))}


def once(argv, again, folder, mode):
    """One more command in a folder that is there."""
    return training(again, ROOT / folder, mode)


def warm_up(argv):
    """A training in this process, so that what it imports is there in all that are forked."""
    folder, here = fresh("warm"), Path.cwd()
    os.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        cli.main(argv)
    os.chdir(here)


def main():
    wish = json.load(sys.stdin)
    extensions.curves = scoring.score_curves = lambda *_: b"a picture that takes a second to draw"
    warm_up(wish["argv"])
    answer = {"sweep": sweep, "kills": kills, "once": once}[wish.pop("do")](**wish)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
