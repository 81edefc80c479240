"""The loader: batches that depend on (seed, step) alone, each image once an epoch."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.data import Loader, gather_pixels
from minigan.errors import ConfigError, DataError


def numbered(count):
    """Images (count, 4, 3) whose pixels all differ within an image, and labels that count."""
    return np.arange(count * 12, dtype=np.uint8).reshape(count, 4, 3), np.arange(count, dtype=np.uint8)


def coded_images(count):
    """Images that carry their own number in two pixels, so that a batch tells what was drawn."""
    return np.stack(np.divmod(np.arange(count), 256), axis=1).astype(np.uint8).reshape(count, 1, 1, 2)


def drawn(batch):
    high, low = np.rint((batch.astype(np.float64).reshape(-1, 2).T + 1) * 127.5).astype(int)
    return (high * 256 + low).tolist()


def test_every_byte_becomes_the_float32_nearest_to_its_place_in_minus_one_to_one():
    result = gather_pixels(np.arange(256, dtype=np.uint8), np.arange(256))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, (np.arange(256) / 127.5 - 1).astype(np.float32))
    assert (result[0], result[255]) == (-1, 1)


def test_a_batch_is_new_memory_and_leaves_the_images_alone():
    images = coded_images(10)
    loader = Loader(images, batch_size=5)
    batch, expected = loader.batch(0), loader.batch(0)
    loader.batch(0)[:] = 0
    np.testing.assert_array_equal(batch, expected)
    np.testing.assert_array_equal(images, coded_images(10))


def test_images_become_one_contiguous_array_with_a_channel():
    images = np.arange(2 * 6 * 8, dtype=np.uint8).reshape(2, 6, 8).transpose(2, 0, 1)
    loader = Loader(images, batch_size=3)
    assert (loader.images.shape, loader.images.dtype) == ((8, 1, 2, 6), np.uint8)
    assert loader.images.flags.c_contiguous
    batch = loader.batch(0)
    assert (batch.shape, batch.dtype) == ((3, 1, 2, 6), np.float32)
    np.testing.assert_allclose(batch[:, 0], images[loader.indices_of(0)] / 127.5 - 1, atol=1e-7)


@settings(deadline=None, max_examples=30)
@given(count=st.integers(1, 300), seed=st.integers(0, 2**32), epoch=st.integers(0, 5), data=st.data())
def test_every_sample_is_drawn_exactly_once_per_epoch(count, seed, epoch, data):
    size = data.draw(st.integers(1, count))
    loader = Loader(coded_images(count), batch_size=size, seed=seed, drop_last=False)
    assert len(loader) == -(-count // size)
    batches = [drawn(loader.batch(epoch * len(loader) + position)) for position in range(len(loader))]
    assert sorted(itertools.chain(*batches)) == list(range(count))
    assert all(len(batch) == size for batch in batches[:-1])


def test_drop_last_leaves_out_the_short_batch_and_no_more():
    whole = Loader(coded_images(11), batch_size=4, drop_last=False)
    cut = Loader(coded_images(11), batch_size=4)
    assert (len(cut), len(whole)) == (2, 3)
    assert [len(whole.batch(step)) for step in range(6)] == [4, 4, 3, 4, 4, 3]
    assert [drawn(cut.batch(k)) for k in range(4)] == [drawn(whole.batch(k)) for k in (0, 1, 3, 4)]


def test_each_epoch_and_each_seed_has_an_order_of_its_own():
    loaders = [Loader(coded_images(100), batch_size=100, seed=seed) for seed in range(4)]
    orders = {tuple(drawn(loader.batch(epoch))) for loader in loaders for epoch in range(4)}
    assert len(orders - {tuple(range(100))}) == 16


def test_a_batch_is_a_function_of_seed_and_step_alone():
    straight, jumping = (Loader(coded_images(50), batch_size=8, seed=3) for _ in range(2))
    expected = [drawn(straight.batch(step)) for step in range(20)]
    for step in (19, 0, 7, 7, 18, 1, 6, 5):
        assert drawn(jumping.batch(step)) == expected[step]


def test_labels_belong_to_the_images_of_the_batch():
    loader = Loader(coded_images(300), np.arange(300, dtype=np.uint16), batch_size=7, seed=1, drop_last=False)
    for step in (0, 1, 42, 43, 100):
        assert loader.labels_of(step).dtype == np.int64
        assert loader.labels_of(step).tolist() == drawn(loader.batch(step))


def test_float32_samples_of_any_shape_are_only_gathered():
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2)).astype(np.float32)
    loader = Loader(points, batch_size=6)
    assert loader.batch(2).dtype == np.float32
    np.testing.assert_array_equal(loader.batch(2), points[loader.indices_of(2)])


IMAGES = np.zeros((10, 1, 2, 2), np.uint8)
POINTS = np.zeros((10, 2), np.float32)
BAD_LOADERS = [
    ((IMAGES, None, 11), ConfigError, r"batch size 11 is larger than .* 10 samples; choose .* at most 10"),
    ((IMAGES, None, 11, 0, False), ConfigError, "batch size 11 is larger"),
    ((IMAGES, None, 0), ConfigError, "Found batch size 0, expected at least 1"),
    ((IMAGES, None, -4), ConfigError, "Found batch size -4"),
    ((IMAGES, None, 2.5), ConfigError, "Found batch size 2.5, expected a whole number"),
    ((IMAGES, None, "a"), ConfigError, "Found batch size 'a', expected a whole number"),
    ((IMAGES, None, 2, "x"), ConfigError, "The seed must be an integer .* but is 'x'"),
    ((IMAGES, None, 2, -1), ConfigError, "The seed must be an integer .* but is -1"),
    (([1, 2],), DataError, "Found images of type list, expected a NumPy array"),
    ((IMAGES, [1] * 10), DataError, "Found labels of type list, expected a NumPy array"),
    ((IMAGES[:, 0, 0],), DataError, r"uint8 and shape \(10, 2\), expected uint8 \(N, H, W\)"),
    ((IMAGES[None],), DataError, r"shape \(1, 10, 1, 2, 2\)"),
    ((IMAGES / 2,), DataError, "type float64"),
    ((POINTS[:, 0],), DataError, r"type float32 and shape \(10,\)"),
    ((IMAGES[:0],), DataError, r"no images \(shape \(0, 1, 2, 2\)\)"),
    ((IMAGES[:, :, :0],), DataError, "no images"),
    ((POINTS + np.float32(np.nan),), DataError, "given as images holds NaN or infinity"),
    ((IMAGES, np.zeros(9, int)), DataError, "labels holds 9 labels, expected one for each of 10 samples"),
    ((IMAGES, np.zeros((10, 2), int)), DataError, r"shape \(10, 2\), but labels are integers of shape \(N,\)"),
    ((IMAGES, np.zeros(10)), DataError, "given as labels holds float64"),
    ((IMAGES, np.full(10, -1)), DataError, "labels from -1 to -1, expected class numbers from 0"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD_LOADERS)
def test_a_loader_that_cannot_work_says_why(arguments, error, message):
    with pytest.raises(error, match=message):
        Loader(*arguments)


def test_what_a_loader_cannot_give_is_refused():
    loader = Loader(IMAGES, batch_size=2)
    with pytest.raises(ConfigError, match="Found step -1"):
        loader.batch(-1)
    with pytest.raises(ConfigError, match="without labels"):
        loader.labels_of(0)
    with pytest.raises(ValueError, match="read-only"):  # else a caller could change the order of an epoch
        loader.indices_of(0)[0] = 3
