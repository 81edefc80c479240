"""docs/engine.md is true: every program prints what stands below it, and its picture is the one that it draws."""

from __future__ import annotations

import re

import pages
import pytest

PAGE = pages.read("docs/engine.md")
SECTIONS = pages.sections(PAGE)
PARAMETERS = [
    pytest.param(head, id=head, marks=[pytest.mark.torch] if "import torch" in body else [])
    for head, body in SECTIONS.items()
]


def numbers_apart(svg):
    """The text without its numbers, and the numbers."""
    number = r"-?\d+\.\d+"
    return re.sub(number, "#", svg), [float(found) for found in re.findall(number, svg)]


@pytest.mark.parametrize("head", PARAMETERS)
def test_the_programs_of_a_section_print_what_it_says(head, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    wrong = [pages.difference(shown, pages.run(program, names)) for program, shown in pages.programs(SECTIONS[head])]
    assert "".join(wrong) == ""


def test_most_sections_have_programs_and_most_programs_print():
    assert len(SECTIONS) >= 6
    found = [program for body in SECTIONS.values() for program in pages.programs(body)]
    assert len(found) >= 10
    assert all(shown for _, shown in found)


def test_the_picture_is_the_one_that_the_page_draws(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program, _ = pages.programs(SECTIONS["Seeing it"])[0]
    pages.run(program, {})
    drawn, committed = (folder / "tape.svg" for folder in (tmp_path, pages.IMAGES))
    (text, sizes), (shown, theirs) = (numbers_apart(file.read_text(encoding="utf-8")) for file in (drawn, committed))
    assert text == shown
    assert sizes == pytest.approx(theirs, rel=0.01)


def test_every_linked_file_exists():
    links = pages.links(PAGE)
    assert len(links) >= 6
    assert [link for link in links if not (pages.ROOT / "docs" / link).is_file()] == []
