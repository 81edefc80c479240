"""`minigan lab`: lists, runs, writes, and refuses in one sentence."""

import dataclasses
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import ENVIRONMENT, files, refused

from lab.small_page import page
from minigan import lab
from minigan.cli import main
from minigan.commands.results import results_folder
from minigan.errors import ConfigError, RunError
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
    assert capfd.readouterr().out == (
        "Wrote lab/dirac/index.html: open it in a browser. 1 of 2 predictions hold.\nBeyond their tolerance: two.\n"
    )
    assert json.loads((experiments / "lab/dirac/lab.json").read_text())["data"] == {"steps": 5, "run": None}
    assert main(["lab", "dirac", "runs/x"]) == 0
    assert json.loads((experiments / "lab/dirac-2/lab.json").read_text())["data"] == {"steps": 3, "run": "runs/x"}
    assert (experiments / "lab/dirac-2/index.html").exists()


@pytest.mark.slow
def test_all_of_them_have_a_page_that_leads_to_them(experiments, capfd):
    assert main(["lab", "all", "--out", "course"]) == 0
    index = (experiments / "course/index.html").read_text()
    assert all(f'href="{name}/index.html"' in index for name in lab.EXPERIMENTS)
    assert all((experiments / "course" / name / "index.html").exists() for name in lab.EXPERIMENTS)
    assert "Not made yet" not in index
    assert capfd.readouterr().out.splitlines()[-1] == "Wrote course/index.html: open it in a browser."


def stopping(name, stop):
    """The experiments, of which one does this in place of its work."""

    class Stopping(Experiment):
        @property
        def run(self):
            return stop if self.name == name else super().run

    return {each: Stopping(each, f"about {each}") for each in lab.EXPERIMENTS}


@pytest.mark.parametrize(
    ("stop", "code", "said"),
    [
        (lambda: signal.raise_signal(signal.SIGINT), 130, "minigan: Interrupted by SIGINT.\n"),
        (lambda: lab.EXPERIMENTS["ring"].run(steps=0), 2, "minigan: steps: expected at least 1, but got 0.\n"),
    ],
)
def test_a_course_that_is_ended_says_which_pages_there_are(experiments, capfd, monkeypatch, stop, code, said):
    monkeypatch.setattr(course, "EXPERIMENTS", stopping("saturation", stop))
    assert main(["lab", "all", "--out", "course"]) == code
    out, err = capfd.readouterr()
    assert err == said
    assert out.splitlines()[-1] == f"course/index.html leads to the 2 of {len(lab.EXPERIMENTS)} pages that were made."
    assert sorted(path.name for path in (experiments / "course").iterdir()) == ["dstar", "index.html", "step"]
    index = (experiments / "course/index.html").read_text()
    assert re.findall(r'href="(\w+)/index.html"', index) == ["step", "dstar"]
    assert f"2 of {len(lab.EXPERIMENTS)} pages are here" in index
    assert index.count("Not made yet") == len(lab.EXPERIMENTS) - 2
    assert "<code>minigan lab saturation</code>" in index


@pytest.mark.slow
def test_a_course_that_is_killed_has_an_index_of_the_pages_before(experiments, capfd, monkeypatch):
    """As nothing runs after a SIGKILL: what is there while the next experiment runs."""
    seen = []
    look = lambda: seen.append(files(experiments / "course")) or Data(1, None)  # noqa: E731
    monkeypatch.setattr(course, "EXPERIMENTS", stopping("saturation", look))
    assert main(["lab", "all", "--out", "course"]) == 0
    (before,) = seen
    assert {path.split("/")[0] for path in before} == {"index.html", "step", "dstar"}


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
        (["dirac", "--out", ""], "--out '': expected the name of a folder; name a new one, or leave --out away."),
        (["all", "--out", " "], "--out ' ': expected the name of a folder"),
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


def test_where_nothing_can_be_drawn_nothing_is_computed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "minigan", "lab", "dirac", "--out", "out"], cwd=tmp_path, check=False,
        env={**ENVIRONMENT, "MPLBACKEND": "nonsense"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("minigan: matplotlib, which draws the plots, cannot be used (")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_none_is_refused_with_the_nearest_one(tmp_path):
    with pytest.raises(ConfigError, match="There is no experiment 'dirc'; did you mean 'dirac'"):
        lab.write("dirc", None, tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_none_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'minigan.lab' has no attribute 'dirc'"):
        lab.dirc  # noqa: B018
    assert set(lab.EXPERIMENTS) <= set(dir(lab))


@pytest.mark.parametrize("name", ["ring", "fork", "doctor", "flow", "all"])
def test_a_signal_ends_an_experiment_at_once_and_leaves_nothing(here, name):
    """Also within a training, which alone would end early as if all were well."""
    command = [sys.executable, "-m", "minigan.cli", "lab", name, "--out", "out"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    while not (here / "out").exists():  # made before any work, and when signals are caught already
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(2)  # so that it is within a training, most likely; wherever it is, it has to end the same way
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30)[1] == "minigan: Interrupted by SIGTERM.\n"
    assert process.returncode == 143
    assert not (here / "out").exists()


def test_a_disk_that_is_full_leaves_no_half_of_a_folder(experiments, capfd, monkeypatch):
    def full(path, content):
        if path.name == "lab.json":
            raise RunError(f"Cannot write {path}: No space left on device.")
        path.write_bytes(content)

    monkeypatch.setattr("minigan.lab.page.files.write_whole", full)
    assert refused(capfd, ["lab", "dirac"]).startswith("Cannot write lab/dirac/lab.json: No space left")
    assert not (experiments / "lab").exists()


def test_two_that_look_for_a_folder_at_once_get_one_each(here, monkeypatch):
    """The other one makes each folder just before this one would."""
    mkdir = Path.mkdir

    def late(path):
        if path.name in ("lab", "dirac"):
            mkdir(path)
        mkdir(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", late)
        with results_folder(None, "lab/dirac") as folder:
            assert folder == Path("lab/dirac-2")
    assert sorted(str(path) for path in Path().rglob("*")) == ["lab", "lab/dirac"]  # the other's are still there


def test_settings_of_matplotlib_do_not_matter(experiments, capfd, monkeypatch):
    import matplotlib

    monkeypatch.setitem(matplotlib.rcParams, "text.usetex", True)
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "black")
    assert main(["lab", "dirac"]) == 0
    assert "Wrote lab/dirac/index.html" in capfd.readouterr().out


def test_what_a_page_found_is_said(experiments, capfd, monkeypatch):
    found = dataclasses.replace(page(), found="Found nothing.")
    monkeypatch.setattr(Experiment, "page", lambda self, data: found)
    assert main(["lab", "dirac"]) == 0
    assert capfd.readouterr().out.startswith("Found nothing.\nWrote")
