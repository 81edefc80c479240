"""Philox4x64-10 on the CPU, held to the published vectors and to a plain-Python reference."""

import numpy as np
import pytest

from minigan.backend import philox
from minigan.backend.philox import DROPOUT, INIT, NOISE, SHUFFLE, permutation, words
from minigan.errors import ConfigError

MASK = 2**64 - 1


def reference_block(counter, key):
    """Philox4x64-10 as in Salmon et al. 2011, section 3.3, in Python's integers."""
    x0, x1, x2, x3 = counter
    k0, k1 = key
    for _ in range(10):
        a, b = 0xD2E7470EE14C6C93 * x0, 0xCA5A826395121157 * x2
        x0, x1, x2, x3 = (b >> 64) ^ x1 ^ k0, b & MASK, (a >> 64) ^ x3 ^ k1, a & MASK
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return [x0, x1, x2, x3]


def reference_words(n, *, seed, purpose, step, site, first=0):
    blocks = range(first // 4, (first + n + 3) // 4)
    stream = [word for block in blocks for word in reference_block((block, site, step, 0), (seed, purpose))]
    return stream[first % 4 :][:n]


PI = "243f6a8885a308d3 13198a2e03707344 a4093822299f31d0 082efa98ec4e6c89 452821e638d01377 be5466cf34e90c6c"
KNOWN_ANSWERS = {  # counter, key -> words; from the Random123 library's kat_vectors
    "zeros": ([0] * 4, [0] * 2, "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
    "ones": ([MASK] * 4, [MASK] * 2, "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"),
    "pi": (
        [int(word, 16) for word in PI.split()[:4]],
        [int(word, 16) for word in PI.split()[4:]],
        "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6",
    ),
}


@pytest.mark.parametrize("name", KNOWN_ANSWERS)
def test_the_reference_gives_the_published_words(name):
    counter, key, expected = KNOWN_ANSWERS[name]
    assert [f"{word:016x}" for word in reference_block(counter, key)] == expected.split()


def test_words_of_zero_key_and_counter_are_the_published_ones():
    expected = [int(word, 16) for word in KNOWN_ANSWERS["zeros"][2].split()]
    assert words(4, seed=0, purpose=0, step=0, site=0).tolist() == expected


NUMBERS = [0, 1, 2, 2**32 - 1, 2**32, 2**63, MASK]


@pytest.mark.parametrize("seed", [0, 1, MASK])
@pytest.mark.parametrize("step", NUMBERS)
@pytest.mark.parametrize("site", NUMBERS)
def test_words_equal_the_reference_for_every_key_and_counter(seed, step, site):
    for purpose in (INIT, NOISE, DROPOUT, SHUFFLE, MASK):
        where = {"seed": seed, "purpose": purpose, "step": step, "site": site}
        assert words(5, **where).tolist() == reference_words(5, **where)


@pytest.mark.parametrize("first", [0, 1, 2, 3, 4, 5, 1021, 2**32 - 1, 2**32, MASK - 2])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 8, 33])
def test_words_may_start_and_end_anywhere_in_a_stream(first, n):
    where = {"seed": 42, "purpose": DROPOUT, "step": 7, "site": 3, "first": first}
    made = words(n, **where)
    assert made.dtype == np.uint64
    assert made.shape == (n,)
    assert made.tolist() == reference_words(n, **where)


def test_parts_of_a_stream_join_to_the_whole():
    where = {"seed": 9, "purpose": NOISE, "step": 2, "site": 0}
    parts = [words(count, first=first, **where) for first, count in ((0, 7), (7, 1), (8, 30), (38, 62))]
    assert np.array_equal(np.concatenate(parts), words(100, **where))


def test_numpy_integers_are_seeds_too():
    where = {"purpose": INIT, "step": 1, "site": 1}
    assert np.array_equal(words(3, seed=np.int64(5), **where), words(3, seed=5, **where))


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "7", None])
def test_a_seed_that_is_no_64_bit_number_is_refused_by_name(seed):
    with pytest.raises(ConfigError, match=r"seed must be an integer from 0 to 2\*\*64 - 1, but is"):
        words(1, seed=seed, purpose=INIT, step=0, site=0)


@pytest.mark.parametrize("name", ["purpose", "step", "site", "first"])
def test_a_number_that_would_wrap_round_is_refused_by_name(name):
    where = {"seed": 0, "purpose": INIT, "step": 0, "site": 0, name: -1}
    with pytest.raises(ConfigError, match=f"The {name}"):
        words(1, **where)


def test_purposes_are_different_numbers():
    assert len({INIT, NOISE, DROPOUT, SHUFFLE}) == 4


# ---- permutation ---------------------------------------------------------------------------------------


def test_a_permutation_holds_every_number_once_and_is_another_one_each_epoch_and_seed():
    n = 1000
    drawn = [permutation(n, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    for order in drawn:
        assert order.dtype == np.int64
        assert np.array_equal(np.sort(order), np.arange(n))
    assert len({order.tobytes() for order in drawn}) == 4


def test_a_permutation_is_drawn_from_the_words_of_its_own_stream():
    def raw_words(bit_generator):
        return bit_generator.random_raw(6).tolist()

    stream = philox._stream(3, SHUFFLE, 5, 0, 0)
    assert raw_words(stream) == reference_words(6, seed=3, purpose=SHUFFLE, step=5, site=0)
    expected = sorted(range(50), key=philox.words(50, seed=3, purpose=SHUFFLE, step=5, site=0).__getitem__)
    assert np.array_equal(permutation(50, seed=3, epoch=5), expected)


def test_the_same_seed_gives_the_same_order_under_every_numpy():
    assert permutation(10, seed=0, epoch=0).tolist() == [9, 8, 0, 4, 5, 3, 6, 7, 1, 2]


def test_each_order_of_three_is_as_likely_as_the_others():
    orders, counts = np.unique([permutation(3, seed=1, epoch=e) for e in range(3000)], axis=0, return_counts=True)
    assert len(orders) == 6
    assert ((counts - 500) ** 2 / 500).sum() < 20.5  # chi-squared, 5 degrees of freedom, p = 0.001
