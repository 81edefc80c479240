"""What the presets draw are digits: the committed results of benchmarks/quality.py, and what it makes of a run."""

from __future__ import annotations

import importlib

import pages
import pytest

import minigan as mg
from minigan.gan import Run, load_preset
from minigan.info import environment
from minigan.metrics.judge import SHA256

JUDGED = ("default", "dcgan", "cgan")


@pytest.fixture
def rows_of(quality):
    """Gives the newest result of each seed of a preset, with the settings that it has today."""

    def rows(preset):
        found = [row for row in quality.recorded_rows() if row["preset"] == preset]
        assert found, f"no result of today's {preset}: record it with python benchmarks/quality.py {preset}"
        return found

    return rows


def test_the_default_run_draws_all_ten_digits_well_from_five_seeds(rows_of):
    rows = rows_of("default")
    assert len(rows) >= 5
    assert min(row["score"] for row in rows) >= 9.0
    assert min(row["rarest"] for row in rows) > 0.06


def test_the_dcgan_draws_all_ten_digits_well(rows_of):
    (row,) = rows_of("dcgan")
    assert row["score"] >= 8.5
    assert row["rarest"] > 0.06


def test_the_conditional_gan_draws_the_digit_asked_for(rows_of):
    assert min(row["class_accuracy"] for row in rows_of("cgan")) >= 0.95


@pytest.mark.parametrize("preset", JUDGED)
def test_a_recorded_result_says_what_made_it_and_who_judged(preset, rows_of):
    again = f"record it again with python benchmarks/quality.py {preset}"
    for row in rows_of(preset):
        assert row["steps"] == load_preset(preset).training.steps, again
        assert row["judge"] == SHA256["report"][:12], again
        assert row["seconds"], f"the newest row of {preset} does not say how long training took: {again}"
        assert row["threads"], f"the newest row of {preset} does not say with how many threads: {again}"
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
    row = quality.facts(found)
    assert row == {
        "preset": "default",
        "seed": 0,
        "steps": found.config.training.steps,
        "seconds": 321,
        "threads": environment()["blas_threads"],
        "cpu": environment()["cpu"],
        "version": mg.__version__,
        "settings": importlib.import_module("published_runs").settings(found.config),
    }
