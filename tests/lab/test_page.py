"""Pages: one file that needs no other, with each frame once, and pictures that show the same."""

import dataclasses
import json
import math
import re
from collections import Counter
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lab.small_page import page, spiral
from minigan.errors import RunError, ShapeError
from minigan.lab.page import BLUE, Canvas, Check, Drawing, Exhibit, Panel, Path, Slider, Text, panel
from minigan.lab.page.html import page_html
from minigan.lab.writing import pictures, plain, write

VOID = {"meta", "link", "input", "br", "img"}


class Reader(HTMLParser):
    """The elements of a document, with their attributes; fails where an end is missing or too much."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def having(self, name):
        return [attrs for _, attrs in self.elements if name in attrs]


@pytest.fixture(scope="module")
def text():
    return page_html(page())


@pytest.fixture(scope="module")
def read(text):
    return Reader(text)


def test_a_page_is_whole_and_names_nothing_outside(text, read):
    for _, attrs in read.elements:
        for name in ("src", "href", "xlink:href", "data", "action"):
            assert attrs.get(name, "#").startswith(("#", "data:"))
    outside = set(re.findall(r"https?://[^\s\"'<)]*", text))
    assert outside <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "@import" not in text
    assert "url(http" not in text


def test_no_two_elements_have_one_id_and_all_that_is_named_is_there(text, read):
    ids = [attrs["id"] for attrs in read.having("id")]
    assert ids
    assert max(Counter(ids).values()) == 1
    named = re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', text)
    assert named
    assert {a or b for a, b in named} <= set(ids)


def test_each_frame_is_there_once_and_only_those_of_the_start_are_shown(read):
    """The start is gamma's second position and h's first: position 2 of 6."""
    at = [(set(attrs["data-at"].split()), "hidden" in attrs) for attrs in read.having("data-at")]
    spirals = [{"0", "2", "4"}, {"1", "3", "5"}]
    assert [places for places, _ in at if len(places) == 3] == spirals
    assert sum(len(places) == 1 for places, _ in at) == 6  # the texts
    assert all(hidden == ("2" not in places) for places, hidden in at)


def test_a_slider_is_labelled_and_knows_what_its_positions_are_called(read):
    gamma, h = (attrs for tag, attrs in read.elements if tag == "input")
    assert json.loads(gamma["data-names"]) == ["0", "0.1", "1 < 2"]
    assert (gamma["min"], gamma["max"], gamma["value"], h["max"]) == ("0", "2", "1", "1")


def test_only_a_figure_with_sliders_asks_for_javascript(text):
    assert text.count("<noscript>") == text.count('class="sliders"') == 1
    assert "<noscript>" not in page_html(dataclasses.replace(page(), sections=()))


def test_colours_are_those_of_the_page(text):
    body = text[text.index("</head>") :]
    assert "var(--blue)" in body
    assert "var(--ink)" in body
    assert BLUE not in body
    assert "#1f2328" not in body
    assert "fill: #ffffff" not in body


def test_checks_say_which_hold(read):
    said = " ".join(read.texts)
    assert "1 of 2 hold" in said
    assert said.count("yes") == 1


def test_the_same_page_is_the_same_file(text):
    assert page_html(page()) == text


def test_a_path_lies_where_matplotlib_would_draw_it():
    figure, axes = panel("", "x", "y", xlim=(-2, 1), ylim=(1, 100), yscale="log")
    points = np.array([[-1.5, 2.0], [0.0, 10.0], [0.7, 50.0]])
    canvas = Canvas(figure, axes)
    found = re.search(r'points="([^"]*)"', Path(points).svg(canvas))[1]
    places = np.array([pair.split(",") for pair in found.split()], float)
    axes.plot(*points.T, color="#123456")
    drawn = re.search(r'<path d="([^"]*)"[^>]*#123456', Drawing(figure).markup("x"))[1]
    expected = np.array(re.findall(r"[-\d.]+", drawn), float).reshape(-1, 2)
    np.testing.assert_allclose(places, expected, atol=0.06)  # a page has tenths of a point


def test_a_frame_as_png_has_its_paths_and_leaves_none_behind():
    figure, axes = panel(xlim=(-1, 1), ylim=(-1, 1))
    canvas = Canvas(figure, axes)
    with_path, without = canvas.frame([Path(spiral(0.0), BLUE, dot=3)]), canvas.frame([])
    empty = without.png()
    blue = np.array([0x00, 0x72, 0xB2])
    pixels = np.asarray(Image.open(BytesIO(with_path.png())).convert("RGB")).astype(int)
    assert (np.abs(pixels - blue).max(axis=2) < 8).sum() > 500
    assert without.png() == empty
    assert not axes.lines


def test_a_panel_needs_one_frame_or_one_for_each_position():
    with pytest.raises(ShapeError, match=r"expected 1 or 4 frames.*'words' has 3"):
        Exhibit("x", "", [Panel("words", [Text(str(i)) for i in range(3)])], [Slider("a", "ab"), Slider("b", "ab")])


def test_pictures_are_those_of_the_page():
    found = dict(pictures(page()))
    assert set(found) == {"curve.png", "spirals.png", "spirals.gif"}
    assert Image.open(BytesIO(found["spirals.gif"])).n_frames > 1
    assert Image.open(BytesIO(found["curve.png"])).size == (840, 660)


# ---- checks and numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("predicted", "measured", "tolerance", "relative", "holds"),
    [
        (2.0, 2.1, 0.1 + 1e-12, False, True),
        (2.0, 2.2, 0.1, False, False),
        (200.0, 202.0, 0.011, True, True),
        (-200.0, -203.0, 0.011, True, False),
        (1.0, math.nan, 1.0, False, False),
        (1.0, math.inf, 1.0, True, False),
    ],
)
def test_a_check_holds_within_its_tolerance(predicted, measured, tolerance, relative, holds):
    assert Check("", predicted, measured, tolerance, relative).holds is holds


@dataclasses.dataclass(frozen=True)
class Inner:
    roots: np.ndarray


@dataclasses.dataclass(frozen=True)
class Data:
    inner: Inner
    by_step: dict
    losses: list
    label: str | None

    @property
    def last(self):
        return self.losses[-1]


def test_lab_json_holds_every_number(tmp_path):
    data = Data(Inner(np.array([0.1 + 0.2j])), {5: np.float32(0.5)}, [np.nan, np.inf, 1 / 3, np.int64(7)], None)
    write("small", data, page(), tmp_path)
    found = json.loads((tmp_path / "lab.json").read_text(), parse_constant=pytest.fail)
    assert found["experiment"] == "small"
    assert found["data"] == {
        "inner": {"roots": [[0.1, 0.2]]}, "by_step": {"5": 0.5}, "losses": [None, "inf", 1 / 3, 7], "label": None,
        "last": 7,
    }  # fmt: skip
    assert [check["holds"] for check in found["checks"]] == [True, False]
    assert found["checks"][1] == {
        "name": "two", "predicted": 2.0, "measured": 2.5, "tolerance": 0.1, "relative": False, "by": "mathematics",
        "error": 0.5, "holds": False,
    }  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {
        "index.html", "lab.json", "curve.png", "spirals.png", "spirals.gif",
    }  # fmt: skip


def test_objects_that_json_does_not_have_are_refused():
    with pytest.raises(TypeError, match="set"):
        plain({"a": {1, 2}})


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    with pytest.raises(RunError, match=r"Cannot write .*curve\.png"):
        write("small", Inner(np.zeros(1)), page(), tmp_path / "nowhere")
