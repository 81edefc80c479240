"""``minigan sample`` and ``minigan interpolate``: what they write."""

from pathlib import Path

import numpy as np
import pytest
from command_line import SMALL_IMAGES, TINY, done
from PIL import Image

import minigan as mg
from minigan.gan import Noise, Run, build_game, load_preset
from minigan.gan.pictures import grid, png
from minigan.gan.sampling import sample, truncated
from minigan.gan.views import in_order

CPU = mg.device("cpu")
Z = load_preset("default").generator.z_dim


def average_of(folder):
    """The average of G in the newest checkpoint, put together without the code that opens runs."""
    saved = Run.open(folder).checkpoint
    game = build_game(mg.gan.Config.from_dict(saved["config"]), (1, 6, 5), CPU)
    game.ema.load_state_dict(saved["game"]["ema"])
    return game.ema.network


@pytest.fixture
def labelled(here, capfd):
    """A run whose G is told one of three classes."""
    done(capfd, "train", "--epochs", "1", "--out", "cgan", *SMALL_IMAGES, "--set", "game.task=conditional")
    return Run.open("cgan").game(CPU)


@pytest.fixture
def repair(here, capfd):
    """A run that fills holes, on data with a test split."""
    rng = np.random.default_rng(0)
    train, test = (rng.integers(0, 256, (n, 8, 8), np.uint8) for n in (8, 6))
    np.savez("x.npz", x_train=train, y_train=np.arange(8) % 2, x_test=test, y_test=np.arange(6) % 2)
    small = ["--set", "generator.hidden=[4]", "--set", "discriminator.hidden=[4]", "--batch-size", "4"]
    done(capfd, "train", "repair", "--data", "x.npz", "--epochs", "1", "--out", "repair", *small)
    return test


# ---- sample ----------------------------------------------------------------------------------------------


def test_sample_writes_the_numbers_that_the_average_of_G_gives(run, capfd):
    out = done(capfd, "sample", "runs/default", "-n", "5", "--seed", "3", "--out", "x.npy")
    assert out == "Wrote x.npy: 5 images by runs/default as it was after step 3.\n"
    images = np.load("x.npy")
    assert (images.dtype, images.shape) == (np.float32, (5, 1, 6, 5))
    with mg.no_grad():
        expected = average_of(run)(Noise(Z).fixed(5, 3, CPU)).numpy()
    np.testing.assert_array_equal(images, expected)
    assert np.abs(images).max() <= 1


def test_a_picture_is_a_grid_of_these_numbers(run, capfd):
    for name in ("x.npy", "x.png"):
        done(capfd, "sample", "runs/default", "-n", "7", "--out", name)
    assert Path("x.png").read_bytes() == png(grid(np.load("x.npy")))


def test_the_same_seed_draws_the_same_picture_and_another_seed_another(run, capfd):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        done(capfd, "sample", "runs/default", "--seed", seed, "--out", f"{name}.png")
    a, b, c = (Path(f"{name}.png").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_a_run_can_be_sampled_after_its_data_are_gone(run, here, capfd):
    for path in (here.parent / "data").iterdir():
        path.unlink()
    done(capfd, "sample", "runs/default", "--out", "x.png")


def test_a_run_on_points_can_be_sampled_after_its_data_are_gone(here, capfd):
    np.save("points.npy", np.random.default_rng(0).standard_normal((8, 2)).astype(np.float32))
    done(capfd, "train", "ring", "--data", "points.npy", "--steps", "1", "--out", "x", *TINY)
    Path("points.npy").unlink()
    assert done(capfd, "sample", "x", "-n", "30", "--out", "x.png").startswith("Wrote x.png: 30 points by x ")


def test_truncation_draws_from_a_truncated_z(run, capfd):
    done(capfd, "sample", "runs/default", "-n", "5", "--seed", "3", "--truncation", "0.5", "--out", "x.npy")
    with mg.no_grad():
        expected = average_of(run)(truncated(Noise(Z), 5, 3, CPU, 0.5)).numpy()
    np.testing.assert_array_equal(np.load("x.npy"), expected)


def test_a_label_is_drawn_when_asked_for(labelled, capfd):
    done(capfd, "sample", "cgan", "-n", "5", "--label", "2", "--seed", "3", "--out", "x.npy")
    np.testing.assert_array_equal(np.load("x.npy"), sample(labelled, 5, 3, CPU, [2] * 5))


def test_without_a_label_each_row_of_the_picture_is_a_class(labelled, capfd):
    for name in ("x.npy", "x.png"):
        done(capfd, "sample", "cgan", "--out", name)
    images = np.load("x.npy")
    np.testing.assert_array_equal(images, sample(labelled, 24, 0, CPU, [0] * 8 + [1] * 8 + [2] * 8))
    assert Path("x.png").read_bytes() == png(grid(images, columns=8))


@pytest.mark.parametrize("n", [1, 2, 6, 8])
def test_any_number_is_shared_out_among_the_classes(labelled, capfd, n):
    done(capfd, "sample", "cgan", "-n", n, "--out", "x.npy")
    np.testing.assert_array_equal(np.load("x.npy"), sample(labelled, n, 0, CPU, in_order(n, 3)))


def test_restored_images_stand_between_what_they_were_made_of_and_the_originals(repair, capfd):
    done(capfd, "sample", "repair", "-n", "6", "--out", "x.npy")
    done(capfd, "sample", "repair", "-n", "6", "--out", "x.png")
    restored = np.load("x.npy")
    with Image.open("x.png") as image:
        picture = np.asarray(image)[::2, ::2]
    columns, scaled = 12, np.rint((restored + 1) * 127.5).astype(np.uint8)
    for i in range(6):
        cells = [picture[1 + row * 9 :, 1 + column * 9 :][:8, :8]
                 for row, column in (divmod(3 * i + k, columns) for k in range(3))]  # fmt: skip
        damaged, output, original = cells
        np.testing.assert_array_equal(original, repair[i])  # of the test split
        np.testing.assert_array_equal(output, scaled[i, 0])
        hole = damaged != original
        assert set(damaged[hole]) == {128}  # grey, half as high and wide as the image
        assert hole.sum() <= 16
        np.testing.assert_array_equal(output[~hole & (damaged != 128)], original[~hole & (damaged != 128)])


# ---- interpolate -----------------------------------------------------------------------------------------


def frames_of(name):
    with Image.open(name) as film:
        frames = []
        for i in range(film.n_frames):
            film.seek(i)
            frames.append(np.asarray(film.convert("RGB")))
        return frames, film.info["duration"], film.info.get("loop")


def test_a_picture_has_a_row_for_each_way_from_sample_to_sample(run, capfd):
    out = done(capfd, "interpolate", "runs/default", "-n", "3", "--steps", "7", "--seed", "4", "--out", "x.png")
    assert out == "Wrote x.png: 3 ways of 7 steps by runs/default as it was after step 3.\n"
    with Image.open("x.png") as image:
        picture = np.asarray(image).astype(int)
    assert picture.shape == (2 * (1 + 3 * 7), 2 * (1 + 7 * 6))
    ends = grid(sample(Run.open(run).game(CPU), 6, 4, CPU), columns=2).astype(int)
    for column, end in ((0, 0), (6, 1)):
        left, its = 12 * column, 12 * end
        assert np.abs(picture[:, left : left + 12] - ends[:, its : its + 12]).max() <= 1


def test_eight_ways_of_ten_images_are_drawn_if_nobody_says_how_many(run, capfd):
    assert ": 8 ways of 10 steps by " in done(capfd, "interpolate", "runs/default", "--out", "x.png")
    assert ": 8 ways of 30 steps by " in done(capfd, "interpolate", "runs/default", "--out", "x.gif")


def test_a_film_goes_there_and_back_forever(run, capfd):
    done(capfd, "interpolate", "runs/default", "-n", "4", "--steps", "6", "--out", "x.gif")
    frames, duration, loop = frames_of("x.gif")
    assert (len(frames), duration, loop) == (10, 70, 0)
    for step in range(1, 5):
        np.testing.assert_array_equal(frames[step], frames[10 - step])
    first = grid(sample(Run.open(run).game(CPU), 8, 0, CPU)[::2])
    assert np.abs(frames[0][:, :, 0].astype(int) - first).max() <= 1


@pytest.mark.parametrize(("way", "same"), [("--spherical", True), ("--linear", False)])
def test_the_usual_way_for_a_gaussian_z_is_spherical(run, capfd, way, same):
    done(capfd, "interpolate", "runs/default", "--out", "usual.png")
    done(capfd, "interpolate", "runs/default", way, "--out", "asked.png")
    assert (Path("usual.png").read_bytes() == Path("asked.png").read_bytes()) == same


def test_ways_keep_a_label_or_lead_from_one_to_another(labelled, capfd):
    for name, options in (
        ("own", []),
        ("one", ["--label", "1"]),
        ("same", ["--from-label", "1", "--to-label", "1"]),
        ("other", ["--from-label", "1", "--to-label", "2"]),
    ):
        done(capfd, "interpolate", "cgan", "--out", f"{name}.png", *options)
    own, one, same, other = (np.asarray(Image.open(f"{name}.png")) for name in ("own", "one", "same", "other"))
    np.testing.assert_array_equal(one, same)
    row = 2 * 7
    np.testing.assert_array_equal(own[row : 2 * row], one[row : 2 * row])  # the second row's own label is 1
    assert (own[:row] != one[:row]).any()
    np.testing.assert_array_equal(other[:, :12], one[:, :12])
    assert (other[:, -12:] != one[:, -12:]).any()


def test_ways_between_points_are_drawn_over_the_data(here, capfd):
    done(capfd, "train", "ring", "--steps", "1", "--out", "x", "--set", "data.count=64", *TINY)
    for name in ("x.png", "x.gif"):
        done(capfd, "interpolate", "x", "--steps", "5", "--out", name)
        with Image.open(name) as image:
            assert image.size == (466, 466)
    assert len(frames_of("x.gif")[0]) == 2 * 5 - 2
