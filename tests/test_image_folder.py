"""Folders of pictures, written by Pillow and NumPy here and compared with what went in."""

import errno
import os
import random
import shutil
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from minigan.data import load_image_folder, open_data, room
from minigan.errors import ConfigError, DataError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5), np.uint8)
COLOUR = RNG.integers(0, 256, (6, 5, 3), np.uint8)


def save(path, pixels, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def only(folder, **options):
    """The one picture of a folder: (C, H, W)."""
    images, _ = load_image_folder(folder, **options)
    assert images.dtype == np.uint8
    assert len(images) == 1
    return images[0]


# ---- pixels ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".bmp", ".tif", ".tiff", ".pgm", ".gif"])
def test_a_grey_picture_is_one_channel_of_the_same_bytes(tmp_path, suffix):
    save(tmp_path / f"a{suffix}", GREY)
    np.testing.assert_array_equal(only(tmp_path), GREY[None])


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".webp"])
def test_a_colour_picture_is_three_channels_of_the_same_bytes(tmp_path, suffix):
    save(tmp_path / f"a{suffix}", COLOUR, **({"lossless": True} if suffix == ".webp" else {}))
    np.testing.assert_array_equal(only(tmp_path), COLOUR.transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_is_what_pillow_decodes(tmp_path, mode):
    path = save(tmp_path / "a.jpg", COLOUR, mode)
    decoded = np.asarray(Image.open(path))
    expected = decoded[None] if mode == "L" else decoded.transpose(2, 0, 1)
    np.testing.assert_array_equal(only(tmp_path), expected)


def test_a_picture_in_cmyk_keeps_its_colours(tmp_path):
    red = np.broadcast_to(np.array([200, 30, 30], np.uint8), (16, 16, 3))
    save(tmp_path / "a.jpg", red, "CMYK", quality=95)
    assert abs(only(tmp_path).astype(int) - [[[200]], [[30]], [[30]]]).max() <= 4


def test_a_palette_stands_for_its_colours(tmp_path):
    picture = Image.new("P", (2, 2))
    picture.putdata([0, 1, 2, 1])
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(tmp_path / "a.png")
    expected = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 255, 0]]])
    np.testing.assert_array_equal(only(tmp_path), expected.transpose(2, 0, 1))


def test_black_and_white_are_zero_and_255(tmp_path):
    save(tmp_path / "a.png", np.array([[True, False], [False, True]]))
    np.testing.assert_array_equal(only(tmp_path), [[[255, 0], [0, 255]]])


def test_sixteen_bits_are_rounded_to_eight(tmp_path):
    wide = np.array([[0, 128, 129, 257], [32_767, 32_768, 65_406, 65_407]], np.uint16)
    for name in "a.png", "b.tif":
        save(tmp_path / name, wide)
    images, _ = load_image_folder(tmp_path)
    expected = np.rint(wide / 257).astype(np.uint8)
    np.testing.assert_array_equal(images[:, 0], [expected, expected])


def test_what_is_transparent_in_sixteen_bits_lies_on_white(tmp_path):
    row = b"\0" + np.array([0, 999, 1000, 1001, 40_000], ">u2").tobytes()
    (tmp_path / "a.png").write_bytes(png(5, 1, row, depth=16, extra=[(b"tRNS", struct.pack(">H", 1000))]))
    np.testing.assert_array_equal(only(tmp_path), [[[0, 4, 255, 4, 156]]])


def test_what_is_transparent_lies_on_white(tmp_path):
    rgba = np.dstack([COLOUR, GREY])
    save(tmp_path / "a.png", rgba)
    opacity = rgba[..., 3:] / 255
    expected = rgba[..., :3] * opacity + 255 * (1 - opacity)
    assert abs(only(tmp_path).transpose(1, 2, 0) - expected).max() <= 0.5
    flat = Image.new("P", (1, 2))
    flat.putdata([0, 1])
    flat.putpalette([9, 9, 9, 0, 0, 0])
    flat.save(tmp_path / "a.png", transparency=1)
    np.testing.assert_array_equal(only(tmp_path), [[[9], [255]]])


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_of_an_animation_the_first_picture_is_taken(tmp_path, suffix):
    frames = [Image.new("L", (4, 3), level) for level in (10, 200, 90)]
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(only(tmp_path), np.full((1, 3, 4), 10))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_exif_says(tmp_path, orientation):
    # What the eight numbers ask for, by the EXIF standard: where the first row and column of the file belong.
    upright = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.T,
        6: lambda x: np.rot90(x, -1),
        7: lambda x: x[::-1, ::-1].T,
        8: lambda x: np.rot90(x),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(tmp_path / "a.png", GREY, exif=exif)
    np.testing.assert_array_equal(only(tmp_path)[0], upright[orientation](GREY))


@pytest.mark.parametrize("notes", [b"Exif\0\0no TIFF header", b"garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff"])
def test_a_photo_with_damaged_exif_is_still_a_photo(tmp_path, notes):
    save(tmp_path / "a.png", GREY, exif=notes)
    np.testing.assert_array_equal(only(tmp_path), GREY[None])


def exif_with(rng, *entries):
    """Notes with these entries (tag, type, count, value) and some odd ones, in the layout of TIFF."""
    tags = [0x010E, 0x010F, 0x0110, 0x8769, 0x8825, 0x9286, 0x927C, 0x011A, 0xA005]
    odd = [
        (rng.choice(tags), rng.randint(0, 14), rng.choice([0, 1, 2, 3, 4, 100, 1 << 16]), rng.choice(
            [rng.randbytes(4), struct.pack(">I", rng.choice([8, 20, 26, 40]))]
        ))
        for _ in range(rng.randint(1, 5))
    ]  # fmt: skip
    all_of_them = b"".join(struct.pack(">HHI", *entry[:3]) + entry[3] for entry in (*entries, *odd))
    count = struct.pack(">H", len(entries) + len(odd))
    return b"Exif\0\0MM\0*\0\0\0\x08" + count + all_of_them + bytes(4) + rng.randbytes(20)


def test_a_photo_whose_orientation_can_be_read_is_turned_whatever_else_its_exif_says(tmp_path):
    rng = random.Random(0)
    for _ in range(300):
        notes = exif_with(rng, (0x0112, 3, 1, struct.pack(">HH", 6, 0)))
        save(tmp_path / "a.png", GREY, exif=notes)
        np.testing.assert_array_equal(only(tmp_path)[0], np.rot90(GREY, -1))


@pytest.mark.parametrize("value", [(2, 2, b"6\0\0\0"), (5, 1, bytes(4)), (3, 1, bytes(4))])
def test_an_orientation_that_is_none_turns_nothing(tmp_path, value):
    save(tmp_path / "a.png", GREY, exif=exif_with(random.Random(1), (0x0112, *value)))
    np.testing.assert_array_equal(only(tmp_path), GREY[None])


# ---- grey or colour --------------------------------------------------------------------------------------


def test_pictures_are_grey_where_all_their_pixels_are(tmp_path):
    save(tmp_path / "a.png", GREY)
    save(tmp_path / "b.png", np.dstack([GREY] * 3))
    np.testing.assert_array_equal(load_image_folder(tmp_path)[0], [GREY[None]] * 2)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_coloured_picture_makes_all_three_channels_wide(tmp_path, place):
    for k in range(3):
        save(tmp_path / f"{k}.png", COLOUR if k == place else GREY)
    images, _ = load_image_folder(tmp_path)
    assert images.shape == (3, 3, 6, 5)
    for k in range(3):
        expected = COLOUR if k == place else np.dstack([GREY] * 3)
        np.testing.assert_array_equal(images[k], expected.transpose(2, 0, 1))


def test_channels_can_be_chosen(tmp_path):
    save(tmp_path / "a.png", GREY)
    np.testing.assert_array_equal(only(tmp_path, channels=3), [GREY] * 3)
    save(tmp_path / "a.png", COLOUR)
    luma = COLOUR @ [0.299, 0.587, 0.114]  # ITU-R 601
    assert abs(only(tmp_path, channels=1)[0] - luma).max() <= 1
    with pytest.raises(ConfigError, match=r"data.channels=2, expected 1 for grey, 3 for colour, or 0"):
        load_image_folder(tmp_path, channels=2)


# ---- sizes -----------------------------------------------------------------------------------------------


def test_the_middle_square_is_cut_and_resized(tmp_path):
    wide = np.zeros((40, 100), np.uint8)
    wide[:, 30:70] = 200  # the middle square is all of one grey, to its very edge
    save(tmp_path / "wide.png", wide)
    save(tmp_path / "high.png", wide.T)
    images, _ = load_image_folder(tmp_path, size=16)
    np.testing.assert_array_equal(images, np.full((2, 1, 16, 16), 200))


def test_resizing_is_pillow_s_lanczos(tmp_path):
    picture = RNG.integers(0, 256, (60, 60, 3), np.uint8)
    save(tmp_path / "a.png", picture)
    expected = np.asarray(Image.fromarray(picture).resize((28, 28), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(only(tmp_path, size=28), expected.transpose(2, 0, 1))


def test_a_picture_of_the_right_size_stays_as_it_is(tmp_path):
    save(tmp_path / "a.png", COLOUR[:5])
    np.testing.assert_array_equal(only(tmp_path, size=5), COLOUR[:5].transpose(2, 0, 1))


def test_a_small_picture_grows(tmp_path):
    save(tmp_path / "a.png", np.full((1, 2), 7, np.uint8))
    np.testing.assert_array_equal(only(tmp_path, size=8), np.full((1, 8, 8), 7))


def test_a_size_beyond_reason_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"data.size=5000, expected from 1 to 4,096, or 0"):
        load_image_folder(tmp_path, size=5000)


def test_pictures_of_several_sizes_ask_for_one(tmp_path):
    save(tmp_path / "a.png", GREY)
    save(tmp_path / "b.png", GREY[:3])
    with pytest.raises(DataError, match=r"a.png has 6 x 5 pixels, but .*b.png has 3 x 5, .* --set data.size=32"):
        load_image_folder(tmp_path)
    assert load_image_folder(tmp_path, size=8)[0].shape == (2, 1, 8, 8)


def test_pictures_for_which_there_is_too_little_memory_are_refused_before_any_is_kept(tmp_path, monkeypatch):
    for k in range(10):
        save(tmp_path / f"{k}.png", GREY)
    monkeypatch.setattr(room, "physical_memory", lambda: 4 * 100)
    assert len(load_image_folder(tmp_path)[0]) == 10  # 300 bytes are three quarters
    monkeypatch.setattr(room, "physical_memory", lambda: 4 * 99)
    with pytest.raises(
        ConfigError,
        match=r"^Found 10 pictures of 6 x 5 pixels, for which this machine has too little memory: .* data.lim",
    ):
        load_image_folder(tmp_path)


def test_colour_that_is_met_late_takes_room_beside_the_grey_before_it(tmp_path, monkeypatch):
    for k in range(10):
        save(tmp_path / f"{k}.png", COLOUR if k == 9 else GREY)
    monkeypatch.setattr(room, "physical_memory", lambda: 4 * 400)
    assert load_image_folder(tmp_path)[0].nbytes == 900
    monkeypatch.setattr(room, "physical_memory", lambda: 4 * 399)
    with pytest.raises(ConfigError, match="Found 10 pictures of 6 x 5 pixels"):
        load_image_folder(tmp_path)


MEASURE = """
import re, sys
from minigan.data import load_image_folder
peak = lambda: 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
load_image_folder(sys.argv[1], size=32)
before = peak()
images, _ = load_image_folder(sys.argv[2], size=32)
print(images.shape, (peak() - before) / float(sys.argv[3]))
"""


@pytest.mark.parametrize(("mode", "most"), [("RGB", 9), ("RGBA", 9), ("LA", 13), ("L", 3)])
def test_a_large_picture_takes_few_bytes_a_pixel(tmp_path, mode, most):
    """Pillow keeps four a pixel, or one of grey: the picture itself, and one or two others made of it."""
    for folder, side in ("small", 4), ("large", 4000):
        (tmp_path / folder).mkdir()
        Image.new(mode, (side, side), "white").save(tmp_path / folder / "a.png", compress_level=1)
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "small"), str(tmp_path / "large"), str(4000**2)]
    shape, found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rsplit(maxsplit=1)
    assert shape == "(1, 1, 32, 32)"
    assert float(found) < most


# ---- folders ---------------------------------------------------------------------------------------------


def marked(folder, name, mark):
    return save(folder / name, np.full((2, 2), mark, np.uint8))


def marks(folder, *arguments, **options):
    images, labels = load_image_folder(folder, *arguments, **options)
    return images[:, 0, 0, 0].tolist(), labels if labels is None else labels.tolist()


def test_a_flat_folder_is_read_by_name_without_labels(tmp_path):
    for mark, name in enumerate(["b.png", "a.bmp", "c.png", "B.png"]):
        marked(tmp_path, name, mark)
    assert marks(tmp_path) == ([3, 1, 0, 2], None)


def test_sub_folders_are_classes_in_the_order_of_their_names(tmp_path):
    for mark, name in enumerate(["dog/1.png", "cat/2.png", "cat/1.png", "ant/deep/er/1.png", "dog/0.png"]):
        marked(tmp_path, name, mark)
    labels = load_image_folder(tmp_path)[1]
    assert marks(tmp_path) == ([3, 2, 1, 4, 0], [0, 1, 1, 2, 2])
    assert labels.dtype == np.int64


def test_only_the_first_are_read_and_the_others_not_even_opened(tmp_path):
    for mark, name in enumerate(["a/1.png", "a/2.png", "b/1.png"]):
        marked(tmp_path, name, mark)
    (tmp_path / "b" / "2.png").write_bytes(b"broken")
    assert marks(tmp_path, limit=3) == ([0, 1, 2], [0, 0, 1])
    with pytest.raises(ConfigError, match="limit of -1 samples"):
        load_image_folder(tmp_path, limit=-1)


def test_train_and_test_are_two_data_sets(tmp_path):
    for mark, name in enumerate(["train/a/1.png", "train/b/1.png", "test/b/1.png"]):
        marked(tmp_path, name, mark)
    assert marks(tmp_path) == ([0, 1], [0, 1])
    assert marks(tmp_path, "test") == ([2], [1])
    assert marks(tmp_path, "t10k") == ([2], [1])
    shutil.rmtree(tmp_path / "test")
    with pytest.raises(ConfigError, match="has no split 'test', it comes in one piece"):
        load_image_folder(tmp_path, "test")
    with pytest.raises(ConfigError, match="no split 'valid'; choose one of train, test, t10k"):
        load_image_folder(tmp_path, "valid")


def test_a_class_has_the_same_number_in_both_splits(tmp_path):
    for mark, name in enumerate(["train/cat", "train/dog", "test/ant", "test/dog", "test/bee", "test/cat"]):
        marked(tmp_path, f"{name}/1.png", mark)
    for folder in "train/ape", "test/ape":  # nothing lies there
        (tmp_path / folder).mkdir()
    assert marks(tmp_path) == ([0, 1], [0, 1])
    assert marks(tmp_path, "test") == ([2, 4, 5, 3], [2, 3, 0, 1])


@pytest.mark.parametrize("names", [("train", "val"), ("train",), ("Train", "Test"), ("train", "valid", "dev")])
def test_parts_of_a_data_set_are_not_taken_for_classes(tmp_path, names):
    for name in names:
        marked(tmp_path, f"{name}/cat/1.png", 0)
    with pytest.raises(
        DataError, match=rf"holds '.*', which are parts of .* name one of them, .*/{min(names)}, or call"
    ):
        load_image_folder(tmp_path)


def test_a_class_of_trains_is_a_class(tmp_path):
    for mark, name in enumerate(["bus", "car", "train"]):
        marked(tmp_path, f"{name}/1.png", mark)
    assert marks(tmp_path) == ([0, 1, 2], [0, 1, 2])


def test_what_is_no_picture_is_passed_over(tmp_path):
    marked(tmp_path, "a.png", 5)
    marked(tmp_path, ".b.png", 6)
    marked(tmp_path, ".thumbnails/c.png", 7)
    for name in "notes.txt", "Thumbs.db", "._a.png", "png", "a.png.part":
        (tmp_path / name).write_bytes(b"no picture")
    (tmp_path / "empty").mkdir()
    assert marks(tmp_path) == ([5], None)


def test_a_wrong_suffix_among_pictures_does_not_matter(tmp_path):
    shutil.move(marked(tmp_path, "a.png", 5), tmp_path / "a.jpg")
    assert marks(tmp_path) == ([5], None)


def test_pictures_beside_folders_of_pictures_are_refused(tmp_path):
    marked(tmp_path, "all.png", 0)
    marked(tmp_path, "cat/1.png", 0)
    with pytest.raises(
        DataError, match=r"pictures \(all.png\) beside folders of pictures \(cat\), expected one or the"
    ):
        load_image_folder(tmp_path)


def test_a_folder_without_pictures_says_what_they_are(tmp_path):
    with pytest.raises(DataError, match=r"holds no pictures; expected files whose names end in .png, .jpg"):
        load_image_folder(tmp_path)
    with pytest.raises(DataError, match="missing does not exist, but a folder of pictures was expected"):
        load_image_folder(tmp_path / "missing")
    with pytest.raises(DataError, match="cannot be read .*but a folder of pictures"):
        load_image_folder(marked(tmp_path, "a.png", 0))


# ---- broken and hostile files ----------------------------------------------------------------------------


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, rows=b"", depth=8, extra=()):
    """A PNG file of shades of grey by hand: a header that may promise anything, with valid checksums."""
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def test_the_hand_made_png_is_one(tmp_path):
    (tmp_path / "a.png").write_bytes(png(2, 2, b"\x00\x01\x02\x00\x03\x04"))
    np.testing.assert_array_equal(only(tmp_path), [[[1, 2], [3, 4]]])


BROKEN = {
    "empty": (b"", "is damaged, or no picture in one of the formats PNG, JPEG, .*; repair"),
    "text": (b"hello world", "is damaged, or no picture in one of"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is damaged, or no picture in one of"),
    "half": (
        png(99, 99, b"".join(b"\0" + RNG.bytes(99) for _ in range(99)))[:5000],
        r"cannot be read as a picture \(image file is truncated",
    ),
    "rows missing": (png(99, 99, bytes(50)), r"cannot be read as a picture \(image file is truncated"),
    "stream": (png(9, 9, bytes(90)).replace(b"IDATx", b"IDATy"), r"cannot be read as a picture \(broken data stream"),
    "checksum": (
        png(9, 9, bytes(90)).replace(b"\0\0\0\x09\x08", b"\0\0\0\x08\x08"),
        "is damaged, or no picture in one of",
    ),
    "bomb": (png(30_000, 30_000), "has more than 89,478,485 pixels, too many to be unpacked safely"),
    "small bomb": (png(10_000, 9_000), "has more than 89,478,485 pixels"),
    "nothing": (png(0, 0), "is damaged, or no picture in one of"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_one_sentence_that_names_it(tmp_path, case):
    content, message = BROKEN[case]
    marked(tmp_path, "a.png", 0)
    (tmp_path / "broken.png").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_image_folder(tmp_path, size=4)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'broken.png'} ")
    assert text.endswith("remove it.")
    assert "\n" not in text


def test_numbers_that_are_no_shades_are_refused(tmp_path):
    save(tmp_path / "a.tif", GREY.astype(np.float32))
    with pytest.raises(DataError, match="a.tif cannot be read as a picture .floating point numbers"):
        load_image_folder(tmp_path)
    save(tmp_path / "a.tif", GREY.astype(np.int32) << 16)
    with pytest.raises(DataError, match="a.tif cannot be read as a picture .pixels of more than 16 bits"):
        load_image_folder(tmp_path)


def test_a_file_that_the_system_refuses_is_named(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match=r"a.png does not exist, but a picture was expected there"):
        load_image_folder(tmp_path)


def test_a_picture_that_no_memory_holds_is_named(tmp_path, monkeypatch):
    marked(tmp_path, "a.png", 0)

    def refuse(*args):
        raise MemoryError(errno.ENOMEM)

    monkeypatch.setattr("PIL.Image.Image.convert", refuse)
    with pytest.raises(DataError, match=r"a.png does not fit into memory, but a picture is read whole"):
        load_image_folder(tmp_path)


# ---- as a data set ---------------------------------------------------------------------------------------


def test_a_folder_of_pictures_is_opened_by_its_path(tmp_path):
    for mark, name in enumerate(["cat/1.png", "dog/1.png", "dog/2.png"]):
        marked(tmp_path, name, mark)
    data = open_data(tmp_path, size=8, channels=3, limit=2)
    assert (data.samples.shape, data.samples.dtype, data.name) == ((2, 3, 8, 8), np.uint8, str(tmp_path))
    assert data.labels.tolist() == [0, 1]
    assert (data.shape, data.is_images) == ((3, 8, 8), True)


def test_a_pipe_that_is_called_a_picture_is_refused_without_waiting_for_its_writer(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png is called a picture, but is no file; rename or remove it\.$"):
        load_image_folder(tmp_path)
