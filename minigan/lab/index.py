"""The page that leads to all others: the course."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from minigan.lab.course import EXPERIMENTS
from minigan.lab.page.contents import Page
from minigan.lab.page.html import document
from minigan.serialization import write_whole

LEAD = (
    "A GAN is a game of two networks: G makes samples of random numbers, D says how real each of them looks, and both "
    "learn from what D says. Follow the numbers that one hands to the other, from a single training step to the theory "
    "of when the game converges. Read from top to bottom: each page uses what the ones before it explain. All was "
    "computed on your machine by minigan's own engine; the command below each title makes the page anew, and "
    "<code>--help</code> after it names the settings that can be changed."
)


def write_index(pages: Mapping[str, Page], folder: Path) -> Path:
    """Write the index.html that leads to the pages in ``folder/NAME``; returns its path.

    Args:
        pages: by experiment; those that are missing are named, and that they are.
        folder: of the course.

    Raises:
        RunError: it cannot be written.
    """
    missing = len(EXPERIMENTS) - len(pages)
    state = (
        f"\n<p><strong>{len(pages)} of {len(EXPERIMENTS)} pages are here.</strong> While <code>minigan lab all</code> "
        "runs, load this page again to see more; if it was ended, the command of a missing page makes that page.</p>"
    )
    entries = "".join(f"\n<li>{number}. {_entry(name, pages)}</li>" for number, name in enumerate(EXPERIMENTS, 1))
    path = folder / "index.html"
    content = f'<h1>The lab</h1>\n<p class="lead">{LEAD}</p>{state if missing else ""}\n<nav><ul>{entries}\n</ul></nav>'
    write_whole(path, document("The lab", content).encode(errors="replace"))
    return path


def _entry(name: str, pages: Mapping[str, Page]) -> str:
    """A link to a page, or that it is missing."""
    page = pages.get(name)
    title = f'<a href="{name}/index.html"><strong>{page.title}</strong></a>' if page else "<em>Not made yet</em>"
    return f"{title}<br>{EXPERIMENTS[name].about}<br><code>minigan lab {name}</code>"
