"""The folder of an experiment: index.html, the pictures, the films, and lab.json with every number."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigan._version import __version__
from minigan.lab.page.contents import Exhibit, Page, Panel, Picture
from minigan.lab.page.files import write_files
from minigan.lab.page.html import page_html

SECONDS = 8.0  # of a film


def write(name: str, data: Any, page: Page, folder: Path) -> Path:
    """Write what an experiment found into a folder that is there; returns its index.html.

    Args:
        name: of the experiment.
        data: a dataclass.
        page: that shows it.
        folder: pictures of the same names are replaced.

    Raises:
        RunError: a file cannot be written; none of the others is left then.
    """
    write_files({**page_files(page), "lab.json": _numbers(name, data, page)}, folder)
    return folder / "index.html"


def page_files(page: Page) -> dict[str, bytes]:
    """What a page consists of, by the names of the files: index.html and its pictures."""
    html = page_html(page).encode(errors="replace")  # the name of a folder may be no Unicode
    return {**dict(pictures(page)), "index.html": html}


def _numbers(name: str, data: Any, page: Page) -> bytes:
    checks = [_checked(check) for check in page.checks]
    content = {"experiment": name, "minigan": __version__, "checks": checks, "data": plain(data)}
    return (json.dumps(content, indent=1) + "\n").encode()


def pictures(page: Page) -> Iterator[tuple[str, bytes]]:
    """The names and contents of a page's PNG and GIF files: of what moves, the first position as PNG."""
    exhibits = [item for section in page.sections for item in section.items if isinstance(item, Exhibit)]
    for exhibit in exhibits:
        for panel in exhibit.panels:
            frame = panel.frames[exhibit.start if len(panel.frames) > 1 else 0]
            if isinstance(frame, Picture):
                yield f"{panel.name}.png", frame.png()
            if panel.film:
                yield f"{panel.name}.gif", film(panel)


def film(panel: Panel) -> bytes:
    """The frames of a panel one after the other."""
    from minigan.gan.pictures import gif

    return gif([frame.png("gif") for frame in panel.frames if isinstance(frame, Picture)], SECONDS)


def _checked(check: Any) -> dict[str, Any]:
    return {**dataclasses.asdict(check), "error": check.error, "holds": check.holds}


def plain(value: Any) -> Any:
    """Data as JSON has them: dataclasses become dicts, arrays lists, complex numbers pairs, and NaN is null.

    Of a dataclass also the properties, which are numbers that its fields give.

    >>> from minigan.lab.writing import plain
    >>> plain({"eigenvalues": np.array([1 + 2j]), "steps": (1, 2)})
    {'eigenvalues': [[1.0, 2.0]], 'steps': [1, 2]}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in _attributes(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, complex):
        return [plain(value.real), plain(value.imag)]
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else str(value)
    if isinstance(value, str | int | float | bool | type(None)):
        return value
    raise TypeError(f"Expected numbers, texts, arrays, lists, dicts and dataclasses, but got {type(value).__name__}.")


def _attributes(data: Any) -> list[str]:
    """The names of its fields and public properties."""
    own = [name for kind in reversed(type(data).__mro__) for name, it in vars(kind).items() if isinstance(it, property)]
    return [field.name for field in dataclasses.fields(data)] + [name for name in own if not name.startswith("_")]
