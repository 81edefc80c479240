"""docs/recipes.md shows what was measured: its table is the one that the benchmark prints from its results."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")


def recipes(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])  # it imports its neighbour scores.py
    spec = importlib.util.spec_from_file_location("recipes", ROOT / "benchmarks" / "recipes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_the_one_that_the_results_give(monkeypatch):
    shown = re.search(r"<!-- table -->\n(.*?)\n<!-- /table -->", PAGE, re.S)[1]
    assert shown.strip() == recipes(monkeypatch).table()
    assert shown.count("\n") >= 6


def test_every_recipe_in_the_table_can_be_repeated(monkeypatch):
    names = re.findall(r"^\| ([^|]+?) \| \d+ \|", PAGE, re.M)
    assert names
    assert set(names) <= set(recipes(monkeypatch).RECIPES)


def test_every_linked_file_exists():
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
