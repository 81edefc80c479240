"""`minigan bench` that is stopped, killed, or cannot write or draw: what was measured is kept, and nothing else."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from bench_points import LIMITS, a_point
from command_line import ENVIRONMENT, refused

from minigan.bench import expected, report
from minigan.cli import main
from minigan.commands import measuring
from minigan.errors import RunError

# The command in a process of its own, with points that are made up, and a sleep where the test wants to find it.
DRIVER = """
import signal, sys, time
from bench_points import LIMITS, a_point
from minigan.bench import expected, report
from minigan.cli import main
from minigan.commands import measuring

for number in (signal.SIGTERM, signal.SIGHUP):  # whatever the program that started pytest left here
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
slow = sys.argv.pop(1).split(",")

def measure(work, batch_size, device, *others, **more):
    if str(batch_size) in slow:
        time.sleep(600)
    return a_point(str(device), batch_size, preset=work.name)

measuring.limits = lambda device: LIMITS
measuring.measure = expected.measure = measure
if "plots" in slow:
    report.speed_plot = lambda points, names: time.sleep(600)
sys.exit(main(sys.argv[1:]))
"""
RING = ["bench", "ring", "--batch-sizes", "2,128", "--device", "cpu", "--out"]
PLOTS = {"speed-ring.png", "kernels-ring.png"}


@pytest.fixture
def bench(here):
    """Start it, to sleep at these places; whatever becomes of the test, it ends."""
    started = []
    paths = os.pathsep.join([ENVIRONMENT["PYTHONPATH"], str(Path(__file__).parent)])

    def start(slow, out):
        command = [sys.executable, "-c", DRIVER, slow, *RING, out]
        settings = {"env": {**ENVIRONMENT, "PYTHONPATH": paths}, "text": True}
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait(process, for_what):
    while not for_what():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def wait_for_the_first_look(process):
    while not process.stdout.readline().startswith("at most"):
        assert process.poll() is None, process.communicate()


def ended(process):
    """Its exit code, and what it said on stderr."""
    _, said = process.communicate()
    return process.returncode, said


def found(folder):
    return json.loads((folder / "results.json").read_text())


def sizes(results):
    return [point["batch_size"] for point in results["points"]]


# ---- signals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_what_was_measured_with_plots_and_a_word_on_it(here, bench, number):
    process = bench("128", "out")
    wait(process, (here / "out" / "results.json").exists)
    process.send_signal(number)
    assert ended(process) == (128 + number, f"minigan: Interrupted by {number.name}.\n")
    assert {path.name for path in (here / "out").iterdir()} == {"results.json", *PLOTS}
    results = found(here / "out")
    assert (sizes(results), results["finished"]) == ([2], False)
    assert results["left_out"] == [f"all after ring on cpu, batch size 2: interrupted by {number.name}"]


def test_a_kill_keeps_the_points_that_were_measured(here, bench):
    process = bench("128", "out")
    wait(process, (here / "out" / "results.json").exists)
    process.kill()
    ended(process)
    results = found(here / "out")
    assert (sizes(results), results["finished"]) == ([2], False)


def test_a_second_ctrl_c_loses_the_plots_and_no_point(here, bench):
    process = bench("128,plots", "out")
    wait(process, (here / "out" / "results.json").exists)
    process.send_signal(signal.SIGINT)
    wait(process, lambda: found(here / "out")["left_out"])
    process.send_signal(signal.SIGINT)
    assert ended(process) == (130, "minigan: Interrupted.\n")
    assert [path.name for path in (here / "out").iterdir()] == ["results.json"]
    assert sizes(found(here / "out")) == [2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("theirs", "out"), [(None, "p/q/r"), ("p", "p/q/r"), ("out", "out")])
def test_before_the_first_point_only_the_folders_that_it_made_are_taken_back(here, bench, number, theirs, out):
    if theirs:
        (here / theirs).mkdir()
    process = bench("16", out)
    wait_for_the_first_look(process)
    assert (here / out).is_dir()
    process.send_signal(number)
    assert ended(process) == (128 + number, f"minigan: Interrupted by {number.name}.\n")
    assert [str(path.relative_to(here)) for path in here.rglob("*")] == ([theirs] if theirs else [])


# ---- writing and drawing -------------------------------------------------------------------------------------


@pytest.fixture
def made_up(monkeypatch):
    """Points are made up in this process."""
    monkeypatch.setattr(measuring, "limits", lambda device: LIMITS)
    for module in (measuring, expected):
        monkeypatch.setattr(module, "measure", lambda work, size, *_, **__: a_point(batch_size=size, preset=work.name))


@pytest.fixture
def unmeasured(monkeypatch):
    """Nothing may be measured."""
    monkeypatch.setattr(measuring, "limits", lambda device: pytest.fail("measured"))


def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_is_measured(
    here, capfd, monkeypatch, unmeasured
):
    def refuse(dir):
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    said = refused(capfd, [*RING, "p/q"])
    assert said == "Cannot write to the folder p/q (Permission denied); choose another with --out.\n"
    assert list(here.iterdir()) == []


def test_a_name_that_no_folder_can_have_leaves_none_above_it(here, capfd, unmeasured):
    assert "Cannot make the folder p/" in refused(capfd, [*RING, "p/" + 300 * "x"])
    assert list(here.iterdir()) == []


def test_a_write_error_leaves_the_users_own_folder(here, capfd, monkeypatch, made_up):
    def full(path, content):
        raise RunError("Cannot write: the disk is full.")

    (here / "mine").mkdir()
    monkeypatch.setattr(report, "write_whole", full)
    assert main([*RING, "mine"]) == 2
    assert capfd.readouterr().err == "minigan: Cannot write: the disk is full.\n"
    assert [str(path.relative_to(here)) for path in here.rglob("*")] == ["mine"]


def test_numbers_are_written_before_plots_are_drawn(here, capfd, monkeypatch, made_up):
    def fails(points, names):
        raise RunError("No plot.")

    monkeypatch.setattr(report, "speed_plot", fails)
    assert main([*RING, "out"]) == 2
    assert "Wrote out/results.json\n" in capfd.readouterr().out
    assert (sizes(found(here / "out")), found(here / "out")["finished"]) == ([2, 128], True)


def test_a_setting_that_matplotlib_does_not_know_is_told_before_anything_is_measured(here):
    done = subprocess.run(
        [sys.executable, "-m", "minigan.cli", *RING, "out"],
        env={**ENVIRONMENT, "MPLBACKEND": "nonsense"}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("minigan: matplotlib, which draws the plots, cannot be used (")
    assert "nonsense" in done.stderr
    assert done.stderr.endswith("such as the variable MPLBACKEND.\n")
    assert done.stderr.count("\n") == 1
    assert list(here.iterdir()) == []


def test_a_matplotlib_that_is_not_there_is_told_before_anything_is_measured(here, capfd, monkeypatch, unmeasured):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    said = refused(capfd, [*RING, "out"])
    assert said.startswith("matplotlib, which draws the plots, cannot be used (")
    assert list(here.iterdir()) == []
