"""A reader: Chromium without a window, which notes all that a page does, and measures what it shows."""

import contextlib
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PHONE, DESK = 390, 1400  # pixels

# All texts that can be seen, each with its box and the picture or scrolled box that it has to stay in.
TEXTS = """() => {
  const found = [];
  // Of what is scrolled in a box of its own, only the part that the box shows.
  const seen = (element, box) => {
    let {left, right, top, bottom} = box, scrolled = false;
    for (let e = element; e; e = e.parentElement) {
      if (e === document.documentElement || getComputedStyle(e).overflowX !== "auto") continue;
      const b = e.getBoundingClientRect();
      [left, right, top, bottom] = [Math.max(left, b.left), Math.min(right, b.right), Math.max(top, b.top),
                                    Math.min(bottom, b.bottom)];
      scrolled = true;
    }
    return {left, right, top, bottom, scrolled};
  };
  const note = (element, text, whole, within) => {
    const box = seen(element, whole);
    if (text.trim() && box.right > box.left && box.bottom > box.top)
      found.push({text: text.trim().slice(0, 60), left: box.left + scrollX, right: box.right + scrollX,
                  top: box.top + scrollY, bottom: box.bottom + scrollY, within: box.scrolled ? null : within});
  };
  const shown = e => e.checkVisibility({visibilityProperty: true});
  for (const text of document.querySelectorAll("svg text")) {
    if (!shown(text)) continue;
    const svg = text.closest("svg").getBoundingClientRect();
    note(text, text.textContent, text.getBoundingClientRect(),
         {left: svg.left + scrollX, right: svg.right + scrollX, top: svg.top + scrollY, bottom: svg.bottom + scrollY});
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const parent = node.parentElement;
    if (parent.closest("svg, script, style") || !shown(parent)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects())
      note(parent, node.data, box, {left: 0, right: innerWidth, top: 0, bottom: 1e9});
  }
  return found;
}"""

# What sliders move: the positions whose frames are shown, in each exhibit.
SHOWN = """e => [...e.querySelectorAll("[data-at]")].filter(f => !f.hasAttribute("hidden")).map(f => f.dataset.at)
  .join("|")"""


class Reader:
    """A page in the browser.

    Attributes:
        page: Playwright's.
        said: what came on the console, errors included.
        asked: which addresses were requested.
    """

    def __init__(self, page, path):
        self.page, self.said, self.asked = page, [], []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.as_uri())

    def misplaced(self):
        """Pairs of texts that cover each other by more than a pixel or two, and texts that leave their picture."""
        texts = sorted(self.page.evaluate(TEXTS), key=lambda text: text["top"])
        covered = [
            (a["text"], b["text"])
            for i, a in enumerate(texts)
            for b in _until(texts[i + 1 :], a["bottom"])
            if _cover(a, b)
        ]
        return covered, [text["text"] for text in texts if text["within"] and not _inside(text, text["within"])]

    def exhibits(self):
        """Those with sliders: each with its sliders."""
        exhibits = self.page.query_selector_all(".exhibit")
        return [(each, sliders) for each in exhibits if (sliders := each.query_selector_all("input[type=range]"))]


def _until(texts, bottom):
    for text in texts:
        if text["top"] >= bottom:
            return
        yield text


def _cover(a, b, at_most=0.12):
    """Letters keep some distance from the edges of their box, so boxes may touch."""
    width = min(a["right"], b["right"]) - max(a["left"], b["left"])
    height = min(a["bottom"], b["bottom"]) - max(a["top"], b["top"])
    if width <= 1 or height <= 2:
        return False
    area = min((t["right"] - t["left"]) * (t["bottom"] - t["top"]) for t in (a, b))
    return width * height > at_most * area


def _inside(text, box, slack=1.5):
    return (
        text["left"] >= box["left"] - slack
        and text["right"] <= box["right"] + slack
        and text["top"] >= box["top"] - slack
        and text["bottom"] <= box["bottom"] + slack
    )


def shown(exhibit):
    """Which frames an exhibit shows."""
    return exhibit.evaluate(SHOWN)


@contextlib.contextmanager
def chromium():
    """The browser, from the system's packages."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
