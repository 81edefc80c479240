"""`minigan lab`: lists, runs, writes, and refuses in one sentence."""

import dataclasses
import json

import pytest
from command_line import files, refused

from lab.small_page import page
from minigan import lab
from minigan.cli import main
from minigan.errors import ConfigError
from minigan.lab import course


@dataclasses.dataclass(frozen=True)
class Data:
    steps: int
    run: str | None


class Experiment(course.Experiment):
    """Stands for all of them; and one that fails."""

    @property
    def run(self):
        def small(run: str | None = None, /, *, steps: int = 3):
            """Nothing.

            Args:
                run: to look at.
                steps: how many.
            """
            if steps < 1:
                raise ConfigError(f"steps: expected at least 1, but got {steps}.")
            return Data(steps, run)

        return small

    def page(self, data):
        return page()


@pytest.fixture
def experiments(here, monkeypatch):
    experiments = {name: Experiment(name, f"about {name}") for name in lab.EXPERIMENTS}
    monkeypatch.setattr(course, "EXPERIMENTS", experiments)
    for module in ("minigan.lab", "minigan.lab.index"):
        monkeypatch.setattr(f"{module}.EXPERIMENTS", experiments)
    return here


def test_without_a_name_it_lists_them(capfd):
    assert main(["lab"]) == 0
    said = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == [*lab.EXPERIMENTS, "all"]


def test_an_experiment_writes_its_folder_and_says_where(experiments, capfd):
    assert main(["lab", "dirac", "--steps", "5"]) == 0
    assert capfd.readouterr().out == "Wrote lab/dirac/index.html: open it in a browser. 1 of 2 predictions hold.\n"
    assert json.loads((experiments / "lab/dirac/lab.json").read_text())["data"] == {"steps": 5, "run": None}
    assert main(["lab", "dirac", "runs/x"]) == 0
    assert json.loads((experiments / "lab/dirac-2/lab.json").read_text())["data"] == {"steps": 3, "run": "runs/x"}
    assert (experiments / "lab/dirac-2/index.html").exists()


def test_all_of_them_have_a_page_that_leads_to_them(experiments, capfd):
    assert main(["lab", "all", "--out", "course"]) == 0
    index = (experiments / "course/index.html").read_text()
    assert all(f'href="{name}/index.html"' in index for name in lab.EXPERIMENTS)
    assert all((experiments / "course" / name / "index.html").exists() for name in lab.EXPERIMENTS)
    assert capfd.readouterr().out.splitlines()[-1] == "Wrote course/index.html: open it in a browser."


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["dirc"], "There is no experiment 'dirc'; did you mean 'dirac'? Expected one of step, dstar"),
        (["dirac", "--stps", "3"], "There is no option '--stps' in minigan lab dirac; did you mean '--steps'?"),
        (["dirac", "x", "y"], "There is no place for the argument 'y' in minigan lab dirac."),
        (["dirac", "--steps", "0"], "steps: expected at least 1, but got 0."),
        (["all", "--steps", "0"], "There is no option '--steps' in minigan lab all"),
        (["dirac", "--out", "full"], "--out full: this folder is not empty (it holds x); choose one that is empty"),
        (["all", "--out", "full"], "--out full: this folder is not empty (it holds x); choose one that is empty"),
        (["dirac", "--out", "full/x"], "--out full/x: this is a file, but a folder was expected; choose another."),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence_and_nothing_is_written(experiments, capfd, argv, sentence):
    (experiments / "full").mkdir()
    (experiments / "full/x").write_text("mine")
    before = files(experiments)
    assert refused(capfd, ["lab", *argv]).startswith(sentence)
    assert files(experiments) == before


def test_help_of_an_experiment_names_its_options(experiments, capfd):
    assert main(["lab", "dirac", "--help"]) == 0
    said = capfd.readouterr().out
    assert "--steps STEPS" in said
    assert "--out DIR" in said
    assert "how many (default: 3)" in said


def test_a_notebook_writes_a_page_of_what_a_function_returned(experiments, tmp_path):
    index = lab.write("dirac", lab.dirac(steps=20), tmp_path / "a" / "b")
    assert index == tmp_path / "a" / "b" / "index.html"
    assert index.exists()


def test_a_name_that_is_none_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'minigan.lab' has no attribute 'dirc'"):
        lab.dirc  # noqa: B018
    assert set(lab.EXPERIMENTS) <= set(dir(lab))
