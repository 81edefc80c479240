"""Two trainings never write into one folder, and a lock never outlives the process that holds it."""

import errno
import os
import platform
import signal
import subprocess
import sys

import pytest
from command_line import ENVIRONMENT, TINY, typed
from tiny_runs import files, quick_curves, resumed, tiny, trained  # noqa: F401

from minigan.errors import RunError
from minigan.gan import Run, lock
from minigan.gan.lock import Lock

HOLD = """\
import sys
from pathlib import Path
from minigan.gan.lock import Lock
lock = Lock(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""

FORK = """\
import os, sys
from pathlib import Path
from minigan.errors import RunError
from minigan.gan.lock import Lock
mine = Lock(Path(sys.argv[1]))
child = os.fork()
if not child:
    mine.release()
    os._exit(0)
os.waitpid(child, 0)
try:
    Lock(Path(sys.argv[1]))
except RunError as error:
    print("held" if "in use" in str(error) else error)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of x."""
    (tmp_path / "x").mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "x")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


def sentence(folder, process):
    return (
        f"{folder} is in use by another training, process {process} on {platform.node()}; "
        "wait until it has ended, or choose another folder."
    )


# ---- two processes ---------------------------------------------------------------------------------------


def test_a_folder_that_another_process_writes_is_refused_and_the_process_named(tmp_path, holder):
    with pytest.raises(RunError) as error:
        Lock(tmp_path / "x")
    assert str(error.value) == sentence(tmp_path / "x", holder.pid)


def test_a_kill_lets_others_in(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert files(tmp_path / "x") == [".lock"]
    Lock(tmp_path / "x").release()
    assert files(tmp_path / "x") == []


@pytest.mark.slow
def test_no_second_training_gets_into_the_folder_by_either_door(here):
    """Two real command lines beside a third that trains."""
    first = subprocess.Popen(
        [sys.executable, "-m", "minigan.cli", "train", "--data", "../data", "--steps", "1000000", "--out", "x", *TINY],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    try:
        while "writes" not in first.stdout.readline():
            pass
        expected = f"minigan: {sentence('x', first.pid)}\n"
        resume = typed("train", "--resume", "x")
        assert (resume.returncode, resume.stdout, resume.stderr) == (2, "", expected)
        again = typed("train", "--data", "../data", "--out", "x", *TINY)
        assert again.returncode == 2
        assert again.stderr.startswith("minigan: x already holds a run")
        while not list((here / "x" / "checkpoints").glob("step-*")):
            pass
        sample = typed("sample", "x", "--out", "x.png")  # reading needs no lock
        assert (sample.returncode, sample.stderr) == (0, "")
    finally:
        first.kill()
        first.communicate()
    assert (here / "x" / ".lock").exists()
    (*_, newest) = sorted((here / "x" / "checkpoints").glob("step-*"))
    steps = str(1 + int(newest.stem.removeprefix("step-")))
    resume = typed("train", "--resume", "x", "--steps", steps, "--allow-changes")
    assert resume.returncode == 0, resume.stderr
    assert not (here / "x" / ".lock").exists()


def test_a_child_that_is_forked_while_the_lock_is_held_does_not_give_it_away(tmp_path):
    """In a process of its own: JAX, which other tests import, warns of every fork of a process that has it."""
    done = subprocess.run([sys.executable, "-c", FORK, str(tmp_path)], capture_output=True, text=True, env=ENVIRONMENT)
    assert (done.returncode, done.stdout) == (0, "held\n"), done.stderr


# ---- one process -----------------------------------------------------------------------------------------


def test_a_run_holds_its_folder_from_its_making_until_it_is_closed(tmp_path):
    run = Run.create(tmp_path / "x", tiny())
    with pytest.raises(RunError) as error:
        Run.resume(run.path)
    assert str(error.value) == sentence(run.path, os.getpid())
    run.close()
    run.close()
    assert files(run.path) == ["checkpoints", "config.toml", "samples"]
    again = Run.resume(run.path)
    with pytest.raises(RunError, match="in use"):
        Run.resume(run.path)
    again.close()


def test_a_lock_that_nobody_has_any_more_is_released(tmp_path):
    Lock(tmp_path)
    Lock(tmp_path).release()


def test_reading_needs_no_lock_and_leaves_none(tmp_path):
    path = trained(tmp_path / "x").path
    held = Run.resume(path)
    Run.open(path).game()
    held.close()
    Run.open(path).close()
    assert ".lock" not in files(path)


def test_a_lock_that_its_holder_removes_between_opening_and_locking_is_not_taken_for_one(tmp_path, monkeypatch):
    """Else two processes could hold locks on two files of the same name."""
    first, lock_file = Lock(tmp_path), lock._lock

    def just_then(descriptor, folder):
        monkeypatch.setattr(lock, "_lock", lock_file)
        first.release()
        lock_file(descriptor, folder)

    monkeypatch.setattr(lock, "_lock", just_then)
    second = Lock(tmp_path)
    with pytest.raises(RunError, match="in use"):
        Lock(tmp_path)
    second.release()


@pytest.mark.parametrize("content", [b"", b"\xff" * 400, b"process 1 on evil\x1b[2J", b"[" * 10**6])
def test_whatever_stands_in_the_file_is_no_part_of_the_message_unless_it_names_a_process(tmp_path, holder, content):
    (tmp_path / "x" / ".lock").write_bytes(content)
    with pytest.raises(RunError) as error:
        Lock(tmp_path / "x")
    named = "process 1 on evil" if b"evil" in content else "in a process unknown"
    assert str(error.value).startswith(f"{tmp_path / 'x'} is in use by another training, {named};")


def test_a_folder_that_may_not_be_written_is_said_to_be_one(tmp_path, monkeypatch):
    run = trained(tmp_path / "x")
    opened = os.open

    def read_only(path, flags, *more):
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return opened(path, flags, *more)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(RunError) as error:
        Run.resume(run.path)
    assert str(error.value) == (f"Cannot write into {run.path} (Read-only file system); check who may write there.")


def test_a_disk_without_room_for_the_name_of_the_holder_leaves_no_lock_and_no_folder_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run = trained(tmp_path / "x")
    before = files(tmp_path)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RunError, match=r"Cannot write into .*y \(No space left on device\)"):
        Run.create(tmp_path / "y", tiny())
    with pytest.raises(RunError, match=r"Cannot write into .*x \(No space left on device\)"):
        Run.resume(run.path)
    assert files(tmp_path) == before


def test_a_file_system_without_locks_is_said_to_be_one_and_used(tmp_path, monkeypatch, capsys):
    import fcntl

    def unknown(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", unknown)
    run = trained(tmp_path / "x")
    said = f"minigan: {run.path} cannot be locked (No locks available); let no other training write there.\n"
    assert capsys.readouterr().err.startswith(said)
    assert not (run.path / ".lock").exists()
