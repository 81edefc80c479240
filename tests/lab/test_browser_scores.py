"""The pages of scores as readers see them: of one run and of several, of digits and of points."""

import pytest
from scored_runs import small_data_of, train

from minigan.cli import main
from minigan.metrics.evaluation import data as evaluation_data

pytestmark = pytest.mark.browser

PAGES = {
    "digits": ["digits-0"],
    "digits compared": ["digits-0", "digits-1", "cgan-0"],
    "points": ["ring-0"],
    "points compared": ["ring-0", "ring-1"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Small runs."""
    folder = tmp_path_factory.mktemp("scored")
    for preset, name in (("default", "digits"), ("cgan", "cgan"), ("ring", "ring")):
        for seed in (0, 1):
            train(preset, folder / f"{name}-{seed}", "--seed", str(seed))
    return folder


@pytest.fixture(scope="module", params=PAGES)
def index(request, folder):
    """The page that the command writes; a process that comes back to its tests after others finds it there."""
    out = folder / request.param.replace(" ", "-")
    if out.exists():
        return out / "index.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation_data, "data_of", small_data_of)
        patch.setattr(evaluation_data, "REAL_POINTS", 3000)
        assert main(["evaluate", *(str(folder / run) for run in PAGES[request.param]), "--out", str(out)]) == 0
    return out / "index.html"


def test_nothing_is_said_on_the_console_and_nothing_asked_of_a_network(reader, index):
    assert reader.said == []
    assert [address for address in reader.asked if not address.startswith("data:")] == [index.as_uri()]


def test_texts_do_not_overlap_and_are_not_cut_wherever_the_sliders_are(reader):
    assert reader.misplaced() == ([], [])
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= reader.page.viewport_size["width"]
    for _, sliders in reader.exhibits():
        for slider in sliders:
            slider.press("End")
            assert (reader.misplaced(), reader.said) == (([], []), [])


def test_letters_in_pictures_can_be_read(reader):
    """Their height on the screen, in pixels."""
    heights = reader.page.evaluate(
        """[...document.querySelectorAll("svg text")].filter(t => t.checkVisibility() && t.textContent.trim())
        .map(t => [t.getBoundingClientRect(), t.textContent]).map(([b, t]) => [Math.min(b.width, b.height), t])"""
    )
    assert [(height, text) for height, text in heights if 0 < height < 7 and len(text) > 1] == []
