"""The programs on a page of documentation: each is run, and prints what the page says.

A program is a block of ``python``; a block of ``text`` after it is what it prints, where ``...`` stands for anything.
The programs of one section (from one heading to the next) share their names.

After a change of what they draw, ``python -m tests.pages`` writes the pictures in docs/images anew.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import linecache
import os
import re
import tempfile
from pathlib import Path

import minigan as mg

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
FILE = "example.py"  # what messages call a program

_BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.M | re.S)
_OPTIONS = doctest.ELLIPSIS | doctest.REPORT_NDIFF


def read(path):
    """The text of a page, named from the root of the repository."""
    return (ROOT / path).read_text(encoding="utf-8")


def sections(page):
    """The parts of a page that have programs, by their headings."""
    parts = re.split(r"^##? (.+)$", page, flags=re.M)
    return {head: body for head, body in zip(parts[1::2], parts[2::2], strict=True) if "```python" in body}


def programs(section):
    """(program, what it shall print) for each program; if the page does not say what, then nothing."""
    found = []
    for kind, text in _BLOCK.findall(section):
        if kind == "python":
            found.append((text, ""))
        elif found:
            found[-1] = (found[-1][0], text)
    return found


def run(program, names):
    """What a program prints, run with these names."""
    linecache.cache[FILE] = (len(program), None, program.splitlines(keepends=True), FILE)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(program, FILE, "exec"), names)
    finally:
        del linecache.cache[FILE]
    return printed.getvalue()


def difference(shown, printed):
    """What is different, in lines; nothing if the program prints what the page shows."""
    checker = doctest.OutputChecker()
    same = checker.check_output(shown, printed, _OPTIONS)
    return "" if same else checker.output_difference(doctest.Example("", shown), printed, _OPTIONS)


def links(page):
    """The files that a page refers to."""
    return [link for link in re.findall(r"\]\(([^)#]+)\)", page) if "://" not in link]


def draw_pictures():
    """Run the programs that draw, in a temporary folder, and keep the pictures that docs/images has."""
    body = sections(read("docs/engine.md"))["Seeing it"]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        mg.manual_seed(0)
        names = {"__name__": "__main__"}
        for program, _ in programs(body):
            run(program, names)
        for name in os.listdir():
            (IMAGES / name).write_bytes(Path(name).read_bytes())


if __name__ == "__main__":
    draw_pictures()
