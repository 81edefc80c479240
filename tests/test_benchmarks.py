"""The benchmarks compare like with like: the same batches for PyTorch, one machine in a table, honest means."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys

import numpy as np
import pages
import pytest

BENCHMARKS = pages.ROOT / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    """A script of benchmarks/ as a module, by name."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


# ---- presets.py --------------------------------------------------------------------------------------------

PLAY = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import torch_side
report = torch_side.game_of(pathlib.Path(sys.argv[2]))(0)
assert all(number.isfinite() for number in report.values())
print(len(report), [name for name in sys.modules if name.partition(".")[0] == "minigan"])
"""


@pytest.mark.torch
@pytest.mark.slow
def test_the_process_in_which_pytorch_plays_loads_nothing_of_minigan(torch, benchmark, tmp_path):
    benchmark("presets").hand_over("semi-supervised", tmp_path / "game.npz")
    command = [sys.executable, "-c", PLAY, str(BENCHMARKS), str(tmp_path / "game.npz")]
    played = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert (played.returncode, played.stdout) == (0, "6 []\n"), played.stderr


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize("preset", ["cgan", "ring"])
def test_pytorch_takes_the_batches_that_minigan_takes(preset, torch, benchmark, tmp_path):
    presets, torch_side = benchmark("presets"), benchmark("torch_side")
    presets.hand_over(preset, tmp_path / "game.npz")
    config, loader, _, _ = presets.minigan_game(preset)
    with np.load(tmp_path / "game.npz") as file:
        batch = torch_side.batches(dict(file), config.training.batch_size)
    for i in (0, 1, len(loader) - 1):
        samples, labels = (part.numpy() for part in batch(i))
        np.testing.assert_array_equal(samples, loader.batch(i))
        np.testing.assert_array_equal(labels, loader.labels_of(i))
    np.testing.assert_array_equal(batch(len(loader))[0].numpy(), loader.batch(0))


def test_results_of_two_machines_do_not_stand_in_one_table(benchmark, tmp_path, monkeypatch):
    presets = benchmark("presets")
    monkeypatch.setattr(presets, "COSTS", tmp_path / "costs.json")
    presets.check_machine("here", ["ring"])
    content = {"machine": "there", "presets": {"ring": {}, "grid": {}}}
    presets.COSTS.write_text(json.dumps(content), encoding="utf-8")
    presets.check_machine("there", ["ring"])
    presets.check_machine("here", ["ring", "grid", "dcgan"])
    with pytest.raises(SystemExit, match=r"was measured on there, but this is here.*\(grid\)"):
        presets.check_machine("here", ["ring"])


# ---- semi_supervised.py ------------------------------------------------------------------------------------


def test_the_summary_is_mean_and_standard_deviation_over_the_seeds(benchmark):
    accuracies = {"game": [0.90, 0.92, 0.97], "labels alone": [0.70, 0.70, 0.70]}
    rows = [{"labelled": 100, "game": a, "labels alone": b} for a, b in zip(*accuracies.values(), strict=True)]
    summary = benchmark("semi_supervised").summary(rows).split("\n")
    assert "100 labels" in summary[0]
    assert "3 seeds" in summary[0]
    spread = np.std(accuracies["game"], ddof=1)
    assert summary[1].split() == ["game", "93.00%", "+-", f"{spread:.2%}"]
    assert summary[2].endswith("70.00% +- 0.00%")


def test_labels_are_counted_as_they_are_given_as_many_of_each_class(benchmark, monkeypatch):
    script = benchmark("semi_supervised")
    monkeypatch.setattr(script, "assess", lambda game, test: {"accuracy_test": 0.5})
    monkeypatch.setattr(script, "baseline", lambda *args: 0.5)
    few = ["data.limit=300", "training.steps=1", "training.batch_size=8"]
    config = script.set_fields(script.settings(seed=0, labelled=25, quick=True), few)
    assert script.compare(config, baseline_steps=1)["labelled"] == 20
