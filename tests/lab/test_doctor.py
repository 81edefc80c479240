"""The experiment doctor: runs that are ill on purpose, the healthy ones beside them, and folders that are no runs."""

import dataclasses
import json

import numpy as np
import pytest

from minigan import lab
from minigan.data import ring
from minigan.errors import ConfigError, RunError
from minigan.gan import load_preset, set_field
from minigan.lab.experiments.doctor import Doctor, examine, treat
from minigan.lab.experiments.doctor_findings import divergence, effective
from minigan.lab.experiments.doctor_measures import Variety
from minigan.lab.experiments.doctor_patients import PATIENTS, train
from minigan.lab.experiments.doctor_reading import read_folder

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


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_doctor_finds_it_in_all_patients_and_with_other_seeds_too(seed):
    for patient in lab.doctor(seed=seed).patients:
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
    from minigan.lab.experiments import doctor_measures

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
    assert any(newest.name in text for text in patient.missing)
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
    assert told.measures.gap_D > 0
    assert any("BatchNorm" in each.name for f in told.findings if f.name == "train/eval gap" for each in f.evidence)
    assert examine(made(tmp_path / "none", "default", *small)).measures.gap_D is None


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
