"""docs/course.md leads through the experiments that there are, in the order in which `minigan lab` lists them."""

import re

import numpy as np
import pytest
from pages import ROOT, read

from minigan import lab

COURSE = read("docs/course.md")
CHAPTERS = re.findall(r"^## (\d+)\. .*: `minigan lab (\w+)[^`]*`$", COURSE, flags=re.M)


def test_every_experiment_has_its_chapter_in_the_order_of_the_list():
    assert [name for _, name in CHAPTERS] == list(lab.EXPERIMENTS)
    assert [int(number) for number, _ in CHAPTERS] == list(range(1, len(CHAPTERS) + 1))


@pytest.mark.parametrize("chapter", re.split(r"^## ", COURSE, flags=re.M)[1:], ids=lambda text: text.split(":")[0])
def test_every_chapter_asks_and_answers(chapter):
    asked = re.findall(r"<details>\n<summary>(.*?\?)</summary>\n\n(.+?)\n</details>", chapter, flags=re.S)
    assert len(asked) >= 3
    assert len(asked) == chapter.count("<details>") == chapter.count("</details>") == chapter.count("<summary>")


def test_numbers_of_the_answers_are_right():
    """Those that mathematics gives; what an experiment measures stands on its page."""
    one = 1 / (1 + np.exp(-1))
    numbers = {
        "−1.386": -np.log(4),
        "0.3368": (-0.712633 + np.log(4)) / 2,
        "one part in 2981": np.exp(8),
        "σ(1) = 0.731": one,
        "= 1.006": -np.log(one) - np.log(0.5),
        "= 1.2": 1 + 4 / (2 * 10),
        "the gap is 4.8": 4 * 1.2,
    }
    for text, value in numbers.items():
        assert text in " ".join(COURSE.split())
        digits = re.search(r"−?[\d.]+(?!.*[\d.])", text)[0].replace("−", "-")
        assert float(digits) == round(value, len(digits.partition(".")[2]))


def test_scripts_of_the_examples_are_those_of_the_experiments():
    assert {path.stem for path in (ROOT / "examples").glob("lab_*.py")} == {f"lab_{name}" for name in lab.EXPERIMENTS}
