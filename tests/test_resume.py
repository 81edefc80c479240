"""Going on with a run: to the same bits, on the same terms, or not without saying so."""

import gc
import json
import os
import shutil
import tomllib
import weakref

import numpy as np
import pytest
from tiny_runs import (
    at_step,
    contents,
    files,
    quick_curves,  # noqa: F401
    restored,
    resumed,
    stop,
    tiny,
    trained,
    trainer_of,
)

import minigan as mg
from minigan.errors import ConfigError, RunError
from minigan.gan import Config, Extension, Run, set_field
from minigan.gan.record import config_bytes, first_record, read_config, read_record, with_resume


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def whole(here):
    """A run of 7 steps that nothing happened to."""
    return contents(trained(here / "whole").path)


def copied(run, name):
    shutil.copytree(run.path, run.path.with_name(name))
    return run.path.with_name(name)


# ---- to the same bits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", range(1, 7))
def test_a_run_that_was_stopped_after_any_step_ends_as_if_it_had_not_been(here, whole, step):
    stopped = trained(here / "x", at_step(step, stop))
    assert Run.open(stopped.path).checkpoint["step"] == step
    again = contents(resumed(here / "x").path)
    assert {name for name in {**again, **whole} if again.get(name) != whole.get(name)} <= EARLIER
    assert again["checkpoints/step-00000007.safetensors"] == whole["checkpoints/step-00000007.safetensors"]


EARLIER = {f"checkpoints/step-0000000{step}.safetensors" for step in range(1, 7)}  # the two newest are kept


def test_a_run_that_is_stopped_after_every_step_ends_as_if_it_had_not_been(here, whole):
    trained(here / "x", at_step(1, stop))
    for step in range(2, 7):
        resumed(here / "x", at_step(step, stop))
    again = contents(resumed(here / "x").path)
    assert {name for name in {**again, **whole} if again.get(name) != whole.get(name)} <= EARLIER


def test_a_run_that_never_began_starts_at_its_first_step(here, whole):
    Run.create(here / "x", tiny()).close()
    assert contents(resumed(here / "x").path) == whole


def test_what_a_killed_run_left_beyond_its_checkpoint_is_cut_off(here, whole):
    run = trained(here / "x", at_step(3, stop))
    with (run.path / "log.jsonl").open("ab") as log:
        log.write(b'{"step": 4, "epoch": 1, "loss_D": 9.0}\n{"step": 6, "ep')
    (run.path / "samples" / "epoch-002.png").write_bytes(b"of a step that is to be made again")
    for left in (".config.toml.9.tmp", "samples/.epoch-002.png.9.tmp", "checkpoints/.step-00000006.safetensors.9.tmp"):
        (run.path / left).write_bytes(b"half")
    assert contents(resumed(run.path).path) == whole


def test_files_of_other_names_are_left_alone(here):
    run = trained(here / "x", at_step(3, stop))
    strays = ["notes.txt", ".notes.txt.9.tmp", "samples/epoch-best.png", "samples/.mine.tmp", "checkpoints/best"]
    for stray in strays:
        (run.path / stray).write_bytes(b"precious")
    resumed(run.path)
    assert all((run.path / stray).read_bytes() == b"precious" for stray in strays)


def test_each_step_has_one_time_and_times_add_up_over_resumes(here):
    run = trained(here / "x", at_step(5, stop))
    with (run.path / "timing.jsonl").open("ab") as file:
        file.write(b'{"step": 6, "seconds": 99.0, "steps_per_s": 1.0}\n{"st')
    resumed(run.path)
    lines = [json.loads(line) for line in (run.path / "timing.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 5, 6, 7]
    seconds = [line["seconds"] for line in lines]
    assert seconds == sorted(seconds)
    assert seconds[-1] < 60


def test_an_extension_of_ones_own_may_change_the_game_after_the_checkpoints_extension_and_nothing_is_lost(here):
    class Cool(Extension):
        def after_epoch(self, trainer):
            for group in trainer.game.discriminator.optimizer.param_groups:
                group["lr"] *= 0.5

    whole = contents(trained(here / "whole", Cool()).path)
    for step in (3, 5):
        trained(here / "x", Cool(), at_step(step, stop))
        again = contents(resumed(here / "x", Cool()).path)
        name = "checkpoints/step-00000007.safetensors"
        assert again[name] == whole[name]
        assert again["log.jsonl"] == whole["log.jsonl"]
        shutil.rmtree(here / "x")


# ---- a run that is finished ------------------------------------------------------------------------------


def test_a_finished_run_says_that_it_is(here):
    trained(here / "x")
    run = Run.resume(here / "x")
    assert run.finished
    run.close()


@pytest.mark.parametrize("step", [3, 6])
def test_a_run_that_was_stopped_is_not_finished(here, step):
    trained(here / "x", at_step(step, stop))
    run = Run.resume(here / "x")
    assert not run.finished
    run.close()


def test_a_run_that_was_killed_while_the_end_was_written_is_not_finished(here, whole):
    run = trained(here / "x")
    (run.path / "curves.png").unlink()
    (run.path / "samples.gif").unlink()
    again = Run.resume(run.path)
    assert not again.finished
    again.close()
    assert contents(resumed(run.path).path) == whole


@pytest.mark.parametrize("steps", [6, 7])
def test_a_finished_run_that_goes_on_longer_is_the_run_that_was_meant_to_be_longer(here, steps):
    """But for the record, for curves.png, which is the same again, and for the checkpoints between."""
    longer = contents(trained(here / "longer", steps=10).path)
    trained(here / "x", steps=steps)
    again = contents(resumed(here / "x", config=tiny(steps=10), allow_changes=True).path)
    assert again == longer
    assert read_config(here / "x" / "config.toml") == tiny(steps=10)


# ---- other settings --------------------------------------------------------------------------------------


def test_other_settings_are_named_and_refused_and_nothing_is_changed(here):
    run = trained(here / "x", at_step(4, stop))
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    other = set_field(set_field(tiny(), "generator.lr=0.5"), "training.steps=9")
    with pytest.raises(ConfigError) as error:
        Run.resume(run.path, other)
    assert str(error.value) == (
        f"{run.path} was trained with other settings or data: generator.lr was 0.0002, is 0.5; training.steps was 7, "
        "is 9. Go on with the old ones, or with --allow-changes if the new ones are meant."
    )
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_a_config_toml_that_was_changed_by_hand_is_noticed(here):
    run = trained(here / "x", at_step(4, stop))
    file = run.path / "config.toml"
    file.write_text(file.read_text().replace("dropout = 0.2", "dropout = 0.3"))
    with pytest.raises(ConfigError, match=r"discriminator\.dropout was 0\.2, is 0\.3\. Go on"):
        Run.resume(run.path)


def test_with_leave_the_new_settings_hold_from_then_on_and_need_no_more_leave(here):
    run = trained(here / "x", at_step(4, stop))
    other = set_field(tiny(), "generator.lr=0.5")
    resumed(run.path, at_step(5, stop), config=other, allow_changes=True)
    assert read_config(run.path / "config.toml") == other
    again = resumed(run.path)
    assert again.config == other
    assert Run.open(run.path).checkpoint["config"]["generator"]["lr"] == 0.5


def test_leave_is_needed_once_though_the_run_is_killed_before_its_next_checkpoint(here):
    run = trained(here / "x", at_step(4, stop))
    other = set_field(tiny(), "generator.lr=0.5")
    restored(run.path, other)
    assert resumed(run.path).config == other


def test_leave_that_was_given_is_none_for_what_a_person_changes_afterwards(here):
    run = trained(here / "x", at_step(4, stop))
    restored(run.path, set_field(tiny(), "generator.lr=0.5"))
    file = run.path / "config.toml"
    file.write_text(file.read_text().replace("lr = 0.5", "lr = 0.25"))
    with pytest.raises(ConfigError, match=r"generator\.lr was 0\.0002, is 0\.25\. Go on"):
        Run.resume(run.path)


def swapped(run, other):
    """The run with the checkpoints of another."""
    for path in run.checkpoints():
        path.unlink()
    for path in other.checkpoints():
        shutil.copy(path, run.path / "checkpoints")


def test_leave_that_was_given_is_none_for_checkpoints_of_another_run(here):
    """Nor is a resume that needed none."""
    run, other = trained(here / "x", at_step(4, stop)), trained(here / "y", at_step(4, stop), seed=7)
    restored(run.path)
    swapped(run, other)
    with pytest.raises(ConfigError, match=r"training\.seed was 7, is 0\. Go on"):
        Run.resume(run.path)


def test_nor_is_it_for_checkpoints_of_a_run_on_other_data(here):
    run, other = trained(here / "x", at_step(4, stop)), Run.create(here / "y", tiny())
    trainer_of(other.config, other, at_step(4, stop), seed=1).run()
    other.close()
    restored(run.path)
    swapped(run, other)
    with pytest.raises(ConfigError, match=r"the data's sha256 was '[0-9a-f]{64}', is '[0-9a-f]{64}'\. Go on with"):
        resumed(run.path)


def test_leave_holds_for_an_older_checkpoint_of_the_run_that_stands_in_for_a_damaged_one(here):
    run = trained(here / "x", at_step(2, stop))
    for step, seed in ((3, 1), (4, 2)):
        resumed(run.path, at_step(step, stop), config=tiny(seed=seed, keep=9), allow_changes=True)
    for path in run.checkpoints()[1:]:
        path.write_bytes(b"")
    assert Run.open(run.path).checkpoint["config"]["training"]["seed"] == 0
    assert resumed(run.path).config == tiny(seed=2, keep=9)


def test_no_checkpoint_is_written_before_a_step_is_made(here):
    """Not even where the average of G is given up: it may be wanted back."""
    run = trained(here / "x", at_step(4, stop))
    before = [(path, path.read_bytes()) for path in run.checkpoints()]
    restored(run.path, set_field(set_field(tiny(), "generator.ema_decay=0"), "generator.lr=0.5"), seed=1)
    assert [(path, path.read_bytes()) for path in run.checkpoints()] == before


def test_new_settings_of_an_optimizer_reach_it_and_what_an_extension_changed_stays(here):
    def cool(trainer):
        trainer.game.discriminator.optimizer.param_groups[0]["lr"] = 0.125

    run = trained(here / "x", at_step(2, cool), at_step(4, stop))
    other = set_field(set_field(tiny(), "generator.lr=0.5"), "generator.betas=[0.25, 0.5]")
    for _ in range(2):  # the second time as if killed before the next checkpoint
        game = restored(run.path, other).game
        (G,), (D,) = game.generator.optimizer.param_groups, game.discriminator.optimizer.param_groups
        assert (G["lr"], G["betas"], D["lr"]) == (0.5, (0.25, 0.5), 0.125)


def with_G(**settings):
    return Config.from_dict({**tiny().to_dict(), "generator": {**tiny().to_dict()["generator"], **settings}})


SGD = {"optimizer": "sgd", "betas": [0.9, 0.999], "momentum": 0.5}


@pytest.mark.parametrize(
    ("before", "after", "name", "expected"),
    [
        (with_G(schedule="linear"), with_G(), "lr", 2e-4),
        (with_G(schedule="step", lr_decay=0.5), with_G(), "lr", 2e-4),
        (with_G(**SGD, final_momentum=0.9, momentum_epochs=2), with_G(**SGD), "momentum", 0.5),
    ],
)
def test_with_a_schedule_that_is_given_up_its_last_value_goes_too(here, before, after, name, expected):
    run = Run.create(here / "x", before)
    trainer = trainer_of(before, run, at_step(4, stop))
    trainer.run()
    run.close()
    assert trainer.game.generator.optimizer.param_groups[0][name] != expected
    again = restored(run.path, after)
    assert again.game.generator.optimizer.param_groups[0][name] == expected


def test_another_seed_holds_from_then_on_however_often_the_run_is_stopped(here):
    """And whatever else is built or opened in the same process."""
    for name in "ab":
        trained(here / name, at_step(4, stop))
    one = resumed(here / "a", config=tiny(seed=5, steps=9), allow_changes=True)
    look = at_step(6, lambda _: Run.open(here / "a").game())
    resumed(here / "b", look, at_step(7, stop), config=tiny(seed=5, steps=9), allow_changes=True)
    two = resumed(here / "b")
    old = trained(here / "c", steps=9)
    name = "checkpoints/step-00000009.safetensors"
    assert (one.path / name).read_bytes() == (two.path / name).read_bytes()
    assert (one.path / "log.jsonl").read_bytes() == (two.path / "log.jsonl").read_bytes()
    assert one.log()[:2] == old.log()[:2]
    assert all(line != of_old for line, of_old in zip(one.log()[2:], old.log()[2:], strict=True))


def test_steps_that_were_made_are_not_taken_back(here):
    run = trained(here / "x", at_step(6, stop))
    before = contents(run.path)
    with pytest.raises(ConfigError) as error:
        Run.resume(run.path, tiny(steps=5), allow_changes=True)
    assert str(error.value) == (
        f"{run.path} has already made 6 steps, but training.steps is 5, and none can be taken back; ask for 6 or more: "
        "--steps N."
    )
    assert contents(run.path) == before
    assert resumed(run.path, config=tiny(steps=6), allow_changes=True).log()[-1]["step"] == 6


def refused_with(run, setting):
    """Why the checkpoint of a run does not go with this setting."""
    other = Run.resume(run.path, set_field(tiny(), setting), allow_changes=True)
    with pytest.raises(RunError) as error:
        other.restore(trainer_of(other.config))
    other.close()
    return error.value


def test_settings_that_do_not_fit_the_saved_networks_are_named_and_nothing_is_changed(here):
    run = trained(here / "x", at_step(4, stop))
    before = files(run.path), (run.path / "config.toml").read_bytes()
    error = refused_with(run, "generator.hidden=[9]")
    assert str(error) == (
        f"{run.checkpoints()[-1]} does not fit the new settings (generator.hidden was [8], is [9]); go on with the old "
        "ones, or begin another run."
    )
    assert "(9, 3)" in str(error.__cause__)  # for whoever writes a program
    assert (files(run.path), (run.path / "config.toml").read_bytes()) == before


def test_a_rule_that_needs_what_was_never_saved_is_refused_in_words_for_a_person(here):
    run = trained(here / "x", at_step(4, stop))
    error = refused_with(run, "game.rule=optimistic")
    assert str(error) == (
        f"{run.checkpoints()[-1]} does not fit the new settings (game.rule was 'alternating', is 'optimistic'); go on "
        "with the old ones, or begin another run."
    )


def test_pictures_are_kept_where_other_batches_make_the_count_of_epochs_go_back(here, capsys):
    """Six steps were two epochs, and are one of batches of two: the next picture is number 2 again."""
    run = trained(here / "x", steps=6)
    drawn = [path.read_bytes() for path in run.samples()]
    other = tiny(steps=14, batch_size=2)
    restored(run.path, other)  # as if killed before the next checkpoint
    said = capsys.readouterr().err
    kept = run.path / "samples-to-step-00000006"
    assert f"6 steps are 1 epoch; the pictures so far are kept in {kept}.\n" in said
    (run.path / "samples" / "epoch-002.png").write_bytes(b"after the checkpoint: it will be made again")
    resumed(run.path)
    assert [path.read_bytes() for path in sorted(kept.iterdir())] == drawn
    assert [path.stem for path in run.samples()] == ["epoch-002", "epoch-003"]
    assert all(path.read_bytes()[1:4] == b"PNG" for path in run.samples())
    assert files(kept) == ["epoch-001.png", "epoch-002.png"]
    capsys.readouterr()
    resumed(run.path, config=tiny(steps=15, batch_size=4), allow_changes=True)  # the count goes on, with a gap
    assert "kept in" not in capsys.readouterr().err
    assert [path.stem for path in run.samples()] == ["epoch-002", "epoch-003", "epoch-005"]


def test_config_toml_keeps_its_record_and_a_history_of_resumes(here):
    run = trained(here / "x", at_step(2, stop))
    first = tomllib.loads((run.path / "config.toml").read_text())["record"]
    resumed(run.path, at_step(4, stop))
    resumed(run.path, config=set_field(tiny(), "training.keep=3"), allow_changes=True)
    record = tomllib.loads((run.path / "config.toml").read_text())["record"]
    resumes = record.pop("resumes")
    assert record.pop("agreed").keys() == {"settings", "data"}
    assert record == first
    assert [resume["step"] for resume in resumes] == [2, 4]
    assert [resume["changes"] for resume in resumes] == [[], ["training.keep was 2, is 3"]]
    assert {resume["command"] for resume in resumes} == {"minigan train --resume"}
    assert all({"command", "started", "step", "changes"} == resume.keys() for resume in resumes)


def test_the_history_of_a_run_that_is_resumed_for_ever_can_always_be_read(here):
    """A thousand resumes by a command of 2 kB: the oldest are forgotten."""
    path, record = here / "config.toml", first_record("minigan train", {})
    for step in range(1000):
        record = with_resume(record, step, "x" * 2000, ["numpy was '1.0', is '2.0'"])
    path.write_bytes(config_bytes(tiny(), record))
    assert read_config(path) == tiny()
    steps = [resume["step"] for resume in read_record(path)["resumes"]]
    assert 200 < len(steps) < 1000
    assert steps == list(range(1000 - len(steps), 1000))


@pytest.mark.parametrize("command", ["x" * (1 << 20), "." * 1001])
def test_a_command_with_which_config_toml_could_not_be_read_again_is_refused(here, command):
    with pytest.raises(ConfigError, match=r"Cannot write down settings and command \(.*more than 1,0"):
        Run.create(here / "x", tiny(), command)
    assert files(here) == []


def test_settings_that_were_never_trained_with_may_be_changed_by_hand(here):
    Run.create(here / "x", tiny()).close()
    file = here / "x" / "config.toml"
    file.write_text(file.read_text().replace("steps = 7", "steps = 4"))
    assert resumed(here / "x").log()[-1]["step"] == 4


# ---- other data ------------------------------------------------------------------------------------------


def test_other_data_are_noticed_and_refused_and_nothing_is_changed(here):
    run = trained(here / "x", at_step(4, stop))
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match=r"the data's sha256 was '[0-9a-f]{64}', is '[0-9a-f]{64}'\. Go on with"):
        resumed(run.path, seed=1)
    after = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file() and path.name != ".lock"}
    assert after == before


def test_with_leave_training_goes_on_with_other_data_and_needs_no_more_leave(here):
    for name in "ab":
        trained(here / name, at_step(4, stop))
    one = contents(resumed(here / "a", seed=1, allow_changes=True).path)
    restored(here / "b", seed=1)  # as if killed before the next checkpoint
    resumed(here / "b", at_step(5, stop), seed=1)
    two = contents(resumed(here / "b", seed=1).path)
    name = "checkpoints/step-00000007.safetensors"
    old = contents(trained(here / "c").path)
    assert one[name] == two[name] != old[name]
    assert one["log.jsonl"] == two["log.jsonl"] != old["log.jsonl"]


@pytest.mark.parametrize("change", ["one pixel", "type", "shape", "labels"])
def test_any_change_of_the_data_changes_their_fingerprint(change):
    from minigan.data import Loader
    from minigan.gan.checkpoint import describe

    images = np.random.default_rng(0).integers(0, 256, (12, 1, 4, 4), np.uint8)
    labels = np.arange(12) % 3
    changed = images.copy()
    changed[7, 0, 2, 3] ^= 1
    other = {
        "one pixel": (changed, labels),
        "type": (images.view(np.float32).reshape(12, 1, 4, 1) * 0, labels),
        "shape": (images.reshape(12, 1, 2, 8), labels),
        "labels": (images, labels[::-1]),
    }[change]
    one, two = (describe(Loader(*data, batch_size=4))["sha256"] for data in ((images, labels), other))
    assert one != two


# ---- another machine -------------------------------------------------------------------------------------


def elsewhere(path, **changes):
    """As if the newest checkpoint had been saved on another machine."""
    (*_, newest) = Run.open(path).checkpoints()
    saved = mg.load(newest)
    saved["environment"].update(changes)
    mg.save(saved, newest)


def test_a_resume_elsewhere_says_so_in_one_sentence_and_goes_on_and_is_recorded(here, capsys):
    run = trained(here / "x", at_step(4, stop))
    elsewhere(run.path, numpy="1.0", cpu="Zilog Z80", blas_threads=64, libraries={"pillow": "1.0"})
    threads = Run.open(trained(here / "y", at_step(1, stop)).path).checkpoint["environment"]["blas_threads"]
    capsys.readouterr()
    resumed(run.path)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("minigan: ")]
    assert len(said) == 1
    assert said[0].startswith(f"minigan: {run.path} was not trained here alone (")
    for part in (f"numpy was '1.0', is '{np.__version__}'", "cpu was 'Zilog Z80', is ", "libraries.pillow was '1.0'",
                 f"blas_threads was 64, is {threads}"):  # fmt: skip
        assert part in said[0]
    (resume,) = tomllib.loads((run.path / "config.toml").read_text())["record"]["resumes"]
    assert f"numpy was '1.0', is '{np.__version__}'" in resume["changes"]
    assert resumed(run.path).path == run.path


def test_what_no_result_depends_on_is_not_mentioned(here, capsys):
    run = trained(here / "x", at_step(4, stop))
    elsewhere(run.path, cores=999, avx512_unused="who knows")
    capsys.readouterr()
    resumed(run.path)
    assert "minigan: " not in capsys.readouterr().err


# ---- damage ----------------------------------------------------------------------------------------------


def test_a_damaged_newest_checkpoint_costs_time_and_nothing_else(here, whole, capsys):
    run = trained(here / "x")
    for name in ("curves.png", "checkpoints/step-00000007.safetensors"):
        (run.path / name).write_bytes(b"")
    again = contents(resumed(run.path).path)
    assert "its 0 bytes are fewer than its header needs" in capsys.readouterr().err
    assert again.pop("checkpoints/step-00000007.safetensors.damaged") == b""  # nothing is thrown away
    assert again == whole


def test_damaged_checkpoints_of_the_same_step_are_all_kept(here):
    run = trained(here / "x")
    for i in range(3):
        (run.path / "checkpoints/step-00000007.safetensors").write_bytes(f"damage {i}".encode())
        resumed(run.path)
    kept = [path.read_bytes() for path in sorted((run.path / "checkpoints").glob("*.damaged*"))]
    assert kept == [b"damage 0", b"damage 1", b"damage 2"]


def test_folders_that_a_copy_left_out_are_made_again(here, whole):
    run = Run.create(here / "x", tiny())
    run.close()
    for name in ("samples", "checkpoints"):
        (run.path / name).rmdir()
    assert contents(resumed(run.path).path) == whole
    shutil.rmtree(run.path / "samples")
    (run.path / "curves.png").unlink()
    assert resumed(run.path).path == run.path


def test_the_arrays_of_a_checkpoint_are_dropped_when_training_has_them(here):
    run = trained(here / "x", at_step(4, stop))
    again = Run.resume(run.path)
    array = weakref.ref(next(iter(again.checkpoint["game"]["generator"]["network"].values())))
    assert array() is not None
    again.restore(trainer_of(again.config))
    again.close()
    gc.collect()
    assert array() is None
    assert again.checkpoint["step"] == 4


def test_a_run_all_of_whose_checkpoints_are_damaged_is_not_begun_anew_without_asking(here):
    run = trained(here / "x", at_step(4, stop))
    for path in run.checkpoints():
        path.write_bytes(b"")
    before = files(run.path)
    with pytest.raises(RunError, match="holds no whole checkpoint"):
        Run.resume(run.path)
    assert files(run.path) == before


@pytest.mark.parametrize("lose", [shutil.rmtree, lambda folder: [path.unlink() for path in folder.iterdir()]])
def test_a_run_that_lost_its_checkpoints_is_not_begun_anew_over_its_log_and_pictures(here, lose):
    run = trained(here / "a b")
    lose(run.path / "checkpoints")
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    for reached in (Run.resume, Run.open):
        with pytest.raises(RunError) as error:
            reached(run.path)
        assert str(error.value) == (
            f"{run.path} has lost its checkpoints, and nothing is begun anew over what else is there; put the files "
            f"back into {run.path / 'checkpoints'}, or begin another run with the same settings: "
            f"minigan train '{run.path / 'config.toml'}'"
        )
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_nor_is_one_that_was_killed_between_its_first_checkpoint_and_the_note_of_it(here):
    run = trained(here / "x", at_step(3, stop))
    file = run.path / "config.toml"
    file.write_text(file.read_text().replace("checkpoint_saved = true\n", ""))
    restored(run.path)
    shutil.rmtree(run.path / "checkpoints")
    with pytest.raises(RunError, match="has lost its checkpoints"):
        Run.resume(run.path)


def test_a_run_that_broke_off_before_its_first_checkpoint_begins_anew_though_it_has_lines_and_a_picture(here):
    def fail(trainer):
        raise RuntimeError("out of power")

    whole = contents(trained(here / "whole", checkpoint_epochs=2).path)
    with pytest.raises(RuntimeError):
        trained(here / "x", at_step(5, fail), checkpoint_epochs=2)
    (here / "x" / ".lock").unlink(missing_ok=True)
    gc.collect()
    assert files(here / "x" / "samples") == ["epoch-001.png"]
    assert contents(resumed(here / "x").path) == whole


def test_a_checkpoint_that_was_renamed_costs_time_and_nothing_else(here, whole):
    run = trained(here / "x")
    (run.path / "curves.png").unlink()
    path = run.checkpoints()[-1]
    content = path.read_bytes()
    path.rename(path.with_name("step-00000010.safetensors"))
    again = contents(resumed(run.path).path)
    assert again.pop("checkpoints/step-00000010.safetensors.damaged") == content
    assert again == whole


def test_a_damaged_log_is_named_before_anything_is_trained_or_changed(here):
    run = trained(here / "x", at_step(5, stop))
    log = run.path / "log.jsonl"
    log.write_text("junk\n" * 400)
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    again = Run.resume(run.path)
    with pytest.raises(RunError, match=rf"^Line 1 of {log} is no line of a log; restore the file, or remove it\.$"):
        again.restore(trainer_of(again.config))
    again.close()
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before
    log.unlink()
    assert [line["step"] for line in resumed(run.path).log()] == [6, 7]


def test_damage_of_the_log_beyond_the_checkpoint_is_cut_off(here, whole):
    run = trained(here / "x", at_step(3, stop))
    with (run.path / "log.jsonl").open("ab") as log:
        log.write(b"junk\n" * 400)
    assert contents(resumed(run.path).path) == whole


def test_a_log_that_became_shorter_is_said_and_goes_on(here, capsys):
    run = trained(here / "x", at_step(5, stop))
    (run.path / "log.jsonl").write_text("")
    resumed(run.path)
    assert f"{run.path / 'log.jsonl'} is shorter than it was; the lines that it lacks stay missing." in (
        capsys.readouterr().err
    )
    assert [line["step"] for line in run.log()] == [6, 7]


@pytest.mark.parametrize(
    "damage", [b"[" * 3000, b"{" * 70000 + b"\n", b'{"step": 1e400}\n', b"\xff\n", b'{"step": "x"}\n']
)
def test_damaged_times_are_dropped(here, damage):
    run = trained(here / "x", at_step(5, stop))
    (run.path / "timing.jsonl").write_bytes(damage)
    resumed(run.path)
    lines = (run.path / "timing.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [6, 7]


@pytest.mark.parametrize(
    "line",
    [b"[" * 9999, b"{}", b'{"step": 1.5}', b'{"step": true}', b'{"step": 2, "loss_D": "low"}', b'{"step": 2, "x": []}',
     b"\xff", b'{"step": 2, "loss_D": 1e999}', b'{"step": ' + b"9" * 400 + b"}", b'{"step": ' + b"9" * 9999 + b"}",
     b"x" * 10**5],
)  # fmt: skip
def test_a_damaged_line_of_the_log_is_named(here, line):
    run = trained(here / "x", at_step(5, stop))
    with (run.path / "log.jsonl").open("ab") as log:
        log.write(line + b"\n")
    with pytest.raises(RunError, match=rf"^Line 4 of {run.path / 'log.jsonl'} is no line of a log; restore"):
        run.log()


def test_a_line_that_a_kill_tore_is_none(here):
    run = trained(here / "x", at_step(5, stop))
    with (run.path / "log.jsonl").open("ab") as log:
        log.write(b'{"step": 6, "lo')
    assert [line["step"] for line in run.log()] == [2, 4, 5]


# ---- what is no run --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "holds no config.toml"),
        (lambda path: path.write_text("hello"), "is a file"),
    ],
)
def test_what_is_no_run_is_not_gone_on_with(here, make, what):
    make(here / "x")
    with pytest.raises(RunError) as error:
        Run.resume(here / "x")
    assert str(error.value) == f"{here / 'x'} {what}; expected the folder of a run, such as runs/default."
    assert not os.path.exists(here / "x" / ".lock")


def test_a_refused_resume_leaves_the_folder_unlocked(here):
    run = trained(here / "x", at_step(4, stop))
    for _ in range(2):
        with pytest.raises(ConfigError):
            Run.resume(run.path, tiny(seed=1))
    resumed(run.path)


@pytest.mark.parametrize("record", ["", "record = 3", "[record]\nresumes = 3", "[record]\nresumes = ['x']"])
def test_a_record_that_a_person_rewrote_is_no_obstacle(here, record):
    run = trained(here / "x", at_step(4, stop))
    text = (run.path / "config.toml").read_text()
    settings = text[: text.index("\n[record]") + 1]
    (run.path / "config.toml").write_text(record + "\n" + settings if record == "record = 3" else settings + record)
    resumed(run.path)
    assert tomllib.loads((run.path / "config.toml").read_text())["record"]["resumes"][-1]["step"] == 4
