"""What every run does besides playing: the film at its end, and what is looked at before anything is saved."""

import math

import numpy as np
import pytest
from PIL import Image
from tiny_runs import at_step, poison, quick_curves, resumed, tiny, trained, trainer_of  # noqa: F401

from minigan.errors import DivergedError
from minigan.gan import Run
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
