"""A process in which one side plays the works that peers.py names to it, one after the other, when it is told to.

Commands and answers are lines of JSON on standard input and output. `serve` is the loop in the process, `Worker` the
handle on it in peers.py. Nothing of a library is loaded here, and nothing of minigan in the processes of its peers.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import turns
from works import CHECKED, READ_EVERY, Task, read_task

Losses = tuple[Any, Any]  # of D and of G: numbers on the device, not yet read
Step = Callable[[int], Losses]  # plays step number 0, 1, 2, ...


class LeftOutError(Exception):
    """This side cannot play here, and why."""


class FailedError(LeftOutError):
    """This side should have been able to."""


class Setting(NamedTuple):
    """What a process is started for: a side, on "cpu" or "cuda", there with TensorFloat-32 or without."""

    side: str
    device: str
    tf32: bool


class Library(NamedTuple):
    """A library, as its file peers_*.py describes it.

    Attributes:
        sides: by name what makes a side's step of a task; with True, the step plays what minigan drew, for the check.
        prepare: what to set in the library before anything else; raises `LeftOutError` where it is missing.
        wait: wait until the device has done all that led to these losses.
    """

    sides: Mapping[str, Callable[[Task, str, bool], Step]]
    prepare: Callable[[Setting], None]
    wait: Callable[[Losses, str], None]


# ---- in the process ------------------------------------------------------------------------------------------


def serve(library: Library) -> None:
    """Answer commands until there are no more; to be called by the file of a library when it is run."""
    setting = Setting(sys.argv[1], sys.argv[2], sys.argv[3:] == ["tf32"])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    player = _Player(library, setting)
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        try:
            answer = {"value": getattr(player, command)(*arguments)}
        except LeftOutError as reason:
            answer = {"left_out": str(reason)}
        except Exception as error:
            traceback.print_exc()
            answer = {"failed": f"{type(error).__name__}: {first_line(error)}"}
        answers.write(json.dumps(answer) + "\n")


def first_line(error: Exception) -> str:
    """Of its message."""
    return str(error).strip().partition("\n")[0]


class _Player:
    """What the commands do."""

    def __init__(self, library: Library, setting: Setting) -> None:
        self.library = library
        self.setting = setting
        self.play: Step | None = None
        self.prepared = False

    def prepare(self) -> None:
        """Get ready to play anything; a command of its own, or the first thing that another does."""
        if not self.prepared:
            self.library.prepare(self.setting)
            self.prepared = True

    def load(self, path: str) -> None:
        """Get ready to play the task in this file."""
        self.play = self._step(read_task(path), replayed=False)
        self.steps = itertools.count()

    def check(self, path: str) -> list[list[float]]:
        """The losses of D and G in each of the first steps, on what minigan drew."""
        step = self._step(read_task(path).for_check(), replayed=True)
        return [[float(loss) for loss in step(k)] for k in range(CHECKED)]

    def time(self, warm_up: int, blocks: int, block: int) -> list[float]:
        """The seconds of a step, as the mean over each of so many blocks; before that, some that are not timed."""
        return [self._seconds(block) for _ in range(warm_up + blocks)][warm_up:]

    def peak_memory(self) -> int:
        """The most memory that this process has held, in bytes."""
        return turns.peak_memory()

    def _step(self, task: Task, replayed: bool) -> Step:
        self.prepare()
        self.play = None  # and its memory
        return self.library.sides[self.setting.side](task, self.setting.device, replayed)

    def _seconds(self, block: int) -> float:
        assert self.play is not None
        start = time.perf_counter()
        for k in itertools.islice(self.steps, block):
            losses = self.play(k)
            if k % READ_EVERY == 0:
                [float(loss) for loss in losses]
        self.library.wait(losses, self.setting.device)
        return (time.perf_counter() - start) / block


# ---- from outside --------------------------------------------------------------------------------------------


class Worker:
    """A process of one side; each command is a method of `_Player`."""

    def __init__(self, program: Path, setting: Setting) -> None:
        arguments = [sys.executable, str(program), setting.side, setting.device, *(["tf32"] if setting.tf32 else [])]
        self.side = setting.side
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, command: str, *arguments: Any) -> None:
        """Give a command, without waiting for the answer."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # `answer` will tell
            self.process.stdin.write(json.dumps([command, *arguments]) + "\n")
            self.process.stdin.flush()

    def answer(self) -> Any:
        """The answer to the oldest command that has none yet.

        Raises:
            LeftOutError: this side cannot do that, and why.
            FailedError: it failed; its traceback has been printed.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise FailedError(f"its process ended with status {self.process.wait()}")
        answer = json.loads(line)
        if "failed" in answer:
            raise FailedError(answer["failed"])
        if "left_out" in answer:
            raise LeftOutError(answer["left_out"])
        return answer["value"]

    def ask(self, command: str, *arguments: Any) -> Any:
        """Give a command, and wait for the answer."""
        self.send(command, *arguments)
        return self.answer()

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
