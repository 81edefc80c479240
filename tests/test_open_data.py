"""open_data: one door for whatever --data names."""

import gzip
import struct

import numpy as np
import pytest
from PIL import Image

from minigan.data import BUILT_IN, Dataset, Loader, load_mnist, open_data
from minigan.errors import ConfigError, DataError

ACCEPTED = (
    r"expected one of mnist, ring, grid, spiral, mixture-1d, or the path of a folder with IDX files, a "
    r"folder of pictures \(\.png \.jpg .*\), or a \.npy or \.npz file; check the name\."
)
LABELS = np.arange(5, dtype=np.uint8)
IMAGES = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


def idx(array):
    code = {"uint8": 8, "int8": 9}[array.dtype.name]
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.tobytes()


def write_pair(folder, prefix="", labels=LABELS, split="train"):
    (folder / f"{prefix}{split}-images-idx3-ubyte").write_bytes(idx(IMAGES))
    (folder / f"{prefix}{split}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return folder


def test_mnist_is_images_with_a_channel():
    images, labels = load_mnist("test")
    data = open_data("mnist", "test")
    np.testing.assert_array_equal(data.samples[:, 0], images)
    np.testing.assert_array_equal(data.labels, labels)
    assert (data.name, data.shape, data.is_images) == ("MNIST", (1, 28, 28), True)


@pytest.mark.parametrize("source", ["", "letters"])
def test_a_folder_with_idx_files_is_opened_as_such(tmp_path, source):
    write_pair(tmp_path, f"{source}-" if source else "")
    (tmp_path / "preview.png").write_bytes(b"whatever")
    data = open_data(tmp_path / source)
    np.testing.assert_array_equal(data.samples[:, 0], IMAGES)
    assert data.labels.tolist() == [0, 1, 2, 3, 4]
    assert data.name == str(tmp_path / source)


def test_labels_without_images_are_told_as_such(tmp_path):
    write_pair(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match="holds no IDX file of images for the split 'train'"):
        open_data(tmp_path)
    with pytest.raises(DataError, match="holds no IDX file of images for the split 'test'"):
        open_data(tmp_path, "test")


def test_every_kind_of_data_has_classes_from_0_that_mean_the_same_in_both_splits(tmp_path):
    labels, others = np.array([3, 1, 26, 3, 1], np.uint8), np.array([26, 26, 3, 26, 3], np.uint8)
    for name in "idx", "pictures":
        (tmp_path / name).mkdir()
    write_pair(tmp_path / "idx", labels=labels)
    write_pair(tmp_path / "idx", labels=others, split="t10k")
    np.savez(tmp_path / "a.npz", x_train=IMAGES, y_train=labels, x_test=IMAGES, y_test=others)
    for split, numbers in ("train", labels), ("test", others):
        for k, number in enumerate(numbers):
            folder = tmp_path / "pictures" / split / f"{number:02}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((2, 2), k, np.uint8)).save(folder / f"{k}.png")
    for source in "idx", "a.npz":
        assert open_data(tmp_path / source).labels.tolist() == [1, 0, 2, 1, 0]
        assert open_data(tmp_path / source, "test").labels.tolist() == [2, 2, 1, 2, 1]
    pictures = open_data(tmp_path / "pictures", "test")
    assert dict(zip(pictures.samples[:, 0, 0, 0].tolist(), pictures.labels.tolist(), strict=True)) == {
        0: 2, 1: 2, 2: 1, 3: 2, 4: 1,
    }  # fmt: skip


def test_class_numbers_below_zero_are_refused(tmp_path):
    write_pair(tmp_path, labels=np.array([0, 1, -1, 2, 3], np.int8))
    with pytest.raises(DataError, match="train-labels-idx1-ubyte.gz holds labels from -1 to 3, expected class numbers"):
        open_data(tmp_path)


def test_a_limit_takes_the_first_and_at_most_all():
    images, labels = load_mnist("test")
    data = open_data("mnist", "test", limit=7)
    np.testing.assert_array_equal(data.samples[:, 0], images[:7])
    np.testing.assert_array_equal(data.labels, labels[:7])
    assert len(open_data("mnist", "test", limit=10**9).samples) == 10_000
    with pytest.raises(ConfigError, match="Found a limit of -1 samples, expected at least 1, or 0 for all"):
        open_data("mnist", "test", limit=-1)


def test_what_there_is_not_is_answered_with_all_that_there_could_be(tmp_path):
    with pytest.raises(DataError, match=f"^There is no mnits, {ACCEPTED}$"):
        open_data("mnits")
    with pytest.raises(DataError, match=f"is a folder with nothing, {ACCEPTED}$"):
        open_data(tmp_path)
    for k in range(9):
        (tmp_path / f"{k}.txt").write_text("text")
    with pytest.raises(DataError, match=rf"is a folder with '0.txt', .*'7.txt' and 1 more, {ACCEPTED}$"):
        open_data(tmp_path)
    for name, content in ("0.txt", b"text"), ("a.npy", b""), ("train-images-idx3-ubyte", idx(IMAGES)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"{name} is another kind of file, {ACCEPTED}$"):
            open_data(tmp_path / name)


@pytest.mark.parametrize("source", ["a" * 300, "a" * 300 + "/b", "\0", "/dev/null/a", ""])
def test_a_name_that_no_file_could_have_is_not_there_either(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=ACCEPTED):
        open_data(source)


def test_a_name_without_a_path_is_the_built_in_one_and_a_path_never(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("ring", IMAGES)
    assert BUILT_IN == ("mnist", "ring", "grid", "spiral", "mixture-1d")
    assert open_data("ring", count=3).shape == (2,)
    assert open_data("./ring.npy").shape == (1, 4, 3)


REFUSALS = [
    ({"size": 32}, r"data.size=32 and data.channels=0, but the samples of .* have the shape \(1, 4, 3\)"),
    ({"channels": 3}, "data.channels=3, but the samples of .* only a folder of pictures is converted; leave them at 0"),
    ({"modes": 8}, r"data.modes=8, but .* is no mixture; leave it at 0, or name one: ring, grid, spiral, mixture-1d\."),
    ({"std": 0.1}, r"data.std=0.1, but .* is no mixture"),
]


@pytest.mark.parametrize(("options", "message"), REFUSALS)
def test_what_the_data_cannot_be_is_refused(tmp_path, options, message):
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(ConfigError, match=message):
        open_data(tmp_path / "a.npy", **options)


def test_data_that_are_as_asked_are_fine(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES[:, :3])
    assert open_data(tmp_path / "a.npy", size=3, channels=1).shape == (1, 3, 3)


@pytest.mark.parametrize("source", ["mnist", "ring", "spiral", "mixture-1d"])
def test_every_data_set_goes_into_a_loader_as_it_is(source):
    data = open_data(source, count=1000, limit=100)
    loader = Loader(data.samples, data.labels, batch_size=10, seed=3)
    assert loader.images is data.samples or np.shares_memory(loader.images, data.samples)
    batch, labels, indices = loader.batch(4), loader.labels_of(4), loader.indices_of(4)
    assert (batch.shape, batch.dtype) == ((10, *data.shape), np.float32)
    np.testing.assert_array_equal(labels, data.labels[indices])
    expected = data.samples[indices] if not data.is_images else data.samples[indices] / 127.5 - 1
    np.testing.assert_allclose(batch, expected, atol=1e-7)


def test_a_data_set_can_be_made_by_hand():
    data = Dataset(np.zeros((3, 2), np.float32), None, "mine")
    assert (data.shape, data.is_images) == ((2,), False)
