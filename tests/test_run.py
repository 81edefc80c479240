"""The run folder: what is written where, what is refused, what can be read again."""

import errno
import io
import json
import math
import os
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minigan as mg
from minigan.data import Loader
from minigan.errors import ConfigError, DivergedError, RunError
from minigan.gan import Config, Extension, Run, Trainer, Values, build_game, draw_z
from minigan.gan import run as module
from minigan.gan.extensions import Progress, sample, standard
from minigan.gan.pictures import grid
from minigan.gan.run import read_config

SHAPE = (1, 4, 4)
CPU = mg.device("cpu")


def tiny(**training):
    return Config.from_dict(
        {
            "name": "tiny",
            "generator": {"z_dim": 3, "hidden": [8], "batch_norm": True, "ema_decay": 0.9},
            "discriminator": {"hidden": [8], "dropout": 0.2},
            "training": {"steps": 7, "batch_size": 4, "log_every": 2, **training},
        }
    )


def trainer_of(config, run=None, *more):
    """Twelve images in batches of four: three steps in an epoch."""
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4), np.uint8)
    loader = Loader(images, None, config.training.batch_size, config.training.seed)
    extensions = [*(standard(run) if run else ()), *more]
    game = build_game(config, SHAPE, CPU)
    return Trainer(game, loader, config.training.steps, extensions, log_every=config.training.log_every)


def trained(out, *more, **training):
    config = tiny(**training)
    run = Run.create(out, config, "minigan train tiny")
    trainer_of(config, run, *more).run()
    return run


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def poison(step, network="generator"):
    """An extension that ruins a network after one step."""
    extension = Extension()

    def ruin(trainer):
        if trainer.step == step:
            parameter = next(getattr(trainer.game, network).network.parameters())
            parameter.data = np.full(parameter.shape, np.nan)

    extension.after_step = ruin
    return extension


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
        reports.append([value.item() for value in report])
    assert [(line["step"], line["epoch"]) for line in run.log()] == [(2, 0), (4, 1), (6, 2), (7, 2)]
    for line, first, last in zip(run.log(), (0, 2, 4, 6), (2, 4, 6, 7), strict=True):
        means = np.mean(reports[first:last], axis=0)
        assert list(line) == ["step", "epoch", "loss_D", "loss_G", "D_x", "D_G_z"]
        np.testing.assert_allclose(list(line.values())[2:], means, rtol=1e-5)


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
        images = game.ema.network(draw_z(64, 3, 0, CPU)).numpy()
    np.testing.assert_array_equal(pixels(run.path / "samples/epoch-003.png"), grid(images, columns=8))


def test_a_run_shorter_than_an_epoch_has_one_grid_one_line_and_one_checkpoint(tmp_path):
    run = trained(tmp_path / "x", steps=1)
    assert [path.name for path in run.samples()] == ["epoch-001.png"]
    assert [path.name for path in run.checkpoints()] == ["step-00000001.safetensors"]
    assert [line["step"] for line in run.log()] == [1]
    assert (run.path / "curves.png").exists()
    assert (run.path / "samples.gif").exists()


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


def test_grids_and_checkpoints_sort_by_number_when_the_digits_run_out(tmp_path):
    run = Run.create(tmp_path / "x", tiny())
    for i in (1000, 999, 2):
        run.write(f"samples/epoch-{i:03d}.png", b"")
    assert [path.stem for path in run.samples()] == ["epoch-002", "epoch-999", "epoch-1000"]


# ---- checkpoints -----------------------------------------------------------------------------------------


def test_a_checkpoint_holds_all_that_going_on_needs(tmp_path):
    """Training from it gives the same reports and the same bits as training that was never interrupted."""
    whole = trainer_of(tiny(steps=9))
    whole.run()

    saved = Run.open(trained(tmp_path / "x", steps=5).path).checkpoint
    config = Config.from_dict(saved["config"])
    again = trainer_of(config)
    again.steps = 9
    again.game.load_state_dict(saved["game"])
    again.step, again.recent = saved["step"], [Values(*row) for row in saved["recent"]]
    again.run()

    assert again.recent == whole.recent
    first, second = (trainer.game.state_dict() for trainer in (whole, again))
    assert_same(first, second)


def assert_same(first, second):
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, np.ndarray):
        np.testing.assert_array_equal(first, second)
    else:
        assert first == second


def test_a_checkpoint_says_where_the_log_stood_and_what_was_not_in_it_yet(tmp_path):
    run = trained(tmp_path / "x", steps=5)
    saved = Run.open(run.path).checkpoint
    log = (run.path / "log.jsonl").read_bytes()
    whole = log[: saved["log_bytes"]].decode().splitlines()
    assert [json.loads(line)["step"] for line in whole] == [2, 4]  # the line that closes the run is left out
    last = json.loads(log.splitlines()[-1])
    assert len(saved["recent"]) == 1  # step 5
    assert saved["recent"][0][0] == pytest.approx(last["loss_D"], rel=1e-5)


def test_two_checkpoints_are_kept(tmp_path):
    run = trained(tmp_path / "x", steps=20)
    assert [path.stem for path in run.checkpoints()] == ["step-00000018", "step-00000020"]


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(tmp_path):
    run = trained(tmp_path / "x")
    newest = run.checkpoints()[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    assert Run.open(run.path).checkpoint["step"] == 6


def test_a_run_whose_checkpoints_are_all_damaged_says_so(tmp_path):
    run = trained(tmp_path / "x")
    for path in run.checkpoints():
        path.write_bytes(b"")
    with pytest.raises(RunError, match=r"x holds no whole checkpoint: Cannot read .*step-00000007\.safetensors"):
        Run.open(run.path)


def test_a_run_without_a_checkpoint_says_so(tmp_path):
    Run.create(tmp_path / "x", tiny())
    with pytest.raises(RunError) as error:
        Run.open(tmp_path / "x")
    assert str(error.value) == (
        f"{tmp_path / 'x'} is a run without a checkpoint: it was stopped before the first was saved. Train again."
    )


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "holds no config.toml"),
        (lambda path: path.write_text("hello"), "is a file"),
    ],
)
def test_what_is_no_run_is_not_opened(tmp_path, make, what):
    path = tmp_path / "x"
    make(path)
    with pytest.raises(RunError) as error:
        Run.open(path)
    assert str(error.value) == f"{path} {what}; expected the folder of a run, such as runs/default."


# ---- divergence ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_after_a_divergence_the_last_good_checkpoint_stands_and_nothing_newer(tmp_path, network):
    config = tiny(steps=60)
    run = Run.create(tmp_path / "x", config)
    with pytest.raises(DivergedError) as error:
        trainer_of(config, run, poison(7, network)).run()
    good = run.path / "checkpoints/step-00000006.safetensors"
    assert f"at step 8: the loss of the discriminator (loss_D) is nan. The last good checkpoint is {good};" in str(
        error.value
    )
    assert run.checkpoints()[-1] == good
    assert Run.open(run.path).checkpoint["step"] == 6
    assert [path.stem for path in run.samples()] == ["epoch-001", "epoch-002"]
    assert all(math.isfinite(value) for line in run.log() for value in line.values())


def test_a_ruined_network_is_not_saved_though_no_loss_has_shown_it_yet(tmp_path):
    config = tiny()
    run = Run.create(tmp_path / "x", config)
    with pytest.raises(DivergedError, match="by step 6: the generator holds a NaN"):
        trainer_of(config, run, poison(6)).run()
    assert [path.stem for path in run.checkpoints()] == ["step-00000003"]


def test_a_run_that_diverged_has_its_curves(tmp_path):
    config = tiny()
    run = Run.create(tmp_path / "x", config)
    with pytest.raises(DivergedError):
        trainer_of(config, run, poison(5)).run()
    assert (run.path / "curves.png").read_bytes()[1:4] == b"PNG"


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[generator]\nlr = ", "is no TOML file"),
        (b"\xff\xfe", "is no TOML file"),
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
        f"{tmp_path / 'x'} already holds a run, which would be overwritten; choose another folder with --out."
    )
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


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
    assert str(error.value) == f"Cannot write into {tmp_path} (Permission denied); choose another folder with --out."
    assert files(tmp_path) == []


def test_a_disk_that_is_full_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(path, content):
        raise RunError(f"Cannot write {path}: No space left on device. Nothing was changed.")

    monkeypatch.setattr(module, "write_whole", full)
    with pytest.raises(RunError, match="No space left on device"):
        Run.create(tmp_path / "a" / "b" / "c", tiny())
    assert files(tmp_path) == []


def test_a_log_that_cannot_be_written_stops_training_with_one_clear_error(tmp_path):
    config = tiny()
    run = Run.create(tmp_path / "x", config)
    (run.path / "log.jsonl").mkdir()
    with pytest.raises(RunError, match=r"Cannot write .*log\.jsonl: Is a directory\."):
        trainer_of(config, run).run()


# ---- samples and progress --------------------------------------------------------------------------------


def test_drawing_in_chunks_gives_the_same_images():
    game = trainer_of(tiny()).game
    whole, parts = (sample(game, 10, seed=1, device=CPU, chunk=chunk) for chunk in (10, 3))
    assert whole.shape == (10, *SHAPE)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(parts, whole, rtol=1e-5)


def test_drawing_leaves_the_streams_of_training_alone():
    game = trainer_of(tiny()).game
    mg.set_step(4)
    expected = mg.rand(3).numpy()
    mg.set_step(4)
    sample(game, 10, seed=1, device=CPU)
    np.testing.assert_array_equal(mg.rand(3).numpy(), expected)


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


def test_after_an_error_the_bar_is_closed_so_that_the_message_has_a_line_of_its_own(monkeypatch):
    stderr = Stderr(terminal=True)
    monkeypatch.setattr("sys.stderr", stderr)
    with pytest.raises(DivergedError):
        trainer_of(tiny(), None, Progress(), poison(2)).run()
    assert stderr.getvalue().endswith("\n")
