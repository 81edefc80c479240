"""Grids, films and curves, read back by Pillow."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from minigan.data import gather_pixels
from minigan.errors import ShapeError
from minigan.gan.pictures import BLUE, BORDER, ORANGE, curves, gif, grid, png


def opened(content):
    return Image.open(io.BytesIO(content))


def images_of(pixels):
    """What the loader makes of bytes (N, C, H, W)."""
    return gather_pixels(pixels, np.arange(len(pixels)))


def every_byte():
    """256 images of one pixel."""
    return np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)


# ---- grids -----------------------------------------------------------------------------------------------


def test_a_grid_gives_every_byte_back_that_the_loader_took():
    picture = grid(images_of(every_byte()), columns=16, scale=1)
    np.testing.assert_array_equal(picture[1::2, 1::2].ravel(), np.arange(256))


def test_values_beyond_the_range_are_held_at_black_and_white():
    picture = grid(np.array([-7.0, 7.0]).reshape(2, 1, 1, 1), columns=2, scale=1)
    assert picture[1, [1, 3]].tolist() == [0, 255]


def test_images_stand_row_by_row_and_upright():
    pixels = np.arange(6 * 2 * 3, dtype=np.uint8).reshape(6, 1, 2, 3)
    picture = grid(images_of(pixels), columns=3, scale=1)
    assert picture.shape == (1 + 2 * 3, 1 + 3 * 4)
    for i in range(6):
        top, left = 1 + i // 3 * 3, 1 + i % 3 * 4
        np.testing.assert_array_equal(picture[top : top + 2, left : left + 3], pixels[i, 0])


def test_every_image_has_a_border_of_one_pixel_on_all_sides():
    picture = grid(np.ones((4, 1, 2, 2)), columns=2, scale=1)
    border = np.ones_like(picture, bool)
    for top in (1, 4):
        for left in (1, 4):
            border[top : top + 2, left : left + 2] = False
    np.testing.assert_array_equal(picture == BORDER, border)


def test_places_without_an_image_are_border():
    picture = grid(np.ones((3, 1, 2, 2)), columns=2, scale=1)
    assert (picture[3:, 3:] == BORDER).all()


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (2, 2), (4, 2), (5, 3), (64, 8), (65, 9)])
def test_without_a_number_of_columns_a_grid_is_square_or_nearly_so(n, columns):
    height, width = grid(np.zeros((n, 1, 2, 2)), scale=1).shape
    assert width == 1 + 3 * columns
    assert height == 1 + 3 * -(-n // columns)


def test_scaling_repeats_pixels_and_blurs_nothing():
    images = np.random.default_rng(0).uniform(-1, 1, (4, 1, 5, 5))
    once, twice = grid(images, 2, scale=1), grid(images, 2, scale=2)
    assert twice.shape == (2 * once.shape[0], 2 * once.shape[1])
    for i in (0, 1):
        for j in (0, 1):
            np.testing.assert_array_equal(twice[i::2, j::2], once)


def test_images_of_three_channels_give_a_colour_picture():
    images = -np.ones((1, 3, 2, 2))
    images[:, 1] = 1
    picture = grid(images, scale=1)
    assert picture.shape == (4, 4, 3)
    assert picture[1, 1].tolist() == [0, 255, 0]
    assert opened(png(picture)).mode == "RGB"


@pytest.mark.parametrize("shape", [(4, 28, 28), (4, 2, 28, 28), (0, 1, 28, 28), (28, 28)])
def test_what_is_no_batch_of_images_is_refused_with_its_shape(shape):
    with pytest.raises(ShapeError) as error:
        grid(np.zeros(shape))
    assert str(error.value) == f"grid: expected images (N, C, H, W) with C = 1 or 3, but got shape {shape}."


# ---- files -----------------------------------------------------------------------------------------------


def test_a_png_holds_the_very_pixels():
    picture = np.random.default_rng(0).integers(0, 256, (7, 9), np.uint8)
    image = opened(png(picture))
    assert (image.format, image.mode) == ("PNG", "L")
    np.testing.assert_array_equal(np.asarray(image), picture)


def test_a_gif_shows_every_frame_pixel_by_pixel_forever_and_rests_on_the_last():
    pictures = [np.random.default_rng(i).integers(0, 256, (8, 8), np.uint8) for i in range(20)]
    film = opened(gif([png(picture) for picture in pictures], seconds=8))
    assert film.format == "GIF"
    assert film.info["loop"] == 0
    durations = []
    for i, picture in enumerate(pictures):
        film.seek(i)
        durations.append(film.info["duration"])
        np.testing.assert_array_equal(np.asarray(film.convert("L")), picture)
    assert film.n_frames == 20
    assert durations == [400] * 19 + [2400]  # 8 s / 20 frames


@pytest.mark.parametrize(("n", "duration"), [(2, 500), (400, 50)])
def test_no_frame_of_a_gif_is_too_fast_to_see_or_too_slow_to_wait_for(n, duration):
    frames = [png(np.full((2, 2), 255 * (i % 2), np.uint8)) for i in range(n)]
    assert opened(gif(frames)).info["duration"] == duration


def test_a_gif_of_one_frame_is_a_picture():
    assert opened(gif([png(np.zeros((4, 4), np.uint8))])).size == (4, 4)


# ---- curves ----------------------------------------------------------------------------------------------


def lines(n):
    return [{"step": 50 * i, "loss_D": 1.2, "loss_G": 0.8, "D_x": 0.6, "D_G_z": 0.4} for i in range(1, n + 1)]


def pixels_of(image, color):
    rgb = tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))
    return (np.abs(np.asarray(image.convert("RGB"), int) - rgb).sum(axis=2) < 12).nonzero()


@pytest.mark.parametrize("n", [1, 2, 400])
def test_curves_draw_both_colours_in_both_panels_however_short_the_log(n):
    image = opened(curves(lines(n), "runs/default"))
    assert image.size == (960, 864)
    for color in (BLUE, ORANGE):
        rows, _ = pixels_of(image, color)
        assert (rows < 360).sum() > 60
        assert (rows > 400).sum() > 60


def test_the_panel_of_probabilities_shows_all_of_0_to_1():
    """A curve at 0.25 lies a quarter up from one at 0 to one at 1: the axis is fixed, not fitted to the data."""
    heights = []
    for D_x in (0.0, 0.25, 1.0):
        image = opened(curves([{**line, "D_x": D_x, "D_G_z": D_x} for line in lines(400)]))
        rows, columns = pixels_of(image, BLUE)
        heights.append(np.median(rows[(rows > 380) & (columns > 200) & (columns < 500)]))
    zero, quarter, one = heights
    assert (zero - quarter) / (zero - one) == pytest.approx(0.25, abs=0.01)


def test_curves_need_no_screen_and_leave_pyplot_alone():
    program = (
        "import sys; from minigan.gan.pictures import curves; import minigan.gan\n"
        "assert 'matplotlib' not in sys.modules and 'PIL' not in sys.modules and 'tqdm' not in sys.modules\n"
        "curves([{'step': 1, 'loss_D': 1, 'loss_G': 1, 'D_x': 1, 'D_G_z': 1}])\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
