"""Precision and recall: against a direct double loop, at exact values, and of digits that get worse."""

import math
import tracemalloc

import numpy as np
import pytest

import minigan as mg
from minigan.errors import ConfigError, RangeError, ShapeError
from minigan.metrics import PrecisionRecall, distances, knn, precision, precision_recall

from .judged import digits, judge, noisy, real_features

BOTH = pytest.mark.parametrize("which", ["selection", "report"])


@pytest.fixture
def sets():
    rng = np.random.default_rng(0)
    return rng.normal(0.5, 0.8, size=(60, 2)), rng.normal(size=(45, 2))


def share_inside(points, others, k, slack=0.0):
    """The share of the points in a ball of the others, by the definition."""
    radii = [sorted(math.dist(a, b) for j, b in enumerate(others) if j != i)[k - 1] for i, a in enumerate(others)]
    inside = [any(math.dist(p, a) <= r + slack for a, r in zip(others, radii, strict=True)) for p in points]
    return sum(inside) / len(points)


# ---- against a double loop -------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, 10, 44])
@pytest.mark.parametrize("chunk", [1, 5000, 32 * 2**20])
def test_both_are_those_of_a_direct_double_loop_whatever_the_blocks(monkeypatch, sets, k, chunk):
    monkeypatch.setattr(distances, "CHUNK", chunk)
    fake, real = sets
    expected = PrecisionRecall(share_inside(fake, real, k), share_inside(real, fake, k))
    assert precision_recall(fake, real, k) == expected


def test_the_third_neighbour_counts_if_nothing_else_is_said(sets):
    assert precision_recall(*sets) == precision_recall(*sets, k=3) != precision_recall(*sets, k=1)


@pytest.mark.parametrize("width", [3, 64])
def test_so_they_are_in_more_dimensions(width):
    rng = np.random.default_rng(width)
    fake, real = rng.normal(0.2, 0.8, size=(50, width)), rng.normal(size=(50, width))
    found = precision_recall(fake, real)
    assert (found.precision, found.recall) == (share_inside(fake, real, 3), share_inside(real, fake, 3))


TIED = {  # equal distances, among which rounding must not choose
    "whole numbers": lambda rng, n: rng.integers(0, 12, (n, 2)),
    "bits": lambda rng, n: rng.integers(0, 2, (n, 12)),
    "copies": lambda rng, n: rng.normal(size=(5, 64))[rng.integers(0, 5, n)],
    "tenths": lambda rng, n: rng.integers(0, 30, (n, 1)) / 10,
    "tenths in float32": lambda rng, n: (rng.integers(0, 30, (n, 2)) / 10).astype(np.float32),
    "copies but for rounding": lambda rng, n: np.array([0.1 + 0.2, 0.3])[rng.integers(0, 2, (n, 1))],
    "wide": lambda rng, n: rng.integers(-2, 3, (n, 1)) * np.full((1, 2048), 0.7345),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("kind", TIED)
def test_so_they_are_where_distances_are_equal_and_swap_if_the_sets_do(kind, k, seed):
    rng = np.random.default_rng(seed)
    fake, real = TIED[kind](rng, 61), TIED[kind](rng, 47)
    found = precision_recall(fake, real, k)
    assert found == PrecisionRecall(inside_or_on(fake, real, k), inside_or_on(real, fake, k))
    assert precision_recall(real, fake, k) == PrecisionRecall(found.recall, found.precision)


def test_no_differences_are_taken_of_usual_samples(monkeypatch):
    for module in (knn, precision):
        monkeypatch.setattr(module, "difference_blocks", None)
    rng = np.random.default_rng(0)
    assert precision_recall(rng.normal(size=(500, 64)), rng.normal(size=(500, 64))).precision > 0.5


@pytest.mark.parametrize("far", [1e7, 1e12])
@pytest.mark.parametrize("whose", ["fake", "real"])
def test_a_single_sample_far_off_changes_nothing_for_the_others(sets, whose, far):
    fake, real = (each.copy() for each in sets)
    {"fake": fake, "real": real}[whose][0] = far
    expected = PrecisionRecall(share_inside(fake, real, 3), share_inside(real, fake, 3))
    assert precision_recall(fake, real) == expected
    assert 0.3 < expected.precision < 1


def inside_or_on(points, others, k):
    """`share_inside`, for distances that are equal but for rounding."""
    return share_inside(points, others, k, slack=1e-9 if points.dtype == np.float64 else 1e-5)


def test_memory_is_that_of_a_few_blocks_not_of_all_distances(monkeypatch):
    monkeypatch.setattr(distances, "CHUNK", 2**20)
    real = np.random.default_rng(0).normal(size=(3000, 2))  # 72 MB of distances
    tracemalloc.start()
    precision_recall(real, real)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20


# ---- exact values and invariances ------------------------------------------------------------------------


def test_equal_sets_have_both_and_far_ones_none(sets):
    fake, real = sets
    assert precision_recall(real, real) == PrecisionRecall(1, 1)
    assert precision_recall(fake + 100, real) == PrecisionRecall(0, 0)


def test_a_point_on_the_edge_of_a_ball_is_inside():
    real, edge = np.array([[0.0], [1.0]]), np.array([[2.0], [30.0], [60.0]])
    assert precision_recall(edge, real, k=1).precision == 1 / 3
    edge[0] = 2 + 1e-9
    assert precision_recall(edge, real, k=1).precision == 0


def test_they_swap_if_the_sets_do(sets):
    fake, real = sets
    one, other = precision_recall(fake, real), precision_recall(real, fake)
    assert (one.precision, one.recall) == (other.recall, other.precision)


def test_samples_that_are_few_and_perfect_are_precise_and_noise_recalls(sets):
    rng = np.random.default_rng(1)
    real = rng.normal(size=(500, 2))
    narrow = precision_recall(rng.normal(0, 0.05, size=(500, 2)), real)
    assert narrow.precision > 0.95
    assert narrow.recall < 0.1
    wide = precision_recall(rng.uniform(-30, 30, size=(500, 2)), real)
    assert wide.precision < 0.1
    assert wide.recall > 0.95


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_sets_far_from_zero_have_the_same_as_sets_near_it(sets, offset):
    assert precision_recall(*(x + offset for x in sets)) == precision_recall(*sets)


def test_larger_balls_hold_no_less(sets):
    found = [precision_recall(*sets, k=k) for k in (1, 2, 5, 20)]
    for shares in ([x.precision for x in found], [x.recall for x in found]):
        assert shares == sorted(shares)
        assert shares[0] < shares[-1]


# ---- calibration -----------------------------------------------------------------------------------------


@BOTH
def test_noise_costs_precision_and_dropped_classes_cost_recall(which):
    images, labels = digits("test", 2000)
    features, real, clean = judge(which).features, real_features(which), real_features(which, "test")
    noise = [precision_recall(features(noisy(images, strength)), real).precision for strength in (0, 0.4, 0.8, 1.6)]
    assert (np.diff(noise) < 0).all()
    dropped = [precision_recall(clean[labels < classes], real) for classes in (10, 8, 6, 4, 2)]
    assert (np.diff([found.recall for found in dropped]) < 0).all()
    assert min(found.precision for found in dropped) > 0.75


# ---- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, 45])
def test_a_neighbour_that_is_not_there_is_refused_with_how_many_samples_there_are(sets, k):
    says = rf"^precision_recall: expected k from 1 to 44 \(the smaller set has 45 samples\), but got {k}\."
    with pytest.raises(ConfigError, match=says):
        precision_recall(*sets, k=k)


def test_a_single_sample_has_no_neighbour():
    with pytest.raises(ShapeError, match="^precision_recall: expected at least 2 fake samples, but got 1"):
        precision_recall(np.zeros((1, 2)), np.zeros((5, 2)))


def test_other_widths_and_nan_are_refused(sets):
    fake, real = sets
    with pytest.raises(ShapeError, match="^precision_recall: .* of one width, but got 2 and 1 numbers"):
        precision_recall(fake, real[:, :1])
    fake[[3, 5], 1] = np.nan
    with pytest.raises(RangeError, match="^precision_recall: 2 of 60 fake samples hold NaN or infinity"):
        precision_recall(fake, real)


def test_tensors_and_arrays_give_the_same(sets):
    assert precision_recall(*(mg.tensor(x, requires_grad=True) for x in sets)) == precision_recall(*sets)
