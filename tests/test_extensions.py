"""What every run does besides playing: the film at its end, and what is looked at before anything is saved."""

import math
import shutil

import numpy as np
import pytest
from PIL import Image
from tiny_runs import at_step, poison, quick_curves, resumed, stop, tiny, trained, trainer_of  # noqa: F401

from minigan.errors import DivergedError
from minigan.gan import Config, Run
from minigan.gan.extensions import Checkpoints, Log, spread
from minigan.gan.pictures import png


def frames_of(run):
    with Image.open(run.path / "samples.gif") as film:
        return film.n_frames


# ---- the film --------------------------------------------------------------------------------------------


def nothing_of(content):
    return b""


def beginning_of(content):
    return content[:60]


def smaller_than(content):
    return png(np.zeros((8, 8), np.uint8))


@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize("ruin", [nothing_of, beginning_of, smaller_than])
def test_the_film_is_made_without_a_picture_that_was_damaged_and_says_so(tmp_path, capfd, ruin, epoch):
    """And the run is complete: without that, every resume would end in an error after all its training."""
    run = trained(tmp_path / "x", steps=6)
    picture = run.path / f"samples/epoch-{epoch:03d}.png"
    picture.write_bytes(ruin(picture.read_bytes()))
    again = resumed(run.path, config=tiny(steps=12), allow_changes=True)
    assert frames_of(again) == 3
    said = f"minigan: {picture} is damaged, or not as large as the newest; the film is without it."
    assert capfd.readouterr().err.count(said) == 1
    assert Run.open(run.path).finished


def test_where_all_pictures_but_one_are_damaged_there_is_no_film(tmp_path):
    run = trained(tmp_path / "x", steps=3)
    (run.path / "samples/epoch-001.png").write_bytes(b"")
    again = resumed(run.path, config=tiny(steps=6), allow_changes=True)
    assert not (again.path / "samples.gif").exists()
    assert Run.open(run.path).finished


@pytest.mark.parametrize(("pixels", "frames"), [(1, 2), (4 * 82 * 82, 4), (1 << 26, 8)])
def test_the_film_has_as_many_frames_as_fit_into_memory_but_at_least_two(tmp_path, monkeypatch, pixels, frames):
    monkeypatch.setattr("minigan.gan.extensions.PIXELS", pixels)
    run = trained(tmp_path / "x", steps=24)
    with Image.open(run.samples()[0]) as picture:
        assert picture.size == (82, 82)
    assert frames_of(run) == frames


@pytest.mark.parametrize(("most", "expected"), [(2, [0, 9]), (4, [0, 3, 6, 9]), (10, [*range(10)]), (11, [*range(10)])])
def test_some_of_many_are_evenly_spaced_with_the_first_and_the_last(most, expected):
    assert spread(list(range(10)), most) == expected


def test_a_film_whose_pictures_were_lost_is_kept_and_they_are_named(tmp_path, capfd):
    run = trained(tmp_path / "x", steps=15)
    film = (run.path / "samples.gif").read_bytes()
    shutil.rmtree(run.path / "samples")
    (run.path / "curves.png").unlink()
    resumed(run.path)
    assert (run.path / "samples.gif").read_bytes() == film
    assert Run.open(run.path).finished
    lost = "samples/epoch-001.png, samples/epoch-002.png, samples/epoch-003.png and others"
    said = f"minigan: {run.path} has lost {lost}, which cannot be drawn again; samples.gif stays until"
    assert said in capfd.readouterr().err


def test_the_one_picture_that_was_lost_is_named_and_a_new_film_takes_the_place_of_the_old(tmp_path, capfd):
    run = trained(tmp_path / "x", steps=9)
    (run.path / "samples/epoch-002.png").unlink()
    again = resumed(run.path, config=tiny(steps=12), allow_changes=True)
    assert frames_of(again) == 3
    assert f"{run.path} has lost samples/epoch-002.png, which" in capfd.readouterr().err


@pytest.mark.parametrize("d_steps", [1, 2, 4, 7])
def test_pictures_that_were_never_drawn_are_not_missed(tmp_path, capfd, d_steps):
    """A step of four batches, or of seven, may finish several epochs of three; there is one picture of them."""
    config = Config.from_dict({**tiny(steps=8).to_dict(), "game": {"d_steps": d_steps}})
    run = Run.create(tmp_path / "x", config)
    trainer_of(config, run, at_step(7, stop)).run()
    run.close()
    again = Run.resume(run.path)
    again.restore(trainer_of(config))
    again.close()
    assert "has lost" not in capfd.readouterr().err


def test_the_curves_are_the_same_by_whatever_path_the_run_is_reached(tmp_path, monkeypatch):
    monkeypatch.setattr("minigan.gan.extensions.curves", lambda lines, title, scores: title.encode())
    monkeypatch.chdir(tmp_path)
    curves = trained("x").path / "curves.png"
    before = curves.read_bytes()
    curves.unlink()
    resumed(tmp_path / "x")
    assert curves.read_bytes() == before


# ---- numbers that are not finite -------------------------------------------------------------------------


@pytest.mark.parametrize("extensions", [[Checkpoints], [Log, Checkpoints]])
def test_a_checkpoint_never_holds_a_nan_though_nothing_else_looks_for_one(tmp_path, extensions):
    run = Run.create(tmp_path / "x", tiny())
    trainer = trainer_of(run.config, None, *(extension(run) for extension in extensions), poison(4))
    with pytest.raises(DivergedError, match=r"by step 6: the generator holds a NaN or an infinity \(in network\."):
        trainer.run()
    assert [path.stem for path in run.checkpoints()] == ["step-00000003"]
    run.close()


def test_nor_do_the_means_in_it(tmp_path):
    run = Run.create(tmp_path / "x", tiny(log_every=50))
    spoil = at_step(2, lambda trainer: trainer.recent.add({"loss_D": math.inf}))
    with pytest.raises(DivergedError, match=r"by step 3: the log holds a NaN or an infinity \(in loss_D\)"):
        trainer_of(run.config, None, Checkpoints(run), spoil).run()
    assert run.checkpoints() == []
    run.close()
