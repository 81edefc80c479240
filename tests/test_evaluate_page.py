"""docs/scores.md is true: its program prints what it says, its numbers are those that the benchmark printed."""

import re
import shlex
import subprocess
import sys

import pages
import pytest

from minigan import arguments, cli, metrics
from minigan.metrics.evaluation import evaluate
from minigan.metrics.evaluation.columns import COLUMNS
from minigan.metrics.judge import SHA256

PAGE = pages.read("docs/scores.md")
COSTS = r"^(\S.*?)\s{2,}([\d.]+)\s+([\d.]+)\s+([\d,]+)$"  # a name, seconds, processor seconds, megabytes
MEASURED = pages.read("benchmarks/results/score_costs.txt")


def test_the_program_of_the_page_prints_what_it_says():
    ((program, shown),) = pages.programs(PAGE)
    assert pages.run(program, {}) == shown


def test_the_calibration_rows_are_those_that_the_benchmark_printed():
    lines = MEASURED[MEASURED.index("judge report") :].splitlines()
    assert SHA256["report"].startswith(re.search(r"judge report, (\w+)", lines[0])[1])
    printed = [re.split(r"\s{2,}", line.strip()) for line in lines[1:]]
    assert len(printed) >= 12
    table = PAGE[: PAGE.index("## What each score means")]
    assert re.findall(r"^\| ([\w <%]+) \| (.+?) \| (.+?) \|$", table, re.M)[1:] == [tuple(row) for row in printed]


def test_the_noise_of_scores_is_what_the_benchmark_printed():
    assert f"```text\n{pages.read('benchmarks/results/score_noise.txt').strip()}\n```" in PAGE


def costs():
    """Seconds, processor seconds and megabytes by name."""
    return {row[0]: [float(cell.replace(",", "")) for cell in row[1:]] for row in re.findall(COSTS, MEASURED, re.M)}


def test_the_costs_are_those_that_the_benchmark_printed():
    section = " ".join(PAGE[PAGE.index("## What it costs") :].split())
    found = costs()
    seconds, _, _ = found["a run: all scores"]
    assert f"all of MNIST's scores of 10,000 samples take {seconds:.0f} seconds" in section
    seconds, _, megabytes = found["the command minigan evaluate RUN"]
    told = f"{seconds:.0f} seconds of these cores, and {megabytes / 1000:.1f} GB"
    assert f"`minigan evaluate RUN` takes {told}" in section
    assert (seconds < 60, megabytes < 2000) == (True, True)
    assert f"26,000 stacked images takes {found['stacked_modes'][0]:.0f} seconds" in section


@pytest.mark.parametrize(
    ("metric", "told", "seconds"),
    [
        (metrics.nearest_training, "eight seconds", 8.0),
        (metrics.parzen_log_likelihood, "four seconds", 4.0),
        (metrics.sliced_wasserstein, "half a second", 0.5),
        (metrics.stacked_modes, "six seconds", 6.0),
        (evaluate, "20 seconds", 20.0),
    ],
)
def test_the_costs_that_docstrings_tell_are_those_that_the_benchmark_printed(metric, told, seconds):
    assert f"{told} of two cores" in " ".join(metric.__doc__.split())
    found = costs()[{"evaluate": "a run: all scores"}.get(metric.__name__, metric.__name__)]
    assert found[0] == pytest.approx(seconds, rel=0.15)


def test_every_score_is_explained():
    section = PAGE[PAGE.index("## What each score means") : PAGE.index("## While training")]
    explained = re.findall(r"^\| ([\w <%]+) \|", section, re.M)
    assert set(explained) - {"score"} == {column.head for column in COLUMNS}


@pytest.mark.parametrize("command", re.findall(r"^minigan (.+)$", PAGE, re.M))
def test_the_commands_of_the_page_are_understood(command):
    args = arguments.parse(*cli.parsers(), shlex.split(command))
    if command.startswith("evaluate"):
        assert args.folders[0] == "runs/default"
        assert args.judge == "report"


@pytest.mark.slow
def test_the_benchmark_prints_a_line_for_every_cost_and_every_calibration():
    command = [sys.executable, str(pages.ROOT / "benchmarks" / "score_costs.py"), "--quick"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = [re.split(r"\s{2,}", line)[0] for line in MEASURED.splitlines()[4:] if line]
    quick = [re.split(r"\s{2,}", line)[0] for line in printed.splitlines()[4:] if line]
    assert quick[1:] == names[1:]  # the first has the number of images
