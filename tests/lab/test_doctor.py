"""The experiment doctor: runs that are ill on purpose, the healthy ones beside them, and folders that are no runs."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

from minigan import lab
from minigan.data import load_mnist, ring
from minigan.errors import ConfigError, RunError
from minigan.gan import load_preset, set_field
from minigan.lab.experiments import doctor_measures
from minigan.lab.experiments.doctor import Doctor, examine, treat
from minigan.lab.experiments.doctor_findings import UNLIKE, divergence, effective, lost_digits
from minigan.lab.experiments.doctor_measures import Variety, roc_auc
from minigan.lab.experiments.doctor_patients import CALM, PATIENTS, train
from minigan.lab.experiments.doctor_reading import read_folder
from minigan.nn.batchnorm import BatchNorm

pytestmark = pytest.mark.slow

POINTS = ("data.count=2000", "training.batch_size=64", "training.log_every=5", "training.steps=60")
IMAGES = ("data.limit=400", "training.batch_size=20", "training.log_every=2", "training.steps=20")


def made(path, preset, *changes):
    """A run folder after a short training."""
    config = load_preset(preset)
    for change in changes:
        config = set_field(config, change)
    train(config, path)
    return path


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Some of the lab's patients; all of them take longer."""
    chosen = [
        patient for patient in PATIENTS if patient.name in ("healthy-points", "collapse-points", "strong-d", "nan")
    ]
    return {patient.name: treat(patient, tmp_path_factory.mktemp("patients")) for patient in chosen}


def check(patient):
    """What was done to it is found, and nothing else but its consequences."""
    assert set(patient.expected) <= set(patient.ails), patient.name
    assert patient.alarms == [], patient.name


def test_the_doctor_finds_what_was_done_to_each_run_and_nothing_else(course):
    assert len(course) == 4
    for patient in course.values():
        check(patient)
    assert course["healthy-points"].ails == []


def test_the_doctor_finds_it_in_all_patients_with_another_seed_too():
    """Those of seed 0 are on the page whose predictions test_browser.py looks at."""
    for patient in lab.doctor(seed=1).patients:
        check(patient)


def test_each_finding_names_an_experiment_that_is_there_and_the_ill_are_told_what_to_change(course):
    for patient in course.values():
        for finding in patient.findings:
            assert finding.look in lab.EXPERIMENTS
            assert bool(finding.change) == (finding.verdict == "ill")
            assert finding.evidence or finding.verdict == "unknown"


def test_the_page_is_written(course, tmp_path):
    data = Doctor(list(course.values()))
    index = lab.write("doctor", data, tmp_path)
    assert 1e5 < index.stat().st_size < 8e6
    assert all(each["holds"] for each in json.loads((tmp_path / "lab.json").read_text())["checks"])


def test_batchnorm_on_tiny_batches_is_a_gap_and_on_usual_ones_is_not(tmp_path):
    common = "default", "generator.hidden=[16]", "discriminator.hidden=[16]", "generator.norm='batch'"
    rest = "generator.ema_decay=0.0", "training.steps=100", "training.log_every=10"
    tiny = examine(made(tmp_path / "tiny", *common, *rest, "training.batch_size=2"))
    usual = examine(made(tmp_path / "usual", *common, *rest, "training.batch_size=64"))
    assert "train/eval gap" in tiny.ails
    assert "train/eval gap" not in usual.ails
    assert tiny.measures.swing > 2 * usual.measures.swing


def test_without_layers_of_two_modes_there_is_no_gap(tmp_path):
    patient = examine(made(tmp_path / "run", "ring", *POINTS))
    assert patient.measures.gap < 1e-5
    assert not patient.measures.two_modes


# ---- the log alone ----------------------------------------------------------------------------------------------


def log_of(folder, **losses):
    steps = np.arange(1.0, 1 + len(next(iter(losses.values()))))
    return dataclasses.replace(folder, log={"step": steps, **losses}, lines=len(steps))


def test_losses_that_swing_more_and_more_diverge_and_those_that_swing_as_ever_do_not(tmp_path):
    folder = read_folder(made(tmp_path / "run", "ring", *POINTS))
    t = np.arange(200)
    steady, growing = 2 * np.sin(t), np.exp(t / 60) * np.sin(t)
    assert divergence(log_of(folder, loss_D=steady, loss_G=-steady), None).verdict == "well"
    assert divergence(log_of(folder, loss_D=growing, loss_G=steady), None).verdict == "ill"
    assert divergence(log_of(folder, loss_D=steady, loss_G=steady + 30), None).verdict == "ill"
    assert divergence(log_of(folder, loss_D=steady[:5], loss_G=steady[:5]), None).verdict == "unknown"


def test_the_effective_number_is_that_of_equal_classes():
    def of(counts):
        counts = np.array(counts)
        return effective(Variety(1.0, 1.0, counts, counts, 1.0, "modes"))

    assert of([5, 5, 5, 5, 0]) == pytest.approx(4)
    assert of([9, 0, 0]) == 1


def test_variety_of_true_samples_is_that_of_the_data(tmp_path, monkeypatch):
    """The data themselves in the place of samples."""
    points, _ = ring().sample(2000, seed=5)
    monkeypatch.setattr(doctor_measures, "sample", lambda game, n, *rest: points[:n])
    variety = examine(made(tmp_path / "run", "ring", *POINTS)).measures.variety
    assert variety.distance / variety.of_real == pytest.approx(1, abs=0.05)
    assert (variety.counts > 80).all()
    assert variety.clear == pytest.approx(1 - np.exp(-4.5), abs=0.01)  # within three standard deviations


# ---- folders that are not as they should be ----------------------------------------------------------------------


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="does not exist"):
        lab.doctor(str(tmp_path / "none"))
    with pytest.raises(RunError, match="holds no config"):
        lab.doctor(str(tmp_path))
    (tmp_path / "config.toml").write_text("no = toml = at all")
    with pytest.raises(ConfigError, match="no TOML"):
        lab.doctor(str(tmp_path))


def test_a_run_without_checkpoints_is_judged_by_its_log(tmp_path):
    run = made(tmp_path / "run", "ring", *POINTS)
    for checkpoint in (run / "checkpoints").iterdir():
        checkpoint.unlink()
    (run / "curves.png").unlink()  # as a kill leaves it
    verdicts = {f.name: f.verdict for f in examine(run).findings}
    assert verdicts == {
        "D too strong": "well", "G starved": "unknown", "collapse": "unknown", "divergence": "well",
        "train/eval gap": "unknown", "NaN": "well",
    }  # fmt: skip


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path):
    run = made(tmp_path / "run", "ring", *POINTS)
    first, newest = sorted((run / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:-9])
    patient = examine(run)
    assert any(f"{newest.name} is damaged" in note for note in patient.notes)
    assert f"Read in its place was {first.name}." in patient.notes
    assert newest.name in lab.EXPERIMENTS["doctor"].page(Doctor([patient])).found
    assert patient.checkpoint == int(first.stem.removeprefix("step-"))
    assert patient.measures is not None


def test_an_empty_log_leaves_the_checkpoint_and_nothing_at_all_is_refused(tmp_path):
    run = made(tmp_path / "run", "ring", *POINTS)
    (run / "log.jsonl").write_text("")
    patient = examine(run)
    assert {f.name for f in patient.findings if f.verdict == "unknown"} == {"D too strong", "divergence"}
    for checkpoint in (run / "checkpoints").iterdir():
        checkpoint.unlink()
    with pytest.raises(RunError, match="nothing to judge by"):
        examine(run)


def test_the_two_modes_of_a_d_with_batchnorm_are_told_apart(tmp_path):
    small = [*IMAGES, "generator.hidden=[8]", "discriminator.hidden=[8]"]
    told = examine(made(tmp_path / "batch", "default", *small, 'discriminator.norm="batch"', "game.r1_gamma=0.0"))
    assert told.measures.auc_of_D is not None
    assert any("AUC" in each.name for each in gap_of(told).evidence)
    assert examine(made(tmp_path / "none", "default", *small)).measures.auc_of_D is None


@pytest.fixture(scope="module")
def batch_d(tmp_path_factory):
    """A run with BatchNorm in D that learns."""
    changes = ["generator.hidden=[32]", "discriminator.hidden=[64, 32]", "game.r1_gamma=0.0", "training.batch_size=64"]
    path = tmp_path_factory.mktemp("batch") / "run"
    changes += ['discriminator.norm="batch"', "training.steps=300", "generator.ema_decay=0.0"]
    return made(path, "default", *CALM, *changes)


def test_a_d_that_cannot_judge_in_evaluation_mode_is_found_and_one_that_can_is_not(batch_d, monkeypatch):
    training, evaluation = examine(batch_d).measures.auc_of_D
    assert evaluation < training - 0.2
    finding = gap_of(examine(batch_d))
    assert finding.verdict == "ill"
    assert "discriminator.norm" in finding.change
    assert "generator.norm" not in finding.change
    forward = BatchNorm.forward
    monkeypatch.setattr(BatchNorm, "forward", lambda self, x: forward(self.train(), x))  # a D that knows no other mode
    assert gap_of(examine(batch_d)).verdict == "well"


def gap_of(patient):
    return next(f for f in patient.findings if f.name == "train/eval gap")


def test_the_auc_of_d_is_that_of_the_mann_whitney_u_statistic_of_scipy():
    real, fake = np.random.default_rng(0).integers(0, 9, (2, 50)).astype(float)
    u = stats.mannwhitneyu(real, fake).statistic
    assert roc_auc(real, fake) == pytest.approx(u / (len(real) * len(fake)), rel=1e-12)


def test_an_average_of_g_has_no_gap_as_its_statistics_are_those_of_its_own_weights(tmp_path):
    """After so few steps with so fast a G its weights are far from those of the G that trains."""
    changes = ["generator.hidden=[64, 64]", "discriminator.hidden=[64]", 'generator.norm="batch"']
    rest = ["training.batch_size=64", "training.steps=400", "generator.ema_decay=0.999"]
    assert examine(made(tmp_path / "run", "default", *changes, *rest)).measures.gap < UNLIKE


# ---- lost digits ------------------------------------------------------------------------------------------------


def digits(monkeypatch, keep, total=1000):
    """Real digits in the place of samples."""
    images, labels = load_mnist()
    chosen = images[np.flatnonzero(keep(labels))[:total]].reshape(-1, 1, 28, 28) / np.float32(127.5) - 1
    monkeypatch.setattr(doctor_measures, "SAMPLES", total)
    monkeypatch.setattr(doctor_measures, "sample", lambda game, n, *rest: chosen[:n])


def test_digits_that_are_left_out_are_found_and_named(tmp_path, monkeypatch):
    run = made(tmp_path / "run", "default", "generator.hidden=[8]", "discriminator.hidden=[8]", "training.steps=20")
    digits(monkeypatch, lambda labels: ~np.isin(labels, [3, 7]))
    finding = next(f for f in examine(run).findings if f.name == "collapse")
    assert finding.verdict == "ill"
    assert finding.says.startswith("Samples leave out 3 and 7.")
    digits(monkeypatch, lambda labels: labels >= 0)
    assert "collapse" not in examine(run).ails
    digits(monkeypatch, lambda labels: labels != 3, total=100)  # none of 100 may be chance
    assert "collapse" not in examine(run).ails


def variety_of(counts):
    return Variety(1.0, 1.0, np.array(counts), np.full(10, 100), 1.0, "digits")


def test_a_digit_is_lost_only_if_chance_cannot_have_taken_it():
    fair = [111] * 9
    quarter = stats.binom(999 + 10, 0.025)
    assert quarter.cdf(10) < 1e-3 < quarter.cdf(12)
    assert lost_digits(variety_of([10, *fair])) == [0]
    assert lost_digits(variety_of([13, *fair])) == []
    assert lost_digits(variety_of([0] + [11] * 9)) == []
    assert lost_digits(variety_of([0, 50, 50, 50, 50, 50, 50, 50, 600, 50])) == []  # eights: no digits yet


# ---- what does not fit together ---------------------------------------------------------------------------------


def test_the_settings_of_another_run_are_told_and_those_of_the_checkpoint_are_used(tmp_path):
    run, other = (made(tmp_path / name, "ring", *POINTS, *more) for name, more in (("a", ()), ("b", ["data.modes=3"])))
    assert not any("config.toml" in note for note in examine(run).notes)
    (run / "config.toml").write_bytes((other / "config.toml").read_bytes())
    patient = examine(run)
    assert any("config.toml is not what step-00000060.safetensors" in n and "data.modes" in n for n in patient.notes)
    assert len(patient.measures.variety.counts) == 8


def test_a_damaged_line_of_the_log_is_told_with_the_lines_before_it(tmp_path):
    run = made(tmp_path / "run", "ring", *POINTS)
    lines = (run / "log.jsonl").read_text().splitlines()
    (run / "log.jsonl").write_text("\n".join([*lines[:7], "}{", *lines[7:]]) + "\n")
    data = lab.doctor(str(run))
    assert len(data.patients[0].log["step"]) == 7
    assert any("Line 8 of" in note and "the 7 lines before it" in note for note in data.patients[0].notes)
    page = lab.EXPERIMENTS["doctor"].page(data)
    assert "Line 8 of" in page.found
    assert "Line 8 of" in str(page.sections[0].items[0].panels[0].frames[0])


def test_a_nan_in_the_log_is_found(tmp_path):
    run = made(tmp_path / "run", "ring", *POINTS)
    with (run / "log.jsonl").open("a") as log:
        log.write('{"step": 61, "loss_D": NaN, "loss_G": 1.0}\n')
    assert "NaN" in examine(run).ails


@pytest.mark.parametrize("preset", ["repair", "semi-supervised", "cgan", "hinge", "wgan-gp", "pacgan2"])
def test_runs_of_other_kinds_are_judged_by_what_they_have(preset, tmp_path):
    narrow = {"repair": "[4, 4]", "hinge": "[4, 4]"}.get(preset, "[8]")
    changes = [f"generator.hidden={narrow}", f"discriminator.hidden={narrow}"]
    changes += POINTS if preset == "pacgan2" else IMAGES
    changes += ["game.labelled=10"] if preset == "semi-supervised" else []
    patient = examine(made(tmp_path / "run", preset, *changes))
    unknown = {f.name for f in patient.findings if f.verdict == "unknown"}
    assert ("collapse" in unknown) == (preset == "repair")
    assert ("D too strong" in unknown) == (preset in ("hinge", "wgan-gp"))
    assert "G starved" not in unknown
    assert lab.EXPERIMENTS["doctor"].page(lab.doctor(str(tmp_path / "run"))).sections


# ---- a NaN, or a checkpoint that is lost ------------------------------------------------------------------------


def verdict_on_nan(run):
    return next(f.verdict for f in examine(run).findings if f.name == "NaN")


@pytest.mark.parametrize("damage", ["cut", "removed", "all removed", "removed, and the log cut"])
def test_a_finished_run_whose_last_checkpoint_is_damaged_or_lost_is_not_said_to_have_met_a_nan(damage, tmp_path):
    run = made(tmp_path / "run", "ring", *POINTS)
    checkpoints = sorted((run / "checkpoints").iterdir())
    assert verdict_on_nan(run) == "well"
    if damage == "cut":
        checkpoints[-1].write_bytes(checkpoints[-1].read_bytes()[:-9])
    elif damage == "removed":
        checkpoints[-1].unlink()
    else:
        for checkpoint in checkpoints:
            checkpoint.unlink()
    if damage == "removed, and the log cut":
        (run / "log.jsonl").write_text("".join((run / "log.jsonl").read_text().splitlines(keepends=True)[:-1]))
    assert verdict_on_nan(run) == "unknown"


def test_a_run_that_breaks_off_because_of_a_nan_is_still_found(course):
    assert "NaN" in course["nan"].ails
    assert course["nan"].steps[0] < course["nan"].steps[1]


def test_a_log_that_ends_before_the_checkpoint_or_goes_back_is_told(tmp_path):
    run = made(tmp_path / "run", "ring", *POINTS)
    lines = (run / "log.jsonl").read_text().splitlines(keepends=True)
    (run / "log.jsonl").write_text("".join(lines[:5]))
    assert any("log.jsonl ends at step 25, before step-00000060" in note for note in examine(run).notes)
    (run / "log.jsonl").write_text("".join([*lines[:5], *lines[2:]]))
    told = [note for note in examine(run).notes if "do not rise" in note]
    assert len(told) == 1
    assert "line 6 is of step 15, the one before it of step 25" in told[0]


def test_one_line_before_a_damaged_one_is_told_as_one(tmp_path):
    run = made(tmp_path / "run", "ring", *POINTS)
    lines = (run / "log.jsonl").read_text().splitlines()
    (run / "log.jsonl").write_text("\n".join([lines[0], "}{"]) + "\n")
    assert any("Read was the 1 line before it." in note for note in examine(run).notes)


def test_no_name_at_all_is_refused_as_such():
    with pytest.raises(RunError, match='^run: expected the folder of a run, such as runs/default, but got ""'):
        lab.doctor("")


# ---- what is said of a run that is young, or of which little can be judged --------------------------------------


def test_a_run_of_points_that_has_hardly_begun_is_told_as_young(tmp_path):
    changes = "generator.hidden=[64, 64]", "discriminator.hidden=[64, 64]", *POINTS
    young = examine(made(tmp_path / "young", "grid", *changes, "training.steps=4"))
    assert young.in_words == "collapse (may be youth)"
    finding = next(f for f in young.findings if f.name == "collapse")
    assert "After 4 steps that may be youth" in finding.says
    assert "collapse (may be youth)" in lab.EXPERIMENTS["doctor"].page(Doctor([young])).found


def test_an_old_run_that_is_ill_is_not_excused_by_youth(course):
    assert not any(finding.young for finding in course["collapse-points"].findings)
    starved = next(f for f in course["strong-d"].findings if f.name == "G starved")
    assert starved.young  # after so few images
    assert "may be youth" in starved.says


def test_of_a_run_that_cannot_be_judged_in_full_it_is_said_how_much_was(tmp_path):
    run = made(tmp_path / "run", "ring", *POINTS)
    for checkpoint in (run / "checkpoints").iterdir():
        checkpoint.unlink()
    page = lab.EXPERIMENTS["doctor"].page(lab.doctor(str(run)))
    assert "run: nothing wrong in what could be judged (2 of 6)." in page.found
    assert "nothing wrong in what could be judged (2 of 6)" in page.lead


def test_points_are_drawn_in_the_number_that_the_title_tells(tmp_path):
    measures = examine(made(tmp_path / "run", "ring", *POINTS)).measures
    assert measures.samples.shape == measures.in_training.shape == (256, 2)
    assert np.allclose(measures.samples, measures.in_training, atol=1e-5)  # no layer works differently


@pytest.mark.filterwarnings("error")
def test_a_log_of_nan_alone_gives_no_warning(tmp_path):
    run = made(tmp_path / "run", "ring", *POINTS)
    lines = [json.dumps({"step": 5 * i, "loss_D": np.nan, "loss_G": np.nan}) for i in range(1, 13)]
    (run / "log.jsonl").write_text("\n".join(lines) + "\n")
    data = lab.doctor(str(run))
    verdicts = {f.name: f.verdict for f in data.patients[0].findings}
    assert (verdicts["divergence"], verdicts["NaN"]) == ("unknown", "ill")
    lab.write("doctor", data, tmp_path / "page")
