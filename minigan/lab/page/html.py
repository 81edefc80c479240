"""A page as one HTML file that needs nothing else: no network, no other file, no library."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import singledispatch
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from minigan.lab.page.contents import Check, Exhibit, Page, Panel, Section, Slider, Table
from minigan.lab.page.drawing import Overlaid
from minigan.lab.page.numbers import number


def page_html(page: Page) -> str:
    """The content of index.html."""
    parts = [f'<h1>{page.title}</h1>\n<p class="lead">{page.lead}</p>']
    parts += [_section(section, f"s{i}") for i, section in enumerate(page.sections)]
    if page.checks:
        parts.append(_section(Section("Predicted and measured", [CHECKED], [_checks(page.checks)]), "checks"))
    return document(page.title, "\n".join(parts))


CHECKED = (
    "What mathematics says, or what earlier runs did where chance has a part, beside what minigan measured now. "
    "<code>lab.json</code> has these numbers with all their digits, and those of the experiment."
)


def document(title: str, content: str) -> str:
    """A whole document with this content."""
    return Template(_own("page.html")).substitute(
        title=title, content=content, css=_own("page.css"), js=_own("page.js")
    )


def _own(name: str) -> str:
    return files("minigan.lab.page").joinpath(name).read_text(encoding="utf-8").rstrip()


def _section(section: Section, scope: str) -> str:
    paragraphs = "".join(f"\n<p>{text}</p>" for text in section.text)
    items = "".join("\n" + _item(item, f"{scope}-{i}") for i, item in enumerate(section.items))
    return f"<section>\n<h2>{section.title}</h2>{paragraphs}{items}\n</section>"


@singledispatch
def _item(item: Any, scope: str) -> str:
    raise TypeError(f"Expected an Exhibit or a Table, but got {type(item).__name__}.")


# ---- exhibits --------------------------------------------------------------------------------------------


@_item.register
def _(exhibit: Exhibit, scope: str) -> str:
    panels = "\n".join(_panel(panel, exhibit, f"{scope}-{i}") for i, panel in enumerate(exhibit.panels))
    return (
        f'<figure class="exhibit">\n<h3>{exhibit.title}</h3>{_sliders(exhibit.sliders)}\n'
        f'<div class="panels">\n{panels}\n</div>\n<figcaption>{exhibit.caption}</figcaption>\n</figure>'
    )


UNMOVED = "<noscript><p>Sliders need JavaScript: without it, this figure stays at its first position.</p></noscript>"


def _sliders(sliders: Sequence[Slider]) -> str:
    if not sliders:
        return ""
    labels = "".join(
        f"\n<label>{slider.label}<output>{escape(str(slider.values[slider.start]))}</output>"
        f'<input type="range" min="0" max="{len(slider.values) - 1}" value="{slider.start}" autocomplete="off" '
        f"data-names='{escape(json.dumps(list(slider.values)))}'></label>"
        for slider in sliders
    )
    return f'\n{UNMOVED}\n<div class="sliders">{labels}\n<button type="button">Play</button>\n</div>'


def _panel(panel: Panel, exhibit: Exhibit, scope: str) -> str:
    frames = _frames(panel, exhibit.start, scope)
    if panel.wide:
        frames = f'<div class="scroll" tabindex="0">{frames}</div>'
    shape = " wide" if panel.wide else " tall" if panel.tall else ""
    role = f' role="img" aria-label="{escape(panel.alt)}"' if panel.alt else ""
    focus = ' tabindex="0"' if panel.tall else ""
    return f'<div class="panel{shape}" data-panel="{panel.name}"{role}{focus}>{frames}</div>'


def _frames(panel: Panel, start: int, scope: str) -> str:
    """Each frame once, hidden but for the one at the start."""
    if len(panel.frames) == 1:
        return panel.frames[0].markup(scope)
    overlaid = [frame for frame in panel.frames if isinstance(frame, Overlaid)]
    if len(overlaid) < len(panel.frames):
        return "".join(
            f"<div{_at(places, start)}>{frame.markup(f'{scope}-{i}')}</div>"
            for i, (frame, places) in enumerate(_places(panel.frames))
        )
    return "".join(
        f"<div{_at(places, start)}>{canvas.markup(f'{scope}-{i}', _overlays(overlaid, places, start))}</div>"
        for i, (canvas, places) in enumerate(_places([frame.canvas for frame in overlaid]))
    )


def _overlays(frames: Sequence[Overlaid], places: Sequence[int], start: int) -> str:
    """Those of one canvas: at these places."""
    found = _places([frames[place] for place in places])
    return "".join(f"<g{_at([places[i] for i in at], start)}>{frame.overlay()}</g>" for frame, at in found)


def _places(things: Iterable[Any]) -> list[tuple[Any, list[int]]]:
    """Each thing once, with all the places where it is."""
    found: dict[int, tuple[Any, list[int]]] = {}
    for place, thing in enumerate(things):
        found.setdefault(id(thing), (thing, []))[1].append(place)
    return list(found.values())


def _at(places: Sequence[int], start: int) -> str:
    return f' data-at="{" ".join(map(str, places))}"{"" if start in places else " hidden"}'


# ---- tables ----------------------------------------------------------------------------------------------


@_item.register
def _(table: Table, scope: str) -> str:
    head = "".join(f"<th>{name}</th>" for name in table.head)
    rows = "".join(f"\n<tr>{''.join(map(_cell, row))}</tr>" for row in table.rows)
    caption = f'\n<p class="caption">{table.caption}</p>' if table.caption else ""
    return (
        f'<div class="table">\n<h3>{table.title}</h3>\n<div class="scroll" tabindex="0"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{rows}\n</tbody>\n</table></div>{caption}\n</div>"
    )


def _cell(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td class="number">{number(value, ".6g")}</td>'
    return f"<td>{value}</td>"


def _checks(checks: Sequence[Check]) -> Table:
    rows = [
        (
            check.name,
            check.by,
            check.predicted,
            check.measured,
            _distance(check.error, check.relative),
            _distance(check.tolerance, check.relative),
            "yes" if check.holds else '<span class="bad">no</span>',
        )
        for check in checks
    ]
    held = sum(check.holds for check in checks)
    head = ("", "by", "predicted", "measured", "apart by", "at most", "holds")
    return Table(f"{held} of {len(checks)} hold", head, rows)


def _distance(x: float, relative: bool) -> str:
    """A share of what was predicted as percents, while these have few zeros."""
    if relative and x >= 1e-5:
        return f"{number(100 * x, '.1g')}%"
    return number(x, ".1g") + (" of it" if relative and x else "")
