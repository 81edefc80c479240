"""Scores while training: what is in their lines, which checkpoint stays, and that the game does not notice."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from command_line import done, refused
from scipy import special, stats
from scored_runs import small_data, train  # noqa: F401
from tiny_runs import assert_same, at_step, quick_curves, stop  # noqa: F401

import minigan as mg
from minigan.cli import main
from minigan.commands import training
from minigan.commands.chosen import Chosen, how_chosen, named
from minigan.data import Dataset, Loader
from minigan.errors import ConfigError, RunError
from minigan.gan import Config, Run, Trainer, build_game, journal
from minigan.gan.extensions import Progress, standard
from minigan.gan.sampling import sample
from minigan.metrics import judge as judge_module
from minigan.metrics import scoring
from minigan.metrics.evaluation import Scores
from minigan.metrics.evaluation.digits import DigitReference
from minigan.metrics.evaluation.rows import Row, check_different
from minigan.metrics.evaluation.run import ScoredRun
from minigan.metrics.scorers import Scorer, digit_scorer, distance_scorer, mode_scorer, scorer_of
from minigan.metrics.scoring import SEED, Scoring

CPU = mg.device("cpu")
NO_TEST = Dataset(np.zeros((0, 1, 28, 28), np.uint8), None, "no test images")
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 4, 4), np.uint8)


@pytest.fixture(autouse=True)
def quick_score_curves(monkeypatch):
    """Real ones take a second to draw."""
    monkeypatch.setattr(scoring, "score_curves", lambda *_: b"curves")


def tiny(score=None, **training):
    """Images of 4 x 4 pixels in batches of four, three in an epoch, a G with BatchNorm and an average, dropout in D."""
    return Config.from_dict(
        {
            "name": "tiny",
            "data": {"source": "images.npy"},
            "generator": {"z_dim": 3, "hidden": [8], "norm": "batch", "ema_decay": 0.9},
            "discriminator": {"hidden": [8], "dropout": 0.2},
            "training": {"steps": 7, "batch_size": 4, "log_every": 2, **training},
            "score": {"every": 1, "n": 20} if score is None else score,
        }
    )


def planned(run, plan):
    """A scorer with distances as they are planned, so that a test knows which is the best; exceptions are raised."""

    def score(samples, asked):
        distance = plan[len(run.scores.lines())]
        if isinstance(distance, Exception):
            raise distance
        return {"distance": distance}

    def rank(numbers):
        return (-numbers["distance"],)

    return Scorer(
        score,
        rank,
        "distance",
        "distance {distance}",
        ("distance",),
        panels=(),
        of_real={"distance": 0.25},
        of_noise={"distance": 9.0},
    )


def trainer_of(run, *more, plan=None):
    config = run.config
    game = build_game(config, (1, 4, 4), CPU)
    loader = Loader(IMAGES, None, config.training.batch_size, config.training.seed)
    scorer = distance_scorer(Dataset(IMAGES[:, None], None, "tiny"), 12) if plan is None else planned(run, plan)
    noted = [Scoring(run, scorer)] if config.score.every else []
    steps, log_every = config.training.steps, config.training.log_every
    return Trainer(game, loader, steps, [*standard(run, *noted), *more], log_every)


def trained(out, *more, plan=None, **settings):
    run = Run.create(out, tiny(**settings))
    trainer_of(run, *more, plan=plan).run()
    run.close()
    return run


def resumed(out, *more, config=None, plan=None):
    run = Run.resume(out, config, allow_changes=config is not None)
    trainer = trainer_of(run, *more, plan=plan)
    run.restore(trainer)
    trainer.run()
    run.close()
    return run


def contents(run):
    """All that a repetition gives again: scores.png shows seconds."""
    return {
        str(path.relative_to(run.path)): path.read_bytes()
        for path in run.path.rglob("*")
        if path.is_file() and path.name not in ("timing.jsonl", "config.toml", "scores.png")
    }


def steps_of(run):
    return [int(path.stem.removeprefix("step-")) for path in run.checkpoints()]


def column(run, name):
    return [line.get(name) for line in run.scores.lines()]


# ---- the game does not notice ----------------------------------------------------------------------------


def test_the_same_run_with_and_without_scores_has_the_same_bits(tmp_path):
    plain = trained(tmp_path / "plain", score={})
    scored = trained(tmp_path / "scored")
    one, other = contents(plain), contents(scored)
    assert not (plain.path / "scores.jsonl").exists()
    assert len(scored.scores.lines()) == 3
    for name in ("log.jsonl", "samples/epoch-001.png", "samples/epoch-002.png", "samples/epoch-003.png", "samples.gif"):
        assert one[name] == other[name], name
    assert_same(Run.open(plain.path).checkpoint["game"], Run.open(scored.path).checkpoint["game"])


def test_scores_are_of_the_samples_that_the_checkpoint_of_their_step_draws(tmp_path):
    """With the statistics of BatchNorm that belong to the average of G."""
    run = trained(tmp_path / "x", keep=9)
    for line in run.scores.lines():
        (path,) = [path for path in run.checkpoints() if path.stem == f"step-{line['step']:08d}"]
        game = build_game(run.config, (1, 4, 4), CPU)
        game.load_state_dict(mg.load(path)["game"])
        real = mg.data.gather_pixels(IMAGES[:, None], np.arange(12))
        expected = mg.metrics.sliced_wasserstein(sample(game, 20, SEED, CPU), real)
        assert line["sliced_wasserstein"] == float(f"{expected:.6g}")


def test_a_line_is_due_every_so_many_epochs_and_after_the_last_step(tmp_path):
    run = trained(tmp_path / "x", score={"every": 2, "n": 20}, steps=16)
    assert list(zip(column(run, "step"), column(run, "epoch"), column(run, "samples"), strict=True)) == [
        (6, 2, 20), (12, 4, 20), (16, 5, 20),
    ]  # fmt: skip


def test_a_run_that_is_stopped_is_not_kept_waiting_for_a_score(tmp_path):
    run = trained(tmp_path / "x", at_step(4, stop))
    assert column(run, "step") == [3]
    assert (run.path / "scores.png").exists()


# ---- the best --------------------------------------------------------------------------------------------


def test_the_checkpoint_of_the_best_score_stays_beside_the_newest(tmp_path):
    run = trained(tmp_path / "x", plan=[5.0, 2.0, 4.0, 3.0, 2.0], steps=15)
    assert column(run, "best_step") == [3, 6, 6, 6, 6]  # of equal ones the first
    assert steps_of(run) == [6, 12, 15]
    assert Run.open(run.path).checkpoint["step"] == 15
    assert Run.open(run.path, best=True).checkpoint["step"] == 6
    assert Run.open(run.path, best=True).game().steps == 6


def test_the_best_is_saved_though_no_checkpoint_is_due_then(tmp_path):
    run = trained(tmp_path / "x", plan=[3.0, 1.0, 2.0, 3.0], steps=12, checkpoint_epochs=4)
    assert steps_of(run) == [6, 12]
    assert Run.open(run.path, best=True).checkpoint["step"] == 6


def test_what_was_best_before_stays_until_no_checkpoint_would_go_back_to_it(tmp_path):
    """The newest two are damaged, or the best is: each resume finds the best score of the step where it begins."""
    plan = [1.0, 2.0, 0.5, 3.0]
    run = trained(tmp_path / "x", plan=plan, steps=9)
    assert steps_of(run) == [3, 6, 9]  # 9 is the best; from 6 on it would be 3
    run.checkpoints()[-1].write_bytes(b"damaged")
    again = Run.resume(run.path)
    trainer = trainer_of(again, plan=plan)
    again.restore(trainer)
    again.close()
    assert trainer.step == 6
    assert Run.open(run.path, best=True).checkpoint["step"] == 3


def test_progress_tells_of_which_step_a_score_is_that_is_older(tmp_path, capsys):
    trained(tmp_path / "x", plan=[0.5, 0.25], score={"every": 2, "n": 20}, steps=11)
    first, second, third, _ = capsys.readouterr().err.splitlines()
    assert "distance" not in first
    assert second.endswith("  distance 0.5")
    assert third.endswith("  distance 0.5 (step 6)")


def test_scores_of_other_numbers_of_samples_are_not_compared(tmp_path):
    plan = [1.0, 2.0, 4.0, 3.0]
    trained(tmp_path / "x", plan=plan, steps=6)
    other = tiny(score={"every": 1, "n": 21}, steps=12)
    run = resumed(tmp_path / "x", config=other, plan=plan)
    assert column(run, "samples") == [20, 20, 21, 21]
    assert column(run, "best_step") == [3, 3, 9, 12]


def with_n(n, steps):
    return tiny(score={"every": 1, "n": n}, steps=steps)


def best_after(path, config, *plan):
    """The checkpoint that --best takes, after the run went on with these scores."""
    run = resumed(path, config=config, plan=[*[None] * len(column(Run.open(path), "step")), *plan])
    return Run.open(run.path, best=True).checkpoint["step"], column(run, "best_step")


def test_the_best_stays_until_a_score_that_does_not_compare_with_it_replaces_it(tmp_path, capsys):
    """Also if the first new ones fail, and through a resume among these."""
    run = trained(tmp_path / "x", plan=[1.0, 2.0, 3.0, 4.0], steps=12)
    assert steps_of(run) == [3, 9, 12]
    error = ValueError("no")
    capsys.readouterr()
    assert best_after(tmp_path / "x", with_n(21, 21), error, error, error) == (3, [3] * 7)
    said = (
        "minigan: the scores so far are of another number of samples than the next ones, by another judge or of other "
        "data, so the next one starts a new best; until then it is that of step 3.\n"
    )
    assert said in capsys.readouterr().err
    assert best_after(tmp_path / "x", with_n(21, 24), error) == (3, [3] * 8)
    assert best_after(tmp_path / "x", with_n(21, 30), 9.0, 10.0) == (27, [3] * 8 + [27] * 2)
    capsys.readouterr()
    assert best_after(tmp_path / "x", with_n(21, 33), 8.0)[0] == 33
    assert "starts a new best" not in capsys.readouterr().err


def test_a_best_whose_checkpoint_is_gone_is_none_to_beat(tmp_path):
    """20 samples, 21, and 20 again: the first best was given up for that of 21."""
    trained(tmp_path / "x", plan=[1.0, 2.0], steps=6)
    assert best_after(tmp_path / "x", with_n(21, 15), 5.0, 6.0, 7.0)[0] == 9
    assert best_after(tmp_path / "x", with_n(20, 21), ValueError("no"), 8.0) == (21, [3, 3, 9, 9, 9, 9, 21])


def test_the_newest_line_says_which_is_the_best_not_the_largest_step(tmp_path):
    """The best of 21 samples, step 9, is still there and newer than that of 20, which counts again."""
    trained(tmp_path / "x", plan=[1.0, 2.0], steps=6, keep=9)
    assert best_after(tmp_path / "x", tiny(score={"every": 1, "n": 21}, steps=9, keep=9), 5.0)[0] == 9
    again = tiny(score={"every": 1, "n": 20}, steps=12, keep=9)
    assert best_after(tmp_path / "x", again, 8.0) == (3, [3, 3, 9, 3])


def test_scores_can_be_turned_off_where_they_had_an_n_of_their_own(tmp_path):
    trained(tmp_path / "x", plan=[1.0, 2.0], steps=6)
    off = tiny(score={"every": 0, "n": 20}, steps=9)
    assert scorer_of(off, None, CPU) is None
    assert best_after(tmp_path / "x", off) == (3, [3, 3])


def test_the_best_of_a_training_that_is_about_to_save_it_is_the_one_before(tmp_path):
    seen = []
    look = at_step(6, lambda trainer: None)
    look.after_epoch = lambda trainer: seen.append(best_of(tmp_path / "x"))
    trained(tmp_path / "x", look, plan=[3.0, 2.0, 4.0], steps=9)
    assert seen == [None, 3, 6]


def best_of(path):
    try:
        return Run.open(path, best=True).checkpoint["step"]
    except RunError:
        return None


@pytest.mark.parametrize("lost", ["scores", "checkpoint"])
def test_without_scores_or_without_its_checkpoint_there_is_no_best(tmp_path, lost):
    run = trained(tmp_path / "x", plan=[1.0, 2.0, 3.0, 4.0], steps=12)
    (run.path / "scores.jsonl").unlink() if lost == "scores" else run.checkpoints()[0].unlink()
    with pytest.raises(RunError) as error:
        Run.open(run.path, best=True)
    sentences = {
        "scores": f"{run.path} has no scores, so none of its checkpoints is known to be the best; leave --best out, or "
        "train with --set score.every=1.",
        "checkpoint": f"{run.path} has lost its best checkpoint, of step 3; leave --best out.",
    }
    assert str(error.value) == sentences[lost]


def test_a_lost_best_checkpoint_is_not_replaced_by_an_earlier_one(tmp_path):
    run = trained(tmp_path / "x", plan=[2.0, 3.0, 1.0, 4.0], steps=12, keep=4)
    run.checkpoints()[2].unlink()
    with pytest.raises(RunError, match="has lost its best checkpoint, of step 9; leave --best out"):
        Run.open(run.path, best=True)


def test_the_best_until_the_newest_checkpoint_is_that_of_so_many_scores(tmp_path):
    run = trained(tmp_path / "x", plan=[2.0, 3.0, 1.0, 4.0], steps=12, keep=4)
    assert how_chosen(Run.open(run.path, best=True)).scores == 4
    for checkpoint in run.checkpoints()[2:]:
        checkpoint.unlink()
    earlier = Run.open(run.path, best=True)
    assert earlier.checkpoint["step"] == 3
    assert how_chosen(earlier).scores == 2


def test_where_no_score_is_older_than_the_newest_checkpoint_there_is_no_best(tmp_path):
    run = trained(tmp_path / "x", plan=[2.0, 1.0], steps=12, score={"every": 2, "n": 20}, keep=4)
    for checkpoint in run.checkpoints()[1:]:
        checkpoint.unlink()
    with pytest.raises(RunError, match="has no scores until its newest checkpoint, of step 3; leave --best out"):
        Run.open(run.path, best=True)


def test_two_parts_of_one_training_are_no_two_seeds_at_their_best(tmp_path):
    plan = [2.0, 1.0, 0.5, 4.0]
    trained(tmp_path / "whole", plan=plan, steps=12)
    trained(tmp_path / "part", at_step(7, stop), plan=plan, steps=12)
    trained(tmp_path / "other", plan=plan, steps=12, seed=1)
    whole, part, other = (Run.open(tmp_path / name, best=True) for name in ("whole", "part", "other"))
    assert whole.checkpoint["step"] > part.checkpoint["step"]
    check_different([whole, other], best=True)
    with pytest.raises(ConfigError, match="are the same run, as their settings and seed are equal; name one of them"):
        check_different([part, other, whole], best=True)


def test_a_damaged_best_checkpoint_is_named(tmp_path):
    run = trained(tmp_path / "x", plan=[1.0, 2.0, 3.0, 4.0], steps=12)
    run.checkpoints()[0].write_bytes(b"junk")
    with pytest.raises(RunError, match=str(run.checkpoints()[0])):
        Run.open(run.path, best=True)


# ---- going on --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", range(1, 7))
def test_a_run_that_was_stopped_after_any_step_has_the_scores_of_one_that_was_not(tmp_path, step):
    whole = contents(trained(tmp_path / "whole", keep=99))
    trained(tmp_path / "x", at_step(step, stop), keep=99)
    again = contents(resumed(tmp_path / "x"))
    assert {name for name in {**again, **whole} if again.get(name) != whole.get(name)} <= {
        f"checkpoints/step-{step:08d}.safetensors"  # saved because it was stopped there
    }


@pytest.mark.parametrize("steps", [5, 6, 7])
def test_a_run_that_goes_on_longer_has_the_scores_of_one_that_was_meant_to_be_longer(tmp_path, steps):
    """Without the score that was made because the training ended, in the middle of an epoch."""
    longer = trained(tmp_path / "longer", steps=10)
    first = trained(tmp_path / "x", steps=steps)
    assert column(first, "step")[-1] == steps
    again = resumed(tmp_path / "x", config=tiny(steps=10))
    assert again.scores.lines() == longer.scores.lines()
    assert (again.path / "scores.jsonl").read_bytes() == (longer.path / "scores.jsonl").read_bytes()
    assert Run.open(again.path, best=True).checkpoint["step"] == Run.open(longer.path, best=True).checkpoint["step"]


def test_lines_beyond_the_checkpoint_are_cut_off_and_the_best_that_they_tell_of_with_them(tmp_path):
    plan = [2.0, 3.0, 1.0, 5.0]
    whole = trained(tmp_path / "whole", plan=plan, steps=12)
    run = trained(tmp_path / "x", at_step(7, stop), plan=plan, steps=12)
    with (run.path / "scores.jsonl").open("ab") as file:
        file.write(b'{"step": 9, "epoch": 3, "samples": 20, "distance": 1.0, "best_step": 9}\n{"step": 12, "ep')
    (run.path / ".scores.png.9.tmp").write_bytes(b"half")
    again = resumed(run.path, plan=plan)
    assert (again.path / "scores.jsonl").read_bytes() == (whole.path / "scores.jsonl").read_bytes()
    assert not (run.path / ".scores.png.9.tmp").exists()
    assert steps_of(again) == steps_of(whole) == [9, 12]


def test_scores_can_begin_in_the_middle_of_a_run(tmp_path):
    trained(tmp_path / "x", at_step(4, stop), score={})
    run = resumed(tmp_path / "x", config=tiny())
    assert column(run, "step") == [6, 7]


def test_scores_that_are_given_up_stay_and_so_does_the_best(tmp_path):
    trained(tmp_path / "x", plan=[1.0, 2.0, 3.0], steps=6)
    run = resumed(tmp_path / "x", config=tiny(score={}, steps=18))
    assert column(run, "step") == [3, 6]
    assert steps_of(run) == [3, 15, 18]


@pytest.mark.parametrize(
    "line",
    ["junk", "{}", "[1]", "[" * 50, '{"step": 3}', '{"step": 3, "samples": 20}', '{"ranked_by": "x", "samples": 20}',
     '{"step": -1, FACTS}', '{"step": 3.0, FACTS}', '{"step": 3, FACTS, "best_step": "x"}',
     '{"step": 3, FACTS, "x": []}', '{"step": 3, FACTS, "x": NaN}', '{"step": 3, FACTS, "x": 1e999}',
     '{"step": 3, FACTS, "judge": 7}', "\xff"],
)  # fmt: skip
def test_a_damaged_line_is_named_before_anything_is_trained_or_changed(tmp_path, line):
    line = line.replace("FACTS", '"samples": 20, "ranked_by": "x"').encode("latin-1")
    run = trained(tmp_path / "x", at_step(4, stop))
    size = (run.path / "scores.jsonl").stat().st_size
    assert len(line) < size
    (run.path / "scores.jsonl").write_bytes((line + b"\n").ljust(size, b"\n"))
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    again = Run.resume(run.path)
    with pytest.raises(RunError) as error:
        again.restore(trainer_of(again))
    again.close()
    assert str(error.value) == (
        f"Line 1 of {run.path / 'scores.jsonl'} is no line of scores; restore the file, or remove it."
    )
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_scores_that_were_lost_are_said_to_be_missing(tmp_path, capsys):
    run = trained(tmp_path / "x", at_step(4, stop))
    (run.path / "scores.jsonl").unlink()
    again = resumed(run.path)
    assert f"{run.path / 'scores.jsonl'} is shorter than it was; the lines that it lacks stay missing." in (
        capsys.readouterr().err
    )
    assert column(again, "step") == [6, 7]


def test_a_checkpoint_of_a_version_without_scores_goes_on(tmp_path):
    run = trained(tmp_path / "x", at_step(4, stop), score={})
    (*_, newest) = run.checkpoints()
    state = mg.load(newest)
    del state["score_bytes"], state["config"]["score"]
    mg.save(state, newest)
    assert column(resumed(run.path, config=tiny()), "step") == [6, 7]


def test_a_link_in_the_place_of_the_scores_is_refused(tmp_path):
    run = trained(tmp_path / "x", at_step(4, stop))
    (run.path / "scores.jsonl").rename(tmp_path / "mine.jsonl")
    (run.path / "scores.jsonl").symlink_to(tmp_path / "mine.jsonl")
    with pytest.raises(RunError, match=r"scores\.jsonl is a link; expected a file of the run's own"):
        Run.resume(run.path)


# ---- the picture -----------------------------------------------------------------------------------------


def test_the_picture_shows_the_scores_over_the_seconds_of_training(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(scoring, "score_curves", lambda *args: shown.append(args) or b"curves")
    run = trained(tmp_path / "x", plan=[3.0, 1.0, 2.0])
    ((lines, _, title, best, of_real, of_noise),) = shown
    timing = {line["step"]: line["seconds"] for line in journal.lines(run.path / "timing.jsonl")}
    assert [line["distance"] for line in lines] == [3.0, 1.0, 2.0]
    assert [line["seconds"] for line in lines] == pytest.approx(
        [(timing[2] + timing[4]) / 2, timing[6], timing[7]]  # the third step lies between two lines
    )
    assert (title, best) == ("tiny: 20 samples each, best after step 6", 6)
    assert (of_real, of_noise) == ({"distance": 0.25}, {"distance": 9.0})


# ---- scores that fail ------------------------------------------------------------------------------------


def test_a_score_that_fails_is_written_and_said_once_and_training_goes_on(tmp_path, capsys):
    plan = [ValueError("pixels look like [0, 1]"), 2.0, MemoryError(), 3.0]
    run = trained(tmp_path / "x", plan=plan, steps=12)
    assert column(run, "error") == ["pixels look like [0, 1]", None, "MemoryError", None]
    assert column(run, "best_step") == [None, 6, 6, 6]
    err = capsys.readouterr().err
    assert err.count("minigan: no score after step") == 1
    assert "minigan: no score after step 3, and training goes on: pixels look like [0, 1]\n" in err
    assert Run.open(run.path, best=True).checkpoint["step"] == 6
    resumed(run.path, config=tiny(steps=18), plan=[*plan, OSError("another"), OSError("and again")])
    err = capsys.readouterr().err
    assert err.count("minigan: no score after step") == 1
    assert "no score after step 15, and training goes on: another\n" in err


def test_samples_that_are_no_numbers_are_such_an_error(tmp_path):
    run = Run.create(tmp_path / "x", tiny())
    trainer = trainer_of(run)
    trainer.extensions = [e for e in trainer.extensions if isinstance(e, Scoring)]  # the others would stop
    ruin = at_step(3, lambda trainer: ruined(trainer.game.ema.network))
    trainer.extensions.append(ruin)
    trainer.run()
    run.close()
    assert [error[:25] for error in column(run, "error")] == ["G draws samples that hold"] * 3


def ruined(network):
    parameter = next(network.parameters())
    parameter.data = np.full(parameter.shape, np.nan)


def test_a_disk_that_fails_ends_the_training_all_the_same(tmp_path):
    run = Run.create(tmp_path / "x", tiny())
    (run.path / "scores.jsonl").mkdir()
    with pytest.raises(RunError, match=r"scores\.jsonl"):
        trainer_of(run).run()
    run.close()


# ---- who scores ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    images, labels = mg.data.load_mnist()
    x = mg.data.gather_pixels(images[:2000, None], np.arange(2000))
    return DigitReference.of(mg.metrics.load_judge("selection"), x[:1000]), x[1000:], labels[1000:2000].astype(np.int64)


def test_digits_are_judged_as_an_evaluation_by_the_same_judge_does(digits):
    reference, x, labels = digits
    scorer = digit_scorer(reference, NO_TEST, 1000)
    found, expected = scorer.score(x, labels), reference.score(x, labels)
    assert found["frechet_distance"] == expected.frechet_distance
    assert (found["precision"], found["recall"]) == (expected.precision, expected.recall)
    assert (found["rarest"], found["class_accuracy"]) == (expected.classes.rarest, expected.class_accuracy)
    p = reference.judge.probabilities(x).astype(np.float64)
    kl = (p * (np.log(np.maximum(p, 1e-300)) - np.log(p.mean(0)))).sum(1)
    assert found["classifier_score"] == pytest.approx(math.exp(kl.mean()), rel=1e-6)
    assert scorer.facts == {"judge": judge_module.SHA256["selection"]}


def test_of_digits_those_nearer_to_the_data_are_better(digits):
    reference, x, _ = digits
    scorer = digit_scorer(reference, NO_TEST, 1000)
    noisy = np.clip(x + np.random.default_rng(0).normal(0, 0.5, x.shape), -1, 1).astype(np.float32)
    assert scorer.rank(scorer.score(x, None)) > scorer.rank(scorer.score(noisy, None))


def test_of_points_more_modes_are_better_than_more_quality():
    ring = mg.data.ring()
    points, labels = ring.sample(2500)
    scorer = mode_scorer(ring, 2500)
    seven = scorer.score(points[labels < 7], None)
    wide = scorer.score(points + np.random.default_rng(0).normal(0, 0.03, points.shape).astype(np.float32), None)
    assert (seven["modes"], wide["modes"]) == (7, 8)
    assert seven["high_quality"] > wide["high_quality"]
    assert scorer.rank(wide) > scorer.rank(seven)
    assert "kl" not in scorer.score(np.full((9, 2), 9.0, np.float32), None)  # of no points there are no shares


def test_of_points_a_perfect_sampler_is_better_than_centres_most_of_which_are_one():
    """They reach all modes, too, and their quality is the highest."""
    ring = mg.data.ring()
    scorer = mode_scorer(ring, 2500)
    collapsed = scorer.score(ring.centres[[0] * 2493 + list(range(1, 8))].astype(np.float32), None)
    perfect = scorer.score(ring.sample(2500)[0], None)
    assert (collapsed["modes"], perfect["modes"]) == (8, 8)
    assert collapsed["high_quality"] == 1.0 > perfect["high_quality"]
    assert scorer.rank(perfect) > scorer.rank(collapsed)


def shrunk(mixture, factor, n, seed):
    """Points of a mixture whose Gaussians are so many times as wide."""
    points, labels = mixture.sample(n, seed)
    centres = mixture.centres[labels]
    return (centres + factor * (points - centres)).astype(np.float32)


@pytest.mark.parametrize("mixture", [mg.data.ring(), mg.data.grid()])
@pytest.mark.parametrize("factor", [3.0, 1.5, 0.5])
def test_a_perfect_sampler_outranks_those_of_other_quality_whatever_the_shares_of_their_modes(mixture, factor):
    """In 2,500 points equal shares are not equal: quality has to count against what is chance in them."""
    scorer = mode_scorer(mixture, 2500)
    perfect = [scorer.rank(scorer.score(mixture.sample(2500, seed)[0], None)) for seed in range(10)]
    other = [scorer.rank(scorer.score(shrunk(mixture, factor, 2500, seed), None)) for seed in range(10, 20)]
    assert min(perfect) > max(other)


def test_the_divergence_that_ranks_is_that_of_the_modes_and_of_what_is_near_none():
    ring, q = mg.data.ring(), 1 - math.exp(-4.5)  # of points within 3 standard deviations, in two dimensions
    points = np.concatenate([ring.centres[[0] * 6 + [1] * 2], np.full((2, 2), 9.0)]).astype(np.float32)
    expected = special.rel_entr([0.6, 0.2, 0.2], [q / 8, q / 8, 1 - q]).sum()
    assert mode_scorer(ring, 2500).score(points, None)["kl_of_all"] == pytest.approx(expected, abs=0.05)
    assert math.isfinite(mode_scorer(ring, 2500).score(np.full((9, 2), 9.0, np.float32), None)["kl_of_all"])


def test_of_points_three_times_too_wide_ones_are_worse_than_those_of_the_data():
    """Where modes have gaps, W_2 is mostly how many points each mode happens to have."""
    real, wide = mg.data.ring(std=0.03), mg.data.ring(std=0.09)
    scorer = distance_scorer(Dataset(real.sample(2500)[0], None, "ring"), 2500)
    perfect = [scorer.score(real.sample(2500, seed)[0], None) for seed in range(1, 7)]
    too_wide = [scorer.score(wide.sample(2500, seed)[0], None) for seed in range(101, 107)]
    assert min(map(scorer.rank, perfect)) > max(map(scorer.rank, too_wide))


@pytest.mark.parametrize(
    ("width", "name", "p"),
    [((1, 4, 4), "sliced_wasserstein", 2), ((2,), "sliced_wasserstein", 1), ((1,), "wasserstein_1d", 1)],
)
def test_of_other_data_the_nearest_samples_are_the_best(width, name, p):
    rng = np.random.default_rng(0)
    x = rng.uniform(-0.5, 0.5, (300, *width)).astype(np.float32)
    scorer = distance_scorer(Dataset(x[:100], None, "x"), 100)
    near, far = scorer.score(x[100:200], None), scorer.score(x[200:] + 0.3, None)
    assert set(near) == {name}
    assert near[name] == getattr(mg.metrics, name)(x[100:200], x[:100], p=p)
    assert scorer.rank(near) > scorer.rank(far)


# ---- the command line ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_data")
@pytest.mark.parametrize(("preset", "more"), [("default", set()), ("cgan", {"class_accuracy"})])
def test_a_training_on_digits_is_scored_by_the_judge_to_choose_by(tmp_path, monkeypatch, capfd, preset, more):
    monkeypatch.chdir(tmp_path)
    train(preset, "x", "--set", "score.every=1", "--set", "score.n=70")
    out, err = capfd.readouterr()
    (line,) = Run.open("x").scores.lines()
    assert line.pop("judge") == judge_module.SHA256["selection"]
    assert set(line) == {
        "step", "epoch", "samples", "ranked_by", "best_step",
        "classifier_score", "frechet_distance", "precision", "recall", "rarest",
    } | more  # fmt: skip
    assert (
        f'scores    70 samples every epoch, by the judge "selection" ({judge_module.SHA256["selection"][:12]})\n' in out
    )
    assert re.match(r"The judge looks at [\d,]+ training images, against which samples will be scored \.\.\.\n", out)
    assert f"classifier {line['classifier_score']:.2f}  Frechet {line['frechet_distance']:.2f}\n" in err
    assert "--best" not in out  # the newest is the best
    assert done(capfd, "sample", "x", "--best", "--out", "best.png").endswith("by x as it was after step 3.\n")
    assert refused(capfd, ["evaluate", "x", "--best", "--judge", "selection"]) == (
        'evaluate: the best checkpoint was chosen by the judge "selection", to which it looks better than it is; leave '
        "out --judge, for one that has chosen nothing, or --best.\n"
    )


def test_a_best_score_of_which_there_is_no_line_is_told(tmp_path, monkeypatch, capfd):
    run = trained(tmp_path / "x", plan=[1.0, 2.0, 3.0])
    lines = (run.path / "scores.jsonl").read_bytes().splitlines(keepends=True)
    (run.path / "scores.jsonl").write_bytes(b"".join(lines[1:]))
    with pytest.raises(RunError, match=r"scores\.jsonl has no line of step 3, though others call it the best"):
        how_chosen(Run.open(run.path, best=True))


def test_scores_of_other_data_are_not_compared_and_without_scores_the_picture_stays(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    sets = ["score.every=1", "data.count=60", "training.batch_size=20", "generator.hidden=[8]"]
    done(capfd, "train", "ring", "--steps", "6", "--out", "x", *[word for each in sets for word in ("--set", each)])
    resume = ("train", "--resume", "x", "--allow-changes")
    assert main([*resume, "--steps", "12", "--set", "data.std=0.5"]) == 0
    assert "by another judge or of other data, so the next one starts a new best" in capfd.readouterr().err
    lines = Run.open("x").scores.lines()
    assert [len({line["data"] for line in half}) for half in (lines[:2], lines[2:], lines)] == [1, 1, 2]
    assert all(line["best_step"] > 6 for line in lines[2:])
    assert how_chosen(Run.open("x", best=True)).scores == 2
    done(capfd, *resume, "--steps", "15", "--set", "score.every=0")
    assert (tmp_path / "x" / "scores.png").exists()


def first_is_best(*of, **tell):
    """In the place of scorer_of."""
    found = scorer_of(*of, **tell)
    return found and replace(found, rank=lambda line: (-line["step"],))


def test_all_commands_that_draw_take_the_best_if_they_are_asked(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    sets = ["score.every=1", "data.count=60", "training.batch_size=20", "training.steps=12", "generator.hidden=[8]"]
    argv = ["train", "ring", "--out", "x", *[word for each in sets for word in ("--set", each)]]
    monkeypatch.setattr(training, "scorer_of", first_is_best)
    assert "The score was best after step 3: --best takes that checkpoint." in done(capfd, *argv)
    assert done(capfd, "sample", "x", "--out", "s.npy").endswith("after step 12.\n")
    assert done(capfd, "sample", "x", "--best", "--out", "best.npy").endswith("after step 3.\n")
    assert done(capfd, "interpolate", "x", "--best", "--out", "w.png").endswith("after step 3.\n")
    out = done(capfd, "evaluate", "x", "--best", "-n", "100")
    assert "x after step 3: 100 samples" in out
    assert "\nx, best of 4 scores  " in out
    assert "x, best of 4 scores" in (tmp_path / "x" / "scores" / "index.html").read_text()
    (row,) = json.loads((tmp_path / "x" / "scores" / "scores.json").read_text())["rows"]
    assert (row["name"], row["runs"][0]["step"]) == ("x, best of 4 scores", 3)
    assert row["runs"][0]["chosen"] == {"by": "modes, kl_of_all", "judge": None, "samples": 2500, "scores": 4}
    done(capfd, "evaluate", "x", "-n", "100")
    (row,) = json.loads((tmp_path / "x" / "scores" / "scores.json").read_text())["rows"]
    assert (row["name"], "chosen" in row["runs"][0]) == ("x", False)
    assert not np.array_equal(np.load("s.npy"), np.load("best.npy"))
    done(capfd, *argv[:3], "plain", *argv[4:], "--set", "score.every=0")
    for command in (["sample", "--out", "s.npy"], ["interpolate", "--out", "w.png"], ["evaluate"]):
        assert "plain has no scores" in refused(capfd, [*command, "plain", "--best"])


@pytest.mark.parametrize(
    ("name", "counts", "told"),
    [
        ("x", [4], "x, best of 4 scores"),
        ("x (2)", [1], "x (2), best of 1 score"),
        ("ring (2 seeds)", [11, 11], "ring (2 seeds), best of 11 scores"),
        ("ring (2 seeds)", [9, 1100], "ring (2 seeds), best of 9 to 1,100 scores"),
    ],
)
def test_a_row_of_the_best_says_of_how_many_scores(name, counts, told):
    chosen = {str(i): Chosen("modes", None, 2500, count) for i, count in enumerate(counts)}
    row = Row(name, "", tuple(ScoredRun(path, Config(), 1, Scores(), None) for path in chosen))
    assert named(row, chosen).title == told
    assert named(row, {}).title == name


def test_the_score_of_an_epoch_stands_in_its_line_of_the_progress(tmp_path, capsys):
    trained(tmp_path / "x", plan=[0.5, 0.25, 0.125])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch")]
    assert [line.rpartition("  ")[2] for line in lines] == [
        "distance 0.5", "distance 0.25", "distance 0.125",
    ]  # fmt: skip


def test_the_score_stands_below_the_bar_of_a_terminal(tmp_path):
    run = Run.create(tmp_path / "x", tiny())
    trainer = trainer_of(run, plan=[0.5, 0.25, 0.125])
    (progress,) = [extension for extension in trainer.extensions if isinstance(extension, Progress)]
    progress.live = True
    shown = []
    progress._close = lambda: shown.append(progress.bars[1].desc)
    trainer.run()
    run.close()
    assert shown[0].endswith("distance 0.125")


REFUSED = {
    "repair": (["repair"], 'score.every: a run of the task "repair" makes images of damaged images, which are no'),
    "test images": (["default", "--set", "data.split=test"], "score.every: the run was trained on the test images"),
    "classes": (["default", "--set", "data.limit=5", "--batch-size", "2"], "score.every: none of the 5 images"),
    "few": (["default", "--set", "score.n=64"], "score.n: expected at least 65, as a covariance of 64 features needs"),
    "more than all": (["default", "--set", "score.n=60001"], "score.n: expected at most 60,000, as precision"),
    "few points": (["ring", "--set", "score.n=49"], "score.n: expected at least 50, as scores of fewer say"),
    "many": (["ring", "--set", "score.n=1000000000"], "Found 1,000,000,000 samples to score, for which this machine"),
    "typo": (["ring", "--set", "score.evry=1"], "No field 'score.evry' to set. Did you mean score.every?"),
    "negative": (["ring", "--set", "score.every=-1"], "score.every: expected a whole number of at least 0, but got -1"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_scored_is_refused_before_anything_is_trained(tmp_path, monkeypatch, capfd, what):
    monkeypatch.chdir(tmp_path)
    argv, sentence = REFUSED[what]
    assert refused(capfd, ["train", argv[0], "--set", "score.every=1", *argv[1:]]).startswith(sentence)
    assert list(tmp_path.iterdir()) == []


def test_other_data_are_compared_with_as_many_real_samples(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (80, 6, 5), np.uint8)
    np.save(tmp_path / "x.npy", images)
    config = mg.gan.set_fields(Config(), [f"data.source={tmp_path / 'x.npy'}", "score.every=1", "score.n=60"])
    scorer = scorer_of(config, mg.gan.source.data_of(config), CPU)
    chosen = mg.data.gather_pixels(images[:, None], np.random.default_rng(0).permutation(80)[:60])
    assert scorer.score(chosen, None) == {"sliced_wasserstein": 0.0}
    assert scorer_of(mg.gan.set_field(mg.gan.set_field(config, "score.every=0"), "score.n=2500"), None, CPU) is None


def test_real_points_are_scored_once_as_many_as_of_g():
    config = mg.gan.set_fields(mg.gan.load_preset("ring"), ["score.every=1", "score.n=500"])
    scorer = scorer_of(config, mg.gan.source.data_of(config), CPU)
    assert set(scorer.of_real) == {"modes", "high_quality", "kl", "kl_of_all"}
    assert scorer.of_real["modes"] == 8
    assert (500 * scorer.of_real["high_quality"]) % 1 == pytest.approx(0, abs=1e-9)
    assert 0.97 < scorer.of_real["high_quality"] < 1
    assert scorer.of_noise["high_quality"] < 0.02


def test_training_announces_between_what_the_scores_will_lie(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(180, 1)).astype(np.float32)
    np.savez("x.npz", x_train=x[:120], x_test=x[120:])
    sets = ["data.source=x.npz", "score.every=1", "score.n=60", "training.batch_size=20", "generator.hidden=[8]"]
    out = done(capfd, "train", "ring", "--steps", "6", *[word for each in sets for word in ("--set", each)])
    config = mg.gan.set_fields(mg.gan.load_preset("ring"), sets)
    scorer = scorer_of(config, mg.gan.source.data_of(config), CPU)
    real = np.random.default_rng(0).permutation(x[:120])[:60]
    expected = stats.wasserstein_distance(real[:, 0], x[120:, 0])
    assert scorer.of_real["wasserstein_1d"] == pytest.approx(expected, rel=1e-6)
    assert scorer.of_noise["wasserstein_1d"] > scorer.of_real["wasserstein_1d"]
    lines = out[out.index("scores    ") :].splitlines()
    assert lines[0] == "scores    60 samples every epoch"
    real, noise = re.fullmatch(r" {10}real samples: Wasserstein (\S+); noise: Wasserstein (\S+)", lines[1]).groups()
    assert real == f"{expected:.4f}"
    assert noise == f"{scorer.of_noise['wasserstein_1d']:.4f}"


def test_real_digits_are_test_images_unless_there_are_too_few_of_them(digits):
    images, labels = mg.data.load_mnist("test")
    test = mg.data.Dataset(images[:200, None], labels[:200], "MNIST")
    scorer = digit_scorer(digits[0], test, 200)
    again = scorer.score(mg.data.gather_pixels(test.samples, np.arange(200)), None)
    assert scorer.of_real["frechet_distance"] == pytest.approx(again["frechet_distance"], rel=1e-4)
    assert scorer.of_real["class_accuracy"] > 0.95
    assert digit_scorer(digits[0], test, 201).of_real == {}


def test_a_judge_that_is_not_the_one_of_this_version_is_refused(monkeypatch):
    monkeypatch.setitem(judge_module.SHA256, "selection", "0" * 64)
    config = mg.gan.set_field(Config(), "score.every=1")
    with pytest.raises(mg.errors.DataError, match="install minigan anew"):
        scorer_of(config, mg.gan.source.data_of(config), CPU)


def test_settings_of_scores_are_settings_as_all_others():
    with pytest.raises(ConfigError, match=r"score\.n: expected a whole number of at least 1, but got 0"):
        Config.from_dict({"score": {"n": 0}})
    assert Config.from_dict(tiny().to_dict()) == tiny()
