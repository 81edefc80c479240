"""``minigan evaluate``: its table, its files, several runs, and all that it refuses."""

import json
import os
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from command_line import done, files, refused
from scipy import stats
from scored_runs import REAL, TEST, digits_config, small_data, train  # noqa: F401

import minigan as mg
from minigan.cli import main
from minigan.commands import evaluating
from minigan.errors import RunError
from minigan.gan import Run
from minigan.metrics import judge as judge_module
from minigan.metrics.evaluation import calibrate, evaluate, reference_of
from minigan.metrics.evaluation import data as evaluation_data
from minigan.metrics.evaluation.digits import DigitReference
from minigan.metrics.evaluation.drawn import draw

CPU = mg.device("cpu")
pytestmark = pytest.mark.usefixtures("small_data")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with small runs."""
    folder = tmp_path_factory.mktemp("runs")
    train("default", folder / "digits")
    train("cgan", folder / "cgan")
    train("repair", folder / "repair")
    for seed in (0, 1, 2):
        train("ring", folder / f"ring-{seed}", "--seed", str(seed))
    train("grid", folder / "grid")
    return folder


@pytest.fixture
def runs(trained, tmp_path, monkeypatch, capfd):
    """Copies of them, here."""
    shutil.copytree(trained, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    return tmp_path / "runs"


def scores_in(folder):
    return json.loads((Path(folder) / "scores.json").read_text())


# ---- one run ---------------------------------------------------------------------------------------------


def test_the_numbers_are_those_of_the_samples_that_the_newest_checkpoint_draws(runs, capfd):
    done(capfd, "evaluate", "runs/digits", "-n", "100", "--seed", "3")
    run = Run.open("runs/digits")
    reference = reference_of(run.config)
    expected = evaluate(draw(run.game(CPU), 100, 3).samples, reference)
    found = scores_in("runs/digits/scores")
    ((scored,),) = [row["runs"] for row in found["rows"]]
    assert (scored["path"], scored["step"], scored["seed"]) == ("runs/digits", 3, 0)
    assert scored["scores"]["digits"]["frechet_distance"] == expected.digits.frechet_distance
    assert scored["scores"]["images"]["parzen"]["mean"] == expected.images.parzen.mean
    assert (found["samples"], found["seed"], found["data"]) == (100, 3, "MNIST")


def test_the_table_shows_the_run_between_real_test_images_and_noise_and_the_hash_of_the_judge(runs, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    out = done(capfd, "evaluate", "runs/digits")
    rows = [line.split("   ")[0] for line in out.splitlines()]
    for name in ("runs/digits", "real test images", "noise"):
        assert rows.count(name) == 2, out  # of the scores by a judge, and of the others
    real = next(line for line in out.splitlines() if line.startswith("real test images"))
    noise = next(line for line in out.splitlines() if line.startswith("noise"))
    assert float(real.split()[3]) > 5 > float(noise.split()[1]) == 1  # the classifier score
    assert f"{TEST} samples in each row, against 900 of MNIST" in out
    assert f"SHA-256 {judge_module.SHA256['report'][:12]}" in out
    assert max(map(len, out.splitlines())) <= 100
    for told in ("without bias", "too low", "grows with the samples"):
        assert told in out
    assert "class accuracy" not in out


def test_what_takes_long_is_said_before_it_is_done(runs, capfd):
    out = done(capfd, "evaluate", "runs/digits", "-n", "70")
    assert out.splitlines()[:3] == [
        "The judge looks at 900 training images; all takes about a minute on two cores ...",
        "runs/digits after step 3: 70 samples ...",
        "Real samples and noise, 70 of each ...",
    ]


def test_the_judge_to_choose_by_can_be_asked(runs, capfd):
    out = done(capfd, "evaluate", "runs/digits", "--judge", "selection")
    assert f'Judge "selection", 99.62% right on test images, SHA-256 {judge_module.SHA256["selection"][:12]}' in out
    assert scores_in("runs/digits/scores")["judge"]["sha256"] == judge_module.SHA256["selection"]


def test_a_G_that_is_told_digits_is_scored_by_whether_it_draws_those(runs, capfd):
    assert "class accuracy" in done(capfd, "evaluate", "runs/cgan")
    found = scores_in("runs/cgan/scores")
    assert 0 <= found["rows"][0]["mean"]["digits.class_accuracy"] <= 1
    assert found["calibration"]["real"]["digits"]["class_accuracy"] > 0.95
    assert found["calibration"]["noise"]["digits"]["class_accuracy"] < 0.3


def test_points_are_counted_by_modes(runs, capfd):
    out = done(capfd, "evaluate", "runs/ring-0")
    assert "2,500 samples in each row" in out
    real = next(line for line in out.splitlines() if line.startswith("real points")).split()
    assert real[2] == "8"  # of a single set: there are 3,000 real points
    assert 98 < float(real[3].rstrip("%")) < 99.8
    assert "udge" not in out


def test_the_page_has_pictures_and_numbers_of_its_own_and_its_files_are_listed(runs, capfd):
    out = done(capfd, "evaluate", "runs/digits")
    assert out.endswith("Wrote runs/digits/scores/index.html: open it in a browser.\n")
    found = scores_in("runs/digits/scores")
    pictures = {f"{name}.png" for name in ("samples", "interpolation", "suspects", "distances", "classes")}
    names = {"index.html", "scores.json", *pictures}
    assert set(os.listdir("runs/digits/scores")) == set(found["files"]) == names
    page = Path("runs/digits/scores/index.html").read_text()
    assert judge_module.SHA256["report"][:12] in page
    assert f"{found['rows'][0]['mean']['digits.frechet_distance']:.2f}" in page


def test_the_same_command_writes_the_same_bytes(runs, capfd):
    written = []
    for _ in range(2):
        done(capfd, "evaluate", "runs/ring-0", "-n", "200")
        written.append(files(Path("runs/ring-0/scores")))
    assert written[0] == written[1]


def test_an_evaluation_changes_nothing_of_the_run_and_training_goes_on(runs, capfd):
    before = files(Path("runs/digits"))
    done(capfd, "evaluate", "runs/digits")
    after = files(Path("runs/digits"))
    assert {name: content for name, content in after.items() if not name.startswith("scores")} == before
    done(capfd, "train", "--resume", "runs/digits", "--steps", "4", "--allow-changes")
    assert Run.open("runs/digits").checkpoint["step"] == 4
    assert "scores/index.html" in files(Path("runs/digits"))


# ---- where results go ------------------------------------------------------------------------------------


def test_the_next_evaluation_replaces_the_earlier_one_as_a_whole(runs, capfd):
    done(capfd, "evaluate", "runs/digits", "-n", "70")
    before = set(os.listdir("runs/digits"))
    old = json.loads(Path("runs/digits/scores/scores.json").read_text())
    (Path("runs/digits/scores") / "former.png").write_bytes(b"of an older minigan")
    old["files"].append("former.png")
    Path("runs/digits/scores/scores.json").write_text(json.dumps(old))
    done(capfd, "evaluate", "runs/digits", "-n", "80")
    assert scores_in("runs/digits/scores")["samples"] == 80
    assert "former.png" not in os.listdir("runs/digits/scores")
    assert set(os.listdir("runs/digits")) == before


@pytest.mark.parametrize("content", ["{}", "[", '{"files": 3}', "[" * 100_000])
def test_a_damaged_account_of_the_files_is_told_and_nothing_replaced(runs, capfd, content):
    own = Path("runs/ring-0/scores")
    own.mkdir()
    (own / "scores.json").write_text(content)
    message = refused(capfd, ["evaluate", "runs/ring-0"])
    assert message.startswith("runs/ring-0/scores/scores.json is damaged, so that nobody knows what else in there")
    assert (own / "scores.json").read_text() == content


@pytest.mark.parametrize("content", [None, '{"files": ["index.html"]}'])
def test_what_no_evaluation_wrote_is_not_replaced(runs, capfd, content):
    own = Path("runs/ring-0/scores")
    own.mkdir()
    (own / "notes.txt").write_text("mine")
    if content is not None:
        (own / "scores.json").write_text(content)
    message = refused(capfd, ["evaluate", "runs/ring-0"])
    assert message == (
        "runs/ring-0/scores holds notes.txt, which no evaluation wrote, and would be lost; move it away, or choose "
        "another place with --out.\n"
    )
    assert (own / "notes.txt").read_text() == "mine"
    done(capfd, "evaluate", "runs/ring-0", "-n", "100", "--out", "elsewhere")
    assert scores_in("elsewhere")["samples"] == 100


def test_a_folder_with_the_name_of_a_picture_is_not_replaced(runs, capfd):
    done(capfd, "evaluate", "runs/ring-0", "-n", "100")
    own = Path("runs/ring-0/scores/index.html")
    own.unlink()
    own.mkdir()
    (own / "thesis.txt").write_text("mine")
    assert "holds index.html, which no evaluation wrote" in refused(capfd, ["evaluate", "runs/ring-0"])
    assert (own / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("killed", ["between the renames", "while writing"])
def test_what_a_killed_evaluation_left_is_cleared_up_by_the_next(runs, capfd, killed):
    done(capfd, "evaluate", "runs/ring-0", "-n", "100")
    before, nobody = scores_in("runs/ring-0/scores"), 2**22 + 1  # above the largest process number of Linux
    left = Path(f"runs/ring-0/.scores-{nobody}-abcd_ef1")
    if killed == "between the renames":
        shutil.copytree("runs/ring-0/scores", left / "scores")
        Path("runs/ring-0/scores").rename(left / "old")
    else:
        (left / "scores").mkdir(parents=True)
    names = "mine", "2024-old", f"{os.getpid()}-abcd_ef1", f"{nobody}-thesis42", f"{nobody}-thesis43"
    others = [Path(f"runs/ring-0/.scores-{name}") for name in names]
    for other in others:
        (other / "old").mkdir(parents=True)
    for precious in (others[-2] / "notes.txt", others[-1] / "old" / "novel.txt"):  # by their names they could be ours
        precious.write_text("mine")
    assert "expected n from 50" in refused(capfd, ["evaluate", "runs/ring-0", "-n", "3"])
    assert not left.exists()
    assert scores_in("runs/ring-0/scores") == before
    assert all(other.exists() for other in others)


def test_scores_of_a_killed_evaluation_that_cannot_be_put_back_stay(runs, capfd, monkeypatch):
    done(capfd, "evaluate", "runs/ring-0", "-n", "100")
    left = Path(f"runs/ring-0/.scores-{2**22 + 1}-abcd_ef1")
    shutil.copytree("runs/ring-0/scores", left / "scores")
    Path("runs/ring-0/scores").rename(left / "old")

    def fail(path, target):
        raise PermissionError(13, "Permission denied")

    before = files(runs)
    monkeypatch.setattr(Path, "rename", fail)
    refused(capfd, ["evaluate", "runs/ring-0", "-n", "3"])
    assert files(runs) == before


def test_a_link_in_the_place_of_the_scores_is_refused(runs, capfd, tmp_path):
    (tmp_path / "other").mkdir()
    Path("runs/ring-0/scores").symlink_to(tmp_path / "other")
    assert "runs/ring-0/scores is no folder of scores" in refused(capfd, ["evaluate", "runs/ring-0"])
    assert os.listdir(tmp_path / "other") == []


def test_a_failure_while_writing_leaves_the_earlier_scores_and_nothing_else(runs, capfd, monkeypatch):
    done(capfd, "evaluate", "runs/ring-0", "-n", "100")
    before = files(Path("runs/ring-0"))

    def fail(written, folder):
        (folder / "index.html").write_text("half a page")
        raise RunError("The disk is full.")

    monkeypatch.setattr(evaluating, "write_files", fail)
    assert main(["evaluate", "runs/ring-0", "-n", "200"]) == 2
    assert files(Path("runs/ring-0")) == before


def test_a_failure_to_rename_puts_the_earlier_scores_back(runs, capfd, monkeypatch):
    done(capfd, "evaluate", "runs/ring-0", "-n", "100")
    before, rename = files(Path("runs/ring-0")), Path.rename

    def fail(path, target):
        if path.parent.name.startswith(".scores-") and path.name == "scores":
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    assert main(["evaluate", "runs/ring-0", "-n", "200"]) == 2
    message = "minigan: Cannot write runs/ring-0/scores (Permission denied); choose another place with --out.\n"
    assert capfd.readouterr().err == message
    assert files(Path("runs/ring-0")) == before


def test_a_signal_ends_the_work_at_once_and_leaves_no_empty_folder(runs, capfd, monkeypatch):
    monkeypatch.setattr(evaluating, "calibrate", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    before = files(runs)
    for argv in (["runs/ring-0"], ["runs/ring-0", "runs/ring-1"]):
        assert main(["evaluate", *argv, "-n", "100"]) == 143
        assert capfd.readouterr().err == "minigan: Interrupted by SIGTERM.\n"
    assert files(runs) == before
    assert not Path("scores").exists()


def test_a_folder_that_is_not_empty_is_not_written_to(runs, capfd):
    message = refused(capfd, ["evaluate", "runs/ring-0", "--out", "runs"])
    assert "this folder is not empty" in message


def test_lines_fit_the_terminal(runs, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    out = done(capfd, "evaluate", "runs/digits", "-n", "70", "--out", "o")
    assert max(map(len, out.splitlines()[3:])) <= 60


def test_names_of_folders_reach_neither_the_terminal_nor_the_page_as_commands(runs, capfd):
    names = ["<b>x & y", "red \x1b[31m"]
    for seed, name in enumerate(names):
        Path(f"runs/ring-{seed}").rename(Path("runs") / name)
    out = done(capfd, "evaluate", *(f"runs/{name}" for name in names), "-n", "100")
    assert "runs/red \\x1b[31m after step 3" in out
    assert "\x1b" not in out
    page = Path("scores/index.html").read_text()
    assert "<output>runs/&lt;b&gt;x &amp; y</output>" in page
    assert "<b>x" not in page
    assert "\x1b" not in page


# ---- several runs ----------------------------------------------------------------------------------------


def test_runs_of_several_seeds_are_a_row_with_the_standard_error_of_their_mean(runs, capfd):
    out = done(capfd, "evaluate", "runs/ring-0", "runs/ring-1", "runs/ring-2")
    assert re.search(r"^runs/ring-0 \+ 2 more .* \+- ", out, re.M), out
    about = "runs/ring-0 + 2 more: ring; seeds 0, 1, 2 (runs/ring-0, runs/ring-1, runs/ring-2)"
    assert about in " ".join(out.split())
    assert "In a row of several seeds each number is their mean, +- its standard error." in out
    found = scores_in("scores")
    (row,) = found["rows"]
    values = [run["scores"]["points"]["sliced_wasserstein"] for run in row["runs"]]
    assert len(set(values)) == 3
    assert row["mean"]["points.sliced_wasserstein"] == pytest.approx(np.mean(values), rel=1e-12)
    assert row["standard_error"]["points.sliced_wasserstein"] == pytest.approx(stats.sem(values), rel=1e-12)
    assert not Path("runs/ring-0/scores").exists()


def test_the_errors_of_single_scores_are_explained_where_the_table_has_them_and_nowhere_else(runs, capfd):
    train("default", Path("runs/digits-1"), "--seed", "1")
    capfd.readouterr()
    one = " ".join(done(capfd, "evaluate", "runs/digits", "-n", "100").split())
    two = " ".join(done(capfd, "evaluate", "runs/digits", "runs/digits-1", "-n", "100").split())
    for told in ("+- is the deviation of estimates from", "+- is the standard error over test images"):
        assert told in one
        assert told not in two
    assert "each number is their mean, +- its standard error" in two


def test_several_evaluations_get_a_folder_each(runs, capfd):
    for name in ("scores", "scores-2"):
        assert f"Wrote {name}/index.html" in done(capfd, "evaluate", "runs/ring-0", "runs/ring-1", "-n", "100")


def test_runs_of_other_settings_are_other_rows(runs, capfd):
    done(capfd, "evaluate", "runs/digits", "runs/cgan", "-n", "100")
    assert [row["name"] for row in scores_in("scores")["rows"]] == ["runs/digits", "runs/cgan"]
    assert scores_in("scores")["rows"][0]["standard_error"]["digits.recall"] is None


def test_the_reference_is_made_once_for_all_runs(runs, capfd, monkeypatch):
    made = []
    monkeypatch.setattr(
        evaluating, "reference_of", lambda *args, **more: made.append(args) or reference_of(*args, **more)
    )
    done(capfd, "evaluate", "runs/ring-0", "runs/ring-1", "-n", "100")
    assert len(made) == 1


# ---- bad input -------------------------------------------------------------------------------------------


def test_a_run_repeated_with_settings_that_change_no_weight_is_the_same_run(runs, capfd):
    others = {"training.log_every": 1, "training.capture": "false", "training.keep": 1, "score.every": 1, "score.n": 70}
    others |= {"training.evaluate_every": 1, "training.checkpoint_epochs": 2, "training.checkpoint_minutes": 0.5}
    train("default", "runs/again", *(part for name, value in others.items() for part in ("--set", f"{name}={value}")))
    capfd.readouterr()
    first, again = (draw(Run.open(f"runs/{name}").game(CPU), 10).samples for name in ("digits", "again"))
    np.testing.assert_array_equal(first, again)
    assert "are the same run" in refused(capfd, ["evaluate", "runs/digits", "runs/again"])


def test_runs_of_different_data_are_refused(runs, capfd):
    message = refused(capfd, ["evaluate", "runs/ring-0", "runs/grid"])
    assert message.startswith(
        "evaluate: the runs have different data (runs/ring-0: data.source=ring; runs/grid: data.source=grid), expected"
    )
    train("ring", "runs/wide", "--set", "data.std=0.5")
    capfd.readouterr()
    message = refused(capfd, ["evaluate", "runs/ring-0", "runs/wide"])
    assert "(runs/ring-0: data.std=0.0; runs/wide: data.std=0.5), expected" in message


def test_the_same_run_twice_is_refused_before_it_is_scored(runs, capfd):
    assert "are the same run" in refused(capfd, ["evaluate", "runs/ring-0", "runs/ring-0"])


@pytest.mark.parametrize("content", [b"", b"[training]\nseed = 7\n"])
def test_the_settings_are_those_of_the_checkpoint_whatever_was_written_over_them(runs, capfd, content):
    shutil.copytree("runs/ring-0", "runs/edited")
    (runs / "edited" / "config.toml").write_bytes(content)
    assert "are the same run" in refused(capfd, ["evaluate", "runs/ring-0", "runs/edited"])
    assert "modes" in done(capfd, "evaluate", "runs/edited", "-n", "60")
    assert scores_in("runs/edited/scores")["data"] == "ring"
    assert not Path("scores").exists()


def test_too_few_samples_for_a_covariance_are_refused(runs, capfd):
    message = refused(capfd, ["evaluate", "runs/digits", "-n", "50"])
    assert message == (
        f"evaluate: expected n from 65 to {TEST} (a covariance of 64 features needs the first, and there are {TEST} "
        "test images beside them), but got 50. Choose another n.\n"
    )
    assert not Path("runs/digits/scores").exists()


def test_it_is_refused_before_the_judge_looks_at_all_images(runs, capfd, monkeypatch):
    monkeypatch.setattr(DigitReference, "of", None)
    assert "expected n from 65" in refused(capfd, ["evaluate", "runs/digits", "-n", str(TEST + 1)])


def test_a_device_that_is_not_there_is_refused(runs, capfd):
    for device, says in (("cuda:99", "cuda"), ("tpu", "tpu")):
        assert says in refused(capfd, ["evaluate", "runs/ring-0", "--device", device])
    done(capfd, "evaluate", "runs/ring-0", "-n", "100", "--device", "cpu")


def test_a_diverged_run_is_refused(runs, capfd):
    run = Run.open("runs/digits")
    content = run.checkpoint
    weight = next(iter(content["game"]["ema"]["network"]))
    content["game"]["ema"]["network"][weight][...] = np.nan
    mg.save(content, run.checkpoint_path)
    message = refused(capfd, ["evaluate", "runs/digits"])
    assert "holds a NaN or an infinity" in message


def test_a_run_that_restores_images_and_a_folder_that_is_no_run_are_refused(runs, capfd):
    assert 'a run of the task "repair" makes images of damaged images' in refused(capfd, ["evaluate", "runs/repair"])
    assert "runs holds no config.toml; expected the folder of a run" in refused(capfd, ["evaluate", "runs"])
    assert "there does not exist" in refused(capfd, ["evaluate", "there"])
    assert "the following arguments are required: RUN" in refused(capfd, ["evaluate"])
    assert "'nobody'" in refused(capfd, ["evaluate", "runs/ring-0", "--judge", "nobody"])
    assert refused(capfd, ["evaluate", "runs/ring-0", "--judge", "selection"]) == (
        "evaluate: --judge selection asks who is to look at MNIST's digits, but the data are 'ring', at which no judge "
        "looks; leave it out.\n"
    )


def test_a_run_whose_data_lack_digits_is_refused_also_as_the_second_of_two(runs, capfd):
    train("default", "runs/few", "--set", "data.limit=10", "--batch-size", "5")
    capfd.readouterr()
    assert "shows a 6, 7 or 8, expected all ten digits" in refused(capfd, ["evaluate", "runs/digits", "runs/few"])


def test_a_judge_that_is_another_file_is_refused(runs, capfd, monkeypatch, tmp_path):
    (tmp_path / "report.safetensors").write_bytes(b"another")
    monkeypatch.setattr(judge_module, "FOLDER", tmp_path)
    assert "has the SHA-256" in refused(capfd, ["evaluate", "runs/digits"])


@pytest.mark.parametrize(("change", "now"), [(lambda x: x[:, :2], "shape (2,)"), (lambda x: x + 1, "shape (3,)")])
def test_a_run_whose_data_are_others_since_is_refused_with_both(runs, capfd, change, now):
    points = np.random.default_rng(0).normal(size=(120, 3)).astype(np.float32)
    np.save("points.npy", points)
    train("ring", "runs/own", "--data", "points.npy", "--batch-size", "8")
    capfd.readouterr()
    np.save("points.npy", change(points))
    message = refused(capfd, ["evaluate", "runs/own"])
    assert f"points.npy holds 120 samples of {now} with the SHA-256 " in message
    assert "but runs/own was trained on others, of shape (3,) with " in message


def test_a_test_split_of_another_shape_is_refused_with_both(runs, capfd):
    rng = np.random.default_rng(0)
    np.savez("points.npz", x_train=rng.normal(size=(120, 2)), x_test=rng.normal(size=(60, 3)))
    train("ring", "runs/own", "--data", "points.npz", "--batch-size", "8")
    capfd.readouterr()
    assert refused(capfd, ["evaluate", "runs/own"]).endswith(
        "/points.npz holds test samples of shape (3,), but training samples of (2,), expected both alike; correct one "
        "of them.\n"
    )


def test_a_run_whose_data_are_gone_is_refused(runs, capfd, tmp_path):
    points = np.random.default_rng(0).normal(size=(120, 2)).astype(np.float32)
    np.save("points.npy", points)
    sets = ["--data", "points.npy", "--batch-size", "8"]
    train("ring", "runs/own", *sets)
    capfd.readouterr()
    assert "The data have no test split" in " ".join(done(capfd, "evaluate", "runs/own").split())
    Path("points.npy").unlink()
    assert refused(capfd, ["evaluate", "runs/own"]).startswith(f"There is no {tmp_path / 'points.npy'}")


# ---- the whole -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_real_images_and_noise_have_the_scores_that_are_known_of_them(monkeypatch):
    """Of all of MNIST: the ceiling of Parzen windows, and the likelihood of uniform noise."""

    monkeypatch.setattr(evaluation_data, "data_of", REAL)
    found = calibrate(reference_of(digits_config()), 10_000)
    assert found.real.images.parzen.mean == pytest.approx(241.19, abs=0.05)
    assert found.real.images.sigma == pytest.approx(0.1668, abs=1e-4)
    assert found.real.digits.classifier_score == pytest.approx(9.82, abs=0.01)
    assert found.noise.images.parzen.mean == pytest.approx(-630, abs=1)
