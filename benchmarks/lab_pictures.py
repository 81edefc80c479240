"""The pictures of the lab in README.md and docs/course.md: one exhibit of each experiment, as a browser shows it.

    python benchmarks/lab_pictures.py [step dirac ...] [--pages DIR]

Runs `minigan lab NAME`, unless DIR has the page already, opens it in Chromium, and writes docs/images/lab-NAME.png.
Needs Playwright (`pip install 'minigan[dev]'`) and a Chromium of the system.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WIDTH = 1400  # pixels of the window: three panels in a row
COLOURS = 128  # enough for heat maps, at a third of the size

# Of each experiment the number of the exhibit on its page, and where the slider stands, if not where it starts.
SHOWN: dict[str, tuple[int, int | None]] = {
    "step": (1, None),
    "dstar": (0, None),
    "saturation": (0, None),
    "ring": (1, None),
    "collapse": (0, None),
    "flow": (0, None),
    "bugs": (3, 32),
    "fork": (0, None),
    "doctor": (0, 4),
    "dirac": (0, None),
    "spectrum": (0, None),
}


def main() -> None:
    """Make pages where they are missing, and picture them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(SHOWN))
    parser.add_argument("--pages", type=Path, metavar="DIR", help="where pages are kept; if not given, in a new folder")
    args = parser.parse_args()
    pages = args.pages or Path(tempfile.mkdtemp(prefix="minigan-lab-"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in args.names:
            folder = pages / name
            if not folder.exists():
                subprocess.run([sys.executable, "-m", "minigan", "lab", name, "--out", str(folder)], check=True)
            write(picture(browser, folder / "index.html", *SHOWN[name]), IMAGES / f"lab-{name}.png")


def picture(browser: Browser, path: Path, number: int, position: int | None) -> bytes:
    """An exhibit as PNG, without its caption: the text around the picture says what it shows."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
    page.goto(path.resolve().as_uri())
    exhibit = page.locator("figure.exhibit").nth(number)
    if position is not None:
        exhibit.locator("input").first.fill(str(position))
        exhibit.locator("input").first.blur()
    page.add_style_tag(content="figcaption, .sliders button { display: none } .tall { max-height: none !important }")
    shot: bytes = exhibit.screenshot()
    page.close()
    return shot


def write(png: bytes, path: Path) -> None:
    """With fewer colours, as a picture of lines and heat maps needs no more."""
    Image.open(BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
