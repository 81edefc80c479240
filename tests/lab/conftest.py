"""A browser, and a reader of the page that the fixture ``index`` of a module makes."""

import pytest

from lab.browser import DESK, PHONE, Reader, chromium


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(params=[(PHONE, "dark"), (DESK, "light")], ids=str)  # what is wide depends on no colour
def reader(request, browser, index):
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    yield Reader(context.new_page(), index)
    context.close()
