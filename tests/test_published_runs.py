"""Runs of benchmarks/published.py: broken off and gone on with they are the same; looks change and cost nothing."""

from __future__ import annotations

import importlib
import json
import os
import signal
from itertools import pairwise

import pages
import pytest
from tiny_runs import at_step, contents, quick_curves  # noqa: F401

from minigan.cli import main
from minigan.errors import ConfigError
from minigan.gan import Run, load_preset
from minigan.metrics.judge import SHA256

STEPS = 6
SMALL = ("generator.hidden=[8]", "discriminator.hidden=[8]", f"training.steps={STEPS}", "training.batch_size=8")
NO_TIME = 1e-9  # minutes: it is over after the first step


@pytest.fixture(autouse=True)
def on_path(monkeypatch):
    """Scripts of benchmarks/ import their neighbours."""
    monkeypatch.syspath_prepend(pages.ROOT / "benchmarks")


@pytest.fixture
def rows():
    return importlib.import_module("published_rows")


@pytest.fixture
def legible():
    return importlib.import_module("published_legible")


@pytest.fixture
def modes(rows):
    """A row like `ring-r1`, in three epochs of two steps."""
    points = importlib.import_module("published_points")
    changes = (*SMALL, "data.count=16")
    return rows.Trained(name="small", about="", preset="ring", changes=changes, score=points.of_run)


@pytest.fixture
def digits(legible, monkeypatch):
    """A row like `legible-default`, whose samples are looked at after each step, and are legible after the fourth."""
    seen = iter([1.0, 3.0, 7.9, 8.0, 7.0, 9.0] * 2)
    monkeypatch.setattr(legible, "looked_at", lambda game, n: {"score": next(seen), "frechet": 1.0})
    monkeypatch.setattr(legible, "reported_of", lambda game, quick: {"score": 8.25, "frechet": 10.0})
    return legible.Legible(name="small", about="", preset="default", changes=(*SMALL, "data.limit=16"))


def looks(folder):
    return [json.loads(line) for line in (folder / "legible.jsonl").read_text(encoding="utf-8").splitlines()]


def without_looks(folder):
    return {name: content for name, content in contents(folder).items() if name != "legible.jsonl"}


# ---- broken off, and gone on with --------------------------------------------------------------------------


def test_a_row_is_broken_off_and_gone_on_with_to_the_same_bits(rows, modes, tmp_path):
    whole = modes.measure(3, rows.How(tmp_path / "whole"))
    for _ in range(2):  # the second call finds its time over before a step
        with pytest.raises(rows.UnfinishedError, match="small-3: 1 of 6 steps are made; the same command"):
            modes.measure(3, rows.How(tmp_path / "parts", minutes=NO_TIME))
    parts = modes.measure(3, rows.How(tmp_path / "parts"))
    assert contents(tmp_path / "parts" / "small-3") == contents(tmp_path / "whole" / "small-3")
    assert parts["numbers"] == pytest.approx(whole["numbers"], nan_ok=True)
    assert (parts["steps"], parts["settings"]["training.seed"]) == (6, 3)


def test_a_finished_run_is_scored_and_left_as_it_is(rows, modes, tmp_path):
    how = rows.How(tmp_path)
    first = modes.measure(0, how)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert json.dumps(modes.measure(0, how)) == json.dumps(first)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_run_that_minigan_train_began_is_taken_over(rows, modes, tmp_path):
    settings = [part for change in (*modes.changes, "training.seed=2", "training.keep=5") for part in ("--set", change)]
    folder = tmp_path / "small-2"
    assert main(["train", "ring", *settings, "--steps", "4", "--out", str(folder)]) == 0
    with pytest.raises(ConfigError, match=r"other settings \(training.steps was 4, is 6\); choose another folder with"):
        modes.measure(2, rows.How(tmp_path))
    assert main(["train", "--resume", str(folder), "--steps", "6", "--allow-changes"]) == 0
    found = modes.measure(2, rows.How(tmp_path))
    assert (found["steps"], found["seconds"]) == (6, round(Run.open(folder).seconds(), 1))


def test_another_preset_under_the_name_of_a_run_is_no_obstacle_other_settings_are(rows, modes, tmp_path):
    settings = [part for change in (*modes.changes, "name='mine'") for part in ("--set", change)]
    assert main(["train", "ring", *settings, "--out", str(tmp_path / "small-0")]) == 0
    assert modes.measure(0, rows.How(tmp_path))["steps"] == 6
    (tmp_path / "small-0").rename(tmp_path / "small-1")
    with pytest.raises(ConfigError, match=r"other settings \(training.seed was 0, is 1\)"):
        modes.measure(1, rows.How(tmp_path))


def test_ctrl_c_saves_the_run_and_ends_the_program(modes, tmp_path, capsys):
    runs, config = importlib.import_module("published_runs"), modes.config(0)
    with pytest.raises(SystemExit) as ended:
        runs.trained(tmp_path / "run", config, lambda run: at_step(2, lambda _: os.kill(os.getpid(), signal.SIGINT)))
    assert ended.value.code == 130
    assert "is saved after step 2: the same command goes on with it" in capsys.readouterr().err
    assert runs.trained(tmp_path / "run", config).finished


def test_settings_are_those_that_samples_depend_on():
    runs, config = importlib.import_module("published_runs"), load_preset("grid")
    assert runs.settings(config) == {
        "data.source": "grid",
        "generator.hidden": [128, 128],
        "generator.activation": "relu",
        "generator.output": "linear",
        "generator.z_dim": 2,
        "generator.lr": 1e-3,
        "generator.betas": [0.5, 0.999],
        "generator.ema_decay": 0.999,
        "discriminator.hidden": [128, 128],
        "discriminator.lr": 1e-3,
        "discriminator.betas": [0.5, 0.999],
        "game.r1_gamma": 0.1,
        "training.batch_size": 512,
        "training.steps": 8000,
    }


# ---- looks -------------------------------------------------------------------------------------------------


def test_the_first_moment_of_eight_is_told_and_judged_by_the_other_judge(rows, digits, tmp_path):
    found = digits.measure(0, rows.How(tmp_path))
    at = looks(tmp_path / "small-0")
    assert [look["step"] for look in at] == [1, 2, 3, 4, 5, 6]
    assert [look["step"] for look in at if "report_score" in look] == [4]
    numbers = found["numbers"]
    assert (numbers["of"], numbers["best"], numbers["first_step"]) == (6, 9.0, 4)
    assert (numbers["first_score"], numbers["first_frechet"]) == (8.25, 10.0)
    assert numbers["first_seconds"] == round(at[3]["seconds"], 1)
    assert (numbers["score"], numbers["frechet"]) == (8.25, 10.0)


def test_what_a_finished_run_was_like_after_fewer_minutes_nobody_knows(rows, digits, tmp_path, monkeypatch):
    digits.measure(0, rows.How(tmp_path))
    monkeypatch.setattr(Run, "seconds", lambda run: 600.0 + sum(look["looking"] for look in looks(run.path)))
    assert "minutes" not in digits.measure(0, rows.How(tmp_path, minutes=10.1))
    with pytest.raises(ConfigError, match=r"small-0 is finished, after 10\.0 minutes, so nobody knows .* after 5\."):
        digits.measure(0, rows.How(tmp_path, minutes=5))


def test_digits_that_are_never_legible_have_no_first_moment(legible):
    numbers = legible.moments([{"step": 1, "score": 7.9}, {"step": 2, "score": 7.2}])
    assert numbers == {"best": 7.9}


def test_looks_change_no_bit_of_a_run(rows, legible, tmp_path):
    """With the real judges."""
    changes = (*SMALL[:2], "training.steps=3", "training.batch_size=8", "data.limit=16", "generator.norm=batch")
    settings = {"name": "small", "about": "", "preset": "default", "changes": changes}
    found = legible.Legible(**settings).measure(0, rows.How(tmp_path / "seen", quick=True))
    rows.Trained(**settings, score=lambda run, quick: {}).measure(0, rows.How(tmp_path / "unseen", quick=True))
    assert without_looks(tmp_path / "seen" / "small-0") == contents(tmp_path / "unseen" / "small-0")
    assert len(looks(tmp_path / "seen" / "small-0")) == rows.QUICK_STEPS
    assert 1 <= found["numbers"]["score"] <= 10
    assert (found["judge"], "minutes" in found) == (SHA256["report"][:12], False)


def test_games_with_labels_tell_whether_digits_are_those_asked_for(rows, legible, tmp_path):
    settings = {"name": "small", "about": "", "preset": "cgan", "changes": SMALL}
    found = legible.Legible(**settings).measure(0, rows.How(tmp_path, quick=True))["numbers"]
    assert 0 <= found["class_accuracy"] <= 1


def test_looks_are_made_again_where_a_run_is_gone_on_with(rows, digits, legible, tmp_path, monkeypatch):
    stopped = digits.measure(0, rows.How(tmp_path, minutes=NO_TIME))
    assert (stopped["steps"], stopped["numbers"]["of"], stopped["numbers"]["best"]) == (1, 6, 1.0)
    assert stopped["minutes"] == NO_TIME
    assert "first_step" not in stopped["numbers"]
    beyond = {"step": 2, "seconds": 5.0, "score": 10.0, "looking": 1.0, "report_score": 9.0, "report_frechet": 0.0}
    Run.open(tmp_path / "small-0").append("legible.jsonl", beyond)  # as of a training that was killed there
    found = digits.measure(0, rows.How(tmp_path))
    assert [look["step"] for look in looks(tmp_path / "small-0")] == [1, 2, 3, 4, 5, 6]
    assert (found["steps"], found["numbers"]["first_step"]) == (6, 4)


def test_looks_take_no_time_of_the_training(rows, digits, legible, tmp_path, monkeypatch):
    """By a clock that moves during looks only."""
    now = [0.0]

    def slow(look):
        def looked(*args):
            now[0] += 100
            return look(*args)

        return looked

    for name in ("looked_at", "reported_of"):
        monkeypatch.setattr(legible, name, slow(getattr(legible, name)))
    for module in (legible, importlib.import_module("published_runs")):
        monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    monkeypatch.setattr(Run, "seconds", lambda run: now[0])
    found = digits.measure(0, rows.How(tmp_path, minutes=1))
    at = looks(tmp_path / "small-0")
    assert (found["steps"], found["seconds"]) == (6, 0)
    assert [each["seconds"] for each in at] == [0] * 6
    assert [each["looking"] for each in at] == [100, 100, 100, 200, 100, 100]


def test_a_run_that_nobody_looked_at_is_refused(rows, digits, tmp_path):
    settings = [part for change in digits.changes for part in ("--set", change)]
    assert main(["train", "default", *settings, "--out", str(tmp_path / "small-0")]) == 0
    with pytest.raises(ConfigError, match="small-0 was trained without looks at its samples; choose another folder"):
        digits.measure(0, rows.How(tmp_path))


@pytest.mark.parametrize("steps", [1, 7, 100, 130, 12_345])
def test_there_are_a_hundred_looks_the_last_at_the_end(steps, legible):
    due = [legible.looks_due(step, steps) for step in range(steps + 1)]
    assert (due[0], due[-1]) == (0, min(steps, 100))
    assert {after - before for before, after in pairwise(due)} <= {0, 1}
