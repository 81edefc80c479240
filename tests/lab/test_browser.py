"""The pages as readers see them: in a browser, on a phone and on a desk, in light and dark, without a network."""

import fcntl
import json
import os

import pytest

from lab.browser import DESK, PHONE, SHOWN, Reader, shown
from minigan import lab

pytestmark = pytest.mark.browser

MOST = 8 << 20  # bytes of a page
# As small as an experiment can be and still have all of its page: for tests of pages, not of numbers.
SMALL = {
    "dstar": {"means": (0.0, 2.0, 8.0), "steps": 30},
    "saturation": {"toy_steps": 20, "chase_steps": 4, "mnist_steps": 4, "pretrain_steps": 4},
    "ring": {"steps": 12, "repeats": 2},
    "collapse": {"steps": 60, "repeats": 2},
    "flow": {"steps": 5, "narrow": 16, "points": 5},
    "fork": {"steps": 12},
    "spectrum": {"steps": 60, "width": 4, "preset_steps": 10},
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Writes the page of an experiment, once for all processes of this pytest."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each has a folder of its own, beside the others
        folder = folder.parent

    def write(name, **options):
        page = folder / f"{name}-{'small' if options else 'default'}"
        with page.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return page / "index.html" if page.exists() else lab.write(name, getattr(lab, name)(**options), page)

    return write


@pytest.fixture(scope="module", params=lab.EXPERIMENTS)
def index(request, written):
    """The page of an experiment in a small form, where it has one."""
    return written(request.param, **SMALL.get(request.param, {}))


def test_a_page_is_at_most_8_mb(index):
    assert index.stat().st_size <= MOST


def test_nothing_is_said_on_the_console_and_nothing_asked_of_a_network(reader, index):
    assert reader.said == []
    assert [address for address in reader.asked if not address.startswith("data:")] == [index.as_uri()]


def test_texts_do_not_overlap_and_are_not_cut(reader):
    assert reader.misplaced() == ([], [])
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= reader.page.viewport_size["width"]


def test_letters_in_pictures_can_be_read(reader):
    """Their height on the screen, from the top of an ascender to the bottom of a descender, in pixels."""
    heights = reader.page.evaluate(
        """[...document.querySelectorAll("svg text")].filter(t => t.checkVisibility() && t.textContent.trim())
        .map(t => [t.getBoundingClientRect(), t.textContent]).map(([b, t]) => [Math.min(b.width, b.height), t])"""
    )
    assert [(height, text) for height, text in heights if 0 < height < 7 and len(text) > 1] == []


def test_sliders_move_the_figures_by_keyboard(reader):
    for exhibit, sliders in reader.exhibits():
        for slider in sliders:
            moved = _press(exhibit, slider)
            assert moved, slider.get_attribute("data-names")
        if len(sliders) == 1:
            _check_every_position(exhibit, sliders[0])
    assert reader.said == []


def _press(exhibit, slider):
    """Whether a key changes what is shown and what is written beside the slider, at some position."""
    label = slider.query_selector("xpath=..")
    for key in ("ArrowRight",) * 60 + ("ArrowLeft",) * 60:
        before, named = shown(exhibit), label.inner_text()
        slider.press(key)
        if shown(exhibit) != before:
            return label.inner_text() != named
    return False


def _check_every_position(exhibit, slider):
    """Each has its frames."""
    panels = exhibit.query_selector_all(".panel:has([data-at])")
    for position in range(int(slider.get_attribute("max")) + 1):
        slider.evaluate(f"s => {{ s.value = {position}; s.dispatchEvent(new Event('input', {{bubbles: true}})); }}")
        assert all(panel.evaluate("p => [...p.querySelectorAll('[data-at]')].some(f => !f.hasAttribute('hidden'))")
                   for panel in panels)  # fmt: skip


def test_the_button_plays_and_stops(reader):
    for exhibit, _ in reader.exhibits():
        button = exhibit.query_selector("button")
        before = shown(exhibit)
        button.click()
        assert button.inner_text() == "Pause"
        reader.page.wait_for_function(f"([exhibit, before]) => ({SHOWN})(exhibit) !== before", arg=[exhibit, before])
        if button.inner_text() == "Pause":
            button.click()
        assert button.inner_text() == "Play"
    assert reader.said == []


@pytest.mark.slow
@pytest.mark.parametrize("name", lab.EXPERIMENTS)
def test_the_page_that_the_command_writes_is_as_good(browser, written, name):
    """With the default settings: more positions and longer texts. All that was predicted holds."""
    index = written(name)
    assert index.stat().st_size <= MOST
    checks = json.loads(index.with_name("lab.json").read_text())["checks"]
    assert [check["name"] for check in checks if not check["holds"]] == []
    for width in (PHONE, DESK):
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
        reader = Reader(context.new_page(), index)
        assert (reader.misplaced(), reader.said) == (([], []), [])
        for exhibit, sliders in reader.exhibits():
            for slider in sliders:
                for key in ("End", "Home"):
                    slider.press(key)
                    assert shown(exhibit) != ""
                    assert (reader.misplaced(), reader.said) == (([], []), [])
        context.close()


# ---- the instruments -------------------------------------------------------------------------------------

BAD = """<!doctype html>
<svg width="300" height="100">
<text x="10" y="50">first words</text><text x="30" y="55">others</text><text x="260" y="90">leaves its picture</text>
</svg>
<p style="margin-left: 300px; white-space: nowrap">leaves a phone's screen, as it is long</p>
<p style="margin-top: -1.9em">over it</p>
<script>console.log("a word"); fetch("http://x.y").catch(() => 0)</script>"""


def test_a_bad_page_is_found_out(browser, tmp_path):
    (tmp_path / "bad.html").write_text(BAD)
    context = browser.new_context(viewport={"width": PHONE, "height": 900}, offline=True)
    reader = Reader(context.new_page(), tmp_path / "bad.html")
    covered, cut = reader.misplaced()
    assert {("first words", "others"), ("others", "first words")} & set(covered)
    assert {"leaves its picture"} < set(cut)
    assert any(text.startswith("leaves a phone") for text in cut)
    assert reader.said[0] == "a word"
    assert any("x.y" in address for address in reader.asked)
    context.close()
