"""docs/performance.md is true: its program prints what stands below it, and the results that it names are there."""

import re

import pages

PAGE = pages.read("docs/performance.md")


def test_the_program_prints_what_it_says():
    ((program, shown),) = pages.programs(pages.sections(PAGE)["Captured steps"])
    assert pages.difference(shown, pages.run(program, {"__name__": "__main__"})) == ""


def test_the_files_that_it_names_are_there():
    named = re.findall(r"\]\(\.\./([^)]+)\)", PAGE)
    assert len(named) >= 5
    assert [name for name in named if not (pages.ROOT / name).exists()] == []
