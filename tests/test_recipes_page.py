"""docs/recipes.md shows what was measured: its table is the one that the benchmark prints from its results."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

from minigan.metrics.judge import SHA256

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")


def script(name, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])  # it imports its neighbours
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(name):
    return re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", PAGE, re.S)[1].strip()


def test_the_tables_of_tries_are_those_that_the_results_give(monkeypatch):
    recipes = script("recipes", monkeypatch)
    assert shown("tries") == "\n\n".join(map(recipes.table, recipes.TABLES))
    assert shown("tries").count("\n") >= 20


def test_the_table_of_reports_is_the_one_that_the_results_give(monkeypatch):
    names = re.search(r"published\.py --table ([a-z -]+)`", PAGE)[1].split()
    published = script("published", monkeypatch)
    assert shown("report") == published.table([published.ROWS[name] for name in names])


def test_the_judges_are_named_by_their_hashes():
    assert SHA256["selection"][:12] in PAGE
    assert SHA256["report"][:12] in PAGE


def test_every_recipe_that_can_be_tried_was_tried(monkeypatch):
    recipes = script("recipes", monkeypatch)
    tried = [recipes.settings_of(recipes.settings(row["recipe"], 0, False)) for row in recipes.recorded_rows()
             if row["recipe"] in recipes.RECIPES]  # fmt: skip
    untried = [name for name in recipes.RECIPES if recipes.settings_of(recipes.settings(name, 0, False)) not in tried]
    assert untried == []


def test_every_recipe_in_a_table_can_be_repeated(monkeypatch):
    recipes = script("recipes", monkeypatch)
    names = re.findall(r"^\| ([^|]+?) \| \d+ \|", shown("tries"), re.M)
    assert len(names) >= 20
    assert [name for name in names if name not in recipes.RECIPES] == []
    for name in names:
        recipes.settings(name, seed=1, quick=False)  # all that it sets is there to be set


def test_every_linked_file_exists():
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
