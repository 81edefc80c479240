"""What the presets draw are digits: the committed results of benchmarks/quality.py, and what it makes of a run."""

from __future__ import annotations

import importlib
import json

import pages
import pytest

import minigan as mg
from minigan.gan import Run, load_preset
from minigan.metrics import load_judge
from minigan.metrics.judge import SHA256

RESULTS = pages.ROOT / "benchmarks" / "results" / "quality.jsonl"
JUDGED = ("default", "dcgan", "cgan")


def newest(preset):
    """The result of this preset that was recorded last."""
    rows = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    of_preset = [row for row in rows if row["preset"] == preset]
    assert of_preset, f"{RESULTS.name} has no row of {preset}: record it with python benchmarks/quality.py {preset}"
    return of_preset[-1]


@pytest.mark.parametrize("preset", ["default", "dcgan"])
def test_a_preset_draws_ten_kinds_of_legible_digit(preset):
    row = newest(preset)
    assert row["confidence"] >= 0.9
    assert row["rarest"] > 0.04


def test_the_conditional_gan_draws_the_digit_asked_for():
    assert newest("cgan")["as_asked"] >= 0.95


@pytest.mark.parametrize("preset", JUDGED)
def test_a_recorded_result_says_what_made_it_and_who_judged(preset):
    row = newest(preset)
    assert row["steps"] == load_preset(preset).training.steps
    assert row["judge"] == SHA256["report"][:12]
    again = f"record it again with python benchmarks/quality.py {preset}"
    assert row["seconds"], f"the newest row of {preset} does not say how long training took: {again}"
    assert row.get("version"), f"the newest row of {preset} does not say by which version: {again}"


# ---- which runs are scored ---------------------------------------------------------------------------------


@pytest.fixture
def quality(monkeypatch):
    monkeypatch.syspath_prepend(pages.ROOT / "benchmarks")
    return importlib.import_module("quality")


def test_a_run_with_other_settings_than_the_preset_is_not_scored(quality, run):
    with pytest.raises(SystemExit, match=r"other settings \(data.source was '.*, is 'mnist'; .*choose another folder"):
        quality.finished_run(run, quality.settings("default", seed=0, quick=False))


def test_a_run_that_was_broken_off_is_not_scored(quality, run):
    (run / "curves.png").unlink()
    with pytest.raises(SystemExit, match="finish it with: minigan train --resume"):
        quality.finished_run(run, Run.open(run).config)


def test_what_is_recorded_of_a_run_comes_from_its_own_record(quality, run):
    found = quality.finished_run(run, Run.open(run).config)
    (run / "timing.jsonl").write_text('{"step": 1, "seconds": 321.4, "steps_per_s": 1.0}\n', encoding="utf-8")
    row = quality.facts(found, load_judge("report"))
    assert row == {
        "preset": "default",
        "seed": 0,
        "steps": found.config.training.steps,
        "seconds": 321,
        "version": mg.__version__,
        "judge": SHA256["report"][:12],
    }
