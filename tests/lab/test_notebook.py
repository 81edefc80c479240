"""The lab in a notebook: what is returned shows itself in a line, and the course's program writes the page of it."""

import numpy as np
import pages
import pytest

from minigan import lab
from minigan.lab.experiments.fork_futures import Future


@pytest.mark.slow
def test_the_program_of_the_course_writes_the_page_that_it_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ((program, shown),) = pages.programs(pages.sections(pages.read("docs/course.md"))["The course"])
    printed = pages.run(program, {"__name__": "__main__"})
    assert pages.difference(shown, printed) == ""
    assert (tmp_path / printed.splitlines()[-1]).is_file()


def test_numbers_show_themselves_in_a_line_with_shapes_in_place_of_arrays():
    found = lab.ring(steps=3, repeats=1)
    shown = repr(found)
    assert "\n" not in shown
    assert len(shown) < 600
    assert shown.startswith("Ring(data='ring', centres=array(8, 2), std=0.05, loss='non-saturating'")
    assert "moments=list of 4, training=History(...), repeats=list of 0" in shown
    assert "fakes=array(400, 2)" in repr(found.moments[0])


def test_none_and_numbers_of_numpy_show_themselves_too():
    shown = repr(Future({"loss": np.zeros(3)}, np.float32(0.5), (), np.zeros(2), None))
    assert shown == "Future(reports=dict of 1, samples=0.5, modes=tuple of 0, apart_G=array(2,), apart_D=None)"
