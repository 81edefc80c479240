"""The run folder: what is written where, what is refused, what can be read again."""

import errno
import io
import json
import os
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_runs import CPU, REAL_CURVES, SHAPE, assert_same, files, poison, quick_curves, tiny, trained, trainer_of  # noqa: F401

import minigan as mg
from minigan.errors import ConfigError, DivergedError, RunError
from minigan.gan import Config, Extension, Run, build_game, folder
from minigan.gan import run as module
from minigan.gan.extensions import Progress
from minigan.gan.finite import StopOnNaN
from minigan.gan.lock import Lock
from minigan.gan.pictures import grid
from minigan.gan.record import read_config


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


# ---- a whole run -----------------------------------------------------------------------------------------


def test_a_run_leaves_exactly_the_files_of_the_design(tmp_path):
    trained(tmp_path / "x")
    assert files(tmp_path / "x") == [
        "checkpoints", "checkpoints/step-00000006.safetensors", "checkpoints/step-00000007.safetensors",
        "config.toml", "curves.png", "log.jsonl", "samples", "samples.gif", "samples/epoch-001.png",
        "samples/epoch-002.png", "samples/epoch-003.png", "timing.jsonl",
    ]  # fmt: skip


def test_the_log_holds_the_mean_of_every_log_every_steps_and_of_what_is_left(tmp_path):
    run = trained(tmp_path / "x")
    plain = trainer_of(run.config)
    reports = []
    for k in range(7):
        mg.set_step(k)
        report = plain.game.step(mg.tensor(plain.loader.batch(k)))
        reports.append([report[name].item() for name in ("loss_D", "loss_G", "D_x", "D_G_z")])
    assert [(line["step"], line["epoch"]) for line in run.log()] == [(2, 0), (4, 1), (6, 2), (7, 2)]
    for line, first, last in zip(run.log(), (0, 2, 4, 6), (2, 4, 6, 7), strict=True):
        means = np.mean(reports[first:last], axis=0)
        assert set(line) == {"step", "epoch", "loss_D", "loss_G", "D_x", "D_G_z"}
        np.testing.assert_allclose([line[name] for name in ("loss_D", "loss_G", "D_x", "D_G_z")], means, rtol=1e-5)


def test_times_are_kept_out_of_the_log(tmp_path):
    run = trained(tmp_path / "x")
    lines = [json.loads(line) for line in (run.path / "timing.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6, 7]
    assert all(list(line) == ["step", "seconds", "steps_per_s"] for line in lines)
    seconds = [line["seconds"] for line in lines]
    assert seconds == sorted(seconds)


def test_a_repetition_gives_the_same_log_samples_and_checkpoints(tmp_path):
    one, other = (trained(tmp_path / name, seed=5) for name in "ab")
    for name in ("log.jsonl", "samples.gif", *(f"samples/epoch-{i:03d}.png" for i in (1, 2, 3))):
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes(), name
    for first, second in zip(one.checkpoints(), other.checkpoints(), strict=True):
        assert first.name == second.name
        assert_same(mg.load(first), mg.load(second))


def test_another_seed_gives_another_run(tmp_path):
    one, other = trained(tmp_path / "a", seed=5), trained(tmp_path / "b", seed=6)
    assert one.log() != other.log()


def test_a_sample_grid_is_what_the_average_of_G_draws_from_64_fixed_z(tmp_path):
    run = trained(tmp_path / "x")
    saved = Run.open(run.path).checkpoint
    game = build_game(tiny(seed=9), SHAPE, CPU)
    game.load_state_dict(saved["game"])
    with mg.no_grad():
        images = game.ema.network(game.noise.fixed(64, 0, CPU)).numpy()
    np.testing.assert_array_equal(pixels(run.path / "samples/epoch-003.png"), grid(images, columns=8))


def test_a_run_shorter_than_an_epoch_has_one_grid_one_line_and_one_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("minigan.gan.extensions.curves", REAL_CURVES)
    run = trained(tmp_path / "x", steps=1)
    assert [path.name for path in run.samples()] == ["epoch-001.png"]
    assert [path.name for path in run.checkpoints()] == ["step-00000001.safetensors"]
    assert [line["step"] for line in run.log()] == [1]
    assert pixels(run.path / "curves.png").std() > 10  # a point for each number
    assert not (run.path / "samples.gif").exists()  # a film of one picture is none


def test_pictures_are_named_after_the_epoch_that_is_finished_where_a_step_takes_several_batches(tmp_path):
    """Steps of two batches, epochs of three: the first is finished in the middle of step 2."""
    config = Config.from_dict({**tiny(steps=4).to_dict(), "game": {"d_steps": 2}})
    run = Run.create(tmp_path / "x", config)
    seen = []
    after = Extension()
    after.after_epoch = lambda trainer: seen.append((trainer.step, [path.stem for path in run.samples()]))
    trainer_of(config, run, after).run()
    assert seen == [(2, ["epoch-001"]), (3, ["epoch-001", "epoch-002"])]
    assert [path.stem for path in run.samples()] == ["epoch-001", "epoch-002", "epoch-003"]


def test_a_run_that_ends_with_an_epoch_writes_nothing_twice(tmp_path):
    run = trained(tmp_path / "x", steps=6)
    assert [path.name for path in run.samples()] == ["epoch-001.png", "epoch-002.png"]
    assert [path.name for path in run.checkpoints()] == ["step-00000003.safetensors", "step-00000006.safetensors"]


def test_the_film_shows_all_grids_in_order(tmp_path):
    run = trained(tmp_path / "x")
    with Image.open(run.path / "samples.gif") as film:
        assert film.n_frames == 3
        for i, path in enumerate(run.samples()):
            film.seek(i)
            np.testing.assert_array_equal(np.asarray(film.convert("L")), pixels(path))


def test_the_film_of_a_run_of_thousands_of_epochs_has_as_many_frames_as_one_can_watch(tmp_path, monkeypatch):
    monkeypatch.setattr("minigan.gan.extensions.FRAMES", 3)
    run = trained(tmp_path / "x", steps=24)
    with Image.open(run.path / "samples.gif") as film:
        assert film.n_frames == 3
        for i, path in enumerate(np.array(run.samples())[[0, 3, 7]]):
            film.seek(i)
            np.testing.assert_array_equal(np.asarray(film.convert("L")), pixels(path))


def test_the_curves_of_a_long_log_are_drawn_from_some_of_its_lines(tmp_path):
    run = Run.create(tmp_path / "x", tiny())
    for step in range(1, 100):
        run.append("log.jsonl", {"step": step, "loss_D": step / 10})
        if step % 10 == 0:
            run.append("log.jsonl", {"step": step, "D_x_test": step / 20})
    lines = run.log(most=20)
    assert [line["step"] for line in lines if "loss_D" in line] == [1 + 8 * i for i in range(13)]
    assert [line["step"] for line in lines if "D_x_test" in line] == [10 * i for i in range(1, 10)]  # not lost


def test_grids_and_checkpoints_sort_by_number_when_the_digits_run_out(tmp_path):
    run = Run.create(tmp_path / "x", tiny())
    for i in (1000, 999, 2):
        run.write(f"samples/epoch-{i:03d}.png", b"")
    assert [path.stem for path in run.samples()] == ["epoch-002", "epoch-999", "epoch-1000"]


def test_files_of_other_names_are_nobodys_business(tmp_path):
    class Strays(Extension):
        def start(self, trainer):
            for name in ("samples/epoch-best.png", "checkpoints/step-best.safetensors", "checkpoints/step-1.txt"):
                (tmp_path / "x" / name).write_bytes(b"precious")
            (tmp_path / "x" / "checkpoints" / "step-00000001.safetensors").mkdir()

    run = trained(tmp_path / "x", Strays())
    assert [path.stem for path in run.samples()] == ["epoch-001", "epoch-002", "epoch-003"]
    assert [path.stem for path in run.checkpoints()] == ["step-00000006", "step-00000007"]
    assert len(list((tmp_path / "x" / "checkpoints").iterdir())) == 5
    assert Run.open(run.path).checkpoint["step"] == 7


# ---- config.toml -----------------------------------------------------------------------------------------


def test_config_toml_repeats_the_run(tmp_path):
    first = trained(tmp_path / "a", seed=3)
    again = read_config(first.path / "config.toml")
    assert again == first.config
    run = Run.create(tmp_path / "b", again)
    trainer_of(again, run).run()
    assert run.log() == first.log()


def test_config_toml_records_command_versions_machine_threads_and_blas(tmp_path):
    run = Run.create(tmp_path / "x", tiny(), "minigan train tiny --seed 3")
    record = tomllib.loads((run.path / "config.toml").read_text())["record"]
    assert record["command"] == "minigan train tiny --seed 3"
    assert record["numpy"] == np.__version__
    assert record["minigan"] == mg.__version__
    assert {"python", "platform", "cpu", "cores", "blas", "blas_kernels", "blas_threads", "device"} <= record.keys()
    assert tomllib.loads((run.path / "config.toml").read_text())["training"]["seed"] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[generator]\nlr = ", "is no TOML file"),
        (b"\xff\xfe", "is no TOML file"),
        (b"x = " + b"[" * 3000, "is no TOML file"),
        (b"x = " + b"9" * 5000, "is no TOML file"),
        (b"[generator]\nlrr = 1.0", "No field 'generator.lrr'. Did you mean lr?"),
        (None, r"Cannot read the settings in .* \(No such file or directory\)"),
    ],
)
def test_settings_that_cannot_be_read_are_refused(tmp_path, content, message):
    path = tmp_path / "settings.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_config(path)


# ---- making the folder -----------------------------------------------------------------------------------


def test_the_default_folder_is_the_first_that_is_free(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = [str(Run.create(None, tiny()).path) for _ in range(3)]
    assert paths == ["runs/tiny", "runs/tiny-2", "runs/tiny-3"]


@pytest.mark.parametrize(("name", "folder"), [("../../x", "x"), ("a b/c", "a-b-c"), ("..", "custom")])
def test_a_name_never_leads_out_of_runs(tmp_path, monkeypatch, name, folder):
    monkeypatch.chdir(tmp_path)
    run = Run.create(None, Config.from_dict({"name": name}))
    assert run.path == Path("runs") / folder


def test_an_empty_folder_may_become_a_run(tmp_path):
    (tmp_path / "x").mkdir()
    assert (Run.create(tmp_path / "x", tiny()).path / "config.toml").is_file()


def test_a_folder_that_holds_a_run_is_refused_and_left_as_it_is(tmp_path):
    Run.create(tmp_path / "x", tiny(seed=1))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(RunError) as error:
        Run.create(tmp_path / "x", tiny(seed=2))
    assert str(error.value) == (
        f"{tmp_path / 'x'} already holds a run, which would be overwritten; choose another folder with --out, "
        f"or go on with it: minigan train --resume {tmp_path / 'x'}"
    )
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_command_to_copy_is_quoted(tmp_path):
    (tmp_path / "a b").mkdir()
    Run.create(tmp_path / "a b" / "x", tiny()).close()
    said = f"minigan train --resume '{tmp_path}/a b/x'"
    with pytest.raises(RunError, match=re.escape(said)):
        Run.create(tmp_path / "a b" / "x", tiny())
    with pytest.raises(RunError, match=re.escape(said)):
        Run.open(tmp_path / "a b" / "x")


def test_a_folder_that_holds_anything_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunError) as error:
        Run.create(tmp_path, tiny())
    assert str(error.value) == (
        f"{tmp_path} is not empty (it holds thesis.tex), but a new run needs a folder of its own; "
        "choose another with --out."
    )
    assert files(tmp_path) == ["thesis.tex"]


def test_a_file_is_refused_as_a_folder(tmp_path):
    (tmp_path / "x").write_text("precious")
    with pytest.raises(RunError, match=r"x is a file, but a folder was expected; choose another with --out\.$"):
        Run.create(tmp_path / "x", tiny())
    with pytest.raises(RunError, match=r"Cannot make the folder .*x/y \(Not a directory\); choose another with --out"):
        Run.create(tmp_path / "x" / "y", tiny())
    assert (tmp_path / "x").read_text() == "precious"


def denied(*_, **__):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_a_folder_that_cannot_be_made_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(RunError) as error:
        Run.create(tmp_path / "x", tiny())
    assert str(error.value) == (
        f"Cannot make the folder {tmp_path / 'x'} (Permission denied); choose another with --out."
    )


def test_an_existing_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "mkdir", denied)  # of the folders inside
    with pytest.raises(RunError) as error:
        Run.create(tmp_path, tiny())
    assert str(error.value) == f"Cannot make the folder {tmp_path} (Permission denied); choose another with --out."
    assert files(tmp_path) == []


def test_a_disk_that_is_full_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(path, content):
        raise RunError(f"Cannot write {path}: No space left on device. Nothing was changed.")

    monkeypatch.setattr(module, "write_whole", full)
    with pytest.raises(RunError, match="No space left on device"):
        Run.create(tmp_path / "a" / "b" / "config.toml", tiny())
    assert files(tmp_path) == []


@pytest.mark.parametrize("ended", [False, True])
def test_of_two_runs_that_want_the_same_folder_the_loser_takes_nothing_from_the_winner(tmp_path, monkeypatch, ended):
    (tmp_path / "x").mkdir()
    check = folder._check_empty
    others = []

    def too_late(path):
        check(path)
        monkeypatch.setattr(folder, "_check_empty", check)
        others.append(Run.create(path, tiny(seed=1)))
        if ended:
            others.pop().close()

    monkeypatch.setattr(folder, "_check_empty", too_late)
    with pytest.raises(RunError, match="already holds a run" if ended else "is in use by another training"):
        Run.create(tmp_path / "x", tiny(seed=2))
    for other in others:
        other.close()
    assert files(tmp_path / "x") == ["checkpoints", "config.toml", "samples"]
    assert read_config(tmp_path / "x" / "config.toml").training.seed == 1


def test_a_run_that_cannot_begin_takes_nothing_from_one_that_begins_there_at_once(tmp_path, monkeypatch):
    """It does as soon as the lock is free."""
    (tmp_path / "x").mkdir()
    release, write, others = Lock.release, module.write_whole, []

    def interrupted(path, content):
        monkeypatch.setattr(module, "write_whole", write)
        raise KeyboardInterrupt

    def at_once(self):
        monkeypatch.setattr(Lock, "release", release)
        release(self)
        others.append(Run.create(tmp_path / "x", tiny(seed=1)))

    monkeypatch.setattr(module, "write_whole", interrupted)
    monkeypatch.setattr(Lock, "release", at_once)
    with pytest.raises(KeyboardInterrupt):
        Run.create(tmp_path / "x", tiny(seed=2))
    others.pop().close()
    assert files(tmp_path / "x") == ["checkpoints", "config.toml", "samples"]
    assert read_config(tmp_path / "x" / "config.toml").training.seed == 1


def test_of_two_runs_without_a_folder_the_second_takes_the_next_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    find = folder._free_folder

    def too_late(name):
        monkeypatch.setattr(folder, "_free_folder", find)
        path = find(name)
        Run.create(None, tiny()).close()
        return path

    monkeypatch.setattr(folder, "_free_folder", too_late)
    assert Run.create(None, tiny()).path == Path("runs/tiny-2")
    assert files(tmp_path / "runs" / "tiny") == ["checkpoints", "config.toml", "samples"]


def test_what_is_left_of_a_run_that_was_killed_before_it_had_a_config_is_an_empty_folder(tmp_path):
    for name in ("samples", "checkpoints"):
        (tmp_path / "x" / name).mkdir(parents=True)
    for name in (".lock", ".config.toml.123.tmp"):
        (tmp_path / "x" / name).write_text("half")
    run = trained(tmp_path / "x")
    assert len(run.log()) == 4
    assert not list(run.path.rglob(".*"))


def test_a_picture_that_somebody_left_in_samples_is_none_of_a_run_that_was_killed(tmp_path):
    (tmp_path / "x" / "samples").mkdir(parents=True)
    (tmp_path / "x" / "samples" / "holiday.png").write_bytes(b"precious")
    with pytest.raises(RunError, match="is not empty"):
        Run.create(tmp_path / "x", tiny())


def test_ctrl_c_while_the_folder_is_made_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(path, content):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_whole", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Run.create(tmp_path / "a" / "b", tiny())
    assert files(tmp_path) == []


def test_a_log_that_cannot_be_written_stops_training_with_one_clear_error(tmp_path):
    config = tiny()
    run = Run.create(tmp_path / "x", config)
    (run.path / "log.jsonl").mkdir()
    with pytest.raises(RunError, match=r"Cannot write .*log\.jsonl: Is a directory; make room"):
        trainer_of(config, run).run()


# ---- progress -------------------------------------------------------------------------------------------


class Stderr(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_shows_epoch_step_speed_and_all_four_numbers(tmp_path, monkeypatch, terminal):
    stderr = Stderr(terminal)
    monkeypatch.setattr("sys.stderr", stderr)
    run = trained(tmp_path / "x")
    last, text = run.log()[-1], stderr.getvalue()
    assert "epoch 3/3" in text
    assert "7/7" in text
    assert "steps/s" in text
    numbers = f"loss_D {last['loss_D']:.3f}  loss_G {last['loss_G']:.3f}  D(x) {last['D_x']:.2f}"
    assert f"{numbers}  D(G(z)) {last['D_G_z']:.2f}" in text


def test_without_a_terminal_there_is_one_line_per_epoch_and_no_cursor_movement(monkeypatch):
    stderr = Stderr(terminal=False)
    monkeypatch.setattr("sys.stderr", stderr)
    trainer_of(tiny(), None, Progress()).run()
    lines = stderr.getvalue().splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        ["epoch 1/3", "step 3/7"], ["epoch 2/3", "step 6/7"], ["epoch 3/3", "step 7/7"],
    ]  # fmt: skip
    assert "\r" not in stderr.getvalue()
    assert "\x1b" not in stderr.getvalue()


def test_without_a_terminal_each_line_tells_how_long_its_epoch_took(monkeypatch):
    stderr = Stderr(terminal=False)
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setattr("minigan.gan.extensions.perf_counter", iter((100.0, 103.0, 109.0, 110.0)).__next__)
    trainer_of(tiny(), None, Progress()).run()
    speeds = [line.split("  ")[2:4] for line in stderr.getvalue().splitlines()]
    assert speeds == [["3.0 s", "1.0 steps/s"], ["6.0 s", "0.5 steps/s"], ["1.0 s", "1.0 steps/s"]]


def test_after_an_error_the_bar_is_closed_so_that_the_message_has_a_line_of_its_own(monkeypatch):
    stderr = Stderr(terminal=True)
    monkeypatch.setattr("sys.stderr", stderr)
    with pytest.raises(DivergedError):
        trainer_of(tiny(), None, StopOnNaN(), Progress(), poison(2)).run()
    assert stderr.getvalue().endswith("\n")
