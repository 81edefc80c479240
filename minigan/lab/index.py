"""The page that leads to all others: the course."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from minigan.lab.course import EXPERIMENTS
from minigan.lab.page.contents import Page
from minigan.lab.page.html import document
from minigan.serialization import write_whole

LEAD = (
    "Two networks, one tape, and a game: follow the numbers that one player hands to the other, from a single training "
    "step to the theory of when the game comes to rest. Each page was computed on your machine by minigan's own "
    "engine, and can be made anew with other settings."
)


def write_index(pages: Mapping[str, Page], folder: Path) -> Path:
    """Write the index.html that leads to the pages in ``folder/NAME``; returns its path.

    Raises:
        RunError: it cannot be written.
    """
    entries = "".join(
        f'\n<li><a href="{name}/index.html"><strong>{page.title}</strong></a><br>{EXPERIMENTS[name].about}<br>'
        f"<code>minigan lab {name}</code></li>"
        for name, page in pages.items()
    )
    path = folder / "index.html"
    content = f'<h1>The lab</h1>\n<p class="lead">{LEAD}</p>\n<nav><ul>{entries}\n</ul></nav>'
    write_whole(path, document("The lab", content).encode())
    return path
