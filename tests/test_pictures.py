"""Grids, films and curves, read back by Pillow."""

import io
import struct
import subprocess
import sys
import zlib
from types import MappingProxyType
from weakref import WeakValueDictionary

import numpy as np
import pytest
from PIL import Image

from minigan.data import gather_pixels
from minigan.errors import ShapeError
from minigan.gan import pictures as module
from minigan.gan.pictures import (
    BLUE,
    BORDER,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    Panel,
    curves,
    gif,
    grid,
    png,
    points,
    score_curves,
    size_of,
)


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


def test_a_film_is_the_same_from_files_and_from_their_contents_and_opens_one_at_a_time(tmp_path, monkeypatch):
    alive, most, open_one = WeakValueDictionary(), [], module._opened

    def counted(frame):
        picture = open_one(frame)
        alive[id(picture)] = picture
        most.append(len(alive))
        return picture

    contents = [png(np.random.default_rng(i).integers(0, 256, (8, 8), np.uint8)) for i in range(20)]
    paths = [tmp_path / f"{i}.png" for i in range(20)]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    monkeypatch.setattr(module, "_opened", counted)
    assert gif(paths) == gif(contents)
    assert len(most) == 40
    assert max(most) <= 4


@pytest.mark.slow
def test_a_film_of_large_colour_pictures_takes_a_byte_or_two_for_each_of_their_pixels(tmp_path):
    """Opened all at once they would take five."""
    measure = """if True:
        import resource, sys
        from pathlib import Path
        from minigan.gan.pictures import gif
        frames = sorted(Path(sys.argv[1]).iterdir())
        gif(frames[:2])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        gif(frames)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"""
    picture = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    for i in range(30):
        (tmp_path / f"{i:02d}.png").write_bytes(png(np.roll(picture, i, 0)))
    found = subprocess.run([sys.executable, "-c", measure, tmp_path], capture_output=True, text=True, check=True)
    assert int(found.stdout) << 10 < 2 * 30 * 960**2


def test_the_size_of_a_picture_is_known_only_if_all_of_it_can_be_read(tmp_path):
    whole = png(np.random.default_rng(0).integers(0, 256, (30, 40), np.uint8))
    file = tmp_path / "x.png"
    for content, size in {
        whole: (40, 30), whole[:60]: None, whole[: len(whole) // 2]: None, b"": None, b"GIF89a": None,
        bomb(60_000): None, bomb(10_000): None,
    }.items():  # fmt: skip
        file.write_bytes(content)
        assert size_of(file) == size
    file.write_bytes(whole)
    assert size_of(file, (40, 30)) == (40, 30)
    assert size_of(file, (30, 40)) is None
    assert size_of(tmp_path / "none.png") is None


def bomb(side):
    """A file of a few bytes that says it is a picture of a few gigabytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in body)


def test_a_film_that_is_to_loop_does_not_rest():
    frames = [png(np.full((2, 2), 50 * i, np.uint8)) for i in range(4)]
    film = opened(gif(frames, seconds=0.4, rest=0.0))
    durations = []
    for i in range(4):
        film.seek(i)
        durations.append(film.info["duration"])
    assert durations == [100] * 4


# ---- points ----------------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
REAL = RNG.uniform(-1, 1, (500, 2))


def places(picture, color):
    """Rows and columns where a colour is, apart from the legend in the upper right corner."""
    rows, columns = pixels_of(Image.fromarray(picture), color)
    outside = (rows > 120) | (columns < 280)
    return rows[outside], columns[outside]


def place_of(point, real=REAL):
    rows, columns = places(points(np.array([point]), real), ORANGE)
    return rows.mean(), columns.mean()


def test_points_are_where_they_should_be_with_y_upwards():
    """Five points at known places: rows and columns are linear in the numbers, on axes that do not move."""
    middle, left, right, low, high = (place_of(p) for p in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)))
    assert left[1] < middle[1] < right[1]
    assert high[0] < middle[0] < low[0]
    assert middle[1] == pytest.approx((left[1] + right[1]) / 2, abs=1)
    assert middle[0] == pytest.approx((low[0] + high[0]) / 2, abs=1)
    assert left[0] == pytest.approx(right[0], abs=1)


def test_the_axes_come_from_the_data_alone_so_that_a_film_does_not_wobble():
    tight, wide = 0.01 * REAL, np.concatenate([REAL, [[1.3, 1.3]]])
    frames = [points(fake, REAL) for fake in (tight, wide)]
    alone = points(np.array([[0.5, 0.5]]), REAL)
    for frame in frames:  # ticks and labels, left of the axes and below
        np.testing.assert_array_equal(frame[:, :50], alone[:, :50])
        np.testing.assert_array_equal(frame[-40:], alone[-40:])


def test_both_kinds_of_points_are_seen_in_their_colours():
    picture = points(REAL[:200] + 0.1, REAL)
    assert (picture.shape, picture.dtype) == ((466, 466, 3), np.uint8)
    for color in (SKY, ORANGE):
        assert len(places(picture, color)[0]) > 100
    assert len(places(points(REAL[:200]), SKY)[0]) == 0


def test_generated_points_beyond_the_axes_are_counted():
    fake = np.concatenate([REAL[:10], np.full((3, 2), 100.0)])
    plain, told = points(REAL[:10], REAL), points(fake, REAL)
    title = slice(0, 50)
    assert (plain[title] == 255).all()
    assert (told[title] != 255).any()
    assert len(places(told, ORANGE)[0]) == len(places(plain, ORANGE)[0])


def test_of_points_with_many_numbers_the_first_two_are_drawn():
    wide = np.concatenate([REAL, RNG.uniform(-100, 100, (500, 3))], 1)
    np.testing.assert_array_equal(points(wide[:9], wide), points(REAL[:9], REAL))


def test_single_numbers_are_drawn_as_densities():
    """Twice as many in one bin stand twice as high."""
    real = np.repeat([[0.0], [1.0], [1.0]], 30, axis=0)
    rows, columns = places(points(np.array([[0.5]]), real), SKY)
    edge = columns.mean()
    low, high = (np.ptp(rows[side]) for side in (columns < edge, columns > edge))
    assert (high + 1) / (low + 1) == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize("constant", [np.zeros((3, 1)), np.ones((3, 2))])
def test_points_that_are_all_the_same_have_axes_around_them(constant):
    assert len(places(points(constant), ORANGE)[0]) > 3


@pytest.mark.parametrize("shape", [(4, 1, 28, 28), (4,), (0, 2)])
def test_what_are_no_points_is_refused_with_its_shape(shape):
    with pytest.raises(ShapeError) as error:
        points(np.zeros(shape))
    assert str(error.value) == f"points: expected points (N, F), but got shape {shape}."


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


def test_scores_have_no_bounds():
    """The same curve at 5 and at 50 looks the same, as the axis fits it; as a probability neither is in the panel."""
    images = [np.asarray(opened(curves(far(offset), scores=True)).convert("RGB")) for offset in (5.0, 50.0)]
    places = [pixels_of(Image.fromarray(image[400:640, 150:]), BLUE)[0] for image in images]
    assert len(places[0]) > 100
    assert abs(np.median(places[0]) - np.median(places[1])) < 3
    rows, _ = pixels_of(opened(curves(far(5.0))).crop((150, 400, 960, 640)), BLUE)
    assert np.ptp(rows) < 4  # the line in the legend


def far(offset):
    return [{**line, "D_x": offset + i, "D_G_z": offset - i} for i, line in enumerate(lines(40))]


def test_what_else_is_in_the_log_is_drawn_in_a_third_panel():
    plain = opened(curves(lines(40)))
    extra = opened(curves([{**line, "penalty": 0.1, "accuracy": 0.9, "reconstruction": 0.5} for line in lines(40)]))
    assert extra.size[0] == plain.size[0]
    assert 300 < extra.size[1] - plain.size[1] < 340
    third = extra.crop((150, 710, 700, 1030))
    for color in (BLUE, ORANGE, GREEN):
        assert len(pixels_of(third, color)[0]) > 60


def test_numbers_that_are_in_some_lines_only_are_drawn_from_these():
    some = [{**line, **({"penalty": 1.0} if i % 4 == 0 else {})} for i, line in enumerate(lines(40))]
    some += [{"step": 700 * i, "epoch": i, "D_x_test": 0.2} for i in (1, 2)]
    image = opened(curves(some))
    opinions, third = image.crop((150, 380, 700, 690)), image.crop((150, 710, 700, 1030))
    assert len(pixels_of(opinions, GREEN)[0]) > 60  # held-out samples beside D(x)
    assert len(pixels_of(third, BLUE)[0]) > 60


def test_more_curves_than_colours_are_told_apart_by_nothing_but_do_not_fail():
    many = [{**line, **{f"key_{i}": float(i) for i in range(9)}} for line in lines(3)]
    assert len(pixels_of(opened(curves(many)), PURPLE)[0]) > 30


def test_the_explanation_lies_within_the_picture():
    for scores in (False, True):
        image = np.asarray(opened(curves(lines(40), scores=scores)).convert("L")).astype(int)
        below = image[-130:]
        assert (below[:, -10:] == 255).all()
        assert (below[-5:] == 255).all()
        assert (below[40:] < 200).any()


def test_curves_need_no_screen_and_leave_pyplot_alone():
    program = (
        "import sys; from minigan.gan.pictures import curves; import minigan.gan\n"
        "assert 'matplotlib' not in sys.modules and 'PIL' not in sys.modules and 'tqdm' not in sys.modules\n"
        "curves([{'step': 1, 'loss_D': 1, 'loss_G': 1, 'D_x': 1, 'D_G_z': 1}])\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# ---- scores over time ------------------------------------------------------------------------------------


PANELS = (Panel("distance", {"far": "far"}), Panel("shares", {"precision": "precision", "recall": "recall"}))


def scores(n, seconds=10.0):
    return [
        {"step": 100 * i, "seconds": seconds * i, "far": 10.0 - i, "precision": 0.5, "recall": 0.25 + i / 100}
        for i in range(1, n + 1)
    ]


@pytest.mark.parametrize("n", [1, 3, 50])
def test_each_panel_of_scores_has_its_curves_however_few_there_are(n):
    image = opened(score_curves(scores(n), PANELS, "runs/default", 100, {}, {}))
    middle = image.height // 2
    assert (pixels_of(image, BLUE)[0] < middle).sum() > 30
    assert (pixels_of(image, BLUE)[0] > middle).sum() > 30
    assert (pixels_of(image, ORANGE)[0] > middle).sum() > 30
    assert (pixels_of(image, ORANGE)[0] < middle).sum() == 0


def test_scores_lie_where_their_seconds_are():
    """Of three scores the middle one is a quarter of the way between the others, not half as by its step."""
    lines = scores(3)
    lines[1]["seconds"] = 15.0
    lines[1]["far"] = 20.0
    rows, columns = pixels_of(opened(score_curves(lines, PANELS, "", 0, {}, {})), BLUE)
    upper = rows < 400
    first, last = columns[upper & (columns > 300)].min(), columns[upper].max()
    assert (columns[rows == rows.min()].mean() - first) / (last - first) == pytest.approx(0.25, abs=0.02)


def test_the_best_score_is_marked():
    images = [np.asarray(opened(score_curves(scores(9), PANELS, "", best, {}, {})).convert("L")) for best in (0, 500)]
    changed = (images[0] != images[1]).any(axis=0).nonzero()[0]
    assert 0 < np.ptp(changed) < 5  # a line from top to bottom
    assert changed.mean() / images[0].shape[1] == pytest.approx(
        0.095 + 0.875 * 50 / 94, abs=0.02
    )  # the axis ends at 94


AXES = [Panel("distance", {"far": "far"}, "log"), Panel("modes", {"modes": "modes"}, "whole")]


def axes_of(monkeypatch, lines, panels, of_real, of_noise=MappingProxyType({})):
    """The axes of the picture, and the texts of the steps above them with their places in lengths of the axis."""
    kept, figure = [], module._figure
    monkeypatch.setattr(module, "_figure", lambda *args, **kwargs: kept.append(figure(*args, **kwargs)) or kept[0])
    score_curves(lines, panels, "", 0, of_real, of_noise)
    (above,) = kept[0].axes[0].child_axes
    right = kept[0].axes[-1].get_xlim()[1]
    ticks = zip(above.get_xticks(), above.get_xticklabels(), strict=True)
    return kept[0].axes, {label.get_text(): at / right for at, label in ticks}


def test_distances_have_an_axis_of_powers_and_counts_one_of_whole_numbers(monkeypatch):
    lines = [{"step": i, "seconds": i, "far": 10.0**-i, "modes": 1 + i} for i in range(3)]
    (far, modes), _ = axes_of(monkeypatch, lines, AXES, {})
    assert (far.get_yscale(), modes.get_yscale()) == ("log", "linear")
    assert {"1", "0.1", "0.01"} <= {label.get_text() for label in far.get_yticklabels()}
    assert all(tick == int(tick) for tick in modes.get_yticks())


def test_a_distance_of_zero_is_on_its_axis_too(monkeypatch):
    lines = [{"step": i, "seconds": i, "far": float(i), "modes": 1} for i in range(3)]
    (far, _), _ = axes_of(monkeypatch, lines, AXES, {})
    assert far.get_ylim()[0] < 0 < far.get_ylim()[1]


def test_real_samples_are_a_dashed_line_in_each_panel_whose_numbers_they_have(monkeypatch):
    (distance, shares), _ = axes_of(monkeypatch, scores(5), PANELS, {"recall": 0.25, "precision": 0.75, "other": 1.0})
    real = {line.get_ydata()[0]: line for line in shares.get_lines() if line.is_dashed() and len(line.get_xdata()) == 2}
    assert {level: line.get_color() for level, line in real.items()} == {0.75: BLUE, 0.25: ORANGE}
    assert [text.get_text() for text in shares.get_legend().get_texts()] == ["real", "precision", "recall"]
    assert "real" not in [text.get_text() for text in distance.get_legend().get_texts()]


def test_noise_is_a_dotted_line_and_within_the_axis(monkeypatch):
    (distance, shares), _ = axes_of(monkeypatch, scores(5), PANELS, {}, {"recall": 0.0, "far": 300.0})
    (level,) = (line for line in distance.get_lines() if len(set(line.get_ydata())) == 1)
    assert (level.get_ydata()[0], level.get_color()) == (300.0, BLUE)
    assert distance.get_ylim()[1] > 300
    assert [text.get_text() for text in shares.get_legend().get_texts()] == ["noise", "precision", "recall"]


def test_a_number_that_only_real_samples_have_is_not_drawn(monkeypatch):
    """As how many digits are those asked for, of a G that cannot be asked; the other curves keep their colours."""
    lines = [{"step": i, "seconds": i, "recall": 0.5, "far": 1.0} for i in range(3)]
    (_, shares), _ = axes_of(monkeypatch, lines, PANELS, {"precision": 0.75, "recall": 0.25})
    _, *drawn = (line for line in shares.get_lines() if len(line.get_ydata()))  # the first marks the best
    assert [(line.get_ydata()[0], line.get_color()) for line in drawn] == [(0.25, ORANGE), (0.5, ORANGE)]


def test_the_steps_above_the_scores_never_lie_upon_each_other(monkeypatch):
    """The last ones come at once, as where a training ends soon after an epoch."""
    lines = scores(4)
    lines += [{**lines[-1], "step": 400 + i, "seconds": 40.0 + i / 10} for i in (1, 2)]
    _, above = axes_of(monkeypatch, lines, PANELS, {})
    assert list(above) == ["402", "300", "200", "100"]
    assert np.diff(sorted(above.values())).min() >= 0.08
