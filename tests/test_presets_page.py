"""docs/presets.md lists what there is: its table is the one that the benchmark prints, its links and names exist."""

from __future__ import annotations

import importlib.util
import json
import re
import statistics
import sys

import pages

from minigan.gan import Config
from minigan.gan.settings import leaves

BENCHMARKS = pages.ROOT / "benchmarks"
PAGE = pages.read("docs/presets.md")


def benchmark(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])  # it imports its neighbour turns.py
    spec = importlib.util.spec_from_file_location("presets_benchmark", BENCHMARKS / "presets.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_the_one_that_presets_and_results_give(monkeypatch):
    shown = re.search(r"<!-- table -->\n(.*?)\n<!-- /table -->", PAGE, re.S)[1]
    assert shown.strip() == benchmark(monkeypatch).page()


def test_every_setting_that_the_page_names_is_there():
    known = {*leaves(Config().to_dict())}
    ends = {path.rpartition(".")[2] for path in known}
    named = set(re.findall(r"`([a-z]+\.[a-z_]+|[a-z]+_[a-z_0-9]+)`", PAGE)) - {"tests.torch_twins"}
    assert len(named) > 15
    assert {name for name in named if name not in known and name not in ends} == set()


def test_every_linked_file_exists():
    links = pages.links(PAGE)
    assert links
    assert [link for link in links if not (pages.ROOT / "docs" / link).exists()] == []


def test_the_accuracies_with_few_labels_are_the_recorded_ones():
    lines = pages.read("benchmarks/results/semi_supervised.jsonl").splitlines()
    rows = [row for row in map(json.loads, lines) if row["labelled"] == 100]
    told = re.findall(r"reads (\d+\.\d)%", PAGE)
    assert told == [f"{100 * statistics.mean(row[side] for row in rows):.1f}" for side in ("game", "labels alone")]
